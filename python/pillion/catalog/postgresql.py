"""A catalog on PostgreSQL: connections, transactions, the clock, and what its errors mean.

Only this module knows psycopg, and it is imported only for the address of such a catalog.

One writer, as on SQLite: ``write()`` holds an advisory lock alone, and ``share()``, for the transactions of workers,
holds it together with others of its kind. So those run beside each other, and never amid the change of an index. They
lock rows in one order (queue.py: jobs, contents, then the events), so that they do not wait for each other in a circle.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.adapt import Buffer, Loader
from psycopg.types.string import StrDumper, StrDumperUnknown
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from pillion.catalog.database import BUSY_TIMEOUT_S, Database, share_compiled
from pillion.catalog.tables import metadata
from pillion.errors import (
    CatalogError,
    CatalogUnavailableError,
    ErrorClass,
    ItemError,
    LibraryBusyError,
    LibraryVersionError,
)
from pillion.machine import OnWait, device_name, exclusive

OLDEST = 16
"""The oldest release of PostgreSQL that is used."""

PATIENCE_S = 60.0
"""How long a database that was there is waited for: so long a restart may take."""

_RETRY_S = 0.25
_RESYNC_S = 60.0

_WRITERS, _INDEXERS = 0x50494C01, 0x50494C02
"""Keys of advisory locks, which are the database's: the writers' and the one of those who index."""

_SETTINGS = {
    "lock_timeout": f"{BUSY_TIMEOUT_S:.0f}s",
    # A machine that stopped amid a transaction must not hold up the others for ever.
    "idle_in_transaction_session_timeout": "10min",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # Compiling takes longer than any statement here.
    "jit": "off",
}


_HINT = "restore the database from its last backup, or run 'pillion reconcile --rebuild' to make it from the sidecars"

_FRESH = "pillion_fresh"
"""The schema of a catalog that is being made again."""


class Postgres(Database):
    """A catalog in a database of its own on a PostgreSQL server; ``url`` as SQLAlchemy reads it.

    ``schema``: where its tables are, if not where the connection finds them.
    """

    on_server: ClassVar[bool] = True

    def __init__(self, url: sa.URL, *, read_only: bool = False, schema: str | None = None) -> None:
        self._url = url
        self._schema = schema
        address = url.set(drivername="postgresql+psycopg")
        self._was_there = False
        engine = sa.create_engine(
            address,
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=8,
            # After a restart of the server the old connections are exchanged, and nobody notices.
            pool_pre_ping=True,
            execution_options={"preserve_rowcount": True},
        )
        share_compiled(engine, (url.host, url.port, str(url.query)))
        _, self._arguments = engine.dialect.create_connect_args(address)
        name = url.set(drivername="postgresql").render_as_string(hide_password=True)
        self._begin(engine, name, _HINT, name, read_only=read_only)
        self.read = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True).begin
        if read_only:
            self.write = self.share = self._refused_to_write
        else:
            self._writes(self._transactions(f"SELECT pg_advisory_xact_lock({_WRITERS})").begin)
            self.share = self._transactions(f"SELECT pg_advisory_xact_lock_shared({_WRITERS})").begin
        self._clock = (float("-inf"), 0.0)
        self.now = self._now
        self.exclusive = self._exclusive

    def _refused_to_write(self) -> Any:
        raise CatalogError(f"The catalog {self.name} was opened to be read only.")

    def trace(self) -> object:
        """None: only a question to the server tells whether anybody has written."""
        return None

    # connections ------------------------------------------------------------------------------------------------------

    def _connect(self) -> Any:
        """A new connection. A database that was there before is waited for."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                connection = self._connected()
            except psycopg.OperationalError:
                if not self._was_there or time.monotonic() > until:
                    raise
                time.sleep(_RETRY_S)
            else:
                self._was_there = True
                return connection

    def _connected(self) -> Any:
        defaults = {"connect_timeout": 10, "application_name": f"pillion {device_name()}:{os.getpid()}"}
        connection = psycopg.connect(**{**defaults, **self._arguments, "autocommit": True})
        try:
            connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in _SETTINGS.items()))
            if self._schema is not None:
                connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self._schema)))
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        connection.adapters.register_dumper(str, _Varchar)
        connection.adapters.register_dumper(str, _Text)
        connection.adapters.register_loader("numeric", _Whole)
        return connection

    # the clock --------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        """The server's clock, read once a minute; in between this machine's counts on, which nobody can set."""
        at, then = self._clock
        before = time.monotonic()
        if before - at > _RESYNC_S:
            with self.read() as connection:
                then = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())::float8").scalar_one()
            at = (before + time.monotonic()) / 2
            self._clock = (at, then)
        return then + time.monotonic() - at

    # one at a time ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _exclusive(self, path: Path, what: str, *, waiting: OnWait | None = None) -> Iterator[None]:
        """Be the only one to do ``what``: on this machine by a lock file, and on all by the database."""
        with exclusive(path, what, waiting=waiting):
            engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_INDEXERS})").scalar_one():
                    holder = self._holder(connection, what)
                    if waiting is None:
                        raise LibraryBusyError(f"{holder}; wait for it or stop it.")
                    waiting(holder)
                    connection.exec_driver_sql("SET lock_timeout = 0")
                    connection.exec_driver_sql(f"SELECT pg_advisory_lock({_INDEXERS})")
                    connection.exec_driver_sql(f"SET lock_timeout = '{_SETTINGS['lock_timeout']}'")
                try:
                    yield
                finally:
                    # A connection that is lost has lost the lock with it.
                    with suppress(CatalogError):
                        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_INDEXERS})")

    def _holder(self, connection: sa.Connection, what: str) -> str:
        name = connection.exec_driver_sql(
            "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)"
            f" WHERE locktype = 'advisory' AND objid = {_INDEXERS} AND granted"
        ).scalar()
        return f"Another process ({name or 'of another user'}) has been {what} the library {self._library}"

    # errors -----------------------------------------------------------------------------------------------------------

    def _explained(self, error: BaseException | None) -> Exception | None:
        if not isinstance(error, DBAPIError):
            return None
        found = error.orig
        state = getattr(found, "sqlstate", None) or ""
        said = str(found).strip().splitlines()[0] if str(found).strip() else type(found).__name__
        if state in ("55P03", "40P01", "40001"):
            return LibraryBusyError(f"Others have been writing to {self.name} for {BUSY_TIMEOUT_S:.0f} s ({said}).")
        if state == "53100":
            return ItemError(ErrorClass.DISK_FULL, f"No space is left for the catalog {self.name}; free some.")
        if state.startswith("XX"):
            return self._damaged(said)
        if state in ("25006", "42501"):
            return CatalogError(f"Cannot write to {self.name}: {said}.")
        if error.connection_invalidated or state[:2] in ("08", "57") or (not state and _is_operational(found)):
            return CatalogUnavailableError(f"The catalog {self.name} cannot be reached: {said}.")
        if isinstance(found, psycopg.IntegrityError):
            return None
        return CatalogError(f"The catalog {self.name} cannot be used: {said}.")

    # the schema -------------------------------------------------------------------------------------------------------

    def prepare(self, *, may_be_empty: bool = True) -> None:
        """As :meth:`Database.prepare`. Raises LibraryVersionError, too, for a PostgreSQL that is too old."""
        with self.read() as connection:
            row = connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
            ).one()
        if row[0] < OLDEST:
            raise LibraryVersionError(f"{self.name} is PostgreSQL {row[0]}; Pillion needs {OLDEST} or newer.")
        if row[1] != "UTF8":
            raise CatalogError(f"The database {self.name} has the encoding {row[1]}: make one with UTF8.")
        super().prepare(may_be_empty=may_be_empty)

    def insert_many(self, connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """As :meth:`Database.insert_many`, by COPY."""
        names = ", ".join(column.name for column in table.c)
        try:
            driver: Any = connection.connection
            with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.OperationalError as error:
            raise CatalogUnavailableError(f"The catalog {self.name} cannot be reached: {error}.") from error
        except psycopg.Error as error:
            raise CatalogError(f"Rows of {table.name} cannot be copied to {self.name}: {error}.") from error

    def continue_ids(self, connection: sa.Connection) -> None:
        """As :meth:`Database.continue_ids`."""
        for table in metadata.sorted_tables:
            column = table.autoincrement_column
            if column is not None:
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), max({column.name}))"
                    f" FROM {table.name} HAVING max({column.name}) IS NOT NULL"
                )

    @contextmanager
    def anew(self) -> Iterator[Database]:
        """As :meth:`Database.anew`: in a schema of its own."""
        with self.write() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {_FRESH} CASCADE")
            connection.exec_driver_sql(f"CREATE SCHEMA {_FRESH}")
        fresh = Postgres(self._url, schema=_FRESH)
        try:
            yield fresh
        finally:
            fresh.close()

    def exchange(self) -> str | None:
        """As :meth:`Database.exchange`: returns the schema that has the old tables now, None if there were none."""
        with self.write() as connection:
            ours = str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
            fresh = _relations(connection, _FRESH)
            old = [(name, kind) for name, kind in _relations(connection, ours) if name in dict(fresh)]
            aside = None
            if old:
                aside = _unused_schema(connection)
                connection.exec_driver_sql(f"CREATE SCHEMA {aside}")
                _move(connection, old, ours, aside)
            _move(connection, fresh, _FRESH, ours)
            connection.exec_driver_sql(f"DROP SCHEMA {_FRESH}")
        return None if aside is None else f"the schema {aside} of {self.name}"

    def check(self) -> list[str]:
        """What the amcheck extension finds wrong, where the database has it: it must be installed by its owner."""
        with self.read() as connection:
            if not connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'").first():
                return []
            indexes = connection.exec_driver_sql(
                "SELECT c.oid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
                " WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace AND i.indisvalid"
            ).scalars()
            names = list(indexes)
        return [wrong for name in names if (wrong := self._wrong_in(name)) is not None]

    def _wrong_in(self, index: int) -> str | None:
        with closing(self._connected()) as connection:
            try:
                connection.execute("SELECT bt_index_check(%s::oid::regclass, true)", (index,))
            except psycopg.Error as error:
                return str(error).splitlines()[0]
        return None


