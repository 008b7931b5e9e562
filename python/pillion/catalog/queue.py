"""Claiming jobs and finishing them: the queue's main way. Every finish is fenced by the claim's lease token.

The statements that touch every job are written as text (see :func:`pillion.catalog.statements.prepared`). They find
the jobs of a claim by its token, over the index of running jobs, so that no list of ids goes back and forth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.failures import FailedTry, record_failures
from pillion.catalog.gates import list_holds, may_run
from pillion.catalog.sidecars import ASKED, mark_cancelled
from pillion.catalog.statements import prepared, upsert
from pillion.catalog.tables import jobs, pauses, recipes, sidecars
from pillion.errors import ErrorClass
from pillion.events import Failed, Queued
from pillion.job import (
    LONGEST_WAIT_S,
    JobChange,
    JobState,
    Urgency,
    job_cancelled,
    job_ended_with_source,
    job_rescued,
    job_woken,
    priority_of,
)
from pillion.kinds import registry
from pillion.model import Failure, SidecarKind, SidecarStatus, value

LEASE_S = 30.0
"""A claim not renewed for this long belongs to nobody."""

EVERY_PRIORITY = 1_000_000
"""More than any job's."""


@value
class Due:
    """One variant of a claimed job. ``fresh``: nothing is recorded for it yet, as against a sidecar to be replaced."""

    variant: str
    wanted: str
    settings: Mapping[str, object]
    fresh: bool


@value
class ClaimedJob:
    """A job that this process runs now. ``sources``: (absolute path, size, mtime_ns) of its files, best first.

    ``last``: how the try before this one ended, if it failed and another was left.
    """

    id: int
    content_uuid: str
    kind: SidecarKind
    priority: int
    attempts: int
    last: Failure | None
    token: str
    hash: str | None
    mime: str
    size: int
    sources: tuple[tuple[bytes, int, int], ...]
    due: tuple[Due, ...]
    texts: Mapping[SidecarKind, str]
    """Ready text sidecars of the same content: kind -> path relative to the library's sidecars folder."""


def claim(
    connection: sa.Connection,
    kind: SidecarKind,
    *,
    owner: str,
    token: str,
    now: float,
    limit: int,
    before: int = EVERY_PRIORITY,
    resting: Collection[int] = (),
) -> list[ClaimedJob]:
    """Take up to ``limit`` queued jobs of one kind, most urgent first, for ``owner``, until ``now + LEASE_S``.

    ``before``: only jobs whose priority is a lower number. ``token`` must be new. ``resting``: see may_run.
    """
    values = {"owner": owner, "token": token, "deadline": now + LEASE_S, "now": now, "before": before, "most": limit}
    taken = connection.execute(_claim_of(kind, tuple(sorted(resting))), values).all()
    return _load(connection, kind, owner, token, sorted(taken, key=lambda row: (row[0], row[1]))) if taken else []


