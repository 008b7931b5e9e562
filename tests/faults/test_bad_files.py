"""A folder of everything that goes wrong: the good files are ready, each bad one has its class, nobody crashes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import media, photos
from tests.support.invariants import check_invariants
from tests.support.program import run, run_measured

GOOD = 20


@dataclass(frozen=True)
class Outcome:
    report: dict[str, Any]
    """Of ``index --json``."""
    items: dict[str, Any]
    """"NAME KIND VARIANT" -> what ``ls`` says of it."""
    library: Path
    largest_process: int
    """Bytes of memory, at most, of any process of ``index``."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad")
    for seed in range(GOOD):
        photos.write_photo(root / f"good-{seed:02d}.jpg", seed=seed, size=(640, 480))
    (root / "truncated.jpg").write_bytes(media.truncated((root / "good-00.jpg").read_bytes()))
    (root / "stub.jpg").write_bytes(media.truncated((root / "good-01.jpg").read_bytes(), keep=0.03))
    (root / "empty.jpg").touch()
    (root / "text.jpg").write_text("This is text and not a picture.\n")
    media.write_pdf(root / "locked.pdf", [media.PAGE_TEXT], password="secret")
    (root / "bomb.png").write_bytes(media.png_bomb())
    (root / "loop").symlink_to(root)
    return root


@pytest.fixture(scope="module")
def outcome(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    library = tmp_path_factory.mktemp("library")
    done, largest = run_measured("index", folder, "--library", library, "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    listed = run("ls", "--library", library, "--json").stdout.splitlines()
    items: dict[str, Any] = {}
    for item in map(json.loads, listed):
        for source in item["sources"]:
            items[f"{Path(source).name} {item['kind']} {item['variant']}"] = item
    return Outcome(report=json.loads(done.stdout), items=items, library=library, largest_process=largest)


def test_the_good_ones_are_ready(outcome: Outcome) -> None:
    for seed in range(GOOD):
        for variant in ("grid@2x", "grid@3x", "detail@1x"):
            assert outcome.items[f"good-{seed:02d}.jpg thumb {variant}"]["state"] == "ready"


@pytest.mark.parametrize(
    ("name", "state", "error_class"),
    [
        ("truncated.jpg thumb grid@2x", "ready", None),
        ("truncated.jpg ocr default", "failed", "corrupt"),
        ("stub.jpg thumb grid@2x", "failed", "corrupt"),
        ("empty.jpg thumb grid@2x", "empty", None),
        ("text.jpg thumb grid@2x", "unsupported", "unsupported"),
        ("text.jpg text default", "ready", None),
        ("text.jpg embeddings all-MiniLM-L6-v2", "ready", None),
        ("locked.pdf thumb grid@2x", "unsupported", "unsupported"),
        ("locked.pdf ocr default", "unsupported", "unsupported"),
        ("bomb.png thumb grid@2x", "failed", "too_large"),
        ("bomb.png ocr default", "failed", "too_large"),
        ("bomb.png embeddings all-MiniLM-L6-v2", "failed", "too_large"),
    ],
)
def test_each_bad_one_has_its_class(outcome: Outcome, name: str, state: str, error_class: str | None) -> None:
    item = outcome.items[name]
    assert item["state"] == state
    assert ((item["error"] or {}).get("class")) == error_class


def test_what_is_shown_in_part_is_marked(outcome: Outcome) -> None:
    marked = {name for name, item in outcome.items.items() if item["mark"] == "truncated"}
    assert marked == {f"truncated.jpg thumb {variant}" for variant in ("grid@2x", "grid@3x", "detail@1x")}
    status = json.loads(run("status", "--library", outcome.library, "--json").stdout)
    assert status["marks"] == {"damaged": 0, "partial": 0, "truncated": 3}
    assert "3 ready sidecars are marked truncated" in run("status", "--library", outcome.library).stdout
    assert run("ls", "--library", outcome.library).stdout.count("(truncated)") == 3


def test_the_loop_is_not_followed_and_nothing_is_left_open(
    outcome: Outcome,
) -> None:
    assert outcome.report["files"] == GOOD + 6
    check_invariants(outcome.library, finished=True)


def test_a_second_run_tries_none_of_them_again(folder: Path, outcome: Outcome) -> None:
    again = json.loads(run("index", folder, "--library", outcome.library, "--json").stdout)
    assert (again["hashed"], again["queued"]) == (0, 0)
    assert run("index", folder, "--library", outcome.library, "--strict").returncode == 1
    failed = run("failed", "--library", outcome.library, "--class", "too_large").stdout
    assert "bomb.png" in failed
    assert "truncated.jpg" not in failed


def test_memory_stays_small(outcome: Outcome) -> None:
    assert outcome.largest_process < 500 * 1024**2


def test_a_file_nobody_may_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    os.mkfifo(folder / "pipe")
    done = run("index", folder, "--library", tmp_path / "l", "--no-wait", "--json")
    assert done.returncode == 0
    problems = json.loads(done.stdout)["problems"]
    assert [(Path(item["path"]).name, item["class"]) for item in problems] == [("pipe", "unsupported")]
