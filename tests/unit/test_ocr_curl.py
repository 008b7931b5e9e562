"""Lines that bend are found, made straight, and their boxes lead back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pillion.kinds.ocr.curl import Bend, bend_of
from tests.support import media, scans


@pytest.fixture(scope="module")
def page() -> Image.Image:
    return media.page("\n\n".join([media.PAGE_TEXT] * 2), dpi=170)


def gray(picture: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(picture.convert("L")))


@pytest.mark.parametrize("height", [24.0, -34.0, 50.0])
def test_bent_lines_are_made_straight(page: Image.Image, height: float) -> None:
    bent = gray(scans.bent(page, height))
    bend = bend_of(bent, (float(page.width), float(page.height)))
    assert bend is not None
    flat = bend.straightened(bent)
    assert flat.shape == bent.shape
    ink = np.argwhere(gray(page) < 128)
    left, right = int(np.quantile(ink[:, 1], 0.05)), int(np.quantile(ink[:, 1], 0.95))
    columns = np.linspace(left, right, 9)
    down = np.full(9, page.height * 0.3)
    moved = bend._moved(columns, down) - down
    wanted = height * np.sin(np.pi * columns / page.width)
    # A page that lies higher or lower, or is turned a little, is as straight.
    along = np.stack([np.ones(9), columns], axis=1)
    off = (moved - wanted) - along @ np.linalg.lstsq(along, moved - wanted, rcond=None)[0]
    assert np.abs(off).max() < 4


def test_straight_lines_and_pictures_without_any_have_no_bend(page: Image.Image) -> None:
    for picture in (page, scans.noisy(page, 1, 30), scans.skewed(page, 3)):
        assert bend_of(gray(picture), (1.0, 1.0)) is None
    noise = np.random.default_rng(2).integers(0, 255, (1200, 900), np.uint8)
    for pixels in (noise, np.full((1200, 900), 255, np.uint8), noise[:100, :100]):
        assert bend_of(pixels, (1.0, 1.0)) is None


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.03, 0.03),
    st.lists(st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)), min_size=1, max_size=6),
)
def test_boxes_lead_back_to_where_the_page_was_bent(height: float, places: list[tuple[float, float]]) -> None:
    shifts = np.broadcast_to(height * np.sin(np.linspace(0, np.pi, 90)), (120, 90)).astype(np.float32)
    bend = Bend((900.0, 1200.0), shifts)
    middles = np.array(places) * (900, 1200)
    half = np.array([20.0, 6.0])
    found = bend.boxes_in_picture(np.concatenate([middles - half, middles + half], axis=1))
    lies = middles[:, 1] + 1200 * height * np.sin(np.pi * middles[:, 0] / 900)
    assert (found[:, 1] <= lies).all()
    assert (lies <= found[:, 3]).all()
    assert (found[:, 3] - found[:, 1] < 12 + 1200 * abs(height) * 0.2 + 2).all()
    assert found[:, [0, 2]].tolist() == np.stack([middles[:, 0] - 20, middles[:, 0] + 20], axis=1).tolist()
