"""What indexing reads and writes: Locations and their entries, contents, wanted sidecars, and jobs for what is due.

Queueing takes one slice after another of the entries that changed (``entries.queued = 0``), each in one transaction
with statements over whole sets. So its cost does not depend on the size of the library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.facts import held_at, held_in, record_contents, redate
from pillion.catalog.sidecars import ASKED
from pillion.catalog.statements import INSERTS, ForRows, chunks
from pillion.catalog.tables import (
    DUE,
    IDENTITY,
    KEPT,
    NAMES,
    OFFLINE,
    OFFLINE_SINCE,
    ROOT,
    TAKEN_FOR,
    contents,
    entries,
    failures,
    folders,
    is_due,
    jobs,
    location_hosts,
    locations,
    meta,
    pauses,
    recipes,
    sidecars,
)
from pillion.events import Queued
from pillion.facts import FileFacts
from pillion.job import Again, JobState, Urgency, classes_tried, priority_of
from pillion.kinds import registry
from pillion.machine import host_name
from pillion.model import UNKNOWN, SidecarKind, SidecarStatus, WantedSidecar

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


def sample_entries(connection: sa.Connection, location_id: int, number: int) -> list[tuple[bytes, int, int]]:
    """(path, size, mtime_ns) of up to ``number`` present files of a location, spread over the order they were found."""
    here = sa.and_(entries.c.location_id == location_id, entries.c.removed_at.is_(None))
    first, last = connection.execute(sa.select(sa.func.min(entries.c.id), sa.func.max(entries.c.id)).where(here)).one()
    if first is None:
        return []
    columns = (entries.c.id, entries.c.path, entries.c.size, entries.c.mtime_ns)
    found = {}
    for step in range(number):
        start = first + (last - first) * step // number
        row = connection.execute(
            sa.select(*columns).where(here, entries.c.id >= start).order_by(entries.c.id).limit(1)
        ).first()
        if row is not None:
            found[row.id] = (row.path, row.size, row.mtime_ns)
    return list(found.values())


def move_location(connection: sa.Connection, location_id: int, path: bytes) -> None:
    """Give a location another path; its entries, which are relative to it, stay."""
    values = {"path": path, "offline": None, "offline_since": None}
    mine = (location_hosts.c.location_id == location_id, location_hosts.c.host == host_name())
    connection.execute(sa.delete(location_hosts).where(*mine))
    connection.execute(sa.update(locations).where(locations.c.id == location_id).values(**values))
    note_names(connection)


def forget_location(connection: sa.Connection, location_id: int) -> int:
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
    note_names(connection)
    return number


def note_names(connection: sa.Connection) -> None:
    """Note in this transaction that names of files may have changed; catalog/search.py reads the number."""
    connection.exec_driver_sql(
        f"INSERT INTO meta (key, value) VALUES ('{NAMES}', '1') ON CONFLICT (key) DO UPDATE"
        " SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)"
    )


def count_present(connection: sa.Connection, location_id: int) -> int:
    """How many files of a location are there, as last indexed."""
    here = sa.and_(entries.c.location_id == location_id, entries.c.removed_at.is_(None))
    return connection.execute(sa.select(sa.func.count()).select_from(entries).where(here)).scalar_one()


def contents_of(connection: sa.Connection, ids: Sequence[int]) -> dict[int, str]:
    """Entry id -> content_uuid, of entries that have one."""
    found: dict[int, str] = {}
    for some in chunks(ids):
        query = sa.select(entries.c.id, entries.c.content_uuid).where(entries.c.id.in_(some))
        found.update((row[0], row[1]) for row in connection.execute(query) if row[1] is not None)
    return found


def set_stats(connection: sa.Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Entry id, inode and ctime_ns, of files that are the same and lie elsewhere on a disk, or were only touched."""
    if rows:
        values: dict[str, Any] = {"inode": sa.bindparam("b_inode"), "ctime_ns": sa.bindparam("b_ctime")}
        statement = sa.update(entries).where(entries.c.id == sa.bindparam("b_id")).values(**values)
        connection.execute(
            statement, [{"b_id": id, "b_inode": inode, "b_ctime": ctime_ns} for id, inode, ctime_ns in rows]
        )


def move_entries(connection: sa.Connection, location_id: int, rows: Sequence[tuple[int, bytes, int]]) -> None:
    """Entry id, new path and ctime_ns, of files that were renamed or moved in their location.

    A row of a removed file that has the path gives way.
    """
    for some in chunks([path for _, path, _ in rows]):
        stale = sa.and_(entries.c.location_id == location_id, entries.c.path.in_(some))
        connection.execute(sa.delete(entries).where(stale, entries.c.removed_at.is_not(None)))
    if rows:
        values: dict[str, Any] = {"path": sa.bindparam("b_path"), "ctime_ns": sa.bindparam("b_ctime")}
        statement = sa.update(entries).where(entries.c.id == sa.bindparam("b_id")).values(**values)
        connection.execute(
            statement, [{"b_id": id, "b_path": path, "b_ctime": ctime_ns} for id, path, ctime_ns in rows]
        )
        note_names(connection)


KnownEntry = tuple[int, int, int, int, int, int | None]
"""(entry id, size, mtime_ns, inode, 1 if it must be identified again in any case, ctime_ns if known)"""


def known_entries(connection: sa.Connection, location_id: int, prefix: bytes = b"") -> dict[bytes, KnownEntry]:
    """The entries of a location (below ``prefix``, a folder with a trailing slash) by path.

    Entries that were removed, or could not be identified last time, must be identified again.
    """
    query = _known(location_id)
    if prefix:
        query = query.where(entries.c.path >= prefix, entries.c.path < prefix[:-1] + b"0")
    return _by_path(connection.execute(query))


