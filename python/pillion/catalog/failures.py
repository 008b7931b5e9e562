"""The failure ledger: what went wrong with each sidecar under each recipe, how often, and what the engine said."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.queueing import SOURCE_CLASSES, queue_due
from pillion.catalog.sidecars import ask_again
from pillion.catalog.statements import INSERTS, STREAMED, chunks
from pillion.catalog.tables import KEPT, OFFLINE, entries, failures, is_due, jobs, locations, sidecars
from pillion.errors import ErrorClass
from pillion.job import JobState, Urgency
from pillion.kinds import registry
from pillion.model import Failure, SidecarKind, SidecarStatus

Limit = tuple[float, str | None]
"""Seconds since 1970, and how the messages begin of the failures that it is for; None: it is for all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedTry:
    """One variant that failed with one recipe. ``tries`` 0: it was not tried, because what it is made from failed."""

    content_uuid: str
    kind: SidecarKind
    variant: str
    recipe: str
    failure: Failure
    tries: int = 1


def record_failures(connection: sa.Connection, tried: Sequence[FailedTry], now: float) -> None:
    """Add failed tries to the ledger. Failures of the same sidecar with an older recipe count as resolved then."""
    if not tried:
        return
    insert = INSERTS[connection.dialect.name](failures)
    table, new = failures.c, insert.excluded
    replaced = {name: new[name] for name in ("error_class", "message", "stderr_tail", "exit_status")}
    counted = {"attempts": table.attempts + new.attempts, "last_at": _later(table.last_at, new.last_at)}
    statement = insert.on_conflict_do_update(
        index_elements=["content_uuid", "kind", "variant", "recipe"],
        set_={**replaced, **counted, "resolved_at": None},
    )
    connection.execute(statement, [_row(item, now) for item in tried])
    older = sa.update(failures).where(
        table.content_uuid == sa.bindparam("of_content"),
        table.kind == sa.bindparam("of_kind"),
        table.variant == sa.bindparam("of_variant"),
        table.recipe != sa.bindparam("of_recipe"),
        table.resolved_at.is_(None),
    )
    connection.execute(
        older.values(resolved_at=now),
        [
            {
                "of_content": item.content_uuid,
                "of_kind": item.kind,
                "of_variant": item.variant,
                "of_recipe": item.recipe,
            }
            for item in tried
        ],
    )


def _later(one: sa.ColumnElement[float], other: sa.ColumnElement[float]) -> sa.ColumnElement[float]:
    """The later of two times; the clock may have been set back in between."""
    return sa.case((one > other, one), else_=other)


