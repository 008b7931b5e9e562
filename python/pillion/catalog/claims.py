"""Claiming jobs and finishing them: the queue's main way. Every finish is fenced by the claim's lease token.

The statements that touch every job are written as text (see :class:`pillion.catalog.statements.Prepared`). They find
the jobs of a claim by its token, over the index of running jobs, so that no list of ids goes back and forth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from pillion.catalog.pauses import may_run
from pillion.catalog.statements import Prepared
from pillion.catalog.tables import jobs, recipes
from pillion.errors import ErrorClass
from pillion.jobs.states import JobChange, JobState
from pillion.model import Failure, SidecarKind
from pillion.values import value

LEASE_S = 30.0
"""A claim not renewed for this long belongs to nobody."""

EVERY_PRIORITY = 1_000_000
"""More than any job's."""


@value
class Due:
    """One variant of a claimed job. ``fresh``: nothing is recorded for it yet, as against a sidecar to be replaced."""

    variant: str
    wanted: str
    settings: Mapping[str, object]
    fresh: bool


@value
class ClaimedJob:
    """A job that this process runs now. ``sources``: (absolute path, size, mtime_ns) of its files, best first.

    ``last``: how the try before this one ended, if it failed and another was left.
    """

    id: int
    content_uuid: str
    kind: SidecarKind
    priority: int
    attempts: int
    last: Failure | None
    token: str
    hash: str | None
    mime: str
    size: int
    sources: tuple[tuple[bytes, int, int], ...]
    due: tuple[Due, ...]
    texts: Mapping[SidecarKind, str]
    """Ready text sidecars of the same content: kind -> path relative to the library's sidecars folder."""


def claim(
    connection: sa.Connection,
    kind: SidecarKind,
    *,
    owner: str,
    token: str,
    now: float,
    limit: int,
    before: int = EVERY_PRIORITY,
    resting: Collection[int] = (),
) -> list[ClaimedJob]:
    """Take up to ``limit`` queued jobs of one kind, most urgent first, for ``owner``, until ``now + LEASE_S``.

    ``before``: only jobs whose priority is a lower number. ``token`` must be new. ``resting``: see may_run.
    """
    values = {"owner": owner, "token": token, "deadline": now + LEASE_S, "now": now, "before": before, "most": limit}
    taken = connection.execute(_claim_of(kind, tuple(sorted(resting))), values).all()
    return _load(connection, kind, owner, token, sorted(taken, key=lambda row: (row[0], row[1]))) if taken else []


