"""Part of a library's own folders cannot be read or written: that costs its sidecars alone, and loses none of them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import UnusableError
from pillion.library import Library
from pillion.model import SidecarStatus
from pillion.search import index, update
from pillion.store import LocalStore, local
from tests.faults.conftest import FILES
from tests.support.denied import run_bound
from tests.support.invariants import check_invariants, visible_files

REMEDY = "give yourself the right to read and write it"


def _place(root: Path, part: str, uuid: str) -> Path:
    """A part of the way to the sidecars of a content, or one of its files."""
    content = root / "sidecars" / "content" / uuid[:2] / uuid[2:4] / uuid
    return {
        "prefix": content.parent.parent,
        "content": content,
        "thumbs": content / "thumbs",
        "manifest": content / "manifest.json",
        "file": content / "thumbs" / "icon.webp",
    }[part]


@pytest.fixture
def root(tmp_path: Path, folder: Path) -> Iterator[Path]:
    """A library with two thumbnails of each file."""
    made = tmp_path / "library"
    with Library.open(made, policy="mobile") as library:
        library.index(folder)
        library.run()
    yield made
    for path in [*made.rglob("*")]:
        path.chmod(0o700)


def _closed(root: Path, part: str, mode: int = 0) -> tuple[str, Path]:
    """Take the rights to a part of one content's folders; the content, and the place."""
    with Library.open(root) as library:
        uuid = next(library.ls()).content_uuid
    place = _place(root, part, uuid)
    place.chmod(mode)
    return uuid, place


def _states(root: Path) -> dict[tuple[str, str], SidecarStatus]:
    with Library.open(root) as library:
        return {(item.content_uuid, item.variant): item.state for item in library.ls()}


def _makes_the_others_again(root: Path, part: str, mode: int) -> None:
    before = visible_files(root)
    with Library.open(root) as library:
        assert library.regenerate(kind="thumb") == 2 * FILES
    uuid, place = _closed(root, part, mode)
    for made in (f"thumb: {2 * (FILES - 1)} ready\n", "Nothing to do.\n"):
        worked = run_bound("work", "--library", root)
        assert (worked.returncode, worked.stdout) == (0, made), worked.stderr
        (notice,) = [line for line in worked.stderr.splitlines() if "paused" in line]
        assert f"{place} of the library cannot be used (Permission denied): {REMEDY}" in notice
        assert "Traceback" not in worked.stderr
    place.chmod(0o700)
    assert set(_states(root).values()) == {SidecarStatus.READY}
    after = visible_files(root)
    assert {path for path in before if before[path] == after[path]} == {path for path in before if uuid in path}
    worked = run_bound("work", "--library", root)
    assert (worked.returncode, worked.stdout) == (0, "thumb: 2 ready\n"), worked.stderr
    check_invariants(root, finished=True)


@pytest.mark.parametrize(("part", "mode"), [("prefix", 0), ("thumbs", 0o500), ("manifest", 0)])
def test_work_makes_the_others(root: Path, part: str, mode: int) -> None:
    _makes_the_others_again(root, part, mode)


@pytest.mark.parametrize("part", ["content", "manifest", "file"])
def test_verify_says_that_it_cannot_read_and_repair_leaves_it(root: Path, part: str) -> None:
    before, states = visible_files(root), _states(root)
    _, place = _closed(root, part)
    for repair in ([], ["--repair"]):
        found = run_bound("verify", *repair, "--json", "--library", root)
        assert found.returncode == 1, found.stderr
        (finding,) = json.loads(found.stdout)["findings"]
        assert (finding["problem"], finding["path"], finding.get("action")) == ("unreadable", str(place), None)
        assert REMEDY in finding["message"]
    for command in (["index"], ["work"], ["cleanup"]):
        done = run_bound(*command, "--library", root)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (command, done.stderr)
    place.chmod(0o700)
    assert (_states(root), visible_files(root)) == (states, before)
    assert run_bound("verify", "--library", root).returncode == 0
    check_invariants(root, finished=True)


