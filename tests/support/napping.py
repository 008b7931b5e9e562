"""A target that takes its time over each file. As a preload of a Dask worker it becomes what jobs run there."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pillion.kinds import execute as real
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.queue import work

TARGET = "tests.support.napping:execute"
MODULE = "tests.support.napping"
NAP_S = 0.1


def execute(task: ExecutionTask) -> Execution:
    """Sleep, then make it; a source named ``killer...`` ends its process instead."""
    if Path(os.fsdecode(task.sources[0][0])).stem.startswith("killer"):
        os.abort()
    time.sleep(NAP_S)
    return real.execute(task)


def dask_setup(_worker: object) -> None:
    """Called by a Dask worker that was started with ``--preload`` of this module."""
    work.TARGET = TARGET
