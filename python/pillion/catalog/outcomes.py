"""What an ended job writes beside its own row: outcomes, what else depends on them, and the history of what it took.

Run these within the transaction that ends the job (:func:`end_jobs` does all at once), after
:func:`pillion.catalog.queue.keep` has said that the claim still holds. Estimates go by the history, and by what is left
in the queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from pillion.catalog.events import append_events, keep_order
from pillion.catalog.failures import FailedTry, record_failures
from pillion.catalog.queue import Updates, change_jobs, change_rows, finish
from pillion.catalog.queueing import queue_due
from pillion.catalog.statements import chunks, prepared
from pillion.catalog.tables import DUE, DUE_TEXT, contents, history, jobs, sidecars
from pillion.events import Failed
from pillion.job import JobChange, JobState, Urgency, job_ended_with_source, job_woken
from pillion.kinds import registry
from pillion.model import (
    Failure,
    MediaClass,
    PictureHashes,
    SidecarFormat,
    SidecarKind,
    SidecarMark,
    SidecarStatus,
    value,
)


@value
class SidecarOutcome:
    """How one variant ended under one recipe. The file's columns are set exactly when the status is READY."""

    content_uuid: str
    kind: SidecarKind
    variant: str
    status: SidecarStatus
    recipe: str
    format: SidecarFormat | None = None
    rel_path: str | None = None
    size: int | None = None
    checksum: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    mark: SidecarMark | None = None


@dataclass(kw_only=True, slots=True)
class Ends:
    """What is written of jobs that end together. ``hashes``: content_uuid -> those of a picture."""

    changes: list[tuple[int, str, JobChange]] = field(default_factory=list)
    """(job id, lease token, change)"""
    outcomes: list[SidecarOutcome] = field(default_factory=list)
    hashes: dict[str, PictureHashes] = field(default_factory=dict)
    tried: list[FailedTry] = field(default_factory=list)
    ended: list[tuple[SidecarKind, str]] = field(default_factory=list)
    """(kind, content_uuid) of jobs that are over."""
    ready: list[tuple[str, SidecarKind]] = field(default_factory=list)
    """(content_uuid, kind) of those among them that others may wait for, and that are ready."""
    measured: Sequence[Measured] = ()


def end_jobs(connection: sa.Connection, ends: Ends, now: float) -> None:
    """Write how jobs ended, with what became of their sidecars and what they took.

    What was wanted of them meanwhile is queued, and what waits for them.
    """
    finish(connection, ends.changes, now)
    record_outcomes(connection, ends.outcomes, now)
    record_picture_hashes(connection, ends.hashes)
    if ends.tried:
        record_failures(connection, ends.tried, now)
    made = (SidecarStatus.READY, SidecarStatus.EMPTY)
    resolve_made(connection, [outcome.content_uuid for outcome in ends.outcomes if outcome.status in made], now)
    queue_rest(connection, ends.ended, now)
    wake_waiting(connection, ends.ready, now)
    add_measured(connection, ends.measured)


_OUTCOME_TEXT = (
    "UPDATE sidecars SET status = :status, recipe = :recipe, format = :format, rel_path = :rel_path, size = :size,"
    " checksum = :checksum, error_class = :error_class, error_message = :error_message, mark = :mark,"
    " updated_at = :now"
    " WHERE content_uuid = :content_uuid AND kind = :kind AND variant = :variant"
)
_OUTCOME_TYPES = {
    **dict.fromkeys(("status", "recipe", "format", "rel_path"), "text"),
    "size": "bigint",
    **dict.fromkeys(("checksum", "error_class", "error_message", "mark"), "text"),
    "now": "float8",
    **dict.fromkeys(("content_uuid", "kind", "variant"), "text"),
}
_OUTCOME = Updates(_OUTCOME_TEXT, **_OUTCOME_TYPES)
_FAILED = Updates(f"{_OUTCOME_TEXT} AND status <> 'ready'", **_OUTCOME_TYPES)
_KEPT = Updates(
    "UPDATE sidecars SET error_class = :error_class, error_message = :error_message, updated_at = :now"
    " WHERE content_uuid = :content_uuid AND kind = :kind AND variant = :variant AND status = 'ready'"
    " AND wanted = :recipe",
    error_class="text",
    error_message="text",
    now="float8",
    content_uuid="text",
    kind="text",
    variant="text",
    recipe="text",
)
"""What a failure does to a ready sidecar: the error is noted beside it, unless another recipe is wanted by now."""


def record_outcomes(connection: sa.Connection, outcomes: Sequence[SidecarOutcome], now: float) -> None:
    """Update the rows of these sidecars. A ready one never ends by a failure: it is kept (tables.is_kept)."""
    ended = [_outcome_row(outcome, now) for outcome in outcomes if outcome.error_class is None]
    if ended:
        change_rows(connection, _OUTCOME, ended)
    failed = [outcome for outcome in outcomes if outcome.error_class is not None]
    if failed:
        rows = [_outcome_row(outcome, now) for outcome in failed]
        change_rows(connection, _FAILED, rows)
        change_rows(connection, _KEPT, [_kept_row(outcome, now) for outcome in failed])


