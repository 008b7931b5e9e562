"""A pool of child processes that survives whatever its items do.

An Executor (:mod:`concurrent.futures`) whose items have deadlines. A child that dies, hangs or uses too much memory is
killed together with its own child processes, and replaced. Only the item it was running fails; the rest of its batch
goes to another child.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pillion import machine
from pillion.errors import ErrorClass, ItemError, WorkersNotStartingError, is_full
from pillion.failpoints import reach
from pillion.model import Allowance, Failure
from pillion.pool import sandbox
from pillion.pool.child import Clock, Limits, Sign, Verdict, WireError, Worker, codec_of, exit_error, frame
from pillion.pool.helpers import Helpers
from pillion.pool.sandbox import Policy


class SetAside(Exception):
    """An item took longer than others wait for it, while others waited. It was stopped; it is not at fault.

    ``seconds``: how long it ran. ``computed``: it used a processor; else it waited for something, such as a disk.
    """

    def __init__(self, seconds: float, *, computed: bool) -> None:
        super().__init__(f"Others have waited for it for {seconds:.1f} s.")
        self.seconds = seconds
        self.computed = computed


class Turn(IntEnum):
    """When a batch runs: in the order of the queue, ahead of it, or at once, by an extra child kept for that."""

    IN_LINE = 0
    AHEAD = 1
    AT_ONCE = 2


# batches, and who runs them -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Item:
    """One argument for the target, and the future of its result."""

    argument: Any
    allowed: Allowance
    future: Future[Any]


@dataclass(slots=True)
class Batch:
    """Items that one child runs in order; finished ones are removed from the left.

    ``unstarted``: how often a child died before it started the first of them. ``prepares``: the child may prepare all
    of them together first; not again after it died while doing so. ``single``: it runs while nothing else does, because
    there was not enough memory for it beside others. ``overtaken``: how many batches behind it went first meanwhile.
    """

    lane: str
    items: deque[Item]
    alone: bool = False
    turn: Turn = Turn.IN_LINE
    unstarted: int = 0
    prepares: bool = True
    single: bool = False
    overtaken: int = 0


@dataclass(slots=True)
class Child:
    """A worker and its state.

    ``preparing``: it prepares all items of its batch. ``started``: it runs the first of them. ``dismissed``: it is
    killed and gets no more work. ``stderr_closed``: its stderr is at its end. ``lanes``: those it has run.
    ``loads``: it has done nothing of the lane of its batch before, so it has to load the engines.
    ``waits_for``: the command that makes what it asked for. ``verdict``: why it is being stopped.
    """

    worker: Worker
    clock: Clock
    ready: bool = False
    batch: Batch | None = None
    preparing: bool = False
    started: bool = False
    dismissed: bool = False
    stderr_closed: bool = False
    lanes: set[str] = field(default_factory=set)
    loads: bool = False
    waits_for: tuple[str, ...] | None = None
    verdict: Verdict | None = None

    @property
    def idle(self) -> bool:
        """Whether it waits for a batch."""
        return self.ready and self.batch is None and not self.dismissed

    @property
    def fresh(self) -> bool:
        """Whether it has run nothing yet."""
        return not self.lanes


def choose(batch: Batch, idle: Sequence[Child]) -> Child | None:
    """The child for a batch: a fresh one if it runs alone, else preferably one that has run its lane before."""
    if batch.alone:
        return next((child for child in idle if child.fresh), None)
    known = next((child for child in idle if batch.lane in child.lanes), None)
    return known or min(idle, key=lambda child: child.fresh)


def is_cancelled(batch: Batch) -> bool:
    """Whether all of its items are cancelled."""
    return all(item.future.cancelled() for item in batch.items)


def is_unwanted(child: Child) -> bool:
    """Whether a child works on a cancelled item: the one it runs, or one of those it prepares together."""
    items = () if child.batch is None else child.batch.items
    return any(item.future.cancelled() for item in (items if child.preparing else tuple(items)[:1]))


def settle(future: Future[Any], result: Any) -> None:
    """Set a future's result or exception, unless it was cancelled meanwhile."""
    try:
        if isinstance(result, ItemError | SetAside):
            future.set_exception(result)
        else:
            future.set_result(result)
    except InvalidStateError:
        return


def _says_full(result: Any) -> bool:
    """Whether what a target returned says that there is no room: in its ``failure``, if it has one."""
    failure = getattr(result, "failure", None)
    return isinstance(failure, Failure) and failure.error_class is ErrorClass.DISK_FULL