def test_reconcile_takes_the_others_and_index_brings_back_the_rest(root: Path, folder: Path) -> None:
    before = visible_files(root)
    _, place = _closed(root, "prefix")
    done = run_bound("reconcile", "--rebuild", "--json", "--library", root)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["contents"] == FILES - 1
    (problem,) = report["problems"]
    assert problem["path"] == str(place)
    assert REMEDY in problem["message"]
    place.chmod(0o700)
    assert run_bound("index", folder, "--policy", "mobile", "--library", root).returncode == 0
    assert visible_files(root) == before
    check_invariants(root, finished=True)


def test_a_library_whose_catalog_is_lost_is_not_begun_anew_where_its_sidecars_cannot_be_seen(
    root: Path, folder: Path
) -> None:
    (root / "sidecars" / "content").chmod(0)
    (root / "catalog.sqlite").unlink()
    done = run_bound("index", folder, "--library", root)
    assert (done.returncode, (root / "catalog.sqlite").exists()) == (1, False)
    assert "reconcile" in done.stderr


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Let each call for a path with a text in it fail with an error of the disk."""

    def deny(text: str, error: int) -> None:
        def failing(real: Any) -> Any:
            def call(name: Any, *arguments: Any, **options: Any) -> Any:
                if isinstance(name, (str, os.PathLike)) and text in os.fspath(name):
                    raise OSError(error, os.strerror(error), name)
                return real(name, *arguments, **options)

            return call

        for name in ("open", "stat", "lstat"):
            monkeypatch.setattr(local.os, name, failing(getattr(os, name)))

    return deny


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_what_cannot_be_told_is_not_called_missing(root: Path, denied: Callable[[str, int], None], error: int) -> None:
    with Library.open(root) as library:
        item = next(library.ls())
        store = LocalStore(root)
        rel_path = os.path.relpath(item.where or "", root / "sidecars")
        manifest = store.read_manifest(item.content_uuid)
        assert manifest
        denied(item.content_uuid, error)
        asks: tuple[Callable[[], object], ...] = (
            lambda: store.size_of(rel_path),
            lambda: store.is_whole(rel_path, item.bytes or 0, item.checksum or ""),
            lambda: store.read_manifest(item.content_uuid),
        )
        for ask in asks:
            with pytest.raises(UnusableError, match=os.strerror(error)):
                ask()
        unreadable = [found for found in library.maintenance.verify() if found.problem == "unreadable"]
        assert [os.strerror(error) in found.message for found in unreadable] == [True]
        assert {found.action for found in library.maintenance.repair()} == {None}
        assert set(library.status().sidecars["thumb"]) == {SidecarStatus.READY}


def test_one_file_of_a_batch_that_has_no_place_waits_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(root) as library:
        uuid = next(library.ls()).content_uuid
        library.regenerate(kind="thumb")
        real = os.replace

        def failing(source: Any, target: Any, **folders: Any) -> None:
            if target == "icon.webp" and uuid in os.readlink(f"/proc/self/fd/{folders['dst_dir_fd']}"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(source, target, **folders)

        monkeypatch.setattr(local.os, "replace", failing)
        report = library.run()
        assert sum(report.recorded.values()) == 2 * (FILES - 1)
        assert os.strerror(errno.EIO) in report.notices["thumb"]
        monkeypatch.setattr(local.os, "replace", real)
        assert sum(library.run().recorded.values()) == 2
    check_invariants(root, finished=True)


def test_a_folder_of_the_library_itself_is_named_with_what_to_do(root: Path) -> None:
    (root / "staging").chmod(0)
    done = run_bound("work", "--library", root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"pillion: {root / 'staging'}: Permission denied; give yourself the right to use it.\n"
    (root / "sidecars").chmod(0)
    done = run_bound("verify", "--library", root)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{root / 'sidecars'} of the library cannot be used" in done.stderr
    assert REMEDY in done.stderr
    (root / "config.toml").chmod(0)
    done = run_bound("status", "--library", root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"pillion: Cannot read {root / 'config.toml'}: Permission denied; give yourself the right to read it.\n"
    )


def _two_notes(tmp_path: Path) -> Path:
    """A folder with a note about a heron and one about a walrus."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for word in ("heron", "walrus"):
        (folder / f"{word[0]}.txt").write_text(f"A note about the {word}.")
    return folder


