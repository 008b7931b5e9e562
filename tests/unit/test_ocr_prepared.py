"""The profile of pages and photographs, and pages prepared: what is recognised lies where the picture has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion import _core
from pillion.kinds.ocr.layout import median_gray, percentile_gray, prepared
from tests.support import media, photos, scans


@pytest.fixture(scope="module")
def page() -> Image.Image:
    return media.page(dpi=110)


def gray(picture: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(picture.convert("L")))


@pytest.mark.parametrize("degrees", [-9.0, -3.3, 1.2, 6.0])
def test_skew_is_found(page: Image.Image, degrees: float) -> None:
    look = _core.look(gray(scans.skewed(page, degrees)))
    assert look.is_paper
    assert look.skew == pytest.approx(degrees, abs=0.15)
    assert not look.sideways


@pytest.mark.parametrize(("degrees", "sideways"), [(0, False), (90, True), (180, False), (270, True)])
def test_lines_that_run_downwards_are_found(page: Image.Image, degrees: int, sideways: bool) -> None:
    assert _core.look(gray(scans.turned(page, degrees))).sideways is sideways


@pytest.mark.parametrize(
    "picture",
    [
        lambda page: scans.inverted(page),
        lambda page: scans.faint(page, 190, 235),
        lambda page: scans.noisy(page, 1, 30),
        lambda page: scans.photographed(page, 3, size=(1400, 1900)),
    ],
    ids=["inverted", "faint", "noisy", "photographed"],
)
def test_pages_are_paper(page: Image.Image, picture: Callable[[Image.Image], Image.Image]) -> None:
    assert _core.look(gray(picture(page))).is_paper


def test_photographs_are_not_paper() -> None:
    for seed in range(3):
        assert not _core.look(gray(photos.photo(seed, (1200, 900)))).is_paper


def test_the_area_of_the_print(page: Image.Image) -> None:
    left, top, right, bottom = _core.look(gray(page)).area
    rows, columns = np.nonzero(gray(page) < 128)
    # To within a tile of the look.
    assert abs(left - columns.min()) < 60
    assert abs(top - rows.min()) < 60
    assert abs(bottom - rows.max()) < 60
    assert right > 0.8 * columns.max()


def test_uneven_light_is_taken_out(page: Image.Image) -> None:
    dim = gray(page) * np.linspace(0.4, 1.0, page.width)[None, :]
    uneven = np.ascontiguousarray(dim.astype(np.uint8))
    assert _core.look(uneven).uneven > 40
    even = _core.levelled(uneven)
    assert _core.look(even).uneven < 16
    assert float(np.median(even)) > 235


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (20, 31), (64, 64)])
def test_grays_are_ranked_as_numpy_ranks_them(shape: tuple[int, int]) -> None:
    for seed in range(50):
        grays = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)[:, ::2]
        assert median_gray(grays) == np.median(grays)
        for percent in (1, 2, 33.3, 95, 100):
            assert percentile_gray(grays, percent) == np.percentile(grays, percent)


def test_shapes_that_are_refused() -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        _core.look(np.zeros((0, 5), dtype=np.uint8))
    with pytest.raises(ValueError, match="size"):
        _core.warped(np.zeros((5, 5), dtype=np.uint8), (1, 0, 0, 0, 1, 0, 0, 0), (0, 5))


@pytest.mark.parametrize("degrees", [0.0, 90.0, 184.0, 266.5, -3.0, 2.0])
@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_boxes_are_given_back_in_the_picture(page: Image.Image, degrees: float, more: int) -> None:
    """One black square: found in the prepared picture, it is where it was in the given one."""
    turned = scans.turned(page, round(degrees / 90) * 90 % 360)
    picture = gray(scans.skewed(turned, degrees - round(degrees / 90) * 90))
    look = _core.look(picture)
    marked = np.full_like(picture, 255)
    marked[300:340, 200:240] = 0
    image = prepared(marked, look).turned(more)
    rows, columns = np.nonzero(image.gray < 100)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)
    # The box around a tilted square, turned back, is a little larger than the square.
    assert image.to_source(np.stack([box, box])) == pytest.approx(np.array([[200, 300, 240, 340]] * 2), abs=6)


def test_a_straight_page_is_left_as_it_is(page: Image.Image) -> None:
    picture = gray(page)
    image = prepared(picture, _core.look(picture))
    assert image.gray is picture
    assert (image.turns, image.skew) == (0, 0.0)
    assert image.to_source(np.array([[1.0, 2, 3, 4]])).tolist() == [[1, 2, 3, 4]]
