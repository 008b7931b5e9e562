"""The timeline: the contents that files have now, in order of the date that each is shown at.

catalog/facts.py keeps that date, ``contents.shown_at``, so a page is a range of one index, also among a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.facts import facts_of
from pillion.catalog.statements import chunks
from pillion.catalog.tables import (
    NAMES,
    OFFLINE,
    ROOT,
    TAKEN_FOR,
    contents,
    entries,
    failures,
    folders,
    locations,
    meta,
    sidecars,
)
from pillion.facts import MediaFacts
from pillion.model import UNKNOWN, SidecarStatus

FEW = 5000
"""A choice of at most so many contents is sorted by itself; for one of more, the timeline is looked through."""
COUNTED = 100_000
"""A choice of at most so many contents is counted by itself."""
LOOKED_AT = 20_000
"""So many contents are looked through for one page of a choice: it takes about as long as a page of all."""

Position = tuple[int, str]
"""(shown_at, content_uuid): a place in the timeline."""


# what is chosen -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which contents a timeline shows. ``types``: MIME types or classes (``image``), any of them; ``state``: of some
    sidecar; ``folder``: (id of a Location, path in it), with all below; ``since``, ``until``: ms since 1970.
    """

    types: Sequence[str] = ()
    state: SidecarStatus | None = None
    folder: tuple[int, bytes] | None = None
    since: int | None = None
    until: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is decided by the date alone."""
        return not self.types and self.state is None and self.folder is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A content in the timeline. ``path``: its first file, relative to the Location with ``location_id``;
    ``copies``: how many files have it; ``thumbs``: variant -> checksum of ready thumbnails.
    """

    content_uuid: str
    mime: str
    size: int
    shown_at: int
    thumbhash: bytes | None
    location_id: int
    path: bytes
    copies: int
    thumbs: dict[str, str]
    facts: MediaFacts


def page(
    connection: sa.Connection, chosen: Chosen, *, after: Position | None, limit: int, offset: int = 0, descending: bool
) -> tuple[list[Shown], Position | None]:
    """A page of the timeline and where the next one begins; None at the end.

    The page of a choice may be short of ``limit``, even empty, before the end. ``offset``: leave out so many first.
    """
    few = None if chosen.is_plain else _few(connection, chosen)
    if few is not None:
        found, following = _page_of_few(connection, chosen, few, after, limit, offset, descending)
    else:
        found, following = _page_of_all(connection, chosen, after, limit, offset, descending)
    return _shown(connection, found), following


def _page_of_all(
    connection: sa.Connection, chosen: Chosen, after: Position | None, limit: int, offset: int, descending: bool
) -> tuple[list[Position], Position | None]:
    place = (contents.c.shown_at, contents.c.content_uuid)
    order = [column.desc() if descending else column for column in place]
    query = sa.select(*place, contents.c.mime).where(*_dated(chosen, after, descending)).order_by(*order)
    if chosen.is_plain:
        rows = connection.execute(query.limit(limit + 1).offset(offset)).all()
        positions = [(row[0], row[1]) for row in rows[:limit]]
        return positions, positions[-1] if len(rows) > limit else None
    looked = query.limit(LOOKED_AT).subquery()
    fits = sa.select(looked.c.shown_at, looked.c.content_uuid).where(*_fits(connection, chosen, looked))
    outer = [column.desc() if descending else column for column in (looked.c.shown_at, looked.c.content_uuid)]
    fitting = connection.execute(fits.order_by(*outer).limit(limit).offset(offset))
    positions = [(row[0], row[1]) for row in fitting]
    if len(positions) == limit:
        return positions, positions[-1]
    last = connection.execute(query.limit(1).offset(LOOKED_AT - 1)).first()
    return positions, (last[0], last[1]) if last else None


