"""Working a library's queue: the catalog as the engine's JobSource, and the engine with its pool put together."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import sqlalchemy as sa

from pillion.catalog import queue as catalog_claims
from pillion.catalog import queue as catalog_jobs
from pillion.catalog.database import Database
from pillion.catalog.gates import paused_claims
from pillion.catalog.queue import ClaimedJob
from pillion.errors import ErrorClass, ItemError, PillionError
from pillion.failpoints import reach
from pillion.job import job_released
from pillion.kinds.execute import Execution
from pillion.machine import at_work, is_gone, this_owner
from pillion.model import SidecarKind
from pillion.pool.pool import WorkerPool
from pillion.queue.commit import DISK_FULL_NOTICE, Recorder, drop_stale_checkpoints, note_started
from pillion.queue.engine import Engine, Planned, Result
from pillion.queue.holds import ALL, Holds
from pillion.queue.outlook import Outlook
from pillion.queue.plan import Costs, PlannedJob, lane_limits, lane_seconds, lane_workers, plan, worker_count
from pillion.queue.quiet import Resting
from pillion.settings.config import Config
from pillion.store import Store

TARGET = "pillion.kinds.execute:execute"
"""What a worker process runs for each job."""

_RECYCLE_SHARE = 0.4
"""A worker that holds more than this share of its memory limit after a batch is replaced."""


_SILENCE_S = 3.0
"""How long an owner whose lease seems to be over has to say otherwise: three heartbeats."""


class CatalogJobs:
    """The engine's JobSource on a library's catalog. Only ``kinds`` are worked."""

    def __init__(
        self,
        database: Database,
        store: Store,
        recorder: Recorder,
        *,
        owner: str,
        kinds: Sequence[SidecarKind],
        max_pixels: int,
        holds: Holds,
        resting: Resting,
        outlook: Outlook,
    ) -> None:
        self._database = database
        self._store = store
        self._recorder = recorder
        self._owner = owner
        self._kinds = tuple(kinds)
        self._max_pixels = max_pixels
        self._holds = holds
        self._costs = Costs()
        self._unwritten: list[ClaimedJob] = []
        self._resting = resting
        self._outlook = outlook
        self._silent: dict[tuple[str, float], float] = {}

    def fronts(self, now: float) -> Mapping[str, int]:
        """Kind -> priority of its most urgent job. A kind that is held back has one only when it is time to try."""
        open_ = [kind for kind in self._kinds if self._holds.room(kind) != 0]
        if not open_:
            return {}
        with self._database.read() as connection:
            fronts = {
                kind: catalog_jobs.front(connection, kind, now, self._resting.locations(kind, now))
                for kind in open_
                if not self._resting.everywhere(kind, now)
            }
        return {lane: priority for lane, priority in fronts.items() if priority is not None}

    def claim(
        self, lane: str, limit: int, seconds: float, now: float, *, before: int = catalog_claims.EVERY_PRIORITY
    ) -> Sequence[Planned[PlannedJob]]:
        """Claim, plan, and record at once what turns out to be there already. Nothing while the disk is full."""
        kind = SidecarKind(lane)
        room = self._holds.room(lane)
        most = min(limit, self._costs.fitting(kind, seconds))
        claimed = self._claim(kind, most if room is None else min(most, room), seconds, now, before)
        if claimed:
            self._holds.tries(lane)
            reach("work.claimed")
        listed = self._store.listed([job.content_uuid for job in claimed])
        planned = [
            plan(
                job,
                self._store,
                self._owner,
                self._max_pixels,
                listed=job.content_uuid in listed,
                cost_s=self._costs.of(job),
            )
            for job in claimed
        ]
        there: list[Result[PlannedJob]] = [
            (item, Execution(result=(), seconds=0.0)) for item in planned if not item.job.making
        ]
        if there:
            self.finish(there, now)
        return [item for item in planned if item.job.making]

    def _claim(self, kind: SidecarKind, limit: int, seconds: float, now: float, before: int) -> Sequence[ClaimedJob]:
        if limit == 0:
            return ()
        resting = self._resting.locations(kind, now)
        with self._full_disk_holds(), self._database.write() as connection:
            claimed = catalog_claims.claim(
                connection,
                kind,
                owner=self._owner,
                token=uuid.uuid4().hex,
                now=now,
                limit=limit,
                before=before,
                resting=resting,
            )
            kept = self._costs.within(claimed, seconds)
            surplus = [(job.id, job.token, job_released(job.attempts, job.last)) for job in claimed[len(kept) :]]
            catalog_claims.finish(connection, surplus, now)
            note_started(connection, kept, now)
            return kept
        return ()

    def finish(self, results: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        """Record; jobs that a full disk kept from being recorded go back to the queue."""
        faults = self._recorder.record(results, now)
        if ALL in faults:
            self._holds.failed(ALL, ErrorClass.DISK_FULL, faults[ALL])
            self.release([planned.job for planned, _ in results], now)
            return faults
        for lane in {planned.lane for planned, _ in results} - set(faults):
            self._holds.worked(lane)
        for planned, value in results:
            if isinstance(value, Execution) and planned.job.making:
                self._costs.learn(planned.job.job, value.seconds)
        for lane, notice in faults.items():
            self._holds.failed(lane, ErrorClass.MISSING_TOOL, notice)
        return faults

    def release(self, jobs: Sequence[PlannedJob], now: float) -> None:
        """Give jobs back, uncharged. What cannot be written now is tried again with each heartbeat."""
        for planned in jobs:
            self._holds.gave_back(planned.job.kind)
            self._store.discard(planned.staging, [due.variant for due in planned.making])
        self._unwritten.extend(planned.job for planned in jobs)
        if not self._unwritten:
            return
        try:
            reach("work.release")
            with self._database.write() as connection:
                changes = [(job.id, job.token, job_released(job.attempts, job.last)) for job in self._unwritten]
                catalog_claims.finish(connection, changes, now)
        except PillionError:
            return
        self._unwritten.clear()

    def heartbeat(self, now: float) -> None:
        """Renew this process's leases; queue again what dead or silent owners hold; tell how far the run is."""
        self.release((), now)
        self._renew(now)
        with self._full_disk_holds():
            self._resting.tell(now)
            self._outlook.tell(now)

    def _renew(self, now: float) -> None:
        with self._database.read() as connection:
            owners = catalog_jobs.owners(connection)
            waits = catalog_jobs.has_overlong_waits(connection, now)
        lost = self._lost(owners, now)
        if not lost and not waits and self._owner not in owners:
            return
        reach("work.heartbeat")
        with self._full_disk_holds(), self._database.write() as connection:
            catalog_jobs.heartbeat(connection, self._owner, now)
            for owner in lost:
                catalog_jobs.rescue(connection, owner, now)
            if waits:
                catalog_jobs.end_overlong_waits(connection, now)

    def _lost(self, owners: Mapping[str, float], now: float) -> list[str]:
        """Owners that are gone, and those that are silent: their lease is over, and they do not renew it either.

        A clock that was set makes leases look over, or endless, that are not: whoever is there renews within a second.
        """
        others = {owner: until for owner, until in owners.items() if owner != self._owner}
        gone = [owner for owner in others if is_gone(owner)]
        latest = now + catalog_claims.LEASE_S + _SILENCE_S
        over = {owner: until for owner, until in others.items() if not now <= until <= latest}
        seen = time.monotonic()
        self._silent = {
            (owner, until): self._silent.get((owner, until), seen) for owner, until in over.items() if owner not in gone
        }
        return gone + [owner for (owner, _), since in self._silent.items() if seen - since >= _SILENCE_S]

    @contextmanager
    def _full_disk_holds(self) -> Iterator[None]:
        """A disk too full even for the catalog holds everything back; what was to be written is left out."""
        try:
            yield
        except ItemError as error:
            if error.error_class is not ErrorClass.DISK_FULL:
                raise
            self._holds.failed(ALL, ErrorClass.DISK_FULL, DISK_FULL_NOTICE)

    def stopped(self, jobs: Sequence[PlannedJob]) -> Sequence[PlannedJob]:
        """Jobs of a kind or Location that is paused now, that were cancelled, or whose claim was lost."""
        claims = [(planned.job.id, planned.job.token) for planned in jobs]
        with self._database.read() as connection:
            mine = catalog_claims.still_held(connection, self._owner, claims) - self._held_back(connection)
        return [planned for planned in jobs if planned.job.id not in mine]

    def _held_back(self, connection: sa.Connection) -> set[int]:
        """Jobs of this owner that were paused, or have to rest, since it claimed them."""
        now = time.time()
        resting = {kind: where for kind in self._kinds if (where := self._resting.locations(kind, now))}
        return paused_claims(connection, self._owner, resting)

    def next_retry(self, now: float) -> float | None:
        """The earliest retry of the kinds that are worked and not held back, or the next look at a silent owner."""
        open_ = [kind for kind in self._kinds if self._holds.room(kind) is None]
        with self._database.read() as connection:
            times = [
                catalog_jobs.next_retry(connection, kind, now, self._resting.locations(kind, now))
                for kind in open_
                if not self._resting.everywhere(kind, now)
            ]
        if open_ and self._silent:
            times.append(now + 1)
        return min((at for at in times if at is not None), default=None)


