"""Who indexes and searches decodes nothing: a worker does, in whose place no file can do any harm."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pillion import _core
from pillion.library import Library
from pillion.readers.images import decode
from pillion.search import index
from pillion.search.index import Reader
from tests.support import photos

PHOTOS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of photographs, of each one also smaller, and one with a corner cut off."""
    root = tmp_path_factory.mktemp("decoding")
    folder = root / "files"
    folder.mkdir()
    for number in range(PHOTOS):
        photos.write_photo(folder / f"{number}.jpg", seed=number, size=(480, 360))
        with Image.open(folder / f"{number}.jpg") as picture:
            picture.resize((240, 180)).save(folder / f"{number}-small.jpg", quality=60)
            picture.crop((0, 0, 456, 342)).save(folder / f"{number}-cornered.jpg", quality=60)
    with Library.open(root / "library", policy="mobile") as library:
        library.index(folder, kinds=["thumb"])
        library.run()
    return root


@pytest.fixture
def library(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """The same, in a process that must not decode."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a picture was decoded by the process that searches")

    with Library.open(made / "library") as opened:
        for name in ("decode", "probe", "thumbnails", "thumbnail_batch", "thumbhash"):
            monkeypatch.setattr(_core, name, refuse)
        monkeypatch.setattr(decode, "decode", refuse)
        monkeypatch.setattr(Image, "open", refuse)
        yield opened


def _pictures(library: Library) -> dict[bytes, bytes]:
    return Reader(library.root).pictures()


def _near(library: Library) -> set[frozenset[str]]:
    groups = library.searching.duplicates(near=True)
    return {frozenset(map(os.path.basename, group.paths)) for group in groups if group.kind == "near"}


def _names(number: int) -> frozenset[str]:
    return frozenset({f"{number}.jpg", f"{number}-small.jpg", f"{number}-cornered.jpg"})


def _tiff() -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(written, "TIFF")
    return written.getvalue()


def test_the_index_is_built_of_hashes_that_workers_made(library: Library) -> None:
    before = _pictures(library)
    assert len(before) == 3 * PHOTOS
    assert len(set(before.values())) > PHOTOS
    index.remove(library.root)
    library.search("nothing")
    assert _pictures(library) == before


def test_near_duplicates_are_found_by_what_workers_see(library: Library) -> None:
    assert _near(library) == {_names(number) for number in range(PHOTOS)}
    best = [group.best for group in library.searching.duplicates(near=True)]
    assert sorted(map(os.path.basename, best)) == [f"{number}.jpg" for number in range(PHOTOS)]


def test_a_file_is_compared_by_what_a_worker_sees(library: Library, made: Path) -> None:
    known = library.find(str(made / "files" / "1.jpg"))[0]
    hits = library.searching.similar(made / "files" / "1.jpg", content_uuid=known, limit=2).hits
    assert {os.path.basename(hit.path) for hit in hits} <= {"1-small.jpg", "1-cornered.jpg"}
    assert hits
    # One that the library does not know.
    hits = library.searching.similar(made / "files" / "1-small.jpg", limit=2, picture=True).hits
    assert {os.path.basename(hit.path) for hit in hits} == {"1.jpg", "1-small.jpg"}


@pytest.mark.parametrize("data", [_tiff(), b"RIFF\xff\xff\xff\x7fWEBPVP8 " + b"\xff" * 300, b"", b"%PDF-1.7\n"])
def test_a_thumbnail_that_was_replaced_is_read_by_nobody_but_a_worker(
    library: Library, data: bytes, tmp_path: Path
) -> None:
    before = _pictures(library)
    kept = {path: path.read_bytes() for path in (library.root / "sidecars").rglob("*.webp")}
    assert len(kept) == 2 * 3 * PHOTOS
    try:
        for path in kept:
            path.chmod(0o600)
            path.write_bytes(data)
        index.remove(library.root)
        groups = _near(library)
        assert _pictures(library) == before
        # By their hashes, which are of what was there when they were made.
        assert all({f"{number}.jpg", f"{number}-small.jpg"} <= set().union(*groups) for number in range(PHOTOS))
        assert all(any(group <= _names(number) for number in range(PHOTOS)) for group in groups)
    finally:
        for path, whole in kept.items():
            path.write_bytes(whole)
