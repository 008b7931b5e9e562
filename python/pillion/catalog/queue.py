"""The jobs table: claim jobs, finish them, keep leases. A finish is fenced by the claim's lease token.

The statements that touch every job are written as text (see :func:`pillion.catalog.statements.prepared`). They find
the jobs of a claim by its token, over the index of running jobs, so that no list of ids goes back and forth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from pillion.catalog.gates import may_run
from pillion.catalog.statements import NAME, prepared
from pillion.catalog.tables import (
    DUE_TEXT,
    ROOT_TEXT,
    TAKEN_FOR,
    TAKEN_FOR_TEXT,
    contents,
    jobs,
    peers,
    recipes,
)
from pillion.errors import ErrorClass
from pillion.job import (
    BEHIND,
    EVERY_PRIORITY,
    IS_BEHIND,
    LAST_FROM,
    LAST_PLACE,
    LONGEST_WAIT_S,
    ON_DEMAND_BEFORE,
    JobChange,
    JobState,
    Place,
    job_rescued,
)
from pillion.kinds import registry
from pillion.machine import host_name
from pillion.model import (
    Failure,
    SidecarKind,
    value,
)

LEASE_S = 30.0
"""A claim that is not renewed for this long is void."""


@value
class Due:
    """One variant of a claimed job. ``fresh``: it does not replace a recorded sidecar.

    ``settings`` None: the catalog does not know its recipe.
    """

    variant: str
    wanted: str
    settings: Mapping[str, object] | None
    fresh: bool


@value
class ClaimedJob:
    """A job claimed by this process. ``sources``: (absolute path, size, mtime_ns) of its files, best first.

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
    variants: tuple[str, ...]
    """Those of ``due``."""
    texts: Mapping[SidecarKind, str]
    """The ready sidecars that it is made from: kind -> path relative to the library's sidecars folder."""


# what can be claimed --------------------------------------------------------------------------------------------------


_GATED = prepared(
    "SELECT EXISTS (SELECT 1 FROM pauses) OR EXISTS (SELECT 1 FROM holds)"
    " OR EXISTS (SELECT 1 FROM locations WHERE offline IS NOT NULL)"
    " OR EXISTS (SELECT 1 FROM location_hosts WHERE offline IS NOT NULL)"
)


def may_be_taken(connection: sa.Connection, kinds: Collection[SidecarKind]) -> bool:
    """Whether there is any peer, and a job of these kinds that it might save."""
    peer = sa.exists().where(peers.c.refused.is_(None))
    job = sa.exists().where(jobs.c.state.in_([JobState.QUEUED.value, JobState.WAITING.value]), jobs.c.kind.in_(kinds))
    return bool(connection.scalar(sa.select(sa.and_(peer, job))))


def has_gates(connection: sa.Connection) -> bool:
    """Whether anything is paused or held back, or a Location is offline."""
    return bool(connection.exec_driver_sql(_GATED[connection.dialect.name]).scalar())


_FRONT = prepared(
    "SELECT priority FROM jobs WHERE state = 'queued' AND kind = :kind AND not_before <= :now"
    " ORDER BY priority, id LIMIT 1"
)


def front(connection: sa.Connection, kind: SidecarKind, now: float, closed: Collection[int] = ()) -> int | None:
    """The priority of the job of this kind that would be claimed next, or None. ``closed``: see :func:`claim`."""
    if not closed:
        found = connection.exec_driver_sql(_FRONT[connection.dialect.name], (kind, now)).scalar()
    else:
        found = connection.scalar(_next_of(jobs.c.priority, kind, tuple(sorted(closed))), {"now": now, "most": 1})
    return found


def fronts(connection: sa.Connection, closed: Mapping[SidecarKind, Collection[int]], now: float) -> dict[str, int]:
    """The :func:`front` of each kind that has one. ``closed``: kind -> Locations, of the kinds that are asked about."""
    found = ((kind, front(connection, kind, now, where)) for kind, where in closed.items())
    return {kind: priority for kind, priority in found if priority is not None}


_NEXT_RETRY = prepared(
    # The constants let the index of delayed jobs answer; without them every queued job would be looked at.
    "SELECT min(not_before) FROM jobs WHERE state = 'queued' AND not_before > 0 AND kind = :kind AND not_before > :now"
    " AND coalesce(error_class, '') <> :left_out"
)


