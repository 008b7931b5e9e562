"""A worker process: receives batches, runs one item after the other, sends each result back at once.

Started by pool.py as ``python -m pillion.pool.child FD PARENT MODULE:FUNCTION LIMITS JOBSERVER``. It says which item it
is on before it starts it, so that a death blames that item alone. It dies with its parent: by the kernel's parent-death
signal while it works, by the closed pipe while it waits.

A module that can do something for several items at once has a function ``prepare`` beside the target: it is called with
all items of a batch before the first of them, and keeps what it made in the process, where the target finds it. A death
in there blames nobody: the batch is then run without it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from pillion.failpoints import reach
from pillion.pool import keepalive, tokens

_PR_SET_PDEATHSIG = 1
NICENESS = 5
"""How far workers stand back for the user's own programs."""

READY = "ready"
STARTED = "started"
"""Sent before each item: whatever happens from here on is that item's doing."""

BEAT = "beat"
"""Sent amid an item: a piece of it is done, and its time limit begins anew."""

PREPARING = "preparing"
"""Sent before something is done for all items of a batch: no item is to blame until one has started."""

NEXT_ITEM = b"\x1e"
"""Written to stderr before each item: what follows is said about that one."""

TELL = signal.SIGUSR1
"""Makes a worker write to stderr where it is, also while it is deep in an engine."""


class Limits(NamedTuple):
    """When a worker is stopped or replaced.

    ``memory_bytes``: resident, above which its item fails (0: never). ``recycle_bytes``, ``recycle_items``: what it may
    hold after a batch, and the items it may have run, before a new process takes its place.
    """

    memory_bytes: int
    recycle_bytes: int
    recycle_items: int


def resident_bytes(pid: int | str = "self") -> int:
    """The memory that a process has in RAM; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def serve(
    connection: Connection,
    function: Callable[[Any], Any],
    limits: Limits,
    prepare: Callable[[Sequence[Any]], None] | None = None,
) -> None:
    """Work on batches until the parent closes the connection, or until this process is due to be replaced after one.

    A batch comes as (items, whether to prepare them).

    A result that says ``last`` tells the parent that this process takes no more.
    """
    ran = 0
    while True:
        try:
            batch, prepares = connection.recv()
        except (EOFError, OSError):
            return
        reach("child.batch")
        if prepares and prepare is not None:
            _mark_item()
            connection.send(PREPARING)
            reach("child.prepare")
            with tokens.at_work():
                prepare(batch)
        for index, item in enumerate(batch):
            _mark_item()
            connection.send(STARTED)
            reach("child.item")
            with tokens.at_work():
                result = function(item)
            reach("child.made")
            ran += 1
            is_old = ran >= limits.recycle_items or resident_bytes() > limits.recycle_bytes
            last = index == len(batch) - 1 and is_old
            connection.send((result, last))
            reach("child.sent")
            if last:
                return


def _mark_item() -> None:
    try:
        os.write(2, NEXT_ITEM)
    except OSError:
        # An engine may have closed it; then it says nothing more.
        return


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _stand_back() -> None:
    """Leave the processor and the disk to the user's own programs; where that cannot be, it is done without."""
    import psutil

    niceness = os.nice(NICENESS)
    try:
        # A session of its own is a scheduling group of its own, and then only the group's niceness counts (sched(7)).
        Path("/proc/self/autogroup").write_text(str(niceness))
    except OSError:
        pass
    try:
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    except (AttributeError, OSError, ValueError, psutil.Error):
        # Not on this system, or not allowed in this container.
        return


def _limit_itself(limits: Limits) -> None:
    """A wall behind the parent's watch, for what grows faster than it looks; programs started from here inherit it.

    It counts address space, much of which is never used, so it stands well behind the limit.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory_bytes:
        wall = 2 * limits.memory_bytes + (1 << 30)
        resource.setrlimit(resource.RLIMIT_DATA, (wall, wall))


def main() -> None:
    """Entry point; see the module's docstring for the arguments."""
    descriptor, parent, target, limits = (
        int(sys.argv[1]),
        int(sys.argv[2]),
        sys.argv[3],
        Limits(*map(int, sys.argv[4].split(":"))),
    )
    server = tokens.JobServer(*map(int, sys.argv[5].split(":")))
    _die_with_parent(parent)
    _limit_itself(limits)
    faulthandler.enable()
    faulthandler.register(TELL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    os.set_inheritable(server.descriptor, False)
    tokens.join(server)
    _stand_back()
    module, _, name = target.partition(":")
    connection = Connection(descriptor)
    code = importlib.import_module(module)
    function, prepare = getattr(code, name), getattr(code, "prepare", None)
    keepalive.listen(lambda: connection.send(BEAT))
    reach("child.ready")
    connection.send(READY)
    serve(connection, function, limits, prepare)
    # Engines can take long to unload, and nothing here is left to be saved.
    os._exit(0)


if __name__ == "__main__":
    main()
