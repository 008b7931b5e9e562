"""What a peer gave, looked at by workers: bytes from elsewhere are decoded by nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pillion import machine, scratch
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds import registry
from pillion.kinds.execute import Likeness, ThumbHash, allowance, failure_by, written_elsewhere
from pillion.kinds.spec import MIB
from pillion.model import Allowance, Failure, SidecarFormat, SidecarMark, error_of, value
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy

TARGET = "pillion.peers.checking:perform"

MEMORY_LIMIT = 1024 * MIB
"""Bytes that a worker may use."""

_TOGETHER, _TOGETHER_BYTES = 16, 1 * MIB
"""Files, and bytes, that are looked at as one item: telling of an item takes longer than looking at a small file."""


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


@value
class Checks:
    """Files that are looked at one after the other, as one item of a worker."""

    files: tuple[Check, ...]


@value
class Found:
    """What each of the files is, in order."""

    files: tuple[Checked, ...]

    @property
    def failure(self) -> Failure | None:
        """The first that is no fault of a file: by it the pool knows that there is no room."""
        failures = (checked.failure for checked in self.files)
        return next((one for one in failures if one is not None and one.error_class.environment), None)


def perform(checks: Checks) -> Found:
    """Look at files in a worker. Raises nothing."""
    return Found(files=tuple(map(_look, checks.files)))


def _look(check: Check) -> Checked:
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
        self._home = ExitStack()
        home = self._home.enter_context(scratch.temporary())
        policy = Policy(
            mode=mode,
            reads=(os.fsencode(os.path.realpath(folder)),),
            writes=written_elsewhere(),
            home=os.fsencode(home),
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
        self._home.close()

    def check(self, files: Sequence[tuple[Check, int]]) -> Iterator[Checked | ItemError]:
        """What each file of this size is, in order; ItemError for what is no sidecar, or ended its worker.

        The workers begin at once; the answers are waited for as they are taken. Small ones are looked at several
        together, and each by itself where that ended a worker: so only the one at fault is blamed.
        """
        groups = list(_together(files))
        return self._answers(groups, self._submitted(groups))

    def _submitted(self, groups: Sequence[_Group]) -> list[Future[Found]]:
        futures: list[Future[Found]] = []
        share = max(1, -(-len(groups) // self._pool.size))
        for start in range(0, len(groups), share):
            items = [_item(group) for group in groups[start : start + share]]
            futures += self._pool.submit_batch("check", items)
        return futures

    def _answers(self, groups: Sequence[_Group], futures: Sequence[Future[Found]]) -> Iterator[Checked | ItemError]:
        for group, future in zip(groups, futures, strict=True):
            try:
                found = future.result().files
            except ItemError as error:
                if len(group) == 1:
                    yield error
                    continue
                found = ()
            if len(found) == len(group):
                yield from (one if one.failure is None else error_of(one.failure) for one in found)
            elif len(group) == 1:
                yield ItemError(ErrorClass.CRASH, "the worker answered for other files")
            else:
                alone = [[one] for one in group]
                yield from self._answers(alone, self._submitted(alone))


_Group = Sequence[tuple[Check, int]]
"""Files of one kind, with the size of each."""


def _item(group: _Group) -> tuple[Checks, Allowance]:
    check, size = group[0][0], sum(size for _, size in group)
    allowed = allowance(registry.spec(check.kind).limits, size, check.path if len(group) == 1 else None)
    return Checks(files=tuple(check for check, _ in group)), allowed


def _together(files: _Group) -> Iterator[_Group]:
    """In groups that are small enough to be looked at together."""
    group: list[tuple[Check, int]] = []
    total = 0
    for check, size in files:
        full = len(group) == _TOGETHER or total + size > _TOGETHER_BYTES
        if group and (full or check.kind != group[0][0].kind):
            yield group
            group, total = [], 0
        group.append((check, size))
        total += size
    if group:
        yield group
