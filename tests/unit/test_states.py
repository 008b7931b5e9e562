"""Job state changes: a pure decision for every outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import ErrorClass
from pillion.job import (
    AGING_S,
    ENDED,
    FULL_BUDGET,
    RETRY_POLICIES,
    Again,
    JobState,
    Place,
    Urgency,
    aged_priority,
    budget_of,
    is_on_demand,
    job_cancelled,
    job_done,
    job_ended_with_source,
    job_failed_once,
    job_held_back,
    job_released,
    job_rescued,
    job_set_aside,
    job_woken,
    priority_of,
)
from pillion.kinds import registry
from pillion.model import Allowance, Failure, SidecarKind
from pillion.pool.child import Clock, Worker
from pillion.queue.engine import PATIENCE_S, patience

failures = st.builds(Failure, error_class=st.sampled_from(ErrorClass), message=st.just("why"))


@given(failures, st.integers(0, 10), st.floats(0, 1e10))
def test_a_failure_ends_the_job_or_tries_again_later(failure: Failure, attempts: int, now: float) -> None:
    change = job_failed_once(attempts, failure, now)
    assert change.attempts == attempts + 1
    assert change.failure == failure
    if change.state is JobState.QUEUED:
        policy = RETRY_POLICIES[failure.error_class]
        assert policy.again is Again.LATER
        assert change.attempts < policy.tries
        assert change.not_before is not None
        assert change.not_before > now
    else:
        assert change.state is JobState.FAILED


@given(failures)
def test_nothing_is_tried_more_often_than_allowed(failure: Failure) -> None:
    attempts = 0
    tries = RETRY_POLICIES[failure.error_class].tries
    for _ in range(tries):
        change = job_failed_once(attempts, failure, 0.0)
        attempts = change.attempts or 0
        if change.state is JobState.FAILED:
            break
    assert change.state is JobState.FAILED
    assert attempts == tries


def test_every_class_has_its_policy() -> None:
    assert set(RETRY_POLICIES) == set(ErrorClass)
    for error_class, policy in RETRY_POLICIES.items():
        assert (policy.again is Again.WHEN_REPAIRED) == error_class.environment
        assert (policy.tries > 1) == (policy.again is Again.LATER)
    never = {ErrorClass.CORRUPT, ErrorClass.UNSUPPORTED, ErrorClass.TOO_LARGE}
    assert {error_class for error_class, policy in RETRY_POLICIES.items() if policy.again is Again.NEVER} == never
    for error_class in (ErrorClass.TIMEOUT, ErrorClass.OOM, ErrorClass.CRASH):
        assert RETRY_POLICIES[error_class].tries == 3


@pytest.mark.parametrize("error_class", [ErrorClass.TIMEOUT, ErrorClass.IO_TRANSIENT])
def test_waits_grow_up_to_minutes(error_class: ErrorClass) -> None:
    policy = RETRY_POLICIES[error_class]
    waits = [policy.wait(tried) for tried in range(1, policy.tries)]
    assert waits == sorted(set(waits))
    assert policy.wait(1000) == policy.longest_wait_s


def test_later_tries_of_what_hurts_are_alone_and_have_less() -> None:
    crash = Failure(error_class=ErrorClass.CRASH, message="died")
    read = Failure(error_class=ErrorClass.IO_TRANSIENT, message="read error")
    first, second, third = budget_of(0, None), budget_of(1, crash), budget_of(2, crash)
    assert first == FULL_BUDGET
    assert second.alone
    assert third.alone
    assert first.share > second.share > third.share > 0
    assert third.one_variant
    assert budget_of(9, crash) == third
    assert budget_of(1, read) == FULL_BUDGET


def test_a_job_that_lacks_a_tool_is_charged_nothing_and_lets_others_go_first() -> None:
    missing = Failure(error_class=ErrorClass.MISSING_TOOL, message="run this")
    change = job_held_back(2, missing, 5.0)
    assert (change.state, change.attempts, change.failure) == (JobState.QUEUED, 2, missing)
    assert budget_of(2, missing).alone, "what failed before may have been a crash"
    assert budget_of(0, missing) == FULL_BUDGET
    assert change.not_before is not None
    assert change.not_before > 5.0


def test_a_release_keeps_the_last_failure_for_the_next_try() -> None:
    crash = Failure(error_class=ErrorClass.CRASH, message="died")
    assert job_released(1, crash).failure == crash


def test_changes_name_the_states_they_may_be_made_to() -> None:
    failure = Failure(error_class=ErrorClass.CORRUPT, message="bad bytes")
    for change in (job_done(0), job_released(0), job_rescued(), job_failed_once(0, failure, 0.0)):
        assert change.before == {JobState.RUNNING}
    for change in (job_woken(), job_ended_with_source(None), job_ended_with_source(failure)):
        assert change.before == {JobState.WAITING}
    assert job_cancelled().before == {JobState.QUEUED, JobState.WAITING, JobState.RUNNING}
    assert not job_cancelled().before & ENDED


def test_a_corrupt_file_is_not_tried_again() -> None:
    failure = Failure(error_class=ErrorClass.CORRUPT, message="bad bytes")
    assert job_failed_once(0, failure, 0.0).state is JobState.FAILED


def test_what_is_set_aside_goes_last_and_is_charged_nothing() -> None:
    crash = Failure(error_class=ErrorClass.CRASH, message="died")
    change = job_set_aside(1, crash)
    assert (change.state, change.attempts, change.failure, change.place) == (JobState.QUEUED, 1, crash, Place.LAST)
    # So does the next try of what took a worker with it, but not of what waits for a disk.
    assert job_failed_once(0, crash, 0.0).place is Place.LAST
    waits = Failure(error_class=ErrorClass.IO_TRANSIENT, message="EIO")
    assert job_failed_once(0, waits, 0.0).place is Place.SAME


def test_patience_is_for_what_is_like_others_and_of_its_size() -> None:
    new = priority_of(Urgency.NEW, 0)
    assert patience(new, 0.03, 260) == pytest.approx(PATIENCE_S, rel=0.01)
    assert patience(new, 2.0, 260) > 8.0
    assert patience(new, 0.03, 50 * 2**20) > patience(new, 0.03, 260) + 4
    assert patience(new, 0.03, 2**50) < 60
    assert patience(priority_of(Urgency.ON_DEMAND, 0), 0.03, 260) == math.inf
    assert patience(priority_of(Urgency.LAST, 0), 0.03, 260) == math.inf


@dataclass
class _Worker:
    """A worker's clocks. ``waited``: for a processor."""

    cpu: float = 0.0
    waited: float = 0.0
    folder: object = None

    def cpu_seconds(self) -> float:
        return self.cpu

    def busy_seconds(self) -> float:
        return self.cpu + self.waited


