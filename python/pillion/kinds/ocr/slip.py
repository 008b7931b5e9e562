"""The lines of a slip of a till, found without a network: level print, darker than what is around it.

Rulings are taken out of the ink. What is left is in one piece with itself: letters, by their height, and marks. Each
letter is linked with the nearest on its right that stands on the same level; such runs of letters take in the marks
beside them, and runs beside each other are one line, unless a wide gap parts them. Dots, faint or broken letters make
several runs of one line at first.

What is no print, on its side or askew by more than a few degrees, makes few runs, or such that nothing can be read in
them: whoever reads them says so, and PP-OCR's detector has its turn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Gray, percentile_gray
from pillion.kinds.ocr.ppocr import Region, levelled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
else:
    from pillion.extras import lazy_numpy as np

    Floats = object


def lines_of_slip(gray: Gray) -> list[Region]:
    """Where lines of print are in a gray picture, dark on light, in its pixels; none where there is little print."""
    ink, rulings = _ink(gray)
    parts = _parts(ink)
    letters, marks, height = _sorted_out(parts, gray.shape, rulings)
    if not _FEWEST_LETTERS <= len(letters) <= _MOST_LETTERS:
        return []
    runs = list(_runs(letters, _linked(letters)))
    slope = _common_slope(runs)
    for run in runs:
        run.level(letters, slope)
    joined = _joined(runs, marks, slope, height)
    return [part.region() for run in joined for part in (_parted(run, ink) if run.height > _TWO * height else [run])]


# ink ------------------------------------------------------------------------------------------------------------------

_AROUND = 14
"""What ink is darker than: the mean of a square, this share of the width."""
_DARKEST = 98.0
_OF_DARKEST = 0.35
_LEAST_DARK = 10.0
"""Ink is darker by so much of what the darkest hundredths are, in percent, or by so many levels at least."""
_RULING = 12
"""A ruling is at least this share of the width long."""
_BESIDE_RULING = (25, 5)
"""Pixels along a ruling and across, in which low marks are rests of it."""


def _ink(gray: Gray) -> tuple[Gray, Gray]:
    """1 where there is ink, without rulings, else 0; and 1 beside rulings."""
    import cv2

    side = max(31, gray.shape[1] // _AROUND | 1)
    darker = cv2.subtract(cv2.boxFilter(gray, -1, (side, side), borderType=cv2.BORDER_REPLICATE), gray)
    least = max(_LEAST_DARK, _OF_DARKEST * percentile_gray(np.asarray(darker, np.uint8)[::3, ::3], _DARKEST))
    _, ink = cv2.threshold(darker, math.floor(least), 1, cv2.THRESH_BINARY)
    long = max(_BESIDE_RULING[0], gray.shape[1] // _RULING)
    across = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, long), np.uint8))
    down = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((long, 1), np.uint8))
    rulings = cv2.max(cv2.dilate(across, np.ones((3, 1), np.uint8)), cv2.dilate(down, np.ones((1, 3), np.uint8)))
    ink[rulings > 0] = 0
    # The dots of a printer's needles are one letter.
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 2), np.uint8))
    return np.asarray(ink, np.uint8), np.asarray(cv2.dilate(rulings, np.ones(_BESIDE_RULING[::-1], np.uint8)), np.uint8)


def _parts(ink: Gray) -> Floats:
    """All that is in one piece, shape (n, 5): left, top, width, height and pixels of ink."""
    import cv2

    _, _, parts, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(parts[1:], np.float32)


# letters --------------------------------------------------------------------------------------------------------------

_FEWEST_LETTERS = 8
_MOST_LETTERS = 1500
"""More are no slip, and all pairs of letters are compared."""
_LOWEST = 8.0
"""Pixels."""
_LARGEST = 0.05, 0.3
"""Of a letter or of letters that touch, as shares of the picture's height and width."""
_LONGEST = 6.0
_NARROWEST = 8.0
"""Of letters that touch and of an upright stroke: how many times as wide as high, and as high as wide, at most."""
_LETTER = 0.6, 4.0
"""How high a letter is, in median heights of what may be one."""
_SOLID = 0.75
_MARK = 1.2, 4.0
"""How high and wide a mark is at most, in median heights."""
_REST = 0.35


def _sorted_out(parts: Floats, shape: tuple[int, ...], rulings: Gray) -> tuple[Floats, Floats, float]:
    """The letters, by their left side, and the marks, as corners (left, top, right, bottom); and the height of most
    letters.
    """
    left, top, width, height, pixels = parts.T
    may_be = (height >= _LOWEST) & (height <= _LARGEST[0] * shape[0]) & (width <= _LARGEST[1] * shape[1])
    may_be &= (width < _LONGEST * height) & (height < _NARROWEST * width) & (pixels > 0.08 * width * height)
    may_be &= (left > 0) & (left + width < shape[1])
    if not may_be.any():
        return parts[:0, :4], parts[:0, :4], 0.0
    usual = float(np.median(height[may_be]))
    is_blot = (pixels > _SOLID * width * height) & (width > 1.5 * usual) & (height > 1.5 * usual)
    is_stroke = (height > 2.2 * usual) & (width < 0.25 * height)
    is_letter = may_be & (height >= _LETTER[0] * usual) & (height <= _LETTER[1] * usual) & ~is_blot & ~is_stroke
    middle = np.stack([top + height / 2, left + width / 2]).astype(np.intp)
    is_rest = (rulings[middle[0], middle[1]] > 0) & (height < _REST * usual)
    is_mark = ~may_be | (height < _LETTER[0] * usual)
    is_mark &= (pixels >= 3) & (height < _MARK[0] * usual) & (width < _MARK[1] * usual) & ~is_rest
    corners = np.stack([left, top, left + width, top + height], axis=1)
    letters = corners[is_letter]
    return letters[np.argsort(letters[:, 0], kind="stable")], corners[is_mark], usual


