"""Repair, reconcile, cleanup and usage on a small real library."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3
import pytest

import pillion
from pillion.errors import CatalogError, LibraryBusyError, LibraryError, UsageError
from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.library import Library
from pillion.maintenance import Finding
from pillion.store import MANIFEST
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import COMMAND, run

DAY_S = 86400.0
VERIFY: Any = sys.modules["pillion.maintenance.verify"]
"""The module: its package has a function of the same name."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos and their library with six thumbnails. Copy it before you change it."""
    root = tmp_path_factory.mktemp("made")
    (root / "photos").mkdir()
    for seed in range(3):
        photos.write_photo(root / "photos" / f"{seed}.jpg", seed=seed, size=(320, 240))
    with pillion.Library.open(root / "library", policy="mobile") as opened:
        opened.index(root / "photos")
        opened.run()
    return root


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of the library beside the photos' own copy; the catalog knows the photos where they are now."""
    shutil.copytree(made / "photos", tmp_path / "photos", copy_function=shutil.copy2)
    shutil.copytree(made / "library", tmp_path / "library")
    _sql(tmp_path / "library", "UPDATE locations SET path = ?", os.fsencode(tmp_path / "photos"))
    return tmp_path


@pytest.fixture
def library(home: Path) -> Iterator[Library]:
    with Library.open(home / "library", create=False) as opened:
        opened.index()
        yield opened


