"""``pillion search``, ``similar`` and ``duplicates`` as a user types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pillion.cli.search import place_text
from pillion.library import Library
from tests.support.kills import write_picture
from tests.support.program import run, run_json
from tests.support.searching import add_page

EVIL = "evil \x1b[31m\n name.jpg"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    place = tmp_path_factory.mktemp("place") / "library"
    with Library.open(place, policy="mobile") as library:
        add_page(library, folder, "letter.jpg", ["Thank you for the plum jam \x1b]0;title\x07 dear."])
        add_page(library, folder, EVIL, ["marzipan"])
        (folder / "copy.jpg").write_bytes((folder / "letter.jpg").read_bytes())
        library.index(folder)
        library.run()
    return place


def test_json_has_one_object_a_line(root: Path) -> None:
    done = run("search", "plum", "jam", "--json", "--words", "--library", root)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    hit = json.loads(line)
    assert list(hit) == ["path", "paths", "content_uuid", "type", "score", "why", "passages"]
    assert {Path(path).name for path in hit["paths"]} == {"letter.jpg", "copy.jpg"}
    assert hit["why"] == ["words"]
    (passage,) = hit["passages"]
    assert [passage["text"][start:end] for start, end in passage["marks"]] == ["plum", "jam"]
    assert passage["where"] == {"kind": "ocr", "page": 1, "box": [10, 0, 200, 15]}


def test_a_first_search_says_that_the_index_is_built(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "library"
    shutil.copytree(root, place, ignore=shutil.ignore_patterns("search"))
    first, second = (run("search", "marzipan", "--words", "--json", "--library", place) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "The search index is built now; this is done once.\n")
    assert (second.returncode, second.stderr) == (0, "")
    assert first.stdout == second.stdout


def test_nothing_found_is_exit_code_1(root: Path) -> None:
    done = run("search", "zeppelin", "--words", "--library", root)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Nothing was found.\n")
    done = run("search", "zeppelin", "--words", "--json", "--library", root)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_an_error_is_told_from_nothing_found_by_its_exit_code(root: Path) -> None:
    for command in (("search", "plum"), ("similar", root / "catalog.sqlite"), ("duplicates",)):
        done = run(*command, "--library", root / "nowhere")
        assert (done.returncode, done.stdout) == (2, ""), command
        assert "There is no library at" in done.stderr
    done = run("search", "", "--library", root)
    assert (done.returncode, done.stderr) == (2, "pillion: Say what to search for, in words or with --like.\n")


def test_nothing_that_is_printed_acts_on_the_terminal(root: Path) -> None:
    for query in ("plum jam", "marzipan"):
        done = run("search", query, "--words", "--library", root)
        assert done.returncode == 0
        assert all(char.isprintable() or char == "\n" for char in done.stdout), done.stdout
    assert "page 1: marzipan" in done.stdout
    assert len(done.stdout.splitlines()) == 2


def test_wrong_usage_is_exit_code_2(root: Path) -> None:
    for arguments in (["search"], ["search", "x", "--words", "--meaning"], ["search", "x", "--since", "soon"]):
        assert run(*arguments, "--library", root).returncode == 2, arguments
    assert run("similar", "nowhere.jpg", "--library", root).returncode == 2


def test_a_bad_query_is_taken_as_words_with_a_note(root: Path) -> None:
    done = run("search", 'plum "jam', "--words", "--library", root)
    assert done.returncode == 0
    assert "quotation mark" in done.stderr


def test_duplicates_and_pictures_like_one(root: Path, tmp_path: Path) -> None:
    group = run_json("duplicates", "--library", root)
    assert group["kind"] == "exact"
    assert {Path(path).name for path in group["paths"]} == {"letter.jpg", "copy.jpg"}
    letter = next(path for path in group["paths"] if path.endswith("letter.jpg"))
    with Image.open(letter) as picture:
        picture.resize((80, 60)).save(tmp_path / "other.png")
    found = run_json("search", "--like", tmp_path / "other.png", "--library", root)
    assert found["content_uuid"] == group["content_uuids"][0]
    write_picture(tmp_path / "unlike.jpg", seed=1234)
    assert run("similar", tmp_path / "unlike.jpg", "--library", root).returncode == 1


def test_usage_counts_the_index_and_verify_checks_it(root: Path) -> None:
    assert run_json("usage", "--library", root)["search"]["bytes"] > 0
    assert run_json("verify", "--library", root)["ok"]


def test_places_for_people() -> None:
    assert place_text({"kind": "ocr", "page": 3}) == "page 3"
    assert place_text({"kind": "transcript", "seconds": [65.2, 70.0]}) == "1:05"
    assert place_text({"kind": "transcript", "seconds": [3725.0, 3730.0]}) == "1:02:05"
    assert place_text({"kind": "file", "part": "sheet", "number": 2, "name": "Budget"}) == "sheet 2 (Budget)"
    assert place_text({"kind": "file"}) == ""
