"""What workers write before it is a sidecar: the files in a library's staging folder, and how they are believed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from pillion import _core
from pillion.errors import ItemError
from pillion.model import NEVER_SAMPLED, value

if TYPE_CHECKING:
    from pillion.kinds.execute import ExecutionTask

PRIVATE = 0o700
"""The mode of a library's folders when they are made: nobody else can enter them."""

FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How a file is opened that may be anything, and is to be read only where it is a file."""

CHUNK = 1 << 20
"""Bytes of a file that are held at a time."""

_NOTE = "-checkpoint"

_DIGITS = 9
"""Of the number of a part of a checkpoint."""


@value
class Placement:
    """A file to move from staging to its final place (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


def staged_path(staging: str, variant: str) -> Path:
    """The file to which a job with the staging path ``staging`` writes a variant (kinds/execute.py does)."""
    return Path(f"{staging}-{variant}")


def take(folder: Path, path: Path, *, make: bool = False) -> bool:
    """Rename the file of ``path``'s name in ``folder`` to ``path``; False if it is not a plain file with one name.

    ``make``: make the folder of ``path`` if there is none. Raises OSError.
    """
    source = folder / path.name
    try:
        found = os.lstat(source)
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    if make:
        path.parent.mkdir(mode=PRIVATE, exist_ok=True)
    os.replace(source, path)
    return True


def fetch(task: ExecutionTask, done: bool, folder: Path) -> None:
    """Take what a worker has written for a task from its own folder to staging: its sidecars if it is ``done``.

    The names are those of the task; what is no plain file is left where it is. Raises OSError.
    """
    staging = os.fsdecode(task.staging)
    for variant in task.variants if done else ():
        take(folder, staged_path(staging, variant))
    if task.checkpoint is not None and not _take_checkpoint(folder, task.checkpoint):
        _note(folder).write_text(task.checkpoint.name, encoding="ascii")


def _take_checkpoint(folder: Path, path: Path) -> bool:
    """Take a checkpoint with its parts, these first: it names only parts that are there."""
    for name in os.listdir(folder):
        if is_part(name, path.name):
            take(folder, path.with_name(name), make=True)
    return take(folder, path, make=True)


def is_part(name: str, checkpoint: str) -> bool:
    """Whether a file of this name is a part of a checkpoint (kinds/checkpoint.py)."""
    start, _, number = name.rpartition(".")
    return start == checkpoint and number.isdecimal() and len(number) <= _DIGITS


def _note(folder: Path) -> Path:
    """Beside a worker's folder: the name of the checkpoint that it may leave, for when its parent is killed."""
    return folder.with_name(f"{folder.name}{_NOTE}")


def rescue(owner: str, staging: Path, checkpoints: Path) -> None:
    """Take the checkpoints that the workers of an owner that is gone have left."""
    for note in staging.glob(f"{owner}.*{_NOTE}"):
        with suppress(OSError, UnicodeDecodeError):
            name = note.read_text(encoding="ascii")
            if name == os.path.basename(name):
                _take_checkpoint(note.with_name(note.name.removesuffix(_NOTE)), checkpoints / name)


def clear(path: Path) -> None:
    """Remove what a worker left at ``path``, whatever it is."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def hash_of(file: IO[bytes], size: int) -> str | None:
    """The hash of a file of this size, open at its start, a part of it in memory at a time. None if it changes."""
    if size <= CHUNK:
        data = file.read(size + 1)
        return _core.hash_bytes(data).hash if len(data) == size else None
    try:
        return _core.hash_file(f"/dev/fd/{file.fileno()}", sample_above=NEVER_SAMPLED).hash
    except ItemError:
        return None


# what a worker has written --------------------------------------------------------------------------------------------


@contextmanager
def _copied(file: BinaryIO, size: int, path: Path) -> Iterator[Path]:
    """A copy of a file beside its path, that was never anybody else's; removed unless it is renamed. Raises OSError."""
    copy = path.with_name(f"{path.name}.copy")
    try:
        with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as sink:
            left = size
            while left and (data := file.read(min(left, CHUNK))):
                sink.write(data)
                left -= len(data)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _leased(descriptor: int) -> bool:
    """Take a lease on a file until it is closed: granted only while nobody has it open to write, or mapped so.

    It costs two calls where a copy costs a file. False also where there are no leases, as on network file systems.
    Who opens the file to write while the lease is held waits, and it is no whole lease any more. The signal about that
    is one that is ignored, where the usual one ends the process.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        return False
    return True


def secure(path: Path, size: int, checksum: str) -> bool:
    """Whether a job has written this file: a plain file of no other name, of this size and checksum.

    From then on nobody but this process can change its bytes: the worker has no other way to it, and where it may
    have the file open still, the file is replaced by a copy. Raises OSError if a copy cannot be written.
    """
    try:
        descriptor = os.open(path, FILE)
    except OSError:
        return False
    with open(descriptor, "rb", buffering=0) as file:
        leased = _leased(descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size != size:
            return False
        if leased and fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK:
            # Nobody opens it meanwhile, or waits to, and it has no name but this one, which only this process uses.
            return hash_of(file, size) == checksum
        with _copied(file, size, path) as copy, open(copy, "rb", buffering=0) as again:
            if hash_of(again, size) != checksum:
                return False
            os.replace(copy, path)
            return True