def _relations(connection: sa.Connection, schema: str) -> list[tuple[str, str]]:
    """(name, TABLE or VIEW) of what is in a schema, views last."""
    rows = connection.exec_driver_sql(
        "SELECT relname, relkind FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = %s AND relkind IN ('r', 'v') ORDER BY relkind, relname",
        (schema,),
    )
    return [(name, "TABLE" if kind == "r" else "VIEW") for name, kind in rows]


def _unused_schema(connection: sa.Connection) -> str:
    """The first of pillion_damaged_1, pillion_damaged_2 and so on that there is not."""
    there = set(connection.exec_driver_sql("SELECT nspname FROM pg_namespace").scalars())
    return next(name for number in itertools.count(1) if (name := f"pillion_damaged_{number}") not in there)


def _move(connection: sa.Connection, relations: Sequence[tuple[str, str]], start: str, end: str) -> None:
    """Move tables with their indexes and sequences, and views, from one schema to another."""
    quote = connection.dialect.identifier_preparer.quote
    for name, kind in relations:
        connection.exec_driver_sql(f"ALTER {kind} {quote(start)}.{quote(name)} SET SCHEMA {quote(end)}")


def _is_operational(error: object) -> bool:
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))


# values ---------------------------------------------------------------------------------------------------------------


class _Text(StrDumperUnknown):
    """PostgreSQL's text has no NUL: a replacement character stands for one, as it is stored and as it is sought."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj if "\0" not in obj else obj.replace("\0", "\ufffd"))


class _Varchar(StrDumper):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj if "\0" not in obj else obj.replace("\0", "\ufffd"))


class _Whole(Loader):
    """Sums of whole numbers, which PostgreSQL gives as numeric. No column has that type."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))
