"""Sources that vanish or change, results that come too late, and the proof that unchanged files cost nothing."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from blake3 import blake3

from pillion.catalog import queue as catalog_claims
from pillion.catalog import queue as catalog_jobs
from pillion.catalog import tables
from pillion.catalog.database import Database
from pillion.errors import LibraryError
from pillion.kinds.execute import Execution, execute
from pillion.library import Library
from pillion.model import SidecarStatus
from pillion.queue.checkpoints import FOLDER, Checkpoints
from pillion.queue.commit import PlannedJob, Recorder
from pillion.queue.engine import Result
from pillion.queue.jobs import plan
from pillion.store import LocalStore
from tests.support import photos
from tests.support.invariants import check_invariants, check_untouched, source_state
from tests.support.mounts import remount, tmpfs
from tests.support.program import run, run_json

GOOD = 4
MAX_PIXELS = 10**8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(GOOD):
        photos.write_photo(root / f"{seed}.jpg", seed=seed, size=(160, 120))
    return root


def test_a_source_that_vanishes_or_changes_fails_alone(tmp_path: Path, folder: Path) -> None:
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        (folder / "0.jpg").unlink()
        changed = photos.write_photo(folder / "1.jpg", seed=99, size=(200, 160))
        library.run()
        classes = {
            Path(item.sources[0]).name: (item.error or {}).get("class")
            for item in library.ls(statuses=[SidecarStatus.FAILED])
        }
        assert classes == {"0.jpg": "missing_source", "1.jpg": "changed_source"}
        assert library.status().sidecars["thumb"][SidecarStatus.READY] == 2 * (GOOD - 2)
        # The next index sees what there is now: the new picture is made, the others are left alone.
        report = library.index()
        assert (report.changed, report.removed, report.queued) == (1, 1, 1)
        library.run()
        mine = [item for item in library.ls() if str(changed) in item.sources]
        assert [item.state for item in mine] == [SidecarStatus.READY] * 2
    check_invariants(tmp_path / "library", finished=True)


def test_the_copy_that_is_left_serves(tmp_path: Path, folder: Path) -> None:
    shutil.copy(folder / "0.jpg", folder / "copy.jpg")
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        (folder / "0.jpg").unlink()
        library.run()
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2 * GOOD}


def _made(library: Library, database: Database, owner: str, now: float) -> Sequence[Result[PlannedJob]]:
    """Claim everything as ``owner`` and do it in this process, without recording it."""
    store = LocalStore(library.root)
    with database.write() as connection:
        claimed = catalog_claims.claim(connection, "thumb", owner=owner, token=uuid.uuid4().hex, now=now, limit=100)
    checkpoints = Checkpoints(store.staging / FOLDER)
    planned = [
        plan(job, store, checkpoints, staging=store.new_staging_path(owner), max_pixels=MAX_PIXELS) for job in claimed
    ]
    results: list[Result[PlannedJob]] = []
    for item in planned:
        value = execute(item.task)
        assert isinstance(value, Execution)
        results.append((item, value))
    return results


def test_a_result_that_comes_after_the_rescue_changes_nothing(tmp_path: Path, folder: Path) -> None:
    now = time.time()
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        database = Database(library.root / "catalog.sqlite")
        store = LocalStore(library.root)
        late = Recorder(database, store, Checkpoints(store.staging / FOLDER), "late")
        results = _made(library, database, "late", now)
        assert len(results) == GOOD
        with database.write() as connection:
            assert catalog_jobs.rescue(connection, "late", now + catalog_claims.LEASE_S) == GOOD
        library.run()
        before = _state(library.root, database)
        assert list((library.root / "staging").iterdir()) != []
        late.record(results, now)
        assert list((library.root / "staging").iterdir()) == []
        assert _state(library.root, database) == before
        assert not any(late.counts.values())
        database.close()
    check_invariants(tmp_path / "library", finished=True)


def _state(root: Path, database: Database) -> tuple[object, ...]:
    """Every row of jobs and sidecars, and every file with its inode."""
    with database.read() as connection:
        rows = [
            [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]
            for table in ("jobs", "sidecars")
        ]
    files = {str(path): path.stat().st_ino for path in (root / "sidecars").rglob("*") if path.is_file()}
    return (rows, files)


def test_nothing_is_done_for_files_whose_bytes_are_the_same(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    # Each call of the program is a process of its own: the restart.
    assert run("index", folder, "--library", library, "--policy", "mobile").returncode == 0
    files = {path: path.stat().st_ino for path in library.rglob("*.webp")}
    for path in folder.iterdir():
        path.chmod(0o600)
        seen = path.stat()
        os.utime(path, ns=(time.time_ns(), seen.st_mtime_ns))
    # Another ctime may be an edit with the mtime set back: they are read, once.
    for hashed in (GOOD, 0):
        again = json.loads(run("index", folder, "--library", library, "--json").stdout)
        assert (again["hashed"], again["queued"], again["changed"]) == (hashed, 0, 0)
    for path in folder.iterdir():
        os.utime(path)
    touched = json.loads(run("index", folder, "--library", library, "--json").stdout)
    assert (touched["hashed"], touched["queued"]) == (GOOD, 0)
    assert {path: path.stat().st_ino for path in library.rglob("*.webp")} == files
    check_invariants(library, finished=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that can be made read-only: then not even root can write."""
    with tmpfs(tmp_path / "disk", 32) as place:
        yield place


