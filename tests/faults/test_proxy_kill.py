"""A film whose encoding is killed: the next run goes on after the segments that are done, and gives the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.library import Library
from tests.support import films
from tests.support.invariants import check_invariants

KEPT = "proxy.kept"
SEGMENTS = 4
"""Of a minute each; and the sound."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of four minutes with two frames a second."""
    root = tmp_path_factory.mktemp("films")
    times = [number / 2 for number in range(2 * 60 * SEGMENTS)]
    films.write_numbered(root / "a.mp4", times, size=(160, 90), keys_every=7, sound_s=3)
    return root


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is made where nobody is killed."""
    return made(tmp_path_factory.mktemp("other") / "library", folder).read_bytes()


def made(library: Path, folder: Path) -> Path:
    with Library.open(library, policy="server") as opened:
        opened.index(folder, kinds=["proxy"])
        opened.run()
        (row,) = opened.ls(kind="proxy")
        assert row.path is not None
        return row.path


def killed(library: Path, points: Path, *, worker_too: bool) -> None:
    """Run the program until two segments and the sound are kept, and kill it."""
    environment = {**os.environ, DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: f"{KEPT}=hang@3"}
    command = [sys.executable, "-m", "pillion", "work", "--library", str(library)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as program:
        while program.poll() is None and not ((points / KEPT).exists() and (points / KEPT).stat().st_size == 3):
            time.sleep(0.01)
        assert program.poll() is None
        worker = next(child for child in psutil.Process(program.pid).children() if "pool.child" in str(child.cmdline()))
        if worker_too:
            worker.kill()
        program.kill()
        worker.wait(60)
    assert program.returncode == -signal.SIGKILL


@pytest.mark.parametrize("worker_too", [False, True])
def test_what_is_done_is_not_done_again(
    folder: Path, whole: bytes, tmp_path: Path, worker_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, points = tmp_path / "library", tmp_path / "points"
    points.mkdir()
    with Library.open(library, policy="server") as opened:
        opened.index(folder, kinds=["proxy"])
    killed(library, points, worker_too=worker_too)
    (points / KEPT).unlink()
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(points))
    monkeypatch.setenv(RULES_VARIABLE, f"{KEPT}=ENOSPC@99")
    path = made(library, folder)
    # The last part that was kept may have been taken with the killed worker; what its parent had is not lost.
    assert SEGMENTS - 2 <= (points / KEPT).stat().st_size <= SEGMENTS - 1
    assert path.read_bytes() == whole
    assert not list((library / "staging").rglob("*.json*"))
    check_invariants(library, finished=False)


def test_a_damaged_part_is_made_again(folder: Path, whole: bytes, tmp_path: Path) -> None:
    library, points = tmp_path / "library", tmp_path / "points"
    points.mkdir()
    with Library.open(library, policy="server") as opened:
        opened.index(folder, kinds=["proxy"])
    killed(library, points, worker_too=False)
    with Library.open(library) as opened:
        opened.run(kinds=["thumb"])
    parts = sorted((library / "staging" / "checkpoints").glob("*.json.*"))
    assert parts
    parts[-1].write_bytes(parts[-1].read_bytes()[:-20])
    assert made(library, folder).read_bytes() == whole
