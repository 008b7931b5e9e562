"""Jobs whose files are on a disk that is not there are held, not failed, and go on by themselves when it is back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.catalog import queue as catalog_queue
from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.library import Library
from pillion.library.sidecars import Pending
from pillion.machine import this_owner
from pillion.model import Failure, SidecarKind, SidecarStatus
from pillion.queue.offline import OfflineLocations
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import run
from tests.support.waiting import wait_until

FILES = 6
PATIENCE_S = 60.0


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    for seed in range(FILES):
        photos.write_photo(folder / f"{seed}.jpg", seed=seed, size=(160, 120))
    return folder


@pytest.fixture
def library(tmp_path: Path, disk: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        opened.index(disk)
        yield opened


def _ready(library: Library) -> int:
    return library.status().sidecars["thumb"].get(SidecarStatus.READY, 0)


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "gone"])
def test_a_run_without_the_disk_fails_nothing_and_the_next_one_makes_it_all(
    library: Library, disk: Path, mount_point: bool
) -> None:
    away = disk.rename(disk.with_name("drawer"))
    if mount_point:
        disk.mkdir()
    report = library.run()
    assert list(library.requests.failures()) == []
    assert report.recorded == {}
    assert report.notices == {"thumb": "6 jobs wait for files in a folder that is offline; they run when it is back."}
    status = library.status()
    assert status.queue["thumb"].counts[JobState.PAUSED] == FILES
    assert (status.offline_jobs, status.locations[0].offline is not None) == ({"thumb": FILES}, True)
    assert "6 jobs wait for files in a folder that is offline" in run("status", "--library", library.root).stdout
    # Neither an index nor somebody who asks changes that.
    assert [path for path, _ in library.index().offline] == [os.fsencode(disk)]
    (uuid,) = {item.content_uuid for item in library.ls() if item.sources[0].endswith("/0.jpg")}
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), Pending)
    library.run()
    assert list(library.requests.failures()) == []
    if mount_point:
        disk.rmdir()
    away.rename(disk)
    assert library.run().notices == {}
    assert (_ready(library), library.status().locations[0].offline) == (2 * FILES, None)
    check_invariants(library.root, finished=True)


def test_what_is_read_while_its_disk_goes_away_is_held_too(library: Library, disk: Path) -> None:
    with library._database.write() as connection:
        jobs = catalog_queue.claim(
            connection, SidecarKind("thumb"), owner=this_owner(), token="t", now=time.time(), limit=2
        )
    changed = Failure(error_class=ErrorClass.CHANGED_SOURCE, message="The file changed while it was read.")
    failed = [(job, changed) for job in jobs]
    assert OfflineLocations(library._database).waiting(failed, time.time()) == set()
    disk.rename(disk.with_name("drawer"))
    assert OfflineLocations(library._database).waiting(failed, time.time()) == {job.id for job in jobs}


def test_workers_in_the_background_go_on_when_the_disk_is_back(library: Library, disk: Path) -> None:
    away = disk.rename(disk.with_name("drawer"))
    library.start()
    wait_until(lambda: library.status().offline_jobs == {"thumb": FILES}, "they are held")
    assert library.wait_until_idle(PATIENCE_S)
    away.rename(disk)
    wait_until(lambda: _ready(library) == 2 * FILES, "they went on")
    assert list(library.requests.failures()) == []


def test_a_second_copy_elsewhere_is_enough(library: Library, disk: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "0.jpg").write_bytes((disk / "0.jpg").read_bytes())
    library.index(copies)
    disk.rename(disk.with_name("drawer"))
    library.run()
    assert (_ready(library), library.status().offline_jobs) == (2, {"thumb": FILES - 1})


def test_one_file_that_is_gone_from_a_disk_that_is_there_fails(library: Library, disk: Path) -> None:
    (disk / "0.jpg").unlink()
    library.run()
    assert {item.failure.error_class for item in library.requests.failures()} == {"missing_source"}
    assert library.status().locations[0].offline is None


def test_a_file_of_another_indexer_on_a_lost_disk_fails_once(library: Library, disk: Path) -> None:
    """It is in no Location that could be offline: nothing would tell when to try again but its indexer."""
    library.queue_intelligence([("0f8fad5b-d9cb-869f-a165-70867728950e", disk / "0.jpg", "image/jpeg")])
    disk.rename(disk.with_name("drawer"))
    library.run()
    assert {item.failure.error_class for item in library.requests.failures()} == {"missing_source"}
    assert library.status().offline_jobs == {"thumb": FILES}
