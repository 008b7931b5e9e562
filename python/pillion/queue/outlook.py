"""How far a run is and how long the rest takes, from measured history; told as an event about once a second."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.history import count_left, list_measured, sample
from pillion.events import Progress
from pillion.model import MediaClass, SidecarKind
from pillion.queue.estimate import Estimator
from pillion.queue.plan import parallel

_TELL_S = 1.0
_COUNT_S = 15.0
"""How often the queue itself is looked at, at most; in between, what this run ended is taken off."""

_COUNT_SHARE = 0.005
"""The share of the time that looking at the queue may take: a long queue is looked at more seldom."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindOutlook:
    """One kind: jobs ended in this run, jobs left, and how many seconds these take with all workers."""

    done: int
    left: int
    seconds_left: float


class Outlook:
    """Of one run. ``ended``: kind -> jobs that this run has ended; the recorder counts on in it."""

    def __init__(
        self,
        database: Database,
        kinds: Sequence[SidecarKind],
        workers: int,
        ended: Mapping[SidecarKind, int],
        concurrency: Mapping[str, int],
    ) -> None:
        self._database = database
        self._kinds = tuple(kinds)
        self._workers = workers
        self._ended = ended
        self._concurrency = concurrency
        self._count_after = float("-inf")
        self._left: dict[SidecarKind, int] = {}
        self._ended_then: dict[SidecarKind, int] = {}
        self._seconds_per_job: dict[SidecarKind, float] = {}
        self._told_at = float("-inf")
        self._told: Mapping[SidecarKind, KindOutlook] = {}

    def kinds(self) -> Mapping[SidecarKind, KindOutlook]:
        """Every kind that has or had something to do."""
        if time.monotonic() >= self._count_after:
            self._count()
        found = {}
        for kind in self._kinds:
            done = self._ended.get(kind, 0)
            left = max(self._left[kind] - (done - self._ended_then[kind]), 0)
            if done or left:
                seconds = left * self._seconds_per_job[kind] / parallel(kind, self._workers, self._concurrency)
                found[kind] = KindOutlook(done=done, left=left, seconds_left=seconds)
        return found

    def tell(self, now: float) -> None:
        """Add a Progress event, if there is any since the last."""
        if 0 <= now - self._told_at < _TELL_S:
            return
        kinds = self.kinds()
        self._told_at = now
        if kinds == self._told:
            return
        self._told = kinds
        event = Progress(
            done=sum(kind.done for kind in kinds.values()),
            left=sum(kind.left for kind in kinds.values()),
            seconds_left=round(sum(kind.seconds_left for kind in kinds.values()), 1),
            kinds={
                kind: {"done": about.done, "left": about.left, "seconds_left": round(about.seconds_left, 1)}
                for kind, about in kinds.items()
            },
        )
        with self._database.write() as connection:
            append_events(connection, [event], now)

    def _count(self) -> None:
        start = time.monotonic()
        with self._database.read() as connection:
            estimator = Estimator(list_measured(connection))
            self._left = {kind: count_left(connection, kind) for kind in self._kinds}
            self._seconds_per_job = {
                kind: _seconds_per_job(connection, estimator, kind) if left else 0.0
                for kind, left in self._left.items()
            }
        self._ended_then = {kind: self._ended.get(kind, 0) for kind in self._kinds}
        now = time.monotonic()
        self._count_after = now + max(_COUNT_S, (now - start) / _COUNT_SHARE)


def _seconds_per_job(connection: sa.Connection, estimator: Estimator, kind: SidecarKind) -> float:
    """Of one worker."""
    jobs, sorts = sample(connection, kind)
    seconds = 0.0
    for sort in sorts:
        media_class = MediaClass(_core.media_class(sort.mime))
        seconds += estimator.estimate(
            kind, sort.variant, media_class, number=sort.number, source_bytes=sort.source_bytes
        ).seconds
    return seconds / jobs if jobs else 0.0
