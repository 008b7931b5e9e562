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


def insert_rows(
    connection: sa.Connection, statement: Any, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Run an INSERT for many rows, each a tuple of ``columns``.

    If the driver takes positional parameters, it gets the rows as they are: SQLAlchemy's own way, a dictionary for each
    row, takes longer than the insert in SQLite.
    """
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(columns))
    if compiled.positiontup is None:
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])
    elif list(compiled.positiontup) == list(columns):
        connection.exec_driver_sql(str(compiled), list(rows))
    else:
        raise ValueError(f"Give the columns in the table's order: {compiled.positiontup}.")


def prepared(text: str) -> Mapping[str, str]:
    """A statement with ``:names`` for ``connection.exec_driver_sql``: name of a dialect -> text for its driver.

    Its values are tuples in the order of the names in the text. This is for statements that run for every job:
    SQLAlchemy's own way, a dictionary for each row, takes longer than the statement in SQLite.
    """
    return {"sqlite": _NAME.sub("?", text), "postgresql": _NAME.sub("%s", text)}


_NAME = re.compile(r":\w+")
