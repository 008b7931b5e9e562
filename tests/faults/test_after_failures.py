"""What the queue makes of engines that fail: the ledger, the budgets of later tries, holds, cancel and pause."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from pillion import job as states
from pillion.cli.app import program
from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.kinds.execute import WRITES
from pillion.library import Library
from pillion.model import SidecarStatus
from pillion.queue import engine, work
from pillion.queue.jobs import CatalogJobs
from tests.support import engines, photos
from tests.support.evil import DEEDS
from tests.support.invariants import check_invariants
from tests.support.kinds import change, limit
from tests.support.waiting import wait_until

GOOD = 6
PATIENCE_S = 60.0
DEADLINE_S = 1.0
LOADED = 5
"""How much longer than promised something may take on a machine that does much else."""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the misbehaving engines in place, with a short deadline."""
    folder = tmp_path / "log"
    folder.mkdir()
    monkeypatch.setenv(engines.LOG, str(folder))
    monkeypatch.setenv(WRITES, str(folder))
    monkeypatch.setattr(work, "TARGET", "tests.support.engines:execute")
    limit(monkeypatch, "thumb", deadline_s=DEADLINE_S, deadline_s_per_mib=0, cpu_s=DEADLINE_S)
    change(monkeypatch, "thumb", lacking="tests.support.engines:lacking")
    found = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, found)))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(GOOD):
        photos.write_photo(root / f"good-{seed}.jpg", seed=seed, size=(160, 120))
    return root


@pytest.fixture
def library(tmp_path: Path, log: Path) -> Iterator[Library]:
    made = Library.open(tmp_path / "library", policy="mobile")
    yield made
    made.close()


def _add(folder: Path, *deeds: str) -> None:
    known = sorted([*DEEDS, engines.TOOL, engines.GATE, engines.CODEC])
    for deed in deeds:
        photos.write_photo(folder / f"{deed}-0.jpg", seed=100 + known.index(deed), size=(160, 120))


@pytest.mark.slow
def test_later_tries_are_alone_with_less_and_the_ledger_says_what_happened(
    folder: Path, log: Path, library: Library
) -> None:
    deeds = ("sleep", "segfault", "exit")
    _add(folder, *deeds)
    library.index(folder)
    library.run()
    ledger = {Path(item.sources[0]).stem.partition("-")[0]: item.failure for item in library.requests.failures()}
    assert {deed: row.error_class for deed, row in ledger.items()} == {deed: DEEDS[deed][1] for deed in deeds}
    assert (ledger["segfault"].exit_status, ledger["exit"].exit_status) == ("SIGSEGV", "exit code 0")
    assert "Segmentation fault" in ledger["segfault"].stderr_tail
    assert "evil.py" in ledger["sleep"].stderr_tail
    pids = [tried["pid"] for tried in engines.tries(log)]
    for deed in deeds:
        mine = engines.tries(log, deed)
        assert ledger[deed].attempts == 3
        if deed == "sleep" and len(mine) == 4:
            # While others waited for it, it was set aside: that is no try.
            assert mine.pop(0)["share"] == 1.0
        assert [tried["share"] for tried in mine] == [1.0, 0.5, 0.25]
        assert [tried["variants"] for tried in mine] == [["grid@2x", "icon"], ["grid@2x", "icon"], ["icon"]]
        assert all(pids.count(tried["pid"]) == 1 for tried in mine[1:]), "it was not alone"
    # Nothing tries them again but somebody who asks.
    assert library.index().queued == 0
    library.run()
    assert len(engines.tries(log)) == len(pids)
    assert library.retry(error_class="crash") == 4
    assert {line.counts[JobState.QUEUED] for line in library.status().queue.values()} == {2}
    check_invariants(library.root, finished=False)


