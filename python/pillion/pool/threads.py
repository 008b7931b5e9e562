"""How many threads an engine may use, and how to spread work over free cores."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from pillion import machine

R = TypeVar("R")


def available() -> int:
    """The cores this process may use, or ``OMP_THREAD_LIMIT`` if that is less.

    The limit must be kept to: CTranslate2 divides its work by the number of threads it asked for, so one that asks for
    two where OpenMP grants one leaves half of each product uncomputed, and returns wrong numbers without an error.
    """
    here = machine.cores()
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    return max(1, min(here, int(limit))) if limit.isdecimal() else here


def limit_to(share: float) -> None:
    """Limit this process to a share of the threads, at least one. Call it before an engine is loaded."""
    os.environ["OMP_THREAD_LIMIT"] = str(max(1, int(available() * share)))


def spread(tasks: Iterable[Callable[[], R]], at_most: int = 64) -> Iterator[R]:
    """The results of ``tasks``, in order. They run in this thread and in one more for each free core.

    ``at_most``: threads, this one included.
    ``tasks`` is read in this thread, only a little ahead of the work, so it may make each task at some cost. A task
    that raises does so here, when it is its turn. Worth it for tasks that let go of the GIL for some 10 ms or more.
    """
    crew: _Crew[R] = _Crew(at_most)
    futures: deque[Future[R]] = deque()
    try:
        for task in tasks:
            futures.append(crew.add(task))
            while crew.is_behind():
                crew.run_one()
            while futures and futures[0].done():
                yield futures.popleft().result()
        while crew.run_one():
            pass
        while futures:
            yield futures.popleft().result()
    finally:
        crew.dismiss()


class _Crew(Generic[R]):
    """Waiting tasks, and the threads that help with them."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], R], Future[R]]] = deque()
        self._helpers: set[threading.Thread] = set()

    def add(self, task: Callable[[], R]) -> Future[R]:
        """Add a task, and start a helper if a core is free."""
        future: Future[R] = Future()
        with self._lock:
            self._waiting.append((task, future))
        extra = machine.acquire_extra_core(min(self._at_most, available())) if self.is_behind() else None
        if extra is not None:
            helper = threading.Thread(target=self._help, args=(extra,), name="pillion-helper", daemon=True)
            with self._lock:
                self._helpers.add(helper)
            helper.start()
        return future

    def is_behind(self) -> bool:
        """Whether more tasks wait than there are helpers."""
        with self._lock:
            return len(self._waiting) > len(self._helpers)

    def run_one(self) -> bool:
        """Run the oldest waiting task in the calling thread; False if there is none."""
        with self._lock:
            if not self._waiting:
                return False
            task, future = self._waiting.popleft()
        try:
            result = task()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return True

    def dismiss(self) -> None:
        """Drop the waiting tasks, and wait for the helpers to finish theirs."""
        with self._lock:
            self._waiting.clear()
            helpers = tuple(self._helpers)
        for helper in helpers:
            helper.join()

    def _help(self, extra: machine.ExtraCore) -> None:
        try:
            while self.run_one() and extra.may_keep():
                pass
        finally:
            extra.release()
            with self._lock:
                self._helpers.discard(threading.current_thread())
