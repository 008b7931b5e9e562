"""`pillion migrate`: a catalog goes to PostgreSQL and back, also after a kill amid it, and nothing is made again."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from pillion import Library
from pillion.catalog import copying
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.opening import open_database
from pillion.catalog.tables import jobs, metadata
from pillion.errors import CatalogError, LibraryBusyError, LibraryError, UsageError
from pillion.library.migrating import migrate
from tests.support import photos, postgres, program


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a library of them; one of the pictures is no picture."""
    root = tmp_path_factory.mktemp("made")
    (root / "pictures").mkdir()
    for number in range(3):
        photos.write_photo(root / "pictures" / f"{number}.jpg", seed=number, size=(160, 120))
    (root / "pictures" / os.fsdecode(b"\xff.jpg")).write_bytes(b"\xff\xd8\xff\xe0 is no picture")
    with Library.open(root / "library") as library:
        library.index(root / "pictures", kinds=["thumb"])
        library.run(kinds=["thumb"])
        library.index(kinds=["thumb", "ocr"])
    return root


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    """A copy of that library."""
    subprocess.run(["cp", "-a", str(made / "library"), str(tmp_path / "library")], check=True)
    return tmp_path / "library"


@pytest.fixture
def url(postgres_server: postgres.Server) -> str:
    """The address of an empty database."""
    return postgres_server.url(postgres_server.create())


def _rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def _catalog(place: str | Path) -> dict[str, list[tuple[object, ...]]]:
    opened = open_database(place)
    rows = _rows(opened)
    opened.close()
    return rows


def test_a_catalog_goes_to_postgresql_and_back_with_every_row(library: Path, url: str) -> None:
    before = _catalog(library / "catalog.sqlite")
    assert len(before["jobs"]) > 3
    assert before["failures"]
    done = program.run("migrate", library, url)
    assert done.returncode == 0, done.stderr
    assert f"--library {url} --sidecars {library}" in done.stdout
    assert not (library / "catalog.sqlite").exists()
    after = _catalog(url)
    assert {name: rows for name, rows in after.items() if name != "meta"} == {
        name: rows for name, rows in before.items() if name not in ("meta",)
    } | _unseen(after)
    assert dict(after["meta"]).items() >= dict(before["meta"]).items()

    with Library.open(url, sidecars=library, create=False) as opened:
        assert opened.verify() == []
        report = opened.index(kinds=["thumb", "ocr"])
        assert (report.new, report.changed, report.queued) == (0, 0, 0)
        opened.add_location(library.parent)
        made = opened.location(library.parent)
        assert made.id == max(row[0] for row in before["locations"]) + 1
        opened.remove_location(library.parent)
    for ask in (Library.open, Library.reconcile):
        with pytest.raises(LibraryError, match=f"is in a database: give .* --sidecars {library}"):
            ask(library)

    back = program.run_json("migrate", url, library)
    assert back["rows"]["sidecars"] == len(before["sidecars"])
    returned = _catalog(library / "catalog.sqlite")
    assert returned["sidecars"] == before["sidecars"]
    assert returned["jobs"] == before["jobs"]
    with Library.open(library, create=False) as opened:
        assert opened.verify() == []
    with pytest.raises(LibraryError, match="another library than the catalog"):
        Library.open(url, sidecars=library)


def _unseen(after: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """What a server's catalog has for each machine instead."""
    return {name: after[name] for name in ("locations", "location_hosts")}


@pytest.mark.parametrize("to_server", [True, False])
def test_a_migration_that_was_killed_is_gone_on_with(
    library: Path, url: str, to_server: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not to_server:
        migrate(library, url, None)
    source, target = (library, url) if to_server else (url, library)
    before = _catalog(library / "catalog.sqlite") if to_server else _catalog(url)
    stop = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom pillion.catalog import copying\n"
        "from pillion.library.migrating import migrate\ncopying.BATCH = 2\nseen = []\n"
        "def show(table, number, total):\n"
        "    seen.append(table)\n"
        "    if len(seen) == 9: os.kill(os.getpid(), signal.SIGKILL)\n"
        "migrate(sys.argv[1], sys.argv[2], show)"
    )
    killed = program.run_code(stop, str(source), str(target))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if to_server:
        with pytest.raises(LibraryError, match="run the same 'pillion migrate' again"):
            Library.open(url, sidecars=library)
    monkeypatch.setattr(copying, "BATCH", 2)
    batches: list[str] = []
    done = migrate(source, target, lambda table, number, total: batches.append(table))
    whole = sum(-(-len(rows) // 2) for name, rows in before.items())
    assert whole - 12 < len(batches) < whole - 5
    assert done.rows["sidecars"] == len(before["sidecars"])
    assert _catalog(url if to_server else library / "catalog.sqlite")["sidecars"] == before["sidecars"]


def test_a_catalog_that_changed_since_the_kill_is_copied_anew(library: Path, postgres_url: str) -> None:
    source, target = Database(library / "catalog.sqlite"), open_database(postgres_url)

    def stop(table: str, number: int, total: int) -> None:
        if table == "sidecars":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.copy(source, target, stop)
    with source.write() as connection:
        connection.execute(sa.update(jobs).values(updated_at=jobs.c.updated_at + 1))
    copying.copy(source, target)
    assert _rows(target)["jobs"] == _rows(source)["jobs"]
    with pytest.raises(CatalogError, match="has a catalog already"):
        copying.copy(source, target)
    source.close()
    target.close()


def test_a_row_that_is_lost_on_the_way_is_found(
    library: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = Database(library / "catalog.sqlite"), open_database(postgres_url)
    insert = target.insert_many
    monkeypatch.setattr(
        target,
        "insert_many",
        lambda connection, table, rows: insert(connection, table, rows[1:] if table is jobs else rows),
    )
    with pytest.raises(CatalogError, match=r"differs: jobs has \d+ rows instead of \d+"):
        copying.copy(source, target)
    source.close()
    target.close()


def test_what_cannot_be_migrated_is_said(library: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name a library's folder and a database"):
        migrate(library, tmp_path, None)
    with pytest.raises(LibraryError, match="no library with a catalog"):
        migrate(tmp_path / "none", url, None)
    with pytest.raises(LibraryError, match="does not hold the sidecars"):
        migrate(url, tmp_path, None)
    database = Database(library / "catalog.sqlite")
    with database.write() as connection:
        assert catalog_queue.claim(connection, "ocr", owner="me", token="t", now=1e12, limit=1)
    database.close()
    with pytest.raises(LibraryBusyError, match="Somebody works"):
        migrate(library, url, None)
