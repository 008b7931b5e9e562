"""What passes between the pool and the workers of a cluster: MessagePack by these types, in bytes that Dask carries.

Tasks and results of jobs are packed by the codec of the local pool (pool/child.py), which refuses all other types.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from pillion import __version__
from pillion.errors import ErrorClass
from pillion.kinds.execute import Checksum
from pillion.model import Allowance

PROTOCOL = f"cluster 2/{__version__}"
"""Both sides must be of one version: a recipe names what was made with it by the version of the generator only."""

INLINE_BYTES = 8 << 20
"""So many bytes of files go along with a batch, and come back with its answer. Larger files go in pieces."""

PIECE_BYTES = 4 << 20

Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""Of a file in a worker's own folder: a random number, never a path."""

T = TypeVar("T")


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a task reads and its worker does not see: its bytes, or the name under which they were sent ahead."""

    size: int
    checksum: Checksum
    suffix: str = ""
    data: bytes | None = None
    name: Name | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with one task. ``source``: None where the worker has to see it; ``texts``: kind -> sidecar.

    ``keeps``: how many bytes of its checkpoint go back, at most; 0: none. ``checkpoint``: what an earlier try has made.
    """

    allowed: Allowance
    source: Brought | None = None
    texts: dict[str, Brought] = {}
    keeps: int = 0
    checkpoint: Brought | None = None


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """How the children of one library are limited on each machine; ``library``: which one it is."""

    library: str
    sandbox: str
    memory_limit: int
    memory_budget: int | None
    concurrency: tuple[tuple[str, int], ...] = ()
    beside: tuple[bytes, ...] = ()
    """Files that the settings name: models, where they are on every machine."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One batch, and its name. ``tasks``: packed by the codec.

    ``roots``: (a Location here, host -> the same on that host; "": on all others).
    """

    protocol: str
    batch: str
    hands: Hands
    lane: str
    alone: bool
    turn: int
    roots: tuple[tuple[bytes, dict[str, bytes]], ...]
    tasks: bytes
    items: tuple[Item, ...]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: its bytes, or the name under which they are fetched. ``variant``: of a sidecar."""

    variant: str = ""
    size: Annotated[int, msgspec.Meta(ge=0)]
    data: bytes | None = None
    name: Name | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How one item ended.

    ``result``: packed by the codec, with its ``files``. ``error``: it ended its child. ``aside``: others wait for it;
    it ran ``seconds`` and ``computed``. ``unseen``: its source has to be brought. ``unable``: why this machine cannot
    do it, another may. ``kept``: the checkpoint of one that is not made, if that has not gone back as it is.
    """

    how: Literal["result", "error", "aside", "unseen", "unable", "stopped"]
    result: bytes = b""
    files: tuple[File, ...] = ()
    error_class: ErrorClass | None = None
    message: str = ""
    stderr_tail: str = ""
    exit_status: str = ""
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0
    computed: bool = False
    kept: File | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The checkpoint of an item that runs; ``number``: which of its batch."""

    batch: str
    number: Annotated[int, msgspec.Meta(ge=0)]
    file: File


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What has come further since this was last asked."""

    kept: tuple[Kept, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch. ``address``: the worker that ran it; ``host``: the name of its machine; ``protocol``: what
    it speaks, which in every version it says here.
    """

    address: str
    host: str
    ended: tuple[Ended, ...]
    protocol: str = ""


def packed(message: msgspec.Struct) -> bytes:
    """A message as bytes."""
    return msgspec.msgpack.encode(message)


def unpacked(data: object, kind: type[T]) -> T:
    """A message from bytes. Raises ValueError (msgspec's own, too) for anything else."""
    if not isinstance(data, bytes):
        raise ValueError(f"{type(data).__name__} where bytes were to come")
    return msgspec.msgpack.decode(data, type=kind)
