"""Print in a language whose data is not installed is told by how little sense it makes, and a note says what to do."""

from __future__ import annotations

import pytest

from pillion.kinds.ocr import unread
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrWord
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

_BOX = (0.0, 0.0, 10.0, 10.0)


def beginning(words: int, confidence: float) -> RecognisedText:
    word = RecognisedWord("BbIBOP", confidence, _BOX)
    return RecognisedText((RecognisedLine((word,) * words, _BOX, False),))


def page(words: int, confidence: float) -> OcrPage:
    said = tuple(OcrWord(text="BbIBOP", box=_BOX, confidence=confidence) for _ in range(words))
    lines = (OcrLine(text=" ".join(word.text for word in said), words=said, box=_BOX),) if said else ()
    return OcrPage(
        number=1,
        source="ocr",
        width=100,
        height=100,
        unit="pixel",
        lines=lines,
        confidence=confidence if said else None,
    )


@pytest.mark.parametrize(
    ("words", "confidence", "letters"),
    [(86, 44.5, 516), (49, 26.8, 294), (20, 59.9, 120), (20, 60.0, 0), (86, 80.0, 0), (16, 30.0, 0), (0, 0.0, 0)],
)
def test_many_letters_that_make_no_sense_are_counted(words: int, confidence: float, letters: int) -> None:
    assert unread.letters_unread(beginning(words, confidence)) == letters


@pytest.mark.parametrize(
    ("words", "confidence", "is_unread"),
    [(0, 0.0, True), (130, 58.1, True), (2, 100.0, True), (160, 81.0, True), (140, 98.3, False), (86, 90.0, False)],
)
def test_they_are_read_where_as_many_are_read_surely(words: int, confidence: float, is_unread: bool) -> None:
    assert unread.is_unread(516, page(words, confidence)) == is_unread
    assert not unread.is_unread(0, page(words, confidence))


def test_one_sentence_says_what_to_do() -> None:
    assert unread.sentence(["eng", "deu"]) == (
        "some print makes no sense in deu, eng: if it is in another language, "
        "'pillion languages --all' says how to install that"
    )
    assert unread.sentence(["x"] * 163).startswith("some print makes no sense in any of 163 languages: ")
