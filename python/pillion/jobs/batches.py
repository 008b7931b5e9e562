"""What a pool has in hand: batches of items, each with its future, and the children they are given to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.jobs.worker import Worker


class Turn(IntEnum):
    """When a batch has its turn: in the order of the line, ahead of it, or at once, by a child kept for such."""

    IN_LINE = 0
    AHEAD = 1
    AT_ONCE = 2


@dataclass(slots=True)
class Item:
    """One argument for the target, and the future of its result."""

    argument: Any
    deadline_s: float
    future: Future[Any]


@dataclass(slots=True)
class Batch:
    """Items that one child runs in order; those that have ended are taken off at the left.

    ``unstarted``: how often a child died before it came to the first of them. ``prepares``: the child may do something
    for all of them first; not again after it died of that.
    """

    lane: str
    items: deque[Item]
    alone: bool = False
    turn: Turn = Turn.IN_LINE
    unstarted: int = 0
    prepares: bool = True


@dataclass(slots=True)
class Child:
    """A worker and what it is at.

    ``preparing``: it does something for all items of its batch. ``started``: it is on the first of them.
    ``dismissed``: it is killed and gets nothing more. ``deaf``: it closed its stderr. ``lanes``: of what it has run.
    ``until``: when what it is at must have ended. ``verdict``: why it is being stopped.
    """

    worker: Worker
    ready: bool = False
    batch: Batch | None = None
    preparing: bool = False
    started: bool = False
    dismissed: bool = False
    deaf: bool = False
    lanes: set[str] = field(default_factory=set)
    until: float = 0.0
    verdict: tuple[ErrorClass, str] | None = None

    @property
    def idle(self) -> bool:
        """Whether it waits for a batch."""
        return self.ready and self.batch is None and not self.dismissed

    @property
    def fresh(self) -> bool:
        """Whether it has run nothing yet."""
        return not self.lanes


def choose(batch: Batch, idle: Sequence[Child]) -> Child | None:
    """The child for a batch: for one that runs alone a fresh one, else the one that knows its lane best."""
    if batch.alone:
        return next((child for child in idle if child.fresh), None)
    known = next((child for child in idle if batch.lane in child.lanes), None)
    return known or min(idle, key=lambda child: child.fresh)


def is_cancelled(batch: Batch) -> bool:
    """Whether nobody wants any of it."""
    return all(item.future.cancelled() for item in batch.items)


def is_unwanted(child: Child) -> bool:
    """Whether a child is on something that was cancelled: its item, or one of those that it prepares together."""
    items = () if child.batch is None else child.batch.items
    return any(item.future.cancelled() for item in (items if child.preparing else tuple(items)[:1]))


def settle(future: Future[Any], result: Any) -> None:
    """Give a future its end, unless it was cancelled meanwhile."""
    try:
        if isinstance(result, ItemError):
            future.set_exception(result)
        else:
            future.set_result(result)
    except InvalidStateError:
        return
