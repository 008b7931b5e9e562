"""Which database a catalog is in, by its address."""

from __future__ import annotations

from pathlib import Path

from pillion.catalog.database import Database
from pillion.errors import UsageError
from pillion.extras import command


def open_database(place: str | Path, *, read_only: bool = False) -> Database:
    """The catalog in a file, or at an address ``postgresql://USER@HOST/DATABASE``. Raises UsageError, CatalogError."""
    if isinstance(place, Path):
        return Database(place, read_only=read_only)
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError

    try:
        from pillion.catalog.postgresql import Postgres
    except ImportError as error:
        raise UsageError(f"A catalog on PostgreSQL needs psycopg: run {command('cluster')} ({error}).") from error
    try:
        url = sa.make_url(place.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"This is no address of a database, postgresql://USER@HOST/DATABASE: {error}.") from error
    return Postgres(url, read_only=read_only)
