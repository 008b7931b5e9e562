"""What contents say of themselves, and their places in the timeline: the only code that writes either.

``contents.shown_at`` is the clock time that the capture date shows, so that a day on a journey is one day; for a
content without one, the time of its oldest file. It is NULL while no file has the content, and for a part of another
one. It is kept in the transaction that changes the files, so a page of the timeline is a range of one index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.statements import INSERTS, ForRows, chunks, prepared
from pillion.catalog.tables import OFFLINE, ROOT, contents, entries, facts, locations, meta
from pillion.events import Changed
from pillion.facts import FileFacts, MediaFacts, taken_ms

# reading --------------------------------------------------------------------------------------------------------------


def facts_of(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, MediaFacts]:
    """What is known of these contents; those of which nothing is known are left out.

    What a ``.xmp`` file beside a photograph says counts before what the photograph says.
    """
    found: dict[str, MediaFacts] = {}
    for some in chunks(content_uuids):
        query = sa.select(facts.c.content_uuid, facts.c.body).where(facts.c.content_uuid.in_(some))
        found.update((row[0], MediaFacts.of(row[1])) for row in connection.execute(query))
        beside = (
            sa.select(contents.c.part_of, facts.c.body)
            .join(facts, facts.c.content_uuid == contents.c.content_uuid)
            .where(contents.c.part_of.in_(some), contents.c.mime.like("text/%"))
            .order_by(contents.c.content_uuid)
        )
        for uuid, body in connection.execute(beside):
            found[uuid] = found.get(uuid, MediaFacts()).corrected(MediaFacts.of(body))
    return found


def parts_of(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, list[str]]:
    """Content -> the contents that are parts of it, such as the film of a Live Photo, in order."""
    found: dict[str, list[str]] = {}
    for some in chunks(content_uuids):
        query = sa.select(contents.c.part_of, contents.c.content_uuid).where(contents.c.part_of.in_(some))
        for whole, part in connection.execute(query.order_by(contents.c.content_uuid)):
            found.setdefault(whole, []).append(part)
    return found


def whole_of(connection: sa.Connection, content_uuid: str) -> str | None:
    """The content of which this one is a part; None for one that stands for itself."""
    return connection.scalar(sa.select(contents.c.part_of).where(contents.c.content_uuid == content_uuid))


# places in the timeline -----------------------------------------------------------------------------------------------


def shown_at_of(mtime_ns: int) -> int:
    """A file's time in ms since 1970."""
    return mtime_ns // 1_000_000


def redate(connection: sa.Connection, content_uuids: Sequence[str]) -> None:
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
            retake(connection, sorted({whole for _, whole in freed}))


def gone_among(connection: sa.Connection, content_uuids: Sequence[str]) -> list[str]:
    """Those of these contents that no file has."""
    found: list[str] = []
    for some in chunks(content_uuids):
        query = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some), ~_present())
        found += connection.scalars(query)
    return found


def held_in(connection: sa.Connection, location_id: int) -> list[str]:
    """The contents of a Location's files, each once."""
    here = sa.and_(entries.c.location_id == location_id, entries.c.content_uuid.is_not(None))
    return list(connection.scalars(sa.select(entries.c.content_uuid).where(here).distinct()))


def held_at(connection: sa.Connection, location_id: int, paths: Sequence[bytes]) -> list[str]:
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


# recording ------------------------------------------------------------------------------------------------------------


class Identified(Protocol):
    """A file whose content is known: catalog/locations.py's EntryRow."""

    @property
    def content_uuid(self) -> str | None: ...
    @property
    def hash(self) -> str | None: ...
    @property
    def size(self) -> int: ...
    @property
    def mime(self) -> str | None: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def facts(self) -> FileFacts | None: ...


_COLUMNS = ("content_uuid", "hash", "size", "mime", "created_at", "shown_at", "taken_at", "facts_version")


def record_contents(connection: sa.Connection, rows: Sequence[Identified], now: float) -> None:
    """Add the contents of files that are there, with their places in the timeline, and what they say of themselves."""
    if not rows:
        return
    connection.exec_driver_sql(_RECORD[connection.dialect.name], [_content(row, now) for row in rows])
    bodies = {row.content_uuid: row.facts.body for row in rows if row.content_uuid and row.facts and row.facts.body}
    record_bodies(connection, bodies)


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


def _content(row: Identified, now: float) -> tuple[object, ...]:
    taken_at = row.facts.taken_at if row.facts is not None else None
    version = row.facts.version if row.facts is not None else 0
    shown_at = shown_at_of(row.mtime_ns) if taken_at is None else taken_at
    return (row.content_uuid, row.hash, row.size, row.mime, now, shown_at, taken_at, version)


def record_bodies(connection: sa.Connection, bodies: Mapping[str, str]) -> None:
    """Store the facts of contents, in place of what is stored."""
    if bodies:
        connection.exec_driver_sql(_RECORD_BODIES[connection.dialect.name], sorted(bodies.items()))


def _replacing(insert: Any) -> Any:
    changed = facts.c.body != insert.excluded.body
    return insert.on_conflict_do_update(
        index_elements=["content_uuid"], set_={"body": insert.excluded.body}, where=changed
    )


_RECORD_BODIES = ForRows(facts, ("content_uuid", "body"), _replacing)


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
        retake(connection, sorted({*new.values(), *(whole for uuid in freed if (whole := known[uuid]) is not None)}))
        redate(connection, [part for part, _ in changes])
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


def retake(connection: sa.Connection, content_uuids: Sequence[str]) -> None:
    """Set the capture dates of these contents anew, by what they and their ``.xmp`` files say, and their places."""
    known = facts_of(connection, content_uuids)
    rows = [{"b_content": uuid, "b_taken": taken_ms(known.get(uuid, MediaFacts()).taken)} for uuid in content_uuids]
    if rows:
        statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_content"))
        connection.execute(statement.values(taken_at=sa.bindparam("b_taken")), rows)
        redate(connection, content_uuids)


def stale(connection: sa.Connection, version: int, after: str, limit: int) -> list[tuple[str, bytes, int, int]]:
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


def record_anew(connection: sa.Connection, found: Mapping[str, FileFacts], now: float) -> None:
    """Store facts that were read again."""
    for some in chunks(list(found)):
        connection.execute(sa.delete(facts).where(facts.c.content_uuid.in_(some)))
    record_bodies(connection, {uuid: one.body for uuid, one in found.items() if one.body is not None})
    statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_content"))
    if found:
        connection.execute(
            statement.values(facts_version=sa.bindparam("b_version")),
            [{"b_content": uuid, "b_version": one.version} for uuid, one in found.items()],
        )
        retake(connection, list(found))
        append_events(connection, [Changed(files=len(found))], now)


def read_version(connection: sa.Connection) -> int:
    """The version of the rules by which the facts of all contents were read; 0 for none."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _VERSION))
    return int(value) if value else 0


def write_version(connection: sa.Connection, version: int) -> None:
    """Note that all facts were read by these rules."""
    insert = INSERTS[connection.dialect.name](meta).values(key=_VERSION, value=str(version))
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


_VERSION = "facts"
