"""Small helpers for the modules with queries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

IN_LIMIT = 500
"""The maximum number of values in one IN list: well below every database's limit of parameters."""


class _Inserts(dict[str, Callable[[sa.Table], Any]]):
    def __missing__(self, dialect: str) -> Callable[[sa.Table], Any]:
        module = import_module(f"sqlalchemy.dialects.{dialect}")
        return self.setdefault(dialect, module.insert)


INSERTS = _Inserts()
"""Name of a dialect -> its own ``insert``, which has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""


def chunks(items: Sequence[T], size: int = IN_LIMIT) -> Iterator[Sequence[T]]:
    """``items`` in chunks of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


STREAMED = {"stream_results": True, "max_row_buffer": 1000}
"""Execution options of a query that may have very many rows, of which few are to be in memory at a time.

SQLite does so for every query. PostgreSQL sends all rows at once unless a cursor of the server is asked, which takes
some messages more; it ends with the transaction.
"""


class ForRows(dict[str, str]):
    """An INSERT of many rows, each a tuple of ``columns``: name of a dialect -> text for its driver.

    ``finish`` gets the dialect's own ``insert`` of the table, and adds what happens to rows that are there. Each text
    is made once, and the driver gets the rows as they are: SQLAlchemy's own way, a dictionary for each row, takes
    longer than the insert in SQLite.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str], finish: Callable[[Any], Any]) -> None:
        self._table = table
        self._columns = list(columns)
        self._finish = finish

    def __missing__(self, dialect: str) -> str:
        style = "qmark" if dialect == "sqlite" else "format"
        known = import_module(f"sqlalchemy.dialects.{dialect}").dialect(paramstyle=style)
        statement = self._finish(INSERTS[dialect](self._table))
        compiled = statement.compile(dialect=known, column_keys=self._columns)
        if list(compiled.positiontup) != self._columns:
            raise ValueError(f"Give the columns in the table's order: {compiled.positiontup}.")
        return self.setdefault(dialect, str(compiled))


def prepared(text: str) -> Mapping[str, str]:
    """A statement with ``:names`` for ``connection.exec_driver_sql``: name of a dialect -> text for its driver.

    Its values are tuples in the order of the names in the text. This is for statements that run for every job:
    SQLAlchemy's own way, a dictionary for each row, takes longer than the statement in SQLite.
    """
    return {"sqlite": NAME.sub("?", text), "postgresql": NAME.sub("%s", text)}


NAME = re.compile(r":\w+")
"""A name in the text of a statement."""
