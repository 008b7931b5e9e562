"""Record sidecars that somebody else made, stored as those that Pillion makes: checked, synced, listed, then ready."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pillion import _core
from pillion.catalog import outcomes as catalog_outcomes
from pillion.catalog import peers as catalog_peers
from pillion.catalog import queue as catalog_queue
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog.contents import picture_hashes
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.outcomes import SidecarOutcome
from pillion.catalog.sidecars import SidecarRow, content_info, content_infos, list_sidecars
from pillion.catalog.statements import chunks
from pillion.catalog.tables import contents
from pillion.errors import LibraryError, StoreConflictError, UnusableError, UsageError, full_disk_typed, is_full
from pillion.events import Failed, Ready
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.machine import at_work, this_owner
from pillion.manifest import ManifestEntry
from pillion.model import NEVER_SAMPLED, PictureHashes, Produced, SidecarKind, SidecarStatus, WantedSidecar
from pillion.queue.commit import ready_outcome
from pillion.store import Placement, Store, described, secured, staged_path

_MOST_CONFLICTS = 5
"""So often it is begun again because another machine has changed a manifest meanwhile."""


def checked(want: WantedSidecar, data: bytes) -> Produced:
    """The bytes as the sidecar that is wanted.

    Raises ItemError (corrupt) if they are not whole, or of another kind, variant or format; UsageError for a kind
    whose sidecars cannot be checked.
    """
    check = registry.spec(want.kind).given
    if check is None:
        raise UsageError(f"The kind '{want.kind}' does not say how its sidecars are checked, so none can be recorded.")
    produced: Produced = registry.loaded(check)(want.variant, data, want.settings)
    return produced


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A checked sidecar to record. ``recipe``: the digest of the recipe that it was made with.

    ``staged``: a file in staging that has its bytes, and that nobody else needs.
    """

    content_uuid: str
    kind: SidecarKind
    recipe: str
    produced: Produced
    staged: Path | None = None


def record(database: Database, store: Store, row: SidecarRow, produced: Produced) -> Path:
    """Place a sidecar and record it as made with the recipe that is wanted; returns its path."""
    given = Given(content_uuid=row.content_uuid, kind=row.kind, recipe=row.wanted, produced=produced)
    (entry,) = record_many(database, store, [given])
    path = store.local(entry.rel_path, entry.size, entry.checksum)
    if path is None:
        raise LibraryError(f"{store.where(entry.rel_path)} was removed as soon as it was there.")
    return path


def record_many(database: Database, store: Store, sidecars: Sequence[Given]) -> list[ManifestEntry]:
    """Place sidecars and record them as made with their recipes; returns them as they are listed, in the same order.

    In the order in which results of workers are recorded: staged, synced, listed in the manifests, renamed, synced, and
    only then ready in the catalog. One transaction, and two syncs, for all. Raises UsageError for a content that is not
    in the library any more.
    """
    owner = this_owner()
    with full_disk_typed(store.root), at_work(owner):
        for _ in range(_MOST_CONFLICTS):
            with suppress(StoreConflictError):
                return _recorded(database, store, owner, sidecars)[1]
        return _recorded(database, store, owner, sidecars)[1]


def _recorded(
    database: Database, store: Store, owner: str, sidecars: Sequence[Given], *, if_due: bool = False
) -> tuple[Sequence[Given], list[ManifestEntry]]:
    """The sidecars that were recorded, and how they are listed."""
    try:
        files = {id(given): _staged(store, owner, given) for given in sidecars}
        uuids = {given.content_uuid for given in sidecars}
        with store.sent_ahead([file for _, file in files.values()], uuids), database.write() as connection:
            if if_due:
                sidecars = [
                    given for given in _still_due(connection, sidecars) if _has_place(store, files[id(given)][0])
                ]
            entries = _place(connection, store, owner, sidecars, files) if sidecars else []
            _note(connection, list(zip(sidecars, entries, strict=True)), time.time(), stops=if_due)
    finally:
        store.sweep(owner)
    return sidecars, entries


def record_fetched(database: Database, store: Store, sidecars: Sequence[Given]) -> Sequence[Given]:
    """As :func:`record_many`, but only those that are still due by their recipes; returns these.

    Where a job makes them meanwhile, it is stopped: its claim is gone. One that makes others as well goes on, and what
    was fetched of these is dropped.
    """
    owner = this_owner()
    with full_disk_typed(store.root), at_work(owner):
        for _ in range(_MOST_CONFLICTS):
            with suppress(StoreConflictError):
                return _recorded(database, store, owner, sidecars, if_due=True)[0]
        return _recorded(database, store, owner, sidecars, if_due=True)[0]


