"""How soon a new file is known and has its sidecars while a library is watched, and that a copy of many is complete."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion.library import Library
from pillion.model import SidecarKind, SidecarStatus
from pillion.watch import Watching
from tests.support import photos
from tests.support.waiting import wait_until


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "files").mkdir()
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.add_location(tmp_path / "files")
        library.start()
        with Watching(library) as watching:
            assert watching.ready.wait(60)
            yield library


def _ready(library: Library) -> int:
    return library.status().sidecars.get(SidecarKind("thumb"), {}).get(SidecarStatus.READY, 0)


@pytest.mark.benchmark(group="watch: a new photograph to its sidecars")
def test_new_photograph(benchmark: Any, watched: Library, tmp_path: Path, smoke: bool) -> None:
    rounds = 2 if smoke else 30
    numbers = iter(range(rounds + 1))
    files = [
        photos.write_photo(tmp_path / f"{number}.jpg", seed=number, size=(1600, 1200)) for number in range(rounds + 1)
    ]

    def arrive() -> None:
        number = next(numbers)
        shutil.copyfile(files[number], tmp_path / f"files/{number}.jpg")
        wait_until(lambda: _ready(watched) >= 2 * (number + 1))

    benchmark.extra_info["tool"] = "pillion"
    benchmark.pedantic(arrive, setup=lambda: time.sleep(0.7), rounds=rounds, warmup_rounds=1)


@pytest.mark.benchmark(group="watch: many files copied in")
def test_many_files(benchmark: Any, watched: Library, tmp_path: Path, smoke: bool) -> None:
    number = 200 if smoke else 20_000

    def arrive() -> None:
        for file in range(number):
            path = tmp_path / f"files/{file // 500}/{file}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{file}")
        location = watched.locations()[0]
        wait_until(lambda: watched.count_files(location) == number)

    benchmark.extra_info["tool"] = "pillion"
    benchmark.pedantic(arrive, rounds=1)
