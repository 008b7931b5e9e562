"""Locations: the watched folders of a library, and how this machine sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pillion.catalog.entries import note_names, tell_changed
from pillion.catalog.facts import held_in, redate
from pillion.catalog.statements import INSERTS
from pillion.catalog.tables import (
    IDENTITY,
    OFFLINE,
    OFFLINE_SINCE,
    ROOT,
    entries,
    folders,
    location_hosts,
    locations,
    meta,
    pauses,
)
from pillion.machine import host_name

EXTERNAL_ROOT = b"/"
"""The path of the one Location that is not walked: it holds the files from other indexers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A watched folder. ``path`` is absolute, in the bytes of the file system.

    ``identity``: of the file system and the folder when files were last found there. ``offline``: why its files cannot
    be seen now, None while they can; ``offline_since``: seconds since 1970.
    """

    id: int
    path: bytes
    walked: bool
    identity: str | None = None
    offline: str | None = None
    offline_since: float | None = None
    shared: bytes = b""
    """The path that it was added with; ``path`` may be another one on this machine."""


def list_locations(connection: sa.Connection) -> list[Location]:
    """All locations, oldest first: if two hold the same content, the policy of the older one applies."""
    seen = {"path": ROOT, "identity": IDENTITY, "offline": OFFLINE, "offline_since": OFFLINE_SINCE}
    columns = (locations.c.id, locations.c.walked, locations.c.path.label("shared"))
    query = sa.select(*columns, *(column.label(name) for name, column in seen.items())).order_by(locations.c.id)
    return [Location(**{**row._mapping, "walked": bool(row.walked)}) for row in connection.execute(query)]


def ensure_location(connection: sa.Connection, path: bytes, now: float, *, walked: bool = True) -> Location:
    """The location at ``path``, added if there is none."""
    insert = INSERTS[connection.dialect.name](locations).values(path=path, walked=int(walked), added_at=now)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["path"]))
    row = connection.execute(sa.select(locations.c.id).where(locations.c.path == path)).one()
    return Location(id=row.id, path=path, walked=walked, shared=path)


def set_offline(connection: sa.Connection, location_id: int, reason: str, now: float) -> None:
    """Note that the files of a location cannot be seen, and why. Its entries stay as they are."""
    of = _seen_in(connection)
    _see(connection, location_id, {"offline": reason, "offline_since": sa.func.coalesce(of.c.offline_since, now)}, now)


def set_online(connection: sa.Connection, location_id: int, identity: str) -> None:
    """Note that the files of a location were found, in the file system and folder with this identity."""
    _see(connection, location_id, {"identity": identity, "offline": None, "offline_since": None})


def end_offline(connection: sa.Connection, location_id: int) -> None:
    """Note that the files of a location are there again. Its identity is for the next index to see."""
    _see(connection, location_id, {"offline": None, "offline_since": None})


def _seen_in(connection: sa.Connection) -> sa.Table:
    """Where it stands how this machine sees a Location: apart, if others use the catalog at the same time."""
    return location_hosts if connection.dialect.name == "postgresql" else locations


def _see(connection: sa.Connection, location_id: int, values: Mapping[str, Any], now: float | None = None) -> None:
    table = _seen_in(connection)
    if table is locations:
        connection.execute(sa.update(locations).where(locations.c.id == location_id).values(**values))
        return
    first = {**values, "offline_since": now}
    insert = INSERTS[connection.dialect.name](table).values(location_id=location_id, host=host_name(), **first)
    connection.execute(insert.on_conflict_do_update(index_elements=["location_id", "host"], set_=dict(values)))


def map_location(connection: sa.Connection, location_id: int, host: str, root: bytes | None) -> None:
    """Note the folder that a Location has on a machine; None: the one that it was added with."""
    insert = INSERTS[connection.dialect.name](location_hosts).values(location_id=location_id, host=host, root=root)
    connection.execute(insert.on_conflict_do_update(index_elements=["location_id", "host"], set_={"root": root}))
    note_names(connection)


def roots_of(connection: sa.Connection, location_id: int) -> dict[str, bytes]:
    """Host -> the folder that it has for a Location, where it is another than the one that it was added with."""
    here = (location_hosts.c.location_id == location_id, location_hosts.c.root.is_not(None))
    query = sa.select(location_hosts.c.host, location_hosts.c.root).where(*here).order_by(location_hosts.c.host)
    return {row[0]: row[1] for row in connection.execute(query)}


def move_location(connection: sa.Connection, location_id: int, path: bytes) -> None:
    """Give a location another path; its entries, which are relative to it, stay."""
    values = {"path": path, "offline": None, "offline_since": None}
    mine = (location_hosts.c.location_id == location_id, location_hosts.c.host == host_name())
    connection.execute(sa.delete(location_hosts).where(*mine))
    connection.execute(sa.update(locations).where(locations.c.id == location_id).values(**values))
    note_names(connection)


def forget_location(connection: sa.Connection, location_id: int, now: float) -> int:
    """Remove a location with its entries, pauses and folder totals; returns how many present files it had.

    The sidecars of contents that no other file has stay until a cleanup.
    """
    here = entries.c.location_id == location_id
    query = sa.select(sa.func.count()).select_from(entries).where(here, entries.c.removed_at.is_(None))
    number = connection.execute(query).scalar_one()
    held = held_in(connection, location_id)
    for table in (entries, folders, pauses, location_hosts):
        connection.execute(sa.delete(table).where(table.c.location_id == location_id))
    redate(connection, held)
    connection.execute(sa.delete(meta).where(meta.c.key == f"queueing:{location_id}"))
    connection.execute(sa.delete(locations).where(locations.c.id == location_id))
    tell_changed(connection, number, held, now)
    return number