def next_retry(
    connection: sa.Connection, kind: SidecarKind, now: float, closed: Collection[int] = (), *, lacking: bool = True
) -> float | None:
    """When the earliest queued job of this kind that has to wait may run, or None. ``closed``: see :func:`claim`.

    ``lacking``: count those that wait because they lack a tool, too.
    """
    if not closed:
        left_out = "none" if lacking else ErrorClass.MISSING_TOOL.value
        found = connection.exec_driver_sql(_NEXT_RETRY[connection.dialect.name], (kind, now, left_out))
        earliest = found.scalar()
    else:
        later = sa.and_(*_delayed([kind]), jobs.c.not_before > now, may_run(closed))
        if not lacking:
            later = sa.and_(later, sa.not_(_LACKS_TOOL))
        earliest = connection.scalar(sa.select(sa.func.min(jobs.c.not_before)).where(later))
    return earliest


# a claim --------------------------------------------------------------------------------------------------------------


def claim(
    connection: sa.Connection,
    kind: SidecarKind,
    *,
    owner: str,
    token: str,
    now: float,
    limit: int,
    before: int = EVERY_PRIORITY,
    closed: Collection[int] = (),
) -> list[ClaimedJob]:
    """Take up to ``limit`` queued jobs of one kind, most urgent first, for ``owner``, until ``now + LEASE_S``.

    ``before``: only jobs whose priority is a lower number. ``token`` must be new. ``closed``: ids of Locations; only
    contents that have a file in another one.
    """
    values = {"owner": owner, "token": token, "deadline": now + LEASE_S, "now": now, "before": before, "most": limit}
    taken = connection.execute(_claim_of(kind, tuple(sorted(closed))), values).all()
    return _load(connection, kind, owner, token, sorted(taken, key=lambda row: (row[0], row[1]))) if taken else []


@lru_cache(maxsize=64)
def _claim_of(kind: SidecarKind, closed: tuple[int, ...]) -> sa.UpdateBase:
    """The claim of a kind as one statement. It is cached because building it takes as long as a few jobs."""
    taken = ("priority", "id", "content_uuid", "attempts", "error_class", "error_message")
    # Who claims beside this one takes the jobs behind these.
    following = _next_of(jobs.c.id, kind, closed).where(jobs.c.priority < sa.bindparam("before"))
    following = following.with_for_update(skip_locked=True)
    return (
        sa.update(jobs)
        .where(jobs.c.id.in_(following))
        .values(
            state=JobState.RUNNING.value,
            updated_at=sa.bindparam("now", type_=sa.Float),
            lease_owner=sa.bindparam("owner"),
            lease_token=sa.bindparam("token"),
            lease_deadline=sa.bindparam("deadline"),
        )
        .returning(*(jobs.c[name] for name in taken))
    )


@lru_cache(maxsize=64)
def _next_of(column: sa.Column[int], kind: SidecarKind, closed: tuple[int, ...]) -> sa.Select[int]:
    """This column of the ``most`` jobs of a kind that would be claimed next, at ``now``."""
    query = sa.select(column).where(
        jobs.c.state == JobState.QUEUED.value,
        jobs.c.kind == kind,
        jobs.c.not_before <= sa.bindparam("now", type_=sa.Float),
    )
    if closed:
        query = query.where(may_run(closed))
    return query.order_by(jobs.c.priority, jobs.c.id).limit(sa.bindparam("most", type_=sa.Integer))


_DUE = prepared(
    f"SELECT jobs.id, contents.hash, {TAKEN_FOR_TEXT}, contents.size, sidecars.variant, sidecars.wanted,"
    " sidecars.recipe"
    " FROM jobs JOIN contents ON contents.content_uuid = jobs.content_uuid"
    f" LEFT JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid AND sidecars.kind = jobs.kind AND {DUE_TEXT}"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, sidecars.variant"
)
"""The contents of a claim and their sidecars that are due, one row for each of these."""

_SOURCES = prepared(
    f"SELECT jobs.id, {ROOT_TEXT}, entries.path, entries.size, entries.mtime_ns"
    " FROM jobs JOIN entries ON entries.content_uuid = jobs.content_uuid AND entries.removed_at IS NULL"
    " JOIN locations ON locations.id = entries.location_id"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " ORDER BY jobs.id, locations.id, entries.path"
)
"""The files of the contents of a claim."""

