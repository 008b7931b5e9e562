"""Whether it is quicker to take a sidecar from a peer or to make it here: the decision, without a clock."""

from __future__ import annotations

import pytest

from pillion.catalog.peers import Offer, Wanted
from pillion.model import SidecarFormat, SidecarKind
from pillion.peers.racing import Making, Pace, portions, worth_fetching
from pillion.queue.estimate import Estimates

THUMB, TRANSCRIPT = SidecarKind("thumb"), SidecarKind("transcript")


def wanted(number: int, kind: SidecarKind = THUMB, variant: str = "icon", size: int = 5000) -> Wanted:
    uuid = f"00000000-0000-8000-8000-{number:012d}"
    offer = Offer(
        content_uuid=uuid,
        kind=kind,
        variant=variant,
        recipe="r",
        checksum="0" * 64,
        size=size,
        format=SidecarFormat.WEBP if kind == THUMB else SidecarFormat.JSON,
    )
    mime = "image/jpeg" if kind == THUMB else "audio/mpeg"
    return Wanted(offer, "{}", mime, 3 << 20)


def due(*some: Wanted) -> dict[tuple[str, str], set[str]]:
    return {(one.offer.content_uuid, one.offer.kind): {one.offer.variant} for one in some}


def pace(*, latency_s: float, rate: float = 10e6) -> Pace:
    return Pace(latency_s=latency_s, rate=rate)


def test_what_takes_no_longer_than_to_make_it_is_fetched() -> None:
    some = [wanted(number) for number in range(10)]
    making = Making(Estimates(), {THUMB: 2})
    each_s = making.seconds(some[:1])
    assert worth_fetching(some, due(*some), pace(latency_s=each_s), making) == []
    found = worth_fetching(some, due(*some), pace(latency_s=each_s / 2), making)
    assert [one.wanted for one in found] == [[item] for item in some]
    assert [one.made_s for one in found] == pytest.approx([each_s / 2 * number for number in range(1, 11)])


def test_a_slow_way_is_good_enough_for_what_takes_long() -> None:
    some = [wanted(1), wanted(2, TRANSCRIPT, "default", 40_000)]
    slow = pace(latency_s=2.0, rate=100e3)
    found = worth_fetching(some, due(*some), slow, Making(Estimates(), {TRANSCRIPT: 1}))
    assert [one.kind for one in found] == [TRANSCRIPT]


def test_what_cannot_be_made_here_is_fetched_however_long_it_takes() -> None:
    some = [wanted(1)]
    slow = pace(latency_s=60.0)
    assert len(worth_fetching(some, due(*some), slow, Making(Estimates(), unable={THUMB}))) == 1


def test_a_job_that_has_to_run_anyway_is_left_to_make_all() -> None:
    some = [wanted(1), wanted(2)]
    variants = due(*some)
    variants[some[0].offer.content_uuid, THUMB] = {"icon", "grid@2x"}
    found = worth_fetching(some, variants, pace(latency_s=0.0), Making(Estimates()))
    assert [one.wanted for one in found] == [[some[1]]]


def test_a_pace_follows_what_is_measured() -> None:
    measured = Pace()
    assert measured.seconds(0) == 0.0
    measured.asked(0.4)
    measured.asked(0.1)
    measured.asked(0.3)
    assert measured.latency_s == 0.1
    measured.read(1000, 0.02)
    assert measured.latency_s == 0.02
    measured.asked(0.001)
    assert measured.latency_s == 0.02
    measured.read(2_000_000, 2.02)
    assert measured.rate == pytest.approx(1e6)
    assert measured.seconds(500_000) == pytest.approx(0.52)
    for _ in range(100):
        measured.read(1000, 0.2)
    assert measured.latency_s == pytest.approx(0.2, rel=0.01)
    measured.kept(10, 0.05)
    assert measured.seconds(0) == pytest.approx(measured.latency_s + 0.005)


def test_portions_are_bounded_by_time_number_and_bytes() -> None:
    some = [wanted(number) for number in range(1000)]
    quick = worth_fetching(some, due(*some), pace(latency_s=0.0), Making(Estimates()))
    sizes = [len(portion) for portion in portions(quick, pace(latency_s=0.0))]
    assert sum(sizes) == 1000
    assert max(sizes) == 256
    assert [len(portion) for portion in portions(quick[:7], pace(latency_s=0.24))] == [2, 2, 2, 1]
    large = [wanted(number, TRANSCRIPT, "default", 100 << 20) for number in range(3)]
    entrants = worth_fetching(large, due(*large), pace(latency_s=0.0, rate=1e12), Making(Estimates()))
    assert [len(portion) for portion in portions(entrants, pace(latency_s=0.0, rate=1e12))] == [1, 1, 1]
