"""Waiting for a sidecar that is asked for, and recording one that somebody else made."""

from __future__ import annotations

import asyncio
import io
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pillion
from pillion import Failed, Library, Pending, Ready
from pillion.catalog.database import Database
from pillion.errors import ItemError, LibraryClosedError, UsageError, WorkersStoppedError
from pillion.job import JobState, is_on_demand
from pillion.model import SidecarKind, SidecarStatus
from pillion.queue import commit, jobs
from tests.support import photos
from tests.support.invariants import check_invariants

pytestmark = pytest.mark.usefixtures("both_catalogs")

PATIENCE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    photos.write_photo(root / "good.jpg", seed=1, size=(160, 120))
    (root / "broken.jpg").write_bytes((root / "good.jpg").read_bytes()[:300])
    return root


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        opened.index(folder, kinds=["thumb"])
        yield opened


def content(library: Library, folder: Path, name: str) -> str:
    (uuid,) = library.find(str(folder / name))
    return uuid


def asked(library: Library, uuid: str, variant: str = "detail@1x") -> Pending:
    pending = library.sidecars.get_or_enqueue(uuid, "thumb", variant)
    assert isinstance(pending, Pending)
    return pending


def test_a_pending_one_can_be_waited_for(library: Library, folder: Path) -> None:
    pending = asked(library, content(library, folder, "good.jpg"))
    assert repr(pending).startswith("Pending(content_uuid='")
    assert pending.wait(0) is pending
    library.start()
    answer = pending.wait(PATIENCE_S)
    assert isinstance(answer, Ready)
    assert answer.path.is_file()
    failed = library.sidecars.get_or_enqueue(content(library, folder, "broken.jpg"), "thumb", "detail@1x")
    if isinstance(failed, Pending):
        failed = failed.wait(PATIENCE_S)
    assert isinstance(failed, Failed)
    assert failed.error_class == "corrupt"


def test_pending_ones_can_be_awaited_together(library: Library, folder: Path) -> None:
    uuid = content(library, folder, "good.jpg")

    async def all_of_them() -> list[Ready | Failed]:
        async def one(variant: str) -> Ready | Failed:
            return await asked(library, uuid, variant)

        variants = ("icon", "grid@1x", "detail@1x", "detail@1x")
        waits = asyncio.gather(*map(one, variants))
        await asyncio.sleep(0)
        library.start()
        return await asyncio.wait_for(waits, PATIENCE_S)

    assert all(isinstance(answer, Ready) for answer in asyncio.run(all_of_them()))


def test_a_wait_that_is_given_up_takes_nothing_from_others(library: Library, folder: Path) -> None:
    pending = asked(library, content(library, folder, "good.jpg"))

    async def gives_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pending, 0.1)

    asyncio.run(gives_up())
    library.start()
    assert isinstance(pending.wait(PATIENCE_S), Ready)


def test_a_callback_gets_the_answer_once(library: Library, folder: Path) -> None:
    told: queue.SimpleQueue[Ready | Failed] = queue.SimpleQueue()
    uuid = content(library, folder, "good.jpg")
    library.sidecars.get_or_enqueue(uuid, "thumb", "icon", on_done=told.put)
    library.start()
    assert isinstance(told.get(timeout=PATIENCE_S), Ready)
    library.sidecars.get_or_enqueue(uuid, "thumb", "icon", on_done=told.put)
    assert isinstance(told.get(timeout=PATIENCE_S), Ready)
    assert told.empty()


