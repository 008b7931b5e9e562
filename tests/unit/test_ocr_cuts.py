"""Lines that the engine cut are made whole before they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pillion.kinds.ocr.evidence import made_whole, with_words_in_figures
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


# words that the engine took for small pictures


def read_with(figure: Area, *pieces: Area, ink: Area | None = None) -> tuple[list[list[Area]], int]:
    """The pieces of one line, and how many figures are left. ``ink``: dark beside the figure, too."""
    gray = np.full((220, 900), 255, np.uint8)
    for left, top, right, bottom in (figure, *pieces, *([ink] if ink else [])):
        # Strokes with gaps between, as of letters.
        for stroke in range(left, right, 6):
            gray[top:bottom, stroke : min(stroke + 3, right)] = 0
    line = (min(piece[0] for piece in pieces), 100, max(piece[2] for piece in pieces), 126)
    parts = tuple(Piece(piece, (98, 128), line, n == 0, n == 0) for n, piece in enumerate(pieces))
    boxes = np.array([line], np.float64)
    found = with_words_in_figures(gray, LayoutAnalysis(1, 26.0, boxes, (tuple(map(float, figure)),), (parts,)))
    return areas(found), len(found.figures)


def test_a_word_that_was_taken_for_a_picture_is_read_with_those_on_both_sides() -> None:
    first, last = (100, 100, 400, 126), (480, 100, 700, 126)
    assert read_with((390, 96, 470, 120), first, last) == ([[(100, 98, 700, 126)]], 0)
    # It is a part of the first piece already, which is read as before.
    assert read_with((200, 104, 230, 120), first, last) == ([[first, last]], 0)


def test_a_word_at_the_end_of_a_line_is_read_to_its_last_letter() -> None:
    assert read_with((404, 100, 460, 122), (100, 100, 400, 126), ink=(461, 100, 488, 122)) == (
        [[(100, 100, 488, 126)]],
        0,
    )
    assert read_with((60, 104, 96, 122), (100, 100, 400, 126)) == ([[(60, 100, 400, 126)]], 0)


def test_what_may_be_a_picture_is_not_read() -> None:
    line, last = (100, 100, 400, 126), (700, 100, 800, 126)
    # A sign beside a line, what is far from it, a banner, a picture, a rule, and what stands between two lines.
    for figure in (
        (404, 110, 560, 113),
        (404, 100, 428, 126),
        (440, 100, 500, 122),
        (402, 100, 698, 126),
        (402, 60, 470, 126),
        (402, 120, 470, 146),
    ):
        assert read_with(figure, line, last) == ([[line, last]], 1)


def test_what_is_read_with_another_line_is_not_read_twice() -> None:
    boxes = np.array([(100, 100, 400, 126), (420, 96, 500, 132)], np.float64)
    pieces = tuple((Piece(area, (98, 128), area, True, True),) for area in ((100, 100, 400, 126), (420, 96, 500, 132)))
    analysis = LayoutAnalysis(2, 26.0, boxes, ((404.0, 98.0, 510.0, 134.0),), pieces)
    assert with_words_in_figures(np.full((220, 900), 255, np.uint8), analysis) is analysis


def test_the_rule_above_a_word_is_not_of_its_line() -> None:
    assert read_with((404, 80, 480, 126), (100, 100, 400, 126)) == ([[(100, 98, 480, 126)]], 0)
