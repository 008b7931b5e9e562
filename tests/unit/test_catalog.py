"""The catalog: migrations, the safe SQLite, claims, fencing, waiting."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pillion.catalog import database as catalog_database
from pillion.catalog import failures as catalog_failures
from pillion.catalog import gates
from pillion.catalog import locations as catalog_locations
from pillion.catalog import outcomes as catalog_outcomes
from pillion.catalog import peers as catalog_peers
from pillion.catalog import queue as catalog_queue
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog import requests as catalog_requests
from pillion.catalog import sidecars as catalog_sidecars
from pillion.catalog.contents import sources_of
from pillion.catalog.database import HEAD, SAFE_SQLITE, Database, network_file_system, sqlite_module
from pillion.catalog.failures import FailedTry
from pillion.catalog.locations import EntryRow
from pillion.catalog.opening import open_database
from pillion.catalog.outcomes import SidecarOutcome
from pillion.catalog.rebuilding import register_device, this_device
from pillion.catalog.tables import jobs, sidecars
from pillion.errors import CatalogError, ErrorClass, LibraryVersionError
from pillion.job import JobState, Urgency, job_done, job_failed_once, job_held_back
from pillion.kinds.registry import wanted
from pillion.model import Failure, Recipe, SidecarKind, SidecarStatus, WantedSidecar

OCR = wanted("ocr", "default", Recipe(generator="ocr", version=1), {"languages": ["eng"]})
EMBEDDINGS = wanted("embeddings", "all-MiniLM-L6-v2", Recipe(generator="embeddings", version=1), {}, awaits="ocr")
KINDS = ("ocr", "embeddings")


def _uuid(number: int) -> str:
    return f"00000000-0000-8000-8000-{number:012d}"


def _fill(database: Database, contents: int, wants: tuple[WantedSidecar, ...] = (OCR, EMBEDDINGS)) -> int:
    rows = [
        EntryRow(path=b"%d" % n, size=1, mtime_ns=1, inode=n, content_uuid=_uuid(n), hash="h", mime="image/png")
        for n in range(contents)
    ]
    with database.write() as connection:
        location = catalog_locations.ensure_location(connection, b"/photos", 0.0)
        catalog_locations.record_entries(connection, location.id, rows, 0.0)
        _, queued = catalog_queueing.queue_slice(connection, location.id, lambda *_: wants, 0.0, kinds=KINDS)
    return queued


def _claim(
    database: Database, kind: SidecarKind = "ocr", *, now: float = 1.0, token: str = "t", limit: int = 50
) -> list[catalog_queue.ClaimedJob]:
    with database.write() as connection:
        return catalog_queue.claim(connection, kind, owner="me", token=token, now=now, limit=limit)


def _states(database: Database) -> dict[tuple[str, str], str]:
    with database.read() as connection:
        rows = connection.execute(sa.select(jobs.c.content_uuid, jobs.c.kind, jobs.c.state))
        return {(row.content_uuid, row.kind): row.state for row in rows}


def _definitions(connection: sa.Connection) -> dict[str, list[str]]:
    """Name of a table, index or view -> the lines of its definition, sorted: constraints may stand in any order."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    rows = connection.exec_driver_sql(query).all()
    return {name: sorted(line.strip().removesuffix(",") for line in sql.splitlines()) for name, sql in rows}


def test_the_migrations_lead_to_the_tables_of_a_new_catalog(sqlite_catalog: Database, tmp_path: Path) -> None:
    migrated = Database(tmp_path / "migrated.sqlite")
    catalog_database._migrate(migrated, None)
    with sqlite_catalog.read() as connection, migrated.read() as expected:
        assert _definitions(connection) == _definitions(expected)
        assert len(_definitions(connection)) > 30
        for made in (connection, expected):
            assert made.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == HEAD
    migrated.close()


def test_statements_are_compiled_once_for_all_catalogs_of_a_process(tmp_path: Path) -> None:
    compiled: list[str] = []

    @compiles(_Told)
    def tell(_element: _Told, _compiler: object, **_: object) -> str:
        compiled.append("once")
        return "42"

    for number in range(3):
        database = Database(tmp_path / f"{number}.sqlite")
        with database.read() as connection:
            assert connection.execute(sa.select(_Told())).scalar_one() == 42
        database.close()
    assert compiled == ["once"]


