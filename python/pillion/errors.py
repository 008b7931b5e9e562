"""Every error that Pillion raises, and the classes that say why an item failed.

Two families:

* :class:`ItemError`: one file could not be processed. It has an :class:`ErrorClass`; the engine records it for that
  item alone and goes on.
* :class:`PillionError` (all others): the whole command cannot go on. It has the exit code for the process; only the
  command line exits with it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class ErrorClass(StrEnum):
    """Why one item failed (architecture, promise 6). The values are what the catalog stores and the CLI prints."""

    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    OOM = "oom"
    CRASH = "crash"
    MISSING_TOOL = "missing_tool"
    MISSING_SOURCE = "missing_source"
    CHANGED_SOURCE = "changed_source"
    IO_TRANSIENT = "io_transient"
    DISK_FULL = "disk_full"

    @property
    def environment(self) -> bool:
        """Whether it is a fault of the machine, not of the item: it pauses work and does not count as an attempt."""
        return self in _ENVIRONMENT


_ENVIRONMENT = frozenset({ErrorClass.MISSING_TOOL, ErrorClass.DISK_FULL})


class PillionError(Exception):
    """Base class of all errors of this package: one sentence that says what happened and what to do."""

    exit_code = 1


class ItemError(PillionError):
    """One file could not be processed.

    ``message`` is one sentence without the path (the caller knows the path). Raised by the Rust core, the engines
    and the generators; ``str(error)`` is the message. ``stderr_tail``: the end of what the engine itself printed.
    ``exit_status``: if the worker process ended, the name of its signal or its exit code.
    """

    def __init__(
        self, error_class: ErrorClass | str, message: str, stderr_tail: str = "", exit_status: str = ""
    ) -> None:
        super().__init__(message)
        self.error_class = ErrorClass(error_class)
        self.message = message
        self.stderr_tail = stderr_tail
        self.exit_status = exit_status

    def __reduce__(self) -> tuple[type[ItemError], tuple[str, str, str, str]]:
        return (type(self), (self.error_class.value, self.message, self.stderr_tail, self.exit_status))


class WorkersNotStartingError(ItemError):
    """No worker process starts, whatever it is to do: a fault of the machine that holds back all work."""


class FileLacksToolError(ItemError):
    """``missing_tool`` of what only some files of a type need, such as a codec: it says nothing of the others."""


def reason(error: BaseException) -> str:
    """What an error says, for the middle of a sentence: without the system's number, which is nothing to people."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return said.rstrip(".") or type(error).__name__


_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENXIO}
)


def is_unusable(error: OSError) -> bool:
    """Whether an error means that a place of the library is unusable (:class:`UnusableError`).

    All do but those that say that no such file is there.
    """
    # An object store's own has no number.
    return not isinstance(error, FileNotFoundError) and error.errno not in _ABSENT


def is_full(error: OSError) -> bool:
    """Whether the system says that a disk, or a quota, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def says_full(error: BaseException) -> bool:
    """Whether an error, of the system or of an item, is that a disk is full."""
    if isinstance(error, ItemError):
        return error.error_class is ErrorClass.DISK_FULL
    return isinstance(error, OSError) and is_full(error)


def full_disk(error: OSError, where: object = None) -> ItemError:
    """What :func:`is_full` means, in one sentence. ``where``: a file or folder on that disk, if the error has none."""
    place = where or error.filename
    on = f" on the disk of {os.fsdecode(place) if isinstance(place, bytes) else place}" if place else ""
    return ItemError(ErrorClass.DISK_FULL, f"No space is left{on}; free some and run again.")


@contextmanager
def full_disk_typed(where: object) -> Iterator[None]:
    """While inside, a disk that is full is an ItemError (disk_full)."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise full_disk(error, where) from error


class UsageError(PillionError):
    """The request itself is wrong: a path that does not exist, an unknown kind, variant or policy."""

    exit_code = 2


class ConfigError(UsageError):
    """config.toml has an unknown key or a value out of range."""


class SandboxError(PillionError):
    """The workers must be confined (``work.sandbox = "require"``), and cannot be on this machine."""


class LibraryError(PillionError):
    """The library cannot be opened or used."""


class LibraryBusyError(LibraryError):
    """Another process holds the library."""


class UnusableError(LibraryError):
    """A folder or a file of the library cannot be read or written. It never means that a sidecar is missing.

    ``path``: the first on the way that refuses, ``what`` it is; ``why``: what the system says.
    """

    def __init__(self, path: str, why: str, what: str = "folder") -> None:
        super().__init__(
            f"The {what} {path} of the library cannot be used ({why}): give yourself the right to read and write it, or"
            " see to its disk."
        )
        self.path = path
        self.why = why


class StagingLostError(LibraryError):
    """The library's folder for what is being made vanished amid work; nothing is charged to the files."""


class StoreError(LibraryError):
    """The object store with the sidecars cannot be used. It never means that a sidecar is missing."""


class StoreUnavailableError(StoreError):
    """It does not answer, is too slow, or fails: work waits until it is back, and nothing is charged to the files."""


class StoreRefusedError(StoreError):
    """It does not let us in, or the bucket, or the library's place in it, is not there."""


class StoreConflictError(StoreError):
    """Another process changed the same object meanwhile: what was read of it has to be read again."""


class LibraryClosedError(LibraryError):
    """The library was closed; open it again."""


class WorkersStoppedError(LibraryError):
    """The background workers of a library ended by an error, which is its ``__cause__``; ``start()`` begins again."""


class LibraryVersionError(LibraryError):
    """The library was written by a newer Pillion, or the SQLite in use is too old to be safe."""


class CatalogError(LibraryError):
    """The catalog database is damaged or cannot be written."""


class CatalogUnavailableError(CatalogError):
    """The server with the catalog does not answer, or went away amid a transaction, which may have been committed."""
