"""Waiting for sidecars that are asked for: one thread looks for all who wait, and reads only.

It looks at the newest event, which whoever works the queue commits with each outcome, as soon as anybody has written,
and reads the rows when there is a new one. What changes a row without an event (a cancel, a cleanup) is seen a second
later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Generic, TypeVar

from pillion.catalog.database import Database
from pillion.catalog.events import newest_event
from pillion.errors import PillionError

K = TypeVar("K")
A = TypeVar("A")

_GLANCE_S = 0.005
_LOOK_S = 0.05
_READ_S = 1.0


class Waiting(Generic[K, A]):
    """Who waits for which sidecar. ``answers``: of some keys, those that have an answer by now, and the answers.

    ``trouble``: an error that those who wait should get instead, such as workers that ended.
    """

    def __init__(
        self,
        database: Database,
        answers: Callable[[Sequence[K]], dict[K, A]],
        trouble: Callable[[], PillionError | None],
    ) -> None:
        self._database = database
        self._answers = answers
        self._trouble = trouble
        self._lock = threading.Lock()
        self._wanted: dict[K, list[Future[A]]] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def future(self, key: K) -> Future[A]:
        """A future of the answer; it may be cancelled."""
        future: Future[A] = Future()
        with self._lock:
            self._wanted.setdefault(key, []).append(future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="pillion-waiting", daemon=True)
                self._thread.start()
        return future

    def close(self, error: PillionError) -> None:
        """Whoever still waits gets this error."""
        self._ended.set()
        with self._lock:
            keys = list(self._wanted)
        self._fail(keys, error)

    def _look(self) -> None:
        seen, read_at = -1, float("-inf")
        while True:
            with self._lock:
                self._drop_cancelled()
                keys = list(self._wanted)
                if not keys or self._ended.is_set():
                    self._thread = None
                    return
            trace = self._database.trace()
            try:
                with self._database.read() as connection:
                    newest = newest_event(connection)
                now = time.monotonic()
                if newest != seen or now - read_at >= _READ_S:
                    seen, read_at = newest, now
                    for key, answer in self._answers(keys).items():
                        self._give(key, answer)
                trouble = self._trouble()
                if trouble is not None:
                    self._fail(keys, trouble)
            except PillionError as error:
                self._fail(keys, error)
            self._rest(trace)

    def _rest(self, trace: object) -> None:
        until = time.monotonic() + _LOOK_S
        while (left := until - time.monotonic()) > 0:
            if self._ended.wait(left if trace is None else min(left, _GLANCE_S)) or self._database.trace() != trace:
                return

    def _drop_cancelled(self) -> None:
        for key, futures in list(self._wanted.items()):
            left = [future for future in futures if not future.done()]
            if left:
                self._wanted[key] = left
            else:
                del self._wanted[key]

    def _take(self, key: K) -> list[Future[A]]:
        with self._lock:
            return self._wanted.pop(key, [])

    def _give(self, key: K, answer: A) -> None:
        for future in self._take(key):
            try:
                future.set_result(answer)
            except InvalidStateError:
                continue  # cancelled in the meantime

    def _fail(self, keys: Sequence[K], error: PillionError) -> None:
        for key in keys:
            for future in self._take(key):
                try:
                    future.set_exception(error)
                except InvalidStateError:
                    continue
