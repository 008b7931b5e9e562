"""The public functions with each file read by a worker process: ``pillion.isolated()`` and the direct commands.

A file that takes its decoder over, crashes it, fills the memory or never ends hurts neither the caller nor other files.
The workers are those of a library's jobs: the same pool, limits and sandbox (pool/sandbox.py). They may read the files
that they are given, and the models. An answer is data of a known form; one that is too long for a message lies in a
private folder for a moment.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from pillion import api, machine, scratch
from pillion.errors import ErrorClass, ItemError, UsageError, reason
from pillion.kinds import registry
from pillion.kinds.execute import allowance, failure_by, for_jobs, obtaining
from pillion.kinds.ocr.kind import OCR
from pillion.kinds.spec import MIB
from pillion.kinds.text.kind import TEXT
from pillion.kinds.thumbnail.kind import THUMB
from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.model import Allowance, Failure, SidecarKind, error_of, value
from pillion.pool import sandbox
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy
from pillion.readers.images.decode import MAX_PIXELS
from pillion.store import take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from pillion.kinds.ocr.result import OcrResult
    from pillion.kinds.transcript.result import TranscriptResult
    from pillion.readers.documents.result import DocumentText

PathLike = str | os.PathLike[str]
P = TypeVar("P", bound=PathLike)
T = TypeVar("T")

TARGET = "pillion.isolation:perform"
MEMORY_LIMIT = 3072 * MIB
"""Bytes that a worker may use before its file fails."""

_INLINE_BYTES = 256 << 10
"""A longer answer is a file: messages have a limit (pool/child.py)."""

_MAX_BYTES = 256 << 20
"""Of an answer, but for pixels."""

_AHEAD = 2
"""Files in flight for each worker, so that none waits for the caller."""


# in the worker --------------------------------------------------------------------------------------------------------


@value
class Call:
    """A function of :data:`_FUNCTIONS`, for one file. ``answer``: where it puts a long answer."""

    function: str
    source: Path
    options: Mapping[str, Any]
    answer: Path


@value
class Answer:
    """What the function gave, as bytes; None: they are at the call's ``answer``.

    ``failure``: why there is none. ``misused``: the same where the call was wrong, not the file.
    """

    data: bytes | None = None
    failure: Failure | None = None
    misused: str | None = None


def perform(call: Call) -> Answer:
    """Run a call in a worker. Raises nothing."""
    try:
        data = _FUNCTIONS[call.function](call.source, **call.options)
        if len(data) <= _INLINE_BYTES:
            return Answer(data=data)
        sandbox.own_path(call.answer).write_bytes(data)
        return Answer()
    except UsageError as error:
        return Answer(misused=str(error))
    except BaseException as error:
        return Answer(failure=failure_by(error))


def _thumbnail(source: Path, variants: Sequence[str], settings: Mapping[str, Any]) -> bytes:
    return msgspec.msgpack.encode(api.file_thumbnail(source, variants, settings=settings))


def _decode(source: Path, **options: Any) -> bytes:
    pixels = api.decode(source, **options)
    return msgspec.msgpack.encode((pixels.shape, pixels.tobytes()))


def _ocr(source: Path, **options: Any) -> bytes:
    from pillion.kinds.ocr.page import collected

    with collected() as parts:
        result = api.ocr(source, **options)
    return msgspec.json.encode((result.to_json(), parts.seconds))


def _drawn(source: Path, result: str, ending: str) -> bytes:
    from pillion.kinds.ocr.drawn import drawn
    from pillion.kinds.ocr.result import OcrResult

    pages = OcrResult.from_json(result).pages
    is_pdf = any(page.unit == "point" for page in pages)
    return msgspec.msgpack.encode([_image_bytes(drawn(page, source, is_pdf=is_pdf), ending) for page in pages])


def _image_bytes(picture: Image.Image, ending: str) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    picture.save(written, Image.registered_extensions().get(ending.lower(), "PNG"))
    return written.getvalue()


def _exported(source: Path, to: str, languages: Sequence[str], model: str) -> bytes:
    from pillion.exports import from_file

    return from_file(source, to, languages, model).data


def _list(languages: str | Sequence[str]) -> list[str]:
    return [languages] if isinstance(languages, str) else list(languages)


_FUNCTIONS: Mapping[str, Callable[..., bytes]] = {
    "thumbnail": _thumbnail,
    "decode": _decode,
    "ocr": _ocr,
    "drawn": _drawn,
    "transcribe": lambda source, **options: api.transcribe(source, **options).to_json().encode(),
    "file_text": lambda source: msgspec.json.encode(api.file_text(source)),
    "any_text": lambda source, **options: msgspec.json.encode(api.any_text(source, **options)),
    "export": _exported,
}


def isolated(*reads: PathLike, workers: int | None = None, sandbox: str = "auto") -> Isolated:
    """The functions of this package, with files read by worker processes: see :class:`Isolated`."""
    return Isolated(*reads, workers=workers, sandbox=sandbox)


# in the caller --------------------------------------------------------------------------------------------------------


class Isolated:
    """Functions of this package, each file read by one of ``workers`` processes. Close it, or use it in ``with``.

    The workers start with the first call and stay. ``reads``: files and folders that will be read; calls for others
    are possible, but make the workers start anew. ``sandbox``: "auto", "require" or "off", as ``work.sandbox``.
    Each call raises what the function itself raises, and ItemError of class ``timeout``, ``too_large``, ``oom`` or
    ``crash`` where the file takes too long, too much, or ends the worker.
    """

    def __init__(self, *reads: PathLike, workers: int | None = None, sandbox: str = "auto") -> None:
        if workers is not None and workers < 1:
            raise UsageError("workers must be at least 1.")
        if sandbox not in list(Mode):
            raise UsageError(f"sandbox must be {', '.join(Mode)}, not {sandbox!r}.")
        self._mode = Mode(sandbox)
        self._size = workers or machine.cores()
        self._reads = {_real(path) for path in reads}
        self._home = ExitStack()
        self._folder = self._home.enter_context(scratch.temporary())
        self._pool: WorkerPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, also those that are at work."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._home.close()

    # functions --------------------------------------------------------------------------------------------------------

    def thumbnail(
        self, path: PathLike, variants: Sequence[str] = ("grid@2x",), *, settings: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        """Like :func:`pillion.file_thumbnail`."""
        ((_, made),) = self.thumbnail_batch([path], variants, settings=settings)
        if isinstance(made, ItemError):
            raise made
        return made

    def thumbnail_batch(
        self,
        paths: Iterable[P],
        variants: Sequence[str] = ("grid@2x",),
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[P, dict[str, bytes] | ItemError]]:
        """Like :func:`pillion.thumbnail_batch`, for any files that can have a thumbnail."""
        api.check_variants(variants, settings)
        options = {"variants": list(variants), "settings": dict(settings or {})}
        known = {*variants}

        def thumbnails(data: bytes) -> dict[str, bytes]:
            made = msgspec.msgpack.decode(data, type=dict[str, bytes])
            if {*made} != known:
                raise ValueError(f"{', '.join(sorted(made)) or 'nothing'} in place of {', '.join(sorted(known))}")
            return made

        return self._many("thumbnail", paths, options, thumbnails)

    def decode(self, path: PathLike, *, max_side: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
        """Like :func:`pillion.decode`."""
        import numpy as np

        if max_side is not None and max_side < 1:
            raise UsageError("max_side must be at least 1.")

        def pixels(data: bytes) -> NDArray[np.uint8]:
            (height, width, samples), raw = msgspec.msgpack.decode(data, type=tuple[tuple[int, int, int], bytes])
            if samples not in (3, 4) or min(height, width) < 1:
                raise ValueError(f"pixels of shape ({height}, {width}, {samples})")
            return np.frombuffer(raw, np.uint8).reshape(height, width, samples).copy()

        options = {"max_side": max_side, "max_pixels": max_pixels}
        return self._one("decode", path, options, pixels, limit=4 * max_pixels + 64)

    def ocr(self, path: PathLike, *, languages: str | Sequence[str] = ("auto",)) -> OcrResult:
        """Like :func:`pillion.ocr`."""
        return self.ocr_with_timings(path, languages=languages)[0]

    def ocr_with_timings(
        self, path: PathLike, *, languages: str | Sequence[str] = ("auto",)
    ) -> tuple[OcrResult, Mapping[str, float]]:
        """The same, and the seconds that each part of the work took."""
        from pillion.kinds.ocr.result import OcrResult

        def timed(data: bytes) -> tuple[OcrResult, Mapping[str, float]]:
            text, seconds = msgspec.json.decode(data, type=tuple[str, dict[str, float]])
            return OcrResult.from_json(text), seconds

        return self._one("ocr", path, {"languages": _list(languages)}, timed)

    def drawn(self, path: PathLike, result: OcrResult, *, ending: str = ".png") -> list[bytes]:
        """The pages of a file as pictures, with the blocks of ``result`` on them, numbered in order."""
        options = {"result": result.to_json(), "ending": ending}
        return self._one("drawn", path, options, lambda data: msgspec.msgpack.decode(data, type=list[bytes]))

    def transcribe(self, path: PathLike, *, model: str = "base", language: str | None = None) -> TranscriptResult:
        """Like :func:`pillion.transcribe`."""
        from pillion.kinds.transcript.result import TranscriptResult

        options = {"model": self._model(model), "language": language}
        return self._one("transcribe", path, options, TranscriptResult.from_json)

    def file_text(self, path: PathLike) -> DocumentText:
        """Like :func:`pillion.file_text`."""
        from pillion.readers.documents.result import DocumentText

        return self._one("file_text", path, {}, lambda data: msgspec.json.decode(data, type=DocumentText))

    def any_text(
        self,
        path: PathLike,
        *,
        languages: str | Sequence[str] = ("auto",),
        model: str = "base",
        language: str | None = None,
    ) -> Mapping[str, Any]:
        """Like :func:`pillion.api.any_text`."""
        options = {"languages": _list(languages), "model": self._model(model), "language": language}

        def document(data: bytes) -> Mapping[str, Any]:
            found = msgspec.json.decode(data, type=dict[str, Any])
            if not isinstance(found["text"], str):
                raise TypeError("its text is none")
            return found

        return self._one("any_text", path, options, document)

    def export(
        self, path: PathLike, to: str = "text", *, languages: str | Sequence[str] = ("auto",), model: str = "base"
    ) -> bytes:
        """Like :func:`pillion.export` of a file."""
        options = {"to": to, "languages": _list(languages), "model": self._model(model)}
        return self._one("export", path, options, bytes)

    # calls ------------------------------------------------------------------------------------------------------------

    def _model(self, model: str) -> str:
        """A model that is named by its folder is read by the worker, too."""
        if os.sep in model or model.startswith(("~", ".")):
            self._reads.add(_real(os.path.expanduser(model)))
            return os.path.abspath(os.path.expanduser(model))
        return model

    def _one(
        self,
        function: str,
        path: PathLike,
        options: Mapping[str, Any],
        parse: Callable[[bytes], T],
        *,
        limit: int = _MAX_BYTES,
    ) -> T:
        ((_, made),) = self._many(function, [path], options, parse, limit=limit)
        if isinstance(made, ItemError):
            raise made
        return made

    def _many(
        self,
        function: str,
        paths: Iterable[P],
        options: Mapping[str, Any],
        parse: Callable[[bytes], T],
        *,
        limit: int = _MAX_BYTES,
    ) -> Iterator[tuple[P, T | ItemError]]:
        """(path, result or ItemError) as each is done. ``paths`` is read only as workers become free."""
        waiting: dict[Future[Answer], tuple[P, Path]] = {}
        left = iter(paths)
        try:
            while True:
                for path in left:
                    call = self._call(function, path, options)
                    try:
                        waiting[self._submitted(call)] = path, call.answer
                    except ItemError as error:
                        yield path, error
                    if len(waiting) >= _AHEAD * self._size:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    path, answer = waiting.pop(future)
                    yield path, _result(future, answer, parse, limit)
        finally:
            if waiting and self._pool is not None:
                self._pool.cancel(list(waiting))

    def _call(self, function: str, path: PathLike, options: Mapping[str, Any]) -> Call:
        answer = self._folder / secrets.token_hex(16)
        return Call(function=function, source=Path(os.path.abspath(path)), options=options, answer=answer)

    def _submitted(self, call: Call) -> Future[Answer]:
        """Raises ItemError for a file that cannot be opened, before a worker is troubled with it."""
        allowed = _allowed(call)
        lane = call.function
        (future,) = self._pool_that_reads(_real(call.source)).submit_batch(lane, [(call, allowed)])
        return future

    def _pool_that_reads(self, source: bytes) -> WorkerPool:
        is_known = any(source == path or source.startswith(path.rstrip(b"/") + b"/") for path in self._reads)
        self._reads.add(source)
        if self._pool is None:
            self._pool = WorkerPool(
                TARGET,
                size=self._size,
                memory_limit=MEMORY_LIMIT,
                recycle_bytes=MEMORY_LIMIT // 2,
                policy=self._policy(),
                fetch=_fetch,
                obtaining=obtaining,
            )
        elif not is_known:
            self._pool.confine(self._policy())
        return self._pool

    def _policy(self) -> Policy:
        return for_jobs(Policy(mode=self._mode, reads=tuple(self._reads), home=os.fsencode(self._folder)))


def _real(path: PathLike) -> bytes:
    return os.fsencode(os.path.realpath(path))


def _allowed(call: Call) -> Allowance:
    """As for a job of the kind that does the same. Raises ItemError for what is no file that can be read."""
    mime = api.sniff(call.source)
    try:
        size = os.stat(call.source).st_size
    except OSError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, f"the file cannot be read ({error.strerror})") from error
    return allowance(registry.spec(_kind(call.function, mime)).limits, size, call.source)


def _kind(function: str, mime: str) -> SidecarKind:
    """The kind of sidecar whose limits a call has."""
    if function in ("thumbnail", "decode"):
        return THUMB
    return next((kind for kind in (OCR, TRANSCRIPT) if registry.find(kind, mime) is not None), TEXT)


def _fetch(call: Call, done: bool, folder: Path) -> None:
    """Take a long answer from the worker's own folder."""
    if done:
        take(folder, call.answer)


def _result(future: Future[Answer], path: Path, parse: Callable[[bytes], T], limit: int) -> T | ItemError:
    try:
        answer = future.result()
        if answer.misused is not None:
            raise UsageError(answer.misused)
        if answer.failure is not None:
            return error_of(answer.failure)
        data = answer.data
        if data is None:
            if path.stat().st_size > limit:
                return ItemError(ErrorClass.TOO_LARGE, "what its reader made of it is too large")
            data = path.read_bytes()
        return parse(data)
    except ItemError as error:
        return error
    except (msgspec.DecodeError, ValueError, TypeError, KeyError, OSError, RecursionError) as error:
        return ItemError(ErrorClass.CRASH, f"its worker gave an answer that is none ({reason(error)})")
    finally:
        # What is no file is removed with the folder.
        with suppress(OSError):
            path.unlink()
