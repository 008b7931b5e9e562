"""The order of a page's lines.

All is judged by the boxes of lines and words, on the upright, level page, in any unit; a page in a script that runs
from right to left is seen in a mirror.
"""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pillion.kinds.ocr.heads import headed
from pillion.kinds.ocr.result import Box, OcrLine, OcrWord, are_unspaced, joined_words

# order ----------------------------------------------------------------------------------------------------------------

# The engine's order counts unless the page itself shows another. Pieces of a line that the engine cut at a space are
# joined. A line that stands above one that was read before it, and over it, is read before it. Then the lines make
# blocks: lines that follow each other down the page, each over the next. What stands beside another may be a column of
# a table: blocks.py makes rows of these.

_FEW_WORDS = 3
_FAR = 3.5
"""Lines of one block are less than so many heights apart."""
_CELL_GAP = 1.4
"""Words further apart than this, in heights of their line, are in two cells; and so far apart at least ..."""
_SPACES = 3.0
"""... in spaces as between the other words of the line."""
_UNSPACED_GAP = 2.5
"""So far apart in Chinese and Japanese, whose marks take a square each, most of it empty."""

Size = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A line and where it is on the upright, level page, as high as most of its words: rules and noise make it higher.

    ``words``: the boxes of its words. ``height``: of most of them, in the unit of the page. ``cells``: its words,
    parted at wide gaps: the first of each part and the one after its last.
    """

    line: OcrLine
    box: Box
    words: tuple[Box, ...]
    height: float = field(init=False, compare=False)
    cells: Sequence[tuple[int, int]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "height", self.box[3] - self.box[1])
        object.__setattr__(self, "cells", _cells(self))


def _cells(place: Placed) -> list[tuple[int, int]]:
    if not place.words:
        return []
    gaps = [right[0] - left[2] for left, right in itertools.pairwise(place.words)]
    starts = _starts(place.line) if "\t" in place.line.text else set()
    is_other = not place.line.text.isascii() and are_unspaced([word.text for word in place.line.words])
    gap = _UNSPACED_GAP if is_other else _CELL_GAP
    least = gap * place.height
    if max(gaps, default=0.0) > least:
        narrow = [gap for gap in gaps if gap <= least]
        least = max(least, _SPACES * statistics.median(narrow)) if narrow else least
        starts |= {at for at, gap in enumerate(gaps, 1) if gap > least}
    return list(itertools.pairwise([0, *sorted(starts), len(place.words)]))


def _starts(line: OcrLine) -> set[int]:
    """The numbers of the words with which its cells after the first begin, which tabs part."""
    lengths = itertools.accumulate(len(word.text) for word in line.words)
    ends = {length: number for number, length in enumerate(lengths, 1)}
    cells = itertools.accumulate(len("".join(cell.split())) for cell in line.text.split("\t"))
    return {number for length in cells if 0 < (number := ends.get(length, 0)) < len(line.words)}


@dataclass(frozen=True, slots=True)
class View:
    """How a page of ``size`` is looked at: turned clockwise by ``rotation`` degrees, then back by ``skew``.

    ``mirrored``: it is in a script that runs from right to left, so what comes first is put on the left.
    """

    size: Size
    rotation: int = 0
    skew: float = 0.0
    mirrored: bool = False

    def seen(self, box: Box) -> Box:
        """Where a box of the page is in this view."""
        if not (self.rotation or self.skew or self.mirrored):
            return box
        left, top, right, bottom = _level(box, self.size, self.rotation, self.skew)
        if not self.mirrored:
            return left, top, right, bottom
        width = self.size[self.rotation % 180 != 0]
        return width - right, top, width - left, bottom


def as_read(lines: Sequence[OcrLine], view: View, *, in_order: bool = False) -> list[list[Placed]]:
    """Lines with boxes in reading order, those of each block together. ``in_order``: they are already."""
    placed = [_placed(line, view) for line in lines]
    return _blocks(placed if in_order else _ordered([_with_bullet(line) for line in placed]), _FAR)


def _placed(line: OcrLine, view: View) -> Placed:
    """A line with a box, in a view of its page."""
    assert line.box is not None
    words = tuple(view.seen(word.box) for word in line.words)
    left, top, right, bottom = view.seen(line.box)
    if len(words) >= _FEW_WORDS:
        middle = len(words) // 2
        top = sorted([word[1] for word in words])[middle]
        bottom = max(sorted([word[3] for word in words])[middle], top + 1.0)
    return Placed(line, (left, top, right, bottom), words)


def _ordered(lines: Sequence[Placed]) -> list[Placed]:
    """The lines of a recognised page in order."""
    return _with_side_heads(_from_above(_mended(_apart_at_gutters(_by_columns(lines)))))


def joined(rows: Sequence[Sequence[Placed]], view: View) -> list[Placed]:
    """Each row of cells as one line, its parts separated by tabs."""
    return [row[0] if len(row) == 1 else _placed(_joined(row), view) for row in rows]


def _joined(row: Sequence[Placed]) -> OcrLine:
    return OcrLine(
        text="\t".join(part.line.text for part in row),
        words=tuple(word for part in row for word in part.line.words),
        box=around([part.line.box for part in row if part.line.box is not None]),
        paragraph=row[0].line.paragraph,
    )


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around others, of which there is at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def around_each(some: Sequence[Sequence[OcrLine]]) -> list[Box]:
    """The smallest box around each of some groups of lines with boxes."""
    return [around([line.box for line in lines if line.box is not None]) for lines in some]


# bullets --------------------------------------------------------------------------------------------------------------

_LIKE_BULLETS = frozenset("eo¢©®°*«»@")
"""What the networks, which know no bullets, make of them."""
_BULLET_SIDE = 0.65
_RAISED = 0.04
_BULLET_GAP = 0.6
"""A bullet is narrower than so many heights of its line, ends so far above the base line, and text begins so far
beyond it: no letter does all this.
"""


def _with_bullet(line: Placed) -> Placed:
    """The line, beginning with a bullet where it stands there."""
    if len(line.words) < 2 or line.line.words[0].text not in _LIKE_BULLETS:
        return line
    (left, _, right, bottom), rest, height = line.words[0], line.words[1:], line.height
    base = statistics.median(word[3] for word in rest)
    is_bullet = (
        right - left < _BULLET_SIDE * height
        and bottom < base - _RAISED * height
        and rest[0][0] - right > _BULLET_GAP * height
    )
    if not is_bullet or not line.line.text.startswith(line.line.words[0].text):
        return line
    words = replace(line.line.words[0], text="•"), *line.line.words[1:]
    return replace(line, line=replace(line.line, text=f"•{line.line.text[1:]}", words=words))


# lines across a gutter ------------------------------------------------------------------------------------------------

_GUTTER = 0.7
"""A gutter is at least so many heights wide."""
_CUTS = 3
"""So many lines at least are on both sides of it."""
_NOT_LEVEL = 0.2
"""Parts of a line whose base lines are further apart, in its heights, are not of one line."""
_MOSTLY = 0.5
_LETTERS = 3
_SPREAD = 0.6
"""How far the distances of base lines differ where the lines of two blocks are set at different pitches."""
_BELOW = 1.5


@dataclass(frozen=True, slots=True)
class _Gutter:
    """A gutter through some lines that follow each other. ``cuts``: of the lines on both sides of it the first word
    after it, by their number. ``end``: after the last line beside it. ``sides``: of it.
    """

    cuts: dict[int, int]
    end: int
    sides: tuple[float, float]


def _apart_at_gutters(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, of which those are cut at a gutter that the engine joined across it: a caption and a table beside it.

    What is on its two sides is not level in most lines, and by different amounts, as lines at different pitches are,
    and on one side there is text. The cells of a row are level.
    """
    done: list[Placed] = []
    number = 0
    while number < len(lines):
        gutter = _gutter_at(lines, number)
        if gutter is None or not _parts_text(lines, gutter):
            done.append(lines[number])
            number += 1
            continue
        left: list[Placed] = []
        right: list[Placed] = []
        for place in range(number, gutter.end):
            line, cut = lines[place], gutter.cuts.get(place)
            if cut is not None:
                left.append(_part(line, 0, cut))
                right.append(_part(line, cut, len(line.words)))
            else:
                (left if line.box[2] <= gutter.sides[1] else right).append(line)
        for side in (left, right):
            place = _place_below(done, side[0])
            done[place:place] = side
        number = gutter.end
    return done


