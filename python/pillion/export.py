"""What was read or heard, in the forms of others: from a library's sidecars, or straight from a file.

``pillion.export`` and ``pillion export``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pillion import api as text
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds.ocr.exports.alto import alto
from pillion.kinds.ocr.exports.hocr import hocr
from pillion.kinds.ocr.exports.searchable import searchable_pdf
from pillion.kinds.ocr.generator import PDF
from pillion.kinds.ocr.result import OcrResult
from pillion.kinds.registry import find
from pillion.kinds.transcript.result import TranscriptResult
from pillion.kinds.transcript.subtitles import srt, vtt
from pillion.library import Library
from pillion.library.sidecars import Item
from pillion.model import SidecarKind, SidecarStatus

_OF_OCR: Mapping[str, Callable[[OcrResult, str], str]] = {"hocr": hocr, "alto": alto}
_OF_TRANSCRIPT: Mapping[str, Callable[[TranscriptResult], str]] = {"srt": srt, "vtt": vtt}
FORMATS = ("text", "hocr", "alto", "pdf", "srt", "vtt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """``data`` is UTF-8, or a PDF. ``content_uuid``: where it comes from a library's sidecar."""

    data: bytes
    source: Path | None
    content_uuid: str | None = None


def export(
    source: str | os.PathLike[str],
    to: str = "text",
    *,
    library: Library | None = None,
    languages: Sequence[str] = ("auto",),
    model: str = "base",
) -> bytes:
    """``source`` as ``to``: text, hocr, alto, pdf (all of pictures and PDFs); text, srt, vtt (of sound and video).

    With a ``library``, ``source`` is a file it knows or (the beginning of) a content uuid, and its sidecar is taken.
    Without, the file is read or heard now, with ``languages`` or the Whisper ``model``. Raises UsageError for what
    cannot be had, with what to do; ItemError where the file itself is at fault.
    """
    check_format(to)
    made = from_library(library, os.fspath(source), to) if library else from_file(Path(source), to, languages, model)
    return made.data


def check_format(to: str) -> None:
    """Raises UsageError for a format that there is not."""
    if to not in FORMATS:
        raise UsageError(f"There is no format '{to}'; choose from {', '.join(FORMATS)}.")


def from_file(path: Path, to: str, languages: Sequence[str] = ("auto",), model: str = "base") -> Exported:
    """Read or hear a file now. See :func:`export`."""
    mime = text.sniffed(path)
    kinds = [kind for kind in _kinds(to) if find(kind, mime) is not None]
    if not kinds:
        raise UsageError(f"{path} is {mime}, which cannot be exported as {to}.")
    if kinds[0] is SidecarKind.OCR:
        return Exported(data=_of_ocr(text.ocr(path, languages=languages), to, path, mime), source=path)
    return Exported(data=_of_transcript(text.transcribe(path, model=model), to), source=path)


def from_library(library: Library, what: str, to: str) -> Exported:
    """Take what the library has. See :func:`export`."""
    found = library.find(what)
    if len(found) != 1:
        known = f"may mean {len(found)} contents" if found else "is not known"
        raise UsageError(f"'{what}' {known} in the library {library.root}; give a file in it, or a content uuid.")
    items = [item for kind in _kinds(to) for item in library.ls(kind=kind, content_uuid=found[0])]
    item = next((item for item in items if item.state is SidecarStatus.READY), None)
    if item is None or item.path is None:
        raise UsageError(_why_not(what, to, items, library))
    try:
        data = item.path.read_bytes()
    except OSError as error:
        raise UsageError(f"The sidecar {item.path} cannot be read ({error.strerror}): run 'pillion verify'.") from error
    source = next((path for path in map(Path, item.sources) if path.is_file()), None)
    if item.kind is SidecarKind.TRANSCRIPT:
        made = _of_transcript(TranscriptResult.from_json(data), to)
    else:
        made = _of_ocr(OcrResult.from_json(data), to, source, _mime(library, found[0]))
    return Exported(data=made, source=source, content_uuid=found[0])


def _kinds(to: str) -> tuple[SidecarKind, ...]:
    """The sidecars that a format can be made of."""
    if to in _OF_TRANSCRIPT:
        return (SidecarKind.TRANSCRIPT,)
    return (SidecarKind.OCR, SidecarKind.TRANSCRIPT) if to == "text" else (SidecarKind.OCR,)


def _why_not(what: str, to: str, items: Sequence[Item], library: Library) -> str:
    """Why there is nothing to export, and what to do."""
    if not items:
        return (
            f"The library wants no {' or '.join(_kinds(to))} of '{what}', so there is nothing to export as {to}; "
            "with --now the file itself is read."
        )
    item = items[0]
    if item.state in (SidecarStatus.PENDING, SidecarStatus.CANCELLED):
        queue = f"pillion retry '{what}' and then " if item.state is SidecarStatus.CANCELLED else ""
        return (
            f"The {item.kind} of '{what}' is not made yet: run '{queue}pillion work --library {library.root}'; "
            "with --now the file itself is read."
        )
    why = (item.error or {}).get("message") or "nothing was found"
    return f"The {item.kind} of '{what}' is {item.state}: {why}"


def _mime(library: Library, content_uuid: str) -> str:
    info = library.content_info(content_uuid)
    return info[2] if info else ""


def _of_ocr(result: OcrResult, to: str, source: Path | None, mime: str) -> bytes:
    if to == "text":
        return f"{result.text}\n".encode()
    if to in _OF_OCR:
        return _OF_OCR[to](result, source.name if source else "").encode(errors="replace")
    if source is None:
        raise ItemError(ErrorClass.MISSING_SOURCE, "no file of this content is there any more to lay the text over")
    return searchable_pdf(result, source, is_pdf=mime == PDF)


def _of_transcript(result: TranscriptResult, to: str) -> bytes:
    return (f"{result.text}\n" if to == "text" else _OF_TRANSCRIPT[to](result)).encode()
