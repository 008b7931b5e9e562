"""The engine's order: what somebody waits for comes first, and a lane that starves moves up."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from pillion.job import Urgency, priority_of
from pillion.kinds import registry
from pillion.model import Allowance, SidecarKind
from pillion.pool.pool import SetAside, WorkerPool
from pillion.queue import engine as engine_module
from pillion.queue.engine import Engine, Planned, Result

MIB = 1024 * 1024
LONG = ("sleep", 1000.0)
SHORT = ("echo", 0.0)


class Jobs:
    """A queue in memory. ``finished``: the names of ended jobs; ``changed``: notified at each claim and finish."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.queued: list[Planned[str]] = []
        self.claimed: list[str] = []
        self.finished: list[str] = []
        self.released: list[str] = []
        self.aside: list[str] = []
        self.known: dict[str, Planned[str]] = {}

    def add(
        self,
        name: str,
        kind: SidecarKind,
        urgency: Urgency,
        task: tuple[str, float],
        cost: float,
        patience_s: float = math.inf,
    ) -> None:
        planned = Planned(
            job=name,
            task=task,
            lane=kind,
            priority=priority_of(urgency, registry.rank(kind)),
            cost=cost,
            allowed=Allowance(step_s=2000.0, patience_s=patience_s),
        )
        with self.changed:
            self.known[name] = planned
            self.queued.append(planned)

    def wait_for(self, names: set[str], where: list[str]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: names <= set(where), timeout=60), (names, where)

    def fronts(self, now: float) -> Mapping[str, int]:
        with self.changed:
            fronts: dict[str, int] = {}
            for item in self.queued:
                fronts[item.lane] = min(item.priority, fronts.get(item.lane, item.priority))
            return fronts

    def claim(self, lane: str, limit: int, seconds: float, now: float, *, before: int = 1000) -> Sequence[Planned[str]]:
        with self.changed:
            fitting = [item for item in self.queued if item.lane == lane and item.priority < before]
            fitting = sorted(fitting, key=lambda item: item.priority)[:limit]
            taken: list[Planned[str]] = []
            for item in fitting:
                if taken and sum(one.cost for one in taken) + item.cost > seconds:
                    break
                taken.append(item)
            self.queued = [item for item in self.queued if item not in taken]
            self.claimed += [item.job for item in taken]
            self.changed.notify_all()
            return taken

    def finish(self, results: Sequence[Result[str]], now: float) -> Mapping[str, str]:
        with self.changed:
            self.finished += [planned.job for planned, _ in results]
            self.changed.notify_all()
        return {}

    def release(self, jobs: Sequence[str], now: float) -> None:
        with self.changed:
            self.released += jobs

    def set_aside(self, tries: Sequence[tuple[str, SetAside]], now: float) -> None:
        with self.changed:
            self.aside += [name for name, _ in tries]
            for name in self.aside[-len(tries) :]:
                planned = self.known[name]
                last = priority_of(Urgency.LAST, registry.rank(SidecarKind(planned.lane)))
                self.queued.append(replace(planned, priority=last, allowed=Allowance(step_s=2000.0)))

    def heartbeat(self, now: float) -> None:
        return

    def stopped(self, jobs: Sequence[str]) -> Sequence[str]:
        return ()

    def next_retry(self, now: float) -> float | None:
        return None


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("tests.support.tasks:run", size=1, memory_limit=400 * MIB, recycle_bytes=10_000 * MIB)
    yield made
    made.shutdown(cancel_futures=True)


LIMITS = dict.fromkeys(registry.names(), 100)


def test_somebody_who_waits_does_not_wait_for_a_long_job(pool: WorkerPool) -> None:
    jobs = Jobs()
    for number in range(5):
        jobs.add(f"talk {number}", "transcript", Urgency.NEW, LONG, 10.0)
    engine = Engine(jobs, pool, LIMITS)
    thread = threading.Thread(target=lambda: engine.run(until_idle=False))
    thread.start()
    jobs.wait_for({"talk 0"}, jobs.claimed)
    # A long one that somebody waits for must not take the child that is kept for short ones.
    jobs.add("talk on demand", "transcript", Urgency.ON_DEMAND, LONG, 10.0)
    jobs.wait_for({"talk on demand"}, jobs.claimed)
    for number in range(3):
        name = f"photo {number}"
        jobs.add(name, "thumb", Urgency.ON_DEMAND, SHORT, 0.05)
        jobs.wait_for({name}, jobs.finished)
    engine.stop()
    thread.join(60)
    assert jobs.finished == ["photo 0", "photo 1", "photo 2"]
    assert "talk 0" in jobs.released


def _comes_after_the_last_look(jobs: Jobs, then: Callable[[], None] = lambda: None) -> Callable[[float], float | None]:
    """In place of ``next_retry``, the last look before the engine waits for work: a job comes right after it."""

    def looked(now: float) -> float | None:
        if not jobs.known:
            jobs.add("photo", "thumb", Urgency.ON_DEMAND, SHORT, 0.05)
            then()
        return None

    return looked


