"""The library on real files and real engines: once per content, found again after moves, nothing done twice."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import pillion
from pillion.errors import LibraryBusyError, LibraryError, UsageError
from pillion.machine import exclusive
from pillion.model import SidecarStatus
from pillion.store import MARK
from tests.support.program import run

pytestmark = pytest.mark.usefixtures("both_catalogs")


@pytest.fixture
def folder(tmp_path: Path, photo: Path) -> Path:
    root = tmp_path / "pictures"
    for name in ("a/one.jpg", "b/two.jpg", "c/three.jpg"):
        (root / name).parent.mkdir(parents=True)
        shutil.copy(photo, root / name)
    return root


@pytest.fixture
def library(tmp_path: Path) -> Iterator[pillion.Library]:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


def _ready(library: pillion.Library) -> dict[tuple[str, str], pillion.library.sidecars.Item]:
    return {(i.content_uuid, i.variant): i for i in library.ls(statuses=[SidecarStatus.READY])}


def test_one_photo_in_three_folders_is_one_content_with_one_set_of_sidecars(
    library: pillion.Library, folder: Path
) -> None:
    report = library.index(folder)
    assert (report.files, report.contents, report.new, report.queued) == (3, 1, 3, 1)
    library.run()
    ready = _ready(library)
    assert {variant for _, variant in ready} == {"grid@2x", "icon"}
    assert len({uuid for uuid, _ in ready}) == 1
    sources = [sorted(Path(source).name for source in item.sources) for item in ready.values()]
    assert sources == [["one.jpg", "three.jpg", "two.jpg"]] * 2
    assert library.verify() == []


def test_a_second_run_hashes_decodes_and_queues_nothing(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    times = {path: path.stat().st_mtime_ns for path in library.root.rglob("*.webp")}
    again = library.index(folder)
    assert (again.new, again.changed, again.removed, again.hashed, again.queued) == (0, 0, 0, 0, 0)
    assert not any(library.run().recorded.values())
    assert {path: path.stat().st_mtime_ns for path in library.root.rglob("*.webp")} == times


def test_renamed_and_moved_files_keep_their_sidecars(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    (folder / "new").mkdir()
    (folder / "a/one.jpg").rename(folder / "new/first.jpg")
    (folder / "b").rename(folder / "z")
    report = library.index(folder)
    assert (report.contents, report.moved, report.removed, report.hashed, report.queued) == (1, 2, 0, 0, 0)
    (item, _) = _ready(library).values()
    assert sorted(Path(source).name for source in item.sources) == ["first.jpg", "three.jpg", "two.jpg"]


def test_a_touched_file_is_hashed_again_and_nothing_new_is_found(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    os.utime(folder / "a/one.jpg", ns=(1, 1))
    report = library.index(folder)
    assert (report.changed, report.hashed, report.queued) == (1, 1, 0)


def test_removed_files_are_marked_and_their_sidecars_stay(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    shutil.rmtree(folder)
    folder.mkdir()
    assert library.index(folder, accept_removals=True).removed == 3
    assert all(item.path is not None and item.path.is_file() for item in _ready(library).values())
    assert library.index(folder).removed == 0


def test_an_edited_file_gets_sidecars_of_its_own(library: pillion.Library, folder: Path, rotated_photo: Path) -> None:
    library.index(folder)
    library.run()
    shutil.copy(rotated_photo, folder / "a/one.jpg")
    assert library.index(folder).queued == 1
    library.run()
    assert len({uuid for uuid, _ in _ready(library)}) == 2


def test_get_or_enqueue_answers_with_the_file_in_place_only(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    (uuid,) = {item.content_uuid for item in library.ls()}
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), pillion.Pending)
    library.run()
    ready = library.sidecars.get_or_enqueue(uuid, "thumb", "icon")
    assert isinstance(ready, pillion.Ready)
    assert library.sidecars.presence([uuid], "thumb", ["icon", "grid@3x"]) == {uuid: {"icon": True, "grid@3x": False}}
    ready.path.unlink()
    assert library.sidecars.presence([uuid], "thumb", ["icon"]) == {uuid: {"icon": False}}
    assert [finding.problem for finding in library.verify()] == ["missing"]
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), pillion.Pending)
    library.run()
    assert ready.path.is_file()
    assert library.verify() == []


def test_what_no_policy_asks_for_is_made_when_somebody_does(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    (uuid,) = {item.content_uuid for item in library.ls()}
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "grid@1x"), pillion.Pending)
    library.run()
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "grid@1x"), pillion.Ready)
    with pytest.raises(UsageError, match="no variant 'huge'"):
        library.sidecars.get_or_enqueue(uuid, "thumb", "huge")
    with pytest.raises(UsageError, match="have no transcript"):
        library.sidecars.get_or_enqueue(uuid, "transcript", "default")


def test_background_workers_make_what_is_asked_for(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    (uuid,) = {item.content_uuid for item in library.ls()}
    library.start()
    library.wait_until_idle(60)
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), pillion.Ready)
    library.stop()


def test_another_indexer_hands_over_its_own_files(library: pillion.Library, photo: Path) -> None:
    uuid = pillion.hash_file(photo).content_uuid
    assert library.queue_intelligence([(uuid, photo, "image/jpeg")]) == 1
    assert library.queue_intelligence([(uuid, photo, "image/jpeg")]) == 0
    library.run()
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "grid@2x"), pillion.Ready)
    assert library.locations() == []


def test_regenerate_replaces_the_files_and_gives_the_same_bytes(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    before = {key: item.checksum for key, item in _ready(library).items()}
    inodes = {key: item.path.stat().st_ino for key, item in _ready(library).items() if item.path}
    assert library.regenerate(kind="thumb") == 2
    assert set(_ready(library)) == set(before)
    library.run()
    assert {key: item.checksum for key, item in _ready(library).items()} == before
    assert all(item.path and item.path.stat().st_ino != inodes[key] for key, item in _ready(library).items())


def test_a_folder_in_a_location_is_indexed_as_a_part_of_it(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    (folder / "a/one.jpg").unlink()
    (folder / "b/two.jpg").unlink()
    report = library.index(folder / "a")
    assert (report.files, report.removed) == (0, 1)
    assert len(library.locations()) == 1


def test_a_library_inside_its_location_does_not_index_itself(tmp_path: Path, folder: Path) -> None:
    with pillion.Library.open(folder / "lib", policy="mobile") as library:
        library.index(folder)
        library.run()
        assert library.index(folder).files == 3


def test_names_that_are_not_utf8_and_hidden_files(library: pillion.Library, folder: Path, photo: Path) -> None:
    odd = os.fsencode(folder) + b"/odd-\xff\xfe.jpg"
    shutil.copy(photo, odd)
    shutil.copy(photo, folder / ".hidden.jpg")
    (folder / "loop").symlink_to(folder)
    report = library.index(folder)
    assert (report.files, report.contents) == (4, 1)
    (item, *_) = library.ls()
    assert os.fsdecode(odd) in item.sources


def test_a_second_indexer_is_told_who_holds_the_library(library: pillion.Library, folder: Path) -> None:
    with exclusive(library.root / "index.lock", "indexing"), pytest.raises(LibraryBusyError, match=str(os.getpid())):
        library.index(folder)


def test_a_folder_in_place_of_the_lock_is_said_and_left(library: pillion.Library, folder: Path) -> None:
    lock = library.root / "index.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(LibraryError, match=r"index\.lock is a folder: move that away, and run again"):
        library.index(folder)
    lock.rmdir()
    assert library.index(folder).files > 0


def test_a_second_indexer_can_wait_and_is_told_for_whom(library: pillion.Library, folder: Path) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as executor:
        with exclusive(library.root / "index.lock", "indexing"):
            second = executor.submit(library.index, folder, waiting=told.put)
            assert re.fullmatch(
                rf"Process {os.getpid()} has been indexing the library .* since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d",
                told.get(timeout=60),
            )
            assert not second.done()
        assert second.result(60).contents > 0


@contextmanager
def _indexing(library: pillion.Library) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of whoever indexes."""
    script = """
import sys
from pathlib import Path
from pillion.machine import exclusive
with exclusive(Path(sys.argv[1]), "indexing"):
    print(flush=True)
    input()
"""
    command = [sys.executable, "-c", script, str(library.root / "index.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder
        holder.kill()


def test_the_lock_of_a_process_that_was_killed_is_no_obstacle(library: pillion.Library, folder: Path) -> None:
    with _indexing(library) as holder, pytest.raises(LibraryBusyError, match=str(holder.pid)):
        library.index(folder)
    assert library.index(folder).contents > 0


@pytest.mark.in_folder
def test_the_program_names_who_holds_the_lock(library: pillion.Library, folder: Path) -> None:
    with _indexing(library) as holder:
        refused = run("index", folder, "--library", library.root, "--if-busy", "fail")
        assert (refused.returncode, str(holder.pid) in refused.stderr) == (1, True)


@pytest.mark.in_folder
def test_wrong_paths_are_named(library: pillion.Library, photo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        library.index(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a file"):
        library.index(photo)
    with pytest.raises(LibraryError, match="no library"):
        pillion.Library.open(tmp_path / "nothing", create=False)
    with pytest.raises(LibraryError, match="holds other files"):
        pillion.Library.open(photo.parent)


@pytest.mark.parametrize("name", ["sidecars", "staging"])
def test_a_folder_of_the_library_on_a_disk_that_is_away_is_named(tmp_path: Path, name: str) -> None:
    with pillion.Library.open(tmp_path / "own"):
        pass
    (tmp_path / "own" / name).rmdir()
    (tmp_path / "own" / name).symlink_to(tmp_path / "away")
    with pytest.raises(LibraryError, match=f"{name} is not the folder that it was.* mount what it leads to"):
        pillion.Library.open(tmp_path / "own")
    (tmp_path / "away").mkdir()
    with pillion.Library.open(tmp_path / "own") as library:
        assert library.verify() == []


def test_a_link_in_place_of_the_mark_is_not_written_through(tmp_path: Path) -> None:
    with pillion.Library.open(tmp_path / "own"):
        pass
    (tmp_path / "own" / MARK).unlink()
    (tmp_path / "own" / MARK).symlink_to(tmp_path / "elsewhere")
    with pillion.Library.open(tmp_path / "own"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_location_can_switch_a_kind_off(tmp_path: Path, folder: Path) -> None:
    library_path = tmp_path / "own"
    with pillion.Library.open(library_path):
        pass
    settings = f'[locations."{folder}"]\nocr.enable = false\nthumb.variants = ["icon"]\n'
    (library_path / "config.toml").write_text(settings)
    with pillion.Library.open(library_path) as library:
        library.index(folder)
        assert {(item.kind, item.variant) for item in library.ls()} == {("thumb", "icon")}
