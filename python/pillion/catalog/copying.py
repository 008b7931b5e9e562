"""Copies a catalog to another database, row by row in the order of the keys, so that a copy can be continued.

How far it is stands in the target, in the transaction of the rows; so does what the source was like. Where that has
changed since, the copy begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from pillion.catalog.database import Database
from pillion.catalog.events import newest_event
from pillion.catalog.tables import location_hosts, locations, meta, metadata
from pillion.errors import CatalogError

BATCH = 10_000
"""Rows of one transaction."""

_COPYING = "copying"
_LIBRARY = "library"
_OWN = (_COPYING, _LIBRARY)
"""Keys of ``meta`` that belong to one database and are not copied."""

Progress = Callable[[str, int, int], None]
"""Called with (table, rows copied of it, rows in all) after each batch."""


def is_copying(connection: sa.Connection) -> bool:
    """Whether a copy into this catalog has begun and is not whole."""
    return _state(connection) is not None


def is_empty(connection: sa.Connection) -> bool:
    """Whether a catalog knows no Location and no content."""
    found = [sa.select(sa.exists(sa.select(sa.literal(1)).select_from(metadata.tables[name]))) for name in _FILLED]
    return not any(connection.scalar(query) for query in found)


_FILLED = ("locations", "contents")


def copy(source: Database, target: Database, progress: Progress | None = None) -> dict[str, int]:
    """Copy all rows; returns how many each table has. A copy that was begun from the same state is continued.

    At the end the rows of both are read and compared. Raises CatalogError if they differ, or if the target has rows
    of its own. Nobody else may write to either of them.
    """
    with source.read() as reading:
        state = _fingerprint(reading)
        done = _begun(target, state)
        numbers: dict[str, int] = {}
        for table in metadata.sorted_tables:
            total = reading.execute(_all(table, sa.func.count())).scalar_one()
            after = done.get(table.name)
            for rows, key in _batches(reading, table, after, target.on_server):
                with target.write() as writing:
                    target.insert_many(writing, table, rows)
                    done[table.name] = key
                    _note(writing, state, done)
                if progress is not None:
                    progress(table.name, len(rows), total)
            numbers[table.name] = total
        with target.write() as writing:
            target.continue_ids(writing)
        for table in metadata.sorted_tables:
            _compare(reading, target, table)
    with target.write() as writing:
        writing.execute(sa.delete(meta).where(meta.c.key == _COPYING))
    return numbers


def _fingerprint(connection: sa.Connection) -> str:
    """What differs as soon as a catalog has changed: its numbers of rows, its newest event, its latest times."""
    found: list[Any] = [newest_event(connection)]
    for table in metadata.sorted_tables:
        found.append(connection.execute(_all(table, sa.func.count())).scalar_one())
        found += [connection.scalar(sa.select(sa.func.max(table.c[name]))) for name in _TIMES if name in table.c]
    found.append(sorted(map(tuple, connection.execute(_all(meta, *meta.c)))))
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


_TIMES = ("updated_at", "last_at", "resolved_at", "removed_at", "offline_since", "since")


def _all(table: sa.Table, *columns: Any) -> sa.Select[Any]:
    query = sa.select(*columns).select_from(table)
    return query.where(meta.c.key.not_in(_OWN)) if table is meta else query


def _begun(target: Database, state: str) -> dict[str, list[Any]]:
    """Table -> the key of its last row that is there, by the copy that was begun; the target is emptied for another."""
    with target.write() as connection:
        found = _state(connection)
        if found is None and not is_empty(connection):
            raise CatalogError(f"{target.name} has a catalog already: name an empty database, or another folder.")
        if found is not None and found["state"] == state:
            return {name: [_decoded(part) for part in key] for name, key in found["done"].items()}
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))
        _note(connection, state, {})
        return {}


def _state(connection: sa.Connection) -> Any:
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _COPYING))
    return None if value is None else json.loads(value)


def _note(connection: sa.Connection, state: str, done: dict[str, list[Any]]) -> None:
    keys = {name: [_encoded(part) for part in key] for name, key in done.items()}
    connection.execute(sa.delete(meta).where(meta.c.key == _COPYING))
    connection.execute(sa.insert(meta).values(key=_COPYING, value=json.dumps({"state": state, "done": keys})))


def _encoded(part: Any) -> Any:
    return {"hex": part.hex()} if isinstance(part, bytes) else part


def _decoded(part: Any) -> Any:
    return bytes.fromhex(part["hex"]) if isinstance(part, dict) else part


def _batches(
    connection: sa.Connection, table: sa.Table, after: Sequence[Any] | None, to_server: bool
) -> Iterator[tuple[list[tuple[Any, ...]], list[Any]]]:
    """(rows, the key of the last one), from the one behind ``after``."""
    keys = list(table.primary_key.columns)
    places = [list(table.c).index(column) for column in keys]
    while True:
        query = _all(table, *table.c).order_by(*keys).limit(BATCH)
        if after is not None:
            query = query.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, after)))
        rows = [_fitting(table, tuple(row), to_server) for row in connection.execute(query)]
        if not rows:
            return
        after = [rows[-1][place] for place in places]
        yield rows, list(after)


def _fitting(table: sa.Table, row: tuple[Any, ...], to_server: bool) -> tuple[Any, ...]:
    """A row as the target has it: where a Location is offline stands in one of two places (tables.py)."""
    if table is not (locations if to_server else location_hosts):
        return row
    names = [column.name for column in table.c]
    return tuple(
        None if name in ("identity", "offline", "offline_since") else value
        for name, value in zip(names, row, strict=True)
    )


def _compare(reading: sa.Connection, target: Database, table: sa.Table) -> None:
    wanted = _digest(reading, table, target.on_server)
    with target.read() as connection:
        found = _digest(connection, table, target.on_server)
    if wanted != found:
        there = f"{table.name} has {found[0]:,} rows instead of {wanted[0]:,}, or others"
        raise CatalogError(f"The copy in {target.name} differs: {there}.")


def _digest(connection: sa.Connection, table: sa.Table, to_server: bool) -> tuple[int, str]:
    digest, number = hashlib.sha256(), 0
    for rows, _ in _batches(connection, table, None, to_server):
        number += len(rows)
        for row in rows:
            digest.update(repr([_plain(value) for value in row]).encode("utf-8", "surrogatepass"))
    return number, digest.hexdigest()


def _plain(value: Any) -> Any:
    """PostgreSQL's text has no NUL (postgresql.py)."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
