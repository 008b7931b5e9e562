"""Pages cut between their lines: nothing is lost, nothing is read twice, and the order stays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pillion.kinds.ocr.layout import Layout, Seen, SeenLine, SeenWord
from pillion.kinds.ocr.segments import Piece, has_columns, is_in_order, pieces_of

SHAPE = (2400, 1700)


def column(left: int, right: int, top: int, count: int, pitch: int = 40) -> list[tuple[float, float, float, float]]:
    return [(left, top + number * pitch, right, top + number * pitch + 28) for number in range(count)]


def inside(piece: Piece, line: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = piece.box
    return left <= line[0] and top <= line[1] and right >= line[2] and bottom >= line[3]


def test_a_short_page_is_one_piece() -> None:
    (piece,) = pieces_of(column(100, 600, 100, 5), SHAPE)
    assert piece.whole


def test_a_dense_page_is_cut_between_lines() -> None:
    lines = column(100, 1600, 100, 50)
    pieces = pieces_of(lines, SHAPE)
    assert 4 <= len(pieces) <= 8
    assert not any(piece.whole for piece in pieces)
    assert [piece.continues for piece in pieces] == [False] + [True] * (len(pieces) - 1)
    for line in lines:
        assert any(inside(piece, line) and line not in piece.others for piece in pieces)
    for one, two in pairwise(pieces):
        assert one.box[1] < two.box[1]


def test_two_columns_are_never_in_one_piece() -> None:
    left, right = column(100, 800, 200, 50), column(900, 1600, 200, 50)
    for piece in pieces_of(left + right, SHAPE):
        assert piece.box[2] < 900 or piece.box[0] > 800


def test_lines_that_cannot_be_parted_are_read_together() -> None:
    cells = [
        box
        for row in range(40)
        for box in ((100, row * 50, 700, row * 50 + 30), (900, row * 50 - 20, 1600, row * 50 + 10))
    ]
    assert [piece.whole for piece in pieces_of(cells, SHAPE)] == [True]


def test_others_are_painted_over() -> None:
    gray = np.full((100, 100), 240, dtype=np.uint8)
    gray[10:20] = 0
    gray[30:40] = 0
    part = Piece((0, 0, 100, 36), others=((0, 30, 100, 40),)).cut(gray)
    assert part.shape == (36, 100)
    assert (part[10:20] == 0).all()
    assert (part[29:] == 240).all()
    assert (gray[30:40] == 0).all()


def test_what_was_seen_is_put_in_its_place() -> None:
    line = SeenLine((SeenWord("word", 90.0, (1, 2, 3, 4)),), (1, 2, 3, 4), True)
    placed = Piece((10, 20, 60, 70), continues=True).placed(Seen((line, line), 270))
    assert placed.rotation == 270
    assert [found.box for found in placed.lines] == [(11, 22, 13, 24)] * 2
    assert [found.words[0].box for found in placed.lines] == [(11, 22, 13, 24)] * 2
    assert [found.paragraph for found in placed.lines] == [False, True]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.integers(0, 2300), st.integers(5, 200), st.integers(5, 80)), max_size=80
    )
)
def test_any_lines_give_pieces_within_the_page(places: list[tuple[int, int, int, int]]) -> None:
    lines = [(x, y, x + width, y + height) for x, y, width, height in places]
    pieces = pieces_of(lines, SHAPE)
    assert pieces
    for piece in pieces:
        left, top, right, bottom = piece.box
        assert 0 <= left < right <= SHAPE[1] + 1
        assert 0 <= top < bottom <= SHAPE[0] + 80


def test_columns_are_text_on_both_sides_of_a_gap() -> None:
    title = [(100.0, 100.0, 1600.0, 140.0)]
    assert has_columns(title + column(100, 800, 200, 10) + column(900, 1600, 200, 10))
    assert not has_columns(column(100, 1600, 200, 20))
    # A table: names on the left, numbers on the right.
    assert not has_columns(column(100, 500, 200, 8) + column(900, 980, 200, 8))
    # Too few lines to be sure, and lines that reach into each other.
    assert not has_columns(column(100, 800, 200, 3) + column(900, 1600, 200, 3))
    assert not has_columns(column(100, 950, 200, 10) + column(900, 1600, 200, 10))


def test_order_is_downwards() -> None:
    assert is_in_order([])
    assert is_in_order(column(100, 1600, 200, 20))
    assert not is_in_order(column(100, 800, 200, 5) + column(900, 1600, 200, 5))


def test_pieces_of_a_table_are_read_as_it_was_laid_out() -> None:
    lines = column(100, 1600, 100, 50)
    assert {piece.layout for piece in pieces_of(lines, SHAPE)} == {Layout.COLUMN}
    assert {piece.layout for piece in pieces_of(lines, SHAPE, Layout.BLOCK)} == {Layout.BLOCK}
    assert pieces_of(lines[:3], SHAPE)[0].layout is Layout.PAGE
