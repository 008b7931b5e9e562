"""The process beside the server that works the queue: begun again when it dies, ended with the server.

It is a process of its own, so that a decoder never stops a page, and a query never stops a worker. Where the server is
killed, the system ends it, too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_logger = logging.getLogger(__name__)

STOP_S = 20.0
"""So long it may take to end; then it is killed. Nothing is lost by that."""
_STEADY_S = 60.0
"""After so long without an end, it counts as well."""
_FIRST_WAIT_S, _MOST_WAIT_S = 0.5, 60.0

# The system is told to end this process with its parent (Linux); where the parent has ended by now, it ends at once.
_CODE = """
import os, signal, sys
parent = int(sys.argv.pop(1))
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
except (AttributeError, OSError):
    pass
if os.getppid() != parent:
    sys.exit(0)
from pillion.cli import main
main()
"""


class Companion:
    """A ``pillion`` process that runs while the server does. ``arguments``: its command, without the library."""

    def __init__(self, arguments: Sequence[str], library: Path) -> None:
        self._arguments = [*arguments, "--library", str(library)]
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._begun = 0.0
        self.restarts = 0
        self.last_exit: int | None = None

    def about(self) -> dict[str, Any]:
        """What the server's health says of it: running, failing (it ended, and is begun again soon) or stopped."""
        running = self._process is not None and self._process.returncode is None
        state = "running" if running else "stopped" if self._stopping.is_set() else "failing"
        about: dict[str, Any] = {"state": state, "restarts": self.restarts}
        if running and self._process is not None:
            about["pid"] = self._process.pid
        if self.last_exit is not None:
            about["last_exit"] = self.last_exit
        return about

    async def start(self) -> None:
        """Begin the process, and keep it up until :meth:`stop`."""
        await self._begin()
        self._task = asyncio.create_task(self._keep())

    async def _begin(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _CODE, str(os.getpid()), *self._arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            # A terminal's Ctrl-C goes to all that it began: this process would end before the server ends it.
            start_new_session=True,
        )
        self._begun = time.monotonic()

    async def _keep(self) -> None:
        wait = _FIRST_WAIT_S
        while self._process is not None:
            code = await self._process.wait()
            if self._stopping.is_set():
                return
            self.last_exit = code
            wait = _FIRST_WAIT_S if time.monotonic() - self._begun > _STEADY_S else min(wait * 2, _MOST_WAIT_S)
            _logger.warning("the process that works the queue ended with %d; it is begun again in %.1f s", code, wait)
            try:
                await asyncio.wait_for(self._stopping.wait(), wait)
                return
            except TimeoutError:
                self.restarts += 1
                await self._begin()

    async def again(self) -> None:
        """End the process, so that it is begun again."""
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()

    async def stop(self) -> None:
        """End the process: as Ctrl-C does, jobs in flight go back to the queue."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            try:
                process.terminate()
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            except ProcessLookupError:
                pass
        if self._task is not None:
            await self._task
