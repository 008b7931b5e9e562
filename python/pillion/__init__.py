"""Pillion: thumbnails, OCR text, transcripts and embeddings, made once per unique content and reused by everything.

Open a library::

    import pillion
    with pillion.Library.open("photos.pillion") as library:
        library.add_location("~/Pictures")
        library.index()
        library.run()

or use the parts alone: :func:`thumbnail`, :func:`decode`, :func:`hash_file`, :func:`file_text`, :func:`ocr`,
:func:`transcribe`, :func:`embed`, :func:`export`. Names are imported when they are first used, so that
``import pillion`` is quick and needs no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pillion._core import HashResult, hash_bytes, hash_file
    from pillion.errors import ErrorClass, ItemError, LibraryError, PillionError, UsageError
    from pillion.exports.export import export
    from pillion.generators.formats import FormatRow
    from pillion.generators.languages import LanguageRow
    from pillion.indexer import IndexReport
    from pillion.library import Library
    from pillion.library.overview import Status, WorkReport
    from pillion.library.sidecars import Failed, Pending, Ready
    from pillion.model import SidecarFormat, SidecarKind, SidecarStatus
    from pillion.parts.pictures import decode, file_thumbnail, formats, thumbhash, thumbnail, thumbnail_batch
    from pillion.parts.text import embed, file_text, languages, ocr, transcribe
    from pillion.results.documents import DocumentPart, DocumentText
    from pillion.results.ocr import OcrResult
    from pillion.results.transcript import TranscriptResult

_HOMES = {
    "pillion._core": ("HashResult", "hash_bytes", "hash_file", "__version__"),
    "pillion.errors": ("ErrorClass", "ItemError", "LibraryError", "PillionError", "UsageError"),
    "pillion.exports.export": ("export",),
    "pillion.generators.formats": ("FormatRow",),
    "pillion.generators.languages": ("LanguageRow",),
    "pillion.indexer": ("IndexReport",),
    "pillion.library": ("Library",),
    "pillion.model": ("SidecarFormat", "SidecarKind", "SidecarStatus"),
    "pillion.library.overview": ("Status", "WorkReport"),
    "pillion.parts.pictures": ("decode", "file_thumbnail", "formats", "thumbhash", "thumbnail", "thumbnail_batch"),
    "pillion.library.sidecars": ("Failed", "Pending", "Ready"),
    "pillion.results.ocr": ("OcrResult",),
    "pillion.results.transcript": ("TranscriptResult",),
    "pillion.results.documents": ("DocumentPart", "DocumentText"),
    "pillion.parts.text": ("file_text", "embed", "languages", "ocr", "transcribe"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__: str
__all__ = [
    "DocumentPart",
    "DocumentText",
    "ErrorClass",
    "Failed",
    "FormatRow",
    "HashResult",
    "IndexReport",
    "ItemError",
    "LanguageRow",
    "Library",
    "LibraryError",
    "OcrResult",
    "Pending",
    "PillionError",
    "Ready",
    "SidecarFormat",
    "SidecarKind",
    "SidecarStatus",
    "Status",
    "TranscriptResult",
    "UsageError",
    "WorkReport",
    "decode",
    "embed",
    "export",
    "file_text",
    "file_thumbnail",
    "formats",
    "hash_bytes",
    "hash_file",
    "languages",
    "ocr",
    "thumbhash",
    "thumbnail",
    "thumbnail_batch",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'pillion' has no attribute '{name}'")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