@lru_cache(maxsize=64)
def _claim_of(kind: SidecarKind, resting: tuple[int, ...]) -> sa.UpdateBase:
    """The claim of a kind as one statement. Building it anew costs as much as a few jobs."""
    now = sa.bindparam("now", type_=sa.Float)
    nxt = (
        sa.select(jobs.c.id)
        .where(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind, jobs.c.not_before <= now)
        .where(jobs.c.priority < sa.bindparam("before"), may_run(kind, resting))
        .order_by(jobs.c.priority, jobs.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    taken = ("priority", "id", "content_uuid", "attempts", "error_class", "error_message")
    return (
        sa.update(jobs)
        .where(jobs.c.id.in_(nxt))
        .values(
            state=JobState.RUNNING.value,
            updated_at=now,
            lease_owner=sa.bindparam("owner"),
            lease_token=sa.bindparam("token"),
            lease_deadline=sa.bindparam("deadline"),
        )
        .returning(*(jobs.c[name] for name in taken))
    )


_DUE = prepared(
    "SELECT jobs.id, contents.hash, contents.mime, contents.size, sidecars.variant, sidecars.wanted, sidecars.recipe"
    " FROM jobs JOIN contents ON contents.content_uuid = jobs.content_uuid"
    " LEFT JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid AND sidecars.kind = jobs.kind"
    " AND (sidecars.recipe IS NULL OR sidecars.recipe <> sidecars.wanted) AND sidecars.status <> 'cancelled'"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, sidecars.variant"
)
"""What the contents of a claim are, and which of their sidecars are due: one row for each of these."""

_SOURCES = prepared(
    "SELECT jobs.id, locations.path, entries.path, entries.size, entries.mtime_ns"
    " FROM jobs JOIN entries ON entries.content_uuid = jobs.content_uuid AND entries.removed_at IS NULL"
    " JOIN locations ON locations.id = entries.location_id"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, locations.id, entries.path"
)
"""Where the contents of a claim are found now."""

_TEXTS = prepared(
    "SELECT jobs.id, sidecars.kind, sidecars.rel_path"
    " FROM jobs JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " AND sidecars.status = 'ready' AND sidecars.kind <> jobs.kind"
)
"""The other ready sidecars of the contents of a claim."""


def _load(
    connection: sa.Connection, kind: SidecarKind, owner: str, token: str, taken: Sequence[Sequence[Any]]
) -> list[ClaimedJob]:
    mine = (owner, token)
    due: dict[int, list[Due]] = {}
    about: dict[int, tuple[str | None, str, int]] = {}
    rows = connection.exec_driver_sql(_DUE[connection.dialect.name], mine).all()
    settings = _settings(connection, {row[5] for row in rows})
    for job, digest, mime, size, variant, wanted, recipe in rows:
        about[job] = (digest, mime, size)
        if variant is not None:
            one = Due(variant=variant, wanted=wanted, settings=settings[wanted], fresh=recipe is None)
            due.setdefault(job, []).append(one)
    sources = _sources(connection, mine)
    texts = _texts(connection, mine, registry.sources_of(kind))
    result = []
    for priority, job, content_uuid, attempts, error_class, message in taken:
        digest, mime, size = about[job]
        result.append(
            ClaimedJob(
                id=job,
                content_uuid=content_uuid,
                kind=kind,
                priority=priority,
                attempts=attempts,
                last=_failure(error_class, message) if error_class else None,
                token=token,
                hash=digest,
                mime=mime,
                size=size,
                sources=tuple(sources.get(job, ())),
                due=tuple(due.get(job, ())),
                texts=texts.get(job, {}),
            )
        )
    return result


def _failure(error_class: str, message: str | None) -> Failure:
    return Failure(error_class=ErrorClass(error_class), message=message or "")


def _settings(connection: sa.Connection, digests: Collection[str | None]) -> dict[str, Mapping[str, object]]:
    """The settings that go with recipes. A claim has few different ones."""
    query = sa.select(recipes.c.digest, recipes.c.settings).where(recipes.c.digest.in_(sorted(filter(None, digests))))
    return {digest: json.loads(settings) for digest, settings in connection.execute(query).all()}


def _sources(connection: sa.Connection, mine: tuple[str, str]) -> dict[int, list[tuple[bytes, int, int]]]:
    found: dict[int, list[tuple[bytes, int, int]]] = {}
    for job, root, path, size, mtime_ns in connection.exec_driver_sql(_SOURCES[connection.dialect.name], mine):
        found.setdefault(job, []).append((root.rstrip(b"/") + b"/" + path, size, mtime_ns))
    for job, sources in found.items():
        if len(sources) > 1:
            # A path can be in two Locations: in a watched folder, and handed over by another indexer.
            once = {path: stat for path, *stat in sources}
            found[job] = [(path, size, mtime_ns) for path, (size, mtime_ns) in once.items()]
    return found


def _texts(
    connection: sa.Connection, mine: tuple[str, str], sources: Collection[SidecarKind]
) -> dict[int, dict[SidecarKind, str]]:
    """Of each job, the ready sidecars that it is made from."""
    found: dict[int, dict[SidecarKind, str]] = {}
    rows = connection.exec_driver_sql(_TEXTS[connection.dialect.name], mine) if sources else ()
    for job, kind, rel_path in rows:
        if kind in sources:
            found.setdefault(job, {})[SidecarKind(kind)] = rel_path
    return found


_HELD = prepared("SELECT id, lease_token FROM jobs WHERE state = 'running' AND lease_owner = :owner")
"""The claims of an owner: as many as it has in flight."""


def still_held(connection: sa.Connection, owner: str, claims: Collection[tuple[int, str]]) -> set[int]:
    """Of (job id, lease token) pairs, the ids that are still running for ``owner`` under that very token."""
    held = {(job, token) for job, token in connection.exec_driver_sql(_HELD[connection.dialect.name], (owner,))}
    return {claim[0] for claim in claims if claim in held}


_CLAIMED = frozenset({JobState.RUNNING})

_FINISH = prepared(
    "UPDATE jobs SET state = :state, attempts = :attempts, not_before = :not_before, error_class = :error_class,"
    " error_message = :error_message, lease_owner = NULL, lease_token = NULL, lease_deadline = NULL, updated_at = :now"
    " WHERE id = :id AND lease_token = :token AND state = 'running'"
)
"""The end of a claim: changes nothing where the token is no longer the job's."""


def finish(connection: sa.Connection, changes: Sequence[tuple[int, str, JobChange]], now: float) -> int:
    """Write (job id, lease token, change), each of a claimed job; returns how many jobs changed.

    One whose token is no longer the job's changes nothing.
    """
    if not changes:
        return 0
    rows = [_finish_row(job, token, change, now) for job, token, change in changes]
    return connection.exec_driver_sql(_FINISH[connection.dialect.name], rows).rowcount


def _finish_row(job: int, token: str, change: JobChange, now: float) -> tuple[object, ...]:
    if change.before != _CLAIMED:
        raise ValueError(f"A claimed job cannot become {change.state} by this change.")
    failure = change.failure
    error = (failure.error_class.value, failure.message) if failure else (None, None)
    return (change.state.value, change.attempts, change.not_before, *error, now, job, token)


# apart from claim and finish ------------------------------------------------------------------------------------------


def heartbeat(connection: sa.Connection, owner: str, now: float) -> int:
    """Renew every lease of ``owner``; returns how many it holds."""
    mine = sa.and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_owner == owner)
    return connection.execute(sa.update(jobs).where(mine).values(lease_deadline=now + LEASE_S)).rowcount


def owners(connection: sa.Connection) -> dict[str, float]:
    """Who holds running jobs, and until when at the latest."""
    query = sa.select(jobs.c.lease_owner, sa.func.max(jobs.c.lease_deadline)).where(
        jobs.c.state == JobState.RUNNING.value
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(jobs.c.lease_owner))}