def _gutter_at(lines: Sequence[Placed], first: int) -> _Gutter | None:
    """The gutter that begins in a line and has most lines on both sides of it; None for fewer than three."""
    found = [_gutter(lines, first, cell[1]) for cell in lines[first].cells[:-1]]
    best = max(found, key=lambda gutter: len(gutter.cuts), default=None)
    return best if best is not None and len(best.cuts) >= _CUTS else None


def _gutter(lines: Sequence[Placed], first: int, cut: int) -> _Gutter:
    """That before the word ``cut`` of a line."""
    words = lines[first].words
    low, high = words[cut - 1][2], words[cut][0]
    cuts = {first: cut}
    for place in range(first + 1, len(lines)):
        line, last = lines[place], lines[place - 1]
        is_below = -line.height / 2 <= line.box[1] - last.box[1] and line.box[1] - last.box[3] <= _FAR * line.height
        gaps = [(max(low, line.words[at - 1][2]), min(high, line.words[at][0]), at) for _, at in line.cells[:-1]]
        wide = [gap for gap in gaps if gap[1] - gap[0] > _GUTTER * line.height]
        if is_below and wide:
            low, high, cuts[place] = max(wide, key=lambda gap: gap[1] - gap[0])
        elif not is_below or (line.box[2] > high and line.box[0] < low):
            return _Gutter(cuts, place, (low, high))
    return _Gutter(cuts, len(lines), (low, high))


