"""From a claimed job to a task for a worker: its limits, its place in staging, and what is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pillion.catalog.queue import ClaimedJob, Due
from pillion.job import Budget, budget_of
from pillion.kinds.execute import ExecutionTask
from pillion.model import KIND_VARIANTS, SidecarKind, value
from pillion.queue.engine import Planned
from pillion.settings.config import Config
from pillion.store import ManifestEntry, Store

_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class KindLimits:
    """How a kind is run. Times are seconds; the deadline grows with the file's size in MiB.

    ``cost_s``: a guess, until some are measured. ``per_worker``: jobs in flight for each worker, counting those that
    wait in the pool. ``workers``: most of them at a time; 1 for a kind that uses every core by itself. ``batch_s``:
    how many seconds of work are handed to a worker at once. ``by_size``: cost goes with the size of the file.
    ``checkpoints``: its jobs keep what they have made so far for the next try.
    """

    cost_s: float
    deadline_s: float
    deadline_s_per_mib: float
    per_worker: int
    workers: int | None = None
    batch_s: float | None = None
    by_size: bool = False
    checkpoints: bool = False


KIND_LIMITS: Mapping[SidecarKind, KindLimits] = {
    SidecarKind.THUMB: KindLimits(cost_s=0.05, deadline_s=60, deadline_s_per_mib=1, per_worker=256),
    SidecarKind.OCR: KindLimits(cost_s=1.0, deadline_s=300, deadline_s_per_mib=10, per_worker=2),
    # Short clips are recognised together, which is quicker by far; a long one is alone, as it is more than a batch.
    SidecarKind.TRANSCRIPT: KindLimits(
        cost_s=10.0,
        deadline_s=600,
        deadline_s_per_mib=60,
        per_worker=64,
        workers=1,
        batch_s=15.0,
        by_size=True,
        checkpoints=True,
    ),
    SidecarKind.EMBEDDINGS: KindLimits(cost_s=0.1, deadline_s=120, deadline_s_per_mib=10, per_worker=256),
}


def worker_count(config: Config) -> int:
    """How many worker processes a library uses on this machine."""
    return config.workers or len(os.sched_getaffinity(0))


def parallel(kind: SidecarKind, workers: int, concurrency: Mapping[str, int]) -> int:
    """How many jobs of a kind really run at a time. ``concurrency``: kind -> most workers, from config.toml."""
    most = min(workers, KIND_LIMITS[kind].workers or workers, concurrency.get(kind.value, workers))
    return max(1, most)


def lane_limits(workers: int) -> dict[str, int]:
    """Kind -> most jobs in flight."""
    return {
        kind.value: limits.per_worker * min(workers, limits.workers or workers) for kind, limits in KIND_LIMITS.items()
    }


def lane_workers(workers: int, concurrency: Mapping[str, int]) -> dict[str, int]:
    """Kind -> most workers at a time, for those kinds that may not have all of them."""
    most = {kind: parallel(kind, workers, concurrency) for kind, limits in KIND_LIMITS.items()}
    return {kind.value: number for kind, number in most.items() if number < workers or kind.value in concurrency}


def lane_seconds() -> dict[str, float]:
    """Kind -> seconds of work in a batch, for those kinds that have a number of their own."""
    return {kind.value: limits.batch_s for kind, limits in KIND_LIMITS.items() if limits.batch_s is not None}


_LEARNING = 0.1
"""How much one job counts, beside all before it."""

_CHEAPEST_S = 0.0001

_GUESSES = (("video/", 4e-7), ("audio/wav", 2e-6), ("audio/x-wav", 2e-6), ("audio/flac", 2e-6), ("", 8e-6))
"""Start of a type -> seconds of work for a byte of sound or film, until some are measured."""


class Costs:
    """How many seconds of a worker a job takes, as learned from those that ended."""

    def __init__(self) -> None:
        self._seconds = {kind: limits.cost_s for kind, limits in KIND_LIMITS.items()}
        self._rates: dict[str, float] = {}

    def of(self, job: ClaimedJob) -> float:
        """Seconds."""
        if not KIND_LIMITS[job.kind].by_size:
            return self._seconds[job.kind]
        return self._rate(job.mime) * job.size

    def fitting(self, kind: SidecarKind, seconds: float) -> int:
        """How many jobs of a kind that costs the same for each are about so many seconds of work; at least one."""
        limits = KIND_LIMITS[kind]
        if limits.by_size:
            return limits.per_worker
        return max(1, int(seconds / max(self._seconds[kind], _CHEAPEST_S)))

    def within(self, jobs: Sequence[ClaimedJob], seconds: float) -> Sequence[ClaimedJob]:
        """The first of these jobs, of one kind, that are about so many seconds of work together; at least one."""
        if not jobs or not KIND_LIMITS[jobs[0].kind].by_size:
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
        if KIND_LIMITS[job.kind].by_size:
            rate = self._rate(job.mime)
            self._rates[job.mime] = rate + (seconds / max(job.size, 1) - rate) * _LEARNING

    def _rate(self, mime: str) -> float:
        guess = next(rate for start, rate in _GUESSES if mime.startswith(start))
        return self._rates.get(mime, guess)


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
        making = sorted(making, key=lambda due: KIND_VARIANTS[job.kind].index(due.variant))[:1]
    staging = store.new_staging_path(owner)
    limits = KIND_LIMITS[job.kind]
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
