"""The first four indexing phases: discovery, processing, aggregation, identification. No SQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from pillion import _core

FoundFile = tuple[bytes, int, int, int]
"""(path relative to the Location, size in bytes, mtime in ns, inode)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A file or folder that was left out, and why. ``path`` is relative to the Location."""

    path: bytes
    error_class: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """What discovery found below ``prefix`` (a folder with a trailing slash, or b"" for the whole Location)."""

    root: bytes
    prefix: bytes
    files: Sequence[FoundFile]
    folders: int
    problems: Sequence[Problem]


def discover(
    root: bytes,
    *,
    prefix: bytes = b"",
    ignore: Sequence[str] = (),
    hidden: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Discovered:
    """Walk ``root`` (or the folder ``prefix`` in it). Raises ItemError if the folder itself cannot be read."""
    result = _core.walk(os.path.join(root, prefix), ignore=ignore, hidden=hidden, progress=progress)
    files = result.entries
    if prefix:
        files = [(prefix + path, size, mtime, inode) for path, size, mtime, inode in files]
    problems = [Problem(path=prefix + path, error_class=cls, message=text) for path, cls, text in result.problems]
    return Discovered(root=root, prefix=prefix, files=files, folders=result.folders, problems=problems)


# phase 2: processing --------------------------------------------------------------------------------------------------


Known = tuple[int, int, int, int, int]
"""(entry id, size, mtime_ns, inode, 1 if it must be identified again in any case)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The differences. ``again``: same stat values, but not identified last time, or back after removal."""

    new: Sequence[FoundFile]
    changed: Sequence[FoundFile]
    again: Sequence[FoundFile]
    removed: Sequence[int]
    unchanged: int

    @property
    def to_identify(self) -> list[FoundFile]:
        """All files to identify."""
        return [*self.new, *self.changed, *self.again]

    @property
    def any(self) -> bool:
        """Whether there is any difference."""
        return bool(self.new or self.changed or self.removed)


def compare(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int] = frozenset()) -> Changes:
    """Compare by path, size, mtime and inode.

    Files below a folder that could not be read do not count as removed.
    """
    new: list[FoundFile] = []
    changed: list[FoundFile] = []
    again: list[FoundFile] = []
    unchanged = 0
    for file in found.files:
        before = known.get(file[0])
        if before is None:
            new.append(file)
        elif before[1:] == (file[1], file[2], file[3], 0):
            unchanged += 1
        elif before[0] in already_removed:
            new.append(file)
        elif before[1:4] == file[1:4]:
            again.append(file)
        else:
            changed.append(file)
    removed = _removed(found, known, already_removed) if unchanged + len(again) + len(changed) < len(known) else []
    return Changes(new=new, changed=changed, again=again, removed=removed, unchanged=unchanged)


def _removed(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int]) -> list[int]:
    present = {file[0] for file in found.files}
    unreadable = tuple(problem.path.rstrip(b"/") for problem in found.problems if problem.error_class != "unsupported")
    below = tuple(path + b"/" for path in unreadable)
    return [
        before[0]
        for path, before in known.items()
        if path not in present
        and before[0] not in already_removed
        and path not in unreadable
        and not path.startswith(below)
    ]


# phase 3: aggregation -------------------------------------------------------------------------------------------------


def aggregate(files: Iterable[tuple[bytes, int]]) -> dict[bytes, tuple[int, int]]:
    """(relative path, size in bytes) of each file -> folder: (files, bytes). The Location itself is ``b""``."""
    direct: dict[bytes, list[int]] = {b"": [0, 0]}
    for path, size in files:
        folder = path[: max(path.rfind(b"/"), 0)]
        total = direct.get(folder)
        if total is None:
            direct[folder] = [1, size]
        else:
            total[0] += 1
            total[1] += size
    totals: dict[bytes, list[int]] = {}
    for folder, (count, size) in direct.items():
        while True:
            total = totals.setdefault(folder, [0, 0])
            total[0] += count
            total[1] += size
            if not folder:
                break
            folder = folder[: max(folder.rfind(b"/"), 0)]
    return {folder: (count, size) for folder, (count, size) in totals.items()}


# phase 4: identification ----------------------------------------------------------------------------------------------


CHUNK_FILES = 8192
CHUNK_BYTES = 1024 * 1024 * 1024
"""A chunk ends at the first limit it reaches. A crash or Ctrl-C loses at most one chunk. Larger chunks are written
faster, because their rows go into the indexes together."""

_UNSURE = ("text/", "application/octet-stream", "application/x-empty")
_EMPTY = "application/x-empty"
_DOCUMENTS = ("application/vnd.", "application/epub+zip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identified:
    """A file with its content's identity, or with the reason why it has none.

    ``claimed_mime``: the type that the name claims, set only if that is a picture, document, sound or video and the
    bytes are not.
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
    """Identify one chunk. A file that changed or vanished meanwhile gets an error class and does not stop the others.

    ``progress``: (files done, bytes read), about every 50 ms; if it raises an error, the call ends with it.
    """
    rows = [file[:3] for file in files]
    results = _core.identify_files(root, rows, sample_above=sample_above, progress=progress)
    return [_identified(file, result) for file, result in zip(files, results, strict=True)]


def _identified(file: FoundFile, result: tuple[str, ...]) -> Identified:
    if len(result) == 2:
        return Identified(file=file, error_class=result[0], error_message=result[1])
    content_uuid, digest, mime = result
    claimed = _claimed_mime(file[0], mime)
    return Identified(file=file, content_uuid=content_uuid, hash=digest, mime=mime, claimed_mime=claimed)


def _claimed_mime(path: bytes, mime: str) -> str | None:
    if not mime.startswith(_UNSURE):
        return None
    claimed = _core.mime_from_name(path[path.rfind(b"/") + 1 :])
    media_class = _core.media_class(claimed)
    # A text file may contain anything, so its name claims little; an office document has a fixed format.
    loose = media_class == "text" and mime != _EMPTY and not claimed.startswith(_DOCUMENTS)
    return None if media_class == "other" or loose else claimed
