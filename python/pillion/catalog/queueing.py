"""What indexing wants of the files it found: wanted sidecars, and jobs for those that are due.

Queueing takes one slice after another of the entries that changed (``entries.queued = 0``), each in one transaction
with statements over whole sets. So its cost does not depend on the size of the library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.sidecars import ASKED
from pillion.catalog.statements import INSERTS
from pillion.catalog.tables import (
    DUE,
    KEPT,
    TAKEN_FOR,
    contents,
    entries,
    failures,
    is_due,
    jobs,
    meta,
    recipes,
    sidecars,
)
from pillion.events import Queued
from pillion.job import Again, JobState, Urgency, classes_tried, priority_of
from pillion.kinds import registry
from pillion.model import UNKNOWN, SidecarKind, SidecarStatus, WantedSidecar

SLICE = 20_000
"""Entries that one transaction queues."""

_looked = sa.table("queueing_looked", sa.column("entry_id"))
"""The entries of the slice."""

_slice = sa.table("queueing_slice", sa.column("content_uuid"), sa.column("mime"), sa.column("claimed"))
"""Their contents, each once, except those that an older location has too: its policy applies to them. ``mime`` is NULL
if no file has the content any more."""

_wants = sa.table(
    "queueing_wants",
    sa.column("mime"),
    sa.column("claimed"),
    sa.column("kind"),
    sa.column("variant"),
    sa.column("digest"),
)
"""The sidecars that a content of a type should have. ``claimed`` is "" if the name claims no other type."""

WantsOf = Callable[[str, str | None], Sequence[WantedSidecar]]
"""(mime, claimed mime or None) -> the sidecars that such a file should have."""


def queue_slice(
    connection: sa.Connection, location_id: int, wants_of: WantsOf, now: float, *, kinds: Sequence[SidecarKind]
) -> tuple[int, int]:
    """Queue the jobs for the next changed entries of a location; changes only ``kinds``.

    Returns (number of entries, jobs queued); (0, ...) if nothing is left. Call inside a write transaction.
    """
    looked_at = _fill_slice(connection, location_id)
    if looked_at == 0:
        return 0, 0
    _fill_wants(connection, wants_of)
    _drop_unwanted(connection, kinds)
    if _want(connection, now):
        _resolve_unwanted(connection, now)
    present = sa.select(_slice.c.content_uuid).where(_slice.c.mime.is_not(None))
    _retry_lost_sources(connection, present, now)
    queued = sum(queue_due(connection, kind, Urgency.NEW, now, within=present) for kind in kinds)
    done = sa.select(_looked.c.entry_id)
    connection.execute(sa.update(entries).where(entries.c.id.in_(done)).values(queued=1))
    return looked_at, queued


def want_one(connection: sa.Connection, content_uuid: str, want: WantedSidecar, now: float) -> None:
    """Add the row of one sidecar that somebody asks for and no policy wants."""
    record_recipe(connection, want)
    row = {
        "content_uuid": content_uuid,
        "kind": want.kind,
        "variant": want.variant,
        "status": SidecarStatus.PENDING.value,
        "wanted": want.digest,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(INSERTS[connection.dialect.name](sidecars).values(**row).on_conflict_do_nothing())


def has_unqueued(connection: sa.Connection, location_id: int) -> bool:
    """Whether any entry of a location changed since it was last queued."""
    query = sa.select(entries.c.id).where(entries.c.location_id == location_id, entries.c.queued == 0).limit(1)
    return connection.execute(query).first() is not None


def present_mimes(connection: sa.Connection) -> list[str]:
    """The types of all contents, also those that contents of unknown type are taken for."""
    known = sa.select(contents.c.mime).distinct()
    claimed = sa.select(entries.c.claimed_mime).distinct().where(_of_unknown(), entries.c.claimed_mime.is_not(None))
    return sorted({*connection.scalars(known), *filter(None, connection.scalars(claimed))})


def _of_unknown() -> sa.ColumnElement[bool]:
    return entries.c.content_uuid.in_(sa.select(contents.c.content_uuid).where(contents.c.mime == UNKNOWN))


def has_failures(connection: sa.Connection) -> bool:
    """Whether anything failed that was not made since. Without that an index has nothing to try again."""
    return (
        connection.execute(sa.select(failures.c.kind).where(failures.c.resolved_at.is_(None)).limit(1)).first()
        is not None
    )


def mark_changed(connection: sa.Connection, location_id: int, mimes: Sequence[str]) -> None:
    """Let the next queueing include a location's files of these types, because their wanted sidecars changed."""
    of_type = sa.select(contents.c.content_uuid).where(contents.c.mime.in_(mimes))
    taken_for = sa.and_(entries.c.claimed_mime.in_(mimes), _of_unknown())
    present = sa.and_(entries.c.location_id == location_id, entries.c.removed_at.is_(None), entries.c.queued == 1)
    changed = sa.or_(entries.c.content_uuid.in_(of_type), taken_for)
    connection.execute(sa.update(entries).where(present, changed).values(queued=0))


