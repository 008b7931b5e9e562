"""HEIC and HEIF by pi-heif, or by pillow-heif, which is the same with an encoder. The only importer of them.

libheif applies the file's own rotation and mirroring (irot, imir). EXIF repeats them for readers that do not know HEIF
(ISO/IEC 23008-12, annex A), so its orientation is ignored.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.images import libheif
from pillion.readers.images.base import DecodedPicture, check_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "libheif"
EXTRA = "heif"
MIMES = frozenset({"image/heic", "image/heif", "image/heic-sequence"})
NOTE = "the primary picture; 8 to 12 bits"
ALPHA = True
ICC = True

_MODULES = ("pi_heif", "pillow_heif")
_BYTES_PER_PIXEL = 4.5
"""RGB, and the YCbCr 4:2:0 that it is made from."""


def missing(mime: str) -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    if any(importlib.util.find_spec(module) for module in _MODULES):
        return extras.missing(EXTRA, "HEIC pictures", "numpy")
    return f"HEIC pictures need the Python package pi-heif, which is not installed: run {extras.command(EXTRA)}"


def version() -> str:
    """libheif's version, such as ``1.23.0``."""
    return str(_module().libheif_version())


def decode(data: bytes, mime: str, *, max_side: int | None, max_pixels: int, page: int = 0) -> DecodedPicture:
    """The primary picture, at full size: libheif decodes no other. Raises ItemError."""
    module = _module()
    if _ends_early(data):
        raise ItemError(ErrorClass.CORRUPT, "the file ends early")

    def check(size: tuple[int, int]) -> None:
        check_size(size, max_pixels, _BYTES_PER_PIXEL)

    try:
        extension = getattr(sys.modules.get(f"_{module.__name__}"), "__file__", None)
        found = libheif.primary(extension, data, check) if extension else None
        if found is None:
            return _by_package(module, data, check)
    except MemoryError as error:
        raise ItemError(ErrorClass.OOM, "no memory to decode the picture") from error
    except (ValueError, RuntimeError, EOFError, SyntaxError, OSError, IndexError) as error:
        raise _typed(error) from error
    pixels = _straight(found.pixels) if found.multiplied and found.pixels.shape[2] == 4 else found.pixels
    return DecodedPicture(pixels, found.profile, found.code_points)


def _by_package(module: Any, data: bytes, check: Callable[[tuple[int, int]], None]) -> DecodedPicture:
    """The same by the package's own interface, for an older libheif."""
    import numpy as np

    file = module.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    if not len(file):
        raise ItemError(ErrorClass.UNSUPPORTED, "no picture in it has a coding that libheif reads")
    image = file[file.primary_index]
    check(image.size)
    # A copy, because the buffer belongs to libheif's picture.
    pixels = _as_rgb(np.array(image), image.mode)
    return DecodedPicture(pixels, image.info.get("icc_profile"), _code_points(image.info))


def _module() -> Any:
    name = next((name for name in _MODULES if importlib.util.find_spec(name)), None)
    if name is None:
        raise ItemError(ErrorClass.MISSING_TOOL, missing("") or "")
    return import_module(name)


def _typed(error: Exception) -> ItemError:
    """libheif's errors differ only by their text, whose first words are fixed."""
    text = " ".join(str(error).split())
    if text.startswith(("Unsupported", "Security limit")):
        limit = text.startswith("Security")
        return ItemError(ErrorClass.TOO_LARGE if limit else ErrorClass.UNSUPPORTED, f"libheif: {text}")
    return ItemError(ErrorClass.CORRUPT, f"libheif: {text}"[:300])


def _ends_early(data: bytes) -> bool:
    """Whether the last box is longer than the rest of the file: libheif shows such files with gaps."""
    at = 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, at + 8)
        elif length == 0:
            return False
        if length < 8:
            return False
        at += length
    return at > len(data)


def _as_rgb(pixels: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.dtype != np.uint8:
        # Grey of more than 8 bits is in the high bits of 16.
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    if mode.endswith("a"):
        pixels = _straight(pixels)
    return np.ascontiguousarray(pixels)


def _straight(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight alpha: colours divided by their alpha."""
    import numpy as np

    alpha = pixels[:, :, 3:].astype(np.uint32)
    colours = (pixels[:, :, :3].astype(np.uint32) * 255 + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, 255).astype(np.uint8), pixels[:, :, 3:]], axis=2)


def _code_points(info: dict[str, Any]) -> tuple[int, int] | None:
    named = info.get("nclx_profile")
    return (int(named["color_primaries"]), int(named["transfer_characteristics"])) if named else None
