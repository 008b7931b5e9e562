"""One indexer at a time: a lock file that the kernel releases when its holder is gone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillion.errors import LibraryBusyError


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` as a lock. Raises LibraryBusyError that names the holder's process number."""
    with open(path, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(32).decode(errors="replace").strip() or "unknown"
            raise LibraryBusyError(
                f"Process {holder} is {what} the library {path.parent}; wait for it or stop it."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        yield
