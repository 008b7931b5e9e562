"""The latest events. The events of one transaction are one row, so a batch of results takes one insert.

They are written in the transaction of the change that they describe. So every process sees them exactly when it sees
the change.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pillion.catalog.statements import prepared
from pillion.catalog.tables import events as table
from pillion.errors import ErrorClass
from pillion.events import FIELDS, TYPES, VALUES, Event
from pillion.model import SidecarKind, SidecarStatus

KEPT = 20_000
"""About how many events are kept; older ones are deleted."""


_APPEND = prepared(
    "INSERT INTO events (first_id, number, at, body) VALUES ("
    "coalesce((SELECT first_id + number FROM events ORDER BY first_id DESC LIMIT 1), 1), :number, :at, :body"
    ") RETURNING first_id"
)
_FORGET = prepared("DELETE FROM events WHERE first_id <= :id")
_FORGET_EVERY = 256
_PAGE = 500
"""Rows that are read at a time."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


def append_events(connection: sa.Connection, events: Sequence[Event], now: float) -> None:
    """Add events in this transaction; their ids follow the existing ones."""
    if not events:
        return
    keep_order(connection)
    body = _encode([stored_event(event) for event in events])
    values = (len(events), now, body)
    first: int = connection.exec_driver_sql(_APPEND[connection.dialect.name], values).scalar_one()
    if first // _FORGET_EVERY != (first + len(events)) // _FORGET_EVERY:
        connection.exec_driver_sql(_FORGET[connection.dialect.name], (first - KEPT,))


_ORDER = "SELECT pg_advisory_xact_lock(1346980867)"


def keep_order(connection: sa.Connection) -> None:
    """Until the end of this transaction, let no other one append events.

    Where transactions run beside each other, ids must follow each other in the order in which the events can be seen.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_ORDER)


def newest_event(connection: sa.Connection) -> int:
    """The id of the newest event; 0 before the first."""
    return connection.scalar(_newest()) or 0


@functools.cache
def _newest() -> sa.Select[Any]:
    """The newest event. Made once: every search asks for it, and making it takes longer than running it."""
    return sa.select(table.c.first_id + table.c.number - 1).order_by(table.c.first_id.desc()).limit(1)


def events_after(connection: sa.Connection, after: int) -> Iterator[Event]:
    """The events with ids greater than ``after`` that are still kept, in order."""
    start = sa.select(sa.func.max(table.c.first_id)).where(table.c.first_id <= after + 1).scalar_subquery()
    every = sa.select(table.c.first_id, table.c.at, table.c.body)
    query = every.where(table.c.first_id >= sa.func.coalesce(start, 0))
    rows = connection.execute(query.order_by(table.c.first_id).limit(_PAGE)).all()
    while rows:
        for first, at, body in rows:
            for index, values in enumerate(json.loads(body)):
                if first + index > after:
                    yield event_of(values, id=first + index, at=at)
        further = every.where(table.c.first_id > rows[-1][0]).order_by(table.c.first_id).limit(_PAGE)
        rows = connection.execute(further).all() if len(rows) == _PAGE else []


# events as they are stored --------------------------------------------------------------------------------------------


def stored_event(event: Event) -> tuple[Any, ...]:
    """``(NAME, field, ...)`` in the order of the fields, without ``id`` and ``at``, which the catalog stores itself.

    Field names are left out because every job has two events. So a new field must come last and have a default.
    """
    return (event.name, *VALUES[type(event)](event))


_READERS: Mapping[str, Any] = {
    "kind": SidecarKind,
    "status": SidecarStatus,
    "error_class": ErrorClass,
    "variants": tuple,
    "gone": tuple,
}


def event_of(stored: Sequence[Any], *, id: int, at: float) -> Event:
    """The event that :func:`stored_event` was given. Raises ValueError for an unknown name."""
    name, *values = stored
    kind = TYPES.get(name)
    if kind is None:
        raise ValueError(f"There is no event '{name}'.")
    known = dict(zip(FIELDS[kind], values, strict=False))
    for name, read in _READERS.items():
        if known.get(name) is not None:
            known[name] = read(known[name])
    return kind(id=id, at=at, **known)
