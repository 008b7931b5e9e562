"""Rare formats by Pillow, or Pillow-SIMD in its place: only features of both are used.

Also a second opinion on all common formats, for files that the core refuses.
"""

from __future__ import annotations

import array
import contextlib
import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from pillion import machine
from pillion.errors import ErrorClass, ItemError
from pillion.readers.images.base import DecodedPicture, check_size

if TYPE_CHECKING:
    from PIL import Image
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

NAME = "pillow"
EXTRA = None
NOTE = "rare formats, and what the core refuses of the common ones"
ALPHA = True
ICC = True

_FORMATS: Mapping[str, str] = {
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jpeg": "JPEG",
    "image/jp2": "JPEG2000",
    "image/png": "PNG",
    "image/qoi": "QOI",
    "image/tiff": "TIFF",
    "image/vnd.adobe.photoshop": "PSD",
    "image/webp": "WEBP",
    "image/x-icon": "ICO",
    "image/x-portable-anymap": "PPM",
    "image/icns": "ICNS",
    "image/sgi": "SGI",
    "image/x-dds": "DDS",
    "image/x-pcx": "PCX",
    "image/x-sun-raster": "SUN",
    "image/x-tga": "TGA",
    "image/fits": "FITS",
    "image/x-blp": "BLP",
    "image/x-dcx": "DCX",
    "image/x-ftex": "FTEX",
    "image/x-gimp-gbr": "GBR",
    "image/x-msp": "MSP",
    "image/x-photo-cd": "PCD",
    "image/x-pixar": "PIXAR",
    "image/x-xbitmap": "XBM",
}
"""Type -> Pillow's name of the only format that is tried: others would run programs or read other files."""
MIMES = frozenset(_FORMATS)

_FEATURES: Mapping[str, str] = {"image/avif": "avif", "image/jp2": "jpg_2000", "image/webp": "webp"}
"""Features that a Pillow built from source may lack."""
_BYTES_PER_PIXEL = 8
_DEEPEST = 65535
_MODES = {"1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA", "RGBX", "RGBa", "La"}
_lock = threading.Lock()


def missing(mime: str) -> str | None:
    """What is missing and how to install it, in one sentence; None if files of this type can be decoded."""
    feature = _FEATURES.get(mime)
    if feature is None:
        return None
    from PIL import features

    # An older Pillow warns of a feature whose name it does not know.
    with warnings.catch_warnings(action="ignore"):
        if features.check(feature):
            return None
    return f"this Pillow is built without {feature}: run pip install --force-reinstall pillow"


def version() -> str:
    """Pillow's version, such as ``13.0.0``."""
    import PIL

    return str(PIL.__version__)


def decode(data: bytes, mime: str, *, max_side: int | None, max_pixels: int, page: int = 0) -> DecodedPicture:
    """The first picture, or the ``page`` of a TIFF; large JPEG 2000 at a size above ``max_side``. Raises ItemError."""
    if mime == "image/jp2" and max_side is not None:
        try:
            return _decode(data, mime, max_side, max_pixels, page)
        except ItemError as error:
            if error.error_class is not ErrorClass.CORRUPT:
                raise
            # A part of the picture may have fewer wavelets than its header says.
    return _decode(data, mime, None, max_pixels, page)


def _decode(data: bytes, mime: str, max_side: int | None, max_pixels: int, page: int) -> DecodedPicture:
    from PIL import Image, ImageOps, UnidentifiedImageError

    if mime == "image/x-dds" and _is_cut_texture(data):
        raise ItemError(ErrorClass.CORRUPT, "the file ends early")
    try:
        # Pillow's limit and the warnings are global, so one picture at a time.
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
            try:
                with Image.open(io.BytesIO(data), formats=[_FORMATS[mime]]) as picture:
                    if page:
                        picture.seek(page)
                    halvings = _halvings(data, picture, max_side)
                    check_size(picture.size, max_pixels, _BYTES_PER_PIXEL / 4**halvings)
                    profile = picture.info.get("icc_profile")
                    if halvings:
                        cast("Jpeg2KImageFile", picture).reduce = halvings
                    with _free_cores(picture):
                        picture.load()
                    return _decoded(ImageOps.exif_transpose(picture), profile)
            finally:
                Image.MAX_IMAGE_PIXELS = before
    except Image.DecompressionBombError as error:
        raise ItemError(ErrorClass.TOO_LARGE, f"the picture has more pixels than the limit of {max_pixels}") from error
    except MemoryError as error:
        raise ItemError(ErrorClass.OOM, "no memory to decode the picture") from error
    except UnidentifiedImageError as error:
        # Pillow's message names an object in memory, so it differs each time.
        raise ItemError(ErrorClass.CORRUPT, f"Pillow: this is no {_FORMATS[mime]} file") from error
    except _DAMAGE as error:
        raise ItemError(ErrorClass.CORRUPT, f"Pillow: {error}"[:300]) from error


