"""Pictures that are compared, decoded by a worker: files of the user, and thumbnails, in whose place any file may lie.

Nobody who indexes or searches decodes anything: hashes come from the catalog, and all other pixels from here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import msgspec

from pillion import scratch
from pillion.errors import ErrorClass, ItemError
from pillion.kinds import registry
from pillion.kinds.execute import allowance, failure_by, written_elsewhere
from pillion.kinds.spec import MIB
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Failure, error_of, value
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TARGET = "pillion.search.seeing:perform"

SIDE = 256
"""The longest side in pixels of what is compared: coarse shapes."""

MEMORY_LIMIT = 3072 * MIB
"""Bytes that a worker may use."""


@value
class Look:
    """A picture: a file, or the bytes of one. ``side``: the longest of what is wanted of it, in pixels."""

    path: Path | None = None
    data: bytes = b""
    side: int = SIDE


@value
class Seen:
    """Its pixels, ``height`` x ``width`` x 3 bytes, what is transparent on white; ``failure``: why there are none."""

    height: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    width: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    pixels: bytes = b""
    failure: Failure | None = None


def perform(look: Look) -> Seen:
    """Decode one picture in a worker. Raises nothing."""
    try:
        from pillion.readers.images import decode

        pixels = _on_white(decode.decode(look.data if look.path is None else look.path, max_side=look.side))
        height, width, _ = pixels.shape
        return Seen(height=height, width=width, pixels=pixels.tobytes())
    except BaseException as error:
        return Seen(failure=failure_by(error))


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint32)
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)


class Seer:
    """Workers that decode pictures. Use it in ``with``. They may read the file ``reads``, and get all others as bytes.

    ``sandbox``: as ``work.sandbox``.
    """

    def __init__(self, reads: Path | None = None, *, sandbox: str = "auto") -> None:
        self._home = ExitStack()
        home = self._home.enter_context(scratch.temporary())
        policy = Policy(
            mode=Mode(sandbox),
            reads=() if reads is None else (os.fsencode(os.path.realpath(reads)),),
            writes=written_elsewhere(),
            home=os.fsencode(home),
        )
        self._pool = WorkerPool(
            TARGET, size=1, memory_limit=MEMORY_LIMIT, recycle_bytes=MEMORY_LIMIT // 2, policy=policy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._home.close()

    def file(self, path: Path, side: int = SIDE) -> NDArray[np.uint8]:
        """The pixels of a file, shape (H, W, 3), uint8, of at most ``side``, 512 or less. Raises ItemError."""
        try:
            size = os.stat(path).st_size
        except OSError as error:
            raise ItemError(ErrorClass.MISSING_SOURCE, f"the file cannot be read ({error.strerror})") from error
        (found,) = self._seen([(Look(path=Path(os.path.realpath(path)), side=side), size)])
        if isinstance(found, ItemError):
            raise found
        return found

    def thumbnails(self, some: Sequence[bytes]) -> Iterator[NDArray[np.uint8] | ItemError]:
        """The pixels of each of these files, in order, or why there are none. Not more than 32 MiB together."""
        return self._seen([(Look(data=data), len(data)) for data in some])

    def _seen(self, looks: Sequence[tuple[Look, int]]) -> Iterator[NDArray[np.uint8] | ItemError]:
        limits = registry.spec(THUMB).limits
        items = [(look, allowance(limits, size, look.path)) for look, size in looks]
        futures = self._pool.submit_batch("look", items)
        for (look, _), future in zip(looks, futures, strict=True):
            try:
                yield _pixels(future.result(), look.side)
            except ItemError as error:
                yield error


def _pixels(seen: Seen, side: int) -> NDArray[np.uint8]:
    """Raises ItemError for a picture that has none, and for an answer that is none."""
    import numpy as np

    if seen.failure is not None:
        raise error_of(seen.failure)
    shape = (seen.height, seen.width, 3)
    if not 0 < max(shape[:2]) <= side or min(shape) == 0 or len(seen.pixels) != seen.height * seen.width * 3:
        raise ItemError(ErrorClass.CRASH, "its worker gave pixels that are none")
    return np.frombuffer(seen.pixels, np.uint8).reshape(shape)
