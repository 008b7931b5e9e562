"""Record what workers made: final files, manifests and catalog rows, in batches, by this process only.

The order that makes promise 2 hold: staged bytes and manifests are synced, then renamed (manifests first), then the
renames are synced, and only then the catalog says "ready". What a crash in between leaves, the next run adopts.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache

import sqlalchemy as sa

from pillion import _core
from pillion.catalog import outcomes as catalog_outcomes
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.failures import FailedTry
from pillion.catalog.outcomes import Ends, Measured, SidecarOutcome
from pillion.catalog.queue import ClaimedJob, Due
from pillion.errors import (
    ErrorClass,
    FileLacksToolError,
    ItemError,
    StoreConflictError,
    StoreRefusedError,
    StoreUnavailableError,
    UnusableError,
    says_full,
)
from pillion.events import Event, Failed, Ready
from pillion.failpoints import reach
from pillion.job import JobChange, JobState, job_done, job_failed_once, job_held_back, job_released
from pillion.kinds import registry
from pillion.kinds.execute import Execution, Staged
from pillion.manifest import Manifest, ManifestEntry
from pillion.model import (
    Empty,
    Failure,
    MediaClass,
    PictureHashes,
    SidecarKind,
    SidecarStatus,
    failure_of,
    value,
)
from pillion.queue.checkpoints import Checkpoint, Checkpoints
from pillion.queue.engine import Result
from pillion.store import Placement, Store, described, staged_path

_logger = logging.getLogger(__name__)

DISK_FULL_NOTICE = "The disk that holds the library is full; free some space, and work goes on. Nothing is lost."


_MOST_CONFLICTS = 5
"""So often a batch is begun again because another machine has changed a manifest meanwhile."""


_MOST_FURTHER = 100
"""Tries that count as the first because they came further: whether they did is what a worker has written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """A variant whose file is there already, complete and made with the wanted recipe: it only has to be recorded."""

    due: Due
    entry: ManifestEntry
    hashes: PictureHashes


@value
class PlannedJob:
    """A claimed job, what of it is there already, and the variants that its task makes."""

    job: ClaimedJob
    adopted: Sequence[Adopted]
    making: Sequence[Due]
    staging: str
    checkpoint: Checkpoint | None = None
    since: float = field(default_factory=time.monotonic)
    """When it was planned, on the monotonic clock."""

    @property
    def open(self) -> Sequence[Due]:
        """The variants that the job still has to make, in this task or a later one."""
        adopted = [item.due for item in self.adopted]
        return [due for due in self.job.due if due not in adopted]


@dataclass(slots=True)
class _Batch:
    """All that one call writes, collected before anything is written."""

    ends: Ends = field(default_factory=Ends)
    placements: list[Placement] = field(default_factory=list)
    listed: dict[str, list[ManifestEntry]] = field(default_factory=dict)
    about: dict[str, ClaimedJob] = field(default_factory=dict)
    dropped: list[tuple[ClaimedJob, SidecarKind, str]] = field(default_factory=list)
    """Variants that were ready, and of which there is nothing any more: their files go."""
    sources_ended: list[tuple[ClaimedJob, SidecarStatus, Failure | None]] = field(default_factory=list)
    """Jobs that others may wait for, and that ended without anything."""
    faults: dict[str, str] = field(default_factory=dict)
    leftovers: list[PlannedJob] = field(default_factory=list)
    """Jobs that may have left files in staging: they failed, or their claim was lost."""
    over: list[Checkpoint] = field(default_factory=list)
    """Checkpoints that are not needed any more."""

    def saw(self, content_uuid: str, hashes: PictureHashes) -> None:
        """Take over what of these hashes is known."""
        before = self.ends.hashes.get(content_uuid)
        if hashes == before or (hashes.thumbhash is None and hashes.likeness is None):
            return
        self.ends.hashes[content_uuid] = hashes if before is None else hashes.or_of(before)


