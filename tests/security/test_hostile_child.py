"""A worker that was taken over says to its parent whatever it likes: it is stopped, and nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.pool.pool import WorkerPool
from tests.support.hostile import DEEDS

GENEROUS = 60.0
MIB = 1 << 20


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("tests.support.hostile:run", size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    yield made
    made.shutdown(cancel_futures=True)


@pytest.mark.parametrize("deed", list(DEEDS))
def test_what_is_no_result_ends_the_worker_and_blames_the_item(pool: WorkerPool, tmp_path: Path, deed: str) -> None:
    canary = tmp_path / "canary"
    good = (("good", ""), GENEROUS)
    before, bad, after = pool.submit_batch("lane", [good, ((deed, str(canary)), GENEROUS), good])
    assert before.result(GENEROUS) == ("good", "")
    with pytest.raises(ItemError, match=r"Its worker process sent .* and was stopped\.") as caught:
        bad.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.CRASH
    assert after.result(GENEROUS) == ("good", "")
    assert not canary.exists()


def test_half_a_message_is_waited_for_without_holding_up_the_parent(pool: WorkerPool) -> None:
    bad, after = pool.submit_batch("lane", [(("half a frame", ""), 1.0), (("good", ""), GENEROUS)])
    with pytest.raises(ItemError) as caught:
        bad.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.TIMEOUT
    assert after.result(GENEROUS) == ("good", "")


def test_a_result_can_only_be_that_of_the_item_that_runs(pool: WorkerPool) -> None:
    first, second = pool.submit_batch("lane", [(("two results", ""), GENEROUS), (("good", ""), GENEROUS)])
    assert first.result(GENEROUS) == ("mine", "x")
    # The second answer comes while no item runs: the worker is replaced, and nobody is blamed.
    assert second.result(GENEROUS) == ("good", "")


def test_a_request_for_which_no_process_can_start_ends_neither_the_pool_nor_the_worker() -> None:
    longer_than_a_command_may_be = ("/bin/true", "x" * MIB)
    pool = WorkerPool(
        "tests.support.hostile:run",
        size=1,
        memory_limit=400 * MIB,
        recycle_bytes=10_000 * MIB,
        obtaining=lambda _: longer_than_a_command_may_be,
    )
    try:
        asking, after = pool.submit_batch("lane", [(("a request", ""), GENEROUS), (("good", ""), GENEROUS)])
        assert asking.result(GENEROUS) == ("a request", "")
        assert after.result(GENEROUS) == ("good", "")
    finally:
        pool.shutdown(cancel_futures=True)
