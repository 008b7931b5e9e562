"""From a claimed job to a task for a worker: its limits, its place in staging, and what is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pillion.catalog.claims import ClaimedJob, Due
from pillion.config import Config
from pillion.execute import ExecutionTask
from pillion.jobs.engine import Planned
from pillion.jobs.states import Budget, budget_of
from pillion.model import KIND_VARIANTS, SidecarKind
from pillion.store import ManifestEntry, Store

_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class KindLimits:
    """How a kind is run. Times are seconds; the deadline grows with the file's size in MiB.

    ``cost_s``: a guess, until some are measured. ``per_worker``: jobs in flight for each worker, counting those that
    wait in the pool. ``at_most``: in all; 1 for a kind that uses every core by itself.
    """

    cost_s: float
    deadline_s: float
    deadline_s_per_mib: float
    per_worker: int
    at_most: int | None = None


KIND_LIMITS: Mapping[SidecarKind, KindLimits] = {
    SidecarKind.THUMB: KindLimits(cost_s=0.05, deadline_s=60, deadline_s_per_mib=1, per_worker=256),
    SidecarKind.OCR: KindLimits(cost_s=1.0, deadline_s=300, deadline_s_per_mib=10, per_worker=2),
    SidecarKind.TRANSCRIPT: KindLimits(cost_s=10.0, deadline_s=600, deadline_s_per_mib=60, per_worker=1, at_most=1),
    SidecarKind.EMBEDDINGS: KindLimits(cost_s=0.1, deadline_s=120, deadline_s_per_mib=10, per_worker=256),
}


def worker_count(config: Config) -> int:
    """How many worker processes a library uses on this machine."""
    return config.workers or len(os.sched_getaffinity(0))


def parallel(kind: SidecarKind, workers: int, concurrency: Mapping[str, int]) -> int:
    """How many jobs of a kind really run at a time. ``concurrency``: kind -> most workers, from config.toml."""
    most = min(workers, KIND_LIMITS[kind].at_most or workers, concurrency.get(kind.value, workers))
    return max(1, most)


def lane_limits(workers: int) -> dict[str, int]:
    """Kind -> most jobs in flight."""
    return {kind.value: limits.at_most or limits.per_worker * workers for kind, limits in KIND_LIMITS.items()}


class Costs:
    """How many seconds of a worker a job of each kind takes, as learned from those that ended."""

    def __init__(self) -> None:
        self._seconds = {kind: limits.cost_s for kind, limits in KIND_LIMITS.items()}

    def of(self, kind: SidecarKind) -> float:
        """Seconds."""
        return self._seconds[kind]

    def learn(self, kind: SidecarKind, seconds: float) -> None:
        """One job took so long."""
        self._seconds[kind] += (seconds - self._seconds[kind]) * _LEARNING


_LEARNING = 0.1
"""How much one job counts, beside all before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """A variant that is there already, whole and made with the wanted recipe: it only has to be recorded."""

    due: Due
    entry: ManifestEntry
    thumbhash: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedJob:
    """A claimed job, what of it is there already, and which of the wanted recipes the task is about."""

    job: ClaimedJob
    adopted: Sequence[Adopted]
    making: Sequence[Due]
    staging: str

    @property
    def open(self) -> Sequence[Due]:
        """What the job still has to make, in this task or a later one."""
        adopted = [item.due for item in self.adopted]
        return [due for due in self.job.due if due not in adopted]


def plan(
    job: ClaimedJob, store: Store, owner: str, max_pixels: int, *, listed: bool = True, cost_s: float | None = None
) -> Planned[PlannedJob]:
    """Make the task of a claimed job. What a crash left finished but unrecorded is adopted, not made again.

    ``listed``: whether the content has a manifest, which alone can name such files. ``cost_s``: what it may take.
    """
    adopted = _adoptable(job, store) if listed else ()
    open_ = _left(job.due, adopted)
    making = [due for due in open_ if due.settings == open_[0].settings]
    budget = budget_of(job.attempts, job.last)
    if budget.one_variant:
        making = sorted(making, key=lambda due: KIND_VARIANTS[job.kind].index(due.variant))[:1]
    staging = store.new_staging_path(owner)
    limits = KIND_LIMITS[job.kind]
    task = ExecutionTask(
        kind=job.kind,
        variants=tuple(due.variant for due in making),
        mime=job.mime,
        sources=job.sources,
        settings=_task_settings(making, max_pixels, budget),
        texts={kind: store.absolute(rel_path) for kind, rel_path in job.texts.items()},
        staging=staging,
        share=budget.share,
    )
    return Planned(
        job=PlannedJob(job=job, adopted=adopted, making=making, staging=staging),
        task=task,
        lane=job.kind.value,
        priority=job.priority,
        cost=limits.cost_s if cost_s is None else cost_s,
        deadline_s=limits.deadline_s + limits.deadline_s_per_mib * job.size / _MIB,
        alone=budget.alone,
    )


def _task_settings(making: Sequence[Due], max_pixels: int, budget: Budget) -> dict[str, Any]:
    settings = dict(making[0].settings) if making else {}
    return {**settings, "max_pixels": max_pixels, "share": budget.share}


def _left(due: Sequence[Due], adopted: Sequence[Adopted]) -> Sequence[Due]:
    if not adopted:
        return due
    done = {item.due.variant for item in adopted}
    return [one for one in due if one.variant not in done]


def _adoptable(job: ClaimedJob, store: Store) -> list[Adopted]:
    fresh = [due for due in job.due if due.fresh]
    manifest = store.find_manifest(job.content_uuid) if fresh else None
    result: list[Adopted] = []
    if manifest is None:
        return result
    for due in fresh:
        entry = manifest.by_key().get((job.kind, due.variant))
        if entry and entry.recipe == due.wanted and store.is_whole(entry.rel_path, entry.size, entry.checksum):
            result.append(Adopted(due=due, entry=entry, thumbhash=manifest.thumbhash))
    return result
