"""Moves a library's catalog from its folder to a database on a server, or back. The sidecars stay where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pillion.catalog import copying
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database, refuse_network_file_system
from pillion.catalog.opening import open_database
from pillion.catalog.rebuilding import read_library_id, write_library_id
from pillion.errors import LibraryBusyError, LibraryError, UsageError
from pillion.failpoints import reach
from pillion.library.opening import CATALOG, LIBRARY_ID, absolute, pair, read_id
from pillion.model import is_catalog_url

_MOVED = "moved"
"""In place of its id, in a catalog whose rows are elsewhere now."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """Where the catalog is now, and how many rows each table has. ``aside``: the file with the old one, if any."""

    to: str
    sidecars: Path
    rows: Mapping[str, int]
    aside: Path | None


def migrate(
    source: str | os.PathLike[str], target: str | os.PathLike[str], progress: Callable[[str, int, int], None] | None
) -> Migrated:
    """Move a catalog. One of ``source`` and ``target`` is the library's folder, the other the address of a database.

    After an error or a kill, the same call goes on. Until it is whole the old catalog stays in use; then it is put
    aside. Raises UsageError, LibraryBusyError while somebody works on it, LibraryError.
    """
    if is_catalog_url(source) == is_catalog_url(target):
        raise UsageError("Name a library's folder and a database, postgresql://USER@HOST/DATABASE, in either order.")
    if is_catalog_url(target):
        return _to_server(absolute(source), str(target), progress)
    return _to_folder(str(source), absolute(target), progress)


def _to_server(root: Path, url: str, progress: copying.Progress | None) -> Migrated:
    if not (root / CATALOG).exists():
        raise LibraryError(f"There is no library with a catalog at {root}.")
    with _closing(Database(root / CATALOG)) as source, _closing(open_database(url)) as target:
        source.prepare(may_be_empty=False)
        target.prepare()
        rows = _copied(root, source, target, progress)
        pair(root, target)
    aside = _put_aside(root / CATALOG)
    return Migrated(to=url, sidecars=root, rows=rows, aside=aside)


def _to_folder(url: str, root: Path, progress: copying.Progress | None) -> Migrated:
    if (root / CATALOG).exists():
        raise LibraryError(f"{root} has a catalog already.")
    refuse_network_file_system(root)
    part = root / f"{CATALOG}.copy"
    with _closing(open_database(url)) as source:
        with source.read() as connection:
            there = read_library_id(connection) if source.exists() else None
        if there is None or there != read_id(root):
            raise LibraryError(f"{root} does not hold the sidecars of the catalog {source.name}: name their folder.")
        with _closing(Database(part)) as target:
            target.prepare()
            rows = _copied(root, source, target, progress)
        # The last connection has written all of its log into the file.
        os.replace(part, root / CATALOG)
        reach("migrate.placed")
        with source.write() as connection:
            write_library_id(connection, f"{_MOVED}:{there}")
        (root / LIBRARY_ID).unlink()
    return Migrated(to=str(root), sidecars=root, rows=rows, aside=None)


def _copied(root: Path, source: Database, target: Database, progress: copying.Progress | None) -> dict[str, int]:
    with source.exclusive(root / "index.lock", "migrating"):
        with source.read() as connection:
            working = catalog_queue.owners(connection)
        if working:
            raise LibraryBusyError("Somebody works on the library: stop 'pillion work', 'watch' and 'serve' first.")
        return copying.copy(source, target, progress)


def _put_aside(catalog: Path) -> Path:
    number = 1
    while (aside := catalog.with_name(f"{catalog.name}.moved-{number}")).exists():
        number += 1
    os.replace(catalog, aside)
    for ending in ("-wal", "-shm"):
        catalog.with_name(f"{catalog.name}{ending}").unlink(missing_ok=True)
    return aside


@contextmanager
def _closing(database: Database) -> Iterator[Database]:
    try:
        yield database
    finally:
        database.close()
