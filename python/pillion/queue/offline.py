"""Locations whose files cannot be seen, as the queue meets them: its jobs wait until the files are there again.

An index finds out that a Location is offline. So does a job whose source is missing: before the file is blamed, the
Location is looked at. Whether an offline one is back is looked at every few seconds, in a thread of its own, because a
file system that is half dead answers late or never.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pillion.catalog import locations as catalog_locations
from pillion.catalog.database import Database
from pillion.catalog.gates import wait_for_offline
from pillion.catalog.locations import Location
from pillion.catalog.queue import ClaimedJob
from pillion.errors import ErrorClass
from pillion.machine import identity_of
from pillion.machine import mtime_ns as seen_mtime_ns
from pillion.model import Failure

_SAMPLE = 8
"""Files that are looked for in a Location."""

_FEWEST = 5
"""A Location of fewer files can lose them all without looking like a lost disk, unless its folder is empty."""

_LOOK_S = 2.0
"""How often an offline Location is looked at."""

_TRUST_S = 1.0
"""How long a look at a Location counts for other jobs whose sources are missing."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Some files of a Location: (path in it, size, mtime_ns), and how many files it has."""

    location: Location
    files: Sequence[tuple[bytes, int, int]]
    known: int


_NOT_THERE = (ErrorClass.MISSING_SOURCE, ErrorClass.CHANGED_SOURCE)
"""What a worker says of a file whose disk went away before it read it, and while it did."""


class OfflineLocations:
    """What one engine knows about Locations that are not there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[int, tuple[float, bool]] = {}
        self._looked_at = float("-inf")
        self._looking: threading.Thread | None = None
        self._back: list[int] = []

    def waiting(self, failed: Iterable[tuple[ClaimedJob, Failure]], now: float) -> set[int]:
        """The ids of those jobs that wait from now on: all their sources are missing, in Locations that are offline.

        A Location that turns out to be is noted in the catalog.
        """
        missing = [job for job, failure in failed if failure.error_class in _NOT_THERE]
        if not missing:
            return set()
        with self._database.read() as connection:
            locations = [item for item in catalog_locations.list_locations(connection) if item.walked]
        gone = [job.id for job in missing if self._are_gone([path for path, _, _ in job.sources], locations, now)]
        if not gone:
            return set()
        with self._database.read() as connection:
            return wait_for_offline(connection, gone)

    def _are_gone(self, sources: Iterable[bytes], locations: Collection[Location], now: float) -> bool:
        holders = [_holder(source, locations) for source in sources]
        return bool(holders) and all(item is not None and self._is_offline(item, now) for item in holders)

    def _is_offline(self, location: Location, now: float) -> bool:
        if location.offline is not None:
            return True
        at, gone = self._seen.get(location.id, (float("-inf"), False))
        if time.monotonic() - at < _TRUST_S:
            return gone
        why = _why_gone(self._sample(location))
        self._seen[location.id] = (time.monotonic(), why is not None)
        if why is not None:
            with self._database.write() as connection:
                catalog_locations.set_offline(connection, location.id, why, now)
        return why is not None

    def _sample(self, location: Location) -> _Sample:
        with self._database.read() as connection:
            files = catalog_locations.sample_entries(connection, location.id, _SAMPLE)
            return _Sample(location, files, catalog_locations.count_present(connection, location.id))

    def look(self, wait_s: float = 0.0) -> None:
        """Begin to look whether offline Locations are back, and note those that were found to be. Call it often.

        ``wait_s``: wait so long for what it finds.
        """
        self._begin()
        if wait_s and self._looking is not None:
            self._looking.join(wait_s)
        self._note()

    def _note(self) -> None:
        if self._looking is not None and not self._looking.is_alive():
            self._looking = None
            back, self._back = self._back, []
            if back:
                with self._database.write() as connection:
                    for location_id in back:
                        catalog_locations.end_offline(connection, location_id)

    def _begin(self) -> None:
        if self._looking is not None or time.monotonic() - self._looked_at < _LOOK_S:
            return
        self._looked_at = time.monotonic()
        with self._database.read() as connection:
            offline = [item for item in catalog_locations.list_locations(connection) if item.offline is not None]
        if offline:
            samples = [self._sample(location) for location in offline]
            self._looking = threading.Thread(
                target=self._look_for, args=(samples,), name="pillion-offline", daemon=True
            )
            self._looking.start()

    def _look_for(self, samples: Sequence[_Sample]) -> None:
        self._back = [sample.location.id for sample in samples if _is_back(sample)]


def _holder(source: bytes, locations: Collection[Location]) -> Location | None:
    """The innermost Location that holds a file."""
    holders = [item for item in locations if source.startswith(item.path.rstrip(b"/") + b"/")]
    return max(holders, key=lambda item: len(item.path), default=None)


def _there(sample: _Sample) -> int:
    found = 0
    for path, size, mtime_ns in sample.files:
        try:
            stat = os.stat(os.path.join(sample.location.path, path))
        except OSError:
            continue
        found += (stat.st_size, seen_mtime_ns(stat)) == (size, mtime_ns)
    return found


def _is_back(sample: _Sample) -> bool:
    return _there(sample) > len(sample.files) / 2


def _why_gone(sample: _Sample) -> str | None:
    """Why a Location counts as offline, in words that follow "is offline:"; None where it does not."""
    folder, identity = sample.location.path, identity_of(sample.location.path)
    if identity is None:
        return "its folder is not there, or cannot be read"
    if not sample.files or _there(sample):
        return None
    if _is_empty(folder):
        return f"the folder is empty, and {sample.known:,} files were in it"
    if identity != sample.location.identity and sample.location.identity is not None:
        return f"another file system is there, without its {sample.known:,} files"
    return f"none of its {sample.known:,} files is there" if sample.known >= _FEWEST else None


def _is_empty(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as items:
            return next(items, None) is None
    except OSError:
        return True
