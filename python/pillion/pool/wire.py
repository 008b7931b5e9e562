"""What passes between a pool and its children: frames of limited length, whose contents are data by a schema.

A file that takes a child over also writes to its parent, so the parent believes neither lengths nor contents, and
nothing that is received is ever run. A frame is its length (4 bytes, little endian), one byte that says what it is (a
:class:`Sign`), and MessagePack. The types of tasks and results are those in the annotations of the pool's target, which
may use numbers, text, bytes, paths, tuples, mappings, enums and dataclasses. All other types are refused.
"""

from __future__ import annotations

import importlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from types import GenericAlias
from typing import Any, get_type_hints

import msgspec

_LENGTH = struct.Struct("<I")

MAX_BATCH_BYTES = 64 << 20
MAX_RESULT_BYTES = 1 << 20
"""A result says what was made; the bytes themselves are in staging."""

_CHUNK = 1 << 16


class Sign(IntEnum):
    """What a frame is. Batches, orders and answers go to a child, the others come from it."""

    BATCH = 1
    """Items to run, one after the other."""
    PREPARED_BATCH = 2
    """Items that it may prepare all together first: no item is at fault until one has started."""
    READY = 3
    """It can take a batch. Its data, as text: what of its sandbox does not hold, and why."""
    PREPARING = 4
    """It prepares its batch."""
    STARTED = 5
    """It runs the next item: if it dies from here on, that item is at fault."""
    BEAT = 6
    """A part of the item is done, and its deadline starts again."""
    RESULT = 7
    """What the target returned for the item."""
    LAST_RESULT = 8
    """The same, and it takes no more: this process ends."""
    ORDERS = 9
    """What it may use, before anything else."""
    ASK = 10
    """It waits for something to be made that it cannot make."""
    ANSWER = 11
    """To that."""


class WireError(Exception):
    """What came is not what the other side may send. The message says what is wrong with it."""


def frame(sign: Sign, data: bytes = b"") -> bytes:
    """The bytes to send."""
    return _LENGTH.pack(len(data) + 1) + bytes((sign,)) + data


class Inbox:
    """Bytes as they come, cut into frames. Holds no more than one frame of ``limit`` bytes and what came with it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Sign, bytes]]:
        """Add what came; gives the frames that are whole now. Raises WireError at the first that cannot be one."""
        self._data += data
        return iter(self._next, None)

    def _next(self) -> tuple[Sign, bytes] | None:
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        if not 1 <= length <= self._limit:
            raise WireError(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._data) < end:
            return None
        found = _sign(self._data[_LENGTH.size]), bytes(self._data[_LENGTH.size + 1 : end])
        del self._data[:end]
        return found


def _sign(number: int) -> Sign:
    try:
        return Sign(number)
    except ValueError as error:
        raise WireError(f"a message of the unknown kind {number}") from error


class Codec:
    """Tasks and results of a target, "module:function" with one argument, as bytes.

    Raises ImportError or AttributeError where there is no such function, TypeError where its annotations say nothing.
    """

    def __init__(self, target: str) -> None:
        module, _, name = target.partition(":")
        self.module = importlib.import_module(module)
        self.function: Callable[[Any], Any] = getattr(self.module, name)
        hints = get_type_hints(self.function)
        result = hints.pop("return", None)
        if result is None or len(hints) != 1:
            raise TypeError(f"{target} must have one argument and a result, both with their types")
        (task,) = hints.values()
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
        self._tasks = msgspec.msgpack.Decoder(GenericAlias(list, (task,)), dec_hook=_rich)
        self._result = msgspec.msgpack.Decoder(result, dec_hook=_rich)

    def batch(self, items: Sequence[Any], *, prepares: bool) -> bytes:
        """The frame of a batch."""
        return frame(Sign.PREPARED_BATCH if prepares else Sign.BATCH, self._encoder.encode(list(items)))

    def items(self, data: bytes) -> Sequence[Any]:
        """The items of a batch. Raises WireError."""
        items: list[Any] = _decoded(self._tasks, data)
        return items

    def result_frame(self, result: Any, *, last: bool) -> bytes:
        """The frame of a result."""
        return frame(Sign.LAST_RESULT if last else Sign.RESULT, self._encoder.encode(result))

    def result(self, data: bytes) -> Any:
        """What the target returned. Raises WireError."""
        return _decoded(self._result, data)


def _decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise WireError(f"a message that is no result: {error}"[:200]) from error


def _plain(value: Any) -> Any:
    """A path as its bytes: a name need not be valid text."""
    if isinstance(value, Path):
        return os.fsencode(value)
    raise TypeError(f"{type(value).__name__} does not pass between processes")


def _rich(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, bytes):
        return Path(os.fsdecode(value))
    raise TypeError(f"{wanted} does not pass between processes")


class Channel:
    """A child's end of the connection. It waits for its parent."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._inbox = Inbox(MAX_BATCH_BYTES)
        self._frames: deque[tuple[Sign, bytes]] = deque()

    def send(self, data: bytes) -> None:
        """Send a frame."""
        self._socket.sendall(data)

    def receive(self) -> tuple[Sign, bytes] | None:
        """The next frame; None if the parent has closed the connection."""
        while not self._frames:
            try:
                data = self._socket.recv(_CHUNK)
            except OSError:
                return None
            if not data:
                return None
            self._frames.extend(self._inbox.feed(data))
        return self._frames.popleft()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Link:
    """The parent's end of the connection to a child. It never waits for it."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self.descriptor = ours.fileno()
        """The descriptor to wait on."""
        self._inbox = Inbox(MAX_RESULT_BYTES)
        self._outbox = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether something waits to be sent; call :meth:`flush` when the descriptor takes it."""
        return bool(self._outbox)

    def send(self, data: bytes) -> None:
        """Send a frame, now or when the child takes it. A child that is gone shows when one reads from it."""
        self._outbox += data
        self.flush()

    def flush(self) -> None:
        """Send as much as the child takes now."""
        try:
            while self._outbox:
                del self._outbox[: self._socket.send(bytes(self._outbox[: 4 * _CHUNK]))]
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()

    def receive(self) -> Iterable[tuple[Sign, bytes]] | None:
        """The frames that have come whole; None if the child has closed the connection. Iterating raises WireError."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return ()
        except OSError:
            return None
        return self._inbox.feed(data) if data else None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