def _parts_text(lines: Sequence[Placed], gutter: _Gutter) -> bool:
    cut = [(lines[place], at) for place, at in gutter.cuts.items()]
    sides = [(_part(line, 0, at), _part(line, at, len(line.words))) for line, at in cut]
    in_halves = _in_halves([left for left, _ in sides]) | _in_halves([right for _, right in sides])
    offs = [(_base(right) - _base(left)) / line.height for (left, right), (line, _) in zip(sides, cut, strict=True)]
    apart = sum(abs(off) > _NOT_LEVEL for number, off in enumerate(offs) if number not in in_halves)
    if apart < _MOSTLY * len(offs) or max(offs) - min(offs) < _SPREAD:
        return False
    return any(
        statistics.median(_wordy(part.line.words) for part in side) >= _FEW_WORDS for side in zip(*sides, strict=True)
    )


def _base(line: Placed) -> float:
    """Where most of its words end below."""
    return statistics.median(word[3] for word in line.words)


def _in_halves(lines: Sequence[Placed]) -> set[int]:
    """The numbers of those that reach into the next: halves of one, as a cell is read beside two lines of a label."""
    spans = [(statistics.median(word[1] for word in line.words), _base(line)) for line in lines]
    pairs = enumerate(itertools.pairwise(spans), 1)
    met = [
        number
        for number, (one, two) in pairs
        if min(one[1], two[1]) - max(one[0], two[0]) > _MOSTLY * min(one[1] - one[0], two[1] - two[0])
    ]
    return {*met, *(number - 1 for number in met)}


def _wordy(words: Sequence[OcrWord]) -> int:
    """How many are words, and no numbers or marks."""
    return sum(sum(map(str.isalpha, word.text)) >= _LETTERS for word in words)


def _part(line: Placed, first: int, end: int) -> Placed:
    """Some words of a line."""
    words = line.line.words[first:end]
    text = joined_words([word.text for word in words])
    part = replace(line.line, text=text, words=words, box=around([word.box for word in words]))
    return Placed(part, around(line.words[first:end]), line.words[first:end])


