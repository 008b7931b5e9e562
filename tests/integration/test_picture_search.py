"""Pictures are found by words for what they show, and by others like them, with a model whose vectors are known."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from PIL import Image

from pillion.catalog.queue import claim
from pillion.errors import UsageError
from pillion.kinds.picture import towers
from pillion.kinds.picture.kind import PICTURE_EMBEDDINGS, PICTURE_MODEL
from pillion.kinds.thumbnail.kind import THUMB
from pillion.library import Library
from pillion.library.searching import REBUILT
from pillion.search import index
from tests.support.program import run
from tests.support.searching import pages_json, picture_embedding_of, unit_vectors
from tests.support.towers import directions, write_model

COLOURS = {"red": (230, 30, 30), "green": (30, 210, 40), "blue": (20, 50, 235)}


@pytest.fixture(autouse=True)
def models_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A small model where workers and searches look for one."""
    write_model(tmp_path / "models")
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PILLION_OFFLINE", "1")
    towers.picture_tower.cache_clear()
    towers.text_tower.cache_clear()
    yield tmp_path / "models"
    towers.picture_tower.cache_clear()
    towers.text_tower.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    for at, (name, colour) in enumerate(COLOURS.items()):
        write_coloured(made / f"{at}-of-{len(name)}.png", colour)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A library that makes thumbnails and looks at pictures, and nothing else."""
    made = tmp_path / "library"
    made.mkdir()
    (made / "config.toml").write_text('policy = "mobile"\n[picture-embeddings]\nenable = true\n')
    return made


def write_coloured(path: Path, colour: tuple[int, int, int], seed: int = 0) -> None:
    """A picture of one colour with some shapes in it, like no other."""
    random = np.random.default_rng(seed + sum(colour))
    noise = random.integers(-25, 25, size=(20, 30, 3)).repeat(16, axis=0).repeat(16, axis=1)
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)


def names(library: Library, query: str, **choice: Any) -> list[str]:
    return [os.path.basename(hit.path) for hit in library.search(query, **choice)]


def test_it_is_made_from_thumbnails_and_found_by_words(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        rows = library.ls(kind=PICTURE_EMBEDDINGS)
        assert [(row.variant, row.state) for row in rows] == [(PICTURE_MODEL, "ready")] * 3
        assert names(library, "a red boat")[0] == "0-of-3.png"
        assert names(library, "GREEN") == ["1-of-5.png"]
        (hit,) = library.search("blue photo")
        assert (os.path.basename(hit.path), list(hit.why), list(hit.passages)) == ("2-of-4.png", ["picture"], [])
        assert 0 < hit.score <= 1
        assert names(library, "boat") == [], "what looks like nothing that is there finds nothing"
        assert library.searching.search("red", meaning=False).hits == []
        assert names(library, "red", kinds=["name"]) == []
        assert names(library, "red", kinds=["picture"]) == ["0-of-3.png"]
        assert names(library, "red -of") == [], "what is left out by its name is left out"
        with pytest.raises(UsageError):
            library.search("red", kinds=["look"])
        path = next(root.glob("sidecars/content/*/*/*/picture-embeddings/*.msgpack"))
        assert len(msgpack.unpackb(path.read_bytes())["vector"]) == 768 * 4
        assert library.index(folder).queued == 0, "nothing is made twice"


def test_filters_hold_and_what_is_gone_is_not_shown(root: Path, folder: Path) -> None:
    (folder / "below").mkdir()
    write_coloured(folder / "below" / "second.png", COLOURS["red"], seed=9)
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        assert sorted(names(library, "red")) == ["0-of-3.png", "second.png"]
        assert names(library, "red", under=folder / "below") == ["second.png"]
        assert names(library, "red", types=["jpg"]) == []
        assert names(library, "red", types=["image/png"], limit=1) in (["0-of-3.png"], ["second.png"])
        (folder / "0-of-3.png").unlink()
        library.index(folder)
        assert names(library, "red") == ["second.png"]


def test_words_and_looks_are_joined(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        (uuid,) = library.find(folder / "2-of-4.png")
        library.record(uuid, "ocr", "default", pages_json(["the red boat"]))
        first, second = library.search("red")
        assert {os.path.basename(first.path), os.path.basename(second.path)} == {"0-of-3.png", "2-of-4.png"}
        assert {tuple(first.why), tuple(second.why)} == {("words",), ("picture",)}
        write_coloured(folder / "red.png", COLOURS["red"], seed=4)
        library.index(folder)
        library.run()
        best = library.search("red")[0]
        assert (os.path.basename(best.path), list(best.why)) == ("red.png", ["name", "picture"])


def test_pictures_like_one_are_found(root: Path, folder: Path, tmp_path: Path) -> None:
    for seed in range(1, 4):
        write_coloured(folder / f"more{seed}.png", COLOURS["green"], seed=seed)
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        green = {"more1.png", "more2.png", "more3.png"}
        (uuid,) = library.find(folder / "1-of-5.png")
        like = library.searching.similar(folder / "1-of-5.png", content_uuid=uuid).hits
        assert {os.path.basename(hit.path) for hit in like} == green
        assert all(hit.why == ["picture"] for hit in like)
        write_coloured(tmp_path / "another.png", COLOURS["green"], seed=17)
        like = library.searching.similar(tmp_path / "another.png", picture=True).hits
        assert {os.path.basename(hit.path) for hit in like} == {*green, "1-of-5.png"}


def test_without_the_model_the_rest_is_searched(
    root: Path, folder: Path, models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        assert names(library, "red") == ["0-of-3.png"]
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    towers.text_tower.cache_clear()
    towers.picture_tower.cache_clear()
    with Library.open(root) as library:
        answer = library.searching.search("of")
        assert len(answer.hits) == 3
        assert any("not searched by what they show: the picture model" in note for note in answer.notes)
        write_coloured(tmp_path / "another.png", COLOURS["green"], seed=17)
        answer = library.searching.similar(tmp_path / "another.png", picture=True)
        assert any("of the same kind were not looked for" in note for note in answer.notes)


def test_without_it_jobs_wait_and_say_why(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    with Library.open(root) as library:
        library.index(folder)
        report = library.run()
        assert {row.state for row in library.ls(kind=PICTURE_EMBEDDINGS)} == {"pending"}
    assert "pillion models siglip2" in report.notices["picture-embeddings"]


def test_a_library_that_is_only_read_is_searched(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
    with Library.open(root) as library:
        library.searching._read_only = True
        assert names(library, "red") == ["0-of-3.png"]


def test_a_damaged_file_is_told_and_built_again(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        assert names(library, "red") == ["0-of-3.png"]
        before = library.maintenance.usage().search_bytes
        assert library.verify() == []
    vectors = root / "search" / "picture-vectors"
    size = vectors.stat().st_size
    vectors.write_bytes(vectors.read_bytes()[:-1])
    with Library.open(root) as library:
        assert before >= size
        assert any("search index" in problem.message for problem in library.verify())
        answer = library.searching.search("red")
        assert [os.path.basename(hit.path) for hit in answer.hits] == ["0-of-3.png"]
        assert REBUILT in answer.notes
        assert library.verify() == []


def test_a_vector_that_is_replaced_or_gone_is_no_longer_found(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        library.index(folder)
        library.run()
        (uuid,) = library.find(folder / "0-of-3.png")
        blue = np.array([-1, -1, 1], np.float32) @ directions()[:3]
        library.record(uuid, PICTURE_EMBEDDINGS, PICTURE_MODEL, picture_embedding_of(blue / np.linalg.norm(blue)))
        assert names(library, "red") == []
        assert sorted(names(library, "blue")) == ["0-of-3.png", "2-of-4.png"]
        (vector,) = unit_vectors(1, seed=3, dimensions=768)
        library.record(uuid, PICTURE_EMBEDDINGS, PICTURE_MODEL, picture_embedding_of(vector))
        assert names(library, "blue") == ["2-of-4.png"]
        reader = index.Reader(root)
        assert reader.picture_vectors.counts()[0] - reader.picture_vectors.counts()[1] == 3


def test_the_program_finds_them_too(root: Path, folder: Path) -> None:
    done = run("index", folder, "--library", root)
    assert done.returncode == 0, done.stderr
    done = run("search", "a red boat", "--library", root, "--json")
    (hit,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (os.path.basename(hit["path"]), hit["why"], hit["passages"]) == ("0-of-3.png", ["picture"], [])
    done = run("search", "a red boat", "--library", root)
    assert done.stdout.strip() == str(folder / "0-of-3.png")
    done = run("search", "--like", folder / "0-of-3.png", "--library", root, "--json")
    assert done.returncode == 1, "nothing else is red"
    done = run("models", "siglip2")
    assert "sha256 of onnx/text_model_int8.onnx: 3a0603d3" in done.stdout
    assert "hf download onnx-community/siglip2-base-patch16-224-ONNX" in done.stdout


def test_a_job_gets_the_thumbnail_that_fits(root: Path, folder: Path) -> None:
    (root / "config.toml").write_text(
        'policy = "desktop"\n[thumb]\nvariants = ["detail@1x", "grid@2x", "icon"]\n'
        "[picture-embeddings]\nenable = true\n"
    )
    with Library.open(root) as library:
        library.index(folder)
        library.run(kinds=["thumb"])
        with library._database.write() as connection:
            jobs = claim(connection, PICTURE_EMBEDDINGS, owner="me", token="t", now=time.time(), limit=10)
    assert [os.path.basename(job.texts[THUMB]) for job in jobs] == ["grid@2x.webp"] * 3
