"""Repair what verify finds. Each finding is checked again under the write lock, without which no file is placed.

In this order: rows whose file is gone or damaged become due again (committed first, so that no row has the damaged file
any more); files that no row has are recorded if their manifest proves them, else removed; manifests are written again
from the rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import sqlalchemy as sa

from pillion.catalog.contents import picture_hashes, present_contents
from pillion.catalog.database import Database
from pillion.catalog.queueing import queue_due
from pillion.catalog.rebuilding import record_listed
from pillion.catalog.sidecars import (
    UNKNOWN_RECIPES,
    SidecarRow,
    content_info,
    drop_lost,
    has_ready,
    is_pending,
    list_sidecars,
    mark_lost,
)
from pillion.catalog.statements import chunks
from pillion.errors import LibraryBusyError, UnusableError, reason
from pillion.failpoints import reach
from pillion.job import Urgency
from pillion.kinds import registry
from pillion.maintenance.reconcile import is_listed_whole
from pillion.maintenance.verify import Finding, content_of, verify
from pillion.manifest import ManifestEntry
from pillion.model import PictureHashes, SidecarKind, SidecarStatus
from pillion.queue.commit import ready_outcome
from pillion.search import index
from pillion.store import MANIFEST, Store, described

_BATCH = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """A finding and what was done about it.

    ``action``: ``queued again``, ``dropped`` (no file has the content any more), ``removed``, ``recorded``,
    ``rewritten``, or ``nothing to do`` (it was in order by then); None if it could not be repaired, see ``message``.
    """

    finding: Finding
    action: str | None
    message: str = ""


@dataclass(slots=True)
class _Repair:
    """One run. ``manifests``: content -> findings about its manifest; these manifests are written again at the end."""

    database: Database
    store: Store
    owner: str
    now: float
    repaired: list[Repaired] = field(default_factory=list)
    manifests: dict[str, list[Finding]] = field(default_factory=dict)

    def note(self, finding: Finding, action: str | None, message: str = "") -> None:
        """Add a finding with what was done about it."""
        self.repaired.append(Repaired(finding=finding, action=action, message=message))


def repair(database: Database, store: Store, owner: str) -> list[Repaired]:
    """Verify and repair; returns every finding with what was done. ``owner``: of the files in staging meanwhile.

    Raises CatalogError if the catalog is too damaged to read.
    """
    findings = verify(database, store)
    run = _Repair(database=database, store=store, owner=owner, now=time.time())
    lost = [item for item in findings if item.problem in ("missing", "damaged")]
    for batch in chunks(lost, _BATCH):
        _repair_lost(run, batch)
    reach("repair.lost")
    # Manifests last: whether one is still needed depends on the files it lists.
    strays = sorted((item for item in findings if item.problem == "stray"), key=_is_manifest)
    forgotten = _forgotten(database, store, strays)
    for batch in chunks([item for item in strays if content_of(item.place) not in forgotten], _BATCH):
        _repair_strays(run, batch)
    for item in strays:
        if content_of(item.place) in forgotten:
            run.note(item, None, f"The catalog knows fewer contents than it has forgotten: {database.hint}.")
    for item in findings:
        if item.problem == "manifest" and item.row is not None:
            run.manifests.setdefault(item.row.content_uuid, []).append(item)
        elif item.problem == "catalog":
            run.note(item, None, f"To repair the catalog itself, {database.hint}.")
        elif item.problem == "search":
            _drop_index(run, item)
        elif item.problem == "unreadable":
            run.note(item, None, "What cannot be read is left as it is.")
    for uuids in chunks(sorted(run.manifests), _BATCH):
        _rewrite_manifests(run, uuids)
    return run.repaired


def _forgotten(database: Database, store: Store, strays: Sequence[Finding]) -> set[str]:
    """The contents of strays of which a catalog has no row, where these are more than it has ready ones of; else none.

    So looks one that was cut or is an old copy, and then no file may go. A cleanup that was killed leaves few.
    """
    uuids = sorted({uuid for item in strays if (uuid := content_of(item.place)) is not None})
    with database.read() as connection:
        # A log cut between indexing and queueing leaves the contents without a row of what they should have.
        known = {row.content_uuid for row in list_sidecars(connection, content_uuids=uuids)}
        unknown = {uuid for uuid in uuids if uuid not in known and _has_manifest(store, uuid)}
        if not unknown:
            return unknown
        rows = list_sidecars(connection, statuses=[SidecarStatus.READY])
        ready = sum(1 for _ in groupby(rows, key=lambda row: row.content_uuid))
    return unknown if len(unknown) > ready else set()


def _has_manifest(store: Store, content_uuid: str) -> bool:
    try:
        return store.find_manifest(content_uuid) is not None
    except UnusableError:
        return True


def _drop_index(run: _Repair, finding: Finding) -> None:
    """Remove the search index: the next search, or the next run of the queue, builds it again."""
    try:
        index.remove(run.store.root)
        run.note(finding, "removed")
    except (LibraryBusyError, OSError) as error:
        run.note(finding, None, f"{reason(error)}.")


def _is_manifest(finding: Finding) -> bool:
    return finding.path.endswith("/" + MANIFEST)


def _key(row: SidecarRow) -> tuple[str, str, str]:
    return (row.content_uuid, row.kind, row.variant)


def _repair_lost(run: _Repair, findings: Sequence[Finding]) -> None:
    """Make the rows due again, or delete them if nothing can be made any more; remove the damaged files."""
    found = {_key(item.row): item for item in findings if item.row is not None}
    uuids = sorted({key[0] for key in found})
    with run.database.write() as connection:
        present = present_contents(connection, uuids)
        rows = list_sidecars(connection, content_uuids=uuids, statuses=[SidecarStatus.READY])
        lost = [_key(row) for row in rows if _key(row) in found and _is_lost(run.store, row)]
        mark_lost(connection, [key for key in lost if key[0] in present], run.now)
        drop_lost(connection, [key for key in lost if key[0] not in present])
        for uuid, kind in sorted({key[:2] for key in lost if key[0] in present}):
            queue_due(connection, SidecarKind(kind), Urgency.NEW, run.now, within=sa.select(sa.literal(uuid)))
    for key, finding in found.items():
        action = "queued again" if key[0] in present else "dropped"
        run.note(finding, action if key in lost else "nothing to do")
        run.manifests.setdefault(key[0], [])
        if key in lost and finding.problem == "damaged" and finding.row is not None:
            _remove_damaged(run, finding.row.rel_path or "")


def _remove_damaged(run: _Repair, rel_path: str) -> None:
    """Its row is pending by now. A file that cannot be removed is replaced when the sidecar is made again."""
    try:
        with run.database.write() as connection:
            _remove_unless_ready(run, connection, rel_path)
    except (OSError, ValueError):
        return


def _is_lost(store: Store, row: SidecarRow) -> bool:
    """Whether its file is gone or damaged; False where that cannot be told."""
    try:
        return not store.is_whole(row.rel_path or "", row.size or 0, row.checksum or "")
    except UnusableError:
        return False


def _repair_strays(run: _Repair, findings: Sequence[Finding]) -> None:
    with run.database.write() as connection:
        for finding in findings:
            try:
                run.note(finding, _repair_stray(run, connection, finding.place))
            except UnusableError as error:
                run.note(finding, None, str(error))
            except (OSError, ValueError) as error:
                run.note(finding, None, f"It is not removed: {reason(error)}.")


def _repair_stray(run: _Repair, connection: sa.Connection, rel_path: str) -> str:
    uuid = content_of(rel_path)
    listed = None if uuid is None else _listed_whole(run.store, uuid, rel_path)
    if uuid is not None and listed is not None and is_pending(connection, uuid, listed.kind, listed.variant):
        record_listed(connection, [ready_outcome(uuid, listed)], run.now)
        return "recorded"
    if _remove_unless_ready(run, connection, rel_path):
        return "removed"
    if run.store.is_there(rel_path) and not _is_of_ready(connection, rel_path):
        raise ValueError("it is no file")
    return "nothing to do"


def _listed_whole(store: Store, content_uuid: str, rel_path: str) -> ManifestEntry | None:
    listed = store.read_manifest(content_uuid).values()
    entry = next((entry for entry in listed if entry.rel_path == rel_path), None)
    return entry if entry is not None and is_listed_whole(store, content_uuid, entry) else None


def _remove_unless_ready(run: _Repair, connection: sa.Connection, rel_path: str) -> bool:
    """Remove a file unless a ready row has it (a manifest: unless its content has a ready row). Call under the lock."""
    return not _is_of_ready(connection, rel_path) and run.store.remove(rel_path)


def _is_of_ready(connection: sa.Connection, rel_path: str) -> bool:
    """Whether a ready row has the file; of a manifest: whether its content has a ready row."""
    uuid = content_of(rel_path)
    is_manifest = rel_path.endswith("/" + MANIFEST)
    return uuid is not None and has_ready(connection, uuid, None if is_manifest else rel_path)


def _rewrite_manifests(run: _Repair, content_uuids: Sequence[str]) -> None:
    """Under the lock, so that no manifest replaces a newer one that a worker's result has just written."""
    unusable: dict[str, str] = {}
    with run.database.write() as connection:
        placements = []
        for uuid in content_uuids:
            rows = list(list_sidecars(connection, content_uuids=[uuid], statuses=[SidecarStatus.READY]))
            info = content_info(connection, uuid)
            if not rows or info is None:
                _remove_manifest(run, connection, uuid, unusable)
                continue
            try:
                before = run.store.read_manifest(uuid)
            except UnusableError as error:
                unusable[uuid] = str(error)
                continue
            about = described(*info, picture_hashes(connection, [uuid]).get(uuid, PictureHashes()))
            listed = [entry for row in rows if (entry := _entry(row, before.get((row.kind, row.variant)))) is not None]
            placements.append(run.store.stage_manifest(run.owner, uuid, about, listed))
        run.store.sync()
        run.store.place(placements, unusable)
        run.store.sync()
    for uuid in content_uuids:
        for finding in run.manifests[uuid]:
            run.note(finding, None if uuid in unusable else "rewritten", unusable.get(uuid, ""))


def _remove_manifest(run: _Repair, connection: sa.Connection, uuid: str, unusable: dict[str, str]) -> None:
    """That of a content of which nothing is ready any more."""
    rel_path = run.store.manifest_rel_path(uuid)
    try:
        _remove_unless_ready(run, connection, rel_path)
    except OSError as error:
        unusable[uuid] = str(run.store.unusable(rel_path, error))


def _entry(row: SidecarRow, before: ManifestEntry | None) -> ManifestEntry | None:
    """The row as an entry. Of one that somebody asked to have made again, only the manifest knows the recipe."""
    if row.format is None or row.rel_path is None or row.size is None or row.checksum is None:
        return None
    known = before is not None and before.checksum == row.checksum
    recipe = before.recipe if before is not None and known and row.recipe in UNKNOWN_RECIPES else row.recipe
    return ManifestEntry(
        kind=row.kind,
        variant=row.variant,
        format=row.format,
        rel_path=row.rel_path,
        size=row.size,
        checksum=row.checksum,
        recipe=recipe or "",
        mark=row.mark,
        own=registry.is_own(row.kind, row.variant),
    )
