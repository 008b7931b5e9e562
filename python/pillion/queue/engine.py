"""The loop that works a durable queue: claim jobs, give them to the pool, record results in batches.

It knows jobs only through :class:`JobSource`; nothing here knows the database or what a job makes.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.job import AGING_S, ALL, BEHIND, EVERY_PRIORITY, LAST_FROM, ON_DEMAND_BEFORE, STEP, aged_priority
from pillion.model import Allowance, value
from pillion.pool.pool import SetAside, Turn
from pillion.pool.sandbox import Policy

J = TypeVar("J")

_FLUSH_ITEMS = 512
_FLUSH_AFTER_S = 0.2
_HEARTBEAT_S = 1.0
_DEPTH = 2
"""Batches in the pool for each worker: one running and one waiting, so that no worker has to wait for the next."""

CLAIM_ITEMS = 512
"""Most jobs in one claim; more would hold the write lock too long."""

_BATCH_ITEMS = 128
_BATCH_COST_S = 0.5
"""A batch is half a second of work, so a job that becomes urgent while its batch is in flight is done soon, too."""

_LOOK_S = 0.1
"""How often to look for on-demand jobs while all workers have enough to do."""

_IDLE_LOOK_S = 0.2
"""How often to ask, while there is nothing to do, where nothing tells that anybody has written."""

_TRACED_LOOK_S = 1.0
"""The same where something does: then only time makes work due, as a hold or quiet hours end."""

_GLANCE_S = 0.02
"""How often to see whether anybody has written."""

PATIENCE_S = 0.25
"""How long others wait for a job that is slower than its like."""

_PATIENCE_TIMES = 5
"""The same, in times of what a job like it takes."""

_PATIENCE_S_PER_MIB, _LONGEST_BY_SIZE_S = 0.1, 10.0
"""What a large file is granted beside that."""


def patience(priority: int, cost_s: float, size: int) -> float:
    """How many seconds others wait for a job that was estimated at ``cost_s``, of a file of ``size`` bytes.

    For ever for one that somebody waits for, and for one that went last already: they have gone first.
    """
    if priority < ON_DEMAND_BEFORE or priority >= LAST_FROM:
        return math.inf
    return max(PATIENCE_S, _PATIENCE_TIMES * cost_s) + min(size / 2**20 * _PATIENCE_S_PER_MIB, _LONGEST_BY_SIZE_S)


def _with_patience(planned: Planned[Any]) -> Allowance:
    waited_s = patience(planned.priority, planned.usual_s, planned.size) * planned.patience_times
    return replace(planned.allowed, patience_s=min(planned.allowed.patience_s, waited_s))


@value
class Planned(Generic[J]):
    """A claimed job, ready to run. ``cost``: its estimated seconds; ``lane``: the name of jobs that share engines.

    ``alone``: in a fresh worker that runs nothing else. ``usual_s``: what a job like it usually takes, of a file of
    ``size`` bytes: others wait for it by that (:func:`patience`), ``patience_times`` as long; without it for ever, or
    as long as ``allowed`` says.
    """

    job: J
    task: Any
    lane: str
    priority: int
    cost: float
    allowed: Allowance
    alone: bool = False
    usual_s: float = math.inf
    size: int = 0
    patience_times: float = 1.0


Result = tuple[Planned[J], Any]
"""A planned job and what its task returned, or the ItemError that ended it."""


class Pool(Protocol):
    """Who runs batches: child processes of this machine (pool/pool.py), or a cluster (cluster/pool.py)."""

    @property
    def size(self) -> int:
        """How many batches run at the same time; 0 while there is nobody to run any."""
        ...

    @property
    def running(self) -> Mapping[str, int]:
        """How many work on each lane now."""
        ...

    def submit_batch(
        self, lane: str, items: Sequence[tuple[Any, Allowance]], *, alone: bool = False, turn: Turn = Turn.IN_LINE
    ) -> list[Future[Any]]:
        """Give tasks with what each may use to one worker; see :meth:`pillion.pool.pool.WorkerPool.submit_batch`."""
        ...

    def cancel(self, futures: Collection[Future[Any]]) -> None:
        """Cancel these items and stop those that run."""
        ...

    def keep_ready(self, number: int = 1) -> None:
        """Have so many workers begun though nothing is to be done yet."""
        ...

    def confine(self, policy: Policy, *, again: bool = False) -> None:
        """Let workers of this machine use what ``policy`` says."""
        ...

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop."""
        ...


