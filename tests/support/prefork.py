"""Starting the ``pillion`` program often, without other people's packages being imported each time anew.

A process that has imported those that nearly every command needs, and nothing of Pillion, forks for each start. The
child takes the arguments, the environment, the folder and the files that it is given, and then does all that
``python -m pillion`` does: it imports Pillion, reads its environment, runs, ends. What another package reads from the
environment while it is imported must be the same for all: a start that differs there is that of a program of its own.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("click", "msgspec", "platformdirs", "psutil", "pysqlite3", "sqlalchemy", "sqlalchemy.dialects.sqlite")
_MAY_DIFFER = re.compile(r"PILLION_\w+|XDG_\w+|HOME|TMPDIR|PYTEST_CURRENT_TEST|OMP_\w+|HF_\w+")
"""Variables that none of these packages reads while it is imported."""
_LONGEST = 1 << 20
BASE = dict(os.environ)
"""What it is as tests begin: the first of them that starts a program may have changed some of it for itself."""


class Started:
    """A program that was started: what tests use of :class:`subprocess.Popen`."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        self.returncode: int | None = None
        self.pid = int(status.recv(64))

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None: it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code when it has ended. Raises subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                said = self._status.recv(64)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired("pillion", timeout or 0.0) from None
            self._status.close()
            assert said, "The process that starts programs is gone."
            self.returncode = os.waitstatus_to_exitcode(int(said))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class _Server(NamedTuple):
    control: socket.socket
    environment: Mapping[str, str]


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not _MAY_DIFFER.fullmatch(name)}


@functools.cache
def _server() -> _Server:
    """The one that this process starts programs with."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(command, cwd=ROOT, env=BASE, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return _Server(ours, _fixed(BASE))


def fits(environment: Mapping[str, str]) -> bool:
    """Whether a program with this environment can be started here."""
    return _fixed(environment) == _server().environment


def start(arguments: Sequence[str], environment: Mapping[str, str], stdout: IO[Any], stderr: IO[Any]) -> Started:
    """Start ``pillion`` with these arguments; its stdin is empty. Only with an environment that :func:`fits`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps([list(arguments), dict(environment), os.getcwd()]).encode()
    with theirs:
        socket.send_fds(_server().control, [request], [stdout.fileno(), stderr.fileno(), theirs.fileno()])
    return Started(ours)


def _serve(control: socket.socket) -> list[str]:
    """Fork for each request until there can be none any more. Returns only in a child, with its arguments."""
    ended, end = socket.socketpair()
    end.setblocking(False)
    ended.setblocking(False)
    signal.set_wakeup_fd(end.fileno())
    signal.signal(signal.SIGCHLD, _note)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if ended in ready:
                ended.recv(1024)
                _tell(running)
            if control not in ready:
                continue
            request, files, _, _ = socket.recv_fds(control, _LONGEST, 3)
            if not request:
                os._exit(0)
            status = socket.socket(fileno=files.pop())
            pid = os.fork()
            if pid == 0:
                break
            for file in files:
                os.close(file)
            running[pid] = status
            status.send(str(pid).encode())
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ours in (control, ended, end, status, *running.values()):
        ours.close()
    arguments, environment, folder = json.loads(request)
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    return [str(argument) for argument in arguments]


def _note(_signal: int, _frame: FrameType | None) -> None:
    """Let the signal wake the loop."""


def _tell(running: dict[int, socket.socket]) -> None:
    """Say of each child that has ended how."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as told:
            try:
                told.send(str(status).encode())
            except OSError:
                # Nobody wants to know any more.
                pass


def _main() -> None:
    for name in PACKAGES:
        import_module(name)
    assert threading.active_count() == len(os.listdir("/proc/self/task")) == 1, "A fork would lose threads."
    assert not any(name.split(".")[0] == "pillion" for name in sys.modules)
    sys.argv[1:] = _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("pillion", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
