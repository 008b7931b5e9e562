"""A library that is watched: what comes, changes, moves and goes is known soon, and nothing is done twice."""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pillion import _core
from pillion.index.indexer import IndexReport
from pillion.library import Library
from pillion.watch import Watching, settling
from pillion.watch.limits import command
from tests.support.waiting import wait_until
from tests.support.watching import NEEDS_INOTIFY

pytestmark = NEEDS_INOTIFY


class Seen:
    """What the indexes of a watched library found, added up."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.notices: list[str] = []

    def add(self, report: IndexReport) -> None:
        for name in ("new", "changed", "removed", "moved", "hashed", "queued"):
            self.counts[name] += getattr(report, name)

    def until(self, **counts: int) -> None:
        wait_until(lambda: all(self.counts[name] >= number for name, number in counts.items()), f"{counts}")
        assert {name: self.counts[name] for name in counts} == counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    (root / "first.txt").write_text("first")
    return root


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        _set(opened, "")
        opened.add_location(folder)
        yield opened


def _set(library: Library, text: str) -> None:
    path = library.root / "config.toml"
    path.with_suffix(".new").write_text(f'policy = "mobile"\n[watch]\nsettle_ms = 100\npoll_seconds = 1\n{text}')
    path.with_suffix(".new").replace(path)
    library.reread_settings()
    library.reread_settings()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def watching(library: Library, seen: Seen) -> Iterator[Watching]:
    with Watching(library, on_report=seen.add, on_notice=seen.notices.append) as watch:
        assert watch.ready.wait(60)
        yield watch
    assert watch.failure is None


def names(library: Library) -> list[str]:
    """The present files, by their names in the Location."""
    root = library.locations()[0].path
    rows = [path for item in library.unmade() for path in item.sources]
    return sorted(os.path.relpath(os.fsdecode(path), os.fsdecode(root)) for path in rows)


def test_what_was_there_before_is_scanned_first(watching: Watching, library: Library, seen: Seen) -> None:
    seen.until(new=1)
    assert names(library) == ["first.txt"]
    assert watching.folders == 1
    assert watching.polled() == []
    assert watching.notices() == {}


def test_files_that_come_change_and_go(watching: Watching, library: Library, folder: Path, seen: Seen) -> None:
    odd = os.fsdecode(b"\xff\xfe.txt")
    (folder / odd).write_text("its name is no UTF-8")
    (folder / "b.txt").write_text("b")
    seen.until(new=3)
    (folder / "b.txt").write_text("other bytes")
    seen.until(changed=1)
    (folder / "b.txt").unlink()
    seen.until(removed=1)
    assert names(library) == sorted([odd, "first.txt"])


def test_a_file_is_not_read_while_it_is_written(
    watching: Watching, library: Library, folder: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However late the others are taken.
    monkeypatch.setattr(settling, "OPEN_S", 600.0)
    with open(folder / "slow.txt", "wb") as file:
        for part in range(5):
            file.write(b"part %d" % part)
            file.flush()
            # Others come meanwhile, and are taken.
            (folder / f"{part}.txt").write_text(f"{part}")
            wait_until(lambda part=part: f"{part}.txt" in names(library))
            assert "slow.txt" not in names(library)
    wait_until(lambda: "slow.txt" in names(library))
    seen.until(new=7, changed=0)
    assert seen.counts["hashed"] == 7


def test_a_move_costs_nothing(watching: Watching, library: Library, folder: Path, seen: Seen) -> None:
    (folder / "a").mkdir()
    for number in range(20):
        (folder / f"a/{number}.txt").write_text(f"{number}")
    seen.until(new=21)
    os.rename(folder / "a", folder / "b")
    seen.until(moved=20)
    os.rename(folder / "first.txt", folder / "b" / "last.txt")
    seen.until(moved=21, hashed=21, removed=0)
    assert names(library) == sorted([f"b/{number}.txt" for number in range(20)] + ["b/last.txt"])
    # And the folder is still watched, under its new name.
    (folder / "b/new.txt").write_text("new")
    seen.until(new=22)


def test_a_folder_that_moves_in_and_out(
    watching: Watching, library: Library, folder: Path, tmp_path: Path, seen: Seen
) -> None:
    for number in range(10):
        (folder / f"stays{number}.txt").write_text(f"stays {number}")
    outside = tmp_path / "outside/deep"
    outside.mkdir(parents=True)
    for number in range(5):
        (outside / f"{number}.txt").write_text(f"{number}")
    seen.until(new=11)
    os.rename(tmp_path / "outside", folder / "in")
    seen.until(new=16)
    (folder / "in/deep/late.txt").write_text("late")
    seen.until(new=17)
    os.rename(folder / "in", tmp_path / "out")
    seen.until(removed=6)
    assert len(names(library)) == 11


def test_folders_that_are_copied_in_lose_no_file(
    watching: Watching, library: Library, folder: Path, tmp_path: Path, seen: Seen
) -> None:
    for number in range(300):
        path = tmp_path / f"many/{number % 7}/{number % 5}/{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}")
    shutil.copytree(tmp_path / "many", folder / "many")
    seen.until(new=301, changed=0)
    shutil.rmtree(folder / "many/0")
    wait_until(lambda: not any(name.startswith("many/0/") for name in names(library)))


@pytest.mark.usefixtures("short_queue")
def test_lost_notices_lose_no_file(watching: Watching, library: Library, folder: Path, seen: Seen) -> None:
    def write(thread: int) -> None:
        for number in range(500):
            path = folder / f"{thread}/{number % 20}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{thread}/{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.until(new=2001)
    assert len(names(library)) == 2001


class Told:
    """Stands for the core's watcher, with more to tell, and limits."""

    def __init__(self, unwatched: Sequence[bytes] = (), limit: str | None = None) -> None:
        self._core = _core.Watcher()
        self._answer = (0, list(unwatched), limit)
        self.more: list[tuple[int, bytes, str]] = []

    def add(self, number: int, root: bytes, **rules: object) -> tuple[int, list[bytes], str | None]:
        return self._answer

    def remove(self, number: int) -> None:
        self._core.remove(number)

    def next(self, timeout: float) -> list[tuple[int, bytes, str]]:
        found = self._core.next(timeout)
        more, self.more = self.more, []
        return found + more

    def wake(self) -> None:
        self._core.wake()


