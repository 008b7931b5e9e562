"""Rebuilds rows from files: contents and ready sidecars, as manifests list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import sqlalchemy as sa

from pillion.catalog.outcomes import SidecarOutcome
from pillion.catalog.statements import INSERTS
from pillion.catalog.tables import THIS_DEVICE, contents, devices, meta, sidecars
from pillion.model import SidecarStatus

_RECONCILED = "reconciled_at"
_LIBRARY = "library"
_HASHES = ("thumbhash", "likeness")
_UNMADE = (SidecarStatus.PENDING.value, SidecarStatus.CANCELLED.value)


def this_device(connection: sa.Connection) -> str | None:
    """The device that the catalog takes for this one: the last that was registered."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == THIS_DEVICE))


def read_library_id(connection: sa.Connection) -> str | None:
    """The id of the library that this catalog is of, if it is in a database of a server; None otherwise."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == _LIBRARY))


def write_library_id(connection: sa.Connection, library_id: str) -> None:
    """Store it."""
    insert = INSERTS[connection.dialect.name](meta).values(key=_LIBRARY, value=library_id)
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


def register_device(connection: sa.Connection, device_uuid: str, name: str, now: float) -> None:
    """Add this device's row if there is none, and record it as the one that has the library's files."""
    row = {"device_uuid": device_uuid, "name": name, "created_at": now}
    connection.execute(INSERTS[connection.dialect.name](devices).values(**row).on_conflict_do_nothing())
    insert = INSERTS[connection.dialect.name](meta).values(key=THIS_DEVICE, value=device_uuid)
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


def record_contents(connection: sa.Connection, rows: Sequence[Mapping[str, object]], now: float) -> None:
    """Add new contents, and the hashes of pictures to known contents that have none.

    ``rows``: content_uuid, hash, size (bytes), mime, thumbhash and likeness (or None) of each.
    """
    if rows:
        insert = INSERTS[connection.dialect.name](contents)
        statement = insert.on_conflict_do_update(
            index_elements=["content_uuid"],
            set_={name: sa.func.coalesce(contents.c[name], insert.excluded[name]) for name in _HASHES},
            where=sa.or_(*(contents.c[name].is_(None) for name in _HASHES)),
        )
        connection.execute(statement, [{**row, "created_at": now} for row in rows])


def record_listed(connection: sa.Connection, ready: Sequence[SidecarOutcome], now: float) -> int:
    """Record undamaged files as ready; returns how many rows changed.

    A row that is ready with the same file, or has another outcome, stays as it is. Until the next queueing the wanted
    recipe of a new row is the one its file was made with, so that recipe need not be in ``recipes``.
    """
    if not ready:
        return 0
    insert = INSERTS[connection.dialect.name](sidecars)
    file = ("format", "rel_path", "size", "checksum", "mark")
    names = ("status", "recipe", *file, "error_class", "error_message", "updated_at")
    table, new = sidecars.c, insert.excluded
    other = [table[name] != new[name] for name in file if name != "mark"]
    unlike = sa.and_(table.status == SidecarStatus.READY.value, sa.or_(*other))
    statement = insert.on_conflict_do_update(
        index_elements=["content_uuid", "kind", "variant"],
        set_={name: new[name] for name in names},
        where=sa.or_(*[table.status == status for status in _UNMADE], unlike),
    )
    return connection.execute(statement, [_row(outcome, now) for outcome in ready]).rowcount


def _row(outcome: SidecarOutcome, now: float) -> dict[str, object]:
    values = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    return {**values, "wanted": outcome.recipe, "created_at": now, "updated_at": now}


def note_reconciled(connection: sa.Connection, now: float) -> None:
    """Store when contents were last rebuilt: until they are indexed again, no file is known to have them."""
    insert = INSERTS[connection.dialect.name](meta).values(key=_RECONCILED, value=repr(now))
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


def reconciled_at(connection: sa.Connection) -> float | None:
    """When contents were last rebuilt, in seconds since 1970; None if never."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _RECONCILED))
    return None if value is None else float(value)
