"""What holds work back, as stored in the catalog: pauses by the user, and holds by faults of the machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.statements import INSERTS
from pillion.catalog.tables import OFFLINE, ROOT, entries, holds, jobs, locations, pauses
from pillion.errors import ErrorClass
from pillion.events import Paused, Resumed
from pillion.job import JobState
from pillion.model import SidecarKind

_EVERY_KIND = ""
_EVERYWHERE = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """One pause. ``kind`` None: every kind; ``location`` None: everywhere. ``since``: seconds since 1970."""

    kind: SidecarKind | None
    location: bytes | None
    since: float


def pause(connection: sa.Connection, kind: SidecarKind | None, location_id: int | None, now: float) -> None:
    """Pause a kind (None: all), in a Location (None: everywhere). Does nothing if it is paused already."""
    values = {"kind": kind or _EVERY_KIND, "location_id": location_id or _EVERYWHERE, "since": now}
    if connection.execute(INSERTS[connection.dialect.name](pauses).values(**values).on_conflict_do_nothing()).rowcount:
        where = _shown(connection.scalar(sa.select(ROOT).where(locations.c.id == location_id)))
        message = "'pillion resume' lifts it."
        append_events(connection, [Paused(kind=kind, location=where, reason="user", message=message)], now)


def resume(connection: sa.Connection, kind: SidecarKind | None, location_id: int | None, now: float) -> int:
    """Lift the pauses of a kind (None: of all), in a Location (None: all of them); returns how many there were."""
    where: list[sa.ColumnElement[bool]] = []
    if kind is not None:
        where.append(pauses.c.kind == kind)
    if location_id is not None:
        where.append(pauses.c.location_id == location_id)
    lifted = _pauses(connection, *where)
    connection.execute(sa.delete(pauses).where(*where))
    told = [Resumed(kind=item.kind, location=_shown(item.location), reason="user") for item in lifted]
    append_events(connection, told, now)
    return len(lifted)


def list_pauses(connection: sa.Connection) -> Sequence[Pause]:
    """All pauses, oldest first."""
    return _pauses(connection)


def _pauses(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Pause]:
    query = (
        sa.select(pauses.c.kind, ROOT, pauses.c.since)
        .outerjoin(locations, locations.c.id == pauses.c.location_id)
        .where(*where)
        .order_by(pauses.c.since)
    )
    rows = connection.execute(query)
    return [Pause(kind=SidecarKind(kind) if kind else None, location=path, since=since) for kind, path, since in rows]


def _shown(path: bytes | None) -> str | None:
    return None if path is None else os.fsdecode(path)


def may_run(closed: Collection[int]) -> sa.ColumnElement[bool]:
    """A condition on ``jobs``: the content has a file in a Location other than these (ids), or no file at all."""
    present = sa.and_(entries.c.content_uuid == jobs.c.content_uuid, entries.c.removed_at.is_(None))
    elsewhere = sa.exists().where(present, entries.c.location_id.not_in(sorted(closed)))
    return sa.or_(elsewhere, ~sa.exists().where(present))


EVERY_LOCATION = None
"""In place of Location ids: the kind is held back in all of them."""

Closed = frozenset[int] | None
"""The ids of the Locations in which a kind is held back, or EVERY_LOCATION."""


def where_closed(connection: sa.Connection, kinds: Iterable[SidecarKind]) -> dict[SidecarKind, Closed]:
    """Where the user paused each of these kinds, and the Locations that are offline."""
    rows = connection.execute(sa.select(pauses.c.kind, pauses.c.location_id)).all()
    offline = offline_locations(connection)
    found: dict[SidecarKind, Closed] = {}
    for kind in kinds:
        where = {location for paused, location in rows if paused in (_EVERY_KIND, kind)} | offline
        found[kind] = EVERY_LOCATION if _EVERYWHERE in where else frozenset(where)
    return found


def offline_locations(connection: sa.Connection) -> frozenset[int]:
    """The ids of the Locations whose files cannot be seen now."""
    return frozenset(connection.scalars(sa.select(locations.c.id).where(OFFLINE.is_not(None))))


def wait_for_offline(connection: sa.Connection, job_ids: Collection[int]) -> set[int]:
    """Those of these jobs whose files are only in Locations that are offline."""
    offline = offline_locations(connection)
    if not offline:
        return set()
    query = sa.select(jobs.c.id).where(jobs.c.id.in_(list(job_ids)), ~may_run(offline))
    return set(connection.scalars(query))


def count_offline(connection: sa.Connection) -> dict[SidecarKind, int]:
    """How many queued jobs of each kind wait for a Location that is offline; kinds without any are left out."""
    offline = offline_locations(connection)
    if not offline:
        return {}
    held = sa.and_(jobs.c.state == JobState.QUEUED.value, ~may_run(offline))
    query = sa.select(jobs.c.kind, sa.func.count()).where(held).group_by(jobs.c.kind)
    return {SidecarKind(kind): number for kind, number in connection.execute(query)}


def claims_held_back(connection: sa.Connection, owner: str, closed: Mapping[SidecarKind, Closed]) -> set[int]:
    """The ids of running jobs of ``owner`` that are held back now."""
    held = [
        sa.and_(jobs.c.kind == kind, sa.true() if where is EVERY_LOCATION else ~may_run(where))
        for kind, where in closed.items()
        if where != frozenset()
    ]
    if not held:
        return set()
    mine = sa.and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_owner == owner)
    return set(connection.scalars(sa.select(jobs.c.id).where(mine, sa.or_(*held))))


# holds by faults of the machine ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """One fault. ``kind`` None: it holds back every kind. ``notice`` says what is wrong and what to do about it."""

    kind: SidecarKind | None
    error_class: ErrorClass
    notice: str
    since: float


def hold(connection: sa.Connection, kind: SidecarKind | None, error_class: ErrorClass, notice: str, now: float) -> None:
    """Hold back a kind (None: all). If it is held back already, replace the notice."""
    there = sa.select(holds.c.kind).where(holds.c.kind == (kind or _EVERY_KIND))
    if connection.execute(there).first() is None:
        paused = Paused(kind=kind, location=None, reason=error_class.value, message=notice)
        append_events(connection, [paused], now)
    insert = INSERTS[connection.dialect.name](holds).values(
        kind=kind or _EVERY_KIND, error_class=error_class.value, notice=notice, since=now
    )
    replaced = {name: insert.excluded[name] for name in ("error_class", "notice")}
    connection.execute(insert.on_conflict_do_update(index_elements=["kind"], set_=replaced))


def lift(connection: sa.Connection, kind: SidecarKind | None, now: float) -> None:
    """Remove a hold, as the fault is gone."""
    gone = sa.delete(holds).where(holds.c.kind == (kind or _EVERY_KIND)).returning(holds.c.error_class)
    reasons = connection.scalars(gone).all()
    append_events(connection, [Resumed(kind=kind, location=None, reason=reason) for reason in reasons], now)


def list_holds(connection: sa.Connection) -> Sequence[Hold]:
    """All holds, oldest first."""
    rows = connection.execute(sa.select(holds).order_by(holds.c.since))
    return [
        Hold(
            kind=SidecarKind(row.kind) if row.kind else None,
            error_class=ErrorClass(row.error_class),
            notice=row.notice,
            since=row.since,
        )
        for row in rows
    ]
