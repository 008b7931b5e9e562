"""Phase 1, discovery: walk a Location in parallel and find its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pillion import _core

FoundFile = tuple[bytes, int, int, int]
"""(path relative to the Location, size in bytes, mtime in ns, inode)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something that was left out, and why. ``path`` is relative to the Location."""

    path: bytes
    error_class: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """What discovery found below ``prefix`` (a folder path with a trailing slash, or b"" for the whole Location)."""

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
