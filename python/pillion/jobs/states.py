"""Job states and every way to change them. Pure: the time is passed in. docs/jobs.md has the diagram.

A change is made only by a named constructor below; catalog/jobs.py writes it, fenced by the lease token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pillion.model import Failure, SidecarKind


class JobState(StrEnum):
    """Where a job is. WAITING: for the text of the same content. DONE and FAILED end it until it is queued again."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Urgency(IntEnum):
    """Why a job was queued; lower is sooner."""

    ON_DEMAND = 0
    NEW = 1
    BACKFILL = 2
    REGENERATE = 3


_KIND_RANK = {kind: rank for rank, kind in enumerate(SidecarKind)}


def priority_of(urgency: Urgency, kind: SidecarKind) -> int:
    """The number that orders the queue: urgency first, then the kind's place in SidecarKind."""
    return 10 * urgency + _KIND_RANK[kind]


MAX_ATTEMPTS = 3
"""Tries in all for an item that times out, runs out of memory or kills its worker (design, promise 5)."""

_BACKOFF_BASE_S = 1.0
_BACKOFF_FACTOR = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class JobChange:
    """What to write to a job that is running now. Built by the constructors below only."""

    state: JobState
    attempts: int
    not_before: float = 0.0
    failure: Failure | None = None


def job_done(attempts: int) -> JobChange:
    """All variants have an outcome."""
    return JobChange(state=JobState.DONE, attempts=attempts + 1)


def job_released(attempts: int) -> JobChange:
    """Given back untouched: Ctrl-C, a pause, or a fault of the machine. Charges no attempt."""
    return JobChange(state=JobState.QUEUED, attempts=attempts)


def job_failed_once(attempts: int, failure: Failure, now: float) -> JobChange:
    """One more try after a wait that grows fourfold, or failed for good when the tries are used up or cannot help."""
    tried = attempts + 1
    if failure.error_class.retryable and tried < MAX_ATTEMPTS:
        delay = _BACKOFF_BASE_S * _BACKOFF_FACTOR ** (tried - 1)
        return JobChange(state=JobState.QUEUED, attempts=tried, not_before=now + delay, failure=failure)
    return JobChange(state=JobState.FAILED, attempts=tried, failure=failure)
