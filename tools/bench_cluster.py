"""Work a library on PostgreSQL, an S3 server and a Dask cluster, all of this machine: ``bench_cluster.py [--jobs N]``.

``kills``: N thumbnails of small photographs, each made unique by a comment in it, by 8 workers in 4 processes of Dask.
Amid it a Dask worker, the scheduler and the database are killed and started again. Then nothing may be lost or done
twice; what the fence and the claims said is printed.

``scaling``: jobs that sleep, with 1, 2, 4 and 8 workers; and what the process that claims and records takes for a job,
which is where the limit lies.

    python tools/bench_cluster.py [--only kills] [--jobs 2000] [--photographs FOLDER] [--per-worker 100]
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from pillion import Library
from pillion.catalog.events import event_of
from pillion.events import Event, Failed, Ready

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import dask, photos, postgres, s3, sleeping  # noqa: E402 (found by the path above)
from tests.support.waiting import wait_until  # noqa: E402

PROCESSES, THREADS = 4, 2
SIDE = 400
"""Pixels of the longer side of a small photograph."""

_TOLD = re.compile(
    r"lost the Dask|goes? back to the queue|is back|Tried again|went back|not recorded|claim|has no workers"
)


def write_pictures(folder: Path, number: int, photographs: Path | None, *, start: int = 0) -> None:
    """So many small photographs, each another file: of those in a folder, or painted ones. ``start``: their numbers."""
    folder.mkdir()
    scenes = [*_small(photographs)] if photographs else [_jpeg(photos.photo(seed, (SIDE, 300))) for seed in range(12)]
    for index, scene in zip(range(start, start + number), itertools.cycle(scenes)):
        comment = f"number {index}".encode()
        marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / f"{index:06}.jpg").write_bytes(scene[:2] + marker + scene[2:])


def _small(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*.jpg")):
        try:
            with Image.open(path) as picture:
                picture.thumbnail((SIDE, SIDE))
                yield _jpeg(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError):
            continue


def _jpeg(picture: Image.Image) -> bytes:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=88)
    return held.getvalue()


# the pieces -----------------------------------------------------------------------------------------------------------


_NOTE_EVENTS = """
CREATE TABLE told (body text);
CREATE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO told VALUES (NEW.body); RETURN NULL; END';
CREATE TRIGGER note AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note_event()
"""


@dataclass(frozen=True)
class Place:
    """A library in a database of the server. ``options``: as the program takes it."""

    server: postgres.Server
    database: str
    sidecars: str

    @property
    def options(self) -> list[str]:
        return ["--library", self.server.url(self.database), "--sidecars", self.sidecars]

    def note_events(self) -> None:
        """Keep a copy of all events from now on: a library keeps about 20,000, and of each job there are two."""
        self.server.execute(_NOTE_EVENTS, self.database)

    def events(self) -> Iterator[Event]:
        """Those that were committed since."""
        for (body,) in self.server.execute("SELECT body FROM told", self.database):
            yield from (event_of(values, id=0, at=0.0) for values in json.loads(body))

    def done(self) -> int:
        """Jobs that are done, as the database says."""
        return int(self.server.execute("SELECT count(*) FROM jobs WHERE state = 'done'", self.database)[0][0])


def _program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pillion", *arguments]


def _index(place: Place, pictures: Path) -> None:
    command = _program("index", str(pictures), *place.options, "--kinds", "thumb", "--policy", "mobile", "--no-wait")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _work(place: Place, cluster: dask.Cluster, *more: str) -> list[str]:
    return _program("work", *place.options, "--kinds", "thumb", "--dask", cluster.address, *more)


@contextmanager
def _bucket() -> Iterator[str]:
    """An S3 server, found by the environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = s3.S3()
    os.environ.update(server.environment())
    try:
        server.client().create_bucket(Bucket=s3.BUCKET)
        yield f"s3://{s3.BUCKET}/bench"
    finally:
        server.stop()


# kills ----------------------------------------------------------------------------------------------------------------


def kills(folder: Path, number: int, photographs: Path | None) -> bool:
    """Whether all was made once, and what was said meanwhile."""
    write_pictures(folder / "pictures", number, photographs)
    log = folder / "work.log"
    with (
        postgres.running(fsync="on") as server,
        _bucket() as bucket,
        dask.running(folder / "dask") as cluster,
    ):
        place = Place(server, server.create(), bucket)
        _index(place, folder / "pictures")
        place.note_events()
        for _ in range(PROCESSES):
            cluster.add_worker(threads=THREADS)
        begin = time.perf_counter()
        command = _program(
            "work", *place.options, "--kinds", "thumb", "--dask", cluster.address, "--log-file", str(log)
        )
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as working:
            for share, what in ((0.2, _kill_worker), (0.4, _kill_scheduler), (0.65, _kill_database)):
                wait_until(partial(_is_at, place, working, share * number), f"{share:.0%} of the work", 3600)
                print(f"at {place.done():,} of {number:,}: {what(cluster, server)}", flush=True)
            said = working.communicate(timeout=3600)[1]
        seconds = time.perf_counter() - begin
        print(f"{number / seconds:,.1f} jobs/s with the deaths ({seconds:.0f} s); exit code {working.returncode}")
        _print_told(log, said)
        return _all_once(place, number)


def _is_at(place: Place, working: subprocess.Popen[str], number: float) -> bool:
    return working.poll() is not None or place.done() >= number