def rescue(connection: sa.Connection, owner: str, now: float) -> int:
    """Queue again, uncharged, what ``owner`` holds. For owners that are gone; returns how many jobs."""
    return _apply(connection, job_rescued(), now, jobs.c.lease_owner == owner)


def has_overlong_waits(connection: sa.Connection, now: float) -> bool:
    """Whether a queued job waits longer than any retry does: then the clock was set back since."""
    return connection.execute(sa.select(jobs.c.id).where(*_overlong(now)).limit(1)).first() is not None


def end_overlong_waits(connection: sa.Connection, now: float) -> None:
    """Let those jobs run now."""
    connection.execute(sa.update(jobs).where(*_overlong(now)).values(not_before=0.0, updated_at=now))


def end_held_waits(connection: sa.Connection, kind: SidecarKind | None, now: float) -> None:
    """Let jobs of a kind (None: of all) that lacked a tool run now: whoever works them next may have it."""
    held = _delayed(registry.names() if kind is None else [kind])
    connection.execute(
        sa.update(jobs).where(*held, jobs.c.error_class.is_(None)).values(not_before=0.0, updated_at=now)
    )


def _overlong(now: float) -> list[sa.ColumnElement[bool]]:
    return [*_delayed(registry.names()), jobs.c.not_before > now + LONGEST_WAIT_S]


def _delayed(kinds: Iterable[SidecarKind]) -> list[sa.ColumnElement[bool]]:
    # As in next_retry, the constants and the kinds let the index of delayed jobs answer.
    delayed = sa.and_(sa.literal_column("jobs.state = 'queued'"), sa.literal_column("jobs.not_before > 0"))
    return [delayed, jobs.c.kind.in_(list(kinds))]


