"""What holds work back: pauses by the user, faults of the machine, quiet hours and battery.

One answer for all of them: how many jobs of a lane may be claimed now, and in which Locations not. Pauses and faults
are rows of the catalog, which every process reads; quiet hours and battery are known from config.toml, the clock and
the battery alone. Where none of them is set, nobody asks here.

A fault of the machine works as a circuit breaker: whether it is gone is found out by trying. After a while one job is
let through, and goes on or comes back, uncharged. A full disk is looked at first, since that costs nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from pillion import machine
from pillion.catalog import gates as catalog_gates
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.gates import EVERY_LOCATION, Closed, where_closed
from pillion.catalog.locations import list_locations
from pillion.catalog.queue import end_held_waits
from pillion.errors import ErrorClass, PillionError
from pillion.events import Event, Paused, Resumed
from pillion.job import ALL
from pillion.model import SidecarKind
from pillion.settings.config import Config
from pillion.settings.hours import When, is_quiet, quiet_until

# quiet hours and battery ----------------------------------------------------------------------------------------------


class QuietReason(StrEnum):
    """Why a kind is quiet."""

    QUIET_HOURS = "quiet_hours"
    BATTERY = "battery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quiet:
    """A kind that quiet hours or the battery hold back for now.

    ``location``: the absolute path of the Location where it is; None for all that have no hours of their own.
    ``until``: seconds since 1970; None where nobody knows.
    """

    kind: SidecarKind
    location: str | None
    reason: QuietReason
    until: float | None

    @property
    def notice(self) -> str:
        """One sentence about it."""
        return f"It {self}{f' (in {self.location})' if self.location else ''}."

    def __str__(self) -> str:
        if self.reason is QuietReason.BATTERY:
            return "waits while the machine runs on battery"
        if self.until is None:
            return "waits: its quiet hours never end"
        return f"waits: quiet hours until {datetime.fromtimestamp(self.until):%H:%M}"


def quiet_now(
    config: Config,
    now: float,
    local: Callable[[float], datetime] = datetime.fromtimestamp,
    on_battery: Callable[[], bool] | None = None,
) -> list[Quiet]:
    """The kinds that are quiet. ``local``: gives the local time; ``on_battery``: called only if it matters."""
    tables = _tables(config)
    careful = any(not when.on_battery for _, table in tables for when in table.values())
    battery = careful and (on_battery or machine.on_battery)()
    found = []
    for location, table in tables:
        for kind, when in table.items():
            if is_quiet(when.quiet, local(now)):
                reason, until = QuietReason.QUIET_HOURS, quiet_until(when.quiet, now, local)
            elif battery and not when.on_battery:
                reason, until = QuietReason.BATTERY, None
            else:
                continue
            found.append(Quiet(kind=kind, location=location, reason=reason, until=until))
    return found


def _tables(config: Config) -> list[tuple[str | None, Mapping[SidecarKind, When]]]:
    return [(None, config.when), *config.location_when.items()]


# faults of the machine ------------------------------------------------------------------------------------------------


ROOM = 1024 * 1024
"""A disk with less free space than this is called full: the catalog always needs some."""

_FIRST_S = 1.0
_GROWTH = 2.0
_LONGEST_S = 30.0


@dataclass(slots=True)
class _Breaker:
    """An open circuit breaker. ``try_at``: when one job may try, on the monotonic clock; ``trying``: one does."""

    error_class: ErrorClass
    notice: str
    try_at: float
    wait_s: float = _FIRST_S
    trying: bool = False


def has_room(folder: Path) -> bool:
    """Whether a disk has enough space left to work."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize >= ROOM


# the gates ------------------------------------------------------------------------------------------------------------


_LOOK_S = 1.0
"""How often the clock and the battery are checked."""


class Gate(NamedTuple):
    """What may be claimed of a lane. ``limit``: so many jobs, None: as many as there are.

    ``closed``: where it is paused or quiet; what runs there already is to be stopped.
    """

    limit: int | None
    closed: Closed


