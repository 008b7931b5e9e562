"""When a file is taken: it was quiet, and the same at two looks. Pure: the caller gives the times and the looks."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Look = tuple[int, int, int] | None
"""(size, mtime in ns, inode) of a file, or None where nothing is there."""

OPEN_S = 10.0
"""How long a file must be quiet that was written to and not closed since: a copy may be waiting for more to come."""

LONGEST_S = 60.0
"""How long at most a file must be quiet that keeps changing."""

_AGAIN = 10.0
"""A file that changes within so many of its quiet times after it was taken must be quiet for twice as long."""

_REMEMBERED = 10_000


@dataclass(slots=True)
class _Waiting:
    due: float
    look: Look
    quiet: float
    open: bool
    number: int = 0
    """Of the entry in the order that counts; those before it are of notices that came earlier."""


def _wait(quiet: float, open: bool) -> float:
    return max(quiet, OPEN_S) if open else quiet


class Settling(Generic[K]):
    """Files that wait until they are quiet.

    ``quiet_s``: how long nothing may happen to a file. A file that is written to again and again, such as a log, is
    taken more and more seldom, at most every ``LONGEST_S``. Times are seconds of any clock that never goes back.
    """

    def __init__(self, quiet_s: float) -> None:
        self.quiet_s = quiet_s
        self._waiting: dict[K, _Waiting] = {}
        self._order: list[tuple[float, int, K]] = []
        self._number = 0
        self._taken: dict[K, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: K) -> bool:
        return key in self._waiting

    def note(self, key: K, look: Look, now: float, *, open: bool = False) -> None:
        """Something happened to a file, which looks like this now. ``open``: it was written to and not closed since."""
        # What is gone does not come back by itself; and it is taken with the file that it became by a new name.
        quiet = self.quiet_s if look is None else self._quiet(key, now)
        self._put(key, _Waiting(now + _wait(quiet, open), look, quiet, open))

    def later(self, key: K, look: Look, due: float) -> None:
        """A file that could not be taken is due again at a time."""
        self._put(key, _Waiting(due, look, self.quiet_s, False))

    def due(self, now: float, limit: int) -> list[K]:
        """Up to ``limit`` files that were quiet until now, those that waited longest first. Each is to be looked at."""
        found: list[K] = []
        while self._order and len(found) < limit:
            due, number, key = self._order[0]
            waiting = self._waiting.get(key)
            counts = waiting is not None and waiting.number == number
            if counts and due > now:
                break
            heapq.heappop(self._order)
            if counts:
                found.append(key)
        return found

    def settled(self, key: K, look: Look, now: float) -> bool:
        """Whether a file that is due, and looks like this now, is to be taken. If it changed, it goes on waiting."""
        waiting = self._waiting[key]
        if look != waiting.look:
            due = now + _wait(waiting.quiet, waiting.open)
            self._put(key, _Waiting(due, look, waiting.quiet, waiting.open))
            return False
        del self._waiting[key]
        self._taken.pop(key, None)
        self._taken[key] = (now, waiting.quiet)
        if len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]
        return True

    def next_due(self) -> float | None:
        """When the next file is due; None if none waits."""
        while self._order:
            due, number, key = self._order[0]
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.number == number:
                return due
            heapq.heappop(self._order)
        return None

    def _quiet(self, key: K, now: float) -> float:
        waiting = self._waiting.get(key)
        if waiting is not None:
            return waiting.quiet
        taken = self._taken.get(key)
        if taken is None or now - taken[0] > max(_AGAIN * taken[1], 2 * self.quiet_s):
            return self.quiet_s
        return min(2 * taken[1], max(LONGEST_S, self.quiet_s))

    def _put(self, key: K, waiting: _Waiting) -> None:
        self._number += 1
        waiting.number = self._number
        self._waiting[key] = waiting
        heapq.heappush(self._order, (waiting.due, waiting.number, key))
        if len(self._order) > 4 * len(self._waiting) + 1024:
            # Each notice leaves its entry behind: a file that is written to for hours must not fill the memory.
            self._order = [(item.due, item.number, key) for key, item in self._waiting.items()]
            heapq.heapify(self._order)