_TEXTS = prepared(
    "SELECT jobs.id, sidecars.kind, sidecars.variant, sidecars.rel_path"
    " FROM jobs JOIN sidecars ON sidecars.content_uuid = jobs.content_uuid"
    " WHERE jobs.state = 'running' AND jobs.lease_owner = :owner AND jobs.lease_token = :token"
    " AND sidecars.status = 'ready' AND sidecars.kind <> jobs.kind"
)
"""The other ready sidecars of the contents of a claim."""


def _load(
    connection: sa.Connection, kind: SidecarKind, owner: str, token: str, taken: Sequence[Sequence[Any]]
) -> list[ClaimedJob]:
    mine = (owner, token)
    due: dict[int, list[Due]] = {}
    about: dict[int, tuple[str | None, str, int]] = {}
    rows = connection.exec_driver_sql(_DUE[connection.dialect.name], mine).all()
    settings = _settings(connection, {row[5] for row in rows})
    for job, digest, mime, size, variant, wanted, recipe in rows:
        about[job] = (digest, mime, size)
        if variant is not None:
            one = Due(variant=variant, wanted=wanted, settings=settings.get(wanted), fresh=recipe is None)
            due.setdefault(job, []).append(one)
    sources = _sources(connection, mine)
    texts = _texts(connection, mine, kind)
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
                variants=tuple(one.variant for one in due.get(job, ())),
                texts=texts.get(job, {}),
            )
        )
    return result


def _failure(error_class: str, message: str | None) -> Failure | None:
    """The last failure; None for a class that this version does not know."""
    if error_class not in _CLASSES:
        return None
    return Failure(error_class=ErrorClass(error_class), message=message or "")


_CLASSES = frozenset(ErrorClass)


def _settings(connection: sa.Connection, digests: Collection[str | None]) -> dict[str, Mapping[str, object]]:
    """The settings of recipes. A claim has few different ones."""
    query = sa.select(recipes.c.digest, recipes.c.settings).where(recipes.c.digest.in_(sorted(filter(None, digests))))
    return {digest: json.loads(settings) for digest, settings in connection.execute(query).all() if settings}


def _sources(connection: sa.Connection, mine: tuple[str, str]) -> dict[int, list[tuple[bytes, int, int]]]:
    found: dict[int, list[tuple[bytes, int, int]]] = {}
    for job, root, path, size, mtime_ns in connection.exec_driver_sql(
        _SOURCES[connection.dialect.name], (host_name(), *mine)
    ):
        found.setdefault(job, []).append((root.rstrip(b"/") + b"/" + path, size, mtime_ns))
    for job, sources in found.items():
        if len(sources) > 1:
            # A path can be in two Locations: in a watched folder, and handed over by another indexer.
            once = {path: stat for path, *stat in sources}
            found[job] = [(path, size, mtime_ns) for path, (size, mtime_ns) in once.items()]
    return found


def _texts(connection: sa.Connection, mine: tuple[str, str], kind: SidecarKind) -> dict[int, dict[SidecarKind, str]]:
    """Of each job, the ready sidecars that it is made from: of each of their kinds the variant that is taken first."""
    sources = registry.sources_of(kind)
    if not sources:
        return {}
    first = registry.spec(kind).taken_first
    found: dict[int, dict[SidecarKind, str]] = {}
    rows = connection.exec_driver_sql(_TEXTS[connection.dialect.name], mine).all()
    for job, source, _, rel_path in sorted(rows, key=lambda row: (first(row[2]), row[2]), reverse=True):
        if source in sources:
            found.setdefault(job, {})[SidecarKind(source)] = rel_path
    return found


# many rows at once ----------------------------------------------------------------------------------------------------


class Updates:
    """An UPDATE written as text, with ``:names``, for many rows at once; ``types``: PostgreSQL's types of the names.

    SQLite runs it for each row, PostgreSQL once for all, joined with arrays of the values: there each statement costs
    more than the row that it changes. ``each``, ``all``: the texts for the two.
    """

    def __init__(self, text: str, **types: str) -> None:
        names = [name[1:] for name in NAME.findall(text)]
        if names != list(types):
            raise ValueError(f"Give the types of {names} in this order.")
        arrays = ", ".join(f"%s::{kind}[]" for kind in types.values())
        columns = ", ".join(f"new_{name}" for name in names)
        self.each = NAME.sub("?", text)
        changed, _, rest = NAME.sub(lambda found: f"given.new_{found[0][1:]}", text).partition(" WHERE ")
        self.all = f"{changed} FROM unnest({arrays}) AS given ({columns}) WHERE {rest}"


