"""The workers of a library: they reach what it is made of, and what one that was taken over says does not help it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pysqlite3
import pytest

from pillion import _core
from pillion.kinds.execute import obtaining
from pillion.kinds.ocr import tesseract
from pillion.library import Library
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy
from pillion.queue import work
from tests.support import media, photos, program, shadow
from tests.support.intruder import CHANGED, FAULTS, PRIZE
from tests.support.programs import needs_tesseract
from tests.support.waiting import wait_until


def _photos(folder: Path, *seeds: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        photos.write_photo(folder / f"{seed}.jpg", seed=seed, size=(64, 48))
    return folder


def _states(library: Library) -> set[str]:
    return {item.state for item in library.ls()}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


@pytest.fixture
def hostile(library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Library:
    """One whose workers run a target that a file has taken over."""
    monkeypatch.setattr(work, "TARGET", "tests.support.intruder:execute")
    (tmp_path / "outside").mkdir()
    library.index(_photos(tmp_path / "photos", 1, 2))
    return library


def _classes(library: Library) -> set[str]:
    return {(item.error or {}).get("class", item.state) for item in library.ls()}


LIES = ("a link", "a hard link", "a folder", "a pipe", "nothing", "another variant", "a path", "another format")


@pytest.mark.parametrize("lie", LIES)
def test_a_result_that_is_a_lie_is_its_worker_s_fault_and_places_nothing(
    hostile: Library, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    monkeypatch.setenv(PRIZE, lie)
    hostile.run()
    assert _classes(hostile) == {"crash"}
    assert [path for path in (hostile.root / "sidecars").rglob("*") if path.is_file() or path.is_symlink()] == []
    assert list((hostile.root / "staging").iterdir()) == []


def test_a_worker_cannot_touch_what_another_has_made(hostile: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIZE, "all of staging")
    hostile.run()
    assert _states(hostile) == {"ready"}
    assert hostile.verify() == []


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_is_not_so_of_the_machine_is_its_worker_s_fault_and_holds_nobody_up(
    hostile: Library, monkeypatch: pytest.MonkeyPatch, fault: str, tmp_path: Path
) -> None:
    monkeypatch.setenv(PRIZE, fault)
    for seed in (3, 4):
        photos.write_photo(tmp_path / "photos" / f"good-{seed}.jpg", seed=seed, size=(64, 48))
    hostile.index()
    report = hostile.run()
    found = {Path(item.sources[0]).stem: (item.error or {}).get("class", item.state) for item in hostile.ls()}
    assert found == {"1": "crash", "2": "crash", "good-3": "ready", "good-4": "ready"}
    assert report.notices == {}
    assert hostile.status().holds == []
    messages = {item.failure.message for item in hostile.requests.failures()}
    assert all("said what is not so of this machine" in message for message in messages)


def test_what_a_worker_gave_away_does_not_change_any_more(hostile: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIZE, "files that it keeps open")
    hostile.start()
    wait_until(lambda: list((hostile.root / "staging").rglob(CHANGED)), "it wrote to them")
    hostile.wait_until_idle()
    assert _states(hostile) == {"ready"}
    made = [(Path(item.path or ""), item.checksum) for item in hostile.ls()]
    assert [_core.hash_bytes(path.read_bytes()).hash for path, _ in made] == [checksum for _, checksum in made]
    hostile.stop()


def test_years_that_a_worker_claims_change_no_estimate(hostile: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIZE, "years of work")
    hostile.run()
    connection = pysqlite3.connect(hostile.root / "catalog.sqlite")
    (seconds,) = connection.execute("SELECT max(seconds / number) FROM history").fetchone()
    connection.close()
    assert 0 < seconds < 600


def test_a_worker_may_only_ask_for_what_kinds_obtain() -> None:
    assert obtaining(b'["os:system", ["true"]]') is None
    assert obtaining(b'["pillion.kinds.transcript.models:found", [{"a": 1}]]') is None
    assert obtaining(b"[" * 100_000) is None
    command = obtaining(b'["pillion.kinds.transcript.models:found", ["base"]]')
    assert command is not None
    assert command[-2:] == ["pillion.kinds.transcript.models:found", '["base"]']


def test_a_location_that_comes_while_the_workers_run_is_read(library: Library, tmp_path: Path) -> None:
    library.index(_photos(tmp_path / "one", 1))
    library.start()
    library.wait_until_idle()
    library.index(_photos(tmp_path / "two", 2))
    library.wait_until_idle()
    library.stop()
    assert _states(library) == {"ready"}
    assert {Path(item.sources[0]).parent.name for item in library.ls()} == {"one", "two"}


def test_a_location_that_is_another_folder_now_is_read_again(library: Library, tmp_path: Path) -> None:
    library.index(_photos(tmp_path / "photos", 1))
    library.start()
    library.wait_until_idle()
    # As when a disk is taken out and put in again: the path is the same, what it was granted for is gone.
    (tmp_path / "photos").rename(tmp_path / "aside")
    _photos(tmp_path / "photos", 1, 2, 3)
    library.index(tmp_path / "photos")
    library.wait_until_idle()
    library.stop()
    assert _states(library) == {"ready"}
    assert len({item.content_uuid for item in library.ls()}) == 3


def test_links_that_are_followed_are_read(tmp_path: Path) -> None:
    _photos(tmp_path / "elsewhere/folder", 1)
    _photos(tmp_path / "elsewhere/single", 2)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/folder").symlink_to(tmp_path / "elsewhere/folder")
    (tmp_path / "photos/single.jpg").symlink_to(tmp_path / "elsewhere/single/2.jpg")
    Library.open(tmp_path / "library", policy="mobile").close()
    config = tmp_path / "library/config.toml"
    config.write_text(config.read_text().replace("[discovery]", "[discovery]\nfollow_links = true"))
    with Library.open(tmp_path / "library") as library:
        library.index(tmp_path / "photos")
        library.run()
        assert _states(library) == {"ready"}
        assert len({item.content_uuid for item in library.ls()}) == 2


def test_a_file_that_is_in_no_location_grants_no_folder(library: Library, tmp_path: Path) -> None:
    folder = _photos(tmp_path / "home", 1, 2)
    library.queue_intelligence(
        [("01234567-89ab-8def-8123-456789abcdef", folder / "1.jpg", "image/jpeg")], kinds=["thumb"]
    )
    library.run()
    assert _states(library) == {"ready"}
    confinement = work.Confinement(library._database, library._store, library.config, "me")
    wanted = os.fsencode(folder / "1.jpg")
    policy = confinement.renewed([wanted])
    assert policy is not None
    assert wanted in policy.reads
    assert not {os.fsencode(folder), b"/"} & set(policy.reads)
    assert confinement.renewed([wanted]) is None


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named tesseract, on a machine without the binding."""
    program = tmp_path / "bin/tesseract"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho tesseract 5.3.0\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(tesseract.LIBRARY.__class__, "problem", lambda self: "it is not installed")
    return program


