"""The status of a library: how much there is, what is queued, and what holds work back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pillion.catalog import locations as catalog_locations
from pillion.catalog import sidecars as catalog_sidecars
from pillion.catalog.contents import unknown_endings
from pillion.catalog.database import Database
from pillion.catalog.gates import Hold, Pause, count_offline, list_holds, list_pauses
from pillion.catalog.locations import Location, Totals
from pillion.catalog.requests import QueueState, queue_states
from pillion.job import ALL, JobState
from pillion.kinds import registry
from pillion.model import SidecarKind, SidecarMark, SidecarStatus
from pillion.queue.gates import Quiet, quiet_now
from pillion.settings.config import Config, unknown_locations


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkReport:
    """What a run of the queue recorded: (kind, status) -> sidecars. ``notices``: what it could not do, and why."""

    recorded: dict[tuple[SidecarKind, SidecarStatus], int]
    notices: dict[str, str] = field(default_factory=dict)

    @property
    def was_stopped(self) -> bool:
        """Whether a fault of the machine left work of every kind: a full disk, a store that does not answer."""
        return ALL in self.notices


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The status of a library. ``holds``: only those that hold back some job.

    ``offline_jobs``: how many queued jobs of a kind wait for a Location that is offline.
    ``stopped``: why the background workers of this process ended; ``settings_problem``: why config.toml is not in use.
    ``kept``: how many ready sidecars of a kind could not be made again, and are served as they were.
    ``unknown_settings``: a sentence about each Location in config.toml that the library does not have.
    """

    root: Path
    totals: Totals
    locations: Sequence[Location]
    sidecars: dict[SidecarKind, dict[SidecarStatus, int]]
    queue: dict[SidecarKind, QueueState]
    pauses: Sequence[Pause]
    quiet: Sequence[Quiet]
    holds: Sequence[Hold]
    marks: Mapping[SidecarMark, int]
    unknown_settings: Sequence[str]
    unknown: Mapping[str, int]
    """Files of no known type, by the ending of their names ("" without one), most first."""
    kept: Mapping[SidecarKind, int] = field(default_factory=dict)
    offline_jobs: Mapping[SidecarKind, int] = field(default_factory=dict)
    stopped: str | None = None
    settings_problem: str | None = None

    def kinds_in(self, state: JobState) -> set[SidecarKind]:
        """The kinds that have jobs in this state."""
        return {kind for kind, line in self.queue.items() if line.counts.get(state)}

    def notices(self, faults: Mapping[str, str]) -> dict[str, str]:
        """Kind (or "*") -> why its jobs cannot be done. ``faults``: those that this process met."""
        queued, paused = self.kinds_in(JobState.QUEUED), self.kinds_in(JobState.PAUSED)
        quiet: dict[str, str] = {item.kind: item.notice for item in reversed(self.quiet) if item.kind in queued}
        undone = {*paused, ALL} if queued or paused else set()
        held = {lane: text for lane, text in faults.items() if lane in undone}
        offline: dict[str, str] = {kind: offline_notice(number) for kind, number in self.offline_jobs.items()}
        return {**registry.notices(), **offline, **quiet, **held}


def offline_notice(number: int) -> str:
    """What is said of jobs whose files are only in Locations that are offline."""
    jobs, they = ("1 job waits", "it runs") if number == 1 else (f"{number:,} jobs wait", "they run")
    return f"{jobs} for files in a folder that is offline; {they} when it is back."


def collect_status(root: Path, database: Database, config: Config, now: float) -> Status:
    """Count everything."""
    with database.read() as connection:
        queue = queue_states(connection, now)
        paused = {kind for kind, line in queue.items() if line.counts.get(JobState.PAUSED)}
        locations = [item for item in catalog_locations.list_locations(connection) if item.walked]
        return Status(
            root=root,
            totals=catalog_locations.totals(connection),
            locations=locations,
            sidecars=catalog_sidecars.count_by_status(connection),
            queue=queue,
            pauses=list_pauses(connection),
            quiet=quiet_now(config, now),
            marks=catalog_sidecars.count_by_mark(connection),
            kept=catalog_sidecars.count_kept(connection),
            unknown=unknown_endings(connection),
            offline_jobs=count_offline(connection),
            unknown_settings=unknown_locations(config, [os.fsdecode(item.shared or item.path) for item in locations]),
            holds=[hold for hold in list_holds(connection) if hold.kind in paused or (hold.kind is None and paused)],
        )
