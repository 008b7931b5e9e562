"""What estimates go by: the sums of what was measured, and what is left in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.events import keep_order
from pillion.catalog.statements import prepared
from pillion.catalog.tables import DUE, contents, history, jobs, sidecars
from pillion.job import JobState
from pillion.kinds import registry
from pillion.model import MediaClass, SidecarKind

# what was measured ----------------------------------------------------------------------------------------------------


FADE_ABOVE = 5000.0
"""Above this number the sums are halved before more is added, so that recent work counts more."""

_KEYS = ("kind", "variant", "media_class")
_SUMS = ("number", "seconds", "bytes", "source_bytes")
_SHARE = f"CASE WHEN history.number > {FADE_ABOVE} THEN 0.5 ELSE 1.0 END"
_ADD_MEASURED = prepared(
    f"INSERT INTO history ({', '.join(_KEYS + _SUMS)}) VALUES ({', '.join(':' + name for name in _KEYS + _SUMS)})"
    f" ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET"
    f" {', '.join(f'{name} = history.{name} * {_SHARE} + excluded.{name}' for name in _SUMS)}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Sums over ``number`` sidecars: seconds of a worker, their bytes, and the bytes of their sources."""

    kind: SidecarKind
    variant: str
    media_class: MediaClass
    number: float
    seconds: float
    bytes: float
    source_bytes: float


def list_measured(connection: sa.Connection) -> list[Measured]:
    """All sums."""
    return [
        Measured(
            kind=SidecarKind(row.kind),
            variant=row.variant,
            media_class=MediaClass(row.media_class),
            **{name: getattr(row, name) for name in _SUMS},
        )
        for row in connection.execute(sa.select(history))
    ]


def add_measured(connection: sa.Connection, measured: Sequence[Measured]) -> None:
    """Add to the sums. Give each kind, variant and class at most once."""
    if not measured:
        return
    if connection.dialect.name == "postgresql":
        # Others wait for these rows, and for the events after them: always in this order.
        keep_order(connection)
    rows = [
        (
            item.kind,
            item.variant,
            item.media_class.value,
            item.number,
            item.seconds,
            item.bytes,
            item.source_bytes,
        )
        for item in measured
    ]
    connection.exec_driver_sql(_ADD_MEASURED[connection.dialect.name], rows)


# what is left in the queue --------------------------------------------------------------------------------------------


SAMPLE = 5000
"""How many jobs of a kind are looked at; the rest of a longer queue is assumed to be like them."""

# Constants in the text let the small indexes of queued and of running jobs answer.
_QUEUED: sa.ColumnElement[bool] = sa.literal_column("jobs.state = 'queued'")
_RUNNING: sa.ColumnElement[bool] = sa.literal_column("jobs.state = 'running'")
_WAITING = jobs.c.state == JobState.WAITING.value


@dataclass(frozen=True, kw_only=True, slots=True)
class DueSort:
    """``number`` sidecars of one variant and type that sampled jobs are to make."""

    variant: str
    mime: str
    number: int
    source_bytes: int


def count_left(connection: sa.Connection, kind: SidecarKind) -> int:
    """Jobs of a kind that are not ended. Only those of kinds that are made from others wait."""
    states = (_QUEUED, _RUNNING, _WAITING) if registry.sources_of(kind) else (_QUEUED, _RUNNING)
    counts = (sa.select(sa.func.count()).select_from(jobs).where(state, jobs.c.kind == kind) for state in states)
    return sum(connection.scalar(query) or 0 for query in counts)


def sample(connection: sa.Connection, kind: SidecarKind) -> tuple[int, list[DueSort]]:
    """(jobs looked at, what they are to make): of queued jobs, or if there are none, of running and waiting ones."""
    looked_at = connection.scalar(sa.select(sa.func.count()).select_from(_some(kind, _QUEUED))) or 0
    state = _QUEUED if looked_at else sa.or_(_RUNNING, _WAITING)
    some = _some(kind, state)
    columns = (sidecars.c.variant, contents.c.mime)
    query = (
        sa.select(*columns, sa.func.count(), sa.func.sum(contents.c.size))
        .select_from(some)
        .join(sidecars, sidecars.c.content_uuid == some.c.content_uuid)
        .join(contents, contents.c.content_uuid == some.c.content_uuid)
        .where(sidecars.c.kind == kind, DUE)
        .group_by(*columns)
    )
    if not looked_at:
        looked_at = connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    rows = connection.execute(query)
    return looked_at, [DueSort(variant=row[0], mime=row[1], number=row[2], source_bytes=row[3]) for row in rows]


def _some(kind: SidecarKind, state: sa.ColumnElement[bool]) -> sa.Subquery:
    return sa.select(jobs.c.content_uuid).where(state, jobs.c.kind == kind).limit(SAMPLE).subquery("some")
