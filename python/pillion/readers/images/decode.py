"""Pictures to pixels and thumbnails: the one place that decides which decoder reads a file.

The Rust core comes first, then the installed engines that read the type, in order: libheif, LibRaw, Pillow. Where one
refuses a file as damaged or as a kind that it does not know, the next is asked. What all of them refuse has failed, and
the error has the words of each.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.model import UNKNOWN, Recipe
from pillion.readers.images import heif, libraw, pillow, xpm
from pillion.readers.images.base import DecodedPicture, PictureEngine, by_rendering
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Source = str | os.PathLike[str] | bytes
MAX_PIXELS = 1 << 28
"""Pictures with more than these 268 million pixels are refused, unless the caller sets another limit."""

ENGINES = cast("tuple[PictureEngine, ...]", (heif, libraw, pillow, xpm))
"""In the order in which they are tried."""
_SNIFFED = 1 << 16
_TIFF = "image/tiff"
_READINGS = {_TIFF: 2}
"""Types -> which way of reading them it is: in recipes, so that where one changes no other files are made again."""
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


def lacking(mime: str) -> list[str]:
    """What the decoders of a type need beside the core and do not find, in sentences."""
    # Without its file name a camera raw file looks like any TIFF.
    types = (mime, "image/x-adobe-dng") if mime == _TIFF else (mime,)
    return [problem for one in types for engine in _engines(one) if (problem := engine.missing(one)) is not None]


def with_decoders(recipe: Recipe, mime: str) -> Recipe:
    """The recipe with the :func:`decoders` of the type, if there are any, and the way of reading it in its settings."""
    names, reading = decoders(mime), _READINGS.get(mime)
    more: dict[str, Any] = ({"decoders": names} if names else {}) | ({"reading": reading} if reading else {})
    return replace(recipe, settings={**recipe.settings, **more}) if more else recipe


def decode(
    source: Source, *, mime: str | None = None, max_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Upright pixels in sRGB, shape (H, W, 3) or (H, W, 4), of at most ``max_side``. Raises ItemError."""
    _need_numpy()
    mime = mime or mime_of(source)

    def by_core() -> NDArray[np.uint8]:
        return _core.decode(source, max_side=max_side, max_pixels=max_pixels)

    def by_engine(engine: PictureEngine, mime: str, before: ItemError | None) -> NDArray[np.uint8]:
        return _srgb(engine.decode(_contents(source), mime, max_side=max_side, max_pixels=max_pixels), max_side)

    return _asked(source, mime, max_side, by_core, by_engine)


def thumbnails(
    source: Source, specs: Sequence[_core.Spec], *, mime: str | None = None, max_pixels: int = MAX_PIXELS
) -> list[_core.Thumbnail]:
    """Thumbnails of a picture; ``specs`` are (name, longest side, quality, method). Raises ItemError."""
    mime = mime or mime_of(source)

    def by_core() -> list[_core.Thumbnail]:
        return _core.thumbnails(source, specs, max_pixels=max_pixels)

    def by_engine(engine: PictureEngine, mime: str, before: ItemError | None) -> list[_core.Thumbnail]:
        made: list[_core.Thumbnail] = []
        data = _contents(source)
        for side, wanted in by_rendering(specs):
            decoded = engine.decode(data, mime, max_side=side, max_pixels=max_pixels)
            made += _core.thumbnails_from_decoded(
                decoded.pixels,
                wanted,
                icc=decoded.profile,
                cicp=decoded.code_points,
                max_side=side,
                damaged=_is_damage(before),
            )
        return made

    return _asked(source, mime, _SMALL_PREVIEW, by_core, by_engine)


def second_opinion(
    source: Source, specs: Sequence[_core.Spec], error: ItemError, *, max_pixels: int = MAX_PIXELS
) -> list[_core.Thumbnail] | ItemError:
    """Thumbnails of a picture that the core has refused with ``error``, or why nothing reads it."""
    if error.error_class not in _ASK_THE_NEXT:
        return error
    try:
        return thumbnails(source, specs, max_pixels=max_pixels)
    except ItemError as more:
        return error if more.error_class is ErrorClass.MISSING_SOURCE else more


def thumbhash(source: Source) -> bytes:
    """The ThumbHash of a picture. Raises ItemError."""
    try:
        return _core.thumbhash(source)
    except ItemError as error:
        if error.error_class not in _ASK_THE_NEXT:
            raise
    return _core.thumbhash(decode(source, max_side=_HASHED_SIDE))


def _need_numpy() -> None:
    if "numpy" not in sys.modules:
        extras.require_numpy("pixels in arrays")


@dataclass(slots=True)
class Picture:
    """A picture, or a page of one, to be decoded at several sizes.

    Where only an engine reads it, its pixels are decoded once and ``kept``. ``notes``: what is wrong with the file.
    """

    source: Source
    mime: str
    width: int
    height: int
    max_pixels: int
    page: int = 0
    kept: NDArray[np.uint8] | None = None
    notes: list[str] = field(default_factory=list)
    _keeping: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """The result of :func:`decode`; from several threads at once, too. Raises ItemError."""
        _need_numpy()
        if self.kept is None:
            try:
                return self._by_core(max_side)
            except ItemError as error:
                if error.error_class not in _ASK_THE_NEXT:
                    raise
                with self._keeping:
                    if self.kept is None:
                        self._keep(error)
        assert self.kept is not None
        return _core.srgb_from_pixels(self.kept, max_side=max_side)

    def _by_core(self, max_side: int | None) -> NDArray[np.uint8]:
        return _core.decode(self.source, max_side=max_side, max_pixels=self.max_pixels, page=self.page)

    def _keep(self, error: ItemError | None) -> None:
        """Have the engines read it, after the core's ``error``, if it was asked. Raises ItemError."""

        def by_engine(engine: PictureEngine, mime: str, before: ItemError | None) -> NDArray[np.uint8]:
            decoded = engine.decode(
                _contents(self.source), mime, max_side=None, max_pixels=self.max_pixels, page=self.page
            )
            if _is_damage(before):
                self.notes.append(f"the picture is damaged ({_words(before)}), and was read by {engine.NAME}")
            return _srgb(decoded, None)

        self.kept = _by_engines(self.source, self.mime, by_engine, [error] if error else [])
        self.height, self.width = self.kept.shape[:2]