def test_a_told_rescan_is_one_of_that_folder_alone(library: Library, folder: Path, seen: Seen) -> None:
    told = Told()
    (folder / "in").mkdir()
    with Watching(library, on_report=seen.add, notifier=told) as watch:
        assert watch.ready.wait(60)
        seen.until(new=1)
        (folder / "in/a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
        told.more = [(library.locations()[0].id, b"in", "rescan")]
        told.wake()
        wait_until(lambda: names(library) == ["first.txt", "in/a.txt"])
        told.more = [(library.locations()[0].id, b"", "rescan")]
        told.wake()
        wait_until(lambda: names(library) == ["b.txt", "first.txt", "in/a.txt"])


@pytest.mark.parametrize("limit", ["watches", "instances"])
def test_what_a_limit_keeps_from_being_watched_is_polled(
    library: Library, folder: Path, seen: Seen, limit: str
) -> None:
    (folder / "in").mkdir()
    told = Told([b"in"], limit)
    with Watching(library, on_report=seen.add, on_notice=seen.notices.append, notifier=told) as watch:
        assert watch.ready.wait(60)
        assert watch.polled() == [str(folder / "in")]
        (folder / "in/a.txt").write_text("a")
        wait_until(lambda: "in/a.txt" in names(library))
        assert len(seen.notices) == 1
        assert command(limit) in seen.notices[0]
        assert str(folder / "in") in seen.notices[0]
        assert list(watch.notices().values()) == seen.notices


def test_the_real_limit_is_met_and_polled(library: Library, folder: Path, seen: Seen) -> None:
    for number in range(5):
        (folder / f"{number}/in").mkdir(parents=True)
    watcher = _core.Watcher(most_folders=3)
    with Watching(library, on_report=seen.add, on_notice=seen.notices.append, notifier=watcher) as watch:
        assert watch.ready.wait(60)
        for number in range(5):
            (folder / f"{number}/in/a.txt").write_text(f"{number}")
        seen.until(new=6)
        assert len(seen.notices) == 1


def test_a_network_disk_is_polled(library: Library, folder: Path, seen: Seen) -> None:
    table = {b"/": "ext4", os.path.realpath(os.fsencode(folder / "nas")): "nfs4"}
    (folder / "nas").mkdir()
    with Watching(library, on_report=seen.add, table=lambda: table) as watch:
        assert watch.ready.wait(60)
        assert watch.folders == 1
        assert watch.polled() == [str(folder / "nas")]
        (folder / "nas/a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
        wait_until(lambda: names(library) == ["b.txt", "first.txt", "nas/a.txt"])


def test_a_location_goes_offline_and_comes_back(
    watching: Watching, library: Library, folder: Path, tmp_path: Path, seen: Seen
) -> None:
    seen.until(new=1)
    os.rename(folder, tmp_path / "unplugged")
    wait_until(lambda: library.locations()[0].offline is not None)
    wait_until(lambda: any("offline" in text for text in seen.notices))
    os.rename(tmp_path / "unplugged", folder)
    wait_until(lambda: library.locations()[0].offline is None)
    wait_until(lambda: watching.notices() == {})
    (folder / "b.txt").write_text("b")
    seen.until(new=2, removed=0, hashed=2)


def test_locations_that_come_and_go(watching: Watching, library: Library, tmp_path: Path, seen: Seen) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "o.txt").write_text("o")
    library.add_location(other)
    seen.until(new=2)
    (other / "p.txt").write_text("p")
    seen.until(new=3)
    library.remove_location(other)
    (other / "q.txt").write_text("q")
    wait_until(lambda: len(watching._places) == 1)
    assert names(library) == ["first.txt"]


def test_new_settings_count_at_once_and_wrong_ones_are_said(
    watching: Watching, library: Library, folder: Path, seen: Seen
) -> None:
    (folder / "x.tmp").write_text("x")
    (folder / ".h.txt").write_text("h")
    seen.until(new=2)
    path = library.root / "config.toml"
    before = path.read_text()
    path.write_text(f"{before}\n[discovery]\nhiden = true\n")
    wait_until(lambda: "hiden" in watching.notices().get("config.toml", ""))
    path.write_text(f"{before}\n[discovery]\nhidden = true\nignore = ['*.tmp']\n")
    wait_until(lambda: names(library) == [".h.txt", "first.txt"])
    assert watching.notices() == {}
    (folder / ".i.txt").write_text("i")
    wait_until(lambda: names(library) == [".h.txt", ".i.txt", "first.txt"])


def test_a_library_in_the_location_is_left_alone(
    watching: Watching, library: Library, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(library.root, tmp_path / "copy", ignore=shutil.ignore_patterns("index.lock"))
    (tmp_path / "copy/sidecars/a.txt").write_text("a")
    os.rename(tmp_path / "copy", folder / "copy")
    (folder / "b.txt").write_text("b")
    (folder / "copy/sidecars/b.txt").write_text("b")
    wait_until(lambda: "b.txt" in names(library))
    assert names(library) == ["b.txt", "first.txt"]


def test_links_that_are_followed_are_polled(library: Library, folder: Path, tmp_path: Path, seen: Seen) -> None:
    _set(library, "[discovery]\nfollow_links = true\n")
    (tmp_path / "linked").mkdir()
    (folder / "link").symlink_to(tmp_path / "linked")
    with Watching(library, on_report=seen.add) as watch:
        assert watch.ready.wait(60)
        assert watch.polled() == [str(folder)]
        (tmp_path / "linked/a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
        wait_until(lambda: names(library) == ["b.txt", "first.txt", "link/a.txt"])


def test_it_stops_amid_an_index(library: Library, folder: Path) -> None:
    begun = threading.Event()

    def progress(_phase: str, _done: int, _total: int | None) -> None:
        begun.set()

    watch = Watching(library, progress=progress)
    watch.start()
    assert begun.wait(60)
    watch.stop()
    assert watch.wait(0)
    assert watch.failure is None