@value
class Recorded:
    """What came of a batch.

    ``faults``: a notice for each lane (or "*") that a fault of the machine holds back; ``unusable``: the contents whose
    folders cannot be used, with why: their jobs wait.
    """

    faults: Mapping[str, str]
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Recorder:
    """Records results for one library, and counts them.

    ``counts``: (kind, status) -> sidecars; ``jobs_ended``: kind -> jobs that are done or failed for good.
    """

    database: Database
    store: Store
    checkpoints: Checkpoints
    owner: str
    counts: Counter[tuple[SidecarKind, SidecarStatus]] = field(default_factory=Counter)
    jobs_ended: Counter[SidecarKind] = field(default_factory=Counter)
    _further: Counter[tuple[SidecarKind, str]] = field(default_factory=Counter)
    """(kind, content_uuid) -> tries that came further than the one before."""

    def record(self, results: Sequence[Result[PlannedJob]], now: float) -> Recorded:
        """Write a batch."""
        for _ in range(_MOST_CONFLICTS):
            # What another machine has changed amid this is read again; nothing of this batch was recorded.
            with suppress(StoreConflictError):
                return self._record(results, now)
        return self._record(results, now)

    def _record(self, results: Sequence[Result[PlannedJob]], now: float) -> Recorded:
        try:
            reach("record.begin")
            # It reads all that was made, for which nobody has to wait.
            results = [(planned, believed(planned.job, returned, self.store)) for planned, returned in results]
            with self.store.sent_ahead(*self._new_files(results)), self.database.share() as connection:
                jobs = [planned.job.job for planned, _ in results]
                held = catalog_queue.keep(connection, self.owner, [(j.id, j.token, j.content_uuid) for j in jobs])
                batch = self._collected(connection, results, held, now)
                unusable = self._place(batch)
                if unusable:
                    # What was made of the others is in place.
                    results = without_place(results, unusable)
                    batch = self._collected(connection, results, held, now)
                reach("record.placed")
                changes = {job: change for job, _, change in batch.ends.changes}
                ours = [(planned.job, returned) for planned, returned in results if planned.job.job.id in changes]
                batch.ends.measured = measured([(job, made) for job, made in ours if isinstance(made, Execution)])
                catalog_outcomes.end_jobs(connection, batch.ends, now)
                self._end_waiting(connection, batch, now)
                told = (_event(job, returned, changes[job.job.id]) for job, returned in ours)
                append_events(connection, [event for event in told if event is not None], now)
                reach("record.written")
        except (OSError, ItemError) as error:
            if not says_full(error):
                raise
            return Recorded(faults={"*": DISK_FULL_NOTICE})
        except (StoreUnavailableError, StoreRefusedError) as error:
            return Recorded(faults={"*": str(error)})
        if len(held) < len(results):
            _logger.warning("%d results are not recorded: others have claimed their jobs", len(results) - len(held))
        _log(results, batch)
        self.counts.update((outcome.kind, outcome.status) for outcome in batch.ends.outcomes)
        self.jobs_ended.update(kind for kind, _ in batch.ends.ended)
        for planned in batch.leftovers:
            self.store.discard(planned.staging, [due.variant for due in planned.making])
        for checkpoint in batch.over:
            self.checkpoints.drop(checkpoint)
        return Recorded(faults=batch.faults, unusable=unusable)

    def _new_files(self, results: Sequence[Result[PlannedJob]]) -> tuple[list[Placement], set[str]]:
        """The files that were made where there were none, and the contents that they are of; of jobs that are still
        held. None of a store where they need not be sent.
        """
        if not self.store.sends_ahead:
            return [], set()
        with self.database.read() as connection:
            jobs = [planned.job.job for planned, _ in results]
            held = catalog_queue.still_held(connection, self.owner, [(job.id, job.token) for job in jobs])
        files: list[Placement] = []
        uuids: set[str] = set()
        for planned, returned in results:
            job, made = planned.job.job, result_of(returned)
            if job.id not in held or isinstance(made, (Failure, Empty)):
                continue
            fresh = {due.variant for due in planned.job.making if due.fresh}
            uuids.add(job.content_uuid)
            for staged in made:
                if staged.variant in fresh:
                    rel_path = self.store.rel_path(job.content_uuid, job.kind, staged.variant, staged.format)
                    files.append(Placement(staged=staged_path(planned.job.staging, staged.variant), rel_path=rel_path))
        return files, uuids

    def _collected(
        self, connection: sa.Connection, results: Sequence[Result[PlannedJob]], held: set[int], now: float
    ) -> _Batch:
        """What these results come to; nothing is written. What was made from an empty text goes with it."""
        batch = self._collect(results, held, now)
        self._drop_with_source(connection, batch)
        return batch

    def _collect(self, results: Sequence[Result[PlannedJob]], held: set[int], now: float) -> _Batch:
        batch = _Batch()
        for planned, returned in results:
            is_held = planned.job.job.id in held
            if is_held:
                self._collect_one(batch, planned.job, returned, now)
            if not is_held or isinstance(result_of(returned), Failure):
                batch.leftovers.append(planned.job)
        return batch

    def _collect_one(self, batch: _Batch, planned: PlannedJob, returned: Execution | ItemError, now: float) -> None:
        job = planned.job
        for adopted in planned.adopted:
            entry = adopted.entry
            self._ready(batch, job, entry)
            batch.saw(job.content_uuid, adopted.hashes)
        result = result_of(returned)
        if isinstance(result, Failure):
            change = self._failed(batch, planned, result, now, of_file=isinstance(returned, FileLacksToolError))
        else:
            change = job_done(job.attempts)
            if isinstance(result, Empty):
                self._ended(batch, job, planned.making, SidecarStatus.EMPTY, None, result.note)
            else:
                self._made(batch, planned, result)
            if len(planned.adopted) + len(planned.making) < len(job.due):
                change = job_released(job.attempts, job.last)
        batch.ends.changes.append((job.id, job.token, change))
        if change.state not in (JobState.DONE, JobState.FAILED):
            return
        batch.ends.ended.append((job.kind, job.content_uuid))
        if planned.checkpoint is not None:
            batch.over.append(planned.checkpoint)
        if registry.dependents_of(job.kind):
            status = SidecarStatus.EMPTY if isinstance(result, Empty) else SidecarStatus.READY
            failure = result if isinstance(result, Failure) else None
            if failure is None and status is SidecarStatus.READY:
                batch.ends.ready.append((job.content_uuid, job.kind))
            else:
                batch.sources_ended.append((job, _status_of(failure) if failure else status, failure))

    def _failed(self, batch: _Batch, planned: PlannedJob, failure: Failure, now: float, *, of_file: bool) -> JobChange:
        """``of_file``: what is missing is needed by this file, and says nothing of others of its type."""
        job = planned.job
        if failure.error_class.environment:
            lane = "*" if failure.error_class is ErrorClass.DISK_FULL else job.kind
            batch.faults[lane] = DISK_FULL_NOTICE if lane == "*" else failure.message
            if failure.error_class is ErrorClass.MISSING_TOOL:
                return job_held_back(job.attempts, failure, now, goes_last=of_file)
            return job_released(job.attempts, job.last)
        # A try that came further than the one before met something new: it counts as the first.
        change = job_failed_once(0 if self._came_further(planned) else job.attempts, failure, now)
        ended = planned.open if change.state is JobState.FAILED else planned.making
        batch.ends.tried.extend(_tried(job, due, failure, due in planned.making) for due in ended)
        if change.state is JobState.FAILED:
            self._ended(batch, job, ended, _status_of(failure), failure, failure.message)
        return change

    def _came_further(self, planned: PlannedJob) -> bool:
        if planned.checkpoint is None or not self.checkpoints.came_further(planned.checkpoint):
            return False
        key = planned.job.kind, planned.job.content_uuid
        self._further[key] += 1
        return self._further[key] <= _MOST_FURTHER

    def _ended(
        self,
        batch: _Batch,
        job: ClaimedJob,
        ended: Sequence[Due],
        status: SidecarStatus,
        failure: Failure | None,
        message: str,
    ) -> None:
        for due in ended:
            batch.ends.outcomes.append(
                SidecarOutcome(
                    content_uuid=job.content_uuid,
                    kind=job.kind,
                    variant=due.variant,
                    status=status,
                    recipe=due.wanted,
                    error_class=failure.error_class.value if failure else None,
                    error_message=message,
                )
            )
            if failure is None and not due.fresh:
                batch.dropped.append((job, job.kind, due.variant))

    def _made(self, batch: _Batch, planned: PlannedJob, result: Sequence[Staged]) -> None:
        job = planned.job
        wanted = {due.variant: due.wanted for due in planned.making}
        for staged in result:
            rel_path = self.store.rel_path(job.content_uuid, job.kind, staged.variant, staged.format)
            batch.placements.append(Placement(staged=staged_path(planned.staging, staged.variant), rel_path=rel_path))
            entry = ManifestEntry(
                kind=job.kind,
                variant=staged.variant,
                format=staged.format,
                rel_path=rel_path,
                size=staged.size,
                checksum=staged.checksum,
                recipe=wanted[staged.variant],
                mark=staged.mark,
                own=registry.is_own(job.kind, staged.variant),
            )
            batch.saw(job.content_uuid, PictureHashes(thumbhash=staged.thumbhash, likeness=staged.likeness))
            batch.listed.setdefault(job.content_uuid, []).append(entry)
            batch.about[job.content_uuid] = job
            self._ready(batch, job, entry)

    def _ready(self, batch: _Batch, job: ClaimedJob, entry: ManifestEntry) -> None:
        batch.ends.outcomes.append(ready_outcome(job.content_uuid, entry))

    def _drop_with_source(self, connection: sa.Connection, batch: _Batch) -> None:
        """What was made from a text that turned out to be empty goes with it."""
        empty = {job.content_uuid: job for job, status, _ in batch.sources_ended if status is SidecarStatus.EMPTY}
        if empty:
            dropped = catalog_outcomes.ready_and_waiting(connection, list(empty))
            batch.dropped.extend((empty[uuid], kind, variant) for uuid, kind, variant in dropped)

    def _place(self, batch: _Batch) -> dict[str, str]:
        """Manifests first: then a file in place is always listed, and after a crash nothing is made again.

        A manifest may list what is not there yet; whoever reads it compares the checksum. Returns the contents whose
        folders cannot be used, with why.
        """
        unusable: dict[str, str] = {}
        dropped: dict[str, list[tuple[SidecarKind, str]]] = {}
        for job, kind, variant in batch.dropped:
            dropped.setdefault(job.content_uuid, []).append((kind, variant))
            batch.about[job.content_uuid] = job
        manifests = []
        stale: list[tuple[str, str]] = []
        there = self.store.listed(list(batch.about), unusable)
        for uuid, job in batch.about.items():
            before = self._manifest(uuid, unusable) if uuid in there else None
            if uuid in unusable:
                continue
            if before is None and uuid not in batch.listed:
                # Nothing was there to be dropped: a manifest of nothing would be a stray file.
                continue
            listed = before.by_key() if before else {}
            for key in dropped.get(uuid, ()):
                if key in listed:
                    stale.append((uuid, listed.pop(key).rel_path))
            for entry in batch.listed.get(uuid, ()):
                replaced = listed.get((entry.kind, entry.variant))
                if replaced is not None and replaced.rel_path != entry.rel_path:
                    stale.append((uuid, replaced.rel_path))
            listed.update({(entry.kind, entry.variant): entry for entry in batch.listed.get(uuid, ())})
            hashes = batch.ends.hashes.get(uuid, PictureHashes())
            hashes = hashes if before is None else hashes.or_of(before)
            if listed:
                about = described(job.hash, job.size, job.mime, hashes)
                manifests.append(self.store.stage_manifest(self.owner, uuid, about, list(listed.values())))
            else:
                stale.append((uuid, self.store.manifest_rel_path(uuid)))
        if not manifests and not stale:
            return unusable
        self.store.sync()
        self.store.place(manifests, unusable)
        self.store.place(batch.placements, unusable)
        for uuid, rel_path in stale:
            if uuid not in unusable:
                self._remove(uuid, rel_path, unusable)
        self.store.sync()
        return unusable

    def _remove(self, content_uuid: str, rel_path: str, unusable: dict[str, str]) -> None:
        try:
            self.store.remove(rel_path)
        except OSError as error:
            unusable[content_uuid] = str(self.store.unusable(rel_path, error))

    def _manifest(self, content_uuid: str, unusable: dict[str, str]) -> Manifest | None:
        try:
            return self.store.find_manifest(content_uuid)
        except UnusableError as error:
            unusable[content_uuid] = str(error)
            return None

    def _end_waiting(self, connection: sa.Connection, batch: _Batch, now: float) -> None:
        for job, status, failure in batch.sources_ended:
            for kind in registry.dependents_of(job.kind):
                number = catalog_outcomes.finish_waiting(connection, job.content_uuid, kind, status, failure, now)
                self.counts[kind, status] += number
                self.jobs_ended[kind] += bool(number)


