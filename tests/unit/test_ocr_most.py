"""The language of a page is that of most of its text, and each segment is kept in the one that suits it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pillion.kinds.ocr.most import in_language_of_most
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

BOX = (0.0, 0.0, 9.0, 9.0)
ENGLISH, FRENCH, RUSSIAN = ("eng",), ("fra",), ("rus",)


def said(letters: int, confidence: float) -> RecognisedText:
    return RecognisedText((RecognisedLine((RecognisedWord("x" * letters, confidence, BOX),), BOX, False),))


def result(
    done: Sequence[tuple[int, float]],
    again: dict[tuple[str, ...], Sequence[float]],
    *tried: tuple[tuple[str, ...], ...],
) -> tuple[tuple[str, ...], list[float], list[int]]:
    """The languages and the confidence of each segment; and of how many letters it was asked."""
    texts = [said(*one) for one in done]
    asked: list[int] = []

    def to_try(text: RecognisedText) -> tuple[tuple[str, ...], ...]:
        asked.append(len(text.text.replace("\n", "")))
        return tried[len(asked) - 1] if len(asked) <= len(tried) else ()

    def read(some: Sequence[Segment], languages: tuple[str, ...]) -> list[RecognisedText]:
        return [said(done[one.place][0], again[languages][one.place]) for one in some]

    segments = [Segment(np.zeros((1, 1), np.uint8), place=place) for place in range(len(done))]
    languages, kept = in_language_of_most(texts, ENGLISH, to_try, read, segments)
    return languages, [text.confidence for text in kept], asked


def test_a_note_in_another_language_stays_in_its_own() -> None:
    done = [(400, 96), (300, 91), (300, 93), (20, 94)]
    again = {FRENCH: [0, 95, 96, 50]}
    assert result(done, again, (FRENCH,)) == (FRENCH, [96, 95, 96, 94], [620])


def test_of_several_scripts_the_one_in_which_least_sense_becomes_most() -> None:
    done = [(300, 86), (500, 56), (480, 46)]
    again = {("kor",): [20, 20, 20], RUSSIAN: [70, 90, 92]}
    assert result(done, again, (), (("kor",), RUSSIAN)) == (RUSSIAN, [86, 90, 92], [1280, 480])


@pytest.mark.parametrize(
    ("done", "again", "asked"),
    [
        ([(400, 96), (300, 91)], {}, []),
        ([(400, 94), (300, 91)], {FRENCH: [90, 93]}, [700]),
        ([(400, 94), (300, 91)], {FRENCH: [94, 91]}, [700]),
    ],
)
def test_the_language_stays_that_of_most(
    done: Sequence[tuple[int, float]], again: dict[tuple[str, ...], Sequence[float]], asked: list[int]
) -> None:
    assert result(done, again, (FRENCH,)) == (ENGLISH, [sure for _, sure in done], asked)


def test_where_nothing_else_is_to_be_tried_nothing_is_read_again() -> None:
    assert result([(400, 60)], {}) == (ENGLISH, [60], [400, 400])
