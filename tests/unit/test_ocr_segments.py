"""Pages cut between their lines: nothing is lost, nothing is recognised twice, and the order stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pillion.kinds.ocr.layout import Boxes, Gray, Layout, LayoutAnalysis, Piece, PreparedImage
from pillion.kinds.ocr.page import recognised_page
from pillion.kinds.ocr.ruled import replaced, without
from pillion.kinds.ocr.segments import (
    Doubt,
    PageLines,
    Segment,
    chosen,
    is_read_in_part,
    segments_of,
)
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

SHAPE = (2400, 1700)
Line = tuple[float, float, float, float]


def column(left: int, right: int, top: int, count: int, pitch: int = 40) -> list[Line]:
    return [(left, top + number * pitch, right, top + number * pitch + 28) for number in range(count)]


def boxes(lines: Sequence[Line]) -> Boxes:
    return np.array(lines, np.float64).reshape(-1, 4)


def page_of(lines: Sequence[Line], *doubts: Doubt) -> PageLines:
    """A page on which each line has another gray, from 1, on white."""
    gray = np.full(SHAPE, 255, np.uint8)
    for number, (left, top, right, bottom) in enumerate(lines, 1):
        gray[int(top) : int(bottom), int(left) : int(right)] = number
    return PageLines(PreparedImage(gray, SHAPE), boxes(lines), doubts)


def cut(lines: Sequence[Line], *doubts: Doubt) -> list[Segment]:
    """The segments of such a page, in reading order."""
    return sorted(segments_of(page_of(lines, *doubts)), key=lambda segment: segment.place)


def area(segment: Segment) -> Line:
    (left, top), (height, width) = segment.corner, segment.gray.shape
    return left, top, left + width, top + height


def in_whole(segment: Segment) -> set[int]:
    """Numbers of the lines with all their pixels in a segment, when all are 28 high."""
    numbers, counts = np.unique(segment.gray, return_counts=True)
    return {int(number) for number, count in zip(numbers, counts, strict=True) if number < 255 and count >= 28 * 80}


def test_a_short_page_is_one_segment() -> None:
    (segment,) = cut(column(100, 600, 100, 5))
    assert segment.whole
    assert segment.gray.shape == SHAPE


def test_a_dense_page_is_cut_between_lines() -> None:
    lines = column(100, 1600, 100, 50)
    segments = cut(lines)
    assert 4 <= len(segments) <= 8
    assert not any(segment.whole for segment in segments)
    assert [segment.continues for segment in segments] == [False] + [True] * (len(segments) - 1)
    assert [number for segment in segments for number in sorted(in_whole(segment))] == list(range(1, 51))
    for one, two in pairwise(segments):
        assert one.corner[1] < two.corner[1]


def test_two_columns_are_never_in_one_segment() -> None:
    left, right = column(100, 800, 200, 50), column(900, 1600, 200, 50)
    segments = cut(left + right)
    assert len(segments) > 1
    for segment in segments:
        assert area(segment)[2] < 900 or area(segment)[0] > 800


def test_lines_that_cannot_be_parted_are_recognised_together() -> None:
    cells = [
        box
        for row in range(40)
        for box in ((100, row * 50, 700, row * 50 + 30), (900, row * 50 - 20, 1600, row * 50 + 10))
    ]
    assert [segment.whole for segment in cut(cells)] == [True]


def test_lines_of_other_segments_are_painted_over() -> None:
    segments = cut(column(100, 1600, 100, 50, pitch=29))
    for segment in segments:
        own = in_whole(segment)
        assert set(np.unique(segment.gray).tolist()) == own | {255}


def in_pieces(lines: Sequence[Line], *, on_side: Sequence[int] = ()) -> list[Segment]:
    """The segments of a page whose lines the core reads, but for some, in reading order."""
    areas = [(int(left), int(top), int(right), int(bottom)) for left, top, right, bottom in lines]
    pieces = tuple(
        () if number in on_side else (Piece(area, (area[1] - 2, area[3] + 2), area, True, number == 0),)
        for number, area in enumerate(areas)
    )
    page = replace(page_of(lines), pieces=pieces)
    return sorted(segments_of(page), key=lambda segment: segment.place)


def gray_of_middle(segment: Segment, piece: Piece) -> int:
    left, top, right, bottom = piece.area
    return int(segment.gray[(top + bottom) // 2, (left + right) // 2])


def test_lines_whose_pieces_are_known_are_read_where_they_are() -> None:
    """In equal shares and in order, also where lines of two columns cannot be parted."""
    lines = [
        box
        for row in range(40)
        for box in ((100, row * 50 + 30, 700, row * 50 + 58), (900, row * 50 + 10, 1600, row * 50 + 38))
    ]
    segments = in_pieces(lines)
    assert 4 <= len(segments) <= 8
    read = [gray_of_middle(segment, piece) for segment in segments for piece in segment.pieces or ()]
    assert read == list(range(1, 81))
    for segment in segments:
        assert {*in_whole(replace(segment, gray=segment.alone()))} == {
            gray_of_middle(segment, piece) for piece in segment.pieces or ()
        }


@pytest.mark.parametrize(("rows", "count"), [(3, 1), (12, 2), (18, 4), (24, 4), (30, 6)])
def test_two_cores_have_equal_shares(rows: int, count: int) -> None:
    segments = in_pieces(column(100, 1600, 100, rows, pitch=48))
    assert len(segments) == count
    amounts = [len(segment.pieces or ()) for segment in segments]
    assert max(amounts) - min(amounts) <= 2
    assert sum(amounts) == rows


def test_lines_on_their_side_are_left_to_the_engine() -> None:
    segments = in_pieces(column(100, 600, 100, 5, pitch=48), on_side=[2])
    assert [len(segment.pieces or ()) for segment in segments] == [2, 0, 2]
    assert in_whole(replace(segments[1], gray=segments[1].alone())) == {3}


def test_pieces_are_scaled_with_their_page() -> None:
    lines = column(100, 1600, 100, 3)
    area = (100, 100, 1600, 128)
    page = replace(page_of(lines), pieces=((Piece(area, (97, 131), area, True, True),),) * 3)
    larger = page.scaled_to(PreparedImage(np.full((4800, 3400), 255, np.uint8), (4800, 3400)))
    assert larger.pieces is not None
    assert larger.pieces[0][0].area == (200, 200, 3200, 256)
    assert larger.pieces[0][0].rows == (194, 262)


def laid_out(*lines: Sequence[tuple[int, int, int, int]]) -> LayoutAnalysis:
    """Each line of pieces with these areas."""
    around = [(one[0][0], min(a[1] for a in one), one[-1][2], max(a[3] for a in one)) for one in lines]
    pieces = tuple(
        tuple(Piece(a, (a[1], a[3]), box, number == 0, number == 0) for number, a in enumerate(one))
        for one, box in zip(lines, around, strict=True)
    )
    return LayoutAnalysis(len(lines), 26.0, boxes(around), (), pieces)


def areas(analysis: LayoutAnalysis) -> list[list[tuple[int, int, int, int]]]:
    assert analysis.pieces is not None
    return [[piece.area for piece in pieces] for pieces in analysis.pieces]


LEFT, RIGHT, UNDER, NEW = (100, 100, 400, 126), (700, 100, 900, 126), (100, 300, 400, 326), (110, 100, 390, 126)


def test_of_a_line_across_two_tables_only_the_pieces_in_one_are_replaced() -> None:
    (piece,) = (laid_out([NEW]).pieces or ((),))[0]
    first = replaced(laid_out([LEFT, RIGHT], [UNDER]), (80, 80, 420, 150), [(NEW, (piece,))])
    assert areas(first) == [[NEW], [RIGHT], [UNDER]]
    assert first.lines == 3
    assert first.boxes.tolist()[1] == [*RIGHT]
    assert first.pieces is not None
    assert first.pieces[1][0].starts_line
    second = replaced(laid_out([LEFT, RIGHT], [UNDER]), (680, 80, 920, 150), [(NEW, (piece,))])
    assert areas(second) == [[LEFT], [NEW], [UNDER]]
    assert areas(replaced(first, (680, 80, 920, 150), ())) == [[NEW], [UNDER]]


def test_new_lines_where_none_were_stand_above_those_below() -> None:
    (piece,) = (laid_out([NEW]).pieces or ((),))[0]
    assert areas(replaced(laid_out([RIGHT], [UNDER]), (80, 80, 420, 150), [(NEW, (piece,))])) == [
        [RIGHT],
        [NEW],
        [UNDER],
    ]


def test_pieces_that_are_no_text_leave_the_others_of_their_line() -> None:
    rest = without(laid_out([LEFT, RIGHT], [UNDER]), lambda area: area in (LEFT, UNDER))
    assert areas(rest) == [[RIGHT]]
    assert rest.boxes.tolist() == [[*RIGHT]]
    assert rest.pieces is not None
    assert rest.pieces[0][0].starts_paragraph


def test_one_very_long_line_is_not_the_whole_page() -> None:
    """All lines in one segment, which still is a part of the page."""
    (segment,) = cut([(10, 100, 12, 102), (10, 140, 1410, 142)])
    assert not segment.whole
    assert segment.gray.shape < SHAPE


@dataclass
class Source:
    """A page in points, twice as many as pixels."""

    size: tuple[float, float] = (200.0, 400.0)
    origin: tuple[float, float] = (1000.0, 2000.0)
    first_scale: float = 1.0
    max_scale: float = 1.0
    drawn: list[float] = field(default_factory=list)

    def gray(self, scale: float) -> Gray:
        self.drawn.append(scale)
        return np.zeros((1, 1), np.uint8)


def test_what_was_recognised_is_put_in_its_place() -> None:
    word = RecognisedWord("word", 90.0, (1, 2, 3, 4))
    text = RecognisedText((RecognisedLine((word,), (1, 2, 5, 6), True),) * 2, 270)
    part: NDArray[np.uint8] = np.zeros((50, 50), np.uint8)
    segments = [Segment(part, (10, 20)), Segment(part, (30, 40), continues=True)]
    image = PreparedImage(np.zeros((200, 100), np.uint8), (200, 100))
    page = recognised_page(Source(), image, segments, [text, text], ("eng",))
    assert (page.rotation, page.languages) == (270, ("eng",))
    assert [line.box for line in page.lines] == [(1022, 2044, 1030, 2052)] * 2 + [(1062, 2084, 1070, 2092)] * 2
    assert [line.words[0].box for line in page.lines] == [(1022, 2044, 1026, 2048)] * 2 + [(1062, 2084, 1066, 2088)] * 2
    assert [line.paragraph for line in page.lines] == [True, True, False, True]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.integers(0, 2300), st.integers(5, 200), st.integers(5, 80)), max_size=80
    )
)
def test_any_lines_give_segments_within_the_page(places: list[tuple[int, int, int, int]]) -> None:
    segments = cut([(x, y, x + width, y + height) for x, y, width, height in places])
    assert segments
    for segment in segments:
        left, top, right, bottom = area(segment)
        assert 0 <= left < right <= SHAPE[1]
        assert 0 <= top < bottom <= SHAPE[0]


AREA = (80, 1000, 1620, 1420)


def doubt(sure: bool, *, rows: bool = True) -> Doubt:
    return Doubt(AREA, boxes(column(100, 1600, 1010, 8)), sure=sure, rows=rows)


def test_an_area_in_doubt_is_a_segment_by_itself() -> None:
    lines = column(100, 1600, 100, 40)
    *page, again = cut(lines, doubt(sure=False))
    assert {segment.layout for segment in page} == {Layout.COLUMN}
    assert (again.layout, again.doubt) == (Layout.BLOCK, 0)
    left, top, right, bottom = area(again)
    room = 60
    assert 80 - room <= left <= 80
    assert 1000 - room <= top <= 1000
    assert 1620 <= right <= 1620 + room
    assert 1420 <= bottom <= 1420 + room


def test_around_an_area_in_doubt_there_are_no_lines_of_others() -> None:
    """A slice of one would be read as a line of rubbish."""
    lines = column(100, 1600, 100, 40, pitch=32)
    area_lines = lines[20:22]
    around = Doubt((100, int(area_lines[0][1]), 1600, int(area_lines[-1][3])), boxes(area_lines))
    *_, again = cut(lines, around)
    assert set(np.unique(again.gray).tolist()) == {21, 22, 255}


def test_where_an_area_is_sure_its_first_lines_are_not_read() -> None:
    lines = column(100, 600, 100, 20, pitch=80)
    within = [number for number, line in enumerate(lines, 1) if AREA[1] <= (line[1] + line[3]) / 2 < AREA[3]]
    page = [segment for segment in cut(lines, doubt(sure=True)) if segment.doubt is None]
    assert within
    assert page
    assert not {number for segment in page for number in in_whole(segment)} & set(within)


def read(text: str, confidence: float, top: float) -> RecognisedLine:
    words = tuple(RecognisedWord(word, confidence, (0, top, 10, top + 20)) for word in text.split())
    return RecognisedLine(words, (0, top, 10, top + 20), False)


def said(kept: Sequence[tuple[Segment, RecognisedText]]) -> list[str]:
    return [line for _, text in kept for line in text.text.splitlines()]


def kept_of(page: PageLines, read: Sequence[tuple[Segment, RecognisedText]]) -> list[tuple[Segment, RecognisedText]]:
    kept, lost, _ = chosen(page, read)
    assert not len(lost)
    return kept


def chosen_of(again: RecognisedText, *, rows: bool) -> list[str]:
    page = PageLines(PreparedImage(np.zeros((1, 1), np.uint8), SHAPE), boxes([]), (doubt(sure=False, rows=rows),))
    nothing = np.zeros((1, 1), np.uint8)
    first = RecognisedText(
        (read("above", 90, 100), read("one", 90, 1100), read("two", 90, 1200), read("below", 90, 1500))
    )
    whole = Segment(nothing, corner=(100, 0))
    return said(kept_of(page, [(Segment(nothing, corner=(100, 1000), doubt=0, place=1), again), (whole, first)]))


def test_the_reading_that_makes_more_sense_is_put_in_its_place() -> None:
    three = RecognisedText((read("one two three", 90, 100),))
    assert chosen_of(three, rows=False) == ["above", "one two three", "below"]
    # As much text, in rows: evidence of a table decides.
    same = RecognisedText((read("one two", 90, 100),))
    assert chosen_of(same, rows=True) == ["above", "one two", "below"]
    assert chosen_of(same, rows=False) == ["above", "one", "two", "below"]


def test_a_single_line_is_only_put_in_the_place_of_one() -> None:
    nothing = np.zeros((1, 1), np.uint8)
    strip = Doubt((80, 1000, 1620, 1040), boxes([(80, 1000, 1620, 1040)]), strip=True)
    page = PageLines(PreparedImage(nothing, SHAPE), boxes([]), (strip,))
    again = Segment(nothing, corner=(100, 900), doubt=0, place=1), RecognisedText((read("one whole line", 90, 100),))
    whole = Segment(nothing, corner=(100, 0))
    cut_line = RecognisedText((read("above", 90, 100), read("one", 90, 1010)))
    assert said(kept_of(page, [(whole, cut_line), again])) == ["above", "one whole line"]
    elsewhere = RecognisedText((read("above", 90, 100), read("below", 90, 1500)))
    assert said(kept_of(page, [(whole, elsewhere), again])) == ["above", "below"]


def test_a_line_that_was_cut_is_whole_where_it_is_read_alike() -> None:
    """The engine cut it at a wide space; as one it is a little less sure."""
    nothing = np.zeros((1, 1), np.uint8)
    strip = Doubt((80, 1000, 1620, 1040), boxes([(80, 1000, 1620, 1040)]), strip=True)
    page = PageLines(PreparedImage(nothing, SHAPE), boxes([]), (strip,))
    before = RecognisedText((read("above", 90, 100), read("Repeated", 90, 1010), read("separation", 90, 1010)))
    whole = Segment(nothing, corner=(100, 0)), before
    for text, lines in (("Repeated separation", ["above", "Repeated separation"]), ("Repeated", said([whole]))):
        again = Segment(nothing, corner=(100, 900), doubt=0, place=1), RecognisedText((read(text, 80, 100),))
        assert said(chosen(page, [whole, again])[0]) == lines


@pytest.mark.parametrize(
    ("lines", "may_repeat"),
    [
        ([(100, 100, 500, 140), (100, 160, 500, 200)], False),
        ([(100, 100, 500, 140), (100, 125, 500, 165)], True),
        ([(100, 100, 500, 140), (300, 110, 700, 150)], True),
        ([(100, 100, 500, 140), (480, 100, 900, 140)], False),
        ([], True),
    ],
)
def test_lines_of_the_layout_that_share_a_place_may_be_there_twice(lines: list[Line], may_repeat: bool) -> None:
    page = PageLines(PreparedImage(np.zeros((1, 1), np.uint8), SHAPE), boxes(lines))
    assert chosen(page, [])[2] == may_repeat
    in_doubt = replace(page, doubts=(doubt(sure=False, rows=False),))
    assert chosen(in_doubt, [])[2]


def test_more_text_that_is_less_sure_is_not_taken() -> None:
    guessed = RecognisedText((read("one two three", 75, 100),))
    assert chosen_of(guessed, rows=True) == ["above", "one", "two", "below"]


def test_what_is_hardly_read_where_no_line_was_is_left_out() -> None:
    """The dark edge of a photographed page, for one."""
    nothing = np.zeros((1, 1), np.uint8)
    whole = Segment(nothing, corner=(100, 0)), RecognisedText((read("above", 90, 100), read("below", 90, 1500)))
    page = PageLines(PreparedImage(nothing, SHAPE), boxes([]), (doubt(sure=True),))
    for confidence, lines in ((50, ["above", "below"]), (70, ["above", "one two three", "below"])):
        again = RecognisedText((read("one two three", confidence, 100),))
        found = (Segment(nothing, corner=(100, 1000), doubt=0, place=1), again)
        assert said(kept_of(page, [whole, found])) == lines


def test_rows_of_dashes_between_sure_lines_do_not_make_them_rubbish() -> None:
    """A table drawn with characters, on which the layout analysis found no line."""
    nothing = np.zeros((1, 1), np.uint8)
    page = PageLines(PreparedImage(nothing, SHAPE), boxes([]), (doubt(sure=True),))
    dashes = [read("etatetatetatetat", 1, 100 + 40 * number) for number in range(3)]
    again = RecognisedText((read("Heart attack 10,843", 85, 80), *dashes))
    found = Segment(nothing, corner=(100, 1000), doubt=0, place=1), again
    assert said(kept_of(page, [found]))[0] == "Heart attack 10,843"
    rubbish = Segment(nothing, corner=(100, 1000), doubt=0, place=1), RecognisedText(tuple(dashes))
    assert said(kept_of(page, [rubbish])) == []


@pytest.mark.parametrize(("confidence", "is_text"), [(30, False), (60, True)])
def test_lines_that_are_hardly_read_beside_those_found_first_are_left_out(confidence: float, is_text: bool) -> None:
    """A picture of a screen, as print that was lost, below the line that names it."""
    nothing = np.zeros((1, 1), np.uint8)
    page = PageLines(PreparedImage(nothing, SHAPE), boxes([(90, 1095, 300, 1125)]), (doubt(sure=True),))
    rubbish = [read("ee ae eee oe", confidence, 200 + 40 * number) for number in range(4)]
    again = RecognisedText((read("Harbours and boats in winter", 92, 100), *rubbish))
    found = Segment(nothing, corner=(100, 1000), doubt=0, place=1), again
    assert said(kept_of(page, [found])) == ["Harbours and boats in winter", *["ee ae eee oe"] * 4 * is_text]


@pytest.mark.parametrize(("rows", "is_lost"), [(2, False), (3, True)])
def test_a_column_of_single_digits_at_the_ends_of_lines_is_missed(rows: int, is_lost: bool) -> None:
    """It is less than a twentieth of the ink of its segment."""
    found = boxes([(20, 20 + 50 * number, 1400 if number < rows else 1340, 48 + 50 * number) for number in range(6)])
    gray = np.full((340, 1500), 255, np.uint8)
    for left, top, _, bottom in found.astype(int).tolist():
        gray[top:bottom, left:1340:2] = 0
    for top in range(20, 20 + 50 * rows, 50):
        gray[top : top + 28, 1390:1394] = 0
    words = [RecognisedWord("word", 90.0, (left, top, 1340, bottom)) for left, top, _, bottom in found.tolist()]
    text = RecognisedText(tuple(RecognisedLine((word,), word.box, False) for word in words))
    assert is_read_in_part(Segment(gray, lines=found), text) is is_lost