def _apply(connection: sa.Connection, change: JobChange, now: float, *where: sa.ColumnElement[bool]) -> int:
    """Make a change to all jobs that a condition selects and that are in a state that it may be made to."""
    values: dict[str, object] = {
        "state": change.state.value,
        "updated_at": now,
        **dict.fromkeys(("lease_owner", "lease_token", "lease_deadline")),
    }
    if not change.keeps_failure:
        values["error_class"] = change.failure.error_class.value if change.failure else None
        values["error_message"] = change.failure.message if change.failure else None
    optional = {"attempts": change.attempts, "not_before": change.not_before}
    values.update({name: value for name, value in optional.items() if value is not None})
    before = jobs.c.state.in_(sorted(state.value for state in change.before))
    return connection.execute(sa.update(jobs).where(before, *where).values(**values)).rowcount


def cancel(
    connection: sa.Connection, kinds: Collection[SidecarKind], content_uuids: sa.Select[str] | None, now: float
) -> int:
    """Take jobs of these kinds (of those contents) out of the queue, running ones too; returns how many sidecars.

    What runs is stopped by whoever runs it, who finds its claim gone. What waits for a cancelled job goes with it.
    What is ready stays and is served.
    """
    mine = [jobs.c.kind.in_(list(kinds))]
    if content_uuids is not None:
        mine.append(jobs.c.content_uuid.in_(content_uuids))
    _apply(connection, job_cancelled(), now, *mine)
    waiting = jobs.c.state == JobState.WAITING.value
    source = jobs.alias("source")
    for kind, spec in registry.specs().items():
        if spec.sources:
            cancelled = sa.and_(source.c.kind.in_(spec.sources), source.c.state == JobState.CANCELLED.value)
            gone = sa.select(source.c.content_uuid).where(cancelled)
            _apply(connection, job_cancelled(), now, waiting, jobs.c.kind == kind, jobs.c.content_uuid.in_(gone))
    return mark_cancelled(connection, now)


def uncancel(connection: sa.Connection, kind: SidecarKind, content_uuids: Sequence[str] | None, now: float) -> int:
    """Somebody asks for what was cancelled: it is due again. Returns how many sidecars.

    :func:`queue_due` does the rest.
    """
    job = sa.exists().where(
        jobs.c.content_uuid == sidecars.c.content_uuid,
        jobs.c.kind == sidecars.c.kind,
        jobs.c.state == JobState.CANCELLED.value,
    )
    mine = [sidecars.c.kind == kind]
    if content_uuids is not None:
        mine.append(sidecars.c.content_uuid.in_(content_uuids))
    served = sa.and_(sidecars.c.status == SidecarStatus.READY.value, is_due(sidecars), job)
    asked = sa.update(sidecars).where(*mine, served, sidecars.c.recipe != ASKED).values(recipe=ASKED, updated_at=now)
    cancelled = sa.and_(*mine, sidecars.c.status == SidecarStatus.CANCELLED.value)
    pending = (
        sa.update(sidecars).where(cancelled).values(status=SidecarStatus.PENDING.value, recipe=None, updated_at=now)
    )
    return connection.execute(asked).rowcount + connection.execute(pending).rowcount


_WAKE = prepared(
    "UPDATE jobs SET state = :state, not_before = :not_before, error_class = NULL, error_message = NULL,"
    " updated_at = :now WHERE content_uuid = :content_uuid AND kind = :kind AND state = 'waiting'"
)


def wake_waiting(connection: sa.Connection, ready: Sequence[tuple[str, SidecarKind]], now: float) -> None:
    """Queue what waits for these sidecars, given as (content_uuid, kind), which are ready now."""
    change = job_woken()
    rows = [
        (change.state.value, change.not_before, now, content_uuid, kind)
        for content_uuid, source in ready
        for kind in registry.dependents_of(source)
    ]
    if rows:
        connection.exec_driver_sql(_WAKE[connection.dialect.name], rows)


