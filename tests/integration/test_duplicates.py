"""Files of the same bytes, and photographs that look the same, whatever was done to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pillion.library import Library
from tests.support import photos

PHOTOS = 50


def _variants(picture: Image.Image, number: int) -> dict[str, Image.Image]:
    width, height = picture.size
    cut = (width // 40, height // 40, width - width // 40, height - height // 40)
    return {
        f"{number}-small.jpg": picture.resize((width // 2, height // 2)),
        f"{number}-again.jpg": picture,
        f"{number}-cropped.jpg": picture.crop(cut),
        f"{number}-cornered.jpg": picture.crop((0, 0, width - width // 20, height - height // 20)),
        f"{number}-turned.jpg": picture.transpose(Image.Transpose.ROTATE_90),
    }


@pytest.fixture(scope="module")
def near_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """50 photographs, each also resized, re-encoded, cropped by 5 % in two ways and turned, with thumbnails.

    One library for the module: its catalog is in its folder.
    """
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(PHOTOS):
        original = folder / f"{number}.png"
        photos.write_photo(folder / "made.jpg", seed=number, size=(480, 360))
        with Image.open(folder / "made.jpg") as made:
            picture = made.convert("RGB")
        (folder / "made.jpg").unlink()
        picture.save(original)
        for name, variant in _variants(picture, number).items():
            variant.save(folder / name, quality=60)
    with Library.open(tmp_path_factory.mktemp("near") / "library", policy="mobile") as library:
        library.index(folder)
        library.run()
        yield library


@pytest.mark.slow
def test_near_duplicates_are_grouped(near_library: Library) -> None:
    groups = [group for group in near_library.searching.duplicates(near=True) if group.kind == "near"]
    right = wrong = 0
    for group in groups:
        owners = [os.path.basename(path).split("-")[0].split(".")[0] for path in group.paths]
        pairs = [(a, b) for at, a in enumerate(owners) for b in owners[at + 1 :]]
        right += sum(a == b for a, b in pairs)
        wrong += sum(a != b for a, b in pairs)
    assert wrong == 0
    assert right >= 0.98 * PHOTOS * 15, "of each photograph six files make 15 pairs"
    bests = {os.path.basename(group.best) for group in groups}
    assert len(bests & {f"{number}.png" for number in range(PHOTOS)}) >= 0.95 * PHOTOS


@pytest.mark.slow
def test_pictures_like_one_are_found(near_library: Library, tmp_path: Path) -> None:
    location = os.fsdecode(near_library.locations()[0].path)
    with Image.open(os.path.join(location, "7.png")) as made:
        made.convert("RGB").resize((300, 225)).save(tmp_path / "other.jpg", quality=70)
    hits = near_library.searching.similar(tmp_path / "other.jpg", limit=5).hits
    assert {os.path.basename(hit.path).split("-")[0].split(".")[0] for hit in hits[:5]} == {"7"}
    assert hits[0].why == ["picture"]
    known = near_library.find(os.path.join(location, "7.png"))[0]
    hits = near_library.searching.similar(os.path.join(location, "7.png"), content_uuid=known, limit=4).hits
    assert "7.png" not in [os.path.basename(hit.path) for hit in hits]


def _button(pressed: int) -> Image.Image:
    """A window with a grid of buttons, of which one is pressed."""
    made = Image.new("L", (240, 320), 90)
    drawn = ImageDraw.Draw(made)
    drawn.polygon(((0, 0), (240, 0), (0, 200)), fill=200)
    drawn.ellipse((90, 150, 200, 300), fill=20)
    for number in range(30):
        left, top = 10 + number % 5 * 45, 40 + number // 5 * 45
        drawn.rectangle((left, top, left + 34, top + 34), fill=160 if number == pressed else 110)
        drawn.ellipse((left + 4, top + 4, left + 10 + number * 7 % 20, top + 8 + number * 11 % 22), fill=60)
    return made


def _page(seed: int) -> Image.Image:
    """A page of lines of words, laid out as all others are."""
    random = np.random.default_rng(seed)
    made = Image.new("L", (620, 877), 255)
    drawn = ImageDraw.Draw(made)
    for top in range(80, 800, 16):
        left = 70
        while left < 530:
            width = int(random.integers(10, 70))
            drawn.rectangle((left, top, min(left + width, 550), top + 7), fill=60)
            left += width + 8
    return made


@pytest.mark.usefixtures("both_catalogs")
def test_what_differs_in_one_place_or_has_other_words_is_no_duplicate(tmp_path: Path) -> None:
    folder = tmp_path / "screens"
    folder.mkdir()
    for number in range(10):
        _button(number).save(folder / f"button-{number}.png")
        _page(number).save(folder / f"page-{number}.png")
    _page(3).resize((310, 438)).save(folder / "page-3-small.jpg", quality=70)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        library.run()
        (group,) = library.searching.duplicates(near=True)
    assert {os.path.basename(path) for path in group.paths} == {"page-3.png", "page-3-small.jpg"}


@pytest.mark.usefixtures("both_catalogs")
def test_pictures_of_one_colour_are_no_duplicates(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    for shade in (0, 100, 255):
        Image.fromarray(np.full((60, 80, 3), shade, dtype=np.uint8)).save(folder / f"{shade}.png")
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder)
        library.run()
        assert library.searching.duplicates(near=True) == []
