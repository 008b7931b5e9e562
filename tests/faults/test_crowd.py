"""Several programs on one queue, programs that are stopped, clocks that are set: nothing is run twice or gets stuck.

``PILLION_SOAK=1000`` works queues of 10,000 jobs instead of small ones.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pysqlite3
import pytest

from pillion.catalog.queue import LEASE_S
from pillion.library import Library
from tests.support.crowd import Crowd
from tests.support.invariants import check_invariants, check_not_made_again, visible_files
from tests.support.preload import Clock
from tests.support.waiting import wait_until

pytestmark = pytest.mark.alone

SOAK = "PILLION_SOAK" in os.environ
JOBS = 10_000 if SOAK else 240
HOUR, DAY = 3600, 86400


@pytest.fixture
def crowds(tmp_path: Path) -> Iterator[list[Crowd]]:
    """Where a test puts its crowds; what still runs at the end is killed."""
    made: list[Crowd] = []
    yield made
    for crowd in made:
        crowd.kill()


def _crowd(crowds: list[Crowd], root: Path, number: int) -> Crowd:
    crowds.append(Crowd(root, number))
    return crowds[-1]


def _check_made_once(crowd: Crowd) -> None:
    check_invariants(crowd.library, finished=True)
    assert len(visible_files(crowd.library)) == 2 * crowd.number
    assert crowd.reached("child.item") == crowd.number, "an item was begun twice"
    assert crowd.reached("execute.staged") == 2 * crowd.number, "a sidecar was made twice"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("programs", [2, 4, 8])
def test_programs_share_a_queue(
    tmp_path: Path, crowds: list[Crowd], programs: int, record_property: Callable[[str, object], None]
) -> None:
    crowd = _crowd(crowds, tmp_path, JOBS)
    for _ in range(programs):
        crowd.start()
    crowd.wait()
    _check_made_once(crowd)
    record_property("jobs", crowd.number)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_clock_that_is_set_while_two_programs_work(tmp_path: Path, crowds: list[Crowd]) -> None:
    crowd, clock = _crowd(crowds, tmp_path, max(JOBS, 1500)), Clock(tmp_path)
    for _ in range(2):
        crowd.start(clock.environment)
    jumps = [HOUR, 0, DAY, -DAY, HOUR, -HOUR, 0]
    for number, ahead in enumerate(jumps, 1):
        done = crowd.number * number // (len(jumps) + 1)
        wait_until(partial(_has_done, crowd, done))
        clock.set(ahead)
    crowd.wait()
    _check_made_once(crowd)


def _has_done(crowd: Crowd, items: int) -> bool:
    return crowd.reached("child.item") > items


def _delayed(library: Path) -> int:
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        return int(
            connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued' AND not_before > 0").fetchone()[0]
        )
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [HOUR, DAY])
def test_a_retry_does_not_wait_for_a_clock_that_was_set_back(tmp_path: Path, crowds: list[Crowd], ahead: int) -> None:
    crowd, clock = _crowd(crowds, tmp_path, 3), Clock(tmp_path)
    clock.set(ahead)
    crowd.start(clock.environment, rules="execute.stage=EIO@1")
    wait_until(lambda: _delayed(crowd.library) == 1)
    clock.set(0)
    start = time.monotonic()
    crowd.wait()
    assert time.monotonic() - start < 60
    check_invariants(crowd.library, finished=True)
    assert len(visible_files(crowd.library)) == 2 * crowd.number


@pytest.mark.slow
def test_what_a_dead_program_held_is_taken_over_long_before_its_lease_ends(
    tmp_path: Path, crowds: list[Crowd], record_property: Callable[[str, object], None]
) -> None:
    crowd = _crowd(crowds, tmp_path, 6)
    with Library.open(crowd.library) as other:
        # One that works other kinds only, and so does nothing but look after the queue.
        other.start(kinds=["ocr"])
        dead = crowd.start(rules="work.claimed=kill@1")
        assert dead.wait(60) == -signal.SIGKILL
        start = time.monotonic()
        wait_until(lambda: _running(crowd.library) == 0, "none runs", LEASE_S / 2)
        record_property("seconds until they were queued again", round(time.monotonic() - start, 2))
    check_invariants(crowd.library, finished=False)


def _running(library: Path) -> int:
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM jobs WHERE state = 'running'").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.slow
def test_a_program_stopped_past_its_lease_changes_nothing_when_it_goes_on(tmp_path: Path, crowds: list[Crowd]) -> None:
    crowd, clock = _crowd(crowds, tmp_path, 40), Clock(tmp_path)
    # Just when it has made something and has not looked at its claims yet.
    stopped = crowd.start(rules="record.begin=stop@1")
    wait_until(lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED)
    clock.set(HOUR)
    other = crowd.start(clock.environment)
    assert other.wait(120) == 0
    check_invariants(crowd.library, finished=False)
    before = visible_files(crowd.library)
    assert len(before) == 2 * crowd.number
    rows = _rows(crowd.library)
    stopped.send_signal(signal.SIGCONT)
    crowd.wait()
    check_not_made_again(before, crowd.library)
    assert _rows(crowd.library) == rows
    check_invariants(crowd.library, finished=True)


def _rows(library: Path) -> list[object]:
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in ("jobs", "sidecars")
        ]
    finally:
        connection.close()
