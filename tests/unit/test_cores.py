"""Cores that several processes share: tokens, threads that come and go with them, and signs of life."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from pillion import machine
from pillion.machine import JobServer
from pillion.pool import keepalive

GENEROUS = 60.0
OTHER = """
import sys
from pillion.machine import JobServer
server = JobServer(*map(int, sys.argv[1:3]))
held = [server.acquire() for _ in range(int(sys.argv[3]))]
print(server.in_use(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobServer]:
    """One for four cores, which this process has joined."""
    made = JobServer.create(4)
    monkeypatch.setattr(machine, "_server", made)
    monkeypatch.setattr(machine, "threads_available", lambda: 4)
    yield made
    os.close(made.descriptor)


def another(server: JobServer, number: int) -> subprocess.Popen[str]:
    """A process that holds so many tokens, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, *map(str, (server.descriptor, server.cores, number))],
        pass_fds=[server.descriptor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) >= number
    return process


def test_tokens_of_all_processes_are_counted(server: JobServer) -> None:
    def work(process: subprocess.Popen[str]) -> int:
        in_use = server.in_use()
        extra = machine.acquire_extra_core(4)
        assert extra is not None
        assert extra.may_keep()
        assert machine.acquire_extra_core(4) is None
        process.kill()
        process.wait()
        assert server.in_use() == 2, "the tokens of a dead process are gone"
        extra.release()
        return in_use

    with another(server, 2) as process:
        assert machine.on_a_core(work, process) == 3
    assert server.in_use() == 0


def test_who_starts_is_never_refused_and_the_others_make_room(server: JobServer) -> None:
    def work(number: int) -> None:
        extras = [machine.acquire_extra_core(4) for _ in range(number)]
        assert None not in extras
        with another(server, 1) as process:
            assert server.in_use() == 5
            first = extras.pop()
            assert first is not None
            assert not first.may_keep()
            first.release()
            assert all(extra is not None and extra.may_keep() for extra in extras)
            process.kill()
        for extra in extras:
            assert extra is not None
            extra.release()

    machine.on_a_core(work, 3)
    assert server.in_use() == 0


def test_a_process_takes_no_more_than_it_may(server: JobServer) -> None:
    assert machine.acquire_extra_core(1) is None
    extra = machine.acquire_extra_core(2)
    assert extra is not None
    assert machine.acquire_extra_core(2) is None
    extra.release()
    assert server.in_use() == 0


def test_results_come_in_order_from_several_threads(server: JobServer) -> None:
    meeting = threading.Barrier(3)

    def task(number: int) -> tuple[int, threading.Thread]:
        if number < 3:
            meeting.wait(GENEROUS)  # passes only when three threads are at work at a time
        return number, threading.current_thread()

    made = list(machine.spread((lambda number=number: task(number)) for number in range(50)))
    assert [number for number, _ in made] == list(range(50))
    assert len({thread for _, thread in made}) >= 3
    assert server.in_use() == 0


def test_one_core_is_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads_available", lambda: 1)
    made = list(machine.spread(threading.current_thread for _ in range(5)))
    assert made == [threading.current_thread()] * 5


def test_tasks_are_read_as_they_are_worked(server: JobServer) -> None:
    read: list[int] = []
    gate = threading.Event()

    def tasks() -> Iterator[Callable[[], bool]]:
        for number in range(1000):
            read.append(number)
            yield lambda: gate.wait(GENEROUS)

    results = machine.spread(tasks())
    threading.Timer(0, gate.set).start()
    assert next(results)
    results.close()
    assert len(read) < 1000
    assert server.in_use() == 0


def test_an_error_comes_in_its_turn(server: JobServer) -> None:
    def task(number: int) -> int:
        return 10 // (number - 3)

    results = machine.spread((lambda number=number: task(number)) for number in range(6))
    assert [next(results) for _ in range(3)] == [-4, -5, -10]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert server.in_use() == 0


def test_a_free_core_works_beside(server: JobServer) -> None:
    meeting = threading.Barrier(2)

    def task() -> threading.Thread:
        meeting.wait(GENEROUS)  # passes only when the other thread is at work meanwhile
        return threading.current_thread()

    with machine.beside(task) as other:
        meeting.wait(GENEROUS)
    assert server.in_use() == 0
    assert other.result() is not threading.current_thread()
    assert other.result() is other.result()


def test_with_no_free_core_a_task_is_done_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads_available", lambda: 1)
    done: list[threading.Thread] = []
    with machine.beside(lambda: done.append(threading.current_thread())) as other:
        assert done == []
    assert done == [], "nobody asked for it"
    other.result()
    other.result()
    assert done == [threading.current_thread()]


def test_an_error_beside_comes_when_the_result_is_asked_for(server: JobServer) -> None:
    with machine.beside(lambda: 1 // 0) as other:
        pass
    assert server.in_use() == 0
    with pytest.raises(ZeroDivisionError):
        other.result()


def test_a_beat_is_told_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    told: list[float] = []
    monkeypatch.setattr(keepalive.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(keepalive, "_told_at", 0.0)
    monkeypatch.setattr(keepalive, "_tell", lambda: told.append(now[0]))
    for now[0] in (100.0, 100.5, 101.0, 101.2, 103.0):
        keepalive.beat()
    assert told == [100.0, 101.0, 103.0]


def test_without_a_listener_a_beat_is_nothing() -> None:
    keepalive.beat()
