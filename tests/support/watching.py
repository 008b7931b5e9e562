"""What the kernel says about files that somebody opens, reads or changes (inotify); a stat is not among it."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")

NEEDS_INOTIFY = pytest.mark.skipif(not _QUEUE.exists(), reason="there is no inotify")

_ACCESS, _MODIFY, _ATTRIB, _OPEN, _CREATE, _DELETE, _MOVED = 0x1, 0x2, 0x4, 0x20, 0x100, 0x200, 0xC0
_IS_FOLDER, _OVERFLOW = 0x40000000, 0x4000
_HEAD = struct.Struct("iIII")


@contextmanager
def short_queue() -> Iterator[None]:
    """The kernel keeps few notices for whoever begins to watch inside: those after are lost."""
    before = _QUEUE.read_text()
    try:
        _QUEUE.write_text("16")
    except OSError as error:
        pytest.skip(f"the queue of notices cannot be made shorter here: {error}")
    try:
        yield
    finally:
        _QUEUE.write_text(before)


class Watch:
    """Everything that is done to the files below some folders from now on."""

    def __init__(self, *roots: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._file >= 0, os.strerror(ctypes.get_errno())
        self._folders: dict[int, Path] = {}
        for root in roots:
            for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
                self._add(folder)

    def _add(self, folder: Path) -> None:
        what = _ACCESS | _MODIFY | _ATTRIB | _OPEN | _CREATE | _DELETE | _MOVED
        number = self._libc.inotify_add_watch(self._file, os.fsencode(folder), what)
        assert number >= 0, os.strerror(ctypes.get_errno())
        self._folders[number] = folder

    def stop(self) -> list[str]:
        """Stop watching. Returns the files that something was done to; folders may be opened and listed."""
        touched = set()
        while True:
            try:
                data = os.read(self._file, 1 << 20)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                name = data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0")
                at += _HEAD.size + length
                assert not mask & _OVERFLOW, "more happened than can be remembered"
                changed = mask & (_CREATE | _DELETE | _MOVED | _ATTRIB | _MODIFY)
                if changed or not mask & _IS_FOLDER:
                    touched.add(str(self._folders[number] / os.fsdecode(name)))
        os.close(self._file)
        return sorted(touched)