class JobSource(Protocol[J]):
    """The durable queue as the engine sees it. All times are seconds since 1970."""

    def fronts(self, now: float) -> Mapping[str, int]:
        """Lane -> priority of its most urgent job that can run now, without lanes that have none."""
        ...

    def claim(self, lane: str, limit: int, seconds: float, now: float, *, before: int) -> Sequence[Planned[J]]:
        """Claim up to ``limit`` jobs of a lane, about ``seconds`` of work, but at least one if there is one.

        ``before``: only those whose priority is a lower number.
        """
        ...

    def finish(self, results: Sequence[Result[J]], now: float) -> Mapping[str, str]:
        """Record results. Returns a notice for each lane that a fault of the machine holds back; ``ALL`` is all lanes.

        Such lanes have no front until the fault is gone.
        """
        ...

    def release(self, jobs: Sequence[J], now: float) -> None:
        """Give claimed jobs back without charging a try."""
        ...

    def set_aside(self, tries: Sequence[tuple[J, SetAside]], now: float) -> None:
        """Give back claimed jobs that held others up, without charging a try; they go last."""
        ...

    def heartbeat(self, now: float) -> None:
        """Renew the claims, and take back those of owners that are gone."""
        ...

    def stopped(self, jobs: Sequence[J]) -> Sequence[J]:
        """Those of these jobs in flight that must stop: paused, cancelled, claimed by another process, or too slow."""
        ...

    def next_retry(self, now: float) -> float | None:
        """When the earliest job that waits for a retry may run."""
        ...


class Idle(threading.Event):
    """Set while there is nothing to do. Who clears it, to wait for the next such moment, is told of no earlier one."""

    def __init__(self) -> None:
        super().__init__()
        self.cleared = 0
        """How often."""
        self._changing = threading.Lock()

    def clear(self) -> None:
        """From now on only a look that begins after this counts."""
        with self._changing:
            self.cleared += 1
            super().clear()

    def found(self, cleared: int) -> None:
        """A look that began when it was cleared so often has found nothing to do."""
        with self._changing:
            if cleared == self.cleared:
                self.set()


