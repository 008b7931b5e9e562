"""Live progress on stderr: the indexing phases, then one line per kind."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

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

from pillion.library import Library
from pillion.model import SidecarKind, SidecarStatus
from pillion.work import Workers


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and speed >= 10 else f"{speed:.1f}/s" if speed else "", style="dim")


class LiveProgress:
    """Shows what goes on while it is open. Draws nothing where stderr is no terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<15}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def phase(self, phase: str, done: int, total: int | None) -> None:
        """An indexing phase got this far."""
        counts = f"{done:,} files" if total is None else f"{done:,} of {total:,} files"
        self._update(phase, done, total, counts)

    def work(self, library: Library) -> Callable[[Workers], None]:
        """A callback for Library.run that shows each kind's line."""
        queued = {kind: sum(state.counts.values()) for kind, state in library.status().queue.items()}
        ended = {
            kind: sum(number for state, number in line.counts.items() if state in ("done", "failed", "cancelled"))
            for kind, line in library.status().queue.items()
        }
        todo = {kind: queued[kind] - ended[kind] for kind in queued}
        for kind in SidecarKind:
            if todo.get(kind):
                self._update(kind.value, 0, todo[kind], f"0 of {todo[kind]:,} jobs")

        def show(workers: Workers) -> None:
            finished = workers.recorder.jobs_ended
            running = workers.engine.running
            for kind in SidecarKind:
                if not todo.get(kind):
                    continue
                done = min(finished[kind], todo[kind])
                failed = workers.recorder.counts[kind, SidecarStatus.FAILED]
                counts = f"{done:,} of {todo[kind]:,} jobs, {running.get(kind.value, 0)} running"
                self._update(kind.value, done, todo[kind], counts + (f", {failed} failed" if failed else ""))

        return show

    def _update(self, name: str, done: int, total: int | None, counts: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, counts=counts)
        self._progress.update(self._tasks[name], completed=done, total=total, counts=counts)