def change_rows(connection: sa.Connection, update: Updates, rows: Sequence[tuple[object, ...]]) -> int:
    """Run an update for rows, each a tuple in the order of its names, no two of the same one; how many changed."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(update.each, list(rows)).rowcount
    return connection.exec_driver_sql(update.all, tuple(map(list, zip(*rows, strict=True)))).rowcount


# the end of a claim ---------------------------------------------------------------------------------------------------


_HELD = prepared("SELECT id, lease_token FROM jobs WHERE state = 'running' AND lease_owner = :owner")
"""The claims of an owner: as many as it has in flight."""


def still_held(connection: sa.Connection, owner: str, claims: Collection[tuple[int, str]]) -> set[int]:
    """Of (job id, lease token) pairs, the ids that are still running for ``owner`` under that very token."""
    held = {(job, token) for job, token in connection.exec_driver_sql(_HELD[connection.dialect.name], (owner,))}
    return {claim[0] for claim in claims if claim in held}


_KEEP = {
    "postgresql": (
        "SELECT id FROM jobs WHERE state = 'running' AND lease_owner = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
        "SELECT content_uuid FROM contents WHERE content_uuid = ANY(%s) ORDER BY content_uuid FOR NO KEY UPDATE",
    )
}


def keep(connection: sa.Connection, owner: str, claims: Collection[tuple[int, str, str]]) -> set[int]:
    """Of (job id, lease token, content_uuid), the ids that are :func:`still_held`.

    Until the end of this transaction nobody else changes these jobs or their contents. Where only one transaction
    writes at a time that is so already. The order is the same for all who do it.
    """
    statements = _KEEP.get(connection.dialect.name)
    if statements is not None and claims:
        first, second = statements
        connection.exec_driver_sql(first, (owner, [job for job, _, _ in claims]))
        connection.exec_driver_sql(second, (sorted({content for _, _, content in claims}),))
    return still_held(connection, owner, [(job, token) for job, token, _ in claims])


_CLAIMED = frozenset({JobState.RUNNING})

_FINISH = Updates(
    "UPDATE jobs SET state = :state, attempts = :attempts, not_before = :not_before, error_class = :error_class,"
    " error_message = :error_message,"
    f" priority = CASE CASE WHEN priority < {ON_DEMAND_BEFORE} THEN {Place.SAME:d} ELSE :place END"
    f" WHEN {Place.LAST:d} THEN {LAST_PLACE}"
    f" WHEN {Place.BEHIND:d} THEN priority + CASE WHEN {IS_BEHIND} OR priority >= {LAST_FROM} THEN 0 ELSE {BEHIND} END"
    " ELSE priority END,"
    " lease_owner = NULL, lease_token = NULL, lease_deadline = NULL, updated_at = :now"
    " WHERE id = :id AND lease_token = :token",
    state="text",
    attempts="integer",
    not_before="float8",
    error_class="text",
    error_message="text",
    place="integer",
    now="float8",
    id="bigint",
    token="text",
)
"""The end of a claim. It changes nothing if the job's token is another one by now.

