"""What a fault of the machine holds back: kept in the catalog for everybody, and lifted when the fault is gone.

Whether it is gone is found out by trying: after a while one job is let through, and goes on or comes back, uncharged.
A full disk is looked at first, since that costs nothing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from pillion.catalog import gates as catalog_holds
from pillion.catalog.database import Database
from pillion.catalog.queue import end_held_waits
from pillion.errors import ErrorClass, PillionError
from pillion.model import SidecarKind

ALL = "*"
"""The lane of a fault that holds back every kind."""

ROOM = 1024 * 1024
"""Bytes below which a disk is called full: some of it is always needed for the catalog."""

_FIRST_S = 1.0
_GROWTH = 2.0
_LONGEST_S = 30.0
_READ_S = 1.0


@dataclass(slots=True)
class _Held:
    error_class: ErrorClass
    notice: str
    try_at: float
    wait_s: float = _FIRST_S
    trying: bool = False


def has_room(folder: Path) -> bool:
    """Whether a disk has enough space left to work."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize >= ROOM


class Holds:
    """The holds of one library as one process sees them. A lane is a kind's name, or ``ALL``.

    ``folder``: where sidecars are written, whose disk is asked for its room.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._held: dict[str, _Held] = {}
        self._read_at = 0.0

    @property
    def notices(self) -> dict[str, str]:
        """Lane -> what is wrong and what to do about it."""
        return {lane: held.notice for lane, held in self._held.items()}

    def room(self, lane: str) -> int | None:
        """How many jobs of a lane may be claimed now; None: as many as there are."""
        self._refresh()
        held = [self._held[name] for name in (ALL, lane) if name in self._held]
        if not held:
            return None
        return int(all(self._may_try(item) for item in held))

    def _may_try(self, held: _Held) -> bool:
        if held.trying or time.monotonic() < held.try_at:
            return False
        return held.error_class is not ErrorClass.DISK_FULL or has_room(self._folder)

    def tries(self, lane: str) -> None:
        """A job of this lane was claimed: where something is held back, it is the one that finds out."""
        for name in (ALL, lane):
            if name in self._held:
                self._held[name].trying = True

    def failed(self, lane: str, error_class: ErrorClass, notice: str) -> None:
        """A fault of the machine showed: hold the lane back, longer each time."""
        before = self._held.get(lane)
        wait_s = _FIRST_S
        if before is not None:
            wait_s = min(before.wait_s * _GROWTH, _LONGEST_S) if before.trying else before.wait_s
        self._held[lane] = _Held(error_class, notice, time.monotonic() + wait_s, wait_s)
        if before is None or before.notice != notice:
            self._write(lane)

    def worked(self, lane: str) -> None:
        """A job of this lane was done and recorded: nothing holds it back any more."""
        for name in (ALL, lane):
            if self._held.pop(name, None) is not None:
                self._erase(name)

    def gave_back(self, lane: str) -> None:
        """A job of this lane came back undone, and says nothing."""
        for name in (ALL, lane):
            if name in self._held:
                self._held[name].trying = False

    # The catalog ------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Learn what other processes found out; they may have other tools, so a new hold is tried at once."""
        if time.monotonic() < self._read_at:
            return
        self._read_at = time.monotonic() + _READ_S
        with self._database.read() as connection:
            known = {hold.kind if hold.kind else ALL: hold for hold in catalog_holds.list_holds(connection)}
        for lane, hold in known.items():
            if lane not in self._held:
                self._held[lane] = _Held(hold.error_class, hold.notice, time.monotonic())
                self._end_waits(lane)
        for lane in set(self._held) - set(known):
            # Another process went on, or it could not be written down on a full disk: time to try.
            self._held[lane].wait_s = _FIRST_S
            self._held[lane].try_at = min(self._held[lane].try_at, time.monotonic() + _FIRST_S)

    def _write(self, lane: str) -> None:
        held = self._held[lane]
        try:
            with self._database.write() as connection:
                catalog_holds.hold(connection, _kind(lane), held.error_class, held.notice, time.time())
        except PillionError:
            # The catalog itself may be on the full disk. This process knows all the same.
            return

    def _end_waits(self, lane: str) -> None:
        """What lacked a tool in another process may not lack it here."""
        try:
            with self._database.write() as connection:
                end_held_waits(connection, _kind(lane), time.time())
        except PillionError:
            # Then it waits its time.
            return

    def _erase(self, lane: str) -> None:
        try:
            with self._database.write() as connection:
                catalog_holds.lift(connection, _kind(lane), time.time())
        except PillionError:
            # Read again, it is tried again, and then lifted.
            return


def _kind(lane: str) -> SidecarKind | None:
    return None if lane == ALL else SidecarKind(lane)
