"""Types of files that hold others up: their files wait until others have gone first.

A file that others wait for longer than for its like is stopped and goes last, without blame (pool.py). What such tries
take together is kept small: as soon as it is more than a tenth of all work on a kind, the type of the file that was
stopped goes behind the others of the same urgency. There its files are still stopped and set aside, so that good ones
need not wait for bad ones; where several in a row were, the others have more patience with the next ones of that type.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial

from pillion.catalog.queue import ClaimedJob
from pillion.job import BEHIND, LAST_FROM, ON_DEMAND_BEFORE, STEP, JobChange, Place, Urgency, job_released, priority_of
from pillion.model import SidecarKind
from pillion.pool.pool import SetAside
from pillion.queue.engine import patience

_LOST_SHARE = 0.1
"""Of the seconds of work on a kind, which tries that are set aside may take before a type has to go behind."""

_START_S = 0.1
"""What it takes to start another worker."""

_IN_A_ROW = 8
"""So many tries of a type that were set aside, and none in between that was quick, may mean that it is slower here."""

Sort = tuple[SidecarKind, str]
"""A kind and a MIME type."""


@dataclass(slots=True)
class SlowTypes:
    """What one run knows. All seconds are those of a worker.

    ``worked_s``: on what ended by itself; keep it up. ``lost_s``: on what was set aside, by kind. ``in_a_row``: tries
    that were set aside, one after the other. ``behind``: types that go behind. ``times``: by how much the patience with
    a type is longer than usual.
    """

    worked_s: defaultdict[Sort, float] = field(default_factory=partial(defaultdict, float))
    lost_s: defaultdict[SidecarKind, float] = field(default_factory=partial(defaultdict, float))
    in_a_row: Counter[Sort] = field(default_factory=Counter)
    behind: set[Sort] = field(default_factory=set)
    times: dict[Sort, float] = field(default_factory=dict)

    def note(self, job: ClaimedJob, tried: SetAside) -> bool:
        """A job was set aside. Returns whether all of its type go behind now.

        One that waited, for a disk that spins up, say, says nothing of others.
        """
        sort = job.kind, job.mime
        if not tried.computed:
            return False
        self.lost_s[job.kind] += tried.seconds + _START_S
        self.in_a_row[sort] += 1
        is_row = self.in_a_row[sort] >= _IN_A_ROW
        if is_row:
            del self.in_a_row[sort]
            self.times[sort] = 2 * self.times.get(sort, 1.0)
        if sort in self.behind or not (is_row or self._is_too_dear(sort)):
            return False
        self.behind.add(sort)
        return True

    def trust(self, job: ClaimedJob, seconds: float, cost_s: float) -> bool:
        """A job ended. If it was as quick as it should be, it speaks for its type; returns whether that comes back."""
        sort = job.kind, job.mime
        if seconds >= patience(priority_of(Urgency.NEW, 0), cost_s, job.size):
            return False
        self.in_a_row.pop(sort, None)
        if self._is_too_dear(sort):
            return False
        # An earlier run may have moved it.
        was_behind = sort in self.behind or is_behind(job.priority)
        self.behind.discard(sort)
        return was_behind

    def _is_too_dear(self, sort: Sort) -> bool:
        """Whether more was lost of a kind than it may cost. The type that is most of the work is not in others' way."""
        worked = sum(seconds for (kind, _), seconds in self.worked_s.items() if kind == sort[0])
        if self.worked_s[sort] > worked / 2:
            return False
        return self.lost_s[sort[0]] > _LOST_SHARE * worked

    def is_early(self, job: ClaimedJob) -> bool:
        """Whether a job was claimed before its turn, since its type goes behind now. One that is asked for was not."""
        in_place = ON_DEMAND_BEFORE <= job.priority < LAST_FROM and not is_behind(job.priority)
        return in_place and (job.kind, job.mime) in self.behind

    def given_back(self, job: ClaimedJob) -> JobChange:
        """What becomes of a claimed job that is given back."""
        return job_released(job.attempts, job.last, Place.BEHIND if self.is_early(job) else Place.SAME)


def is_behind(priority: int) -> bool:
    """Whether jobs of this priority go behind others of their urgency."""
    return priority % STEP >= BEHIND
