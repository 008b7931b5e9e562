"""Pause and resume: kept over restarts, by kind and by Location, effective while work goes on."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

import pillion
from pillion.errors import UsageError
from pillion.model import SidecarStatus
from tests.support import photos
from tests.support.program import run, run_json


def _pending(library: pillion.Library) -> set[str]:
    return {Path(source).name for item in library.ls(statuses=[SidecarStatus.PENDING]) for source in item.sources}


def test_a_paused_kind_stays_queued_over_restarts_until_it_is_resumed(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    path = tmp_path / "library"
    with pillion.Library.open(path, policy="mobile") as library:
        library.index(*folders)
        library.pause(kind="thumb")
    with pillion.Library.open(path) as library:
        assert not any(library.run().recorded.values())
        assert [held.kind for held in library.status().pauses] == ["thumb"]
        assert library.resume() == 1
        library.run()
        assert _pending(library) == set()


def test_a_paused_location_holds_back_its_own_contents_only(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(*folders)
        library.pause(location=folders[0])
        library.run()
        assert _pending(library) == {"a.jpg"}
        shutil.copy(folders[0] / "a.jpg", folders[1] / "copy.jpg")
        library.index(folders[1])
        library.run()
        assert _pending(library) == set()
        with pytest.raises(UsageError, match="not a Location"):
            library.pause(location=tmp_path)


def test_a_pause_stops_what_runs_within_two_seconds_and_charges_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    picture = photos.photo(seed=1, size=(2400, 1800))
    for number in range(24):
        (folder / f"{number}.jpg").write_bytes(photos.jpeg_bytes(picture, quality=80 + number % 15) + bytes([number]))
    with pillion.Library.open(tmp_path / "library", policy="server") as library:
        library.index(folder, kinds=["thumb"])
        library.start()
        library.pause()
        start = time.monotonic()
        assert library.wait_until_idle(60)
        assert time.monotonic() - start < 10
        library.stop()
        assert _pending(library) != set()
        library.resume()
        library.run()
        assert _pending(library) == set()
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 4 * 24}


def test_the_commands(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    path = tmp_path / "library"
    run_json("index", folders[0], "--library", path, "--policy", "mobile", "--no-wait")
    assert run("pause", "--library", path, "--kind", "thumb").stdout.startswith("Paused: thumb.")
    assert run_json("status", "--library", path)["paused"] == [{"kind": "thumb", "location": None}]
    assert "Paused by you: thumb" in run("status", "--library", path).stdout
    assert run_json("resume", "--library", path) == {"resumed": 1}
    assert run("pause", "--library", path, "--kind", "thumbs").returncode == 2
