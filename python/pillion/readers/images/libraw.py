"""LibRaw (by rawpy): develops camera raw files that have no preview. The only importer of rawpy."""

from __future__ import annotations

import io

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.images.base import DecodedPicture, check_size

NAME = "libraw"
EXTRA = "raw"
MIMES = frozenset(
    {
        "image/x-adobe-dng",
        "image/x-canon-cr2",
        "image/x-canon-cr3",
        "image/x-canon-crw",
        "image/x-fuji-raf",
        "image/x-minolta-mrw",
        "image/x-nikon-nef",
        "image/x-olympus-orf",
        "image/x-panasonic-rw2",
        "image/x-pentax-pef",
        "image/x-samsung-srw",
        "image/x-sigma-x3f",
        "image/x-sony-arw",
    }
)
NOTE = "camera raw, developed where its preview is missing or small"
ALPHA = False
ICC = False

_MODULE = "rawpy"
_BYTES_PER_PIXEL = 13
"""The samples, four channels of 16 bits during interpolation, and RGB."""


def missing(mime: str) -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing(EXTRA, "camera raw files without a preview", _MODULE)


def version() -> str:
    """LibRaw's version, such as ``0.22.0``."""
    import rawpy

    return ".".join(map(str, rawpy.libraw_version))


def decode(data: bytes, mime: str, *, max_side: int | None, max_pixels: int, page: int = 0) -> DecodedPicture:
    """Developed with the camera's white balance; at half size if that is enough, which is much faster.

    Raises ItemError.
    """
    import numpy as np
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            width, height = raw.sizes.width, raw.sizes.height
            is_half_enough = max_side is not None and max(width, height) // 2 >= max_side
            check_size((width, height), max_pixels, _BYTES_PER_PIXEL / (4 if is_half_enough else 1))
            # LibRaw applies the file's orientation.
            pixels = raw.postprocess(half_size=is_half_enough, use_camera_wb=True, output_bps=8)
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        raise ItemError(ErrorClass.UNSUPPORTED, "LibRaw does not know this camera raw file") from error
    except (rawpy.LibRawUnsufficientMemoryError, MemoryError) as error:
        raise ItemError(ErrorClass.OOM, "no memory to develop the picture") from error
    except rawpy.LibRawTooBigError as error:
        raise ItemError(ErrorClass.TOO_LARGE, "the picture is larger than LibRaw's limit") from error
    except (rawpy.LibRawError, ValueError) as error:
        raise ItemError(ErrorClass.CORRUPT, f"LibRaw: {_message(error)}") from error
    return DecodedPicture(np.ascontiguousarray(pixels))


def _message(error: Exception) -> str:
    word = error.args[0] if error.args else error
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
