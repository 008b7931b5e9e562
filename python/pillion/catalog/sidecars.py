"""Sidecar rows: listing, counting, and asking for one again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.statements import STREAMED, chunks
from pillion.catalog.tables import DUE, INVENTORY, KEPT, TAKEN_FOR, contents, entries, jobs, sidecars
from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.model import SidecarFormat, SidecarKind, SidecarMark, SidecarStatus

ASKED = ""
"""The recipe of a ready sidecar that somebody asked to have made again. No recipe has this digest, so it is due."""

_ASK_CANCELLED = "-"
"""The same after that was cancelled: still due if its job is ever queued, but no reason to queue it."""

UNKNOWN_RECIPES = (ASKED, _ASK_CANCELLED)
"""Stands in a ready row for the recipe that its file was made with, which its manifest still knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarRow:
    """One row of the catalog. ``recipe`` is None until it has an outcome; ``due``: it must be made (again).

    A ready one with an ``error_class`` could not be made again: its file is from before.
    """

    content_uuid: str
    kind: SidecarKind
    variant: str
    status: SidecarStatus
    recipe: str | None
    wanted: str
    format: SidecarFormat | None
    rel_path: str | None
    size: int | None
    checksum: str | None
    error_class: str | None
    error_message: str | None
    mark: SidecarMark | None
    due: bool

    @property
    def stale(self) -> bool:
        """Whether its file was made with an older recipe than the one wanted, or than somebody asked for."""
        return self.status is SidecarStatus.READY and (self.due or self.error_class is not None)


_COLUMNS = (*(sidecars.c[name] for name in SidecarRow.__slots__ if name != "due"), DUE.label("due"))


def _row(values: sa.Row[tuple[object, ...]]) -> SidecarRow:
    row = dict(values._mapping)
    row["kind"] = SidecarKind(row["kind"])
    row["status"] = SidecarStatus(row["status"])
    row["format"] = SidecarFormat(row["format"]) if row["format"] else None
    row["mark"] = SidecarMark(row["mark"]) if row["mark"] else None
    return SidecarRow(**row)


def list_sidecars(
    connection: sa.Connection,
    *,
    content_uuids: Sequence[str] | None = None,
    kind: SidecarKind | None = None,
    statuses: Sequence[SidecarStatus] = (),
    error_class: str | None = None,
    kept: bool = False,
) -> Iterator[SidecarRow]:
    """Rows in order of content, kind and variant; the arguments select some of them.

    ``kept``: beside those in ``statuses``, also ready ones that could not be made again.
    """
    query = sa.select(*_COLUMNS).order_by(sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant)
    if kind is not None:
        query = query.where(sidecars.c.kind == kind)
    if statuses:
        chosen = sidecars.c.status.in_([status.value for status in statuses])
        query = query.where(sa.or_(chosen, KEPT) if kept else chosen)
    if error_class is not None:
        query = query.where(sidecars.c.error_class == error_class)
    if content_uuids is None:
        yield from map(_row, connection.execute(query, execution_options=STREAMED))
        return
    for some in chunks(sorted(content_uuids)):
        yield from map(_row, connection.execute(query.where(sidecars.c.content_uuid.in_(some))))


def count_by_status(connection: sa.Connection) -> dict[SidecarKind, dict[SidecarStatus, int]]:
    """How many sidecars of each kind are in each status; what failed of files that are gone is no failure any more."""
    result: dict[SidecarKind, dict[SidecarStatus, int]] = {}
    query = sa.select(sidecars.c.kind, sidecars.c.status, sa.func.count())
    for kind, status, number in connection.execute(query.group_by(sidecars.c.kind, sidecars.c.status)):
        result.setdefault(SidecarKind(kind), {})[SidecarStatus(status)] = number
    failed = sidecars.c.status == SidecarStatus.FAILED.value
    for kind, number in _count(connection, failed, ~_HAS_FILE).items():
        counts = result[kind]
        counts[SidecarStatus.FAILED] -= number
        if not counts[SidecarStatus.FAILED]:
            del counts[SidecarStatus.FAILED]
    return result


def count_kept(connection: sa.Connection) -> dict[SidecarKind, int]:
    """How many ready sidecars of files that are there could not be made again; kinds without any are left out."""
    return _count(connection, KEPT, _HAS_FILE)


_HAS_FILE = sa.exists().where(entries.c.content_uuid == sidecars.c.content_uuid, entries.c.removed_at.is_(None))


