"""A worker process as its parent sees it: started, given batches, watched, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.pool.child import NEXT_ITEM, TELL, Limits, cpu_seconds, resident_bytes
from pillion.pool.tokens import JobServer
from pillion.pool.wire import Codec, Link

_TAIL_BYTES = 4000
"""How many bytes of a child's stderr are kept."""

_STDERR_READS = 16
"""How often it is read at a time, so that a child that never stops writing holds nobody up."""

_REAP_S = 1.0
"""How long to wait for a killed child to exit. One that waits for a dead disk may never exit."""

_unreaped: list[subprocess.Popen[bytes]] = []
"""Killed children that did not exit in that time. They are reaped when the next one is spawned."""


class Worker:
    """A child process that runs ``target``. It leads a process group, so that the processes it starts end with it.

    ``server``: gives it tokens for the cores that it uses.
    """

    def __init__(self, target: str, codec: Codec, limits: Limits, server: JobServer) -> None:
        reach("pool.start")
        _unreaped[:] = [process for process in _unreaped if process.poll() is None]
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "pillion.pool.child", str(theirs.fileno()), str(os.getpid())]
            numbers = (limits, (server.descriptor, server.cores))
            try:
                self._process = subprocess.Popen(
                    [*command, target, *(":".join(map(str, some)) for some in numbers)],
                    pass_fds=[theirs.fileno(), server.descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        assert self._process.stderr is not None
        self._stderr = self._process.stderr
        self.stderr = self._stderr.fileno()
        """The descriptor to wait on; call :meth:`read_stderr` when it can be read."""
        os.set_blocking(self.stderr, False)
        self._tail = b""
        self._codec = codec
        self.link = Link(ours)

    def read_stderr(self) -> bool:
        """Read what the child wrote to stderr, or a part of it; False at its end."""
        for _ in range(_STDERR_READS):
            try:
                data = os.read(self.stderr, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._tail = (self._tail + data).rsplit(NEXT_ITEM, 1)[-1][-_TAIL_BYTES:]
        return True

    def stderr_tail(self) -> str:
        """The end of what the child wrote to stderr during its current item."""
        self.read_stderr()
        return self._tail.decode("utf-8", errors="replace").strip()

    def send(self, batch: Sequence[Any], *, prepares: bool) -> None:
        """Send the arguments of a batch. ``prepares``: it may prepare all of them together before it starts the first.

        That the child is gone shows when one reads from it.
        """
        self.link.send(self._codec.batch(batch, prepares=prepares))

    def resident_bytes(self) -> int:
        """Resident memory of the child and of the programs that it started."""
        pid = self._process.pid
        total = resident_bytes(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return total + sum(resident_bytes(int(started)) for started in file.read().split())
        except OSError:
            return total

    def cpu_seconds(self) -> float:
        """Processor time that the child, and the programs that it started and that have ended, have used so far."""
        return cpu_seconds(self._process.pid)

    def ask(self) -> None:
        """Make the child write a traceback to stderr."""
        os.kill(self._process.pid, TELL)

    def kill(self) -> None:
        """Kill the child and its process group by SIGKILL, which nothing can ignore."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def end(self) -> int | None:
        """Kill the child and close the connection; its exit code (negative: a signal), or None if it does not exit."""
        if self._process.returncode is None:
            self.kill()
        self.link.close()
        try:
            code: int | None = self._process.wait(timeout=_REAP_S)
        except subprocess.TimeoutExpired:
            code = None
            _unreaped.append(self._process)
        self.read_stderr()
        return code

    def close(self) -> None:
        """Close its stderr. Call it after the last :meth:`stderr_tail`."""
        self._stderr.close()


def exit_error(code: int | None, stderr_tail: str) -> ItemError:
    """The error of an item whose worker exited without a result, also with exit code 0."""
    if code is None:
        return ItemError(ErrorClass.CRASH, "Its worker process hangs and cannot be killed.", stderr_tail)
    if code < 0:
        name = signal.Signals(-code).name
        return ItemError(ErrorClass.CRASH, f"Its worker process died of {name}.", stderr_tail, name)
    return ItemError(
        ErrorClass.CRASH, f"Its worker process ended with exit code {code}.", stderr_tail, f"exit code {code}"
    )
