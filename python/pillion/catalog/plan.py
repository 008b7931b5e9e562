"""Compares the sidecars that the present files should have with those they have, for plans and regeneration.

What is wanted (location x type -> sidecars with recipes) is given as rows, because only the policy knows it. The
comparison with the catalog is one statement over all contents.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pillion.catalog.sidecars import ASKED
from pillion.catalog.statements import chunks
from pillion.catalog.tables import DUE, KEPT, contents, entries, jobs, locations, recipes, sidecars
from pillion.job import Again, JobState, classes_tried
from pillion.model import SidecarKind, SidecarStatus

_SOURCE_CLASSES = [error_class.value for error_class in classes_tried(Again.WHEN_INDEXED)]
"""Sidecars that failed with these classes are due again when an index finds the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """A part of the library: a folder (``path`` ends with a slash or is empty) or a file in a Location."""

    location_id: int
    path: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Present contents for which the same sidecars are wanted.

    ``location_id``: the oldest Location that has them; ``claimed``: the type that the name claims, "" if that is the
    mime.
    """

    location_id: int
    mime: str
    claimed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """A sidecar that the contents of a group should have."""

    group: Group
    kind: SidecarKind
    variant: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DueGroup:
    """``number`` sidecars that are due for the same reason.

    ``status``: now, None without a row; ``recipe``: the one they were made with; ``wanted``: the one to make them with;
    ``error_class``: of the failed try that will be repeated; ``asked``: somebody asked for them and no policy wants
    them.
    """

    location_id: int
    mime: str
    kind: SidecarKind
    variant: str
    status: SidecarStatus | None
    recipe: str | None
    wanted: str
    error_class: str | None
    asked: bool
    number: int
    source_bytes: int


Within = sa.Select[Any] | None
"""A query for the contents to include, or None for all."""

StaleRow = tuple[str, SidecarKind, str, str]
"""(content_uuid, kind, variant, digest of the recipe that is wanted now)"""


MadeRow = tuple[SidecarKind, str, str, SidecarStatus, int, int]
"""(kind, variant, mime, status, how many, bytes of their sources)"""


def groups(connection: sa.Connection, within: Within) -> list[Group]:
    """The groups of present contents."""
    here = _here(connection, within)
    query = sa.select(here.c.location_id, contents.c.mime, here.c.claimed).join(
        contents, contents.c.content_uuid == here.c.content_uuid
    )
    return [Group(location_id=row[0], mime=row[1], claimed=row[2]) for row in connection.execute(query.distinct())]


def due(connection: sa.Connection, wants: Sequence[Want], within: Within) -> list[DueGroup]:
    """What is due if ``wants`` are wanted, and what else is due already."""
    here = _here(connection, within)
    if not wants:
        return _groups(connection, _unwanted(here, None), asked=True)
    table = _values(wants)
    found = _groups(connection, _wanted(here, table), asked=False)
    return found + _groups(connection, _unwanted(here, table), asked=True)


def stale(connection: sa.Connection, wants: Sequence[Want], within: Within) -> list[StaleRow]:
    """The sidecars that have an outcome with another recipe than the one in ``wants``."""
    if not wants:
        return []
    here, table, s = _here(connection, within), _values(wants), sidecars.c
    query = (
        sa.select(here.c.content_uuid, table.c.kind, table.c.variant, table.c.digest)
        .select_from(here)
        .join(contents, contents.c.content_uuid == here.c.content_uuid)
        .join(table, _matches(here, table))
        .join(sidecars, _row_of(here, table))
        .where(s.recipe.is_not(None), s.recipe != table.c.digest)
    )
    return [(row[0], SidecarKind(row[1]), row[2], row[3]) for row in connection.execute(query)]


def set_wanted(connection: sa.Connection, rows: Sequence[StaleRow], now: float) -> None:
    """Set the wanted recipes of these sidecars, due again even if that failed; files are served until replaced."""
    if not rows:
        return
    key = (
        sidecars.c.content_uuid == sa.bindparam("b_content"),
        sidecars.c.kind == sa.bindparam("b_kind"),
        sidecars.c.variant == sa.bindparam("b_variant"),
    )
    cleared = {name: sa.case((KEPT, None), else_=sidecars.c[name]) for name in ("error_class", "error_message")}
    statement = sa.update(sidecars).where(*key).values(wanted=sa.bindparam("b_digest"), updated_at=now, **cleared)
    names = ("b_content", "b_kind", "b_variant", "b_digest")
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def count_made(
    connection: sa.Connection,
    *,
    kinds: Sequence[SidecarKind],
    variant: str | None,
    within: Within,
) -> list[MadeRow]:
    """Count the sidecars that have an outcome, by kind, variant, type and status."""
    columns = (sidecars.c.kind, sidecars.c.variant, contents.c.mime, sidecars.c.status)
    query = (
        sa.select(*columns, sa.func.count(), sa.func.sum(contents.c.size))
        .join(contents, contents.c.content_uuid == sidecars.c.content_uuid)
        .where(sidecars.c.kind.in_(list(kinds)))
        .where(sidecars.c.status != SidecarStatus.PENDING.value)
        .group_by(*columns)
    )
    if variant is not None:
        query = query.where(sidecars.c.variant == variant)
    if within is not None:
        query = query.where(sidecars.c.content_uuid.in_(within))
    return [
        (SidecarKind(row[0]), row[1], row[2], SidecarStatus(row[3]), row[4], row[5])
        for row in connection.execute(query)
    ]


def recipe_texts(connection: sa.Connection, digests: Collection[str]) -> dict[str, str]:
    """Digest -> canonical JSON, for the recipes that are in the catalog."""
    result: dict[str, str] = {}
    for some in chunks(sorted(digests)):
        query = sa.select(recipes.c.digest, recipes.c.recipe).where(recipes.c.digest.in_(some))
        result.update((row.digest, row.recipe) for row in connection.execute(query))
    return result


def in_scopes(scopes: Sequence[Scope]) -> sa.Select[Any]:
    """A query for the contents of the present files in any of ``scopes``."""
    parts = [sa.and_(entries.c.location_id == scope.location_id, _below(scope.path)) for scope in scopes]
    return sa.select(entries.c.content_uuid).where(
        entries.c.removed_at.is_(None), entries.c.content_uuid.is_not(None), sa.or_(sa.false(), *parts)
    )


def _below(path: bytes) -> sa.ColumnElement[bool]:
    if not path:
        return sa.true()
    if not path.endswith(b"/"):
        return entries.c.path == path
    return sa.and_(entries.c.path >= path, entries.c.path < path[:-1] + b"0")


def _here(connection: sa.Connection, within: Within) -> sa.Subquery:
    """content_uuid, location_id, claimed of present contents. As in queueing, the oldest Location's policy applies."""
    where: list[sa.ColumnElement[bool]] = [entries.c.removed_at.is_(None), entries.c.content_uuid.is_not(None)]
    if (connection.scalar(sa.select(sa.func.count()).select_from(locations)) or 0) > 1:
        other = entries.alias("other")
        older = sa.exists().where(
            other.c.content_uuid == entries.c.content_uuid,
            other.c.location_id < entries.c.location_id,
            other.c.removed_at.is_(None),
        )
        where.append(~older)
    if within is not None:
        where.append(entries.c.content_uuid.in_(within))
    return (
        sa.select(
            entries.c.content_uuid,
            sa.func.min(entries.c.location_id).label("location_id"),
            sa.func.coalesce(sa.func.max(entries.c.claimed_mime), "").label("claimed"),
        )
        .where(*where)
        .group_by(entries.c.content_uuid)
        .subquery("here")
    )


