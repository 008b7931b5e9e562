"""Removes files below ``sidecars/``, and nothing else: no link is followed, and only regular files are removed.

Each folder of the path is opened by name inside the folder before it, with O_NOFOLLOW, and the file is removed by name
inside the last. So a link that somebody puts there meanwhile cannot lead out of the library.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_file(sidecars: Path, rel_path: str) -> bool:
    """Remove one regular file and the folders that are empty then. False if there is no such file.

    Raises OSError if it cannot be removed, and ValueError for a path that is not below ``sidecars``.
    """
    *folders, name = _parts(rel_path)
    try:
        with _opened(sidecars, folders) as folder:
            if not _is_regular(name, folder):
                return False
            os.unlink(name, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _prune(sidecars, folders)
    return True


def remove_content(sidecars: Path, content_uuid: str) -> int:
    """Remove every regular file of a content and the empty folders; returns the number of files.

    Raises OSError if one cannot be removed.
    """
    folders = _parts(f"content/{content_uuid[:2]}/{content_uuid[2:4]}/{content_uuid}")
    number = 0
    try:
        with _opened(sidecars, folders) as folder:
            for _, below, names, at in os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=folder):
                regular = [name for name in names if _is_regular(name, at)]
                for name in regular:
                    os.unlink(name, dir_fd=at)
                number += len(regular)
                for name in below:
                    _remove_empty(name, at)
    except (FileNotFoundError, NotADirectoryError):
        return number
    _prune(sidecars, folders)
    return number


def _parts(rel_path: str) -> list[str]:
    parts = rel_path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"{rel_path!r} is not a path inside the library")
    return parts


@contextmanager
def _opened(root: Path, folders: list[str]) -> Iterator[int]:
    """A descriptor of the folder at ``folders`` below ``root``. Raises NotADirectoryError for a link in the path."""
    at = os.open(root, _FOLDER)
    try:
        for name in folders:
            below = _open_below(name, at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _open_below(name: str, at: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(error.errno, error.strerror, name) from error
        raise


def _is_regular(name: str, at: int) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)


def _prune(root: Path, folders: list[str]) -> None:
    """Remove these folders, innermost first, until one is not empty; ``content`` itself stays."""
    for depth in range(len(folders), 1, -1):
        try:
            with _opened(root, folders[: depth - 1]) as parent:
                os.rmdir(folders[depth - 1], dir_fd=parent)
        except OSError:
            return


def _remove_empty(name: str, at: int) -> None:
    """Remove a folder if it is empty. A link to a folder, or one that is not empty, stays."""
    try:
        os.rmdir(name, dir_fd=at)
    except OSError:
        return