def test_what_failed_is_no_failure_any_more_when_its_file_is_gone(tmp_path: Path, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(photos.write_photo(folder / "bad.jpg", seed=9, size=(160, 120)).read_bytes()[:99])
    command = ("index", folder, "--library", tmp_path / "library", "--policy", "mobile", "--strict")
    broken = run(*command)
    assert (broken.returncode, "bad.jpg" in broken.stdout) == (1, True)
    (folder / "bad.jpg").unlink()
    mended = run(*command)
    assert (mended.returncode, "bad.jpg" in mended.stdout) == (0, False), mended.stdout
    status = run_json("status", "--library", tmp_path / "library")
    assert "failed" not in status["sidecars"]["thumb"] or status["sidecars"]["thumb"]["failed"] == 0


def test_a_read_only_source_is_as_good_as_any(tmp_path: Path, disk: Path, folder: Path) -> None:
    shutil.copytree(folder, disk / "photos")
    remount(disk, "ro")
    before = source_state(disk / "photos")
    done = run("index", disk / "photos", "--library", tmp_path / "library", "--policy", "mobile", "--strict")
    assert done.returncode == 0, done.stderr
    check_untouched(before, disk / "photos")
    check_invariants(tmp_path / "library", finished=True)


def test_a_read_only_library_is_looked_at_and_never_changed(disk: Path, folder: Path) -> None:
    library = disk / "library"
    with Library.open(library, policy="mobile") as opened:
        opened.index(folder)
        opened.run()
    remount(disk, "ro")
    before = source_state(library)
    for command in (["status"], ["ls"], ["verify"], ["failed"], ["usage"]):
        looked = run(*command, "--library", library)
        assert looked.returncode == 0, (command, looked.stderr)
    with Library.open(library) as opened:
        address = f"sidecar://{next(iter(opened.ls())).content_uuid}/thumb"
    for command in (
        *(["work"], ["index", folder], ["cleanup"], ["verify", "--repair"], ["retry"], ["pause"], ["watch"]),
        *(["peer", "add", "desk", "http://desk:8640"], ["rm", f"{address}/icon"], ["cat", f"{address}/grid@3x"]),
    ):
        refused = run(*command, "--library", library)
        assert refused.returncode == 1, (command, refused.stdout)
        assert "read-only" in refused.stderr, (command, refused.stderr)
    check_untouched(before, library)


def test_a_source_that_changes_between_its_hash_and_its_decoding(tmp_path: Path, folder: Path) -> None:
    """Again and again, while workers run: what is ready is of the bytes that its content names, or is not there."""
    with Library.open(tmp_path / "library", policy="mobile") as library:
        for turn in range(4):
            library.index(folder)
            for seed in range(turn % 2, GOOD, 2):
                photos.write_photo(folder / f"{seed}.jpg", seed=100 * (turn + 1) + seed, size=(160, 120))
            library.run()
        library.index(folder)
        library.run()
        ready = [item for item in library.ls() if item.state is SidecarStatus.READY and item.sources]
        assert len(ready) == 2 * GOOD
        for item in ready:
            assert blake3(Path(item.sources[0]).read_bytes()).hexdigest()[:8] == item.content_uuid[:8]
    check_invariants(tmp_path / "library", finished=True)


@pytest.mark.parametrize("lost", ["staging", "."])
def test_a_folder_of_the_library_that_vanishes_amid_work_is_no_fault_of_the_files(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    root = tmp_path / "library"

    def lose(point: str) -> None:
        if point == "work.claimed":
            shutil.rmtree(root / lost)

    with Library.open(root, policy="mobile") as library:
        library.index(folder)
        with monkeypatch.context() as patch:
            patch.setattr("pillion.queue.jobs.reach", lose)
            with pytest.raises(LibraryError, match=r"staging is gone"):
                library.run()
        assert not (root / lost).exists()
        if lost == "staging":
            with library._database.read() as connection:
                assert set(connection.execute(sa.select(tables.jobs.c.attempts)).scalars()) == {0}
    if lost == "staging":
        with Library.open(root) as library:
            library.run()
            assert library.status().sidecars["thumb"][SidecarStatus.READY] == 2 * GOOD
