"""Memory does not grow with the number of jobs: thumbnails without end through one pool whose worker is never replaced.

``PILLION_SOAK`` makes it 20,000 jobs instead of a few.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pillion.kinds.execute import ExecutionTask
from pillion.pool.child import resident_bytes
from pillion.pool.pool import WorkerPool
from tests.support import photos

SOAK = "PILLION_SOAK" in os.environ
JOBS, WARM = (20_000, 2_000) if SOAK else (1_200, 400)
SIZES = ((160, 120), (640, 480), (333, 500))
MIB = 1024 * 1024


def _task(source: Path, staging: Path, number: int) -> ExecutionTask:
    stat = source.stat()
    return ExecutionTask(
        kind="thumb",
        variants=("icon", "grid@2x"),
        mime="image/jpeg",
        sources=((os.fsencode(source), stat.st_size, stat.st_mtime_ns),),
        settings={"max_pixels": 1 << 28},
        texts={},
        staging=bytes(staging / f"test.{number % 50}"),
    )


def _worker() -> int:
    (child,) = (child.pid for child in psutil.Process().children() if "pillion.pool.child" in " ".join(child.cmdline()))
    return int(child)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_memory_of_a_worker_and_its_parent_stays_flat(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    pictures = [photos.write_photo(tmp_path / f"{index}.jpg", seed=1, size=size) for index, size in enumerate(SIZES)]
    pool = WorkerPool(
        "pillion.kinds.execute:execute",
        size=1,
        memory_limit=3000 * MIB,
        recycle_bytes=3000 * MIB,
        recycle_items=10 * JOBS,
    )
    worker: list[int] = []
    parent: list[int] = []
    try:
        for done in range(0, JOBS, 50):
            tasks = [_task(pictures[number % len(pictures)], tmp_path, number) for number in range(50)]
            for future in pool.submit_batch("thumb", [(task, 120.0) for task in tasks]):
                assert isinstance(future.result(120).result, tuple)
            if done + 50 >= WARM:
                worker.append(resident_bytes(_worker()))
                parent.append(resident_bytes())
    finally:
        pool.shutdown(cancel_futures=True)
    for name, samples in (("worker", worker), ("parent", parent)):
        record_property(f"{name} MiB", f"{samples[0] / MIB:.1f} to {samples[-1] / MIB:.1f}")
        assert max(samples) <= 1.1 * samples[0], f"{name}: {[size // MIB for size in samples]} MiB"
