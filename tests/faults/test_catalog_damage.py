"""The catalog damaged on purpose: every command works or says in one sentence what is wrong, and reconcile mends it.

``PILLION_SOAK=1000`` tries that many damaged copies instead of a few dozen, others with another ``PILLION_SOAK_SEED``.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pysqlite3
import pytest
from click.testing import CliRunner, Result

from pillion.cli.app import program
from pillion.library import Library
from tests.support import photos
from tests.support.invariants import check_invariants

FLIPS = int(os.environ.get("PILLION_SOAK", "24"))
FIRST = 1_000_000 * int(os.environ.get("PILLION_SOAK_SEED", "0"))
FILES = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos and their finished library; the catalog's copies are damaged, the sidecars never."""
    root = tmp_path_factory.mktemp("damage")
    (root / "photos").mkdir()
    for seed in range(FILES):
        photos.write_photo(root / "photos" / f"{seed}.jpg", seed=seed, size=(160, 120))
    with Library.open(root / "library", policy="mobile") as opened:
        opened.index(root / "photos")
        opened.run()
    shutil.copy(root / "library" / "catalog.sqlite", root / "whole.sqlite")
    return root


@pytest.fixture
def library(made: Path) -> Path:
    """The library with its catalog whole again."""
    for path in (made / "library").glob("catalog.sqlite*"):
        path.unlink()
    shutil.copy(made / "whole.sqlite", made / "library" / "catalog.sqlite")
    return made / "library"


def _run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(program, [str(item) for item in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, done.exc_info)
    assert done.exit_code in (0, 1), (arguments, done.output)
    return done


def _every_command(made: Path) -> None:
    where = ("--library", made / "library")
    for command in ("status", "ls", "failed", "usage", "verify"):
        _run(command, *where)
        _run(command, *where, "--json")
    _run("cleanup", "--dry-run", *where)
    _run("index", made / "photos", "--no-wait", "--json", *where)
    _run("work", "--json", *where)


def _sidecars(library: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_ino, path.read_bytes()) for path in (library / "sidecars").rglob("*.webp")}


def _brought_back(made: Path, before: dict[str, tuple[int, bytes]], *options: str) -> None:
    """Reconcile, then index: everything is ready, nothing was made or even queued."""
    library = made / "library"
    done = _run("reconcile", "--library", library, *options)
    assert done.exit_code == 0, done.output
    with Library.open(library, create=False) as opened:
        assert opened.index(made / "photos").queued == 0
        assert opened.verify() == []
    assert _sidecars(library) == before
    check_invariants(library, finished=True)


def _flip(catalog: Path, chance: random.Random) -> None:
    data = bytearray(catalog.read_bytes())
    page = 4096
    start = chance.randrange(len(data) // page) * page
    if chance.random() < 0.5:
        data[start : start + page] = chance.randbytes(page)
    else:
        at = start + chance.randrange(page - 64)
        data[at : at + 64] = chance.randbytes(64)
    catalog.write_bytes(data)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + FLIPS))
def test_a_damaged_page(made: Path, library: Path, seed: int) -> None:
    before = _sidecars(library)
    _flip(library / "catalog.sqlite", random.Random(seed))
    _every_command(made)
    # Bytes inside a value can change without any structure being wrong, so the catalog is not trusted at all.
    _brought_back(made, before, "--rebuild")


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_catalog_cut_short(made: Path, library: Path, part: float) -> None:
    before = _sidecars(library)
    os.truncate(library / "catalog.sqlite", int((library / "catalog.sqlite").stat().st_size * part))
    assert "pillion reconcile" in _run("verify", "--library", library).output
    _every_command(made)
    _brought_back(made, before)
    assert (library / "catalog.sqlite.damaged-1").exists()


def test_a_schema_that_is_no_text(made: Path, library: Path) -> None:
    """SQLite's message quotes it: the driver cannot even say what is wrong."""
    before = _sidecars(library)
    catalog = library / "catalog.sqlite"
    data = catalog.read_bytes()
    assert b"CREATE TABLE" in data
    catalog.write_bytes(data.replace(b"CREATE TABLE", b"CREATE \xdfABLE"))
    assert "pillion reconcile" in _run("verify", "--library", library).output
    _every_command(made)
    _brought_back(made, before)


def test_a_folder_in_place_of_the_catalog(made: Path, library: Path) -> None:
    before = _sidecars(library)
    (library / "catalog.sqlite").unlink()
    (library / "catalog.sqlite").mkdir()
    (library / "catalog.sqlite" / "mine.txt").write_text("of the user")
    said = _run("verify", "--library", library)
    assert (said.exit_code, "is a folder" in said.output, "pillion reconcile" in said.output) == (1, True, True)
    _every_command(made)
    (library / "catalog.sqlite").rename(made / "away")
    _brought_back(made, before)
    assert (made / "away" / "mine.txt").read_text() == "of the user"


