"""Small C libraries that tests preload into the program, built when they are needed."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

import pytest


def build(source: Path, into: Path) -> Path:
    """Compile a C file next to this one; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = into / f"{source.stem}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


class Clock:
    """The time of day of the programs started with :attr:`environment`; :meth:`set` changes it while they run."""

    def __init__(self, scratch: Path, name: str = "clock") -> None:
        library = build(Path(__file__).with_name("set_clock.c"), scratch)
        place = scratch / name
        place.write_bytes(bytes(8))
        with open(place, "r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SET_CLOCK": str(place)}

    def set(self, ahead_s: int) -> None:
        """Put the clock so many seconds ahead of the right time (behind it, if negative)."""
        struct.pack_into("q", self._ahead, 0, ahead_s)
