"""Keep-alive from a long job: each beat starts the deadline of the worker's current item again.

So a limit that is generous for one page or one minute of sound stops an engine that hangs, and not a long document.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_S = 1.0
_tell: Callable[[], None] | None = None
_told_at = 0.0


def listen(tell: Callable[[], None]) -> None:
    """Have ``tell`` called at each beat, at most once a second, in the thread that beats."""
    global _tell
    _tell = tell


def beat() -> None:
    """Say that a part of the work is done. Call it in the job's thread; outside a worker it does nothing."""
    global _told_at
    now = time.monotonic()
    if _tell is not None and now - _told_at >= _EVERY_S:
        _told_at = now
        _tell()
