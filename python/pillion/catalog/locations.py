"""Locations, the watched folders of a library, as this machine sees them, and what indexing found in them: entries, the
contents that these have, with what they say of themselves and their places in the timeline, and the totals of folders.

``contents.shown_at`` is the clock time that the capture date shows, so that a day on a journey is one day; for a
content without one, the time of its oldest file. It is NULL while no file has the content, and for a part of another
one. It is kept in the transaction that changes the files, so a page of the timeline is a range of one index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from pillion.catalog.contents import facts_of
from pillion.catalog.events import append_events
from pillion.catalog.statements import INSERTS, STREAMED, ForRows, chunks, prepared
from pillion.catalog.tables import (
    IDENTITY,
    NAMES,
    OFFLINE,
    OFFLINE_SINCE,
    ROOT,
    contents,
    entries,
    facts,
    folders,
    location_hosts,
    locations,
    meta,
    pauses,
)
from pillion.events import Changed
from pillion.facts import FileFacts, MediaFacts, taken_ms
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
    held = _held_in(connection, location_id)
    for table in (entries, folders, pauses, location_hosts):
        connection.execute(sa.delete(table).where(table.c.location_id == location_id))
    _redate(connection, held)
    connection.execute(sa.delete(meta).where(meta.c.key == f"queueing:{location_id}"))
    connection.execute(sa.delete(locations).where(locations.c.id == location_id))
    tell_changed(connection, number, held, now)
    return number


# what was found -------------------------------------------------------------------------------------------------------


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
    before = _held_at(connection, location_id, paths) if paths else []
    _record_contents(connection, [row for row in rows if row.content_uuid is not None], now)
    values = [(location_id, *_identity(row), None, 0, row.ctime_ns) for row in rows]
    connection.exec_driver_sql(_RECORD_ENTRIES[connection.dialect.name], values)
    if before:
        _redate(connection, before)
    tell_changed(connection, len(rows), before, now)


_IDENTITY = ("path", "size", "mtime_ns", "inode", "content_uuid", "claimed_mime", "error_class", "error_message")
_identity = attrgetter(*_IDENTITY)
_ANEW = (*_IDENTITY[1:], "removed_at", "queued", "ctime_ns")


def _entry_replaced(insert: Any) -> Any:
    replaced = {name: insert.excluded[name] for name in _ANEW}
    return insert.on_conflict_do_update(index_elements=["location_id", "path"], set_=replaced)


_RECORD_ENTRIES = ForRows(entries, ("location_id", "path", *_ANEW), _entry_replaced)


_COLUMNS = ("content_uuid", "hash", "size", "mime", "created_at", "shown_at", "taken_at", "facts_version")


def _record_contents(connection: sa.Connection, rows: Sequence[EntryRow], now: float) -> None:
    """Add the contents of files that are there, with their places in the timeline, and what they say of themselves."""
    if not rows:
        return
    connection.exec_driver_sql(_RECORD[connection.dialect.name], [_content(row, now) for row in rows])
    bodies = {row.content_uuid: row.facts.body for row in rows if row.content_uuid and row.facts and row.facts.body}
    _record_bodies(connection, bodies)


def _dated(insert: Any) -> Any:
    """What is known of a content already changes where facts were read by newer rules, or a file of it is older."""
    table, new = contents.c, insert.excluded
    read_anew = new.facts_version > table.facts_version
    taken_at = sa.case((read_anew, new.taken_at), else_=table.taken_at)
    earliest = sa.case((table.shown_at < new.shown_at, table.shown_at), else_=new.shown_at)
    dated = sa.or_(sa.and_(read_anew, new.taken_at.is_not(None)), sa.and_(read_anew, table.taken_at.is_not(None)))
    shown_at = sa.case(
        (table.part_of.is_not(None), sa.null()),
        (dated, new.shown_at),
        else_=sa.func.coalesce(taken_at, earliest),
    )
    moved = sa.and_(table.part_of.is_(None), sa.or_(table.shown_at.is_(None), new.shown_at < table.shown_at))
    return insert.on_conflict_do_update(
        index_elements=["content_uuid"],
        set_={
            "shown_at": shown_at,
            "taken_at": taken_at,
            "facts_version": sa.case((read_anew, new.facts_version), else_=table.facts_version),
        },
        where=sa.or_(read_anew, moved),
    )


_RECORD = ForRows(contents, _COLUMNS, _dated)


def _content(row: EntryRow, now: float) -> tuple[object, ...]:
    taken_at = row.facts.taken_at if row.facts is not None else None
    version = row.facts.version if row.facts is not None else 0
    shown_at = _shown_at_of(row.mtime_ns) if taken_at is None else taken_at
    return (row.content_uuid, row.hash, row.size, row.mime, now, shown_at, taken_at, version)


def _record_bodies(connection: sa.Connection, bodies: Mapping[str, str]) -> None:
    """Store the facts of contents, in place of what is stored."""
    if bodies:
        connection.exec_driver_sql(_RECORD_BODIES[connection.dialect.name], sorted(bodies.items()))


def _body_replaced(insert: Any) -> Any:
    changed = facts.c.body != insert.excluded.body
    return insert.on_conflict_do_update(
        index_elements=["content_uuid"], set_={"body": insert.excluded.body}, where=changed
    )


_RECORD_BODIES = ForRows(facts, ("content_uuid", "body"), _body_replaced)


def note_names(connection: sa.Connection) -> None:
    """Note in this transaction that names of files may have changed; catalog/search.py reads the number."""
    connection.exec_driver_sql(
        f"INSERT INTO meta (key, value) VALUES ('{NAMES}', '1') ON CONFLICT (key) DO UPDATE"
        " SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)"
    )


def tell_changed(connection: sa.Connection, files: int, held: Sequence[str], now: float) -> None:
    """Note and tell that so many files changed, which had the contents ``held`` before."""
    note_names(connection)
    gone = _gone_among(connection, held) if held else []
    some = list(chunks(gone)) if gone else [()]
    told = [Changed(files=0 if at else files, gone=tuple(part)) for at, part in enumerate(some)]
    append_events(connection, told, now)


# places in the timeline -----------------------------------------------------------------------------------------------


def _shown_at_of(mtime_ns: int) -> int:
    """A file's time in ms since 1970."""
    return mtime_ns // 1_000_000


