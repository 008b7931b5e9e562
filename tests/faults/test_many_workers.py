"""Several programs work one library's queue: each sidecar is made once, and nobody is told that it is locked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pillion import Library
from pillion.catalog.events import KEPT
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import COMMAND, run


def fill(folder: Path, number: int) -> None:
    """Small pictures, each another content: bytes behind the end of a JPEG change what it is, not what it shows."""
    folder.mkdir()
    jpeg = photos.jpeg_bytes(photos.photo(seed=1, size=(160, 120)), quality=80)
    for index in range(number):
        (folder / f"{index:05d}.jpg").write_bytes(jpeg + index.to_bytes(4))


def work_together(root: Path, processes: int, number: int) -> int:
    """Let so many programs make ``number`` thumbnails; raises AssertionError if one is missing, or made twice.

    Returns how many of the programs made some.
    """
    fill(root / "photos", number)
    library = root / "library"
    assert run("index", root / "photos", "--library", library, "--policy", "mobile", "--no-wait").returncode == 0
    command = [*COMMAND, "work", "--library", str(library), "--json"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    made = []
    for process in started:
        out, err = process.communicate(timeout=3000)
        assert (process.returncode, "locked" in err) == (0, False), err
        made.append(json.loads(out)["recorded"].get("thumb", {}).get("ready", 0))
    assert sum(made) == 2 * number, made
    check_invariants(library, finished=True)
    if 4 * number < KEPT:
        with Library.open(library) as opened:
            assert sum(event.name == "ready" for event in opened.events()) == number
    return sum(bool(count) for count in made)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_each_sidecar_is_made_once(tmp_path: Path, processes: int) -> None:
    work_together(tmp_path, processes, 200)
