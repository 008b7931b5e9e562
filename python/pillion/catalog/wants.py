"""Intelligence queueing in SQL: wanted sidecars become rows, and rows that are due become jobs.

Works on slices of the entries that changed (``entries.queued = 0``), each slice in one transaction, by statements over
whole sets: the cost does not depend on how large the library is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from pillion.catalog.failures import forgive_sources
from pillion.catalog.queue import is_due, queue_due
from pillion.catalog.statements import upsert
from pillion.catalog.tables import contents, entries, jobs, meta, recipes, sidecars
from pillion.job import JobState, Urgency
from pillion.model import SidecarKind, SidecarStatus, WantedSidecar

SLICE = 20_000

_looked = sa.table("queueing_looked", sa.column("entry_id"))
"""The entries of the slice."""

_slice = sa.table("queueing_slice", sa.column("content_uuid"), sa.column("mime"), sa.column("claimed"))
"""Their contents, each once, but for those that an older location holds too: there that location's policy counts.
``mime`` is NULL where no file has the content any more."""

_wants = sa.table(
    "queueing_wants",
    sa.column("mime"),
    sa.column("claimed"),
    sa.column("kind"),
    sa.column("variant"),
    sa.column("digest"),
)
"""What a content of a type should have. ``claimed`` is "" where the name says nothing else than the bytes."""

WantsOf = Callable[[str, str | None], Sequence[WantedSidecar]]
"""(mime, claimed mime or None) -> what such a file should have."""


def queue_slice(
    connection: sa.Connection, location_id: int, wants_of: WantsOf, now: float, *, kinds: Sequence[SidecarKind]
) -> tuple[int, int]:
    """Queue what the next changed entries of a location need; only ``kinds`` are touched.

    Returns (entries looked at, jobs queued); (0, ...) when nothing is left. Call inside a write transaction.
    """
    looked_at = _fill_slice(connection, location_id)
    if looked_at == 0:
        return 0, 0
    _fill_wants(connection, wants_of)
    _drop_unwanted(connection, kinds)
    _want(connection, now)
    present = sa.select(_slice.c.content_uuid).where(_slice.c.mime.is_not(None))
    forgive_sources(connection, present, now)
    queued = sum(queue_due(connection, kind, Urgency.NEW, now, within=present) for kind in kinds)
    done = sa.select(_looked.c.entry_id)
    connection.execute(sa.update(entries).where(entries.c.id.in_(done)).values(queued=1))
    return looked_at, queued


def want_one(connection: sa.Connection, content_uuid: str, want: WantedSidecar, now: float) -> None:
    """Add the row of one sidecar that somebody asks for and no policy does."""
    remember_recipe(connection, want)
    row = {
        "content_uuid": content_uuid,
        "kind": want.kind,
        "variant": want.variant,
        "status": SidecarStatus.PENDING.value,
        "wanted": want.recipe.digest(),
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(upsert(connection, sidecars).values(**row).on_conflict_do_nothing())


def has_unqueued(connection: sa.Connection, location_id: int) -> bool:
    """Whether any entry of a location changed since queueing last looked at it."""
    query = sa.select(entries.c.id).where(entries.c.location_id == location_id, entries.c.queued == 0).limit(1)
    return connection.execute(query).first() is not None


def present_mimes(connection: sa.Connection) -> list[str]:
    """Every type that some content has."""
    return list(connection.scalars(sa.select(contents.c.mime).distinct().order_by(contents.c.mime)))


def mark_changed(connection: sa.Connection, location_id: int, mimes: Sequence[str]) -> None:
    """Make the next queueing look again at a location's present files of these types: what they should have changed."""
    of_type = sa.select(contents.c.content_uuid).where(contents.c.mime.in_(mimes))
    present = sa.and_(entries.c.location_id == location_id, entries.c.removed_at.is_(None), entries.c.queued == 1)
    connection.execute(sa.update(entries).where(present, entries.c.content_uuid.in_(of_type)).values(queued=0))