def _redate(connection: sa.Connection, content_uuids: Sequence[str]) -> None:
    """Set the places of these contents anew, after their files changed. What went is no part and has no parts."""
    for some in chunks(content_uuids):
        here = contents.c.content_uuid.in_(some)
        _place(connection, here)
        gone = sa.select(contents.c.content_uuid).where(here, ~_present())
        parts = sa.or_(contents.c.part_of.in_(gone), sa.and_(here, contents.c.part_of.is_not(None), ~_present()))
        freed = connection.execute(sa.select(contents.c.content_uuid, contents.c.part_of).where(parts)).all()
        if freed:
            which = contents.c.content_uuid.in_([part for part, _ in freed])
            connection.execute(sa.update(contents).where(which).values(part_of=None))
            _place(connection, which)
            _retake(connection, sorted({whole for _, whole in freed}))


def _gone_among(connection: sa.Connection, content_uuids: Sequence[str]) -> list[str]:
    """Those of these contents that no file has."""
    found: list[str] = []
    for some in chunks(content_uuids):
        query = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some), ~_present())
        found += connection.scalars(query)
    return found


def _held_in(connection: sa.Connection, location_id: int) -> list[str]:
    """The contents of a Location's files, each once."""
    here = sa.and_(entries.c.location_id == location_id, entries.c.content_uuid.is_not(None))
    return list(connection.scalars(sa.select(entries.c.content_uuid).where(here).distinct()))


def _held_at(connection: sa.Connection, location_id: int, paths: Sequence[bytes]) -> list[str]:
    """The contents that the files at these paths had when they were last identified, each once."""
    here = entries.c.location_id == location_id
    if connection.execute(sa.select(entries.c.id).where(here).limit(1)).first() is None:
        return []
    found: set[str | None] = set()
    for some in chunks(paths):
        found.update(connection.scalars(sa.select(entries.c.content_uuid).where(here, entries.c.path.in_(some))))
    return sorted(uuid for uuid in found if uuid is not None)