def test_what_is_asked_for_while_its_job_runs_is_made_after_it(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid, running, go_on = content(library, folder, "good.jpg"), threading.Event(), threading.Event()
    plan = jobs.plan

    def holds(*values: Any, **named: Any) -> Any:
        running.set()
        assert go_on.wait(PATIENCE_S)
        return plan(*values, **named)

    monkeypatch.setattr(jobs, "plan", holds)
    library.start()
    assert running.wait(PATIENCE_S)
    pending = asked(library, uuid, "grid@1x")
    go_on.set()
    assert isinstance(pending.wait(PATIENCE_S), Ready)


def test_asking_again_and_waiting_write_nothing(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = asked(library, content(library, folder, "good.jpg"))

    def writes(self: Database) -> None:
        raise AssertionError("it wrote")

    monkeypatch.setattr(library._database, "write", writes)
    for _ in range(3):
        assert asked(library, pending.content_uuid) == pending
    assert pending.wait(0.2) is pending


def test_what_it_is_made_from_comes_first_too(library: Library, folder: Path) -> None:
    library.index(policy="desktop")
    pending = library.sidecars.get_or_enqueue(content(library, folder, "good.jpg"), "embeddings", "all-MiniLM-L6-v2")
    assert isinstance(pending, Pending)
    assert is_on_demand(library.status().queue[SidecarKind("ocr")].front or 0)
    assert not is_on_demand(library.status().queue[SidecarKind("thumb")].front or 0)


def test_what_is_cancelled_is_answered_to_those_who_wait(library: Library, folder: Path) -> None:
    pending = asked(library, content(library, folder, "good.jpg"))
    future = pending.future()
    library.cancel()
    answer = future.result(PATIENCE_S)
    assert isinstance(answer, Failed)
    assert answer.status is SidecarStatus.CANCELLED


def test_those_who_wait_learn_that_the_library_was_closed_or_its_workers_ended(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = asked(library, content(library, folder, "good.jpg"))

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(commit.Recorder, "record", fails)
        library.start()
        with pytest.raises(WorkersStoppedError):
            pending.wait(PATIENCE_S)
    library.stop()
    future = pending.future()
    library.close()
    with pytest.raises(LibraryClosedError):
        future.result(PATIENCE_S)


# sidecars that somebody else made -------------------------------------------------------------------------------------


def picture(size: tuple[int, int] = (100, 80), form: str = "WEBP") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(data, form)
    return data.getvalue()


@pytest.mark.in_folder
def test_a_recorded_sidecar_is_as_one_that_was_made_here(library: Library, folder: Path) -> None:
    uuid = content(library, folder, "broken.jpg")
    library.run()
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), Failed)
    ready = library.record(uuid.upper(), "thumb", "icon", picture())
    assert ready.path.read_bytes() == picture()
    assert library.sidecars.get_or_enqueue(uuid, "thumb", "icon") == ready
    assert {item.failure.variant for item in library.requests.failures()} == {"grid@2x"}
    assert library.thumbhash(uuid) is not None
    # No policy wants this one.
    assert library.record(uuid, "thumb", "detail@2x", picture()).path.is_file()
    assert library.verify() == []
    check_invariants(library.root, finished=True)
    assert library.index().queued == 0


@pytest.mark.in_folder
def test_recording_takes_the_work_from_the_queue_and_wakes_who_waits(library: Library, folder: Path) -> None:
    uuid = content(library, folder, "good.jpg")
    for variant in ("icon", "grid@2x"):
        library.record(uuid, "thumb", variant, picture())
    assert library.status().queue["thumb"].counts == {JobState.QUEUED: 1}
    done = threading.Event()
    library.sidecars.get_or_enqueue(uuid, "thumb", "grid@1x", on_done=lambda _: done.set())
    library.record(uuid, "thumb", "grid@1x", picture())
    assert done.wait(PATIENCE_S)
    library.run()
    check_invariants(library.root, finished=True)


@pytest.mark.parametrize(
    ("kind", "variant", "data", "error"),
    [
        ("thumb", "icon", b"", ItemError),
        ("thumb", "icon", picture(form="PNG"), ItemError),
        ("thumb", "icon", picture((129, 20)), ItemError),
        ("thumb", "icon", picture((120, 120))[:-40], ItemError),
        ("thumb", "huge", picture(), UsageError),
        ("ocr", "default", b"{}", ItemError),
        ("ocr", "default", b'{"kind": "transcript"}', ItemError),
        ("transcript", "default", b"text", UsageError),
        ("embeddings", "all-MiniLM-L6-v2", b"\x81\xa4kind\xaaembeddings", ItemError),
        ("embeddings", "all-MiniLM-L6-v2", b"\xc1", ItemError),
        ("strange", "default", b"", UsageError),
    ],
)
def test_what_is_not_whole_is_not_recorded(
    library: Library, folder: Path, kind: str, variant: str, data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        library.record(content(library, folder, "good.jpg"), kind, variant, data)
    assert {item.state for item in library.ls()} == {SidecarStatus.PENDING}
    assert list((library.root / "staging").iterdir()) == []
    assert list((library.root / "sidecars").iterdir()) == []


def test_a_content_that_is_not_known_has_no_sidecars(library: Library) -> None:
    with pytest.raises(UsageError):
        library.record("0f8fad5b-d9cb-869f-a165-70867728950e", "thumb", "icon", picture())


def test_public_names() -> None:
    for name in pillion.__all__:
        assert getattr(pillion, name) is not None
    assert {"Event", "Item", "ConfigError", "LibraryBusyError", "LibraryClosedError"} <= set(pillion.__all__)
