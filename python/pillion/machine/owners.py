"""Who holds a claim or a staged file: a process of this machine, and what in it. The names say when nobody is there any
more, whatever the clock does meanwhile.
"""

from __future__ import annotations

import functools
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_alive: set[str] = set()
"""The owners in this process that are at work now."""


def this_owner() -> str:
    """A new name, ``host:process:birth:random``; it counts as somebody while :func:`at_work`."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}:{uuid.uuid4().hex[:8]}"


@contextmanager
def at_work(owner: str) -> Iterator[None]:
    """While inside, ``owner`` is there. Afterwards others of this process may take what it could not give back."""
    _alive.add(owner)
    try:
        yield
    finally:
        _alive.discard(owner)


def is_gone(owner: str) -> bool:
    """Whether ``owner`` was in a process of this machine that runs no more, or in this one and is done."""
    host, pid, birth, _ = owner.rsplit(":", 3)
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid() and birth == _birth(os.getpid()):
        return owner not in _alive
    return _birth(int(pid)) != birth


def _birth(pid: int) -> str | None:
    """What tells a process from another that had or will have its number; None if it is dead.

    Not the time of day at which it started: that one changes when the clock is set.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _time_of_birth(pid)
    try:
        # The name in brackets may hold anything, brackets and spaces too.
        state, *numbers = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{numbers[18]}-{_boot()}"


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def _time_of_birth(pid: int) -> str | None:
    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.NoSuchProcess:
        return None
