"""Pictures made at test time: known content, every format and mode that Pillow can write."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
from PIL import Image

from pillion import _core
from pillion.errors import ItemError


def chart(width: int = 160, height: int = 120) -> Image.Image:
    """An RGB picture that has no symmetry: gradients, a bright disc in the upper left, a dark bar at the bottom."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    red = 255 * x / width
    green = 255 * y / height
    blue = 128 + 60 * np.sin(x / 9) * np.cos(y / 7)
    pixels = np.stack([red, green, blue], axis=-1)
    disc = (x - width / 4) ** 2 + (y - height / 4) ** 2 < (height / 6) ** 2
    pixels[disc] = (250, 240, 40)
    pixels[int(height * 0.85) : int(height * 0.95), : width // 2] = (20, 20, 90)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def glass(width: int = 160, height: int = 120) -> Image.Image:
    """The chart with an alpha channel: opaque at the left, clear at the right."""
    picture = chart(width, height)
    ramp = np.tile(np.linspace(255, 0, width).round().astype(np.uint8), (height, 1))
    picture.putalpha(Image.fromarray(ramp))
    return picture


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    """The picture as a file of a format of Pillow."""
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block that holds an orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def opened(data: bytes) -> Image.Image:
    """The file decoded by Pillow."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera turns what it sees into what it stores, by the orientation it notes."""


def as_stored(picture: Image.Image, orientation: int) -> Image.Image:
    """The pixels a camera would store, so that turning them by ``orientation`` gives ``picture``."""
    turn = STORED[orientation]
    return picture if turn is None else picture.transpose(turn)


BLAMELESS = ("ready", "corrupt", "unsupported", "too_large")
"""What may become of a damaged file: never `crash`, `oom` or an exception of another type."""


def damaged(data: bytes, dice: random.Random, head: int) -> bytes:
    """``data`` with a few bytes changed at random, half of them among the first ``head``."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 4, 20))):
        limit = len(data) if dice.random() < 0.5 else min(len(data), head)
        changed[dice.randrange(limit)] = dice.randrange(256)
    return bytes(changed)


def outcome(data: bytes) -> str:
    """What becomes of a picture: ``ready``, or the class of the error."""
    try:
        _core.thumbnails(data, [("a", 64, 80)], max_pixels=4_000_000)
    except ItemError as error:
        return error.error_class
    return "ready"