@contextmanager
def _interrupts_end(engine: Engine[PlannedJob]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM stops the engine, and takes effect at the end.

    A second one acts at once, as it did before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    caught: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])
        engine.stop()

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])


class Workers:
    """An engine with its pool for one library. Use :meth:`run` in this thread, or start and stop it beside yours."""

    def __init__(
        self,
        database: Database,
        store: Store,
        config: Config,
        *,
        kinds: Sequence[SidecarKind],
        progress: Callable[[], None] | None = None,
    ) -> None:
        size = worker_count(config)
        self._database = database
        self._store = store
        self._owner = this_owner()
        self.recorder = Recorder(database, store, self._owner)
        self.outlook = Outlook(database, kinds, size, self.recorder.jobs_ended, config.concurrency)
        self._pool = WorkerPool(
            TARGET,
            size=size,
            memory_limit=config.memory_limit,
            recycle_bytes=int(config.memory_limit * _RECYCLE_SHARE),
            lane_workers=lane_workers(size, config.concurrency),
        )
        self.holds = Holds(database, store.staging)
        source = CatalogJobs(
            database,
            store,
            self.recorder,
            owner=self._owner,
            kinds=kinds,
            max_pixels=config.max_pixels,
            holds=self.holds,
            resting=Resting(database, config),
            outlook=self.outlook,
        )
        self.engine = Engine(
            source,
            self._pool,
            lane_limits(size),
            lane_workers=lane_workers(size, config.concurrency),
            lane_seconds=lane_seconds(),
            progress=progress,
        )
        self._thread: threading.Thread | None = None

    def run(self, *, until_idle: bool = True) -> None:
        """Work the queue in this thread; see Engine.run. Leaves nothing behind in staging.

        In the main thread, Ctrl-C (or SIGTERM) ends the run in order, and then has its usual effect.
        """
        with at_work(self._owner), _interrupts_end(self.engine):
            self._sweep()
            try:
                self.engine.run(until_idle=until_idle)
            finally:
                reach("work.end")
                self._pool.shutdown(wait=True, cancel_futures=True)
                self._store.sweep(self._owner)

    def start(self) -> None:
        """Work in a thread of its own until :meth:`stop`."""
        self._thread = threading.Thread(target=lambda: self.run(until_idle=False), name="pillion-work", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what was in flight goes back to the queue."""
        self.engine.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _sweep(self) -> None:
        reach("work.sweep")
        for owner in self._store.staging_owners():
            if owner != self._owner and owner.count(":") >= 3 and is_gone(owner):
                self._store.sweep(owner)
        drop_stale_checkpoints(self._database, self._store)