def _page_of_few(
    connection: sa.Connection,
    chosen: Chosen,
    few: Sequence[str],
    after: Position | None,
    limit: int,
    offset: int,
    descending: bool,
) -> tuple[list[Position], Position | None]:
    rows = sorted(_dated_of(connection, chosen, few, after, descending), reverse=descending)[offset:]
    return rows[:limit], rows[limit - 1] if len(rows) > limit else None


def _dated_of(
    connection: sa.Connection, chosen: Chosen, few: Sequence[str], after: Position | None, descending: bool
) -> Iterator[Position]:
    columns = (contents.c.shown_at, contents.c.content_uuid)
    where = (*_dated(chosen, after, descending), *_fits(connection, chosen, contents))
    for some in chunks(few):
        rows = connection.execute(sa.select(*columns).where(contents.c.content_uuid.in_(some), *where))
        yield from ((row[0], row[1]) for row in rows)


def _dated(chosen: Chosen, after: Position | None, descending: bool) -> list[sa.ColumnElement[bool]]:
    """The range of the timeline."""
    at = contents.c.shown_at
    where: list[sa.ColumnElement[bool]] = [at.is_not(None)]
    if chosen.since is not None:
        where.append(at >= chosen.since)
    if chosen.until is not None:
        where.append(at < chosen.until)
    if after is not None:
        place, start = sa.tuple_(at, contents.c.content_uuid), sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        where.append(place < start if descending else place > start)
    return where


