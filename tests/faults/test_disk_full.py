"""A library on a disk that fills up: work is paused with a notice, nothing is charged, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysqlite3
import pytest
from PIL import Image

from pillion.catalog import database
from pillion.errors import ItemError
from pillion.library import Library
from pillion.model import SidecarStatus
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.mounts import remount, tmpfs
from tests.support.program import run
from tests.support.waiting import wait_until

FILES = 12


@pytest.fixture(params=[8])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of so many MiB. Skips the test where mounting is not permitted."""
    with tmpfs(tmp_path / "disk", request.param) as place:
        yield place


def _fill(place: Path, leave: int) -> Path:
    """Take all space but ``leave`` bytes."""
    ballast = place / "ballast"
    state = os.statvfs(place)
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave)
    return ballast


def _attempts(root: Path) -> set[int]:
    connection = pysqlite3.connect(f"file:{root / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        return {row[0] for row in connection.execute("SELECT attempts FROM jobs")}
    finally:
        connection.close()


@pytest.mark.parametrize("leave", [0, 96 * 1024])
def test_a_full_disk_pauses_and_charges_nothing(tmp_path: Path, small_disk: Path, leave: int) -> None:
    folder, root = tmp_path / "photos", small_disk / "library"
    folder.mkdir()
    for seed in range(FILES):
        photos.write_photo(folder / f"{seed}.jpg", seed=seed, size=(640, 480))
    with Library.open(root, policy="mobile") as library:
        library.index(folder)
    ballast = _fill(small_disk, leave)
    full = run("work", "--library", root)
    assert full.returncode == 1
    assert "free some" in full.stderr
    assert "Traceback" not in full.stderr
    ballast.unlink()
    with Library.open(root) as library:
        counts = library.status().sidecars["thumb"]
        assert set(counts) <= {SidecarStatus.READY, SidecarStatus.PENDING}
        assert counts[SidecarStatus.PENDING] > 0
        # What was made before the disk was full was charged its one try, and nothing else was.
        assert _attempts(root) <= {0, 1}
        library.run()
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2 * FILES}
        assert library.verify() == []
    assert _attempts(root) == {1}
    check_invariants(root, finished=True)


@pytest.mark.parametrize("leave", [0, 32 * 1024, 256 * 1024])
def test_each_command_that_writes_says_in_one_sentence_that_the_disk_is_full(
    tmp_path: Path, small_disk: Path, leave: int
) -> None:
    folder, root = tmp_path / "photos", small_disk / "library"
    folder.mkdir()
    for seed in range(2):
        photos.write_photo(folder / f"{seed}.jpg", seed=seed, size=(640, 480))
    with Library.open(root, policy="mobile") as library:
        library.index(folder)
        library.run()
        uri = f"sidecar://{next(library.ls()).content_uuid}/thumb/icon"
    _fill(small_disk, leave)
    commands = (
        ("rm", uri),
        ("regenerate", "--kind", "thumb"),
        ("index", folder),
        ("pause",),
        ("cleanup",),
        ("thumb", folder / "0.jpg", "--output", small_disk / "large.webp"),
        ("cp", f"{uri.rpartition('/')[0]}/grid@2x", small_disk / "copy.webp"),
        ("index", folder, "--library", small_disk / "another"),
    )
    failed = 0
    for command in commands:
        library_of = () if command[0] == "thumb" or "--library" in command else ("--library", root)
        done = run(*command, *library_of)
        failed += done.returncode != 0
        assert "Traceback" not in done.stderr, command
        assert "Errno" not in done.stderr, (command, done.stderr)
        if done.returncode != 0:
            assert done.stderr.count("\n") == 1, (command, done.stderr)
            assert "pace" in done.stderr, (command, done.stderr)
    assert failed or leave


