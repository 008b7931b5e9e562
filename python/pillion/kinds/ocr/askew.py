"""Whether all of a page is turned by the angle that it seems to be."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
else:
    from pillion.extras import lazy_numpy as np

    Mask = object

HARMLESS = 1.0
"""Degrees: turned by less than this, lines are read as well as level ones, so nobody has to agree."""
_REGION = 300
"""Side of a region in pixels of the ink: some lines of body type."""
_FEWEST_POINTS = 200
_STEP = 1.0
"""Degrees between the angles that a region is asked for, up to ``_MOST`` from the page's and from none."""
_MOST = 4.0
_CLEARLY = 1.15
"""How much sharper the lines of a region are at an angle than elsewhere, if it has one."""
_AGREED = 0.7
"""The share of the print of the regions that have an angle which has to have the page's."""


def agree_on(ink: Mask, degrees: float) -> bool:
    """Whether the lines of most regions of a page are turned clockwise by these degrees, each taken by itself.

    ``ink``: of the page, see :class:`pillion.kinds.ocr.layout.Print`.
    One card or stamp that is set askew, or several at different angles, do not turn a page: its other lines would be
    skewed by it.
    """
    corners = itertools.product(range(0, ink.shape[0], _REGION), range(0, ink.shape[1], _REGION))
    votes = [_vote(ink[top : top + _REGION, left : left + _REGION], degrees) for top, left in corners]
    return sum(points for points, agrees in votes if agrees) >= _AGREED * sum(points for points, _ in votes)


def _vote(ink: Mask, degrees: float) -> tuple[int, bool]:
    """How many points of ink a region has, and whether they lie on lines so turned; none where it has no angle."""
    rows, columns = np.nonzero(ink)
    if len(rows) < _FEWEST_POINTS:
        return 0, True
    low, high = min(degrees, 0.0) - _MOST, max(degrees, 0.0) + _MOST
    angles = [
        degrees + _STEP * step for step in range(math.ceil((low - degrees) / _STEP), int((high - degrees) / _STEP) + 1)
    ]
    sharp = [_sharpness(rows, columns, angle) for angle in angles]
    best = max(range(len(angles)), key=sharp.__getitem__)
    if sharp[best] < _CLEARLY * statistics.median(sharp):
        return 0, True
    return len(rows), abs(angles[best] - degrees) < 1.5 * _STEP


def _sharpness(rows: NDArray[np.intp], columns: NDArray[np.intp], degrees: float) -> int:
    """Sum of squared differences of neighbouring bins of the points along lines at an angle, as in the core's look."""
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    bins = np.bincount((rows * cos - columns * sin + 2 * _REGION).astype(np.intp))
    return int((np.diff(bins) ** 2).sum())
