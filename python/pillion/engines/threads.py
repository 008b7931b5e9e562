"""How many threads an engine may use."""

from __future__ import annotations

import os


def available() -> int:
    """The cores this process may run on, or ``OMP_THREAD_LIMIT`` if that is less.

    The limit must be kept to: CTranslate2 divides its work by the number of threads it asked for, so one that asks for
    two where OpenMP grants one leaves half of each product uncomputed, and returns wrong numbers without an error.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    return max(1, min(cores, int(limit))) if limit.isdecimal() else cores


def limit_to(share: float) -> None:
    """From now on this process has that share of the threads, at least one. Call it before an engine is loaded."""
    os.environ["OMP_THREAD_LIMIT"] = str(max(1, int(available() * share)))
