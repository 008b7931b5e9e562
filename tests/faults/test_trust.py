"""What is trusted for "unchanged": an edit that keeps size and mtime is seen, and strange times are no changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pillion import machine
from pillion.library import Library
from pillion.model import SidecarStatus
from tests.faults.conftest import FILES
from tests.support import photos
from tests.support.invariants import check_invariants


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        opened.index(folder)
        opened.run()
        yield opened


def _edit(path: Path) -> None:
    """Other bytes, the same size, and the mtime is set back."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[-30] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)


def _trust(library: Library, what: str) -> None:
    (library.root / "config.toml").write_text(f'policy = "mobile"\n[identification]\ntrust = "{what}"\n')


def test_an_edit_that_keeps_size_and_mtime_is_seen(library: Library, folder: Path) -> None:
    _edit(folder / "0.jpg")
    report = library.index()
    assert (report.changed, report.new, report.removed, report.queued) == (1, 0, 0, 1)
    library.run()
    check_invariants(library.root, finished=True)
    assert library.index().hashed == 0


def test_other_rights_are_no_change(library: Library, folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o600)
    report = library.index()
    assert (report.hashed, report.changed, report.queued) == (FILES, 0, 0)
    assert library.index().hashed == 0


def test_a_renamed_file_is_known_without_being_read(library: Library, folder: Path) -> None:
    (folder / "0.jpg").rename(folder / "renamed.jpg")
    report = library.index()
    assert (report.moved, report.hashed) == (1, 0)
    assert library.index().hashed == 0


def test_a_setting_trusts_size_and_mtime(library: Library, folder: Path) -> None:
    _trust(library, "mtime")
    for path in folder.iterdir():
        path.chmod(0o600)
    _edit(folder / "0.jpg")
    assert library.index().hashed == 0
    _trust(library, "ctime")
    assert library.index().changed == 1


def test_a_large_file_of_other_rights_keeps_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"a line of text\n" * 5000)
    with Library.open(tmp_path / "library") as library:
        (library.root / "config.toml").write_text("[identification]\nsample_above = 1024\n")
        library.index(folder)
        before = library.find(str(folder / "a.txt"))
        (folder / "a.txt").chmod(0o600)
        assert library.index().changed == 0
        assert library.find(str(folder / "a.txt")) == before


TIMES = (-(1 << 62), -9_300_000_000, -1, 0, 1 << 33, 9_300_000_000, 1 << 37)
"""Seconds: far beyond both ends of 64-bit nanoseconds, and near them."""


def test_times_beyond_64_bits_are_times_like_any(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    kept = 0
    for number, seconds in enumerate(TIMES):
        path = photos.write_photo(folder / f"{number}.jpg", seed=number, size=(160, 120))
        try:
            os.utime(path, (0, seconds))
        except OverflowError:
            continue
        kept += 1
    assert kept >= 5
    with Library.open(tmp_path / "library", policy="mobile") as library:
        for _ in range(2):
            assert library.index(folder).problems == []
            library.run()
        assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 2 * len(TIMES)}
        assert library.index().hashed == 0
        uuid = "0f8fad5b-d9cb-869f-a165-70867728950e"
        assert library.queue_intelligence([(uuid, folder / f"{len(TIMES) - 1}.jpg", "image/jpeg")]) == 1
        library.run()
        assert list(library.requests.failures()) == []


def test_times_are_the_same_in_python_and_in_the_core() -> None:
    def stat(ns: int) -> os.stat_result:
        return cast("os.stat_result", SimpleNamespace(st_mtime_ns=ns))

    last = (1 << 63) - 1
    assert machine.mtime_ns(stat(5)) == 5
    assert machine.mtime_ns(stat(-5)) == -5
    assert machine.mtime_ns(stat(10 * last)) == last
    assert machine.mtime_ns(stat(-10 * last)) == -last - 1 + (-10 * last) % 1_000_000_000
    assert sys.maxsize == last
