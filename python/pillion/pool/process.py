"""One child process as its parent sees it: started, listened to, watched, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.pool.child import NEXT_ITEM, TELL, Limits, resident_bytes
from pillion.pool.tokens import Board

_TAIL_BYTES = 4000
"""How much of what a child writes to stderr is kept."""

_REAP_S = 1.0
"""How long a killed child may take to go. One that waits for a dead disk can take for ever."""


class Worker:
    """A child process that runs ``target``. It leads a process group, so that what it starts ends with it.

    ``board``: where it marks the cores that it uses.
    """

    def __init__(self, target: str, limits: Limits, board: Board) -> None:
        reach("pool.start")
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "pillion.pool.child", str(theirs.fileno()), str(os.getpid())]
            try:
                self._process = subprocess.Popen(
                    [*command, target, limits.argument(), board.argument()],
                    pass_fds=[theirs.fileno(), board.descriptor],
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
        os.set_blocking(self._stderr.fileno(), False)
        self._tail = b""
        self.connection = Connection(ours.detach())

    @property
    def stderr(self) -> int:
        """The descriptor to wait on; call :meth:`hear` when it can be read."""
        return self._stderr.fileno()

    def hear(self) -> bool:
        """Take in what the child wrote to stderr; False if nothing more will come."""
        while True:
            try:
                data = os.read(self._stderr.fileno(), 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._tail = (self._tail + data).rsplit(NEXT_ITEM, 1)[-1][-_TAIL_BYTES:]

    @property
    def words(self) -> str:
        """The end of what the child wrote to stderr about the item that it is on."""
        self.hear()
        return self._tail.decode("utf-8", errors="replace").strip()

    def send(self, batch: list[Any], *, prepares: bool) -> bool:
        """Hand over arguments; False if the child is gone, which its connection will tell.

        ``prepares``: it may do something for all of them before it begins the first.
        """
        try:
            self.connection.send((batch, prepares))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def resident_bytes(self) -> int:
        """Memory in RAM of the child and of the programs that it started."""
        pid = self._process.pid
        total = resident_bytes(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return total + sum(resident_bytes(int(started)) for started in file.read().split())
        except OSError:
            return total

    def ask(self) -> None:
        """Make the child write to stderr where it is."""
        os.kill(self._process.pid, TELL)

    def kill(self) -> None:
        """End the child and its whole group; no handler and no engine can refuse."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def end(self) -> int | None:
        """Kill what is left, and close everything; its exit code (negative: a signal), or None if it does not go."""
        if self._process.returncode is None:
            self.kill()
        self.connection.close()
        try:
            code: int | None = self._process.wait(timeout=_REAP_S)
        except subprocess.TimeoutExpired:
            code = None
        self.hear()
        return code

    def close(self) -> None:
        """Let go of its stderr, when nobody wants its words any more."""
        self._stderr.close()


def verdict(code: int | None, words: str) -> ItemError:
    """Why an item has no result whose worker ended by itself. Also with code 0: no result is no success."""
    if code is None:
        return ItemError(ErrorClass.CRASH, "Its worker process hangs and cannot be killed.", words)
    if code < 0:
        name = signal.Signals(-code).name
        return ItemError(ErrorClass.CRASH, f"Its worker process died of {name}.", words, name)
    return ItemError(ErrorClass.CRASH, f"Its worker process ended with exit code {code}.", words, f"exit code {code}")
