"""Locations, entries, contents and folder totals: what the indexing phases read and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import sqlalchemy as sa

from pillion.catalog.statements import chunks, execute_rows, upsert
from pillion.catalog.tables import contents, entries, folders, locations

EXTERNAL_ROOT = b"/"
"""The path of the one location that is not walked: files that other indexers hand over live below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A watched folder. ``path`` is absolute, as the file system gave it."""

    id: int
    path: bytes
    walked: bool


def list_locations(connection: sa.Connection) -> list[Location]:
    """All locations, oldest first: where two hold the same content, the older one's policy counts."""
    rows = connection.execute(sa.select(locations.c.id, locations.c.path, locations.c.walked).order_by(locations.c.id))
    return [Location(id=row.id, path=row.path, walked=bool(row.walked)) for row in rows]


def ensure_location(connection: sa.Connection, path: bytes, now: float, *, walked: bool = True) -> Location:
    """The location at ``path``, added if it is not there."""
    insert = upsert(connection, locations).values(path=path, walked=int(walked), added_at=now)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["path"]))
    row = connection.execute(sa.select(locations.c.id).where(locations.c.path == path)).one()
    return Location(id=row.id, path=path, walked=walked)


KnownEntry = tuple[int, int, int, int, int]
"""(entry id, size, mtime_ns, inode, 1 if it must be looked at again in any case)"""


def known_entries(connection: sa.Connection, location_id: int, prefix: bytes = b"") -> dict[bytes, KnownEntry]:
    """The entries of a location (below ``prefix``, a folder path with a trailing slash) by path.

    One that was removed, or could not be identified last time, is to be looked at again.
    """
    table = entries.c
    again = sa.or_(table.removed_at.is_not(None), table.error_class.is_not(None))
    query = sa.select(table.path, table.id, table.size, table.mtime_ns, table.inode, again).where(
        table.location_id == location_id
    )
    if prefix:
        query = query.where(table.path >= prefix, table.path < prefix[:-1] + b"0")
    return {row[0]: (row[1], row[2], row[3], row[4], int(row[5])) for row in connection.execute(query)}


def removed_entry_ids(connection: sa.Connection, location_id: int) -> set[int]:
    """Ids of the entries already marked as removed."""
    query = sa.select(entries.c.id).where(entries.c.location_id == location_id, entries.c.removed_at.is_not(None))
    return set(connection.scalars(query))


def mark_removed(connection: sa.Connection, ids: Sequence[int], now: float) -> None:
    """Note that these files are gone. Their sidecars stay."""
    for some in chunks(ids):
        connection.execute(sa.update(entries).where(entries.c.id.in_(some)).values(removed_at=now, queued=0))


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryRow:
    """One identified (or, with ``error_class``, not identifiable) file, as it goes into the catalog."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    content_uuid: str | None = None
    hash: str | None = None
    mime: str | None = None
    claimed_mime: str | None = None
    error_class: str | None = None
    error_message: str | None = None


def record_entries(connection: sa.Connection, location_id: int, rows: Sequence[EntryRow], now: float) -> None:
    """Insert or replace entries and add the contents that are new."""
    if not rows:
        return
    found = [(row.content_uuid, row.hash, row.size, row.mime, now) for row in rows if row.content_uuid is not None]
    if found:
        insert_content = upsert(connection, contents).on_conflict_do_nothing(index_elements=["content_uuid"])
        execute_rows(connection, insert_content, ("content_uuid", "hash", "size", "mime", "created_at"), found)
    insert = upsert(connection, entries)
    replace = {name: insert.excluded[name] for name in (*_IDENTITY[1:], "removed_at", "queued")}
    statement = insert.on_conflict_do_update(index_elements=["location_id", "path"], set_=replace)
    columns = ("location_id", *_IDENTITY, "removed_at", "queued")
    execute_rows(connection, statement, columns, [(location_id, *_identity(row), None, 0) for row in rows])


_IDENTITY = ("path", "size", "mtime_ns", "inode", "content_uuid", "claimed_mime", "error_class", "error_message")
_identity = attrgetter(*_IDENTITY)


def replace_folders(connection: sa.Connection, location_id: int, totals: Mapping[bytes, tuple[int, int]]) -> None:
    """Store the (files, bytes) totals of every folder of a location, replacing what was there."""
    connection.execute(sa.delete(folders).where(folders.c.location_id == location_id))
    rows = [
        {"location_id": location_id, "path": path, "files": files, "bytes": size}
        for path, (files, size) in totals.items()
    ]
    if rows:
        connection.execute(sa.insert(folders), rows)


def has_folders(connection: sa.Connection, location_id: int) -> bool:
    """Whether folder totals of this location were stored before."""
    return (
        connection.execute(sa.select(folders.c.path).where(folders.c.location_id == location_id).limit(1)).first()
        is not None
    )


def sources_of(connection: sa.Connection, content_uuids: Iterable[str]) -> dict[str, list[tuple[bytes, int, int]]]:
    """Where each content is found now: absolute path, size, mtime_ns; each path once, in order."""
    found: dict[str, dict[bytes, tuple[int, int]]] = {}
    for some in chunks(list(content_uuids)):
        query = (
            sa.select(entries.c.content_uuid, locations.c.path, entries.c.path, entries.c.size, entries.c.mtime_ns)
            .join(locations, locations.c.id == entries.c.location_id)
            .where(entries.c.content_uuid.in_(some), entries.c.removed_at.is_(None))
            .order_by(entries.c.content_uuid, locations.c.id, entries.c.path)
        )
        for uuid, root, path, size, mtime_ns in connection.execute(query):
            absolute = root.rstrip(b"/") + b"/" + path
            found.setdefault(uuid, {})[absolute] = (size, mtime_ns)
    return {uuid: [(path, *stat) for path, stat in paths.items()] for uuid, paths in found.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """How much a library holds now: present files, and contents that at least one of them has."""

    files: int
    contents: int
    unidentified: int


def totals(connection: sa.Connection) -> Totals:
    """Count what is present."""
    here = entries.c.removed_at.is_(None)
    row = connection.execute(
        sa.select(
            sa.func.count(), sa.func.count(entries.c.content_uuid.distinct()), sa.func.count(entries.c.error_class)
        ).where(here)
    ).one()
    return Totals(files=row[0], contents=row[1], unidentified=row[2])


def unidentified(connection: sa.Connection) -> list[tuple[bytes, str, str]]:
    """Present files that could not be identified: absolute path, error class, message."""
    query = (
        sa.select(locations.c.path, entries.c.path, entries.c.error_class, entries.c.error_message)
        .join(locations, locations.c.id == entries.c.location_id)
        .where(entries.c.removed_at.is_(None), entries.c.error_class.is_not(None))
        .order_by(locations.c.id, entries.c.path)
    )
    return [(root.rstrip(b"/") + b"/" + path, cls, text) for root, path, cls, text in connection.execute(query)]
