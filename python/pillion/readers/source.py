"""Opens the files of users for the readers: regular files only, and without waiting for anybody."""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO

from pillion.errors import ErrorClass, ItemError

_NOT_REGULAR = "not a regular file"


def open_regular(path: str | bytes | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; a symbolic link to one is followed.

    A named pipe would wait for a writer and a device might do anything, so the open does not wait, and what was opened
    is looked at, not the name, which may have come to mean something else. Raises ItemError (unsupported) for what is
    no regular file, OSError.
    """
    try:
        file = io.BufferedReader(io.FileIO(os.fspath(path), opener=_without_waiting))
    except IsADirectoryError as error:
        raise ItemError(ErrorClass.UNSUPPORTED, f"{_NOT_REGULAR}, but a folder") from error
    except OSError as error:
        if is_special(path):  # A socket cannot be opened at all.
            raise ItemError(ErrorClass.UNSUPPORTED, _NOT_REGULAR) from error
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ItemError(ErrorClass.UNSUPPORTED, _NOT_REGULAR)
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def is_special(path: str | bytes | os.PathLike[str]) -> bool:
    """Whether a path names a pipe, a socket or a device, itself or by a link: neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
