"""A worker's target that only waits, and then says that it wrote one small file for each variant.

As a preload of a Dask worker it becomes what jobs run there. It shows what the queue and the cluster cost beside work.
"""

from __future__ import annotations

import os
import time

from pillion import _core
from pillion.kinds.execute import Execution, ExecutionTask, Staged
from pillion.model import NEVER_SAMPLED, SidecarFormat
from pillion.pool import sandbox
from pillion.queue import work
from pillion.store import staged_path

TARGET = "tests.support.sleeping:execute"
MODULE = "tests.support.sleeping"
NAP_S = 0.2
"""Shorter than what others wait for a job whose cost is not known yet."""

DATA = b"RIFF\x04\x00\x00\x00WEBP"


def execute(task: ExecutionTask) -> Execution:
    """Wait, and write."""
    start = time.perf_counter()
    time.sleep(NAP_S)
    checksum = _core.hash_bytes(DATA, sample_above=NEVER_SAMPLED).hash or ""
    staged = []
    for variant in task.variants:
        sandbox.own_path(staged_path(os.fsdecode(task.staging), variant)).write_bytes(DATA)
        staged.append(Staged(variant=variant, format=SidecarFormat.WEBP, size=len(DATA), checksum=checksum))
    return Execution(staged=tuple(staged), seconds=time.perf_counter() - start)


def dask_setup(_worker: object) -> None:
    """Called by a Dask worker that was started with ``--preload`` of this module."""
    work.TARGET = TARGET