Only a running job has a token. The state is not asked for: with it PostgreSQL, once it has a plan for any batch, looks
through all running jobs for each row, where there is their number to look up.
"""


def finish(connection: sa.Connection, changes: Sequence[tuple[int, str, JobChange]], now: float) -> int:
    """Write (job id, lease token, change), each of a claimed job; returns how many jobs changed.

    One whose token is no longer the job's changes nothing.
    """
    if not changes:
        return 0
    rows = [_finish_row(job, token, change, now) for job, token, change in changes]
    return change_rows(connection, _FINISH, rows)


def _finish_row(job: int, token: str, change: JobChange, now: float) -> tuple[object, ...]:
    if change.before != _CLAIMED:
        raise ValueError(f"A claimed job cannot become {change.state} by this change.")
    failure = change.failure
    error = (failure.error_class.value, failure.message) if failure else (None, None)
    place = change.place.value
    return (change.state.value, change.attempts, change.not_before, *error, place, now, job, token)


_MOVED = {
    Place.SAME: (IS_BEHIND, f"priority - {BEHIND}"),
    Place.BEHIND: (f"NOT {IS_BEHIND}", f"priority + {BEHIND}"),
}
"""Place -> which priorities are moved there, and how."""


def move_types(connection: sa.Connection, kind: SidecarKind, mimes: Collection[str], place: Place, now: float) -> int:
    """Move the queued jobs of a kind for files that are taken for these types; returns how many.

    Behind the others of their urgency, or from there (``SAME``) back to their own place. Those that somebody waits for
    stay where they are, and so do those that go last.
    """
    which, moved = _MOVED[place]
    taken = sa.select(contents.c.content_uuid).where(TAKEN_FOR.in_(sorted(mimes)))
    between = jobs.c.priority.between(ON_DEMAND_BEFORE, LAST_FROM - 1)
    queued = sa.and_(sa.literal_column("jobs.state = 'queued'"), jobs.c.kind == kind, between, sa.text(which))
    new = sa.literal_column(moved, sa.Integer)
    statement = sa.update(jobs).where(queued, jobs.c.content_uuid.in_(taken)).values(priority=new, updated_at=now)
    return connection.execute(statement).rowcount


def has_other_types(
    connection: sa.Connection,
    kind: SidecarKind,
    mimes: Collection[str],
    now: float,
    closed: Collection[int] = (),
    *,
    in_place: bool = False,
) -> bool:
    """Whether a job of this kind can run now whose file is taken for none of these types.

    ``closed``: see claim. ``in_place``: one that neither went behind nor last.
    """
    others = (
        sa.select(jobs.c.id)
        .join(contents, contents.c.content_uuid == jobs.c.content_uuid)
        .where(jobs.c.state == JobState.QUEUED.value, jobs.c.kind == kind, jobs.c.not_before <= now)
        .where(TAKEN_FOR.not_in(sorted(mimes)))
    )
    if in_place:
        others = others.where(sa.text(f"NOT {IS_BEHIND}"), jobs.c.priority < LAST_FROM)
    if closed:
        others = others.where(may_run(closed))
    return connection.execute(others.limit(1)).first() is not None


# leases, and changes of many jobs -------------------------------------------------------------------------------------


def heartbeat(connection: sa.Connection, owner: str, now: float) -> int:
    """Renew every lease of ``owner``; returns how many it holds."""
    mine = sa.and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_owner == owner)
    return connection.execute(sa.update(jobs).where(mine).values(lease_deadline=now + LEASE_S)).rowcount


_OWNERS = prepared("SELECT lease_owner, max(lease_deadline) FROM jobs WHERE state = 'running' GROUP BY lease_owner")


def owners(connection: sa.Connection) -> dict[str, float]:
    """Owners of running jobs, and the latest deadline of each."""
    return {row[0]: row[1] for row in connection.exec_driver_sql(_OWNERS[connection.dialect.name])}


def rescue(connection: sa.Connection, owner: str, now: float) -> int:
    """Queue the jobs of an owner that is gone again, without charging a try. Returns how many."""
    return change_jobs(connection, job_rescued(), now, jobs.c.lease_owner == owner)


def give_back(connection: sa.Connection, content_uuid: str, kind: SidecarKind, now: float) -> int:
    """Void the claim of this job, if there is one, and queue it again without charging a try."""
    return change_jobs(connection, job_rescued(), now, jobs.c.content_uuid == content_uuid, jobs.c.kind == kind)


def void_claims(connection: sa.Connection, owner: str, tokens: Sequence[str], now: float) -> None:
    """Queue what an owner claimed with these tokens again, without charging a try."""
    change_jobs(connection, job_rescued(), now, jobs.c.lease_owner == owner, jobs.c.lease_token.in_(tokens))


# As in _NEXT_RETRY, the constants and the kind let the index of delayed jobs answer.
_OVERLONG = prepared(
    "SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND not_before > 0 AND kind = :kind"
    " AND not_before > :latest)"
)


def has_overlong_waits(connection: sa.Connection, now: float) -> bool:
    """Whether a queued job waits longer than any retry does, because the clock was set back."""
    query, latest = _OVERLONG[connection.dialect.name], now + LONGEST_WAIT_S
    return any(connection.exec_driver_sql(query, (kind, latest)).scalar() for kind in registry.names())


def end_overlong_waits(connection: sa.Connection, now: float) -> None:
    """Let those jobs run now."""
    overlong = (*_delayed(registry.names()), jobs.c.not_before > now + LONGEST_WAIT_S)
    connection.execute(sa.update(jobs).where(*overlong).values(not_before=0.0, updated_at=now))


_LACKS_TOOL = sa.func.coalesce(jobs.c.error_class, "") == ErrorClass.MISSING_TOOL.value


_LACKING = prepared(
    "SELECT id, kind, coalesce(error_message, '') FROM jobs WHERE state = 'queued' AND not_before > 0 AND kind = :kind"
    f" AND not_before > :now AND coalesce(error_class, '') = '{ErrorClass.MISSING_TOOL.value}'"
)


def lacking_tools(connection: sa.Connection, kinds: Iterable[SidecarKind], now: float) -> list[tuple[int, str, str]]:
    """The queued jobs of these kinds that wait because they lack a tool: job id, kind, and what they lack."""
    query = _LACKING[connection.dialect.name]
    found = [tuple(row) for kind in kinds for row in connection.exec_driver_sql(query, (kind, now))]
    return sorted((job, kind, message) for job, kind, message in found)


def end_held_waits(connection: sa.Connection, kind: SidecarKind | None, now: float) -> None:
    """Let jobs of a kind (None: of all) that lacked a tool run now: another process may have it.

    Those that wait for a retry, or for what is fetched from a peer, wait on.
    """
    held = _delayed(registry.names() if kind is None else [kind])
    # Of one that was tried before, the mark says that it failed (pillion.job.budget_of); of one that went last, which
    # others lack the same.
    marked = sa.or_(jobs.c.attempts > 0, jobs.c.priority >= LAST_FROM)
    kept = {column.name: sa.case((marked, column), else_=None) for column in (jobs.c.error_class, jobs.c.error_message)}
    connection.execute(sa.update(jobs).where(*held, _LACKS_TOOL).values(not_before=0.0, updated_at=now, **kept))


def wait_alike(
    connection: sa.Connection, kind: SidecarKind, notices: Collection[str], now: float, until: float
) -> list[int]:
    """Let the jobs of a kind that went last because they lack one of these wait on, and return their ids: another has
    just found it so.
    """
    alike = sa.and_(_LACKS_TOOL, jobs.c.error_message.in_(sorted(notices)), jobs.c.not_before <= now)
    last = sa.and_(sa.literal_column("jobs.state = 'queued'"), jobs.c.kind == kind, jobs.c.priority >= LAST_FROM)
    waits = sa.update(jobs).where(last, alike).values(not_before=until, updated_at=now).returning(jobs.c.id)
    return list(connection.scalars(waits))


def wait_types(
    connection: sa.Connection, kind: SidecarKind, mimes: Collection[str], notice: str, now: float, until: float
) -> list[int]:
    """Let the jobs of a kind for files of these types, of which some lacked a tool, wait, too. Returns their ids.

    Those that somebody waits for do not, and neither do those that failed before.
    """
    taken = sa.select(contents.c.content_uuid).where(TAKEN_FOR.in_(sorted(mimes)))
    queued = sa.and_(sa.literal_column("jobs.state = 'queued'"), jobs.c.kind == kind, jobs.c.not_before <= now)
    plain = sa.and_(jobs.c.priority >= ON_DEMAND_BEFORE, jobs.c.attempts == 0)
    lacks = {"error_class": ErrorClass.MISSING_TOOL.value, "error_message": notice}
    waits = sa.update(jobs).where(queued, plain, jobs.c.content_uuid.in_(taken))
    return list(connection.scalars(waits.values(not_before=until, updated_at=now, **lacks).returning(jobs.c.id)))


def _delayed(kinds: Iterable[SidecarKind]) -> list[sa.ColumnElement[bool]]:
    # As in next_retry, the constants and the kinds let the index of delayed jobs answer.
    delayed = sa.and_(sa.literal_column("jobs.state = 'queued'"), sa.literal_column("jobs.not_before > 0"))
    return [delayed, jobs.c.kind.in_(list(kinds))]


def change_jobs(connection: sa.Connection, change: JobChange, now: float, *where: sa.ColumnElement[bool]) -> int:
    """Apply a change to the jobs that a condition selects and that are in a state it applies to."""
    values: dict[str, object] = {
        "state": change.state.value,
        "updated_at": now,
        **dict.fromkeys(("lease_owner", "lease_token", "lease_deadline")),
    }
    if not change.keeps_failure:
        values["error_class"] = change.failure.error_class.value if change.failure else None
        values["error_message"] = change.failure.message if change.failure else None
    optional = {"attempts": change.attempts, "not_before": change.not_before}
    values.update({name: value for name, value in optional.items() if value is not None})
    before = jobs.c.state.in_(sorted(state.value for state in change.before))
    return connection.execute(sa.update(jobs).where(before, *where).values(**values)).rowcount
