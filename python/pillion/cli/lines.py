"""Progress where no terminal is: a line on stderr every ten seconds, for logs and pipes, or none at all."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pillion.cli.output import duration, is_quiet, note
from pillion.model import SidecarStatus

if TYPE_CHECKING:
    from pillion.cli.progress import LiveProgress
    from pillion.queue.work import Workers

EVERY_S = 10.0
_MINUTE_S = 60.0


_GRACE_S = 10.0
_LATE_TIMES = 2.0
LATE = "longer than estimated"


@dataclass(slots=True)
class Forecast:
    """What can be said of the time left, which is worth nothing once jobs run for much longer than it said."""

    _done: int = -1
    _until: float = math.inf

    def is_late(self, now: float, done: int, seconds_left: float) -> bool:
        """Whether what was estimated when the last of the ``done`` jobs ended is long over."""
        if done != self._done:
            self._done, self._until = done, now + _GRACE_S + _LATE_TIMES * seconds_left
        return now > self._until


class NoProgress:
    """Stands for progress that nobody asked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Nothing was shown."""

    def phase(self, phase: str, done: int, total: int | None) -> None:
        """An indexing phase got this far."""

    def work(self, workers: Workers) -> None:
        """A run of the queue got this far."""


class LineProgress(NoProgress):
    """Writes what goes on, by ``write``, at most every ``every_s`` seconds; nothing for a short run."""

    def __init__(
        self,
        *,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
        write: Callable[[str], None] = note,
    ) -> None:
        self._every_s = every_s
        self._clock = clock
        self._write = write
        self._last = clock()
        self._forecast = Forecast()

    def phase(self, phase: str, done: int, total: int | None) -> None:
        """An indexing phase got this far."""
        if self._is_time():
            self._write(f"{phase}: {done:,} files" if total is None else f"{phase}: {done:,} of {total:,} files")

    def work(self, workers: Workers) -> None:
        """A run of the queue got this far."""
        if not self._is_time():
            return
        running = workers.engine.working
        parts, left, done = [], 0.0, 0
        for kind, about in workers.eta.kinds().items():
            failed = workers.recorder.counts[kind, SidecarStatus.FAILED]
            part = f"{kind}: {about.done:,} of {about.done + about.left:,} jobs, {running.get(kind, 0)} running"
            parts.append(part + (f", {failed} failed" if failed else ""))
            left += about.seconds_left
            done += about.done
        if parts:
            self._write("; ".join(parts) + self._time_left(done, left))

    def _time_left(self, done: int, seconds: float) -> str:
        if self._forecast.is_late(self._last, done, seconds):
            return f"; {LATE}"
        if seconds <= 0:
            return ""
        return f"; about {duration(seconds)} left" if seconds >= _MINUTE_S else "; less than a minute left"

    def _is_time(self) -> bool:
        now = self._clock()
        if now - self._last < self._every_s:
            return False
        self._last = now
        return True


def progress_shown(*, quiet: bool = False) -> LiveProgress | NoProgress:
    """Progress for a terminal, for a log, or none."""
    if quiet or is_quiet():
        return NoProgress()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return LineProgress()
    from pillion.cli.progress import LiveProgress

    return LiveProgress()