def read_signature(connection: sa.Connection, location_id: int) -> dict[str, str]:
    """What was wanted in a location at the last queueing: mime -> digest of its wanted sidecars."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == f"queueing:{location_id}"))
    return json.loads(value) if value else {}


def write_signature(connection: sa.Connection, location_id: int, signature: Mapping[str, str]) -> None:
    """Store what is wanted in a location now."""
    insert = INSERTS[connection.dialect.name](meta).values(
        key=f"queueing:{location_id}", value=json.dumps(signature, sort_keys=True)
    )
    replaced = {"value": insert.excluded.value}
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=replaced))


_TYPES = {"sqlite": {"id": "INTEGER", "text": "TEXT"}, "postgresql": {"id": "BIGINT", "text": 'TEXT COLLATE "C"'}}
_TEMPORARY_TABLES = (
    "queueing_looked (entry_id {id} PRIMARY KEY)",
    "queueing_slice (content_uuid {text} PRIMARY KEY, mime {text}, claimed {text} NOT NULL)",
    "queueing_wants (mime {text}, claimed {text}, kind {text}, variant {text}, digest {text})",
)


def _fill_slice(connection: sa.Connection, location_id: int) -> int:
    _empty_temporary_tables(connection)
    changed = (
        sa.select(entries.c.id)
        .where(entries.c.queued == 0, entries.c.location_id == location_id)
        .order_by(entries.c.id)
        .limit(SLICE)
    )
    looked_at = connection.execute(sa.insert(_looked).from_select(["entry_id"], changed)).rowcount
    other, present = entries.alias("other"), entries.alias("present")
    older = sa.exists().where(
        other.c.content_uuid == entries.c.content_uuid,
        other.c.location_id < location_id,
        other.c.removed_at.is_(None),
    )
    found = (
        sa.select(
            # An expression, so that SQLite does not scan all entries in the order of the index by content.
            entries.c.content_uuid.concat("").label("content"),
            sa.func.coalesce(sa.func.max(entries.c.claimed_mime), "").label("claimed"),
        )
        .where(entries.c.id.in_(sa.select(_looked.c.entry_id)), ~older)
        .group_by("content")
        .subquery("found")
    )
    here = sa.exists().where(present.c.content_uuid == contents.c.content_uuid, present.c.removed_at.is_(None))
    members = (
        sa.select(contents.c.content_uuid, sa.case((here, TAKEN_FOR)), found.c.claimed)
        .select_from(found)
        .join(contents, contents.c.content_uuid == found.c.content)
    )
    connection.execute(sa.insert(_slice).from_select(["content_uuid", "mime", "claimed"], members))
    if connection.dialect.name == "postgresql":
        # It knows nothing of a temporary table by itself, and would look through whole tables for each row.
        connection.exec_driver_sql("ANALYZE queueing_looked, queueing_slice")
    return looked_at


def _empty_temporary_tables(connection: sa.Connection) -> None:
    types = _TYPES[connection.dialect.name]
    for table in _TEMPORARY_TABLES:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table.format(**types)}")
        connection.exec_driver_sql(f"DELETE FROM {table.split()[0]}")


def _fill_wants(connection: sa.Connection, wants_of: WantsOf) -> None:
    groups = connection.execute(sa.select(_slice.c.mime, _slice.c.claimed).where(_slice.c.mime.is_not(None)).distinct())
    for mime, claimed in groups.all():
        for want in wants_of(mime, claimed or None):
            record_recipe(connection, want)
            row = {"mime": mime, "claimed": claimed, "kind": want.kind, "variant": want.variant, "digest": want.digest}
            connection.execute(sa.insert(_wants).values(**row))


def record_recipe(connection: sa.Connection, want: WantedSidecar) -> None:
    """Store a recipe with its settings, for the jobs that use it.

    Settings that changed without the recipe are stored anew: a job makes the variants with equal settings together.
    """
    settings = json.dumps(dict(want.settings), sort_keys=True)
    row = {"digest": want.digest, "recipe": want.canonical, "settings": settings, "awaits": want.awaits}
    insert = INSERTS[connection.dialect.name](recipes).values(**row)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["digest"], set_={"settings": settings}, where=recipes.c.settings != settings
        )
    )


def _drop_unwanted(connection: sa.Connection, kinds: Sequence[SidecarKind]) -> None:
    """Delete pending rows that are not wanted any more, and jobs with nothing left to do."""
    wanted = (
        sa.exists()
        .where(_slice.c.content_uuid == sidecars.c.content_uuid)
        .where(_wants.c.mime == _slice.c.mime, _wants.c.claimed == _slice.c.claimed)
        .where(_wants.c.kind == sidecars.c.kind, _wants.c.variant == sidecars.c.variant)
    )
    gone = sa.exists().where(_slice.c.content_uuid == sidecars.c.content_uuid, _slice.c.mime.is_(None))
    in_slice = sidecars.c.content_uuid.in_(sa.select(_slice.c.content_uuid))
    asked = sa.or_(sidecars.c.kind.in_(list(kinds)), gone)
    pending = sidecars.c.status == SidecarStatus.PENDING.value
    dropped = connection.execute(sa.delete(sidecars).where(in_slice, pending, asked, ~wanted)).rowcount
    if dropped == 0:
        return
    drop_idle_jobs(connection, sa.select(_slice.c.content_uuid))


def drop_idle_jobs(connection: sa.Connection, content_uuids: sa.Select[Any], *, running: bool = False) -> None:
    """Delete queued and waiting jobs of these contents that have nothing left to do.

    ``running``: those that run, too: their workers notice that the claim is gone, and nothing they made is recorded.
    """
    has_work = sa.exists().where(sidecars.c.content_uuid == jobs.c.content_uuid, sidecars.c.kind == jobs.c.kind, DUE)
    states = (JobState.QUEUED, JobState.WAITING, *((JobState.RUNNING,) if running else ()))
    idle = jobs.c.state.in_([state.value for state in states])
    connection.execute(sa.delete(jobs).where(idle, jobs.c.content_uuid.in_(content_uuids), ~has_work))


def _want(connection: sa.Connection, now: float) -> int:
    """Add missing rows, in key order, and update ``wanted`` in rows where it changed; returns how many."""
    source = (
        sa.select(
            _slice.c.content_uuid,
            _wants.c.kind,
            _wants.c.variant,
            sa.literal(SidecarStatus.PENDING.value),
            _wants.c.digest,
            sa.literal(now),
            sa.literal(now),
        )
        .join(_wants, sa.and_(_wants.c.mime == _slice.c.mime, _wants.c.claimed == _slice.c.claimed))
        .order_by(_slice.c.content_uuid, _wants.c.kind, _wants.c.variant)
    )
    insert = INSERTS[connection.dialect.name](sidecars).from_select(
        ["content_uuid", "kind", "variant", "status", "wanted", "created_at", "updated_at"], source
    )
    return connection.execute(
        insert.on_conflict_do_update(
            index_elements=["content_uuid", "kind", "variant"],
            set_={
                **{name: insert.excluded[name] for name in ("wanted", "updated_at")},
                # What could not be made again is tried again with another recipe.
                **{name: sa.case((KEPT, None), else_=sidecars.c[name]) for name in ("error_class", "error_message")},
            },
            where=sidecars.c.wanted != insert.excluded.wanted,
        )
    ).rowcount


def _resolve_unwanted(connection: sa.Connection, now: float) -> None:
    """Failures count as resolved where the recipe that is wanted now is again the one the sidecar was made with."""
    made = sa.exists().where(
        sidecars.c.content_uuid == failures.c.content_uuid,
        sidecars.c.kind == failures.c.kind,
        sidecars.c.variant == failures.c.variant,
        sidecars.c.status == SidecarStatus.READY.value,
        ~KEPT,
        ~DUE,
    )
    here = failures.c.content_uuid.in_(sa.select(_slice.c.content_uuid))
    connection.execute(sa.update(failures).where(here, failures.c.resolved_at.is_(None), made).values(resolved_at=now))


# jobs for what is due -------------------------------------------------------------------------------------------------


def queue_due(
    connection: sa.Connection,
    kind: SidecarKind,
    urgency: Urgency,
    now: float,
    *,
    within: sa.Select[str] | None = None,
) -> int:
    """Queue a job for every content (among those that ``within`` selects) with a sidecar of this kind that is due.

    A job that ended is queued again in the same row. One that is queued, waiting or running stays as it is, and so does
    a cancelled one, unless somebody asks for one of its sidecars. A kind made from another waits while the other is due
    or cancelled: without it, it would end as if it were empty. Returns how many were queued.
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
        .where(sidecars.c.kind == kind, DUE)
        .group_by(sidecars.c.content_uuid, sidecars.c.kind)
    )
    if within is not None:
        source = source.where(sidecars.c.content_uuid.in_(within))
    insert = INSERTS[connection.dialect.name](jobs).from_select(
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
    """Whether a cancelled job has a sidecar that is new or that somebody asked for since."""
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
    # Where one variant waits, the job does: of the two states this is the greater.
    return sa.func.max(sa.case((awaited, JobState.WAITING.value), else_=JobState.QUEUED.value))


# sources that were gone -----------------------------------------------------------------------------------------------


SOURCE_CLASSES = [error_class.value for error_class in classes_tried(Again.WHEN_INDEXED)]
"""Of failures because the file was gone or changed; catalog/failures.py marks those whose files are there."""


def _retry_lost_sources(connection: sa.Connection, content_uuids: sa.Select[str], now: float) -> None:
    """Make sidecars due again that failed because the file was gone or changed; these contents have a file now."""
    lost = sa.and_(sidecars.c.content_uuid.in_(content_uuids), sidecars.c.error_class.in_(SOURCE_CLASSES))
    cleared = {"error_class": None, "error_message": None, "updated_at": now}
    connection.execute(sa.update(sidecars).where(lost, KEPT).values(**cleared))
    failed = sidecars.c.status == SidecarStatus.FAILED.value
    again = sa.update(sidecars).where(lost, failed)
    connection.execute(again.values(status=SidecarStatus.PENDING.value, recipe=None, **cleared))
