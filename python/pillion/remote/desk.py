"""Lends the jobs of a library to workers on other machines, and takes back what they made.

A session of a worker is an owner of jobs like any process of this machine, with a source of jobs of its own: the same
claims, leases, gates and records. It lives as long as it is heard of. Nothing that a worker says names a path: it names
a job of its own by number and claim, and a variant of that job; where its bytes are staged is computed here. They must
have the size, the checksum and the recipe, and a sandboxed child must find that they are a whole sidecar of their kind
and variant. Then they are recorded in the transaction in which the claim is looked at again (queue/commit.py).
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.errors import ErrorClass, ItemError
from pillion.job import ALL
from pillion.kinds import registry
from pillion.kinds.execute import Execution, ExecutionTask, Staged
from pillion.kinds.spec import MIB
from pillion.machine import at_work, this_owner
from pillion.model import NEVER_SAMPLED, Empty, Failure, SidecarKind
from pillion.peers.checking import Check, Checker
from pillion.pool.sandbox import Mode
from pillion.queue.checkpoints import FOLDER, Checkpoints
from pillion.queue.commit import PlannedJob, Recorder
from pillion.queue.engine import Planned
from pillion.queue.estimate import Estimates, Eta
from pillion.queue.gates import Gates
from pillion.queue.jobs import CatalogJobs
from pillion.remote.protocol import (
    MOST_HELD,
    MOST_JOBS,
    PROTOCOL,
    SESSION_S,
    Claimed,
    DeskError,
    Held,
    Lent,
    Lied,
    Made,
    Opened,
    Over,
    Returned,
    Source,
    Taken,
)
from pillion.settings.config import Config
from pillion.store import PRIVATE, Store, staged_path

_logger = logging.getLogger(__name__)

_MOST_SESSIONS = 200
_MOST_OF_ONE = 50
"""Sessions of one token, which machines may share: the others are for others."""
_BATCH_S = 60.0
"""Seconds of work in one claim: on the other machine it waits for a worker, with its lease renewed."""

_AGAIN_S = 2.0


@dataclass(slots=True)
class _Session:
    """One worker. ``jobs``: what it was lent and has not brought back; ``told``: those whose results are looked at."""

    who: str
    owner: str
    kinds: tuple[SidecarKind, ...]
    source: CatalogJobs
    checkpoints: Checkpoints
    alive: ExitStack
    seen: float
    jobs: dict[int, Planned[PlannedJob]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Desk:
    """The sessions of the workers of one library. ``config``: its settings as they are now. All methods may be called
    from any thread. ``who``: the name of the token with which a worker asks; a session answers to no other."""

    def __init__(self, database: Database, store: Store, config: Callable[[], Config]) -> None:
        self._database = database
        self._store = store
        self._config = config
        self._sessions: dict[str, _Session] = {}
        self._barred: dict[str, str] = {}
        self._carried: dict[Path, str] = {}
        """Checkpoints -> the tokens with which they came."""
        self._lock = threading.Lock()
        self._checker: Checker | None = None
        self._checking = threading.Lock()

    # sessions ---------------------------------------------------------------------------------------------------------

    def open(self, who: str, kinds: Sequence[str], protocol: str) -> Opened:
        """Begin a session for some kinds. Raises DeskError: another version, no such kind, or one who lied before."""
        if protocol != PROTOCOL:
            raise DeskError(409, f"The worker speaks {protocol[:40]!r}, and this server {PROTOCOL!r}: use one version.")
        if who in self._barred:
            raise DeskError(403, f"This worker is left out: {self._barred[who]} Revoke its token, and look at it.")
        known = registry.parse_kinds(kinds) if kinds else registry.names()
        chosen = tuple(kind for kind in known if registry.spec(kind).given is not None)
        self._end_silent()
        with self._lock:
            if len(self._sessions) >= _MOST_SESSIONS:
                raise DeskError(503, f"There are {_MOST_SESSIONS} workers already; come again.")
            if sum(one.who == who for one in self._sessions.values()) >= _MOST_OF_ONE:
                raise DeskError(503, f"{_MOST_OF_ONE} workers have this token already; come again.")
            session = secrets.token_hex(16)
            self._sessions[session] = self._new(who, chosen)
        _logger.info("a worker with the token %r begins: %s", who, ", ".join(chosen))
        return Opened(session=session, protocol=PROTOCOL)

    def _new(self, who: str, kinds: tuple[SidecarKind, ...]) -> _Session:
        config, owner = self._config(), this_owner()
        alive = ExitStack()
        alive.enter_context(at_work(owner))
        checkpoints = Checkpoints(self._store.staging / FOLDER)
        recorder = Recorder(self._database, self._store, checkpoints, owner)
        estimates = Estimates()
        ended: Counter[SidecarKind] = recorder.jobs_ended
        source = CatalogJobs(
            self._database,
            self._store,
            recorder,
            owner=owner,
            kinds=kinds,
            max_pixels=config.max_pixels,
            gates=Gates(self._database, config, self._store.staging, config.has_hours),
            estimates=estimates,
            eta=Eta(self._database, estimates, kinds, 1, ended, config.concurrency),
            checkpoints=checkpoints,
        )
        return _Session(who, owner, kinds, source, checkpoints, alive, time.monotonic())

    def _find(self, who: str, session: str) -> _Session:
        self._end_silent()
        with self._lock:
            found = self._sessions.get(session)
        if found is None or found.who != who:
            raise Over("This session")
        found.seen = time.monotonic()
        return found

    def _end_silent(self) -> None:
        now = time.monotonic()
        with self._lock:
            silent = [key for key, one in self._sessions.items() if now - one.seen > SESSION_S]
        for session in silent:
            self._end(session, "it was not heard of any more")

    def _end(self, session: str, why: str) -> None:
        """Give back what it has; nothing that it sends is taken any more."""
        with self._lock:
            found = self._sessions.pop(session, None)
        if found is None:
            return
        with found.lock:
            found.source.release([planned.job for planned in found.jobs.values()], self._database.now())
            found.jobs.clear()
            found.alive.close()
            self._store.sweep(found.owner)
        _logger.info("a worker with the token %r ended: %s", found.who, why)

    def leave(self, who: str, session: str) -> None:
        """End a session in order."""
        self._find(who, session)
        self._end(session, "it left")

    def close(self) -> None:
        """End all."""
        for session in list(self._sessions):
            self._end(session, "the server ends")
        with self._checking:
            if self._checker is not None:
                self._checker.__exit__(None, None, None)
                self._checker = None

    # lending ----------------------------------------------------------------------------------------------------------

    def claim(self, who: str, session: str, limit: int, without: Sequence[str]) -> Claimed:
        """Lend up to ``limit`` jobs, most urgent first, but of no kind in ``without``. Raises DeskError."""
        found, now = self._find(who, session), self._database.now()
        lent: list[Lent] = []
        with found.lock:
            fronts = {kind: front for kind, front in found.source.fronts(now).items() if kind not in without}
            for kind in sorted(fronts, key=fronts.__getitem__):
                left = min(limit, MOST_JOBS, MOST_HELD - len(found.jobs) + len(lent)) - len(lent)
                if left <= 0:
                    break
                for planned in found.source.claim(kind, left, _BATCH_S, now):
                    found.jobs[planned.job.job.id] = planned
                    lent.append(self._lent(planned))
            again = found.source.next_retry(now)
        waits = lent or again is not None
        return Claimed(jobs=lent, again_s=min(max((again or now) - now, _AGAIN_S), 60.0) if waits else None)

    def _lent(self, planned: Planned[PlannedJob]) -> Lent:
        job, making = planned.job.job, planned.job.making
        task: ExecutionTask = planned.task
        name = os.path.splitext(os.fsdecode(job.sources[0][0]))[1] if job.sources else ""
        suffix = name if len(name) <= 11 and name[1:].isalnum() and name.isascii() else ""
        texts = {str(kind): Source(size=len(data), hash=_hash(data)) for kind, data in self._texts(task).items()}
        return Lent(
            job=job.id,
            claim=job.token,
            kind=job.kind,
            content_uuid=job.content_uuid,
            mime=job.mime,
            source=Source(size=job.size, hash=job.hash, suffix=suffix),
            sample_above=self._config().sample_above,
            recipes={due.variant: due.wanted for due in making},
            settings=dict(task.settings),
            texts=texts,
            priority=planned.priority,
            seconds=planned.cost,
            share=task.share,
            alone=planned.alone,
            checkpoint=None if (kept := _kept(planned)) is None else Source(size=len(kept), hash=_hash(kept)),
        )

    @staticmethod
    def _texts(task: ExecutionTask) -> Mapping[SidecarKind, bytes]:
        found = {}
        for kind, path in task.texts.items():
            try:
                found[kind] = path.read_bytes()
            except OSError:
                # The worker is told by its absence, as one here would be.
                found[kind] = b""
        return found

    def renew(self, who: str, session: str) -> Held:
        """Renew the leases; which jobs are still to be made."""
        found, now = self._find(who, session), self._database.now()
        with found.lock:
            found.source.heartbeat(now)
            stopped = {job.job.id for job in found.source.stopped([one.job for one in found.jobs.values()])}
            for job in stopped & set(found.jobs):
                found.source.release([found.jobs.pop(job).job], now)
            return Held(jobs=sorted(found.jobs))

    def release(self, who: str, session: str, jobs: Sequence[int]) -> None:
        """Take jobs back that were not made; no try is charged."""
        found = self._find(who, session)
        with found.lock:
            back = [found.jobs.pop(job).job for job in jobs if job in found.jobs]
            found.source.release(back, self._database.now())

    def lent(self, who: str, session: str, job: int, claim: str) -> str:
        """The content of a job that this worker has. Raises Over."""
        return self._planned(self._find(who, session), job, claim).job.job.content_uuid

    def text(self, who: str, session: str, job: int, claim: str, kind: str) -> bytes:
        """The sidecar of this kind that a job is made from. Raises Over, DeskError."""
        planned = self._planned(self._find(who, session), job, claim)
        data = self._texts(planned.task).get(SidecarKind(kind))
        if data is None:
            raise DeskError(404, "The job is not made from such a sidecar.")
        return data

    def checkpoint(self, who: str, session: str, job: int, claim: str) -> bytes:
        """What an earlier try of a job has made so far. Raises Over, DeskError."""
        data = _kept(self._planned(self._find(who, session), job, claim))
        if data is None:
            raise DeskError(404, "The job has no checkpoint.")
        return data

    def _planned(self, found: _Session, job: int, claim: str) -> Planned[PlannedJob]:
        planned = found.jobs.get(job)
        if planned is None or not secrets.compare_digest(planned.job.job.token, claim):
            raise Over("The claim of this job")
        return planned

    # taking back ------------------------------------------------------------------------------------------------------

    def upload(self, who: str, session: str, job: int, claim: str, variant: str) -> tuple[Path, int]:
        """Where the bytes of a variant are to be written, and how many at most. Raises Over, Lied."""
        found = self._find(who, session)
        planned = self._planned(found, job, claim)
        if variant not in {due.variant for due in planned.job.making}:
            raise Lied("The job has no such variant.")
        self._still_held(found, job, claim)
        part = staged_path(planned.job.staging, f"{variant}.part-{secrets.token_hex(4)}")
        return part, int(registry.spec(planned.job.job.kind).limits.written_mib * MIB)

    def upload_checkpoint(self, who: str, session: str, job: int, claim: str) -> tuple[Path, int]:
        """Where a checkpoint of a job is to be written, and how many bytes at most. Raises Over, DeskError."""
        found = self._find(who, session)
        planned = self._planned(found, job, claim)
        if not _carries(planned):
            raise DeskError(404, "The job keeps no checkpoint.")
        self._still_held(found, job, claim)
        part = staged_path(planned.job.staging, f"checkpoint.part-{secrets.token_hex(4)}")
        return part, _most_kept(planned)

    def uploaded_checkpoint(self, who: str, session: str, job: int, claim: str, part: Path) -> None:
        """All bytes of it are at ``part``. The next try goes on from it, whoever makes it, in a confined child that
        reads it as it would read any file. Raises Over."""
        found = self._find(who, session)
        try:
            with found.lock:
                planned = self._planned(found, job, claim)
                if job in found.told or planned.job.checkpoint is None:
                    raise Over("The claim of this job")
                path = planned.job.checkpoint.path
                path.parent.mkdir(mode=PRIVATE, exist_ok=True)
                os.replace(part, path)
                self._carried[path] = who
        finally:
            part.unlink(missing_ok=True)
        _logger.info("the worker with the token %r has left a checkpoint of %s", who, planned.job.job.content_uuid)

    def _still_held(self, found: _Session, job: int, claim: str) -> None:
        with self._database.read() as connection:
            if not catalog_queue.still_held(connection, found.owner, [(job, claim)]):
                raise Over("The claim of this job")

    def uploaded(self, who: str, session: str, job: int, claim: str, variant: str, part: Path) -> None:
        """All bytes are at ``part``, which :meth:`upload` gave. Raises Over, also once the job's result was told."""
        found = self._find(who, session)
        try:
            with found.lock:
                planned = self._planned(found, job, claim)
                if job in found.told:
                    raise Over("The claim of this job")
                os.replace(part, staged_path(planned.job.staging, variant))
        finally:
            part.unlink(missing_ok=True)

    def finish(self, who: str, session: str, results: Sequence[Returned]) -> Taken:
        """Record results. Raises Over, and Lied for one that cannot be true: then this worker is left out."""
        found = self._find(who, session)
        ended, refused = self._to_be_looked_at(found, results)
        try:
            done = self._executions(ended)
            return Taken(recorded=self._record(found, done), refused=refused)
        except Lied as error:
            self._bar(who, error)
            self._end(session, "it lied")
            raise
        finally:
            with found.lock:
                found.told.difference_update(planned.job.job.id for planned, _ in ended)

    def _to_be_looked_at(
        self, found: _Session, results: Sequence[Returned]
    ) -> tuple[list[tuple[Planned[PlannedJob], Returned]], dict[str, str]]:
        """Results of jobs that it holds, whose bytes it cannot change from now on; and why not the others."""
        ended: list[tuple[Planned[PlannedJob], Returned]] = []
        refused: dict[str, str] = {}
        with self._database.read() as connection:
            held = catalog_queue.still_held(connection, found.owner, [(one.job, one.claim) for one in results])
        with found.lock:
            for one in results:
                planned = found.jobs.get(one.job)
                if one.job not in held or planned is None or planned.job.job.token != one.claim:
                    refused[str(one.job)] = "The claim is over; another makes it."
                elif one.job in found.told:
                    refused[str(one.job)] = "It was told already."
                else:
                    found.told.add(one.job)
                    ended.append((planned, one))
        return ended, refused

    def _record(self, found: _Session, done: Sequence[tuple[Planned[PlannedJob], Execution]]) -> list[int]:
        now = self._database.now()
        with found.lock:
            mine = [(planned, value) for planned, value in done if planned.job.job.id in found.jobs]
            for planned, _ in mine:
                del found.jobs[planned.job.job.id]
            found.source.release([planned.job for planned, value in mine if _is_of_machine(value)], now)
            results = [(planned, value) for planned, value in mine if not _is_of_machine(value)]
            faults = found.source.finish(results, now) if results else {}
        if ALL in faults:
            # They were given back, and will be lent again.
            raise DeskError(503, faults[ALL])
        return [planned.job.job.id for planned, _ in results]

    def missing(self, who: str, session: str, job: int, claim: str) -> None:
        """No file of a job's content is there as it was indexed, as this side sees: the job ends so."""
        found = self._find(who, session)
        planned = self._planned(found, job, claim)
        with found.lock:
            if found.jobs.pop(job, None) is not None:
                error = ItemError(ErrorClass.MISSING_SOURCE, "No file with this content is there as it was indexed.")
                found.source.finish([(planned, error)], self._database.now())

    def _bar(self, who: str, error: Lied) -> None:
        _logger.warning("the worker with the token %r is left out from now on: %s", who, error)
        self._barred[who] = str(error)
        for path in [path for path, by in self._carried.items() if by == who]:
            # Nobody goes on from what it has left.
            del self._carried[path]
            path.unlink(missing_ok=True)

    def _executions(
        self, ended: Sequence[tuple[Planned[PlannedJob], Returned]]
    ) -> list[tuple[Planned[PlannedJob], Execution]]:
        """What workers say, if it can be true; the bytes are looked at in sandboxed children. Raises Lied."""
        checks: list[tuple[Check, int]] = []
        for planned, one in ended:
            self._compare(planned, one)
            settings: dict[str, Any] = {due.variant: due.settings for due in planned.job.making}
            for made in one.made or ():
                path = staged_path(planned.job.staging, made.variant)
                table = json.loads(json.dumps(settings[made.variant] or {}))
                checks.append((Check(path=path, kind=planned.lane, variant=made.variant, settings=table), made.size))
        found = iter(self._checked(checks))
        return [
            (planned, _execution(planned.job, one, [(made, next(found)) for made in one.made or ()]))
            for planned, one in ended
        ]

    def _compare(self, planned: Planned[PlannedJob], one: Returned) -> None:
        if one.made is None:
            return
        wanted = {due.variant: due.wanted for due in planned.job.making}
        if sorted(made.variant for made in one.made) != sorted(wanted):
            raise Lied("It says it made other variants than the job has.")
        for made in one.made:
            if made.recipe != wanted[made.variant]:
                raise Lied(f"It made {planned.lane} {made.variant} by another recipe than the one that is wanted.")
            if not self._store.secure(planned.job.staging, made.variant, made.size, made.checksum):
                raise Lied(f"The bytes of {planned.lane} {made.variant} have not the size and the checksum it says.")

    def _checked(self, checks: Sequence[tuple[Check, int]]) -> list[Any]:
        if not checks:
            return []
        with self._checking:
            if self._checker is None:
                self._checker = Checker(self._store.staging, Mode(self._config().sandbox))
            return list(self._checker.check(checks))


