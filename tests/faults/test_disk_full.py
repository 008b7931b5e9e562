"""A library on a disk that fills up: work is paused with a notice, nothing is charged, and it goes on afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pysqlite3
import pytest

from pillion.library import Library
from pillion.model import SidecarKind, SidecarStatus
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import run

FILES = 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 8 MiB. Skips the test where mounting is not permitted."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "pillion-test", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


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
    assert "free some" in full.stderr
    assert "Traceback" not in full.stderr
    ballast.unlink()
    with Library.open(root) as library:
        counts = library.status().sidecars[SidecarKind.THUMB]
        assert set(counts) <= {SidecarStatus.READY, SidecarStatus.PENDING}
        assert counts[SidecarStatus.PENDING] > 0
        # What was made before the disk was full was charged its one try, and nothing else was.
        assert _attempts(root) <= {0, 1}
        library.run()
        assert library.status().sidecars[SidecarKind.THUMB] == {SidecarStatus.READY: 2 * FILES}
        assert library.verify() == []
    assert _attempts(root) == {1}
    check_invariants(root, finished=True)
