"""Rows of dots that lead from a text to a number: taken out of the picture, and put back as text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr.layout import LayoutAnalysis, Piece, short_runs
from pillion.kinds.ocr.leaders import parted, with_numbers

GROUND, INK = 240, 10
TOP, BOTTOM = 100, 130
"""Of a line: its letters are from 105 to 125, its dots from 122 to 125."""
TITLE = (50, 280)


def page(dots: int = 20, pitch: int = 14, number: int | None = 640) -> NDArray[np.uint8]:
    """A title of letters ten wide, dots from 300 on, and a number of two digits."""
    gray = np.full((240, 800), GROUND, np.uint8)
    lefts = [*range(*TITLE, 14), *([number, number + 14] if number is not None else [])]
    for left in lefts:
        gray[TOP + 5 : BOTTOM - 5, left : left + 10] = INK
    for left in range(300, 300 + dots * pitch, pitch):
        gray[BOTTOM - 8 : BOTTOM - 5, left : left + 3] = INK
    return gray


def piece(left: int, right: int, *, starts: bool = True) -> Piece:
    area = (left, TOP + 5, right, BOTTOM - 5)
    return Piece(area, (TOP, BOTTOM), area, starts, starts)


def analysis(*lines: tuple[Piece, ...]) -> LayoutAnalysis:
    boxes = np.array([(*line[0].area[:2], *line[-1].area[2:]) for line in lines], np.float64)
    return LayoutAnalysis(len(lines), 20.0, boxes, (), lines)


@pytest.mark.parametrize(("dots", "pitch", "text"), [(20, 14, " ".join("." * 20)), (40, 8, "." * 40)])
def test_what_is_on_both_sides_of_a_leader_is_read_without_it(dots: int, pitch: int, text: str) -> None:
    gray = page(dots, pitch)
    before = gray.copy()
    found = parted(gray, [piece(50, 664)])
    assert [(one.area[0], one.area[2], one.starts_line, one.goes_on) for one in found.pieces] == [
        (50, 285, True, False),
        (640, 664, False, True),
    ]
    assert (found.gray[:, 295:630] == GROUND).all()
    assert (gray == before).all()
    words = [[("Masts", 91.0, (50, 105, 290, 125))], [("12", 88.0, (640, 105, 664, 125))]]
    pieces, said = found.with_leaders(words)
    assert [[word for word, _, _ in some] for some in said] == [["Masts"], [text], ["12"]]
    assert said[1][0][1] == 91.0
    assert [one.starts_line for one in pieces] == [True, False, False]


def test_dots_that_lead_nowhere_are_no_text() -> None:
    found = parted(page(number=None), [piece(50, 580)])
    assert [one.area[:1] for one in found.pieces] == [(50,)]
    assert (found.gray[:, 295:] == GROUND).all()
    assert len(found.with_leaders([[("Name", 90.0, (50, 105, 290, 125))]])[0]) == 1


@pytest.mark.parametrize("dots", [3, 4])
def test_an_ellipsis_is_none(dots: int) -> None:
    gray, pieces = page(dots, 8), [piece(50, 664)]
    found = parted(gray, pieces)
    assert list(found.pieces) == pieces
    assert found.gray is gray


def test_dots_that_are_not_level_or_not_as_far_apart_are_none() -> None:
    gray = page(0)
    for number, left in enumerate(range(300, 580, 14)):
        up = 6 * (number % 2)
        gray[BOTTOM - 8 - up : BOTTOM - 5 - up, left : left + 3] = INK
    assert parted(gray, [piece(50, 664)]).gray is gray
    gray = page(0)
    for number in range(12):
        left = 300 + 28 * (number // 2) + 8 * (number % 2)
        gray[BOTTOM - 8 : BOTTOM - 5, left : left + 3] = INK
    assert parted(gray, [piece(50, 664)]).gray is gray


def test_a_number_that_the_layout_does_not_see_is_found_after_its_leader() -> None:
    """Single digits stand alone at the edge of a page: noise."""
    gray = page(number=None)
    gray[TOP + 5 : BOTTOM - 5, 640:650] = INK
    ((_, number),) = with_numbers(gray, analysis((piece(50, 580),))).pieces or ()
    assert (number.area[0], number.area[2], number.starts_line) == (640, 650, False)
    # What is too far away, or longer than a number, is something else.
    far = page(number=None)
    far[TOP + 5 : BOTTOM - 5, 740:750] = INK
    for other in (far, page(number=None)):
        assert len((with_numbers(other, analysis((piece(50, 580),))).pieces or ())[0]) == 1
    long = page(number=None)
    long[TOP + 5 : BOTTOM - 5, 640:780:4] = INK
    assert len((with_numbers(long, analysis((piece(50, 580),))).pieces or ())[0]) == 1


def test_numbers_that_the_layout_takes_for_a_column_are_put_to_their_lines() -> None:
    one, other = piece(50, 580), piece(640, 664)
    found = with_numbers(page(), analysis((one,), (other,)))
    assert found.lines == 1
    assert [one.area[0] for one in (found.pieces or ())[0]] == [50, 640]
    assert found.boxes.tolist() == [[50, 105, 664, 125]]
    below = replace(other, area=(640, 165, 664, 185), rows=(160, 190))
    apart = analysis((one,), (below,))
    kept = with_numbers(page(number=None), apart).pieces or ()
    assert [[(one.area, one.has_leader) for one in line] for line in kept] == [
        [(one.area, True)],
        [(below.area, False)],
    ]
    plain = analysis((one,))
    assert with_numbers(page(0, number=None), plain) is plain


def test_a_digit_that_the_line_cuts_is_whole() -> None:
    found = parted(page(number=584), [piece(50, 586)])
    assert [one.area[0] for one in found.pieces] == [50, 584]
    assert found.pieces[1].area[2] == 584 + 24


def test_a_piece_that_goes_on_is_read_with_the_one_before_it() -> None:
    long, number = piece(50, 290), replace(piece(640, 664, starts=False), goes_on=True)
    assert list(short_runs([long, number])) == [[0, 1]]
    assert list(short_runs([long, replace(number, goes_on=False)])) == []
    assert list(short_runs([long, number, piece(50, 290), number])) == [[0, 1], [2, 3]]
