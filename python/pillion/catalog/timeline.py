"""The timeline: the contents that files have now, in order of the date that each is shown at.

catalog/locations.py keeps that date, ``contents.shown_at``, so a page is a range of one index, also among a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.contents import facts_of
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
"""Contents of a choice are looked up if they are at most so many; else the timeline is looked through for them."""
COUNTED = 100_000
"""Of a choice of at most so many contents, all are looked up to be counted."""
LISTED = 15_000
"""The contents of a folder of at most so many files are listed once, and not looked up one by one, by who looks through
the timeline for them."""
LOOKED_AT = 20_000
"""So many contents are looked through for one page of a choice."""
MOST_TYPES = 100
"""So many MIME types are each looked up in the index of types."""

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
    between = Between(since=chosen.since, until=chosen.until, after=after, descending=descending)
    parts = _parts(connection, chosen, between)
    if parts is not None:
        found, following = _ordered(connection, parts, between, limit + 1, offset), None
    else:
        found, following = _looked_for(connection, chosen, between, limit + 1, offset)
    return _shown(connection, found[:limit]), found[limit - 1] if len(found) > limit else following


def _looked_for(
    connection: sa.Connection, chosen: Chosen, between: Between, limit: int, offset: int
) -> tuple[list[Position], Position | None]:
    """The first places among the next contents, and where those begin that were not looked at."""
    while True:
        last = _ordered(connection, [_PLACES.where(*between.of(_PLACE))], between, 1, LOOKED_AT - 1)
        part = _looked_through(connection, chosen, between, last)
        found = _ordered(connection, [part], between, limit, offset)
        if found or not last or not offset:
            return found, last[0] if last else None
        offset -= connection.execute(_count(part)).scalar_one()
        between = replace(between, after=last[0])


_PLACE = (contents.c.shown_at, contents.c.content_uuid)
_PLACES = sa.select(*_PLACE)
_BY_KEY = ((contents.c.shown_at + 0).label("shown_at"), contents.c.content_uuid)
"""The same for contents that are looked up: the sum keeps SQLite from going through the whole timeline instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    """A range of the timeline: dates as of a choice, and what comes ``after`` a position in an order."""

    since: int | sa.BindParameter[int] | None
    until: int | sa.BindParameter[int] | None
    after: Position | None = None
    descending: bool = True

    def of(self, place: Sequence[sa.ColumnElement[Any]]) -> list[sa.ColumnElement[bool]]:
        """Whether contents at such places are in it."""
        at = place[0]
        where: list[sa.ColumnElement[bool]] = [at.is_not(None)]
        if self.since is not None:
            where.append(at >= self.since)
        if self.until is not None:
            where.append(at < self.until)
        if self.after is not None:
            here, start = sa.tuple_(*place), sa.tuple_(*map(sa.literal, self.after))
            where.append(here < start if self.descending else here > start)
        return where


def _parts(connection: sa.Connection, chosen: Chosen, between: Between) -> list[sa.Select[Any]] | None:
    """The places of a choice in a range, in parts, which take no longer than there is in them.

    None where all contents must be looked through.
    """
    indexed = _indexed(connection, chosen)
    if indexed is not None:
        return [_PLACES.where(*between.of(_PLACE), one) for one in indexed]
    few = _few(connection, chosen, FEW)
    return None if few is None else [_of_few(connection, between, few)]