def _place_below(lines: Sequence[Placed], line: Placed) -> int:
    """After the line that stands just above one, beginning at the same place; else the end."""
    for place in range(len(lines), 0, -1):
        above = lines[place - 1]
        distance = line.box[1] - above.box[3]
        if -line.height / 2 < distance < _BELOW * line.height and abs(above.box[0] - line.box[0]) < line.height:
            return place
    return len(lines)


# columns of the page --------------------------------------------------------------------------------------------------

# Where the engine itself read two columns of running text one after the other, all else between the same lines across
# the page is in one of them: also a table or a caption at the foot of a column, which the engine often reads after both
# columns, or joins with what stands beside it.

_FULL = 10.0
"""A line of running text is so many heights wide, with some words and no wide gap, ..."""
_FULL_LINES = 6
"""... and a column has so many of them."""
_AT_EDGE = 1.5
"""They begin within so many heights of each other."""
_LINED_UP = 0.5
"""The lines of a column that begin at the same place do so within so many heights."""
_SLACK = 0.3
"""So many heights of a gutter may be taken by letters that lean into it."""
_HEAD = 2.0
"""A head or a foot of the page is further than so many heights from the columns."""
_HEADINGS = 3
"""So many lines above a column, as high as some on its left, are no headings but a table."""
_NEARLY_ALL = 0.9

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
            if before[2] <= high and after[0] >= low and after[0] - before[2] > _GUTTER * line.height:
                return _part(line, 0, at), _part(line, at, len(line.words))
        return None