_LEVEL = 0.7, 0.55
"""Of the lower and of the higher of two letters beside each other: the share of the height in which both stand."""
_NEXT = 1.2
"""How far the next letter is at most, in heights of the lower one."""


def _linked(letters: Floats) -> NDArray[np.intp]:
    """For each letter the number of the last one of its run."""
    left, top, right, bottom = letters.T
    height = bottom - top
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    low, high = np.minimum(height[:, None], height), np.maximum(height[:, None], height)
    gap = left - right[:, None]
    fits = (shared >= _LEVEL[0] * low) & (shared >= _LEVEL[1] * high) & (gap < _NEXT * low)
    fits &= np.triu(np.ones(fits.shape, bool), 1)
    far = np.where(fits, np.maximum(gap, -3.0) + 0.3 * (high - shared), np.float32(np.inf))
    last = np.where(fits.any(axis=1), far.argmin(axis=1), np.arange(len(letters)))
    while not np.array_equal(last, last[last]):
        last = last[last]
    return np.asarray(last, np.intp)


# lines ----------------------------------------------------------------------------------------------------------------

_FEWEST_LEVEL = 6
_LONG_LEVEL = 8.0
"""Letters of a run, and its length in heights, from which its slope is its own."""
_ASKEW = 0.02
"""By how much the slope of a run may differ from that of all."""
_TALLER = 0.25
"""How far single letters, such as g and Q, stand out above and below the others, in heights at most."""
_ROOM = 0.24, 0.3
"""Above and below a line, and at its ends, in heights: PP-OCR's detector leaves .3 there."""
_SCORE = 0.9


@dataclass(slots=True, eq=False)
class _Run:
    """Letters beside each other, and the marks among them: from ``left`` to ``right``.

    ``top``, ``bottom``: of most letters, ``highest``, ``lowest``: of all, each where the line meets the left edge of
    the picture; it falls by ``slope`` for each pixel to the right.
    """

    numbers: NDArray[np.intp]
    left: float
    right: float
    letters: int
    slope: float | None
    top: float = 0.0
    bottom: float = 0.0
    highest: float = 0.0
    lowest: float = 0.0

    @property
    def height(self) -> float:
        """Of most of its letters."""
        return self.bottom - self.top

    def fall(self, across: float) -> float:
        """By how much the line is lower there than at the left edge of the picture."""
        return (self.slope or 0.0) * across

    def level(self, letters: Floats, slope: float) -> None:
        """Find its rows. ``slope``: that of all, where it has none, or one that is far from it."""
        if self.slope is None or abs(self.slope - slope) > _ASKEW:
            self.slope = slope
        left, top, right, bottom = letters[self.numbers].T
        fall = self.slope * (left + right) / 2
        tops, bottoms = np.sort(top - fall), np.sort(bottom - fall)
        few = round(0.1 * (len(tops) - 1))
        self.top, self.bottom = float(tops[few]), float(bottoms[-1 - few])
        self.highest, self.lowest = float(tops[0]), float(bottoms[-1])

    def take(self, marks: Floats) -> None:
        """Take in the marks on its rows that are near it, and near those."""
        height = self.height
        middle = (marks[:, 1] + marks[:, 3]) / 2 - self.fall(1.0) * (marks[:, 0] + marks[:, 2]) / 2
        level = marks[(middle > self.top - 0.1 * height) & (middle < self.bottom + 0.2 * height)]
        for _ in range(_MARKS_ON):
            near = level[
                (level[:, 2] > self.left - _MARK_NEAR * height) & (level[:, 0] < self.right + _MARK_NEAR * height)
            ]
            if not len(near):
                return
            left, right = min(self.left, float(near[:, 0].min())), max(self.right, float(near[:, 2].max()))
            if (left, right) == (self.left, self.right):
                return
            self.left, self.right = left, right

    def distance(self, other: _Run) -> float:
        """How far another run that is of the same line ends before this one begins; endless where it is of another."""
        drop = other.fall(self.left) - self.fall(self.left)
        shared = min(self.bottom, other.bottom + drop) - max(self.top, other.top + drop)
        low, high = sorted((self.height, other.height))
        gap = max(self.left - other.right, other.left - self.right)
        most = _GAP * high if high < _ALIKE * low else _WITHIN * high
        return gap if shared >= _SAME_LEVEL * low and gap < most else math.inf

    def join(self, other: _Run) -> None:
        """Take in another run of the same line; its rows are those of the larger, unless both have as many letters."""
        large, small = sorted((self, other), key=lambda run: run.letters * run.height, reverse=True)
        drop = small.fall(middle := (self.left + self.right + other.left + other.right) / 4) - large.fall(middle)
        top, bottom = large.top, large.bottom
        if max(self.letters, other.letters) < 2 * min(self.letters, other.letters):
            top, bottom = min(top, small.top + drop), max(bottom, small.bottom + drop)
        highest, lowest = min(large.highest, small.highest + drop), max(large.lowest, small.lowest + drop)
        self.slope = large.slope
        self.top, self.bottom, self.highest, self.lowest = top, bottom, highest, lowest
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.letters += other.letters

    def region(self) -> Region:
        """Around it, with room."""
        out = _TALLER * self.height
        top, bottom = max(self.highest, self.top - out), min(self.lowest, self.bottom + out)
        room, end = _ROOM[0] * (bottom - top), _ROOM[1] * (bottom - top)
        left, right = self.left - end, self.right + end
        places = [(left, top - room), (right, top - room), (right, bottom + room), (left, bottom + room)]
        return Region(np.array([(x, y + self.fall(x)) for x, y in places], np.float32), _SCORE)


