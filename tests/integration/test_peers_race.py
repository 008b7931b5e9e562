"""Taking from peers or making here: what is expected to be quicker, and whichever is there first counts."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pillion import Library
from pillion.catalog import queue as catalog_queue
from pillion.events import Event
from pillion.events import Ready as ReadyEvent
from pillion.library import sidecars as library_sidecars
from pillion.library.sidecars import Ready
from pillion.machine import this_owner
from pillion.model import SidecarKind, SidecarStatus
from pillion.peers import beside, pulling, racing
from pillion.peers.beside import Beside, Fetching
from pillion.peers.pulling import Pulled
from pillion.peers.racing import Making, Pace
from tests.support.devices import PHOTOS, SIZES
from tests.support.lying import ChangedPeer

pytestmark = pytest.mark.usefixtures("both_catalogs")

THUMB = SidecarKind("thumb")


def connect(monkeypatch: pytest.MonkeyPatch, desk: Path, **changes: Callable[[Any], Any]) -> list[ChangedPeer]:
    """Let every peer be one that changes what the desk answers; the peers that were asked."""
    made: list[ChangedPeer] = []

    def connected(_row: object) -> ChangedPeer:
        made.append(ChangedPeer(desk, changes))
        return made[-1]

    monkeypatch.setattr(pulling, "connect", connected)
    return made


def expect(monkeypatch: pytest.MonkeyPatch, *, fetch_s: float, make_s: float) -> None:
    """What each takes, whatever was measured."""
    monkeypatch.setattr(Pace, "seconds", lambda _self, _size: fetch_s)
    monkeypatch.setattr(Making, "seconds", lambda _self, _wanted: make_s)
    monkeypatch.setattr(Fetching, "expected_s", lambda *_: (fetch_s, make_s))
    monkeypatch.setattr(racing, "HEAD_START_S", 0.0)
    monkeypatch.setattr(library_sidecars, "_HEAD_START_S", 0.0)
    monkeypatch.setattr(beside, "LOOK_S", 600.0)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Pulled]:
    """What came of asking the peers beside the work."""
    found: list[Pulled] = []
    monkeypatch.setattr(Beside, "_say", lambda _self, pulled: found.append(pulled))
    return found


def states(library: Library) -> dict[SidecarStatus, int]:
    counts: dict[SidecarStatus, int] = {}
    for item in library.ls():
        counts[item.state] = counts.get(item.state, 0) + 1
    return counts


def jobs(library: Library) -> int:
    with library._database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM jobs WHERE state <> 'done'").scalar_one())


def uuid_of(library: Library) -> str:
    return min(item.content_uuid for item in library.ls())


# beside the work ------------------------------------------------------------------------------------------------------


def test_what_would_come_later_is_made(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch, said: list[Pulled]
) -> None:
    asked = connect(monkeypatch, desk)
    expect(monkeypatch, fetch_s=1e6, make_s=1.0)
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == PHOTOS * SIZES
    assert all("read" not in peer.calls for peer in asked)
    assert [pulled.by_kind for pulled in said] == [{}]


def test_what_comes_sooner_is_not_made(phone: Library, monkeypatch: pytest.MonkeyPatch, said: list[Pulled]) -> None:
    expect(monkeypatch, fetch_s=1.0, make_s=1e6)
    assert not phone.run(kinds=["thumb"]).recorded
    assert said[0].by_kind == {THUMB: PHOTOS * SIZES}
    assert states(phone) == {SidecarStatus.READY: PHOTOS * SIZES}
    assert jobs(phone) == 0


def test_what_is_not_there_in_time_is_made_and_what_comes_after_that_is_dropped(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch, said: list[Pulled]
) -> None:
    over = threading.Event()

    def late(data: bytes) -> bytes:
        assert over.wait(60)
        return data

    connect(monkeypatch, desk, read=late, abort=lambda _: over.set())
    expect(monkeypatch, fetch_s=0.0, make_s=0.0)
    events: list[Event] = []
    report = phone.run(kinds=["thumb"], on_event=events.append)
    assert sum(report.recorded.values()) == PHOTOS * SIZES
    assert len([event for event in events if isinstance(event, ReadyEvent)]) == PHOTOS
    assert over.is_set()
    (pulled,) = said
    assert (pulled.by_kind, pulled.made, pulled.failed) == ({}, PHOTOS * SIZES, None)
    assert states(phone) == {SidecarStatus.READY: PHOTOS * SIZES}
    assert phone.verify() == []
    assert not any(phone._store.staging.iterdir())


def test_jobs_wait_for_a_fetch_only_as_long_as_it_lasts(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[list[float]] = []

    def look(data: bytes) -> bytes:
        with phone._database.read() as connection:
            held.append(list(connection.exec_driver_sql("SELECT not_before FROM jobs").scalars()))
        return data[:-1]

    connect(monkeypatch, desk, read=look)
    expect(monkeypatch, fetch_s=0.0, make_s=1e6)
    started = time.time()
    # The peer lies at its first answer; all is made at once.
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == PHOTOS * SIZES
    assert len(held) == 1
    assert all(started < until <= time.time() + racing.HORIZON_S for until in held[0])
    assert len(held[0]) == PHOTOS


def test_a_job_that_runs_is_stopped_where_all_that_it_makes_has_come(phone: Library) -> None:
    owner, now = this_owner(), time.time()
    with phone._database.write() as connection:
        (job,) = catalog_queue.claim(connection, THUMB, owner=owner, token="t", now=now, limit=1)
    (pulled,) = phone.peers.pull()
    assert (pulled.by_kind, pulled.made) == ({THUMB: PHOTOS * SIZES}, 0)
    with phone._database.read() as connection:
        assert catalog_queue.still_held(connection, owner, [(job.id, "t")]) == set()
    assert jobs(phone) == 0


def test_a_job_that_runs_and_makes_more_than_has_come_goes_on(phone: Library, desk: Path) -> None:
    with Library.open(desk) as other:
        other.sidecars.remove(f"sidecar://{uuid_of(phone)}/thumb/icon")
    owner, now = this_owner(), time.time()
    with phone._database.write() as connection:
        claimed = catalog_queue.claim(connection, THUMB, owner=owner, token="t", now=now, limit=PHOTOS)
    (mine,) = [job for job in claimed if job.content_uuid == uuid_of(phone)]
    (pulled,) = phone.peers.pull()
    assert (pulled.by_kind, pulled.made) == ({THUMB: (PHOTOS - 1) * SIZES}, 1)
    with phone._database.read() as connection:
        claims = [(job.id, "t") for job in claimed]
        assert catalog_queue.still_held(connection, owner, claims) == {mine.id}


# for somebody who waits -----------------------------------------------------------------------------------------------


def test_who_waits_gets_what_is_made_if_that_is_quicker(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Beside, "start", lambda _self: None)
    asked = connect(monkeypatch, desk)
    expect(monkeypatch, fetch_s=600.0, make_s=0.0)
    phone.start()
    assert isinstance(phone.resolve(f"sidecar://{uuid_of(phone)}/thumb/icon", "fetch_or_generate", 60.0), Ready)
    assert asked == []


def test_who_waits_gets_what_is_made_if_the_peer_does_not_answer(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Beside, "start", lambda _self: None)
    asked, over = threading.Event(), threading.Event()

    def hangs(data: bytes) -> bytes:
        asked.set()
        assert over.wait(60)
        return data

    connect(monkeypatch, desk, read=hangs, abort=lambda _: over.set())
    expect(monkeypatch, fetch_s=0.0, make_s=0.0)
    phone.start()
    assert isinstance(phone.resolve(f"sidecar://{uuid_of(phone)}/thumb/icon", "fetch_or_generate", 60.0), Ready)
    assert asked.wait(60)
    assert not over.is_set()
    phone.close()
    assert over.is_set()
    with Library.open(phone.root) as again:
        assert again.verify() == []


def test_who_waits_gets_what_a_peer_has_if_nobody_makes_it(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, desk)
    expect(monkeypatch, fetch_s=0.0, make_s=0.0)
    assert isinstance(phone.resolve(f"sidecar://{uuid_of(phone)}/thumb/icon", "fetch_or_generate", 60.0), Ready)


# nothing to be had ----------------------------------------------------------------------------------------------------


def found_empty(library: Path, variant: str) -> None:
    """Let a library have found that there is nothing in this variant of any content."""
    catalog = sqlite3.connect(library / "catalog.sqlite")
    nothing = ", ".join(f"{name} = NULL" for name in ("format", "rel_path", "size", "checksum"))
    catalog.execute(f"UPDATE sidecars SET status = 'empty', {nothing} WHERE variant = ?", (variant,))
    catalog.execute(
        "INSERT INTO meta (key, value) VALUES ('inventory', '9') ON CONFLICT (key) DO UPDATE SET value = '9'"
    )
    catalog.commit()
    catalog.close()


@pytest.mark.in_folder
def test_a_peers_word_that_there_is_nothing_is_taken_and_told_on(phone: Library, desk: Path, tmp_path: Path) -> None:
    found_empty(desk, "icon")
    (pulled,) = phone.peers.pull()
    assert (pulled.by_kind, pulled.empty) == ({THUMB: PHOTOS}, PHOTOS)
    assert states(phone) == {SidecarStatus.READY: PHOTOS, SidecarStatus.EMPTY: PHOTOS}
    notes = {item.error["message"] for item in phone.ls() if item.error is not None}
    assert notes == {"As the peer desk says: there is nothing in it."}
    assert jobs(phone) == 0
    assert phone.peers.compare("desk").has == []
    (again,) = phone.peers.pull()
    assert (again.by_kind, again.empty) == ({}, 0)
    with Library.open(tmp_path / "tablet", policy="mobile") as tablet:
        tablet.index(tmp_path / "photos", kinds=["thumb"])
        tablet.peers.add("phone", str(phone.root))
        (second,) = tablet.peers.pull()
        assert (second.by_kind, second.empty) == ({THUMB: PHOTOS}, PHOTOS)
        notes = {item.error["message"] for item in tablet.ls() if item.error is not None}
        assert notes == {"As the peer phone says: there is nothing in it."}


def test_the_word_of_a_peer_that_lies_does_not_count_any_more(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_empty(desk, "icon")
    connect(monkeypatch, desk, read=lambda data: data[:-1])
    (pulled,) = phone.peers.pull()
    assert pulled.lied
    assert pulled.empty == PHOTOS
    assert states(phone) == {SidecarStatus.PENDING: PHOTOS * SIZES}
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == PHOTOS * SIZES


@pytest.mark.in_folder
def test_a_disk_carries_that_there_is_nothing(phone: Library, desk: Path, tmp_path: Path) -> None:
    found_empty(desk, "icon")
    with Library.open(desk) as other:
        made = other.export_to(tmp_path / "disk")
        assert (made.by_kind, made.empty) == ({THUMB: PHOTOS}, PHOTOS)
        again = other.export_to(tmp_path / "disk")
        assert (again.by_kind, again.empty, again.there) == ({}, 0, PHOTOS * SIZES)
    pulled = phone.peers.pull_from(str(tmp_path / "disk"))
    assert (pulled.by_kind, pulled.empty) == ({THUMB: PHOTOS}, PHOTOS)
