"""Jobserver tokens: the workers of one pool share its cores. A lone job may use all of them, many jobs have one each.

A token stands for a core in use: each worker holds one while it runs an item, and one more for each extra thread. It is
a lock on one byte of a file that all workers have open, so the kernel releases it when a worker dies. Nobody waits for
a token: an item always starts, and a worker with several checks between two parts of its work whether it may keep them.
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


class JobServer:
    """The tokens of all processes that share ``cores`` cores. ``descriptor``: the file, open for writing."""

    def __init__(self, descriptor: int, cores: int) -> None:
        self.descriptor = descriptor
        self.cores = cores
        # Items start whether a core is free or not, so there may be more tokens than cores.
        self._places = range(4 * cores + 16)
        self._mine: set[int] = set()

    @classmethod
    def create(cls, cores: int) -> JobServer:
        """A new one, for the processes that this one will start. It lasts as long as one of them has it open."""
        return cls(os.memfd_create("pillion-tokens", os.MFD_CLOEXEC), cores)

    def acquire(self) -> int:
        """Say that one more core is in use here; returns what :meth:`release` takes. -1: there is no place left."""
        for place in self._places:
            if place not in self._mine and self._locked(place):
                self._mine.add(place)
                return place
        return -1

    def release(self, place: int) -> None:
        """It is not any more."""
        if place >= 0:
            self._mine.discard(place)
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, place)

    def in_use(self) -> int:
        """How many tokens are held, by all processes."""
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
_server: JobServer | None = None
_extra = 0


def join(server: JobServer) -> None:
    """From now on this process shares the cores of ``server`` with the others that have it."""
    global _server
    _server = server


@contextmanager
def at_work() -> Iterator[None]:
    """Around an item: this process uses a core."""
    if _server is None:
        yield
        return
    with _lock:
        place = _server.acquire()
    try:
        yield
    finally:
        with _lock:
            _server.release(place)


class Extra:
    """One more core, for a thread of this process, as long as nobody else needs it; from :func:`acquire_extra`."""

    def __init__(self, server: JobServer | None, place: int) -> None:
        self._server = server
        self._place = place

    def may_keep(self) -> bool:
        """Whether there are still cores for all that is at work."""
        with _lock:
            return self._server is None or self._server.in_use() <= self._server.cores

    def release(self) -> None:
        """Call it once, when the thread is done."""
        global _extra
        with _lock:
            _extra -= 1
            if self._server is not None:
                self._server.release(self._place)


def acquire_extra(at_most: int) -> Extra | None:
    """One more core if one is free, and if this process then has no more than ``at_most``, its first one included."""
    global _extra
    with _lock:
        if _extra + 1 >= at_most or (_server is not None and _server.in_use() >= _server.cores):
            return None
        _extra += 1
        return Extra(_server, -1 if _server is None else _server.acquire())
