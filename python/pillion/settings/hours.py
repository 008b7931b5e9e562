"""When a kind may run: quiet hours, in local time, and mains or battery. Pure: the time is passed in.

In quiet hours no work runs. They are compared with local clock time, so when clocks are changed a span may last an hour
more or less, or be skipped, as people expect of "from 2 to 3".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")
_DAY = 24 * 60
_LONGEST_S = 8 * 86400


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Minutes after midnight; ``end`` is excluded. A span that ends before it starts goes over midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day is in it."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"


@dataclass(frozen=True, kw_only=True, slots=True)
class When:
    """When a kind may run: not in ``quiet``, and on battery only if ``on_battery``."""

    quiet: tuple[Span, ...] = ()
    on_battery: bool = True


def parse_span(text: str) -> Span:
    """Parse ``22:00-07:00``. Raises ValueError for anything else, and for a span of length zero."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not a span of hours such as 22:00-07:00")
    start = int(found[1]) * 60 + int(found[2])
    end = _DAY if found[3] is None else int(found[3]) * 60 + int(found[4])
    if start == end:
        raise ValueError(f"'{text}' starts when it ends; write 00:00-24:00 for the whole day")
    return Span(start=start, end=end)


def is_quiet(spans: Sequence[Span], local: datetime) -> bool:
    """Whether this local time is in quiet hours."""
    minute = local.hour * 60 + local.minute
    return any(span.holds(minute) for span in spans)


def quiet_until(spans: Sequence[Span], now: float, local: Callable[[float], datetime]) -> float | None:
    """When the quiet hours that contain ``now`` end, to the minute; None if they never do.

    ``local``: seconds since 1970 -> local time. Tries minute after minute, because only that is right on a day when
    clocks are changed.
    """
    moment = now - now % 60 + 60
    while moment < now + _LONGEST_S:
        if not is_quiet(spans, local(moment)):
            return moment
        moment += 60
    return None