def test_what_cannot_be_read_is_found_as_before_and_indexed_once_it_can_be(tmp_path: Path) -> None:
    folder, root = _two_notes(tmp_path), tmp_path / "library"
    with Library.open(root) as library:
        library.index(folder, kinds=["text"])
        library.run()
        (uuid,) = [item.content_uuid for item in library.ls() if item.sources[0].endswith("h.txt")]
        assert [hit.content_uuid for hit in library.search("heron")] == [uuid]
    text = _place(root, "content", uuid) / "text"
    text.chmod(0)
    found = run_bound("search", "heron", "--library", root)
    assert (found.returncode, "h.txt" in found.stdout) == (0, True), found.stderr
    # An index that is built now cannot have it, and says so.
    shutil.rmtree(root / "search")
    for word, code in (("heron", 1), ("walrus", 0)):
        found = run_bound("search", word, "--library", root)
        assert found.returncode == code, found.stderr
        assert "cannot be read" in found.stderr
        assert "Permission denied" in found.stderr
        assert "damaged" not in found.stderr
    text.chmod(0o700)
    found = run_bound("search", "heron", "--library", root)
    assert (found.returncode, "h.txt" in found.stdout, found.stderr) == (0, True, "")


@pytest.mark.models
def test_what_is_made_from_a_text_that_cannot_be_read_waits_until_it_can_be(tmp_path: Path) -> None:
    folder, root = _two_notes(tmp_path), tmp_path / "library"
    with Library.open(root) as library:
        library.index(folder, kinds=["embeddings"])
        library.run()
        assert library.regenerate(kind="embeddings") == 2
        (text,) = [item.path for item in library.ls(kind="text") if item.sources[0].endswith("h.txt")]
    assert text is not None
    text.chmod(0)
    for made in ("embeddings: 1 ready\n", "Nothing to do.\n", "Nothing to do.\n"):
        worked = run_bound("work", "--library", root)
        assert (worked.returncode, worked.stdout) == (0, made), worked.stderr
        (notice,) = [line for line in worked.stderr.splitlines() if "paused" in line]
        assert f"The file {text} of the library cannot be used (Permission denied): {REMEDY}" in notice
    text.chmod(0o600)
    worked = run_bound("work", "--library", root)
    assert (worked.returncode, worked.stdout) == (0, "embeddings: 1 ready\n"), worked.stderr
    assert set(_states(root).values()) == {SidecarStatus.READY}


def test_more_that_cannot_be_read_than_is_remembered_is_indexed_once_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MOST_AGAIN", 2)
    monkeypatch.setattr(update, "_BATCH", 3)
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.txt").write_text(f"A note about the heron, number {number}.")
    closed: set[str] = set()
    real = LocalStore.read

    def read(store: LocalStore, rel_path: str, limit: int) -> bytes:
        if rel_path.split("/")[3] in closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), rel_path)
        return real(store, rel_path, limit)

    with Library.open(tmp_path / "library") as library:
        library.index(folder, kinds=["text"])
        library.run()
        index.remove(tmp_path / "library")
        uuids = sorted(item.content_uuid for item in library.ls())
        monkeypatch.setattr(LocalStore, "read", read)
        # All but one; then each first half of what is left can be read again.
        closed = set(uuids) - {uuids[3]}
        for number in (7, 4, 2, 1, 0):
            closed = set(sorted(closed)[len(closed) - number :])
            found = library.searching.search("heron")
            assert {hit.content_uuid for hit in found.hits} == set(uuids) - closed
            said = " ".join(found.notes)
            assert ("2 contents or more" in said) == (number >= 2), said
            assert ("Permission denied" in said) == (number > 0)
        assert index.Reader(tmp_path / "library").state.again == []
        assert index.Reader(tmp_path / "library").state.beyond is None
