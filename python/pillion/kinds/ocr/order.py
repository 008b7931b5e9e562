"""Lines on the upright, level page, in any unit, and their order; a page in a script that runs from right to left is
seen in a mirror.

All is judged by the boxes of lines and words.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pillion.kinds.ocr.heads import headed
from pillion.kinds.ocr.result import Box, OcrLine, OcrWord, are_unspaced, joined_words

# lines ----------------------------------------------------------------------------------------------------------------

FEW_WORDS = 3
_CELL_GAP = 1.4
"""Words further apart than this, in heights of their line, are in two cells; and so far apart at least ..."""
_SPACES = 3.0
"""... in spaces as between the other words of the line."""
_UNSPACED_GAP = 2.5
"""So far apart in Chinese and Japanese, whose marks take a square each, most of it empty."""
_FULL = 10.0
"""A line of running text is so many heights wide, with some words and no wide gap."""
_LETTERS = 3
GUTTER = 0.7
"""A gutter between columns is at least so many heights wide."""
NOT_LEVEL = 0.2
"""Parts of a line whose base lines are further apart, in its heights, are not of one line."""

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


def placed_in(line: OcrLine, view: View) -> Placed:
    """A line with a box, in a view of its page."""
    assert line.box is not None
    words = tuple(view.seen(word.box) for word in line.words)
    left, top, right, bottom = view.seen(line.box)
    if len(words) >= FEW_WORDS:
        middle = len(words) // 2
        top = sorted([word[1] for word in words])[middle]
        bottom = max(sorted([word[3] for word in words])[middle], top + 1.0)
    return Placed(line, (left, top, right, bottom), words)


def joined(rows: Sequence[Sequence[Placed]], view: View) -> list[Placed]:
    """Each row of cells as one line, its parts separated by tabs."""
    return [row[0] if len(row) == 1 else placed_in(_joined(row), view) for row in rows]


def _joined(row: Sequence[Placed]) -> OcrLine:
    return OcrLine(
        text="\t".join(part.line.text for part in row),
        words=tuple(word for part in row for word in part.line.words),
        box=around([part.line.box for part in row if part.line.box is not None]),
        paragraph=row[0].line.paragraph,
    )


def part_of(line: Placed, first: int, end: int) -> Placed:
    """Some words of a line."""
    words = line.line.words[first:end]
    text = joined_words([word.text for word in words])
    part = replace(line.line, text=text, words=words, box=around([word.box for word in words]))
    return Placed(part, around(line.words[first:end]), line.words[first:end])


def wordy(words: Sequence[OcrWord]) -> int:
    """How many are words, and no numbers or marks."""
    return sum(sum(map(str.isalpha, word.text)) >= _LETTERS for word in words)


def is_full(line: Placed) -> bool:
    """Whether it is a line of running text."""
    is_wide = line.box[2] - line.box[0] > _FULL * line.height
    return is_wide and wordy(line.line.words) >= FEW_WORDS and len(line.cells) == 1


def middle_of(line: Placed) -> float:
    return (line.box[1] + line.box[3]) / 2


def is_below(last: Placed, line: Placed) -> bool:
    """Whether a line stands below another one, and in part under it."""
    above, below = last.box, line.box
    return below[1] >= above[1] - last.height / 2 and below[0] < above[2] and above[0] < below[2]


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around others, of which there is at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def around_each(some: Sequence[Sequence[OcrLine]]) -> list[Box]:
    """The smallest box around each of some groups of lines with boxes."""
    return [around([line.box for line in lines if line.box is not None]) for lines in some]


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


# order ----------------------------------------------------------------------------------------------------------------

# The engine's order counts unless the page itself shows another. Pieces of a line that the engine cut at a space are
# joined. A line that stands above one that was read before it, and over it, is read before it. Then the lines make
# blocks: lines that follow each other down the page, each over the next. What stands beside another may be a column of
# a table: blocks.py makes rows of these.

_FAR = 3.5
"""Lines of one block are less than so many heights apart."""


def as_read(
    lines: Sequence[OcrLine],
    view: View,
    by_columns: Callable[[Sequence[Placed]], Sequence[Placed]],
    *,
    in_order: bool = False,
) -> list[list[Placed]]:
    """Lines with boxes in reading order, those of each block together. ``in_order``: they are already.

    ``by_columns``: puts those of columns of running text one after the other.
    """
    placed: Sequence[Placed] = [placed_in(line, view) for line in lines]
    if not in_order:
        placed = [_with_bullet(line) for line in placed]
        placed = by_columns(placed) if _may_have_columns(placed) else placed
        placed = _with_side_heads(from_above(_mended(_apart_at_gutters(placed))))
    blocks = _blocks(placed, _FAR)
    return blocks if in_order else _made_whole(blocks)


def _may_have_columns(lines: Sequence[Placed]) -> bool:
    """Whether one line of running text begins beyond the end of another."""
    boxes = [line.box for line in lines if is_full(line)]
    return bool(boxes) and min(box[2] for box in boxes) < max(box[0] for box in boxes)


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
_NEARLY_ALL = 0.8
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
    and on one side there is text. The cells of a row are level, or as far from it as those of most rows: letters reach
    below the line where numbers do not.
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
    usual = statistics.median(offs)
    apart = sum(abs(off - usual) > NOT_LEVEL for number, off in enumerate(offs) if number not in in_halves)
    if apart < _MOSTLY * len(offs) or max(offs) - min(offs) < _SPREAD:
        return False
    words = [statistics.median(wordy(part.line.words) for part in side) for side in zip(*sides, strict=True)]
    # Numbers alone are the values of what stands on their left, unless that is running text.
    of_text = sum(is_full(left) for left, _ in sides)
    return max(words) >= FEW_WORDS and (words[1] > 0 or of_text >= _NEARLY_ALL * len(sides))


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


def from_above(lines: Sequence[Placed], seen: Sequence[Placed] | None = None) -> list[Placed]:
    """The lines, each after those that stand above and over it: these come just before the first that they are over.
    ``seen``: the same lines with the boxes by which they are judged, where these are others.

    Where these would be many, it was that one that was read too early: it comes after them. Columns keep their order,
    as their lines are not over each other's.
    """
    above = _later_above(lines if seen is None else seen)
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


_TALLER = 3.0
"""What stands below a block that was read late is together so many times as high: more than the cells of a table."""


def _made_whole(blocks: Sequence[list[Placed]]) -> list[list[Placed]]:
    """The blocks, each just after the one that it goes on below, where those read between them begin below its end; or
    first, where all that was read before do, as below the head of a letter on the right.

    Not the parts of columns: nothing that is read earlier stands beside it, and nothing that is read later under it and
    beside those between.
    """
    boxes = [around([line.box for line in block]) for block in blocks]
    order: list[int] = []
    for number, box in enumerate(boxes):
        first = len(order)
        while first and boxes[order[first - 1]][1] >= box[3]:
            first -= 1
        if first == len(order):
            order.append(number)
            continue
        end = max(boxes[at][3] for at in order[first:])
        is_beside = any(boxes[at][3] > (box[1] + box[3]) / 2 for at in order[:first])
        goes_on = any(box[3] <= later[1] < end and _is_over(box, later) for later in boxes[number + 1 :])
        is_far = first > 0 and _is_elsewhere(blocks[order[first - 1]][-1], blocks[number][0], _BELOW)
        is_part = is_far or is_beside or goes_on or end - box[3] < _TALLER * (box[3] - box[1])
        order.insert(len(order) if is_part else first, number)
    return [blocks[number] for number in order]


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
