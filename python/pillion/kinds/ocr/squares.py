"""Squares of a picture: those to be ticked in a form, and bullets that are squares."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Gray, median_gray, percentile_gray
from pillion.kinds.ocr.result import Box

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_AS_WIDE = 0.75
"""The shorter side of a square is such a part of the longer one at least."""
_LEAST_SQUARE = 8
"""Smaller squares, in pixels, cannot be told from letters."""
_FRAME = 0.3
"""Each side of a frame is a line in such an outer part of the square, ..."""
_STRAIGHT = 0.85
"""... dark along so much of it; ..."""
_CLEAR = 0.02
"""... at most so much of what is within is dark."""
_FULL = 0.95
"""A full one is dark so far within."""
_CORNER = 0.15
_IN_CORNER = 0.5
"""So is most of its corners, of such a part of its sides: a round bullet has none."""


def ink_level(gray: Gray, least: float) -> float | None:
    """The gray between the ground and the darkest hundredth; None where these are less than ``least`` apart."""
    ground, darkest = median_gray(gray), percentile_gray(gray, 1)
    return None if ground - darkest < least else (ground + darkest) / 2


class Square(Enum):
    """What a square of a picture holds."""

    EMPTY = auto()
    FULL = auto()


def square_at(gray: Gray, box: Box, level: float) -> Square | None:
    """What the square holds that a box is around, in which what is darker than ``level`` is ink; None: it is none."""
    left, top, right, bottom = (round(side) for side in box)
    wide, high = right - left, bottom - top
    if min(wide, high) < max(_LEAST_SQUARE, _AS_WIDE * max(wide, high)):
        return None
    dark = gray[max(0, top) : bottom, max(0, left) : right] < level
    if dark.shape != (high, wide):
        return None
    edge = max(2, round(_FRAME * min(wide, high)))
    within = float(dark[edge:-edge, edge:-edge].mean())
    if _CLEAR < within < _FULL:
        return None
    sides = (dark[:edge], dark[-edge:], dark[:, :edge].T, dark[:, -edge:].T)
    if any(float(side.mean(axis=1).max()) < _STRAIGHT for side in sides):
        return None
    if within <= _CLEAR:
        return Square.EMPTY
    corner = max(1, round(_CORNER * min(wide, high)))
    corners = (
        dark[rows, columns]
        for rows in (np.s_[:corner], np.s_[-corner:])
        for columns in (np.s_[:corner], np.s_[-corner:])
    )
    return Square.FULL if all(part.mean() > _IN_CORNER for part in corners) else None