def _fits(connection: sa.Connection, chosen: Chosen, rows: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """Whether rows with a content_uuid and a mime are of the choice."""
    where: list[sa.ColumnElement[bool]] = []
    if chosen.types:
        where.append(_of_types(connection, chosen.types, rows))
    if chosen.state is not None:
        same = sidecars.c.content_uuid == rows.c.content_uuid
        where.append(sa.exists().where(same, sidecars.c.status == chosen.state.value))
    if chosen.folder is not None:
        # The sum keeps SQLite from looking through the folder, instead of the content's few files, for each row.
        place = _inside(chosen.folder, entries.c.location_id + 0)
        where.append(sa.exists().where(entries.c.content_uuid == rows.c.content_uuid, *place))
    return where


def _inside(
    folder: tuple[int, bytes], location: sa.ColumnElement[int] = entries.c.location_id
) -> list[sa.ColumnElement[bool]]:
    """The present entries in a folder of a Location and below it."""
    location_id, path = folder
    where: list[sa.ColumnElement[bool]] = [location == location_id, entries.c.removed_at.is_(None)]
    if path:
        where += [entries.c.path >= path + b"/", entries.c.path < path + b"0"]
    return where


def _few(connection: sa.Connection, chosen: Chosen, most: int = FEW) -> list[str] | None:
    """The contents among which all of a choice are, if some part of it is of at most ``most``; else None."""
    queries = []
    if chosen.folder is not None and not _has_many(connection, *chosen.folder, most):
        queries.append(sa.select(entries.c.content_uuid).where(*_inside(chosen.folder)))
    if chosen.types:
        mimes = _mimes(connection, chosen.types)
        queries.append(sa.select(contents.c.content_uuid).where(contents.c.mime.in_([*mimes, UNKNOWN])))
    if chosen.state is SidecarStatus.FAILED:
        queries.append(sa.select(failures.c.content_uuid).where(failures.c.resolved_at.is_(None)))
    for query in queries:
        found = list(connection.scalars(query.limit(most + 1)))
        if len(found) <= most:
            return sorted({uuid for uuid in found if uuid is not None})
    return None


def _has_many(connection: sa.Connection, location_id: int, path: bytes, most: int) -> bool:
    """Whether a folder has more files than that, by its totals, which may be a little behind."""
    files = connection.scalar(
        sa.select(folders.c.files).where(folders.c.location_id == location_id, folders.c.path == path)
    )
    return files is not None and files > most


_NAMED = ("image", "audio", "video")
"""The classes whose MIME types begin with their name."""


def _of_types(connection: sa.Connection, types: Sequence[str], rows: sa.FromClause) -> sa.ColumnElement[bool]:
    claimed = [TAKEN_FOR.like(f"{kind}/%") if kind in _NAMED else sa.literal(kind) == TAKEN_FOR for kind in types]
    unknown = (
        sa.exists()
        .select_from(contents)
        .where(contents.c.content_uuid == rows.c.content_uuid, sa.or_(sa.false(), *claimed))
        if rows is not contents
        else sa.or_(sa.false(), *claimed)
    )
    # The function keeps SQLite from the index of types: it would go through all of a type for each month.
    mime = sa.func.coalesce(rows.c.mime, UNKNOWN)
    return sa.or_(mime.in_(_mimes(connection, types)), sa.and_(mime == UNKNOWN, unknown))


def _mimes(connection: sa.Connection, types: Sequence[str]) -> list[str]:
    """The MIME types among the contents that are of these types: one look into the index for each that there is."""
    found: list[str] = []
    last = ""
    while True:
        mime = connection.scalar(sa.select(sa.func.min(contents.c.mime)).where(contents.c.mime > last))
        if mime is None:
            return found
        if mime in types or _core.media_class(mime) in types:
            found.append(mime)
        last = mime


def _shown(connection: sa.Connection, positions: Sequence[Position]) -> list[Shown]:
    """What is shown of each."""
    uuids = [uuid for _, uuid in positions]
    about: dict[str, Any] = {}
    files: dict[str, list[tuple[int, bytes]]] = {}
    thumbs: dict[str, dict[str, str]] = {}
    for some in chunks(uuids):
        columns = (contents.c.content_uuid, TAKEN_FOR, contents.c.size, contents.c.thumbhash)
        about.update(
            {row[0]: row for row in connection.execute(sa.select(*columns).where(contents.c.content_uuid.in_(some)))}
        )
        named = sa.select(entries.c.content_uuid, entries.c.location_id, entries.c.path)
        here = (entries.c.content_uuid.in_(some), entries.c.removed_at.is_(None))
        for uuid, location_id, path in connection.execute(named.where(*here)):
            files.setdefault(uuid, []).append((location_id, path))
        ready = sa.select(sidecars.c.content_uuid, sidecars.c.variant, sidecars.c.checksum).where(
            sidecars.c.content_uuid.in_(some),
            sidecars.c.kind == "thumb",
            sidecars.c.status == SidecarStatus.READY.value,
        )
        for uuid, variant, checksum in connection.execute(ready):
            thumbs.setdefault(uuid, {})[variant] = checksum
    facts = facts_of(connection, uuids)
    found = []
    for at, uuid in positions:
        if uuid in files:
            location_id, path = min(files[uuid])
            _, mime, size, thumbhash = about[uuid]
            found.append(
                Shown(
                    content_uuid=uuid,
                    mime=mime,
                    size=size,
                    shown_at=at,
                    thumbhash=None if thumbhash is None else bytes(thumbhash),
                    location_id=location_id,
                    path=bytes(path),
                    copies=len(files[uuid]),
                    thumbs=thumbs.get(uuid, {}),
                    facts=facts.get(uuid, _NOTHING),
                )
            )
    return found


_NOTHING = MediaFacts()


def show(connection: sa.Connection, content_uuid: str) -> Shown | None:
    """What a timeline shows of one content, or would if it were no part of another; None if no file has it."""
    query = sa.select(sa.func.coalesce(contents.c.shown_at, contents.c.taken_at, 0))
    at = connection.scalar(query.where(contents.c.content_uuid == content_uuid))
    return None if at is None else next(iter(_shown(connection, [(at, content_uuid)])), None)


# counts ---------------------------------------------------------------------------------------------------------------


def months(connection: sa.Connection, chosen: Chosen) -> list[tuple[int, int, int, int]]:
    """(year, month, how many contents, the month's end in ms since 1970) of each month, in UTC, the newest first.

    Months without any are left out.
    """
    few = None if chosen.is_plain else _few(connection, chosen, COUNTED)
    if few is not None:
        counts: dict[tuple[int, int], int] = {}
        for at, _ in _dated_of(connection, chosen, few, None, True):
            counts[_month(at)] = counts.get(_month(at), 0) + 1
        return [(*month, number, _begin(*_next(*month))) for month, number in sorted(counts.items(), reverse=True)]
    return list(_counted(connection, chosen))


def _counted(connection: sa.Connection, chosen: Chosen) -> Iterator[tuple[int, int, int, int]]:
    at = contents.c.shown_at
    where = [*_dated(chosen, None, True), *_fits(connection, chosen, contents)]
    until: int | None = None
    while True:
        before = () if until is None else (at < until,)
        newest = connection.scalar(sa.select(sa.func.max(at)).where(*_dated(chosen, None, True), *before))
        if newest is None:
            return
        year, month = _month(newest)
        begin, end = _begin(year, month), _begin(*_next(year, month))
        counted = sa.select(sa.func.count()).select_from(contents).where(*where, at >= begin, at < end)
        number = connection.execute(counted).scalar_one()
        if number:
            yield year, month, number, end
        until = begin


_YEARS = (1, 9998)


def _month(at: int) -> tuple[int, int]:
    """The year and month, in UTC, of a time; times beyond the calendar are in its first or last month."""
    try:
        found = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return (_YEARS[0], 1) if at < 0 else (_YEARS[1], 12)
    return (min(max(found.year, _YEARS[0]), _YEARS[1]), found.month)


_ENDS = (-(2**63), 2**63 - 1)


def _begin(year: int, month: int) -> int:
    if (year, month) <= (_YEARS[0], 1):
        return _ENDS[0]
    if year > _YEARS[1]:
        return _ENDS[1]
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def changed(connection: sa.Connection) -> str:
    """A text that differs when files have changed since."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == NAMES)) or ""


# folders and files ----------------------------------------------------------------------------------------------------


def subfolders(connection: sa.Connection, location_id: int, path: bytes) -> list[tuple[bytes, int, int]]:
    """(path, files, bytes) of the folders directly in a folder of a Location, in order; totals include all below."""
    prefix = path + b"/" if path else b""
    where = [folders.c.location_id == location_id, folders.c.path != b""]
    if prefix:
        where += [folders.c.path >= prefix, folders.c.path < path + b"0"]
    rows = connection.execute(
        sa.select(folders.c.path, folders.c.files, folders.c.bytes).where(*where).order_by(folders.c.path)
    )
    return [(bytes(row[0]), row[1], row[2]) for row in rows if b"/" not in bytes(row[0])[len(prefix) :]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePlace:
    """A present file: the absolute folder of its Location, its path in that, and what it was like when last seen."""

    root: bytes
    path: bytes
    size: int
    mtime_ns: int
    inode: int
    location_id: int
    offline: bool


def files_of(connection: sa.Connection, content_uuid: str) -> list[FilePlace]:
    """The present files of a content, those of Locations that are not offline first."""
    columns = (ROOT, entries.c.path, entries.c.size, entries.c.mtime_ns, entries.c.inode)
    query = (
        sa.select(*columns, locations.c.id, OFFLINE)
        .join(locations, locations.c.id == entries.c.location_id)
        .where(entries.c.content_uuid == content_uuid, entries.c.removed_at.is_(None))
        .order_by(OFFLINE.is_not(None), locations.c.id, entries.c.path)
    )
    return [
        FilePlace(
            root=bytes(row[0]),
            path=bytes(row[1]),
            size=row[2],
            mtime_ns=row[3],
            inode=row[4],
            location_id=row[5],
            offline=row[6] is not None,
        )
        for row in connection.execute(query)
    ]
