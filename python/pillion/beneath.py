"""Read, place and remove files below a folder, and nothing else: no link is followed, and only regular files count.

Each folder of the path is opened by name inside the folder before it, with O_NOFOLLOW, and the file is used by name
inside the last. So a link that somebody has put into a library, or puts there meanwhile, cannot lead out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_file(root: Path, rel_path: str, limit: int) -> bytes:
    """The bytes of a regular file. Raises OSError, and ValueError if it is no such file or has more than ``limit``."""
    *folders, name = parts(rel_path)
    with _opened(root, folders) as folder, open(os.open(name, _FILE, dir_fd=folder), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return data


def size_of(root: Path, rel_path: str) -> int | None:
    """The size of a regular file; None if there is none."""
    try:
        *folders, name = parts(rel_path)
        with _opened(root, folders) as folder:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def place_file(staged: Path, root: Path, rel_path: str) -> None:
    """Rename ``staged`` to its path below ``root``, whose folders are made where they are missing. Raises OSError."""
    *folders, name = parts(rel_path)
    with _opened(staged.parent, []) as source, _opened(root, folders, make=True) as target:
        os.replace(staged.name, name, src_dir_fd=source, dst_dir_fd=target)


def remove_file(sidecars: Path, rel_path: str) -> bool:
    """Remove one regular file and the folders that are empty then. False if there is no such file.

    Raises OSError if it cannot be removed, and ValueError for a path that is not below ``sidecars``.
    """
    *folders, name = parts(rel_path)
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
    folders = parts(f"content/{content_uuid[:2]}/{content_uuid[2:4]}/{content_uuid}")
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


def parts(rel_path: str) -> list[str]:
    """The names in a path that stays below its root. Raises ValueError for any other."""
    names = rel_path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"{rel_path[:200]!r} is not a path inside the library")
    return names


@contextmanager
def _opened(root: Path, folders: list[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder at ``folders`` below ``root``. Raises NotADirectoryError for a link in the path.

    ``make``: make those that are missing.
    """
    at = os.open(root, _FOLDER)
    try:
        for name in folders:
            below = _open_below(name, at, make=make)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _open_below(name: str, at: int, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, "a link stands where a folder of the library was", name) from error
        raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)
    return _open_below(name, at, make=False)


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
