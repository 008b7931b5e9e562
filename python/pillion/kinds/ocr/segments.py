"""A page cut into pieces between its lines, so that several cores can read it.

A piece holds lines that follow each other in reading order, so the text of the pieces, joined, is that of the page. The
cuts depend on the page alone, never on how many cores there are: the same page always gives the same text.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.ocr.layout import Box, Layout, Seen, SeenLine

_PIECE = 320.0
"""How much a piece should hold: widths of its lines in heights of a line. About two characters each."""
_MOST_PIECES = 8
_NEARLY = 0.75
"""A piece that holds so much of its share ends where a paragraph does."""
_APART = 1.0
"""Lines further apart than this, in heights of a line, are of two paragraphs."""
_MARGIN = 0.6
_COLUMN_LINES = 4
_COLUMN_WIDTH = 8.0
"""A column has so many lines, which are so many times as wide as high: what is less is a table's."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines to be read together. ``box``: around them; ``others``: lines of other pieces that reach into its margin.

    ``continues``: whether it begins amid a paragraph. ``whole``: it is all of the page. ``layout``: what to tell
    the engine about its lines.
    """

    box: tuple[int, int, int, int]
    others: tuple[Box, ...] = ()
    continues: bool = False
    whole: bool = False
    layout: Layout = Layout.COLUMN

    def cut(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What is to be read."""
        if self.whole:
            return gray
        left, top, right, bottom = self.box
        part = gray[top:bottom, left:right].copy()
        ground = int(np.median(part[::4, ::4]))
        for other in self.others:
            rows = slice(max(0, round(other[1]) - 1 - top), max(0, round(other[3]) + 1 - top))
            columns = slice(max(0, round(other[0]) - 1 - left), max(0, round(other[2]) + 1 - left))
            part[rows, columns] = ground
        return part

    def placed(self, seen: Seen) -> Seen:
        """What was seen in the piece, at its place on the page."""
        if self.whole:
            return seen
        lines = [_moved(line, self.box[0], self.box[1]) for line in seen.lines]
        if self.continues and lines:
            lines[0] = replace(lines[0], paragraph=False)
        return Seen(tuple(lines), seen.rotation)


def is_in_order(lines: Sequence[Box]) -> bool:
    """Whether no line stands above the one before it."""
    if not lines:
        return True
    height = statistics.median(box[3] - box[1] for box in lines)
    return not any(_jumps_up(before, line, height) for before, line in pairwise(lines))


def has_columns(lines: Sequence[Box]) -> bool:
    """Whether lines in reading order stand in columns of text side by side.

    A layout analysis also makes columns of tables, and of prose in which spaces are below each other by chance.
    """
    if len(lines) < 2 * _COLUMN_LINES:
        return False
    height = statistics.median(box[3] - box[1] for box in lines)
    tops = [0, *(i for i in range(1, len(lines)) if _jumps_up(lines[i - 1], lines[i], height)), len(lines)]
    runs = [lines[start:end] for start, end in pairwise(tops)]
    return any(_are_columns(one, two, height) for one, two in pairwise(runs))


def _are_columns(one: Sequence[Box], two: Sequence[Box], height: float) -> bool:
    """Whether text stands on both sides of a gap. Lines above or below the other run (a title) do not count."""
    left = [box for box in one if _beside(box, two)]
    right = [box for box in two if _beside(box, one)]
    if min(len(left), len(right)) < _COLUMN_LINES:
        return False
    if min(_width(left), _width(right)) < _COLUMN_WIDTH * height:
        return False
    a, b = _around(left), _around(right)
    return a[2] <= b[0] or b[2] <= a[0]


def _beside(box: Box, others: Sequence[Box]) -> bool:
    return box[3] > min(other[1] for other in others) and box[1] < max(other[3] for other in others)


def _width(lines: Sequence[Box]) -> float:
    return statistics.median(box[2] - box[0] for box in lines)


def _jumps_up(before: Box, line: Box, height: float) -> bool:
    return line[1] < before[1] - height / 2


def pieces_of(lines: Sequence[Box], shape: tuple[int, ...], layout: Layout = Layout.PAGE) -> list[Piece]:
    """The pieces of a page of ``shape`` (H, W) with these lines in reading order, which are upright.

    ``layout``: of the page as a whole. A piece of it is a column, or the block that it was cut from.
    """
    page = Piece((0, 0, shape[1], shape[0]), whole=True, layout=layout)
    if len(lines) < 2:
        return [page]
    height = statistics.median(box[3] - box[1] for box in lines)
    costs = [(box[2] - box[0]) / max(height, 1.0) for box in lines]
    count = min(_MOST_PIECES, round(sum(costs) / _PIECE))
    if count < 2:
        return [page]
    runs = _runs(lines, costs, sum(costs) / count, height)
    areas = [_around(run) for run in runs]
    if len(runs) > 3 * count or any(_reaches_into(areas[i], runs[:i] + runs[i + 1 :]) for i in range(len(runs))):
        return [page]
    layout = Layout.COLUMN if layout is Layout.PAGE else layout
    return [replace(_piece(number, runs, areas[number], height, shape), layout=layout) for number in range(len(runs))]


def _runs(lines: Sequence[Box], costs: Sequence[float], share: float, height: float) -> list[list[Box]]:
    """Lines in a row; another run begins with another column, and where one is full."""
    runs: list[list[Box]] = [[lines[0]]]
    held = costs[0]
    for before, line, cost in zip(lines, lines[1:], costs[1:], strict=False):
        upwards = _jumps_up(before, line, height)
        apart = line[1] - before[3] > _APART * height
        if upwards or held >= share or (held >= _NEARLY * share and apart):
            runs.append([])
            held = 0.0
        runs[-1].append(line)
        held += cost
    return runs


def _reaches_into(area: Box, others: Sequence[Sequence[Box]]) -> bool:
    """Whether the middle of a line of another run lies in the area of this one: then they cannot be parted."""
    for run in others:
        for box in run:
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            if area[0] < x < area[2] and area[1] < y < area[3]:
                return True
    return False


def _piece(number: int, runs: Sequence[Sequence[Box]], area: Box, height: float, shape: tuple[int, ...]) -> Piece:
    margin = _MARGIN * height + 4
    box = (
        max(0, round(area[0] - 2 * margin)),
        max(0, round(area[1] - margin)),
        min(shape[1], round(area[2] + 2 * margin)),
        min(shape[0], round(area[3] + margin)),
    )
    others = tuple(line for index, run in enumerate(runs) if index != number for line in run if _overlap(box, line))
    continues = False
    if number:
        last, first = runs[number - 1][-1], runs[number][0]
        continues = -height / 2 <= first[1] - last[3] <= _APART * height
    return Piece(box, others, continues)


def _overlap(one: Box, two: Box) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _around(boxes: Sequence[Box]) -> Box:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _moved(line: SeenLine, x: int, y: int) -> SeenLine:
    words = tuple(replace(word, box=_shifted(word.box, x, y)) for word in line.words)
    return SeenLine(words, _shifted(line.box, x, y), line.paragraph)


def _shifted(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
