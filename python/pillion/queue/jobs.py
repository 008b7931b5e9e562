"""A library's catalog as the engine's JobSource: claim and plan jobs, record or give back what came of them, leases."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from pillion import _core
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.queue import LEASE_S, ClaimedJob, Due
from pillion.errors import (
    CatalogUnavailableError,
    ErrorClass,
    ItemError,
    PillionError,
    StagingLostError,
    StoreError,
    UnusableError,
    WorkersNotStartingError,
)
from pillion.events import Started
from pillion.failpoints import reach
from pillion.job import (
    ALL,
    BEHIND,
    EVERY_PRIORITY,
    FULL_BUDGET,
    STEP,
    Budget,
    Place,
    budget_of,
    job_released,
    job_set_aside,
)
from pillion.kinds import registry
from pillion.kinds.execute import Execution, ExecutionTask, allowance
from pillion.kinds.spec import KindSpec
from pillion.machine import is_gone, stored_bytes
from pillion.model import PDF_PASSWORDS, Allowance, Failure, PictureHashes, SidecarKind
from pillion.pool.pool import SetAside
from pillion.pool.sandbox import Policy
from pillion.queue.checkpoints import Checkpoints
from pillion.queue.claims import Claims
from pillion.queue.commit import (
    DISK_FULL_NOTICE,
    Adopted,
    PlannedJob,
    Recorded,
    Recorder,
    failure_in,
    wait_until_usable,
    without_place,
)
from pillion.queue.engine import Planned, Result
from pillion.queue.estimate import Estimates, Eta, longest_usual
from pillion.queue.gates import OPEN, Gate, Gates
from pillion.queue.lacking import LackingTools
from pillion.queue.offline import OfflineLocations
from pillion.queue.slow import SlowTypes
from pillion.settings.config import Config
from pillion.store import Store

_logger = logging.getLogger(__name__)

_OFFLINE_WAIT_S = 2.0
"""How long a run waits at its start to see whether an offline Location is back: a dead file system may never answer."""


class Confined(Protocol):
    """What the workers may read, where they are of this machine (work.py)."""

    def policy(self) -> Policy:
        """What they may use now."""
        ...

    def let_read(self, sources: Iterable[bytes]) -> None:
        """Let them read these files as well."""
        ...

    def follows(self, sources: Iterable[bytes]) -> bool:
        """Whether one of these files may be a link."""
        ...

    def refused(self, failed: Iterable[tuple[ClaimedJob, Failure]]) -> set[int]:
        """The ids of those jobs whose files only they could not read; they are let read them now."""
        ...


P = ParamSpec("P")
R = TypeVar("R")

_TRIES = 3
"""Each waits as long as a restart of the database may take (catalog/postgresql.py)."""


def _outlasts(method: Callable[Concatenate[CatalogJobs, P], R]) -> Callable[Concatenate[CatalogJobs, P], R]:
    """A method that runs again where the database went away amid it. It must be right to run it twice."""

    def call(self: CatalogJobs, /, *args: P.args, **named: P.kwargs) -> R:
        for left in reversed(range(_TRIES)):
            try:
                return method(self, *args, **named)
            except CatalogUnavailableError as error:
                if not left:
                    raise
                self.went_away += 1
                _logger.warning("%s Tried again.", error)
        raise AssertionError("unreachable")

    return call


class CatalogJobs:
    """The engine's JobSource for a library's catalog. It works on ``kinds`` only.

    ``reread`` is called once a second; settings that it returns are given to ``use``.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        recorder: Recorder,
        *,
        owner: str,
        kinds: Sequence[SidecarKind],
        max_pixels: int,
        gates: Gates,
        estimates: Estimates,
        eta: Eta,
        checkpoints: Checkpoints,
        passwords: str | None = None,
        reread: Callable[[], Config | None] = lambda: None,
        use: Callable[[Config], None] = lambda config: None,
        confinement: Confined | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._recorder = recorder
        self._owner = owner
        self._kinds = tuple(kinds)
        self.max_pixels = max_pixels
        self.passwords = passwords
        self._reread = reread
        self._use = use
        self._confinement = confinement
        self._gates = gates
        self._estimates = estimates
        self._eta = eta
        self._checkpoints = checkpoints
        self._leases = Leases(database, owner)
        self.went_away = 0
        """How often the database went away amid a transaction."""
        self._unwritten: list[ClaimedJob] = []
        self._doubtful: list[str] = []
        """Tokens of claims that may have been committed as the database went away."""
        self._slow = SlowTypes()
        self._offline_wait_s = _OFFLINE_WAIT_S
        self._all_open: Mapping[SidecarKind, Gate] = dict.fromkeys(self._kinds, OPEN)
        self._seen: Mapping[SidecarKind, Gate] = self._all_open

    def _look(self, connection: sa.Connection, now: float) -> Mapping[SidecarKind, Gate]:
        """The gate of each kind. Where nothing is held back, the gates are not asked."""
        self._gates.held = catalog_queue.has_gates(connection)
        if self._gates.watching or self._gates.held:
            return self._gates.look(connection, self._kinds, now)
        return self._all_open

    @cached_property
    def _offline(self) -> OfflineLocations:
        return OfflineLocations(self._database)

    @cached_property
    def _claims(self) -> Claims:
        policy = self._confinement.policy if self._confinement is not None else lambda: None
        return Claims(self._store, self._owner, policy)

    @cached_property
    def _lacking(self) -> LackingTools:
        return LackingTools(self._database, self._gates)

    def _look_at_offline(self) -> None:
        """See whether Locations that were offline are back, at first with some patience: no job was claimed yet."""
        wait_s, self._offline_wait_s = self._offline_wait_s, 0.0
        with self._full_disk_holds():
            with self._database.read() as connection:
                gated = catalog_queue.has_gates(connection)
            if gated:
                self._offline.look(wait_s)

    @_outlasts
    def fronts(self, now: float) -> Mapping[str, int]:
        """Kind -> priority of its most urgent job; for a kind that a fault holds back only when it is time to try."""
        with self._database.read() as connection:
            self._seen = self._look(connection, now)
            asked = {kind: gate.closed or () for kind, gate in self._seen.items() if gate.limit != 0}
            return catalog_queue.fronts(connection, asked, now)

    def claim(
        self, lane: str, limit: int, seconds: float, now: float, *, before: int = EVERY_PRIORITY
    ) -> Sequence[Planned[PlannedJob]]:
        """Claim and plan jobs, and record at once those whose files are there already. None while the disk is full."""
        kind = SidecarKind(lane)
        most = min(limit, self._estimates.fitting(kind, seconds))
        if self._gates.watching:
            most = self._gates.at_most(lane, most)
        claimed = self._claim(kind, most, seconds, now, before)
        if not claimed:
            return []
        try:
            return self._planned_of(lane, claimed, now)
        except CatalogUnavailableError as error:
            _logger.warning("%s The jobs that were claimed go back to the queue.", error)
            self._unwritten.extend(job for job, _ in claimed)
            self.release((), now)
            return []

    def _planned_of(
        self, lane: str, claimed: Sequence[tuple[ClaimedJob, float]], now: float
    ) -> Sequence[Planned[PlannedJob]]:
        if self._gates.watching:
            self._gates.tries(lane)
        reach("work.claimed")
        try:
            return self._planned(claimed, now)
        except StoreError as error:
            # Nothing can be read or recorded until it is back.
            self.release([self._unplanned(job).job for job, _ in claimed], now)
            self._gates.failed(ALL, ErrorClass.MISSING_TOOL, str(error))
            return []

    def _planned(self, claimed: Sequence[tuple[ClaimedJob, float]], now: float) -> Sequence[Planned[PlannedJob]]:
        stagings = [self._store.new_staging_path(self._owner) for _ in claimed]
        unusable: dict[str, str] = {}
        listed = self._store.listed([job.content_uuid for job, _ in claimed], unusable)
        if self._confinement is not None:
            # A Location may have come since they started.
            self._confinement.let_read([path for job, _ in claimed for path, _, _ in job.sources])
        planned: list[Planned[PlannedJob]] = []
        there: list[Result[PlannedJob]] = []
        for (job, cost), staging in zip(claimed, stagings, strict=True):
            try:
                if job.content_uuid in unusable:
                    raise wait_until_usable(unusable[job.content_uuid])
                one = self._plan(job, staging, listed=job.content_uuid in listed, cost_s=cost)
            except UnusableError as error:
                there.append((self._unplanned(job), wait_until_usable(str(error))))
            except ItemError as error:
                there.append((self._unplanned(job), error))
            except StoreError:
                raise
            except Exception as error:
                there.append((self._unplanned(job), _senseless(error)))
            else:
                if one.job.making:
                    planned.append(one)
                else:
                    there.append((one, Execution.of(())))
        if there:
            self.finish(there, now)
        return planned

    def _without_unread(self, results: Sequence[Result[PlannedJob]], now: float) -> Sequence[Result[PlannedJob]]:
        """Give back the jobs whose files only the workers cannot read, or are in a Location that is offline."""
        failed = [(planned.job.job, found) for planned, value in results if (found := failure_in(value)) is not None]
        back = self._confinement.refused(failed) if self._confinement is not None else set()
        back |= self._offline.waiting([(job, failure) for job, failure in failed if job.id not in back], now)
        self.release([planned.job for planned, _ in results if planned.job.job.id in back], now)
        return [result for result in results if result[0].job.job.id not in back]

    def _claim(
        self, kind: SidecarKind, limit: int, seconds: float, now: float, before: int
    ) -> Sequence[tuple[ClaimedJob, float]]:
        """The jobs with their estimated seconds."""
        if limit == 0:
            return ()
        token = uuid.uuid4().hex
        self._doubtful.append(token)
        kept = self._claim_as(token, kind, limit, seconds, now, before)
        self._doubtful.clear()
        return kept

    @_outlasts
    def _claim_as(
        self, token: str, kind: SidecarKind, limit: int, seconds: float, now: float, before: int
    ) -> Sequence[tuple[ClaimedJob, float]]:
        with self._full_disk_holds(), self._database.share() as connection:
            if self.went_away:
                catalog_queue.void_claims(connection, self._owner, self._doubtful, now)
            claimed = catalog_queue.claim(
                connection,
                kind,
                owner=self._owner,
                token=token,
                now=now,
                limit=limit,
                before=before,
                closed=self._seen[kind].closed or (),
            )
            kept = self._estimates.within(claimed, seconds)
            surplus = [(job.id, job.token, job_released(job.attempts, job.last)) for job in claimed[len(kept) :]]
            catalog_queue.finish(connection, surplus, now)
            started = [
                Started(kind=kind, content_uuid=job.content_uuid, variants=job.variants, attempt=job.attempts + 1)
                for job, _ in kept
            ]
            append_events(connection, started, now)
            return kept
        return ()

    def finish(self, results: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        """Record results; jobs that cannot be recorded because the disk is full go back to the queue.

        So do those whose files are missing because their Location is offline. Raises PillionError where the library's
        own folder for them is gone: then none of the files is at fault.
        """
        if not self._store.staging.is_dir():
            self.release([planned.job for planned, _ in results], now)
            raise StagingLostError(f"The folder {self._store.staging} is gone: something removed it during the work.")
        try:
            return self._finish(results, now)
        except CatalogUnavailableError as error:
            # What was made and not recorded is found by the next who claims the job, as after a crash.
            _logger.warning("%s The jobs that were to be recorded go back to the queue.", error)
            self.release([planned.job for planned, _ in results], now)
            return {}

    def _finish(self, results: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        if any(failure_in(value) is not None for _, value in results):
            results = self._without_unread(results, now)
            results = [(planned, self._checked(planned.job, value)) for planned, value in results]
            unstarted = [result for result in results if isinstance(result[1], WorkersNotStartingError)]
            if unstarted:
                ended = [result for result in results if not isinstance(result[1], WorkersNotStartingError)]
                return {**self._recorded(ended, now), **self._hold_all_back(unstarted, now)}
        return self._recorded(results, now)

    def _checked(self, planned: PlannedJob, returned: Execution | ItemError) -> Execution | ItemError:
        """What came of a job; what its worker says of the machine, and of the library's files, is looked at here."""
        failure = failure_in(returned)
        if failure is not None and failure.error_class is ErrorClass.IO_TRANSIENT:
            try:
                _check_readable(planned.job, self._store)
            except UnusableError as error:
                return wait_until_usable(str(error))
        return self._claims.checked(planned, returned)

    def _hold_all_back(self, unstarted: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        """No worker process starts for these: give them back, and try none of any kind for a while."""
        notice = str(unstarted[0][1])
        self._gates.failed(ALL, ErrorClass.MISSING_TOOL, notice)
        self.release([planned.job for planned, _ in unstarted], now)
        return {ALL: notice}

    def _recorded(self, results: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        if not results:
            return {}
        recorded = self._record(results, now)
        faults = recorded.faults
        results = without_place(results, recorded.unusable) if recorded.unusable else results
        if ALL in faults:
            if faults[ALL] == DISK_FULL_NOTICE:
                self._hold_for_room()
            else:
                self._gates.failed(ALL, ErrorClass.MISSING_TOOL, faults[ALL])
            self.release([planned.job for planned, _ in results], now)
            return faults
        if self._gates.watching:
            for lane in {planned.lane for planned, _ in results} - set(faults):
                self._gates.worked(lane)
        for planned, value in results:
            if isinstance(value, Execution) and planned.job.making:
                variants = [due.variant for due in planned.job.making]
                self._estimates.learn(planned.job.job, variants, value.seconds)
                self._slow.worked_s[planned.job.job.kind, planned.job.job.mime] += value.seconds
        if self._slow.lost_s or any(planned.priority % STEP >= BEHIND for planned, _ in results):
            self._come_back(results, now)
        for lane, notice in faults.items():
            kind = SidecarKind(lane)
            self._lacking.met(kind, notice, results, now, closed=self._seen[kind].closed or ())
        return faults

    def _record(self, results: Sequence[Result[PlannedJob]], now: float) -> Recorded:
        """Record a batch. One that cannot be recorded because a row makes no sense is recorded one by one.

        So such a row fails alone, and stops nobody else.
        """
        try:
            return self._recorder.record(results, now)
        except (PillionError, OSError):
            raise
        except Exception as error:
            if len(results) > 1:
                faults: dict[str, str] = {}
                unusable: dict[str, str] = {}
                for result in results:
                    recorded = self._record([result], now)
                    faults.update(recorded.faults)
                    unusable.update(recorded.unusable)
                return Recorded(faults=faults, unusable=unusable)
            planned, value = results[0]
            if isinstance(value, ItemError):
                raise
            return self._recorder.record([(self._unplanned(planned.job.job), _senseless(error))], now)

    def release(self, jobs: Sequence[PlannedJob], now: float) -> None:
        """Give jobs back without charging a try. If that cannot be written now, each heartbeat tries again."""
        for planned in jobs:
            if self._gates.watching:
                self._gates.gave_back(planned.job.kind)
            self._store.discard(planned.staging, [due.variant for due in planned.making])
        self._unwritten.extend(planned.job for planned in jobs)
        if not self._unwritten:
            return
        try:
            reach("work.release")
            with self._database.share() as connection:
                changes = [(job.id, job.token, self._slow.given_back(job)) for job in self._unwritten]
                catalog_queue.finish(connection, changes, now)
        except PillionError:
            return
        self._unwritten.clear()

    def set_aside(self, tries: Sequence[tuple[PlannedJob, SetAside]], now: float) -> None:
        """Give back jobs that others have waited for long enough; their types go behind where these cost much.

        If that cannot be written now, they are given back as any other.
        """
        behind: dict[SidecarKind, set[str]] = {}
        for planned, tried in tries:
            job = planned.job
            _logger.info("%s of %s takes long; others go first.", job.kind, job.content_uuid)
            if self._slow.note(job, tried):
                behind.setdefault(job.kind, set()).add(job.mime)
        jobs = [planned for planned, _ in tries]
        with suppress(PillionError), self._database.write() as connection:
            changes = [(job.id, job.token, job_set_aside(job.attempts, job.last)) for job in (p.job for p in jobs)]
            catalog_queue.finish(connection, changes, now)
            for kind, mimes in behind.items():
                catalog_queue.move_types(connection, kind, mimes, Place.BEHIND, now)
        self.release(jobs, now)

    def _come_back(self, results: Sequence[Result[PlannedJob]], now: float) -> None:
        """Move types that went behind to their own place again, if one of them was as quick as it should be."""
        back: dict[SidecarKind, set[str]] = {}
        for planned, value in results:
            job = planned.job.job
            if isinstance(value, Execution) and self._slow.trust(job, value.seconds, planned.cost):
                back.setdefault(job.kind, set()).add(job.mime)
        if back:
            with suppress(PillionError), self._database.write() as connection:
                for kind, mimes in back.items():
                    catalog_queue.move_types(connection, kind, mimes, Place.SAME, now)

    @_outlasts
    def heartbeat(self, now: float) -> None:
        """Renew this process's leases, rescue the jobs of dead or silent owners, and tell how far the run is."""
        config = self._reread()
        if config is not None:
            self._use(config)
        self.release((), now)
        self._look_at_offline()
        with self._full_disk_holds():
            self._leases.renew(now)
        with self._full_disk_holds():
            if self._gates.watching:
                self._gates.tell(now)
            self._eta.tell(now)

    @contextmanager
    def _full_disk_holds(self) -> Iterator[None]:
        """A disk that is full even for the catalog holds everything back; what was to be written is left out."""
        try:
            yield
        except ItemError as error:
            if error.error_class is not ErrorClass.DISK_FULL:
                raise
            self._hold_for_room()

    def _hold_for_room(self) -> None:
        self._claims.saw_full()
        self._gates.failed(ALL, ErrorClass.DISK_FULL, DISK_FULL_NOTICE)

    @_outlasts
    def stopped(self, jobs: Sequence[PlannedJob]) -> Sequence[PlannedJob]:
        """Jobs that are paused or quiet now, that were cancelled, whose claim was lost, or that go later now."""
        claims = [(planned.job.id, planned.job.token) for planned in jobs]
        with self._database.read() as connection:
            mine = catalog_queue.still_held(connection, self._owner, claims)
            if self._gates.watching or catalog_queue.has_gates(connection):
                mine -= self._gates.held_back(connection, self._owner, self._kinds, self._database.now())
        stopped = {planned.job.id for planned in jobs if planned.job.id not in mine}
        if self._slow.behind:
            stopped |= {planned.job.id for planned in jobs if self._slow.is_early(planned.job)}
        return [planned for planned in jobs if planned.job.id in stopped]

    @_outlasts
    def next_retry(self, now: float) -> float | None:
        """When the earliest retry of a kind that is not held back is due, or when to look at a silent owner again.

        Jobs that lack a tool are not waited for. Where only such are left of a kind, it is held back from then on.
        """
        with self._database.read() as connection:
            open_ = {
                kind: gate.closed or () for kind, gate in self._look(connection, now).items() if gate.limit is None
            }
            found = [
                catalog_queue.next_retry(connection, kind, now, closed, lacking=False) for kind, closed in open_.items()
            ]
            lacking = catalog_queue.lacking_tools(connection, open_, now)
        times = [at for at in found if at is not None]
        if open_ and self._leases.silent:
            times.append(now + 1)
        if lacking and not times and self._lacking.hold_back(lacking):
            times.append(now)
        return min(times, default=None)

    def _unplanned(self, job: ClaimedJob) -> Planned[PlannedJob]:
        """A job that cannot be planned, to be recorded as failed."""
        staging = self._store.new_staging_path(self._owner)
        planned = PlannedJob(job=job, adopted=(), making=job.due, staging=staging)
        return Planned(
            job=planned, task=None, lane=job.kind, priority=job.priority, cost=0.0, allowed=Allowance(step_s=0.0)
        )

    # from a claimed job to a task -------------------------------------------------------------------------------------

    def _plan(self, job: ClaimedJob, staging: str, *, listed: bool, cost_s: float) -> Planned[PlannedJob]:
        return plan(
            job,
            self._store,
            self._checkpoints,
            staging=staging,
            max_pixels=self.max_pixels,
            listed=listed,
            cost_s=cost_s,
            patience_times=self._slow.times.get((job.kind, job.mime), 1.0),
            passwords=self.passwords,
            follows=self._confinement is None or self._confinement.follows([path for path, _, _ in job.sources]),
        )


def plan(
    job: ClaimedJob,
    store: Store,
    checkpoints: Checkpoints,
    *,
    staging: str,
    max_pixels: int,
    listed: bool = True,
    cost_s: float = 0.0,
    patience_times: float = 1.0,
    passwords: str | None = None,
    follows: bool = True,
) -> Planned[PlannedJob]:
    """Make the task of a claimed job. Files that a crash left finished but unrecorded are adopted, not made again.

    ``staging``: its own path there. ``listed``: whether the content has a manifest, which alone can name such files.
    ``cost_s``: what it may take; ``patience_times``: how much longer than usual others wait for its type.
    ``passwords``: a file of passwords for PDFs. ``follows``: a source may be a link.
    """
    spec = registry.specs()[job.kind]
    adopted = _adoptable(job, store) if listed else ()
    budget = budget_of(job.attempts, job.last) if job.attempts else FULL_BUDGET
    making = _making(job, adopted, budget, spec)
    if making and job.last is not None and job.last.error_class is ErrorClass.MISSING_TOOL:
        # What it lacked may be what it is made from, a place for what it makes, or the manifest that lists it.
        _check_readable(job, store)
        store.check_usable(store.rel_path(job.content_uuid, job.kind, making[0].variant, min(spec.formats)))
    keeps = spec.limits.checkpoints and making
    checkpoint = checkpoints.before_try(job.content_uuid, making[0].wanted) if keeps else None
    settings = making[0].settings if making else {}
    if settings is None:
        # After a reconcile, for instance; an index sets the recipe that is wanted.
        raise ItemError(ErrorClass.CHANGED_SOURCE, "The catalog does not know its recipe any more; run index again.")
    task = ExecutionTask(
        kind=job.kind,
        variants=tuple(due.variant for due in making),
        mime=job.mime,
        sources=_named_alike_first(job.sources, job.mime),
        settings={
            **settings,
            **({PDF_PASSWORDS: passwords} if passwords and job.mime == "application/pdf" else {}),
            "max_pixels": max_pixels,
            "share": budget.share,
        },
        texts={kind: store.source(job.content_uuid, rel_path) for kind, rel_path in job.texts.items()},
        staging=os.fsencode(staging),
        share=budget.share,
        checkpoint=checkpoint.path if checkpoint else None,
        follows=follows,
    )
    stored = stored_bytes(job.sources[0][0], job.size) if job.sources else job.size
    amount = stored if spec.first_guess.seconds_per_mib else len(job.variants)
    return Planned(
        job=PlannedJob(job=job, adopted=adopted, making=making, staging=staging, checkpoint=checkpoint),
        task=task,
        lane=job.kind,
        priority=job.priority,
        cost=cost_s,
        allowed=allowance(spec.limits, stored),
        alone=budget.alone,
        usual_s=min(cost_s, longest_usual(job.kind, job.mime) * amount),
        size=stored,
        patience_times=patience_times,
    )


def _check_readable(job: ClaimedJob, store: Store) -> None:
    """Raise UnusableError if a sidecar that a job is made from cannot be read."""
    for rel_path in job.texts.values():
        store.check_readable(rel_path)


def _named_alike_first(sources: tuple[tuple[bytes, int, int], ...], mime: str) -> tuple[tuple[bytes, int, int], ...]:
    """The files of a content, first those whose names claim its type: where its bytes say nothing, these say it."""
    if len(sources) < 2:
        return sources
    return tuple(sorted(sources, key=lambda source: _core.claimed_type(os.path.basename(source[0])) != mime))


def _senseless(error: Exception) -> ItemError:
    return ItemError(ErrorClass.CORRUPT, f"Its row in the catalog makes no sense ({type(error).__name__}: {error}).")


def _making(job: ClaimedJob, adopted: Sequence[Adopted], budget: Budget, spec: KindSpec) -> Sequence[Due]:
    """The variants for one task: those with the same settings, or on a small budget only the smallest."""
    done = {item.due.variant for item in adopted}
    open_ = [due for due in job.due if due.variant not in done]
    making = [due for due in open_ if due.settings == open_[0].settings]
    if budget.one_variant:
        making = sorted(making, key=lambda due: _rank(due.variant, spec))[:1]
    return making


def _rank(variant: str, spec: KindSpec) -> int:
    """Variants of the user's own come last: nothing is known of their cost."""
    return spec.variants.index(variant) if variant in spec.variants else len(spec.variants)


def _adoptable(job: ClaimedJob, store: Store) -> list[Adopted]:
    fresh = [due for due in job.due if due.fresh]
    manifest = store.find_manifest(job.content_uuid) if fresh else None
    result: list[Adopted] = []
    if manifest is None:
        return result
    for due in fresh:
        entry = manifest.by_key().get((job.kind, due.variant))
        if entry and entry.recipe == due.wanted and store.is_whole(entry.rel_path, entry.size, entry.checksum):
            result.append(Adopted(due=due, entry=entry, hashes=PictureHashes.of(manifest)))
    return result


# leases ---------------------------------------------------------------------------------------------------------------


_SILENCE_S = 3.0
"""How long an owner whose lease seems to be over has to renew it: three heartbeats."""


class Leases:
    """The leases of one owner, and the rescue of jobs of owners that are gone."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self.silent: dict[tuple[str, float], float] = {}
        """(owner, deadline) of others whose leases seem to be over -> since when, on the monotonic clock."""

    def renew(self, now: float) -> None:
        """Renew this owner's leases, and queue the jobs of dead or silent owners again. Call it once a second.

        The clock may be set at any time: a job that would wait longer than any retry does runs at once.
        """
        with self._database.read() as connection:
            owners = catalog_queue.owners(connection)
            waits = catalog_queue.has_overlong_waits(connection, now)
        lost = self._lost(owners, now)
        if not lost and not waits and self._owner not in owners:
            return
        reach("work.heartbeat")
        changes_others = bool(lost or waits)
        with self._database.write() if changes_others else self._database.share() as connection:
            catalog_queue.heartbeat(connection, self._owner, now)
            for owner in lost:
                catalog_queue.rescue(connection, owner, now)
            if waits:
                catalog_queue.end_overlong_waits(connection, now)

    def _lost(self, owners: Mapping[str, float], now: float) -> list[str]:
        """Owners that are gone or silent. Silent: the lease is over, and they do not renew it.

        A clock that was set makes leases look over, or endless, that are not: whoever is there renews within a second.
        """
        others = {owner: until for owner, until in owners.items() if owner != self._owner}
        gone = [owner for owner in others if is_gone(owner)]
        latest = now + LEASE_S + _SILENCE_S
        over = {owner: until for owner, until in others.items() if not now <= until <= latest}
        seen = time.monotonic()
        self.silent = {
            (owner, until): self.silent.get((owner, until), seen) for owner, until in over.items() if owner not in gone
        }
        return gone + [owner for (owner, _), since in self.silent.items() if seen - since >= _SILENCE_S]