def finish_waiting(
    connection: sa.Connection,
    content_uuid: str,
    kind: SidecarKind,
    status: SidecarStatus,
    failure: Failure | None,
    now: float,
) -> int:
    """What a content's sidecars of ``kind`` wait for will not come: they end as it did. Returns how many sidecars."""
    job = sa.and_(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)
    if not _apply(connection, job_ended_with_source(failure), now, job):
        return 0
    mine = sa.and_(sidecars.c.content_uuid == content_uuid, sidecars.c.kind == kind, is_due(sidecars))
    if failure is not None:
        _note_untried(connection, mine, failure, now)
    ended = Failed(
        kind=kind,
        content_uuid=content_uuid,
        variants=registry.spec(kind).variants,
        status=status,
        error_class=failure.error_class if failure else None,
        message=failure.message if failure else "There is no text.",
    )
    append_events(connection, [ended], now)
    values: dict[str, object] = {
        "status": status.value,
        "recipe": sidecars.c.wanted,
        "error_class": failure.error_class.value if failure else None,
        "error_message": failure.message if failure else None,
        "updated_at": now,
        **dict.fromkeys(("format", "rel_path", "size", "checksum")),
    }
    return connection.execute(sa.update(sidecars).where(mine).values(**values)).rowcount


def _note_untried(connection: sa.Connection, rows: sa.ColumnElement[bool], failure: Failure, now: float) -> None:
    """Enter sidecars that end with what they are made from into the ledger."""
    query = sa.select(sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant, sidecars.c.wanted).where(rows)
    tried = [
        FailedTry(content_uuid=uuid, kind=SidecarKind(kind), variant=variant, recipe=wanted, failure=failure, tries=0)
        for uuid, kind, variant, wanted in connection.execute(query)
    ]
    record_failures(connection, tried, now)


def raise_to_front(connection: sa.Connection, content_uuid: str, kind: SidecarKind, now: float) -> None:
    """Someone waits for this: ahead of everything, and at once."""
    job = sa.and_(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)
    idle = jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value])
    values = {"priority": priority_of(Urgency.ON_DEMAND, registry.rank(kind)), "not_before": 0.0, "updated_at": now}
    connection.execute(sa.update(jobs).where(job, idle).values(**values))


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    """One kind's line in the queue: how many jobs are in each state; ``next_at``: when the next retry is due.

    Queued jobs that a pause or a fault of the machine holds back are counted as PAUSED.
    """

    counts: Mapping[JobState, int]
    front: int | None
    next_at: float | None


def queue_states(connection: sa.Connection, now: float) -> dict[SidecarKind, QueueState]:
    """The queue by kind. ``front`` is the priority of the most urgent job that can be claimed now."""
    counts: dict[SidecarKind, dict[JobState, int]] = {}
    query = sa.select(jobs.c.kind, jobs.c.state, sa.func.count()).group_by(jobs.c.kind, jobs.c.state)
    for kind, state, number in connection.execute(query):
        counts.setdefault(SidecarKind(kind), {})[JobState(state)] = number
    held = {hold.kind for hold in list_holds(connection)}
    for kind, by_state in counts.items():
        queued = by_state.get(JobState.QUEUED, 0)
        paused = queued if held & {None, kind} else _count_paused(connection, kind)
        if paused:
            by_state.update({JobState.QUEUED: queued - paused, JobState.PAUSED: paused})
    return {
        kind: QueueState(counts=by_state, front=front(connection, kind, now), next_at=next_retry(connection, kind, now))
        for kind, by_state in counts.items()
    }


def _count_paused(connection: sa.Connection, kind: SidecarKind) -> int:
    if connection.execute(sa.select(pauses.c.kind).limit(1)).first() is None:
        return 0
    queued = sa.and_(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind)
    return connection.execute(sa.select(sa.func.count()).where(queued, ~may_run(kind))).scalar_one()


def front(connection: sa.Connection, kind: SidecarKind, now: float, resting: Collection[int] = ()) -> int | None:
    """The priority of the job of this kind that would be claimed next, or None."""
    return connection.scalars(_front_of(kind, tuple(sorted(resting))), {"now": now}).first()


