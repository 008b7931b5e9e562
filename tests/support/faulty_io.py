"""A disk whose k-th call fails: builds faulty_io.c, preloads it into a program, and says which call is to fail."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from tests.support.preload import build

_SOURCE = Path(__file__).with_name("faulty_io.c")
_NUMBERS = struct.Struct("5q")
_PATH_MAX = 4096
_PATHS_END = _NUMBERS.size + 2 * _PATH_MAX
_CALLS = 4096
_SIZE = _PATHS_END + 4 * _CALLS
NEVER = 2**60
"""As the call that fails: none does."""


class FaultyDisk:
    """Faults below the folder ``under``, in every process started with :meth:`environment`."""

    def __init__(self, scratch: Path) -> None:
        self._library = scratch / "faulty_io.so"
        self._file = scratch / "faulty_io.plan"
        with open(self._file, "r+b") as file:
            self._plan = mmap.mmap(file.fileno(), _SIZE)

    @classmethod
    def make(cls, scratch: Path, under: Path) -> FaultyDisk:
        """``scratch``: a folder for the library and the shared plan. Skips the test where it cannot be built."""
        build(_SOURCE, scratch)
        path = os.fsencode(under)
        (scratch / "faulty_io.plan").write_bytes((bytes(_NUMBERS.size) + path).ljust(_SIZE, b"\0"))
        return cls(scratch)

    @classmethod
    def attach(cls, scratch: Path) -> FaultyDisk:
        """The one that :meth:`make` made, in another process."""
        return cls(scratch)

    def environment(self) -> dict[str, str]:
        """What a program needs to be hit."""
        return {"LD_PRELOAD": str(self._library), "PILLION_FAULTY_IO": str(self._file)}

    def arm(self, at: int, error: int, *, onwards: bool = False) -> None:
        """Let the ``at``-th call from now fail with errno ``error``; ``onwards``: and all after it."""
        _NUMBERS.pack_into(self._plan, 0, 0, at, int(onwards), error, 0)

    def calls(self) -> list[int]:
        """A number for each call since :meth:`arm`, in order: equal for the same call of the same path."""
        seen = min(_NUMBERS.unpack_from(self._plan, 0)[0], _CALLS)
        return list(struct.unpack_from(f"{seen}I", self._plan, _PATHS_END))

    def disarm(self) -> tuple[int, str]:
        """Let everything work again. Returns how many calls failed, and the last of them as "call path"."""
        _, _, _, _, failed = _NUMBERS.unpack_from(self._plan, 0)
        last = self._plan[_NUMBERS.size + _PATH_MAX : _PATHS_END].split(b"\0", 1)[0].decode(errors="replace")
        _NUMBERS.pack_into(self._plan, 0, 0, 0, 0, 0, 0)
        return failed, last
