"""Jobs of kinds that are made from another kind: woken when its sidecar is ready, or ended as it ended."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from pillion.catalog.events import append_events
from pillion.catalog.failures import FailedTry, record_failures
from pillion.catalog.queue import change_jobs
from pillion.catalog.statements import Updates, change_rows, chunks
from pillion.catalog.tables import DUE, jobs, sidecars
from pillion.events import Failed
from pillion.job import JobState, job_ended_with_source, job_woken
from pillion.kinds import registry
from pillion.model import Failure, SidecarKind, SidecarStatus

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
