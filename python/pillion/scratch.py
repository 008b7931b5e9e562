"""A private folder for as long as a process uses it. What one that was killed left is removed by the next.

A worker without a mount keeps in it what it was lent, and where files are looked at outside of a library the processes
that do so have their folders in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

_PREFIX = "work."
_TURN = "workers.lock"
_LOCK = "lock"


_PRIVATE = 0o700


def temporary() -> AbstractContextManager[Path]:
    """A new folder among the temporary files of this user; see :func:`scratch`."""
    ours = Path(tempfile.gettempdir(), f"pillion-{os.geteuid()}")
    try:
        ours.mkdir(mode=_PRIVATE, exist_ok=True)
        found = os.lstat(ours)
        is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    except OSError:
        is_private = False
    return scratch(ours) if is_private else _untidied()


@contextmanager
def _untidied() -> Iterator[Path]:
    """Somebody else has taken that name: a folder of its own, which nobody finds if this process is killed."""
    with tempfile.TemporaryDirectory(prefix="pillion.", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """A new folder in ``cache``, removed at the end, and at its start those of processes that were killed.

    Whoever uses a folder holds a lock in it, which the system takes back however the process ends. Where there are no
    locks, no folder of another is removed.
    """
    cache.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    with ExitStack() as ours:
        with ExitStack() as theirs:
            # One at a time: nobody takes a folder for left before it is locked.
            with _opened(cache / _TURN) as turn:
                left = _left(cache, theirs) if _locked(turn, fcntl.LOCK_EX) else []
                made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=cache, ignore_cleanup_errors=True)
                folder = Path(ours.enter_context(made))
                _locked(ours.enter_context(_opened(folder / _LOCK)), fcntl.LOCK_EX)
            for other in left:
                shutil.rmtree(other, ignore_errors=True)
        yield folder


def _left(cache: Path, held: ExitStack) -> list[Path]:
    """The folders that nobody uses any more; their locks are held now."""
    found = []
    for folder in cache.glob(f"{_PREFIX}*"):
        try:
            file = held.enter_context(_opened(folder / _LOCK, make=False))
        except OSError:
            continue
        if not folder.is_symlink() and _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            found.append(folder)
    return found


def _opened(path: Path, *, make: bool = True) -> BinaryIO:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_CREAT if make else 0)
    return open(os.open(path, flags, 0o600), "r+b", buffering=0)


def _locked(file: BinaryIO, how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True