def _outcome_row(outcome: SidecarOutcome, now: float) -> tuple[object, ...]:
    return (
        outcome.status.value,
        outcome.recipe,
        outcome.format.value if outcome.format else None,
        outcome.rel_path,
        outcome.size,
        outcome.checksum,
        outcome.error_class,
        outcome.error_message,
        outcome.mark.value if outcome.mark else None,
        now,
        outcome.content_uuid,
        outcome.kind,
        outcome.variant,
    )


def _kept_row(outcome: SidecarOutcome, now: float) -> tuple[object, ...]:
    key = (outcome.content_uuid, outcome.kind, outcome.variant)
    return (outcome.error_class, outcome.error_message, now, *key, outcome.recipe)


def record_picture_hashes(connection: sa.Connection, hashes: Mapping[str, PictureHashes]) -> None:
    """Store the hashes of pictures by content_uuid; one that is None leaves what is there."""
    rows = [
        {"b_content": uuid, "b_thumbhash": found.thumbhash, "b_likeness": found.likeness}
        for uuid, found in hashes.items()
    ]
    if rows:
        columns = {
            column: sa.func.coalesce(sa.bindparam(f"b_{column.name}", type_=column.type), column)
            for column in (contents.c.thumbhash, contents.c.likeness)
        }
        statement = sa.update(contents).where(contents.c.content_uuid == sa.bindparam("b_content")).values(columns)
        connection.execute(statement, rows)


_RESOLVE = Updates(
    "UPDATE failures SET resolved_at = :now WHERE content_uuid = :content_uuid AND resolved_at IS NULL"
    " AND EXISTS (SELECT 1 FROM sidecars WHERE sidecars.content_uuid = failures.content_uuid"
    " AND sidecars.kind = failures.kind AND sidecars.variant = failures.variant"
    " AND (sidecars.status = 'empty' OR sidecars.status = 'ready' AND sidecars.error_class IS NULL)"
    f" AND NOT {DUE_TEXT})",
    now="float8",
    content_uuid="text",
)


def resolve_made(connection: sa.Connection, content_uuids: Sequence[str], now: float) -> None:
    """Mark failures as resolved whose sidecars, of these contents, are made or found empty now."""
    rows = [(now, content_uuid) for content_uuid in dict.fromkeys(content_uuids)]
    if rows:
        change_rows(connection, _RESOLVE, rows)


_LEFT_TEXT = (
    "SELECT sidecars.kind, sidecars.content_uuid FROM {ended} JOIN sidecars ON sidecars.content_uuid = ended.value"
    f" WHERE {DUE_TEXT}"
)
_LEFT = {
    "sqlite": _LEFT_TEXT.format(ended="json_each(?) AS ended"),
    "postgresql": _LEFT_TEXT.format(ended="json_array_elements_text(CAST(%s AS json)) AS ended (value)"),
}
"""The sidecars that are due of contents, a JSON array: a batch has more of them than an IN list may."""


def queue_rest(connection: sa.Connection, ended: Sequence[tuple[SidecarKind, str]], now: float) -> None:
    """Queue ended jobs, (kind, content_uuid), whose content got another sidecar to make while they ran.

    Whoever wanted it found a job that runs, and left it at that. Somebody probably waits for it.
    """
    uuids = json.dumps([content_uuid for _, content_uuid in ended])
    rows = connection.exec_driver_sql(_LEFT[connection.dialect.name], (uuids,))
    left = {(SidecarKind(kind), content_uuid) for kind, content_uuid in rows}.intersection(ended)
    if not left:
        return
    for some in chunks(sorted(left)):
        for kind in {kind for kind, _ in some}:
            ours = [content_uuid for other, content_uuid in some if other == kind]
            within = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(ours))
            queue_due(connection, kind, Urgency.ON_DEMAND, now, within=within)


# jobs of kinds that are made from another kind ------------------------------------------------------------------------

# Woken when its sidecar is ready, or ended as it ended.

_WAKE = Updates(
    "UPDATE jobs SET state = :state, not_before = :not_before, error_class = NULL, error_message = NULL,"
    " updated_at = :now WHERE content_uuid = :content_uuid AND kind = :kind AND jobs.state = 'waiting'",
    state="text",
    not_before="float8",
    now="float8",
    content_uuid="text",
    kind="text",
)


def wake_waiting(connection: sa.Connection, ready: Sequence[tuple[str, SidecarKind]], now: float) -> None:
    """Queue the jobs that wait for these sidecars, given as (content_uuid, kind), which are ready now."""
    if not ready:
        return
    change = job_woken()
    rows = [
        (change.state.value, change.not_before, now, content_uuid, kind)
        for content_uuid, source in ready
        for kind in registry.dependents_of(source)
    ]
    if rows:
        change_rows(connection, _WAKE, rows)


