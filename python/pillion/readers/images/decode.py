"""Pictures to pixels and thumbnails: the one place that decides which decoder reads a type.

The Rust core comes first. Other types go to the first installed engine that reads them: HEIC to libheif, camera raw
files without a preview to LibRaw, rare formats to Pillow.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.model import UNKNOWN, Recipe
from pillion.readers.images import heif, libraw, pillow
from pillion.readers.images.base import PictureEngine, by_rendering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Source = str | os.PathLike[str] | bytes
MAX_PIXELS = 1 << 28
"""Pictures with more than these 268 million pixels are refused, unless the caller sets another limit."""

ENGINES = cast("tuple[PictureEngine, ...]", (heif, libraw, pillow))
"""In the order in which they are tried."""
_SNIFFED = 1 << 16
_TIFF = "image/tiff"
_HASHED_SIDE = 128
"""More than a ThumbHash uses."""
_MAX_FILE_BYTES = 1 << 30
_SMALL_PREVIEW = 640
"""A raw file whose largest preview is smaller than this (longest side) is developed, if LibRaw is installed."""


def mime_of(source: Source) -> str:
    """The type of a file or of its bytes, from the bytes or else the name. Raises ItemError (``missing_source``)."""
    if isinstance(source, bytes):
        return _core.sniff(source[:_SNIFFED])
    mime = _core.sniff_file(source)
    return _core.claimed_type(os.path.basename(os.fsencode(source))) or mime if mime == UNKNOWN else mime


def decoders(mime: str) -> list[str]:
    """The decoders besides the core that a recipe must name. Empty for types that only the core reads.

    If the core reads the type too, only installed ones are named: so files that were processed without an extra are
    tried again once it is installed.
    """
    if mime not in _core_mimes():
        # Its files wait for the only engine that reads them, and are processed once.
        return [engine.NAME for engine in _engines(mime)]
    engines = [engine for engine in _engines(mime) if engine.EXTRA is not None]
    return [engine.NAME for engine in engines if engine.missing(mime) is None]


def with_decoders(recipe: Recipe, mime: str) -> Recipe:
    """The recipe with the :func:`decoders` of the type in its settings, if there are any."""
    names = decoders(mime)
    return replace(recipe, settings={**recipe.settings, "decoders": names}) if names else recipe


def decode(
    source: Source, *, mime: str | None = None, max_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Upright pixels in sRGB, shape (H, W, 3) or (H, W, 4), of at most ``max_side``. Raises ItemError."""
    _need_numpy()
    mime = mime or mime_of(source)
    if _is_for_core(source, mime, max_side):
        try:
            return _core.decode(source, max_side=max_side, max_pixels=max_pixels)
        except ItemError as error:
            engine, mime = _second(error, source, mime)
    else:
        engine = _first(mime)
    return _by(engine, source, mime, max_side, max_pixels)


def thumbnails(
    source: Source, specs: Sequence[_core.Spec], *, mime: str | None = None, max_pixels: int = MAX_PIXELS
) -> list[_core.Thumbnail]:
    """Thumbnails of a picture; ``specs`` are (name, longest side, quality, method). Raises ItemError."""
    mime = mime or mime_of(source)
    if _is_for_core(source, mime, _SMALL_PREVIEW):
        try:
            return _core.thumbnails(source, specs, max_pixels=max_pixels)
        except ItemError as error:
            engine, mime = _second(error, source, mime)
    else:
        engine = _first(mime)
    made: list[_core.Thumbnail] = []
    for side, wanted in by_rendering(specs):
        decoded = engine.decode(_contents(source), mime, max_side=side, max_pixels=max_pixels)
        made += _core.thumbnails_from_decoded(
            decoded.pixels, wanted, icc=decoded.profile, cicp=decoded.code_points, max_side=side
        )
    return made


def thumbhash(source: Source) -> bytes:
    """The ThumbHash of a picture. Raises ItemError."""
    try:
        return _core.thumbhash(source)
    except ItemError as error:
        if error.error_class is not ErrorClass.UNSUPPORTED:
            raise
    return _core.thumbhash(decode(source, max_side=_HASHED_SIDE))


def _need_numpy() -> None:
    if "numpy" not in sys.modules:
        extras.require_numpy("pixels in arrays")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be decoded at several sizes. If only an engine reads it, its pixels are decoded once and kept."""

    source: Source
    width: int
    height: int
    max_pixels: int
    kept: NDArray[np.uint8] | None

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """The result of :func:`decode`. Raises ItemError."""
        _need_numpy()
        if self.kept is None:
            return _core.decode(self.source, max_side=max_side, max_pixels=self.max_pixels)
        return _core.srgb_from_pixels(self.kept, max_side=max_side)


def opened(source: Source, *, mime: str | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture of a file or of its bytes, with its size. Raises ItemError."""
    mime = mime or mime_of(source)
    if _is_for_core(source, mime, None):
        try:
            info = _core.probe(source)
            return Picture(source, info.width, info.height, max_pixels, None)
        except ItemError as error:
            _second(error, source, mime)
    pixels = decode(source, mime=mime, max_pixels=max_pixels)
    return Picture(source, pixels.shape[1], pixels.shape[0], max_pixels, pixels)


# choosing the decoder -------------------------------------------------------------------------------------------------


@functools.cache
def _core_mimes() -> frozenset[str]:
    return frozenset(mime for info in _core.formats() for mime in info.mime_types)


def _engines(mime: str) -> list[PictureEngine]:
    return [engine for engine in ENGINES if mime in engine.MIMES]


def _is_for_core(source: Source, mime: str, side: int | None) -> bool:
    """Whether to try the core; also for types that no decoder reads, because its error explains why."""
    if mime not in _core_mimes():
        return not _engines(mime)
    if mime not in libraw.MIMES or libraw.missing(mime) is not None:
        return True
    try:
        info = _core.probe(source)
    except ItemError:
        return True
    return max(info.width, info.height) >= min(_SMALL_PREVIEW, side or _SMALL_PREVIEW)


def _first(mime: str) -> PictureEngine:
    """The engine for a type that the core does not read. Raises ItemError (``missing_tool``) with what to install."""
    engines = _engines(mime)
    for engine in engines:
        if engine.missing(mime) is None:
            return engine
    lacking = [problem for engine in engines if (problem := engine.missing(mime)) is not None]
    raise ItemError(ErrorClass.MISSING_TOOL, lacking[0])


def _second(error: ItemError, source: Source, mime: str) -> tuple[PictureEngine, str]:
    """The engine that may read what the core could not, and as which type. Raises ``error`` if there is none."""
    if error.error_class is not ErrorClass.UNSUPPORTED:
        raise error
    if mime == _TIFF and _core.image_format(source) == "raw":
        # Without its file name a camera raw file looks like any TIFF; LibRaw needs no name.
        mime = "image/x-adobe-dng"
    if not _engines(mime):
        raise error
    return _first(mime), mime


def _by(engine: PictureEngine, source: Source, mime: str, max_side: int | None, max_pixels: int) -> NDArray[np.uint8]:
    decoded = engine.decode(_contents(source), mime, max_side=max_side, max_pixels=max_pixels)
    return _core.srgb_from_pixels(decoded.pixels, icc=decoded.profile, cicp=decoded.code_points, max_side=max_side)


def _contents(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    path = Path(source)
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            limit = f"{_MAX_FILE_BYTES >> 20} MiB"
            raise ItemError(ErrorClass.TOO_LARGE, f"the file is larger than the limit of {limit}")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is not there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error