def test_a_library_on_a_full_disk_can_be_read_and_written_once_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    folder, root = tmp_path / "photos", small_disk / "library"
    folder.mkdir()
    photos.write_photo(folder / "0.jpg", seed=0, size=(320, 240))
    with Library.open(root, policy="mobile") as library:
        library.index(folder)
        library.run()
        uri = f"sidecar://{next(library.ls()).content_uuid}/thumb/icon"
    ballast = _fill(small_disk, 0)
    commands = (
        ("status",),
        ("ls",),
        ("show", folder / "0.jpg"),
        ("search", "0.jpg"),
        ("failed",),
        ("info", uri),
        ("verify",),
        ("usage",),
        ("plan",),
        ("cleanup", "--dry-run"),
    )
    for command in commands:
        done = run(*command, "--library", root)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout, command
    with Library.open(root) as library:
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2}
        with pytest.raises(ItemError, match=r"No space is left for the catalog .* free some and run again"):
            library.regenerate(kind="thumb")
        ballast.unlink()
        assert library.regenerate(kind="thumb") == 2
        library.run()
    check_invariants(root, finished=True)


def test_what_is_only_in_the_log_can_be_read_on_a_full_disk(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, root = tmp_path / "photos", small_disk / "library"
    folder.mkdir()
    photos.write_photo(folder / "0.jpg", seed=0, size=(320, 240))
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        library.run()
        shutil.copytree(tmp_path / "library", root)
        uri = f"sidecar://{next(library.ls()).content_uuid}/thumb/icon"
    # As after a power cut.
    (root / "catalog.sqlite-shm").unlink()
    assert (root / "catalog.sqlite-wal").stat().st_size > (root / "catalog.sqlite").stat().st_size
    ballast = _fill(small_disk, 0)
    with monkeypatch.context() as patched:
        patched.setattr(database, "_MOST_COPIED", 0)
        with pytest.raises(ItemError, match="No space is left for the catalog"):
            Library.open(root)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    for command in (("status",), ("ls",), ("show", folder / "0.jpg"), ("info", uri), ("verify",), ("plan",)):
        done = run(*command, "--library", root)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout, command
    changed = run("regenerate", "--kind", "thumb", "--library", root)
    assert changed.returncode == 1
    assert "No space is left for the catalog" in changed.stderr
    assert list(temporary.rglob("*.sqlite")) == []
    ballast.unlink()
    with Library.open(root) as library:
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2}
        assert library.regenerate(kind="thumb") == 2
        library.run()
    check_invariants(root, finished=True)


def _write_noise(path: Path, seed: int) -> None:
    """A picture whose thumbnails are large: some 170 KiB."""
    pixels = np.random.default_rng(seed).integers(0, 255, size=(384, 512, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=90)


@pytest.mark.slow
@pytest.mark.parametrize("small_disk", [8, 16, 32], indirect=True)
def test_a_disk_that_sidecars_fill_goes_on_by_itself_when_space_appears(tmp_path: Path, small_disk: Path) -> None:
    folder, root = tmp_path / "photos", small_disk / "library"
    folder.mkdir()
    state = os.statvfs(small_disk)
    number = 8 * state.f_blocks * state.f_frsize // 1024**2
    for seed in range(number):
        _write_noise(folder / f"{seed}.jpg", seed)
    full = run("index", folder, "--library", root, "--policy", "mobile")
    assert "free some" in full.stderr
    assert "Traceback" not in full.stderr
    check_invariants(root, finished=False)
    assert _attempts(root) == {0, 1}
    with Library.open(root) as library:
        library.start()
        assert library._background is not None
        notices = library._background.gates
        wait_until(lambda: bool(notices.notices))
        before = library.status().sidecars["thumb"]
        assert set(before) == {SidecarStatus.READY, SidecarStatus.PENDING}
        remount(small_disk, f"size={number // 2 + 32}m")
        wait_until(lambda: library.status().sidecars["thumb"] == {SidecarStatus.READY: 2 * number})
        library.stop()
    assert _attempts(root) == {1}
    check_invariants(root, finished=True)
