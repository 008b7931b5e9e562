"""The perceptual hash of a picture, by which others that look the same are found: from its pixels, or a thumbnail."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pillion import _core
from pillion.errors import ItemError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 256
"""The longest side in pixels of what is hashed: the hash is of coarse shapes."""
_LEAST = 128
"""A thumbnail of this size shows enough."""
_FLAT = 1.5
"""A picture whose gray levels differ by less than this has no looks to compare: its hash is all zeros."""


def likeness_of(pixels: NDArray[np.uint8]) -> bytes:
    """The perceptual hash of pixels, shape (H, W, 3) or (H, W, 4), uint8: 32 bytes. What is transparent is white."""
    import numpy as np

    gray = gray_of(pixels)
    return bytes(32) if float(gray.std()) < _FLAT else _core.likeness_hash(np.ascontiguousarray(gray, dtype=np.uint8))


def gray_of(pixels: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
    """Gray levels, 0 to 255, shape (H, W), of pixels of shape (H, W, 3) or (H, W, 4), uint8, the latter on white."""
    import numpy as np

    rgb = pixels[..., :3].astype(np.uint32)
    gray: NDArray[np.integer[Any]] = (rgb[..., 0] * 77 + rgb[..., 1] * 150 + rgb[..., 2] * 29) >> 8
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3].astype(np.uint32)
        gray = (gray * alpha + 255 * (255 - alpha)) // 255
    return gray


def likeness_by(thumbnails: Mapping[int, bytes]) -> bytes | None:
    """The same of a picture with these thumbnails, longest side -> bytes, from the smallest that shows enough.

    None where numpy is not installed, or for a thumbnail that cannot be read.
    """
    if not thumbnails or not _has_numpy():
        return None
    side = min((side for side in thumbnails if side >= _LEAST), default=max(thumbnails))
    try:
        return likeness_of(_core.decode(thumbnails[side], max_side=SIDE))
    except ItemError:
        return None


@functools.cache
def _has_numpy() -> bool:
    return find_spec("numpy") is not None
