"""Which types of files go behind others, because their files held others up."""

from __future__ import annotations

import pytest

from pillion.catalog.queue import ClaimedJob
from pillion.job import BEHIND, LAST_FROM, Place, Urgency, priority_of
from pillion.model import SidecarKind
from pillion.pool.pool import SetAside
from pillion.queue.slow import SlowTypes

THUMB = SidecarKind("thumb")
SVG, JPEG = "image/svg+xml", "image/jpeg"
NEW = priority_of(Urgency.NEW, 0)
SLOW = SetAside(0.3, computed=True)


def job(mime: str = SVG, priority: int = NEW) -> ClaimedJob:
    return ClaimedJob(
        id=1,
        hash=None,
        variants=(),
        kind=THUMB,
        content_uuid="a",
        mime=mime,
        size=260,
        priority=priority,
        attempts=0,
        last=None,
        due=(),
        sources=(),
        texts={},
        token="t",
    )


def test_the_first_slow_one_puts_its_type_behind_while_nothing_was_made() -> None:
    slow = SlowTypes()
    assert slow.note(job(), SLOW)
    assert not slow.note(job(), SLOW)
    assert slow.is_early(job())
    assert slow.given_back(job()).place is Place.BEHIND
    assert not slow.is_early(job(JPEG))
    for priority in (priority_of(Urgency.ON_DEMAND, 0), NEW + BEHIND, LAST_FROM):
        assert not slow.is_early(job(priority=priority))
        assert slow.given_back(job(priority=priority)).place is Place.SAME


def test_what_is_lost_may_be_a_tenth_of_the_work() -> None:
    slow = SlowTypes()
    slow.worked_s[THUMB, JPEG] = 10.0
    assert [slow.note(job(), SLOW) for _ in range(4)] == [False, False, True, False]
    assert not slow.trust(job(), 0.01, 0.01)
    slow.worked_s[THUMB, JPEG] = 1000.0
    assert slow.trust(job(priority=NEW + BEHIND), 0.01, 0.01)
    assert not slow.is_early(job())


def test_the_type_that_is_most_of_the_work_stays_where_it_is() -> None:
    slow = SlowTypes()
    slow.worked_s[THUMB, JPEG] = 1.0
    assert not any(slow.note(job(JPEG), SLOW) for _ in range(7))
    # But not if nothing else comes of it.
    assert slow.note(job(JPEG), SLOW)


def test_a_wait_for_a_disk_says_nothing_of_a_type() -> None:
    slow = SlowTypes()
    assert not slow.note(job(), SetAside(5.0, computed=False))
    assert not slow.lost_s


def test_others_are_more_patient_with_a_type_that_is_always_slow() -> None:
    slow = SlowTypes()
    for _ in range(7):
        slow.note(job(priority=NEW + BEHIND), SLOW)
    slow.trust(job(priority=NEW + BEHIND), 0.01, 0.01)
    for _ in range(8):
        assert not slow.times
        slow.note(job(priority=NEW + BEHIND), SLOW)
    assert slow.times == {(THUMB, SVG): 2.0}


@pytest.mark.parametrize(("seconds", "comes_back"), [(0.01, True), (2.0, False)])
def test_what_an_earlier_run_has_put_behind_comes_back_by_a_quick_one(seconds: float, comes_back: bool) -> None:
    assert SlowTypes().trust(job(priority=NEW + BEHIND), seconds, 0.01) is comes_back
    assert not SlowTypes().trust(job(), seconds, 0.01)
