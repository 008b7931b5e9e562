"""What an ended job writes beside its own row: the outcomes of its sidecars, and what else depends on them.

Run these within the transaction that ends the job (:func:`pillion.catalog.queue.finish`), after
:func:`pillion.catalog.queue.keep` has said that the claim still holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from pillion.catalog.queueing import queue_due
from pillion.catalog.statements import Updates, change_rows, chunks
from pillion.catalog.tables import DUE_TEXT, contents
from pillion.job import Urgency
from pillion.model import PictureHashes, SidecarFormat, SidecarKind, SidecarMark, SidecarStatus, value


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