def without_place(results: Sequence[Result[PlannedJob]], unusable: Mapping[str, str]) -> Sequence[Result[PlannedJob]]:
    """The same results, where those of contents whose folders are unusable, with why, :func:`wait_until_usable`."""
    return [
        (planned, wait_until_usable(why) if why is not None and failure_in(returned) is None else returned)
        for planned, returned in results
        for why in [unusable.get(planned.job.job.content_uuid)]
    ]


def wait_until_usable(why: str) -> ItemError:
    """The outcome of a job that needs a folder or a file of the library which cannot be used.

    A fault of the machine that concerns this content alone: it waits until that can be used.
    """
    return FileLacksToolError(ErrorClass.MISSING_TOOL, why)


def result_of(returned: Execution | ItemError) -> Sequence[Staged] | Empty | Failure:
    """What came of a task."""
    if isinstance(returned, ItemError):
        return failure_of(returned)
    return returned.failure or returned.empty or returned.staged


def failure_in(returned: Execution | ItemError) -> Failure | None:
    """Why it failed, if it did."""
    result = result_of(returned)
    return result if isinstance(result, Failure) else None


def believed(planned: PlannedJob, returned: Execution | ItemError, store: Store) -> Execution | ItemError:
    """What a worker says, if it can be true; else the crash that it amounts to. Sentences are cut to what they need.

    A file may have taken the worker over. What it says of the machine is compared before (:mod:`pillion.queue.claims`).
    """
    if isinstance(returned, ItemError):
        return returned
    # No try took longer than it is since its job was claimed: the estimates, and so others, go by what it says.
    longest = max(0.0, time.monotonic() - planned.since)
    if returned.seconds > longest:
        returned = replace(returned, seconds=longest)
    if returned.failure is not None:
        return replace(returned, failure=_brief(returned.failure))
    if returned.empty is not None:
        return replace(returned, empty=replace(returned.empty, note=_storable(returned.empty.note)))
    named = [staged.variant for staged in returned.staged]
    if sorted(named) != sorted(due.variant for due in planned.making):
        return ItemError(ErrorClass.CRASH, "Its worker process reported other variants than were asked for.")
    made = returned.staged
    known = registry.specs()[planned.job.kind].formats
    if any(item.format not in known for item in made):
        return ItemError(ErrorClass.CRASH, f"Its worker process reported a format that no {planned.job.kind} has.")
    if not all(store.secure(planned.staging, item.variant, item.size, item.checksum) for item in made):
        return ItemError(ErrorClass.CRASH, "Its worker process reported a file that it did not write.")
    return returned