# the pool -------------------------------------------------------------------------------------------------------------


_TICK_S = 0.1
"""How often deadlines and memory are checked."""

_BUDGET_SHARE = 0.75
"""Of the machine's memory, for all children together."""

_SHORT_SHARE = 0.85
"""Of the budget, above which no more items are started."""

_TRACEBACK_S = 0.2
"""How long a child that missed its deadline may take to write its traceback."""

_START_DEADLINE_S = 60.0
_MAX_FAILED_STARTS = 3
_RECYCLE_ITEMS = 4000
"""Starting a child costs about as much as a hundred thumbnails."""

_OVERTAKEN = 16
"""Batches that may go ahead of one that needs all children to be at rest."""

_SAID_BYTES = 500

_SPARE_S = 60.0
"""How long the extra child for urgent batches is kept when it has none."""


class WorkerPool(Executor):
    """``size`` child processes that run ``target`` ("module:function"; child.py says of which types).

    When all are busy, a batch with turn ``AT_ONCE`` gets an extra child.

    ``memory_limit`` and ``recycle_bytes`` are bytes of resident memory: above the first a child is killed and its item
    fails with class ``oom``; above the second it is replaced after its batch, as it is after ``recycle_items`` items.
    ``memory_budget``: bytes of memory of their own that all children may use together; where they need more, the
    largest gives way, and its item is run again while nothing else does. None: three quarters of the machine's.
    ``lane_workers``: how many children may run a lane at a time, not counting batches with turn ``AT_ONCE``.
    ``policy``: what they may use (sandbox.py); None: all that this process may. Raises SandboxError for one that cannot
    hold here though it must. ``fetch``: called with an item, whether it is done, and the child's own folder, when the
    item starts, at its signs of life, when it is done and when the child ends; takes what the child has written; may
    raise OSError. A result with a ``failure`` that says that there is no room ends its child, and with it what that may
    have filled, before it is told.
    ``obtaining``: the command that makes what a child asks for, None for what it may not have; what it prints is the
    answer.
    """

    def __init__(
        self,
        target: str,
        *,
        size: int,
        memory_limit: int,
        recycle_bytes: int,
        recycle_items: int = _RECYCLE_ITEMS,
        memory_budget: int | None = None,
        lane_workers: Mapping[str, int] = MappingProxyType({}),
        policy: Policy | None = None,
        fetch: Callable[[Any, bool, Path], None] | None = None,
        obtaining: Callable[[bytes], Sequence[str] | None] | None = None,
    ) -> None:
        self._target = target
        self._codec = codec_of(target)
        self._lane_workers = lane_workers
        sandbox.check(policy)
        self._policy = policy
        self._fetch = fetch
        self._environment = sandbox.environment(os.environ, target)
        self._helpers = Helpers(obtaining, self._environment.get("PYTHONPATH"))
        self.size = size
        """How many children work at the same time."""
        self._budget = memory_budget or int(machine.memory_bytes() * _BUDGET_SHARE)
        self._is_short = False
        self._measures_at = 0.0
        memory_limit = min(memory_limit, self._budget)
        self._limits = Limits(memory_bytes=memory_limit, recycle_bytes=recycle_bytes, recycle_items=recycle_items)
        self._server = machine.JobServer.create(min(size, machine.cores()))
        self._lock = threading.Lock()
        self._waiting: deque[Batch] = deque()
        self._children: list[Child] = []
        self._closing = False
        self._failed_starts = 0
        self._least = 0
        self._spare_until = 0.0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._supervise, name="pillion-pool", daemon=True)
        self._thread.start()

    def keep_ready(self, number: int = 1) -> None:
        """Have so many children begun though nothing is to be done yet, so that the first batch waits for none."""
        self._least = number
        self._wake()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Executor's own method, for one item without a lane: ``fn`` must be the pool's target, with one argument."""
        name = f"{fn.__module__}:{fn.__qualname__}"
        if name != self._target or len(args) != 1 or kwargs:
            raise ValueError(f"This pool runs {self._target} with one argument.")
        return self.submit_batch("", [(args[0], float("inf"))])[0]

    def submit_batch(
        self,
        lane: str,
        items: Sequence[tuple[Any, float | Allowance]],
        *,
        alone: bool = False,
        turn: Turn = Turn.IN_LINE,
    ) -> list[Future[Any]]:
        """Give arguments, each with what it may use (a number: ``step_s``), to one child, which runs them in order.

        The child may prepare several items together first (see child.py). A batch preferably goes to a free child that
        has run its ``lane`` before, because that one has the engines loaded. With ``alone`` it gets a child that has
        run nothing before and runs nothing after. A future fails with ItemError of class ``timeout``, ``too_large``
        (it used up its processor time, its memory, or all of its time with computing), ``oom`` or ``crash``, with the
        end of what the child wrote to stderr; or with :class:`SetAside`.
        """
        waiting = deque(
            Item(argument, allowed if isinstance(allowed, Allowance) else Allowance(step_s=allowed), Future())
            for argument, allowed in items
        )
        batch = Batch(lane=lane, items=waiting, alone=alone, turn=turn)
        futures = [item.future for item in batch.items]
        with self._lock:
            if self._closing:
                raise RuntimeError("The pool is shut down.")
            self._put_in_line(batch)
        self._wake()
        return futures

    def _put_in_line(self, batch: Batch) -> None:
        self._waiting.insert(sum(other.turn >= batch.turn for other in self._waiting), batch)

    def cancel(self, futures: Collection[Future[Any]]) -> None:
        """Cancel these items and kill the children that run them; other items of their batches go on."""
        for future in futures:
            future.cancel()
        with self._lock:
            for child in self._children:
                if child.batch is not None and is_unwanted(child):
                    self._take_back(child)
            self._waiting = deque(batch for batch in self._waiting if not is_cancelled(batch))
        self._wake()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop. With ``cancel_futures``, kill the children at once and cancel their items."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                for child in self._children:
                    self._take_back(child)
                for batch in self._waiting:
                    for item in batch.items:
                        item.future.cancel()
                self._waiting.clear()
        self._wake()
        if wait:
            self._thread.join()

    def confine(self, policy: Policy, *, again: bool = False) -> None:
        """Let the children use what ``policy`` says from the next batch on. Those that run end their batches first.

        ``again``: replace them even if it says the same, because what is at its paths is not what it was.
        """
        with self._lock:
            if policy == self._policy and not again:
                return
            self._policy = policy
        self._wake()

    @property
    def running(self) -> Mapping[str, int]:
        """How many children work on each lane now."""
        with self._lock:
            return Counter(child.batch.lane for child in self._children if child.batch is not None)

    def _take_back(self, child: Child) -> None:
        """Kill a child whose item was cancelled; the rest of its batch waits for another child."""
        child.dismissed = True
        child.worker.kill()
        self._fetch_from(child, done=False)
        if child.batch is not None:
            self._waiting.appendleft(child.batch)
            child.batch = None

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"x")
        except (BlockingIOError, OSError):
            return

    # The supervisor's thread ------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._closing and not self._waiting and not any(child.batch for child in self._children):
                        break
                    self._retire()
                    self._spawn()
                    self._assign()
                self._listen()
                with self._lock:
                    self._watch()
        finally:
            self._drop_all()
            for child in self._children:
                child.worker.end()
                child.worker.close()
            for command in tuple(self._helpers.running):
                self._helpers.end(command)
            os.close(self._wake_read)
            os.close(self._wake_write)
            os.close(self._server.descriptor)

    def _drop_all(self) -> None:
        """Take no more, and cancel what is left, of which there is something only if an error ended this thread."""
        with self._lock:
            self._closing = True
            for batch in (*self._waiting, *(child.batch for child in self._children if child.batch is not None)):
                for item in batch.items:
                    item.future.cancel()
            self._waiting.clear()

    def _retire(self) -> None:
        """Replace the children that were confined by an older policy, as soon as they have nothing to do."""
        for child in self._children:
            if child.idle and child.worker.policy is not self._policy:
                child.dismissed = True
                child.worker.kill()

    def _spawn(self) -> None:
        busy = sum(child.batch is not None for child in self._children)
        wanted = min(self.size, max(len(self._waiting) + busy, 0 if self._failed_starts else self._least))
        if busy >= self.size and any(batch.turn is Turn.AT_ONCE for batch in self._waiting):
            wanted = self.size + 1
            self._spare_until = time.monotonic() + _START_DEADLINE_S + _SPARE_S
        while sum(not child.dismissed for child in self._children) < wanted and not (self._is_short and busy):
            try:
                worker = Worker(self._target, self._codec, self._limits, self._server, self._environment, self._policy)
            except OSError as error:
                # Out of processes or descriptors: a fault of the machine, which must not end this thread.
                what = f"{error.filename}: " if error.filename else ""
                self._start_failed(None, f"{what}{error.strerror or error}")
                return
            self._children.append(Child(worker, Clock(worker, until=time.monotonic() + _START_DEADLINE_S)))

    def _assign(self) -> None:
        coming = sum(not child.ready and not child.dismissed for child in self._children)
        passed: list[Batch] = []
        for batch in tuple(self._waiting):
            idle = [child for child in self._children if child.idle]
            busy = [child.batch for child in self._children if child.batch is not None]
            if not idle or (busy and (self._is_short or busy[0].single)):
                return
            if batch.single and busy:
                if batch.turn is Turn.IN_LINE and batch.overtaken < _OVERTAKEN:
                    passed.append(batch)
                    continue
                # Somebody waits for it, or it has waited long enough: nothing behind it begins until it has run.
                return
            if batch.turn is not Turn.AT_ONCE and (self._in_turn() >= self.size or self._is_full(batch.lane)):
                continue
            child = choose(batch, idle)
            if child is not None:
                for other in passed:
                    other.overtaken += 1
                self._waiting.remove(batch)
                self._give(child, batch)
            elif coming == 0:
                # None is fresh and none is starting: replace one by a fresh one.
                idle[0].dismissed = True
                idle[0].worker.kill()
                coming += 1

    def _is_full(self, lane: str) -> bool:
        running = sum(child.batch is not None and child.batch.lane == lane for child in self._children)
        return running >= self._lane_workers.get(lane, self.size + 1)

    def _in_turn(self) -> int:
        """How many children run batches whose turn is not ``AT_ONCE``."""
        batches = [child.batch for child in self._children]
        return sum(batch is not None and batch.turn is not Turn.AT_ONCE for batch in batches)

    def _give(self, child: Child, batch: Batch) -> None:
        batch.items = deque(item for item in batch.items if not item.future.cancelled())
        if not batch.items:
            return
        reach("pool.give")
        child.batch = batch
        child.started = child.preparing = False
        if batch.turn is Turn.AT_ONCE:
            self._spare_until = time.monotonic() + _SPARE_S
        child.loads = batch.lane not in child.lanes
        child.lanes.add(batch.lane)
        child.clock.start([batch.items[0].allowed], loads=child.loads)
        prepares = batch.prepares and len(batch.items) > 1
        child.worker.send([item.argument for item in batch.items], prepares=prepares)

    def _listen(self) -> None:
        talkers = {child.worker.link.descriptor: child for child in self._children}
        writers = {child.worker.stderr: child for child in self._children if not child.stderr_closed}
        poll = select.poll()
        for source in (self._wake_read, *writers):
            poll.register(source, select.POLLIN)
        for source, child in talkers.items():
            poll.register(source, select.POLLIN | (select.POLLOUT if child.worker.link.has_more else 0))
        for source, events in poll.poll(_TICK_S * 1000):
            if source == self._wake_read:
                os.read(self._wake_read, 4096)
            elif source in talkers:
                child = talkers[source]
                if events & select.POLLOUT:
                    child.worker.link.flush()
                if events & ~select.POLLOUT and child in self._children:
                    self._read(child)
            elif writers[source] in self._children:
                writers[source].stderr_closed = not writers[source].worker.read_stderr()

    def _read(self, child: Child) -> None:
        try:
            frames = child.worker.link.receive()
            for sign, data in frames or ():
                with self._lock:
                    done = self._receive(child, sign, data)
                if done is not None:
                    settle(*done)
        except WireError as error:
            with self._lock:
                self._cut_off(child, str(error))
            return
        if frames is None:
            with self._lock:
                self._reap(child)

    def _receive(self, child: Child, sign: Sign, data: bytes) -> tuple[Future[Any], Any] | None:
        """Take one message; a result comes back with its future. Raises WireError for what has no place here."""
        batch = child.batch
        if not child.ready:
            if sign is not Sign.READY:
                raise WireError(f"{sign.name} before it was ready")
            child.ready = True
            self._failed_starts = 0
            if data:
                sandbox.say_once(data[:_SAID_BYTES].decode(errors="replace"))
        elif batch is None or child.dismissed or child.verdict is not None:
            # Cancelled or condemned: what it still says is about nothing any more.
            return None
        elif sign is Sign.PREPARING and not child.started:
            child.preparing = True
            child.clock.start([item.allowed for item in batch.items], loads=child.loads)
            if is_unwanted(child):
                # It was cancelled before the child said that it prepares it.
                self._take_back(child)
        elif sign is Sign.STARTED and not child.started:
            self._note_start(child, batch)
        elif child.waits_for is not None:
            raise WireError(f"{sign.name} while it waited for an answer")
        elif sign is Sign.BEAT and (child.started or child.preparing):
            self._fetch_from(child, done=False)
            child.clock.start_step()
        elif sign is Sign.ASK and (child.started or child.preparing):
            self._obtain(child, data)
        elif sign in (Sign.RESULT, Sign.LAST_RESULT) and child.started:
            result = self._codec.result(data)
            result = self._fetch_from(child, done=True) or result
            is_last = sign is Sign.LAST_RESULT or isinstance(result, ItemError) or _says_full(result)
            return self._take(child, batch, is_last=is_last).future, result
        else:
            raise WireError(f"{sign.name} at the wrong time")
        return None

    def _fetch_from(self, child: Child, *, done: bool) -> ItemError | None:
        """Take what the child has written for the item it runs; returns the error if that fails."""
        batch = child.batch
        if self._fetch is None or child.worker.folder is None or batch is None or not child.started:
            return None
        try:
            self._fetch(batch.items[0].argument, done, child.worker.folder)
        except OSError as error:
            kind = ErrorClass.DISK_FULL if is_full(error) else ErrorClass.IO_TRANSIENT
            return ItemError(kind, f"What was made cannot be taken to its place ({error.strerror}).")
        return None

    def _obtain(self, child: Child, request: bytes) -> None:
        try:
            child.waits_for = self._helpers.ask(request)
        except OSError:
            # Out of processes, or a request that is longer than a command may be: as if the command had made nothing.
            child.worker.link.send(frame(Sign.ANSWER))
            return
        if child.waits_for is None:
            raise WireError("a request for what is not to be had")

    def _answer(self) -> None:
        """Tell the children whose requests are done. Meanwhile only the time limit of their whole items counts."""
        for command, answer in self._helpers.done():
            for child in self._children:
                if child.waits_for == command:
                    child.waits_for = None
                    child.worker.link.send(frame(Sign.ANSWER, answer))
        for child in self._children:
            if child.waits_for is not None:
                child.clock.start_step()

    def _take(self, child: Child, batch: Batch, *, is_last: bool) -> Item:
        """The item that is done. ``is_last``: the child takes no more."""
        reach("pool.result")
        item = batch.items.popleft()
        child.started = child.loads = False
        if not batch.items:
            is_last = is_last or batch.alone
            child.batch = None
        if is_last:
            self._children.remove(child)
            child.worker.end()
            child.worker.close()
            if child.batch is not None:
                self._waiting.appendleft(child.batch)
                child.batch = None
        return item

    def _note_start(self, child: Child, batch: Batch) -> None:
        item = batch.items[0]
        if item.future.cancelled():
            self._take_back(child)
            return
        child.preparing = False
        child.started = True
        child.clock.start([item.allowed], loads=child.loads)
        self._fetch_from(child, done=False)

    def _watch(self) -> None:
        now = time.monotonic()
        if self._helpers.running:
            self._answer()
        if now > self._spare_until:
            self._dismiss_spare()
        measures = now >= self._measures_at
        if measures:
            self._measures_at = now + _TICK_S
            self._share_memory()
        for child in tuple(self._children):
            if child.verdict is not None:
                self._finish_off(child, now)
            elif child.dismissed or child.idle:
                continue
            elif now > child.clock.until:
                self._end_of_time(child, now)
            elif measures and (verdict := child.clock.excess(self._limits.memory_bytes)) is not None:
                self._condemn(child, *verdict)
            elif child.clock.tries_patience(now):
                self._set_aside(child)

    def _end_of_time(self, child: Child, now: float) -> None:
        """A child is at its deadline: stop it, unless it only waited for processors."""
        child.verdict = child.clock.overtime(now, is_ready=child.ready)
        if child.verdict is None:
            return
        child.clock.until = now + _TRACEBACK_S
        if child.ready:
            child.worker.ask()

    def _set_aside(self, child: Child) -> None:
        """Stop an item that others have waited for long enough, if there are others. The rest of its batch goes on."""
        batch = child.batch
        if batch is None or not (self._waiting or len(batch.items) > 1):
            return
        if not child.started:
            # One of those that it prepares together is slow; one by one, it will show.
            batch.prepares = False
            self._take_back(child)
            return
        why = SetAside(time.monotonic() - child.clock.asked, computed=child.clock.has_computed())
        item = self._take_out(child, batch)
        settle(item.future, why)

    def _take_out(self, child: Child, batch: Batch) -> Item:
        """Stop the item that a child runs, and take what it has written so far. The rest waits for another child."""
        self._fetch_from(child, done=False)
        child.started = False
        item = batch.items.popleft()
        if not batch.items:
            child.batch = None
        self._take_back(child)
        return item

    def _share_memory(self) -> None:
        """Keep all children within their budget: an idle one gives way first, then the largest of those at work."""
        here = [child for child in self._children if not child.dismissed and child.verdict is None]
        used = {id(child): child.worker.own_bytes() for child in here}
        self._is_short = sum(used.values()) > _SHORT_SHARE * self._budget
        if sum(used.values()) <= self._budget:
            return
        busy = [child for child in here if child.batch is not None]
        largest = max([child for child in here if child.batch is None] or busy, key=lambda child: used[id(child)])
        if largest.batch is None or len(busy) > 1:
            self._give_way(largest)
        else:
            limit = self._budget // 1024**2
            message = f"It used more than the {limit} MiB of memory that there are for all workers, and was stopped."
            self._condemn(largest, ErrorClass.OOM, message)

    def _give_way(self, child: Child) -> None:
        """Kill a child whose memory is needed. The item that it runs is tried again while nothing else runs."""
        batch = child.batch
        if batch is not None and child.started:
            item = self._take_out(child, batch)
            self._put_in_line(Batch(batch.lane, deque([item]), alone=batch.alone, turn=batch.turn, single=True))
            return
        if batch is not None:
            batch.prepares = False
        self._take_back(child)

    def _cut_off(self, child: Child, message: str) -> None:
        """Stop a child that sent what it may not send. Between two items none is at fault."""
        if child.started or child.preparing or not child.ready:
            self._condemn(child, ErrorClass.CRASH, f"Its worker process sent {message} and was stopped.")
        else:
            self._take_back(child)

    def _condemn(self, child: Child, error_class: ErrorClass, message: str) -> None:
        child.verdict = (error_class, message)
        child.clock.until = time.monotonic()
        child.worker.kill()

    def _dismiss_spare(self) -> None:
        here = [child for child in self._children if not child.dismissed]
        spare = next((child for child in here if child.idle), None) if len(here) > self.size else None
        if spare is not None:
            spare.dismissed = True
            spare.worker.kill()

    def _finish_off(self, child: Child, now: float) -> None:
        """Kill a child with a verdict, after its time for the traceback. One that does not die is left behind."""
        if now < child.clock.until:
            return
        child.worker.kill()
        if now > child.clock.until + 1.0:
            self._reap(child)

    def _reap(self, child: Child) -> None:
        """A child is gone: fail the item it was running, and give the rest of its batch to another child."""
        self._children.remove(child)
        code = child.worker.end()
        self._fetch_from(child, done=False)
        stderr_tail = child.worker.stderr_tail()
        child.worker.close()
        if not child.ready and not child.dismissed:
            self._start_failed(code, stderr_tail)
            return
        batch = child.batch
        if batch is None:
            return
        if child.preparing:
            # It died while preparing all of them. One by one, the item at fault will show.
            batch.prepares = False
            self._waiting.appendleft(batch)
            return
        if not child.started and child.verdict is None and batch.unstarted < _MAX_FAILED_STARTS:
            # It died before it started the next item: no item is at fault.
            batch.unstarted += 1
            self._waiting.appendleft(batch)
            return
        blamed = batch.items.popleft()
        if batch.items:
            self._waiting.appendleft(batch)
        error = ItemError(*child.verdict, stderr_tail) if child.verdict else exit_error(code, stderr_tail)
        settle(blamed.future, error)

    def _start_failed(self, code: int | None, stderr_tail: str) -> None:
        self._failed_starts += 1
        if self._failed_starts < _MAX_FAILED_STARTS:
            return
        lines = stderr_tail.strip().splitlines()
        reason = lines[-1].strip()[:_SAID_BYTES] if lines else exit_error(code, "").exit_status or "one hangs"
        message = f"Worker processes do not start ({reason}); mend that, and run again: nothing is lost."
        error = WorkersNotStartingError(ErrorClass.MISSING_TOOL, message, stderr_tail)
        for batch in self._waiting:
            for item in batch.items:
                settle(item.future, error)
        self._waiting.clear()
