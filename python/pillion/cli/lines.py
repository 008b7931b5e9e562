"""Progress where no terminal is: a line on stderr every ten seconds, for logs and pipes, or none at all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pillion.cli.output import duration, is_quiet, note
from pillion.model import SidecarStatus

if TYPE_CHECKING:
    from pillion.cli.progress import LiveProgress
    from pillion.queue.work import Workers

EVERY_S = 10.0


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

    def phase(self, phase: str, done: int, total: int | None) -> None:
        """An indexing phase got this far."""
        if self._is_time():
            self._write(f"{phase}: {done:,} files" if total is None else f"{phase}: {done:,} of {total:,} files")

    def work(self, workers: Workers) -> None:
        """A run of the queue got this far."""
        if not self._is_time():
            return
        running = workers.engine.working
        parts, left = [], 0.0
        for kind, about in workers.eta.kinds().items():
            failed = workers.recorder.counts[kind, SidecarStatus.FAILED]
            part = f"{kind}: {about.done:,} of {about.done + about.left:,} jobs, {running.get(kind, 0)} running"
            parts.append(part + (f", {failed} failed" if failed else ""))
            left += about.seconds_left or 0.0
        if parts:
            self._write("; ".join(parts) + (f"; about {duration(left)} left" if left else ""))

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
