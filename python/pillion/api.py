"""What works without a library: thumbnails, pixels and text of files, and which engines are installed."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds import registry
from pillion.kinds.ocr.kind import OCR
from pillion.kinds.settings import nearest
from pillion.kinds.thumbnail.generator import spec_of
from pillion.kinds.thumbnail.kind import KIND as THUMB_KIND
from pillion.kinds.thumbnail.kind import THUMB, THUMB_SPECS, ThumbSpec
from pillion.model import UNKNOWN, Empty, GenerationRequest, SidecarFormat
from pillion.readers.images import decode as pictures
from pillion.readers.images.decode import MAX_PIXELS, mime_of
from pillion.readers.source import is_special as is_special
from pillion.weights.cache import cache_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pillion.kinds.ocr.models import LanguageRow
    from pillion.kinds.ocr.result import OcrResult
    from pillion.kinds.transcript.result import TranscriptResult
    from pillion.readers.documents.result import DocumentText
    from pillion.readers.images.formats import FormatRow
    from pillion.weights.rows import ModelRow

PathLike = str | os.PathLike[str]
Path_ = TypeVar("Path_", bound=PathLike)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _typed(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A package that an engine cannot import is an ItemError (missing_tool) that says what to install."""

    @functools.wraps(function)
    def call(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            return function(*args, **options)
        except ImportError as error:
            raise extras.not_importable(error) from error

    return call


@_typed
def decode(source: PathLike | bytes, *, max_side: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The pixels of a picture: upright, in sRGB, uint8, shape (H, W, 3), or (H, W, 4) if it has (straight) alpha.

    ``source`` is a path or the file's bytes. A picture whose longer side exceeds ``max_side`` pixels is scaled down to
    it, which takes far less time than a full decode. Raises ItemError (``corrupt``, ``unsupported``,
    ``missing_source``, ``oom``; ``too_large`` above ``max_pixels``), UsageError for a ``max_side`` below 1.
    """
    if max_side is not None and max_side < 1:
        raise UsageError("max_side must be at least 1.")
    return pictures.decode(source, max_side=max_side, max_pixels=max_pixels)


@_typed
def thumbnail(source: PathLike | bytes | NDArray[np.uint8], variants: Sequence[str] = ("grid@2x",)) -> dict[str, bytes]:
    """WebP thumbnails of a picture: variant -> bytes. Read and decoded once for all, in Rust, without the GIL.

    ``source`` is a path, the file's bytes, or pixels as :func:`decode` returns them. Formats that the core does not
    read need an extra (see ``pillion formats``). Raises ItemError (``corrupt``, ``unsupported``, ``too_large``,
    ``missing_source``), UsageError for an unknown variant or an array of another shape.
    """
    specs = _for_core(check_variants(variants))
    if isinstance(source, bytes | str | os.PathLike):
        made = pictures.thumbnails(source, specs)
    else:
        made = _core.thumbnails_from_pixels(_checked_pixels(source), specs)
    return {thumb.name: thumb.data for thumb in made}


def thumbnail_batch(
    paths: Iterable[Path_], variants: Sequence[str] = ("grid@2x",), *, threads: int = 0
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    """Thumbnails of many pictures, made by ``threads`` threads in Rust without the GIL (0: one for each core).

    Yields (the path as given, variant -> bytes) as each is done, in no fixed order, and (path, ItemError) for a file
    that cannot be read or decoded: a bad file never stops the others. ``paths`` is read only as threads become free,
    so it may be endless; at most two files for each thread are in flight. To stop, leave the loop or close the
    iterator: each thread ends after its current picture. Raises UsageError for an unknown variant.
    """
    specs = _for_core(check_variants(variants))
    return _batch(_core.thumbnail_batch(paths, specs, threads=threads), specs)


def _batch(
    batch: _core.ThumbnailBatch[Path_], specs: Sequence[_core.Spec]
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    try:
        for path, made in batch:
            if isinstance(made, ItemError):
                made = pictures.second_opinion(path, specs, made)
            yield path, made if isinstance(made, ItemError) else {thumb.name: thumb.data for thumb in made}
    finally:
        batch.close()


def _for_core(specs: Sequence[ThumbSpec]) -> list[_core.Spec]:
    return [(spec.name, spec.max_side, spec.quality, spec.method) for spec in specs]


def _checked_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.size == 0:
        raise UsageError(f"Pixels must be uint8 of shape (H, W, 3 or 4), not {pixels.dtype} of shape {pixels.shape}.")
    return np.ascontiguousarray(pixels)


@extras.needed()
def thumbhash(source: PathLike | bytes | NDArray[np.uint8]) -> bytes:
    """The ThumbHash of a picture: at most 25 bytes, a rough preview to show until a thumbnail is loaded.

    ``source`` and errors are as for :func:`thumbnail`.
    """
    if isinstance(source, bytes | str | os.PathLike):
        return pictures.thumbhash(source)
    return _core.thumbhash(_checked_pixels(source))


@_typed
def file_thumbnail(
    path: PathLike, variants: Sequence[str] = ("grid@2x",), *, settings: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Like :func:`thumbnail`, for any file that can have one: pictures, PDFs and videos.

    ``settings``: those of the kind, as in config.toml: ``{"quality": 80, "defined": {"wall": {"side": 4096, "format":
    "jpeg"}}}`` for variants of one's own. Raises UsageError for a value that config.toml could not have.
    """
    check_variants(variants, settings)
    mime = mime_of(path)
    generator = registry.find(THUMB, mime)
    if generator is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"No thumbnail can be made of {mime}.")
    request = GenerationRequest(
        kind=THUMB, variants=tuple(variants), source=Path(path), mime=mime, settings=settings or {}
    )
    made = generator.generate(request)
    if isinstance(made, Empty):
        raise ItemError(ErrorClass.UNSUPPORTED, made.note)
    return {produced.variant: produced.data for produced in made}


def file_thumbnail_batch(
    paths: Iterable[Path_],
    variants: Sequence[str] = ("grid@2x",),
    *,
    threads: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    """Like :func:`thumbnail_batch`, for any files: pictures first, then the others one by one.

    ``settings``: see :func:`file_thumbnail`. With a variant in another format than WebP all are made one by one.
    """
    specs = check_variants(variants, settings)
    return _file_batch(paths, specs, threads, settings or {})


def _file_batch(
    paths: Iterable[Path_], specs: Sequence[ThumbSpec], threads: int, settings: Mapping[str, Any]
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    others: list[Path_] = []
    is_webp = all(spec.format is SidecarFormat.WEBP for spec in specs)

    def only_pictures() -> Iterator[Path_]:
        for path in paths:
            if is_webp and is_picture(path):
                yield path
            else:
                others.append(path)

    wanted = _for_core(specs)
    for path, made in _batch(_core.thumbnail_batch(only_pictures(), wanted, threads=threads), wanted):
        if isinstance(made, ItemError) and made.error_class is ErrorClass.UNSUPPORTED:
            others.append(path)  # another decoder may know it
        else:
            yield path, made
    for path in others:
        try:
            yield path, file_thumbnail(path, [spec.name for spec in specs], settings=settings)
        except ItemError as error:
            yield path, error


def is_picture(path: PathLike) -> bool:
    """Whether the file's first bytes are those of a picture; also False if it cannot be read."""
    try:
        return mime_of(path).startswith("image/")
    except ItemError:
        return False


def has_thumbnail(path: PathLike) -> bool:
    """Whether a thumbnail can be made of files of this type; also False if the file cannot be read."""
    try:
        return registry.find(THUMB, mime_of(path)) is not None
    except ItemError:
        return False


def check_variants(variants: Sequence[str], settings: Mapping[str, Any] | None = None) -> list[ThumbSpec]:
    """What these thumbnail variants are. Raises UsageError for an unknown one, and for settings out of range."""
    given = settings or {}
    _check_settings(given)
    result = []
    for name in variants:
        spec = spec_of(name, given)
        if spec is None:
            known = [*THUMB_SPECS, *given.get("defined", {})]
            hint = nearest(name, known) or f"; choose from {', '.join(known)}."
            raise UsageError(f"There is no thumbnail variant '{name}'{hint}")
        result.append(spec)
    return result


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Check what config.toml would have had checked."""
    rules = THUMB_KIND.own_variants.rules if THUMB_KIND.own_variants else {}
    tables = [("", {key: value for key, value in settings.items() if key not in ("defined", "variants")})]
    tables += [(f"{name}.", table) for name, table in settings.get("defined", {}).items()]
    for prefix, table in tables:
        for key, value in table.items():
            for each in value.values() if isinstance(value, Mapping) else [value]:
                expected = rules[key](each) if key in rules else f"left out: known are {', '.join(rules)}"
                if expected is not None:
                    raise UsageError(f"'{prefix}{key}' must be {expected}, not {each!r}.")


def formats() -> list[FormatRow]:
    """The table of picture formats: what reads each, and whether it is installed or which extra it needs."""
    from pillion.readers.images import formats as table

    return table.formats()


# text -----------------------------------------------------------------------------------------------------------------


@_typed
def ocr(path: str | os.PathLike[str], *, languages: str | Sequence[str] = ("auto",)) -> OcrResult:
    """Read the text in an image or a PDF.

    ``languages`` are Tesseract's codes or ISO's, the main one first; with ``auto`` among them, the language of each
    page is detected, among those installed. Raises :class:`pillion.errors.ItemError`, UsageError for what is no
    language.
    """
    from pillion.kinds.ocr.generator import PDF
    from pillion.kinds.ocr.recognise import recognise

    source = Path(path)
    mime = sniff(source)
    if registry.find(OCR, mime) is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"OCR reads images and PDFs, but this is {mime}")
    return recognise(source, is_pdf=mime == PDF, languages=languages)


@_typed
def transcribe(path: str | os.PathLike[str], *, model: str = "base", language: str | None = None) -> TranscriptResult:
    """Transcribe the speech in an audio or video file.

    ``model`` is a Whisper size or the path of a model folder; ``language`` (a code of ISO 639) is detected if None.
    Raises :class:`pillion.errors.ItemError`, UsageError for what is no language.
    """
    extras.require("speech", "transcripts")
    from pillion.kinds.transcript import transcribe as speech
    from pillion.kinds.transcript.languages import named_language

    return speech.transcribe(Path(path), model=model, language=named_language(language))


@_typed
def file_text(path: str | os.PathLike[str]) -> DocumentText:
    """The text of a text file, web page, office document, book or e-mail, in parts.

    Raises :class:`pillion.errors.ItemError`; ``unsupported`` for files without text of their own, such as pictures.
    """
    from pillion.readers.documents import table as documents

    source = Path(path)
    return documents.read(source, sniff(source))


@extras.needed()
def any_text(
    path: str | os.PathLike[str],
    *,
    languages: str | Sequence[str] = ("auto",),
    model: str = "base",
    language: str | None = None,
) -> Mapping[str, Any]:
    """The text of any file, as JSON values: from :func:`file_text`, OCR or a transcript, depending on its type.

    ``kind`` says which (``file``, ``ocr``, ``transcript``), ``text`` is the text. Raises ItemError.
    """

    mime = sniff(Path(path))
    if registry.find(OCR, mime) is not None:
        document: Mapping[str, Any] = json.loads(ocr(path, languages=languages).to_json())
    elif _core.media_class(mime) in ("audio", "video"):
        document = json.loads(transcribe(path, model=model, language=language).to_json())
    else:
        document = file_text(path).document()
    return {"mime": mime, **document}


@_typed
def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embeddings of texts: unit vectors, shape (n, 384), float32; each text is read up to its 256th token.

    Raises :class:`pillion.errors.ItemError` (missing_tool).
    """
    extras.require("embeddings", "embeddings")
    from pillion.kinds.embedding import minilm

    return minilm.embed(texts)


def sniff(path: Path) -> str:
    """The MIME type of a file, from its bytes; where they say nothing, the one that its name claims.

    Raises ItemError (missing_source, io_transient; unsupported for what is no regular file).
    """
    mime = _core.sniff_file(path)
    return _core.claimed_type(os.fsencode(path.name)) or mime if mime == UNKNOWN else mime


def languages() -> list[LanguageRow]:
    """The languages for OCR: which are installed and where, and the command that installs each of the others."""
    from pillion.kinds.ocr import models

    return models.language_rows()


def language_folders() -> Sequence[Path]:
    """The folders that are searched for language data, best first."""
    from pillion.kinds.ocr import models

    return models.data_folders()


# what is installed ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineRow:
    """A library or program that does part of the work. ``problem``: what is missing, with the command to install it."""

    name: str
    use: str
    problem: str | None


def model_rows() -> list[ModelRow]:
    """All models that have a name, of all kinds: installed ones and others that can be installed."""
    return [row for spec in registry.specs().values() if spec.models for row in registry.loaded(spec.models)()]


def engine_rows() -> list[EngineRow]:
    """All engines, installed or not."""
    from pillion.kinds.ocr import ppocr, tesseract
    from pillion.readers.documents.table import ENGINES as DOCUMENT_ENGINES
    from pillion.readers.images import heif, libraw
    from pillion.readers.pdf import document as pdfium

    rows = [
        EngineRow(name="av", use="video and sound", problem=extras.missing("video", "video and sound")),
        EngineRow(name="pypdfium2", use="PDFs", problem=pdfium.missing()),
        EngineRow(name="tesserocr", use="OCR", problem=tesseract.LIBRARY.problem()),
        EngineRow(name="tesseract", use="OCR, if tesserocr is missing", problem=tesseract.PROGRAM.problem()),
        EngineRow(name=ppocr.NAME, use="OCR of photographs", problem=ppocr.problem()),
        EngineRow(name="faster-whisper", use="transcripts", problem=extras.missing("speech", "transcripts")),
        EngineRow(name="ctranslate2", use="embeddings", problem=extras.missing("embeddings", "embeddings")),
        EngineRow(name=heif.NAME, use="HEIC pictures", problem=heif.missing("image/heic")),
        EngineRow(name=libraw.NAME, use="camera raw files", problem=libraw.missing("image/x-adobe-dng")),
    ]
    documents = (
        EngineRow(name=engine.NAME, use=engine.NOTE, problem=engine.missing())
        for engine in DOCUMENT_ENGINES
        if engine.PACKAGE
    )
    return [*rows, *documents]


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxReport:
    """How far workers are confined on this machine.

    ``landlock``: the version of Landlock's interface, 0 for none; ``filter``: whether system calls are filtered;
    ``missing``: why not all of it is there, empty where it is. ``kept_from``: what a worker that was started for this
    report tried -> whether it was kept from it. ``programs``: those that workers may start.
    """

    kernel: str
    landlock: int
    filter: bool
    missing: str
    programs: tuple[str, ...]
    kept_from: Mapping[str, bool]


def sandbox_report() -> SandboxReport:
    """Start a confined worker that tries to get out, and say what held."""
    from pillion.kinds.execute import programs
    from pillion.pool import sandbox, trial

    there, started = sandbox.support(), programs()
    return SandboxReport(
        kernel=f"{os.uname().sysname} {os.uname().release} ({os.uname().machine})",
        landlock=there.landlock,
        filter=there.filter,
        missing=there.missing,
        programs=tuple(map(os.fsdecode, started)),
        kept_from=trial.held(sandbox.Policy(programs=started)),
    )


def models_folder() -> Path:
    """Where Pillion keeps models that it converted or put together from packages."""
    return cache_folder() / "models"
