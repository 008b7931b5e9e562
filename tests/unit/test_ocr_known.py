"""What the core reads in the regions that PP-OCR finds: what is not read again, and where words end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pillion.kinds.ocr import known
from pillion.kinds.ocr.layout import Gray, Piece
from pillion.kinds.ocr.ppocr import Region, RegionText, Word
from pillion.kinds.ocr.result import OcrWord
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord


def region(left: float, top: float, right: float, bottom: float) -> Region:
    return Region(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 0.8)


def word(text: str, start: float = 0.04, end: float = 0.96, confidence: float = 0.96) -> Word:
    return Word(text, confidence, start, end)


class Core:
    """Reads each piece that has ink as what is given for it, over all of its length."""

    def __init__(self, said: list[str], *, lacks: bool = False) -> None:
        self.said, self.lacks, self.pieces = said, lacks, list[Piece]()

    def __call__(self, gray: Gray, pieces: list[Piece]) -> RecognisedText | None:
        self.pieces += pieces
        if self.lacks:
            return None
        lines = []
        for text, piece in zip(self.said, pieces, strict=True):
            left, top, right, bottom = piece.area
            if gray[top:bottom, left:right].min() < 100:
                box = (float(left), float(top), float(right), float(bottom))
                lines.append(RecognisedLine((RecognisedWord(text, 91.0, box),), box, False))
        return RecognisedText(tuple(lines))


def drawn(*boxes: tuple[int, int, int, int]) -> Gray:
    gray = np.full((200, 400), 230, np.uint8)
    for left, top, right, bottom in boxes:
        gray[top:bottom, left:right] = 20
    return gray


def test_each_region_is_read_from_where_its_ink_begins_to_where_it_ends() -> None:
    gray = drawn((50, 5, 150, 19), (20, 105, 40, 119))
    core = Core(["TOTAL", "", "5"])
    first, empty, last = known.known_in(
        gray, [region(0, 0, 200, 24), region(220, 0, 380, 24), region(10, 100, 58, 124)], core
    )
    assert [(one.text, one.confidence) for one in (*first, *last)] == [("TOTAL", 0.91), ("5", 0.91)]
    assert empty == ()
    assert (first[0].start, first[0].end) == pytest.approx((0.25, 0.75), abs=0.02)
    assert (last[0].start, last[0].end) == pytest.approx((0.21, 0.63), abs=0.05)
    assert [piece.starts_line for piece in core.pieces] == [True, True, True]


@pytest.mark.parametrize(("count", "read"), [(3, [3]), (20, [10, 10]), (70, [17, 17, 18, 18])])
def test_many_regions_are_read_in_an_even_number_of_portions(count: int, read: list[int]) -> None:
    portions: list[int] = []

    def reads(gray: Gray, pieces: Sequence[Piece]) -> None:
        portions.append(len(pieces))

    assert known.known_in(drawn(), [region(0, 0, 200, 24)] * count, reads) == [()] * count
    assert sorted(portions) == read


def test_portions_take_about_as_long_to_read() -> None:
    lengths: list[int] = []

    def reads(gray: Gray, pieces: Sequence[Piece]) -> None:
        lengths.append(len(pieces))

    regions = [region(0, 0, 400, 20)] * 10 + [region(0, 0, 100, 20)] * 40
    assert known.known_in(drawn(), regions[10:] + regions[:10], reads) == [()] * 50
    assert sorted(lengths) == [10, 40]


def test_nothing_is_known_where_the_core_lacks_the_model() -> None:
    gray = drawn((50, 5, 150, 19))
    assert known.known_in(gray, [region(0, 0, 200, 24)], Core(["TOTAL"], lacks=True)) == [()]
    assert known.known_in(gray, [], Core([])) == []


def test_what_is_known_surely_is_not_read_again() -> None:
    the_total = known.sure_text(region(0, 0, 200, 22), [word("THE", 0.04, 0.45, 0.98), word("TOTAL", 0.5, 0.95, 0.93)])
    assert the_total is not None
    assert (the_total.text, round(the_total.confidence, 2)) == ("THE TOTAL", 0.95)
    assert known.sure_text(region(0, 0, 200, 22), [word("THE"), word("4.20", confidence=0.6)]) is None
    assert known.sure_text(region(0, 0, 200, 22), []) is None, "nothing was there"


def test_a_region_that_known_words_fill_in_part_is_read_again() -> None:
    assert known.sure_text(region(0, 0, 200, 22), [word("TOTAL", 0.04, 0.3)]) is None


@pytest.mark.parametrize(("text", "least"), [("Total", 0.92), ("12.50", 0.95), ("SDN.", 0.95), ("Qty", 0.95)])
def test_words_are_sure_sooner_than_numbers_and_what_is_short_or_mixed(text: str, least: float) -> None:
    place = region(0, 0, 200, 22)
    assert known.sure_text(place, [word(text, confidence=least)]) is not None
    assert known.sure_text(place, [word(text, confidence=least - 0.01)]) is None


@pytest.mark.parametrize(
    ("text", "is_sure"), [("4,20", False), ("RM4,20.", False), ("1,250", True), ("1,250.00", True)]
)
def test_a_comma_may_have_been_a_point(text: str, is_sure: bool) -> None:
    assert (known.sure_text(region(0, 0, 200, 22), [word(text, confidence=0.99)]) is not None) is is_sure


def test_words_of_a_page_are_those_of_the_regions_they_stand_in() -> None:
    words = [
        OcrWord(text=text, confidence=96.0, box=(left, top + 4, right, top + 18), uncertain=False)
        for text, left, right, top in (("TOTAL", 100, 190, 0), ("THE", 8, 90, 0), ("4.20", 8, 190, 100))
    ]
    row, price, beside, other_row = known.words_in(
        [region(0, 0, 200, 22), region(0, 100, 200, 122), region(300, 0, 360, 22), region(0, 20, 200, 42)], words
    )
    assert [(one.text, one.confidence) for one in row] == [("THE", 0.96), ("TOTAL", 0.96)]
    assert row[0].start == pytest.approx(0.04)
    assert [one.text for one in price] == ["4.20"]
    assert beside == other_row == ()
    assert known.words_in([region(0, 0, 200, 22)], []) == [()]


def said(*words: str) -> RegionText:
    found = tuple(Word(text, 0.97, n / len(words), (n + 1) / len(words)) for n, text in enumerate(words))
    return RegionText(region(0, 0, 200, 22).corners, 0.8, 0.97, found)


def test_words_that_were_run_together_are_parted_where_the_other_engine_parts_them() -> None:
    words = [word("sanyu", 0, 0.4, 0.6), word("SHOP", 0.5, 1, 0.6)]
    parted = known.respaced(said("SANYUSHOP"), words)
    assert parted.text == "SANYU SHOP"
    assert [(round(one.start, 2), round(one.end, 2), one.confidence) for one in parted.words] == [
        (0, 0.4, 0.97),
        (0.5, 1, 0.97),
    ]


@pytest.mark.parametrize("text", ["SANYU", "SANYOSHOP", "SANYUSHOPS", "XSANYUSHOP"])
def test_other_letters_are_not_parted(text: str) -> None:
    words = [word("SANYU", 0, 0.4), word("SHOP", 0.5, 1)]
    assert known.respaced(said(text, "12"), words).text == f"{text} 12"
    assert known.respaced(said(text), ()).text == text


def quick(said: str, confidence: float = 0.9) -> RegionText:
    words = said.split()
    spans = [(number / len(words), (number + 0.9) / len(words)) for number in range(len(words))]
    read = tuple(word(text, *span, confidence) for text, span in zip(words, spans, strict=True))
    return RegionText(region(0, 0, 100, 20).corners, 0.8, confidence, read)


@pytest.mark.parametrize(
    ("said", "sure", "core", "text"),
    [
        ("Total: 9.90", 0.8, "Total : 9.90", "Total : 9.90"),
        ("Total: 9.90", 0.8, "Total: 9,90", None),
        ("GST Sumary", 0.99, "GST Summary", "GST Sumary"),
        ("GST Sumary", 0.9, "GST Summary", None),
        ("Ne Total", 0.99, "Nett Total", None),
        ("5 30", 0.99, "5.30", None),
        ("Cashier", 0.98, "", "Cashier"),
        ("CASH", 0.9, "CASH", "CASH"),
        ("CASH", 0.9, "", None),
    ],
)
def test_a_quick_reading_is_believed_where_the_core_read_the_same(
    said: str, sure: float, core: str, text: str | None
) -> None:
    words = core.split()
    spans = [(number / len(words), (number + 0.9) / len(words)) for number in range(len(words))]
    read = [word(one, *span, 0.7) for one, span in zip(words, spans, strict=True)]
    found = known.confirmed(quick(said, sure), read)
    assert (found.text if found else None) == text
    if found is not None and said == core:
        assert min(one.confidence for one in found.words) >= 0.97


def test_nothing_confirms_nothing() -> None:
    assert known.confirmed(RegionText(region(0, 0, 100, 20).corners, 0.8, 0.0, ()), [word("Total")]) is None