_LONGEST = 4000
"""Characters of a message, and of the end of what an engine printed: the catalog keeps them for each failure."""


def _brief(failure: Failure) -> Failure:
    texts = (failure.message, failure.stderr_tail, failure.exit_status)
    message, stderr_tail, exit_status = map(_storable, texts)
    return replace(failure, message=message, stderr_tail=stderr_tail, exit_status=exit_status)


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL."""
    return text[:_LONGEST].replace("\0", "")


def _log(results: Sequence[Result[PlannedJob]], batch: _Batch) -> None:
    """One line for each try, failed ones as warnings. Names are quoted, as they may hold anything."""
    for lane, notice in batch.faults.items():
        _logger.warning("%s is held back: %s", "all work" if lane == "*" else lane, notice)
    if not _logger.isEnabledFor(logging.WARNING):
        return
    for planned, returned in results:
        job = planned.job.job
        name = repr(os.fsdecode(job.sources[0][0])) if job.sources else job.content_uuid
        result = result_of(returned)
        if isinstance(result, Failure):
            _logger.warning("%s of %s failed: %s: %s", job.kind, name, result.error_class, result.message)
            _logger.debug("%s of %s: %s %s", job.kind, name, result.exit_status, result.stderr_tail)
        elif isinstance(returned, Execution):
            what = result.note if isinstance(result, Empty) else ", ".join(staged.variant for staged in result)
            _logger.info("%s of %s made in %.2f s: %s", job.kind, name, returned.seconds, what or "nothing new")


def ready_outcome(content_uuid: str, entry: ManifestEntry) -> SidecarOutcome:
    """A manifest's entry as the catalog's ready row."""
    return SidecarOutcome(
        content_uuid=content_uuid,
        kind=entry.kind,
        variant=entry.variant,
        status=SidecarStatus.READY,
        recipe=entry.recipe,
        format=entry.format,
        rel_path=entry.rel_path,
        size=entry.size,
        checksum=entry.checksum,
        mark=entry.mark,
    )


def _tried(job: ClaimedJob, due: Due, failure: Failure, itself: bool) -> FailedTry:
    """The line for the ledger; a variant that was left out of a last, small try is charged no try."""
    return FailedTry(
        content_uuid=job.content_uuid,
        kind=job.kind,
        variant=due.variant,
        recipe=due.wanted,
        failure=failure,
        tries=int(itself),
    )


def _status_of(failure: Failure) -> SidecarStatus:
    return SidecarStatus.UNSUPPORTED if failure.error_class is ErrorClass.UNSUPPORTED else SidecarStatus.FAILED


# history and job events -----------------------------------------------------------------------------------------------


def measured(executions: Sequence[tuple[PlannedJob, Execution]]) -> list[Measured]:
    """Sums over the variants that workers tried to make; the seconds of one try are shared equally by its variants."""
    sums: dict[tuple[SidecarKind, str, str], list[float]] = {}
    for planned, execution in executions:
        result, job, making = result_of(execution), planned.job, planned.making
        if not making or (isinstance(result, Failure) and result.error_class.environment):
            continue
        made = {staged.variant: staged.size for staged in result} if isinstance(result, tuple) else {}
        media_class, seconds = _media_class(job.mime), execution.seconds / len(making)
        for due in making:
            total = sums.setdefault((job.kind, due.variant, media_class), [0.0, 0.0, 0.0, 0.0])
            total[0] += 1
            total[1] += seconds
            total[2] += made.get(due.variant, 0)
            total[3] += job.size
    return [
        Measured(
            kind=kind,
            variant=variant,
            media_class=MediaClass(media_class),
            number=number,
            seconds=seconds,
            bytes=size,
            source_bytes=source_bytes,
        )
        for (kind, variant, media_class), (number, seconds, size, source_bytes) in sums.items()
    ]


def _event(planned: PlannedJob, returned: Execution | ItemError, change: JobChange) -> Event | None:
    """The event of a job's end; None if it was given back because the machine, not the file, is at fault."""
    result = result_of(returned)
    if isinstance(result, Failure):
        return None if result.error_class.environment else _failed(planned, result, change)
    if isinstance(result, Empty):
        return _ended(planned, SidecarStatus.EMPTY, None, result.note, None)
    made = [(staged.variant, staged.size) for staged in result]
    made += [(item.due.variant, item.entry.size) for item in planned.adopted]
    return Ready(
        kind=planned.job.kind,
        content_uuid=planned.job.content_uuid,
        variants=tuple(variant for variant, _ in made),
        bytes=sum(size for _, size in made),
        seconds=round(returned.seconds, 4) if isinstance(returned, Execution) else 0.0,
    )


def _failed(planned: PlannedJob, failure: Failure, change: JobChange) -> Event:
    if change.state is not JobState.FAILED:
        return _ended(planned, SidecarStatus.PENDING, failure.error_class, failure.message, change.not_before)
    unsupported = failure.error_class is ErrorClass.UNSUPPORTED
    status = SidecarStatus.UNSUPPORTED if unsupported else SidecarStatus.FAILED
    return _ended(planned, status, failure.error_class, failure.message, None)


def _ended(
    planned: PlannedJob, status: SidecarStatus, error_class: ErrorClass | None, message: str, retry_at: float | None
) -> Event:
    return Failed(
        kind=planned.job.kind,
        content_uuid=planned.job.content_uuid,
        variants=tuple(due.variant for due in planned.making),
        status=status,
        error_class=error_class,
        message=message,
        retry_at=retry_at,
    )


@lru_cache(maxsize=1024)
def _media_class(mime: str) -> str:
    return _core.media_class(mime)
