"""Lines that were read twice, of the same print, are there once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pillion.kinds.ocr.layout import Layout
from pillion.kinds.ocr.segments import Read, Segment, no_lines
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord
from pillion.kinds.ocr.twice import once

Said = tuple[str, float]
"""A word and its confidence."""


def segment(*lines: tuple[int, int, Sequence[Said]], corner: tuple[int, int] = (0, 0)) -> Read:
    """Lines from their left and top on the page: letters are 10 pixels wide, 20 high."""
    left, top = corner
    found = []
    for x, y, words in lines:
        placed = []
        for text, confidence in words:
            box = (float(x - left), float(y - top), float(x - left + 10 * len(text)), float(y - top + 20))
            placed.append(RecognisedWord(text=text, confidence=confidence, box=box))
            x += 10 * len(text) + 10
        whole = (placed[0].box[0], placed[0].box[1], placed[-1].box[2], placed[0].box[3])
        found.append(RecognisedLine(words=tuple(placed), box=whole, paragraph=False))
    gray = np.full((50, 50), 255, np.uint8)
    made = Segment(gray, corner=corner, whole=False, layout=Layout.COLUMN, lines=no_lines())
    return made, RecognisedText(tuple(found))


def texts(read: Sequence[Read]) -> list[str]:
    return [" ".join(word.text for word in line.words) for _, text in read for line in text.lines]


CLEAN = (200, 100, [("Registered", 96.0), ("Osteopath", 96.0)])
FRAMED = (170, 101, [("rs", 20.0), ("Registered", 95.0), ("Osteopath", 95.0), ("E", 0.0)])
BELOW = (200, 130, [("BUPA", 95.0), ("Provider", 95.0)])


def test_of_two_readings_of_a_line_the_surer_one_stays() -> None:
    read = [segment(CLEAN, BELOW, corner=(150, 40)), segment(FRAMED, corner=(20, 90))]
    assert texts(once(read)) == ["Registered Osteopath", "BUPA Provider"]
    assert texts(once(read[::-1])) == ["Registered Osteopath", "BUPA Provider"]
    # Nothing is left of a segment whose only line is gone.
    assert len(once(read)) == 1


def test_a_part_of_a_line_goes_and_the_whole_one_stays() -> None:
    whole = (100, 100, [("percentage", 80.0), ("rate", 80.0), ("today", 80.0)])
    part = (100, 102, [("percentage", 96.0), ("rate", 96.0)])
    assert texts(once([segment(part, whole)])) == ["percentage rate today"]


def test_a_word_that_was_read_in_pieces_is_the_same_print() -> None:
    rightly = (100, 100, [("fixed", 95.0), ("line", 95.0), ("height", 95.0)])
    wrongly = (100, 103, [("fixed", 80.0), ("line", 80.0), ("pei", 70.0), ("ht", 70.0)])
    assert texts(once([segment(rightly), segment(wrongly)])) == ["fixed line height"]


def test_what_stands_for_another_line_stays_itself() -> None:
    lines = [(100 + 20 * number, 100, [("registered", 90.0 - number)]) for number in range(0, 9, 2)]
    left = once([segment(line) for line in lines])
    assert 0 < len(left) < len(lines)
    boxes = sorted(text.lines[0].box[0] for _, text in left)
    assert all(any(abs(x - box) <= 50 for box in boxes) for x, _, _ in lines)


def test_other_words_in_one_place_stay() -> None:
    # A stamp over a line, and a line that hangs into the next one.
    line = (100, 100, [("Registered", 95.0), ("Osteopath", 95.0)])
    stamp = (110, 104, [("received", 80.0), ("yesterday", 80.0)])
    assert len(texts(once([segment(line, stamp)]))) == 2


def test_a_line_that_was_cut_through_goes_where_the_whole_one_is_surer() -> None:
    whole = (100, 100, [("hands.", 92.0), ("together", 92.0)])
    cut = (110, 106, [("nanas.", 62.0), ("Logether", 62.0)])
    assert texts(once([segment(cut, whole)])) == ["hands. together"]
    beyond = (110, 106, [("nanas.", 62.0), ("Logether", 62.0), ("again", 62.0)])
    assert len(texts(once([segment(beyond, whole)]))) == 2
    alike = (100, 100, [("hands.", 60.0), ("together", 60.0)])
    assert texts(once([segment(cut, alike)])) == ["nanas. Logether"]


def test_the_same_words_elsewhere_stay() -> None:
    read = [segment(CLEAN, (200, 130, CLEAN[2]), (600, 100, CLEAN[2]))]
    assert once(read) == read


def test_a_line_of_which_nothing_is_sure_stays() -> None:
    read = [segment((100, 100, [("Osteopath", 30.0)]), (100, 101, [("Osteopath", 40.0)]))]
    assert once(read) == read


@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.integers(0, 60),
            st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.floats(0, 100)), min_size=1, max_size=3),
        ),
        max_size=8,
    )
)
def test_where_a_sure_word_was_read_one_is_left(lines: list[tuple[int, int, list[Said]]]) -> None:
    read = [segment(line) for line in lines]
    left = once(read)
    assert {id(made) for made, _ in left} <= {id(made) for made, _ in read}
    places = [word.box for _, text in left for line in text.lines for word in line.words]
    for _, text in read:
        for word in text.lines[0].words:
            x0, y0, x1, y1 = word.box
            shared = sum(
                max(0.0, min(x1, right) - max(x0, x)) * max(0.0, min(y1, bottom) - max(y0, y))
                for x, y, right, bottom in places
            )
            assert word.confidence < 60 or shared >= (x1 - x0) * (y1 - y0) / 2
