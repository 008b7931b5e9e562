"""The cores that the workers of one pool share: a lone job may use all of them, many jobs have one each.

Whoever works on a core makes a mark: each worker while it is at an item, and each thread beside its first. A mark is a
lock on one byte of a file that all of them have open, so the kernel takes it back when a worker dies. Nobody waits for
a mark: an item always starts, and who has more than one core asks between two pieces of work whether it may keep it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_FLOCK = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, process."""


class Board:
    """The marks of all processes that share ``cores`` cores. ``descriptor``: the file, open for writing."""

    def __init__(self, descriptor: int, cores: int) -> None:
        self.descriptor = descriptor
        self.cores = cores
        # Items start whether a core is free or not, so there may be more marks than cores.
        self._places = range(4 * cores + 16)
        self._mine: set[int] = set()

    @classmethod
    def create(cls, cores: int) -> Board:
        """A new one, for the processes that this one will start. It lasts as long as one of them has it open."""
        return cls(os.memfd_create("pillion-cores", os.MFD_CLOEXEC), cores)

    @classmethod
    def parse(cls, argument: str) -> Board:
        """What :meth:`argument` wrote, in the process that inherited the descriptor."""
        descriptor, cores = map(int, argument.split(":"))
        return cls(descriptor, cores)

    def argument(self) -> str:
        """For the command line of a child; see :meth:`parse`."""
        return f"{self.descriptor}:{self.cores}"

    def close(self) -> None:
        """Let go of the file, and so of all marks of this process."""
        os.close(self.descriptor)

    def mark(self) -> int:
        """Say that one more core is in use here; returns what :meth:`wipe` takes. -1: there is no place left."""
        for place in self._places:
            if place not in self._mine and self._locked(place):
                self._mine.add(place)
                return place
        return -1

    def wipe(self, place: int) -> None:
        """It is not any more."""
        if place >= 0:
            self._mine.discard(place)
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, place)

    def in_use(self) -> int:
        """How many marks there are, of all processes."""
        return len(self._mine) + sum(self._is_locked_elsewhere(place) for place in self._places)

    def _locked(self, place: int) -> bool:
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def _is_locked_elsewhere(self, place: int) -> bool:
        probe = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        kind: int = struct.unpack(_FLOCK, fcntl.fcntl(self.descriptor, fcntl.F_GETLK, probe))[0]
        return kind != fcntl.F_UNLCK


_lock = threading.Lock()
_board: Board | None = None
_extra = 0


def join(board: Board) -> None:
    """From now on this process shares the cores of ``board`` with the others that have it."""
    global _board
    _board = board


@contextmanager
def at_work() -> Iterator[None]:
    """Around an item: this process uses a core."""
    if _board is None:
        yield
        return
    with _lock:
        place = _board.mark()
    try:
        yield
    finally:
        with _lock:
            _board.wipe(place)


class Extra:
    """One more core, for a thread of this process, as long as nobody else needs it. Get it from :func:`take`."""

    def __init__(self, board: Board | None, place: int) -> None:
        self._board = board
        self._place = place

    def may_keep(self) -> bool:
        """Whether there are still cores for all that is at work."""
        with _lock:
            return self._board is None or self._board.in_use() <= self._board.cores

    def give_back(self) -> None:
        """Call it once, when the thread is done."""
        global _extra
        with _lock:
            _extra -= 1
            if self._board is not None:
                self._board.wipe(self._place)


def take(at_most: int) -> Extra | None:
    """One more core if one is free, and if this process then has no more than ``at_most``, its first one included."""
    global _extra
    with _lock:
        if _extra + 1 >= at_most or (_board is not None and _board.in_use() >= _board.cores):
            return None
        _extra += 1
        return Extra(_board, -1 if _board is None else _board.mark())
