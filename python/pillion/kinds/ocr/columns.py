"""Columns of running text on a page: what is of which one, in the order of the engine.

Where the engine itself read two columns of running text one after the other, all else between the same lines across
the page is in one of them: also a table or a caption at the foot of a column, which the engine often reads after both
columns, or joins with what stands beside it.
"""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pillion.kinds.ocr.order import GUTTER, NOT_LEVEL, Placed, around, is_full, middle_of, part_of
from pillion.kinds.ocr.result import Box

_FULL_LINES = 6
"""A column has so many lines of running text."""
_AT_EDGE = 1.5
"""They begin within so many heights of each other."""
_LINED_UP = 0.5
"""The lines of a column that begin at the same place do so within so many heights."""
_IN_GUTTER = 3
"""Where so many lines are between two columns, these are of a table, or of two."""
_SLACK = 0.3
"""So many heights of a gutter may be taken by letters that lean into it."""
_HEAD = 2.0
"""A head or a foot of the page is further than so many heights from the columns."""
_HEADINGS = 3
"""So many lines above a column, as high as some on its left, are no headings but a table."""
_NEARLY_ALL = 0.9
_TEXT_LINES = 3
"""So many lines of running text far below columns, or above, are of these where the engine read them so; of others, so
many as a column has.
"""

_Sides = tuple[Placed | None, Placed | None]
"""What of a line is on the left of a gutter, and what on the right."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of running text with another one on its left. ``gutter``: between them."""

    height: float
    gutter: tuple[float, float]

    def sides(self, line: Placed) -> _Sides | None:
        """Of a line; None for one across the gutter."""
        slack = _SLACK * self.height
        low, high = self.gutter[0] + slack, self.gutter[1] - slack
        if line.box[2] <= high:
            return line, None
        if line.box[0] >= low:
            return None, line
        for at, (before, after) in enumerate(itertools.pairwise(line.words), 1):
            if before[2] <= high and after[0] >= low and after[0] - before[2] > GUTTER * line.height:
                return part_of(line, 0, at), part_of(line, at, len(line.words))
        return None


