"""Lines and where they are on the upright, level page, in any unit; a page in a script that runs from right to left is
seen in a mirror.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

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
