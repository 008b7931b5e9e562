"""Where the lines of a slip of a till are found without a network."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pillion.kinds.ocr.layout import Gray
from pillion.kinds.ocr.ppocr import Region
from pillion.kinds.ocr.slip import lines_of_slip

cv2 = pytest.importorskip("cv2")

SIZE = 800, 1500
FOLLOWED = 60
"""Pixels from one line to the next."""

Written = tuple[tuple[int, int, str], ...]
"""Left, top and text."""

ROWS: Written = (
    (200, 100, "MAJU JAYA TRADING"),
    (200, 160, "12, JALAN AMAN 2"),
    (60, 280, "Milk 1L"),
    (620, 280, "3.50"),
    (60, 340, "Bread, brown"),
    (620, 340, "2.10"),
    (60, 460, "TOTAL :"),
    (620, 460, "5.60"),
)


def slip(rows: Written = ROWS, *, large: bool = False) -> Gray:
    picture = Image.new("L", SIZE, 225)
    drawn = ImageDraw.Draw(picture)
    for left, top, text in rows:
        drawn.text((left, top), text, fill=40, font=ImageFont.load_default(72 if large else 30))
    return np.array(picture)


def boxes(found: list[Region]) -> list[tuple[int, int, int, int]]:
    """Upright, from top to bottom."""
    corners = [(*one.corners.min(axis=0).tolist(), *one.corners.max(axis=0).tolist()) for one in found]
    left_to_right = sorted((round(y0 / FOLLOWED), x0, y0, x1, y1) for x0, y0, x1, y1 in corners)
    return [(round(x0), round(y0), round(x1), round(y1)) for _, x0, y0, x1, y1 in left_to_right]


def ink_of(row: tuple[int, int, str], *, large: bool = False) -> tuple[int, int, int, int]:
    left, top, right, bottom = 0, 0, 0, 0
    dark = slip((row,), large=large) < 130
    down, across = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    left, right, top, bottom = across[0], across[-1] + 1, down[0], down[-1] + 1
    return int(left), int(top), int(right), int(bottom)


def assert_each_is_around_its_ink(found: list[Region], rows: Written = ROWS, *, large: bool = False) -> None:
    places = boxes(found)
    assert len(places) == len(rows)
    for place, row in zip(places, rows, strict=True):
        left, top, right, bottom = ink_of(row, large=large)
        room = 0.6 * (bottom - top)
        assert left - room < place[0] <= left, row
        assert top - room < place[1] <= top, row
        assert right <= place[2] < right + room, row
        assert bottom <= place[3] < bottom + room, row


def test_each_line_is_found_with_room_and_parted_at_wide_gaps() -> None:
    assert_each_is_around_its_ink(lines_of_slip(slip()))


def test_large_print_is_found() -> None:
    rows: Written = ((40, 100, "SUMMARY"), (40, 300, "TOTAL 5.60"))
    assert_each_is_around_its_ink(lines_of_slip(slip(rows, large=True)), rows, large=True)


def test_rulings_that_touch_the_print_are_no_part_of_it() -> None:
    gray = slip()
    for top in (272, 372, 458):
        gray[top : top + 3, 30:770] = 40
    assert len(lines_of_slip(gray)) == len(ROWS)
    assert all(right < 760 for _, _, right, _ in boxes(lines_of_slip(gray)))


def test_print_that_falls_to_the_right_is_found_along_its_line() -> None:
    turned = Image.fromarray(slip()).rotate(-2, fillcolor=225, resample=Image.Resampling.BICUBIC)
    found = lines_of_slip(np.array(turned))
    assert len(found) == len(ROWS)
    falls = [
        float(one.corners[1, 1] - one.corners[0, 1]) / float(one.corners[1, 0] - one.corners[0, 0]) for one in found
    ]
    assert np.median(falls) == pytest.approx(np.tan(np.radians(2)), abs=0.006)


def test_two_lines_whose_letters_touch_are_two() -> None:
    gray = slip()
    together = (*ROWS, (60, 560, "(HHHHHHHH)"), (60, 583, "HHHHHHHHHH"))
    found = boxes(lines_of_slip(slip(together)))
    assert len(found) == len(boxes(lines_of_slip(gray))) + 2


def test_uneven_light_does_not_hide_print() -> None:
    shade = np.linspace(1.0, 0.5, SIZE[1])[:, None]
    assert len(lines_of_slip((slip() * shade).astype(np.uint8))) == len(ROWS)


@pytest.mark.parametrize(
    "gray",
    [
        np.full((300, 150), 255, np.uint8),
        slip(((60, 60, "one"),)),
        np.random.default_rng(3).integers(0, 256, (1500, 800), np.uint8),
    ],
    ids=["blank", "a word", "noise"],
)
def test_what_shows_little_print_or_none_has_no_lines(gray: Gray) -> None:
    assert lines_of_slip(gray) == []