def read_signature(connection: sa.Connection, location_id: int) -> dict[str, str]:
    """What queueing last wanted in a location: mime -> digest of its wanted sidecars."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == f"queueing:{location_id}"))
    return json.loads(value) if value else {}


def write_signature(connection: sa.Connection, location_id: int, signature: Mapping[str, str]) -> None:
    """Remember what queueing wants in a location."""
    insert = upsert(connection, meta).values(key=f"queueing:{location_id}", value=json.dumps(signature, sort_keys=True))
    replaced = {"value": insert.excluded.value}
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=replaced))


_TEMPORARY_TABLES = (
    "queueing_looked (entry_id INTEGER PRIMARY KEY)",
    "queueing_slice (content_uuid TEXT PRIMARY KEY, mime TEXT, claimed TEXT NOT NULL)",
    "queueing_wants (mime TEXT, claimed TEXT, kind TEXT, variant TEXT, digest TEXT)",
)


def _fill_slice(connection: sa.Connection, location_id: int) -> int:
    for table in _TEMPORARY_TABLES:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table}")
        connection.exec_driver_sql(f"DELETE FROM {table.split()[0]}")
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
    here = sa.exists().where(present.c.content_uuid == entries.c.content_uuid, present.c.removed_at.is_(None))
    members = (
        sa.select(
            entries.c.content_uuid,
            sa.case((here, contents.c.mime)),
            sa.func.coalesce(sa.func.max(entries.c.claimed_mime), ""),
        )
        .select_from(entries)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.id.in_(sa.select(_looked.c.entry_id)), ~older)
        # Grouping by an expression keeps SQLite from walking all entries in the order of the index by content.
        .group_by(entries.c.content_uuid.concat(""))
    )
    connection.execute(sa.insert(_slice).from_select(["content_uuid", "mime", "claimed"], members))
    return looked_at


def _fill_wants(connection: sa.Connection, wants_of: WantsOf) -> None:
    groups = connection.execute(sa.select(_slice.c.mime, _slice.c.claimed).where(_slice.c.mime.is_not(None)).distinct())
    for mime, claimed in groups.all():
        for want in wants_of(mime, claimed or None):
            digest = remember_recipe(connection, want)
            row = {"mime": mime, "claimed": claimed, "kind": want.kind, "variant": want.variant, "digest": digest}
            connection.execute(sa.insert(_wants).values(**row))


def remember_recipe(connection: sa.Connection, want: WantedSidecar) -> str:
    """Keep a recipe with its settings, so that a job finds them; returns its digest."""
    digest = want.recipe.digest()
    settings = json.dumps(dict(want.settings), sort_keys=True)
    row = {"digest": digest, "recipe": want.recipe.canonical(), "settings": settings, "awaits": want.awaits}
    connection.execute(upsert(connection, recipes).values(**row).on_conflict_do_nothing(index_elements=["digest"]))
    return digest


def _drop_unwanted(connection: sa.Connection, kinds: Sequence[SidecarKind]) -> None:
    """Drop pending rows that nobody asks for any more, and jobs with nothing left to do."""
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
    has_work = sa.exists().where(
        sidecars.c.content_uuid == jobs.c.content_uuid, sidecars.c.kind == jobs.c.kind, is_due(sidecars)
    )
    idle = jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value])
    here = jobs.c.content_uuid.in_(sa.select(_slice.c.content_uuid))
    connection.execute(sa.delete(jobs).where(idle, here, ~has_work))


def _want(connection: sa.Connection, now: float) -> None:
    """Add the rows that are missing, in key order, and set what is wanted where it changed."""
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
    insert = upsert(connection, sidecars).from_select(
        ["content_uuid", "kind", "variant", "status", "wanted", "created_at", "updated_at"], source
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["content_uuid", "kind", "variant"],
            set_={"wanted": insert.excluded.wanted, "updated_at": insert.excluded.updated_at},
            where=sidecars.c.wanted != insert.excluded.wanted,
        )
    )
