"""What was read of pictures is no text: it stands on no ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.kinds.ocr.layout import Gray
from pillion.kinds.ocr.segments import Read, Segment
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord
from pillion.kinds.ocr.texture import has_ground, without_texture

HEIGHT = 30
AT = 20, 20, 180, 20 + HEIGHT
"""Where something is read."""


def photograph(contrast: int = 200) -> Gray:
    """A picture of many grays, as of things in uneven light."""
    down, across = np.mgrid[0:80, 0:400].astype(np.float64)
    waves = np.sin(across / 7) + np.sin(down / 5 + across / 23) + np.sin((across + down) / 11)
    picture: Gray = np.rint(128 + contrast / 6 * waves).clip(0, 255).astype(np.uint8)
    return picture


def print_on(ground: int, ink: int) -> Gray:
    """Strokes of a third of the width, soft at both sides."""
    picture = np.full((80, 400), ground, np.uint8)
    for left in range(22, 178, 10):
        picture[24:46, left : left + 3] = ink
        picture[24:46, [left - 1, left + 3]] = (ink + ground) // 2
    return picture


def read(gray: Gray, *words: tuple[str, float, tuple[int, int, int, int]]) -> Read:
    """One line in a segment."""
    placed = tuple(
        RecognisedWord(text=text, confidence=sure, box=(float(x0), float(y0), float(x1), float(y1)))
        for text, sure, (x0, y0, x1, y1) in words
    )
    lefts, tops, rights, bottoms = zip(*(word.box for word in placed), strict=True)
    around = min(lefts), min(tops), max(rights), max(bottoms)
    return Segment(gray), RecognisedText((RecognisedLine(words=placed, box=around, paragraph=False),))


def said(*segments: Read) -> list[str]:
    return [
        " ".join(word.text for word in line.words) for _, text in without_texture(segments)[0] for line in text.lines
    ]


@pytest.mark.parametrize(("ground", "ink"), [(255, 0), (255, 170), (200, 40), (30, 255), (90, 230)])
def test_what_is_read_badly_on_paper_a_shade_or_a_bar_stays(ground: int, ink: int) -> None:
    assert said(read(print_on(ground, ink), ("f(x)=Il", 20.0, AT))) == ["f(x)=Il"]


def test_what_is_read_badly_of_a_photograph_goes_and_its_segment_with_it() -> None:
    nothing = read(photograph(), ("ry.~3Oe", 20.0, AT))
    text = read(print_on(255, 0), ("text", 95.0, AT))
    assert said(nothing, text) == ["text"]
    assert without_texture([nothing, text]) == ([text], (20.0,))


def test_what_is_read_surely_of_a_photograph_stays() -> None:
    assert said(read(photograph(), ("KEYER", 90.0, AT))) == ["KEYER"]


def test_words_near_each_other_are_as_sure_as_all_of_them() -> None:
    near = ("IAMBIC", 90.0, (20, 20, 90, 50)), ("K", 20.0, (100, 20, 180, 50))
    assert said(read(photograph(), *near)) == ["IAMBIC K"]


def test_of_a_line_beside_a_photograph_the_line_stays() -> None:
    gray = print_on(255, 0)
    gray[:, 240:] = photograph()[:, 240:]
    ((_, text),), left_out = without_texture(
        [read(gray, ("covered", 96.0, AT), ("ha", 20.0, (250, 10, 300, 60)), ("~=", 10.0, (350, 15, 390, 70)))]
    )
    assert [word.text for word in text.lines[0].words] == ["covered"]
    assert text.lines[0].box == AT
    assert left_out == (20.0, 10.0)


def test_a_dot_at_the_beginning_of_a_line_stays() -> None:
    gray = print_on(255, 0)
    down, across = np.mgrid[-8:9, -8:9]
    gray[27:44, 297:314] = np.rint(np.minimum(40 + 27 * np.hypot(down, across), 255))
    assert not has_ground(gray, (300.0, 30.0, 311.0, 41.0), 8.0)
    assert said(read(gray, ("text", 96.0, AT), ("e", 20.0, (300, 30, 311, 41)))) == ["text e"]


def test_a_text_without_lines_is_left_as_it_is() -> None:
    none = Segment(photograph()), RecognisedText(())
    assert without_texture([none]) == ([none], ())


@given(st.integers(0, 255), st.integers(0, 255))
def test_any_print_on_any_ground_has_one(ground: int, ink: int) -> None:
    assert has_ground(print_on(ground, ink), AT, HEIGHT)


@given(st.integers(100, 250))
def test_photographs_have_none_dark_or_light(contrast: int) -> None:
    picture = photograph(contrast)
    assert not has_ground(picture, AT, HEIGHT)
    assert not has_ground(255 - picture, AT, HEIGHT)


def test_what_is_beside_the_picture_is_not_doubted() -> None:
    assert has_ground(photograph(), (500.0, 20.0, 600.0, 50.0), HEIGHT)
