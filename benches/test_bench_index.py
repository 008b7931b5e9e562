"""Speed of indexing without generation: the first run over 20,000 files, and a second over the same."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import pillion

FILES = 20_000
FOLDER = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Path:
    """Files of 2 to 400 kB (log-uniform, 1.5 GB in all) that start as JPEGs do; a hundredth in a smoke run."""
    root = tmp_path_factory.mktemp("files")
    rng = random.Random(1)
    noise = rng.randbytes(500_000)
    for number in range(FILES // 100 if smoke else FILES):
        below = root / f"{number // FOLDER:03}"
        below.mkdir(exist_ok=True)
        start, size = rng.randrange(90_000), int(2000 * 200 ** rng.random())
        head = b"\xff\xd8\xff\xe0" + number.to_bytes(4)
        (below / f"{number:05}.jpg").write_bytes(head + noise[start : start + size])
    return root


@pytest.mark.benchmark(group="index: 20,000 files, first run, no generation")
@pytest.mark.parametrize("tool", ["pillion"])
def test_first_index(benchmark: BenchmarkFixture, tool: str, folder: Path, tmp_path: Path, smoke: bool) -> None:
    numbers = itertools.count()

    def fresh() -> tuple[tuple[pillion.Library], dict[str, object]]:
        return (pillion.Library.open(tmp_path / str(next(numbers))),), {}

    def index(library: pillion.Library) -> pillion.IndexReport:
        with library:
            return library.index(folder)

    report = benchmark.pedantic(index, setup=fresh, rounds=1 if smoke else 5, warmup_rounds=0 if smoke else 1)
    assert report.new == report.hashed == report.files
    benchmark.extra_info["files"] = report.files


@pytest.mark.benchmark(group="index: 20,000 files, second run")
@pytest.mark.parametrize("tool", ["pillion"])
def test_second_index(benchmark: BenchmarkFixture, tool: str, folder: Path, tmp_path: Path) -> None:
    with pillion.Library.open(tmp_path / "library") as library:
        library.index(folder)
        report = benchmark(library.index, folder)
    assert (report.hashed, report.queued) == (0, 0)
    benchmark.extra_info["files"] = report.files
