"""Job states and every change from one to another. Pure: the time is passed in. docs/jobs.md has the diagram.

A change is built only by a named constructor below, and applies only to jobs in the states that it names.
catalog/queue.py writes it; a change that ends a claim is fenced by the lease token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache

from pillion.errors import ErrorClass
from pillion.model import Failure, value

ALL = "*"
"""The lane of a fault that holds back every one."""


class JobState(StrEnum):
    """The state of a job.

    WAITING: for the sidecar that it is made from. DONE, FAILED and CANCELLED last until it is queued again. PAUSED is
    never stored: listings show it for a queued job that a pause or a fault of the machine holds back.
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Urgency(IntEnum):
    """Why a job was queued; lower runs sooner. LAST: it held others up, and now they go first."""

    ON_DEMAND = 0
    NEW = 1
    BACKFILL = 2
    REGENERATE = 3
    LAST = 4


STEP = 100
"""Between the priorities of two urgencies."""

BEHIND = 50
"""Added to a priority: behind all other jobs of that urgency, in any kind. More than the number of kinds."""

ON_DEMAND_BEFORE = STEP * Urgency.NEW
"""On-demand jobs have priorities below this."""

LAST_FROM = STEP * Urgency.LAST
"""The priorities of jobs that go last, in any kind, are this and above."""

EVERY_PRIORITY = 1_000_000
"""More than any job's."""

LAST_PLACE = f"{LAST_FROM} + priority - priority / {BEHIND} * {BEHIND}"
"""SQL for what becomes of a priority when its job goes last: the kind's rank stays."""

IS_BEHIND = f"(priority - priority / {STEP} * {STEP} >= {BEHIND})"
"""SQL for whether a priority is one behind the others of its urgency."""


@lru_cache(maxsize=1024)
def priority_of(urgency: Urgency, rank: int) -> int:
    """The number by which the queue is sorted: urgency first, then the kind's rank in the order of work."""
    return STEP * urgency + min(rank, BEHIND - 1)


def is_on_demand(priority: int) -> bool:
    """Whether somebody is waiting for a job of this priority."""
    return priority < ON_DEMAND_BEFORE


AGING_S = 30.0
"""A kind that has work but got no worker for this long counts as one step more urgent."""


