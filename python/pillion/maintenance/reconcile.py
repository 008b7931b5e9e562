"""Rebuild a catalog from the manifests beside the sidecars, after it was lost or damaged.

An undamaged catalog is kept, and what is missing in it is added. Otherwise a new one is made beside it, the damaged one
is moved aside, and the new one takes its place. A kill at any point leaves the old one or none; the next call goes on.
On PostgreSQL the new one is made in a schema of its own, and the two change places in one transaction.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from pillion.catalog.database import Database, refuse_network_file_system
from pillion.catalog.outcomes import SidecarOutcome
from pillion.catalog.rebuilding import (
    note_reconciled,
    read_library_id,
    record_contents,
    record_listed,
    register_device,
    write_library_id,
)
from pillion.errors import CatalogError, LibraryBusyError, LibraryError, PillionError, UnusableError
from pillion.failpoints import reach
from pillion.machine import device_name, device_uuid, exclusive
from pillion.manifest import Manifest, ManifestEntry
from pillion.queue.commit import ready_outcome
from pillion.store import Store, keep_elsewhere, open_store

_logger = logging.getLogger(__name__)

_BATCH = 200
_MAX_PROBLEMS = 1000
_PARTS = ("", "-wal", "-shm")


@dataclass(slots=True)
class Reconciled:
    """What was rebuilt. ``contents``, ``sidecars``, ``bytes``: found undamaged; ``recorded``: rows that changed.

    ``moved_to``: where the damaged catalog is now. ``problems``: the first 1000 (path, message) of what is missing or
    damaged; the next ``index`` makes it again.
    """

    catalog: str = "kept"
    moved_to: str | None = None
    contents: int = 0
    sidecars: int = 0
    bytes: int = 0
    recorded: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    def note(self, path: str, message: str) -> None:
        """Add a problem, unless there are too many already."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append((path, message))

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion reconcile --json`` prints. ``catalog``: ``kept`` or ``rebuilt``."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "problems": [{"path": path, "message": message} for path, message in self.problems]}


def reconcile(root: Path, catalog: Path, *, rebuild: bool = False, sidecars: str | None = None) -> Reconciled:
    """Record every sidecar of the library ``root`` that its manifest lists and that is undamaged.

    ``rebuild``: replace the catalog even if it seems undamaged. ``sidecars``: the address of the object store that has
    them, where the folder that knew it was lost. Raises UsageError, StoreError, LibraryError (no library there,
    read-only), LibraryBusyError (another process has it open), LibraryVersionError.
    """
    if sidecars is not None:
        keep_elsewhere(root, sidecars, adopt=True)
    store = open_store(root)
    if not root.is_dir() or not (store.has_contents() or catalog.exists()):
        raise LibraryError(f"There is no library at {root}; make one with 'pillion index FOLDER --library {root}'.")
    if not os.access(root, os.W_OK):
        raise LibraryError(f"The library {root} is read-only: it can be read, but not changed.")
    refuse_network_file_system(root)
    store.create()
    report = Reconciled()
    with exclusive(root / "index.lock", "indexing"):
        if not rebuild and _is_sound(catalog, may_be_empty=not store.has_contents()):
            with closing(Database(catalog)) as database:
                _fill(database, store, report)
                _rebuild_index(database, store, anew=False)
            return report
        _refuse_if_open(catalog)
        fresh = catalog.with_name(f"{catalog.name}.new")
        for part in _PARTS:
            Path(f"{fresh}{part}").unlink(missing_ok=True)
        with closing(Database(fresh)) as database:
            _fill(database, store, report)
        reach("reconcile.filled")
        report.catalog = "rebuilt"
        report.moved_to = _move_aside(catalog)
        reach("reconcile.aside")
        os.replace(fresh, catalog)
        with closing(Database(catalog)) as database:
            _rebuild_index(database, store, anew=True)
    return report


def reconcile_elsewhere(root: Path, database: Database, library_id: str | None, *, rebuild: bool = False) -> Reconciled:
    """As :func:`reconcile`, for a catalog in a database of a server; ``root``: the library's folder on this machine.

    ``library_id``: of the library whose sidecars these are, None if nothing says so. Raises LibraryError if the catalog
    is of another one, StoreError, LibraryBusyError (another process indexes).
    """
    store = open_store(root)
    if not root.is_dir() or not store.has_contents():
        raise LibraryError(f"There are no sidecars of a library at {root}; name their place with --sidecars.")
    store.create()
    report = Reconciled()
    with database.exclusive(root / "index.lock", "indexing"):
        there = _library_in(database)
        if there is not None and library_id not in (None, there):
            raise LibraryError(f"{root} holds the sidecars of another library than the catalog {database.name}.")
        library_id = library_id or there
        if not rebuild and not (database.exists() and database.check()):
            database.prepare()
            _fill(database, store, report, library_id)
            _rebuild_index(database, store, anew=False)
            return report
        report.catalog = "rebuilt"
        with database.anew() as fresh:
            _fill(fresh, store, report, library_id)
            reach("reconcile.filled")
        report.moved_to = database.exchange()
        _rebuild_index(database, store, anew=True)
    return report


def _library_in(database: Database) -> str | None:
    if not database.exists():
        return None
    with database.read() as connection:
        return read_library_id(connection)


