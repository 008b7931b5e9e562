"""The worker pool with children that crash, hang and grow: only the item at fault suffers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.jobs.pool import WorkerPool
from tests.support import tasks

GENEROUS = 60.0
MIB = 1024 * 1024


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("tests.support.tasks:run", size=2, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    yield made
    made.shutdown(cancel_futures=True)


def test_it_is_an_executor(pool: WorkerPool) -> None:
    assert pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)[:2] == ("echo", 1.0)
    with pytest.raises(ValueError, match=r"tests\.support\.tasks:run"):
        pool.submit(print, 1)


def test_a_batch_runs_in_order_in_one_child(pool: WorkerPool) -> None:
    futures = pool.submit_batch("lane", [(("echo", float(n)), GENEROUS) for n in range(20)])
    results = [future.result(GENEROUS) for future in futures]
    assert [result[1] for result in results] == [float(n) for n in range(20)]
    assert len({result[2] for result in results}) == 1


@pytest.mark.parametrize(
    ("item", "deadline", "error_class", "words"),
    [
        (("segfault", 0.0), GENEROUS, ErrorClass.CRASH, "SIGSEGV"),
        (("exit", 3.0), GENEROUS, ErrorClass.CRASH, "exit code 3"),
        (("exit", 0.0), GENEROUS, ErrorClass.CRASH, "exit code 0"),
        (("sleep", 1000.0), 0.3, ErrorClass.TIMEOUT, "time limit"),
        (("deaf", 1000.0), 0.3, ErrorClass.TIMEOUT, "time limit"),
        (("grow", 0.0), GENEROUS, ErrorClass.OOM, "400 MiB"),
    ],
)
def test_the_item_at_fault_is_blamed_alone(
    pool: WorkerPool, item: tuple[str, float], deadline: float, error_class: ErrorClass, words: str
) -> None:
    good = (("echo", 1.0), GENEROUS)
    before, bad, after, last = pool.submit_batch("lane", [good, (item, deadline), good, good])
    for future in (before, after, last):
        assert future.result(GENEROUS)[0] == "echo"
    with pytest.raises(ItemError, match=words) as caught:
        bad.result(GENEROUS)
    assert caught.value.error_class is error_class


def test_a_killed_child_is_replaced(pool: WorkerPool) -> None:
    first = pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)
    os.kill(first[2], signal.SIGKILL)
    assert pool.submit(tasks.run, ("echo", 2.0)).result(GENEROUS)[1] == 2.0


def test_a_child_that_grew_is_replaced_between_batches() -> None:
    pool = WorkerPool("tests.support.tasks:run", size=1, memory_limit=4000 * MIB, recycle_bytes=1)
    children = {pool.submit(tasks.run, ("echo", float(n))).result(GENEROUS)[2] for n in range(3)}
    pool.shutdown()
    assert len(children) == 3


def test_shutdown_with_cancel_kills_what_runs_at_once(pool: WorkerPool) -> None:
    running = pool.submit(tasks.run, ("sleep", 1000.0))
    start = time.monotonic()
    pool.shutdown(cancel_futures=True)
    with pytest.raises(CancelledError):
        running.result(0)
    assert time.monotonic() - start < 30


def test_a_target_that_does_not_start_fails_what_waits_for_it() -> None:
    pool = WorkerPool("tests.support.tasks:no_such_function", size=1, memory_limit=400 * MIB, recycle_bytes=400 * MIB)
    (future,) = pool.submit_batch("", [(("echo", 1.0), GENEROUS)])
    with pytest.raises(ItemError, match="do not start"):
        future.result(GENEROUS)
    pool.shutdown()