def _runs(letters: Floats, last: NDArray[np.intp]) -> Iterator[_Run]:
    order = np.argsort(last, kind="stable")
    for numbers in np.split(order, np.flatnonzero(np.diff(last[order])) + 1):
        left, top, right, bottom = letters[numbers].T
        start, end = float(left.min()), float(right.max())
        is_long = len(numbers) >= _FEWEST_LEVEL and end - start > _LONG_LEVEL * float(np.median(bottom - top))
        yield _Run(numbers, start, end, len(numbers), _slope((left + right) / 2, bottom) if is_long else None)


def _slope(across: Floats, down: Floats) -> float:
    """That of a straight line through most places: letters with tails are left out of the second fit."""
    first = _fit(across, down)
    off = np.abs(down - down.mean() - first * (across - across.mean()))
    near = off <= max(1.5, 2.5 * float(np.median(off)))
    return _fit(across[near], down[near]) if near.sum() >= _FEWEST_LEVEL - 1 else first


def _fit(across: Floats, down: Floats) -> float:
    along = across - across.mean()
    return float(along @ (down - down.mean()) / max(1.0, float(along @ along)))


def _common_slope(runs: Sequence[_Run]) -> float:
    slopes = [run.slope for run in runs if run.slope is not None]
    return float(np.median(slopes)) if slopes else 0.0


# joining --------------------------------------------------------------------------------------------------------------

_MARK_NEAR = 1.2
_MARKS_ON = 3
"""How far a mark is from a run at most, in heights, and how many there may be one after the other."""
_GAP = 2.0
"""How wide a gap in a line is at most, in heights."""
_ALIKE = 2.0
_WITHIN = 0.3
"""What is that many times as high is joined only where they nearly touch: broken letters."""
_SAME_LEVEL = 0.6


def _joined(runs: Sequence[_Run], marks: Floats, slope: float, height: float) -> list[_Run]:
    """Those of one line as one, until there are no more such."""
    for run in runs:
        run.take(marks)
    before, left = math.inf, sorted(runs, key=lambda run: (run.left, run.top))
    while len(left) < before:
        before = len(left)
        left = list(_joined_once(left, marks, slope, height))
    return left


def _joined_once(runs: Sequence[_Run], marks: Floats, slope: float, height: float) -> Iterator[_Run]:
    rows: defaultdict[int, list[_Run]] = defaultdict(list)
    for run in runs:
        middle = (run.top + run.bottom) / 2 + (run.fall(1.0) - slope) * run.left
        row = math.floor(middle / height)
        near = [(run.distance(other), other) for some in range(row - 2, row + 3) for other in rows[some]]
        distance, nearest = min(near, key=lambda one: one[0], default=(math.inf, run))
        if distance < math.inf:
            nearest.join(run)
            nearest.take(marks)
        else:
            rows[row].append(run)
    yield from (run for some in list(rows.values()) for run in some)


_TWO = 1.5
"""From so many usual heights on, what seems one line may be two whose letters touch."""
_VALLEY = 0.25
"""The share of the ink of rows above and below that is left between two lines at most."""


def _parted(run: _Run, ink: Gray) -> list[_Run]:
    """The two lines in a run, or the run where it is one: large letters have strokes from their top to their foot."""
    around = run.region()
    rows = levelled(ink, around, max(6, round(around.height))).sum(axis=1, dtype=np.int64)
    third = len(rows) // 3
    between = third + int(rows[third:-third].argmin())
    if rows[between] > _VALLEY * min(rows[:between].max(), rows[between:].max()):
        return [run]
    top = float(around.corners[0, 1]) - run.fall(float(around.corners[0, 0]))
    middle = top + (between + 0.5) * around.height / len(rows)
    return [replace(run, bottom=middle, lowest=middle), replace(run, top=middle, highest=middle)]
