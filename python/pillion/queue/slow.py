"""Jobs that hold others up: where several of a kind and type do so, one after the other, all of these go last.

A job that others wait for longer than for its like is stopped and set aside without blame (pool.py). So a thousand good
files are not kept waiting by a few that take long, and files of a type that always takes long are not tried first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pillion.catalog.queue import ClaimedJob
from pillion.job import LAST_FROM, JobChange, Urgency, is_on_demand, job_released, job_set_aside, priority_of
from pillion.model import SidecarKind
from pillion.queue.engine import patience

_IN_A_ROW = 2
"""So many jobs for files of a type that are slower than others wait, and none in between that is not: all go last."""


@dataclass(slots=True)
class SlowTypes:
    """What one run knows. ``held_up``: (kind, MIME type) -> jobs that were set aside, one after the other."""

    held_up: Counter[tuple[SidecarKind, str]] = field(default_factory=Counter)

    def note(self, job: ClaimedJob) -> bool:
        """A job was set aside; returns whether all of its type go last now."""
        self.held_up[job.kind, job.mime] += 1
        return self.is_slow(job)

    def trust(self, job: ClaimedJob, seconds: float, cost_s: float) -> None:
        """A job ended. If it was as quick as it should be, it speaks for others of its type."""
        if seconds < patience(priority_of(Urgency.NEW, 0), cost_s, job.size):
            self.held_up.pop((job.kind, job.mime), None)

    def is_slow(self, job: ClaimedJob) -> bool:
        """Whether a job goes last because of its like. One that somebody waits for does not."""
        return self.held_up[job.kind, job.mime] >= _IN_A_ROW and not is_on_demand(job.priority)

    def is_early(self, job: ClaimedJob) -> bool:
        """Whether a job was claimed before its turn, which is last now."""
        return job.priority < LAST_FROM and self.is_slow(job)

    def given_back(self, job: ClaimedJob) -> JobChange:
        """What becomes of a claimed job that is given back."""
        change = job_set_aside if self.is_slow(job) else job_released
        return change(job.attempts, job.last)
