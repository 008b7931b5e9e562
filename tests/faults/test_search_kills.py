"""kill -9 and a full disk while the search index is written: it goes on, no passage twice and none missing."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.library import Library
from pillion.search import index, update
from pillion.search.index import Reader
from tests.support.kills import SEARCH_POINTS, write_picture
from tests.support.program import run
from tests.support.searching import add_page, embeddings_of, pages_json, picture_embedding_of, unit_vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def root(tmp_path: Path, folder: Path) -> Path:
    """A library of two read pages, two texts with vectors and a thumbnail that is already there."""
    with Library.open(tmp_path / "library", policy="mobile") as library:
        for number in range(2):
            uuid = add_page(library, folder, f"{number}.jpg", ["plum jam"], ["marzipan"])
            add_picture_vector(library, uuid, number)
            add_text(library, folder, number)
        library.run(kinds=["thumb"])
    shutil.rmtree(tmp_path / "library" / "search")
    return tmp_path / "library"


def add_text(library: Library, folder: Path, number: int) -> None:
    """A text file of two chunks."""
    path = folder / f"{number}.txt"
    path.write_text(f"text {number}")
    library.index(folder, kinds=["thumb"])
    (uuid,) = library.find(path)
    chunks: list[dict[str, Any]] = [{"text": f"marzipan {number}"}, {"text": "cake"}]
    library.record(uuid, "embeddings", "all-MiniLM-L6-v2", embeddings_of(chunks, unit_vectors(2, seed=number)))


def add_picture_vector(library: Library, uuid: str, seed: int) -> None:
    """How a picture looks."""
    (vector,) = unit_vectors(1, seed=seed, dimensions=768)
    library.record(uuid, "picture-embeddings", "siglip2-base-patch16-224", picture_embedding_of(vector))


def held(root: Path) -> dict[str, object]:
    """All that the index of a library holds."""
    reader = Reader(root)
    rows = {
        (number, content): sorted(np.round(file.vector(row), 4).tobytes() for row in file.rows_of(content))
        for number, file in enumerate((reader.vectors, reader.picture_vectors))
        for content, _ in file.contents()
    }
    assert len({number for number, _ in rows}) == 2
    return {
        "passages": dict(reader.words.counts()),
        "names": dict(reader.words.digests()),
        "vectors": rows,
        "pictures": reader.pictures(),
    }


def rebuilt(root: Path) -> dict[str, object]:
    """What an index that is built at once holds."""
    index.remove(root)
    with Library.open(root) as library:
        assert update.catch_up(library._database, library._store)
    return held(root)


def search(root: Path, points: Path, rule: str = "") -> tuple[int, str]:
    """Search in a process of its own, which brings the index up to date; returns its exit code, and what it said."""
    shutil.rmtree(points, ignore_errors=True)
    points.mkdir()
    environment = {DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: rule}
    done = run("search", "marzipan", "--words", "--library", root, env=environment)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.slow
def test_a_kill_at_every_point_loses_and_doubles_nothing(root: Path, folder: Path, tmp_path: Path) -> None:
    reached = set()
    for number, point in enumerate(SEARCH_POINTS, 10):
        if point == "search.emptied":
            shutil.rmtree(root / "search", ignore_errors=True)
        else:
            with Library.open(root) as library:
                add_text(library, folder, number)
                (uuid,) = library.find(folder / "0.jpg")
                library.record(uuid, "ocr", "default", pages_json(["plum jam"], [f"marzipan {number}"]))
                add_picture_vector(library, uuid, number)
        assert search(root, tmp_path / "points", f"{point}=kill@1")[0] == -signal.SIGKILL, point
        reached |= {path.name for path in (tmp_path / "points").iterdir()}
        assert search(root, tmp_path / "points")[0] == 0, point
        after = held(root)
        copy = tmp_path / "copy"
        shutil.copytree(root, copy)
        assert after == rebuilt(copy), point
        shutil.rmtree(copy)
    assert reached >= set(SEARCH_POINTS)


@pytest.mark.slow
@pytest.mark.parametrize("point", SEARCH_POINTS)
def test_a_full_disk_is_told_and_made_up_for(root: Path, tmp_path: Path, point: str) -> None:
    code, said = search(root, tmp_path / "points", f"{point}=ENOSPC@1+")
    assert (tmp_path / "points" / point).exists()
    # What was indexed before is found, or nothing is yet; without any index it is an error.
    assert code in ((2,) if point == "search.emptied" else (0, 1))
    assert "The disk is full" in said
    assert search(root, tmp_path / "points")[0] == 0
    assert held(root) == rebuilt(root)


def test_a_build_that_was_stopped_goes_on_where_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "_BATCH", 1)
    monkeypatch.setattr(update, "_COMMIT_PASSAGES", 1)
    told: list[int] = []

    def stop(done: int, _total: int) -> None:
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    with Library.open(root) as library:
        with pytest.raises(KeyboardInterrupt):
            update.catch_up(library._database, library._store, stop)
        assert Reader(root).state.after
        told.clear()
        assert update.catch_up(library._database, library._store, lambda done, _: told.append(done))
    assert len(told) == 2, "what was committed is not indexed again"
    assert held(root) == rebuilt(root)


def test_only_one_process_writes_and_others_are_not_held_up(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        assert len(library.searching.search("marzipan", meaning=False).hits) == 4
        write_picture(folder / "marzipan.jpg", seed=5)
        library.index(folder, kinds=["thumb"])
        with index.locked(root):
            with Library.open(root) as other:
                answer = other.searching.search("marzipan", meaning=False)
            assert len(answer.hits) == 4
            assert "Another process" in answer.notes[0]
        assert len(library.searching.search("marzipan", meaning=False).hits) == 5


def test_work_keeps_the_index_up(root: Path, folder: Path) -> None:
    with Library.open(root) as library:
        write_picture(folder / "marzipan.jpg", seed=5)
        library.index(folder, kinds=["thumb"])
        library.run(kinds=["thumb"])
        assert not update.behind(library._database, Reader(root).state)
    assert held(root) == rebuilt(root)