OPEN = Gate(None, frozenset())


@dataclass(slots=True)
class Gates:
    """What holds back the work of one library, as one process knows it. A lane is a kind's name.

    Nothing here has to be called as long as ``watching`` is False and the catalog holds nothing back.

    ``folder``: where sidecars are written, whose disk is asked for its room. ``watching``: whether config.toml (its
    ``has_hours``) or a fault that this process met may hold something back. ``held``: whether the catalog did when it
    was last asked (:func:`pillion.catalog.queue.has_gates`).
    """

    database: Database
    config: Config
    folder: Path
    watching: bool
    held: bool = False
    _breakers: dict[str, _Breaker] = field(default_factory=dict)
    _quiet: Sequence[Quiet] = ()
    _quiet_at: float = float("-inf")
    _told: Mapping[tuple[SidecarKind, str | None, str], Quiet] = field(default_factory=dict)

    def use(self, config: Config) -> None:
        """Go on with these settings."""
        self.config = config
        self._quiet_at, self._quiet = float("-inf"), ()
        self.watching = config.has_hours or bool(self._breakers)

    @property
    def notices(self) -> dict[str, str]:
        """Lane, or ``ALL`` -> the fault of the machine that holds it back, and what to do about it."""
        return {lane: breaker.notice for lane, breaker in self._breakers.items()}

    def look(self, connection: sa.Connection, kinds: Iterable[SidecarKind], now: float) -> Mapping[SidecarKind, Gate]:
        """The gate of each of these kinds at this moment."""
        self._look_for_faults(connection)
        closed = self._where_closed(connection, tuple(kinds), now)
        return {
            kind: Gate(0 if where is EVERY_LOCATION else self._limit(kind), where) for kind, where in closed.items()
        }

    def held_back(self, connection: sa.Connection, owner: str, kinds: Iterable[SidecarKind], now: float) -> set[int]:
        """The ids of the jobs that ``owner`` runs, and that were paused or became quiet since it claimed them."""
        return catalog_gates.claims_held_back(connection, owner, self._where_closed(connection, tuple(kinds), now))

    def _where_closed(
        self, connection: sa.Connection, kinds: Sequence[SidecarKind], now: float
    ) -> dict[SidecarKind, Closed]:
        closed = where_closed(connection, kinds)
        quiet = self._quiet_at_most_a_second_old(now)
        if not quiet and not any(closed.values()):
            return closed
        paths = {location.id: os.fsdecode(location.shared or location.path) for location in list_locations(connection)}
        held = {(item.kind, item.location) for item in quiet}
        own = self.config.location_when
        for kind, where in closed.items():
            if where is not EVERY_LOCATION:
                here = where | {id for id, path in paths.items() if (kind, path if path in own else None) in held}
                closed[kind] = EVERY_LOCATION if here and here >= paths.keys() else here
        return closed

    # Quiet hours and battery ------------------------------------------------------------------------------------------

    def _quiet_at_most_a_second_old(self, now: float) -> Sequence[Quiet]:
        if self.config.has_hours and abs(now - self._quiet_at) >= _LOOK_S:
            self._quiet_at = now
            self._quiet = quiet_now(self.config, now)
        return self._quiet

    def tell(self, now: float) -> None:
        """Append an event for each kind that became quiet, or stopped being so, since the last call."""
        after = {(item.kind, item.location, item.reason.value): item for item in self._quiet_at_most_a_second_old(now)}
        before, self._told = self._told, after
        if before.keys() == after.keys():
            return
        told: list[Event] = [
            Resumed(kind=kind, location=location, reason=reason)
            for kind, location, reason in before
            if (kind, location, reason) not in after
        ]
        told += [
            Paused(kind=item.kind, location=item.location, reason=item.reason, message=f"{item.kind} {item}.")
            for key, item in after.items()
            if key not in before
        ]
        with self.database.write() as connection:
            append_events(connection, told, now)

    # Faults of the machine --------------------------------------------------------------------------------------------

    def _limit(self, lane: str) -> int | None:
        breakers = self._of(lane)
        return int(all(self._may_try(breaker) for breaker in breakers)) if breakers else None

    def at_most(self, lane: str, number: int) -> int:
        """How many jobs of a lane may be claimed now, at most ``number``. Ask before each claim: one may be trying."""
        limit = self._limit(lane)
        return number if limit is None else min(number, limit)

    def _of(self, lane: str) -> list[_Breaker]:
        return [self._breakers[name] for name in (ALL, lane) if name in self._breakers]

    def _may_try(self, breaker: _Breaker) -> bool:
        if breaker.trying or time.monotonic() < breaker.try_at:
            return False
        return breaker.error_class is not ErrorClass.DISK_FULL or has_room(self.folder)

    def tries(self, lane: str) -> None:
        """A job of this lane was claimed; if a fault holds the lane back, this job tries whether it is gone."""
        for breaker in self._of(lane):
            breaker.trying = True

    def failed(self, lane: str, error_class: ErrorClass, notice: str) -> None:
        """A job met a fault of the machine: hold the lane back, longer each time."""
        before = self._breakers.get(lane)
        wait_s = _FIRST_S
        if before is not None:
            wait_s = min(before.wait_s * _GROWTH, _LONGEST_S) if before.trying else before.wait_s
        self._breakers[lane] = _Breaker(error_class, notice, time.monotonic() + wait_s, wait_s)
        self.watching = True
        if before is None or before.notice != notice:
            self._write(lambda connection, now: catalog_gates.hold(connection, _kind(lane), error_class, notice, now))

    def worked(self, lane: str) -> None:
        """A job of this lane was done and recorded, so no fault holds it back any more."""
        for name in (ALL, lane):
            if self._breakers.pop(name, None) is not None:
                self._lift(_kind(name))
        self.watching = self.config.has_hours or bool(self._breakers)

    def go_on(self, lane: str) -> None:
        """What holds this lane back concerns only some of its jobs, and others can run."""
        if self._breakers.pop(lane, None) is not None:
            self._lift(_kind(lane))
        self.watching = self.config.has_hours or bool(self._breakers)

    def gave_back(self, lane: str) -> None:
        """A job of this lane came back undone, which says nothing about the fault."""
        for breaker in self._of(lane):
            breaker.trying = False

    def _look_for_faults(self, connection: sa.Connection) -> None:
        """Read the holds of other processes. They may have other tools, so a new one is tried at once."""
        known = {hold.kind or ALL: hold for hold in catalog_gates.list_holds(connection)}
        for lane, hold in known.items():
            if lane not in self._breakers:
                self._breakers[lane] = _Breaker(hold.error_class, hold.notice, time.monotonic())
                self.watching = True
                self.end_waits(_kind(lane))
        for lane in self._breakers.keys() - known.keys():
            # Another process went on, or it could not be written down on a full disk: time to try.
            breaker = self._breakers[lane]
            breaker.wait_s = _FIRST_S
            breaker.try_at = min(breaker.try_at, time.monotonic() + _FIRST_S)

    def end_waits(self, kind: SidecarKind | None) -> None:
        """Let jobs run now that lacked a tool in another process: it may be installed here."""
        self._write(lambda connection, now: end_held_waits(connection, kind, now))

    def _lift(self, kind: SidecarKind | None) -> None:
        self._write(lambda connection, now: catalog_gates.lift(connection, kind, now))

    def _write(self, change: Callable[[sa.Connection, float], None]) -> None:
        try:
            with self.database.write() as connection:
                change(connection, time.time())
        except PillionError:
            # The catalog itself may be on the full disk. This process knows all the same, and a hold that could not be
            # lifted is read again, tried again, and lifted then.
            return


def _kind(lane: str) -> SidecarKind | None:
    return None if lane == ALL else SidecarKind(lane)
