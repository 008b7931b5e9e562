"""Signs of life from a long job: each one gives the item that its worker is on its whole time limit again.

So a limit that is generous for one page or one minute of sound stops an engine that hangs, and not a long document.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_S = 1.0
_tell: Callable[[], None] | None = None
_told_at = 0.0


def listen(tell: Callable[[], None]) -> None:
    """``tell`` is called at a beat, at most once a second, by the thread that beats."""
    global _tell
    _tell = tell


def beat() -> None:
    """A piece of the work is done. Call it in the thread that runs the job; outside a worker nobody listens."""
    global _told_at
    now = time.monotonic()
    if _tell is not None and now - _told_at >= _EVERY_S:
        _told_at = now
        _tell()
