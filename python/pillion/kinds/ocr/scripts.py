"""Scripts that are written without spaces between words or from right to left, and the language of a text.

The only importer of py3langid.
"""

from __future__ import annotations

import copy
import functools
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from pillion.kinds.ocr.models import LANGUAGES

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


# the language of a text -----------------------------------------------------------------------------------------------

_MIN_LETTERS = 24
"""A shorter text does not show which language it is in."""
_LIKELY = 0.8
_loading = threading.Lock()


def language_of(text: str, codes: Iterable[str]) -> str | None:
    """In which of these languages (Tesseract's codes) a text is; None where that is not clear."""
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        return None
    by_iso = {LANGUAGES[code].iso: code for code in codes if code in LANGUAGES}
    iso, probability = identify_language(text, by_iso)
    return by_iso[iso] if probability >= _LIKELY else None


def identify_language(text: str, among: Iterable[str]) -> tuple[str, float]:
    """The likeliest of some languages (ISO 639-1) and its probability, 0 to 1, by py3langid.

    ``("", 0.0)`` when py3langid knows fewer than two of them.
    """
    with _loading:
        codes = tuple(sorted(set(among) & identifiable_languages()))
        identifier = _identifier(codes) if len(codes) > 1 else None
    if identifier is None:
        return "", 0.0
    code, probability = identifier.classify(text)
    return str(code), float(probability)


@functools.cache
def identifiable_languages() -> frozenset[str]:
    """All languages that py3langid knows (ISO 639-1). Loads its model: half a second, 70 MB."""
    return frozenset(str(code) for code in _langid_model().labels)


@functools.lru_cache(maxsize=4)
def _identifier(codes: tuple[str, ...]) -> Any:
    """A shallow copy for these languages: the large tables are shared."""
    identifier = copy.copy(_langid_model())
    identifier.set_languages(list(codes))
    return identifier


@functools.cache
def _langid_model() -> Any:
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
