"""What one engine read in the regions of another: what is not read again, and where words end."""

from __future__ import annotations

import numpy as np
import pytest

from pillion.kinds.ocr import known
from pillion.kinds.ocr.ppocr import Region, RegionText, Word
from pillion.kinds.ocr.result import OcrWord


def region(left: float, top: float, right: float, bottom: float) -> Region:
    return Region(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 0.8)


def word(text: str, left: float, right: float, confidence: float = 96.0, top: float = 0) -> OcrWord:
    return OcrWord(text=text, confidence=confidence, box=(left, top + 4, right, top + 18), uncertain=False)


def sure_texts(regions: list[Region], words: list[OcrWord]) -> list[RegionText | None]:
    return [known.sure_text(*both) for both in zip(regions, known.words_in(regions, words), strict=True)]


def test_what_is_known_surely_is_not_read_again() -> None:
    regions = [region(0, 0, 200, 22), region(0, 100, 200, 122), region(300, 0, 360, 22)]
    words = [word("TOTAL", 100, 190), word("THE", 8, 90), word("4.20", 8, 190, 60, top=100)]
    the_total, price, beside = sure_texts(regions, words)
    assert the_total is not None
    assert (the_total.text, round(the_total.confidence, 2)) == ("THE TOTAL", 0.96)
    assert the_total.words[0].start == pytest.approx(0.04)
    assert price is None, "it was not sure"
    assert beside is None, "nothing was there"


def test_a_region_that_known_words_fill_in_part_is_read_again() -> None:
    (of_part,) = sure_texts([region(0, 0, 200, 22)], [word("THE", 8, 60)])
    (of_other_row,) = sure_texts([region(0, 0, 200, 22)], [word("THE", 8, 190, top=20)])
    assert of_part is None
    assert of_other_row is None


@pytest.mark.parametrize(
    ("text", "least"), [("Total", 90), ("12.50", 93), ("20/08/2017", 93), ("SDN.", 95), ("A4", 95), ("at", 95)]
)
def test_words_and_numbers_are_sure_sooner_than_what_is_short_or_mixed(text: str, least: float) -> None:
    place = [region(0, 0, 200, 22)]
    assert sure_texts(place, [word(text, 8, 190, least)])[0] is not None
    assert sure_texts(place, [word(text, 8, 190, least - 1)])[0] is None


def said(*words: str) -> RegionText:
    found = tuple(Word(text, 0.97, n / len(words), (n + 1) / len(words)) for n, text in enumerate(words))
    return RegionText(region(0, 0, 200, 22).corners, 0.8, 0.97, found)


def test_words_that_were_run_together_are_parted_where_the_other_engine_parts_them() -> None:
    (words,) = known.words_in([region(0, 0, 200, 22)], [word("sanyu", 0, 80, 60), word("SHOP", 100, 200, 60)])
    parted = known.respaced(said("SANYUSHOP"), words)
    assert parted.text == "SANYU SHOP"
    assert [(round(one.start, 2), round(one.end, 2), one.confidence) for one in parted.words] == [
        (0, 0.4, 0.97),
        (0.5, 1, 0.97),
    ]


@pytest.mark.parametrize("text", ["SANYU", "SANYOSHOP", "SANYUSHOPS", "XSANYUSHOP"])
def test_other_letters_are_not_parted(text: str) -> None:
    (words,) = known.words_in([region(0, 0, 200, 22)], [word("SANYU", 0, 80), word("SHOP", 100, 200)])
    assert known.respaced(said(text, "12"), words).text == f"{text} 12"
    assert known.respaced(said(text), ()).text == text
