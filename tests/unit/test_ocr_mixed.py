"""Words in Latin letters are found in lines of Cyrillic ones, and nothing else of these changes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pillion.kinds.ocr.layout import Piece
from pillion.kinds.ocr.mixed import mixed, with_latin_words
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

Said = tuple[str, float, int, int]
"""A word, its confidence, and from where to where in its line."""


def words(*said: Said, top: float = 0) -> tuple[RecognisedWord, ...]:
    return tuple(RecognisedWord(text, sure, (left, top, right, top + 10)) for text, sure, left, right in said)


def line(*said: Said, top: float = 0) -> RecognisedLine:
    return RecognisedLine(words(*said, top=top), (0, top, 200, top + 10), True)


def text(one: RecognisedLine) -> list[str]:
    return [word.text for word in one.words]


@pytest.mark.parametrize(
    ("own", "latin", "want"),
    [
        # Both readings are of real lines.
        (
            [("командой", 93, 0, 40), ("шК%ех!зг", 9, 45, 80), ("или", 97, 85, 99)],
            [("KoMaHO", 5, 0, 40), ("mktexlsr", 83, 45, 80), ("uu", 41, 85, 99)],
            ["командой", "mktexlsr", "или"],
        ),
        # Words that stand in one place are taken together.
        (
            [("директории", 93, 0, 40), ("ТЕХМЕГОСАГ", 90, 45, 80), ("/4ех/Лавех", 0, 81, 120)],
            [("AUpekropun", 10, 0, 40), ("TEXMFLOCAL/tex/latex", 89, 45, 120)],
            ["директории", "TEXMFLOCAL/tex/latex"],
        ),
        # Beside one another may be that seemed to be sure.
        (
            [("Ше", 88, 0, 20), ("дабаЪазе»", 0, 25, 60), ("в", 97, 65, 70)],
            [("file", 96, 0, 20), ("database»", 93, 25, 60), ("B", 92, 65, 70)],
            ["file", "database»", "в"],
        ),
        ([("ЗегрепЕ", 65, 0, 40)], [("serpent", 93, 0, 40)], ["serpent"]),
        # What looks alike is Cyrillic.
        ([("база,", 70, 0, 30)], [("6a3a", 89, 0, 30)], ["база,"]),
        ([("на", 55, 0, 10), ("Ттях", 10, 12, 40)], [("Ha", 93, 0, 10), ("Linux", 97, 12, 40)], ["на", "Linux"]),
        ([("аргументы-—текстовые", 44, 0, 99)], [("apryMeHTbI—TeKCTOBbIe", 63, 0, 99)], ["аргументы-—текстовые"]),
        # What only one of both reads stays as it is.
        ([("слово", 40, 0, 30)], [("tlmgr", 97, 50, 80)], ["слово"]),
        ([("3.4.5", 30, 0, 30)], [("3.4.5", 97, 0, 30)], ["3.4.5"]),
    ],
)
def test_what_a_line_says(own: list[Said], latin: list[Said], want: list[str]) -> None:
    assert text(mixed(line(*own), words(*latin))) == want


def test_words_of_other_lines_are_left_out() -> None:
    assert text(mixed(line(("Пит.", 5, 0, 30)), words(("tlmgr.", 95, 0, 30), top=11))) == ["Пит."]


def pages(languages: tuple[str, ...], first: tuple[str, ...]) -> tuple[list[list[str]], list[int]]:
    """What two lines say of which one has a word in Latin letters; how many pieces were read again each time."""
    asked: list[int] = []

    def read(_gray: object, pieces: Sequence[Piece], latin: tuple[str, ...]) -> RecognisedText:
        assert latin == first[:1]
        asked.append(len(pieces))
        return RecognisedText((line(("tlmgr.", 95, 0, 30)),))

    lines = line(("Пит.", 5, 0, 30), ("или", 97, 40, 60)), line(("нужны", 97, 0, 30), top=20)
    areas = [(0, top, 60, top + 10) for top in (0, 20)]
    pieces = tuple(Piece(area, (area[1], area[3]), area, starts_line=True, starts_paragraph=True) for area in areas)
    segment = Segment(np.zeros((40, 200), np.uint8), pieces=pieces)
    recognisers = cast(Any, SimpleNamespace(languages=first, read=read))
    (found,) = with_latin_words([segment], [RecognisedText(lines)], languages, recognisers)
    return [text(one) for one in found.lines], asked


def test_only_lines_in_doubt_are_read_again() -> None:
    assert pages(("rus",), ("eng", "deu")) == ([["tlmgr.", "или"], ["нужны"]], [1])


@pytest.mark.parametrize(
    ("languages", "first"),
    [
        (("fra",), ("eng",)),
        (("rus",), ("ell",)),
        (("kor",), ("eng",)),
        ((), ("eng",)),
        (("script/Cyrillic",), ("eng",)),
    ],
)
def test_pages_that_are_not_read_again(languages: tuple[str, ...], first: tuple[str, ...]) -> None:
    assert pages(languages, first) == ([["Пит.", "или"], ["нужны"]], [])
