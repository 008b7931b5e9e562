"""Pillion: thumbnails, OCR text, transcripts and embeddings, made once per unique content and reused by everything.

Open a library::

    import pillion
    with pillion.Library.open("photos.pillion") as library:
        library.add_location("~/Pictures")
        library.index()
        library.run()

or use the parts alone: :func:`thumbnail`, :func:`decode`, :func:`hash_file`, :func:`file_text`, :func:`ocr`,
:func:`transcribe`, :func:`embed`, :func:`export`; :func:`isolated` has them with files read by worker processes. Names
are imported when they are first used, so that ``import pillion`` is quick and needs no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pillion._core import HashResult, hash_bytes, hash_file
    from pillion.api import (
        decode,
        embed,
        file_text,
        file_thumbnail,
        formats,
        languages,
        ocr,
        thumbhash,
        thumbnail,
        thumbnail_batch,
        transcribe,
    )
    from pillion.errors import (
        ConfigError,
        ErrorClass,
        ItemError,
        LibraryBusyError,
        LibraryClosedError,
        LibraryError,
        PillionError,
        UsageError,
        WorkersStoppedError,
    )
    from pillion.events import Event
    from pillion.exports import export
    from pillion.index.indexer import IndexReport
    from pillion.isolation import Isolated, isolated
    from pillion.kinds.ocr.models import LanguageRow
    from pillion.kinds.ocr.result import OcrResult
    from pillion.kinds.transcript.result import TranscriptResult
    from pillion.library import Library
    from pillion.library.sidecars import Failed, Item, Pending, Ready
    from pillion.library.status import Status, WorkReport
    from pillion.model import SidecarFormat, SidecarKind, SidecarStatus, SidecarUri
    from pillion.readers.documents.result import DocumentPart, DocumentText
    from pillion.readers.images.formats import FormatRow

_HOMES = {
    "pillion._core": ("HashResult", "hash_bytes", "hash_file", "__version__"),
    "pillion.errors": (
        *("ConfigError", "ErrorClass", "ItemError", "LibraryBusyError", "LibraryClosedError", "LibraryError"),
        *("PillionError", "UsageError", "WorkersStoppedError"),
    ),
    "pillion.events": ("Event",),
    "pillion.exports": ("export",),
    "pillion.readers.images.formats": ("FormatRow",),
    "pillion.kinds.ocr.models": ("LanguageRow",),
    "pillion.index.indexer": ("IndexReport",),
    "pillion.isolation": ("Isolated", "isolated"),
    "pillion.library": ("Library",),
    "pillion.model": ("SidecarFormat", "SidecarKind", "SidecarStatus", "SidecarUri"),
    "pillion.library.status": ("Status", "WorkReport"),
    "pillion.api": (
        *("decode", "embed", "file_text", "file_thumbnail", "formats", "languages", "ocr"),
        *("thumbhash", "thumbnail", "thumbnail_batch", "transcribe"),
    ),
    "pillion.library.sidecars": ("Failed", "Item", "Pending", "Ready"),
    "pillion.kinds.ocr.result": ("OcrResult",),
    "pillion.kinds.transcript.result": ("TranscriptResult",),
    "pillion.readers.documents.result": ("DocumentPart", "DocumentText"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__: str
__all__ = [
    "ConfigError",
    "DocumentPart",
    "DocumentText",
    "ErrorClass",
    "Event",
    "Failed",
    "FormatRow",
    "HashResult",
    "IndexReport",
    "Isolated",
    "Item",
    "ItemError",
    "LanguageRow",
    "Library",
    "LibraryBusyError",
    "LibraryClosedError",
    "LibraryError",
    "OcrResult",
    "Pending",
    "PillionError",
    "Ready",
    "SidecarFormat",
    "SidecarKind",
    "SidecarStatus",
    "SidecarUri",
    "Status",
    "TranscriptResult",
    "UsageError",
    "WorkReport",
    "WorkersStoppedError",
    "decode",
    "embed",
    "export",
    "file_text",
    "file_thumbnail",
    "formats",
    "hash_bytes",
    "hash_file",
    "isolated",
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
