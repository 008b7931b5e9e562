"""The worker pool with children that crash, hang and grow: only the item at fault suffers."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import psutil
import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.model import Allowance
from pillion.pool.pool import Batch, Child, SetAside, Turn, WorkerPool
from pillion.pool.sandbox import Mode, Policy
from tests.support import tasks
from tests.support.waiting import wait_until

GENEROUS = 60.0
MIB = 1024 * 1024
TASKS = "tests.support.tasks:run"


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
        (("signal", 40.0), GENEROUS, ErrorClass.CRASH, "signal 40"),
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


def test_signs_of_life_renew_the_time_limit(pool: WorkerPool) -> None:
    pool.submit_batch("lane", [(("beat", 1e6), 1000.0)])
    ends: set[float] = set()
    give_up = time.monotonic() + GENEROUS
    while len(ends) < 3 and time.monotonic() < give_up:
        ends |= {child.clock.until for child in pool._children if child.started}
        time.sleep(0.01)
    assert len(ends) >= 3, "each sign of life moves the end of the time limit"


def test_a_batch_is_prepared_together_and_one_item_is_not(pool: WorkerPool) -> None:
    futures = pool.submit_batch("lane", [(("mates", 0.0), GENEROUS)] * 3)
    assert [future.result(GENEROUS)[1] for future in futures] == [3.0, 0.0, 0.0]
    (alone,) = pool.submit_batch("lane", [(("mates", 0.0), GENEROUS)])
    assert alone.result(GENEROUS)[1] == 0.0


@pytest.mark.parametrize("fault", [("exit", 0.0), ("sleep", 1000.0), ("grow", 0.0)])
def test_nobody_is_blamed_while_a_batch_is_prepared(pool: WorkerPool, fault: tuple[str, float]) -> None:
    word, number = fault
    deadline = 3.0 if word == "sleep" else GENEROUS
    items = [("mates", 0.0), (f"preparation {word}", number), ("exit", 3.0), ("mates", 0.0)]
    first, harmless, bad, last = pool.submit_batch("lane", [(item, deadline) for item in items])
    # It is run again without preparation, and then the items show what they are like.
    assert first.result(GENEROUS)[1] == 0.0
    assert harmless.result(GENEROUS)[:2] == (f"preparation {word}", number)
    with pytest.raises(ItemError, match="exit code 3"):
        bad.result(GENEROUS)
    assert last.result(GENEROUS)[1] == 0.0


def test_a_batch_that_is_being_prepared_can_be_cancelled(tmp_path: Path) -> None:
    pool = WorkerPool("tests.support.tasks:run", size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    begun = tmp_path / "begun"
    futures = pool.submit_batch(
        "lane", [(("mates", 0.0), GENEROUS), ((f"preparation sleep beside {begun}", 1000.0), GENEROUS)]
    )
    deadline = time.monotonic() + GENEROUS
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    pool.cancel(futures[1:])
    assert futures[1].cancelled()
    # The other is run by another child, which has nothing to prepare.
    assert futures[0].result(GENEROUS)[1] == 0.0
    assert pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)[1] == 1.0
    pool.shutdown(cancel_futures=True)


def test_an_item_can_be_cancelled_before_its_child_says_that_it_prepares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = WorkerPool._give

    def cancelling(pool: WorkerPool, child: Child, batch: Batch) -> None:
        give(pool, child, batch)
        for item in tuple(batch.items)[1:]:
            item.future.cancel()

    monkeypatch.setattr(WorkerPool, "_give", cancelling)
    pool = WorkerPool("tests.support.tasks:run", size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    asleep = (f"preparation sleep beside {tmp_path / 'begun'}", 1000.0)
    futures = pool.submit_batch("lane", [(("mates", 0.0), GENEROUS), (asleep, GENEROUS)])
    assert futures[0].result(GENEROUS)[1] == 0.0
    assert futures[1].cancelled()
    pool.shutdown(cancel_futures=True)


def test_a_killed_child_is_replaced(pool: WorkerPool) -> None:
    first = pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)
    os.kill(first[2], signal.SIGKILL)
    assert pool.submit(tasks.run, ("echo", 2.0)).result(GENEROUS)[1] == 2.0


def test_where_memory_is_short_one_item_waits_until_it_is_alone(tmp_path: Path) -> None:
    pool = WorkerPool(TASKS, size=2, memory_limit=4000 * MIB, recycle_bytes=4000 * MIB, memory_budget=500 * MIB)
    go = tmp_path / "go"
    futures = [pool.submit_batch("lane", [((f"hold until {go}", 300.0), GENEROUS)])[0] for _ in range(2)]
    small = pool.submit_batch("lane", [(("echo", 1.0), GENEROUS)])[0]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2 and pool.running["lane"] == 1)
    assert [future.exception() for future in futures if future.done()] == []
    go.touch()
    assert [future.result(GENEROUS)[1] for future in futures] == [300, 300]
    assert small.result(GENEROUS)[0] == "echo"
    pool.shutdown()


def test_what_gave_way_has_its_turn_in_a_steady_stream_of_others(tmp_path: Path) -> None:
    pool = WorkerPool(TASKS, size=2, memory_limit=4000 * MIB, recycle_bytes=4000 * MIB, memory_budget=500 * MIB)
    go = tmp_path / "go"
    streams = []
    try:
        large = [pool.submit_batch("lane", [((f"hold until {go}", 300.0), GENEROUS)])[0] for _ in range(2)]
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2 and pool.running["lane"] == 1)
        stop = threading.Event()

        def stream() -> None:
            """Always one that runs and one that waits."""
            before = pool.submit_batch("lane", [(("sleep", 0.01), GENEROUS)])[0]
            while not stop.is_set():
                waiting = pool.submit_batch("lane", [(("sleep", 0.01), GENEROUS)])[0]
                before.result(GENEROUS)
                before = waiting

        streams = [threading.Thread(target=stream) for _ in range(2)]
        for one in streams:
            one.start()
        go.touch()
        assert [future.result(GENEROUS)[1] for future in large] == [300, 300]
    finally:
        stop.set()
        for one in streams:
            one.join()
        pool.shutdown()


def test_what_somebody_waits_for_is_next_once_it_gave_way(tmp_path: Path) -> None:
    pool = WorkerPool(TASKS, size=2, memory_limit=4000 * MIB, recycle_bytes=4000 * MIB, memory_budget=500 * MIB)
    go = tmp_path / "go"
    order: list[str] = []
    try:
        items = [((f"hold until {go}", 300.0), GENEROUS)]
        futures = [pool.submit_batch("lane", items, turn=Turn.AHEAD)[0] for _ in range(2)]
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2 and pool.running["lane"] == 1)
        futures += [pool.submit_batch("lane", [(("echo", 1.0), GENEROUS)])[0] for _ in range(5)]
        for future in futures:
            future.add_done_callback(lambda done: order.append(done.result()[0][:4]))
        for _ in range(5):
            # There is room beside the other for what is at once.
            pool.submit_batch("lane", [(("echo", 2.0), GENEROUS)], turn=Turn.AT_ONCE)[0].result(GENEROUS)
        go.touch()
        for future in futures:
            future.result(GENEROUS)
    finally:
        pool.shutdown()
    assert order == ["hold", "hold", *["echo"] * 5]


def test_an_item_for_which_all_the_memory_is_not_enough_fails(tmp_path: Path) -> None:
    pool = WorkerPool(TASKS, size=2, memory_limit=4000 * MIB, recycle_bytes=4000 * MIB, memory_budget=300 * MIB)
    large, small = pool.submit_batch("lane", [(("grow", 0.0), GENEROUS), (("echo", 1.0), GENEROUS)])
    with pytest.raises(ItemError, match="300 MiB of memory") as caught:
        large.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.OOM
    assert small.result(GENEROUS)[0] == "echo"
    pool.shutdown()


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


def test_what_a_child_wrote_before_it_died_goes_with_the_blame(
    pool: WorkerPool, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = pool.submit_batch("lane", [(("complain", 3.0), GENEROUS), (("exit", 4.0), GENEROUS)])
    with pytest.raises(ItemError) as caught:
        first.result(GENEROUS)
    assert (caught.value.stderr_tail, caught.value.exit_status) == (
        "the engine says: page 3 is upside down",
        "exit code 3",
    )
    with pytest.raises(ItemError) as caught:
        second.result(GENEROUS)
    assert caught.value.stderr_tail == ""
    assert capfd.readouterr().err == ""


def test_a_child_that_is_out_of_time_says_where_it_was(pool: WorkerPool) -> None:
    (future,) = pool.submit_batch("lane", [(("deaf", 1000.0), 0.3)])
    with pytest.raises(ItemError) as caught:
        future.result(GENEROUS)
    assert 'tasks.py", line' in caught.value.stderr_tail
    assert caught.value.exit_status == ""


def test_programs_that_a_child_started_end_with_it(pool: WorkerPool) -> None:
    (future,) = pool.submit_batch("lane", [(("start a program", 1000.0), 0.5)])
    with pytest.raises(ItemError) as caught:
        future.result(GENEROUS)
    started = int(caught.value.stderr_tail.split()[1])
    deadline = time.monotonic() + GENEROUS
    while _runs(started) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(started)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_what_runs_alone_has_a_child_to_itself(pool: WorkerPool) -> None:
    def child(alone: bool) -> int:
        (future,) = pool.submit_batch("lane", [(("echo", 1.0), GENEROUS)], alone=alone)
        return int(future.result(GENEROUS)[2])

    before = {child(False) for _ in range(4)}
    alone = [child(True) for _ in range(3)]
    after = {child(False) for _ in range(4)}
    assert len(set(alone)) == 3
    assert not set(alone) & (before | after)


def test_a_child_is_replaced_after_so_many_items() -> None:
    pool = WorkerPool(
        "tests.support.tasks:run", size=1, memory_limit=4000 * MIB, recycle_bytes=4000 * MIB, recycle_items=2
    )
    children = [pool.submit(tasks.run, ("echo", float(n))).result(GENEROUS)[2] for n in range(4)]
    pool.shutdown()
    assert children[0] == children[1] != children[2] == children[3]


def test_what_a_child_has_loaded_for_its_first_item_is_not_searched_for_garbage_again(pool: WorkerPool) -> None:
    asked = pool.submit_batch("lane", [(("frozen", 0.0), GENEROUS) for _ in range(3)])
    first, second, third = (future.result(GENEROUS)[1] for future in asked)
    assert first == 0 < third <= second


def test_a_cancelled_item_is_stopped_and_the_others_go_on(pool: WorkerPool) -> None:
    good = (("echo", 1.0), GENEROUS)
    first, hung, last = pool.submit_batch("lane", [good, (("sleep", 1000.0), GENEROUS), good])
    assert first.result(GENEROUS)[0] == "echo"
    pool.cancel([hung])
    assert last.result(GENEROUS)[0] == "echo"
    assert hung.cancelled()


def test_a_target_that_does_not_start_fails_what_waits_for_it() -> None:
    pool = WorkerPool("tests.support.unstartable:run", size=1, memory_limit=400 * MIB, recycle_bytes=400 * MIB)
    (future,) = pool.submit_batch("", [(("echo", 1.0), GENEROUS)])
    with pytest.raises(ItemError, match="do not start"):
        future.result(GENEROUS)
    pool.shutdown()


@pytest.mark.parametrize("failures", [1, 2])
def test_no_process_to_be_had_for_a_moment_costs_nothing(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    _processes_fail(monkeypatch, failures)
    assert pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)[0] == "echo"


def test_no_process_to_be_had_at_all_is_a_fault_of_the_machine(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _processes_fail(monkeypatch, 10_000)
    with pytest.raises(ItemError, match="Resource temporarily unavailable") as caught:
        pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    monkeypatch.undo()
    assert pool.submit(tasks.run, ("echo", 2.0)).result(GENEROUS)[1] == 2.0


def _processes_fail(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the kernel refuse new processes so many times."""
    start, left = subprocess.Popen, [times]

    def refuse(*arguments: object, **options: object) -> object:
        if left[0] > 0:
            left[0] -= 1
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return start(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("pillion.pool.child.subprocess.Popen", refuse)


def test_what_is_at_once_has_a_child_of_its_own_when_all_are_busy(pool: WorkerPool, tmp_path: Path) -> None:
    signs = [tmp_path / str(number) for number in range(2)]
    names = [*(f"sleep beside {sign}" for sign in signs), "sleep"]
    long = [pool.submit_batch("lane", [((name, 1000.0), 10 * GENEROUS)])[0] for name in names]
    _wait_for(signs)
    (first,) = pool.submit_batch("lane", [(("echo", 1.0), GENEROUS)], turn=Turn.AT_ONCE)
    (second,) = pool.submit_batch("lane", [(("echo", 2.0), GENEROUS)], turn=Turn.AT_ONCE)
    assert first.result(GENEROUS)[2] == second.result(GENEROUS)[2]
    assert not any(future.done() for future in long)


def _wait_for(signs: Sequence[Path]) -> None:
    """Until all these files are there."""
    end = time.monotonic() + GENEROUS
    while not all(sign.exists() for sign in signs):
        assert time.monotonic() < end, "the children do not start"
        time.sleep(0.01)


def test_what_is_ahead_comes_before_the_line() -> None:
    pool = WorkerPool("tests.support.tasks:run", size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    ended: list[str] = []
    running = pool.submit_batch("lane", [(("sleep", 1000.0), GENEROUS)])[0]
    futures = []
    for name, turn in (("line", Turn.IN_LINE), ("ahead", Turn.AHEAD), ("line too", Turn.IN_LINE)):
        (future,) = pool.submit_batch("lane", [((name, 0.0), GENEROUS)], turn=turn)
        future.add_done_callback(lambda done: ended.append(done.result()[0]))
        futures.append(future)
    pool.cancel([running])
    for future in futures:
        future.result(GENEROUS)
    pool.shutdown()
    assert ended == ["ahead", "line", "line too"]


def test_a_lane_has_no_more_children_than_it_may() -> None:
    pool = WorkerPool(
        "tests.support.tasks:run",
        size=2,
        memory_limit=400 * MIB,
        recycle_bytes=10_000 * MIB,
        lane_workers={"narrow": 1},
    )
    narrow = [pool.submit_batch("narrow", [(("sleep", 1000.0), GENEROUS)])[0] for _ in range(3)]
    (other,) = pool.submit_batch("other", [(("echo", 1.0), GENEROUS)])
    assert other.result(GENEROUS)[0] == "echo"
    assert not any(future.done() for future in narrow)
    pool.shutdown(cancel_futures=True)


def test_a_child_stands_back_for_the_users_own_programs(pool: WorkerPool) -> None:
    child = psutil.Process(pool.submit(tasks.run, ("echo", 1.0)).result(GENEROUS)[2])
    assert child.nice() >= psutil.Process().nice() + 5
    assert child.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
    group = Path(f"/proc/{child.pid}/autogroup")
    if os.access("/proc/self/autogroup", os.W_OK):
        assert int(group.read_text().split()[-1]) == child.nice()


def test_processor_time_without_end_is_too_much_however_long_the_deadline(pool: WorkerPool) -> None:
    good = (("echo", 1.0), GENEROUS)
    spinning = (("spin", 0.0), Allowance(step_s=GENEROUS, step_cpu_s=0.3))
    resting = (("sleep", 1.0), Allowance(step_s=GENEROUS, step_cpu_s=0.3))
    before, rested, spun, after = pool.submit_batch("lane", [good, resting, spinning, good])
    with pytest.raises(ItemError, match="processor time") as caught:
        spun.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.TOO_LARGE
    assert [future.result(GENEROUS)[0] for future in (before, rested, after)] == ["echo", "sleep", "echo"]


def test_at_its_deadline_what_computes_is_stopped_for_good_and_what_waits_is_not(pool: WorkerPool) -> None:
    allowed = Allowance(step_s=0.5, step_cpu_s=0.8)
    spun, rested = pool.submit_batch("lane", [(("spin", 0.0), allowed), (("sleep", GENEROUS), allowed)])
    with pytest.raises(ItemError, match="processor time") as spinning:
        spun.result(GENEROUS)
    with pytest.raises(ItemError, match="time limit") as waiting:
        rested.result(GENEROUS)
    assert spinning.value.error_class is ErrorClass.TOO_LARGE
    assert waiting.value.error_class is ErrorClass.TIMEOUT


def test_signs_of_life_do_not_renew_the_time_for_the_whole(pool: WorkerPool) -> None:
    (beating,) = pool.submit_batch("lane", [(("beat", 1e6), Allowance(step_s=1000.0, whole_s=0.5))])
    with pytest.raises(ItemError) as caught:
        beating.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.TIMEOUT


def test_what_others_have_waited_for_long_enough_is_set_aside(pool: WorkerPool) -> None:
    slow = Allowance(step_s=GENEROUS, patience_s=0.2)
    stuck, behind = pool.submit_batch("lane", [(("sleep", 1000.0), slow), (("echo", 1.0), GENEROUS)])
    with pytest.raises(SetAside) as caught:
        stuck.result(GENEROUS)
    assert not caught.value.computed
    assert behind.result(GENEROUS)[:2] == ("echo", 1.0)


def test_what_is_set_aside_says_that_it_computed(pool: WorkerPool) -> None:
    slow = Allowance(step_s=GENEROUS, patience_s=0.2)
    spinning, _ = pool.submit_batch("lane", [(("spin", 1000.0), slow), (("echo", 1.0), GENEROUS)])
    with pytest.raises(SetAside) as caught:
        spinning.result(GENEROUS)
    assert caught.value.computed
    assert caught.value.seconds >= 0.2


def test_what_is_set_aside_leaves_its_checkpoint_and_touches_no_other(tmp_path: Path) -> None:
    fetched: list[tuple[str, float]] = []
    policy = Policy(mode=Mode.OFF, home=os.fsencode(tmp_path))
    slow = Allowance(step_s=GENEROUS, patience_s=0.2)
    pool = WorkerPool(
        TASKS,
        size=1,
        memory_limit=400 * MIB,
        recycle_bytes=10_000 * MIB,
        policy=policy,
        fetch=lambda item, done, _: fetched.append(item),
    )
    try:
        stuck, _ = pool.submit_batch("lane", [(("sleep", 1000.0), slow), (("sleep", 2000.0), GENEROUS)])
        with pytest.raises(SetAside):
            stuck.result(GENEROUS)
        # When it started, and when it was stopped.
        assert fetched[:2] == [("sleep", 1000.0)] * 2
    finally:
        pool.shutdown(cancel_futures=True)


def test_an_error_in_the_pool_itself_leaves_nobody_waiting(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    futures = pool.submit_batch("lane", [(("sleep", 1000.0), GENEROUS)] * 2)
    monkeypatch.setattr(pool, "_watch", lambda: 1 // 0)
    pool.shutdown(wait=True)
    assert all(future.cancelled() for future in futures)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit_batch("lane", [(("echo", 1.0), GENEROUS)])


def test_engines_that_load_take_nobodys_patience() -> None:
    loads = Allowance(step_s=GENEROUS, patience_s=0.1, loading_s=GENEROUS)
    pool = WorkerPool(TASKS, size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    try:
        first, second, _ = pool.submit_batch("lane", [(("sleep", 1.0), loads)] * 3)
        assert first.result(GENEROUS)[0] == "sleep"
        with pytest.raises(SetAside):
            second.result(GENEROUS)
    finally:
        pool.shutdown(cancel_futures=True)


def test_nobody_is_set_aside_while_nobody_waits(pool: WorkerPool) -> None:
    (alone,) = pool.submit_batch("lane", [(("sleep", 1.0), Allowance(step_s=GENEROUS, patience_s=0.05))])
    assert alone.result(GENEROUS)[0] == "sleep"


def test_what_needs_more_memory_than_fits_its_size_is_not_tried_again(pool: WorkerPool) -> None:
    small = Allowance(step_s=GENEROUS, memory_bytes=100 * MIB)
    (greedy,) = pool.submit_batch("lane", [(("grow", 0.0), small)])
    with pytest.raises(ItemError, match="more than 100 MiB of memory, too much for its size") as caught:
        greedy.result(GENEROUS)
    assert caught.value.error_class is ErrorClass.TOO_LARGE