def test_the_log_deleted(made: Path, library: Path) -> None:
    before = _sidecars(library)
    connection = pysqlite3.connect(library / "catalog.sqlite", isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("UPDATE sidecars SET wanted = wanted || 'x', recipe = recipe || 'x'")
    connection.execute("DELETE FROM sidecars WHERE variant = 'icon'")
    copy = made / "unfinished.sqlite"
    # What a kill leaves: the catalog as it was at the last checkpoint, and a log that is then lost.
    shutil.copy(library / "catalog.sqlite", copy)
    connection.close()
    for path in library.glob("catalog.sqlite*"):
        path.unlink()
    copy.rename(library / "catalog.sqlite")
    _every_command(made)
    _brought_back(made, before)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(FLIPS // 4, 6)))
def test_a_damaged_log(made: Path, library: Path, seed: int) -> None:
    """SQLite drops what comes after a damaged frame, without a word: the catalog is then an older one."""
    before = _sidecars(library)
    chance = random.Random(seed)
    connection = pysqlite3.connect(library / "catalog.sqlite", isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    for row in connection.execute("SELECT DISTINCT content_uuid FROM sidecars").fetchall():
        connection.execute("DELETE FROM sidecars WHERE variant = 'icon' AND content_uuid = ?", row)
        connection.execute("UPDATE sidecars SET updated_at = updated_at + 1")
    # What a kill leaves: the catalog as it was at the last checkpoint, and a log of all that came since.
    names = ("catalog.sqlite", "catalog.sqlite-wal")
    for name in names:
        shutil.copy(library / name, made / f"copy-of-{name}")
    connection.close()
    for path in library.glob("catalog.sqlite*"):
        path.unlink()
    for name in names:
        (made / f"copy-of-{name}").rename(library / name)
    log = bytearray((library / "catalog.sqlite-wal").read_bytes())
    at = chance.randrange(len(log) - 64)
    log[at : at + 64] = chance.randbytes(64)
    (library / "catalog.sqlite-wal").write_bytes(log)
    _every_command(made)
    _brought_back(made, before)


@pytest.fixture(scope="module")
def logged(made: Path) -> dict[str, bytes]:
    """The catalog of a library that was killed, or copied while it was open: all that it knows is in its log."""
    with Library.open(made / "other", policy="mobile") as opened:
        opened.index(made / "photos")
        opened.run()
        names = ("catalog.sqlite", "catalog.sqlite-wal")
        return {name: (made / "other" / name).read_bytes() for name in names}


@pytest.mark.parametrize("part", [0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_log_cut_short(made: Path, logged: dict[str, bytes], part: float) -> None:
    """Nothing is made twice; where it knows nothing any more, no command takes the library for an empty one."""
    library = made / "other"
    before = _sidecars(library)
    for name, data in logged.items():
        (library / name).write_bytes(data[: int(len(data) * part)] if name.endswith("-wal") else data)
    (library / "catalog.sqlite-shm").unlink(missing_ok=True)
    is_refused = _run("status", "--library", library).exit_code == 1
    assert is_refused or part > 0.5
    if is_refused:
        for command in ("ls", "plan", "work", "verify", "cleanup"):
            done = _run(command, "--library", library)
            assert (done.exit_code, "pillion reconcile" in done.output) == (1, True), (command, done.output)
        found = CliRunner().invoke(program, ["search", "harbour", "--library", str(library)])
        assert (found.exit_code, "pillion reconcile" in found.output) == (2, True), found.output
        assert _run("index", made / "photos", "--library", library).exit_code == 1
        assert _run("reconcile", "--library", library).exit_code == 0
    with Library.open(library, create=False) as opened:
        opened.index(made / "photos")
        opened.run()
        assert opened.verify() == []
    assert _sidecars(library) == before


def _commits(log: bytes) -> list[int]:
    """Where each commit of a write-ahead log ends: its last frame tells the size of the database, the others 0."""
    frame = 24 + int.from_bytes(log[8:12], "big")
    return [at + frame for at in range(32, len(log) - frame + 1, frame) if any(log[at + 4 : at + 8])]


def test_repair_after_a_log_cut_at_each_commit_and_amid_a_frame(made: Path, logged: dict[str, bytes]) -> None:
    """Whatever the catalog forgot, repair removes none of the sidecars, and index makes none of them again."""
    library = made / "other"
    before = _sidecars(library)
    log = logged["catalog.sqlite-wal"]
    for end in [cut for commit in _commits(log) for cut in (commit, commit - 2000)]:
        (library / "catalog.sqlite").write_bytes(logged["catalog.sqlite"])
        (library / "catalog.sqlite-wal").write_bytes(log[:end])
        (library / "catalog.sqlite-shm").unlink(missing_ok=True)
        repaired = _run("verify", "--repair", "--library", library)
        assert repaired.exit_code == 0 or "pillion reconcile" in repaired.output, (end, repaired.output)
        assert _sidecars(library) == before, end
        if _run("index", made / "photos", "--library", library).exit_code == 1:
            assert _run("reconcile", "--library", library).exit_code == 0
            assert _run("index", made / "photos", "--library", library).exit_code == 0
        assert _run("verify", "--library", library).exit_code == 0, end
        assert _sidecars(library) == before, end


def test_rows_of_another_type(made: Path, library: Path) -> None:
    before = _sidecars(library)
    connection = pysqlite3.connect(library / "catalog.sqlite", isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE sidecars SET status = 'nearly', size = 'x' WHERE variant = 'icon'")
    connection.execute("UPDATE recipes SET settings = '{'")
    connection.close()
    assert "pillion reconcile" in _run("ls", "--library", library).output
    _every_command(made)
    _brought_back(made, before)
