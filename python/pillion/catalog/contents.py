"""Contents: the files that have them, what they say of themselves, and which are parts of others; orphans, which no
file has any more; those of which nothing is made; and the hashes of pictures.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pillion.catalog.rebuilding import reconciled_at
from pillion.catalog.sidecars import note_gone
from pillion.catalog.statements import IN_LIMIT, INSERTS, STREAMED, chunks
from pillion.catalog.tables import (
    ROOT,
    TAKEN_FOR,
    contents,
    entries,
    facts,
    failures,
    jobs,
    locations,
    meta,
    peers,
    sidecars,
)
from pillion.facts import MediaFacts
from pillion.model import UNKNOWN, PictureHashes

# what is known of them ------------------------------------------------------------------------------------------------


def knows_nothing(connection: sa.Connection) -> bool:
    """Whether a catalog has no content, nor a peer from which one could be coming, and was not made from manifests.

    So looks one that lost its write-ahead log: what is in the store is not known to it.
    """
    known = sa.exists(sa.select(contents.c.content_uuid)) | sa.exists(sa.select(peers.c.name))
    return not connection.execute(sa.select(known)).scalar_one() and reconciled_at(connection) is None


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


# of which there is no file --------------------------------------------------------------------------------------------


RECONCILED_GRACE_S = 30 * 86400.0
"""After a reconcile it is not known which files have a content until they are indexed again. For this long none counts
as an orphan."""

_NOTE = "orphan:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Orphan:
    """A content without a file. ``since``: seconds since 1970; ``sidecars``, ``bytes``: of its ready sidecars."""

    content_uuid: str
    since: float
    sidecars: int
    bytes: int


def note_orphans(connection: sa.Connection, now: float) -> None:
    """Note when contents without any entry were first seen, and delete the notes of those that have one again."""
    key = sa.literal(_NOTE).concat(contents.c.content_uuid)
    unseen = sa.select(key, sa.literal(repr(now))).where(~_has_entry(present=False))
    insert = INSERTS[connection.dialect.name](meta).from_select(["key", "value"], unseen)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["key"]))
    back = sa.select(key).where(_has_entry(present=False))
    connection.execute(sa.delete(meta).where(meta.c.key.startswith(_NOTE), meta.c.key.in_(back)))


def list_orphans(
    connection: sa.Connection,
    *,
    until: float,
    now: float,
    after: tuple[float, str] | None = None,
    limit: int | None = None,
    within: Sequence[str] | None = None,
) -> list[Orphan]:
    """Contents that have had no file since ``until`` or earlier, oldest first.

    ``after``: only those after this (since, uuid). ``within``: only these contents.
    """
    since = _since(now)
    query = _query(since).where(~_has_entry(present=True), since <= until)
    reconciled = reconciled_at(connection)
    if reconciled is not None and now - reconciled < RECONCILED_GRACE_S:
        query = query.where(sa.or_(contents.c.created_at > reconciled, _has_entry(present=False)))
    if within is not None:
        query = query.where(contents.c.content_uuid.in_(within))
    if after is not None:
        query = query.where(sa.or_(since > after[0], sa.and_(since == after[0], contents.c.content_uuid > after[1])))
    rows = connection.execute(query.order_by(since, contents.c.content_uuid).limit(limit))
    return [Orphan(content_uuid=row[0], since=row[1], sidecars=row[2], bytes=row[3]) for row in rows]


def delete_contents(connection: sa.Connection, content_uuids: Sequence[str]) -> None:
    """Delete all rows about these contents, which no file has any more."""
    tables = (sidecars, failures, jobs, entries, facts, contents)
    note_gone(connection)
    for some in chunks(content_uuids):
        for table in tables:
            connection.execute(sa.delete(table).where(table.c.content_uuid.in_(some)))
        connection.execute(sa.delete(meta).where(meta.c.key.in_([_NOTE + uuid for uuid in some])))


def present_contents(connection: sa.Connection, content_uuids: Sequence[str]) -> set[str]:
    """The contents among these that at least one present file has."""
    found: set[str] = set()
    for some in chunks(content_uuids):
        query = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some), _has_entry(present=True))
        found.update(connection.scalars(query))
    return found


def known_contents(connection: sa.Connection, content_uuids: Sequence[str]) -> list[str]:
    """Those of these contents that the catalog knows, in this order."""
    found: set[str] = set()
    for some in chunks(content_uuids):
        found.update(connection.scalars(sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some))))
    return [uuid for uuid in content_uuids if uuid in found]


def _query(since: sa.ColumnElement[float]) -> sa.Select[Any]:
    mine = sa.and_(sidecars.c.content_uuid == contents.c.content_uuid, sidecars.c.rel_path.is_not(None))
    number = sa.select(sa.func.count()).where(mine).scalar_subquery()
    size = sa.select(sa.func.coalesce(sa.func.sum(sidecars.c.size), 0)).where(mine).scalar_subquery()
    return sa.select(contents.c.content_uuid, since, number, size)


def _since(now: float) -> sa.ColumnElement[float]:
    removed = sa.select(sa.func.max(entries.c.removed_at)).where(entries.c.content_uuid == contents.c.content_uuid)
    note = sa.select(sa.cast(meta.c.value, sa.Float)).where(
        meta.c.key == sa.literal(_NOTE).concat(contents.c.content_uuid)
    )
    return sa.func.coalesce(removed.scalar_subquery(), note.scalar_subquery(), sa.literal(now))


def _has_entry(*, present: bool) -> sa.ColumnElement[bool]:
    """Whether some entry has the content; with ``present``, only entries whose file is there count."""
    where = [entries.c.content_uuid == contents.c.content_uuid]
    if present:
        where.append(entries.c.removed_at.is_(None))
    return sa.exists().where(*where)


# of which nothing is made ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmade:
    """A present content for which no sidecar is wanted. ``mime``: what it is taken for. ``sources``: absolute paths."""

    content_uuid: str
    mime: str
    size: int
    sources: Sequence[bytes]


def unmade(connection: sa.Connection, *, unknown: bool = False) -> Iterator[Unmade]:
    """The present contents without any sidecar row, in order; with ``unknown``, those of no known type."""
    has_rows = sa.exists().where(sidecars.c.content_uuid == contents.c.content_uuid)
    present = sa.exists().where(entries.c.content_uuid == contents.c.content_uuid, entries.c.removed_at.is_(None))
    which = sa.and_(contents.c.mime == UNKNOWN, TAKEN_FOR == UNKNOWN) if unknown else ~has_rows
    query = sa.select(contents.c.content_uuid, TAKEN_FOR, contents.c.size).where(which, present)
    found = connection.execute(query.order_by(contents.c.content_uuid), execution_options=STREAMED)
    for some in found.partitions(IN_LIMIT):
        sources = sources_of(connection, [row[0] for row in some])
        for uuid, mime, size in some:
            paths = [path for path, _, _ in sources.get(uuid, ())]
            yield Unmade(content_uuid=uuid, mime=mime, size=size, sources=paths)


def unknown_endings(connection: sa.Connection) -> dict[str, int]:
    """How many present files are of no known type: by the ending of their names ("" without one), most first."""
    query = (
        sa.select(entries.c.path)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(contents.c.mime == UNKNOWN, TAKEN_FOR == UNKNOWN, entries.c.removed_at.is_(None))
    )
    counts = Counter(os.path.splitext(os.fsdecode(path))[1].lower() for path in connection.scalars(query))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


# the hashes of pictures -----------------------------------------------------------------------------------------------


def thumbhashes(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, bytes]:
    """content_uuid -> ThumbHash, of those that have one."""
    found: dict[str, bytes] = {}
    for some in chunks(sorted(content_uuids)):
        query = sa.select(contents.c.content_uuid, contents.c.thumbhash).where(
            contents.c.content_uuid.in_(some), contents.c.thumbhash.is_not(None)
        )
        found.update({row[0]: bytes(row[1]) for row in connection.execute(query)})
    return found


def picture_hashes(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, PictureHashes]:
    """content_uuid -> its hashes, of those that have any."""
    found: dict[str, PictureHashes] = {}
    columns = (contents.c.content_uuid, contents.c.thumbhash, contents.c.likeness)
    for some in chunks(sorted(content_uuids)):
        query = sa.select(*columns).where(
            contents.c.content_uuid.in_(some),
            sa.or_(contents.c.thumbhash.is_not(None), contents.c.likeness.is_not(None)),
        )
        for uuid, *hashes in connection.execute(query):
            thumbhash, likeness = (None if hash_ is None else bytes(hash_) for hash_ in hashes)
            found[uuid] = PictureHashes(thumbhash=thumbhash, likeness=likeness)
    return found
