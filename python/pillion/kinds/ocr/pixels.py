"""Pixels made ready for reading: gray, dark on light, larger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LUMA = (77, 150, 29)
"""ITU-R BT.601 in 256ths: the sum stays below 65,536."""
_DARK = 100


def gray_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray, shape (H, W), of (H, W, 3) RGB or (H, W, 4) RGBA; what is transparent becomes a ground to read against."""
    height, width, channels = pixels.shape
    gray = np.empty((height, width), dtype=np.uint8)
    # In strips: the intermediate numbers of a whole picture would take several times its room.
    for top in range(0, height, 64):
        strip = pixels[top : top + 64]
        luma = sum(strip[:, :, channel].astype(np.uint16) * factor for channel, factor in enumerate(_LUMA))
        gray[top : top + 64] = luma >> 8
    return gray if channels == 3 else _on_ground(gray, pixels[:, :, 3])


def _on_ground(gray: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """White under dark drawings, black under light ones."""
    weight = int(alpha.sum(dtype=np.int64))
    mean = float((gray.astype(np.uint32) * alpha).sum(dtype=np.int64)) / weight if weight else 0.0
    ground = 0 if mean > 170 else 255
    mixed = (gray.astype(np.uint16) * alpha + ground * (255 - alpha.astype(np.uint16))) // 255
    return mixed.astype(np.uint8)


def dark_on_light(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, inverted if most of it is dark: white text on black reads better, and faster, as a positive."""
    return 255 - gray if float(np.median(gray[::4, ::4])) < _DARK else gray


def enlarged(gray: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
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