def known_parts(connection: sa.Connection, location_id: int, parts: Sequence[bytes]) -> dict[bytes, KnownEntry]:
    """The entries at these paths of a location, and below them where they are (or were) folders; b"" is all of it.

    As :func:`known_entries` gives them.
    """
    if b"" in parts:
        return known_entries(connection, location_id)
    query = _known(location_id)
    found: dict[bytes, KnownEntry] = {}
    for some in chunks(parts):
        found |= _by_path(connection.execute(query.where(entries.c.path.in_(some))))
    below = query.where(entries.c.path >= sa.bindparam("first"), entries.c.path < sa.bindparam("after"))
    for part in parts:
        if part not in found:
            found |= _by_path(connection.execute(below, {"first": part + b"/", "after": part + b"0"}))
    return found


def _known(location_id: int) -> sa.Select[Any]:
    table = entries.c
    again = sa.or_(table.removed_at.is_not(None), table.error_class.is_not(None))
    columns = (table.path, table.id, table.size, table.mtime_ns, table.inode, again, table.ctime_ns)
    return sa.select(*columns).where(table.location_id == location_id)


def _by_path(rows: Iterable[Any]) -> dict[bytes, KnownEntry]:
    return {row[0]: (row[1], row[2], row[3], row[4], int(row[5]), row[6]) for row in rows}


def removed_among(connection: sa.Connection, ids: Sequence[int]) -> set[int]:
    """Those of these entries that are marked as removed."""
    found: set[int] = set()
    for some in chunks(ids):
        query = sa.select(entries.c.id).where(entries.c.id.in_(some), entries.c.removed_at.is_not(None))
        found.update(connection.scalars(query))
    return found


def removed_entry_ids(connection: sa.Connection, location_id: int) -> set[int]:
    """Ids of the entries that are already marked as removed."""
    query = sa.select(entries.c.id).where(entries.c.location_id == location_id, entries.c.removed_at.is_not(None))
    return set(connection.scalars(query))


def mark_removed(connection: sa.Connection, ids: Sequence[int], now: float) -> None:
    """Mark these files as removed. Their sidecars stay."""
    for some in chunks(ids):
        connection.execute(sa.update(entries).where(entries.c.id.in_(some)).values(removed_at=now, queued=0))
    if ids:
        redate(connection, sorted(set(contents_of(connection, ids).values())))
        note_names(connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryRow:
    """The values of an entry: a file that was identified, or with ``error_class`` one that could not be."""

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
    ctime_ns: int | None = None
    facts: FileFacts | None = None
    """What the file says of itself; None if it was not asked."""


def record_entries(
    connection: sa.Connection,
    location_id: int,
    rows: Sequence[EntryRow],
    now: float,
    *,
    replaced: Set[bytes] | None = None,
) -> None:
    """Insert or replace entries, and add new contents. ``replaced``: the paths at which another content may be known;
    None: any of them.
    """
    if not rows:
        return
    paths = [row.path for row in rows if replaced is None or row.path in replaced]
    before = held_at(connection, location_id, paths) if paths else []
    record_contents(connection, [row for row in rows if row.content_uuid is not None], now)
    values = [(location_id, *_identity(row), None, 0, row.ctime_ns) for row in rows]
    connection.exec_driver_sql(_RECORD_ENTRIES[connection.dialect.name], values)
    if before:
        redate(connection, before)
    note_names(connection)


_IDENTITY = ("path", "size", "mtime_ns", "inode", "content_uuid", "claimed_mime", "error_class", "error_message")
_identity = attrgetter(*_IDENTITY)
_ANEW = (*_IDENTITY[1:], "removed_at", "queued", "ctime_ns")


def _replacing(insert: Any) -> Any:
    replaced = {name: insert.excluded[name] for name in _ANEW}
    return insert.on_conflict_do_update(index_elements=["location_id", "path"], set_=replaced)


_RECORD_ENTRIES = ForRows(entries, ("location_id", "path", *_ANEW), _replacing)


def replace_folders(connection: sa.Connection, location_id: int, totals: Mapping[bytes, tuple[int, int]]) -> None:
    """Store the (files, bytes) totals of every folder of a location, in place of the old ones."""
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
    """The files that have each content now: absolute path, size, mtime_ns; each path once, in order."""
    found: dict[str, dict[bytes, tuple[int, int]]] = {}
    for some in chunks(list(content_uuids)):
        query = (
            sa.select(entries.c.content_uuid, ROOT, entries.c.path, entries.c.size, entries.c.mtime_ns)
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
    """How much a library holds now: present files, and the contents that they have."""

    files: int
    contents: int
    unidentified: int


def totals(connection: sa.Connection) -> Totals:
    """Count files and contents."""
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
        sa.select(ROOT, entries.c.path, entries.c.error_class, entries.c.error_message)
        .join(locations, locations.c.id == entries.c.location_id)
        .where(entries.c.removed_at.is_(None), entries.c.error_class.is_not(None))
        .order_by(locations.c.id, entries.c.path)
    )
    return [(root.rstrip(b"/") + b"/" + path, cls, text) for root, path, cls, text in connection.execute(query)]


# queueing: wanted sidecars and jobs -----------------------------------------------------------------------------------


SLICE = 20_000

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


def drop_idle_jobs(connection: sa.Connection, content_uuids: sa.Select[Any]) -> None:
    """Delete queued and waiting jobs of these contents that have nothing left to do."""
    has_work = sa.exists().where(sidecars.c.content_uuid == jobs.c.content_uuid, sidecars.c.kind == jobs.c.kind, DUE)
    idle = jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value])
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
