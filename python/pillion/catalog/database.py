"""Opening a catalog: the SQLite driver, its settings, transactions, and the schema's version.

Only this module knows the SQLite driver, and only catalog/postgresql.py that of PostgreSQL. They turn the drivers'
errors into ours.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

from pillion import failpoints, scratch
from pillion.catalog.tables import AVAILABILITY, metadata
from pillion.errors import (
    CatalogError,
    ErrorClass,
    ItemError,
    LibraryBusyError,
    LibraryClosedError,
    LibraryError,
    LibraryVersionError,
    is_full,
)
from pillion.failpoints import reach
from pillion.machine import OnWait, exclusive

HEAD = "0001"
"""The newest migration. A test checks it against the migrations folder."""

MIGRATIONS = Path(__file__).with_name("migrations")
"""The folder of Alembic's migrations."""

SAFE_SQLITE = (3, 51, 3)
"""Older versions can corrupt a WAL database that several connections write to (fixed in SQLite 3.51.3)."""

BUSY_TIMEOUT_S = 30.0
_ROOM = 1024 * 1024
"""With less free space than this, in bytes, the disk counts as full when SQLite says only that a file operation failed.
"""

_MOST_COPIED = 1 << 30
"""A catalog of more bytes than this, with its log, is not copied to be read."""

_UNCHANGING = "ro&immutable=1"
"""Nobody writes: no lock and no shared memory is needed."""

_PRAGMAS = ("foreign_keys = ON", "temp_store = MEMORY", "cache_size = -65536", "mmap_size = 268435456")
_WRITER_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 10000")
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "sshfs", "fuse.sshfs", "afs", "ceph", "fuse.ceph"}
    | {"glusterfs", "fuse.glusterfs", "lustre", "davfs", "fuse.davfs2", "fuse.rclone", "fuse.s3fs"}
)


def sqlite_module() -> ModuleType:
    """The standard sqlite3 if its SQLite is new enough, else pysqlite3. Raises LibraryVersionError."""
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
    target = os.path.realpath(path)
    best = ("", "")
    for folder, file_system in _mounts():
        prefix = folder.rstrip("/") + "/"
        if (target + "/").startswith(prefix) and len(prefix) >= len(best[0]):
            best = (prefix, file_system)
    return best[1] if best[1].lower() in _NETWORK_FILE_SYSTEMS else None


def _mounts() -> list[tuple[str, str]]:
    """(folder, type) of every mounted file system."""
    try:
        lines = Path("/proc/self/mounts").read_bytes().splitlines()
    except OSError:  # not Linux
        import psutil

        return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    fields = [line.split(b" ") for line in lines]
    return [(os.fsdecode(_unescaped(mounted[1])), os.fsdecode(mounted[2])) for mounted in fields]


