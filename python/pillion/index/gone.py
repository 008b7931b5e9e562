"""What a Location had and has not any more: files that were removed or moved, or all of it out of sight. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pillion.index.changes import Discovered, Known
    from pillion.index.links import FoundFile


def gone_from(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int]) -> dict[bytes, int]:
    """Path -> entry id of what was there and is not."""
    present = {file[0] for file in found.files}
    unreadable = tuple(problem.path.rstrip(b"/") for problem in found.problems if problem.error_class != "unsupported")
    below = tuple(path + b"/" for path in unreadable)
    return {
        path: before[0]
        for path, before in known.items()
        if path not in present
        and before[0] not in already_removed
        and path not in unreadable
        and not path.startswith(below)
    }


def moved_among(
    new: Sequence[FoundFile], gone: Mapping[bytes, int], known: Mapping[bytes, Known]
) -> tuple[list[tuple[int, FoundFile]], list[FoundFile]]:
    """New files that are files which are gone, under another name: (entry id, file); and those that are not.

    A file keeps its inode, size and mtime when it is renamed. What a name promises is told by its ending, so only a
    file that keeps its ending is known without another look.
    """
    by_stat: dict[tuple[int, int, int, bytes], int] = {}
    for path, id in gone.items():
        _, size, mtime_ns, inode, again, _ = known[path]
        if not again:
            by_stat[size, mtime_ns, inode, _ending(path)] = id
    moved: list[tuple[int, FoundFile]] = []
    rest: list[FoundFile] = []
    for file in new:
        id_ = by_stat.pop((file[1], file[2], file[3], _ending(file[0])), None)
        if id_ is None:
            rest.append(file)
        else:
            moved.append((id_, file))
    return moved, rest


def _ending(path: bytes) -> bytes:
    return os.path.splitext(path)[1].lower()


# is it there at all? --------------------------------------------------------------------------------------------------

# What cannot be seen is not removed: an unmounted disk leaves an empty folder, or none, or another file system's. Then
# the Location is offline: nothing of it changes until its files are there again, or the user says that they are gone.

SHARE = 0.5
"""More than this share of a Location's files gone at once looks like a lost disk, not like tidying up."""

FEWEST = 5
"""A Location that lost fewer files than this is believed."""


def why_offline(lost: int, known: int, *, files: int, identity: str | None, before: str | None) -> str | None:
    """Why a Location counts as offline, in words that follow "is offline:"; None where it does not.

    ``lost``: of ``known`` files, how many are not there. ``files``: how many are there now. ``identity``: of the folder
    now, ``before``: when files were last found there.
    """
    if not lost:
        return None
    if files == 0:
        return f"the folder is empty, and {_files(known)} in it"
    many = lost > known * SHARE
    if many and before is not None and identity != before:
        return f"another file system is there, without {lost:,} of its {known:,} files"
    if many and lost >= FEWEST:
        return f"{lost:,} of its {known:,} files are gone at once"
    return None


def _files(number: int) -> str:
    return "1 file was" if number == 1 else f"{number:,} files were"
