"""An object store that fails: one sentence, nothing charged to the files, nothing twice, nothing half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pillion import Library
from pillion.catalog.database import sqlite_module
from pillion.errors import StoreError, StoreRefusedError, StoreUnavailableError
from pillion.model import SidecarStatus
from pillion.store import buckets
from tests.support import photos, s3
from tests.support.program import run, start

PLACE = f"s3://{s3.BUCKET}/pictures"
FILES = 8


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.S3]:
    monkeypatch.setattr(buckets, "_RETRIES", 0)
    with s3.running(monkeypatch) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    photos.write_many(folder, FILES)
    return folder


def _made(root: Path, folder: Path) -> None:
    with Library.open(root, policy="mobile", sidecars=PLACE) as library:
        library.index(folder)
        library.run()


def _queued(root: Path, folder: Path) -> None:
    with Library.open(root, policy="mobile", sidecars=PLACE) as library:
        library.index(folder)


def _break(server: s3.S3, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "gone":
        server.stop()
    elif how == "errors":
        server.failing = True
    elif how == "slow":
        monkeypatch.setattr(buckets, "_ANSWER_S", 1)
        server.held.clear()
    elif how == "keys":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDWRONG")
    else:
        client = server.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET):
            for item in page.get("Contents", ()):
                client.delete_object(Bucket=s3.BUCKET, Key=item["Key"])
        client.delete_bucket(Bucket=s3.BUCKET)


def _mend(server: s3.S3, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "gone":
        server.start()
    monkeypatch.setattr(buckets, "_ANSWER_S", 60)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)
    server.failing = False
    server.held.set()


FAULTS = {
    "gone": (StoreUnavailableError, "cannot be reached"),
    "errors": (StoreUnavailableError, "answers with errors"),
    "slow": (StoreUnavailableError, "too slow"),
    "keys": (StoreRefusedError, "keys"),
    "bucket": (StoreRefusedError, "no bucket"),
}


@pytest.mark.parametrize("how", FAULTS)
def test_a_fault_is_one_sentence_and_no_sidecar_passes_for_missing(
    tmp_path: Path, folder: Path, server: s3.S3, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    root = tmp_path / "library"
    _made(root, folder)
    _break(server, how, monkeypatch)
    kind, words = FAULTS[how]
    with Library.open(root) as library:
        item = next(library.ls())
        with pytest.raises(kind, match=words) as met:
            library.resolve(item.uri)
        assert "\n" not in str(met.value)
        with pytest.raises(StoreError):
            library.maintenance.verify()
        assert {one.state for one in library.ls()} == {SidecarStatus.READY}
        assert not library.status().queue.get("thumb") or not library.status().queue["thumb"].counts.get("queued")
    _mend(server, how, monkeypatch)


@pytest.mark.parametrize("how", [how for how in FAULTS if how != "bucket"])
def test_work_is_held_back_uncharged_and_goes_on(
    tmp_path: Path, folder: Path, server: s3.S3, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    root = tmp_path / "library"
    _queued(root, folder)
    _break(server, how, monkeypatch)
    with Library.open(root) as library:
        report = library.run()
        assert not any(report.recorded.values())
        assert FAULTS[how][1] in report.notices["*"]
        assert list(library.requests.failures()) == []
        _mend(server, how, monkeypatch)
    with Library.open(root) as library:
        assert sum(library.run().recorded.values()) == 2 * FILES
        assert list(library.requests.failures()) == []
        assert library.maintenance.verify() == []


def test_nobody_waits_for_uploads(tmp_path: Path, folder: Path, server: s3.S3) -> None:
    """While sidecars are sent, others can write to the catalog; so they can when sidecars of a peer are."""
    root = tmp_path / "library"
    _queued(root, folder)
    locked: list[str] = []
    one_asks = threading.Lock()

    def before(method: str, path: str) -> None:
        if method != "PUT" or not path.endswith(".webp"):
            return
        # Others write meanwhile, but none that waits for this request. Two builds of SQLite in a process would not see
        # each other's locks.
        driver = sqlite_module()
        catalog = driver.connect(str(root / "catalog.sqlite"), timeout=10, isolation_level=None)
        with one_asks, closing(catalog) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except driver.OperationalError:
                locked.append(path)

    server.before = before
    with Library.open(root) as library:
        assert sum(library.run().recorded.values()) == 2 * FILES
        library.export_to(tmp_path / "disk")
    assert locked == []
    root = tmp_path / "second"
    with Library.open(root, policy="mobile", sidecars=f"s3://{s3.BUCKET}/second") as library:
        library.index(folder)
        assert sum(library.peers.pull_from(str(tmp_path / "disk")).by_kind.values()) == 2 * FILES
        assert locked == []
        assert library.maintenance.verify() == []


@pytest.mark.parametrize("nth", [1, 5, 12])
def test_a_kill_amid_uploads_leaves_nothing_half_and_nothing_is_made_twice(
    tmp_path: Path, folder: Path, server: s3.S3, nth: int
) -> None:
    root = tmp_path / "library"
    _queued(root, folder)
    puts: list[str] = []
    met = threading.Event()

    def before(method: str, path: str) -> None:
        if method == "PUT" and path.startswith(f"/{s3.BUCKET}/pictures/content/"):
            puts.append(path)
            if len(puts) == nth:
                server.held.clear()
                met.set()

    server.before = before
    process = start("work", "--library", root)
    assert met.wait(60)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    server.before = lambda method, path: None
    server.held.set()
    done = run("work", "--library", root)
    assert done.returncode == 0, done.stderr
    with Library.open(root) as library:
        assert {item.state for item in library.ls()} == {SidecarStatus.READY}
        assert library.maintenance.verify() == []
        assert list((root / "staging").iterdir()) == []


def test_what_was_uploaded_before_a_kill_is_adopted(tmp_path: Path, folder: Path, server: s3.S3) -> None:
    root = tmp_path / "library"
    _queued(root, folder)
    points = tmp_path / "points"
    points.mkdir()
    armed = {"PILLION_FAILPOINTS_DIR": str(points), "PILLION_FAILPOINTS": "record.placed=kill@1"}
    done = run("work", "--library", root, env=armed)
    assert done.returncode != 0
    made: list[str] = []
    server.before = lambda method, path: made.append(path) if method == "PUT" else None
    before = {item["Key"] for item in server.client().list_objects_v2(Bucket=s3.BUCKET)["Contents"]}
    assert any(key.endswith(".webp") for key in before)
    assert run("work", "--library", root).returncode == 0
    assert not {path.removeprefix(f"/{s3.BUCKET}/") for path in made if path.endswith(".webp")} & before
    with Library.open(root) as library:
        assert library.maintenance.verify() == []
