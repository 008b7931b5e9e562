"""Work held back by faults of the machine: kept so that every process and ``pillion status`` know why it rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.statements import upsert
from pillion.catalog.tables import holds
from pillion.errors import ErrorClass
from pillion.events import Paused, Resumed
from pillion.model import SidecarKind

_EVERY_KIND = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """One fault. ``kind`` None: it holds back every kind. ``notice`` says what is wrong and what to do about it."""

    kind: SidecarKind | None
    error_class: ErrorClass
    notice: str
    since: float


def hold(connection: sa.Connection, kind: SidecarKind | None, error_class: ErrorClass, notice: str, now: float) -> None:
    """Hold back a kind (None: all). One that is held back already stays so, with the newer notice."""
    there = sa.select(holds.c.kind).where(holds.c.kind == (kind or _EVERY_KIND))
    if connection.execute(there).first() is None:
        paused = Paused(kind=kind, location=None, reason=error_class.value, message=notice)
        append_events(connection, [paused], now)
    insert = upsert(connection, holds).values(
        kind=kind or _EVERY_KIND, error_class=error_class.value, notice=notice, since=now
    )
    replaced = {name: insert.excluded[name] for name in ("error_class", "notice")}
    connection.execute(insert.on_conflict_do_update(index_elements=["kind"], set_=replaced))


def lift(connection: sa.Connection, kind: SidecarKind | None, now: float) -> None:
    """The fault is gone."""
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
