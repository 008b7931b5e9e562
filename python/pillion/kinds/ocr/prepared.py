"""A picture made ready to be recognised: gray, dark on light, evenly lit, upright, level; and the way back of boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion import _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]
    """Shape (n, 4): left, top, right, bottom; right and bottom are outside."""
    Gray = NDArray[np.uint8]
    """Shape (H, W), C-contiguous."""
else:
    from pillion.extras import lazy_numpy as np

    Boxes = Gray = object

# pixels ---------------------------------------------------------------------------------------------------------------

_LUMA = (77, 150, 29)
"""ITU-R BT.601 in 256ths: the sum stays below 65,536."""
_DARK = 100
_LIGHT = 170


def gray_of(pixels: NDArray[np.uint8]) -> Gray:
    """Gray pixels of RGB or RGBA, shape (H, W, 3 or 4); transparent parts become a background to read against."""
    height, width, channels = pixels.shape
    gray = np.empty((height, width), dtype=np.uint8)
    # In strips: the intermediate numbers of a whole picture would take several times its memory.
    for top in range(0, height, 64):
        strip = pixels[top : top + 64]
        luma = strip[:, :, 0].astype(np.uint16) * _LUMA[0]
        luma += strip[:, :, 1].astype(np.uint16) * _LUMA[1]
        luma += strip[:, :, 2].astype(np.uint16) * _LUMA[2]
        gray[top : top + 64] = luma >> 8
    return gray if channels == 3 else _on_background(gray, pixels[:, :, 3])


def _on_background(gray: Gray, alpha: NDArray[np.uint8]) -> Gray:
    """White behind dark drawings, black behind light ones."""
    weight = int(alpha.sum(dtype=np.int64))
    mean = float((gray.astype(np.uint32) * alpha).sum(dtype=np.int64)) / weight if weight else 0.0
    background = 0 if mean > _LIGHT else 255
    mixed = (gray.astype(np.uint16) * alpha + background * (255 - alpha.astype(np.uint16))) // 255
    return mixed.astype(np.uint8)


def dark_on_light(gray: Gray) -> Gray:
    """The picture, inverted if most of it is dark: white text on black is recognised better and faster so."""
    return 255 - gray if float(np.median(gray[::4, ::4])) < _DARK else gray


def enlarged(gray: Gray, width: int, height: int) -> Gray:
    """Bilinear, to ``(height, width)``."""
    rows, row_part = _positions(gray.shape[0], height)
    columns, column_part = _positions(gray.shape[1], width)
    source = gray.astype(np.float32)
    next_column = np.minimum(columns + 1, gray.shape[1] - 1)
    wide = source[:, columns] * (1 - column_part) + source[:, next_column] * column_part
    next_row = np.minimum(rows + 1, gray.shape[0] - 1)
    tall = wide[rows] * (1 - row_part[:, None]) + wide[next_row] * row_part[:, None]
    return np.ascontiguousarray(np.rint(tall), dtype=np.uint8)


def _positions(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each new pixel the old one at or before its centre, and how far it is on the way to the next."""
    centres = np.clip((np.arange(new, dtype=np.float32) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.floor(centres).astype(np.intp)
    return first, (centres - first).astype(np.float32)


# the prepared picture, and the way back for boxes ---------------------------------------------------------------------

_UNEVEN = 16.0
"""Where the brightness of the background differs more between places with print, it is made even."""
_LEVEL = 0.25
"""Degrees: lines with less skew are left as they are. Tesseract follows them, and turning costs sharpness."""
_SIDEWAYS_TURNS = 3
"""Quarter turns clockwise that set lines upright which run downwards."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """The source's picture, shape ``source_shape`` (H, W): first turned clockwise by ``turns`` quarters, then back by
    ``skew`` degrees, then clockwise by ``more`` quarters.
    """

    gray: Gray
    source_shape: tuple[int, int]
    turns: int = 0
    skew: float = 0.0
    more: int = 0

    @property
    def all_turns(self) -> int:
        """Quarter turns clockwise, 0 to 3."""
        return (self.turns + self.more) % 4

    def turned(self, turns: int) -> PreparedImage:
        """Turned clockwise by more quarters."""
        return replace(self, gray=turned(self.gray, turns), more=(self.more + turns) % 4)

    def to_source(self, boxes: Boxes) -> Boxes:
        """Where these boxes lie in the source's picture: for each the smallest upright box around it."""
        height, width = self.gray.shape
        level = (width, height) if self.more % 2 else (height, width)
        boxes = turned_back(boxes, self.more, level)
        if self.skew:
            before = self.source_shape[::-1] if self.turns % 2 else self.source_shape
            boxes = _skewed_back(boxes, self.skew, level, before)
            boxes[:, :2] = np.maximum(boxes[:, :2], 0)
            boxes[:, 2:] = np.minimum(boxes[:, 2:], before[::-1])
        return turned_back(boxes, self.turns, self.source_shape)


def prepared(gray: Gray, profile: _core.Look, *, turns: int | None = None) -> PreparedImage:
    """A picture made ready to be recognised. ``profile``: of the same picture at this or another scale.

    ``turns``: by how many quarters to turn it clockwise, if not as the profile says.
    """
    shape = (gray.shape[0], gray.shape[1])
    if not profile.is_paper:
        # What looks like print in a photograph lies at any angle.
        return PreparedImage(gray, shape)
    if profile.uneven >= _UNEVEN:
        gray = _core.levelled(gray)
    if turns is None:
        turns = _SIDEWAYS_TURNS if profile.sideways else 0
    if turns:
        gray = turned(gray, turns)
    if abs(profile.skew) < _LEVEL:
        return PreparedImage(gray, shape, turns)
    return PreparedImage(_deskewed(gray, profile.skew), shape, turns, profile.skew)


def turned(gray: Gray, quarter_turns: int) -> Gray:
    """Turned clockwise."""
    return np.ascontiguousarray(np.rot90(gray, -quarter_turns))


def _deskewed(gray: Gray, degrees: float) -> Gray:
    """Turned back by ``degrees`` about its middle; larger, so that nothing is cut off."""
    height, width = gray.shape
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    size = math.ceil(abs(height * cos) + abs(width * sin)), math.ceil(abs(width * cos) + abs(height * sin))
    x, y = size[1] / 2, size[0] / 2
    # A place of the result, seen from its middle, lies in the picture turned clockwise by the angle.
    place = (cos, -sin, width / 2 - cos * x + sin * y, sin, cos, height / 2 - sin * x - cos * y, 0.0, 0.0)
    return _core.warped(gray, place, size, ground=int(np.median(gray[::8, ::8])))


def _skewed_back(boxes: Boxes, degrees: float, shape: tuple[int, int], before: tuple[int, int]) -> Boxes:
    """Around boxes of a deskewed picture of ``shape``, in the picture of shape ``before`` it was; both (H, W)."""
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    across = boxes[:, [0, 0, 2, 2]] - shape[1] / 2
    down = boxes[:, [1, 3, 1, 3]] - shape[0] / 2
    xs = across * cos - down * sin + before[1] / 2
    ys = across * sin + down * cos + before[0] / 2
    return np.stack([xs.min(axis=1), ys.min(axis=1), xs.max(axis=1), ys.max(axis=1)], axis=1)


def turned_back(boxes: Boxes, quarter_turns: int, shape: tuple[int, int]) -> Boxes:
    """Where boxes of the picture turned clockwise lie in the picture of ``shape`` (H, W) before it was turned."""
    left, top, right, bottom = boxes.T
    height, width = shape
    if quarter_turns == 1:
        return np.stack([top, height - right, bottom, height - left], axis=1)
    if quarter_turns == 2:
        return np.stack([width - right, height - bottom, width - left, height - top], axis=1)
    if quarter_turns == 3:
        return np.stack([width - bottom, left, width - top, right], axis=1)
    return boxes
