"""Opening the catalog: the SQLite driver, its settings, transactions, and the schema's version.

This is the only module that knows which driver is used; it turns the driver's errors into ours once.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from pillion.errors import (
    CatalogError,
    ErrorClass,
    ItemError,
    LibraryBusyError,
    LibraryError,
    LibraryVersionError,
)
from pillion.failpoints import reach

HEAD = "0007"
"""The newest migration. A test checks it against the migrations folder."""

SAFE_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL database that several connections write (fixed in SQLite 3.51.3)."""

BUSY_TIMEOUT_S = 30.0
_ROOM = 1024 * 1024
"""Bytes below which a disk counts as full when SQLite says no more than that a file operation failed."""

_PRAGMAS = ("foreign_keys = ON", "temp_store = MEMORY", "cache_size = -65536", "mmap_size = 268435456")
_WRITER_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 10000")
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "sshfs", "fuse.sshfs", "afs", "ceph", "fuse.ceph"}
    | {"glusterfs", "fuse.glusterfs", "lustre", "davfs", "fuse.davfs2", "fuse.rclone", "fuse.s3fs"}
)


def sqlite_module() -> ModuleType:
    """The standard sqlite3 where its SQLite is new enough, else pysqlite3. Raises LibraryVersionError."""
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return sqlite3
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        dbapi2 = None
    if dbapi2 is not None and dbapi2.sqlite_version_info >= SAFE_SQLITE:
        module: ModuleType = dbapi2
        return module
    raise LibraryVersionError(
        f"SQLite {sqlite3.sqlite_version} can corrupt a database with several writers; "
        f"Pillion needs {'.'.join(map(str, SAFE_SQLITE))} or newer: run 'pip install pysqlite3'."
    )


def network_file_system(path: Path) -> str | None:
    """The type of the network file system that holds ``path`` (an existing folder), or None if it is local."""
    import psutil

    target = os.path.realpath(path)
    best = ("", "")
    for part in psutil.disk_partitions(all=True):
        prefix = part.mountpoint.rstrip("/") + "/"
        if (target + "/").startswith(prefix) and len(prefix) >= len(best[0]):
            best = (prefix, part.fstype)
    return best[1] if best[1].lower() in _NETWORK_FILE_SYSTEMS else None


def refuse_network_file_system(root: Path) -> None:
    """Raise LibraryError if the folder ``root`` is on a network file system."""
    file_system = network_file_system(root)
    if file_system:
        raise LibraryError(
            f"{root} is on a network file system ({file_system}), where SQLite can lose data; use a local disk."
        )


def reconcile_hint(root: Path) -> str:
    """What to do about a catalog that is gone or damaged, as the end of a sentence."""
    return f"run 'pillion reconcile --library {root}' to rebuild it from the sidecars"


_NONSENSE = (ValueError, LookupError, TypeError, AttributeError)
"""What comes of rows that make no sense: a name that there is not, a NULL where there can be none."""