@lru_cache(maxsize=64)
def _claim_of(kind: SidecarKind, resting: tuple[int, ...]) -> sa.UpdateBase:
    """The claim of a kind as one statement. Building it anew costs as much as a few jobs."""
    now = sa.bindparam("now", type_=sa.Float)
    nxt = (
        sa.select(jobs.c.id)
        .where(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind.value, jobs.c.not_before <= now)
        .where(jobs.c.priority < sa.bindparam("before"), may_run(kind, resting))
        .order_by(jobs.c.priority, jobs.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    taken = ("priority", "id", "content_uuid", "attempts", "error_class", "error_message")
    return (
        sa.update(jobs)
        .where(jobs.c.id.in_(nxt))
        .values(
            state=JobState.RUNNING.value,
            updated_at=now,
            lease_owner=sa.bindparam("owner"),
            lease_token=sa.bindparam("token"),
            lease_deadline=sa.bindparam("deadline"),
        )
        .returning(*(jobs.c[name] for name in taken))
    )


_DUE = Prepared(
    "SELECT jobs.id, contents.hash, contents.mime, contents.size, sidecars.variant, sidecars.wanted, sidecars.recipe"
    " FROM jobs JOIN contents ON contents.content_uuid = jobs.content_uuid"
    " LEFT JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid AND sidecars.kind = jobs.kind"
    " AND (sidecars.recipe IS NULL OR sidecars.recipe <> sidecars.wanted) AND sidecars.status <> 'cancelled'"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, sidecars.variant"
)
"""What the contents of a claim are, and which of their sidecars are due: one row for each of these."""

_SOURCES = Prepared(
    "SELECT jobs.id, locations.path, entries.path, entries.size, entries.mtime_ns"
    " FROM jobs JOIN entries ON entries.content_uuid = jobs.content_uuid AND entries.removed_at IS NULL"
    " JOIN locations ON locations.id = entries.location_id"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, locations.id, entries.path"
)
"""Where the contents of a claim are found now."""

_TEXTS = Prepared(
    "SELECT jobs.id, sidecars.kind, sidecars.rel_path"
    " FROM jobs JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " AND sidecars.kind IN ('ocr', 'transcript') AND sidecars.status = 'ready'"
)
"""The ready texts of the contents of a claim."""


def _load(
    connection: sa.Connection, kind: SidecarKind, owner: str, token: str, taken: Sequence[Sequence[Any]]
) -> list[ClaimedJob]:
    mine = {"owner": owner, "token": token}
    due: dict[int, list[Due]] = {}
    about: dict[int, tuple[str | None, str, int]] = {}
    rows = _DUE.all(connection, mine)
    settings = _settings(connection, {row[5] for row in rows})
    for job, digest, mime, size, variant, wanted, recipe in rows:
        about[job] = (digest, mime, size)
        if variant is not None:
            one = Due(variant=variant, wanted=wanted, settings=settings[wanted], fresh=recipe is None)
            due.setdefault(job, []).append(one)
    sources = _sources(connection, mine)
    texts = _texts(connection, mine) if kind is SidecarKind.EMBEDDINGS else {}
    result = []
    for priority, job, content_uuid, attempts, error_class, message in taken:
        digest, mime, size = about[job]
        result.append(
            ClaimedJob(
                id=job,
                content_uuid=content_uuid,
                kind=kind,
                priority=priority,
                attempts=attempts,
                last=_failure(error_class, message) if error_class else None,
                token=token,
                hash=digest,
                mime=mime,
                size=size,
                sources=tuple(sources.get(job, ())),
                due=tuple(due.get(job, ())),
                texts=texts.get(job, {}),
            )
        )
    return result


def _failure(error_class: str, message: str | None) -> Failure:
    return Failure(error_class=ErrorClass(error_class), message=message or "")


def _settings(connection: sa.Connection, digests: Collection[str | None]) -> dict[str, Mapping[str, object]]:
    """The settings that go with recipes. A claim has few different ones."""
    query = sa.select(recipes.c.digest, recipes.c.settings).where(recipes.c.digest.in_(sorted(filter(None, digests))))
    return {digest: json.loads(settings) for digest, settings in connection.execute(query).all()}


def _sources(connection: sa.Connection, mine: Mapping[str, str]) -> dict[int, list[tuple[bytes, int, int]]]:
    found: dict[int, list[tuple[bytes, int, int]]] = {}
    for job, root, path, size, mtime_ns in _SOURCES.all(connection, mine):
        found.setdefault(job, []).append((root.rstrip(b"/") + b"/" + path, size, mtime_ns))
    for job, sources in found.items():
        if len(sources) > 1:
            # A path can be in two Locations: in a watched folder, and handed over by another indexer.
            once = {path: stat for path, *stat in sources}
            found[job] = [(path, size, mtime_ns) for path, (size, mtime_ns) in once.items()]
    return found


def _texts(connection: sa.Connection, mine: Mapping[str, str]) -> dict[int, dict[SidecarKind, str]]:
    found: dict[int, dict[SidecarKind, str]] = {}
    for job, kind, rel_path in _TEXTS.all(connection, mine):
        found.setdefault(job, {})[SidecarKind(kind)] = rel_path
    return found


_HELD = Prepared("SELECT id, lease_token FROM jobs WHERE state = 'running' AND lease_owner = :owner")
"""The claims of an owner: as many as it has in flight."""


def still_held(connection: sa.Connection, owner: str, claims: Collection[tuple[int, str]]) -> set[int]:
    """Of (job id, lease token) pairs, the ids that are still running for ``owner`` under that very token."""
    held = {(row[0], row[1]) for row in _HELD.all(connection, {"owner": owner})}
    return {claim[0] for claim in claims if claim in held}


_CLAIMED = frozenset({JobState.RUNNING})

_FINISH = Prepared(
    "UPDATE jobs SET state = :state, attempts = :attempts, not_before = :not_before, error_class = :error_class,"
    " error_message = :error_message, lease_owner = NULL, lease_token = NULL, lease_deadline = NULL, updated_at = :now"
    " WHERE id = :id AND lease_token = :token AND state = 'running'"
)
"""The end of a claim: changes nothing where the token is no longer the job's."""

_FINISH_COLUMNS = ("state", "attempts", "not_before", "error_class", "error_message", "now", "id", "token")


def finish(connection: sa.Connection, changes: Sequence[tuple[int, str, JobChange]], now: float) -> int:
    """Write (job id, lease token, change), each of a claimed job; returns how many jobs changed.

    One whose token is no longer the job's changes nothing.
    """
    if not changes:
        return 0
    return _FINISH.many(
        connection, _FINISH_COLUMNS, [_finish_row(job, token, change, now) for job, token, change in changes]
    )


def _finish_row(job: int, token: str, change: JobChange, now: float) -> tuple[object, ...]:
    if change.before != _CLAIMED:
        raise ValueError(f"A claimed job cannot become {change.state} by this change.")
    failure = change.failure
    error = (failure.error_class.value, failure.message) if failure else (None, None)
    return (change.state.value, change.attempts, change.not_before, *error, now, job, token)
