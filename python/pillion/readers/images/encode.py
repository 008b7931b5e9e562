"""Pixels to JPEG and AVIF files, by Pillow. WebP is the core's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"optimize": True, "progressive": True},
    # One thread, as the bytes must not depend on their number. Speed 6 of 10 takes a second for 4 megapixels.
    "avif": {"speed": 6, "max_threads": 1},
}
_WHITE = (255, 255, 255)


def missing(file_format: str) -> str | None:
    """What is missing to write files of a format, and how to install it, in one sentence; None if nothing is."""
    from PIL import features

    if file_format != "avif" or features.check("avif"):
        return None
    return "this Pillow is built without AVIF: run pip install --upgrade --force-reinstall pillow"


def encoded(pixels: NDArray[np.uint8], file_format: str, quality: int) -> bytes:
    """A whole file without metadata of sRGB pixels, shape (H, W, 3) or (H, W, 4); JPEG shows the latter on white.

    ``file_format``: jpeg or avif. ``quality``: 0 to 100, as the encoder counts it. Raises ItemError: missing_tool if
    this Pillow cannot write AVIF.
    """
    from PIL import Image

    problem = missing(file_format)
    if problem is not None:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    picture = Image.fromarray(pixels)
    if file_format == "jpeg" and picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, _WHITE)
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    sink = io.BytesIO()
    picture.save(sink, file_format.upper(), quality=quality, subsampling="4:2:0", **_OPTIONS[file_format])
    return sink.getvalue()
