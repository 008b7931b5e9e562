"""A failed try to make a sidecar again never costs the one that is there: it stays, stale, with the error beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pillion import job as states
from pillion.cli.app import program
from pillion.job import Again, RetryPolicy
from pillion.kinds.execute import WRITES
from pillion.library import Library
from pillion.library.sidecars import Ready
from pillion.model import SidecarStatus
from pillion.queue import work
from tests.faults.conftest import FILES
from tests.support.failing import FAIL
from tests.support.invariants import check_invariants, check_not_made_again, visible_files

CLASSES = ("corrupt", "unsupported", "too_large", "timeout", "oom", "crash", "missing_source", "changed_source")


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that tells the engine which kinds fail, and how. Nothing is tried twice."""
    path = tmp_path / "failing"
    path.touch()
    monkeypatch.setenv(FAIL, str(path))
    monkeypatch.setenv(WRITES, str(path))
    monkeypatch.setattr(work, "TARGET", "tests.support.failing:execute")
    once = {name: RetryPolicy(again=Again.NEVER) for name in states.RETRY_POLICIES if not name.environment}
    source = {name: policy for name, policy in states.RETRY_POLICIES.items() if policy.again is Again.WHEN_INDEXED}
    monkeypatch.setattr(states, "RETRY_POLICIES", {**states.RETRY_POLICIES, **once, **source})
    return path


@pytest.fixture
def library(tmp_path: Path, folder: Path, failing: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        opened.index(folder)
        opened.run()
        yield opened


def ready(library: Library) -> int:
    return library.status().sidecars["thumb"].get(SidecarStatus.READY, 0)


@pytest.mark.parametrize("error_class", CLASSES)
def test_a_failed_regeneration_keeps_what_is_there(library: Library, failing: Path, error_class: str) -> None:
    before = visible_files(library.root)
    failing.write_text(f"thumb {error_class}\n")
    assert library.regenerate(kind="thumb") == 2 * FILES
    library.run()
    check_not_made_again(before, library.root)
    assert (ready(library), library.status().kept) == (2 * FILES, {"thumb": 2 * FILES})
    items = list(library.ls())
    assert {(item.state.value, item.stale) for item in items} == {("ready", True)}
    assert {item.error and item.error["class"] for item in items} == {error_class}
    answer = library.sidecars.get_or_enqueue(items[0].content_uuid, "thumb", "icon")
    assert isinstance(answer, Ready)
    assert answer.path.is_file()
    assert (answer.stale, answer.error_class, answer.message) == (True, error_class, "It is told to fail.")
    assert {item.failure.error_class for item in library.requests.failures()} == {error_class}
    assert library.verify() == []
    assert library.maintenance.repair() == []
    check_invariants(library.root, finished=True)
    # Asked for again, and possible now: it is new, and nothing is left of the failure.
    failing.write_text("")
    assert library.retry(error_class=error_class) == 2 * FILES
    library.run()
    assert {(item.stale, item.error) for item in library.ls()} == {(False, None)}
    assert list(library.requests.failures()) == []
    check_invariants(library.root, finished=True)


def test_it_is_not_tried_again_by_an_index_with_the_same_recipe_but_with_another(
    library: Library, failing: Path, folder: Path
) -> None:
    config = library.root / "config.toml"
    before = config.read_text()
    config.write_text(before + "\n[thumb]\nmethod = 4\n")
    failing.write_text("thumb corrupt\n")
    with Library.open(library.root) as changed:
        changed.index()
        changed.run()
        assert changed.status().kept == {"thumb": 2 * FILES}
        assert changed.index().queued == 0
        assert changed.plan().lines == []
    # The old recipe is wanted again: what is there is what is wanted.
    config.write_text(before)
    with Library.open(library.root) as back:
        assert back.index().queued == 0
        assert (back.status().kept, list(back.requests.failures())) == ({}, [])
        assert {item.stale for item in back.ls()} == {False}
    config.write_text(before + "\n[thumb]\nmethod = 5\n")
    failing.write_text("")
    with Library.open(library.root) as other:
        assert other.index().queued == FILES
        other.run()
        assert {(item.stale, item.error) for item in other.ls()} == {(False, None)}
        check_invariants(other.root, finished=True)


def test_a_file_that_was_gone_is_made_again_when_it_is_back(library: Library, folder: Path, tmp_path: Path) -> None:
    (folder / "0.jpg").rename(tmp_path / "0.jpg")
    assert library.regenerate() == 2 * FILES
    library.run()
    assert (ready(library), library.status().kept) == (2 * FILES, {"thumb": 2})
    (tmp_path / "0.jpg").rename(folder / "0.jpg")
    assert library.index().queued == 1
    library.run()
    assert (library.status().kept, list(library.requests.failures())) == ({}, [])
    check_invariants(library.root, finished=True)


def test_the_commands_say_so(library: Library, failing: Path, folder: Path) -> None:
    failing.write_text("thumb corrupt\n")
    library.regenerate(kind="thumb", variant="icon")
    library.run()

    def said(*arguments: str) -> str:
        return CliRunner().invoke(program, [*arguments, "--library", str(library.root)]).stdout

    assert "4 ready thumb sidecars could not be made again" in said("status")
    assert "(stale: corrupt: It is told to fail.)" in said("ls")
    assert "thumb failed, the old one is kept: " in said("failed")
    listed = [json.loads(line) for line in said("ls", "--json").splitlines()]
    assert [item["stale"] for item in listed if item["variant"] == "icon"] == [True] * FILES
    assert listed[1]["error"] == {"class": "corrupt", "message": "It is told to fail."}


@pytest.fixture
def texts(tmp_path: Path, text_page: Path, failing: Path) -> Iterator[Library]:
    """A library with the text of a page, and its embeddings."""
    root = tmp_path / "texts"
    root.mkdir()
    (root / "page.png").write_bytes(text_page.read_bytes())
    with Library.open(tmp_path / "library", policy="desktop") as opened:
        opened.index(root, kinds=["embeddings"])
        opened.run()
        assert [item.state.value for item in opened.ls() if item.kind != "thumb"] == ["ready", "ready"]
        yield opened


@pytest.mark.slow
def test_what_is_made_from_a_text_that_fails_is_kept_too(texts: Library, failing: Path) -> None:
    before = visible_files(texts.root)
    failing.write_text("ocr too_large\n")
    texts.regenerate(kind="ocr")
    texts.regenerate(kind="embeddings")
    texts.run()
    check_not_made_again(before, texts.root)
    assert texts.status().kept == {"ocr": 1, "embeddings": 1}
    assert texts.verify() == []
    failing.write_text("")
    assert texts.retry() == 2
    texts.run()
    assert (texts.status().kept, list(texts.requests.failures())) == ({}, [])
    check_invariants(texts.root, finished=True)


@pytest.mark.slow
def test_what_is_made_from_a_text_that_is_gone_goes_with_it(texts: Library, failing: Path) -> None:
    failing.write_text("ocr empty\n")
    texts.regenerate(kind="ocr")
    texts.regenerate(kind="embeddings")
    texts.run()
    assert visible_files(texts.root) == {}
    assert texts.verify() == []
    check_invariants(texts.root, finished=True)
