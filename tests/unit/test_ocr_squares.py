"""Squares among words that the networks read as letters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pillion.kinds.ocr.evidence import FILLED, with_squares
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

SIDE = 26
PLACE = (20, 10, 20 + SIDE, 10 + SIDE)


def drawn(kind: str) -> NDArray[np.uint8]:
    """A line that begins with a square, or a letter as large."""
    picture = Image.new("L", (400, 50), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((70, 12), "Apia is open", fill=0, font=ImageFont.load_default(size=20))
    left, top, right, bottom = PLACE
    if kind in ("empty", "ticked", "filled"):
        draw.rectangle((left, top, right - 1, bottom - 1), fill=0 if kind == "filled" else 255, outline=0, width=2)
    if kind == "ticked":
        draw.line((left, top, right, bottom), fill=0, width=3)
    if kind == "round":
        draw.ellipse((left, top, right - 1, bottom - 1), outline=0, width=3)
    if kind == "bullet":
        draw.ellipse((left, top, right - 1, bottom - 1), fill=0)
    if kind == "letter":
        draw.text((left, top - 6), "D", fill=0, font=ImageFont.load_default(size=36))
    return np.asarray(picture)


def read(*said: tuple[str, Box]) -> RecognisedText:
    words = [RecognisedWord(text, 50.0, box) for text, box in (*said, ("Apia", (70, 12, 110, 34)))]
    lines = (RecognisedLine(tuple(words), (20, 10, 110, 36), True),)
    return RecognisedText(lines)


def texts(text: RecognisedText) -> list[str]:
    return [word.text for line in text.lines for word in line.words]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", ["Apia"]),
        ("filled", [FILLED, "Apia"]),
        ("ticked", ["oO", "Apia"]),
        ("round", ["oO", "Apia"]),
        ("bullet", ["oO", "Apia"]),
        ("letter", ["oO", "Apia"]),
    ],
)
def test_an_empty_square_is_left_out_and_a_full_one_is_said(kind: str, said: list[str]) -> None:
    assert texts(with_squares(drawn(kind), read(("oO", PLACE)))) == said


def test_a_square_may_be_read_as_several_words() -> None:
    left, top, right, bottom = PLACE
    halves = read((":", (left, top, left + 11, bottom)), ("|", (left + 11, top, right, bottom)))
    assert texts(with_squares(drawn("empty"), halves)) == ["Apia"]
    filled = with_squares(drawn("filled"), halves)
    assert texts(filled) == [FILLED, "Apia"]
    assert filled.lines[0].words[0].box == PLACE


def test_what_is_longer_or_in_another_script_is_text() -> None:
    for word in ("word", "口"):
        assert texts(with_squares(drawn("empty"), read((word, PLACE)))) == [word, "Apia"]


def test_a_line_of_squares_alone_is_none_and_a_faint_picture_is_left() -> None:
    alone = RecognisedText((RecognisedLine(read(("oO", PLACE)).lines[0].words[:1], PLACE, True),))
    assert with_squares(drawn("empty"), alone).lines == ()
    faint = (drawn("empty") // 16 + 230).astype(np.uint8)
    assert with_squares(faint, alone) is alone