class Engine(Generic[J]):
    """Works one JobSource with one pool.

    ``lane_limits``: most jobs of a lane in flight at a time. ``lane_workers``: as given to the pool. ``lane_seconds``:
    seconds of work in a batch of a lane, for those lanes that are to have more than the usual half second. ``clock``:
    the time that leases and retries go by. ``trace``: what is another after somebody wrote to the source, if that is
    cheap to see, else None.
    """

    def __init__(
        self,
        source: JobSource[J],
        pool: Pool,
        lane_limits: Mapping[str, int],
        *,
        lane_workers: Mapping[str, int] = MappingProxyType({}),
        lane_seconds: Mapping[str, float] = MappingProxyType({}),
        progress: Callable[[], None] | None = None,
        idle: Idle | None = None,
        clock: Callable[[], float] = time.time,
        trace: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._trace = trace
        self._source = source
        self._pool = pool
        self._lane_limits = lane_limits
        self._lane_workers = lane_workers
        self._lane_seconds = lane_seconds
        self._lane_batches: Counter[str] = Counter()
        self._progress = progress
        self._done: queue.SimpleQueue[Future[Any] | None] = queue.SimpleQueue()
        self._in_flight: dict[Future[Any], tuple[Planned[J], list[int]]] = {}
        """Each with how many of its batch are left."""
        self._returned: list[J] = []
        self._slow: list[tuple[J, SetAside]] = []
        self._batches = 0
        self._buffer: list[Result[J]] = []
        self._buffered_at = 0.0
        self._awaited = False
        self._looked_at = 0.0
        self._urgent = 0
        self._served: dict[str, float] = {}
        self._heartbeat_at = 0.0
        self._stop = threading.Event()
        self.idle = Idle() if idle is None else idle
        """Set while there is nothing to do, not even a retry later."""
        self.notices: dict[str, str] = {}

    @property
    def running(self) -> Mapping[str, int]:
        """How many jobs of each lane are in flight."""
        return Counter(planned.lane for planned, _ in list(self._in_flight.values()))

    @property
    def working(self) -> Mapping[str, int]:
        """How many worker processes are at each lane now; most of what is in flight waits for one."""
        return self._pool.running

    def stop(self) -> None:
        """Make :meth:`run` return soon; jobs in flight go back to the queue."""
        self._stop.set()
        self._done.put(None)

    def run(self, *, until_idle: bool = True) -> None:
        """Work until nothing is left to do (without ``until_idle``: until stopped).

        On any exception, KeyboardInterrupt included, the workers are killed, finished work is recorded, and the rest
        is given back.
        """
        try:
            while not self._stop.is_set():
                self._beat()
                self._top_up()
                if not self._in_flight and not self._buffer:
                    if not self._wait_for_work(until_idle):
                        return
                elif self._in_flight:
                    self._collect()
                self._flush()
        finally:
            self._abandon()

    def _beat(self) -> None:
        if time.monotonic() >= self._heartbeat_at:
            self._source.heartbeat(self._clock())
            self._heartbeat_at = time.monotonic() + _HEARTBEAT_S
            self._stop_some()
            if self._progress is not None:
                self._progress()

    def _stop_some(self) -> None:
        futures = {id(planned.job): future for future, (planned, _) in self._in_flight.items()}
        stopped = self._source.stopped([planned.job for planned, _ in self._in_flight.values()]) if futures else ()
        if stopped:
            self._pool.cancel([futures[id(job)] for job in stopped])

    def _top_up(self) -> None:
        """Claim on-demand jobs in any case, and others as far as the workers have room for."""
        if self._slots() <= 0 and time.monotonic() - self._looked_at < _LOOK_S:
            return
        self._looked_at = time.monotonic()
        fronts = self._source.fronts(self._clock())
        for lane in self._in_order(fronts):
            if fronts[lane] < ON_DEMAND_BEFORE:
                self._claim(lane, self._pool.size * _DEPTH - self._urgent, before=ON_DEMAND_BEFORE)
            elif fronts[lane] >= LAST_FROM:
                # One for each worker that has nothing to do, and none that waits: others may come meanwhile.
                if self._batches < self._pool.size:
                    self._claim(lane, 1, most=1)
            elif fronts[lane] % STEP >= BEHIND:
                # And here one that waits: for it, those at work have to give way.
                if self._batches <= self._pool.size:
                    self._claim(lane, 1, before=LAST_FROM, most=1)
            elif self._slots() > 0:
                self._claim(lane, self._slots(), before=fronts[lane] - fronts[lane] % STEP + BEHIND)

    def _slots(self) -> int:
        """How many more batches the pool's queue has room for."""
        return self._pool.size * _DEPTH - (self._batches - self._urgent)

    def _in_order(self, fronts: Mapping[str, int]) -> list[str]:
        """The lanes that have work, the most urgent first; one that got no worker for a long time moves up."""
        now = time.monotonic()
        self._served = {lane: self._served.get(lane, now) for lane in fronts}
        waited = {lane: now - since for lane, since in self._served.items()}
        if all(seconds < AGING_S for seconds in waited.values()):
            return sorted(fronts, key=fronts.__getitem__)
        return sorted(fronts, key=lambda lane: aged_priority(fronts[lane], waited[lane]))

    def _claim(self, lane: str, slots: int, *, before: int = EVERY_PRIORITY, most: int = CLAIM_ITEMS) -> None:
        room = self._lane_limits[lane] - self.running.get(lane, 0)
        if lane in self._lane_workers and before > ON_DEMAND_BEFORE:
            # More would only fill the line that other lanes could use.
            slots = min(slots, self._lane_workers[lane] + 1 - self._lane_batches[lane])
        limit = min(room, slots * _BATCH_ITEMS, most)
        if limit > 0:
            self._served[lane] = time.monotonic()
            seconds = self._lane_seconds.get(lane, _BATCH_COST_S)
            self._submit(self._source.claim(lane, limit, slots * seconds, self._clock(), before=before), seconds)

    def _submit(self, claimed: Sequence[Planned[J]], seconds: float) -> None:
        for planned in claimed:
            if planned.alone:
                self._hand_over([planned])
        others = [planned for planned in claimed if not planned.alone]
        rows = [(index, planned.priority, 0, planned.cost) for index, planned in enumerate(others)]
        for batch in _core.plan_batches(rows, max_items=_BATCH_ITEMS, max_cost=seconds):
            self._hand_over([others[index] for index in batch])

    def _hand_over(self, members: Sequence[Planned[J]]) -> None:
        first = members[0]
        turn = Turn.IN_LINE
        if first.priority < ON_DEMAND_BEFORE:
            # The child that is kept for what is at once must not be in a long job when the next one comes.
            turn = Turn.AT_ONCE if first.cost <= _BATCH_COST_S else Turn.AHEAD
            self._urgent += 1
        self._batches += 1
        self._lane_batches[first.lane] += 1
        left = [len(members)]
        items = [(item.task, _with_patience(item)) for item in members]
        futures = self._pool.submit_batch(first.lane, items, alone=first.alone, turn=turn)
        for planned, future in zip(members, futures, strict=True):
            self._in_flight[future] = planned, left
            # In the pool's thread; all else is done in this one.
            future.add_done_callback(self._done.put)

    def _collect(self, *, refill: bool = True) -> None:
        """Wait a moment for the first result, then take all there are, and keep the pool busy meanwhile."""
        timeout = _FLUSH_AFTER_S
        while True:
            try:
                finished = self._done.get(timeout=timeout) if timeout else self._done.get_nowait()
            except queue.Empty:
                return
            if finished is None:
                return
            planned, left = self._in_flight.pop(finished)
            self._keep(planned, finished)
            left[0] -= 1
            if left[0] == 0:
                self._batches -= 1
                self._lane_batches[planned.lane] -= 1
                self._urgent -= planned.priority < ON_DEMAND_BEFORE
            timeout = 0.0
            # Where nothing is left in flight, the results are recorded at once, and more may be due after that.
            if refill and self._in_flight and self._batches < self._pool.size:
                self._top_up()

    def _keep(self, planned: Planned[J], done: Future[Any]) -> None:
        if done.cancelled():
            self._returned.append(planned.job)
            return
        error = done.exception()
        if isinstance(error, SetAside):
            self._slow.append((planned.job, error))
            return
        if error is not None and not isinstance(error, ItemError):
            error = ItemError(ErrorClass.CRASH, f"{type(error).__name__}: {error}")
        if not self._buffer:
            self._buffered_at = time.monotonic()
        self._buffer.append((planned, done.result() if error is None else error))
        self._awaited = self._awaited or planned.priority < ON_DEMAND_BEFORE

    def _flush(self, *, force: bool = False) -> None:
        if self._returned:
            returned, self._returned = self._returned, []
            self._source.release(returned, self._clock())
        if self._slow:
            slow, self._slow = self._slow, []
            self._source.set_aside(slow, self._clock())
            self._stop_some()
        if not self._buffer:
            return
        old = time.monotonic() - self._buffered_at >= _FLUSH_AFTER_S
        if not (force or old or self._awaited or len(self._buffer) >= _FLUSH_ITEMS or not self._in_flight):
            return
        results, self._buffer, self._awaited = self._buffer, [], False
        held = self._source.finish(results, self._clock())
        self.notices.update(held)
        if ALL in held:
            # What is in flight would only meet the same fault.
            self._pool.cancel(tuple(self._in_flight))
        if self._progress is not None:
            self._progress()

    def _wait_for_work(self, until_idle: bool) -> bool:
        """Nothing is in flight: wait for new jobs or the next retry. Returns False to end the run."""
        # Who only wants the queue worked off waits for retries alone.
        now, trace = self._clock(), None if until_idle else self._trace()
        cleared = self.idle.cleared
        if self._source.fronts(now):
            self.idle.clear()
            return True
        retry = self._source.next_retry(now)
        if retry is None:
            self.idle.found(cleared)
            if until_idle:
                return False
        longest = _IDLE_LOOK_S if trace is None else _TRACED_LOOK_S
        self._rest(min(max((retry or now + longest) - now, 0.05), longest), trace)
        return True

    def _rest(self, seconds: float, trace: object) -> None:
        """Wait so long, or until somebody has written."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stop.wait(left if trace is None else min(left, _GLANCE_S)):
                return
            if trace is not None and self._trace() != trace:
                return

    def _abandon(self) -> None:
        if self._in_flight:
            self._pool.shutdown(wait=True, cancel_futures=True)
            while not self._done.empty():
                self._collect(refill=False)
        unrecorded = [planned.job for planned, _ in self._buffer]
        try:
            self._flush(force=True)
            unrecorded = []
        finally:
            # Whatever ends this run: no job stays with it.
            back = [*unrecorded, *(planned.job for planned, _ in self._in_flight.values())]
            self._in_flight.clear()
            if back:
                self._source.release(back, self._clock())