class _Told(FunctionElement[int]):
    name = "told"
    type = sa.Integer()
    inherit_cache = True


def test_a_catalog_that_another_made_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    """Both found none: the other made its own first, once the same, and once as a newer Pillion does."""
    for newer in (False, True):
        path = tmp_path / f"{newer}.sqlite"
        ours, other = Database(path), Database(path)
        assert not ours.exists()
        other.prepare()
        if newer:
            with other.write() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        assert catalog_database._create(ours) == ("9999" if newer else HEAD)
        ours.close()
        other.close()


def test_the_tables_on_postgresql_are_those_on_sqlite(sqlite_catalog: Database, postgres_url: str) -> None:
    def described(database: Database) -> dict[str, object]:
        with database.read() as connection:
            inspector = sa.inspect(connection)
            return {
                table: (
                    [(column["name"], column["nullable"]) for column in inspector.get_columns(table)],
                    inspector.get_pk_constraint(table)["constrained_columns"],
                    sorted((index["name"], *index["column_names"]) for index in inspector.get_indexes(table)
                           if not index["unique"]),
                    sorted(tuple(one["column_names"]) for one in inspector.get_unique_constraints(table)),
                    sorted((one["referred_table"], *one["constrained_columns"])
                           for one in inspector.get_foreign_keys(table)),
                    len(inspector.get_check_constraints(table)),
                )
                for table in sorted(inspector.get_table_names())
            }  # fmt: skip

    other = open_database(postgres_url)
    assert described(other) == described(sqlite_catalog)
    with other.read() as connection:
        partial_indexes = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%% WHERE %%' AND schemaname = 'public'"
        assert "jobs_queue" in set(connection.exec_driver_sql(partial_indexes).scalars())
        query = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'"
        other_order = f"{query} AND collation_name IS DISTINCT FROM 'C'"
        assert connection.exec_driver_sql(query).scalar_one() > 50
        assert connection.exec_driver_sql(other_order).scalar_one() == 0
    other.close()


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the program be a later one, which has another migration, "0002", with these statements."""

    def release(statements: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(catalog_database.MIGRATIONS, folder)
        head = f'from alembic import op\n\nrevision = "0002"\ndown_revision = "{HEAD}"\n\n\ndef upgrade() -> None:\n'
        (folder / "versions" / "v0002_labels.py").write_text(head + indent(dedent(statements), "    "))
        monkeypatch.setattr(catalog_database, "MIGRATIONS", folder)
        monkeypatch.setattr(catalog_database, "HEAD", "0002")

    return release


def _columns(database: Database, table: str) -> list[str]:
    with database.read() as connection:
        return [column["name"] for column in sa.inspect(connection).get_columns(table)]


def test_an_older_catalog_is_brought_up_to_date_and_keeps_its_rows(
    database: Database, next_release: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, 2, (OCR,))
    before = _states(database)
    next_release(
        """
        op.execute("ALTER TABLE contents ADD COLUMN label TEXT")
        op.execute("UPDATE contents SET label = 'from before'")
        """
    )
    database.prepare()
    database.prepare()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0002"
        assert set(connection.exec_driver_sql("SELECT label FROM contents").scalars()) == {"from before"}
    assert _states(database) == before
    assert database.check() == []

    monkeypatch.undo()
    with pytest.raises(LibraryVersionError, match=r"newer Pillion \(catalog version 0002, this one knows 0001\)"):
        database.prepare()


def test_a_migration_that_fails_leaves_the_catalog_as_it_was(
    database: Database, next_release: Callable[[str], None]
) -> None:
    _fill(database, 1, (OCR,))
    next_release(
        """
        op.execute("ALTER TABLE contents ADD COLUMN label TEXT")
        op.execute("INSERT INTO no_such_table VALUES (1)")
        """
    )
    with pytest.raises(CatalogError, match=r"no such table|\"no_such_table\" does not exist"):
        database.prepare()
    assert "label" not in _columns(database, "contents")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == HEAD


def test_the_sqlite_in_use_is_safe_with_several_writers(sqlite_catalog: Database) -> None:
    assert sqlite_module().sqlite_version_info >= SAFE_SQLITE
    with sqlite_catalog.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_database, "SAFE_SQLITE", (99, 0, 0))
    with pytest.raises(LibraryVersionError, match=r"needs 99\.0\.0 or newer: run 'pip install pysqlite3'"):
        sqlite_module()


def test_a_newer_catalog_is_refused_in_one_sentence(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LibraryVersionError, match="written by a newer Pillion"):
        database.prepare()


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"no database" * 1000)
    database = Database(path)
    with pytest.raises(CatalogError, match="damaged"):
        database.prepare()
    database.close()


def test_a_connection_does_not_cross_a_fork(database: Database) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            with database.read():
                os._exit(1)
        except CatalogError:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_local_folder_is_not_taken_for_a_network_file_system(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) is None


def test_wants_become_sidecar_rows_and_jobs_once(database: Database) -> None:
    assert _fill(database, 3) == 6
    assert _fill(database, 3) == 0
    states = _states(database)
    assert all(states[_uuid(n), "ocr"] == "queued" and states[_uuid(n), "embeddings"] == "waiting" for n in range(3))


def test_a_changed_recipe_makes_just_its_sidecars_due_and_keeps_the_file_served(database: Database) -> None:
    _fill(database, 1, (OCR,))
    (job,) = _claim(database)
    outcome = SidecarOutcome(
        content_uuid=_uuid(0),
        kind="ocr",
        variant="default",
        status=SidecarStatus.READY,
        recipe=job.due[0].wanted,
        format=None,
        rel_path="x",
        size=1,
        checksum="c",
    )
    with pytest.raises(IntegrityError), database.write() as connection:
        catalog_outcomes.record_outcomes(connection, [outcome], 1.0)
    newer = wanted(OCR.kind, "default", Recipe(generator="ocr", version=2), {})
    with database.write() as connection:
        catalog_queue.finish(connection, [(job.id, "t", job_done(0))], 1.0)
        connection.execute(
            sa.update(sidecars).values(
                status="ready", recipe=OCR.digest, format="json", rel_path="x", size=1, checksum="c"
            )
        )
        catalog_queueing.mark_changed(connection, 1, ["image/png"])
        assert catalog_queueing.queue_slice(connection, 1, lambda *_: [newer], 2.0, kinds=KINDS) == (1, 1)
        (row,) = catalog_sidecars.list_sidecars(connection)
    assert (row.status, row.rel_path, row.due) == (SidecarStatus.READY, "x", True)


def test_pending_rows_that_nobody_wants_any_more_go_with_their_jobs(database: Database) -> None:
    _fill(database, 2)
    with database.write() as connection:
        catalog_queueing.mark_changed(connection, 1, ["image/png"])
        catalog_queueing.queue_slice(connection, 1, lambda *_: [OCR], 1.0, kinds=KINDS)
    assert set(_states(database)) == {(_uuid(0), "ocr"), (_uuid(1), "ocr")}


def test_what_was_pending_for_a_removed_file_is_forgotten(database: Database) -> None:
    _fill(database, 2)
    with database.write() as connection:
        catalog_locations.mark_removed(connection, [1], 1.0)
        catalog_queueing.queue_slice(connection, 1, lambda *_: [OCR, EMBEDDINGS], 1.0, kinds=KINDS)
    assert set(_states(database)) == {(_uuid(1), "ocr"), (_uuid(1), "embeddings")}


def test_claims_come_in_order_and_no_job_twice(database: Database) -> None:
    _fill(database, 5)
    with database.write() as connection:
        catalog_requests.raise_to_front(connection, _uuid(3), "ocr", 1.0)
    first = _claim(database, limit=2)
    second = _claim(database, limit=10, token="u")
    assert [job.content_uuid for job in first] == [_uuid(3), _uuid(0)]
    assert [job.content_uuid for job in second] == [_uuid(1), _uuid(2), _uuid(4)]
    assert _claim(database) == []


def test_a_claimed_job_carries_its_sources_settings_and_recipe(database: Database) -> None:
    _fill(database, 1)
    (job,) = _claim(database)
    assert job.sources == ((b"/photos/0", 1, 1),)
    assert job.mime == "image/png"
    assert [(due.variant, due.settings, due.fresh) for due in job.due] == [("default", {"languages": ["eng"]}, True)]


def test_a_finish_under_a_lost_lease_changes_nothing(database: Database) -> None:
    _fill(database, 1)
    (job,) = _claim(database, token="old")
    with database.write() as connection:
        assert catalog_queue.rescue(connection, "me", 2.0) == 1
    _claim(database, token="new", now=3.0)
    with database.write() as connection:
        assert catalog_queue.still_held(connection, "me", [(job.id, "old")]) == set()
        catalog_queue.finish(connection, [(job.id, "old", job_done(0))], 4.0)
    assert _states(database)[_uuid(0), "ocr"] == JobState.RUNNING


def test_a_job_that_failed_once_waits_for_its_time(database: Database) -> None:
    _fill(database, 1)
    (job,) = _claim(database, now=10.0)
    change = job_failed_once(0, Failure(error_class=ErrorClass.TIMEOUT, message="slow"), 10.0)
    with database.write() as connection:
        catalog_queue.finish(connection, [(job.id, "t", change)], 10.0)
        assert catalog_queue.next_retry(connection, "ocr", 10.0) == change.not_before
    assert _claim(database, now=change.not_before - 0.1) == []
    (again,) = _claim(database, now=change.not_before)
    assert again.attempts == 1


def test_the_wait_for_a_tool_is_told_from_a_retry_and_from_a_fetch(database: Database) -> None:
    _fill(database, 3)
    missing = job_held_back(0, Failure(error_class=ErrorClass.MISSING_TOOL, message="run this"), 10.0)
    slow = job_failed_once(0, Failure(error_class=ErrorClass.TIMEOUT, message="slow"), 10.0)
    lacking, tried = _claim(database, now=10.0, limit=2)
    with database.write() as connection:
        catalog_queue.finish(connection, [(lacking.id, "t", missing), (tried.id, "t", slow)], 10.0)
        catalog_peers.hold_jobs(connection, [(20.0, _uuid(2), SidecarKind("ocr"), 0.0)])
    with database.read() as connection:
        assert catalog_queue.lacking_tools(connection, ["ocr"], 10.0) == [(lacking.id, "ocr", "run this")]
        for closed in ((), (7,)):
            assert catalog_queue.next_retry(connection, "ocr", 11.0, closed) == 20.0
            assert catalog_queue.next_retry(connection, "ocr", 20.0, closed) == missing.not_before
            assert catalog_queue.next_retry(connection, "ocr", 20.0, closed, lacking=False) is None
    with database.write() as connection:
        catalog_queue.end_held_waits(connection, "ocr", 10.0)
    assert [job.id for job in _claim(database, now=10.0, limit=3)] == [lacking.id]
    assert len(_claim(database, now=20.0, limit=3)) == 2


def test_one_that_still_lacks_what_it_lacked_speaks_for_those_that_lack_the_same(database: Database) -> None:
    _fill(database, 4)
    codecs = ("AV1", "AV1", "HEVC")
    jobs = _claim(database, now=10.0, limit=3)
    failures = [Failure(error_class=ErrorClass.MISSING_TOOL, message=codec) for codec in codecs]
    with database.write() as connection:
        changes = [job_held_back(0, failure, 10.0, goes_last=True) for failure in failures]
        finished = [(job.id, "t", change) for job, change in zip(jobs, changes, strict=True)]
        catalog_queue.finish(connection, finished, 10.0)
        # Another process may have the tool: they may run at once, still after what was never tried.
        catalog_queue.end_held_waits(connection, "ocr", 11.0)
    untried, first = _claim(database, now=11.0, limit=2)
    assert (untried.last, first.id, first.last) == (None, jobs[0].id, failures[0])
    with database.write() as connection:
        assert catalog_queue.wait_alike(connection, "ocr", {"AV1"}, 11.0, 41.0) == [jobs[1].id]
    assert [job.id for job in _claim(database, now=12.0, limit=3)] == [jobs[2].id]
    assert [job.id for job in _claim(database, now=41.0, limit=3)] == [jobs[1].id]


def test_embeddings_wake_when_their_text_is_there_and_end_as_it_does_when_it_is_not(database: Database) -> None:
    _fill(database, 2)
    failure = Failure(error_class=ErrorClass.CORRUPT, message="broken")
    with database.write() as connection:
        catalog_outcomes.wake_waiting(connection, [(_uuid(0), "ocr")], 1.0)
        assert (
            catalog_outcomes.finish_waiting(connection, _uuid(1), "embeddings", SidecarStatus.FAILED, failure, 1.0) == 1
        )
        embeddings = catalog_sidecars.list_sidecars(connection, kind="embeddings")
        rows = {row.content_uuid: row for row in embeddings}
    states = _states(database)
    assert (states[_uuid(0), "embeddings"], states[_uuid(1), "embeddings"]) == ("queued", "failed")
    assert (rows[_uuid(1)].status, rows[_uuid(1)].error_class) == (SidecarStatus.FAILED, "corrupt")


def test_failed_sidecars_are_due_again_only_when_asked_for(database: Database) -> None:
    _fill(database, 1, (OCR,))
    (job,) = _claim(database)
    change = job_failed_once(0, Failure(error_class=ErrorClass.CORRUPT, message="broken"), 1.0)
    outcome = SidecarOutcome(
        content_uuid=_uuid(0),
        kind="ocr",
        variant="default",
        status=SidecarStatus.FAILED,
        recipe=job.due[0].wanted,
        error_class="corrupt",
        error_message="broken",
    )
    with database.write() as connection:
        catalog_queue.finish(connection, [(job.id, "t", change)], 1.0)
        catalog_outcomes.record_outcomes(connection, [outcome], 1.0)
        assert catalog_queueing.queue_due(connection, "ocr", Urgency.NEW, 2.0) == 0
        assert catalog_sidecars.ask_again(connection, 3.0, statuses=[SidecarStatus.FAILED]) == 1
        assert catalog_queueing.queue_due(connection, "ocr", Urgency.NEW, 3.0) == 1
    (again,) = _claim(database, now=4.0)
    assert again.attempts == 0


def test_state_rules_are_held_by_the_database_itself(database: Database) -> None:
    _fill(database, 1)
    for statement in (
        "UPDATE jobs SET state = 'running'",
        "UPDATE jobs SET state = 'asleep'",
        "UPDATE jobs SET state = 'failed'",
        "UPDATE sidecars SET status = 'ready', recipe = 'r'",
        "UPDATE sidecars SET status = 'failed', recipe = 'r'",
        "UPDATE entries SET content_uuid = NULL",
    ):
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.exec_driver_sql(statement)


def _failed(database: Database, job: catalog_queue.ClaimedJob, failure: Failure, now: float) -> None:
    """Record a failed try of a job as the recorder does, final or not."""
    change = job_failed_once(job.attempts, failure, now)
    tried = [
        FailedTry(content_uuid=job.content_uuid, kind=job.kind, variant=due.variant, recipe=due.wanted, failure=failure)
        for due in job.due
    ]
    outcomes = [
        SidecarOutcome(
            content_uuid=job.content_uuid,
            kind=job.kind,
            variant=due.variant,
            status=SidecarStatus.FAILED,
            recipe=due.wanted,
            error_class=failure.error_class.value,
            error_message=failure.message,
        )
        for due in job.due
        if change.state is JobState.FAILED
    ]
    with database.write() as connection:
        assert catalog_queue.finish(connection, [(job.id, job.token, change)], now) == 1
        catalog_outcomes.record_outcomes(connection, outcomes, now)
        catalog_failures.record_failures(connection, tried, now)


def _ledger(database: Database) -> list[catalog_failures.FailureRow]:
    with database.read() as connection:
        return list(catalog_failures.list_failures(connection))


CRASH = Failure(error_class=ErrorClass.CRASH, message="died", stderr_tail="stack smashed", exit_status="SIGABRT")


def test_the_ledger_counts_tries_and_keeps_the_engines_words(database: Database) -> None:
    _fill(database, 1, (OCR,))
    for attempt, now in enumerate((10.0, 20.0, 40.0)):
        (job,) = _claim(database, now=now)
        assert (job.attempts, job.last is None) == (attempt, attempt == 0)
        _failed(database, job, CRASH, now)
        (row,) = _ledger(database)
        assert (row.attempts, row.first_at, row.last_at) == (attempt + 1, 10.0, now)
        assert (row.state is JobState.FAILED) == (attempt == 2)
    assert (row.message, row.stderr_tail, row.exit_status) == ("died", "stack smashed", "SIGABRT")
    assert _claim(database, now=1e6) == []


def test_a_failure_is_settled_when_the_sidecar_is_made_or_fails_under_another_recipe(database: Database) -> None:
    _fill(database, 1, (OCR,))
    (job,) = _claim(database, now=10.0)
    _failed(database, job, Failure(error_class=ErrorClass.CORRUPT, message="broken"), 10.0)
    newer = wanted(OCR.kind, "default", Recipe(generator="ocr", version=2), {})
    with database.write() as connection:
        catalog_queueing.mark_changed(connection, 1, ["image/png"])
        assert catalog_queueing.queue_slice(connection, 1, lambda *_: [newer], 11.0, kinds=KINDS) == (1, 1)
    (again,) = _claim(database, now=12.0)
    assert (again.attempts, again.last) == (0, None)
    _failed(database, again, CRASH, 12.0)
    (row,) = _ledger(database)
    assert (row.recipe, row.attempts) == (newer.digest, 1)
    with database.write() as connection:
        connection.execute(sa.update(sidecars).values(status="empty", recipe=newer.digest))
        catalog_outcomes.resolve_made(connection, [_uuid(0)], 13.0)
    assert _ledger(database) == []


def test_a_lost_source_is_due_again_when_the_next_index_finds_it(database: Database) -> None:
    _fill(database, 2, (OCR,))
    for job, error_class in zip(_claim(database), (ErrorClass.MISSING_SOURCE, ErrorClass.CORRUPT), strict=True):
        _failed(database, job, Failure(error_class=error_class, message="gone"), 2.0)
    with database.write() as connection:
        assert catalog_failures.has_lost_sources(connection, 1)
        catalog_failures.mark_lost_sources(connection, 1)
        assert catalog_queueing.queue_slice(connection, 1, lambda *_: [OCR], 3.0, kinds=KINDS) == (1, 1)
        assert not catalog_failures.has_lost_sources(connection, 1)
    assert [job.content_uuid for job in _claim(database, now=4.0)] == [_uuid(0)]


def test_what_is_cancelled_stays_so_until_it_is_asked_for(database: Database) -> None:
    _fill(database, 3)
    (running,) = _claim(database, limit=1)
    with database.write() as connection:
        # The text takes the embeddings that wait for it with it.
        assert catalog_requests.cancel(connection, ["ocr"], sa.select(sa.literal(_uuid(0))), 2.0) == 2
        assert catalog_requests.cancel(connection, ["ocr"], sa.select(sa.literal(_uuid(1))), 2.0) == 2
        assert catalog_queue.finish(connection, [(running.id, "t", job_done(0))], 3.0) == 0
        catalog_queueing.mark_changed(connection, 1, ["image/png"])
        assert catalog_queueing.queue_slice(connection, 1, lambda *_: [OCR, EMBEDDINGS], 3.0, kinds=KINDS)[1] == 0
    states = _states(database)
    cancelled = {(_uuid(n), kind) for n in (0, 1) for kind in ("ocr", "embeddings")}
    assert {key for key, state in states.items() if state == "cancelled"} == cancelled
    with database.write() as connection:
        again = [SidecarStatus.CANCELLED]
        assert catalog_sidecars.ask_again(connection, 4.0, statuses=again, content_uuids=[_uuid(0)]) == 2
        assert sum(catalog_queueing.queue_due(connection, kind, Urgency.NEW, 4.0) for kind in KINDS) == 2
    assert _states(database)[_uuid(0), "embeddings"] == "waiting"
    assert _states(database)[_uuid(1), "ocr"] == "cancelled"


def test_embeddings_wait_for_a_text_that_was_cancelled_until_it_is_asked_for(database: Database) -> None:
    _fill(database, 1, (OCR,))
    with database.write() as connection:
        catalog_requests.cancel(connection, ["ocr"], None, 1.0)
        catalog_queueing.mark_changed(connection, 1, ["image/png"])
        catalog_queueing.queue_slice(connection, 1, lambda *_: [OCR, EMBEDDINGS], 2.0, kinds=KINDS)
    assert _states(database) == {(_uuid(0), "ocr"): "cancelled", (_uuid(0), "embeddings"): "waiting"}
    with database.write() as connection:
        assert catalog_requests.uncancel(connection, "ocr", [_uuid(0)], 3.0) == 1
        assert catalog_queueing.queue_due(connection, "ocr", Urgency.NEW, 3.0) == 1
    assert _states(database) == {(_uuid(0), "ocr"): "queued", (_uuid(0), "embeddings"): "waiting"}


def test_cancelling_what_was_to_be_made_again_keeps_the_old_file_served(database: Database) -> None:
    _fill(database, 1, (OCR,))
    digest = OCR.digest
    (job,) = _claim(database)
    with database.write() as connection:
        catalog_queue.finish(connection, [(job.id, "t", job_done(0))], 1.0)
        ready = {"status": "ready", "recipe": digest, "format": "json", "rel_path": "x", "size": 1, "checksum": "c"}
        connection.execute(sa.update(sidecars).values(**ready))
        for asked in (1, 2):
            assert catalog_sidecars.ask_again(connection, 2.0, statuses=[SidecarStatus.READY]) == 1
            assert catalog_queueing.queue_due(connection, "ocr", Urgency.REGENERATE, 2.0) == 1
            assert catalog_requests.cancel(connection, ["ocr"], None, 3.0) == 0
            assert catalog_queueing.queue_due(connection, "ocr", Urgency.NEW, 4.0) == 0, asked
        (row,) = catalog_sidecars.list_sidecars(connection)
    assert (row.status, row.rel_path) == (SidecarStatus.READY, "x")


def test_this_devices_sidecars_are_those_that_are_ready(database: Database) -> None:
    _fill(database, 2, (OCR,))
    with database.write() as connection:
        register_device(connection, "mine", "box", 1.0)
        ready = {"status": "ready", "recipe": "r", "format": "json", "rel_path": "p", "size": 5, "checksum": "c"}
        statement = sa.update(sidecars).where(sidecars.c.content_uuid == _uuid(1)).values(**ready, updated_at=2.0)
        connection.execute(statement)
        available = connection.exec_driver_sql("SELECT * FROM sidecar_availability").all()
    assert [tuple(row) for row in available] == [(_uuid(1), "ocr", "default", "mine", 1, 5, "c", 2.0, None)]


def test_the_device_that_opened_a_library_last_has_its_sidecars(database: Database) -> None:
    for device in ("here", "there"):
        with database.write() as connection:
            register_device(connection, device, "box", 1.0)
    with database.read() as connection:
        assert this_device(connection) == "there"


def test_each_machine_has_its_own_folder_for_a_location(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(database, 1, (OCR,))
    with database.write() as connection:
        (location,) = catalog_locations.list_locations(connection)
        catalog_locations.map_location(connection, location.id, "other", b"/mnt/theirs")
    assert _claim(database, token="a")[0].sources == ((b"/photos/0", 1, 1),)
    monkeypatch.setenv("PILLION_HOST", "other")
    with database.write() as connection:
        catalog_queue.rescue(connection, "me", 2.0)
        (location,) = catalog_locations.list_locations(connection)
        assert (location.path, location.shared) == (b"/mnt/theirs", b"/photos")
        assert catalog_locations.roots_of(connection, location.id) == {"other": b"/mnt/theirs"}
        assert sources_of(connection, [_uuid(0)]) == {_uuid(0): [(b"/mnt/theirs/0", 1, 1)]}
    assert _claim(database, token="b")[0].sources == ((b"/mnt/theirs/0", 1, 1),)
    with database.write() as connection:
        assert catalog_locations.forget_location(connection, location.id, 1.0) == 1
        assert catalog_locations.list_locations(connection) == []


def test_a_folder_that_one_machine_does_not_see_is_offline_there_alone_on_a_server(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, 1, (OCR,))

    def offline() -> list[str | None]:
        with database.read() as connection:
            assert catalog_queue.has_gates(connection)
            (location,) = catalog_locations.list_locations(connection)
            assert gates.offline_locations(connection) == ({location.id} if location.offline else set())
            return [location.offline, location.identity]

    monkeypatch.setenv("PILLION_HOST", "one")
    with database.write() as connection:
        catalog_locations.set_online(connection, 1, "disk")
        catalog_locations.set_offline(connection, 1, "gone", 5.0)
        catalog_locations.set_offline(connection, 1, "still gone", 6.0)
        (location,) = catalog_locations.list_locations(connection)
    assert (location.offline, location.offline_since, location.identity) == ("still gone", 5.0, "disk")
    monkeypatch.setenv("PILLION_HOST", "two")
    assert offline() == ([None, None] if database.on_server else ["still gone", "disk"])
    monkeypatch.setenv("PILLION_HOST", "one")
    assert offline() == ["still gone", "disk"]
    with database.write() as connection:
        catalog_locations.end_offline(connection, 1)
        assert gates.offline_locations(connection) == set()


def test_a_connection_that_is_in_use_when_its_catalog_is_closed_is_closed_at_its_end(database: Database) -> None:
    with database.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        database.close()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    with pytest.raises(Exception, match="closed"):
        driver.execute("SELECT 1")
