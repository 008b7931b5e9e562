"""A pool of child processes that survives whatever its items do.

An Executor (:mod:`concurrent.futures`) whose items carry a deadline. A child that dies, hangs or grows too large is
killed and replaced; the item it was on is blamed alone, and the rest of its batch goes to another child.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.jobs.child import STARTED

_TICK_S = 0.25
"""How often deadlines and memory are looked at."""

_START_DEADLINE_S = 60.0
_MAX_FAILED_STARTS = 3


@dataclass(slots=True)
class _Item:
    argument: Any
    deadline_s: float
    future: Future[Any]


@dataclass(slots=True)
class _Batch:
    lane: str
    items: deque[_Item]
    unstarted: int = 0


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: Connection
    ready: bool = False
    batch: _Batch | None = None
    started: bool = False
    dismissed: bool = False
    lanes: set[str] = field(default_factory=set)
    until: float = 0.0
    verdict: tuple[ErrorClass, str] | None = None


class WorkerPool(Executor):
    """``size`` child processes that run ``target`` ("module:function", one argument, one result, both picklable).

    ``memory_limit`` and ``recycle_bytes`` are bytes of resident memory: above the first a child is killed and its item
    fails with class ``oom``; above the second it is replaced after its batch.
    """

    def __init__(self, target: str, *, size: int, memory_limit: int, recycle_bytes: int) -> None:
        self._target = target
        self._size = size
        self._memory_limit = memory_limit
        self._recycle_bytes = recycle_bytes
        self._lock = threading.Lock()
        self._waiting: deque[_Batch] = deque()
        self._children: list[_Child] = []
        self._closing = False
        self._failed_starts = 0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._supervise, name="pillion-pool", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """How many children work at the same time."""
        return self._size

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Executor's own call, for one item without a lane: ``fn`` must be the pool's target, with one argument."""
        name = f"{fn.__module__}:{fn.__qualname__}"
        if name != self._target or len(args) != 1 or kwargs:
            raise ValueError(f"This pool runs {self._target} with one argument.")
        return self.submit_batch("", [(args[0], float("inf"))])[0]

    def submit_batch(self, lane: str, items: Sequence[tuple[Any, float]]) -> list[Future[Any]]:
        """Hand (argument, deadline in seconds) pairs to one child, which runs them in order.

        A batch goes to a child that has run its ``lane`` before where one is free: that one has the engines loaded.
        A future fails with ItemError of class ``timeout``, ``oom`` or ``crash``.
        """
        batch = _Batch(lane=lane, items=deque(_Item(argument, limit, Future()) for argument, limit in items))
        futures = [item.future for item in batch.items]
        with self._lock:
            if self._closing:
                raise RuntimeError("The pool is shut down.")
            self._waiting.append(batch)
        self._wake()
        return futures

    def cancel_lane(self, lane: str) -> None:
        """Cancel what waits in a lane, and kill the children that run it; all its futures end cancelled."""
        with self._lock:
            for batch in [batch for batch in self._waiting if batch.lane == lane]:
                self._waiting.remove(batch)
                self._cancel(batch)
            for child in self._children:
                if child.batch is not None and child.batch.lane == lane:
                    batch, child.batch = child.batch, None
                    child.dismissed = True
                    child.process.kill()
                    self._cancel(batch)
        self._wake()

    def _cancel(self, batch: _Batch) -> None:
        for item in batch.items:
            item.future.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop. With ``cancel_futures`` children are killed at once and what they had is cancelled."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                self._cancel_everything()
        self._wake()
        if wait:
            self._thread.join()

    def _cancel_everything(self) -> None:
        for child in self._children:
            child.process.kill()
            if child.batch is not None:
                self._waiting.append(child.batch)
                child.batch = None
        for batch in self._waiting:
            self._cancel(batch)
        self._waiting.clear()

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
                    self._hire()
                    self._assign()
                self._listen()
                with self._lock:
                    self._watch()
        finally:
            for child in self._children:
                self._dismiss(child)
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _hire(self) -> None:
        wanted = min(self._size, len(self._waiting) + sum(child.batch is not None for child in self._children))
        while len(self._children) < wanted:
            self._children.append(self._start())

    def _start(self) -> _Child:
        reach("pool.start")
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "pillion.jobs.child", str(theirs.fileno()), str(os.getpid())]
            process = subprocess.Popen(
                [*command, self._target, str(self._recycle_bytes)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        child = _Child(process=process, connection=Connection(ours.detach()))
        child.until = time.monotonic() + _START_DEADLINE_S
        return child

    def _assign(self) -> None:
        idle = [child for child in self._children if child.ready and child.batch is None and not child.dismissed]
        while idle and self._waiting:
            batch = self._waiting.popleft()
            child = next((child for child in idle if batch.lane in child.lanes), idle[0])
            idle.remove(child)
            self._give(child, batch)

    def _give(self, child: _Child, batch: _Batch) -> None:
        batch.items = deque(item for item in batch.items if not item.future.cancelled())
        if not batch.items:
            return
        reach("pool.give")
        child.batch = batch
        child.started = False
        child.lanes.add(batch.lane)
        child.until = time.monotonic() + batch.items[0].deadline_s
        try:
            child.connection.send([item.argument for item in batch.items])
        except (BrokenPipeError, ConnectionResetError):
            return

    def _listen(self) -> None:
        watched: dict[object, _Child] = {child.connection: child for child in self._children}
        connections = [child.connection for child in self._children]
        for source in wait([*connections, self._wake_read], timeout=_TICK_S):
            if source == self._wake_read:
                os.read(self._wake_read, 4096)
                continue
            child = watched[source]
            try:
                message = child.connection.recv()
            except (EOFError, OSError):
                with self._lock:
                    self._bury(child)
                continue
            self._receive(child, message)

    def _receive(self, child: _Child, message: Any) -> None:
        with self._lock:
            if not child.ready:
                child.ready = True
                self._failed_starts = 0
                return
            if message == STARTED:
                child.started = True
                return
            if child.batch is None:
                return
            reach("pool.result")
            result, last = message
            item = child.batch.items.popleft()
            if child.batch.items:
                child.until = time.monotonic() + child.batch.items[0].deadline_s
            else:
                child.batch = None
            if last:
                self._children.remove(child)
                self._dismiss(child)
        if not item.future.cancelled():
            item.future.set_result(result)

    def _watch(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.verdict is not None or (child.ready and child.batch is None):
                continue
            if now > child.until:
                self._kill(child, ErrorClass.TIMEOUT, "It took longer than its time limit and was stopped.")
            elif _resident_bytes(child.process.pid) > self._memory_limit:
                limit = self._memory_limit // 1024**2
                self._kill(child, ErrorClass.OOM, f"It used more than {limit} MiB of memory and was stopped.")

    def _kill(self, child: _Child, error_class: ErrorClass, message: str) -> None:
        child.verdict = (error_class, message)
        child.process.kill()

    def _bury(self, child: _Child) -> None:
        """A child is gone: blame the item it was on, and give the rest of its batch to another."""
        self._children.remove(child)
        code = self._dismiss(child)
        if not child.ready:
            self._start_failed(code)
            return
        batch = child.batch
        if batch is None:
            return
        if not child.started and batch.unstarted < _MAX_FAILED_STARTS:
            # It died idle, before it read the batch: nothing in there is to blame.
            batch.unstarted += 1
            self._waiting.appendleft(batch)
            return
        blamed = batch.items.popleft()
        if batch.items:
            self._waiting.appendleft(batch)
        if not blamed.future.cancelled():
            blamed.future.set_exception(ItemError(*(child.verdict or _verdict(code))))

    def _start_failed(self, code: int) -> None:
        self._failed_starts += 1
        if self._failed_starts < _MAX_FAILED_STARTS:
            return
        error = ItemError(
            ErrorClass.MISSING_TOOL, f"Worker processes do not start (exit code {code}); see the messages above."
        )
        for batch in self._waiting:
            for item in batch.items:
                item.future.set_exception(error)
        self._waiting.clear()

    def _dismiss(self, child: _Child) -> int:
        child.connection.close()
        try:
            return child.process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            child.process.kill()
            return child.process.wait()


def _verdict(code: int) -> tuple[ErrorClass, str]:
    if code < 0:
        return ErrorClass.CRASH, f"Its worker process died of {signal.Signals(-code).name}."
    return ErrorClass.CRASH, f"Its worker process ended with exit code {code}."


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
