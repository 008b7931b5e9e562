"""Batch planning: a pure function, tested by its rules."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core

Job = tuple[int, int, int, float]

jobs_strategy = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.floats(0, 3)),
    max_size=60,
).map(lambda rows: [(number, *row) for number, row in enumerate(rows)])


@given(jobs=jobs_strategy, max_items=st.integers(1, 20), max_cost=st.floats(0, 5))
def test_the_rules(jobs: list[Job], max_items: int, max_cost: float) -> None:
    batches = _core.plan_batches(jobs, max_items=max_items, max_cost=max_cost)
    planned = [[jobs[number] for number in batch] for batch in batches]
    for batch in planned:
        assert len({(priority, kind) for _, priority, kind, _ in batch}) == 1
        assert len(batch) <= max_items
        assert len(batch) == 1 or math.fsum(cost for *_, cost in batch) <= max_cost + 1e-9
    # Every job once, by priority, then kind, then the order given.
    joined = [job for batch in planned for job in batch]
    assert joined == sorted(jobs, key=lambda job: (job[1], job[2]))
    # No batch ends early: the next one's first job would not have fitted.
    for batch, following in itertools.pairwise(planned):
        if batch[0][1:3] == following[0][1:3]:
            full = len(batch) == max_items
            assert full or math.fsum(cost for *_, cost in batch) + following[0][3] > max_cost - 1e-9
    assert batches == _core.plan_batches(jobs, max_items=max_items, max_cost=max_cost)


def test_defaults() -> None:
    assert [len(batch) for batch in _core.plan_batches([(n, 0, 0, 0.01) for n in range(40)])] == [16, 16, 8]
    assert [len(batch) for batch in _core.plan_batches([(n, 0, 0, 0.5) for n in range(5)])] == [2, 2, 1]
    assert _core.plan_batches([]) == []


@pytest.mark.parametrize("options", [{"max_items": 0}, {"max_cost": math.nan}, {"max_cost": -1.0}])
def test_senseless_limits_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_"):
        _core.plan_batches([], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("cost", [math.nan, math.inf, -0.1])
def test_senseless_costs_are_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="the cost of job 7"):
        _core.plan_batches([(7, 0, 0, cost)])
