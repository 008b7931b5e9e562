"""Quiet hours and battery: which kinds wait now, in which Locations. Told as events when that changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pillion import machine as power
from pillion.catalog.database import Database
from pillion.catalog.entries import list_locations
from pillion.catalog.events import append_events
from pillion.events import Event, Paused, Resumed
from pillion.kinds import registry
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


# in a library's Locations ---------------------------------------------------------------------------------------------


_LOOK_S = 1.0
"""How long an answer counts: quiet hours and battery take effect so soon."""


class Resting:
    """Answers for one library, from its settings, the clock and the battery."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._ever = any(when != When() for table in _tables(config) for when in table.values())
        self._looked_at = 0.0
        self._rests: Sequence[Rest] = ()
        self._where: Mapping[SidecarKind, frozenset[int]] = {}
        self._locations: frozenset[int] = frozenset()
        self._told: Sequence[Rest] = ()

    def list(self, now: float) -> Sequence[Rest]:
        """What rests, for people."""
        self._look(now)
        return self._rests

    def locations(self, kind: SidecarKind, now: float) -> frozenset[int]:
        """The ids of the Locations in which a kind rests."""
        self._look(now)
        return self._where.get(kind, frozenset())

    def everywhere(self, kind: SidecarKind, now: float) -> bool:
        """Whether a kind rests in every Location."""
        return bool(self._rests) and self.locations(kind, now) >= self._locations

    def tell(self, now: float) -> None:
        """Add an event for each rest that began or ended since the last call."""
        self._look(now)
        before = {(rest.kind, rest.location, rest.reason): rest for rest in self._told}
        after = {(rest.kind, rest.location, rest.reason): rest for rest in self._rests}
        if before.keys() == after.keys():
            return
        told: list[Event] = [
            Resumed(kind=rest.kind, location=rest.location, reason=rest.reason)
            for key, rest in before.items()
            if key not in after
        ]
        told += [
            Paused(kind=rest.kind, location=rest.location, reason=rest.reason, message=f"{rest.kind} {rest}.")
            for key, rest in after.items()
            if key not in before
        ]
        self._told = self._rests
        with self._database.write() as connection:
            append_events(connection, told, now)

    def _look(self, now: float) -> None:
        if not self._ever or abs(now - self._looked_at) < _LOOK_S:
            return
        self._looked_at = now
        self._rests = rests(self._config, now, datetime.fromtimestamp, power.on_battery)
        if not self._rests:
            self._where = {}
            return
        with self._database.read() as connection:
            paths = {location.id: os.fsdecode(location.path) for location in list_locations(connection)}
        resting = {(rest.kind, rest.location) for rest in self._rests}
        own = self._config.location_when
        self._locations = frozenset(paths)
        self._where = {
            kind: frozenset(id for id, path in paths.items() if (kind, path if path in own else None) in resting)
            for kind in registry.names()
        }


def _tables(config: Config) -> list[Mapping[SidecarKind, When]]:
    return [config.when, *config.location_when.values()]