def record_told(database: Database, found: Sequence[tuple[str, SidecarKind, str, str]], note: str) -> int:
    """Record that there is nothing to be had, as somebody else says; returns of how many sidecars.

    ``found``: content_uuid, kind, variant and recipe of each. Only of what is still due, and of jobs that do not run.
    """
    now = time.time()
    with database.write() as connection:
        free = sorted(catalog_peers.still_free(connection, found))
        outcomes = [
            SidecarOutcome(
                content_uuid=uuid,
                kind=kind,
                variant=variant,
                status=SidecarStatus.EMPTY,
                recipe=recipe,
                error_message=note,
            )
            for uuid, kind, variant, recipe in free
        ]
        catalog_outcomes.record_outcomes(connection, outcomes, now)
        uuids = sorted({outcome.content_uuid for outcome in outcomes})
        catalog_outcomes.resolve_made(connection, uuids, now)
        _drop_jobs(connection, uuids, stops=True)
        told = [
            Failed(
                kind=one.kind,
                content_uuid=one.content_uuid,
                variants=(one.variant,),
                status=SidecarStatus.EMPTY,
                error_class=None,
                message=note,
            )
            for one in outcomes
        ]
        append_events(connection, told, now)
        for outcome in outcomes:
            for kind in registry.dependents_of(outcome.kind):
                catalog_outcomes.finish_waiting(connection, outcome.content_uuid, kind, SidecarStatus.EMPTY, None, now)
    return len(free)


def _has_place(store: Store, entry: ManifestEntry) -> bool:
    """Whether it can be placed; what cannot is fetched or made another time, and the others go on."""
    try:
        store.check_usable(entry.rel_path)
    except UnusableError:
        return False
    return True


def _still_due(connection: sa.Connection, sidecars: Sequence[Given]) -> Sequence[Given]:
    keys = {(one.content_uuid, one.kind, one.produced.variant, one.recipe): one for one in sidecars}
    free = catalog_peers.still_free(connection, list(keys))
    return [one for key, one in keys.items() if key in free]


def _drop_jobs(connection: sa.Connection, uuids: Sequence[str], *, stops: bool) -> None:
    """Drop the jobs of these contents that have nothing left to do; ``stops``: also those that run."""
    for some in chunks(uuids):
        chosen = sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some))
        catalog_queueing.drop_idle_jobs(connection, chosen, running=stops)


def remove(database: Database, store: Store, row: SidecarRow) -> None:
    """Cancel a ready sidecar, and remove its file and its entry in the manifest.

    The row first: after a kill in between, 'verify' tells of a file that no row has, and not of a row without a file.
    """
    owner, uuid, now = this_owner(), row.content_uuid, time.time()
    with full_disk_typed(store.root), at_work(owner), store.removing():
        try:
            with database.write() as connection:
                cancelled = SidecarOutcome(
                    content_uuid=uuid,
                    kind=row.kind,
                    variant=row.variant,
                    status=SidecarStatus.CANCELLED,
                    recipe=row.recipe or row.wanted,
                )
                catalog_outcomes.record_outcomes(connection, [cancelled], now)
                # A worker may be making it again: its claim is void, and what else the job is for is queued again.
                catalog_queue.give_back(connection, uuid, row.kind, now)
                told = Failed(
                    kind=row.kind,
                    content_uuid=uuid,
                    variants=(row.variant,),
                    status=SidecarStatus.CANCELLED,
                    error_class=None,
                    message="It was removed.",
                )
                append_events(connection, [told], now)
            reach("remove.cancelled")
            with database.write() as connection:
                _unlist(connection, store, owner, row)
        finally:
            store.sweep(owner)


def _unlist(connection: sa.Connection, store: Store, owner: str, row: SidecarRow) -> None:
    """Remove the file and its entry, unless it was made again meanwhile.

    The manifest may be damaged, so it does not decide what else is there: the catalog does, too.
    """
    uuid = row.content_uuid
    ready = list(list_sidecars(connection, content_uuids=[uuid], statuses=[SidecarStatus.READY]))
    if any((one.kind, one.variant) == (row.kind, row.variant) for one in ready):
        return
    listed = store.read_manifest(uuid)
    entry = listed.pop((row.kind, row.variant), None)
    if not listed and not ready:
        store.remove_content(uuid)
        return
    info = content_info(connection, uuid)
    places = {entry.rel_path} if entry is not None else set()
    if row.format is not None:
        places.add(store.rel_path(uuid, row.kind, row.variant, row.format))
    if entry is not None and info is not None:
        try:
            manifest = _listing(connection, store, owner, uuid, info, list(listed.values()))
        except OSError as error:
            if not is_full(error):
                raise
            # The disk is full, and what is removed makes room: then the manifest lists for a moment what is gone.
            _remove(store, places)
            manifest = _listing(connection, store, owner, uuid, info, list(listed.values()))
        store.place([manifest])
    _remove(store, places)