def test_a_missing_tool_pauses_its_kind_charges_nothing_and_goes_on_in_the_next_run(
    tmp_path: Path, folder: Path, log: Path, library: Library
) -> None:
    _add(folder, "tool")
    library.index(folder)
    library.cancel(content_uuids=[uuid for n in range(GOOD) for uuid in library.find(str(folder / f"good-{n}.jpg"))])
    report = library.run()
    assert report.notices == {"thumb": "The tool is not installed."}
    (hold,) = library.status().holds
    assert (hold.kind, hold.error_class) == ("thumb", ErrorClass.MISSING_TOOL)
    assert library.status().queue["thumb"].counts[JobState.PAUSED] == 1
    assert list(library.requests.failures()) == []
    (log / engines.TOOL).touch()
    with Library.open(tmp_path / "library") as other:
        assert other.run().notices == {}
        assert other.status().holds == []
        assert other.status().sidecars["thumb"][SidecarStatus.READY] == 2
    check_invariants(tmp_path / "library", finished=True)


def test_a_run_ends_when_only_what_lacks_a_tool_is_left(
    tmp_path: Path, folder: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = CatalogJobs.finish

    def one_by_one(self: CatalogJobs, results: Sequence[Any], now: float) -> Mapping[str, str]:
        # What works after the miss ends the hold on its kind, so that the others go on.
        return {lane: text for result in results for lane, text in record(self, [result], now).items()}

    monkeypatch.setattr(CatalogJobs, "finish", one_by_one)
    monkeypatch.setattr(states, "HELD_BACK_S", 100.0)
    (tmp_path / "first").mkdir()
    _add(tmp_path / "first", "tool")
    library.index(tmp_path / "first")
    library.index(folder)
    assert library.run().notices == {"thumb": "The tool is not installed."}
    assert _ready(library) == 2 * GOOD
    assert len(engines.tries(log, "tool")) == 1
    (hold,) = library.status().holds
    assert (hold.kind, hold.notice) == ("thumb", "The tool is not installed.")
    assert library.status().queue["thumb"].counts[JobState.PAUSED] == 1
    # A later run looks again at once.
    library.run()
    assert len(engines.tries(log, "tool")) == 2
    (log / engines.TOOL).touch()
    assert library.run().notices == {}
    assert _ready(library) == 2 * (GOOD + 1)
    assert library.status().holds == []
    check_invariants(library.root, finished=True)


def test_files_of_a_type_that_lacks_a_tool_let_other_types_of_their_kind_be_made(
    tmp_path: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BATCH_ITEMS", 1)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        Image.new("RGB", (16, 12), (8 * number, 0, 0)).save(tmp_path / "photos" / f"tool-{number:02}.jpg", quality=100)
    Image.new("RGB", (16, 12), "red").save(tmp_path / "photos" / "well.png")
    library.index(tmp_path / "photos")
    assert library.run().notices == {"thumb": "The tool is not installed."}
    (ready,) = {item.sources[0] for item in library.ls() if item.state == "ready"}
    assert Path(ready).name == "well.png"
    (log / engines.TOOL).touch()
    assert library.run().notices == {}
    assert _ready(library) == 2 * 31
    check_invariants(library.root, finished=True)


def test_files_that_lack_a_codec_of_their_own_hold_up_no_others_of_their_type(
    tmp_path: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BATCH_ITEMS", 1)
    (log / engines.TOOL).touch()
    (tmp_path / "photos").mkdir()
    names = [*(f"codec-{number}" for number in range(5)), "well-0", "well-1"]
    for number, name in enumerate(names):
        Image.new("RGB", (16, 12), (30 * number, 0, 0)).save(tmp_path / "photos" / f"{name}.jpg")
    library.index(tmp_path / "photos")
    assert library.run().notices == {"thumb": "The codec of this file is not installed."}
    assert _ready(library) == 2 * 2
    assert len(engines.tries(log, "codec")) == 5
    # One of those that lack the same shows whether they still do.
    assert library.run().notices == {"thumb": "The codec of this file is not installed."}
    assert len(engines.tries(log, "codec")) == 6
    (log / engines.CODEC).touch()
    assert library.run().notices == {}
    assert _ready(library) == 2 * 7
    assert library.status().holds == []
    check_invariants(library.root, finished=True)


def test_workers_that_do_not_start_hold_all_back_and_end_the_run_as_an_error(
    folder: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def refused(*arguments: object, **options: object) -> object:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("pillion.pool.child.subprocess.Popen", refused)
    done = CliRunner().invoke(program, ["index", str(folder), "--library", str(library.root)])
    assert done.exit_code == 1
    (told,) = [line for line in done.stderr.splitlines() if "paused" in line]
    assert told.startswith("All work is paused: Worker processes do not start (Resource temporarily unavailable)")
    assert [hold.kind for hold in library.status().holds] == [None]
    assert list(library.requests.failures()) == []
    monkeypatch.setattr("pillion.pool.child.subprocess.Popen", start)
    assert library.run().notices == {}
    assert _ready(library) == 2 * GOOD
    assert library.status().holds == []
    check_invariants(library.root, finished=True)


def test_a_running_engine_goes_on_by_itself_when_the_tool_is_there(
    folder: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "HELD_BACK_S", 0.5)
    _add(folder, "tool")
    library.index(folder)
    library.start()
    wait_until(lambda: engines.tries(log, "tool"), "the tool was missed")
    (log / engines.TOOL).touch()
    wait_until(lambda: _ready(library) == 2 * (GOOD + 1), "it went on")
    assert library.wait_until_idle(PATIENCE_S)
    assert library.status().holds == []


def _ready(library: Library) -> int:
    return library.status().sidecars["thumb"].get(SidecarStatus.READY, 0)


def test_cancel_stops_what_runs_and_holds_until_it_is_asked_for(
    tmp_path: Path, folder: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, "thumb", deadline_s=1000.0)
    _add(folder, "sleep")
    library.index(folder)
    (uuid,) = library.find(str(folder / "sleep-0.jpg"))
    library.start()
    wait_until(lambda: engines.tries(log, "sleep"), "it began")
    (tried,) = engines.tries(log, "sleep")
    assert library.cancel(content_uuids=[uuid]) == 2
    assert wait_until(lambda: not _runs(tried["pid"]), "it was stopped") < LOADED * 2.0
    assert library.wait_until_idle(PATIENCE_S)
    library.stop()
    assert _ready(library) == 2 * GOOD
    assert list((library.root / "staging").iterdir()) == []
    with Library.open(tmp_path / "library") as again:
        assert again.index(folder).queued == 0
        assert again.status().sidecars["thumb"][SidecarStatus.CANCELLED] == 2
        assert again.status().queue["thumb"].counts[JobState.CANCELLED] == 1
        again.run()
        check_invariants(again.root, finished=True)
        monkeypatch.setattr(work, "TARGET", "pillion.kinds.execute:execute")
        again.sidecars.get_or_enqueue(uuid, "thumb", "icon")
        again.run()
        assert _ready(again) == 2 * (GOOD + 1)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_pause_stops_what_runs_within_two_seconds(
    folder: Path, log: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, "thumb", deadline_s=1000.0)
    _add(folder, "sleep")
    library.index(folder)
    library.start()
    wait_until(lambda: engines.tries(log, "sleep"), "it began")
    (tried,) = engines.tries(log, "sleep")
    library.pause(location=folder)
    assert wait_until(lambda: not _runs(tried["pid"]), "it was stopped") < LOADED * 2.0
    assert library.wait_until_idle(PATIENCE_S)
    counts = library.status().queue["thumb"].counts
    assert counts[JobState.PAUSED] >= 1
    assert JobState.RUNNING not in counts
    assert list(library.requests.failures()) == []


_HOLD = """
import sys, time
from pathlib import Path
from pillion.catalog import queue as jobs
from pillion.catalog.database import Database
from pillion.model import SidecarKind
from pillion.machine import at_work, this_owner

database = Database(Path(sys.argv[1]))
owner = this_owner()
with at_work(owner):
    with database.write() as connection:
        taken = jobs.claim(connection, "thumb", owner=owner, token="x", now=time.time(), limit=100)
    print(len(taken), flush=True)
    time.sleep(1000)
"""


def test_what_a_dead_process_held_is_rescued_within_two_seconds(folder: Path, log: Path, library: Library) -> None:
    library.index(folder)
    command = [sys.executable, "-c", _HOLD, str(library.root / "catalog.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == str(GOOD)
        library.start()
        library.wait_until_idle(2.0)
        assert engines.tries(log) == []
        holder.kill()
        assert wait_until(lambda: engines.tries(log), "it was rescued") < LOADED * 2.0
    wait_until(lambda: _ready(library) == 2 * GOOD, "it was made")
    attempts = library.status().queue["thumb"].counts
    assert attempts == {JobState.DONE: GOOD}


_WORK = """
import sys
from pillion.queue import engine, work
from pillion.queue.jobs import CatalogJobs
from pillion.catalog import queue as jobs
from pillion.library import Library

jobs.LEASE_S = 2.0
work.TARGET = "tests.support.engines:execute"
with Library.open(sys.argv[1]) as library:
    print(sum(library.run().recorded.values()))
"""


def test_a_worker_that_slept_past_its_lease_changes_nothing(folder: Path, log: Path, library: Library) -> None:
    _add(folder, engines.GATE)
    library.index(folder)
    command = [sys.executable, "-c", _WORK, str(library.root)]
    sleeper = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: engines.tries(log, engines.GATE), "it began")
        _put_to_sleep(sleeper, library.root)
        made = _ready(library)
        # Its own worker goes on, and finishes what nobody takes now.
        (log / engines.GATE).touch()
        library.start()
        wait_until(lambda: _ready(library) == 2 * (GOOD + 1), "it was rescued and made")
        library.stop()
        assert len(engines.tries(log, engines.GATE)) == 2
        before = _state(library.root)
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.communicate(timeout=PATIENCE_S)[0].strip() == str(made)
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert _state(library.root) == before
    assert list((library.root / "staging").iterdir()) == []
    check_invariants(library.root, finished=True)


def _put_to_sleep(process: subprocess.Popen[str], root: Path) -> None:
    """Stop a process, but not while it holds the catalog's write lock, for which everybody else would wait."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        # Only now that it has stopped can it not take the lock any more.
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        connection = pysqlite3.connect(root / "catalog.sqlite", timeout=0.1, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except pysqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            # On a busy machine it may take a while until it runs at all.
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_S * 1000:.0f}")
            connection.execute("BEGIN IMMEDIATE")
        finally:
            connection.close()
    raise AssertionError("it always holds the write lock")


def _state(root: Path) -> tuple[object, ...]:
    """Every row about jobs and sidecars, and every file with its inode and the time of its last change."""
    connection = pysqlite3.connect(f"file:{root / 'catalog.sqlite'}?mode=ro", uri=True)
    tables = ("jobs", "sidecars", "failures", "sidecar_availability")
    rows = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in tables]
    connection.close()
    files = [path for path in (root / "sidecars").rglob("*") if path.is_file()]
    return rows, {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def _cli(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(program, [str(item) for item in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def _json(*arguments: str | Path) -> object:
    return json.loads(_cli(*arguments, "--json").stdout)


def test_the_commands(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "library"
    (folder / "broken.jpg").write_bytes((folder / "good-0.jpg").read_bytes()[:200])
    _cli("index", folder, "--library", root, "--policy", "mobile", "--no-wait")
    one = folder / "good-1.jpg"
    assert _json("cancel", one, "--library", root) == {"cancelled": 2}
    assert "cancelled" in _cli("status", "--library", root).stdout
    assert _cli("work", "--library", root).exit_code == 0
    broken = [json.loads(line) for line in _cli("failed", "--library", root, "--json").stdout.splitlines()]
    assert {item["error"]["class"] for item in broken} == {"corrupt"}
    assert {(item["attempts"], item["state"], item["retry_at"]) for item in broken} == {(1, "failed", None)}
    assert {item["variant"] for item in broken} == {"grid@2x", "icon"}
    assert _cli("failed", "--library", root, "--class", "timeout").stdout == "Nothing failed.\n"
    assert "broken.jpg: corrupt: " in _cli("failed", folder / "broken.jpg", "--library", root, "--details").stdout
    assert _cli("failed", "--library", root, "--class", "tired").exit_code == 2
    assert _json("retry", "--library", root, "--class", "corrupt") == {"queued": 2}
    assert _json("retry", one, "--library", root) == {"queued": 2}
    assert _json("cancel", "--library", root, "--kind", "thumb", "--location", folder) == {"cancelled": 4}
    assert _cli("cancel", "--library", root).stderr == "Nothing was queued.\n"
