"""Processes that make what children ask for and cannot make themselves, such as a model in another form.

Each is a command of the pool's owner, started with nothing that a child wrote but the choice of the command. Children
that ask for the same thing wait for the same process.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Command = tuple[str, ...]


@dataclass(slots=True)
class Helpers:
    """``obtaining``: the command for a request, None for what is not to be had. ``paths``: their PYTHONPATH, if any."""

    obtaining: Callable[[bytes], Sequence[str] | None] | None
    paths: str | None
    running: dict[Command, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, request: bytes) -> Command | None:
        """Start what makes a thing, unless that runs already; None if it is not to be had. Raises OSError."""
        command = self.obtaining(request) if self.obtaining is not None else None
        if command is None:
            return None
        key = tuple(command)
        if key not in self.running:
            self.running[key] = self._start(key)
        return key

    def done(self) -> Iterator[tuple[Command, bytes]]:
        """Those that have ended since, and what they printed."""
        for command, process in tuple(self.running.items()):
            if process.poll() is not None:
                yield command, self.end(command)

    def end(self, command: Command) -> bytes:
        """Kill it if it still runs; returns what it printed, which is less than a pipe holds."""
        process = self.running.pop(command)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        answer, _ = process.communicate()
        return answer

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env={**os.environ, **({} if self.paths is None else {"PYTHONPATH": self.paths})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