def _remove(store: Store, places: Iterable[str]) -> None:
    for rel_path in places:
        store.remove(rel_path)
    store.sync()


def _listing(
    connection: sa.Connection,
    store: Store,
    owner: str,
    uuid: str,
    info: tuple[str | None, int, str],
    listed: Sequence[ManifestEntry],
) -> Placement:
    """A new manifest in staging, synced with all else that is there."""
    hashes = picture_hashes(connection, [uuid]).get(uuid, PictureHashes())
    manifest = store.stage_manifest(owner, uuid, described(*info, hashes), listed)
    store.sync()
    return manifest


def _staged(store: Store, owner: str, given: Given) -> tuple[ManifestEntry, Placement]:
    """A sidecar in staging, and how it is to be listed."""
    entry = _entry(store, given)
    path = given.staged
    if path is None or not secured(path, entry.size, entry.checksum):
        path = staged_path(store.new_staging_path(owner), entry.variant)
        path.write_bytes(given.produced.data)
    return entry, Placement(staged=path, rel_path=entry.rel_path)


def _place(
    connection: sa.Connection,
    store: Store,
    owner: str,
    sidecars: Sequence[Given],
    files: Mapping[int, tuple[ManifestEntry, Placement]],
) -> list[ManifestEntry]:
    by_content: dict[str, list[Given]] = {}
    for given in sidecars:
        by_content.setdefault(given.content_uuid, []).append(given)
    manifests: list[Placement] = []
    known, about = picture_hashes(connection, list(by_content)), content_infos(connection, list(by_content))
    for uuid, some in by_content.items():
        info = about.get(uuid)
        if info is None:
            raise UsageError(f"There is no content {uuid} in the library any more.")
        listed = store.read_manifest(uuid)
        for given in some:
            entry, _ = files[id(given)]
            listed[entry.kind, entry.variant] = entry
        hashes = _hashes(some).or_of(known.get(uuid))
        manifests.append(store.stage_manifest(owner, uuid, described(*info, hashes), list(listed.values())))
    store.sync()
    store.place(manifests)
    store.place([files[id(given)][1] for given in sidecars])
    store.sync()
    return [files[id(given)][0] for given in sidecars]


def _hashes(sidecars: Iterable[Given]) -> PictureHashes:
    """What the sidecars of one content say of how it looks: the first that does."""
    found = PictureHashes()
    for given in sidecars:
        found = found.or_of(given.produced)
    return found


def _entry(store: Store, given: Given) -> ManifestEntry:
    produced = given.produced
    return ManifestEntry(
        kind=given.kind,
        variant=produced.variant,
        format=produced.format,
        rel_path=store.rel_path(given.content_uuid, given.kind, produced.variant, produced.format),
        size=len(produced.data),
        checksum=_core.hash_bytes(produced.data, sample_above=NEVER_SAMPLED).hash,
        recipe=given.recipe,
        mark=produced.mark,
        own=registry.is_own(given.kind, produced.variant),
    )


def _note(
    connection: sa.Connection, made: Sequence[tuple[Given, ManifestEntry]], now: float, *, stops: bool = False
) -> None:
    uuids = sorted({given.content_uuid for given, _ in made})
    catalog_outcomes.record_outcomes(
        connection, [ready_outcome(given.content_uuid, entry) for given, entry in made], now
    )
    by_content: dict[str, list[Given]] = {}
    for given, _ in made:
        by_content.setdefault(given.content_uuid, []).append(given)
    catalog_outcomes.record_picture_hashes(connection, {uuid: _hashes(some) for uuid, some in by_content.items()})
    catalog_outcomes.resolve_made(connection, uuids, now)
    _drop_jobs(connection, uuids, stops=stops)
    catalog_outcomes.wake_waiting(connection, sorted({(given.content_uuid, given.kind) for given, _ in made}), now)
    told = [
        Ready(
            kind=given.kind, content_uuid=given.content_uuid, variants=(entry.variant,), bytes=entry.size, seconds=0.0
        )
        for given, entry in made
    ]
    append_events(connection, told, now)