def _count(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> dict[SidecarKind, int]:
    query = sa.select(sidecars.c.kind, sa.func.count()).where(*which).group_by(sidecars.c.kind)
    return {SidecarKind(kind): number for kind, number in connection.execute(query)}


def count_by_mark(connection: sa.Connection) -> dict[SidecarMark, int]:
    """How many ready sidecars have each mark."""
    query = sa.select(sidecars.c.mark, sa.func.count()).where(sidecars.c.mark.is_not(None)).group_by(sidecars.c.mark)
    return {SidecarMark(mark): number for mark, number in connection.execute(query)}


def find_content(connection: sa.Connection, prefix: str) -> list[str]:
    """Content uuids that start with ``prefix`` (at most 10)."""
    query = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.startswith(prefix, autoescape=True))
    return list(connection.scalars(query.order_by(contents.c.content_uuid).limit(10)))


def has_variant(connection: sa.Connection, kind: SidecarKind, variant: str) -> bool:
    """Whether any content has a sidecar of this variant."""
    query = sa.select(sidecars.c.variant).where(sidecars.c.kind == kind, sidecars.c.variant == variant).limit(1)
    return connection.scalar(query) is not None


def content_info(connection: sa.Connection, content_uuid: str) -> tuple[str | None, int, str] | None:
    """(hash, size in bytes, the type it is taken for) of a content, or None."""
    return content_infos(connection, [content_uuid]).get(content_uuid)


def content_infos(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, tuple[str | None, int, str]]:
    """Content -> the same, of those that are known."""
    found: dict[str, tuple[str | None, int, str]] = {}
    query = sa.select(contents.c.content_uuid, contents.c.hash, contents.c.size, TAKEN_FOR)
    for some in chunks(content_uuids):
        rows = connection.execute(query.where(contents.c.content_uuid.in_(some)))
        found.update((uuid, (digest, size, mime)) for uuid, digest, size, mime in rows)
    return found


def ask_again(
    connection: sa.Connection,
    now: float,
    *,
    statuses: Sequence[SidecarStatus],
    kind: SidecarKind | None = None,
    variant: str | None = None,
    error_class: str | None = None,
    content_uuids: Sequence[str] | sa.Select[str] | None = None,
    kept: bool = False,
    before: float | None = None,
    message: str | None = None,
) -> int:
    """Make rows in these statuses due again; returns how many.

    ``kept``: also ready ones that could not be made again, except unsupported ones if those are not asked for.
    ``before``: only those with an outcome before this time. ``message``: only those whose error begins like this.
    A ready one keeps its file, which is served until it is replaced, and its recipe becomes ``ASKED``. Others become
    pending.
    """
    chosen: sa.ColumnElement[bool] = sidecars.c.status.in_([status.value for status in statuses])
    if kept:
        final = SidecarStatus.UNSUPPORTED not in statuses
        chosen = sa.or_(
            chosen, sa.and_(KEPT, sidecars.c.error_class != ErrorClass.UNSUPPORTED.value) if final else KEPT
        )
    where: list[sa.ColumnElement[bool]] = [chosen]
    if kind is not None:
        where.append(sidecars.c.kind == kind)
    if variant is not None:
        where.append(sidecars.c.variant == variant)
    if error_class is not None:
        where.append(sidecars.c.error_class == error_class)
    if content_uuids is not None:
        where.append(sidecars.c.content_uuid.in_(content_uuids))
    if before is not None:
        where.append(sidecars.c.updated_at < before)
    if message is not None:
        where.append(sidecars.c.error_message.startswith(message, autoescape=True))
    ready = sidecars.c.status == SidecarStatus.READY.value
    cleared = {"recipe": None, "error_class": None, "error_message": None, "updated_at": now}
    served = sa.update(sidecars).where(*where, ready).values(**{**cleared, "recipe": ASKED})
    again = sa.update(sidecars).where(*where, ~ready).values(status=SidecarStatus.PENDING.value, **cleared)
    return connection.execute(served).rowcount + connection.execute(again).rowcount


