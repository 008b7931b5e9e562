"""Shaded cells with dark text are made white, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr.layout import without_shades

CELL = np.s_[300:500, 200:700]


def page(shade: int, *, text: int = 0, ground: int = 255) -> NDArray[np.uint8]:
    """A shaded cell with strokes on it, and strokes beside it."""
    gray = np.full((1000, 1000), ground, np.uint8)
    gray[CELL] = shade
    for left in range(240, 640, 12):
        gray[380:410, left : left + 4] = text
        gray[700:730, left : left + 4] = 0
    return gray


@pytest.mark.parametrize("ground", [255, 240])
def test_dark_text_on_a_shade_is_dark_text_on_the_ground(ground: int) -> None:
    white = without_shades(page(149, text=10, ground=ground))
    expected = page(ground, text=round(10 * ground / 149), ground=ground)
    assert (white == expected).all()


@pytest.mark.parametrize(
    "gray",
    [
        page(149, text=255),
        page(149, text=149),
        page(230),
        page(40, text=255),
        np.clip(page(149) + np.random.default_rng(7).integers(-20, 20, (1000, 1000)), 0, 255).astype(np.uint8),
        np.full((30, 40), 200, np.uint8),
        np.zeros((5, 5), np.uint8),
    ],
    ids=["white text", "no text", "light enough", "dark", "a photograph", "blank", "tiny"],
)
def test_other_pictures_are_left_as_they_are(gray: NDArray[np.uint8]) -> None:
    assert without_shades(gray) is gray


def test_where_there_are_light_lines_between_cells_nothing_is_lost() -> None:
    gray = page(149)
    gray[CELL][:, 60::60] = 255
    assert without_shades(gray) is gray


def test_a_heading_in_gray_is_no_shade() -> None:
    gray = page(255)
    for left in range(100, 900, 24):
        gray[100:160, left : left + 14] = 149
    assert without_shades(gray) is gray
