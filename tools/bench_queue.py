"""Jobs claimed and finished a second on PostgreSQL, beside procrastinate and pgqueuer: ``bench_queue.py [--rows N]``.

Each has a table of N jobs on one server with its usual settings (fsync on). Pillion's are claimed and finished in
batches by one process, and by several: the queue alone, and with all that a finished job writes (the outcome of its
sidecar, the events). The others are run as their documents say: an empty task, the largest batches that they have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pillion.catalog import outcomes as catalog_outcomes
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.opening import open_database
from pillion.catalog.outcomes import SidecarOutcome
from pillion.events import Ready
from pillion.job import job_done
from pillion.model import SidecarFormat, SidecarKind, SidecarStatus

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import postgres  # noqa: E402 (found by the path above)

BATCH = 500
THUMB = SidecarKind("thumb")

_FILL = (
    "SET session_replication_role = replica",
    "INSERT INTO locations (id, path, walked, added_at) VALUES (1, '/photos', 1, 0)",
    "INSERT INTO recipes (digest, recipe, settings) VALUES ('r', '{}', '{}')",
    "INSERT INTO contents (content_uuid, hash, size, mime, created_at)"
    " SELECT md5(n::text)::uuid::text, md5(n::text), 1000, 'image/jpeg', 0 FROM generate_series(1, {rows}) n",
    "INSERT INTO entries (location_id, path, size, mtime_ns, inode, content_uuid, queued)"
    " SELECT 1, n::text::bytea, 1000, 0, n, md5(n::text)::uuid::text, 1 FROM generate_series(1, {rows}) n",
    "INSERT INTO sidecars (content_uuid, kind, variant, status, wanted, created_at, updated_at)"
    " SELECT md5(n::text)::uuid::text, 'thumb', 'grid@2x', 'pending', 'r', 0, 0 FROM generate_series(1, {rows}) n",
    "INSERT INTO jobs (content_uuid, kind, priority, state, created_at, updated_at)"
    " SELECT md5(n::text)::uuid::text, 'thumb', 10000, 'queued', 0, 0 FROM generate_series(1, {rows}) n",
    "SET session_replication_role = DEFAULT",
)


def fill(server: postgres.Server, rows: int) -> str:
    """A database with so many queued jobs, their contents, files and sidecars; its name."""
    name = server.create()
    made = open_database(server.url(name))
    made.prepare()
    made.close()
    server.execute("; ".join(_FILL).replace("{rows}", str(rows)), name)
    server.execute("VACUUM ANALYZE", name)
    return name


def work(database: Database, number: int, *, whole: bool) -> int:
    """Claim and finish so many jobs; returns how many there were."""
    owner, done = f"bench:{os.getpid()}:0:{uuid.uuid4().hex[:8]}", 0
    while done < number:
        token, now = uuid.uuid4().hex, database.now()
        with database.share() as connection:
            claimed = catalog_queue.claim(connection, THUMB, owner=owner, token=token, now=now, limit=BATCH)
        if not claimed:
            break
        with database.share() as connection:
            if whole:
                _record(connection, owner, claimed, now)
            catalog_queue.finish(connection, [(job.id, job.token, job_done(0)) for job in claimed], now)
        done += len(claimed)
    return done


def _record(connection: Any, owner: str, claimed: list[catalog_queue.ClaimedJob], now: float) -> None:
    """What queue/commit.py writes beside the end of a job."""
    catalog_queue.keep(connection, owner, [(job.id, job.token, job.content_uuid) for job in claimed])
    outcomes = [
        SidecarOutcome(
            content_uuid=job.content_uuid,
            kind=job.kind,
            variant="grid@2x",
            status=SidecarStatus.READY,
            recipe="r",
            format=SidecarFormat.WEBP,
            rel_path=f"content/{job.content_uuid}/thumbs/grid@2x.webp",
            size=20_000,
            checksum="0" * 64,
        )
        for job in claimed
    ]
    catalog_outcomes.record_outcomes(connection, outcomes, now)
    catalog_outcomes.resolve_made(connection, [job.content_uuid for job in claimed], now)
    catalog_outcomes.queue_rest(connection, [(job.kind, job.content_uuid) for job in claimed], now)
    told = [
        Ready(kind=job.kind, content_uuid=job.content_uuid, variants=("grid@2x",), bytes=20_000, seconds=0.1)
        for job in claimed
    ]
    append_events(connection, told, now)


@dataclass(frozen=True)
class Rate:
    """Jobs a second: by the clock on the wall, and for each second that a processor worked, of client and server."""

    wall: float
    cpu: float


def measure(url: str, number: int, processes: int, *, whole: bool) -> Rate:
    """Jobs a second of so many processes together."""
    command = [sys.executable, __file__, "--worker", url, str(number // processes), *(["--whole"] if whole else [])]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    spans = [json.loads(one.communicate()[0]) for one in running]
    done = sum(span["done"] for span in spans)
    wall = max(span["end"] for span in spans) - min(span["begin"] for span in spans)
    return Rate(done / wall, done / sum(span["cpu"] for span in spans))


def _server_cpu(database: Database) -> float:
    """The processor time of the server's process for this connection, in seconds: it is on this machine."""
    with database.read() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _worker(url: str, number: int, whole: bool) -> None:
    database = open_database(url)
    work(database, BATCH, whole=whole)
    begin, server = time.time(), _server_cpu(database)
    client = time.process_time()
    done = work(database, number, whole=whole)
    cpu = time.process_time() - client + _server_cpu(database) - server
    print(json.dumps({"begin": begin, "end": time.time(), "done": done, "cpu": cpu}))
    database.close()


# the others -----------------------------------------------------------------------------------------------------------


async def procrastinate_rate(server: postgres.Server, rows: int, number: int) -> float:
    """procrastinate takes jobs one by one, so its worker runs many at a time."""
    import procrastinate

    name = server.create()
    connector = procrastinate.PsycopgConnector(conninfo=f"host={server.folder} user=postgres dbname={name}")
    app = procrastinate.App(connector=connector)
    left = number
    ended = asyncio.Event()

    @app.task(name="nothing")
    async def nothing(n: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set()

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        server.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) SELECT 'default', 'nothing',"
            f" jsonb_build_object('n', n) FROM generate_series(1, {rows}) n",
            name,
        )
        server.execute("VACUUM ANALYZE", name)
        begin = time.perf_counter()
        worker = asyncio.create_task(app.run_worker_async(concurrency=50, install_signal_handlers=False))
        await ended.wait()
        seconds = time.perf_counter() - begin
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    return number / seconds


async def pgqueuer_rate(server: postgres.Server, rows: int, number: int) -> float:
    """pgqueuer takes and ends jobs in batches."""
    import psycopg
    from pgqueuer import PgQueuer
    from pgqueuer.db import PsycopgDriver
    from pgqueuer.models import Job
    from pgqueuer.queries import Queries

    name = server.create()
    address = f"host={server.folder} user=postgres dbname={name}"
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    driver = PsycopgDriver(connection)
    queries = Queries(driver)
    await queries.install()
    for _ in range(rows // 10_000):
        await queries.enqueue(["nothing"] * 10_000, [None] * 10_000, [0] * 10_000)
    server.execute("VACUUM ANALYZE", name)
    app, left, ended = PgQueuer(driver), number, asyncio.Event()

    @app.entrypoint("nothing")
    async def nothing(job: Job) -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set()

    begin = time.perf_counter()
    running = asyncio.create_task(app.run(batch_size=BATCH))
    await ended.wait()
    seconds = time.perf_counter() - begin
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await connection.close()
    return number / seconds


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--number", type=int, default=100_000, help="how many of them are worked for a figure")
    parser.add_argument("--only", choices=["pillion", "procrastinate", "pgqueuer"])
    parser.add_argument("--worker", nargs=2, metavar=("URL", "NUMBER"), help=argparse.SUPPRESS)
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        _worker(given.worker[0], int(given.worker[1]), given.whole)
        return
    with postgres.running(fsync="on", autovacuum="on", shared_buffers="512MB") as server:
        print(server.execute("SELECT version()")[0][0], flush=True)
        if given.only in (None, "pillion"):
            begin = time.perf_counter()
            url = server.url(fill(server, given.rows))
            print(f"{given.rows:,} rows of five tables made in {time.perf_counter() - begin:.0f} s", flush=True)
            for processes, whole in ((1, False), (2, False), (1, True), (2, True)):
                rate = measure(url, given.number, processes, whole=whole)
                what = "with outcomes and events" if whole else "claim and finish"
                print(
                    f"pillion, {what}, {processes} process(es): {rate.wall:,.0f} jobs/s,"
                    f" {rate.cpu:,.0f} a second of processor",
                    flush=True,
                )
            print(_sizes(server, url), flush=True)
        others: dict[str, Callable[..., Any]] = {"procrastinate": procrastinate_rate, "pgqueuer": pgqueuer_rate}
        for name, rate_of in others.items():
            if given.only in (None, name):
                rate = asyncio.run(rate_of(server, given.rows, given.number // 10))
                print(f"{name}: {rate:,.0f} jobs/s", flush=True)


def _sizes(server: postgres.Server, url: str) -> str:
    name = url.partition("@/")[2].partition("?")[0]
    rows = server.execute(
        "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace ORDER BY pg_total_relation_size(oid) DESC LIMIT 5",
        name,
    )
    return "\n".join(f"  {table}: {heap:,} bytes, indexes {index:,}" for table, heap, index in rows)


if __name__ == "__main__":
    main()
