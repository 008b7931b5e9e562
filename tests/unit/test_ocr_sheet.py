"""A sheet of paper in a photograph: its corners are found, and places on it lead back to the picture."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pillion.kinds.ocr.layout import dark_rim
from pillion.kinds.ocr.result import Block, BlockType, OcrLine, OcrPage, OcrWord
from pillion.kinds.ocr.sheet import Sheet, corners_of, page_in_picture, projected, projection
from tests.support import photos

SIZE = (900, 1200)
"""Width and height of the pictures."""
DESK, PAPER = (120, 88, 60), (232, 230, 224)
Corner = tuple[float, float]


def picture(corners: list[Corner], size: tuple[int, int] = SIZE, text: bool = True) -> NDArray[np.uint8]:
    """A sheet with these corners on a desk with some grain, with rows of ink on it."""
    image = Image.new("RGB", size, DESK)
    draw = ImageDraw.Draw(image)
    draw.polygon(corners, fill=PAPER)
    if text:
        to_picture = projection(np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float), np.array(corners, float))
        for row in range(20):
            ends = projected(to_picture, np.array([(0.12, 0.1 + row * 0.04), (0.85, 0.1 + row * 0.04)]))
            draw.line([tuple(end) for end in ends.tolist()], fill=(40, 40, 40), width=6)
    grain = np.random.default_rng(1).normal(0, 5, (size[1], size[0], 1))
    return (np.asarray(image) + grain).clip(0, 255).astype(np.uint8)


@st.composite
def quadrilaterals(draw: st.DrawFn) -> list[Corner]:
    """A frame turned by some degrees, each of its corners moved: convex, well within the picture."""
    angle = math.radians(draw(st.floats(-25, 25)))
    half_width, half_height = draw(st.floats(220, 300)), draw(st.floats(280, 380))
    corners = []
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = x * half_width + draw(st.floats(-70, 70)), y * half_height + draw(st.floats(-70, 70))
        corners.append(
            (
                SIZE[0] / 2 + x * math.cos(angle) - y * math.sin(angle),
                SIZE[1] / 2 + x * math.sin(angle) + y * math.cos(angle),
            )
        )
    return corners


def is_plain(corners: list[Corner]) -> bool:
    """Whether the sheet is in the picture, fills a sixth of it, and its upper side is nearest to level by far."""
    twice = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True))
    if twice < SIZE[0] * SIZE[1] / 3:
        return False
    inside = all(8 < x < SIZE[0] - 8 and 8 < y < SIZE[1] - 8 for x, y in corners)
    angles = [
        math.degrees(math.atan2(y1 - y0, x1 - x0)) - 90 * side
        for side, ((x0, y0), (x1, y1)) in enumerate(zip(corners, [*corners[1:], corners[0]], strict=True))
    ]
    off = [(angle + 180) % 360 - 180 for angle in angles]
    return inside and all(abs(angle) < 40 for angle in off)


@settings(max_examples=40, deadline=None)
@given(quadrilaterals())
def test_the_corners_of_any_sheet_are_found(corners: list[Corner]) -> None:
    assume(is_plain(corners))
    found = corners_of(picture(corners))
    assert found is not None
    assert np.abs(found - np.array(corners)).max() < 5


@settings(max_examples=60, deadline=None)
@given(quadrilaterals(), st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)), min_size=1, max_size=8))
def test_places_on_a_sheet_lead_to_the_picture_and_back(corners: list[Corner], places: list[Corner]) -> None:
    assume(is_plain(corners))
    sheet = Sheet.of(np.array(corners, float))
    on_sheet = np.array(places) * sheet.size
    in_picture = sheet.to_picture(on_sheet)
    assert projected(np.linalg.inv(sheet.map), in_picture) == pytest.approx(on_sheet, abs=1e-6)
    boxes = np.concatenate([on_sheet - 4, on_sheet + 4], axis=1)
    around = sheet.boxes_in_picture(boxes)
    assert (around[:, :2] < in_picture).all()
    assert (in_picture < around[:, 2:]).all()


def test_what_is_drawn_of_a_sheet_is_what_lies_there() -> None:
    corners = [(150.0, 120.0), (760.0, 180.0), (820.0, 1100.0), (90.0, 1010.0)]
    pixels = picture(corners, text=False)
    marked = pixels[:, :, 1].copy()
    marked[600:612, 400:412] = 0
    sheet = Sheet.of(np.array(corners))
    drawn = sheet.drawn(np.ascontiguousarray(marked), (float(SIZE[0]), float(SIZE[1])), 1.0)
    assert drawn.shape == (round(sheet.size[1]), round(sheet.size[0]))
    rows, columns = np.nonzero(drawn < 50)
    ((across, down),) = sheet.to_picture(np.array([(columns.mean() + 0.5, rows.mean() + 0.5)])).tolist()
    assert (across, down) == (pytest.approx(406, abs=1), pytest.approx(606, abs=1))
    assert (drawn > 180).mean() > 0.99


def test_rounded_corners_and_a_finger_do_not_matter() -> None:
    corners = [(150.0, 120.0), (760.0, 180.0), (820.0, 1100.0), (90.0, 1010.0)]
    image = Image.fromarray(picture(corners))
    draw = ImageDraw.Draw(image)
    for x, y in corners:
        draw.ellipse((x - 14, y - 14, x + 14, y + 14), fill=DESK)
    draw.ellipse((420, 1020, 480, 1120), fill=(190, 140, 120))
    found = corners_of(np.asarray(image))
    assert found is not None
    assert np.abs(found - np.array(corners)).max() < 8


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.full((1200, 900, 3), 250, np.uint8), id="blank"),
        pytest.param(picture([(-40, -40), (940, -40), (940, 1240), (-40, 1240)]), id="scan"),
        pytest.param(picture([(-40, 100), (800, 100), (800, 1240), (-40, 1240)]), id="two edges"),
        pytest.param(picture([(450, 60), (840, 1100), (450, 800), (60, 1100)]), id="no convex figure"),
        pytest.param(picture([(400, 500), (500, 500), (500, 640), (400, 640)]), id="small"),
        pytest.param(255 - picture([(150, 120), (760, 180), (820, 1100), (90, 1010)]), id="darker"),
        pytest.param(np.zeros((1200, 900, 4), np.uint8), id="transparent"),
        pytest.param(np.zeros((3, 900, 3), np.uint8), id="narrow"),
    ],
)
def test_nothing_is_found_where_no_sheet_is(pixels: NDArray[np.uint8]) -> None:
    assert corners_of(pixels) is None


def test_the_rim_tells_a_scan_from_a_sheet_that_lies_on_something() -> None:
    assert dark_rim(picture([(-40, -40), (940, -40), (940, 1240), (-40, 1240)])) is None
    found = dark_rim(picture([(150, 120), (760, 180), (820, 1100), (90, 1010)]))
    assert found is not None
    rim, paper = found
    assert abs(rim - min(DESK)) < 5
    assert abs(paper - min(PAPER)) < 10


def test_a_disc_is_no_sheet() -> None:
    image = Image.new("RGB", SIZE, DESK)
    ImageDraw.Draw(image).ellipse((100, 200, 800, 1000), fill=PAPER)
    assert corners_of(np.asarray(image)) is None


def test_photographs_of_other_things_hold_no_sheet() -> None:
    for seed in range(4):
        assert corners_of(np.asarray(photos.photo(seed, (1200, 900)).convert("RGB"))) is None


def test_all_boxes_of_a_page_are_moved() -> None:
    sheet = Sheet.of(np.array([(100, 100), (300, 100), (300, 500), (100, 500)], float), inset=0.0)
    words = tuple(
        OcrWord(text=text, confidence=90.0, box=box) for text, box in (("a", (0, 0, 20, 10)), ("b", (30, 0, 200, 10)))
    )
    line = OcrLine(text="a b", words=words, box=(0, 0, 200, 10), paragraph=True)
    block = Block(type=BlockType.TEXT, box=(0, 0, 200, 12), lines=(0,))
    page = OcrPage(number=1, source="ocr", width=200, height=400, unit="pixel", lines=(line,), blocks=(block,))
    moved = page_in_picture(page, sheet, (640.0, 480.0))
    assert (moved.width, moved.height) == (640, 480)
    boxes = [*(word.box for word in moved.lines[0].words), moved.lines[0].box, moved.blocks[0].box]
    expected = [(100, 100, 120, 110), (130, 100, 300, 110), (100, 100, 300, 110), (100, 100, 300, 112)]
    for box, wanted in zip(boxes, expected, strict=True):
        assert box == pytest.approx(wanted)
    assert moved.text == page.text


def test_boxes_end_with_the_picture() -> None:
    sheet = Sheet.of(np.array([(-10, -10), (300, 0), (300, 500), (0, 500)], float), inset=0.0)
    line = OcrLine(text="a", words=(), box=(0, 0, 50, 20))
    page = OcrPage(number=1, source="ocr", width=310, height=510, unit="pixel", lines=(line,))
    (moved,) = page_in_picture(page, sheet, (290.0, 480.0)).lines
    assert moved.box is not None
    assert min(itertools.chain(moved.box)) == 0.0
