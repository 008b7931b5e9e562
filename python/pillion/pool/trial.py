"""A confined worker that tries to get out: what ``pillion doctor`` prints, so that it is seen and not believed."""

from __future__ import annotations

import ctypes
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from pillion.errors import ErrorClass, ItemError
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy

_LONG_S = 60.0
_MIB = 1024 * 1024
_VARIABLE = "DOCTOR_OF_PILLION"

_TRIED: dict[str, Callable[[Path, int], object]] = {
    "read a file that is not its source": lambda folder, _: (folder / "secret").read_bytes(),
    "change a file": lambda folder, _: (folder / "secret").write_bytes(b"changed"),
    "remove a file": lambda folder, _: (folder / "secret").unlink(),
    "take the rights from a file": lambda folder, _: (folder / "secret").chmod(0),
    "connect to the network": lambda _, port: socket.create_connection(("127.0.0.1", port)).close(),
    "start a program": lambda *_: os.execv("/bin/sh", ["sh", "-c", "exit 1"]),
    "start a process": lambda *_: os._exit(1) if os.fork() == 0 else None,
    "signal its parent": lambda *_: os.kill(os.getppid(), 0),
    "watch its parent (ptrace)": lambda *_: _ptrace(os.getppid()),
    "see the user's variables": lambda *_: os.environ[_VARIABLE],
}
"""What it tries -> how, with the folder of a file that it was not given, and a port that is open on loopback."""


def _ptrace(pid: int) -> None:
    if ctypes.CDLL(None, use_errno=True).ptrace(16, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def run(item: tuple[str, str, int]) -> bool:
    """Try the first element; whether it succeeded."""
    deed, folder, port = item
    try:
        _TRIED[deed](Path(folder), port)
    except (OSError, KeyError):
        return False
    return True


def held(policy: Policy) -> dict[str, bool]:
    """What a worker with this policy tries -> whether it was kept from it. It harms nothing but files made for it.

    Raises ItemError where no worker starts: then nothing was tried.
    """
    found: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        os.environ[_VARIABLE] = "a token"
        pool = WorkerPool(f"{__name__}:run", size=1, memory_limit=1000 * _MIB, recycle_bytes=1000 * _MIB, policy=policy)
        try:
            for deed in _TRIED:
                Path(folder, "secret").write_bytes(b"secret")
                item = (deed, folder, server.getsockname()[1])
                (future,) = pool.submit_batch("", [(item, _LONG_S)])
                try:
                    found[deed] = not future.result(_LONG_S)
                except ItemError as error:
                    if error.error_class is ErrorClass.MISSING_TOOL:
                        raise
                    # It was ended, by the filter or, where nothing held it, by its own deed.
                    found[deed] = error.exit_status == "SIGSYS"
        finally:
            pool.shutdown(cancel_futures=True)
            del os.environ[_VARIABLE]
    return found
