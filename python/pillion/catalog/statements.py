"""Small helpers shared by the query modules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

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


def prepared(text: str) -> Mapping[str, str]:
    """A statement with ``:names`` for ``connection.exec_driver_sql``: name of a dialect -> text for its driver.

    Its values are tuples in the order of the names in the text. For the queue's main way, where every microsecond a row
    counts: SQLAlchemy's own way, a dictionary for each row, costs more than what SQLite does with it.
    """
    return {"sqlite": _NAME.sub("?", text), "postgresql": _NAME.sub("%s", text)}


_NAME = re.compile(r":\w+")
