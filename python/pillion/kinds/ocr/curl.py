"""Lines that bend, as on the page of an open book: how far they do, the page without it, and the way back.

The ink of narrow strips down the page is compared with that of the strip beside each, a few lines at a time: by how far
the one fits the other best, lines rise or fall there. A polynomial through all these slopes, which gives little weight
to those that do not fit the rest, says how far each place has moved. Only up and down: letters near a fold stay narrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Boxes, Gray, as_rules
from pillion.kinds.ocr.page import ImageSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    Floats = NDArray[np.float32]
else:
    from pillion.extras import lazy_numpy as np

    Points = Floats = object

_SIDE = 1000
"""Longest side of the picture whose lines are compared: those of a page are some 12 pixels high."""
_STRIP = 32
_WINDOW = 160
_STEP = 80
_REACH = 10
"""Width of a strip, height of the part that is compared, how far one is below the next, and how far lines may move."""
_LEAST_INK = 20.0
_LIKE = 0.5
"""Correlation of two strips from which on they have the same lines."""
_FEWEST = 60
_ACROSS, _DOWN = 6, 3
"""Terms of the polynomial."""
_ROUNDS = 8
_CELL = 8
_LEAST_BEND = 0.005
"""As a share of the longest side: half a line. Less is read as it is."""
_MOST_OFF = 0.012
"""Half of the slopes are nearer to the polynomial than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """How the lines of a page bend. ``size``: of the page, in its unit.

    ``shifts``: shape (rows, columns), spread evenly over the page: by which share of its height a place of the straight
    page lies further down on the bent one.
    """

    size: tuple[float, float]
    shifts: Floats

    def straightened(self, gray: Gray) -> Gray:
        """A picture of the page, at any scale, with its lines straight."""
        height, width = gray.shape
        columns = np.arange(width)
        made = np.empty_like(gray)
        across = (columns + 0.5) / width
        for row in range(height):
            shift = self._at(across, np.full(width, (row + 0.5) / height))
            place = np.clip(row + shift * height, 0, height - 1)
            above = np.minimum(place.astype(np.intp), max(0, height - 2))
            part = place - above
            below = np.minimum(above + 1, height - 1)
            made[row] = np.rint(gray[above, columns] * (1 - part) + gray[below, columns] * part)
        return made

    def boxes_in_picture(self, boxes: Boxes) -> Boxes:
        """For each box on the straight page the smallest one around it on the bent one."""
        middles = (boxes[:, [0]] + boxes[:, [2]]) / 2
        across = np.concatenate([boxes[:, [0, 2]], middles], axis=1)
        tops, bottoms = (self._moved(across, np.repeat(boxes[:, [side]], 3, axis=1)) for side in (1, 3))
        return np.stack([boxes[:, 0], tops.min(axis=1), boxes[:, 2], bottoms.max(axis=1)], axis=1)

    def _moved(self, across: Points, down: Points) -> Points:
        width, height = self.size
        moved: Points = down + height * self._at(across / width, down / height)
        return moved

    def _at(self, across: Points, down: Points) -> Points:
        """The shifts at places of the page, from 0 to 1 each: between the four nearest."""
        rows, columns = self.shifts.shape
        x, y = (np.clip(part * count - 0.5, 0, count - 1) for part, count in ((across, columns), (down, rows)))
        left, top = (np.minimum(place.astype(np.intp), count - 2) for place, count in ((x, columns), (y, rows)))
        x, y = x - left, y - top
        upper = self.shifts[top, left] * (1 - x) + self.shifts[top, left + 1] * x
        lower = self.shifts[top + 1, left] * (1 - x) + self.shifts[top + 1, left + 1] * x
        found: Points = upper * (1 - y) + lower * y
        return found


@dataclass(frozen=True, slots=True, eq=False)
class BentSource:
    """A page whose lines bend, as one of straight lines (:class:`pillion.kinds.ocr.page.PageSource`)."""

    source: ImageSource
    bend: Bend

    @property
    def size(self) -> tuple[float, float]:
        """As the page's own."""
        return self.source.size

    @property
    def origin(self) -> tuple[float, float]:
        """As the page's own."""
        return self.source.origin

    @property
    def first_scale(self) -> float:
        """As the page's own."""
        return self.source.first_scale

    @property
    def max_scale(self) -> float:
        """As the page's own."""
        return self.source.max_scale

    def gray(self, scale: float) -> Gray:
        """See :class:`pillion.kinds.ocr.page.PageSource`."""
        return as_rules(self.bend.straightened(self.source.gray(scale)))


