"""Small helpers shared by the query modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa

T = TypeVar("T")

IN_LIMIT = 500
"""How many values go into one IN list: well under every database's parameter limit."""


def upsert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT of the database's own dialect, which has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def execute_rows(
    connection: sa.Connection, statement: Any, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Run an INSERT for many rows, each a tuple of ``columns``.

    Where the driver takes positional parameters the rows go to it as they are: SQLAlchemy's own way, a dictionary for
    each row, costs more than SQLite's insert.
    """
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(columns))
    if compiled.positiontup is None:
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])
    elif list(compiled.positiontup) == list(columns):
        connection.exec_driver_sql(str(compiled), list(rows))
    else:
        raise ValueError(f"Give the columns in the table's order: {compiled.positiontup}.")


def chunks(items: Sequence[T], size: int = IN_LIMIT) -> Iterator[Sequence[T]]:
    """``items`` in pieces of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Prepared:
    """A statement written as text with ``:names``, for the queue's main way, where every microsecond a row counts.

    It is compiled once for each dialect, and its values go to the driver as tuples: SQLAlchemy's own way, a dictionary
    for each row, costs more than what SQLite does with it.
    """

    def __init__(self, text: str) -> None:
        self._statement = sa.text(text)
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def all(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it once; returns all rows that it gives."""
        text, names = self._text(connection)
        if names is None:
            result = connection.execute(self._statement, dict(values))
        else:
            result = connection.exec_driver_sql(text, tuple(values[name] for name in names))
        return cast("Sequence[tuple[Any, ...]]", result.all())

    def many(self, connection: sa.Connection, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for many rows, each a tuple of ``columns``; returns how many rows of the table changed.

        ``columns`` stand in the order of their names in the text, each once, so that the tuples go through as they are.
        """
        text, names = self._text(connection)
        if names is None:
            return connection.execute(self._statement, [dict(zip(columns, row, strict=True)) for row in rows]).rowcount
        if names != tuple(columns):
            raise ValueError(f"Give the columns in the order of the text: {names}.")
        return connection.exec_driver_sql(text, list(rows)).rowcount

    def _text(self, connection: sa.Connection) -> tuple[str, tuple[str, ...] | None]:
        found = self._compiled.get(connection.dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=connection.dialect)
            order = compiled.positiontup
            found = self._compiled[connection.dialect.name] = (str(compiled), tuple(order) if order else None)
        return found
