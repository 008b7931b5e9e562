"""The failure ledger, retry and cancel."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pillion.catalog import failures as catalog_failures
from pillion.catalog import requests as catalog_requests
from pillion.catalog.contents import known_contents, sources_of
from pillion.catalog.database import Database
from pillion.catalog.failures import FailureRow
from pillion.catalog.queueing import queue_due
from pillion.catalog.requests import JobRow
from pillion.catalog.sidecars import ask_again
from pillion.catalog.statements import chunks
from pillion.catalog.tables import entries
from pillion.errors import ErrorClass, UsageError
from pillion.job import JobState, Urgency
from pillion.kinds import registry
from pillion.library.arguments import ContentId, location_id, some_content_ids
from pillion.model import SidecarKind, SidecarStatus

_PAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedSidecar:
    """A line of the ledger. ``sources``: the user's files (absolute paths)."""

    failure: FailureRow
    sources: Sequence[str]

    @property
    def retry_at(self) -> float | None:
        """When it is tried again automatically, in seconds since 1970; None if it is not."""
        return self.failure.not_before if self.failure.state is JobState.QUEUED else None

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion failed --json`` prints. Times are seconds since 1970."""
        row = self.failure
        error = {"class": row.error_class.value, "message": row.message}
        return {
            "content_uuid": row.content_uuid,
            "kind": row.kind,
            "variant": row.variant,
            "state": row.status.value,
            "recipe": row.recipe,
            "sources": list(self.sources),
            "error": {**error, "stderr_tail": row.stderr_tail, "exit_status": row.exit_status},
            "attempts": row.attempts,
            "first_at": row.first_at,
            "last_at": row.last_at,
            "retry_at": self.retry_at,
        }


class Requests:
    """Failures, retries and cancellations of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failures(
        self,
        *,
        kind: SidecarKind | str | None = None,
        error_class: str | None = None,
        content_uuids: Sequence[ContentId] | None = None,
    ) -> Iterator[FailedSidecar]:
        """What failed and has not been made since, in order of content, kind and variant."""
        _check_class(error_class)
        uuids = some_content_ids(content_uuids)
        return self._failures(kind=_kind(kind), error_class=error_class, content_uuids=uuids)

    def _failures(self, **selected: Any) -> Iterator[FailedSidecar]:
        page: list[FailureRow] = []
        with self._database.read() as connection:
            rows = catalog_failures.list_failures(connection, **selected)
            for row in rows:
                page.append(row)
                if len(page) == _PAGE:
                    yield from _with_sources(connection, page)
                    page.clear()
            yield from _with_sources(connection, page)

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        kind: SidecarKind | str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[JobRow]:
        """Jobs with greater ids than ``after``, in order of these; the arguments select some of them."""
        chosen = _kind(kind)
        with self._database.read() as connection:
            return catalog_requests.list_jobs(connection, states=states, kind=chosen, after=after, limit=limit)

    def waiting_since(self) -> dict[SidecarKind, float]:
        """Kind -> when its job was queued that has waited longest, in seconds since 1970."""
        with self._database.read() as connection:
            return catalog_requests.waiting_since(connection)

    def failure_counts(self) -> dict[tuple[SidecarKind, str], int]:
        """(kind, error class) -> how many sidecars failed so and have not been made since."""
        with self._database.read() as connection:
            return catalog_failures.count_open(connection)

    def retry(
        self,
        *,
        kind: SidecarKind | str | None = None,
        error_class: str | None = None,
        content_uuids: Sequence[ContentId] | None = None,
    ) -> int:
        """Queue failed and cancelled sidecars again, with all their tries; returns how many sidecars.

        Embeddings that failed because their text did are queued with it, and the text of embeddings with them.
        Unsupported ones are queued only if ``error_class`` is ``unsupported``.
        """
        _check_class(error_class)
        kinds = registry.chosen((kind,) if kind is not None else None)
        uuids = some_content_ids(content_uuids)
        statuses = [SidecarStatus.FAILED, SidecarStatus.CANCELLED]
        if error_class == ErrorClass.UNSUPPORTED:
            statuses.append(SidecarStatus.UNSUPPORTED)
        now = time.time()
        with self._database.write() as connection:
            number = 0
            for item, some in itertools.product(kinds, _pieces(connection, uuids)):
                number += ask_again(
                    connection,
                    now,
                    statuses=statuses,
                    kind=item,
                    error_class=error_class,
                    content_uuids=some,
                    kept=True,
                )
                number += catalog_requests.uncancel(connection, item, some, now) if error_class is None else 0
            number += catalog_failures.ask_again_with_source(connection, now)
            for item in registry.names():
                queue_due(connection, item, Urgency.NEW, now)
        return number

    def cancel(
        self,
        *,
        kind: SidecarKind | str | None = None,
        location: str | os.PathLike[str] | None = None,
        content_uuids: Sequence[ContentId] | None = None,
    ) -> int:
        """Take queued jobs out of the queue and stop running ones; returns how many sidecars will not be made.

        ``location``: only contents with all their files in this Location. They stay cancelled until somebody asks for
        them by retry, regenerate or get_or_enqueue. Ready sidecars stay.
        """
        chosen = _kind(kind)
        uuids = some_content_ids(content_uuids)
        kinds = [chosen] if chosen else list(registry.names())
        with self._database.write() as connection:
            place = location_id(connection, location)
            withins = [_within(place, some) for some in _pieces(connection, uuids)]
            return sum(catalog_requests.cancel(connection, kinds, within, time.time()) for within in withins)


def _kind(kind: SidecarKind | str | None) -> SidecarKind | None:
    return registry.parse_kinds([kind])[0] if kind is not None else None


def _pieces(connection: sa.Connection, content_uuids: Sequence[str] | None) -> list[Sequence[str] | None]:
    """Those that are known, as many at a time as a statement may name; None, once, for all."""
    return [None] if content_uuids is None else list(chunks(known_contents(connection, content_uuids)))


def _check_class(error_class: str | None) -> None:
    names = [item.value for item in ErrorClass]
    if error_class is not None and error_class not in names:
        raise UsageError(f"There is no class '{error_class}'; choose from {', '.join(names)}.")


def _with_sources(connection: sa.Connection, rows: Sequence[FailureRow]) -> Iterator[FailedSidecar]:
    sources = sources_of(connection, sorted({row.content_uuid for row in rows}))
    for row in rows:
        paths = [os.fsdecode(path) for path, _, _ in sources.get(row.content_uuid, ())]
        yield FailedSidecar(failure=row, sources=paths)


def _within(location: int | None, content_uuids: Sequence[str] | None) -> sa.Select[str] | None:
    """A query for the selected contents; None for all."""
    if location is None and content_uuids is None:
        return None
    other = entries.alias("other")
    query = sa.select(entries.c.content_uuid).where(entries.c.content_uuid.is_not(None))
    if content_uuids is not None:
        query = query.where(entries.c.content_uuid.in_(content_uuids))
    if location is not None:
        elsewhere = sa.exists().where(
            other.c.content_uuid == entries.c.content_uuid,
            other.c.location_id != location,
            other.c.removed_at.is_(None),
        )
        query = query.where(entries.c.location_id == location, ~elsewhere)
    return query
