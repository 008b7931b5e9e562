"""Record a sidecar that somebody else made, stored as those that Pillion makes: checked, synced, listed, then ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from pillion import _core
from pillion.catalog import dependents
from pillion.catalog import indexing as catalog_indexing
from pillion.catalog import queue as catalog_queue
from pillion.catalog.contents import thumbhashes
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.queue import SidecarOutcome
from pillion.catalog.sidecars import SidecarRow, content_info, list_sidecars
from pillion.errors import UsageError
from pillion.events import Failed, Ready
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.machine import at_work, this_owner
from pillion.manifest import ManifestEntry
from pillion.model import Produced, SidecarStatus, WantedSidecar
from pillion.queue.commit import ready_outcome
from pillion.store import Placement, Store, staged_path


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


def record(database: Database, store: Store, row: SidecarRow, produced: Produced) -> Path:
    """Place a sidecar and record it as made with the recipe that is wanted; returns its path.

    In the order in which results of workers are recorded: staged, synced, listed in the manifest, renamed, synced, and
    only then ready in the catalog.
    """
    owner = this_owner()
    with at_work(owner):
        try:
            with database.write() as connection:
                entry = _place(connection, store, owner, row, produced)
                _note(connection, row, entry, produced, time.time())
        finally:
            store.sweep(owner)
    return store.absolute(entry.rel_path)


def remove(database: Database, store: Store, row: SidecarRow) -> None:
    """Cancel a ready sidecar, and remove its file and its entry in the manifest.

    The row first: after a kill in between, 'verify' tells of a file that no row has, and not of a row without a file.
    """
    owner, uuid, now = this_owner(), row.content_uuid, time.time()
    with at_work(owner), store.removing():
        try:
            with database.write() as connection:
                cancelled = SidecarOutcome(
                    content_uuid=uuid,
                    kind=row.kind,
                    variant=row.variant,
                    status=SidecarStatus.CANCELLED,
                    recipe=row.recipe or row.wanted,
                )
                catalog_queue.record_outcomes(connection, [cancelled], now)
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
    if entry is not None and info is not None:
        store.place([_listing(connection, store, owner, uuid, info, list(listed.values()))])
    places = {entry.rel_path} if entry is not None else set()
    if row.format is not None:
        places.add(store.rel_path(uuid, row.kind, row.variant, row.format))
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
    thumbhash: bytes | None = None,
) -> Placement:
    """A new manifest in staging, synced with all else that is there. ``thumbhash`` None: as the catalog knows it."""
    thumbhash = thumbhash or thumbhashes(connection, [uuid]).get(uuid)
    about = {"hash": info[0], "size": info[1], "mime": info[2], "thumbhash": thumbhash}
    manifest = store.stage_manifest(owner, uuid, about, listed)
    store.sync()
    return manifest


def _place(connection: sa.Connection, store: Store, owner: str, row: SidecarRow, produced: Produced) -> ManifestEntry:
    uuid = row.content_uuid
    info = content_info(connection, uuid)
    if info is None:
        raise UsageError(f"There is no content {uuid} in the library any more.")
    entry = ManifestEntry(
        kind=row.kind,
        variant=row.variant,
        format=produced.format,
        rel_path=store.rel_path(uuid, row.kind, row.variant, produced.format),
        size=len(produced.data),
        checksum=_core.hash_bytes(produced.data).hash,
        recipe=row.wanted,
        mark=produced.mark,
        own=registry.is_own(row.kind, row.variant),
    )
    staged = staged_path(store.new_staging_path(owner), row.variant)
    staged.write_bytes(produced.data)
    listed = {**store.read_manifest(uuid), (row.kind, row.variant): entry}
    manifest = _listing(connection, store, owner, uuid, info, list(listed.values()), produced.thumbhash)
    store.place([manifest])
    store.place([Placement(staged=staged, rel_path=entry.rel_path)])
    store.sync()
    return entry


def _note(connection: sa.Connection, row: SidecarRow, entry: ManifestEntry, produced: Produced, now: float) -> None:
    uuid = row.content_uuid
    catalog_queue.record_outcomes(connection, [ready_outcome(uuid, entry)], now)
    if produced.thumbhash is not None:
        catalog_queue.record_thumbhashes(connection, {uuid: produced.thumbhash})
    catalog_queue.resolve_made(connection, [uuid], now)
    catalog_indexing.drop_idle_jobs(connection, sa.select(sa.literal(uuid)))
    dependents.wake_waiting(connection, [(uuid, row.kind)], now)
    told = Ready(kind=row.kind, content_uuid=uuid, variants=(row.variant,), bytes=entry.size, seconds=0.0)
    append_events(connection, [told], now)
