"""The proof that unchanged files cost nothing: no file is opened, hashed, decoded or queued a second time.

The kernel itself says which files were opened. ``PILLION_SOAK`` takes 100,000 files instead of 5,000.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion.failpoints import DIRECTORY_VARIABLE
from tests.support import photos
from tests.support.invariants import (
    FileState,
    check_invariants,
    check_not_made_again,
    check_untouched,
    source_state,
    visible_files,
)
from tests.support.program import COMMAND, run
from tests.support.watching import Watch

FILES = 100_000 if "PILLION_SOAK" in os.environ else 5_000
PICTURES = FILES // 20
DUPLICATES = FILES // 10
FOLDERS = 50

NEWER = "import sys, pillion, pillion.cli.app as app; pillion.__version__ = app.__version__ = '99.0.0'; app.main()"
"""The program as a later release whose recipes are the same."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in folders, a twentieth of them pictures and a tenth copies of others, and their finished library."""
    root = tmp_path_factory.mktemp("nowork")
    picture = io.BytesIO()
    photos.photo(1, (64, 48)).save(picture, "JPEG")
    for number in range(FOLDERS):
        (root / "files" / str(number)).mkdir(parents=True)
    for number in range(FILES):
        content = number - 1 if number % (FILES // DUPLICATES) == 1 else number
        folder = root / "files" / str(number % FOLDERS)
        if number < PICTURES:
            # What follows a picture's end is not looked at by decoders, and makes it another content.
            (folder / f"{number}.jpg").write_bytes(picture.getvalue() + b"%d" % content)
        else:
            (folder / f"{number}.txt").write_bytes(b"The number of this file is %d.\n" % content)
    done = run("index", root / "files", "--library", root / "library", "--policy", "mobile")
    assert done.returncode == 0, done.stderr
    check_invariants(root / "library", finished=True)
    return root


@pytest.fixture
def made(home: Path) -> Iterator[FileState]:
    """The sidecars as they are; after the test they are the same ones."""
    before = visible_files(home / "library")
    assert len(before) == 2 * PICTURES * 9 // 10
    yield before
    check_not_made_again(before, home / "library")
    check_invariants(home / "library", finished=True)


def _index(home: Path, points: Path, *program: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Run index; its report, and how many times each failpoint was reached."""
    points.mkdir()
    command = [*(program or COMMAND), "index", str(home / "files"), "--library", str(home / "library"), "--json"]
    environment = {**os.environ, DIRECTORY_VARIABLE: str(points)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), {path.name: path.stat().st_size for path in points.iterdir()}


def _paths(home: Path) -> Iterator[Path]:
    return (path for path in (home / "files").rglob("*") if path.is_file())


def _nothing(_home: Path) -> None:
    """A restart: each index is a process of its own."""


def _chmod(home: Path) -> None:
    for path in [home / "files", *(home / "files").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)


def _touch_a(home: Path) -> None:
    for path in _paths(home):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def _mtime(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """The change, in a library that trusts size and mtime: by default another ctime makes files be read once."""

    def changed(home: Path) -> None:
        config = home / "library" / "config.toml"
        settings = config.read_text()
        if 'trust = "mtime"\n' not in settings:
            config.write_text(settings.replace("[identification]\n", '[identification]\ntrust = "mtime"\n'))
        change(home)

    return changed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("change", "program"),
    [(_nothing, ()), (_mtime(_chmod), ()), (_mtime(_touch_a), ()), (_nothing, (sys.executable, "-c", NEWER))],
    ids=["restart", "chmod", "touch -a", "upgrade"],
)
def test_unchanged_files_are_only_looked_at(
    tmp_path: Path, home: Path, made: FileState, change: Callable[[Path], None], program: tuple[str, ...]
) -> None:
    change(home)
    before = source_state(home / "files") if FILES <= 5_000 else None
    watch = Watch(home / "files", home / "library" / "sidecars", home / "library" / "staging")
    report, reached = _index(home, tmp_path / "points", *program)
    assert watch.stop() == []
    assert (report["files"], report["hashed"], report["queued"]) == (FILES, 0, 0)
    worked = {"indexer.hashed", "indexer.recorded", "indexer.queued", "pool.start", "child.item", "store.rename"}
    assert worked.isdisjoint(reached), reached
    if before is not None:
        check_untouched(before, home / "files")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_files_with_a_new_date_are_hashed_and_nothing_else(tmp_path: Path, home: Path, made: FileState) -> None:
    for path in _paths(home):
        os.utime(path)
    watch = Watch(home / "library" / "sidecars", home / "library" / "staging")
    report, reached = _index(home, tmp_path / "points")
    assert watch.stop() == []
    assert (report["files"], report["hashed"], report["queued"]) == (FILES, FILES, 0)
    assert {"pool.start", "child.item", "store.rename"}.isdisjoint(reached), reached


@pytest.mark.slow
def test_the_watch_sees_what_is_done_to_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("read", "written", "dated", "looked at"):
        (tmp_path / "a" / name).write_text("x")
    watch = Watch(tmp_path)
    (tmp_path / "a" / "read").read_text()
    (tmp_path / "a" / "written").write_text("y")
    os.utime(tmp_path / "a" / "dated")
    (tmp_path / "a" / "looked at").stat()
    list((tmp_path / "a").iterdir())
    assert [Path(path).name for path in watch.stop()] == ["dated", "read", "written"]