def _execution(planned: PlannedJob, one: Returned, made: Sequence[tuple[Made, Any]]) -> Execution:
    # Estimates and patience are learnt from it: it cannot have taken longer than the job was lent.
    seconds = min(one.seconds, time.monotonic() - planned.since)
    if one.failed is not None:
        failed = one.failed
        of_its_copy = failed.error_class in (ErrorClass.MISSING_SOURCE, ErrorClass.CHANGED_SOURCE)
        failure = Failure(
            error_class=ErrorClass.IO_TRANSIENT if of_its_copy else failed.error_class,
            message=failed.message,
            stderr_tail=failed.stderr_tail,
            exit_status=failed.exit_status,
        )
        return Execution(failure=failure, seconds=seconds)
    if one.empty is not None:
        return Execution(empty=Empty(note=one.empty), seconds=seconds)
    staged = []
    for said, checked in made:
        if isinstance(checked, ItemError):
            raise Lied(f"What it sent as {said.variant} is no such sidecar: {checked.message}")
        if checked.format is not said.format:
            raise Lied(f"What it sent as {said.variant} is not {said.format.value}.")
        staged.append(
            Staged(
                variant=said.variant,
                format=checked.format,
                size=said.size,
                checksum=said.checksum,
                mark=checked.mark,
                thumbhash=checked.thumbhash,
                likeness=checked.likeness,
            )
        )
    return Execution(staged=tuple(staged), seconds=seconds)


def _carries(planned: Planned[PlannedJob]) -> bool:
    """Whether a checkpoint of this job goes to other machines."""
    return planned.job.checkpoint is not None and _most_kept(planned) > 0


def _most_kept(planned: Planned[PlannedJob]) -> int:
    return registry.spec(planned.job.job.kind).limits.carried_bytes


def _kept(planned: Planned[PlannedJob]) -> bytes | None:
    """The checkpoint of a job, if it has one that may go to another machine."""
    if planned.job.checkpoint is None or not _carries(planned):
        return None
    try:
        with planned.job.checkpoint.path.open("rb") as file:
            data = file.read(_most_kept(planned) + 1)
    except OSError:
        return None
    return data if 0 < len(data) <= _most_kept(planned) else None


def _is_of_machine(value: Execution) -> bool:
    """Whether the other machine is at fault: it lacks a tool, or room."""
    return value.failure is not None and value.failure.error_class.environment


def _hash(data: bytes) -> str:
    return _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash
