"""What is PostgreSQL's own: its errors, its values, who may write beside whom, and the clock that leases go by."""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pillion.catalog import locations as catalog_locations
from pillion.catalog import peers as catalog_peers
from pillion.catalog import postgresql
from pillion.catalog import queue as catalog_queue
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog.database import Database
from pillion.catalog.events import append_events, events_after
from pillion.catalog.locations import EntryRow
from pillion.catalog.opening import open_database
from pillion.catalog.queue import claim, finish, owners, void_claims
from pillion.catalog.search import named_contents
from pillion.catalog.sidecars import list_sidecars
from pillion.catalog.tables import contents, entries, locations, meta
from pillion.errors import CatalogError, CatalogUnavailableError, LibraryBusyError, UsageError
from pillion.events import Paused
from pillion.job import job_done
from pillion.kinds.registry import wanted
from pillion.model import Recipe
from tests.support import postgres

OCR = wanted("ocr", "default", Recipe(generator="ocr", version=1), {"languages": ["eng"]})


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = open_database(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def other(postgres_url: str) -> Iterator[Database]:
    """The same catalog, as another process sees it."""
    opened = open_database(postgres_url)
    yield opened
    opened.close()


def _fill(database: Database, number: int) -> None:
    rows = [
        EntryRow(path=b"%d" % n, size=1, mtime_ns=1, inode=n, content_uuid=f"{n:036}", hash="h", mime="image/png")
        for n in range(number)
    ]
    with database.write() as connection:
        location = catalog_locations.ensure_location(connection, b"/photos", 0.0)
        catalog_locations.record_entries(connection, location.id, rows, 0.0)
        catalog_queueing.queue_slice(connection, location.id, lambda *_: (OCR,), 0.0, kinds=("ocr",))


def test_any_name_and_any_number_comes_back(database: Database) -> None:
    odd = bytes(range(1, 256)).replace(b"/", b"")
    row = EntryRow(
        path=odd, size=2**63 - 1, mtime_ns=-(2**63), inode=2**63 - 1, error_class="corrupt", error_message="a\0b"
    )
    with database.write() as connection:
        location = catalog_locations.ensure_location(connection, b"/\xff", 0.0)
        catalog_locations.record_entries(connection, location.id, [row], 0.0)
        found = connection.execute(sa.select(entries)).one()
        known = [path for path, _ in catalog_locations.known_entries(connection, location.id)]
    assert (found.path, found.size, found.mtime_ns, found.inode) == (odd, 2**63 - 1, -(2**63), 2**63 - 1)
    assert found.error_message == "a\ufffdb"
    assert known == [odd]


def test_large_results_come_a_part_at_a_time(database: Database) -> None:
    _fill(database, 3000)

    def cursors() -> int:
        return int(connection.exec_driver_sql("SELECT count(*) FROM pg_cursors").scalar_one())

    with database.read() as connection:
        for rows in (list_sidecars(connection), named_contents(connection), catalog_peers.lines_of(connection)):
            before = cursors()
            if next(iter(rows), None) is not None:
                assert cursors() == before + 1
                assert sum(1 for _ in rows) == 2999


def test_text_is_in_the_order_of_its_bytes_and_sums_are_whole_numbers(database: Database) -> None:
    names = ["a-b", "aa", "B", "ä", "a", "Z"]
    with database.write() as connection:
        connection.execute(sa.insert(meta), [{"key": name, "value": "1"} for name in names])
        ordered = list(connection.scalars(sa.select(meta.c.key).order_by(meta.c.key)))
        _some_contents(connection, 3)
        total = connection.scalar(sa.select(sa.func.sum(contents.c.size)))
    assert ordered == sorted(names)
    assert (total, type(total)) == (3 * 2**62, int)


def _some_contents(connection: sa.Connection, number: int) -> None:
    rows = [{"content_uuid": f"{n:036}", "size": 2**62, "mime": "image/png", "created_at": 0.0} for n in range(number)]
    connection.execute(sa.insert(contents), rows)


def test_claims_that_run_beside_each_other_take_different_jobs(database: Database, other: Database) -> None:
    _fill(database, 20)
    with database.share() as one, other.share() as two:
        first = claim(one, "ocr", owner="a", token="1", now=1.0, limit=8)
        second = claim(two, "ocr", owner="b", token="2", now=1.0, limit=8)
    taken = [job.id for job in (*first, *second)]
    assert len(taken) == len(set(taken)) == 16
    with other.share() as connection:
        assert finish(connection, [(job.id, "2", job_done(0)) for job in first], 2.0) == 0
        assert finish(connection, [(job.id, "1", job_done(0)) for job in first], 2.0) == 8
        void_claims(connection, "b", ["2"], 3.0)
        assert owners(connection) == {}


def test_the_plan_for_the_end_of_any_claim_looks_jobs_up_by_their_number(database: Database) -> None:
    """Through the index of running jobs it would look at all of these for each that ends."""
    _fill(database, 200)
    numbers = itertools.count(1)
    text = re.sub("%s", lambda _: f"${next(numbers)}", catalog_queue._FINISH.all)
    with database.write() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {text}").scalars())
    assert "jobs_pkey" in plan
    assert "jobs_running" not in plan


def test_an_index_never_changes_jobs_amid_a_workers_transaction(database: Database, other: Database) -> None:
    began = threading.Event()

    def index() -> None:
        began.set()
        with other.write() as connection:
            connection.execute(sa.insert(meta).values(key="by", value="the index"))

    with database.share() as connection:
        thread = threading.Thread(target=index)
        thread.start()
        began.wait()
        # The server says itself that the other one waits for this transaction.
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not connection.exec_driver_sql(waits).scalar_one():
            pass
        assert connection.scalar(sa.select(meta.c.value).where(meta.c.key == "by")) is None
    thread.join()
    with database.read() as connection:
        assert connection.scalar(sa.select(meta.c.value).where(meta.c.key == "by")) == "the index"


def test_events_of_many_writers_have_ids_without_gaps_in_the_order_they_are_seen(postgres_url: str) -> None:
    event = Paused(kind=None, location=None, reason="user", message="m")

    def append() -> None:
        mine = open_database(postgres_url)
        for _ in range(20):
            with mine.share() as connection:
                append_events(connection, [event, event], 1.0)
        mine.close()

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    watching, seen = open_database(postgres_url), list[int]()
    while any(thread.is_alive() for thread in threads) or len(seen) < 160:
        with watching.read() as connection:
            seen += [item.id for item in events_after(connection, seen[-1] if seen else 0)]
    watching.close()
    assert seen == list(range(1, 161))


def test_who_waits_too_long_for_others_is_told_so(
    postgres_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql._SETTINGS, "lock_timeout", "50ms")
    hasty = open_database(postgres_url)
    with database.write(), pytest.raises(LibraryBusyError, match="Others have been writing"), hasty.write():
        pass
    hasty.close()


def test_only_one_indexes_on_all_machines(
    postgres_url: str, database: Database, other: Database, tmp_path: Path
) -> None:
    told: list[str] = []
    with database.exclusive(tmp_path / "here.lock", "indexing"):
        with (
            pytest.raises(LibraryBusyError, match=r"Another process \(pillion .*\) has been indexing"),
            other.exclusive(tmp_path / "there.lock", "indexing"),
        ):
            pass
        thread = threading.Thread(target=lambda: _index_after(other, tmp_path, told))
        thread.start()
        while not told:
            pass
        assert told[0].startswith("Another process")
    thread.join()
    assert told[1:] == ["done"]


def _index_after(database: Database, folder: Path, told: list[str]) -> None:
    with database.exclusive(folder / "there.lock", "indexing", waiting=told.append):
        told.append("done")


def test_the_clock_is_that_of_the_server(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.read() as connection:
        server = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())::float8").scalar_one()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= database.now() - server < 60


def test_a_read_only_catalog_refuses_changes(postgres_url: str) -> None:
    opened = open_database(postgres_url, read_only=True)
    with pytest.raises(CatalogError, match="opened to be read only"):
        opened.write()
    with opened.read() as connection, pytest.raises(CatalogError, match="Cannot write"):
        connection.execute(sa.insert(meta).values(key="k", value="v"))
    opened.close()


def test_a_server_that_is_not_there_or_lacks_the_database_is_named_without_the_password(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    for url in (f"postgresql://me:secret@/x?host={tmp_path}", postgres_server.url("nowhere")):
        opened = open_database(url)
        with pytest.raises(CatalogUnavailableError, match="cannot be reached") as caught:
            opened.prepare()
        assert "secret" not in str(caught.value)
        opened.close()
    with pytest.raises(UsageError, match="no address of a database"):
        open_database("postgresql://host:port/x")


def test_a_restart_of_the_server_is_an_error_of_its_kind_amid_a_transaction_and_none_between_two() -> None:
    with postgres.running() as server:
        opened = open_database(server.url(server.create()))
        opened.prepare()
        with opened.write() as connection:
            catalog_locations.ensure_location(connection, b"/kept", 0.0)
        with pytest.raises(CatalogUnavailableError):
            _write_amid_a_restart(opened, server)
        server.kill()
        later = threading.Thread(target=server.start)
        later.start()
        with opened.read() as connection:
            assert list(connection.scalars(sa.select(locations.c.path))) == [b"/kept"]
        later.join()
        assert opened.check() == []
        opened.close()


def _write_amid_a_restart(database: Database, server: postgres.Server) -> None:
    with database.write() as connection:
        catalog_locations.ensure_location(connection, b"/lost", 0.0)
        server.kill()
        server.start()
        catalog_locations.ensure_location(connection, b"/lost", 0.0)


def test_psycopg_is_loaded_for_its_catalogs_only() -> None:
    code = "import sys, pillion.library.library; sys.exit('psycopg' in sys.modules)"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_writers_lock_is_free_as_soon_as_its_holder_is_killed(database: Database, postgres_url: str) -> None:
    hold = (
        "import sys, time; from pillion.catalog.opening import open_database\n"
        "with open_database(sys.argv[1]).write(): print('held', flush=True); time.sleep(600)"
    )
    read, write = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, write, 1)]
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", hold, postgres_url], os.environ, file_actions=actions)
    os.close(write)
    assert os.read(read, 4) == b"held"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(read)
    with database.write() as connection:
        connection.execute(sa.insert(meta).values(key="k", value="v"))
