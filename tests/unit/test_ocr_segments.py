"""Pages cut between their lines: nothing is lost, nothing is recognised twice, and the order stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pillion.kinds.ocr.page import (
    Boxes,
    Gray,
    PageLines,
    PreparedImage,
    Segment,
    has_columns,
    is_in_order,
    recognised_page,
    segments_of,
)
from pillion.kinds.ocr.tesseract import Layout, RecognisedLine, RecognisedText, RecognisedWord

SHAPE = (2400, 1700)
Line = tuple[float, float, float, float]


def column(left: int, right: int, top: int, count: int, pitch: int = 40) -> list[Line]:
    return [(left, top + number * pitch, right, top + number * pitch + 28) for number in range(count)]


def boxes(lines: Sequence[Line]) -> Boxes:
    return np.array(lines, np.float64).reshape(-1, 4)


def cut(lines: Sequence[Line], layout: Layout = Layout.PAGE) -> list[Segment]:
    """The segments of a page on which each line has another gray, from 1, on white."""
    gray = np.full(SHAPE, 255, np.uint8)
    for number, (left, top, right, bottom) in enumerate(lines, 1):
        gray[int(top) : int(bottom), int(left) : int(right)] = number
    return segments_of(PageLines(PreparedImage(gray, SHAPE), boxes(lines), layout))


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


def test_columns_are_text_on_both_sides_of_a_gap() -> None:
    title: list[Line] = [(100.0, 100.0, 1600.0, 140.0)]
    assert has_columns(boxes(title + column(100, 800, 200, 10) + column(900, 1600, 200, 10)))
    assert not has_columns(boxes(column(100, 1600, 200, 20)))
    # A table: names on the left, numbers on the right.
    assert not has_columns(boxes(column(100, 500, 200, 8) + column(900, 980, 200, 8)))
    # Too few lines to be sure, and lines that reach into each other.
    assert not has_columns(boxes(column(100, 800, 200, 3) + column(900, 1600, 200, 3)))
    assert not has_columns(boxes(column(100, 950, 200, 10) + column(900, 1600, 200, 10)))


def test_order_is_downwards() -> None:
    assert is_in_order(boxes([]))
    assert is_in_order(boxes(column(100, 1600, 200, 20)))
    assert not is_in_order(boxes(column(100, 800, 200, 5) + column(900, 1600, 200, 5)))


def test_segments_of_a_table_keep_its_layout() -> None:
    lines = column(100, 1600, 100, 50)
    assert {segment.layout for segment in cut(lines)} == {Layout.COLUMN}
    assert {segment.layout for segment in cut(lines, Layout.BLOCK)} == {Layout.BLOCK}
    assert cut(lines[:3])[0].layout is Layout.PAGE
