"""Intelligence queueing in SQL: wanted sidecars become rows, and rows that are due become jobs.

Works on slices of the entries that changed (``entries.queued = 0``), each slice in one transaction, by statements over
whole sets: the cost does not depend on how large the library is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from pillion.catalog.jobs import is_due, queue_due
from pillion.catalog.statements import upsert
from pillion.catalog.tables import contents, entries, jobs, meta, recipes, sidecars
from pillion.jobs.states import JobState, Urgency
from pillion.model import SidecarKind, SidecarStatus, WantedSidecar

SLICE = 20_000

_slice = sa.table(
    "queueing_slice", sa.column("entry_id"), sa.column("content_uuid"), sa.column("mime"), sa.column("claimed")
)


WantsOf = Callable[[str, str | None], Sequence[WantedSidecar]]
"""(mime, claimed mime or None) -> what such a file should have."""


def queue_slice(
    connection: sa.Connection, location_id: int, wants_of: WantsOf, now: float, *, kinds: Sequence[SidecarKind]
) -> tuple[int, int]:
    """Queue what the next changed entries of a location need; only ``kinds`` are touched.

    Returns (entries looked at, jobs queued); (0, ...) when nothing is left. Call inside a write transaction.
    """
    _fill_slice(connection, location_id)
    looked_at = connection.execute(sa.select(sa.func.count()).select_from(_slice)).scalar_one()
    if looked_at == 0:
        return 0, 0
    groups = connection.execute(sa.select(_slice.c.mime, _slice.c.claimed).where(_slice.c.mime.is_not(None)).distinct())
    for mime, claimed in groups.all():
        wants = wants_of(mime, claimed)
        for want in wants:
            _want(connection, location_id, mime, claimed, want, now)
        _unwant(connection, location_id, mime, claimed, wants, kinds)
    _forget_orphans(connection)
    present = sa.select(_slice.c.content_uuid).where(_slice.c.mime.is_not(None))
    queued = sum(queue_due(connection, kind, Urgency.NEW, now, within=present) for kind in kinds)
    done = sa.select(_slice.c.entry_id)
    connection.execute(sa.update(entries).where(entries.c.id.in_(done)).values(queued=1))
    return looked_at, queued


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


def _fill_slice(connection: sa.Connection, location_id: int) -> None:
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS queueing_slice "
        "(entry_id BIGINT, content_uuid TEXT, mime TEXT, claimed TEXT)"
    )
    connection.execute(sa.delete(_slice))
    here = sa.case((entries.c.removed_at.is_(None), contents.c.mime))
    source = (
        sa.select(entries.c.id, entries.c.content_uuid, here, entries.c.claimed_mime)
        .outerjoin(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.queued == 0, entries.c.location_id == location_id)
        .order_by(entries.c.id)
        .limit(SLICE)
    )
    connection.execute(sa.insert(_slice).from_select(["entry_id", "content_uuid", "mime", "claimed"], source))


def _members(location_id: int, mime: str, claimed: str | None) -> sa.ColumnElement[bool]:
    """The slice's rows of one type whose content no older location holds: there that location's policy counts."""
    other = entries.alias("other")
    older = sa.exists().where(
        other.c.content_uuid == _slice.c.content_uuid,
        other.c.location_id < location_id,
        other.c.removed_at.is_(None),
    )
    same_claim = _slice.c.claimed.is_(None) if claimed is None else _slice.c.claimed == claimed
    return sa.and_(_slice.c.mime == mime, same_claim, ~older)


def _want(
    connection: sa.Connection, location_id: int, mime: str, claimed: str | None, want: WantedSidecar, now: float
) -> None:
    digest = want.recipe.digest()
    settings = json.dumps(dict(want.settings), sort_keys=True)
    known = upsert(connection, recipes).values(digest=digest, recipe=want.recipe.canonical(), settings=settings)
    connection.execute(known.on_conflict_do_nothing(index_elements=["digest"]))
    source = (
        sa.select(
            _slice.c.content_uuid,
            sa.literal(want.kind.value),
            sa.literal(want.variant),
            sa.literal(SidecarStatus.PENDING.value),
            sa.literal(digest),
            sa.literal(now),
            sa.literal(now),
        )
        .where(_members(location_id, mime, claimed))
        .distinct()
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


def _unwant(
    connection: sa.Connection,
    location_id: int,
    mime: str,
    claimed: str | None,
    wants: Sequence[WantedSidecar],
    kinds: Sequence[SidecarKind],
) -> None:
    """Drop pending rows that the policy no longer asks for."""
    wanted = [want.kind.value + "/" + want.variant for want in wants]
    members = sa.select(_slice.c.content_uuid).where(_members(location_id, mime, claimed))
    connection.execute(
        sa.delete(sidecars).where(
            sidecars.c.status == SidecarStatus.PENDING.value,
            sidecars.c.kind.in_([kind.value for kind in kinds]),
            (sidecars.c.kind + "/" + sidecars.c.variant).not_in(wanted),
            sidecars.c.content_uuid.in_(members),
        )
    )


def _forget_orphans(connection: sa.Connection) -> None:
    """Drop what is pending for contents of the slice that no present file has, and jobs with nothing left to do."""
    here = sa.exists().where(entries.c.content_uuid == _slice.c.content_uuid, entries.c.removed_at.is_(None))
    orphans = sa.select(_slice.c.content_uuid).where(_slice.c.content_uuid.is_not(None), ~here)
    pending = sa.and_(sidecars.c.status == SidecarStatus.PENDING.value, sidecars.c.content_uuid.in_(orphans))
    connection.execute(sa.delete(sidecars).where(pending))
    has_work = sa.exists().where(
        sidecars.c.content_uuid == jobs.c.content_uuid, sidecars.c.kind == jobs.c.kind, is_due(sidecars)
    )
    idle = jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value])
    here_now = jobs.c.content_uuid.in_(sa.select(_slice.c.content_uuid))
    connection.execute(sa.delete(jobs).where(idle, here_now, ~has_work))