def mark_cancelled(connection: sa.Connection, now: float) -> int:
    """Update the rows of cancelled jobs; returns how many pending ones became cancelled."""
    job = sa.exists().where(
        jobs.c.content_uuid == sidecars.c.content_uuid,
        jobs.c.kind == sidecars.c.kind,
        jobs.c.state == JobState.CANCELLED.value,
    )
    asked = sa.and_(sidecars.c.status == SidecarStatus.READY.value, sidecars.c.recipe == ASKED)
    connection.execute(sa.update(sidecars).where(asked, job).values(recipe=_ASK_CANCELLED))
    pending = sidecars.c.status == SidecarStatus.PENDING.value
    statement = sa.update(sidecars).where(pending, job)
    return connection.execute(statement.values(status=SidecarStatus.CANCELLED.value, updated_at=now)).rowcount


def mark_lost(connection: sa.Connection, keys: Sequence[tuple[str, str, str]], now: float) -> None:
    """Make ready sidecars pending, as their files are gone or damaged. ``keys``: (content_uuid, kind, variant)."""
    file = ("format", "rel_path", "size", "checksum", "mark")
    cleared = dict.fromkeys(("recipe", *file, "error_class", "error_message"))
    note_gone(connection)
    for content_uuid, kind, variant in keys:
        same = (
            sidecars.c.content_uuid == content_uuid,
            sidecars.c.kind == kind,
            sidecars.c.variant == variant,
            sidecars.c.status == SidecarStatus.READY.value,
        )
        connection.execute(
            sa.update(sidecars).where(*same).values(status=SidecarStatus.PENDING.value, updated_at=now, **cleared)
        )


def drop_lost(connection: sa.Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Delete the rows of lost sidecars that cannot be made again, because no file has their content any more."""
    note_gone(connection)
    for key in keys:
        same = [column == value for column, value in zip(sidecars.primary_key.columns, key, strict=True)]
        connection.execute(sa.delete(sidecars).where(*same))


def note_gone(connection: sa.Connection) -> None:
    """Note in this transaction that ready sidecars go without an event; catalog/peers.py reads the number."""
    connection.exec_driver_sql(
        f"INSERT INTO meta (key, value) VALUES ('{INVENTORY}', '1') ON CONFLICT (key) DO UPDATE"
        " SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)"
    )


def has_ready(connection: sa.Connection, content_uuid: str, rel_path: str | None = None) -> bool:
    """Whether a content has a ready sidecar (with ``rel_path``: one at this path)."""
    where = [sidecars.c.content_uuid == content_uuid, sidecars.c.status == SidecarStatus.READY.value]
    if rel_path is not None:
        where.append(sidecars.c.rel_path == rel_path)
    return connection.execute(sa.select(sidecars.c.variant).where(*where).limit(1)).first() is not None


def is_pending(connection: sa.Connection, content_uuid: str, kind: str, variant: str) -> bool:
    """Whether this sidecar is wanted and has no outcome yet."""
    key = (sidecars.c.content_uuid == content_uuid, sidecars.c.kind == kind, sidecars.c.variant == variant)
    query = sa.select(sidecars.c.status).where(*key)
    return connection.scalar(query) == SidecarStatus.PENDING.value


def still_due(connection: sa.Connection, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """The (content_uuid, recipe) pairs with a sidecar that is wanted with this recipe and not made with it yet."""
    found: set[tuple[str, str]] = set()
    for some in chunks(keys):
        query = sa.select(sidecars.c.content_uuid, sidecars.c.wanted).where(
            sidecars.c.content_uuid.in_([content_uuid for content_uuid, _ in some]),
            DUE,
        )
        found.update((row.content_uuid, row.wanted) for row in connection.execute(query))
    return found.intersection(keys)


def has_rows(connection: sa.Connection, content_uuid: str) -> bool:
    """Whether the content has any sidecar rows."""
    query = sa.select(sidecars.c.variant).where(sidecars.c.content_uuid == content_uuid).limit(1)
    return connection.execute(query).first() is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """How many sidecars of one kind and variant are in one status, and their bytes (0 unless they are ready)."""

    kind: SidecarKind
    variant: str
    status: SidecarStatus
    number: int
    bytes: int


def usage(connection: sa.Connection) -> list[UsageRow]:
    """One row for each kind, variant and status that occurs, in order."""
    keys = (sidecars.c.kind, sidecars.c.variant, sidecars.c.status)
    query = sa.select(*keys, sa.func.count(), sa.func.coalesce(sa.func.sum(sidecars.c.size), 0))
    return [
        UsageRow(kind=SidecarKind(row[0]), variant=row[1], status=SidecarStatus(row[2]), number=row[3], bytes=row[4])
        for row in connection.execute(query.group_by(*keys).order_by(*keys))
    ]
