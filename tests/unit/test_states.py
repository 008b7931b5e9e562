"""Job state changes: a pure decision for every outcome."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import ErrorClass
from pillion.jobs.states import (
    MAX_ATTEMPTS,
    JobState,
    Urgency,
    job_done,
    job_failed_once,
    job_released,
    priority_of,
)
from pillion.model import Failure, SidecarKind

failures = st.builds(Failure, error_class=st.sampled_from(ErrorClass), message=st.just("why"))


@given(failures, st.integers(0, 10), st.floats(0, 1e10))
def test_a_failure_ends_the_job_or_tries_again_later(failure: Failure, attempts: int, now: float) -> None:
    change = job_failed_once(attempts, failure, now)
    assert change.attempts == attempts + 1
    assert change.failure == failure
    if change.state is JobState.QUEUED:
        assert failure.error_class.retryable
        assert change.attempts < MAX_ATTEMPTS
        assert change.not_before > now
    else:
        assert change.state is JobState.FAILED


@given(failures)
def test_nothing_is_tried_more_often_than_allowed(failure: Failure) -> None:
    attempts = 0
    for _ in range(MAX_ATTEMPTS):
        change = job_failed_once(attempts, failure, 0.0)
        attempts = change.attempts
        if change.state is JobState.FAILED:
            break
    assert change.state is JobState.FAILED
    assert attempts <= MAX_ATTEMPTS


def test_waits_grow() -> None:
    failure = Failure(error_class=ErrorClass.TIMEOUT, message="slow")
    assert job_failed_once(0, failure, 0.0).not_before < job_failed_once(1, failure, 0.0).not_before


def test_a_corrupt_file_is_not_tried_again() -> None:
    failure = Failure(error_class=ErrorClass.CORRUPT, message="bad bytes")
    assert job_failed_once(0, failure, 0.0).state is JobState.FAILED


def test_release_charges_nothing_and_done_charges_one() -> None:
    assert job_released(2).attempts == 2
    assert job_released(2).state is JobState.QUEUED
    assert job_done(0).attempts == 1


def test_order_is_urgency_first_then_kind() -> None:
    order = [priority_of(urgency, kind) for urgency in Urgency for kind in SidecarKind]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
