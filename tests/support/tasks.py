"""What the pool's children run in tests: items that behave, and items that do not."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from pillion.pool import keepalive

_mates = 0


def prepare(items: Sequence[tuple[str, float]]) -> None:
    """Count the items of the batch, for ``mates``; and come to grief over those that say so."""
    global _mates
    _mates = len(items)
    for word, number in items:
        if word.startswith("preparation "):
            run((word.removeprefix("preparation "), number))


def run(item: tuple[str, float]) -> tuple[str, float, int]:
    """Do what the first element says with the second; answers (word, number, process id)."""
    global _mates
    word, number = item
    if word == "mates":
        number, _mates = float(_mates), 0
    elif word == "frozen":
        number = float(gc.get_freeze_count())
    elif word == "sleep":
        time.sleep(number)
    elif word.startswith("sleep beside "):
        Path(word.removeprefix("sleep beside ")).touch()
        time.sleep(number)
    elif word == "beat":
        for _ in range(int(number)):
            keepalive._told_at = 0.0  # each beat counts
            keepalive.beat()
            time.sleep(0.05)
    elif word == "exit":
        os._exit(int(number))
    elif word == "complain":
        os.write(2, b"the engine says: page 3 is upside down\n")
        os._exit(int(number))
    elif word == "start a program":
        program = subprocess.Popen(["sleep", "1000"])
        os.write(2, b"started %d\n" % program.pid)
        time.sleep(number)
    elif word == "signal":
        os.kill(os.getpid(), int(number))
    elif word == "segfault":
        ctypes.string_at(0)
    elif word == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(number)
    elif word == "spin":
        while True:
            number += 1
    elif word.startswith("hold until "):
        go = Path(word.removeprefix("hold until "))
        go.with_name(f"{go.name}.{os.getpid()}").touch()
        held = bytearray(os.urandom(1 << 20)) * int(number)
        while not go.exists():
            time.sleep(0.01)
        number = len(held) >> 20
    elif word == "grow":
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)) * 8)
    return (word, number, os.getpid())
