"""Speed of the job queue: enqueue, and claim + finish, with 10 thousand to a million rows in its table, beside huey.

Pillion's jobs take the same path as in ``pillion work``: claim, plan, and write sidecar rows, availability, measured
history, events and the end of the jobs. A job is a text of one page with one sidecar. What is not part of the queue is
left out: workers, and the files (manifests, renames and their syncs), by a LocalStore without files.

huey (SqliteHuey) does the same in its own way, one task a job. ``huey`` stores the task's result and syncs each commit
(its default), as Pillion does. ``huey, no result``: the task's result is not stored; the task is deleted before it
runs. ``huey, no sync``: the same with its fastest setting, with which a power cut can destroy its file.
"""

from __future__ import annotations

import gc
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from huey import SqliteHuey
from pytest_benchmark.fixture import BenchmarkFixture

from pillion import Library, _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog.database import Database
from pillion.catalog.locations import EntryRow
from pillion.catalog.rebuilding import register_device
from pillion.cli.app import tune_collector
from pillion.job import JobState
from pillion.kinds.execute import Execution, Staged
from pillion.kinds.ocr.kind import OCR
from pillion.kinds.registry import wanted
from pillion.kinds.thumbnail.kind import THUMB
from pillion.library.sidecars import Ready
from pillion.manifest import ManifestEntry
from pillion.model import Recipe, SidecarFormat
from pillion.queue.checkpoints import FOLDER, Checkpoints
from pillion.queue.commit import Recorder
from pillion.queue.engine import CLAIM_ITEMS
from pillion.queue.estimate import Estimates, Eta
from pillion.queue.gates import Gates
from pillion.queue.jobs import CatalogJobs
from pillion.settings.config import Config
from pillion.store import LocalStore, Placement
from tests.support import photos
from tests.support.program import start

ROWS = (10_000, 100_000, 1_000_000)
ROUNDS = 3
JOBS = 2_000
"""Jobs in each of the rounds of a measurement."""


DEVICE = str(uuid.UUID(int=1))
WANT = wanted(OCR, "default", Recipe(generator="ocr", version=1), {"languages": ["eng"]})

MADE = Execution(
    staged=(Staged(variant="default", format=SidecarFormat.JSON, size=100, checksum="0" * 64),),
    seconds=0.1,
)
"""What a worker would have answered."""


class StoreWithoutFiles(LocalStore):
    """A store that does not write, rename or sync files."""

    def sync(self) -> None:
        return

    def place(self, placements: Sequence[Placement], refused: dict[str, str] | None = None) -> None:
        return

    def secure(self, staging: str, variant: str, size: int, checksum: str) -> bool:
        return True

    def stage_manifest(self, owner: str, content_uuid: str, about: Any, listed: Sequence[ManifestEntry]) -> Placement:
        return Placement(staged=self.staging, rel_path="")


class PillionQueue:
    """A catalog with as many jobs as asked for."""

    def __init__(self, root: Path) -> None:
        self._database = Database(root / "catalog.sqlite")
        self._database.prepare()
        self.rows = 0
        store = StoreWithoutFiles(root)
        store.create()
        with self._database.write() as connection:
            self._location = catalog_locations.ensure_location(connection, b"/pages", 0.0)
            register_device(connection, DEVICE, "bench", 0.0)
        owner = "bench:1:1:1"
        checkpoints = Checkpoints(store.staging / FOLDER)
        recorder = Recorder(self._database, store, checkpoints, owner)
        estimates = Estimates()
        kinds = [OCR]
        self._source = CatalogJobs(
            self._database,
            store,
            recorder,
            owner=owner,
            kinds=kinds,
            max_pixels=1 << 28,
            gates=Gates(self._database, Config(), store.staging, watching=False),
            estimates=estimates,
            eta=Eta(self._database, estimates, kinds, 1, recorder.jobs_ended, {}),
            checkpoints=checkpoints,
        )

    def fill(self, rows: int) -> None:
        """Fill the table up to ``rows`` jobs, waiting or done."""
        while self.rows < rows:
            self.add_entries(min(rows - self.rows, catalog_queueing.SLICE))
            self.enqueue()

    def add_entries(self, number: int) -> None:
        """Add files that are found and identified, but not queued yet."""
        rows = [_entry(self.rows + index) for index in range(number)]
        with self._database.write() as connection:
            catalog_locations.record_entries(connection, self._location.id, rows, 0.0)
        self.rows += number

    def enqueue(self) -> None:
        """Queue all entries that are not queued yet, as indexing does."""
        with self._database.write() as connection:
            catalog_queueing.queue_slice(connection, self._location.id, lambda *_: [WANT], time.time(), kinds=[OCR])

    def claim_and_finish(self, number: int) -> None:
        """Claim and finish so many jobs, in claims as large as the engine's for jobs that take no time."""
        while number > 0:
            claimed = self._source.claim(OCR, min(number, CLAIM_ITEMS), 1e9, time.time())
            self._source.finish([(planned, MADE) for planned in claimed], time.time())
            number -= len(claimed)

    def close(self) -> None:
        self._database.close()