def _kill_worker(cluster: dask.Cluster, server: postgres.Server) -> str:
    cluster.kill(cluster.workers[0])
    cluster.add_worker(threads=THREADS)
    return "a Dask worker was killed, and another began"


def _kill_scheduler(cluster: dask.Cluster, server: postgres.Server) -> str:
    cluster.kill(cluster.scheduler)
    there = [worker for worker in cluster.workers if worker.poll() is None]
    for worker in there:
        cluster.kill(worker)
    cluster.restart_scheduler()
    for _ in there:
        cluster.add_worker(threads=THREADS)
    return f"the scheduler was killed, with {len(there)} workers; all began again"


def _kill_database(cluster: dask.Cluster, server: postgres.Server) -> str:
    server.kill()
    server.start()
    return "the database was killed as by a power cut, and began again"


def _print_told(log: Path, said: str) -> None:
    print("What claims, fence and cluster said:")
    lines = [line for line in log.read_text(errors="replace").splitlines() if " INFO " not in line or "lost" in line]
    told = Counter(re.sub(r"^\S+ \S+ (\w+) \d+ ", r"\1 ", line) for line in lines if _TOLD.search(line))
    for line, times in told.most_common(40):
        print(f"  {times} x {line[:240]}")
    for line in said.strip().splitlines():
        if _TOLD.search(line):
            print(f"  stderr: {line[:240]}")


def _all_once(place: Place, number: int) -> bool:
    events = list(place.events())
    told = Counter(event.content_uuid for event in events if isinstance(event, Ready))
    failed = sum(isinstance(event, Failed) for event in events)
    left = place.server.execute("SELECT state, count(*) FROM jobs GROUP BY 1", place.database)
    lost, twice = number - len(told), sum(times > 1 for times in told.values())
    charged = place.server.execute("SELECT count(*) FROM jobs WHERE attempts > 1", place.database)[0][0]
    print(f"lost {lost}, recorded twice {twice}, failed {failed}, charged a second try {charged}; jobs: {dict(left)}")
    sys.stdout.flush()
    # This reads every sidecar from the S3 server, which takes a while.
    with Library.open(place.server.url(place.database), sidecars=place.sidecars, create=False) as library:
        states = Counter(item.state.value for item in library.ls(kind="thumb"))
        wrong = library.verify()
    print(f"sidecars: {dict(states)}; verify finds {len(wrong)} faults", flush=True)
    return not (lost or twice or failed or wrong) and set(states) == {"ready"}


# scaling --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """Jobs a second between the first and the last tenth, and the processor time of the recording process for a job."""

    rate: float
    cpu_s: float


def pace(folder: Path, workers: int, jobs: int) -> Pace:
    """Of so many workers, each in a process of its own with one child, on PostgreSQL with a folder for sidecars."""
    folder.mkdir()
    write_pictures(folder / "pictures", jobs, None)
    with postgres.running(fsync="on") as server, dask.running(folder / "dask") as cluster:
        place = Place(server, server.create(), str(folder / "library"))
        for _ in range(workers):
            cluster.add_worker(preload=sleeping.MODULE)
        for number in range(workers):
            wait_until(_has_begun(folder / f"dask/worker-{number}.log"), "the workers")
        # The first jobs show what one costs, by which the batches of the others are cut, and start the children.
        write_pictures(folder / "first", 8 * workers, None, start=jobs)
        _index(place, folder / "first")
        subprocess.run(_work(place, cluster, "-q"), check=True, capture_output=True)
        first = len(_of_ready(place))
        _index(place, folder / "pictures")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(_work(place, cluster, "-q"), check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = _of_ready(place)[first:]
    tenth = len(times) // 10
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Pace((len(times) - 2 * tenth) / (times[-tenth] - times[tenth]), cpu_s / jobs)


def _of_ready(place: Place) -> Sequence[float]:
    rows = place.server.execute("SELECT updated_at FROM jobs WHERE state = 'done' ORDER BY 1", place.database)
    return [float(row[0]) for row in rows]


def _has_begun(log: Path) -> Callable[[], bool]:
    return lambda: "Registered to" in log.read_text(errors="replace")


def scaling(folder: Path, per_worker: int) -> None:
    """Print the paces, beside that of one worker."""
    one: float | None = None
    for workers in (1, 2, 4, 8):
        found = pace(folder / f"scaling-{workers}", workers, per_worker * workers)
        one = one or found.rate
        print(
            f"{workers} workers: {found.rate:.2f} jobs/s, {found.rate / one / workers:.2f} of linear,"
            f" {found.rate / workers * sleeping.NAP_S:.2f} of their time asleep; {found.cpu_s * 1000:.1f} ms of"
            f" processor for a job in the recording process: at most {1 / found.cpu_s:,.0f} jobs/s by one",
            flush=True,
        )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["kills", "scaling"])
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--photographs", type=Path, help="a folder with photographs (default: painted ones)")
    parser.add_argument("--per-worker", type=int, default=200, help="jobs that sleep, for each worker")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pillion-bench-", ignore_cleanup_errors=True) as name:
        os.environ["XDG_DATA_HOME"] = f"{name}/data"
        if given.only in (None, "kills") and not kills(Path(name), given.jobs, given.photographs):
            sys.exit("Something was lost or done twice.")
        if given.only in (None, "scaling"):
            scaling(Path(name), given.per_worker)


if __name__ == "__main__":
    main()
