"""Speed of the file half of the core: walk, identify, exists_many, plan_batches.

The file system's cache is warm: each benchmark reads what its set-up has just written.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pillion import _core

FILES = 20_000
FOLDERS = 200
CONTENTS = 25_000
VARIANTS = ("icon", "grid@2x", "grid@3x", "detail@1x")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Path:
    """20,000 files of 2 to 400 kB (log-uniform, 1.5 GB in all) in 200 folders; a twentieth of it in a smoke run."""
    root = tmp_path_factory.mktemp("library")
    rng = random.Random(1)
    noise = rng.randbytes(500_000)
    for folder in range(FOLDERS):
        (root / f"{folder:03}").mkdir()
    for number in range(FILES // 20 if smoke else FILES):
        start, size = rng.randrange(90_000), int(2000 * 200 ** rng.random())
        path = root / f"{number % FOLDERS:03}" / f"{number:05}.bin"
        path.write_bytes(number.to_bytes(4) + noise[start : start + size])
    return root


@pytest.fixture(scope="module")
def sidecars(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> tuple[Path, list[str]]:
    """A sidecar folder, and 100,000 paths in it of which every other one is there; a twentieth of it in a smoke run."""
    root = tmp_path_factory.mktemp("sidecars")
    uuids = [
        _core.hash_bytes(number.to_bytes(4)).content_uuid for number in range(CONTENTS // 20 if smoke else CONTENTS)
    ]
    paths = [_core.sidecar_path(uuid, "thumbs", variant, "webp") for uuid in uuids for variant in VARIANTS]
    for relative in paths[::2]:
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root, paths


def test_walk(benchmark: BenchmarkFixture, library: Path, smoke: bool) -> None:
    entries = benchmark(lambda: _core.walk(library).files)
    assert len(entries) == (FILES // 20 if smoke else FILES)


def test_identify(benchmark: BenchmarkFixture, library: Path) -> None:
    files = [(path, size, mtime_ns) for path, size, mtime_ns, *_ in _core.walk(library).files]
    benchmark.extra_info["bytes"] = sum(size for _, size, _ in files)
    results = benchmark(_core.identify_files, library, files)
    assert all(len(result) == 4 for result in results)


def test_exists_many(benchmark: BenchmarkFixture, sidecars: tuple[Path, list[str]]) -> None:
    root, paths = sidecars
    found = benchmark(_core.exists_many, root, paths)
    assert sum(found) == len(paths) / 2


def test_plan_batches(benchmark: BenchmarkFixture) -> None:
    rng = random.Random(1)
    jobs = [(number, rng.randrange(4), rng.randrange(4), rng.random() * 0.3) for number in range(100_000)]
    batches = benchmark(_core.plan_batches, jobs)
    assert sum(map(len, batches)) == len(jobs)
