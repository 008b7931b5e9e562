"""A page begun while it is told from a photograph: drawn, and laid out where it was never in front of a lens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import page
from pillion.kinds.ocr import recognise as steps
from pillion.kinds.ocr.layout import gray_of, print_of
from pillion.readers.images.decode import opened
from tests.support import media, photos, scans


class Layouts:
    """Counts what is laid out."""

    languages = ("eng",)

    def __init__(self) -> None:
        self.given: list[NDArray[np.uint8]] = []

    def analyse_layout(self, gray: NDArray[np.uint8]) -> str:
        self.given.append(gray)
        return "laid out"


def seen(picture: Image.Image, folder: Path) -> tuple[steps._Seen, Layouts]:
    picture.save(folder / "picture.png")
    layouts = Layouts()
    return steps._seen(opened(folder / "picture.png"), cast(Any, layouts), photographs=True), layouts


@pytest.mark.parametrize("cores", ["1", "2"])
def test_a_drawn_page_is_laid_out_while_it_is_looked_at(
    cores: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", cores)
    found, layouts = seen(media.page(dpi=110), tmp_path)
    (given,) = layouts.given
    assert found.begun is not None
    assert found.begun.gray is given
    assert found.begun.profile.is_paper
    assert found.begun.laid_out is not None
    analysis, in_print = found.begun.laid_out
    assert analysis == "laid out"
    assert np.array_equal(in_print().ink, print_of(given).ink)


@pytest.mark.parametrize("picture", [scans.noisy(media.page(dpi=110), 1, 30), photos.photo(1, (1200, 900))])
def test_what_may_be_a_photograph_is_not_laid_out_first(picture: Image.Image, tmp_path: Path) -> None:
    found, layouts = seen(picture, tmp_path)
    assert layouts.given == []
    assert found.is_photograph == (found.begun is None)
    assert found.begun is None or found.begun.laid_out is None


def half_shaded(page: Image.Image) -> Image.Image:
    """Its upper half printed on a ground that is darker in each place than in the one before."""
    pixels = np.asarray(page.convert("RGB")).copy()
    half = pixels[: pixels.shape[0] * 9 // 20]
    half[:] = half * np.linspace(0.9, 0.3, half.shape[1])[None, :, None]
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    "picture", [media.page(dpi=110).rotate(-2, fillcolor="white"), half_shaded(media.page(dpi=110))]
)
def test_a_drawn_page_that_is_turned_or_made_even_first_is_not_laid_out_before(
    picture: Image.Image, tmp_path: Path
) -> None:
    found, layouts = seen(picture, tmp_path)
    assert layouts.given == []
    assert found.begun is not None
    assert page.is_drawn(found.begun.gray)
    assert found.begun.laid_out is None
    assert page.prepared(found.begun.gray, found.begun.profile).gray is not found.begun.gray


@pytest.mark.parametrize("cores", ["1", "2"])
def test_a_page_that_cannot_be_drawn_keeps_nobody_waiting(
    cores: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: object) -> NDArray[np.uint8]:
        raise ItemError(ErrorClass.CORRUPT, "broken")

    monkeypatch.setenv("OMP_THREAD_LIMIT", cores)
    monkeypatch.setattr(page, "_drawn", fail)
    with pytest.raises(ItemError, match="broken"):
        seen(media.page(dpi=110), tmp_path)


@pytest.mark.parametrize("channels", [3, 4])
def test_gray_pixels_are_the_brightness_of_colours(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, channels), dtype=np.uint8)
    pixels[:, :, 3:] = 255
    expected = (pixels[:, :, :3].astype(np.uint16) @ np.array([77, 150, 29], np.uint16)) >> 8
    assert np.array_equal(gray_of(pixels), expected)
    assert np.array_equal(gray_of(pixels[:, ::2]), expected[:, ::2])


def test_values_are_counted() -> None:
    gray = np.random.default_rng(2).integers(0, 256, (41, 67), dtype=np.uint8)
    assert np.array_equal(_core.gray_histogram(gray), np.bincount(gray.ravel(), minlength=256))


def test_black_and_white_is_a_row_of_bits_for_each_row_of_pixels() -> None:
    gray = np.full((5, 20), 240, np.uint8)
    gray[2, 9] = 10
    stride, bits = _core.binarised(gray)
    rows = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(5, stride), axis=1)[:, :20]
    assert np.argwhere(rows == 0).tolist() == [[2, 9]]
