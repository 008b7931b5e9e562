"""This machine: its name among devices, locks and the processes that hold them, battery.

Knows nothing of libraries or media: it imports :mod:`pillion.errors` and nothing else of Pillion.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pillion.errors import LibraryBusyError


def data_folder() -> Path:
    """Where Pillion keeps what belongs to the user and not to one library (made if missing)."""
    import platformdirs

    return Path(platformdirs.user_data_dir("pillion", appauthor=False))


def device_uuid() -> str:
    """This device's uuid. Two processes that make it at the same time agree on one."""
    path = data_folder() / "device-uuid"
    try:
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        return _make(path)


def _make(path: Path) -> str:
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(str(uuid.uuid4()) + "\n")
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return path.read_text(encoding="ascii").strip()


def device_name() -> str:
    """What to call this device."""
    return socket.gethostname()


# locks ----------------------------------------------------------------------------------------------------------------


Waiting = Callable[[str], None]
"""Is told, once, whom it is waited for."""


@contextmanager
def exclusive(path: Path, what: str, *, waiting: Waiting | None = None) -> Iterator[None]:
    """Hold ``path`` as a lock; ``what`` says what for. If another process holds it, wait for it and tell ``waiting``.

    Without ``waiting`` it raises LibraryBusyError instead, which names that process, what it does and since when.
    """
    with open(path, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = f"{_holder(file)} the library {path.parent}"
            if waiting is None:
                raise LibraryBusyError(f"{holder}; wait for it or stop it.") from None
            waiting(holder)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "what": what, "since": time.time()}).encode())
        file.flush()
        yield


def _holder(file: BinaryIO) -> str:
    """Who holds the lock. What an older Pillion or a half-written note says is no reason to fail."""
    file.seek(0)
    try:
        note = json.loads(file.read(1000))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(note["since"])))
        return f"Process {int(note['pid'])} has since {since} been {note['what']}"
    except (ValueError, TypeError, KeyError, OverflowError):
        return "Another process is indexing"


# owners ---------------------------------------------------------------------------------------------------------------


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
    import psutil

    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.NoSuchProcess:
        return None


# battery --------------------------------------------------------------------------------------------------------------


def on_battery() -> bool:
    """False for a machine that has none, or does not tell."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False
