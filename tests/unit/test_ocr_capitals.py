"""A capital I that was read as a bar is told by its height and by the words around it."""

from __future__ import annotations

import pytest

from pillion.kinds.ocr.segments import with_capitals
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

BELOW = set("gjpqy|,;")


def said(text: str, bar: int = 20) -> str:
    """A line of print as it is stored. Capitals are 20 pixels high, bars as given, small letters 14; tails 5."""
    words = []
    for number, word in enumerate(text.split()):
        if word == "|":
            top, bottom = 100, 100 + bar
        else:
            top = 100 if any(letter.isupper() or letter.isdigit() or letter in "bdfhklt" for letter in word) else 106
            bottom = 125 if BELOW & set(word) else 120
        words.append(RecognisedWord(word, 95.0, (100.0 * number, top, 100.0 * number + 80, bottom)))
    line = RecognisedLine(tuple(words), (0.0, 100.0, 900.0, 125.0), paragraph=True)
    (found,) = with_capitals(RecognisedText((line,))).lines
    return " ".join(word.text for word in found.words)


@pytest.mark.parametrize(
    ("read", "means"),
    [
        ("In the last months, | have been there", "In the last months, I have been there"),
        ("| speak and understand", "I speak and understand"),
        ("analysis of it. For one, |", "analysis of it. For one, I"),
        ("(2) | must file a form", "(2) I must file a form"),
        ("It is said that |'ve gone and |’m back", "It is said that I've gone and I’m back"),
    ],
)
def test_a_bar_that_is_a_capital(read: str, means: str) -> None:
    assert said(read) == means


@pytest.mark.parametrize(
    "read",
    [
        # Programs, tables, formulas.
        "cat myfile.txt | sort and count",
        "the sort | ./count of words",
        "SYNC | cs | SC",
        "those {x} | where it holds",
        "about -4.0 | 34% of them",
        "a|b is said so",
    ],
)
def test_what_is_a_bar(read: str) -> None:
    assert said(read) == read


def test_a_bar_goes_below_the_line() -> None:
    read = "Open Foundation | a hub for all of us"
    assert said(read, bar=25) == read
    assert said(read, bar=20) == "Open Foundation I a hub for all of us"


def test_without_words_as_high_as_capitals_nothing_is_said() -> None:
    read = "one | give you my money"
    assert said(read) == read