def by_columns(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, in columns as the engine saw them where these hold running text."""
    found = list(lines)
    for column in _columns(lines):
        found = _narrowed(found, column)
        across = sorted((line.box for line in found if column.sides(line) is None), key=lambda box: box[1])
        edges = [-math.inf, *(side for box in across for side in (box[1], box[3])), math.inf]
        for top, bottom in zip(edges[::2], edges[1::2], strict=True):
            found = _with_band(found, column, top, bottom)
    return found


def _narrowed(lines: Sequence[Placed], column: _Column) -> list[Placed]:
    """The lines; of one across a gutter that parts no columns only its first cell counts. The engine read it amid the
    left column, before what stands above it on the right: it joined a line with the letters of a figure beside it.
    """
    sides = [column.sides(line) for line in lines]
    text = [place for place, both in enumerate(sides) if both and not both[0] and is_full(lines[place])]
    found = list(lines)
    for place, line in enumerate(lines):
        if sides[place] is not None or len(line.cells) == 1:
            continue
        before = next(filter(None, reversed(sides[:place])), (None, line))
        after = next(filter(None, sides[place + 1 :]), (None, line))
        above = [at for at in text if lines[at].box[3] <= line.box[1]]
        if not before[1] and not after[1] and len(above) >= _TEXT_LINES and above[0] > place:
            first = part_of(line, 0, line.cells[0][1]).box
            found[place] = replace(line, box=first) if first[2] <= column.gutter[1] else line
    return found


def _columns(lines: Sequence[Placed]) -> list[_Column]:
    """The columns of running text but the first, from left to right."""
    full = sorted(filter(is_full, lines), key=lambda line: line.box[0])
    height = statistics.median(line.height for line in full) if full else 0.0
    found: list[_Column] = []
    left = list(full)
    while len(left) >= _FULL_LINES:
        begins = [line.box[0] for line in left]
        ends = [bisect.bisect_left(begins, begin + _AT_EDGE * height) for begin in begins]
        first = max(range(len(left)), key=lambda number: ends[number] - number)
        begin, column = begins[first], left[first : ends[first]]
        del left[first : ends[first]]
        beside = _level_with(column, [line for line in full if line.box[2] < begin - GUTTER * height])
        if min(len(column), len(beside)) < _FULL_LINES:
            continue
        gutter = max(line.box[2] for line in beside), begin
        if _lines_in(gutter, _level_with(column, lines)) < _IN_GUTTER:
            found.append(_Column(height, gutter))
    starts = [column.gutter[1] for column in found]
    next_to = [one for one in found if not any(one.gutter[0] < start < one.gutter[1] for start in starts)]
    return sorted(next_to, key=lambda column: column.gutter[1])


def _lines_in(gutter: tuple[float, float], lines: Sequence[Placed]) -> int:
    """How many lines stand in a gutter, and on neither side of it."""
    return sum(gutter[0] <= line.box[0] and line.box[2] <= gutter[1] for line in lines)


def _level_with(column: Sequence[Placed], others: Sequence[Placed]) -> list[Placed]:
    """Those of the others that stand between the top and the bottom of a column."""
    top, bottom = min(line.box[1] for line in column), max(line.box[3] for line in column)
    return [line for line in others if top <= middle_of(line) <= bottom]


def _with_band(lines: Sequence[Placed], column: _Column, top: float, bottom: float) -> list[Placed]:
    """The lines, those between two heights by column if the engine saw two columns of running text there."""
    places = [place for place, line in enumerate(lines) if top < middle_of(line) < bottom]
    sides = {place: both for place in places if (both := column.sides(lines[place])) is not None}
    full = {place for place in sides if is_full(lines[place])}
    read = [both for place, both in sides.items() if place in full]
    if not _are_two_columns(read):
        spaces = [space for turn in _turns(read) if (space := _space_at(read, turn)) is not None]
        found = list(lines)
        for low, high in itertools.pairwise([top, *spaces, bottom]) if spaces else ():
            found = _with_band(found, column, low, high)
        return found
    for is_foot in (True, False):
        sides = _without_ends(sides, is_foot=is_foot, far=_HEAD * column.height)
    if not _are_two_columns([both for place, both in sides.items() if place in full]):
        return list(lines)
    first, second = min(sides), min(place for place, (left, _) in sides.items() if left is None)
    last = max((place for place in sides if place < second), default=second)
    begin = min(_around(both)[1] for both in sides.values()) + column.height / 2
    rest = [place for place in range(first, len(lines)) if place not in sides]
    above = [place for place in rest if lines[place].box[3] <= begin]
    # A heading as high as one on its left, which the engine read with its column, stays there; a table does not.
    headings = [place for place in above if place > last]
    headings = headings if len(headings) < _HEADINGS else []
    return [
        *lines[:first],
        *(lines[place] for place in above if place not in headings),
        *(left for left, _ in sides.values() if left is not None),
        *(lines[place] for place in headings),
        *(right for _, right in sides.values() if right is not None),
        *(lines[place] for place in rest if place not in above),
    ]


def _is_by_column(sides: Sequence[_Sides]) -> bool:
    """Whether the engine read all on the left of a gutter before all on the right: its order stands."""
    count = sum(left is not None for left, _ in sides)
    return all(right is None for _, right in sides[:count])


def _full_lines(sides: Sequence[_Sides]) -> int:
    """How many lines of running text there are."""
    return sum(side is not None and is_full(side) for both in sides for side in both)


def _are_two_columns(sides: Sequence[_Sides]) -> bool:
    """Whether lines of running text, in the engine's order, are on the left first and then on the right, or woven."""
    is_left = [left is not None for left, _ in sides]
    count = sum(is_left)
    if min(count, len(sides) - count) < _FULL_LINES:
        return False
    return sum(is_left[:count]) >= _NEARLY_ALL * count or _are_woven(sides)


def _are_woven(sides: Sequence[_Sides]) -> bool:
    """Whether the engine went back to the left, to lines of the same column as the first, and no level space across
    parts what it read before from what it read after.
    """
    turns = _turns(sides)
    column = [left for left, _ in itertools.takewhile(lambda both: both[0] is not None, sides)]
    return bool(turns and column) and all(
        _space_at(sides, turn) is None and _is_text_of([left for left, _ in sides[turn:]], column) for turn in turns
    )


def _turns(sides: Sequence[_Sides]) -> list[int]:
    """Where the engine went from the right back to the left."""
    return [place for place, (one, two) in enumerate(itertools.pairwise(sides), 1) if one[0] is None and two[0]]


def _space_at(sides: Sequence[_Sides], turn: int) -> float | None:
    """The height of a level space between what is before a turn and what is after it; None where there is none."""
    end, begin = max(_around(both)[3] for both in sides[:turn]), min(_around(both)[1] for both in sides[turn:])
    return (end + begin) / 2 if end <= begin else None


def _hold_columns(sides: Sequence[_Sides]) -> bool:
    """Whether there is running text of two columns among some lines."""
    return _are_two_columns([both for both in sides if any(side is not None and is_full(side) for side in both)])


def _without_ends(sides: dict[int, _Sides], *, is_foot: bool, far: float) -> dict[int, _Sides]:
    """Those that are in a column, without the rows below or above: feet, heads, and tables across the page; and
    without what is below or above a wider space, if none of it is text of a column.
    """
    while True:
        boxes = {place: _around(both) for place, both in sides.items()}
        last = max(boxes.values(), key=lambda box: box[3] if is_foot else -box[1])
        row = {place: both for place, both in sides.items() if _are_level(boxes[place], last)}
        rest = {place: both for place, both in sides.items() if place not in row}
        if not rest or not (_is_read_apart(row, rest, far, is_foot=is_foot) or _is_in_no_column(row, rest, far)):
            apart = _apart_at_end(boxes, is_foot=is_foot, far=far)
            rest = {place: both for place, both in sides.items() if place not in apart}
            others = [sides[place] for place in apart]
            if not _hold_columns([*rest.values()]) or _has_text_of(others, [*rest.values()]):
                return sides
            if _is_by_column([*sides.values()]) and (_full_lines(others) >= _TEXT_LINES or len(others) >= _FULL_LINES):
                return sides
        sides = rest


def _apart_at_end(boxes: Mapping[int, Box], *, is_foot: bool, far: float) -> set[int]:
    """The places of those below, or above, the first space that is wider than this."""
    places = sorted(boxes, key=lambda place: -boxes[place][3] if is_foot else boxes[place][1])
    edge = boxes[places[0]][1 if is_foot else 3]
    for number, place in enumerate(places):
        _, top, _, bottom = boxes[place]
        if (edge - bottom if is_foot else top - edge) > far:
            return set(places[:number])
        edge = min(edge, top) if is_foot else max(edge, bottom)
    return set(places)


def _is_in_no_column(row: Mapping[int, _Sides], rest: Mapping[int, _Sides], far: float) -> bool:
    """Whether a row below or above the rest is of short pieces on both sides; or far from the rest, and short or on
    both sides.
    """
    has = [any(both[side] is not None for both in row.values()) for side in (0, 1)]
    has_text = _has_text_of([*row.values()], [*rest.values()])
    if all(has) != has_text:
        return all(has)
    return _is_far(row, [both for both in rest.values() if all(has) or both[has.index(True)] is not None], far)


def _is_read_apart(row: Mapping[int, _Sides], rest: Mapping[int, _Sides], far: float, *, is_foot: bool) -> bool:
    """Whether a row is far from the rest, and the engine read it, on the left, after both columns, or, above them and
    on the right, before both: a foot or a head of the page that begins where a column does.
    """
    if is_foot:
        is_apart = min(row) > max(rest) and any(left is not None for left, _ in row.values())
    else:
        is_apart = max(row) < min(rest) and any(right is not None for _, right in row.values())
    return is_apart and _is_far(row, [*rest.values()], far)


def _is_far(row: Mapping[int, _Sides], rest: Sequence[_Sides], far: float) -> bool:
    own = around([_around(both) for both in row.values()])
    others = map(_around, rest)
    return all(own[1] - other[3] > far or other[1] - own[3] > far for other in others)


def _has_text_of(some: Sequence[_Sides], rest: Sequence[_Sides]) -> bool:
    """Whether some lines have text of one of the columns that the rest of them make."""
    sides = enumerate(zip(*some, strict=True))
    return any(_is_text_of(side, [both[number] for both in rest]) for number, side in sides)


def _is_text_of(some: Sequence[Placed | None], column: Sequence[Placed | None]) -> bool:
    """Whether some lines are running text that begins where lines of running text of the column do."""
    begins = [line.box[0] for line in column if line is not None and is_full(line)]
    full = [line for line in some if line is not None and is_full(line)]
    return any(abs(line.box[0] - begin) < _LINED_UP * line.height for line in full for begin in begins)


def _around(sides: _Sides) -> Box:
    return around([line.box for line in sides if line is not None])


def _are_level(one: Box, two: Box) -> bool:
    return abs(one[3] - two[3]) < NOT_LEVEL * min(one[3] - one[1], two[3] - two[1])
