"""The check itself: each thing that it promises to see is done to a library, and it sees it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pysqlite3
import pytest

from pillion.library import Library
from tests.support import photos
from tests.support.invariants import (
    check_invariants,
    check_not_made_again,
    check_untouched,
    source_state,
    visible_files,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("invariants")
    (root / "photos").mkdir()
    for seed in range(2):
        photos.write_photo(root / "photos" / f"{seed}.jpg", seed=seed, size=(64, 48))
    before = source_state(root / "photos")
    with Library.open(root / "library", policy="mobile") as library:
        library.index(root / "photos")
        library.run()
    check_untouched(before, root / "photos")
    return root


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    shutil.copytree(made / "library", tmp_path / "library")
    check_invariants(tmp_path / "library", finished=True)
    return tmp_path / "library"


def _sql(*statements: str) -> Callable[[Path], None]:
    def harm(library: Path) -> None:
        connection = pysqlite3.connect(library / "catalog.sqlite", isolation_level=None)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return harm


def _one_file(library: Path) -> Path:
    return sorted((library / "sidecars").rglob("*.webp"))[0]


def _flip(library: Path) -> None:
    path = _one_file(library)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _stray(library: Path) -> None:
    (_one_file(library).parent / "other.webp").write_bytes(b"x")


def _staged(library: Path) -> None:
    (library / "staging" / "somebody").write_bytes(b"x")


def _no_manifest(library: Path) -> None:
    next(iter((library / "sidecars").rglob("manifest.json"))).unlink()


def _other_manifest(library: Path) -> None:
    one, two = (library / "sidecars").rglob("manifest.json")
    shutil.copy(one, two)


def _older_manifest(library: Path) -> None:
    path = next(iter((library / "sidecars").rglob("manifest.json")))
    path.write_text(path.read_text().replace('"checksum": "', '"checksum": "0'))


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a byte": (_flip, "its bytes"),
    "a file lost": (lambda library: _one_file(library).unlink(), "No such file"),
    "a stray file": (_stray, "no ready sidecar"),
    "staging": (_staged, "left in staging"),
    "no manifest": (_no_manifest, "no manifest"),
    "another's manifest": (_other_manifest, "of another content"),
    "an older manifest": (_older_manifest, "manifest says another"),
    "due": (_sql("UPDATE sidecars SET wanted = 'x' WHERE variant = 'icon'"), "still to be made"),
    "running": (_sql("UPDATE jobs SET state = 'running'"), "leased"),
    "leased": (_sql("UPDATE jobs SET lease_owner = 'x'"), "leased"),
    "open": (_sql("UPDATE jobs SET state = 'queued'"), "still queued"),
    "too many tries": (_sql("UPDATE jobs SET attempts = 7"), "7 attempts"),
    "no reason": (_sql("UPDATE jobs SET state = 'failed'"), "without a reason"),
    "a class that is none": (
        _sql("UPDATE sidecars SET status = 'failed', error_class = 'bad' WHERE variant = 'icon'"),
        "no reason",
    ),
    "no ledger": (
        _sql(
            "UPDATE sidecars SET status = 'failed', error_class = 'crash', error_message = 'x', "
            "rel_path = NULL, size = NULL, checksum = NULL, format = NULL WHERE variant = 'icon'"
        ),
        "not in the ledger",
    ),
    "a wrong place": (_sql("UPDATE sidecars SET rel_path = 'content/x'"), "wrong place"),
    "no device": (_sql("DELETE FROM meta WHERE key = 'device'"), "on no device"),
    "not queued": (_sql("UPDATE entries SET queued = 0"), "never looked at"),
    "a row lost": (
        _sql("DELETE FROM sidecars WHERE variant = 'icon'"),
        "lists what is not there|no ready sidecar",
    ),
    "a content lost": (_sql("PRAGMA foreign_keys = OFF", "DELETE FROM contents"), "refer to one that is not there"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_is_seen(library: Path, harm: str) -> None:
    do, words = HARMS[harm]
    do(library)
    with pytest.raises((AssertionError, FileNotFoundError), match=words):
        check_invariants(library, finished=True)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_sql("UPDATE sidecars SET wanted = 'x' WHERE variant = 'icon'"), "its job is done"),
        (_sql("UPDATE sidecars SET wanted = 'x' WHERE variant = 'icon'", "DELETE FROM jobs"), "without a job"),
        (_sql("UPDATE jobs SET state = 'queued'"), "nothing to do"),
        (_sql("UPDATE jobs SET state = 'waiting'"), "nothing to do"),
        (_stray, "not in its manifest"),
    ],
)
def test_harm_is_seen_before_the_end_too(library: Path, harm: Callable[[Path], None], words: str) -> None:
    check_invariants(library, finished=False)
    harm(library)
    with pytest.raises(AssertionError, match=words):
        check_invariants(library, finished=False)


def test_a_file_made_again_is_seen(library: Path) -> None:
    before = visible_files(library)
    check_not_made_again(before, library)
    path = _one_file(library)
    shutil.copy2(path, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)
    with pytest.raises(AssertionError, match="made twice"):
        check_not_made_again(before, library)


@pytest.mark.parametrize("touch", ["mtime", "mode", "new", "gone"])
def test_a_source_touched_is_seen(tmp_path: Path, touch: str) -> None:
    path = tmp_path / "a" / "file"
    path.parent.mkdir()
    path.write_text("x")
    before = source_state(tmp_path / "a")
    check_untouched(before, tmp_path / "a")
    if touch == "mtime":
        # Set to what it was: only the change time tells.
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    elif touch == "mode":
        path.chmod(0o600)
    elif touch == "new":
        (path.parent / "other").touch()
    else:
        path.unlink()
    with pytest.raises(AssertionError, match="touched"):
        check_untouched(before, tmp_path / "a")
