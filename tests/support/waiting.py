"""Wait for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0


def wait_until(happened: Callable[[], object], what: str = "it", patience_s: float = PATIENCE_S) -> float:
    """Wait for a condition; returns how many seconds it took. AssertionError if it does not come true."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < patience_s, f"it did not happen: {what}"
        time.sleep(0.005)
    return time.monotonic() - start
