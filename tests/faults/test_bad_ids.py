"""What callers hand over is checked at the door, and a row that makes no sense all the same fails alone."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pillion.catalog import locations as catalog_locations
from pillion.catalog.locations import EntryRow
from pillion.errors import LibraryBusyError, LibraryClosedError, UsageError, WorkersStoppedError
from pillion.job import JobState
from pillion.library import Library
from pillion.library.sidecars import Pending, Ready
from pillion.machine import exclusive
from pillion.model import SidecarStatus
from tests.support import photos
from tests.support.invariants import check_invariants

PATIENCE_S = 60.0
ID = "0f8fad5b-d9cb-869f-a165-70867728950e"
BAD = ("../..", 5, "", None, b"0f8fad5b-d9cb-869f-a165-70867728950e", ID[:-1], f"{ID}\n", "é" * 36)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return photos.write_photo(tmp_path / "photo.jpg", seed=1, size=(160, 120))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


ASKS: dict[str, Callable[[Library, Any, Path], Any]] = {
    "queue_intelligence": lambda library, id, photo: library.queue_intelligence([(id, photo, "image/jpeg")]),
    "get_or_enqueue": lambda library, id, photo: library.sidecars.get_or_enqueue(id, "thumb", "icon"),
    "presence": lambda library, id, photo: library.sidecars.presence([id], "thumb", ["icon"]),
    "ls": lambda library, id, photo: list(library.ls(content_uuid=id)) if id is not None else content(id),
    "content_info": lambda library, id, photo: library.content_info(id),
    "thumbhash": lambda library, id, photo: library.thumbhash(id),
    "failures": lambda library, id, photo: list(library.requests.failures(content_uuids=[id])),
    "retry": lambda library, id, photo: library.retry(content_uuids=[id]),
    "cancel": lambda library, id, photo: library.cancel(content_uuids=[id]),
    "regenerate": lambda library, id, photo: library.regenerate(content_uuid=id) if id is not None else content(id),
}


def content(id: None) -> None:
    raise UsageError(f"{id} means all here")


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_no_content_uuid_is_refused(library: Library, photo: Path, ask: str) -> None:
    for bad in BAD:
        with pytest.raises(UsageError):
            ASKS[ask](library, bad, photo)
    assert library.status().queue == {}


def test_a_uuid_in_any_form_is_one_content(library: Library, photo: Path) -> None:
    assert library.queue_intelligence([(ID.upper(), photo, "image/jpeg")]) == 1
    assert library.queue_intelligence([(uuid.UUID(ID), photo, "image/jpeg")]) == 0
    library.run()
    for form in (ID, ID.upper(), uuid.UUID(ID)):
        assert isinstance(library.sidecars.get_or_enqueue(form, "thumb", "icon"), Ready)
        assert library.sidecars.presence([form], "thumb", ["icon"]) == {ID: {"icon": True}}
        assert len(list(library.ls(content_uuid=form))) == 2
    check_invariants_of_others(library)


def check_invariants_of_others(library: Library) -> None:
    assert library.verify() == []
    assert {item.state for item in library.ls()} == {SidecarStatus.READY}


@pytest.mark.parametrize("item", [(ID,), ID, (ID, 5, "image/jpeg"), (ID, "x", 5), (ID, "x", "../../x"), (ID, "x", "")])
def test_items_that_are_not_well_formed_are_refused(library: Library, item: Any) -> None:
    with pytest.raises(UsageError):
        library.queue_intelligence([item])


def test_a_folder_or_a_device_is_no_source(library: Library, tmp_path: Path) -> None:
    for source in (tmp_path, Path("/dev/null")):
        with pytest.raises(UsageError, match="is not a regular file"):
            library.queue_intelligence([(ID, source, "image/jpeg")])


def _spoil(library: Library, photo: Path) -> None:
    """What an older version let into the catalog: content uuids that are none, among good ones."""
    good = [f"{number}{ID[1:]}" for number in range(6)]
    copies = [photo.with_name(f"{number}.jpg") for number in range(9)]
    for copy in copies:
        copy.write_bytes(photo.read_bytes())
    library.queue_intelligence([(uuid, copy, "image/jpeg") for uuid, copy in zip(good, copies, strict=False)])
    with library._database.write() as connection:
        location = next(item for item in catalog_locations.list_locations(connection) if not item.walked)
        rows = [
            EntryRow(
                path=str(copy).lstrip("/").encode(),
                size=copy.stat().st_size,
                mtime_ns=copy.stat().st_mtime_ns,
                inode=copy.stat().st_ino,
                content_uuid=bad,
                mime="image/jpeg",
            )
            for bad, copy in zip(("../..", "5", ID.upper()), copies[6:], strict=True)
        ]
        catalog_locations.record_entries(connection, location.id, rows, 1.0)
    library.queue_intelligence([])


def test_rows_that_make_no_sense_fail_alone(library: Library, photo: Path) -> None:
    _spoil(library, photo)
    library.run()
    states = {item.content_uuid: item.state.value for item in library.ls()}
    assert [state for uuid, state in states.items() if uuid[1:] == ID[1:]] == ["ready"] * 6
    assert len(states) == 9
    assert {states[bad] for bad in ("5", "../..", ID.upper())} == {"failed"}
    assert library.status().queue["thumb"].counts == {JobState.DONE: 6, JobState.FAILED: 3}
    library.run()
    assert list((library.root / "staging").iterdir()) == []


def test_a_recipe_that_the_catalog_does_not_know_fails_alone_until_an_index(
    library: Library, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        photos.write_photo(folder / name, seed=ord(name[0]), size=(160, 120))
    library.index(folder)
    with library._database.write() as connection:
        connection.execute(sa.text("UPDATE sidecars SET wanted = 'lost' WHERE variant = 'icon'"))
    library.run()
    assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2, SidecarStatus.FAILED: 2}
    with library._database.write() as connection:
        connection.execute(sa.text("DELETE FROM meta WHERE key LIKE 'queueing:%'"))
        connection.execute(sa.text("UPDATE entries SET queued = 0"))
    assert library.index().queued == 2
    library.run()
    assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 4}
    check_invariants(library.root, finished=True)


# workers that end by an error -----------------------------------------------------------------------------------------


def test_workers_that_end_by_an_error_say_so_and_hold_nothing(
    library: Library, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pillion.queue import commit

    def fails(*_: object) -> None:
        raise ZeroDivisionError("the bug")

    library.queue_intelligence([(ID, photo, "image/jpeg")])
    with monkeypatch.context() as broken:
        broken.setattr(commit.Recorder, "record", fails)
        library.start()
        with pytest.raises(WorkersStoppedError, match="ZeroDivisionError: the bug") as raised:
            library.wait_until_idle(PATIENCE_S)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        with pytest.raises(WorkersStoppedError):
            library.wait_until_idle(PATIENCE_S)
        assert "ZeroDivisionError: the bug" in library.notices()["*"]
        assert "ZeroDivisionError: the bug" in (library.status().stopped or "")
    assert library.status().queue["thumb"].counts == {JobState.QUEUED: 1}
    library.start()
    assert library.wait_until_idle(PATIENCE_S)
    assert (library.notices(), library.status().stopped) == ({}, None)
    check_invariants_of_others(library)


# turns ----------------------------------------------------------------------------------------------------------------


def test_four_threads_queue_each_in_its_turn(library: Library, photo: Path) -> None:
    def one(number: int) -> int:
        return library.queue_intelligence([(f"{number:08d}{ID[8:]}", photo, "image/jpeg")])

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(one, range(40))) == 40
    assert len({item.content_uuid for item in library.ls()}) == 40


def test_queueing_waits_for_an_index_of_another_thread(library: Library, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photos.write_photo(folder / "a.jpg", seed=2, size=(160, 120))
    inside, go_on = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        inside.set()
        go_on.wait(PATIENCE_S)

    with ThreadPoolExecutor(2) as threads:
        index = threads.submit(library.index, folder, progress=hold)
        assert inside.wait(PATIENCE_S)
        queued = threads.submit(library.queue_intelligence, [(ID, photo, "image/jpeg")])
        assert not queued.done()
        go_on.set()
        assert (index.result(PATIENCE_S).queued, queued.result(PATIENCE_S)) == (1, 1)


def test_a_thread_does_not_wait_for_itself(library: Library, photo: Path) -> None:
    with exclusive(library.root / "index.lock", "indexing"), pytest.raises(LibraryBusyError):
        library.queue_intelligence([(ID, photo, "image/jpeg")])


# a library that was closed --------------------------------------------------------------------------------------------


def test_a_closed_library_says_so(tmp_path: Path, photo: Path) -> None:
    library = Library.open(tmp_path / "library", policy="mobile")
    library.queue_intelligence([(ID, photo, "image/jpeg")])
    assert isinstance(library.sidecars.get_or_enqueue(ID, "thumb", "icon"), Pending)
    assert repr(library) == f"<Library {str(tmp_path / 'library')!r}>"
    library.close()
    library.close()
    assert repr(library) == f"<Library {str(tmp_path / 'library')!r}, closed>"
    asks: list[Callable[[], object]] = [
        library.status,
        library.index,
        library.run,
        library.start,
        library.wait_until_idle,
        library.locations,
        library.notices,
        library.verify,
        lambda: list(library.ls()),
        lambda: library.sidecars.get_or_enqueue(ID, "thumb", "icon"),
        lambda: next(library.events(follow=True)),
    ]
    for ask in asks:
        with pytest.raises(LibraryClosedError):
            ask()


def test_more_ids_than_a_statement_may_name_are_no_damage(library: Library) -> None:
    every = [str(uuid.UUID(int=(number << 80) | 0x8000_8000_0000_0000_0000)) for number in range(250_001)]
    before = {item.content_uuid for item in library.ls()}
    assert library.retry(content_uuids=every) == 0
    assert list(library.requests.failures(content_uuids=every)) == []
    assert library.cancel(content_uuids=every) == 0
    assert {item.content_uuid for item in library.ls()} == before
