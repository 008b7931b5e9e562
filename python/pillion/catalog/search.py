"""What search asks the catalog: which contents changed, what of them is ready, and which files have them now."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.events import events_after, newest_event
from pillion.catalog.statements import STREAMED, chunks
from pillion.catalog.tables import NAMES, ROOT, TAKEN_FOR, contents, entries, events, locations, meta, sidecars
from pillion.events import Failed, Ready
from pillion.model import UNKNOWN, MediaClass, SidecarKind, SidecarStatus


def names_number(connection: sa.Connection) -> int:
    """A number that grows whenever names of files may have changed (locations.py); 0 before the first time."""
    return int(connection.scalar(_names_number()) or 0)


@functools.cache
def _names_number() -> sa.Select[Any]:
    """That number. Made once: every search asks for it."""
    return sa.select(meta.c.value).where(meta.c.key == NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """(event id, content_uuid) of results in order, each content once; ``newest``: the newest event of all.

    ``whole`` is False where older events are no longer kept, so that more may have changed.
    """

    newest: int
    whole: bool
    contents: Sequence[tuple[int, str]]


def changes_after(connection: sa.Connection, after: int, kinds: Sequence[SidecarKind]) -> Changes:
    """The contents of which sidecars of these kinds were made, or not made, since the event ``after``."""
    newest = newest_event(connection)
    if after == newest:
        return Changes(newest=newest, whole=True, contents=())
    oldest = connection.scalar(sa.select(sa.func.min(events.c.first_id))) or 1
    if after + 1 < oldest or after > newest:
        return Changes(newest=newest, whole=False, contents=())
    found: dict[str, int] = {}
    for event in events_after(connection, after):
        if isinstance(event, (Ready, Failed)) and event.kind in kinds:
            found.setdefault(event.content_uuid, event.id)
    return Changes(newest=newest, whole=True, contents=[(id, uuid) for uuid, id in found.items()])


def contents_with(connection: sa.Connection, kinds: Sequence[SidecarKind], after: str, limit: int) -> list[str]:
    """The next contents, in order, of which a sidecar of these kinds is ready."""
    query = (
        sa.select(sidecars.c.content_uuid)
        .where(
            sidecars.c.content_uuid > after,
            sidecars.c.kind.in_(list(kinds)),
            sidecars.c.status == SidecarStatus.READY.value,
        )
        .distinct()
        .order_by(sidecars.c.content_uuid)
        .limit(limit)
    )
    return list(connection.scalars(query))


def count_with(connection: sa.Connection, kinds: Sequence[SidecarKind]) -> int:
    """How many contents have a ready sidecar of these kinds."""
    query = sa.select(sa.func.count(sidecars.c.content_uuid.distinct())).where(
        sidecars.c.kind.in_(list(kinds)), sidecars.c.status == SidecarStatus.READY.value
    )
    return connection.scalar(query) or 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadySidecar:
    """A ready sidecar: ``size`` in bytes, ``rel_path`` below ``sidecars/``."""

    kind: SidecarKind
    variant: str
    rel_path: str
    size: int


def ready_of(
    connection: sa.Connection, content_uuids: Sequence[str], kinds: Sequence[SidecarKind]
) -> dict[str, list[ReadySidecar]]:
    """The ready sidecars of these kinds by content; contents without any are left out."""
    found: dict[str, list[ReadySidecar]] = {}
    for some in chunks(list(content_uuids)):
        rows = connection.execute(_ready(), {"some": list(some), "kinds": list(kinds)})
        for uuid, kind, variant, rel_path, size in rows:
            item = ReadySidecar(kind=SidecarKind(kind), variant=variant, rel_path=rel_path, size=size)
            found.setdefault(uuid, []).append(item)
    return found


@functools.cache
def _ready() -> sa.Select[Any]:
    """The ready sidecars of some contents. Made once: making it takes longer than running it."""
    columns = (sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant, sidecars.c.rel_path, sidecars.c.size)
    return sa.select(*columns).where(
        sidecars.c.content_uuid.in_(sa.bindparam("some", expanding=True)),
        sidecars.c.kind.in_(sa.bindparam("kinds", expanding=True)),
        sidecars.c.status == SidecarStatus.READY.value,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A content with the files that have it: (folder of the Location, path in it). ``mime``: of its bytes."""

    content_uuid: str
    mime: str
    paths: Sequence[tuple[bytes, bytes]]


