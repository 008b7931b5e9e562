"""Requests of users to the queue: its state, cancelling jobs, moving a job to the front."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.gates import EVERY_LOCATION, Closed, list_holds, may_run, where_closed
from pillion.catalog.queue import change_jobs, front, next_retry
from pillion.catalog.sidecars import ASKED, mark_cancelled
from pillion.catalog.tables import DUE, jobs, sidecars
from pillion.job import JobState, Urgency, is_on_demand, job_cancelled, priority_of
from pillion.kinds import registry
from pillion.model import SidecarKind, SidecarStatus


def cancel(
    connection: sa.Connection, kinds: Collection[SidecarKind], content_uuids: sa.Select[str] | None, now: float
) -> int:
    """Cancel jobs of these kinds (and of these contents), even running ones; returns how many sidecars.

    A running job is stopped by its worker, which notices that its claim is gone. Jobs that wait for a cancelled job are
    cancelled too. Ready sidecars stay and are served.
    """
    mine = [jobs.c.kind.in_(list(kinds))]
    if content_uuids is not None:
        mine.append(jobs.c.content_uuid.in_(content_uuids))
    change_jobs(connection, job_cancelled(), now, *mine)
    waiting = jobs.c.state == JobState.WAITING.value
    source = jobs.alias("source")
    for kind, spec in registry.specs().items():
        if spec.sources:
            cancelled = sa.and_(source.c.kind.in_(spec.sources), source.c.state == JobState.CANCELLED.value)
            gone = sa.select(source.c.content_uuid).where(cancelled)
            change_jobs(connection, job_cancelled(), now, waiting, jobs.c.kind == kind, jobs.c.content_uuid.in_(gone))
    return mark_cancelled(connection, now)


def uncancel(connection: sa.Connection, kind: SidecarKind, content_uuids: Sequence[str] | None, now: float) -> int:
    """Make cancelled sidecars due again, because somebody asks for them; returns how many.

    Call :func:`~pillion.catalog.queueing.queue_due` afterwards to queue their jobs.
    """
    job = sa.exists().where(
        jobs.c.content_uuid == sidecars.c.content_uuid,
        jobs.c.kind == sidecars.c.kind,
        jobs.c.state == JobState.CANCELLED.value,
    )
    mine = [sidecars.c.kind == kind]
    if content_uuids is not None:
        mine.append(sidecars.c.content_uuid.in_(content_uuids))
    served = sa.and_(sidecars.c.status == SidecarStatus.READY.value, DUE, job)
    asked = sa.update(sidecars).where(*mine, served, sidecars.c.recipe != ASKED).values(recipe=ASKED, updated_at=now)
    cancelled = sa.and_(*mine, sidecars.c.status == SidecarStatus.CANCELLED.value)
    pending = (
        sa.update(sidecars).where(cancelled).values(status=SidecarStatus.PENDING.value, recipe=None, updated_at=now)
    )
    return connection.execute(asked).rowcount + connection.execute(pending).rowcount


_UNDER_WAY = (JobState.QUEUED, JobState.WAITING, JobState.RUNNING)


def is_in_front(connection: sa.Connection, content_uuid: str, kind: SidecarKind) -> bool:
    """Whether a job runs or is queued ahead of others already: then there is nothing to ask for again."""
    query = sa.select(jobs.c.state, jobs.c.priority).where(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)
    row = connection.execute(query).first()
    if row is None:
        return False
    return row.state in _UNDER_WAY and is_on_demand(row.priority)


def raise_to_front(connection: sa.Connection, content_uuid: str, kind: SidecarKind, now: float) -> None:
    """Move a job to the front of the queue, without a wait, because somebody is waiting for it.

    One that runs keeps its claim; if it is given back, it is at the front.
    """
    job = sa.and_(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)
    under_way = jobs.c.state.in_([state.value for state in _UNDER_WAY])
    values = {"priority": priority_of(Urgency.ON_DEMAND, registry.rank(kind)), "not_before": 0.0, "updated_at": now}
    connection.execute(sa.update(jobs).where(job, under_way).values(**values))


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRow:
    """One job. Times are seconds since 1970; ``not_before``: a queued one is not begun before."""

    id: int
    content_uuid: str
    kind: SidecarKind
    state: JobState
    priority: int
    attempts: int
    not_before: float
    error_class: str | None
    error_message: str | None
    created_at: float
    updated_at: float


def list_jobs(
    connection: sa.Connection,
    *,
    states: Collection[JobState] = (),
    kind: SidecarKind | None = None,
    after: int = 0,
    limit: int,
) -> list[JobRow]:
    """Jobs with greater ids than ``after``, in order of these; the arguments select some of them."""
    query = sa.select(*(jobs.c[name] for name in JobRow.__slots__)).where(jobs.c.id > after)
    if states:
        query = query.where(jobs.c.state.in_([state.value for state in states]))
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    rows = connection.execute(query.order_by(jobs.c.id).limit(limit))
    return [JobRow(**{**row._mapping, "kind": SidecarKind(row.kind), "state": JobState(row.state)}) for row in rows]


def waiting_since(connection: sa.Connection) -> dict[SidecarKind, float]:
    """Kind -> when the job was queued that has waited longest, in seconds since 1970."""
    queued = jobs.c.state == JobState.QUEUED.value
    query = sa.select(jobs.c.kind, sa.func.min(jobs.c.updated_at)).where(queued).group_by(jobs.c.kind)
    return {SidecarKind(kind): at for kind, at in connection.execute(query)}


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    """The queue of one kind. ``counts``: jobs in each state; ``next_at``: when the next retry is due.

    ``front``: the priority of the most urgent job that can be claimed now. Queued jobs that a pause or a fault of the
    machine holds back are counted as PAUSED.
    """

    counts: Mapping[JobState, int]
    front: int | None
    next_at: float | None


def queue_states(connection: sa.Connection, now: float) -> dict[SidecarKind, QueueState]:
    """The queue of each kind."""
    counts: dict[SidecarKind, dict[JobState, int]] = {}
    query = sa.select(jobs.c.kind, jobs.c.state, sa.func.count()).group_by(jobs.c.kind, jobs.c.state)
    for kind, state, number in connection.execute(query):
        counts.setdefault(SidecarKind(kind), {})[JobState(state)] = number
    held = {hold.kind for hold in list_holds(connection)}
    closed = where_closed(connection, counts)
    states = {}
    for kind, by_state in counts.items():
        queued = by_state.get(JobState.QUEUED, 0)
        paused = queued if held & {None, kind} else _count_paused(connection, kind, closed[kind], queued)
        if paused:
            by_state.update({JobState.QUEUED: queued - paused, JobState.PAUSED: paused})
        where = closed[kind]
        states[kind] = QueueState(
            counts=by_state,
            front=None if where is EVERY_LOCATION else front(connection, kind, now, where),
            next_at=None if where is EVERY_LOCATION else next_retry(connection, kind, now, where),
        )
    return states


def _count_paused(connection: sa.Connection, kind: SidecarKind, closed: Closed, queued: int) -> int:
    if closed is EVERY_LOCATION:
        return queued
    if not closed:
        return 0
    mine = sa.and_(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind)
    return connection.execute(sa.select(sa.func.count()).where(mine, ~may_run(closed))).scalar_one()
