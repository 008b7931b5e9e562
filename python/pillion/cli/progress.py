"""Live progress on a terminal: the indexing phases, then one line per kind. Imported only where there is a terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TextIO, cast

from pillion.cli.lines import LATE, Forecast, NoProgress
from pillion.cli.output import duration
from pillion.model import SidecarStatus
from pillion.queue.work import Workers

_REDRAW_S = 0.1
_RATE_S = 30.0
"""A rate is that of the last half minute."""
_BAR = 24
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

_UP, _CLEAR_BELOW, _CLEAR_LINE = "\x1b[1A", "\x1b[J", "\x1b[2K"
"""ECMA-48: the cursor one line up; clear from it to the end of the screen; clear its line."""
_GREEN, _CYAN, _DIM, _PLAIN = "\x1b[32m", "\x1b[36m", "\x1b[2m", "\x1b[0m"


@dataclass(slots=True)
class _Row:
    """What is known of a phase or a kind. ``seconds_left``: by what was measured before; None: by the rate."""

    name: str
    begun: float
    done: int = 0
    total: int | None = None
    counts: str = ""
    seconds_left: float | None = None
    seen: deque[tuple[float, int]] = field(default_factory=deque)
    """When how many were done, over the last half minute."""
    forecast: Forecast = field(default_factory=Forecast)
    is_late: bool = False

    @property
    def is_finished(self) -> bool:
        return self.total is not None and self.done >= self.total

    def note(self, now: float, done: int, total: int | None, counts: str, seconds_left: float | None) -> None:
        self.done, self.total, self.counts, self.seconds_left = done, total, counts, seconds_left
        self.is_late = seconds_left is not None and self.forecast.is_late(now, done, seconds_left)
        self.seen.append((now, done))
        while now - self.seen[0][0] > _RATE_S:
            self.seen.popleft()

    def rate(self) -> float:
        """Items a second."""
        (first, before), (last, done) = self.seen[0], self.seen[-1]
        if self.is_finished:
            first, before = self.begun, 0
        return (done - before) / (last - first) if last > first else 0.0

    def left(self) -> str:
        """``~3 min``, nothing where there is no guess, or that it was wrong."""
        if self.is_late and not self.is_finished:
            return LATE
        rate = self.rate()
        seconds = self.seconds_left
        if seconds is None and self.total is not None and rate > 0:
            seconds = (self.total - self.done) / rate
        return "" if self.is_finished or seconds is None else f"~{duration(seconds)}"


class LiveProgress(NoProgress):
    """Shows on stderr what goes on while it is open. What is printed meanwhile stands above it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terminal = sys.stderr
        self._streams: tuple[TextIO, TextIO] | None = None
        # No style at all is what NO_COLOR asks for (no-color.org).
        self._styled = not os.environ.get("NO_COLOR")
        self._plain_text = not (self._terminal.encoding or "").lower().startswith("utf")
        self._rows: dict[str, _Row] = {}
        self._shown = 0
        """Lines of the display that are on the screen, above the cursor's."""
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._redraw, name="pillion-progress", daemon=True)

    def __enter__(self) -> Self:
        self._streams = sys.stdout, sys.stderr
        if sys.stdout.isatty():
            sys.stdout = cast("TextIO", _Above(self, sys.stdout))
        sys.stderr = cast("TextIO", _Above(self, sys.stderr))
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the display; what was shown stays."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._streams is None:
            return
        self._thread.join()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Above):
                stream.end()
        sys.stdout, sys.stderr = self._streams
        with self._lock:
            self._draw()

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
        now = self._clock()
        with self._lock:
            row = self._rows.setdefault(name, _Row(name, now))
            row.note(now, done, total, counts, seconds_left)

    # on the screen ----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        while not self._ended.wait(_REDRAW_S):
            with self._lock:
                self._draw()

    def above(self, stream: TextIO, text: str) -> None:
        """Write whole lines to a stream of this terminal, above the display."""
        with self._lock:
            self._terminal.write("\r" + _UP * self._shown + _CLEAR_BELOW)
            self._shown = 0
            self._terminal.flush()
            stream.write(text)
            stream.flush()
            self._draw()

    def _draw(self) -> None:
        columns, lines = self._size()
        rows = list(self._rows.values())[-max(1, lines - 1) :]
        drawn = [f"{_CLEAR_LINE}{self._line(row, columns - 1)}\n" for row in rows]
        self._terminal.write("\r" + _UP * self._shown + "".join(drawn) + _CLEAR_BELOW)
        self._terminal.flush()
        self._shown = len(rows)

    def _size(self) -> tuple[int, int]:
        try:
            return os.get_terminal_size(self._terminal.fileno())
        except (OSError, ValueError):
            return 80, 24

    def _line(self, row: _Row, columns: int) -> str:
        """A line of at most so many columns: the terminal would break a longer one, and no line be where it was."""
        rate = row.rate()
        speed = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate else ""
        full = _BAR * row.done // row.total if row.total else _BAR if row.is_finished else 0
        full = min(max(full, 0), _BAR)
        bar, rest = ("#", "-") if self._plain_text else ("━", "─")
        parts = [
            (f"{self._spin(row)} {row.name:<15} ", ""),
            (bar * full, _GREEN),
            (rest * (_BAR - full), _DIM),
            (f" {row.counts}", ""),
            (f" {speed}", _DIM),
            (f" {row.left()}", _CYAN),
        ]
        line = ""
        for text, style in parts:
            shown, columns = text[: max(columns, 0)], columns - len(text)
            line += f"{style}{shown}{_PLAIN}" if style and self._styled and shown.strip() else shown
        return line

    def _spin(self, row: _Row) -> str:
        if row.is_finished or self._ended.is_set():
            return " "
        return "*" if self._plain_text else _SPINNER[int(self._clock() / _REDRAW_S) % len(_SPINNER)]


class _Above:
    """Stands for a stream of the terminal while progress is shown there: writes whole lines above it."""

    def __init__(self, live: LiveProgress, stream: TextIO) -> None:
        self._live = live
        self._stream = stream
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Lines are written once they are whole."""
        whole, end, rest = (self._begun + text).rpartition("\n")
        self._begun = rest
        if end:
            self._live.above(self._stream, whole + end)
        return len(text)

    def end(self) -> None:
        """Write what is left, which is no whole line, as one."""
        if self._begun:
            self.write("\n")
