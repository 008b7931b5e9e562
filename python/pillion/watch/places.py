"""What of each Location is watched and what is polled, and whether its folder answers at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pillion.catalog.locations import Location
from pillion.index.changes import excluded_folders
from pillion.machine import identity_of
from pillion.settings.config import Config
from pillion.watch.mounts import is_polled, type_at

EVERYTHING = (b"",)
"""The parts of a Location that are polled: all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a Location is to be watched. Where any of it changes, the watch begins anew, and all is looked at.

    ``identity``: of its file system and folder, None while it is not there. ``mounts``: file systems in it, by their
    folders. ``exclude`` and ``polled``: folders in it that are not its own, and those that are polled.
    """

    location: int
    root: bytes
    identity: str | None
    ignore: tuple[str, ...]
    hidden: bool
    system: bool
    exclude: tuple[bytes, ...]
    mounts: tuple[tuple[bytes, str], ...]
    polled: tuple[bytes, ...]


def plan(
    location: Location,
    identity: str | None,
    *,
    library: Path,
    locations: Sequence[Location],
    config: Config,
    table: Mapping[bytes, str],
) -> Plan:
    """The plan for a Location; ``table``: what is mounted, as :func:`pillion.watch.mounts.mounts` says."""
    root = os.path.realpath(location.path)
    below = root.rstrip(b"/") + b"/"
    mounted = tuple(sorted((path[len(below) :], kind) for path, kind in table.items() if path.startswith(below)))
    polled = tuple(path for path, kind in mounted if is_polled(kind))
    return Plan(
        location=location.id,
        root=location.path,
        identity=identity,
        ignore=config.ignore,
        hidden=config.hidden,
        system=config.system_folders,
        exclude=tuple(excluded_folders(library, location, locations)),
        mounts=mounted,
        polled=EVERYTHING if config.follow_links or is_polled(type_at(root, table)) else polled,
    )


@dataclass(slots=True)
class Place:
    """A Location that is kept up. ``unwatched``: parts of it that a limit keeps from being watched.

    ``scan_at``: when all of it is to be looked at, ``poll_at``: when what is polled is; seconds of a monotonic clock.
    """

    plan: Plan
    unwatched: list[bytes] = field(default_factory=list)
    limits: Mapping[str, int | None] = field(default_factory=dict)
    scan_at: float | None = None
    poll_at: float | None = None

    @property
    def polled(self) -> list[bytes]:
        """The parts that are polled; b"" is all."""
        parts = sorted({*self.plan.polled, *self.unwatched})
        return [b""] if b"" in parts else parts

    @property
    def is_polled(self) -> bool:
        """Whether any of it is polled now; what is not there is not."""
        return self.plan.identity is not None and bool(self.plan.polled or self.unwatched)


class Probe:
    """Asks folders who they are, without ever waiting long: a network disk that is gone answers late or never."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._asked: dict[bytes, threading.Thread] = {}
        self._answers: dict[bytes, str | None] = {}

    def ask(self, folder: bytes) -> tuple[bool, str | None]:
        """(Whether the folder answers, its identity or None where it is not there)."""
        thread = self._asked.get(folder)
        if thread is None:
            thread = threading.Thread(target=self._look, args=(folder,), name="pillion-probe", daemon=True)
            self._asked[folder] = thread
            thread.start()
            thread.join(self._patience_s)
        if thread.is_alive():
            return False, None
        del self._asked[folder]
        return True, self._answers.pop(folder, None)

    def _look(self, folder: bytes) -> None:
        self._answers[folder] = identity_of(folder)
