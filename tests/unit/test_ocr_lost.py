"""Print that is on no word of a page: found, read, and put in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pillion.kinds.ocr.evidence import is_whole, lost_print
from pillion.kinds.ocr.layout import Boxes, Gray, Piece, PreparedImage, Print, print_of
from pillion.kinds.ocr.lost import with_lost
from pillion.kinds.ocr.segments import PageLines, Read, Seen, Segment, no_lines
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

SHAPE = (1000, 1400)
HEIGHT = 24.0
Line = tuple[int, int, int, int]


def line(left: int, top: int, width: int = 400) -> Line:
    return left, top, left + width, top + 24


def boxes(lines: Sequence[Line]) -> Boxes:
    return np.array(lines, np.float64).reshape(-1, 4)


def printed(*lines: Line, ink: int = 0, ground: int = 255) -> Gray:
    """A picture with strokes like print on these lines."""
    picture = Image.new("L", SHAPE[::-1], ground)
    draw = ImageDraw.Draw(picture)
    for left, top, right, bottom in lines:
        for x in range(left, right - 3, 9):
            draw.rectangle((x, top, x + 3, bottom - 1), fill=ink)
    return np.asarray(picture)


def lost_of(gray: Gray, words: Sequence[Line]) -> list[list[int]]:
    seen = print_of(gray)
    found: list[list[int]] = lost_print(gray, boxes(words), HEIGHT, seen).astype(int).tolist()
    return found


# found ----------------------------------------------------------------------------------------------------------------

READ = [line(100, 200 + 60 * number) for number in range(4)]


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (230, 20)])
def test_a_line_that_was_not_read_is_found(ink: int, ground: int) -> None:
    gray = printed(*READ, line(700, 260, 90), ink=ink, ground=ground)
    ((left, top, right, bottom),) = lost_of(gray, READ)
    assert abs(left - 700) <= 6
    assert abs(right - 790) <= 6
    assert abs(top - 260) <= 2
    assert abs(bottom - 284) <= 2


def test_where_all_is_read_there_is_nothing() -> None:
    assert lost_of(printed(*READ), READ) == []
    assert lost_of(np.full(SHAPE, 255, np.uint8), READ) == []


def test_rules_large_things_and_what_is_left_of_a_word_are_no_lines() -> None:
    gray = printed(*READ, line(504, 200, 40)).copy()
    gray[560:563, 100:900] = 0
    gray[600:760, 200:320:4] = 0
    gray[800:806, 100:400:9] = 0
    assert lost_of(gray, READ) == []


def test_the_ends_of_a_line_are_taken_in_though_they_do_not_look_like_print() -> None:
    gray = printed(*READ, line(700, 500, 200))
    seen = print_of(gray)
    ink = seen.ink.copy()
    ink[:, 800 // seen.factor :] = False
    ((left, _, right, _),) = lost_print(gray, boxes(READ), HEIGHT, replace(seen, ink=ink)).tolist()
    assert left == pytest.approx(700, abs=6)
    assert right == pytest.approx(898, abs=6)


def test_the_texture_of_a_picture_is_left_alone() -> None:
    gray = printed(*READ).copy()
    gray[500:900, 100:1300] = np.random.default_rng(7).integers(0, 2, (400, 1200), np.uint8) * 255
    ink = np.kron(gray[::2, ::2] < 128, np.ones((1, 1), bool))
    assert len(lost_print(gray, boxes(READ), HEIGHT, replace(print_of(gray), ink=ink))) == 0


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47)), max_size=300), st.integers(1, 9))
def test_whatever_is_found_holds_ink_that_is_on_no_word(points: list[tuple[int, int]], height: int) -> None:
    ink = np.zeros((48, 64), bool)
    for x, y in points:
        ink[y, x] = True
    gray = np.where(ink, 0, 255).astype(np.uint8)
    word = (0, 0, 20, 20)
    for left, top, right, bottom in (
        lost_print(gray, boxes([word]), float(height), Print(ink, ink, 1)).astype(int).tolist()
    ):
        assert 0 <= left < right <= 64
        assert 0 <= top < bottom <= 48
        rest = ink[top:bottom, left:right].copy()
        rest[: max(0, 20 - top), : max(0, 20 - left)] = False
        assert rest.any()


# a row of cells -------------------------------------------------------------------------------------------------------

CELLS = [line(left, 500, 60) for left in (700, 900, 1100)]


def test_a_row_is_whole_if_nothing_is_left_between_its_cells() -> None:
    assert is_whole(printed(*CELLS), boxes(CELLS))
    assert not is_whole(printed(*CELLS), boxes([CELLS[0], CELLS[2]]))


def test_a_ruling_down_between_cells_is_none() -> None:
    gray = printed(*CELLS).copy()
    gray[480:560, 830:833] = 0
    assert is_whole(gray, boxes(CELLS))


# put in its place -----------------------------------------------------------------------------------------------------


def read(*lines: tuple[str, Line], confidence: float = 90.0) -> RecognisedText:
    return RecognisedText(
        tuple(RecognisedLine((RecognisedWord(text, confidence, box),), box, False) for text, box in lines)
    )


class Reader:
    """Reads each piece as told, in order; keeps the pieces."""

    def __init__(self, *texts: str, confidence: float = 90.0) -> None:
        self.texts, self.confidence, self.pieces = texts, confidence, list[Piece]()

    def __call__(self, gray: Gray, pieces: Sequence[Piece]) -> RecognisedText:
        self.pieces = list(pieces)
        lines: list[RecognisedLine] = []
        for text, piece in zip(self.texts, pieces, strict=True):
            left, top, right, bottom = piece.area
            width = (right - left) / max(1, len(text.split()))
            words = tuple(
                RecognisedWord(word, self.confidence, (left + width * number, top, left + width * (number + 1), bottom))
                for number, word in enumerate(text.split())
            )
            if piece.starts_line:
                lines.append(RecognisedLine(words, piece.line, piece.starts_paragraph))
            else:
                lines[-1] = RecognisedLine((*lines[-1].words, *words), piece.line, lines[-1].paragraph)
        return RecognisedText(tuple(lines))


def page_of(gray: Gray) -> PageLines:
    return PageLines(PreparedImage(gray, SHAPE), no_lines(), seen=Seen(gray, print_of(gray)))


def with_found(kept: RecognisedText, found: Sequence[Line], reader: Reader, gray: Gray | None = None) -> list[str]:
    gray = printed() if gray is None else gray
    reads: list[Read] = [(Segment(gray), kept)]
    return [
        text for _, some in with_lost(page_of(gray), reads, boxes(found), reader) for text in some.text.splitlines()
    ]


COLUMNS = read(
    *((f"left{number}", line(100, 200 + 40 * number, 300)) for number in range(4)),
    *((f"right{number}", line(440, 210 + 40 * number, 300)) for number in range(0, 4, 2)),
)


def test_a_line_is_put_below_the_one_above_it_in_its_column() -> None:
    texts = with_found(COLUMNS, [line(440, 250, 120)], Reader("lost words"))
    assert texts == ["left0", "left1", "left2", "left3", "right0", "lost words", "right2"]


def test_a_line_at_the_end_of_a_column_ends_it() -> None:
    texts = with_found(COLUMNS, [line(100, 360, 120)], Reader("lost words"))
    assert texts == ["left0", "left1", "left2", "left3", "lost words", "right0", "right2"]


def test_a_line_above_all_is_first() -> None:
    assert with_found(COLUMNS, [line(100, 160, 120)], Reader("lost words"))[0] == "lost words"


def test_a_word_beside_a_line_follows_it() -> None:
    kept = read(("About", line(100, 200, 60)), ("Contact", line(300, 200, 80)), ("below", line(100, 260, 500)))
    assert with_found(kept, [line(180, 200, 90)], Reader("Webinars")) == ["About", "Webinars", "Contact", "below"]


@pytest.mark.parametrize(("text", "confidence"), [("lost words", 60.0), ("x", 95.0), ("->", 99.0)])
def test_what_is_not_surely_text_is_left_out(text: str, confidence: float) -> None:
    assert len(with_found(COLUMNS, [line(440, 250, 120)], Reader(text, confidence=confidence))) == 6


def test_marks_beside_a_line_are_no_part_of_it() -> None:
    assert "lost words" in with_found(COLUMNS, [line(440, 250, 120)], Reader("- lost words >"))


def test_what_is_on_another_line_is_there_already() -> None:
    assert len(with_found(COLUMNS, [line(110, 200, 120)], Reader("lost words"))) == 6


def test_a_reader_that_cannot_read_these_languages_changes_nothing() -> None:
    gray = printed()
    reads: list[Read] = [(Segment(gray), COLUMNS)]
    assert with_lost(page_of(gray), reads, boxes([line(440, 250)]), lambda *_: None) == reads


def test_cells_of_a_whole_row_are_one_line_and_of_another_none() -> None:
    kept = read(*((f"row{number}", line(100, 200 + 40 * number, 300)) for number in range(3)))
    reader = Reader("1", "20", "300")
    assert with_found(kept, CELLS, reader, printed(*CELLS))[-1] == "1 20 300"
    assert [piece.starts_line for piece in reader.pieces] == [True, False, False]
    more = [*CELLS, line(1300, 500, 60)]
    assert len(with_found(kept, [more[0], more[1], more[3]], Reader("1", "20", "300"), printed(*more))) == 3


class Numbering(Reader):
    """Reads each piece as one word with its number."""

    def __call__(self, gray: Gray, pieces: Sequence[Piece]) -> RecognisedText:
        """See :class:`Reader`."""
        self.texts = tuple(f"found{number}" for number in range(len(pieces)))
        return super().__call__(gray, pieces)


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 950)), min_size=1, max_size=8))
def test_what_was_read_stays_in_its_order_and_nothing_comes_twice(places: list[tuple[int, int]]) -> None:
    found = [line(left, top, 50 + 10 * number) for number, (left, top) in enumerate(places)]
    texts = with_found(COLUMNS, found, Numbering())
    assert [text for text in texts if "found" not in text] == COLUMNS.text.splitlines()
    words = " ".join(texts).split()
    assert len(words) == len(set(words))
