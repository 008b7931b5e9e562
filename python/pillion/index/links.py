"""Symbolic links, followed: each folder is walked once, none in a circle, and each file is counted once."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from pillion import _core, machine
from pillion.store import is_library

Walk = Callable[[bytes, Sequence[bytes]], _core.WalkResult]
"""(absolute path of a folder, what to leave out of it, by relative paths) -> what is in it. Raises ItemError."""

FoundFile = tuple[bytes, int, int, int, int]
"""(path relative to the Location, size in bytes, mtime in ns, inode, ctime in ns), one of :class:`_core.FoundFiles`."""


def followed(
    root: bytes, links: Sequence[bytes], file_links: Sequence[bytes], others: Sequence[bytes], walk: Walk
) -> Iterator[tuple[bytes, _core.WalkResult] | FoundFile]:
    """(Path of the link in ``root``, what is in its folder) for each link to a folder, then the files of other links.

    Only what is not known from elsewhere. ``links``, ``file_links``: paths in ``root``; those found on the way are
    followed too. ``others``: real paths of folders whose files are known. A folder that holds ``root``, or one of
    these, is walked without them. What lies in a library is left out. Raises what ``walk`` does.
    """
    taken = [os.path.realpath(root), *others]
    waiting, files = deque(sorted(links)), list(file_links)
    libraries: dict[bytes, bool] = {}
    while waiting:
        link = waiting.popleft()
        target = os.path.realpath(os.path.join(root, link))
        if any(_is_inside(target, folder) for folder in taken) or _in_library(target, libraries):
            continue
        inside = [os.path.relpath(folder, target) for folder in taken if _is_inside(folder, target)]
        result = walk(os.path.join(root, link), sorted(inside))
        taken.append(target)
        waiting.extend(link + b"/" + path for path in result.links)
        files.extend(link + b"/" + path for path in result.file_links)
        yield link, result
    for link, target in _targets(root, sorted(files), taken):
        if _in_library(os.path.dirname(target), libraries):
            continue
        path = os.path.join(root, link)
        try:
            found = os.stat(path)
        except OSError:
            # It went away after the walk, as any file may.
            continue
        if stat.S_ISREG(found.st_mode):
            yield link, found.st_size, machine.mtime_ns(found), found.st_ino, machine.ctime_ns(found)


def _targets(root: bytes, links: Sequence[bytes], taken: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(Link, the real path that it leads to), each target under its first link, without those in folders ``taken``."""
    seen: set[bytes] = set()
    for link in links:
        target = os.path.realpath(os.path.join(root, link))
        if target not in seen and not any(_is_inside(target, folder) for folder in taken):
            seen.add(target)
            yield link, target


def _is_inside(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _in_library(folder: bytes, known: dict[bytes, bool]) -> bool:
    """Whether a folder is a library, or in one. ``known``: answers so far."""
    if folder not in known:
        above = os.path.dirname(folder)
        known[folder] = is_library(folder) or (above != folder and _in_library(above, known))
    return known[folder]