def test_what_comes_to_an_idle_engine_is_taken_before_it_waits_for_results(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No result can come while nothing is in flight, so to wait for one would only keep the new job waiting."""
    jobs = Jobs()
    engine = Engine(jobs, pool, LIMITS)
    monkeypatch.setattr(jobs, "next_retry", _comes_after_the_last_look(jobs))
    waited_for: list[int] = []
    collect = engine._collect
    monkeypatch.setattr(engine, "_collect", lambda: waited_for.append(len(jobs.claimed)) or collect())
    thread = threading.Thread(target=lambda: engine.run(until_idle=False))
    thread.start()
    jobs.wait_for({"photo"}, jobs.finished)
    engine.stop()
    thread.join(60)
    assert waited_for[0] == 1


def test_an_idle_engine_asks_again_as_soon_as_somebody_writes_and_not_before(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question costs a hundred glances at what tells of writes, and a library may have nothing to do for days."""
    monkeypatch.setattr(engine_module, "_TRACED_LOOK_S", 3600.0)
    jobs = Jobs()
    questions: list[int] = []
    glances: list[int] = []
    fronts = jobs.fronts
    monkeypatch.setattr(jobs, "fronts", lambda now: questions.append(len(glances)) or fronts(now))

    def trace() -> object:
        glances.append(0)
        if len(glances) == 30:
            jobs.add("photo", "thumb", Urgency.ON_DEMAND, SHORT, 0.05)
        return len(glances) >= 30

    engine = Engine(jobs, pool, LIMITS, trace=trace)
    thread = threading.Thread(target=lambda: engine.run(until_idle=False))
    thread.start()
    jobs.wait_for({"photo"}, jobs.finished)
    engine.stop()
    thread.join(60)
    assert [at for at in questions if 1 < at < 30] == []


def test_who_waits_for_an_idle_moment_is_told_of_none_before_that(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs()
    engine = Engine(jobs, pool, LIMITS)
    # The engine has seen no job: now one is queued, and somebody waits until it is done.
    monkeypatch.setattr(jobs, "next_retry", _comes_after_the_last_look(jobs, engine.idle.clear))
    thread = threading.Thread(target=lambda: engine.run(until_idle=False))
    thread.start()
    assert engine.idle.wait(60)
    assert jobs.finished == ["photo"]
    engine.stop()
    thread.join(60)


def test_what_is_slow_goes_last_in_every_kind(pool: WorkerPool) -> None:
    jobs = Jobs()
    jobs.add("slow", "thumb", Urgency.NEW, ("sleep", 2.0), 0.05, patience_s=0.2)
    for number in range(5):
        jobs.add(f"photo {number}", "thumb", Urgency.NEW, SHORT, 0.05)
        jobs.add(f"text {number}", "ocr", Urgency.REGENERATE, SHORT, 0.05)
    Engine(jobs, pool, LIMITS).run()
    assert jobs.aside == ["slow"]
    assert len(jobs.finished) == 11
    assert jobs.finished[-1] == "slow"


def test_urgent_work_is_first_and_the_kinds_keep_their_order(pool: WorkerPool) -> None:
    jobs = Jobs()
    jobs.add("backfill", "thumb", Urgency.BACKFILL, SHORT, 0.4)
    jobs.add("text", "ocr", Urgency.NEW, SHORT, 0.4)
    jobs.add("new", "thumb", Urgency.NEW, SHORT, 0.4)
    jobs.add("again", "thumb", Urgency.REGENERATE, SHORT, 0.4)
    jobs.add("asked", "embeddings", Urgency.ON_DEMAND, SHORT, 0.4)
    Engine(jobs, pool, LIMITS).run()
    assert jobs.finished[0] == "asked"
    assert jobs.finished.index("new") < jobs.finished.index("text") < jobs.finished.index("again")
    assert jobs.finished.index("backfill") < jobs.finished.index("again")
    assert set(jobs.finished) == set(jobs.claimed)


def test_what_is_in_flight_stays_within_a_second_of_work_for_each_worker(pool: WorkerPool) -> None:
    jobs = Jobs()
    for number in range(1000):
        jobs.add(f"photo {number}", "thumb", Urgency.BACKFILL, SHORT, 0.05)
    most = 0
    engine = Engine(jobs, pool, {**LIMITS, "thumb": 1000}, progress=lambda: None)
    finish = jobs.finish

    def watched(results: Sequence[Result[str]], now: float) -> Mapping[str, str]:
        nonlocal most
        most = max(most, len(jobs.claimed) - len(jobs.finished) - len(results))
        return finish(results, now)

    jobs.finish = watched  # type: ignore[method-assign]
    engine.run()
    assert len(jobs.finished) == 1000
    assert most <= 2 * 10 + 10


def test_a_lane_without_room_leaves_it_to_the_others(pool: WorkerPool) -> None:
    jobs = Jobs()
    jobs.add("talk", "transcript", Urgency.NEW, LONG, 10.0)
    jobs.add("another", "transcript", Urgency.NEW, LONG, 10.0)
    engine = Engine(jobs, pool, {**LIMITS, "transcript": 1})
    thread = threading.Thread(target=lambda: engine.run(until_idle=False))
    thread.start()
    jobs.wait_for({"talk"}, jobs.claimed)
    jobs.add("text", "ocr", Urgency.BACKFILL, SHORT, 1.0)
    jobs.wait_for({"text"}, jobs.claimed)
    engine.stop()
    thread.join(60)
    assert "another" not in jobs.claimed
