"""What a batch of results leaves behind besides its sidecars: measured history, and events for whoever listens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.claims import ClaimedJob
from pillion.catalog.events import append_events
from pillion.catalog.history import Measured, add_measured
from pillion.errors import ErrorClass, ItemError
from pillion.events import Event, Failed, Ready, Started
from pillion.jobs.engine import Result
from pillion.jobs.states import JobChange, JobState
from pillion.model import Empty, Failure, MediaClass, SidecarKind, SidecarStatus
from pillion.running.execute import Execution
from pillion.running.schedule import PlannedJob


def note_started(connection: sa.Connection, jobs: Sequence[ClaimedJob], now: float) -> None:
    """Tell that these claimed jobs are on their way to a worker."""
    started = [
        Started(
            kind=job.kind,
            content_uuid=job.content_uuid,
            variants=tuple(due.variant for due in job.due),
            attempt=job.attempts + 1,
        )
        for job in jobs
    ]
    append_events(connection, started, now)


def note_results(
    connection: sa.Connection, results: Sequence[Result[PlannedJob]], changes: Mapping[int, JobChange], now: float
) -> None:
    """Add what was measured, and tell how each job ended. ``changes``: job id -> change, of those still held."""
    held = [(planned.job, value) for planned, value in results if planned.job.job.id in changes]
    add_measured(connection, measured([(job, value) for job, value in held if isinstance(value, Execution)]))
    told = [_event(job, value, changes[job.job.id]) for job, value in held]
    append_events(connection, [event for event in told if event is not None], now)


def measured(executions: Sequence[tuple[PlannedJob, Execution]]) -> list[Measured]:
    """Sums over the variants that workers tried to make; what one try of several variants took is shared equally."""
    sums: dict[tuple[SidecarKind, str, str], list[float]] = {}
    for planned, execution in executions:
        result, job, making = execution.result, planned.job, planned.making
        if not making or (isinstance(result, Failure) and result.error_class.environment):
            continue
        made = {staged.variant: staged.size for staged in result} if isinstance(result, tuple) else {}
        media_class, seconds = _media_class(job.mime), execution.seconds / len(making)
        for due in making:
            total = sums.setdefault((job.kind, due.variant, media_class), [0.0, 0.0, 0.0, 0.0])
            total[0] += 1
            total[1] += seconds
            total[2] += made.get(due.variant, 0)
            total[3] += job.size
    return [
        Measured(
            kind=kind,
            variant=variant,
            media_class=MediaClass(media_class),
            number=number,
            seconds=seconds,
            bytes=size,
            source_bytes=source_bytes,
        )
        for (kind, variant, media_class), (number, seconds, size, source_bytes) in sums.items()
    ]


def _event(planned: PlannedJob, value: Execution | ItemError, change: JobChange) -> Event | None:
    """How a job ended; None where it was given back because the machine, not the file, is at fault."""
    result = value.result if isinstance(value, Execution) else _failure(value)
    if isinstance(result, Failure):
        return None if result.error_class.environment else _failed(planned, result, change)
    if isinstance(result, Empty):
        return _ended(planned, SidecarStatus.EMPTY, None, result.note, None)
    made = [(staged.variant, staged.size) for staged in result]
    made += [(item.due.variant, item.entry.size) for item in planned.adopted]
    return Ready(
        kind=planned.job.kind,
        content_uuid=planned.job.content_uuid,
        variants=tuple(variant for variant, _ in made),
        bytes=sum(size for _, size in made),
        seconds=round(value.seconds, 4) if isinstance(value, Execution) else 0.0,
    )


def _failed(planned: PlannedJob, failure: Failure, change: JobChange) -> Event:
    if change.state is not JobState.FAILED:
        return _ended(planned, SidecarStatus.PENDING, failure.error_class, failure.message, change.not_before)
    unsupported = failure.error_class is ErrorClass.UNSUPPORTED
    status = SidecarStatus.UNSUPPORTED if unsupported else SidecarStatus.FAILED
    return _ended(planned, status, failure.error_class, failure.message, None)


def _ended(
    planned: PlannedJob, status: SidecarStatus, error_class: ErrorClass | None, message: str, retry_at: float | None
) -> Event:
    return Failed(
        kind=planned.job.kind,
        content_uuid=planned.job.content_uuid,
        variants=tuple(due.variant for due in planned.making),
        status=status,
        error_class=error_class,
        message=message,
        retry_at=retry_at,
    )


def _failure(error: ItemError) -> Failure:
    return Failure(error_class=error.error_class, message=error.message)


@lru_cache(maxsize=1024)
def _media_class(mime: str) -> str:
    return _core.media_class(mime)
