"""An engine that does to its worker what the picture's name says, and makes all others as usual."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from pathlib import Path

from pillion.kinds.execute import Execution, ExecutionTask
from pillion.kinds.execute import execute as good

LOG = "PILLION_TEST_EVIL_LOG"
"""Names a file that gets a line for each start: "NAME SECONDS", by the clock that nobody can set."""


def _sleep() -> None:
    time.sleep(10_000)


def _spin() -> None:
    # Deep in one call of C, so that no other thread and no signal handler of this process ever runs.
    re.match(r"(a+)+$", "a" * 64 + "b")


def _deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    _sleep()


def _grow() -> None:
    hoard = []
    while True:
        # Each byte is written, so that it counts, and fast, so that memory runs out before time does.
        hoard.append(b"x" * (32 << 20))


def _segfault() -> None:
    ctypes.string_at(0)


def _exit() -> None:
    os._exit(0)


DEEDS = {
    "sleep": (_sleep, "timeout"),
    "spin": (_spin, "too_large"),
    "deaf": (_deaf, "timeout"),
    "grow": (_grow, "oom"),
    "segfault": (_segfault, "crash"),
    "exit": (_exit, "crash"),
}
"""Name -> (what is done, the class by which it has to fail)."""

TAKE_LONG = ("sleep", "spin", "deaf", "grow")
"""Those that may be set aside once while others wait."""


def execute(task: ExecutionTask) -> Execution:
    """The worker's target: a source named ``DEED-NUMBER.jpg`` does the deed."""
    name = Path(os.fsdecode(task.sources[0][0])).stem
    deed = name.partition("-")[0]
    if deed in DEEDS:
        with open(os.environ[LOG], "a", encoding="utf-8") as log:
            log.write(f"{name} {time.monotonic()}\n")
        DEEDS[deed][0]()
    return good(task)