def named_contents(connection: sa.Connection) -> Iterator[Named]:
    """Every content that a present file has, in order."""
    query = (
        sa.select(entries.c.content_uuid, contents.c.mime, ROOT, entries.c.path)
        .join(locations, locations.c.id == entries.c.location_id)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.removed_at.is_(None))
        .order_by(entries.c.content_uuid, locations.c.id, entries.c.path)
    )
    last: tuple[str, str] | None = None
    paths: list[tuple[bytes, bytes]] = []
    for uuid, mime, root, path in connection.execute(query, execution_options=STREAMED):
        if last is not None and last[0] != uuid:
            yield Named(content_uuid=last[0], mime=last[1], paths=paths)
            paths = []
        last = (uuid, mime)
        paths.append((root, path))
    if last is not None:
        yield Named(content_uuid=last[0], mime=last[1], paths=paths)


def count_named(connection: sa.Connection) -> int:
    """How many contents :func:`named_contents` has."""
    query = sa.select(sa.func.count(entries.c.content_uuid.distinct())).where(entries.c.removed_at.is_(None))
    return connection.scalar(query) or 0


# what a search may show -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which files are searched: all conditions hold for one file.

    ``types``: MIME types, classes (``image``) or endings (``docx``), lower case; ``under``: absolute folders;
    ``since_ns``: changed at this time or later, in ns since 1970; pictures, films and sound that say when they were
    taken by that.
    """

    types: Sequence[str] = ()
    under: Sequence[bytes] = ()
    since_ns: int | None = None

    @property
    def all(self) -> bool:
        """Whether every file is searched."""
        return not self.types and not self.under and self.since_ns is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """A content that files have now: the type it is taken for, its size, and (absolute path, mtime_ns) of each file."""

    mime: str
    size: int
    files: Sequence[tuple[bytes, int]]


def present_of(connection: sa.Connection, content_uuids: Sequence[str], choice: Choice) -> dict[str, Present]:
    """What is present of these contents and fits the choice. ``files``: first those that fit it, then the others."""
    found: dict[str, tuple[str, int, list[tuple[bytes, int]]]] = {}
    dates: dict[str, int | None] = {}
    for some in chunks(list(content_uuids)):
        rows = connection.execute(_present(), {"some": list(some)})
        for uuid, mime, size, root, path, mtime_ns, taken_ns in rows:
            absolute = root.rstrip(b"/") + b"/" + path
            found.setdefault(uuid, (mime, size, []))[2].append((absolute, mtime_ns))
            dates[uuid] = taken_ns
    present: dict[str, Present] = {}
    for uuid, (mime, size, files) in found.items():
        fitting = [file for file in files if _fits(choice, mime, *file, dates[uuid])]
        if fitting:
            unique = list(dict.fromkeys([*fitting, *files]))
            present[uuid] = Present(mime=mime, size=size, files=unique)
    return present


@functools.cache
def _present() -> sa.Select[Any]:
    """The files of some contents. Made once: making it takes longer than running it."""
    columns = (entries.c.content_uuid, TAKEN_FOR, contents.c.size, ROOT, entries.c.path, entries.c.mtime_ns)
    return (
        sa.select(*columns, _taken_ns())
        .join(locations, locations.c.id == entries.c.location_id)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.content_uuid.in_(sa.bindparam("some", expanding=True)), entries.c.removed_at.is_(None))
        .order_by(locations.c.id, entries.c.path)
    )


def _taken_ns() -> sa.ColumnElement[int]:
    """When a picture, film or sound was taken; NULL for others, and where that is not known."""
    media = sa.or_(*(contents.c.mime.like(f"{kind}/%") for kind in ("image", "video", "audio")))
    return sa.case((media, contents.c.taken_at * sa.literal(1_000_000, sa.BigInteger)))


def _fits(choice: Choice, mime: str, path: bytes, mtime_ns: int, taken_ns: int | None) -> bool:
    if choice.since_ns is not None and (mtime_ns if taken_ns is None else taken_ns) < choice.since_ns:
        return False
    if choice.under and not any(path.startswith(folder.rstrip(b"/") + b"/") for folder in choice.under):
        return False
    if not choice.types:
        return True
    ending = path.rpartition(b"/")[2].rpartition(b".")[2].lower().decode("utf-8", "replace")
    return any(kind in (mime, ending) or kind == _core.media_class(mime) for kind in choice.types)


def chosen_contents(connection: sa.Connection, choice: Choice, limit: int) -> list[str] | None:
    """The contents whose files may fit a choice; None if they are more than ``limit``."""
    query: Any = (
        sa.select(entries.c.content_uuid)
        .join(locations, locations.c.id == entries.c.location_id)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.removed_at.is_(None))
        .distinct()
        .limit(limit + 1)
    )
    if choice.since_ns is not None:
        query = query.where(sa.func.coalesce(_taken_ns(), entries.c.mtime_ns) >= choice.since_ns)
    if choice.under:
        rows = connection.execute(sa.select(locations.c.id, ROOT)).all()
        places = [_inside(id, root, folder) for id, root in rows for folder in choice.under]
        query = query.where(sa.or_(sa.false(), *(place for place in places if place is not None)))
    if choice.types:
        query = query.where(_of_types(connection, choice.types))
    found = list(connection.scalars(query))
    return None if len(found) > limit else found


def _inside(location_id: int, root: bytes, folder: bytes) -> sa.ColumnElement[bool] | None:
    """The entries of a Location that lie in a folder; None if none can."""
    root, folder = root.rstrip(b"/") + b"/", folder.rstrip(b"/") + b"/"
    here = entries.c.location_id == location_id
    if root.startswith(folder):
        return here
    if not folder.startswith(root):
        return None
    prefix = folder[len(root) :]
    return sa.and_(here, entries.c.path >= prefix, entries.c.path < prefix[:-1] + b"0")


def _of_types(connection: sa.Connection, types: Sequence[str]) -> sa.ColumnElement[bool]:
    mimes = list(connection.scalars(sa.select(contents.c.mime).distinct()))
    fitting = [mime for mime in mimes if mime in types or _core.media_class(mime) in types]
    names = [_name(connection).ilike(f"%.{kind}") for kind in types if kind.isalnum()]
    claimed = entries.c.claimed_mime.is_not(None)
    return sa.or_(contents.c.mime.in_(fitting), claimed, *names)


def is_type(connection: sa.Connection, kind: str) -> bool:
    """Whether files can be of a type: it is a class, a MIME type, the ending of a known one, or of a file here."""
    if "/" in kind or kind in list(MediaClass) or _core.mime_from_name(b"x." + os.fsencode(kind)) != UNKNOWN:
        return True
    named = _name(connection).ilike(f"%.{kind}") if kind.isalnum() else sa.false()
    return connection.scalar(sa.select(entries.c.id).where(named, entries.c.removed_at.is_(None)).limit(1)) is not None


def is_watched(connection: sa.Connection, folder: bytes) -> bool:
    """Whether a folder is in a Location, or a Location in it."""
    rows = connection.execute(sa.select(locations.c.id, ROOT))
    return any(_inside(id, root, folder) is not None for id, root in rows)


def _name(connection: sa.Connection) -> sa.ColumnElement[str]:
    """A file's path as text, whose ASCII characters are as they are."""
    if connection.dialect.name == "postgresql":
        return sa.func.convert_from(entries.c.path, "LATIN1")
    return sa.cast(entries.c.path, sa.Text)


def image_contents(connection: sa.Connection) -> dict[str, tuple[str, int]]:
    """Content -> (mime, size) of every present content that is an image."""
    mimes = list(connection.scalars(sa.select(contents.c.mime).distinct()))
    images = [mime for mime in mimes if _core.media_class(mime) == "image"]
    here = sa.exists().where(entries.c.content_uuid == contents.c.content_uuid, entries.c.removed_at.is_(None))
    query = sa.select(contents.c.content_uuid, contents.c.mime, contents.c.size).where(
        contents.c.mime.in_(images), here
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def copied_contents(connection: sa.Connection) -> list[str]:
    """The contents that several files have, in order."""
    query = (
        sa.select(entries.c.content_uuid)
        .join(contents, contents.c.content_uuid == entries.c.content_uuid)
        .where(entries.c.removed_at.is_(None), contents.c.size > 0)
        .group_by(entries.c.content_uuid)
        .having(sa.func.count() > 1)
        .order_by(entries.c.content_uuid)
    )
    return list(connection.scalars(query))
