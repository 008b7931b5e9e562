"""Events: what a run tells, to callbacks and iterators, in this process and in others."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

import pillion
from pillion import events
from pillion.catalog import events as catalog_events
from pillion.catalog.database import Database
from pillion.catalog.events import append_events, event_of, events_after, newest_event, stored_event
from pillion.events import Event, event_json
from pillion.model import SidecarStatus
from pillion.queue import subscription
from tests.support.program import COMMAND, run, run_json


@pytest.fixture
def folder(tmp_path: Path, photo: Path, rotated_photo: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    shutil.copy(photo, made / "a.jpg")
    shutil.copy(rotated_photo, made / "b.jpg")
    (made / "broken.jpg").write_bytes(photo.read_bytes()[:2000])
    return made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[pillion.Library]:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


E = TypeVar("E", bound=Event)


def _of(found: list[Event], kind: type[E]) -> list[E]:
    return [event for event in found if isinstance(event, kind)]


def test_a_run_tells_its_story_to_a_callback_and_to_an_iterator(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    heard: list[Event] = []
    library.run(on_event=heard.append)
    told = list(library.events())
    assert [event.id for event in told] == list(range(1, len(told) + 1))
    assert heard == told[-len(heard) :]
    (queued,) = _of(told, events.Queued)
    assert (queued.kind, queued.jobs) == ("thumb", 3)
    assert {event.content_uuid for event in _of(told, events.Started)} == {item.content_uuid for item in library.ls()}
    ready = _of(told, events.Ready)
    assert len(ready) == 2
    assert all(set(event.variants) == {"grid@2x", "icon"} and event.bytes > 0 for event in ready)
    (failed,) = _of(told, events.Failed)
    assert (failed.status, failed.error_class, failed.retry_at) == (SidecarStatus.FAILED, "corrupt", None)
    progress = _of(told, events.Progress)
    assert (progress[0].left, progress[0].done) == (3, 0)
    assert progress[0].seconds_left > 0
    assert [event.id for event in library.events(since=told[-2].id)] == [told[-1].id]


def test_pauses_and_what_lifts_them_are_told(library: pillion.Library, folder: Path) -> None:
    library.add_location(folder)
    library.pause(kind="thumb", location=folder)
    library.pause(kind="thumb", location=folder)
    library.pause()
    library.resume()
    told = [(event.name, event.kind, event.location) for event in library.events()]  # type: ignore[attr-defined]
    here = str(folder)
    assert told[:2] == [("paused", "thumb", here), ("paused", None, None)]
    assert sorted(told[2:], key=str) == sorted([("resumed", "thumb", here), ("resumed", None, None)], key=str)


def test_every_event_comes_back_from_json_as_it_was() -> None:
    some: list[Event] = [
        events.Queued(kind="ocr", jobs=2),
        events.Started(kind="ocr", content_uuid="u", variants=("default",), attempt=1),
        events.Ready(kind="ocr", content_uuid="u", variants=("default",), bytes=1, seconds=0.5),
        events.Failed(
            kind="ocr",
            content_uuid="u",
            variants=("default",),
            status=SidecarStatus.PENDING,
            error_class=pillion.ErrorClass.TIMEOUT,
            message="too slow",
            retry_at=5.0,
        ),
        events.Paused(kind=None, location="/a\udcff", reason="user", message=""),
        events.Resumed(kind="thumb", location=None, reason="battery"),
        events.Changed(files=3, gone=("u", "v")),
        events.Progress(done=1, left=2, seconds_left=3.0, kinds={"ocr": {"done": 1, "left": 2, "seconds_left": 3.0}}),
    ]
    for event in some:
        stored = json.loads(json.dumps(stored_event(event)))
        assert event_of(stored, id=0, at=0.0) == event
        assert list(event_json(event))[:3] == ["id", "at", "event"]
    with pytest.raises(ValueError, match="no event 'lost'"):
        event_of(["lost"], id=1, at=1.0)


def test_only_the_newest_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_events, "KEPT", 100)
    monkeypatch.setattr(catalog_events, "_PAGE", 7)
    database = Database(tmp_path / "catalog.sqlite")
    database.prepare()
    for number in range(50):
        with database.write() as connection:
            append_events(connection, [events.Queued(kind="ocr", jobs=number)] * 10, float(number))
    with database.read() as connection:
        assert newest_event(connection) == 500
        kept = list(events_after(connection, 0))
        assert kept[-1].id == 500
        assert 100 <= len(kept) < 400
        assert [event.id for event in events_after(connection, 455)] == list(range(456, 501))
        assert list(events_after(connection, 500)) == []
    database.close()


def test_events_are_read_a_part_at_a_time(library: pillion.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what one who listens needs does not grow with what is kept."""
    monkeypatch.setattr(subscription, "_PART", 7)
    read: list[int] = []

    def counted(connection: sa.Connection, after: int) -> Iterator[Event]:
        for event in events_after(connection, after):
            read.append(event.id)
            yield event

    monkeypatch.setattr(subscription, "events_after", counted)
    with library._database.write() as connection:
        append_events(connection, [events.Queued(kind="ocr", jobs=1)] * 50, 1.0)
    found = library.events()
    assert next(found).id == 1
    assert read == list(range(1, 8))
    assert [event.id for event in found] == list(range(2, 51))
    assert [event.id for event in library.events(since=99)] == list(range(1, 51)), "of a catalog that was made anew"


def test_events_follow_what_another_process_does_until_ctrl_c(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "library"
    run_json("index", folder, "--library", path, "--policy", "mobile", "--no-wait")
    before = [json.loads(line) for line in run("events", "--library", path).stdout.splitlines()]
    assert [event["event"] for event in before] == ["changed", "queued"]
    command = [*COMMAND, "events", "--follow", "--since", str(before[-1]["id"]), "--library", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        run_json("work", "--library", path)
        names = []
        for line in follower.stdout:
            names.append(json.loads(line)["event"])
            if names.count("ready") == 2 and "failed" in names:
                break
        follower.send_signal(signal.SIGINT)
        try:
            assert follower.wait(30) == 130
        finally:
            follower.kill()
    assert names.index("started") < names.index("ready")
