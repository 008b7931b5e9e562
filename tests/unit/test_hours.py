"""Quiet hours: spans, midnight, and the days on which clocks are changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pillion.settings.hours import is_quiet, parse_span, quiet_until

BERLIN = ZoneInfo("Europe/Berlin")


def _local(zone: ZoneInfo) -> Callable[[float], datetime]:
    return lambda moment: datetime.fromtimestamp(moment, zone)


@pytest.mark.parametrize(
    ("span", "time", "quiet"),
    [
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "00:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("9:30 - 17:00", "09:30", True),
        ("9:30 - 17:00", "17:00", False),
        ("00:00-24:00", "23:59", True),
        ("23:00-24:00", "00:00", False),
        ("23:00-00:00", "00:00", False),
    ],
)
def test_a_span_holds_its_begin_and_not_its_end(span: str, time: str, quiet: bool) -> None:
    assert is_quiet([parse_span(span)], datetime.strptime(time, "%H:%M")) is quiet


@pytest.mark.parametrize("text", ["", "22:00", "22-07", "25:00-07:00", "22:60-07:00", "07:00-07:00", "24:00-07:00"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|starts when it ends"):
        parse_span(text)


def test_the_end_of_a_quiet_time_is_found_over_spans_that_touch() -> None:
    spans = [parse_span("22:00-02:00"), parse_span("01:00-05:30")]
    now = datetime(2026, 5, 4, 23, 10, 20, tzinfo=BERLIN).timestamp()
    until = quiet_until(spans, now, _local(BERLIN))
    assert until == datetime(2026, 5, 5, 5, 30, tzinfo=BERLIN).timestamp()
    assert quiet_until([parse_span("00:00-24:00")], now, _local(BERLIN)) is None


def test_when_clocks_go_forward_a_span_ends_when_the_clock_on_the_wall_says_so() -> None:
    # 29 March 2026, 02:00 becomes 03:00 in Berlin.
    local = _local(BERLIN)
    one = datetime(2026, 3, 29, 0, 30, tzinfo=UTC).timestamp()
    assert local(one).hour == 1
    assert quiet_until([parse_span("22:00-02:30")], one, local) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp()
    hours = [local(one + minute * 60) for minute in range(24 * 60)]
    assert not any(is_quiet([parse_span("02:00-03:00")], hour) for hour in hours[:120])


def test_when_clocks_go_back_the_hour_that_comes_twice_is_quiet_twice() -> None:
    # 25 October 2026, 03:00 becomes 02:00 in Berlin.
    local = _local(BERLIN)
    start = datetime(2026, 10, 24, 23, 0, tzinfo=UTC).timestamp()
    span = [parse_span("02:00-03:00")]
    assert sum(is_quiet(span, local(start + minute * 60)) for minute in range(6 * 60)) == 120
    assert quiet_until(span, start + 3700, local) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC).timestamp()