def _entry(number: int) -> EntryRow:
    identity = _core.hash_bytes(number.to_bytes(8))
    path = b"%d/page %d.png" % (number // 1000, number)
    return EntryRow(
        path=path,
        size=1000,
        mtime_ns=number,
        inode=number,
        content_uuid=identity.content_uuid,
        hash=identity.hash,
        mime="image/png",
    )


class HueyQueue:
    """The same in huey."""

    def __init__(self, root: Path, *, sync: bool, result: str | None) -> None:
        self._huey = SqliteHuey(filename=str(root / "huey.db"), fsync=sync)

        def work(_content: str, _kind: str) -> str | None:
            return result

        self._task = self._huey.task()(work)
        self.rows = 0

    def fill(self, rows: int) -> None:
        """Fill the table up to ``rows`` tasks. In one transaction, unlike a program, to save the benchmark's time."""
        storage = self._huey.storage
        message = self._huey.serialize_task(self._task.s(str(uuid.UUID(int=1)), "ocr"))
        waiting = storage.queue_size()
        with storage.db(commit=True) as cursor:
            insert = "INSERT INTO task (queue, data, priority) VALUES (?, ?, 0)"
            cursor.executemany(insert, ((storage.name, message) for _ in range(rows - waiting)))

    def enqueue(self, number: int) -> None:
        """As a program does it: one call per task."""
        for index in range(number):
            self._task(str(uuid.UUID(int=index)), "ocr")

    def claim_and_finish(self, number: int) -> None:
        """As the worker of its consumer does it."""
        for _ in range(number):
            self._huey.execute(self._huey.dequeue())

    def close(self) -> None:
        self._huey.storage.close()


Queue = PillionQueue | HueyQueue
TOOLS: dict[str, Callable[[Path], Queue]] = {
    "pillion": PillionQueue,
    "huey": lambda root: HueyQueue(root, sync=True, result="ready"),
    "huey, no result": lambda root: HueyQueue(root, sync=True, result=None),
    "huey, no sync": lambda root: HueyQueue(root, sync=False, result=None),
}


@pytest.fixture(scope="module")
def queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Queue]]:
    """One queue of each tool; it grows from size to size."""
    made = {tool: make(tmp_path_factory.mktemp("queue")) for tool, make in TOOLS.items()}
    gc.collect()
    before = gc.get_threshold()
    tune_collector()  # as the pillion program does at its start
    yield made
    gc.set_threshold(*before)
    gc.unfreeze()
    for queue in made.values():
        queue.close()


def _rate(benchmark: BenchmarkFixture, number: int) -> None:
    benchmark.extra_info["note"] = f"{number / benchmark.stats.stats.median:,.0f} a second"


# The parameters are in this order, the outermost last, so that each size is filled once: 10,000 before 100,000.
@pytest.mark.parametrize("tool", list(TOOLS))
@pytest.mark.parametrize("rows", ROWS)
def test_queue(benchmark: BenchmarkFixture, queues: dict[str, Queue], smoke: bool, rows: int, tool: str) -> None:
    benchmark.group = f"jobs: claim and finish {JOBS:,} of {rows:,}"
    queue = queues[tool]
    queue.fill(rows // 100 if smoke else rows)
    number = JOBS // 100 if smoke else JOBS
    benchmark.pedantic(queue.claim_and_finish, args=(number,), rounds=1 if smoke else ROUNDS)
    _rate(benchmark, number)


@pytest.mark.parametrize("tool", list(TOOLS))
def test_enqueue(benchmark: BenchmarkFixture, queues: dict[str, Queue], smoke: bool, tool: str) -> None:
    benchmark.group = f"jobs: enqueue {JOBS:,} more with {ROWS[-1]:,} there"
    queue = queues[tool]
    number = JOBS // 100 if smoke else JOBS
    if isinstance(queue, PillionQueue):
        benchmark.pedantic(queue.enqueue, setup=lambda: queue.add_entries(number), rounds=1 if smoke else ROUNDS)
    else:
        benchmark.pedantic(queue.enqueue, args=(number,), rounds=1 if smoke else ROUNDS)
    _rate(benchmark, number)


@pytest.mark.benchmark(group="jobs: a new photo's thumbnail on demand, while a backfill of 10,000 runs")
def test_on_demand(benchmark: BenchmarkFixture, tmp_path: Path, smoke: bool) -> None:
    """From the call of get_or_enqueue to the answer Ready; another process works the queue."""
    number = 60 if smoke else 10_000
    photos.write_many(tmp_path / "backfill", number, (640, 480))
    new = tmp_path / "new"
    new.mkdir()
    with Library.open(tmp_path / "library", policy="server") as library:
        library.index(tmp_path / "backfill", kinds=["thumb"])
        process = start("work", "--library", library.root)
        asked = itertools.count(2)

        def add_photo() -> tuple[tuple[str], dict[str, Any]]:
            path = photos.write_photo(new / f"{next(asked)}.jpg", seed=next(asked))
            library.index(new, kinds=["thumb"])
            (uuid,) = library.find(str(path))
            return (uuid,), {}

        def ask(uuid: str) -> None:
            while not isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "detail@1x"), Ready):
                time.sleep(0.005)

        try:
            next(event for event in library.events(follow=True) if event.name == "ready")
            benchmark.pedantic(ask, setup=add_photo, rounds=1 if smoke else 10)
            left = library.status().queue[THUMB].counts.get(JobState.QUEUED, 0)
        finally:
            process.kill()
            process.wait()
    benchmark.extra_info["note"] = f"at most {benchmark.stats.stats.max:.2f} s; {left:,} of the backfill were left"
