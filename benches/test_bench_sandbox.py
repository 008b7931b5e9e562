"""What confining a worker costs: its start, and thumbnails that it makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pillion import Library
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy
from tests.support import photos

MIB = 1 << 20
LONG_S = 120.0
PHOTOS, SMOKE_PHOTOS = 300, 6


def _pool(policy: Policy | None) -> WorkerPool:
    return WorkerPool(
        "pillion.pool.trial:run", size=1, memory_limit=1000 * MIB, recycle_bytes=1000 * MIB, policy=policy
    )


@pytest.mark.parametrize("sandbox", ["off", "auto"])
def test_start_of_a_worker(benchmark: BenchmarkFixture, sandbox: str, smoke: bool) -> None:
    """From nothing to the first answer, and to the end."""

    def start() -> None:
        pool = _pool(Policy(reads=(b"/tmp",)) if sandbox == "auto" else None)
        (future,) = pool.submit_batch("", [(("see the user's variables", "", 0), LONG_S)])
        future.result(LONG_S)
        pool.shutdown(cancel_futures=True)

    benchmark.pedantic(start, rounds=1 if smoke else 30, warmup_rounds=0 if smoke else 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for seed in range(SMOKE_PHOTOS if smoke else PHOTOS):
        photos.write_photo(root / f"{seed}.jpg", seed=seed, size=(400, 300) if smoke else (1200, 900))
    return root


@pytest.mark.parametrize("sandbox", ["off", "auto"])
def test_thumbnails(benchmark: BenchmarkFixture, folder: Path, tmp_path: Path, sandbox: str, smoke: bool) -> None:
    """A library of photos, from the queue to the end of the run."""
    numbers = iter(range(1000))

    def made() -> tuple[tuple[Library], dict[str, object]]:
        root = tmp_path / str(next(numbers))
        Library.open(root, policy="mobile").close()
        config = root / "config.toml"
        config.write_text(config.read_text().replace("[work]", f'[work]\nsandbox = "{sandbox}"\nworkers = 1'))
        library = Library.open(root)
        library.index(folder, kinds=["thumb"])
        return (library,), {}

    def run(library: Library) -> None:
        library.run()

    number = len(list(folder.iterdir()))
    benchmark.pedantic(run, setup=made, rounds=1 if smoke else 7)
    benchmark.extra_info["thumbnails each second"] = number * 2 / benchmark.stats.stats.median
    assert os.listdir(tmp_path)
