"""What is left in the queue, for estimates of how long it takes: bounded in cost however long the queue is."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.jobs import is_due
from pillion.catalog.tables import contents, jobs, sidecars
from pillion.jobs.states import JobState
from pillion.model import SidecarKind

SAMPLE = 5000
"""Jobs of a kind that are looked into; the rest of a longer queue is taken to be like them."""

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
    """Jobs of a kind that are not ended. Only embeddings wait."""
    states = (_QUEUED, _RUNNING, _WAITING) if kind is SidecarKind.EMBEDDINGS else (_QUEUED, _RUNNING)
    counts = (sa.select(sa.func.count()).select_from(jobs).where(state, jobs.c.kind == kind.value) for state in states)
    return sum(connection.scalar(query) or 0 for query in counts)


def sample(connection: sa.Connection, kind: SidecarKind) -> tuple[int, list[DueSort]]:
    """(jobs looked at, what they are to make): of queued ones, or where there is none, of those that run or wait."""
    looked_at = connection.scalar(sa.select(sa.func.count()).select_from(_some(kind, _QUEUED))) or 0
    state = _QUEUED if looked_at else sa.or_(_RUNNING, _WAITING)
    some = _some(kind, state)
    columns = (sidecars.c.variant, contents.c.mime)
    query = (
        sa.select(*columns, sa.func.count(), sa.func.sum(contents.c.size))
        .select_from(some)
        .join(sidecars, sidecars.c.content_uuid == some.c.content_uuid)
        .join(contents, contents.c.content_uuid == some.c.content_uuid)
        .where(sidecars.c.kind == kind.value, is_due(sidecars))
        .group_by(*columns)
    )
    if not looked_at:
        looked_at = connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    rows = connection.execute(query)
    return looked_at, [DueSort(variant=row[0], mime=row[1], number=row[2], source_bytes=row[3]) for row in rows]


def _some(kind: SidecarKind, state: sa.ColumnElement[bool]) -> sa.Subquery:
    return sa.select(jobs.c.content_uuid).where(state, jobs.c.kind == kind.value).limit(SAMPLE).subquery("some")
