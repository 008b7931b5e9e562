"""kill -9 at any moment: the next run completes, nothing is wrong, nothing is made twice."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import Process, run, start

FILES = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for seed in range(FILES):
        photos.write_photo(root / f"{seed:02d}.jpg", seed=seed, size=(480, 360))
    return root


def _written(library: Path) -> int:
    return sum(1 for _ in library.rglob("*.webp"))


def _start(library: Path, folder: Path) -> Process:
    """Index and work; the last picture is not done, so that the program is there to be killed however late it is."""
    points = library.parent / "points"
    points.mkdir()
    hangs = {DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: f"child.item=hang@{FILES}"}
    return start("index", folder, "--library", library, "--policy", "mobile", env=hangs)


def _kill_when(library: Path, process: Process, made: int) -> None:
    """Wait until so many thumbnails are on disk, then kill the parent."""
    while _written(library) < made:
        assert process.poll() is None, "it was done before it could be killed"
        time.sleep(0.005)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("made", [0, 1, 7, 20, 35, 50])
def test_after_a_kill_the_next_run_completes(tmp_path: Path, folder: Path, made: int) -> None:
    library = tmp_path / "library"
    process = _start(library, folder)
    _kill_when(library, process, made)
    if (library / "catalog.sqlite").exists() and made:
        check_invariants(library, finished=False)
    before = {path: path.stat().st_ino for path in library.rglob("*.webp")}
    done = run("index", folder, "--library", library, "--policy", "mobile", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sidecars"]["thumb"] == {
        "ready": 2 * FILES,
        "empty": 0,
        "unsupported": 0,
        "failed": 0,
        "cancelled": 0,
        "pending": 0,
    }
    check_invariants(library, finished=True)
    assert run("verify", "--library", library).returncode == 0
    assert {path: path.stat().st_ino for path in before} == before, "something was made twice"


@pytest.mark.slow
def test_ctrl_c_stops_within_two_seconds_and_the_next_run_goes_on(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    process = _start(library, folder)
    while _written(library) < 4:
        assert process.poll() is None, "it was done before it could be stopped"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    check_invariants(library, finished=False)
    assert list((library / "staging").iterdir()) == []
    assert run("work", "--library", library).returncode == 0
    check_invariants(library, finished=True)


@pytest.mark.slow
def test_workers_die_with_their_parent(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    process = _start(library, folder)
    _kill_when(library, process, 1)
    deadline = time.monotonic() + 30
    while _workers_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _workers_of(process.pid) == []


def _workers_of(parent: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"pillion.pool.child" in words and str(parent).encode() in words:
            found.append(path.parent.name)
    return found