@lru_cache(maxsize=64)
def _front_of(kind: SidecarKind, resting: tuple[int, ...]) -> sa.Select[int]:
    """The statement of :func:`front`, which every engine asks ten times a second: building it costs more than it."""
    due = jobs.c.not_before <= sa.bindparam("now", type_=sa.Float)
    queued = sa.and_(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind, due)
    query = sa.select(jobs.c.priority).where(queued, may_run(kind, resting))
    return query.order_by(jobs.c.priority, jobs.c.id).limit(1)


def next_retry(connection: sa.Connection, kind: SidecarKind, now: float, resting: Collection[int] = ()) -> float | None:
    """When the earliest queued job of this kind that has to wait may run, or None."""
    # The constant lets the index of delayed jobs answer; without it every queued job would be looked at.
    delayed = sa.and_(sa.literal_column("jobs.state = 'queued'"), sa.literal_column("jobs.not_before > 0"))
    later = sa.and_(delayed, jobs.c.kind == kind, jobs.c.not_before > now)
    earliest: float | None = connection.scalar(
        sa.select(sa.func.min(jobs.c.not_before)).where(later, may_run(kind, resting))
    )
    return earliest


def queue_due(
    connection: sa.Connection,
    kind: SidecarKind,
    urgency: Urgency,
    now: float,
    *,
    within: sa.Select[str] | None = None,
) -> int:
    """Queue a job for every content (of those that ``within`` selects) that has a sidecar of this kind due.

    An ended job is queued again by its own row; one that is queued, waiting or running is left alone, and so is one
    that was cancelled unless somebody asks for one of its sidecars. What is made from another kind waits while that is
    due, or was cancelled: without it, it would end as if there were nothing. Returns how many were queued.
    """
    source = (
        sa.select(
            sidecars.c.content_uuid,
            sidecars.c.kind,
            sa.literal(priority_of(urgency, registry.rank(kind))),
            _first_state(kind),
            sa.literal(now),
            sa.literal(now),
        )
        .where(sidecars.c.kind == kind, is_due(sidecars))
        .distinct()
    )
    if within is not None:
        source = source.where(sidecars.c.content_uuid.in_(within))
    insert = upsert(connection, jobs).from_select(
        ["content_uuid", "kind", "priority", "state", "created_at", "updated_at"], source
    )
    names = ("priority", "state", "updated_at")
    reset = {"attempts": 0, "not_before": 0.0, "error_class": None, "error_message": None}
    number = connection.execute(
        insert.on_conflict_do_update(
            index_elements=["content_uuid", "kind"],
            set_={**{name: insert.excluded[name] for name in names}, **reset},
            where=sa.or_(jobs.c.state.in_([JobState.DONE.value, JobState.FAILED.value]), _is_asked_for()),
        )
    ).rowcount
    if number:
        append_events(connection, [Queued(kind=kind, jobs=number)], now)
    return number


def _is_asked_for() -> sa.ColumnElement[bool]:
    """A job was cancelled, and a sidecar of its is new or was asked for since."""
    row = sidecars.alias("asked")
    new = sa.and_(row.c.status == SidecarStatus.PENDING.value, row.c.recipe.is_(None))
    asked = sa.exists().where(
        row.c.content_uuid == jobs.c.content_uuid, row.c.kind == jobs.c.kind, sa.or_(new, row.c.recipe == ASKED)
    )
    return sa.and_(jobs.c.state == JobState.CANCELLED.value, asked)


def _first_state(kind: SidecarKind) -> sa.ColumnElement[str]:
    if not registry.sources_of(kind):
        return sa.literal(JobState.QUEUED.value)
    text = sidecars.alias("text")
    awaited = sa.exists().where(
        recipes.c.digest == sidecars.c.wanted,
        text.c.content_uuid == sidecars.c.content_uuid,
        text.c.kind == recipes.c.awaits,
        sa.or_(is_due(text), text.c.status == SidecarStatus.CANCELLED.value),
    )
    return sa.case((awaited, JobState.WAITING.value), else_=JobState.QUEUED.value)


def is_due(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a row of sidecars (or of an alias) still has to be made with the recipe that is wanted."""
    other = sa.or_(table.c.recipe.is_(None), table.c.recipe != table.c.wanted)
    return sa.and_(other, table.c.status != SidecarStatus.CANCELLED.value)