def _rebuild_index(database: Database, store: Store, *, anew: bool) -> None:
    """Build the search index again, if there is one: it names events of the old catalog, or is damaged."""
    from pillion.search import index, update
    from pillion.search.checking import problems

    if not (store.root / index.FOLDER).is_dir() or not (anew or problems(store.root)):
        return
    try:
        index.remove(store.root)
        update.catch_up(database, store)
    except (PillionError, OSError) as error:
        # The next search builds it.
        _logger.warning("the search index of %s was not built again: %s", store.root, error)


def _is_sound(catalog: Path, *, may_be_empty: bool) -> bool:
    if not catalog.exists():
        return False
    database = Database(catalog)
    try:
        if database.check():
            return False
        database.prepare(may_be_empty=may_be_empty)
        return True
    except CatalogError:
        return False
    finally:
        database.close()


def _refuse_if_open(catalog: Path) -> None:
    """A process with the old catalog open would delete the new one's write-ahead log when it ends."""
    paths = {f"{catalog}{part}" for part in _PARTS}
    for process in psutil.process_iter():
        try:
            held = any(item.path in paths for item in process.open_files())
        except (psutil.Error, OSError):
            continue
        if held:
            raise LibraryBusyError(f"Process {process.pid} has the library {catalog.parent} open; stop it first.")


def _move_aside(catalog: Path) -> str | None:
    """Rename catalog, log and shared memory. The log keeps its suffix, so that SQLite still finds it."""
    if not any(Path(f"{catalog}{part}").exists() for part in _PARTS):
        return None
    number = 1
    while any(Path(f"{catalog}.damaged-{number}{part}").exists() for part in _PARTS):
        number += 1
    for part in _PARTS:
        if Path(f"{catalog}{part}").exists():
            os.rename(f"{catalog}{part}", f"{catalog}.damaged-{number}{part}")
    return f"{catalog}.damaged-{number}"


def _fill(database: Database, store: Store, report: Reconciled, library_id: str | None = None) -> None:
    now = time.time()
    database.prepare()
    with database.write() as connection:
        register_device(connection, device_uuid(), device_name(), now)
        if library_id is not None:
            write_library_id(connection, library_id)
    for batch in _batches(store, report):
        _record(database, batch, report, now)


@dataclass(slots=True)
class _Batch:
    contents: list[dict[str, object]] = field(default_factory=list)
    ready: list[SidecarOutcome] = field(default_factory=list)


def _batches(store: Store, report: Reconciled) -> Iterator[_Batch]:
    """Read manifest after manifest and check the files; holds at most one batch in memory."""
    batch = _Batch()

    def look(uuid: str) -> tuple[str, Manifest | None, list[ManifestEntry]]:
        manifest = _read(store, uuid, report)
        listed = [] if manifest is None else manifest.sidecars
        return uuid, manifest, [item for item in listed if _check(store, uuid, item, report)]

    unusable: dict[str, str] = {}
    for uuid, manifest, whole in store.each(look, store.content_uuids(unusable)):
        if manifest is None or not whole:
            continue
        about: dict[str, object] = {"content_uuid": uuid, "hash": manifest.hash, "size": manifest.size}
        about |= {"mime": manifest.mime, "thumbhash": manifest.thumbhash, "likeness": manifest.likeness}
        batch.contents.append(about)
        batch.ready.extend(ready_outcome(uuid, item) for item in whole)
        if len(batch.contents) == _BATCH:
            yield batch
            batch = _Batch()
    for folder, why in unusable.items():
        report.note(store.where(folder), f"{why} What is in it is not known.")
    yield batch


def _read(store: Store, uuid: str, report: Reconciled) -> Manifest | None:
    path = store.where(store.manifest_rel_path(uuid))
    try:
        if str(UUID(uuid)) != uuid:
            raise ValueError("the name of its folder is not a content uuid")
        manifest = store.load_manifest(uuid)
        if manifest.content_uuid != uuid:
            raise ValueError(f"it is about {manifest.content_uuid}")
        return manifest
    except OSError as error:
        report.note(path, f"The manifest cannot be read: {error.strerror or error}.")
    except ValueError as error:
        report.note(path, f"The manifest is not valid: {error}.")
    return None


def _check(store: Store, uuid: str, entry: ManifestEntry, report: Reconciled) -> bool:
    path = store.where(store.rel_path(uuid, entry.kind, entry.variant, entry.format))
    try:
        if is_listed_whole(store, uuid, entry):
            return True
    except UnusableError as error:
        report.note(path, str(error))
        return False
    report.note(path, f"The manifest lists {entry.kind} {entry.variant}, but the file is missing or damaged.")
    return False


def is_listed_whole(store: Store, content_uuid: str, entry: ManifestEntry) -> bool:
    """Whether a manifest's entry has the right path for that sidecar, and the file there is undamaged.

    Raises UnusableError.
    """
    place = store.rel_path(content_uuid, entry.kind, entry.variant, entry.format)
    return entry.rel_path == place and store.is_whole(place, entry.size, entry.checksum)


def _record(database: Database, batch: _Batch, report: Reconciled, now: float) -> None:
    with database.write() as connection:
        record_contents(connection, batch.contents, now)
        recorded = record_listed(connection, batch.ready, now)
        if recorded:
            note_reconciled(connection, now)
    report.recorded += recorded
    report.contents += len(batch.contents)
    report.sidecars += len(batch.ready)
    report.bytes += sum(outcome.size or 0 for outcome in batch.ready)
