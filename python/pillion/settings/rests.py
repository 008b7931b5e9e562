"""Which kinds rest now, by the hours and the battery settings of config.toml. Pure: time and power are passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pillion.model import SidecarKind
from pillion.settings.config import Config
from pillion.settings.hours import When, is_quiet, quiet_until


class RestReason(StrEnum):
    """Why a kind rests."""

    QUIET_HOURS = "quiet_hours"
    BATTERY = "battery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """A kind that is held back by itself, and goes on by itself.

    ``location``: the absolute path of the Location where it is; None for all that have no hours of their own.
    ``until``: seconds since 1970; None where nobody knows.
    """

    kind: SidecarKind
    location: str | None
    reason: RestReason
    until: float | None

    @property
    def notice(self) -> str:
        """One sentence about it."""
        return f"It {self}{f' (in {self.location})' if self.location else ''}."

    def __str__(self) -> str:
        if self.reason is RestReason.BATTERY:
            return "rests while the machine runs on battery"
        if self.until is None:
            return "rests: its quiet hours never end"
        return f"rests: quiet hours until {datetime.fromtimestamp(self.until):%H:%M}"


def rests(config: Config, now: float, local: Callable[[float], datetime], on_battery: Callable[[], bool]) -> list[Rest]:
    """What rests now. ``local`` tells the local time of a moment; ``on_battery`` is asked only if it matters."""
    tables = [(None, config.when), *config.location_when.items()]
    careful = any(not when.on_battery for _, table in tables for when in table.values())
    battery = careful and on_battery()
    found = []
    for location, table in tables:
        for kind, when in table.items():
            rest = _rest(kind, location, when, now, local, battery)
            if rest is not None:
                found.append(rest)
    return found


def _rest(
    kind: SidecarKind, location: str | None, when: When, now: float, local: Callable[[float], datetime], battery: bool
) -> Rest | None:
    if is_quiet(when.quiet, local(now)):
        until = quiet_until(when.quiet, now, local)
        return Rest(kind=kind, location=location, reason=RestReason.QUIET_HOURS, until=until)
    if battery and not when.on_battery:
        return Rest(kind=kind, location=location, reason=RestReason.BATTERY, until=None)
    return None
