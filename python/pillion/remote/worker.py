"""A worker without a mount: fetches the sources of jobs that a server lends, makes them here, and uploads the results.

The engine, the pool and the sandbox are those of a library. Three threads beside: one claims jobs and fetches their
sources while others are made, one renews the leases, and the engine's own hands results back. Nothing is kept when it
ends: what was lent goes back to the queue.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs

from pillion import _core
from pillion.catalog.queue import ClaimedJob, Due
from pillion.errors import ErrorClass, ItemError, WorkersNotStartingError
from pillion.job import ALL, FULL_BUDGET
from pillion.kinds import registry
from pillion.kinds.execute import Execution, ExecutionTask, allowance, for_jobs
from pillion.machine import at_work, interrupts_end, this_owner
from pillion.model import NEVER_SAMPLED, PDF_PASSWORDS, Empty, Failure, SidecarKind
from pillion.pool.pool import SetAside, WorkerPool
from pillion.pool.sandbox import Mode, Policy
from pillion.queue.checkpoints import FOLDER, Checkpoint, Checkpoints
from pillion.queue.commit import PlannedJob, believed, result_of
from pillion.queue.engine import Engine, Planned, Result
from pillion.queue.estimate import lane_workers, worker_count
from pillion.queue.work import confined_pool
from pillion.remote.protocol import DeskError, Failed, Lent, Lied, Made, Over, Returned, Source
from pillion.remote.server import Server, ServerAway
from pillion.scratch import scratch
from pillion.settings.config import Config
from pillion.store import LocalStore, staged_path

_logger = logging.getLogger(__name__)

_RENEW_S = 5.0
_CARRY_S = 5.0
"""How often it is looked whether a long job has come further."""
_AWAY_S = 2.0
"""Between two tries to reach a server that is away."""
_PATIENCE_S = 600.0
"""A server that is away for longer ends a run that does not stay."""
_HOLD_S = 60.0
"""For so long no jobs are asked for of a kind for which this machine lacks a tool."""


@dataclass(slots=True)
class Report:
    """What a run made: kind -> jobs recorded. ``notices``: kind, or ``*`` -> what it could not do, and why."""

    made: Counter[SidecarKind] = field(default_factory=Counter)
    failed: Counter[SidecarKind] = field(default_factory=Counter)
    notices: dict[str, str] = field(default_factory=dict)


class LentJobs:
    """The engine's JobSource for what a server lends. ``scratch``: the folder for sources and staging."""

    def __init__(
        self, server: Server, store: LocalStore, owner: str, *, depth: int, stay: bool, report: Report
    ) -> None:
        self._server = server
        self._store = store
        self._owner = owner
        self._depth = depth
        self._stay = stay
        self.report = report
        self._sources = store.root / "sources"
        self._sources.mkdir(mode=0o700)
        self._checkpoints = Checkpoints(store.staging / FOLDER)
        self._checkpoints.folder.mkdir(mode=0o700)
        self._keeps: dict[int, tuple[str, Checkpoint]] = {}
        """Jobs whose checkpoints are carried: job -> its claim, and what of it the server has."""
        self._carrying = threading.Lock()
        self._lock = threading.Condition()
        self._ready: dict[str, deque[Planned[PlannedJob]]] = {}
        self._held: dict[int, Path] = {}
        """All that was lent and is not back: job -> the folder of its source."""
        self._fetching = 0
        self._lost: set[int] = set()
        self._without: dict[str, float] = {}
        self._over = False
        self._nothing_left = False
        self._stopping = threading.Event()
        self.failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    # threads ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a session, and to fetch. Raises DeskError, ServerAway (without ``stay``: with it, it is waited for)."""
        while True:
            try:
                self._server.open()
                break
            except ServerAway:
                if not self._stay or self._stopping.wait(_AWAY_S):
                    raise
        for name, loop in (("fetch", self._fill), ("renew", self._renew), ("carry", self._carry)):
            thread = threading.Thread(target=self._guarded, args=(loop,), name=f"pillion-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def halt(self) -> None:
        """Claim and wait for nothing more."""
        self._stopping.set()

    def stop(self) -> None:
        """End the session; what was lent goes back."""
        self._stopping.set()
        with self._lock:
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(30)
        with suppress(DeskError, ServerAway):
            self._server.leave()

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self.failure = error
            self._nothing_left = True

    def _fill(self) -> None:
        """Claim jobs and fetch their sources, a few ahead of those that are made."""
        away_since: float | None = None
        while not self._stopping.is_set():
            with self._lock:
                room = self._depth - len(self._held)
                if room <= 0:
                    self._lock.wait(1.0)
                    continue
                self._fetching = 1
            try:
                claimed = self._server.claim(min(room, 64), self._held_back())
                away_since = None
                for position, lent in enumerate(claimed.jobs):
                    with self._lock:
                        self._fetching = len(claimed.jobs) - position
                    self._fetch(lent)
            except Over:
                self._begin_again()
                continue
            except ServerAway as error:
                away_since = away_since or time.monotonic()
                self.report.notices["*"] = str(error)
                if not self._stay and time.monotonic() - away_since > _PATIENCE_S:
                    raise
                self._stopping.wait(_AWAY_S)
                continue
            finally:
                with self._lock:
                    self._fetching = 0
            self.report.notices.pop("*", None)
            if claimed.jobs:
                self._nothing_left = False
                continue
            # Where a tool is missing for the rest, a run that does not stay has done what it can.
            self._nothing_left = claimed.again_s is None or bool(self._without)
            self._stopping.wait(min(claimed.again_s or 1.0, 2.0))

    def _held_back(self) -> list[str]:
        now = time.monotonic()
        self._without = {kind: until for kind, until in self._without.items() if until > now}
        return sorted(self._without)

    def _begin_again(self) -> None:
        """The server was started anew, or did not hear of this worker: nothing that it lent counts any more."""
        with self._lock:
            self._lost.update(self._held)
            for waiting in self._ready.values():
                for planned in waiting:
                    self._forget(planned.job.job.id)
            self._ready.clear()
        try:
            self._server.open()
        except ServerAway:
            self._stopping.wait(_AWAY_S)

    def _renew(self) -> None:
        while not self._stopping.wait(_RENEW_S):
            with suppress(ServerAway, Over):
                # A session that is over is begun again by the thread that claims.
                before = set(self._held)
                still = set(self._server.renew().jobs)
                with self._lock:
                    self._lost.update(before - still)

    def _carry(self) -> None:
        while not self._stopping.wait(_CARRY_S):
            for job in list(self._keeps):
                self._leave(job)

    def _leave(self, job: int) -> None:
        """Send what a job has made so far, if it has come further. If that fails, the next time will do."""
        with self._carrying, suppress(DeskError, ServerAway, OSError):
            claim, known = self._keeps.get(job, ("", None))
            if known is None or not self._checkpoints.came_further(known):
                return
            now = self._checkpoints.at(known.path)
            self._server.leave_checkpoint(job, claim, known.path.read_bytes())
            if job in self._keeps:
                self._keeps[job] = (claim, now)

    # fetching ---------------------------------------------------------------------------------------------------------

    def _fetch(self, lent: Lent) -> None:
        kind = SidecarKind(lent.kind)
        if kind not in registry.specs() or lent.content_uuid != Path(lent.content_uuid).name:
            raise Lied(f"{self._server.url} lends a job of a kind that this worker does not know: {lent.kind}.")
        folder = self._sources / f"{lent.job}-{lent.claim}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError as error:
            raise Lied(f"{self._server.url} lends a job twice with one claim.") from error
        source = folder / f"{lent.content_uuid}{lent.source.suffix}"
        texts = {SidecarKind(name): folder / f"{number}.sidecar" for number, name in enumerate(lent.texts)}
        with self._lock:
            self._held[lent.job] = folder
        try:
            for text, about in lent.texts.items():
                # One that the server cannot read any more is not there, as it would not be for a worker beside it.
                if about.size:
                    self._get(lent, texts[SidecarKind(text)], about.size, about.hash, NEVER_SAMPLED, text)
            if lent.checkpoint is not None:
                self._get_checkpoint(lent, lent.checkpoint)
            if not texts:
                self._get(lent, source, lent.source.size, lent.source.hash, lent.sample_above)
        except DeskError as error:
            # It is another's, or the file is gone, which the server has noted. If all is over, the next claim says so.
            _logger.info("%s of %s is not made here: %s", kind, lent.content_uuid, error)
            with self._lock:
                self._forget(lent.job)
            if isinstance(error, Lied):
                raise
            return
        except ItemError as error:
            with self._lock:
                self._forget(lent.job)
            if error.error_class.environment:
                self._hold(kind, error.message)
            failed = Failed(error_class=error.error_class, message=error.message)
            self._server.finish([Returned(job=lent.job, claim=lent.claim, seconds=0.0, failed=failed)])
            return
        except ServerAway:
            with self._lock:
                self._forget(lent.job)
            raise
        with self._lock:
            self._ready.setdefault(kind, deque()).append(self._planned(lent, kind, source, texts))

    def _get_checkpoint(self, lent: Lent, about: Source) -> None:
        """Fetch what an earlier try has made so far. One that is not what was said counts as none."""
        data = self._server.checkpoint(lent.job, lent.claim)
        if (len(data), _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash) == (about.size, about.hash):
            self._checkpoint_of(lent).write_bytes(data)

    def _checkpoint_of(self, lent: Lent) -> Path:
        return self._checkpoints.folder / f"{lent.job}-{lent.claim}.json"

    def _get(
        self, lent: Lent, to: Path, size: int, digest: str | None, sample_above: int, kind: str | None = None
    ) -> None:
        if size > shutil.disk_usage(to.parent).free:
            raise ItemError(ErrorClass.DISK_FULL, "This machine has no room for its file.")
        for _ in range(2):
            self._server.download(lent.job, lent.claim, to, size, kind)
            if (to.exists() and _hash_of(to, sample_above) == digest) or digest is None:
                return
            to.unlink(missing_ok=True)
        raise ItemError(ErrorClass.CHANGED_SOURCE, "What came from the server is not the content that was indexed.")

    def _planned(
        self, lent: Lent, kind: SidecarKind, source: Path, texts: Mapping[SidecarKind, Path]
    ) -> Planned[PlannedJob]:
        spec = registry.specs()[kind]
        settings = {key: value for key, value in lent.settings.items() if key != PDF_PASSWORDS}
        making = tuple(
            Due(variant=variant, wanted=recipe, settings=settings, fresh=True)
            for variant, recipe in lent.recipes.items()
        )
        if texts:
            # What it is made from stands for its source, of which nothing is read: a film need not be fetched for this.
            source = next(iter(texts.values()))
        found = source.stat() if source.exists() else None
        staging = self._store.new_staging_path(self._owner)
        checkpoint = self._checkpoints.at(self._checkpoint_of(lent)) if spec.limits.carried_mib else None
        if checkpoint is not None:
            self._keeps[lent.job] = (lent.claim, checkpoint)
        job = ClaimedJob(
            id=lent.job,
            content_uuid=lent.content_uuid,
            kind=kind,
            priority=lent.priority,
            attempts=0,
            last=None,
            token=lent.claim,
            hash=lent.source.hash,
            mime=lent.mime,
            size=lent.source.size,
            sources=((os.fsencode(source), found.st_size, found.st_mtime_ns),) if found else (),
            due=making,
            variants=tuple(lent.recipes),
            texts={},
        )
        task = ExecutionTask(
            kind=kind,
            variants=tuple(lent.recipes),
            mime=lent.mime,
            sources=job.sources,
            settings=settings,
            texts=texts,
            staging=os.fsencode(staging),
            share=lent.share if lent.alone else FULL_BUDGET.share,
            checkpoint=None if checkpoint is None else checkpoint.path,
            follows=False,
        )
        return Planned(
            job=PlannedJob(job=job, adopted=(), making=making, staging=staging, checkpoint=checkpoint),
            task=task,
            lane=kind,
            priority=lent.priority,
            cost=lent.seconds,
            allowed=allowance(spec.limits, lent.source.size),
            alone=lent.alone,
        )

    def _forget(self, job: int) -> None:
        """It is back, or another's: its files go. Call it with the lock."""
        folder = self._held.pop(job, None)
        self._lost.discard(job)
        _, kept = self._keeps.pop(job, ("", None))
        if kept is not None:
            self._checkpoints.drop(kept)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._lock.notify_all()

    # the engine's side ------------------------------------------------------------------------------------------------

    def fronts(self, now: float) -> Mapping[str, int]:
        """Lane -> priority of what is fetched."""
        if self.failure is not None:
            raise self.failure
        with self._lock:
            return {lane: waiting[0].priority for lane, waiting in self._ready.items() if waiting}

    def claim(self, lane: str, limit: int, seconds: float, now: float, *, before: int) -> Sequence[Planned[PlannedJob]]:
        """Jobs whose sources are here."""
        taken: list[Planned[PlannedJob]] = []
        with self._lock:
            waiting = self._ready.get(lane, deque())
            while waiting and len(taken) < limit and waiting[0].priority < before and seconds > 0:
                planned = waiting.popleft()
                seconds -= planned.cost
                taken.append(planned)
        return taken

    def finish(self, results: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        """Upload and tell results. What is not this worker's any more is dropped.

        Raises WorkersNotStartingError without ``stay``: with it, no more is asked for for some time.
        """
        unstarted = [(planned, value) for planned, value in results if isinstance(value, WorkersNotStartingError)]
        if unstarted:
            self._finish([result for result in results if result not in unstarted])
            return self._hold_all_back(unstarted, now)
        return self._finish(results)

    def _hold_all_back(self, unstarted: Sequence[Result[PlannedJob]], now: float) -> Mapping[str, str]:
        error = unstarted[0][1]
        self.release([planned.job for planned, _ in unstarted], now)
        if isinstance(error, WorkersNotStartingError) and not self._stay:
            raise error
        for lane in registry.specs():
            self._hold(lane, str(error))
        return {ALL: str(error)}

    def _finish(self, results: Sequence[Result[PlannedJob]]) -> Mapping[str, str]:
        told: list[Returned] = []
        mine: dict[int, Planned[PlannedJob]] = {}
        for planned, value in results:
            job = planned.job.job
            if job.id not in self._lost:
                returned = self._told(planned, believed(planned.job, value, self._store))
                if returned is not None:
                    told.append(returned)
                    mine[job.id] = planned
        faults = {
            mine[one.job].lane: one.failed.message
            for one in told
            if one.failed is not None and one.failed.error_class.environment
        }
        try:
            for start in range(0, len(told), 64):
                self._tell(told[start : start + 64], mine)
        finally:
            with self._lock:
                for planned, _ in results:
                    self._store.discard(planned.job.staging, planned.job.job.variants)
                    self._forget(planned.job.job.id)
        for lane, message in faults.items():
            self._hold(lane, message)
        return faults

    def _hold(self, lane: str, message: str) -> None:
        """Ask for no jobs of a kind for some time."""
        self._without[lane] = time.monotonic() + _HOLD_S
        self.report.notices[lane] = message

    def _tell(self, told: list[Returned], mine: Mapping[int, Planned[PlannedJob]]) -> None:
        taken = self._patiently(lambda: self._server.finish(told))
        if taken is None:
            return
        kinds = {one.job: (mine[one.job].job.job.kind, one) for one in told}
        for job in taken.recorded:
            if job in kinds:
                kind, one = kinds[job]
                (self.report.failed if one.failed is not None else self.report.made)[kind] += 1
        for job, why in taken.refused.items():
            _logger.info("job %s was not taken: %s", job, why)

    def _told(self, planned: Planned[PlannedJob], value: Execution | ItemError) -> Returned | None:
        """The result with its bytes uploaded; None if it is another's by now."""
        job, result = planned.job.job, result_of(value)
        seconds = max(0.0, value.seconds) if isinstance(value, Execution) else 0.0
        if isinstance(result, Failure):
            # A try that came further than the one before counts as the first.
            self._leave(job.id)
            failed = Failed(
                error_class=result.error_class,
                message=result.message[:8000],
                stderr_tail=result.stderr_tail[-8000:],
                exit_status=result.exit_status[:200],
            )
            return Returned(job=job.id, claim=job.token, seconds=seconds, failed=failed)
        if isinstance(result, Empty):
            return Returned(job=job.id, claim=job.token, seconds=seconds, empty=result.note[:8000])
        wanted = {due.variant: due.wanted for due in planned.job.making}
        made = []
        for staged in result:
            path = staged_path(planned.job.staging, staged.variant)
            if self._patiently(partial(self._sent, job, staged.variant, path)) is None:
                return None
            made.append(
                Made(
                    variant=staged.variant,
                    format=staged.format,
                    size=staged.size,
                    checksum=staged.checksum,
                    recipe=wanted[staged.variant],
                )
            )
        return Returned(job=job.id, claim=job.token, seconds=seconds, made=made)

    def _sent(self, job: ClaimedJob, variant: str, path: Path) -> bool:
        self._server.upload(job.id, job.token, variant, path)
        return True

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """What the server answers, when it is back; None if what it lent is over by then."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return ask()
            except Over:
                return None
            except ServerAway as error:
                self.report.notices["*"] = str(error)
                if self._stopping.is_set() or time.monotonic() > until:
                    return None
                self._stopping.wait(_AWAY_S)

    def release(self, jobs: Sequence[PlannedJob], now: float) -> None:
        """Give jobs back without charging a try."""
        numbers = [planned.job.id for planned in jobs]
        for job in numbers:
            self._leave(job)
        with suppress(DeskError, ServerAway):
            if numbers:
                self._server.release(numbers)
        with self._lock:
            for planned in jobs:
                self._store.discard(planned.staging, planned.job.variants)
                self._forget(planned.job.id)

    def set_aside(self, tries: Sequence[tuple[PlannedJob, SetAside]], now: float) -> None:
        """Give them back: nobody waits here."""
        self.release([planned for planned, _ in tries], now)

    def heartbeat(self, now: float) -> None:
        """Leases are renewed by a thread of their own, whatever the engine does."""

    def stopped(self, jobs: Sequence[PlannedJob]) -> Sequence[PlannedJob]:
        """Those that are another's by now, or were cancelled or paused."""
        with self._lock:
            return [planned for planned in jobs if planned.job.id in self._lost]

    def next_retry(self, now: float) -> float | None:
        """When to look again; None if nothing is left to wait for."""
        if self.failure is not None:
            raise self.failure
        with self._lock:
            idle = self._nothing_left and not self._fetching and not self._held
        return None if idle and not self._stay else now + 0.2


def _hash_of(path: Path, sample_above: int) -> str | None:
    try:
        return _core.hash_file(path, sample_above=sample_above).hash
    except ItemError:
        return None


def work(
    url: str,
    token_file: Path,
    *,
    kinds: Sequence[SidecarKind | str] | None = None,
    stay: bool = False,
    config: Config | None = None,
) -> Report:
    """Make what the server at ``url`` lends until nothing is left (``stay``: until it is stopped).

    Raises DeskError (the token, or another version), ServerAway, UsageError, SandboxError.
    """
    chosen = list(registry.parse_kinds(kinds)) if kinds is not None else []
    config = config or Config()
    server = Server(url, token_file, [str(kind) for kind in chosen])
    with scratch(Path(platformdirs.user_cache_dir("pillion", appauthor=False))) as folder:
        store, owner, report = LocalStore(folder), this_owner(), Report()
        store.create()
        size = worker_count(config)
        jobs = LentJobs(server, store, owner, depth=max(4, 2 * size), stay=stay, report=report)
        at_once = lane_workers(size, config.concurrency)
        pool = _pool(store, owner, config, size, at_once)
        limits = {kind: spec.limits for kind, spec in registry.specs().items()}
        engine = Engine(
            jobs,
            pool,
            {kind: limit.per_worker * min(size, limit.workers or size) for kind, limit in limits.items()},
            lane_workers=at_once,
            lane_seconds={kind: limit.batch_s for kind, limit in limits.items() if limit.batch_s is not None},
        )

        def end() -> None:
            jobs.halt()
            engine.stop()

        with at_work(owner), interrupts_end(end):
            try:
                jobs.start()
                engine.run(until_idle=not stay)
            finally:
                jobs.stop()
                pool.shutdown(wait=True, cancel_futures=True)
    return report


def _pool(store: LocalStore, owner: str, config: Config, size: int, at_once: Mapping[str, int]) -> WorkerPool:
    """As a library's, but its children read only what was fetched."""
    reads = tuple(map(os.fsencode, (store.root / "sources", store.staging)))
    policy = Policy(mode=Mode(config.sandbox), reads=reads, home=os.fsencode(store.staging), prefix=f"{owner}.")
    return confined_pool(
        for_jobs(policy),
        size=size,
        memory_limit=config.memory_limit,
        memory_budget=config.memory_budget,
        lane_workers=at_once,
    )
