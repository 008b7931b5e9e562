"""A worker that a file has taken over: what its item says, it does to its parent."""

from __future__ import annotations

import os
import pickle
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from pillion.pool.child import Sign, frame


class Bomb:
    """Unpickled, it writes the file whose path it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str, str]]:
        return _touch, (str(self.path), "out")


def _touch(path: str, text: str) -> int:
    return Path(path).write_text(text)


def _connection() -> int:
    """The descriptor of the connection to the parent: the only socket here."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return int(name)
        except OSError:
            continue
    raise AssertionError("no connection")


def _send(data: bytes) -> None:
    descriptor = _connection()
    while data:
        data = data[os.write(descriptor, data) :]


DEEDS: dict[str, Callable[[Path], object]] = {
    "a pickle": lambda path: _send(pickle.dumps(Bomb(path))),
    "a pickle as a result": lambda path: _send(frame(Sign.RESULT, pickle.dumps(Bomb(path)))),
    "a frame of 4 GB": lambda _: _send(b"\xff\xff\xff\xff" + b"x" * 1000),
    "an empty frame": lambda _: _send(b"\0\0\0\0"),
    "an unknown kind": lambda _: _send(b"\x01\0\0\0\x63"),
    "ready again": lambda _: _send(frame(Sign.READY)),
    "started again": lambda _: _send(frame(Sign.STARTED)),
    "a batch for its parent": lambda _: _send(frame(Sign.BATCH, b"\x90")),
    "a deep result": lambda _: _send(frame(Sign.RESULT, b"\x91" * 900_000)),
    "another type": lambda _: _send(frame(Sign.RESULT, b"\xc0")),
}
"""What it sends -> how. ``path``: a file that must not appear."""


def run(item: tuple[str, str]) -> tuple[str, str]:
    """Do what the first element says, or answer it."""
    word, path = item
    if word in DEEDS:
        DEEDS[word](Path(path))
        while True:
            os.read(0, 1)
            os.kill(os.getpid(), 0)
    if word == "half a frame":
        _send(b"\xff\0\0\0\x07")
        threading.Event().wait()
    if word == "two results":
        answer = frame(Sign.RESULT, b"\x92\xa4mine\xa1x")
        _send(answer + answer)
    if word == "a request":
        _send(frame(Sign.ASK))
        os.read(_connection(), 100)
    return item