def finish_waiting(
    connection: sa.Connection,
    content_uuid: str,
    kind: SidecarKind,
    status: SidecarStatus,
    failure: Failure | None,
    now: float,
) -> int:
    """End a content's sidecars of ``kind`` like the one they were to be made from. Returns how many.

    A failure keeps the ready ones; where there is no text, they are ready no more, and the caller removes their files.
    """
    job = sa.and_(jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)
    if not change_jobs(connection, job_ended_with_source(failure), now, job):
        return 0
    mine = sa.and_(sidecars.c.content_uuid == content_uuid, sidecars.c.kind == kind, DUE)
    if failure is not None:
        _note_untried(connection, mine, failure, now)
    ended = Failed(
        kind=kind,
        content_uuid=content_uuid,
        variants=registry.spec(kind).variants,
        status=status,
        error_class=failure.error_class if failure else None,
        message=failure.message if failure else "There is no text.",
    )
    append_events(connection, [ended], now)
    error = {
        "error_class": failure.error_class.value if failure else None,
        "error_message": failure.message if failure else None,
        "updated_at": now,
    }
    number = 0
    if failure is not None:
        kept = sa.and_(mine, sidecars.c.status == SidecarStatus.READY.value)
        number = connection.execute(sa.update(sidecars).where(kept).values(**error)).rowcount
    file = dict.fromkeys(("format", "rel_path", "size", "checksum", "mark"))
    values = {"status": status.value, "recipe": sidecars.c.wanted, **error, **file}
    return number + connection.execute(sa.update(sidecars).where(mine).values(**values)).rowcount


def ready_and_waiting(connection: sa.Connection, content_uuids: Sequence[str]) -> list[tuple[str, SidecarKind, str]]:
    """(content_uuid, kind, variant) of ready sidecars that are to be made again from a text that is awaited."""
    found: list[tuple[str, SidecarKind, str]] = []
    same = sa.and_(jobs.c.content_uuid == sidecars.c.content_uuid, jobs.c.kind == sidecars.c.kind)
    for some in chunks(content_uuids):
        query = (
            sa.select(sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant)
            .join(jobs, same)
            .where(jobs.c.state == JobState.WAITING.value, jobs.c.content_uuid.in_(some))
            .where(sidecars.c.status == SidecarStatus.READY.value, DUE)
        )
        found.extend((row[0], SidecarKind(row[1]), row[2]) for row in connection.execute(query))
    return found


def _note_untried(connection: sa.Connection, rows: sa.ColumnElement[bool], failure: Failure, now: float) -> None:
    """Add sidecars that end in this way to the ledger."""
    query = sa.select(sidecars.c.content_uuid, sidecars.c.kind, sidecars.c.variant, sidecars.c.wanted).where(rows)
    tried = [
        FailedTry(content_uuid=uuid, kind=SidecarKind(kind), variant=variant, recipe=wanted, failure=failure, tries=0)
        for uuid, kind, variant, wanted in connection.execute(query)
    ]
    record_failures(connection, tried, now)


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
    """``number`` sidecars of one variant and type that sampled jobs are to make.

    ``large``: the content that they are all of, if it is one of more bytes than :func:`sample` was given.
    """

    variant: str
    mime: str
    number: int
    source_bytes: int
    large: str | None


def count_left(connection: sa.Connection, kind: SidecarKind) -> int:
    """Jobs of a kind that are not ended. Only those of kinds that are made from others wait."""
    states = (_QUEUED, _RUNNING, _WAITING) if registry.sources_of(kind) else (_QUEUED, _RUNNING)
    counts = (sa.select(sa.func.count()).select_from(jobs).where(state, jobs.c.kind == kind) for state in states)
    return sum(connection.scalar(query) or 0 for query in counts)


def sample(connection: sa.Connection, kind: SidecarKind, large: int) -> tuple[int, list[DueSort]]:
    """(jobs looked at, what they are to make): of queued jobs, or if there are none, of running and waiting ones.

    Contents of more than ``large`` bytes are told one by one.
    """
    looked_at = connection.scalar(sa.select(sa.func.count()).select_from(_some(kind, _QUEUED))) or 0
    state = _QUEUED if looked_at else sa.or_(_RUNNING, _WAITING)
    some = _some(kind, state)
    alone = sa.case((contents.c.size > sa.literal_column(str(large)), contents.c.content_uuid)).label("large")
    columns = (sidecars.c.variant, contents.c.mime, alone)
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
    return looked_at, [
        DueSort(variant=row[0], mime=row[1], large=row[2], number=row[3], source_bytes=row[4]) for row in rows
    ]


def _some(kind: SidecarKind, state: sa.ColumnElement[bool]) -> sa.Subquery:
    return sa.select(jobs.c.content_uuid).where(state, jobs.c.kind == kind).limit(SAMPLE).subquery("some")