def _indexed(connection: sa.Connection, chosen: Chosen) -> list[sa.ColumnElement[bool]] | None:
    """The parts of a choice of each of which an index has the timeline in order: all, or each MIME type.

    None for a choice by more, and where there are many types, or many files of no known type.
    """
    if chosen.is_plain:
        return [sa.true()]
    if not chosen.types or chosen.state is not None or chosen.folder is not None:
        return None
    mimes = [mime for mime in _mimes(connection, chosen.types) if mime != UNKNOWN]
    unknown = contents.c.mime == UNKNOWN
    if len(mimes) > MOST_TYPES or _are_many(connection, contents.c.content_uuid, unknown, FEW):
        return None
    return [*(contents.c.mime == mime for mime in mimes), sa.and_(unknown, _of_claimed(chosen.types))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Few:
    """The contents among which all of a choice are, and what of the choice is still to be looked at."""

    among: sa.Select[Any]
    left: Chosen


def _of_few(connection: sa.Connection, between: Between, few: Few) -> sa.Select[Any]:
    """The places of a choice in a range, among few contents."""
    here = contents.c.content_uuid.in_(few.among)
    return sa.select(*_BY_KEY).where(here, *between.of(_BY_KEY), *_fits(connection, few.left))


def _looked_through(
    connection: sa.Connection, chosen: Chosen, between: Between, last: Sequence[Position]
) -> sa.Select[Any]:
    """The places of a choice in a range as far as ``last``, where it goes on."""
    where = between.of(_PLACE)
    for position in last:
        place, end = sa.tuple_(*_PLACE), sa.tuple_(*map(sa.literal, position))
        where.append(place >= end if between.descending else place <= end)
    return _PLACES.where(*where, *_fits(connection, chosen))


def _ordered(
    connection: sa.Connection, parts: Sequence[sa.Select[Any]], between: Between, limit: int, offset: int
) -> list[Position]:
    """The first places of parts of a range."""
    whole: Any = parts[0] if len(parts) == 1 else sa.union_all(*parts)
    order = [column.desc() if between.descending else column for column in whole.selected_columns]
    rows = connection.execute(whole.order_by(*order).limit(limit).offset(offset))
    return [(row[0], row[1]) for row in rows]


def _fits(connection: sa.Connection, chosen: Chosen) -> list[sa.ColumnElement[bool]]:
    """Whether contents are of the choice."""
    where: list[sa.ColumnElement[bool]] = []
    if chosen.types:
        where.append(_of_types(connection, chosen.types))
    if chosen.state is not None:
        same = sidecars.c.content_uuid == contents.c.content_uuid
        where.append(sa.exists().where(same, sidecars.c.status == chosen.state.value))
    if chosen.folder is not None and not _has_many(connection, *chosen.folder, LISTED):
        # The function keeps SQLite from the index of contents, which has them in another order.
        here = sa.func.coalesce(contents.c.content_uuid, "")
        where.append(here.in_(_listed(chosen.folder)))
    elif chosen.folder is not None:
        # The sum keeps SQLite from looking through the folder, instead of the content's few files, for each row.
        place = _inside(chosen.folder, entries.c.location_id + 0)
        where.append(sa.exists().where(entries.c.content_uuid == contents.c.content_uuid, *place))
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


def _listed(folder: tuple[int, bytes]) -> sa.Select[Any]:
    """The contents of a folder, with all below, as their index has them."""
    uuid = entries.c.content_uuid
    return sa.select(uuid).where(*_inside(folder), uuid.is_not(None))


def _few(connection: sa.Connection, chosen: Chosen, most: int) -> Few | None:
    """The contents among which all of a choice are, if some part of it is of at most about ``most``; else None."""
    if chosen.folder is not None and not _has_many(connection, *chosen.folder, most):
        return Few(among=_listed(chosen.folder), left=replace(chosen, folder=None))
    if chosen.types:
        other = contents.alias()
        of_types = other.c.mime.in_([*_mimes(connection, chosen.types), UNKNOWN])
        if not _are_many(connection, other.c.content_uuid, of_types, most):
            return Few(among=sa.select(other.c.content_uuid).where(of_types), left=chosen)
    if chosen.state is SidecarStatus.FAILED:
        unresolved = failures.c.resolved_at.is_(None)
        if not _are_many(connection, failures.c.content_uuid, unresolved, most):
            return Few(among=sa.select(failures.c.content_uuid).where(unresolved), left=chosen)
    return None


def _are_many(
    connection: sa.Connection, column: sa.ColumnElement[Any], where: sa.ColumnElement[bool], most: int
) -> bool:
    return connection.execute(sa.select(column).where(where).offset(most).limit(1)).first() is not None


def _has_many(connection: sa.Connection, location_id: int, path: bytes, most: int) -> bool:
    """Whether a folder has more files than that, by its totals, which may be a little behind."""
    files = connection.scalar(
        sa.select(folders.c.files).where(folders.c.location_id == location_id, folders.c.path == path)
    )
    return files is not None and files > most


_NAMED = ("image", "audio", "video")
"""The classes whose MIME types begin with their name."""


def _of_types(connection: sa.Connection, types: Sequence[str]) -> sa.ColumnElement[bool]:
    # The function keeps SQLite from the index of types, of which there are many.
    mime = sa.func.coalesce(contents.c.mime, UNKNOWN)
    return sa.or_(mime.in_(_mimes(connection, types)), sa.and_(mime == UNKNOWN, _of_claimed(types)))


def _of_claimed(types: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a content of no known type is taken for one of these, by the name of a file."""
    claimed = [TAKEN_FOR.like(f"{kind}/%") if kind in _NAMED else sa.literal(kind) == TAKEN_FOR for kind in types]
    return sa.or_(sa.false(), *claimed)


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
    whole = Between(since=chosen.since, until=chosen.until)
    few = _few(connection, chosen, COUNTED) if _indexed(connection, chosen) is None else None
    if few is None:
        return list(_counted(connection, chosen, whole))
    found = Counter(_month(row[0]) for row in connection.execute(_of_few(connection, whole, few)))
    return [(*month, number, _begin(*_next(*month))) for month, number in sorted(found.items(), reverse=True)]


def _counted(connection: sa.Connection, chosen: Chosen, whole: Between) -> Iterator[tuple[int, int, int, int]]:
    """Month by month: each count is a range of an index."""
    at = contents.c.shown_at
    first, last = connection.execute(sa.select(sa.func.min(at), sa.func.max(at)).where(*whole.of(_PLACE))).one()
    within = Between(since=sa.bindparam("begin"), until=sa.bindparam("end"))
    counts = _counts(connection, chosen, within)
    newest = sa.select(sa.func.max(at)).where(*whole.of(_PLACE), at < sa.bindparam("end"))
    while last is not None:
        year, month = _month(last)
        begin, end = _begin(year, month), _begin(*_next(year, month))
        dates = {"begin": max(begin, first), "end": end if whole.until is None else min(end, whole.until)}
        number = sum(connection.execute(count, dates).scalar_one() for count in counts)
        if number:
            yield year, month, number, end
        last = connection.scalar(newest, {"end": begin})


def _counts(connection: sa.Connection, chosen: Chosen, between: Between) -> list[sa.Select[int]]:
    """How many contents of a choice are in a range, in parts."""
    parts = _parts(connection, chosen, between) or [_looked_through(connection, chosen, between, ())]
    return [_count(part) for part in parts]


def _count(part: sa.Select[Any]) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(part.subquery())


def place(connection: sa.Connection, chosen: Chosen, position: Position) -> tuple[int, int, int]:
    """(year, month, how many contents of that month stand before this position, the newest first)."""
    year, month = _month(position[0])
    end = _begin(*_next(year, month))
    until = end if chosen.until is None else min(end, chosen.until)
    newer = Between(since=chosen.since, until=until, after=position, descending=False)
    counts = _counts(connection, chosen, newer)
    return year, month, sum(connection.execute(count).scalar_one() for count in counts)


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
