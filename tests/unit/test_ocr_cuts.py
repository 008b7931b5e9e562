"""Lines that the engine cut are made whole before they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pillion.kinds.ocr.evidence import made_whole
from pillion.kinds.ocr.layout import Area, LayoutAnalysis, Piece

NO_RULINGS = np.empty((0, 4))


def laid_out(*lines: Area) -> LayoutAnalysis:
    """Each line of one piece."""
    pieces = tuple((Piece(line, (line[1] - 2, line[3] + 2), line, True, True),) for line in lines)
    return LayoutAnalysis(len(lines), 26.0, np.array(lines, np.float64).reshape(-1, 4), (), pieces)


def areas(analysis: LayoutAnalysis) -> list[list[Area]]:
    assert analysis.pieces is not None
    assert len(analysis.pieces) == len(analysis.boxes) == analysis.lines
    return [[piece.area for piece in pieces] for pieces in analysis.pieces]


def whole(*lines: Area, down: Sequence[Area] = ()) -> list[list[Area]]:
    return areas(made_whole(laid_out(*lines), np.array(down, np.float64).reshape(-1, 4)))


def test_the_parts_of_a_cut_word_are_read_as_one() -> None:
    left, below, right = (100, 100, 400, 126), (100, 140, 700, 166), (404, 102, 700, 126)
    found = made_whole(laid_out(left, below, right), NO_RULINGS)
    assert areas(found) == [[(100, 100, 700, 126)], [below]]
    assert found.boxes.tolist() == [[100, 100, 700, 126], [*map(float, below)]]
    assert found.pieces is not None
    assert found.pieces[0][0].rows == (98, 128)


def test_a_line_cut_at_a_space_is_one_of_two_pieces() -> None:
    left, right, rest = (100, 100, 400, 126), (411, 100, 700, 126), (712, 100, 800, 126)
    found = made_whole(laid_out(left, right, rest), NO_RULINGS)
    assert areas(found) == [[left, right, rest]]
    assert found.pieces is not None
    assert [piece.starts_line for piece in found.pieces[0]] == [True, False, False]


def test_low_letters_go_on_from_tall_ones() -> None:
    assert whole((100, 100, 400, 126), (403, 110, 450, 126)) == [[(100, 100, 450, 126)]]


def test_what_a_gutter_or_a_ruling_parts_stays_apart() -> None:
    left, far, near = (100, 100, 400, 126), (420, 100, 700, 126), (408, 100, 700, 126)
    assert whole(left, far) == [[left], [far]]
    assert whole(left, near, down=[(403, 50, 405, 300)]) == [[left], [near]]
    assert whole(left, near, down=[(403, 200, 405, 300)]) == [[(100, 100, 700, 126)]]
    lower = (404, 118, 700, 144)
    assert whole(left, lower) == [[left], [lower]]
    # A letter as high as two lines stands before both, and is of neither.
    tall, first, second = (100, 100, 130, 140), (132, 100, 700, 122), (132, 118, 700, 140)
    assert whole(tall, first, second) == [[tall], [first], [second]]


def test_without_pieces_nothing_changes() -> None:
    alone = LayoutAnalysis(1, 26.0, np.array([[100.0, 100, 400, 126]]), (), None)
    assert made_whole(alone, NO_RULINGS) is alone