def bend_of(gray: Gray, size: tuple[float, float]) -> Bend | None:
    """How the lines of a page bend; None where they do not, or it does not show. ``gray``: evenly lit, upright."""
    factor = -(-max(gray.shape) // _SIDE)
    height, width = (side // factor for side in gray.shape)
    if min(height, width) < _WINDOW + 2 * _REACH + 2 * _STRIP:
        return None
    squares = gray[: height * factor, : width * factor].reshape(height, factor, width, factor)
    ink = np.clip(200 - squares.mean(axis=(1, 3), dtype=np.float32), 0, 150)
    slopes = np.array(list(_slopes(ink)), np.float64).reshape(-1, 4)
    if len(slopes) < _FEWEST:
        return None
    terms, off = _fitted(slopes, (height, width))
    shifts = _shifts(terms, (height, width))
    left, right = (np.quantile(slopes[:, 0], part) / width * shifts.shape[1] for part in (0.02, 0.98))
    bend = _most_bent(shifts[:, int(left) : int(right) + 1])
    if off > _MOST_OFF or bend < _LEAST_BEND * max(height, width):
        return None
    return Bend(size, (shifts / height).astype(np.float32))


def _slopes(ink: Floats) -> Iterator[tuple[float, float, float, float]]:
    """Where two strips meet (x, y), by how much lines fall there for each pixel to the right, and how sure that is."""
    height, count = ink.shape[0], ink.shape[1] // _STRIP
    strips = ink[:, : count * _STRIP].reshape(height, count, _STRIP).mean(axis=2)
    for top in range(_REACH, height - _WINDOW - _REACH + 1, _STEP):
        first = strips[top : top + _WINDOW, :-1]
        first = first - first.mean(axis=0)
        strength = (first**2).sum(axis=0)
        likeness = []
        for shift in range(-_REACH, _REACH + 1):
            other = strips[top + shift : top + shift + _WINDOW, 1:]
            other = other - other.mean(axis=0)
            likeness.append((first * other).sum(axis=0) / np.sqrt(strength * (other**2).sum(axis=0) + 1e-6))
        like = np.array(likeness)
        best = like.argmax(axis=0)
        for number in np.flatnonzero(strength > _LEAST_INK * _WINDOW).tolist():
            place = int(best[number])
            if not 0 < place < 2 * _REACH or like[place, number] < _LIKE:
                continue
            before, here, after = like[place - 1 : place + 2, number].tolist()
            between = 0.5 * (before - after) / min(before - 2 * here + after, -1e-6)
            yield (number + 1.0) * _STRIP, top + _WINDOW / 2, (place - _REACH + between) / _STRIP, here * here


def _fitted(slopes: Points, shape: tuple[int, int]) -> tuple[Points, float]:
    """The terms of the polynomial that fits most slopes, and how far half of them are off at most."""
    terms = _terms(slopes[:, 0] / shape[1] * 2 - 1, slopes[:, 1] / shape[0] * 2 - 1)
    weights = slopes[:, 3]
    middle = 0.0
    found: Points = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        found = np.asarray(np.linalg.lstsq(terms * weights[:, None], slopes[:, 2] * weights, rcond=None)[0], np.float64)
        off = np.abs(terms @ found - slopes[:, 2])
        middle = float(np.median(off))
        weights = slopes[:, 3] / (1 + (off / (2 * middle + 1e-6)) ** 2)
    return found, middle


def _terms(across: Points, down: Points) -> Points:
    return np.stack([across**i * down**j for i in range(_ACROSS) for j in range(_DOWN)], axis=-1)


def _shifts(terms: Points, shape: tuple[int, int]) -> Points:
    """How far each place has moved down, in pixels, against the middle of its line."""
    rows, columns = (max(2, side // _CELL) for side in shape)
    middles = [(np.arange(count) + 0.5) / count * 2 - 1 for count in (columns, rows)]
    slopes = _terms(*np.meshgrid(*middles)) @ terms
    moved: Points = np.cumsum(slopes, axis=1) * shape[1] / columns
    return moved - moved[:, [columns // 2]]


def _most_bent(shifts: Points) -> float:
    """How far lines are from straight ones between their ends, where that is most."""
    along = np.linspace(0, 1, shifts.shape[1])
    straight = shifts[:, [0]] + along * (shifts[:, [-1]] - shifts[:, [0]])
    return float(np.abs(shifts - straight).max())
