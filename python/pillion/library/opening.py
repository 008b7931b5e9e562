"""Creates and opens libraries."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pillion.catalog.contents import knows_nothing
from pillion.catalog.copying import is_copying
from pillion.catalog.database import Database, reconcile_hint, refuse_network_file_system
from pillion.catalog.opening import open_database
from pillion.catalog.rebuilding import read_library_id, register_device, this_device, write_library_id
from pillion.errors import CatalogError, LibraryError, UsageError, reason
from pillion.failpoints import reach
from pillion.kinds.registry import named_policy
from pillion.machine import data_folder, device_name, device_uuid
from pillion.model import is_catalog_url
from pillion.settings.config import TEMPLATE, Config, load_config
from pillion.store import MARK, LocalStore, Store, keep_elsewhere, open_store
from pillion.store.opening import FILE as STORE_FILE
from pillion.store.opening import store_id

if TYPE_CHECKING:
    from pillion.maintenance import Reconciled

CATALOG = "catalog.sqlite"

LIBRARY_ID = "library-id"
"""A file in the folder of a library whose catalog is elsewhere: what the catalog has, too. So the folder of one library
is never taken for that of another, where every file would look lost."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The open catalog of a library, and its settings."""

    database: Database
    config: Config
    read_only: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a library is: the folder of its files, and the addresses of its catalog and of its sidecars if these are
    elsewhere.
    """

    root: Path
    url: str | None = None
    sidecars: str | None = None


def place_of(path: str | os.PathLike[str], sidecars: str | os.PathLike[str] | None = None) -> Place:
    """What a caller gives: the folder of a library, or the address of its catalog with the place of its sidecars.

    A library on PostgreSQL whose sidecars are in an object store has a folder of its own on each machine. Raises
    UsageError where a place is lacking.
    """
    address = sidecars if isinstance(sidecars, str) and "://" in sidecars else None
    if not is_catalog_url(path):
        return Place(absolute(path), sidecars=address if sidecars is None else str(sidecars))
    if sidecars is None:
        raise UsageError("A library on PostgreSQL needs a place for its sidecars, too: give --sidecars FOLDER.")
    if address is None:
        return Place(absolute(sidecars), str(path))
    name = hashlib.sha256(f"{path} {address}".encode()).hexdigest()[:16]
    return Place(data_folder() / "clusters" / name, str(path), address)


def absolute(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a library's folder; ``~`` is expanded."""
    return Path(os.path.abspath(Path(path).expanduser()))


def open_catalog(place: Place, *, create: bool, policy: str | None) -> Opened:
    """The catalog of a library; with ``create``, the library is made if it does not exist.

    ``sidecars``: the address of the object store in which a new library keeps them; that of one that exists must be
    the same. Raises UsageError, LibraryError (it does not exist, is newer, on a network file system, not writable),
    ConfigError.
    """
    if place.url is not None:
        return _open_elsewhere(place, place.url, create=create, policy=policy)
    root, sidecars = place.root, place.sidecars
    known = (root / CATALOG).exists()
    if not known:
        refuse_elsewhere(root)
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


def refuse_elsewhere(root: Path) -> None:
    """Raises LibraryError if the catalog of the library in a folder is in a database: another one beside it would know
    nothing of what that one records."""
    if not (root / CATALOG).exists() and (root / LIBRARY_ID).exists():
        raise LibraryError(
            f"The catalog of the library in {root} is in a database: give --library postgresql://HOST/DATABASE"
            f" --sidecars {root}. If that is lost for good, remove {root / LIBRARY_ID} and run 'pillion reconcile'."
        )


def _prepare(root: Path, database: Database) -> None:
    """An object store is asked for sidecars only where the catalog knows of none: else nobody waits for its answer."""
    store = open_store(root)
    if isinstance(store, LocalStore):
        database.prepare(may_be_empty=not store.has_contents())
    else:
        try:
            database.prepare(may_be_empty=False)
        except CatalogError:
            if store.has_contents():
                raise
            database.prepare(may_be_empty=True)
    _refuse_emptied(store, database)


def _refuse_emptied(store: Store, database: Database) -> None:
    """Raises CatalogError for a catalog that lost all that it knew: else each sidecar would be made a second time."""
    with database.read() as connection:
        is_empty = knows_nothing(connection)
    if is_empty and store.has_contents():
        raise database.emptied()


