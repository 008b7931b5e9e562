"""What rests, in terms of one library's Locations: for the queue, and to tell when that changes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime

from pillion.catalog.database import Database
from pillion.catalog.entries import list_locations
from pillion.catalog.events import append_events
from pillion.events import Event, Paused, Resumed
from pillion.machine import power
from pillion.model import SidecarKind
from pillion.settings.config import Config
from pillion.settings.hours import When
from pillion.settings.rests import Rest, rests

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
            for kind in SidecarKind
        }


def _tables(config: Config) -> list[Mapping[SidecarKind, When]]:
    return [config.when, *config.location_when.values()]
