"""The order of a page's lines.

All is judged by the boxes of lines and words, on the upright, level page, in any unit; a page in a script that runs
from right to left is seen in a mirror.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from pillion.kinds.ocr.columns import by_columns
from pillion.kinds.ocr.heads import headed
from pillion.kinds.ocr.placed import (
    FEW_WORDS,
    GUTTER,
    NOT_LEVEL,
    Placed,
    View,
    around,
    is_below,
    is_full,
    middle_of,
    part_of,
    placed_in,
    wordy,
)
from pillion.kinds.ocr.result import Box, OcrLine

# order ----------------------------------------------------------------------------------------------------------------

# The engine's order counts unless the page itself shows another. Pieces of a line that the engine cut at a space are
# joined. A line that stands above one that was read before it, and over it, is read before it. Then the lines make
# blocks: lines that follow each other down the page, each over the next. What stands beside another may be a column of
# a table: blocks.py makes rows of these.

_FAR = 3.5
"""Lines of one block are less than so many heights apart."""


def as_read(lines: Sequence[OcrLine], view: View, *, in_order: bool = False) -> list[list[Placed]]:
    """Lines with boxes in reading order, those of each block together. ``in_order``: they are already."""
    placed = [placed_in(line, view) for line in lines]
    return _blocks(placed if in_order else _ordered([_with_bullet(line) for line in placed]), _FAR)


def _ordered(lines: Sequence[Placed]) -> list[Placed]:
    """The lines of a recognised page in order."""
    return _with_side_heads(_from_above(_mended(_apart_at_gutters(by_columns(lines)))))


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

_CUTS = 3
"""So many lines at least are on both sides of it."""
_MOSTLY = 0.5
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
                left.append(part_of(line, 0, cut))
                right.append(part_of(line, cut, len(line.words)))
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
        wide = [gap for gap in gaps if gap[1] - gap[0] > GUTTER * line.height]
        if is_below and wide:
            low, high, cuts[place] = max(wide, key=lambda gap: gap[1] - gap[0])
        elif not is_below or (line.box[2] > high and line.box[0] < low):
            return _Gutter(cuts, place, (low, high))
    return _Gutter(cuts, len(lines), (low, high))


def _parts_text(lines: Sequence[Placed], gutter: _Gutter) -> bool:
    cut = [(lines[place], at) for place, at in gutter.cuts.items()]
    sides = [(part_of(line, 0, at), part_of(line, at, len(line.words))) for line, at in cut]
    in_halves = _in_halves([left for left, _ in sides]) | _in_halves([right for _, right in sides])
    offs = [(_base(right) - _base(left)) / line.height for (left, right), (line, _) in zip(sides, cut, strict=True)]
    apart = sum(abs(off) > NOT_LEVEL for number, off in enumerate(offs) if number not in in_halves)
    if apart < _MOSTLY * len(offs) or max(offs) - min(offs) < _SPREAD:
        return False
    return any(
        statistics.median(wordy(part.line.words) for part in side) >= FEW_WORDS for side in zip(*sides, strict=True)
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


def _place_below(lines: Sequence[Placed], line: Placed) -> int:
    """After the line that stands just above one, beginning at the same place; else the end."""
    for place in range(len(lines), 0, -1):
        above = lines[place - 1]
        distance = line.box[1] - above.box[3]
        if -line.height / 2 < distance < _BELOW * line.height and abs(above.box[0] - line.box[0]) < line.height:
            return place
    return len(lines)


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
    middles = [middle_of(line) for line in lines]
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


def _is_over(box: Box, other: Box) -> bool:
    shared = min(box[2], other[2]) - max(box[0], other[0])
    return shared > _OVER * min(box[2] - box[0], other[2] - other[0])


# side heads -----------------------------------------------------------------------------------------------------------


def _with_side_heads(lines: Sequence[Placed]) -> list[Placed]:
    """The lines, each head that stands on the left of a paragraph just before this one's first line."""
    by_place = sorted(lines, key=lambda line: line.box[1])
    if all(line.box[1] >= middle_of(above) for above, line in itertools.pairwise(by_place)):
        return list(lines)
    full = [is_full(line) for line in lines]
    words = [not of_text and wordy(line.line.words) > 0 for line, of_text in zip(lines, full, strict=True)]
    before = headed([line.box for line in lines], words, full, lambda one, two: is_below(lines[one], lines[two]))
    rest = (place for place in range(len(lines)) if place not in before.values())
    return [lines[at] for place in rest for at in (before.get(place), place) if at is not None]
