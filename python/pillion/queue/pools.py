"""Pools of confined children for work that is another machine's: they see what was brought, and what they are let."""

from __future__ import annotations

from collections.abc import Mapping

from pillion.kinds import registry
from pillion.kinds.execute import Execution
from pillion.kinds.registry import obtaining
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy
from pillion.queue.estimate import parallel
from pillion.store import fetch

TARGET = "pillion.kinds.execute:execute"
"""What a worker process runs for each job."""

RECYCLE_SHARE = 0.4
"""A worker that uses more than this share of its memory limit after a batch is replaced."""


def confined_pool(
    policy: Policy, *, size: int, memory_limit: int, memory_budget: int | None, concurrency: Mapping[str, int]
) -> WorkerPool:
    """A pool as a library's. Raises SandboxError for a policy that cannot hold here though it must."""
    at_once: dict[str, int] = {kind: parallel(kind, size, concurrency) for kind in registry.specs()}
    return WorkerPool(
        TARGET,
        size=size,
        memory_limit=memory_limit,
        memory_budget=memory_budget,
        recycle_bytes=int(memory_limit * RECYCLE_SHARE),
        lane_workers={kind: number for kind, number in at_once.items() if number < size or kind in concurrency},
        policy=policy,
        fetch=fetch,
        fills=Execution.says_full,
        obtaining=obtaining,
    )