class Database:
    """A pool of connections to one catalog. Use :meth:`read` and :meth:`write`; close it when done.

    Connections must not cross a fork: a process that is not the one that opened the database gets CatalogError.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._pid = os.getpid()
        self._read_only = read_only
        module = sqlite_module()
        self._engine = sa.create_engine(
            "sqlite://",
            module=module,
            creator=lambda: self._connect(module),
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=8,
        )

    def _connect(self, module: ModuleType) -> Any:
        mode = self._mode()
        quoted = str(self.path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        connection = module.connect(
            f"file:{quoted}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in _PRAGMAS if self._read_only else (*_PRAGMAS, *_WRITER_PRAGMAS):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            # Left open, it would hold a damaged file that reconcile is about to move away.
            connection.close()
            raise
        return connection

    def _mode(self) -> str:
        if not self._read_only:
            return "rwc"
        # Without a write-ahead log nobody writes: no lock and no shared memory, which cannot be made here, is needed.
        return "ro" if Path(f"{self.path}-wal").exists() else "ro&immutable=1"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection in a read transaction: all statements see the same state."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection that holds the write lock from the start; committed at the end, rolled back on any error."""
        reach("catalog.begin")
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection
            reach("catalog.commit")
        reach("catalog.committed")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        if os.getpid() != self._pid:
            raise CatalogError("The catalog was opened before a fork; open the library again in this process.")
        with self._errors(), self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            try:
                yield connection
            except BaseException:
                # Ctrl-C inside a statement: SQLAlchemy has closed the connection, which rolls back too.
                # And some errors, such as a full disk, make SQLite itself roll back.
                if not connection.invalidated and connection.connection.in_transaction:
                    connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise self._operational(error) from error
        except DatabaseError as error:
            if isinstance(error, sa.exc.IntegrityError):
                self._explain(error)
                raise
            raise self._damaged(str(error.orig)) from error
        except _NONSENSE as error:
            self._explain(error)
            raise

    def _damaged(self, what: str) -> CatalogError:
        return CatalogError(f"The catalog {self.path} is damaged ({what}): {reconcile_hint(self.path.parent)}.")

    def _explain(self, error: Exception) -> None:
        """Rows that make no sense: raises CatalogError if that is because the file is damaged, else does nothing."""
        # Not by check(), whose own errors would be explained by it in turn, and so on.
        try:
            with self._engine.connect() as connection:
                wrong = _wrong(connection)
        except (DatabaseError, *_NONSENSE) as worse:
            wrong = [f"its checks fail with {type(worse).__name__}"]
        if wrong:
            raise self._damaged(wrong[0].splitlines()[0]) from error

    def _operational(self, error: OperationalError) -> Exception:
        name = getattr(error.orig, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LibraryBusyError(
                f"Another process has been writing to {self.path.parent} for {BUSY_TIMEOUT_S:.0f} s."
            )
        if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and self._is_disk_full()):
            return ItemError(
                ErrorClass.DISK_FULL, f"No space is left for the catalog {self.path}; free some and run again."
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return CatalogError(
                f"Cannot write {self.path}: check that the folder is there and that you may write to it."
            )
        return CatalogError(
            f"The catalog {self.path} cannot be used ({error.orig}); if this stays so, "
            f"{reconcile_hint(self.path.parent)}."
        )

    def _is_disk_full(self) -> bool:
        """Whether a failed read or write is for want of space: also opening needs some, for the shared memory.

        A quota shows only when something is written.
        """
        state = os.statvfs(self.path.parent)
        if state.f_bavail * state.f_frsize < _ROOM:
            return True
        try:
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                file.write(bytes(_ROOM))
        except OSError as error:
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        return False

    def prepare(self, *, may_be_empty: bool = True) -> None:
        """Create the schema or bring it up to date. Raises LibraryVersionError for a newer one.

        Raises CatalogError if there is no schema although ``may_be_empty`` is False: the catalog lost its contents.
        """
        with self.read() as connection:
            version = _version(connection)
        if version == HEAD:
            return
        if version is None and not may_be_empty:
            raise CatalogError(
                f"The catalog {self.path} is empty, but there are sidecars: {reconcile_hint(self.path.parent)}."
            )
        _migrate(self, version)

    def check(self) -> list[str]:
        """What SQLite's own checks find wrong: pages, indexes, constraints, references; empty when all is well."""
        with self.read() as connection:
            return _wrong(connection)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _wrong(connection: sa.Connection) -> list[str]:
    rows = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
    broken = [f"a row of {table} refers to one of {parent} that is not there" for table, _, parent, _ in lost]
    return ([] if rows == ["ok"] else rows) + list(dict.fromkeys(broken))


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return row[0] if row else None


def _migrate(database: Database, version: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise LibraryVersionError(
            f"The library {database.path.parent} was written by a newer Pillion (catalog version {version}, "
            f"this one knows {HEAD}): update with 'pip install -U pillion'."
        )
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
