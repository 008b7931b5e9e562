"""A worker process: receives batches, runs one item after the other, sends each result back at once.

Started by pool.py as ``python -m pillion.jobs.child FD PARENT MODULE:FUNCTION RECYCLE_BYTES``. It dies with its parent:
by the kernel's parent-death signal while it works, by the closed pipe while it waits.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pillion.failpoints import reach

_PR_SET_PDEATHSIG = 1
NICENESS = 5
"""How far workers stand back for the user's own programs."""


READY = "ready"
STARTED = "started"


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def serve(connection: Connection, function: Callable[[Any], Any], recycle_bytes: int) -> None:
    """Work until the parent closes the connection; stop after a batch that left the process larger than allowed.

    A result that says ``last`` tells the parent that this process takes no more.
    """
    while True:
        try:
            batch = connection.recv()
        except (EOFError, OSError):
            return
        reach("child.batch")
        connection.send(STARTED)
        for index, item in enumerate(batch):
            reach("child.item")
            result = function(item)
            reach("child.made")
            last = index == len(batch) - 1 and _resident_bytes() > recycle_bytes
            connection.send((result, last))
            reach("child.sent")
            if last:
                return


def main() -> None:
    """Entry point; see the module's docstring for the arguments."""
    descriptor, parent, target, recycle_bytes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    os.nice(NICENESS)
    module, _, name = target.partition(":")
    connection = Connection(descriptor)
    function = getattr(importlib.import_module(module), name)
    reach("child.ready")
    connection.send(READY)
    serve(connection, function, recycle_bytes)
    # Engines can take long to unload, and nothing here is left to be saved.
    os._exit(0)


if __name__ == "__main__":
    main()
