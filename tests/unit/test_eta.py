"""How far a run is, and how long the rest takes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from pillion.catalog import locations as catalog_locations
from pillion.catalog import outcomes as backlog
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog.database import Database
from pillion.catalog.events import events_after
from pillion.catalog.locations import EntryRow
from pillion.catalog.outcomes import Measured, add_measured
from pillion.catalog.queue import claim
from pillion.events import Progress
from pillion.kinds import registry
from pillion.kinds.registry import wanted
from pillion.model import MediaClass, Recipe, SidecarKind, WantedSidecar
from pillion.queue import estimate
from pillion.queue.estimate import Estimates, Eta, KindEta

KINDS = registry.names()


def _want(kind: SidecarKind, variant: str, awaits: SidecarKind | None = None) -> WantedSidecar:
    recipe = Recipe(generator=kind, version=1, settings={"variant": variant})
    return wanted(kind, variant, recipe, {}, awaits=awaits)


WANTS = (
    _want("thumb", "icon"),
    _want("thumb", "grid@2x"),
    _want("ocr", "default"),
    _want("embeddings", "all-MiniLM-L6-v2", "ocr"),
)


@pytest.fixture
def filled(database: Database) -> Database:
    """Ten pictures for which nothing is made yet."""
    rows = [
        EntryRow(path=b"%d" % n, size=1000, mtime_ns=1, inode=n, content_uuid=f"{n:036}", hash="h", mime="image/png")
        for n in range(10)
    ]
    with database.write() as connection:
        location = catalog_locations.ensure_location(connection, b"/photos", 0.0)
        catalog_locations.record_entries(connection, location.id, rows, 0.0)
        catalog_queueing.queue_slice(connection, location.id, lambda *_: WANTS, 0.0, kinds=KINDS)
        add_measured(
            connection,
            [
                Measured(
                    kind="thumb",
                    variant=variant,
                    media_class=MediaClass.IMAGE,
                    number=10.0,
                    seconds=seconds,
                    bytes=1.0,
                    source_bytes=1.0,
                )
                for variant, seconds in (("icon", 10.0), ("grid@2x", 20.0))
            ],
        )
    return database


def test_the_time_left_is_that_of_all_variants_shared_by_all_workers(filled: Database) -> None:
    kinds = Eta(filled, Estimates(), KINDS, 2, {}, {}).kinds()
    assert kinds["thumb"] == KindEta(done=0, left=10, seconds_left=pytest.approx(15.0))
    assert set(kinds) == {"thumb", "ocr", "embeddings"}
    assert kinds["embeddings"].left == 10
    one = Eta(filled, Estimates(), KINDS, 2, {}, {"thumb": 1}).kinds()
    assert one["thumb"].seconds_left == pytest.approx(30.0)


def test_a_hole_in_a_film_takes_no_time(database: Database, tmp_path: Path) -> None:
    films = [tmp_path / "hole.mp4", tmp_path / "film.mp4"]
    with films[0].open("wb") as file:
        file.truncate(200 << 30)
    films[1].write_bytes(b"film")
    rows = [
        EntryRow(
            path=os.fsencode(path.name),
            size=path.stat().st_size,
            mtime_ns=1,
            inode=number,
            content_uuid=f"{number:036}",
            hash="h",
            mime="video/mp4",
        )
        for number, path in enumerate(films)
    ]
    wants = (_want("transcript", "default"),)
    with database.write() as connection:
        location = catalog_locations.ensure_location(connection, os.fsencode(tmp_path), 0.0)
        catalog_locations.record_entries(connection, location.id, rows, 0.0)
        catalog_queueing.queue_slice(connection, location.id, lambda *_: wants, 0.0, kinds=KINDS)
    (about,) = Eta(database, Estimates(), KINDS, 1, {}, {}).kinds().values()
    assert about.left == 2
    assert about.seconds_left < 60


def test_a_long_queue_is_judged_by_its_beginning(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SAMPLE", 3)
    assert Eta(filled, Estimates(), KINDS, 1, {}, {}).kinds()["thumb"].seconds_left == pytest.approx(30.0)
    with filled.read() as connection:
        looked_at, sorts = backlog.sample(connection, "thumb", 1000)
    assert (looked_at, {sort.number for sort in sorts}) == (3, {3})


def test_jobs_that_run_or_wait_are_left_too(filled: Database) -> None:
    with filled.write() as connection:
        assert len(claim(connection, "thumb", owner="o", token="t", now=1.0, limit=100)) == 10
    with filled.read() as connection:
        assert backlog.count_left(connection, "thumb") == 10
        looked_at, sorts = backlog.sample(connection, "thumb", 1000)
    assert (looked_at, {sort.variant for sort in sorts}) == (10, {"icon", "grid@2x"})


def test_what_a_run_ends_is_taken_off_between_two_looks_and_told_once(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_COUNT_S", 3600.0)
    ended: Counter[SidecarKind] = Counter()
    run = Eta(filled, Estimates(), ("thumb",), 1, ended, {})
    for now, done in ((100.0, 0), (100.5, 0), (101.0, 4), (102.0, 4), (103.0, 10)):
        ended["thumb"] = done
        run.tell(now)
    with filled.read() as connection:
        told = [event for event in events_after(connection, 0) if isinstance(event, Progress)]
    assert [(event.at, event.done, event.left) for event in told] == [(100.0, 0, 10), (101.0, 4, 6), (103.0, 10, 0)]
    assert told[1].seconds_left == pytest.approx(18.0)
    assert told[-1].kinds == {"thumb": {"done": 10, "left": 0, "seconds_left": 0.0}}
