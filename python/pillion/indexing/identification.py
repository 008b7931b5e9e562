"""Phase 4, content identification: hash the bytes and find the type, many files in parallel, in bounded chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pillion import _core
from pillion.indexing.discovery import FoundFile

CHUNK_FILES = 8192
CHUNK_BYTES = 1024 * 1024 * 1024
"""A chunk ends at either: it is what a crash or Ctrl-C can cost. Larger ones are written faster: their rows go into
the indexes together."""

_UNSURE = ("text/", "application/octet-stream", "application/x-empty")
_EMPTY = "application/x-empty"
_DOCUMENTS = ("application/vnd.", "application/epub+zip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identified:
    """A file with its content's identity, or with the reason why it has none.

    ``claimed_mime`` is set only where the name promises a picture, document, sound or film and the bytes are none.
    """

    file: FoundFile
    content_uuid: str | None = None
    hash: str | None = None
    mime: str | None = None
    claimed_mime: str | None = None
    error_class: str | None = None
    error_message: str | None = None


def chunked(files: Sequence[FoundFile]) -> Iterator[Sequence[FoundFile]]:
    """``files`` in chunks of at most CHUNK_FILES files and about CHUNK_BYTES bytes."""
    start = size = 0
    for index, file in enumerate(files):
        if index > start and (index - start >= CHUNK_FILES or size + file[1] > CHUNK_BYTES):
            yield files[start:index]
            start, size = index, 0
        size += file[1]
    if start < len(files):
        yield files[start:]


def identify(
    root: bytes,
    files: Sequence[FoundFile],
    *,
    sample_above: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Identified]:
    """Identify one chunk. A file that changed or vanished meanwhile gets its error class; it stops nothing.

    ``progress``: (files done, bytes read), about every 50 ms; what it raises ends the call.
    """
    rows = [file[:3] for file in files]
    results = _core.identify_files(root, rows, sample_above=sample_above, progress=progress)
    return [_identified(file, result) for file, result in zip(files, results, strict=True)]


def _identified(file: FoundFile, result: tuple[str, ...]) -> Identified:
    if len(result) == 2:
        return Identified(file=file, error_class=result[0], error_message=result[1])
    content_uuid, digest, mime = result
    return Identified(file=file, content_uuid=content_uuid, hash=digest, mime=mime, claimed_mime=_claim(file[0], mime))


def _claim(path: bytes, mime: str) -> str | None:
    if not mime.startswith(_UNSURE):
        return None
    claimed = _core.mime_from_name(path[path.rfind(b"/") + 1 :])
    promised = _core.media_class(claimed)
    # A name says little about text, which may hold anything; but an office document has a form.
    loose = promised == "text" and mime != _EMPTY and not claimed.startswith(_DOCUMENTS)
    return None if promised == "other" or loose else claimed