def _sql(library: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = pysqlite3.connect(library / "catalog.sqlite")
    try:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
        return list(rows)
    finally:
        connection.close()


def _files(library: Path) -> dict[str, bytes]:
    below = library / "sidecars"
    return {str(path.relative_to(below)): path.read_bytes() for path in below.rglob("*") if path.is_file()}


def _thumbs(library: Library) -> list[Path]:
    return [item.path for item in library.ls() if item.path is not None]


# repair ---------------------------------------------------------------------------------------------------------------


def test_repair_mends_everything_verify_finds(library: Library) -> None:
    before = _files(library.root)
    missing, damaged, *_ = _thumbs(library)
    missing.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    stray = library.root / "sidecars" / "content" / "00" / "11" / "stray.bin"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    other = _thumbs(library)[4].parent.parent / MANIFEST
    other.write_text("no JSON")
    assert sorted({item.problem for item in library.verify()}) == ["damaged", "manifest", "missing", "stray"]
    mended = {item.finding.problem: item.action for item in library.maintenance.repair()}
    assert mended == {
        "missing": "queued again",
        "damaged": "queued again",
        "stray": "removed",
        "manifest": "rewritten",
    }
    assert library.verify() == []
    check_invariants(library.root, finished=False)
    assert not stray.parent.parent.exists()
    library.run()
    check_invariants(library.root, finished=True)
    assert _files(library.root) == before
    assert library.maintenance.repair() == []


def test_verify_reports_nothing_that_others_made_meanwhile(
    library: Library, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the catalog and its look at the files, another run makes some."""
    stray = library.root / "sidecars" / "left.bin"
    stray.write_bytes(b"x")
    odd = next(path.parent for path in library.root.rglob(MANIFEST)) / os.fsdecode(b"\xff")
    odd.write_bytes(b"x")
    photos.write_photo(home / "photos" / "new.jpg", seed=9, size=(320, 240))
    before = set(_files(library.root))

    def others_work(point: str) -> None:
        assert point == "verify.listed"
        with Library.open(home / "library", create=False) as other:
            other.index()
            other.run()

    monkeypatch.setattr(VERIFY, "reach", others_work)
    found = library.verify()
    made = set(_files(library.root)) - before
    assert len([path for path in made if not path.endswith(MANIFEST)]) == 2
    assert len(made) == 3
    assert {(item.problem, item.path) for item in found} == {("stray", str(stray)), ("stray", str(odd))}


def test_verify_waits_for_files_that_are_placed_but_not_yet_recorded(
    home: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is stopped between the two: what it has placed is no stray once it goes on."""
    photos.write_photo(home / "photos" / "new.jpg", seed=9, size=(320, 240))
    library.index()
    seen, found = _verified_beside(library, ["work"], "record.placed", tmp_path, monkeypatch)
    assert len(seen) == 3
    assert found == []


@pytest.mark.parametrize("command", ["cleanup", "rm"])
def test_verify_waits_for_files_whose_rows_are_gone_already(
    command: str, home: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == "cleanup":
        (home / "photos" / "0.jpg").unlink()
        library.index()
        arguments, point, gone = ["cleanup", "--older-than", "0"], "cleanup.forgotten", 3
    else:
        (uuid,) = library.find(str(home / "photos" / "0.jpg"))
        arguments, point, gone = ["rm", f"sidecar://{uuid}/thumb/icon"], "remove.cancelled", 1
    seen, found = _verified_beside(library, arguments, point, tmp_path, monkeypatch)
    assert len([finding for finding in seen if finding.problem == "stray"]) == gone
    assert found == []


def _verified_beside(
    library: Library, arguments: list[str], point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Finding], list[Finding]]:
    """What verify sees at first, and finds, beside a command that stops at a point and goes on after that look."""
    points = tmp_path / "points"
    points.mkdir()
    environment = {**os.environ, DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: f"{point}=stop@1"}
    work = subprocess.Popen([*COMMAND, *arguments, "--library", str(library.root)], env=environment)
    try:
        _, status = os.waitpid(work.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        look = VERIFY._strays
        seen: list[Finding] = []

        def look_and_let_it_go_on(*given: Any) -> list[Finding]:
            seen.extend(look(*given))
            work.send_signal(signal.SIGCONT)
            return seen

        monkeypatch.setattr(VERIFY, "_strays", look_and_let_it_go_on)
        found = library.verify()
    finally:
        work.send_signal(signal.SIGCONT)
        assert work.wait(120) == 0
    return seen, found


def test_repair_records_a_stray_that_a_job_waits_for(library: Library) -> None:
    item = next(iter(library.ls()))
    _sql(
        library.root,
        "UPDATE sidecars SET status = 'pending', recipe = NULL, format = NULL, rel_path = NULL, size = NULL, "
        "checksum = NULL WHERE content_uuid = ? AND variant = ?",
        item.content_uuid,
        item.variant,
    )
    assert [found.problem for found in library.verify()] == ["stray"]
    assert [mended.action for mended in library.maintenance.repair()] == ["recorded"]
    assert library.verify() == []


def test_what_cannot_be_made_again_is_dropped(library: Library, home: Path) -> None:
    (home / "photos" / "0.jpg").unlink()
    library.index()
    lost = next(item for item in library.ls() if not item.sources)
    assert lost.path is not None
    lost.path.unlink()
    assert [item.action for item in library.maintenance.repair()] == ["dropped"]
    assert library.verify() == []
    assert not any(library.run().recorded.values())
    check_invariants(library.root, finished=True)


def test_links_are_neither_followed_nor_removed(library: Library, home: Path) -> None:
    outside = home / "outside"
    outside.mkdir()
    (outside / "keep.webp").write_bytes(b"mine")
    thumbs = _thumbs(library)[0].parent
    uuid = thumbs.parent.name
    (library.root / "sidecars" / "link").symlink_to(outside)
    shutil.copytree(thumbs, outside / "thumbs")
    shutil.rmtree(thumbs)
    thumbs.symlink_to(outside / "thumbs")
    library.maintenance.repair()
    for path in (home / "photos").iterdir():
        path.unlink()
    library.index(accept_removals=True)
    library.maintenance.cleanup(older_than_days=0)
    assert (outside / "keep.webp").read_bytes() == b"mine"
    assert len(list((outside / "thumbs").iterdir())) == 2
    assert uuid not in {item.content_uuid for item in library.ls()}


@pytest.mark.parametrize("what", ["link", "dangling", "file", "pipe"])
def test_what_stands_in_place_of_a_folder_is_told_with_what_to_do(library: Library, home: Path, what: str) -> None:
    thumbs = _thumbs(library)[0].parent
    shutil.rmtree(thumbs)
    if what == "file":
        thumbs.write_bytes(b"mine")
    elif what == "pipe":
        os.mkfifo(thumbs)
    else:
        thumbs.symlink_to(home / ("photos" if what == "link" else "nowhere"))
    missing = [found for found in library.verify() if found.problem == "missing"]
    assert len(missing) == 2
    assert all(f"{thumbs} is no folder any more" in found.message for found in missing)
    library.maintenance.repair()
    if what == "file":
        assert not thumbs.exists()
    else:
        (found,) = library.verify()
        assert found.path == str(thumbs)
        assert "remove it" in found.message
        ((again, action),) = [(done.finding, done.action) for done in library.maintenance.repair()]
        assert (again.path, action) == (str(thumbs), None)
        thumbs.unlink()
    assert library.verify() == []
    assert sum(library.run().recorded.values()) == 2
    check_invariants(library.root, finished=True)


def test_a_path_from_a_broken_catalog_leads_nowhere(library: Library, home: Path) -> None:
    outside = home / "outside.webp"
    outside.write_bytes(b"mine")
    _sql(library.root, "UPDATE sidecars SET rel_path = '../../outside.webp' WHERE variant = 'icon'")
    assert {item.action for item in library.maintenance.repair()} <= {"queued again", "recorded", "removed", None}
    assert outside.read_bytes() == b"mine"


# reconcile ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["gone", "garbage", "emptied"])
def test_a_lost_catalog_is_rebuilt_and_nothing_is_made_again(home: Path, loss: str) -> None:
    library = home / "library"
    catalog = library / "catalog.sqlite"
    before, rows = _files(library), _ready_rows(library)
    inodes = {path: path.stat().st_ino for path in library.rglob("*.webp")}
    if loss == "gone":
        catalog.unlink()
    else:
        catalog.write_bytes(b"garbage " * 2000 if loss == "garbage" else b"")
    with pytest.raises(CatalogError, match="pillion reconcile --library"):
        Library.open(library)
    report = Library.reconcile(library)
    assert (report.catalog, report.contents, report.sidecars, report.recorded) == ("rebuilt", 3, 6, 6)
    assert report.moved_to == (None if loss == "gone" else f"{catalog}.damaged-1")
    assert _ready_rows(library) == rows
    with Library.open(library, create=False) as opened:
        assert opened.verify() == []
        assert opened.index(home / "photos").queued == 0
        assert not any(opened.run().recorded.values())
    assert _files(library) == before
    assert {path: path.stat().st_ino for path in inodes} == inodes
    check_invariants(library, finished=True)


def _ready_rows(library: Path) -> list[tuple[object, ...]]:
    columns = "content_uuid, kind, variant, status, wanted, recipe, format, rel_path, size, checksum"
    return _sql(library, f"SELECT {columns} FROM sidecars ORDER BY 1, 2, 3")


def test_only_what_is_whole_comes_back(home: Path) -> None:
    library = home / "library"
    first, second = sorted(library.rglob("icon.webp"))[:2]
    first.write_bytes(b"other bytes")
    (second.parent.parent / MANIFEST).write_text('{"content_uuid": 7}')
    (library / "catalog.sqlite").unlink()
    report = Library.reconcile(library)
    assert (report.contents, report.sidecars, len(report.problems)) == (2, 3, 2)
    with Library.open(library, create=False) as opened:
        assert opened.index(home / "photos").queued == 2
        opened.run()
        assert opened.maintenance.repair() == []
    check_invariants(library, finished=True)


def test_a_catalog_that_is_whole_is_kept_and_completed(library: Library) -> None:
    _sql(library.root, "DELETE FROM sidecars WHERE variant = 'icon'")
    report = Library.reconcile(library.root)
    assert (report.catalog, report.recorded, report.moved_to) == ("kept", 3, None)
    assert Library.reconcile(library.root).recorded == 0
    assert library.verify() == []


def test_reconcile_refuses_while_another_process_has_the_library(home: Path) -> None:
    library = home / "library"
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; f = open(sys.argv[1]); print(flush=True); input()",
            library / "catalog.sqlite",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LibraryBusyError, match=str(holder.pid)):
            Library.reconcile(library, rebuild=True)
        holder.communicate(b"\n")
    assert Library.reconcile(library, rebuild=True).catalog == "rebuilt"


def test_reconcile_needs_a_library(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library"):
        Library.reconcile(tmp_path / "nowhere")


# cleanup and usage ----------------------------------------------------------------------------------------------------


def test_cleanup_removes_what_no_file_has_and_nothing_else(library: Library, home: Path) -> None:
    (home / "photos" / "0.jpg").unlink()
    (home / "photos" / "1.jpg").rename(home / "photos" / "moved.jpg")
    library.index()
    gone = {item.path for item in library.ls() if not item.sources}
    kept = set(_thumbs(library)) - gone
    assert len(gone) == 2
    assert library.maintenance.cleanup().contents == 0, "gone for less than 30 days"
    tried = library.maintenance.cleanup(older_than_days=0, dry_run=True)
    assert (tried.contents, tried.sidecars) == (1, 2)
    assert set(_thumbs(library)) == kept | gone
    report = library.maintenance.cleanup(older_than_days=0)
    assert (report.contents, report.sidecars, report.bytes) == (1, 2, tried.bytes)
    assert set(_thumbs(library)) == kept
    assert all(path.is_file() for path in kept)
    assert not any(path is not None and path.parent.parent.exists() for path in gone)
    assert library.verify() == []
    check_invariants(library.root, finished=True)
    assert library.index().queued == 0


def test_the_days_count_from_when_the_file_was_gone(library: Library, home: Path) -> None:
    (home / "photos" / "0.jpg").unlink()
    (home / "photos" / "1.jpg").unlink()
    library.index()
    _sql(library.root, "UPDATE entries SET removed_at = ? WHERE path = ?", time.time() - 31 * DAY_S, b"1.jpg")
    assert library.maintenance.cleanup().contents == 1
    assert library.maintenance.cleanup(older_than_days=0).contents == 1


def test_a_changed_file_leaves_its_old_content_to_cleanup(library: Library, home: Path) -> None:
    photos.write_photo(home / "photos" / "0.jpg", seed=9, size=(320, 240))
    library.index()
    library.run()
    assert library.maintenance.cleanup().contents == 0
    _sql(library.root, "UPDATE meta SET value = ? WHERE key LIKE 'orphan:%'", repr(time.time() - 31 * DAY_S))
    assert library.maintenance.cleanup().contents == 1
    assert library.verify() == []
    assert library.maintenance.usage().to_json()["total"]["sidecars"] == 6


def test_a_quota_takes_the_oldest_first_and_never_what_is_present(library: Library, home: Path) -> None:
    for name in ("0.jpg", "1.jpg"):
        (home / "photos" / name).unlink()
    library.index()
    _sql(library.root, "UPDATE entries SET removed_at = removed_at - 9 WHERE path = ?", b"1.jpg")
    before = library.maintenance.usage().to_json()["total"]["bytes"]
    report = library.maintenance.cleanup(quota=before - 1)
    assert (report.contents, report.over_quota, report.left) == (1, 0, before - report.bytes)
    assert _sql(library.root, "SELECT path FROM entries WHERE removed_at IS NOT NULL") == [(b"0.jpg",)]
    last = library.maintenance.cleanup(quota=0)
    assert last.contents == 1
    assert last.over_quota == last.left == library.maintenance.usage().to_json()["total"]["bytes"]
    assert library.verify() == []
    with pytest.raises(UsageError):
        library.maintenance.cleanup(quota=-1)
    with pytest.raises(UsageError):
        library.maintenance.cleanup(older_than_days=float("nan"))


def test_after_reconcile_nothing_is_cleaned_up_before_it_was_indexed(home: Path) -> None:
    library = home / "library"
    (library / "catalog.sqlite").unlink()
    Library.reconcile(library)
    with Library.open(library, create=False) as opened:
        assert opened.maintenance.cleanup(older_than_days=0).contents == 0
        opened.index(home / "photos")
        (home / "photos" / "0.jpg").unlink()
        opened.index()
        assert opened.maintenance.cleanup(older_than_days=0).contents == 1


def test_a_kill_between_rows_and_files_leaves_only_strays(
    library: Library, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "photos" / "0.jpg").unlink()
    library.index()

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pillion.store.LocalStore.remove_content", killed)
    with pytest.raises(KeyboardInterrupt):
        library.maintenance.cleanup(older_than_days=0)
    check_invariants(library.root, finished=False)
    assert {item.problem for item in library.verify()} == {"stray"}
    assert {item.action for item in library.maintenance.repair()} == {"removed"}
    check_invariants(library.root, finished=True)


def test_repair_removes_nothing_that_a_catalog_has_forgotten(library: Library) -> None:
    """As after a log was cut: the catalog is in order, and knows the contents, but none of their sidecars."""
    files = _files(library.root)
    library.close()
    with closing(pysqlite3.connect(library.root / "catalog.sqlite", isolation_level=None)) as connection:
        connection.execute("DELETE FROM sidecars")
    with Library.open(library.root) as older:
        repaired = older.maintenance.repair()
        assert {(done.finding.problem, done.action) for done in repaired} == {("stray", None)}
        assert all("pillion reconcile" in done.message for done in repaired)
    assert _files(library.root) == files
    assert run("reconcile", "--library", library.root).returncode == 0
    with Library.open(library.root) as again:
        assert again.verify() == []
    assert _files(library.root) == files


def test_the_commands(home: Path) -> None:
    library = home / "library"
    usage = json.loads(run("usage", "--library", library, "--json").stdout)
    assert usage["kinds"]["thumb"]["variants"]["icon"]["sidecars"] == 3
    assert usage["total"]["statuses"] == {"ready": 6}
    assert usage["total"]["bytes"] == sum(path.stat().st_size for path in library.rglob("*.webp"))
    next(library.rglob("icon.webp")).unlink()
    assert run("verify", "--library", library).returncode == 1
    done = run("verify", "--repair", "--library", library, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"][0]["action"] == "queued again"
    assert run("cleanup", "--dry-run", "--library", library).returncode == 0
    (library / "catalog.sqlite").write_bytes(b"garbage" * 1000)
    done = run("status", "--library", library)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pillion reconcile" in done.stderr
    done = run("reconcile", "--library", library, "--json")
    assert json.loads(done.stdout)["sidecars"] == 5