def test_what_others_keep_from_the_processors_has_longer_patience() -> None:
    allowed = Allowance(step_s=100.0, patience_s=1.0)

    def tries(at_s: float, cpu: float, waited: float) -> bool:
        worker = _Worker()
        clock = Clock(cast(Worker, worker), 0.0)
        clock.start([allowed])
        worker.cpu, worker.waited = cpu, waited
        return clock.tries_patience(clock.asked + at_s)

    assert not tries(0.9, 0.9, 0.0)
    assert tries(1.1, 1.1, 0.0), "it computes"
    assert tries(1.1, 0.1, 0.0), "it waits for a disk"
    assert not tries(1.1, 0.3, 0.7), "it waits for a processor"
    assert tries(60.0, 0.3, 59.0), "others would wait for ever"


def test_release_charges_nothing_and_done_charges_one() -> None:
    assert job_released(2).attempts == 2
    assert job_released(2).state is JobState.QUEUED
    assert job_done(0).attempts == 1


def test_order_is_urgency_first_then_kind() -> None:
    order = [priority_of(urgency, registry.rank(kind)) for urgency in Urgency for kind in registry.names()]
    assert order == sorted(order)
    assert len(set(order)) == len(order)


def test_a_starving_kind_moves_up_step_by_step_and_never_ahead_of_what_is_on_demand() -> None:
    backfill = priority_of(Urgency.BACKFILL, registry.rank("ocr"))
    new = priority_of(Urgency.NEW, registry.rank("ocr"))
    assert aged_priority(backfill, 0.0) == aged_priority(backfill, AGING_S - 0.1) == backfill
    assert aged_priority(backfill, AGING_S) == new
    for kind in registry.names():
        asked = priority_of(Urgency.ON_DEMAND, registry.rank(kind))
        assert is_on_demand(asked)
        assert aged_priority(asked, 1e9) == asked
        assert not is_on_demand(priority_of(Urgency.NEW, registry.rank(kind)))
        assert asked < aged_priority(backfill, 1e9) < priority_of(Urgency.NEW, registry.rank(kind))


@given(st.sampled_from(Urgency), st.sampled_from(registry.names()), st.floats(-1e6, 1e9), st.floats(0, 1e6))
def test_waiting_longer_never_makes_a_kind_less_urgent(
    urgency: Urgency, kind: SidecarKind, waited: float, more: float
) -> None:
    priority = priority_of(urgency, registry.rank(kind))
    assert aged_priority(priority, waited + more) <= aged_priority(priority, waited) <= priority