_WORTH_HALVING = 1 << 21
"""Pixels. Smaller JPEG 2000 pictures are decoded in full: that is fast enough, and odd ones are small."""
_SPARE = 1.5
"""How much larger than wanted a halved picture stays, for the core, whose filter is better, to scale it down."""


_THREADS = "OPJ_NUM_THREADS"
"""OpenJPEG reads it as it begins to decode."""
_MOST_THREADS = 4


@contextlib.contextmanager
def _free_cores(picture: Image.Image) -> Iterator[None]:
    """A large JPEG 2000 picture is decoded on as many cores as are free, unless the environment says on how many."""
    if picture.format != "JPEG2000" or picture.width * picture.height < _WORTH_HALVING or _THREADS in os.environ:
        yield
        return
    most = machine.threads_available()
    extras = [extra for _ in range(_MOST_THREADS - 1) if (extra := machine.acquire_extra_core(most))]
    os.environ[_THREADS] = str(1 + len(extras))
    try:
        yield
    finally:
        del os.environ[_THREADS]
        for extra in extras:
            extra.release()


def _halvings(data: bytes, picture: Image.Image, max_side: int | None) -> int:
    """How often to halve a JPEG 2000 picture so that it still has more than ``max_side``.

    Its wavelets hold smaller copies: to leave out those of one halving saves three quarters of the time.
    """
    if picture.format != "JPEG2000" or max_side is None or picture.width * picture.height < _WORTH_HALVING:
        return 0
    most = _wavelets(data)
    halvings = 0
    while halvings < most and max(picture.size) >> (halvings + 1) >= _SPARE * max_side:
        halvings += 1
    return halvings


def _wavelets(data: bytes) -> int:
    """How often a JPEG 2000 stream can be halved: the decompositions in its COD marker (T.800, A.5.1 and A.6.1).

    0 for pictures of indices, whose means are other colours, and those with components of several sizes.
    """
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0 or b"pclr" in data[:start] or start + 42 > len(data):
        return 0
    corner = data[start + 16 : start + 24]
    components = int.from_bytes(data[start + 40 : start + 42], "big")
    steps = data[start + 42 : start + 42 + 3 * components]
    if any(corner) or any(step != 1 for index, step in enumerate(steps) if index % 3):
        return 0
    at = start + 2
    while data[at : at + 1] == b"\xff" and at + 10 <= len(data):
        if data[at + 1] == 0x52:
            return data[at + 9]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0


_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise for unexpected bytes."""


def _is_cut_texture(data: bytes) -> bool:
    """Whether a DDS file of plain pixels ends early: Pillow before 13 shows it without an error."""
    if len(data) < 128:
        return True
    height, width = struct.unpack_from("<II", data, 12)
    flags, four_letters, bits = struct.unpack_from("<I4sI", data, 80)
    # Indices have a byte, whatever the header says of their colours.
    is_plain = not flags & 0x4 and four_letters == bytes(4) and not flags & 0x20
    return is_plain and len(data) < 128 + height * ((width * bits + 7) // 8)


def _decoded(picture: Image.Image, profile: bytes | None) -> DecodedPicture:
    if picture.mode.startswith("I"):
        return DecodedPicture(_pixels(_from_deep_grey(picture)))
    if picture.mode not in _MODES:
        raise ItemError(ErrorClass.UNSUPPORTED, f"a picture of Pillow's mode {picture.mode}")
    if picture.mode == "LAB":
        return DecodedPicture(_pixels(_from_lab(picture)))
    has_alpha = picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info
    # A palette with alpha, as in DDS.
    has_alpha |= picture.palette is not None and picture.palette.mode == "RGBA"
    if picture.mode not in ("RGB", "RGBA", "P", "PA"):
        # The profile is for CMYK, grey or another model, which Pillow has converted.
        profile = None
    return DecodedPicture(_pixels(picture.convert("RGBA" if has_alpha else "RGB")), profile)


def _pixels(picture: Image.Image) -> memoryview:
    """Rows, columns and channels."""
    return memoryview(picture.tobytes()).cast("B", (picture.height, picture.width, len(picture.getbands())))


def _from_lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    assert converted is not None
    return converted


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, whichever of Pillow's modes holds it: the upper byte of each value, cut to the range."""
    from PIL import Image

    values = array.array("i", picture.convert("I").tobytes())
    if values and not 0 <= min(values) <= max(values) <= _DEEPEST:
        values = array.array("i", (min(max(value, 0), _DEEPEST) for value in values))
    second = 1 if sys.byteorder == "little" else values.itemsize - 2
    upper = values.tobytes()[second :: values.itemsize]
    return Image.frombytes("L", picture.size, upper).convert("RGB")