def _by_columns(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, in columns as the engine saw them where these hold running text."""
    found = list(lines)
    for column in _columns(lines):
        across = sorted((line.box for line in found if column.sides(line) is None), key=lambda box: box[1])
        edges = [-math.inf, *(side for box in across for side in (box[1], box[3])), math.inf]
        for top, bottom in zip(edges[::2], edges[1::2], strict=True):
            found = _with_band(found, column, top, bottom)
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
        beside = _level_with(column, [line for line in full if line.box[2] < begin - _GUTTER * height])
        if min(len(column), len(beside)) >= _FULL_LINES:
            found.append(_Column(height, (max(line.box[2] for line in beside), begin)))
    starts = [column.gutter[1] for column in found]
    next_to = [one for one in found if not any(one.gutter[0] < start < one.gutter[1] for start in starts)]
    return sorted(next_to, key=lambda column: column.gutter[1])


def is_full(line: Placed) -> bool:
    """Whether it is a line of running text."""
    is_wide = line.box[2] - line.box[0] > _FULL * line.height
    return is_wide and _wordy(line.line.words) >= _FEW_WORDS and len(line.cells) == 1


def _level_with(column: Sequence[Placed], others: Sequence[Placed]) -> list[Placed]:
    """Those of the others that stand between the top and the bottom of a column."""
    top, bottom = min(line.box[1] for line in column), max(line.box[3] for line in column)
    return [line for line in others if top <= _middle(line) <= bottom]


def _middle(line: Placed) -> float:
    return (line.box[1] + line.box[3]) / 2


def _with_band(lines: Sequence[Placed], column: _Column, top: float, bottom: float) -> list[Placed]:
    """The lines, those between two heights by column if the engine saw two columns of running text there."""
    places = [place for place, line in enumerate(lines) if top < _middle(line) < bottom]
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
        row = [both for place, both in sides.items() if _are_level(boxes[place], last)]
        rest = {place: both for place, both in sides.items() if not _are_level(boxes[place], last)}
        if not rest or not _is_in_no_column(row, [*rest.values()], far):
            apart = _apart_at_end(boxes, is_foot=is_foot, far=far)
            rest = {place: both for place, both in sides.items() if place not in apart}
            others = [sides[place] for place in apart]
            if not _hold_columns([*rest.values()]) or _has_text_of(others, [*rest.values()]):
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


def _is_in_no_column(row: Sequence[_Sides], rest: Sequence[_Sides], far: float) -> bool:
    """Whether a row below or above the rest is of short pieces on both sides; or far from the rest, and short or on
    both sides.
    """
    has = [any(both[side] is not None for both in row) for side in (0, 1)]
    has_text = _has_text_of(row, rest)
    if all(has) != has_text:
        return all(has)
    own = around([_around(both) for both in row])
    others = [_around(both) for both in rest if all(has) or both[has.index(True)] is not None]
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
    return abs(one[3] - two[3]) < _NOT_LEVEL * min(one[3] - one[1], two[3] - two[1])


# lines in pieces ------------------------------------------------------------------------------------------------------

_SPACE = 0.5
"""The pieces of a line are parted by less than so many of its heights, ..."""
_LEVEL = 0.7
"""... of which they share so much."""


def _mended(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, those joined that the engine cut at a space or within a word, in the place of the first piece."""
    by_place = sorted(range(len(lines)), key=lambda number: lines[number].box[1])
    after: dict[int, int] = {}
    for at, number in enumerate(by_place):
        line = lines[number]
        for other in itertools.chain(_near(lines, by_place, at, -1), _near(lines, by_place, at, 1)):
            if _goes_on(line, lines[other]):
                after[number] = other
    befores = Counter(after.values())
    parts = {number for number in after.values() if befores[number] == 1}
    mended = []
    for number, line in enumerate(lines):
        if number in parts:
            continue
        whole = line
        while (number := after.get(number, -1)) in parts:
            whole = _whole(whole, lines[number])
        mended.append(whole)
    return mended


def _near(lines: Sequence[Placed], by_place: Sequence[int], at: int, step: int) -> Iterator[int]:
    """The lines that begin less than a height above or below one."""
    top, height = lines[by_place[at]].box[1], lines[by_place[at]].height
    at += step
    while 0 <= at < len(by_place) and abs(lines[by_place[at]].box[1] - top) < height:
        yield by_place[at]
        at += step


def _goes_on(line: Placed, other: Placed) -> bool:
    """Whether the other line begins where this one ends, and ends further on: of two, only one goes on in the other."""
    height = min(line.height, other.height)
    shared = min(line.box[3], other.box[3]) - max(line.box[1], other.box[1])
    meets = (
        other.box[0] > line.box[0] and other.box[2] > line.box[2] and abs(other.box[0] - line.box[2]) < _SPACE * height
    )
    return meets and shared > _LEVEL * max(line.height, other.height)


def _whole(first: Placed, rest: Placed) -> Placed:
    assert first.line.box is not None
    assert rest.line.box is not None
    line = replace(
        first.line,
        text=f"{first.line.text} {rest.line.text}",
        words=(*first.line.words, *rest.line.words),
        box=around([first.line.box, rest.line.box]),
    )
    return Placed(line, around([first.box, rest.box]), (*first.words, *rest.words))


# lines above ----------------------------------------------------------------------------------------------------------

_OVER = 0.1
"""A line stands over another if they share so much of the narrower one's width."""
_MOST_ABOVE = 8
"""So many lines at most are put before one that they are over."""


def _from_above(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, each after those that stand above and over it: these come just before the first that they are over.

    Where these would be many, it was that one that was read too early: it comes after them. Columns keep their order,
    as their lines are not over each other's.
    """
    above = _later_above(lines)
    order: dict[int, Placed] = {}
    late: list[int] = []
    for number in range(len(lines)):
        first = _to_come_first(number, above, order)
        if first is None:
            late.append(number)
            continue
        order.update((at, lines[at]) for at in first if at not in order)
        for waiting in [at for at in late if all(other in order for other in above[at])]:
            order.setdefault(waiting, lines[waiting])
            late.remove(waiting)
    order.update((at, lines[at]) for at in reversed(late) if at not in order)
    return list(order.values())


def _later_above(lines: Sequence[Placed]) -> list[list[int]]:
    """For each line the numbers of those after it that stand above and over it."""
    middles = [_middle(line) for line in lines]
    highest = [*itertools.accumulate(reversed(middles), min)][::-1]
    return [
        [at for at in range(number + 1, len(lines)) if middles[at] <= line.box[1] and _is_over(lines[at].box, line.box)]
        if highest[number] <= line.box[1]
        else []
        for number, line in enumerate(lines)
    ]


def _to_come_first(number: int, above: Sequence[Sequence[int]], done: Container[int]) -> list[int] | None:
    """The lines that come before one, and it, without those that came already; None where they are too many."""
    found = {number}
    waiting = [number]
    while waiting and len(found) <= _MOST_ABOVE + 1:
        more = [at for at in above[waiting.pop()] if at not in found and at not in done]
        found.update(more)
        waiting.extend(more)
    if len(found) > _MOST_ABOVE + 1:
        return None

    def with_those_above(at: int) -> Iterator[int]:
        for other in above[at]:
            if other in found:
                yield from with_those_above(other)
        yield at

    return list(dict.fromkeys(with_those_above(number)))


def _blocks(lines: Sequence[Placed], far: float) -> list[list[Placed]]:
    """Lines that follow each other down the page, each at least in part above the next."""
    blocks: list[list[Placed]] = []
    for line in lines:
        last = blocks[-1][-1] if blocks else None
        if last is None or _is_elsewhere(last, line, far):
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def _is_elsewhere(last: Placed, line: Placed, far: float) -> bool:
    return not is_below(last, line) or line.box[1] - last.box[3] > far * min(last.height, line.height)


def is_below(last: Placed, line: Placed) -> bool:
    """Whether a line stands below another one, and in part under it."""
    above, below = last.box, line.box
    return below[1] >= above[1] - last.height / 2 and below[0] < above[2] and above[0] < below[2]


def _is_over(box: Box, other: Box) -> bool:
    shared = min(box[2], other[2]) - max(box[0], other[0])
    return shared > _OVER * min(box[2] - box[0], other[2] - other[0])


# side heads -----------------------------------------------------------------------------------------------------------


def _with_side_heads(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, each head that stands on the left of a paragraph just before this one's first line."""
    by_place = sorted(lines, key=lambda line: line.box[1])
    if all(line.box[1] >= _middle(above) for above, line in itertools.pairwise(by_place)):
        return list(lines)
    full = [is_full(line) for line in lines]
    words = [not of_text and _wordy(line.line.words) > 0 for line, of_text in zip(lines, full, strict=True)]
    before = headed([line.box for line in lines], words, full, lambda one, two: is_below(lines[one], lines[two]))
    rest = (place for place in range(len(lines)) if place not in before.values())
    return [lines[at] for place in rest for at in (before.get(place), place) if at is not None]


# the upright, level page ----------------------------------------------------------------------------------------------


def _level(box: Box, size: Size, rotation: int, skew: float) -> Box:
    upright = _upright(box, size, rotation) if rotation else box
    if not skew:
        return upright
    sin, cos = math.sin(math.radians(skew)), math.cos(math.radians(skew))
    width, height = size if rotation % 180 == 0 else (size[1], size[0])
    x, y = (upright[0] + upright[2] - width) / 2, (upright[1] + upright[3] - height) / 2
    across, down = x * cos + y * sin + width / 2, y * cos - x * sin + height / 2
    # A level box of these sides has the upright one around it once it is skewed.
    wide, high = upright[2] - upright[0], upright[3] - upright[1]
    half_width = max((wide * cos - high * abs(sin)) / (cos * cos - sin * sin), 1.0) / 2
    half_height = max((high * cos - wide * abs(sin)) / (cos * cos - sin * sin), 1.0) / 2
    return across - half_width, down - half_height, across + half_width, down + half_height


def _upright(box: Box, size: Size, rotation: int) -> Box:
    left, top, right, bottom = box
    width, height = size
    if rotation == 90:
        return height - bottom, left, height - top, right
    if rotation == 180:
        return width - right, height - bottom, width - left, height - top
    if rotation == 270:
        return top, width - right, bottom, width - left
    return box
