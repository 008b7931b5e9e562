"""The core's watcher on real folders: what it tells, what it does not watch, and its limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pillion import _core
from pillion.errors import ItemError
from tests.support.watching import NEEDS_INOTIFY

PATIENCE_S = 20.0
pytestmark = NEEDS_INOTIFY

Told = dict[bytes, str]


class Watch:
    """A watcher of one folder that collects what it is told."""

    def __init__(
        self, root: Path, *, most_folders: int | None = None, ignore: Sequence[str] = (), exclude: Sequence[bytes] = ()
    ) -> None:
        self.watcher = _core.Watcher(most_folders=most_folders)
        self.added = self.watcher.add(1, root, ignore=ignore, exclude=exclude)
        self.told: Told = {}

    def until(self, happened: Callable[[Told], object]) -> Told:
        """All that was told, as soon as it is what is waited for; of each path the last."""
        end = time.monotonic() + PATIENCE_S
        while not happened(self.told):
            assert time.monotonic() < end, self.told
            self.told |= {path: what for _, path, what in self.watcher.next(1.0)}
        return self.told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


def test_it_tells_of_files_by_what_happens_to_them(root: Path) -> None:
    watch = Watch(root)
    assert watch.added == (1, [], None)
    with open(root / "a", "wb") as file:
        file.write(b"1")
        file.flush()
        assert watch.until(lambda told: b"a" in told) == {b"a": "writing"}
    watch.until(lambda told: told[b"a"] == "written")
    os.rename(root / "a", root / "b")
    watch.until(lambda told: told.get(b"a") == "gone" and told.get(b"b") == "written")
    os.chmod(root / "b", 0o600)
    watch.told.clear()
    watch.until(lambda told: told == {b"b": "written"})
    os.remove(root / "b")
    watch.until(lambda told: told == {b"b": "gone"})


def test_names_are_bytes(root: Path) -> None:
    watch = Watch(root)
    folder = os.fsencode(root) + b"/\xff\xfe"
    os.mkdir(folder)
    watch.until(lambda told: told.get(b"\xff\xfe") == "folder")
    Path(os.fsdecode(folder + b"/\x80")).write_bytes(b"x")
    watch.until(lambda told: told.get(b"\xff\xfe/\x80") == "written")


def test_new_folders_are_watched_before_they_are_told(root: Path, tmp_path: Path) -> None:
    watch = Watch(root)
    (tmp_path / "elsewhere/deep/er").mkdir(parents=True)
    os.rename(tmp_path / "elsewhere", root / "in")
    watch.until(lambda told: told.get(b"in") == "folder")
    (root / "in/deep/er/f").write_bytes(b"x")
    watch.until(lambda told: told.get(b"in/deep/er/f") == "written")
    # Under another name, what is in it is told by that name.
    os.rename(root / "in", root / "other")
    watch.until(lambda told: told.get(b"in") == "gone" and told.get(b"other") == "folder")
    watch.told.clear()
    (root / "other/deep/er/g").write_bytes(b"x")
    assert watch.until(lambda told: told.get(b"other/deep/er/g") == "written") == {b"other/deep/er/g": "written"}
    os.rename(root / "other", tmp_path / "out")
    watch.until(lambda told: told.get(b"other") == "gone")
    watch.told.clear()
    (tmp_path / "out/deep/er/h").write_bytes(b"x")
    (root / "last").write_bytes(b"x")
    assert watch.until(lambda told: told.get(b"last") == "written") == {b"last": "written"}


def test_what_a_walk_leaves_out_is_not_watched(root: Path) -> None:
    for name in ("build/x", ".hidden/x", "@eaDir/x", "excluded/x", "library/sidecars", "taken/x"):
        (root / name).mkdir(parents=True)
    (root / "library/catalog.sqlite").write_bytes(b"")
    watch = Watch(root, ignore=["/build/", "*.tmp"], exclude=[b"excluded"])
    # The root, taken and taken/x.
    assert watch.added == (3, [], None)
    for name in ("build/x/f", ".hidden/x/f", "@eaDir/x/f", "excluded/x/f", "library/sidecars/f", ".f", "f.tmp"):
        (root / name).write_bytes(b"x")
    (root / ".new").mkdir()
    (root / "taken/x/f").write_bytes(b"x")
    assert watch.until(lambda told: told.get(b"taken/x/f") == "written") == {b"taken/x/f": "written"}


def test_reading_says_nothing(root: Path) -> None:
    (root / "f").write_bytes(b"x")
    watch = Watch(root)
    assert (root / "f").read_bytes() == b"x"
    (root / "g").write_bytes(b"x")
    assert watch.until(lambda told: told.get(b"g") == "written") == {b"g": "written"}


def test_a_limit_names_what_is_not_watched(root: Path) -> None:
    for name in ("a", "b", "c"):
        (root / name).mkdir()
    watch = Watch(root, most_folders=2)
    folders, unwatched, limit = watch.added
    assert (folders, len(unwatched), limit) == (2, 2, "watches")
    # A new one neither; it is to be looked at all the same.
    (root / "d").mkdir()
    notices: set[tuple[int, bytes, str]] = set()
    while (1, b"d", "folder") not in notices:
        notices |= set(watch.watcher.next(PATIENCE_S))
    assert (1, b"d", "unwatched") in notices


def test_many_that_are_not_watched_are_named_by_the_folder_that_holds_them(root: Path) -> None:
    for number in range(100):
        (root / f"deep/{number}").mkdir(parents=True)
    assert Watch(root, most_folders=2).added == (2, [b"deep"], "watches")


def test_a_root_that_is_not_there_is_missing(root: Path) -> None:
    with pytest.raises(ItemError, match="cannot read the folder"):
        Watch(root / "no")
    with pytest.raises(ValueError, match="bad ignore glob"):
        Watch(root, ignore=["a[z-a]"])


def test_the_root_itself_goes(root: Path) -> None:
    watch = Watch(root)
    root.rmdir()
    watch.until(lambda told: told.get(b"") == "gone")


def test_a_tree_that_is_removed_tells_nothing(root: Path) -> None:
    watch = Watch(root)
    (root / "f").write_bytes(b"x")
    watch.watcher.remove(1)
    watch.watcher.remove(1)
    assert watch.watcher.next(0.0) == []
    assert watch.watcher.folders == 0


def test_waiting_ends_with_the_time_or_by_a_call(root: Path) -> None:
    watch = Watch(root)
    assert watch.watcher.next(0.01) == []
    with pytest.raises(ValueError, match="timeout"):
        watch.watcher.next(-1.0)
    thread = threading.Thread(target=watch.watcher.next, args=(1e9,))
    thread.start()
    watch.watcher.wake()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_many_paths_are_one_subtree(root: Path) -> None:
    for name in ("a", "b"):
        (root / "deep" / name).mkdir(parents=True)
    watch = Watch(root)
    for number in range(40_000):
        for name in ("a", "b"):
            os.close(os.open(root / "deep" / name / str(number), os.O_CREAT | os.O_WRONLY))
    told = watch.until(lambda told: "rescan" in told.values())
    assert {path for path, what in told.items() if what == "rescan"} <= {b"deep", b"", b"deep/a", b"deep/b"}


@pytest.mark.usefixtures("short_queue")
def test_lost_notices_are_a_rescan(root: Path) -> None:
    watch = Watch(root)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (root / str(number % 1000)).write_bytes(b"x")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        watch.until(lambda told: told.get(b"") == "rescan")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
