"""A disk that is not there is not a deletion: nothing is removed, and nothing is hashed or queued when it is back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pillion
from pillion.errors import UsageError
from tests.support.program import run

FILES = 12


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    (folder / "inner").mkdir(parents=True)
    for number in range(FILES):
        (folder / "inner" / f"{number}.txt").write_text(f"text {number}\n")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[pillion.Library]:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


def files(library: pillion.Library) -> int:
    return library.status().totals.files


def offline(library: pillion.Library) -> list[str | None]:
    return [location.offline for location in library.locations()]


def unplug(disk: Path, *, mount_point: bool) -> Path:
    away = disk.with_name("drawer")
    disk.rename(away)
    if mount_point:
        disk.mkdir()
    return away


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "gone"])
def test_an_unmounted_disk_loses_nothing(library: pillion.Library, disk: Path, mount_point: bool) -> None:
    library.index(disk)
    away = unplug(disk, mount_point=mount_point)
    for report in (library.index(), library.index(disk), library.index(disk / "inner")):
        assert [path for path, _ in report.offline] == [os.fsencode(disk)]
        assert (report.removed, report.hashed, report.queued) == (0, 0, 0)
    assert files(library) == FILES
    assert library.maintenance.cleanup(older_than_days=0).contents == 0
    if mount_point:
        disk.rmdir()
    away.rename(disk)
    report = library.index()
    assert (report.offline, report.hashed, report.queued, report.removed) == ([], 0, 0, 0)
    assert offline(library) == [None]


def test_most_files_gone_at_once_wait_for_a_word(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    for number in range(8):
        (disk / "inner" / f"{number}.txt").unlink()
    report = library.index()
    assert report.offline == [(os.fsencode(disk), "8 of its 12 files are gone at once")]
    assert files(library) == FILES
    report = library.index(accept_removals=True)
    assert (report.offline, report.removed) == ([], 8)
    assert (files(library), offline(library)) == (4, [None])


def test_a_few_files_gone_are_gone(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    for number in range(6):
        (disk / "inner" / f"{number}.txt").unlink()
    report = library.index()
    assert (report.offline, report.removed) == ([], 6)


def test_another_disk_in_its_place_is_not_its_own(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    unplug(disk, mount_point=True)
    for number in range(3):
        (disk / f"other {number}.txt").write_text(f"of somebody else {number}\n")
    report = library.index()
    assert report.offline[0][1] == "another file system is there, without 12 of its 12 files"
    assert (report.hashed, files(library)) == (0, FILES)


def test_one_location_that_is_gone_does_not_stop_the_others(
    library: pillion.Library, disk: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "a.txt").write_text("one\n")
    library.index(disk, second)
    unplug(disk, mount_point=False)
    (second / "b.txt").write_text("two\n")
    report = library.index()
    assert ([path for path, _ in report.offline], report.new) == ([os.fsencode(disk)], 1)


def test_a_restored_disk_is_sampled_and_not_hashed_whole(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    other = disk.with_name("restored")
    shutil.copytree(disk, other)  # keeps sizes and times; all inodes are new
    location = library.move_location(disk, other)
    assert location.path == os.fsencode(other)
    report = library.index()
    assert (report.new, report.changed, report.removed, report.queued) == (0, 0, 0, 0)
    assert 0 < report.hashed < FILES
    assert library.index().hashed == 0


def test_a_restored_disk_with_other_bytes_is_read(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    other = disk.with_name("restored")
    shutil.copytree(disk, other)
    for file in (other / "inner").iterdir():
        stat = file.stat()
        file.write_text(file.read_text().upper())
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    library.move_location(disk, other)
    assert library.index().changed == FILES


def test_a_renamed_folder_costs_nothing(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    (disk / "inner").rename(disk / "2024")
    report = library.index()
    assert (report.moved, report.new, report.removed, report.hashed, report.queued) == (FILES, 0, 0, 0, 0)
    assert files(library) == FILES
    (disk / "2024" / "0.txt").rename(disk / "2024" / "0.csv")  # another promise: looked at again
    report = library.index()
    assert (report.moved, report.new, report.hashed) == (0, 1, 1)


def test_a_location_is_forgotten_when_asked(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    unplug(disk, mount_point=False)
    assert library.remove_location(disk) == FILES
    assert library.locations() == []
    assert library.index().offline == []
    with pytest.raises(UsageError, match="is not a Location"):
        library.remove_location(disk)


def test_locations_do_not_overlap_after_a_move(library: pillion.Library, disk: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    library.index(disk, second)
    with pytest.raises(UsageError, match="overlaps"):
        library.move_location(second, disk / "inner")


@pytest.mark.parametrize("name", ["library", "lib[2024].pillion", "a {b} \\\\ c", "$x*"])
def test_what_pillion_made_is_never_indexed(disk: Path, name: str) -> None:
    with pillion.Library.open(disk / name, policy="mobile") as library:
        for _ in range(3):
            assert library.index(disk).files == FILES
            library.run()
        with pytest.raises(UsageError, match="is a Pillion library itself"):
            library.add_location(disk / name)
    with pillion.Library.open(disk.with_name("other"), policy="mobile") as other:
        assert other.index(disk).files == FILES  # and none of somebody else's library


def test_an_older_library_without_a_mark_is_known_too(disk: Path) -> None:
    with pillion.Library.open(disk / "inner" / "old", policy="mobile"):
        (disk / "inner" / "old" / ".pillion-library").unlink()
    with pillion.Library.open(disk.with_name("other"), policy="mobile") as other:
        assert other.index(disk).files == FILES


@pytest.mark.parametrize("first", ["inner", "."])
def test_nested_locations_count_each_file_once(library: pillion.Library, disk: Path, first: str) -> None:
    (disk / "outer.txt").write_text("outside\n")
    library.index(disk / first)
    library.index(disk)
    library.index()
    assert files(library) == FILES + 1


def test_folders_of_the_system_are_left_out_and_named(library: pillion.Library, disk: Path) -> None:
    for name in ("@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"):
        (disk / name).mkdir()
        (disk / name / "x.txt").write_text("not the user's\n")
    report = library.index(disk)
    assert (report.files, len(report.system)) == (FILES, 4)


def test_files_on_a_disk_that_is_away_are_found_by_their_paths(library: pillion.Library, disk: Path) -> None:
    library.index(disk)
    files = [path for path in sorted(disk.rglob("*")) if path.is_file()]
    known = [library.find(path) for path in files]
    assert all(len(found) == 1 for found in known)
    unplug(disk, mount_point=False)
    assert not files[0].exists()
    assert [library.find(path) for path in files] == known
    library.index()
    assert [library.find(path) for path in files] == known
    assert library.find(disk / "never-there.jpg") == []


def test_the_program_says_what_to_do(disk: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    assert run("index", disk, "--library", library, "--policy", "mobile").returncode == 0
    unplug(disk, mount_point=True)
    done = run("index", "--library", library)
    assert done.returncode == 0
    assert f"{disk} is offline: the folder is empty, and 12 files were in it" in done.stderr
    assert f"pillion index {disk} --accept-removals --library {library}" in done.stderr
    assert "offline: the folder is empty" in run("status", "--library", library).stdout
    disk.rmdir()
    done = run("index", "--library", library)
    remove = ("locations", "remove", disk, "--library", library)
    assert f"pillion {' '.join(map(str, remove))}" in done.stderr
    assert run("pause", "--location", disk, "--library", library).returncode == 0
    listed = run("locations", "--library", library)
    assert "offline" in listed.stdout
    assert run(*remove).returncode == 0
    assert run("index", "", "--library", library).returncode == 2
