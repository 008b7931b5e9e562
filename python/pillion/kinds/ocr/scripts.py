"""Scripts that are written otherwise than Latin: without spaces between words, or from right to left."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_UNSPACED = (
    ("\u3000", "\u30ff"),
    ("\u31f0", "\u31ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff01", "\uff9f"),
    ("\U00020000", "\U0003ffff"),
)
"""Unicode blocks of Chinese and Japanese: ideographs, kana, their punctuation, and full-width forms. Not Korean."""
_FIRST_TO_RUN_LEFT = "\u0590"


def joined(words: Sequence[str]) -> str:
    """Words separated by spaces, except in scripts that are written without them."""
    text = ""
    for word in words:
        closed = text and word and _is_unspaced(text[-1]) and _is_unspaced(word[0])
        text += word if closed or not text else f" {word}"
    return text


def joined_lines(lines: Iterable[Sequence[str]]) -> list[str]:
    """Each line's words, joined so."""
    return [joined(words) for words in lines]


def are_unspaced(words: Iterable[str]) -> bool:
    """Whether most letters are Chinese or Japanese."""
    letters = [character for word in words for character in word if character.isalpha()]
    return bool(letters) and 2 * sum(map(_is_unspaced, letters)) > len(letters)


def _is_unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in _UNSPACED)


def mostly_run_left(texts: Iterable[str]) -> bool:
    """Whether most letters are of a script that runs from right to left: Arabic, Hebrew, Syriac, Thaana."""
    texts = list(texts)
    to_left = sum(_runs_left(letter) for text in texts for letter in text if letter >= _FIRST_TO_RUN_LEFT)
    return to_left > 0 and 2 * to_left > sum(character.isalpha() for text in texts for character in text)


def has_letters_to_left(text: str) -> bool:
    """Whether there are letters of such a script at all."""
    return not text.isascii() and any(map(_runs_left, text))


def _runs_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")