def _values(wants: Sequence[Want]) -> Any:
    names = ("mime", "claimed", "kind", "variant", "digest")
    columns: list[sa.ColumnClause[Any]] = [
        sa.column("location_id", sa.BigInteger),
        *(sa.column(name, sa.Text) for name in names),
    ]
    rows = [
        (want.group.location_id, want.group.mime, want.group.claimed, want.kind, want.variant, want.digest)
        for want in wants
    ]
    return sa.values(*columns, name="wants").data(rows).cte("wants")


def _wanted(here: sa.Subquery, wants: Any) -> sa.Select[Any]:
    s = sidecars.c
    retried = sa.and_(jobs.c.state == JobState.QUEUED.value, s.wanted == wants.c.digest, s.recipe.is_(None))
    failed = sa.or_(s.status == SidecarStatus.FAILED.value, KEPT)
    sourceless = sa.and_(failed, s.error_class.in_(_SOURCE_CLASSES))
    kept = sa.and_(KEPT, s.wanted == wants.c.digest)
    cancelled = sa.or_(
        s.status == SidecarStatus.CANCELLED.value,
        sa.and_(jobs.c.state == JobState.CANCELLED.value, s.recipe.is_not(None), s.recipe != ASKED),
    )
    columns = (
        here.c.location_id,
        contents.c.mime,
        wants.c.kind,
        wants.c.variant,
        s.status,
        sa.case((sourceless, None), else_=s.recipe),
        wants.c.digest,
        sa.case((retried, jobs.c.error_class), (sourceless, s.error_class)),
    )
    return (
        sa.select(*_named(columns), sa.func.count(), sa.func.sum(contents.c.size))
        .select_from(here)
        .join(contents, contents.c.content_uuid == here.c.content_uuid)
        .join(wants, _matches(here, wants))
        .outerjoin(sidecars, _row_of(here, wants))
        .outerjoin(jobs, sa.and_(jobs.c.content_uuid == here.c.content_uuid, jobs.c.kind == wants.c.kind))
        .where(sa.or_(s.recipe.is_(None), sa.and_(s.recipe != wants.c.digest, ~kept), sourceless))
        .where(sa.func.coalesce(cancelled, sa.false()) == sa.false())
        .group_by(*_NAMES)
    )


