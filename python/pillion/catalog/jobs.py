"""The durable queue apart from its main way (claims.py): heartbeat, rescue, waiting, order, queueing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from pillion.catalog.claims import LEASE_S
from pillion.catalog.events import append_events
from pillion.catalog.failures import FailedTry, record_failures
from pillion.catalog.holds import list_holds
from pillion.catalog.pauses import may_run
from pillion.catalog.sidecars import ASKED, mark_cancelled
from pillion.catalog.statements import Prepared, upsert
from pillion.catalog.tables import jobs, pauses, recipes, sidecars
from pillion.events import Failed, Queued
from pillion.jobs.states import (
    LONGEST_WAIT_S,
    JobChange,
    JobState,
    Urgency,
    job_cancelled,
    job_ended_with_text,
    job_rescued,
    job_woken,
    priority_of,
)
from pillion.model import KIND_VARIANTS, Failure, SidecarKind, SidecarStatus


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
    held = _delayed(SidecarKind if kind is None else [kind])
    connection.execute(
        sa.update(jobs).where(*held, jobs.c.error_class.is_(None)).values(not_before=0.0, updated_at=now)
    )


def _overlong(now: float) -> list[sa.ColumnElement[bool]]:
    return [*_delayed(SidecarKind), jobs.c.not_before > now + LONGEST_WAIT_S]


def _delayed(kinds: Iterable[SidecarKind]) -> list[sa.ColumnElement[bool]]:
    # As in next_retry, the constants and the kinds let the index of delayed jobs answer.
    delayed = sa.and_(sa.literal_column("jobs.state = 'queued'"), sa.literal_column("jobs.not_before > 0"))
    return [delayed, jobs.c.kind.in_([kind.value for kind in kinds])]


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

    What runs is stopped by whoever runs it, who finds its claim gone. What waits for a cancelled text goes with it.
    What is ready stays and is served.
    """
    mine = [jobs.c.kind.in_([kind.value for kind in kinds])]
    if content_uuids is not None:
        mine.append(jobs.c.content_uuid.in_(content_uuids))
    _apply(connection, job_cancelled(), now, *mine)
    text = jobs.alias("text")
    gone = sa.select(text.c.content_uuid).where(text.c.kind.in_(_TEXT_KINDS), text.c.state == JobState.CANCELLED.value)
    _apply(connection, job_cancelled(), now, jobs.c.state == JobState.WAITING.value, jobs.c.content_uuid.in_(gone))
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
    mine = [sidecars.c.kind == kind.value]
    if content_uuids is not None:
        mine.append(sidecars.c.content_uuid.in_(content_uuids))
    served = sa.and_(sidecars.c.status == SidecarStatus.READY.value, is_due(sidecars), job)
    asked = sa.update(sidecars).where(*mine, served, sidecars.c.recipe != ASKED).values(recipe=ASKED, updated_at=now)
    cancelled = sa.and_(*mine, sidecars.c.status == SidecarStatus.CANCELLED.value)
    pending = (
        sa.update(sidecars).where(cancelled).values(status=SidecarStatus.PENDING.value, recipe=None, updated_at=now)
    )
    return connection.execute(asked).rowcount + connection.execute(pending).rowcount


_WAKE = Prepared(
    "UPDATE jobs SET state = :state, not_before = :not_before, error_class = NULL, error_message = NULL,"
    " updated_at = :now WHERE content_uuid = :content_uuid AND kind = 'embeddings' AND state = 'waiting'"
)


def wake_waiting(connection: sa.Connection, content_uuids: Sequence[str], now: float) -> None:
    """Queue the embeddings of these contents, whose text has an outcome now."""
    change = job_woken()
    columns = ("state", "not_before", "now", "content_uuid")
    rows = [(change.state.value, change.not_before, now, content_uuid) for content_uuid in content_uuids]
    if rows:
        _WAKE.many(connection, columns, rows)


def finish_waiting(
    connection: sa.Connection, content_uuid: str, status: SidecarStatus, failure: Failure | None, now: float
) -> int:
    """The text that a content's embeddings wait for will not come: they end as it did. Returns how many sidecars."""
    embeddings = jobs.c.kind == SidecarKind.EMBEDDINGS.value
    if not _apply(connection, job_ended_with_text(failure), now, jobs.c.content_uuid == content_uuid, embeddings):
        return 0
    mine = sa.and_(
        sidecars.c.content_uuid == content_uuid, sidecars.c.kind == SidecarKind.EMBEDDINGS.value, is_due(sidecars)
    )
    if failure is not None:
        _note_untried(connection, mine, failure, now)
    ended = Failed(
        kind=SidecarKind.EMBEDDINGS,
        content_uuid=content_uuid,
        variants=KIND_VARIANTS[SidecarKind.EMBEDDINGS],
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
    """Enter sidecars that end with their text into the ledger."""
    query = sa.select(sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant, sidecars.c.wanted).where(rows)
    tried = [
        FailedTry(content_uuid=uuid, kind=SidecarKind(kind), variant=variant, recipe=wanted, failure=failure, tries=0)
        for uuid, kind, variant, wanted in connection.execute(query)
    ]
    record_failures(connection, tried, now)


def raise_to_front(connection: sa.Connection, content_uuid: str, kind: SidecarKind, now: float) -> None:
    """Someone waits for this: ahead of everything, and at once."""
    job = sa.and_(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind.value)
    idle = jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value])
    values = {"priority": priority_of(Urgency.ON_DEMAND, kind), "not_before": 0.0, "updated_at": now}
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
    queued = sa.and_(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind.value)
    return connection.execute(sa.select(sa.func.count()).where(queued, ~may_run(kind))).scalar_one()


def front(connection: sa.Connection, kind: SidecarKind, now: float, resting: Collection[int] = ()) -> int | None:
    """The priority of the job of this kind that would be claimed next, or None."""
    return connection.scalars(_front_of(kind, tuple(sorted(resting))), {"now": now}).first()


@lru_cache(maxsize=64)
def _front_of(kind: SidecarKind, resting: tuple[int, ...]) -> sa.Select[int]:
    """The statement of :func:`front`, which every engine asks ten times a second: building it costs more than it."""
    due = jobs.c.not_before <= sa.bindparam("now", type_=sa.Float)
    queued = sa.and_(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind.value, due)
    query = sa.select(jobs.c.priority).where(queued, may_run(kind, resting))
    return query.order_by(jobs.c.priority, jobs.c.id).limit(1)


def next_retry(connection: sa.Connection, kind: SidecarKind, now: float, resting: Collection[int] = ()) -> float | None:
    """When the earliest queued job of this kind that has to wait may run, or None."""
    # The constant lets the index of delayed jobs answer; without it every queued job would be looked at.
    delayed = sa.and_(sa.literal_column("jobs.state = 'queued'"), sa.literal_column("jobs.not_before > 0"))
    later = sa.and_(delayed, jobs.c.kind == kind.value, jobs.c.not_before > now)
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
    that was cancelled unless somebody asks for one of its sidecars. Embeddings wait while a text of the same content is
    due, or was cancelled: without it they would end as if there were no text. Returns how many were queued.
    """
    source = (
        sa.select(
            sidecars.c.content_uuid,
            sidecars.c.kind,
            sa.literal(priority_of(urgency, kind)),
            _first_state(kind),
            sa.literal(now),
            sa.literal(now),
        )
        .where(sidecars.c.kind == kind.value, is_due(sidecars))
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
    if kind is not SidecarKind.EMBEDDINGS:
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


_TEXT_KINDS = (SidecarKind.OCR.value, SidecarKind.TRANSCRIPT.value)
