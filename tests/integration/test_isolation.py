"""``pillion.isolated()``: what the public functions give, and a file that ends its worker ends nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pillion
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.isolation import Isolated
from tests.support import media, photos


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    media.page(dpi=150).save(made / "page.png")
    photos.photo(1, (640, 480)).save(made / "photo.jpg")
    (made / "note.txt").write_text("Plum jam, two jars.\n")
    (made / "broken.png").write_bytes((made / "page.png").read_bytes()[:100])
    return made


@pytest.fixture(scope="module")
def apart(folder: Path) -> Iterator[Isolated]:
    with pillion.isolated(folder, workers=2) as made:
        yield made


def test_it_gives_what_the_functions_give(apart: Isolated, folder: Path) -> None:
    photo, page, note = (folder / name for name in ("photo.jpg", "page.png", "note.txt"))
    assert apart.thumbnail(photo, ["icon", "grid@2x"]) == pillion.file_thumbnail(photo, ["icon", "grid@2x"])
    assert np.array_equal(apart.decode(photo), pillion.decode(photo))
    read = apart.ocr(page, languages=["eng"])
    assert read.to_json() == pillion.ocr(page, languages=["eng"]).to_json()
    assert apart.file_text(note) == pillion.file_text(note)
    assert apart.any_text(note)["text"] == "Plum jam, two jars."
    assert apart.export(page, "text", languages=["eng"]) == pillion.export(page, "text", languages=["eng"])


def test_a_bad_file_is_an_error_beside_the_others(apart: Isolated, folder: Path) -> None:
    paths = [folder / name for name in ("photo.jpg", "broken.png", "note.txt", "none.png")]
    made = dict(apart.thumbnail_batch(paths))
    classes = [made[path].error_class if isinstance(made[path], ItemError) else None for path in paths]
    assert classes == [None, ErrorClass.CORRUPT, ErrorClass.UNSUPPORTED, ErrorClass.MISSING_SOURCE]


def test_wrong_calls_are_usage_errors(apart: Isolated, folder: Path) -> None:
    with pytest.raises(UsageError, match="no thumbnail variant"):
        apart.thumbnail(folder / "photo.jpg", ["huge"])
    with pytest.raises(UsageError, match="cannot be exported as hocr"):
        apart.export(folder / "note.txt", "hocr")
    with pytest.raises(UsageError, match="at least 1"):
        apart.decode(folder / "photo.jpg", max_side=0)
    with pytest.raises(UsageError, match="sandbox must be"):
        pillion.isolated(sandbox="maybe")


def test_a_model_that_is_put_into_a_cache_that_was_not_there_is_read(
    speech_wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "none" / "yet"))
    with pillion.isolated(workers=1) as apart:
        assert apart.transcribe(speech_wav).segments
    assert (tmp_path / "none" / "yet" / "models" / "whisper-base").is_dir()


def test_a_file_that_was_not_named_before_is_read_too(apart: Isolated, tmp_path: Path) -> None:
    photos.corners((64, 48)).save(tmp_path / "other.png")
    assert apart.decode(tmp_path / "other.png").shape == (48, 64, 3)


def test_a_file_that_ends_its_worker_is_blamed_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILLION_FAILPOINTS_DIR", str(tmp_path))
    monkeypatch.setenv("PILLION_FAILPOINTS", "child.item=kill@2")
    with pillion.isolated(folder, workers=1) as apart:
        made = [apart.thumbnail(folder / "photo.jpg")]
        with pytest.raises(ItemError, match="SIGKILL") as caught:
            apart.thumbnail(folder / "photo.jpg")
        made.append(apart.thumbnail(folder / "photo.jpg"))
    assert caught.value.error_class is ErrorClass.CRASH
    assert made[0] == made[1]


def test_leaving_the_loop_stops_the_workers_and_nothing_is_left_over(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pillion.isolated(folder, workers=2) as apart:
        for _ in apart.thumbnail_batch([folder / "photo.jpg"] * 1000):
            break
        assert apart.decode(folder / "photo.jpg", max_side=600).nbytes > 256 << 10
    # Only the lock stays by which programs take turns.
    assert [path.name for path in tmp_path.iterdir()] == [f"pillion-{os.geteuid()}"]
    assert [path.name for path in (tmp_path / f"pillion-{os.geteuid()}").iterdir()] == ["workers.lock"]