def _unwanted(here: sa.Subquery, wants: Any | None) -> sa.Select[Any]:
    s = sidecars.c
    retried = sa.and_(jobs.c.state == JobState.QUEUED.value, s.recipe.is_(None))
    columns = (
        here.c.location_id,
        contents.c.mime,
        s.kind,
        s.variant,
        s.status,
        s.recipe,
        s.wanted,
        sa.case((retried, jobs.c.error_class)),
    )
    query = (
        sa.select(*_named(columns), sa.func.count(), sa.func.sum(contents.c.size))
        .select_from(here)
        .join(contents, contents.c.content_uuid == here.c.content_uuid)
        .join(sidecars, s.content_uuid == here.c.content_uuid)
        .outerjoin(jobs, sa.and_(jobs.c.content_uuid == s.content_uuid, jobs.c.kind == s.kind))
        .where(DUE, sa.func.coalesce(jobs.c.state, "") != JobState.CANCELLED.value)
        .group_by(*_NAMES)
    )
    if wants is None:
        return query
    covered = sa.exists().where(_matches(here, wants), wants.c.kind == s.kind, wants.c.variant == s.variant)
    return query.where(~covered)


_NAMES = tuple(f"g{number}" for number in range(8))


def _named(columns: Sequence[sa.ColumnElement[Any]]) -> list[sa.Label[Any]]:
    """Columns with names to group by: PostgreSQL takes the same expression with other parameters for another one."""
    return [column.label(name) for column, name in zip(columns, _NAMES, strict=True)]


def _matches(here: sa.Subquery, wants: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        wants.c.location_id == here.c.location_id,
        wants.c.mime == contents.c.mime,
        wants.c.claimed == here.c.claimed,
    )


def _row_of(here: sa.Subquery, wants: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        sidecars.c.content_uuid == here.c.content_uuid,
        sidecars.c.kind == wants.c.kind,
        sidecars.c.variant == wants.c.variant,
    )


def _groups(connection: sa.Connection, query: sa.Select[Any], *, asked: bool) -> list[DueGroup]:
    return [
        DueGroup(
            location_id=row[0],
            mime=row[1],
            kind=SidecarKind(row[2]),
            variant=row[3],
            status=SidecarStatus(row[4]) if row[4] is not None else None,
            recipe=row[5],
            wanted=row[6],
            error_class=row[7],
            asked=asked,
            number=row[8],
            source_bytes=row[9],
        )
        for row in connection.execute(query)
    ]
