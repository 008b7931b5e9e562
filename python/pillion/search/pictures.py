"""What of a picture is compared with others: its smallest thumbnail, the gray levels of that, and their hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pillion import _core
from pillion.catalog.search import ReadySidecar
from pillion.kinds.thumbnail.kind import THUMB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SMALLEST_FIRST = ("icon", "grid@1x", "grid@2x", "grid@3x", "detail@1x", "detail@2x")
_FLAT = 1.5
"""A picture whose gray levels differ by less than this has no looks to compare: its hash is all zeros."""


def smallest_thumbnail(ready: Sequence[ReadySidecar]) -> ReadySidecar | None:
    """The smallest thumbnail of a content; None if it has none of the sizes of ours."""
    thumbs = {item.variant: item for item in ready if item.kind == THUMB}
    return next((thumbs[name] for name in _SMALLEST_FIRST if name in thumbs), None)


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
