"""When a file is taken: quiet, and the same at two looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillion.watch.settling import LONGEST_S, OPEN_S, Look, Settling

QUIET_S = 0.5
A: Look = (1, 1, 1)
B: Look = (2, 1, 1)


def taken_at(settling: Settling[str], look: Look, start: float, until: float = 1000.0) -> float | None:
    """When the file is taken if nothing happens any more and it looks like this."""
    now = start
    while (due := settling.next_due()) is not None and due < until:
        now = max(now, due)
        for key in settling.due(now, 10):
            if settling.settled(key, look, now):
                return now
    return None


def test_a_file_is_taken_when_it_was_quiet_and_the_same_twice() -> None:
    settling = Settling[str](QUIET_S)
    settling.note("f", A, 10.0)
    assert settling.due(10.4, 10) == []
    assert settling.next_due() == 10.5
    assert taken_at(settling, A, 10.4) == 10.5
    assert len(settling) == 0
    assert settling.next_due() is None


def test_each_notice_begins_the_quiet_time_anew() -> None:
    settling = Settling[str](QUIET_S)
    for moment in (10.0, 10.3, 10.6):
        settling.note("f", A, moment)
    assert taken_at(settling, A, 10.6) == 11.1


def test_a_file_that_changed_without_a_notice_waits_on() -> None:
    settling = Settling[str](QUIET_S)
    settling.note("f", A, 10.0)
    assert taken_at(settling, B, 10.5) == 11.0


def test_a_file_that_is_still_open_waits_longer_and_not_once_it_is_closed() -> None:
    settling = Settling[str](QUIET_S)
    settling.note("f", A, 10.0, open=True)
    assert settling.due(10.0 + OPEN_S - 0.1, 10) == []
    settling.note("f", A, 12.0)
    assert taken_at(settling, A, 12.0) == 12.5


def test_a_file_that_is_still_open_and_changed_without_a_notice_waits_as_long_again() -> None:
    settling = Settling[str](QUIET_S)
    settling.note("f", A, 10.0, open=True)
    assert settling.due(10.0 + OPEN_S, 10) == ["f"]
    assert not settling.settled("f", B, 20.0)
    assert settling.due(20.0 + OPEN_S - 0.1, 10) == []


def test_what_is_gone_is_taken_too() -> None:
    settling = Settling[str](QUIET_S)
    settling.note("f", None, 10.0)
    assert taken_at(settling, None, 10.0) == 10.5


def test_a_file_that_never_rests_is_taken_more_and_more_seldom() -> None:
    settling, now, waits = Settling[str](QUIET_S), 0.0, []
    for _ in range(12):
        settling.note("f", A, now)
        taken = taken_at(settling, A, now, until=1e9)
        assert taken is not None
        waits.append(round(taken - now, 6))
        now = taken + 0.1
    assert waits == sorted(waits)
    assert waits[0] == QUIET_S
    assert waits[-1] == LONGEST_S
    # Then it rests: it counts as any other again.
    settling.note("f", A, now + 20 * LONGEST_S)
    assert settling.next_due() == now + 20 * LONGEST_S + QUIET_S


def test_what_waits_takes_no_memory_for_each_notice() -> None:
    settling = Settling[int](QUIET_S)
    for number in range(100_000):
        settling.note(number % 10, A, number / 1000)
    assert len(settling) == 10
    assert len(settling._order) < 2000
    assert sorted(settling.due(1000.0, 100)) == list(range(10))


def test_due_files_are_given_in_portions_oldest_first() -> None:
    settling = Settling[int](QUIET_S)
    for number in range(10):
        settling.note(number, A, float(number))
    first = settling.due(100.0, 4)
    assert first == [0, 1, 2, 3]
    assert all(settling.settled(key, A, 100.0) for key in first)
    assert settling.due(100.0, 100) == [4, 5, 6, 7, 8, 9]


STEPS = st.lists(
    st.tuples(st.floats(0.0, 2.0), st.sampled_from("ab"), st.sampled_from([A, B, None]), st.booleans(), st.booleans()),
    max_size=60,
)


@given(STEPS)
def test_nothing_is_taken_before_its_time_and_nothing_is_lost(steps: list[tuple[float, str, Look, bool, bool]]) -> None:
    settling, now = Settling[str](QUIET_S), 0.0
    noted: dict[str, float] = {}
    looks: dict[str, Look] = {}
    for wait, key, look, is_open, silent in steps:
        now += wait
        looks[key] = look
        if not silent:
            settling.note(key, look, now, open=is_open)
            noted[key] = now
        for due in settling.due(now, 10):
            seen = settling._waiting[due].look
            if settling.settled(due, looks.get(due), now):
                assert now - noted.pop(due) >= QUIET_S - 1e-9
                assert seen == looks.get(due)
    for key in list(noted):
        assert key in settling
    for _ in range(100):
        now += LONGEST_S + OPEN_S
        for due in settling.due(now, 10):
            if settling.settled(due, looks.get(due), now):
                noted.pop(due)
    assert not noted