def _unescaped(name: bytes) -> bytes:
    """The kernel writes spaces and backslashes in a folder's name as three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), name)


def refuse_network_file_system(root: Path) -> None:
    """Raise LibraryError if the folder ``root`` is on a network file system."""
    file_system = network_file_system(root)
    if file_system:
        raise LibraryError(
            f"{root} is on a network file system ({file_system}), where SQLite can lose data; use a local disk."
        )


def reconcile_hint(root: Path) -> str:
    """What to do about a lost or damaged catalog, as the end of a sentence."""
    return f"run 'pillion reconcile --library {root}' to rebuild it from the sidecars"


_last_compiled: dict[Hashable, LRUCache[Any, Any]] = {}
"""What statements were compiled to for the last database of each kind that was opened in this process."""


def share_compiled(engine: sa.Engine, kind: Hashable) -> None:
    """Let an engine begin with the statements that were compiled for the last one of its kind.

    SQLAlchemy compiles them for each engine anew, a quarter of what it takes to index and make little. Its key begins
    with the dialect. They are copied, since a cache that compares kinds would run some Python for each statement.
    ``kind``: all that the text of statements depends on.
    """
    cache: LRUCache[Any, Any] = LRUCache(1000)
    before = _last_compiled.get(kind, cache)
    for key in list(before):
        compiled = before.get(key)
        if compiled is not None:
            cache[(engine.dialect, *key[1:])] = compiled
    _last_compiled[kind] = cache
    engine.update_execution_options(compiled_cache=cache)


_INVALID_ROW = (ValueError, LookupError, TypeError, AttributeError)
"""Errors that come from invalid rows, such as an unknown name, or a NULL where none is allowed."""


class Exclusive(Protocol):
    """:func:`pillion.machine.exclusive`, or one that also counts on other machines."""

    def __call__(self, path: Path, what: str, *, waiting: OnWait | None = None) -> AbstractContextManager[None]: ...


class Database:
    """A pool of connections to one catalog; close it when done. This one is a SQLite file.

    ``read()`` is a connection in a read transaction: all statements see the same state. ``write()`` is one that holds
    the write lock from the start; it is committed at the end, and rolled back on any error. ``share()`` is for the
    transactions of workers, which change only jobs that they claim or have claimed: where the database can run them
    beside each other it does, and never beside a ``write()``. All are context managers of SQLAlchemy, which calls this
    class only on errors, because a job takes a dozen transactions. Connections must not cross a fork: in a process
    that did not open the database, they raise CatalogError.
    """

    on_server: ClassVar[bool] = False
    """Whether other machines may use it, too."""

    read: Callable[[], AbstractContextManager[sa.Connection]]
    write: Callable[[], AbstractContextManager[sa.Connection]]
    share: Callable[[], AbstractContextManager[sa.Connection]]
    exclusive: Exclusive
    """Be the only one who does something, among all who use this catalog."""
    now: Callable[[], float]
    """The time by the clock that leases go by, in seconds since 1970: that of the machine that runs the database."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._driver = sqlite_module()
        engine = sa.create_engine(
            "sqlite://",
            module=self._driver,
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=8,
        )
        share_compiled(engine, self._driver)
        self._begin(engine, str(path), reconcile_hint(path.parent), str(path.parent), read_only=read_only)
        self.read = self._transactions("BEGIN").begin
        self._writes(self._transactions("BEGIN IMMEDIATE").begin)
        self.share = self.write
        self.now = time.time
        self.exclusive = exclusive

    def _begin(self, engine: sa.Engine, name: str, hint: str, library: str, *, read_only: bool) -> None:
        """``name``: of the catalog, for people. ``hint``: what to do if it is damaged. ``library``: where it is."""
        self.name = name
        self.hint = hint
        self.is_read_only = read_only
        self._library = library
        self._engine = engine
        self._glancing = threading.Lock()
        self._glance: Any = None
        self._full: list[Any] = []
        """Connections that can only read, as the disk is full."""
        self._copying = threading.Lock()
        self._copies = ExitStack()
        self._copied = Path(name)
        self._as_copied: tuple[tuple[int, int], ...] = ()
        """Size and time of the files that the copy was made from."""
        self._is_closed = False
        sa.event.listen(engine, "handle_error", self._statement_failed)
        _open.add(self)

    def _transactions(self, begin: str, **options: Any) -> sa.Engine:
        engine = self._engine.execution_options(**options)
        sa.event.listen(engine, "begin", partial(sa.Connection.exec_driver_sql, statement=begin))
        sa.event.listen(engine, "rollback", self._rolled_back)
        return engine

    def _writes(self, write: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._write = write
        self.write = self._write_with_points if failpoints.armed else write

    @contextmanager
    def _write_with_points(self) -> Iterator[sa.Connection]:
        reach("catalog.begin")
        with self._write() as connection:
            yield connection
            reach("catalog.commit")
        reach("catalog.committed")

    def refuse(self) -> None:
        """Make every later transaction in this process raise CatalogError."""
        self.read = self.write = self.share = _refused

    def _connect(self) -> Any:
        try:
            return self._opened(self._mode())
        except self._driver.OperationalError as error:
            connection = self._opened_without_room(error)
            if connection is None:
                raise
            # Nobody can write it either until there is room, and what is in it can be read.
            if not self._full:
                sa.event.listen(self._engine.pool, "checkin", self._close_if_full)
            self._full.append(connection)
            return connection

    def _opened_without_room(self, error: BaseException) -> Any:
        """A connection that reads what is in the catalog; None unless its disk has no room for shared memory alone.

        What is in the write-ahead log as well is read in a copy among the temporary files.
        """
        if self.is_read_only or not self._says_full(getattr(error, "sqlite_errorname", "")):
            return None
        try:
            files = [self.path, Path(f"{self.path}-wal")]
            states = [file.stat() if file.exists() else None for file in files]
            sizes = [0 if state is None else state.st_size for state in states]
            if sizes[0] and not sizes[1]:
                return self._opened(_UNCHANGING)
            if not sizes[0] or sum(sizes) > _MOST_COPIED:
                return None
            with self._copying:
                as_copied = tuple((state.st_size, state.st_mtime_ns) for state in states if state is not None)
                if as_copied != self._as_copied:
                    self._copy()
                    self._as_copied = as_copied
                return self._opened(_UNCHANGING, self._copied)
        except (OSError, self._driver.Error):
            return None

    def _copy(self) -> None:
        """Copy the catalog with its log, which nobody else can have open: it has no shared memory. Raises OSError."""
        self._copies.close()
        self._copied = self._copies.enter_context(scratch.temporary()) / self.path.name
        # One that locks the file for itself needs no shared memory.
        source = self._opened("rw", first=("locking_mode = EXCLUSIVE",))
        with closing(source), closing(self._driver.connect(str(self._copied))) as target:
            source.backup(target)

    def _close_if_full(self, connection: Any, entry: sa.pool.ConnectionPoolEntry) -> None:
        """The next transaction sees for itself whether there is room again."""
        if connection in self._full:
            self._full.remove(connection)
            entry.invalidate()

    def _opened(self, mode: str, path: Path | None = None, first: Sequence[str] = ()) -> Any:
        """A connection to the catalog, or to a copy of it at ``path``. ``first``: pragmas that come before all else."""
        quoted = str(path or self.path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        connection = self._driver.connect(
            f"file:{quoted}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            usual = _PRAGMAS if mode.startswith("ro") else (*_PRAGMAS, *_WRITER_PRAGMAS)
            for pragma in (*first, *usual):
                connection.execute(f"PRAGMA {pragma}")
        except UnicodeDecodeError as error:
            # SQLite quotes what it cannot read.
            connection.close()
            raise self._damaged("its schema is no text") from error
        except BaseException:
            # If it stayed open, it would keep a damaged file open that reconcile is about to move.
            connection.close()
            raise
        return connection

    def _mode(self) -> str:
        if not self.is_read_only:
            return "rwc"
        # Without a write-ahead log nobody writes, so no lock and no shared memory is needed. Neither can be made here.
        return "ro" if Path(f"{self.path}-wal").exists() else _UNCHANGING

    def _statement_failed(self, context: sa.engine.ExceptionContext) -> Exception | None:
        return self._explained(context.sqlalchemy_exception)

    def _rolled_back(self, _connection: sa.Connection) -> None:
        error = sys.exc_info()[1]
        explained = self._explained(error)
        if explained is not None:
            raise explained from error

    def _explained(self, error: BaseException | None) -> Exception | None:
        """Our error for an error of the driver or one from invalid rows; None if the error needs no explanation."""
        if isinstance(error, OperationalError):
            return self._operational(error)
        if isinstance(error, (IntegrityError, *_INVALID_ROW)):
            wrong = self._look_for_damage()
            return self._damaged(wrong[0].splitlines()[0]) if wrong else None
        return self._damaged(str(error.orig)) if isinstance(error, DatabaseError) else None

    def _damaged(self, what: str) -> CatalogError:
        return CatalogError(f"The catalog {self.name} is damaged ({what}): {self.hint}.")

    def _look_for_damage(self) -> list[str]:
        """What :meth:`check` finds, on a separate connection, so that an error in the check does not start another."""
        try:
            with closing(self._connect()) as connection:
                return _wrong(connection.execute)
        except (self._driver.Error, CatalogError, *_INVALID_ROW) as worse:
            return [f"its checks fail with {type(worse).__name__}"]

    def _operational(self, error: OperationalError) -> Exception:
        name = getattr(error.orig, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LibraryBusyError(
                f"Another process has been writing to {self.path.parent} for {BUSY_TIMEOUT_S:.0f} s."
            )
        if self._says_full(name) or (self._full and name.startswith("SQLITE_READONLY")):
            return ItemError(
                ErrorClass.DISK_FULL, f"No space is left for the catalog {self.path}; free some and run again."
            )
        if self.is_read_only and name.startswith("SQLITE_READONLY"):
            return LibraryError(f"The library {self.path.parent} is read-only: it can be read, but not changed.")
        if self.path.is_dir():
            return CatalogError(f"The catalog {self.path} is a folder: move that away, and {self.hint}.")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            for file in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
                if os.path.lexists(file) and not file.is_file():
                    return CatalogError(f"{file}, a part of the catalog, is no file any more: move that away.")
                if file.is_file() and not os.access(file, os.R_OK | os.W_OK):
                    return CatalogError(f"Cannot use {file}: give yourself the right to read and write it.")
            return CatalogError(
                f"Cannot write {self.path}: check that the folder is there and that you may write to it."
            )
        return CatalogError(
            f"The catalog {self.path} cannot be used ({error.orig}); if this stays so, "
            f"{reconcile_hint(self.path.parent)}."
        )

    def _says_full(self, name: str) -> bool:
        if name == "SQLITE_FULL":
            return True
        failed = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and not self.path.is_dir()
        return failed and self._is_disk_full()

    def _is_disk_full(self) -> bool:
        """Whether an operation failed because space ran out. Even opening needs some, for the shared memory.

        A quota is noticed only by writing, so this writes a temporary file.
        """
        import tempfile

        try:
            state = os.statvfs(self.path.parent)
            if state.f_bavail * state.f_frsize < _ROOM:
                return True
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                file.write(bytes(_ROOM))
        except OSError as error:
            return is_full(error)
        return False

    def prepare(self, *, may_be_empty: bool = True) -> None:
        """Create the schema or bring it up to date. Raises LibraryVersionError for a newer one.

        Raises CatalogError if there is no schema and ``may_be_empty`` is False: then the catalog lost its contents.
        """
        with self.read() as connection:
            version = _version(connection)
        if version is None and not may_be_empty:
            raise self.emptied()
        if version is None and not self.on_server:
            version = _create(self)
        if version != HEAD:
            _migrate(self, version)

    def emptied(self) -> CatalogError:
        """What to raise where it knows nothing of the sidecars that are there."""
        return CatalogError(f"The catalog {self.name} is empty, but there are sidecars: {self.hint}.")

    def exists(self) -> bool:
        """Whether there is a catalog, of whatever version."""
        with self.read() as connection:
            return _version(connection) is not None

    def trace(self) -> object:
        """What is another as soon as anything was committed: cheap enough to be looked at a hundred times a second.

        None where there is no such thing, and only a question tells.
        """
        with self._glancing:
            try:
                if self._is_closed:
                    return None
                if self._glance is None:
                    self._glance = self._opened(self._mode())
                found: object = self._glance.execute("PRAGMA data_version").fetchone()[0]
            except (self._driver.Error, CatalogError):
                # The question tells what is wrong.
                return None
            return found

    def insert_many(self, connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert many rows, each with all columns of the table in order, in the fastest way that there is."""
        names, marks = ", ".join(column.name for column in table.c), ", ".join("?" * len(table.c))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))

    def continue_ids(self, connection: sa.Connection) -> None:
        """After rows with ids were inserted: let the next ids be greater. SQLite does so by itself."""

    def check(self) -> list[str]:
        """What the database's checks find wrong: pages, indexes, constraints, references; empty if all is in order."""
        with self.read() as connection:
            return _wrong(connection.exec_driver_sql)

    @contextmanager
    def anew(self) -> Iterator[Database]:
        """A new, empty catalog beside this one, where a server has both; :meth:`exchange` lets it take its place.

        Raises CatalogError for one that is a file: there the new one is a file of its own (maintenance/reconcile).
        """
        raise self._is_a_file()
        yield

    def exchange(self) -> str | None:
        """Let the catalog that :meth:`anew` made take the place of this one; returns where this one is now.

        Raises CatalogError for one that is a file.
        """
        raise self._is_a_file()

    def _is_a_file(self) -> CatalogError:
        return CatalogError(f"{self.name} is a file: no server has a second catalog beside it.")

    def close(self) -> None:
        """Close every connection, one that is in use at its end. Every later transaction raises LibraryClosedError."""
        self.read = self.write = self.share = partial(_refused_after_close, self._library)
        sa.event.listen(self._engine.pool, "checkin", _close_returned)
        self._engine.dispose()
        self._copies.close()
        with self._glancing:
            self._is_closed = True
            if self._glance is not None:
                self._glance.close()


def _refused() -> AbstractContextManager[sa.Connection]:
    raise CatalogError("The catalog was opened before a fork; open the library again in this process.")


def _refused_after_close(root: str) -> AbstractContextManager[sa.Connection]:
    raise LibraryClosedError(f"The library {root} was closed; open it again with Library.open.")


def _close_returned(_connection: object, entry: sa.pool.ConnectionPoolEntry) -> None:
    """What was in use when its pool was disposed of would else stay open until garbage is collected."""
    entry.invalidate()


_open: WeakSet[Database] = WeakSet()


def _refuse_all() -> None:
    for database in _open:
        database.refuse()


os.register_at_fork(after_in_child=_refuse_all)


def _wrong(execute: Callable[[str], Any]) -> list[str]:
    rows = [str(row[0]) for row in execute("PRAGMA integrity_check(20)")]
    lost = execute("PRAGMA foreign_key_check").fetchmany(20)
    broken = [f"a row of {table} refers to a row of {parent} that does not exist" for table, _, parent, _ in lost]
    return ([] if rows == ["ok"] else rows) + list(dict.fromkeys(broken))


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return row[0] if row else None


_VERSION_TABLE = """\
CREATE TABLE alembic_version (
\tversion_num VARCHAR(32) NOT NULL,
\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""


def _create(database: Database) -> str | None:
    """Make the tables of an empty catalog in a file; its version, which may be another where another has made them.

    Without Alembic, which takes 200 ms to load. A test holds that the migrations lead to the same.
    """
    with database.write() as connection:
        if sa.inspect(connection).get_table_names():
            return _version(connection)
        for statement in _statements():
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))
    return HEAD


@cache
def _statements() -> tuple[str, ...]:
    """What makes the tables of an empty catalog, and that of its version as Alembic would."""
    made: list[str] = []

    def keep(statement: sa.Executable, *_: object, **__: object) -> None:
        assert isinstance(statement, sa.schema.ExecutableDDLElement)
        made.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("sqlite://", keep)
    metadata.create_all(engine, checkfirst=False)
    return (*made, AVAILABILITY, _VERSION_TABLE)


def _migrate(database: Database, version: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise LibraryVersionError(
            f"The library {database._library} was written by a newer Pillion (catalog version {version}, "
            f"this one knows {HEAD}): update with 'pip install -U pillion'."
        )
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
