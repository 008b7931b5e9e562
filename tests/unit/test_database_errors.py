"""What the driver says becomes an error that tells the user what is the matter."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest
from sqlalchemy.exc import OperationalError

from pillion.catalog.database import Database
from pillion.errors import CatalogError, ErrorClass, ItemError, LibraryBusyError


@pytest.fixture
def database(sqlite_catalog: Database) -> Database:
    """Its errors are SQLite's; test_postgres_errors.py has the other's."""
    return sqlite_catalog


def _error(name: str) -> OperationalError:
    driver = Exception("disk I/O error")
    driver.sqlite_errorname = name  # type: ignore[attr-defined]
    return OperationalError("COMMIT", None, driver)


def _raise(database: Database, name: str) -> None:
    with database.write():
        raise _error(name)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("SQLITE_FULL", ItemError, "No space"),
        ("SQLITE_BUSY", LibraryBusyError, "Another process"),
        ("SQLITE_READONLY_DBMOVED", CatalogError, "Cannot write"),
        ("SQLITE_IOERR_WRITE", CatalogError, "disk I/O error"),
        ("SQLITE_IOERR_FSYNC", CatalogError, "disk I/O error"),
    ],
)
def test_each_error_is_told_apart(database: Database, name: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        _raise(database, name)


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.ENOSPC])
def test_a_quota_is_found_by_writing(database: Database, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(**_: object) -> object:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ItemError) as caught:
        _raise(database, "SQLITE_IOERR_WRITE")
    assert caught.value.error_class is ErrorClass.DISK_FULL


def _roll_back_and_raise(database: Database) -> None:
    """As SQLite does when the disk is full in the middle of a statement."""
    with database.write() as connection:
        connection.exec_driver_sql("ROLLBACK")
        raise _error("SQLITE_FULL")


def test_a_transaction_that_the_database_ended_itself_hides_no_error(database: Database) -> None:
    with pytest.raises(ItemError, match="No space"):
        _roll_back_and_raise(database)
    with database.write() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
