"""Live progress on a terminal: the indexing phases, then one line per kind. Imported only where there is a terminal."""

from __future__ import annotations

import os
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pillion.cli.lines import NoProgress
from pillion.cli.output import duration
from pillion.model import SidecarStatus
from pillion.queue.work import Workers


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and speed >= 10 else f"{speed:.1f}/s" if speed else "", style="dim")


class _TimeLeft(TimeRemainingColumn):
    """The time left: from measured history where a line has that, else from the rate so far."""

    def render(self, task: Task) -> Text:
        """``3 min``, or nothing before there is a guess."""
        seconds = task.fields.get("seconds_left")
        if seconds is None:
            return super().render(task)
        return Text("" if task.finished else f"~{duration(seconds)}", style="progress.remaining")


class LiveProgress(NoProgress):
    """Shows on stderr what goes on while it is open."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<15}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}", markup=False),
            _Rate(),
            _TimeLeft(compact=True),
            # Without a colour system there is no style at all, and that is what NO_COLOR asks for (no-color.org).
            console=Console(stderr=True, color_system=None if os.environ.get("NO_COLOR") else "auto"),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def stop(self) -> None:
        """End the display; what was shown stays."""
        self._progress.stop()

    def phase(self, phase: str, done: int, total: int | None) -> None:
        """An indexing phase got this far."""
        counts = f"{done:,} files" if total is None else f"{done:,} of {total:,} files"
        self._update(phase, done, total, counts)

    def work(self, workers: Workers) -> None:
        """A run of the queue got this far; for Library.run."""
        running = workers.engine.working
        for kind, about in workers.eta.kinds().items():
            total = about.done + about.left
            failed = workers.recorder.counts[kind, SidecarStatus.FAILED]
            counts = f"{about.done:,} of {total:,} jobs, {running.get(kind, 0)} running"
            counts += f", {failed} failed" if failed else ""
            self._update(kind, about.done, total, counts, about.seconds_left)

    def _update(self, name: str, done: int, total: int | None, counts: str, seconds_left: float | None = None) -> None:
        fields = {"counts": counts, "seconds_left": seconds_left}
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, **fields)  # type: ignore[arg-type]
        self._progress.update(self._tasks[name], completed=done, total=total, **fields)  # type: ignore[arg-type]