def aged_priority(priority: int, waited_s: float) -> int:
    """The priority of a kind's most urgent job, when the kind got no worker for ``waited_s`` seconds.

    It rises by one step of urgency every AGING_S, until it is just behind on-demand jobs and ahead of all others.
    """
    if is_on_demand(priority):
        return priority
    return max(priority - STEP * int(max(waited_s, 0.0) // AGING_S), ON_DEMAND_BEFORE - 1)


# What each error class means for the next try -----------------------------------------------------------------------


class Again(StrEnum):
    """When a failed item is tried again with the same recipe."""

    NEVER = "never"
    LATER = "later"
    """Automatically after a wait, while it has tries left."""
    WHEN_INDEXED = "when_indexed"
    """When the next index finds its file."""
    WHEN_REPAIRED = "when_repaired"
    """When the fault of the machine is fixed; the failed try does not count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """What happens after a failure of one class.

    ``tries``: in all, counting failures of every class. The n-th wait is ``wait_s * growth**(n - 1)`` seconds, at most
    ``longest_wait_s``. ``alone``: later tries run alone in a fresh worker with a smaller budget, because the cause may
    have been an item that ran before, or too large a budget.
    """

    again: Again
    tries: int = 1
    wait_s: float = 0.0
    growth: float = 1.0
    longest_wait_s: float = 0.0
    alone: bool = False

    def wait(self, tried: int) -> float:
        """Seconds to wait after try number ``tried``, where 1 is the first."""
        return float(min(self.wait_s * self.growth ** (tried - 1), self.longest_wait_s))


_NEVER = RetryPolicy(again=Again.NEVER)
_WHEN_INDEXED = RetryPolicy(again=Again.WHEN_INDEXED)
_WHEN_REPAIRED = RetryPolicy(again=Again.WHEN_REPAIRED)
_ALONE = RetryPolicy(again=Again.LATER, tries=3, wait_s=1, growth=4, longest_wait_s=60, alone=True)
_PATIENT = RetryPolicy(again=Again.LATER, tries=6, wait_s=1, growth=3, longest_wait_s=120)

RETRY_POLICIES: Mapping[ErrorClass, RetryPolicy] = {
    ErrorClass.CORRUPT: _NEVER,
    ErrorClass.UNSUPPORTED: _NEVER,
    ErrorClass.TOO_LARGE: _NEVER,
    ErrorClass.TIMEOUT: _ALONE,
    ErrorClass.OOM: _ALONE,
    ErrorClass.CRASH: _ALONE,
    ErrorClass.IO_TRANSIENT: _PATIENT,
    ErrorClass.MISSING_SOURCE: _WHEN_INDEXED,
    ErrorClass.CHANGED_SOURCE: _WHEN_INDEXED,
    ErrorClass.DISK_FULL: _WHEN_REPAIRED,
    ErrorClass.MISSING_TOOL: _WHEN_REPAIRED,
}


LONGEST_WAIT_S = max(policy.longest_wait_s for policy in RETRY_POLICIES.values())
"""The longest wait between two tries."""


def classes_tried(again: Again) -> tuple[ErrorClass, ...]:
    """The error classes whose items are tried again at this time."""
    return tuple(error_class for error_class, policy in RETRY_POLICIES.items() if policy.again is again)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a try may use. ``alone``: in a fresh worker that runs nothing else.

    ``share``: the part of a first try's threads, and of the sound that it holds at a time. ``one_variant``: one
    variant at a time, the smallest first.
    """

    alone: bool = False
    share: float = 1.0
    one_variant: bool = False


FULL_BUDGET = Budget()
_LATER_BUDGETS = (Budget(alone=True, share=0.5), Budget(alone=True, share=0.25, one_variant=True))


def budget_of(attempts: int, last: Failure | None) -> Budget:
    """The budget of the next try after ``attempts`` tries; ``last`` is the last failure (None: there was none)."""
    if last is None or attempts == 0:
        return FULL_BUDGET
    # A missing tool is never what was charged: the failure before it is not known any more, and may have been a crash.
    if last.error_class is not ErrorClass.MISSING_TOOL and not RETRY_POLICIES[last.error_class].alone:
        return FULL_BUDGET
    return _LATER_BUDGETS[min(attempts, len(_LATER_BUDGETS)) - 1]


# Changes --------------------------------------------------------------------------------------------------------------

_CLAIMED = frozenset({JobState.RUNNING})
_IDLE = frozenset({JobState.QUEUED, JobState.WAITING})
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""A job in one of these states does not change until it is queued again."""


class Place(IntEnum):
    """Where in the queue a job goes that is given back: where it was, behind the others of its urgency, or last."""

    SAME = 0
    BEHIND = 1
    LAST = 2


@value
class JobChange:
    """What to write to a job that is in one of the states ``before``. Built only by the constructors below.

    ``attempts`` and ``not_before`` None: unchanged. ``failure``: the last one, kept while it matters to the next try;
    with ``keeps_failure`` the stored one stays. ``place``: unless somebody waits for it, which keeps its place.
    """

    before: frozenset[JobState]
    state: JobState
    attempts: int | None = None
    not_before: float | None = 0.0
    failure: Failure | None = None
    keeps_failure: bool = False
    place: Place = Place.SAME


@lru_cache(maxsize=64)
def job_done(attempts: int) -> JobChange:
    """All variants have an outcome."""
    return JobChange(before=_CLAIMED, state=JobState.DONE, attempts=attempts + 1)


def job_released(attempts: int, last: Failure | None = None, place: Place = Place.SAME) -> JobChange:
    """Given back unfinished: Ctrl-C, a pause, or a full disk. Counts no attempt and keeps the last failure."""
    return JobChange(before=_CLAIMED, state=JobState.QUEUED, attempts=attempts, failure=last, place=place)


def job_set_aside(attempts: int, last: Failure | None = None) -> JobChange:
    """Given back because others have waited for it long enough. It goes last; counts no attempt."""
    return job_released(attempts, last, Place.LAST)


HELD_BACK_S = 30.0
"""How long a job with a missing tool lets others of its kind go first: they may need another model or language."""


def held_back_until(now: float) -> float:
    """When a job that lacks a tool may run again."""
    return now + HELD_BACK_S


def job_held_back(attempts: int, missing: Failure, now: float, *, goes_last: bool = False) -> JobChange:
    """Given back because a tool is missing. Counts no attempt; the failure tells this wait from that for a retry.

    ``goes_last``: others of its type may well be made, and all of them come first.
    """
    return JobChange(
        before=_CLAIMED,
        state=JobState.QUEUED,
        attempts=attempts,
        not_before=held_back_until(now),
        failure=missing,
        place=Place.LAST if goes_last else Place.SAME,
    )


def job_failed_once(attempts: int, failure: Failure, now: float) -> JobChange:
    """One more try after a growing wait, or failed for good if no try is left or another cannot help.

    One that took a worker with it goes last: its next try may do the same.
    """
    tried = attempts + 1
    policy = RETRY_POLICIES[failure.error_class]
    if policy.again is Again.LATER and tried < policy.tries:
        return JobChange(
            before=_CLAIMED,
            state=JobState.QUEUED,
            attempts=tried,
            not_before=now + policy.wait(tried),
            failure=failure,
            place=Place.LAST if policy.alone else Place.SAME,
        )
    return JobChange(before=_CLAIMED, state=JobState.FAILED, attempts=tried, failure=failure)


def job_rescued() -> JobChange:
    """Its owner is gone or no longer renews its lease: like released, but without what the owner knew."""
    return JobChange(before=_CLAIMED, state=JobState.QUEUED, not_before=None, keeps_failure=True)


@lru_cache(maxsize=1)
def job_woken() -> JobChange:
    """The sidecar that it waited for is there."""
    return JobChange(before=frozenset({JobState.WAITING}), state=JobState.QUEUED)


def job_ended_with_source(failure: Failure | None) -> JobChange:
    """The sidecar that it waited for will not come: the job ends the same way, without a try of its own."""
    state = JobState.FAILED if failure else JobState.DONE
    return JobChange(before=frozenset({JobState.WAITING}), state=state, failure=failure)


def job_cancelled() -> JobChange:
    """The user does not want it; it stays cancelled until somebody asks for it. A claim on it is void at once."""
    return JobChange(before=_IDLE | _CLAIMED, state=JobState.CANCELLED)
