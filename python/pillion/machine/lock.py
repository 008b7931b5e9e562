"""One indexer at a time: a lock file that the kernel releases when its holder is gone, however it went."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pillion.errors import LibraryBusyError

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
