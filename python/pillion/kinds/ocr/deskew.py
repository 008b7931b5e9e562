"""A page made ready to be read: evenly lit, the right way up as far as the look can tell, its lines level.

Boxes of what is read on a sheet are given back in the picture that it was made of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillion import _core
from pillion.kinds.ocr.layout import Box

_UNEVEN = 16.0
"""Ground that differs more between places with print is made even."""
_LEVEL = 0.25
"""Degrees: lines that are less askew are read as they are. Tesseract follows them, and turning costs sharpness."""
_SIDEWAYS_TURNS = 3
"""Quarter turns clockwise that set lines upright which run downwards."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The picture of ``shape`` (H, W), first turned clockwise by ``turns`` quarters, then by ``skew`` degrees back,
    then by ``more`` quarters.
    """

    gray: NDArray[np.uint8]
    shape: tuple[int, int]
    turns: int = 0
    skew: float = 0.0
    more: int = 0

    @property
    def all_turns(self) -> int:
        """Quarter turns clockwise, 0 to 3."""
        return (self.turns + self.more) % 4

    def turned(self, turns: int) -> Sheet:
        """The sheet turned clockwise by more quarter turns."""
        gray = np.ascontiguousarray(np.rot90(self.gray, -turns))
        return replace(self, gray=gray, more=(self.more + turns) % 4)

    def before(self, box: Box) -> Box:
        """Where a box of the sheet lies in the picture: the smallest upright box around it."""
        height, width = self.gray.shape
        straight = (width, height) if self.more % 2 else (height, width)
        box = box_before_turn(box, self.more, straight)
        if self.skew:
            height, width = self.shape[::-1] if self.turns % 2 else self.shape
            box = _around_turned(box, self.skew, straight, (height, width))
            box = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
        return box_before_turn(box, self.turns, self.shape)


def sheet_of(gray: NDArray[np.uint8], look: _core.Look) -> Sheet:
    """The sheet of a picture that was looked at, at this or another scale."""
    shape = (gray.shape[0], gray.shape[1])
    if not look.is_paper:
        # What is taken for print in a photograph lies at any angle.
        return Sheet(gray, shape)
    if look.uneven >= _UNEVEN:
        gray = _core.levelled(gray)
    turns = _SIDEWAYS_TURNS if look.sideways else 0
    if turns:
        gray = np.ascontiguousarray(np.rot90(gray, -turns))
    if abs(look.skew) < _LEVEL:
        return Sheet(gray, shape, turns)
    return Sheet(_straightened(gray, look.skew), shape, turns, look.skew)


def _straightened(gray: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Turned back by ``degrees`` about its middle; larger, so that nothing is cut off."""
    height, width = gray.shape
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    size = math.ceil(abs(height * cos) + abs(width * sin)), math.ceil(abs(width * cos) + abs(height * sin))
    x, y = size[1] / 2, size[0] / 2
    # A place of the result, seen from its middle, lies in the picture turned clockwise by the angle.
    place = (cos, -sin, width / 2 - cos * x + sin * y, sin, cos, height / 2 - sin * x - cos * y, 0.0, 0.0)
    return _core.warped(gray, place, size, ground=int(np.median(gray[::8, ::8])))


def _around_turned(box: Box, degrees: float, size: tuple[int, ...], shape: tuple[int, int]) -> Box:
    """Around a box of a straightened picture of ``size``, in the picture of ``shape`` before; both (H, W)."""
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    xs, ys = [], []
    for x in (box[0], box[2]):
        for y in (box[1], box[3]):
            across, down = x - size[1] / 2, y - size[0] / 2
            xs.append(across * cos - down * sin + shape[1] / 2)
            ys.append(across * sin + down * cos + shape[0] / 2)
    return min(xs), min(ys), max(xs), max(ys)


def box_before_turn(box: Box, quarter_turns: int, shape: tuple[int, ...]) -> Box:
    """Where a box of the picture turned clockwise lies in the picture of ``shape`` (H, W) before it was turned."""
    left, top, right, bottom = box
    height, width = shape
    if quarter_turns == 1:
        return top, height - right, bottom, height - left
    if quarter_turns == 2:
        return width - right, height - bottom, width - left, height - top
    if quarter_turns == 3:
        return width - bottom, left, width - top, right
    return box
