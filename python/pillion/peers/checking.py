"""What a peer gave, looked at by workers: bytes from elsewhere are decoded by nobody else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pillion import machine
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds import registry
from pillion.kinds.execute import Likeness, ThumbHash, allowance, failure_by
from pillion.kinds.spec import MIB
from pillion.model import Failure, SidecarFormat, SidecarMark, error_of, value
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy

TARGET = "pillion.peers.checking:perform"

MEMORY_LIMIT = 1024 * MIB
"""Bytes that a worker may use."""


@value
class Check:
    """A file that should be a sidecar. ``settings``: those of its kind."""

    path: Path
    kind: str
    variant: str
    settings: Mapping[str, Any]


@value
class Checked:
    """What the file is; ``failure``: why it is none."""

    format: SidecarFormat | None = None
    mark: SidecarMark | None = None
    thumbhash: ThumbHash | None = None
    likeness: Likeness | None = None
    failure: Failure | None = None


def perform(check: Check) -> Checked:
    """Look at one file in a worker. Raises nothing."""
    try:
        given = registry.spec(check.kind).given
        if given is None:
            raise UsageError(f"The kind '{check.kind}' does not say how its sidecars are checked.")
        data = check.path.read_bytes()
        produced = registry.loaded(given)(check.variant, data, check.settings)
        if produced.data != data:
            raise ItemError(ErrorClass.CORRUPT, "it is not as Pillion writes it")
        return Checked(
            format=produced.format, mark=produced.mark, thumbhash=produced.thumbhash, likeness=produced.likeness
        )
    except BaseException as error:
        if isinstance(error, UsageError):
            error = ItemError(ErrorClass.CORRUPT, str(error))
        return Checked(failure=failure_by(error))


class Checker:
    """Workers that look at files below ``folder``. Use it in ``with``. ``mode``: as ``work.sandbox``."""

    def __init__(self, folder: Path, mode: Mode = Mode.AUTO) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="pillion-peers.")
        policy = Policy(
            mode=mode,
            reads=(os.fsencode(os.path.realpath(folder)),),
            writes=registry.written_elsewhere(),
            home=os.fsencode(self._home.name),
        )
        self._pool = WorkerPool(
            TARGET,
            size=machine.cores(),
            memory_limit=MEMORY_LIMIT,
            recycle_bytes=MEMORY_LIMIT // 2,
            policy=policy,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._home.cleanup()

    def check(self, files: Sequence[tuple[Check, int]]) -> Iterator[Checked | ItemError]:
        """What each file of this size is, in order; ItemError for what is no sidecar, or ended its worker."""
        futures: list[Future[Checked]] = []
        half = max(1, -(-len(files) // self._pool.size))
        for start in range(0, len(files), half):
            some = files[start : start + half]
            items = [(check, allowance(registry.spec(check.kind).limits, size, check.path)) for check, size in some]
            futures += self._pool.submit_batch("check", items)
        for future in futures:
            try:
                checked = future.result()
            except ItemError as error:
                yield error
                continue
            yield checked if checked.failure is None else error_of(checked.failure)