def _open_elsewhere(place: Place, url: str, *, create: bool, policy: str | None) -> Opened:
    """A library whose catalog is in a database of a server: its folder may be on a network file system."""
    root = place.root
    database = open_database(url)
    with closed_on_error(database):
        if not create and not database.exists():
            raise LibraryError(f"There is no library in {database.name}; make one with 'pillion index FOLDER'.")
        here = read_id(root)
        database.prepare(may_be_empty=here is None)
        _refuse_half(database)
        with database.read() as connection:
            there = read_library_id(connection)
        if here is None and there is not None and place.sidecars is not None:
            # This machine's own folder for what is in an object store: made where it is needed.
            _create_folders(root, policy, place.sidecars, adopt=True)
            here = read_id(root)
        if here != there:
            raise LibraryError(f"{root} holds the sidecars of another library than the catalog {database.name}.")
        if here is None:
            if not create:
                raise LibraryError(f"The library {database.name} was not made whole; run 'pillion index' on it.")
            _create_folders(root, policy, place.sidecars)
            pair(root, database)
        _refuse_emptied(open_store(root), database)
        read_only = not os.access(root, os.W_OK)
        config = load_config(root / "config.toml")
        if not read_only:
            _make_folders(root)
            _register_device(database)
    return Opened(database, config, read_only)


def _refuse_half(database: Database) -> None:
    with database.read() as connection:
        if is_copying(connection):
            raise LibraryError(f"A copy into {database.name} is not whole: run the same 'pillion migrate' again.")


def read_id(root: Path) -> str | None:
    """The id of the library whose sidecars are at ``root``, if its catalog is elsewhere. Raises LibraryError."""
    if (in_store := store_id(root)) is not None:
        return in_store
    try:
        return (root / LIBRARY_ID).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LibraryError(f"Cannot read {root / LIBRARY_ID}: {reason(error)}.") from error


def pair(root: Path, database: Database) -> None:
    """Note in a library's folder and in its catalog that they belong together."""
    with database.read() as connection:
        there = read_library_id(connection)
    library_id = read_id(root) or there or str(uuid.uuid4())
    try:
        if store_id(root) is None:
            (root / LIBRARY_ID).write_text(library_id + "\n", encoding="ascii")
    except OSError as error:
        raise LibraryError(f"Cannot write {root / LIBRARY_ID}: {error.strerror}.") from error
    with database.write() as connection:
        write_library_id(connection, library_id)


def reconcile_on_server(place: Place, *, rebuild: bool) -> Reconciled:
    """Rebuild a catalog on a server from the manifests of its library (maintenance/reconcile.py)."""
    from pillion.maintenance import reconcile_elsewhere

    if place.sidecars is not None:
        _create_folders(place.root, None, place.sidecars, adopt=True)
    with closing(open_database(place.url or "")) as database:
        report = reconcile_elsewhere(place.root, database, read_id(place.root), rebuild=rebuild)
        pair(place.root, database)
    return report


@contextmanager
def closed_on_error(database: Database) -> Iterator[None]:
    """Close the catalog if an error is raised inside."""
    try:
        yield
    except BaseException:
        database.close()
        raise


def _register_device(database: Database) -> None:
    device = device_uuid()
    with database.read() as connection:
        if this_device(connection) == device:
            return
    with database.write() as connection:
        register_device(connection, device, device_name(), time.time())


def _is_unfinished(root: Path) -> bool:
    """Whether a folder is empty, or holds only what an earlier call left that could not make a whole library."""
    begun = [path for path in root.iterdir() if path.name not in (MARK, STORE_FILE)]
    return all(path.name in ("sidecars", "staging", "fetched") and not any(path.iterdir()) for path in begun)


def _make_folders(root: Path) -> None:
    """Make the folders of a library that a backup or a synchronisation left out because they were empty."""
    try:
        open_store(root).create()
    except FileExistsError as error:
        raise LibraryError(
            f"{os.fsdecode(error.filename)} is not the folder that it was, but a file, or a link that leads nowhere:"
            " remove it, or mount what it leads to."
        ) from error
    except OSError as error:
        raise LibraryError(f"Cannot use the library at {root}: {error.strerror or error}.") from error


def _create_folders(root: Path, policy: str | None, sidecars: str | None, *, adopt: bool = False) -> None:
    named = named_policy(policy or "desktop")
    if root.exists() and not root.is_dir():
        raise LibraryError(f"{root} is a file; a library is a folder: give another --library.")
    if root.is_dir() and not (root / "config.toml").exists() and not _is_unfinished(root):
        raise LibraryError(f"{root} holds other files; give a folder that is empty or does not exist.")
    if sidecars is not None:
        keep_elsewhere(root, sidecars, adopt=adopt)
    try:
        open_store(root).create()
        if not (root / "config.toml").exists():
            (root / "config.toml").write_text(TEMPLATE.format(policy=named.name), encoding="utf-8")
    except OSError as error:
        raise LibraryError(f"Cannot make a library at {root}: {error.strerror}; give another --library.") from error
