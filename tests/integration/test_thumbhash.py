"""ThumbHashes and marks in a library: stored, shown, brought back by reconcile."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

import pillion
from pillion import _core
from pillion.catalog.database import Database
from pillion.catalog.tables import contents
from pillion.model import SidecarMark
from tests.support import media, photos


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        photos.write_photo(root / f"{seed}.jpg", seed=seed, size=(640, 480))
    (root / "cut.jpg").write_bytes(media.truncated((root / "0.jpg").read_bytes()))
    media.write_pdf(root / "page.pdf", [media.PAGE_TEXT])
    (root / "text.txt").write_text("hello")
    return root


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("libraries") / "library"
    with pillion.Library.open(path) as opened:
        opened.index(folder, kinds=["thumb"])
        opened.run()
    return path


def hashes(path: Path) -> dict[str, tuple[bytes, bytes]]:
    """Content -> ThumbHash and perceptual hash."""
    database = Database(path / "catalog.sqlite")
    with database.read() as connection:
        columns = (contents.c.content_uuid, contents.c.thumbhash, contents.c.likeness)
        rows = connection.execute(sa.select(*columns)).all()
    database.close()
    return {uuid: (thumbhash, likeness) for uuid, thumbhash, likeness in rows if thumbhash or likeness}


def test_pictures_and_pages_have_a_hash_and_texts_have_none(folder: Path, library: Path) -> None:
    with pillion.Library.open(library) as opened:
        for name in ("0.jpg", "cut.jpg", "page.pdf"):
            (uuid,) = opened.find(str(folder / name))
            (item, *_) = opened.ls(content_uuid=uuid)
            value = opened.thumbhash(uuid)
            assert value is not None
            assert len(value) <= 25
            assert item.to_json()["thumbhash"] == base64.b64encode(value).decode()
            assert _core.thumbhash_pixels(value).shape[2] == 4
        (uuid,) = opened.find(str(folder / "text.txt"))
        assert opened.thumbhash(uuid) is None


def test_reconcile_brings_hashes_and_marks_back(library: Path) -> None:
    before = hashes(library)
    assert all(len(likeness) == 32 for _, likeness in before.values())
    with pillion.Library.open(library) as opened:
        marked = {item.content_uuid for item in opened.ls() if item.mark is SidecarMark.TRUNCATED}
    assert len(marked) == 1
    pillion.Library.reconcile(library, rebuild=True)
    assert hashes(library) == before
    with pillion.Library.open(library) as opened:
        assert {item.content_uuid for item in opened.ls() if item.mark is SidecarMark.TRUNCATED} == marked
        assert opened.verify() == []


def test_a_manifest_without_hash_and_mark_is_still_read(library: Path) -> None:
    manifest = next(library.rglob("manifest.json"))
    whole = json.loads(manifest.read_text())
    old = {key: value for key, value in whole.items() if key not in ("thumbhash", "likeness")}
    old["sidecars"] = [{key: value for key, value in item.items() if key != "mark"} for item in old["sidecars"]]
    manifest.write_text(json.dumps(old))
    pillion.Library.reconcile(library, rebuild=True)
    uuid = whole["content_uuid"]
    assert uuid not in hashes(library)
    with pillion.Library.open(library) as opened:
        assert opened.find(uuid) == [uuid]
