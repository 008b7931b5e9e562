"""Creates and opens libraries."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pillion.catalog.database import Database, reconcile_hint, refuse_network_file_system
from pillion.catalog.rebuilding import register_device, this_device
from pillion.errors import CatalogError, LibraryError
from pillion.failpoints import reach
from pillion.index.wants import named_policy
from pillion.machine import device_name, device_uuid
from pillion.settings.config import TEMPLATE, Config, load_config
from pillion.store import MARK, LocalStore, keep_elsewhere, open_store
from pillion.store.opening import FILE as STORE_FILE

CATALOG = "catalog.sqlite"


@dataclass(frozen=True, slots=True)
class Opened:
    """The open catalog of a library, and its settings."""

    database: Database
    config: Config
    read_only: bool


def absolute(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a library's folder; ``~`` is expanded."""
    return Path(os.path.abspath(Path(path).expanduser()))


def open_catalog(root: Path, *, create: bool, policy: str | None, sidecars: str | None = None) -> Opened:
    """The catalog of the library at ``root``; with ``create``, the library is made if it does not exist.

    ``sidecars``: the address of the object store in which a new library keeps them; that of one that exists must be
    the same. Raises UsageError, LibraryError (it does not exist, is newer, on a network file system, not writable),
    ConfigError.
    """
    known = (root / CATALOG).exists()
    if not known:
        if open_store(root).has_contents():
            raise CatalogError(
                f"The catalog {root / CATALOG} is gone, but its sidecars are there: {reconcile_hint(root)}."
            )
        if not create:
            raise LibraryError(f"There is no library at {root}; make one with 'pillion index FOLDER --library {root}'.")
        _create_folders(root, policy, sidecars)
        reach("library.created")
    elif sidecars is not None:
        keep_elsewhere(root, sidecars)
    read_only = not os.access(root, os.W_OK)
    refuse_network_file_system(root)
    config = load_config(root / "config.toml")
    database = Database(root / CATALOG, read_only=read_only)
    with closed_on_error(database):
        _prepare(root, database)
        if not read_only:
            _make_folders(root)
            _register_device(database)
    return Opened(database, config, read_only)


def _prepare(root: Path, database: Database) -> None:
    """An object store is asked for sidecars only where the catalog knows of none: else nobody waits for its answer."""
    store = open_store(root)
    if isinstance(store, LocalStore):
        database.prepare(may_be_empty=not store.has_contents())
        return
    try:
        database.prepare(may_be_empty=False)
    except CatalogError:
        if store.has_contents():
            raise
        database.prepare(may_be_empty=True)


@contextmanager
def closed_on_error(database: Database) -> Iterator[None]:
    """Close the catalog if an error is raised inside."""
    try:
        yield
    except BaseException:
        database.close()
        raise


def _register_device(database: Database) -> None:
    uuid = device_uuid()
    with database.read() as connection:
        if this_device(connection) == uuid:
            return
    with database.write() as connection:
        register_device(connection, uuid, device_name(), time.time())


def _is_unfinished(root: Path) -> bool:
    """Whether a folder is empty, or holds only what an earlier call left that could not make a whole library."""
    begun = [path for path in root.iterdir() if path.name not in (MARK, STORE_FILE)]
    return all(path.name in ("sidecars", "staging", "fetched") and not any(path.iterdir()) for path in begun)


def _make_folders(root: Path) -> None:
    """Make the folders of a library that a backup or a synchronisation left out because they were empty."""
    try:
        open_store(root).create()
    except OSError as error:
        raise LibraryError(f"Cannot use the library at {root}: {error.strerror or error}.") from error


def _create_folders(root: Path, policy: str | None, sidecars: str | None) -> None:
    named = named_policy(policy or "desktop")
    if root.exists() and not root.is_dir():
        raise LibraryError(f"{root} is a file; a library is a folder: give another --library.")
    if root.is_dir() and not (root / "config.toml").exists() and not _is_unfinished(root):
        raise LibraryError(f"{root} holds other files; give a folder that is empty or does not exist.")
    if sidecars is not None:
        keep_elsewhere(root, sidecars)
    try:
        open_store(root).create()
        if not (root / "config.toml").exists():
            (root / "config.toml").write_text(TEMPLATE.format(policy=named.name), encoding="utf-8")
    except OSError as error:
        raise LibraryError(f"Cannot make a library at {root}: {error.strerror}.") from error