def opened(source: Source, *, mime: str | None = None, max_pixels: int = MAX_PIXELS, page: int = 0) -> Picture:
    """The picture of a file or of its bytes, or the ``page`` of it, with its size. Raises ItemError."""
    mime = mime or mime_of(source)
    picture = Picture(source, mime, 0, 0, max_pixels, page)
    error = None
    if _is_for_core(source, mime, None):
        try:
            info = _core.probe(source, page=page)
        except ItemError as raised:
            if raised.error_class not in _ASK_THE_NEXT:
                raise
            error = raised
        else:
            picture.width, picture.height = info.width, info.height
            damage = _core.damage(source, page=page) if mime == _TIFF else None
            picture.notes += [damage] if damage else []
            return picture
    _need_numpy()
    picture._keep(error)
    return picture


def pages(source: Source, *, mime: str | None = None) -> list[int]:
    """The numbers of a file's pages, for :func:`opened`: several in a TIFF, one in all others. Raises ItemError."""
    mime = mime or mime_of(source)
    if mime != _TIFF:
        return [0]
    try:
        return _core.pages(source)
    except ItemError as error:
        if error.error_class not in _ASK_THE_NEXT:
            raise
        return [0]


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


_T = TypeVar("_T")
_ByEngine = Callable[[PictureEngine, str, ItemError | None], _T]
"""Called with an engine, the type to read the file as, and the error of the decoder before it."""

_ASK_THE_NEXT = frozenset({ErrorClass.UNSUPPORTED, ErrorClass.CORRUPT, ErrorClass.CRASH})
"""After these the next decoder is asked; all others would end it too, or are the machine's."""


def _asked(source: Source, mime: str, side: int | None, by_core: Callable[[], _T], by_engine: _ByEngine[_T]) -> _T:
    """What the first decoder that can read the file makes of it. Raises ItemError with the words of all."""
    is_for_core = _is_for_core(source, mime, side)
    before: list[ItemError] = []
    if is_for_core:
        try:
            return by_core()
        except ItemError as error:
            if error.error_class not in _ASK_THE_NEXT:
                raise
            before.append(error)
    try:
        return _by_engines(source, mime, by_engine, before)
    except ItemError as error:
        # A camera's raw file with a small preview: LibRaw was asked first.
        if is_for_core or mime not in _core_mimes() or error.error_class not in _ASK_THE_NEXT:
            raise
        return by_core()


def _by_engines(source: Source, mime: str, by_engine: _ByEngine[_T], before: Sequence[ItemError]) -> _T:
    """The same of the engines beside the core, which have been asked after the errors ``before``. Raises ItemError."""
    errors = list(before)
    if errors and mime == _TIFF and _core.image_format(source) == "raw":
        # Without its file name a camera raw file looks like any TIFF; LibRaw needs no name.
        mime = "image/x-adobe-dng"
    engines = _engines(mime)
    lacking = [problem for engine in engines if (problem := engine.missing(mime)) is not None]
    for engine in engines:
        if engine.missing(mime) is not None:
            continue
        try:
            return by_engine(engine, mime, errors[-1] if errors else None)
        except ItemError as error:
            if error.error_class not in _ASK_THE_NEXT and not (errors and error.error_class is ErrorClass.TOO_LARGE):
                raise
            errors.append(error)
    if lacking and all(error.error_class is ErrorClass.UNSUPPORTED for error in errors):
        raise ItemError(ErrorClass.MISSING_TOOL, lacking[0])
    if not errors:
        raise ItemError(ErrorClass.UNSUPPORTED, f"no decoder reads {mime}")
    raise _all_of(errors)


def _all_of(errors: Sequence[ItemError]) -> ItemError:
    """One error with the words of all.

    Its class is the first's, for the core looks closest, unless that says nothing of what is wrong.
    """
    if len(errors) == 1:
        return errors[0]
    classes = [error.error_class for error in errors if error.error_class is not ErrorClass.CRASH]
    ours = classes[0] if classes else ErrorClass.CRASH
    if ours is ErrorClass.UNSUPPORTED and ErrorClass.TOO_LARGE in classes:
        ours = ErrorClass.TOO_LARGE
    return ItemError(ours, "; ".join(dict.fromkeys(map(_words, errors))))


def _words(error: ItemError | None) -> str:
    return error.message if error else ""


def _is_damage(error: ItemError | None) -> bool:
    return error is not None and error.error_class is ErrorClass.CORRUPT


def _srgb(decoded: DecodedPicture, max_side: int | None) -> NDArray[np.uint8]:
    return _core.srgb_from_pixels(decoded.pixels, icc=decoded.profile, cicp=decoded.code_points, max_side=max_side)


def _contents(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    path = Path(source)
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > _MAX_FILE_BYTES:
                limit = f"{_MAX_FILE_BYTES >> 20} MiB"
                raise ItemError(ErrorClass.TOO_LARGE, f"the file is larger than the limit of {limit}")
            return file.read()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is not there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error
