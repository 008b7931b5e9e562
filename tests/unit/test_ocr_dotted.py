"""Columns of dots between the columns of a page are rules."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr.layout import as_rules, dotted

GROUND, INK = 250, 20
TOP, LEFT = 45, 300


def page(
    dots: int = 40, pitch: float = 8, size: tuple[int, int] = (3, 3), beside: int = 8, left: int = LEFT
) -> NDArray[np.uint8]:
    """Dots below each other, so wide and high, between two columns of letters, so far on both sides of them."""
    gray = np.full((600, 600), GROUND, np.uint8)
    wide, high = size
    for top in range(50, 500, 24):
        for first in (*range(left - beside - 10, 20, -14), *range(left + wide + beside, 580, 14)):
            gray[top : top + 14, first : first + 10] = INK
    for number in range(dots):
        top = round(TOP + number * pitch)
        gray[top : top + high, left : left + wide] = INK
    return gray


@pytest.mark.parametrize(("pitch", "wide"), [(8, 3), (6, 2), (12, 4), (7.5, 3), (10.4, 4)])
def test_a_column_of_dots_is_a_rule(pitch: float, wide: int) -> None:
    gray = page(40, pitch, (wide, wide))
    before = gray.copy()
    end = round(TOP + 39 * pitch) + wide
    assert dotted(gray) == [(LEFT, TOP, LEFT + wide, end)]
    ruled = as_rules(gray)
    assert (ruled[TOP:end, LEFT : LEFT + wide] == INK).all()
    ruled[TOP:end, LEFT : LEFT + wide] = before[TOP:end, LEFT : LEFT + wide]
    assert (ruled == before).all()
    assert (gray == before).all()


def test_a_picture_parts_it_in_two() -> None:
    gray = page(60)
    gray[250:310, 250:350] = 90
    (_, _, _, end), (_, begin, _, _) = dotted(gray)
    assert TOP < end <= 250
    assert begin >= 310


@pytest.mark.parametrize(
    "gray",
    [
        page(dots=0),
        page(dots=20),
        page(size=(3, 7)),
        page(size=(12, 3)),
        page(pitch=24),
        page(beside=1),
    ],
    ids=["none", "few", "dashes", "wide", "far apart", "letters beside"],
)
def test_other_marks_below_each_other_are_left_as_they_are(gray: NDArray[np.uint8]) -> None:
    assert dotted(gray) == []
    assert as_rules(gray) is gray


def test_dots_at_uneven_distances_are_no_rule() -> None:
    """As full stops and colons at the ends of lines."""
    gray = page(dots=0)
    for number in range(40):
        top = TOP + 9 * number + (4 if number % 3 else 0)
        gray[top : top + 3, LEFT : LEFT + 3] = INK
    assert dotted(gray) == []


def test_rows_of_dots_below_each_other_are_no_rules() -> None:
    """As in the leaders of a table of contents, or a pattern."""
    gray = page(dots=0, beside=60)
    for top in range(TOP, 400, 9):
        for left in range(LEFT - 40, LEFT + 40, 6):
            gray[top : top + 3, left : left + 3] = INK
    assert dotted(gray) == []


def test_a_picture_that_is_as_dark_as_ink_or_tiny_has_none() -> None:
    assert dotted(np.zeros((200, 200), np.uint8)) == []
    assert dotted(np.full((20, 20), GROUND, np.uint8)) == []


def test_texture_has_none() -> None:
    gray = np.full((1600, 1600), GROUND, np.uint8)
    gray[:, ::6] = INK
    gray[::4] = GROUND
    assert dotted(gray) == []