def _row(item: FailedTry, now: float) -> dict[str, object]:
    return {
        "content_uuid": item.content_uuid,
        "kind": item.kind,
        "variant": item.variant,
        "recipe": item.recipe,
        "error_class": item.failure.error_class.value,
        "message": item.failure.message,
        "stderr_tail": item.failure.stderr_tail,
        "exit_status": item.failure.exit_status,
        "attempts": item.tries,
        "first_at": now,
        "last_at": now,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureRow:
    """One unresolved line of the ledger. Times are in seconds since 1970.

    ``status``: the sidecar's. ``state`` and ``not_before``: its job's; a queued job is tried again at ``not_before``.
    """

    content_uuid: str
    kind: SidecarKind
    variant: str
    recipe: str
    error_class: ErrorClass
    message: str
    stderr_tail: str
    exit_status: str
    attempts: int
    first_at: float
    last_at: float
    status: SidecarStatus
    state: JobState | None
    not_before: float | None


def list_failures(
    connection: sa.Connection,
    *,
    kind: SidecarKind | None = None,
    error_class: str | None = None,
    content_uuids: Sequence[str] | None = None,
) -> Iterator[FailureRow]:
    """What failed and has not been made since, in order of content, kind and variant; the arguments select some."""
    table = failures.c
    ledger = [column for column in failures.c if column is not table.resolved_at]
    query = (
        sa.select(*ledger, sidecars.c.status, jobs.c.state, jobs.c.not_before)
        .join(
            sidecars,
            sa.and_(
                sidecars.c.content_uuid == table.content_uuid,
                sidecars.c.kind == table.kind,
                sidecars.c.variant == table.variant,
            ),
        )
        .outerjoin(jobs, sa.and_(jobs.c.content_uuid == table.content_uuid, jobs.c.kind == table.kind))
        .where(table.resolved_at.is_(None))
        .order_by(table.content_uuid, table.kind, table.variant, table.recipe)
    )
    if kind is not None:
        query = query.where(table.kind == kind)
    if error_class is not None:
        query = query.where(table.error_class == error_class)
    queries = [query]
    if content_uuids is not None:
        queries = [query.where(table.content_uuid.in_(some)) for some in chunks(sorted(content_uuids))]
    found = (connection.execute(query, execution_options=STREAMED) for query in queries)
    for row in itertools.chain.from_iterable(found):
        values = dict(row._mapping)
        values["kind"] = SidecarKind(values["kind"])
        values["error_class"] = ErrorClass(values["error_class"])
        values["status"] = SidecarStatus(values["status"])
        values["state"] = JobState(values["state"]) if values["state"] else None
        yield FailureRow(**values)


def count_open(connection: sa.Connection) -> dict[tuple[SidecarKind, str], int]:
    """(kind, error class) -> how many lines of the ledger are not resolved."""
    keys = (failures.c.kind, failures.c.error_class)
    query = sa.select(*keys, sa.func.count()).where(failures.c.resolved_at.is_(None)).group_by(*keys)
    return {(SidecarKind(kind), error_class): number for kind, error_class, number in connection.execute(query)}


def ask_again_with_source(connection: sa.Connection, now: float) -> int:
    """Make sidecars due again that failed because what they are made from failed, if that is due; returns how many."""
    kinds = [(kind, spec.sources) for kind, spec in registry.specs().items() if spec.sources]
    return sum(_ask_again_with(connection, kind, sources, now) for kind, sources in kinds)


def _ask_again_with(connection: sa.Connection, kind: SidecarKind, sources: Sequence[SidecarKind], now: float) -> int:
    text = sidecars.alias("source")
    awaited = sa.exists().where(text.c.content_uuid == sidecars.c.content_uuid, text.c.kind.in_(sources), is_due(text))
    untried = sa.exists().where(
        failures.c.content_uuid == sidecars.c.content_uuid,
        failures.c.kind == sidecars.c.kind,
        failures.c.variant == sidecars.c.variant,
        failures.c.attempts == 0,
        failures.c.resolved_at.is_(None),
    )
    mine = sa.and_(sidecars.c.kind == kind, untried, awaited)
    cleared = {"error_class": None, "error_message": None, "updated_at": now}
    kept = connection.execute(sa.update(sidecars).where(mine, KEPT).values(**cleared)).rowcount
    ended = sidecars.c.status.in_([SidecarStatus.FAILED.value, SidecarStatus.UNSUPPORTED.value])
    again = sa.update(sidecars).where(mine, ended)
    return kept + connection.execute(again.values(status=SidecarStatus.PENDING.value, recipe=None, **cleared)).rowcount


# what an index tries again --------------------------------------------------------------------------------------------


def mark_lost_sources(connection: sa.Connection, location_id: int) -> None:
    """Let the next queueing include a Location's files whose sidecars failed because the file was gone or changed."""
    found = sa.select(failures.c.content_uuid).where(
        failures.c.error_class.in_(SOURCE_CLASSES), failures.c.resolved_at.is_(None), _is_final()
    )
    here = sa.and_(entries.c.location_id == location_id, entries.c.removed_at.is_(None), entries.c.queued == 1)
    connection.execute(sa.update(entries).where(here, entries.c.content_uuid.in_(found)).values(queued=0))


def has_lost_sources(connection: sa.Connection, location_id: int) -> bool:
    """Whether :func:`mark_lost_sources` would mark any file. Ask this first: reading takes no write lock."""
    query = (
        sa.select(failures.c.content_uuid)
        .join(entries, entries.c.content_uuid == failures.c.content_uuid)
        .where(failures.c.error_class.in_(SOURCE_CLASSES), failures.c.resolved_at.is_(None), _is_final())
        .where(entries.c.location_id == location_id, entries.c.removed_at.is_(None))
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _is_final() -> sa.ColumnElement[bool]:
    """Whether the sidecar of a failure is still failed, or kept from before; a second copy may have made it."""
    return sa.exists().where(
        sidecars.c.content_uuid == failures.c.content_uuid,
        sidecars.c.kind == failures.c.kind,
        sidecars.c.variant == failures.c.variant,
        sa.or_(sidecars.c.status == SidecarStatus.FAILED.value, KEPT),
    )


def is_expired(connection: sa.Connection, limits: Sequence[Limit]) -> bool:
    """Whether anything failed last before its limit. Ask this first: reading takes no write lock."""
    return any(connection.execute(_failed_before(limit).limit(1)).first() is not None for limit in limits)


def queue_expired(connection: sa.Connection, kinds: Sequence[SidecarKind], limits: Sequence[Limit], now: float) -> int:
    """Queue what failed last before its limit, with all its tries; returns how many sidecars.

    That is also unsupported files, and ready sidecars that could not be made again. Only contents of files that can be
    seen now.
    """
    statuses = [SidecarStatus.FAILED, SidecarStatus.UNSUPPORTED]
    number = sum(
        ask_again(
            connection,
            now,
            statuses=statuses,
            kind=kind,
            content_uuids=_failed_before(limit),
            kept=True,
            before=limit[0],
            message=limit[1],
        )
        for limit in limits
        for kind in kinds
    )
    if number:
        number += ask_again_with_source(connection, now)
        for kind in registry.names():
            queue_due(connection, kind, Urgency.NEW, now)
    return number


def _failed_before(limit: Limit) -> sa.Select[str]:
    """A query for contents with a file that is there, which failed last before a limit."""
    before, message = limit
    query = sa.select(failures.c.content_uuid).where(
        failures.c.resolved_at.is_(None), failures.c.last_at < before, failures.c.content_uuid.in_(_visible_contents())
    )
    return query if message is None else query.where(failures.c.message.startswith(message, autoescape=True))


def _visible_contents() -> sa.Select[str]:
    """A query for the contents of all files that are there, in Locations that can be seen."""
    seen = sa.and_(locations.c.id == entries.c.location_id, OFFLINE.is_(None))
    return (
        sa.select(entries.c.content_uuid)
        .join(locations, seen)
        .where(entries.c.removed_at.is_(None), entries.c.content_uuid.is_not(None))
    )