def _place(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    mine = (entries.c.content_uuid == contents.c.content_uuid, entries.c.removed_at.is_(None))
    ms = entries.c.mtime_ns // sa.literal(1_000_000, sa.BigInteger)
    oldest = sa.select(sa.func.min(ms)).where(*mine).correlate(contents).scalar_subquery()
    shown = sa.case(
        (contents.c.part_of.is_not(None), None),
        (sa.and_(contents.c.taken_at.is_not(None), _present()), contents.c.taken_at),
        else_=oldest,
    )
    changed = contents.c.shown_at.is_distinct_from(shown)
    connection.execute(sa.update(contents).where(which, changed).values(shown_at=shown))


def _present() -> sa.ColumnElement[bool]:
    return (
        sa.exists()
        .where(entries.c.content_uuid == contents.c.content_uuid, entries.c.removed_at.is_(None))
        .correlate(contents)
    )


# parts ----------------------------------------------------------------------------------------------------------------


AtStem = tuple[bytes, str, str | None, str | None]
"""(path, content, its facts, the content that it is a part of)"""


def present_at_stems(connection: sa.Connection, location_id: int, stems: Sequence[bytes]) -> list[AtStem]:
    """The present files of a Location whose paths are one of these stems, a dot, and more."""
    found: list[AtStem] = []
    for stem in stems:
        values = (location_id, stem + b".", stem + b"/")
        rows = connection.exec_driver_sql(_AT_STEM[connection.dialect.name], values)
        found += [(bytes(path), uuid, body, whole) for path, uuid, body, whole in rows]
    return found


_AT_STEM = prepared(
    "SELECT entries.path, entries.content_uuid, facts.body, contents.part_of FROM entries"
    " LEFT JOIN contents ON contents.content_uuid = entries.content_uuid"
    " LEFT JOIN facts ON facts.content_uuid = entries.content_uuid"
    " WHERE entries.location_id = :location_id AND entries.path >= :first AND entries.path < :after"
    " AND entries.removed_at IS NULL AND entries.content_uuid IS NOT NULL"
)


def set_parts(connection: sa.Connection, parts: Mapping[str, str], freed: Sequence[str], now: float) -> None:
    """Record part -> whole, and that the contents ``freed`` are parts no more, where they have but one file.

    A whole that is a part itself, and a part that has parts, are left as they are.
    """
    known = _parts_known(connection, [*parts, *parts.values(), *freed])
    wholes = {whole for whole in known.values() if whole is not None} | set(parts.values())
    new = {
        part: whole
        for part, whole in parts.items()
        if known.get(part) != whole and part not in wholes and known.get(whole) is None
    }
    freed = [uuid for uuid in freed if known.get(uuid) is not None and uuid not in parts]
    freed = [uuid for uuid in freed if _files(connection, uuid) <= 1]
    statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_part"))
    changes = [*new.items(), *((uuid, None) for uuid in freed)]
    if changes:
        connection.execute(
            statement.values(part_of=sa.bindparam("b_whole")),
            [{"b_part": part, "b_whole": whole} for part, whole in changes],
        )
        _retake(connection, sorted({*new.values(), *(whole for uuid in freed if (whole := known[uuid]) is not None)}))
        _redate(connection, [part for part, _ in changes])
        append_events(connection, [Changed(files=len(changes))], now)


def _parts_known(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for some in chunks(sorted(set(content_uuids))):
        query = sa.select(contents.c.content_uuid, contents.c.part_of).where(contents.c.content_uuid.in_(some))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def _files(connection: sa.Connection, content_uuid: str) -> int:
    query = sa.select(sa.func.count()).where(entries.c.content_uuid == content_uuid, entries.c.removed_at.is_(None))
    return connection.execute(query).scalar_one()


def _retake(connection: sa.Connection, content_uuids: Sequence[str]) -> None:
    """Set the capture dates of these contents anew, by what they and their ``.xmp`` files say, and their places."""
    known = facts_of(connection, content_uuids)
    rows = [{"b_content": uuid, "b_taken": taken_ms(known.get(uuid, MediaFacts()).taken)} for uuid in content_uuids]
    if rows:
        statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_content"))
        connection.execute(statement.values(taken_at=sa.bindparam("b_taken")), rows)
        _redate(connection, content_uuids)


# facts that are read again --------------------------------------------------------------------------------------------


def stale_facts(connection: sa.Connection, version: int, after: str, limit: int) -> list[tuple[str, bytes, int, int]]:
    """(content, absolute path, size, mtime_ns) of contents whose facts were read by older rules, in order."""
    which = sa.and_(contents.c.facts_version < version, contents.c.content_uuid > after)
    picked = sa.select(contents.c.content_uuid).where(which).order_by(contents.c.content_uuid).limit(limit).subquery()
    query = (
        sa.select(picked.c.content_uuid, ROOT, entries.c.path, entries.c.size, entries.c.mtime_ns)
        .join(entries, entries.c.content_uuid == picked.c.content_uuid)
        .join(locations, locations.c.id == entries.c.location_id)
        .where(entries.c.removed_at.is_(None), OFFLINE.is_(None))
        .order_by(picked.c.content_uuid)
    )
    first: dict[str, tuple[str, bytes, int, int]] = {}
    for uuid, root, path, size, mtime_ns in connection.execute(query):
        first.setdefault(uuid, (uuid, root.rstrip(b"/") + b"/" + path, size, mtime_ns))
    return list(first.values())


def record_facts_anew(connection: sa.Connection, found: Mapping[str, FileFacts], now: float) -> None:
    """Store facts that were read again."""
    for some in chunks(list(found)):
        connection.execute(sa.delete(facts).where(facts.c.content_uuid.in_(some)))
    _record_bodies(connection, {uuid: one.body for uuid, one in found.items() if one.body is not None})
    statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_content"))
    if found:
        connection.execute(
            statement.values(facts_version=sa.bindparam("b_version")),
            [{"b_content": uuid, "b_version": one.version} for uuid, one in found.items()],
        )
        _retake(connection, list(found))
        append_events(connection, [Changed(files=len(found))], now)


def read_facts_version(connection: sa.Connection) -> int:
    """The version of the rules by which the facts of all contents were read; 0 for none."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _FACTS_VERSION))
    return int(value) if value else 0


def write_facts_version(connection: sa.Connection, version: int) -> None:
    """Note that all facts were read by these rules."""
    insert = INSERTS[connection.dialect.name](meta).values(key=_FACTS_VERSION, value=str(version))
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


_FACTS_VERSION = "facts"


# what was known before ------------------------------------------------------------------------------------------------


AGAIN, REMOVED = 1, 2
"""Of an entry: it could not be identified last time, and is to be in any case; it was removed, and is not there."""

KnownEntry = tuple[int, int, int, int, int, int | None]
"""(entry id, size, mtime_ns, inode, 0 or one of these two, ctime_ns if known)"""


def known_entries(
    connection: sa.Connection, location_id: int, prefix: bytes = b""
) -> Iterator[tuple[bytes, KnownEntry]]:
    """The entries of a location (below ``prefix``, a folder with a trailing slash) by path, also removed ones.

    A stream of the transaction: few are in memory at a time.
    """
    query = _known(location_id)
    if prefix:
        query = query.where(entries.c.path >= prefix, entries.c.path < prefix[:-1] + b"0")
    return _by_path(connection.execute(query, execution_options=STREAMED))


def known_parts(
    connection: sa.Connection, location_id: int, parts: Sequence[bytes]
) -> Iterable[tuple[bytes, KnownEntry]]:
    """The entries at these paths of a location, and below them where they are (or were) folders; b"" is all of it.

    As :func:`known_entries` gives them.
    """
    if b"" in parts:
        return known_entries(connection, location_id)
    query = _known(location_id)
    found: dict[bytes, KnownEntry] = {}
    for some in chunks(parts):
        found.update(_by_path(connection.execute(query.where(entries.c.path.in_(some)))))
    below = query.where(entries.c.path >= sa.bindparam("first"), entries.c.path < sa.bindparam("after"))
    for part in parts:
        if part not in found:
            found.update(_by_path(connection.execute(below, {"first": part + b"/", "after": part + b"0"})))
    return found.items()


def _known(location_id: int) -> sa.Select[Any]:
    table = entries.c
    again = sa.case((table.removed_at.is_not(None), REMOVED), (table.error_class.is_not(None), AGAIN), else_=0)
    columns = (table.path, table.id, table.size, table.mtime_ns, table.inode, again, table.ctime_ns)
    return sa.select(*columns).where(table.location_id == location_id)


def _by_path(rows: Iterable[Any]) -> Iterator[tuple[bytes, KnownEntry]]:
    return ((row[0], (row[1], row[2], row[3], row[4], row[5], row[6])) for row in rows)


_STATS = 10_000


def set_stats(connection: sa.Connection, rows: Iterable[tuple[int, int, int]]) -> None:
    """Entry id, inode and ctime_ns, of files that are the same and lie elsewhere on a disk, or were only touched."""
    values: dict[str, Any] = {"inode": sa.bindparam("b_inode"), "ctime_ns": sa.bindparam("b_ctime")}
    statement = sa.update(entries).where(entries.c.id == sa.bindparam("b_id")).values(**values)
    waiting = iter(rows)
    while some := list(islice(waiting, _STATS)):
        connection.execute(statement, [{"b_id": id, "b_inode": inode, "b_ctime": ctime} for id, inode, ctime in some])


def move_entries(
    connection: sa.Connection, location_id: int, rows: Sequence[tuple[int, bytes, int]], now: float
) -> None:
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
        tell_changed(connection, len(rows), (), now)


def mark_removed(connection: sa.Connection, ids: Sequence[int], now: float) -> None:
    """Mark these files as removed. Their sidecars stay."""
    for some in chunks(ids):
        connection.execute(sa.update(entries).where(entries.c.id.in_(some)).values(removed_at=now, queued=0))
    if ids:
        held = sorted(set(contents_of(connection, ids).values()))
        _redate(connection, held)
        tell_changed(connection, len(ids), held, now)


# totals of folders ----------------------------------------------------------------------------------------------------


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


# what is there --------------------------------------------------------------------------------------------------------


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


def unidentified(connection: sa.Connection) -> list[tuple[bytes, str, str]]:
    """Present files that could not be identified: absolute path, error class, message."""
    query = (
        sa.select(ROOT, entries.c.path, entries.c.error_class, entries.c.error_message)
        .join(locations, locations.c.id == entries.c.location_id)
        .where(entries.c.removed_at.is_(None), entries.c.error_class.is_not(None))
        .order_by(locations.c.id, entries.c.path)
    )
    return [(root.rstrip(b"/") + b"/" + path, cls, text) for root, path, cls, text in connection.execute(query)]


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