def test_only_the_program_that_a_kind_names_can_be_started(script: Path) -> None:
    assert tesseract.programs() == [script, Path("/bin/sh")]
    policy = Policy(programs=tuple(map(os.fsencode, tesseract.programs())))
    pool = WorkerPool(
        "tests.support.intruder:start", size=1, memory_limit=1 << 30, recycle_bytes=1 << 30, policy=policy
    )
    try:
        for program, answer in ((str(script), "tesseract 5.3.0"), ("/usr/bin/env", "PermissionError")):
            (future,) = pool.submit_batch("", [(program, 60.0)])
            assert future.result(60.0) == answer
    finally:
        pool.shutdown(cancel_futures=True)
    assert subprocess.run([script], capture_output=True, check=True, text=True).stdout == "tesseract 5.3.0\n"


@pytest.mark.models
@needs_tesseract
def test_the_tesseract_program_works_where_the_binding_is_missing(tmp_path: Path) -> None:
    """Really started, by a confined worker."""
    (tmp_path / "pages").mkdir()
    media.write_page(tmp_path / "pages/page.png", "The harbour library opens at nine.", dpi=150)
    path = [str(shadow.hide(tmp_path / "shadow", "tesserocr", "rapidocr")), os.environ.get("PYTHONPATH", "")]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, path))}
    library = tmp_path / "library"
    Library.open(library, policy="desktop").close()
    config = library / "config.toml"
    config.write_text(config.read_text().replace("[work]", '[work]\nsandbox = "require"'))
    done = program.run("index", tmp_path / "pages", "--kinds", "ocr", "--library", library, env=env)
    assert done.returncode == 0, done.stderr
    (page,) = (library / "sidecars").rglob("ocr/*.json")
    assert "harbour" in page.read_text()


@pytest.mark.models
def test_models_are_converted_for_workers_and_not_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/note.txt").write_text("A note about ropes and anchors, written down in the morning. " * 8)
    Library.open(tmp_path / "library", policy="desktop").close()
    config = tmp_path / "library/config.toml"
    config.write_text(config.read_text() + "\n[embeddings]\nenable = true\n")
    with Library.open(tmp_path / "library") as library:
        library.index(tmp_path / "notes", kinds=["embeddings"])
        library.run()
        assert _states(library) == {"ready"}
    (folder,) = (tmp_path / "cache/models").glob("all-*")
    assert folder.name.startswith("all-MiniLM-L6-v2-")


def test_where_it_is_off_workers_still_have_folders_of_their_own(tmp_path: Path) -> None:
    Library.open(tmp_path / "library", policy="mobile").close()
    config = tmp_path / "library/config.toml"
    config.write_text(config.read_text().replace("[work]", '[work]\nsandbox = "off"'))
    with Library.open(tmp_path / "library") as library:
        library.index(_photos(tmp_path / "photos", 1))
        library.run()
        assert _states(library) == {"ready"}
        assert work.Confinement(library._database, library._store, library.config, "me").policy().mode is Mode.OFF
        assert list((library.root / "staging").iterdir()) == []
