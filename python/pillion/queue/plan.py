"""From a claimed job to a task for a worker: its limits, its place in staging, and what is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pillion.catalog.queue import ClaimedJob, Due
from pillion.job import Budget, budget_of
from pillion.kinds import registry
from pillion.kinds.execute import ExecutionTask
from pillion.kinds.spec import MIB, KindSpec
from pillion.model import SidecarKind, value
from pillion.queue.engine import Planned
from pillion.settings.config import Config
from pillion.store import ManifestEntry, Store


def worker_count(config: Config) -> int:
    """How many worker processes a library uses on this machine."""
    return config.workers or len(os.sched_getaffinity(0))


def parallel(kind: SidecarKind, workers: int, concurrency: Mapping[str, int]) -> int:
    """How many jobs of a kind really run at a time. ``concurrency``: kind -> most workers, from config.toml."""
    most = min(workers, registry.spec(kind).limits.workers or workers, concurrency.get(kind, workers))
    return max(1, most)


def lane_limits(workers: int) -> dict[str, int]:
    """Kind -> most jobs in flight."""
    return {
        kind: spec.limits.per_worker * min(workers, spec.limits.workers or workers)
        for kind, spec in registry.specs().items()
    }


def lane_workers(workers: int, concurrency: Mapping[str, int]) -> dict[str, int]:
    """Kind -> most workers at a time, for those kinds that may not have all of them."""
    most = {kind: parallel(kind, workers, concurrency) for kind in registry.names()}
    return {kind: number for kind, number in most.items() if number < workers or kind in concurrency}


def lane_seconds() -> dict[str, float]:
    """Kind -> seconds of work in a batch, for those kinds that have a number of their own."""
    batches = {kind: spec.limits.batch_s for kind, spec in registry.specs().items()}
    return {kind: seconds for kind, seconds in batches.items() if seconds is not None}


_LEARNING = 0.1
"""How much one job counts, beside all before it."""

_CHEAPEST_S = 0.0001


class Costs:
    """How many seconds of a worker a job takes, as learned from those that ended."""

    def __init__(self) -> None:
        self._seconds = {kind: _typical_seconds(spec) for kind, spec in registry.specs().items()}
        self._rates: dict[str, float] = {}

    def of(self, job: ClaimedJob) -> float:
        """Seconds."""
        if not registry.spec(job.kind).first_guess.by_size:
            return self._seconds[job.kind]
        return self._rate(job) * job.size

    def fitting(self, kind: SidecarKind, seconds: float) -> int:
        """How many jobs of a kind that costs the same for each are about so many seconds of work; at least one."""
        spec = registry.spec(kind)
        if spec.first_guess.by_size:
            return spec.limits.per_worker
        return max(1, int(seconds / max(self._seconds[kind], _CHEAPEST_S)))

    def within(self, jobs: Sequence[ClaimedJob], seconds: float) -> Sequence[ClaimedJob]:
        """The first of these jobs, of one kind, that are about so many seconds of work together; at least one."""
        if not jobs or not registry.spec(jobs[0].kind).first_guess.by_size:
            return jobs
        left = seconds
        for number, job in enumerate(jobs):
            left -= self.of(job)
            if left < 0:
                return jobs[: max(1, number)]
        return jobs

    def learn(self, job: ClaimedJob, seconds: float) -> None:
        """This job took so long."""
        self._seconds[job.kind] += (seconds - self._seconds[job.kind]) * _LEARNING
        if registry.spec(job.kind).first_guess.by_size:
            rate = self._rate(job)
            self._rates[job.mime] = rate + (seconds / max(job.size, 1) - rate) * _LEARNING

    def _rate(self, job: ClaimedJob) -> float:
        """Seconds for each byte of the source."""
        found = self._rates.get(job.mime)
        return registry.spec(job.kind).first_guess.seconds_of_mib(job.mime) / MIB if found is None else found


def _typical_seconds(spec: KindSpec) -> float:
    """For one job, whatever its file: the mean of the first guesses."""
    guesses = [spec.first_guess.seconds_of(media_class) for media_class in spec.classes]
    return sum(guesses) / len(guesses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """A variant that is there already, whole and made with the wanted recipe: it only has to be recorded."""

    due: Due
    entry: ManifestEntry
    thumbhash: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a job keeps of its work: for which recipe, and how old it was when the try began (see Store)."""

    recipe: str
    age: int


@value
class PlannedJob:
    """A claimed job, what of it is there already, and which of the wanted recipes the task is about."""

    job: ClaimedJob
    adopted: Sequence[Adopted]
    making: Sequence[Due]
    staging: str
    checkpoint: Checkpoint | None = None

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
        making = sorted(making, key=lambda due: registry.spec(job.kind).variants.index(due.variant))[:1]
    staging = store.new_staging_path(owner)
    limits = registry.spec(job.kind).limits
    checkpoint = None
    if limits.checkpoints and making:
        recipe = making[0].wanted
        checkpoint = Checkpoint(recipe=recipe, age=store.checkpoint_age(job.content_uuid, recipe))
    task = ExecutionTask(
        kind=job.kind,
        variants=tuple(due.variant for due in making),
        mime=job.mime,
        sources=job.sources,
        settings=_task_settings(making, max_pixels, budget),
        texts={kind: store.absolute(rel_path) for kind, rel_path in job.texts.items()},
        staging=staging,
        share=budget.share,
        checkpoint=store.checkpoint(job.content_uuid, checkpoint.recipe) if checkpoint else None,
    )
    return Planned(
        job=PlannedJob(job=job, adopted=adopted, making=making, staging=staging, checkpoint=checkpoint),
        task=task,
        lane=job.kind,
        priority=job.priority,
        cost=_typical_seconds(registry.spec(job.kind)) if cost_s is None else cost_s,
        deadline_s=limits.deadline_s + limits.deadline_s_per_mib * job.size / MIB,
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
