"""Asking for sidecars: which exist and where, and to have one made. "Ready" always means that the file is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pillion.catalog import queueing as catalog_queueing
from pillion.catalog import requests as catalog_requests
from pillion.catalog import sidecars as catalog_sidecars
from pillion.catalog.contents import sources_of, thumbhashes
from pillion.catalog.database import Database
from pillion.catalog.sidecars import SidecarRow
from pillion.catalog.tables import ROOT, entries, locations
from pillion.errors import ErrorClass, LibraryClosedError, PillionError, UnusableError, UsageError
from pillion.job import Urgency
from pillion.kinds import registry
from pillion.library.arguments import ContentId, check_variant, content_id, content_ids, some_content_ids
from pillion.library.waiting import Waiting
from pillion.model import (
    EXTENSIONS,
    SidecarFormat,
    SidecarKind,
    SidecarMark,
    SidecarStatus,
    SidecarUri,
    WantedSidecar,
)
from pillion.store import LocalStore, Store, thumbhash_text

if TYPE_CHECKING:
    from pillion.peers.beside import Fetching


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """The sidecar is there. ``stale``: its recipe has changed since, and a new one is queued.

    If it could not be made again it is stale too, and ``error_class`` and ``message`` say why there is no new one.
    """

    path: Path
    stale: bool = False
    error_class: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """It is wanted and will be made, by whoever works the queue. Wait for it with :meth:`wait` or ``await``."""

    content_uuid: str
    kind: SidecarKind
    variant: str
    future: Callable[[], Future[Ready | Failed]] = field(repr=False, compare=False)
    """A new :class:`concurrent.futures.Future` of the answer."""

    def wait(self, timeout: float | None = None) -> Answer:
        """The answer when it has one; this object again if that takes longer than ``timeout`` seconds.

        Raises LibraryClosedError if the library is closed meanwhile, WorkersStoppedError if its background workers
        ended by an error.
        """
        future = self.future()
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            return self

    def __await__(self) -> Generator[Any, None, Ready | Failed]:
        import asyncio

        return asyncio.wrap_future(self.future()).__await__()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """It will not be made: ``status`` is empty, unsupported, failed or cancelled; the other fields say why."""

    status: SidecarStatus
    error_class: str | None
    message: str | None


Answer = Ready | Pending | Failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One wanted sidecar as ``pillion ls`` shows it. ``sources``: the user's files, absolute paths.

    ``where``: the absolute path of its file, or its address in an object store; :meth:`Sidecars.file` has its bytes.
    ``rel_path``: its place below ``sidecars/``, the same in both.
    ``mark``: what is special about a ready one; ``thumbhash``: the content's, in base64. ``stale``: ready, but with an
    older recipe than the one wanted; with an ``error`` it could not be made again.
    """

    content_uuid: str
    kind: SidecarKind
    variant: str
    format: SidecarFormat | None
    state: SidecarStatus
    where: str | None
    bytes: int | None
    checksum: str | None
    recipe: str | None
    sources: Sequence[str]
    error: Mapping[str, str | None] | None
    mark: SidecarMark | None
    thumbhash: str | None
    stale: bool = False
    rel_path: str | None = None

    @property
    def path(self) -> Path | None:
        """The path of its file; None where there is none, or it is in an object store."""
        return Path(self.where) if self.where is not None and "://" not in self.where else None

    @property
    def uri(self) -> SidecarUri:
        """Its address."""
        return SidecarUri(content_uuid=self.content_uuid, kind=self.kind, variant=self.variant, format=self.format)

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion ls --json`` prints."""
        values = {
            "path" if name == "where" else name: getattr(self, name) for name in self.__slots__ if name != "rel_path"
        }
        return {**values, "sources": list(self.sources)}


Key = tuple[str, SidecarKind, str]

_HEAD_START_S = 0.25
"""So long at least the one of making and fetching that begins has for itself."""
"""(content_uuid, kind, variant)"""

OnDemand = Callable[[SidecarKind, str, str], Sequence[WantedSidecar]]
"""(kind, variant, mime) -> the sidecars to want for it; empty if files of this type have no such sidecar."""


Variants = Callable[[SidecarKind], Sequence[str]]
"""Kind -> the variants that can be asked for, those of config.toml too."""


class Resolution(StrEnum):
    """What :meth:`Sidecars.resolve` does where a sidecar is not there."""

    LOCAL_ONLY = "local_only"
    """Nothing."""
    GENERATE_ASYNC = "generate_async"
    """Queue it ahead of all others, and answer at once."""
    GENERATE_BLOCKING = "generate_blocking"
    """Queue it so, and wait for it."""
    FETCH_ONLY = "fetch_only"
    """Take it from a peer that has it as it is wanted here; make nothing."""
    FETCH_OR_GENERATE = "fetch_or_generate"
    """Take it from a peer; where none has it, queue it ahead of all others and wait for it."""


class Sidecars:
    """The sidecars of one library."""

    def __init__(
        self,
        database: Database,
        store: Store,
        wants: OnDemand,
        variants: Variants,
        trouble: Callable[[], PillionError | None],
        fetching: Callable[[], Fetching],
    ) -> None:
        self._database = database
        self._store = store
        self._wants = wants
        self._variants = variants
        self._fetching = fetching
        self._waiting: Waiting[Key, Ready | Failed] = Waiting(database, self._answers, trouble)

    def get_or_enqueue(
        self,
        content_uuid: ContentId,
        kind: SidecarKind | str,
        variant: str,
        *,
        on_done: Callable[[Ready | Failed], object] | None = None,
    ) -> Answer:
        """The sidecar's path if it exists. If not, it is queued ahead of all others, even if no policy wants it.

        A :class:`Pending` can be waited for, and asking again writes nothing while it is queued. ``on_done`` is called
        once with the final answer: at once, or later in another thread; not if the library is closed before.
        Raises UsageError for what is no content uuid, an unknown kind, variant or content, or a type of file that has
        no such sidecar.
        """
        wanted_kind = self._check(kind, variant)
        uuid = content_id(content_uuid)
        row = self._row(uuid, wanted_kind, variant) or self._want(uuid, wanted_kind, variant)
        answer = self._answer(row, whole=True)
        if answer is None:
            self._enqueue(row, lost=row.status is SidecarStatus.READY)
            key = (uuid, wanted_kind, variant)
            pending = Pending(
                content_uuid=uuid, kind=wanted_kind, variant=variant, future=partial(self._waiting.future, key)
            )
            if on_done is not None:
                pending.future().add_done_callback(partial(_call, on_done))
            return pending
        if isinstance(answer, Ready) and row.due:
            self._enqueue(row, lost=False)
        if on_done is not None:
            on_done(answer)
        return answer

    def resolve(
        self,
        address: SidecarUri | str,
        mode: Resolution | str = Resolution.GENERATE_ASYNC,
        timeout: float | None = None,
    ) -> Answer | None:
        """The sidecar at an address; None if it is not there, and is not to be made (``local_only``, ``fetch_only``).

        ``generate_blocking`` and ``fetch_or_generate`` wait up to ``timeout`` seconds for whoever works the queue, and
        answer :class:`Pending` if that is not enough. Raises UsageError for what is no address of one sidecar, an
        address with another format than the sidecar has, and as :meth:`get_or_enqueue` does.
        """
        uri = SidecarUri.parse(address) if isinstance(address, str) else address
        if uri.is_pattern:
            raise UsageError(f"{uri} is a pattern, and may mean several sidecars; give the address of one.")
        modes = [item.value for item in Resolution]
        if mode not in modes:
            raise UsageError(f"There is no mode '{mode}'; choose from {', '.join(modes)}.")
        answer: Answer | None
        if mode in (Resolution.GENERATE_ASYNC, Resolution.GENERATE_BLOCKING):
            answer = self._made(uri, timeout, waits=mode == Resolution.GENERATE_BLOCKING)
        else:
            answer = self._local(uri)
            if answer is None and mode == Resolution.FETCH_ONLY:
                self._fetching().fetch(*self._wanted_key(uri))
                answer = self._local(uri)
            elif answer is None and mode == Resolution.FETCH_OR_GENERATE:
                answer = self._fetched_or_made(uri, timeout)
        if isinstance(answer, Ready) and uri.format and answer.path.suffix[1:] != EXTENSIONS[uri.format]:
            raise UsageError(f"The sidecar at {uri} is of another format: {answer.path.suffix[1:]}.")
        return answer

    def _local(self, uri: SidecarUri) -> Ready | Failed | None:
        row = self._row(uri.content_uuid, self._check(uri.kind, uri.variant), uri.variant)
        return self._answer(row) if row else None

    def _made(self, uri: SidecarUri, timeout: float | None, *, waits: bool = True) -> Answer:
        answer = self.get_or_enqueue(uri.content_uuid, uri.kind, uri.variant)
        return answer.wait(timeout) if waits and isinstance(answer, Pending) else answer

    def _wanted_key(self, uri: SidecarUri) -> Key:
        """The sidecar, which has a row now."""
        kind = self._check(uri.kind, uri.variant)
        if self._row(uri.content_uuid, kind, uri.variant) is None:
            self._want(uri.content_uuid, kind, uri.variant, queue=False)
        return uri.content_uuid, kind, uri.variant

    def _fetched_or_made(self, uri: SidecarUri, timeout: float | None) -> Answer:
        """From a peer or made here: what is expected to be quicker first, and the other when its time is up as well.

        Whichever is recorded first is the answer; the other is dropped.
        """
        until = None if timeout is None else time.monotonic() + timeout
        key = self._wanted_key(uri)
        expected = self._fetching().expected_s(*key)
        if expected is None:
            return self._made(uri, timeout)
        fetch_s, make_s = expected
        if fetch_s <= make_s:
            self._fetching().start(*key).wait(_within(max(make_s, _HEAD_START_S), until))
            return self._local(uri) or self._made(uri, _within(None, until))
        answer = self._made(uri, _within(max(fetch_s, _HEAD_START_S), until))
        if isinstance(answer, Pending) and (until is None or until > time.monotonic()):
            self._fetching().start(*key)
            answer = answer.wait(_within(None, until))
        return answer

    def file(self, item: Item) -> Path | None:
        """A file on this machine with the bytes of a sidecar; None if it is not there (any more).

        Of a sidecar in an object store, a copy whose checksum was compared. Raises StoreError.
        """
        return None if item.rel_path is None else self._store.local(item.rel_path, item.bytes, item.checksum)

    @property
    def are_elsewhere(self) -> bool:
        """Whether the sidecars are in an object store."""
        return not isinstance(self._store, LocalStore)

    def signed(self, item: Item, seconds: int) -> str | None:
        """An address of a ready sidecar in an object store that needs no keys for so long; None where there is none."""
        return None if item.rel_path is None else self._store.signed(item.rel_path, seconds)

    def at(self, address: SidecarUri | str) -> Iterator[Item]:
        """The wanted sidecars that an address or a pattern means, whether they are there or not."""
        uri = SidecarUri.parse(address) if isinstance(address, str) else address
        found = self.items(content_uuids=[uri.content_uuid])
        return (item for item in found if uri.matches(item.kind, item.variant, item.format))

    def remove(self, address: SidecarUri | str) -> list[Item]:
        """Remove the ready sidecars that an address or a pattern means; returns them.

        They are cancelled: they are made again when somebody asks for them, and not before.
        """
        from pillion.recording import remove

        gone = [item for item in self.at(address) if item.state is SidecarStatus.READY]
        for item in gone:
            row = self._row(item.content_uuid, item.kind, item.variant)
            if row is not None:
                remove(self._database, self._store, row)
        return gone

    def _answer(self, row: SidecarRow, *, whole: bool = False) -> Ready | Failed | None:
        """What the row says, and the disk; None if the sidecar is still to be made.

        ``whole``: also if its file has another size, as one that was cut, or is being replaced now.
        """
        if row.status is SidecarStatus.READY and row.rel_path is not None:
            look = self._store.of_size if whole else self._store.local
            path = look(row.rel_path, row.size, row.checksum)
            if path is None:
                return None
            return Ready(path=path, stale=row.stale, error_class=row.error_class, message=row.error_message)
        if row.status in (SidecarStatus.PENDING, SidecarStatus.CANCELLED):
            return None
        return Failed(status=row.status, error_class=row.error_class, message=row.error_message)

    def _answers(self, keys: Sequence[Key]) -> dict[Key, Ready | Failed]:
        """The final answers there are by now to what is waited for."""
        with self._database.read() as connection:
            rows = list(catalog_sidecars.list_sidecars(connection, content_uuids=list({key[0] for key in keys})))
        known = {(row.content_uuid, row.kind, row.variant): row for row in rows}
        found: dict[Key, Ready | Failed] = {}
        for key in keys:
            row = known.get(key)
            if row is None or row.status is SidecarStatus.CANCELLED:
                why = "It was cancelled." if row else "It is not wanted any more."
                found[key] = Failed(status=SidecarStatus.CANCELLED, error_class=None, message=why)
            elif (answer := self._answered(row)) is not None:
                found[key] = answer
        return found

    def _answered(self, row: SidecarRow) -> Ready | Failed | None:
        """As :meth:`_answer`; a sidecar that cannot be read is none of which others are waited for."""
        try:
            return self._answer(row)
        except UnusableError as error:
            return Failed(status=SidecarStatus.FAILED, error_class=ErrorClass.IO_TRANSIENT, message=str(error))

    def record(self, content_uuid: ContentId, kind: SidecarKind | str, variant: str, data: bytes) -> Ready:
        """Store a sidecar that the caller made, and answer as if it had been made here.

        It counts as made with the recipe that is wanted now: it is replaced when another one is wanted, and nothing is
        queued for it until then. What is there already is replaced. ``data`` is checked by its kind: a whole picture of
        the variant's format and no larger, a whole result of OCR, a transcript, or embeddings of the model. Raises
        ItemError (corrupt) if it is not, UsageError as :meth:`get_or_enqueue` does.
        """
        from pillion.recording import checked, record

        wanted_kind, uuid = self._check(kind, variant), content_id(content_uuid)
        with self._database.read() as connection:
            wants = self._wanted(connection, uuid, wanted_kind, variant)
        (want,) = [item for item in wants if (item.kind, item.variant) == (wanted_kind, variant)]
        produced = checked(want, bytes(data))
        row = self._row(uuid, wanted_kind, variant) or self._want(uuid, wanted_kind, variant, queue=False)
        return Ready(path=record(self._database, self._store, row, produced))

    def close(self) -> None:
        """End the waits: whoever waits gets LibraryClosedError."""
        self._waiting.close(LibraryClosedError(f"The library {self._store.root} was closed."))

    def _check(self, kind: SidecarKind | str, variant: str) -> SidecarKind:
        """The kind. Raises UsageError, unless it has the variant, or some sidecar was made as one once defined."""
        known = registry.spec(kind).name
        if variant not in self._variants(known):
            with self._database.read() as connection:
                if not catalog_sidecars.has_variant(connection, known, variant):
                    check_variant(variant, known, self._variants(known))
        return known

    def _row(self, content_uuid: str, kind: SidecarKind, variant: str) -> SidecarRow | None:
        with self._database.read() as connection:
            rows = list(catalog_sidecars.list_sidecars(connection, content_uuids=[content_uuid], kind=kind))
        return next((row for row in rows if row.variant == variant), None)

    def _wanted(
        self, connection: sa.Connection, content_uuid: str, kind: SidecarKind, variant: str
    ) -> Sequence[WantedSidecar]:
        """The sidecar as it is to be made, and what it is made from. Raises UsageError."""
        info = catalog_sidecars.content_info(connection, content_uuid)
        if info is None:
            raise UsageError(f"There is no content {content_uuid} in the library.")
        check_variant(variant, kind, self._variants(kind))
        wants = self._wants(kind, variant, info[2])
        if not wants:
            raise UsageError(f"Files of type {info[2]} have no {kind}.")
        return wants

    def _want(self, content_uuid: str, kind: SidecarKind, variant: str, *, queue: bool = True) -> SidecarRow:
        """Add the row of a sidecar that no policy wants; if it is to be queued, of what it is made from, too."""
        now = time.time()
        with self._database.write() as connection:
            wants = self._wanted(connection, content_uuid, kind, variant)
            wants = [want for want in wants if queue or (want.kind, want.variant) == (kind, variant)]
            for want in wants:
                catalog_queueing.want_one(connection, content_uuid, want, now)
            for want in wants if queue else ():
                catalog_queueing.queue_due(connection, want.kind, Urgency.ON_DEMAND, now, within=_only(content_uuid))
        row = self._row(content_uuid, kind, variant)
        assert row is not None
        return row

    def _enqueue(self, row: SidecarRow, *, lost: bool) -> None:
        if not lost and row.status is not SidecarStatus.CANCELLED:
            with self._database.read() as connection:
                if catalog_requests.is_in_front(connection, row.content_uuid, row.kind):
                    return
        now = time.time()
        with self._database.write() as connection:
            if lost:
                self._mark_lost(connection, row, now)
            for kind in registry.with_sources((row.kind,)):
                if catalog_requests.uncancel(connection, kind, [row.content_uuid], now) or kind == row.kind:
                    catalog_queueing.queue_due(connection, kind, Urgency.ON_DEMAND, now, within=_only(row.content_uuid))
                catalog_requests.raise_to_front(connection, row.content_uuid, kind, now)

    def _mark_lost(self, connection: sa.Connection, seen: SidecarRow, now: float) -> None:
        """Make it due again, if its file is still lost under the write lock, under which alone files are replaced."""
        found = catalog_sidecars.list_sidecars(connection, content_uuids=[seen.content_uuid], kind=seen.kind)
        for row in list(found):
            is_ready = (row.variant, row.status) == (seen.variant, SidecarStatus.READY)
            if is_ready and (self.are_elsewhere or self._answer(row, whole=True) is None):
                catalog_sidecars.mark_lost(connection, [(row.content_uuid, row.kind, row.variant)], now)

    def is_whole(self, uri: SidecarUri) -> bool:
        """Whether the file of a ready sidecar holds the bytes that were written; what is elsewhere was compared as it
        was fetched.
        """
        if self.are_elsewhere or self._has_its_bytes(uri):
            return True
        if self._database.is_read_only:
            return False
        # It may have been replaced since its row was read: under the write lock no file is.
        with self._database.write():
            return self._has_its_bytes(uri)

    def _has_its_bytes(self, uri: SidecarUri) -> bool:
        row = self._row(uri.content_uuid, SidecarKind(uri.kind), uri.variant)
        if row is None or row.rel_path is None:
            return False
        return self._store.is_whole(row.rel_path, row.size or 0, row.checksum or "")

    def presence(
        self, content_uuids: Sequence[ContentId], kind: SidecarKind | str, variants: Sequence[str]
    ) -> dict[str, dict[str, bool]]:
        """content_uuid -> variant -> whether its file is on disk now. One bulk check for all.

        Raises UsageError for an unknown kind or variant, and for what is no content uuid.
        """
        for variant in variants:
            self._check(kind, variant)
        uuids = content_ids(content_uuids)
        wanted_kind = SidecarKind(kind)
        known: dict[tuple[str, str], str] = {}
        with self._database.read() as connection:
            for row in catalog_sidecars.list_sidecars(
                connection, content_uuids=uuids, kind=wanted_kind, statuses=[SidecarStatus.READY]
            ):
                if row.rel_path is not None and row.variant in variants:
                    known[row.content_uuid, row.variant] = row.rel_path
        there = self._store.exist(list(known.values()))
        present = {key for key, exists in zip(known, there, strict=True) if exists}
        return {uuid: {variant: (uuid, variant) in present for variant in variants} for uuid in uuids}

    def items(
        self,
        *,
        kind: SidecarKind | None = None,
        statuses: Sequence[SidecarStatus] = (),
        error_class: str | None = None,
        content_uuids: Sequence[ContentId] | None = None,
        kept: bool = False,
    ) -> Iterator[Item]:
        """Wanted sidecars with their files and sources, in order; the arguments select some of them.

        ``kept``: beside those in ``statuses``, also ready ones that could not be made again.
        """
        uuids = some_content_ids(content_uuids)
        return self._items(kind=kind, statuses=statuses, error_class=error_class, content_uuids=uuids, kept=kept)

    def _items(self, **selected: Any) -> Iterator[Item]:
        page: list[SidecarRow] = []
        with self._database.read() as connection:
            rows = catalog_sidecars.list_sidecars(connection, **selected)
            for row in rows:
                page.append(row)
                if len(page) == 500:
                    yield from self._page(connection, page)
                    page.clear()
            yield from self._page(connection, page)

    def _page(self, connection: sa.Connection, rows: Sequence[SidecarRow]) -> Iterator[Item]:
        uuids = sorted({row.content_uuid for row in rows})
        sources = sources_of(connection, uuids)
        hashes = thumbhashes(connection, uuids)
        for row in rows:
            yield Item(
                content_uuid=row.content_uuid,
                kind=row.kind,
                variant=row.variant,
                format=row.format,
                state=row.status,
                where=self._store.where(row.rel_path) if row.rel_path else None,
                rel_path=row.rel_path,
                bytes=row.size,
                checksum=row.checksum,
                recipe=row.recipe,
                sources=[os.fsdecode(path) for path, _, _ in sources.get(row.content_uuid, ())],
                error=_error(row),
                mark=row.mark,
                thumbhash=thumbhash_text(hashes.get(row.content_uuid)),
                stale=row.stale,
            )

    def contents_at(self, path: bytes) -> list[str]:
        """The content uuids of the file at an absolute path, as last indexed (one, or none)."""
        found: list[str] = []
        with self._database.read() as connection:
            for location_id, root in connection.execute(sa.select(locations.c.id, ROOT)):
                prefix = root.rstrip(b"/") + b"/"
                if not path.startswith(prefix):
                    continue
                query = sa.select(entries.c.content_uuid).where(
                    entries.c.location_id == location_id,
                    entries.c.path == path[len(prefix) :],
                    entries.c.removed_at.is_(None),
                )
                found.extend(uuid for uuid in connection.scalars(query) if uuid is not None)
        return sorted(set(found))


def _call(on_done: Callable[[Ready | Failed], object], future: Future[Ready | Failed]) -> None:
    if not future.cancelled() and future.exception() is None:
        on_done(future.result())


def _within(seconds: float | None, until: float | None) -> float | None:
    """How long to wait: so many seconds, but not longer than until then, on the monotonic clock. None: for ever."""
    if until is None:
        return seconds
    left = max(until - time.monotonic(), 0.0)
    return left if seconds is None else min(seconds, left)


def _only(content_uuid: str) -> sa.Select[str]:
    return sa.select(sa.literal(content_uuid))


def _error(row: SidecarRow) -> Mapping[str, str | None] | None:
    if row.error_class is None and row.error_message is None:
        return None
    return {"class": row.error_class, "message": row.error_message}
