"""Words in Latin letters within Cyrillic print: names of programs, addresses, quotations.

Tesseract's data for a language in Cyrillic letters has no others, so it reads these words as nonsense, unsurely. Lines
with such words are read once more in a language in Latin letters, in which those are sure and the rest is nonsense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.models import LANGUAGES
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

if TYPE_CHECKING:
    from pillion.kinds.ocr.page import PageRecogniser

_UNSURE = 80.0
"""A line with a word below this confidence may have words in Latin letters."""
_READINGS = ((65.0, 20.0, 60.0), (88.0, 10.0, 100.0))
"""Words are in Latin letters that are read so with this confidence at least, surer by so much, and else with less than
this: of 241 and more places on 17 pages 208 are then right that were not, and two are not that were."""
_SURE = 90.0
"""Beside a word in Latin letters another may be in these that seemed to be sure, as short ones do ("Ше" for "file")."""
_UNLIKE = frozenset("dfghijlqrstvwzDFGIJLNQRSUVWZ")
"""Letters that no Cyrillic one is read as: "на" is read as "Ha", surely."""


def with_latin_words(
    segments: Sequence[Segment],
    texts: Sequence[RecognisedText],
    languages: tuple[str, ...],
    recognisers: PageRecogniser,
) -> Sequence[RecognisedText]:
    """The texts of a page's segments in ``languages``, with the words in Latin letters that they have wrong.

    They are read in the first of the languages that are tried first, where that is in Latin letters.
    """
    latin = recognisers.languages[:1]
    if _script(languages[:1]) != "cyrl" or _script(latin) != "latn":
        return texts
    return [_with_latin(segment, text, latin, recognisers) for segment, text in zip(segments, texts, strict=True)]


def _script(languages: tuple[str, ...]) -> str:
    return LANGUAGES[languages[0]].script if languages and languages[0] in LANGUAGES else ""


def _with_latin(
    segment: Segment, text: RecognisedText, latin: tuple[str, ...], recognisers: PageRecogniser
) -> RecognisedText:
    unsure = [line for line in text.lines if any(word.confidence < _UNSURE for word in line.words)]
    pieces = [piece for piece in segment.pieces or () if any(_is_in(piece.area, line) for line in unsure)]
    again = recognisers.read(segment.gray, pieces, latin) if pieces else None
    if again is None:
        return text
    words = [word for line in again.lines for word in line.words]
    return replace(text, lines=tuple(mixed(line, words) if line in unsure else line for line in text.lines))


def _is_in(box: Sequence[float], line: RecognisedLine) -> bool:
    """Whether the middle of a box is in the rows of a line, and some of it in its columns."""
    left, top, right, bottom = line.box
    return top < (box[1] + box[3]) / 2 < bottom and box[0] < right and box[2] > left


def mixed(line: RecognisedLine, latin: Sequence[RecognisedWord]) -> RecognisedLine:
    """A line with those of the words in Latin letters, wherever they are, that are in the place of unsure ones."""
    places = list(_places(line.words, [word for word in latin if _is_in(word.box, line)]))
    taken = [_is_latin(own, other) for own, other in places]
    beside = [any(taken[max(0, number - 1) : number + 2]) for number in range(len(places))]
    words = [
        word
        for (own, other), is_latin, near in zip(places, taken, beside, strict=True)
        for word in (other if is_latin or (near and _is_latin_beside(own, other)) else own)
    ]
    return replace(line, words=tuple(words))


_Words = list[RecognisedWord]


def _places(own: Sequence[RecognisedWord], other: Sequence[RecognisedWord]) -> Iterator[tuple[_Words, _Words]]:
    """The words of both readings that share columns, from left to right."""
    here: tuple[_Words, _Words] = [], []
    end = float("-inf")
    for left, number, word in sorted(
        ((word.box[0], number, word) for number, words in enumerate((own, other)) for word in words),
        key=lambda one: one[:2],
    ):
        if left >= end and end > float("-inf"):
            yield here
            here = [], []
        here[number].append(word)
        end = max(end, word.box[2])
    if end > float("-inf"):
        yield here


def _is_latin(own: _Words, other: _Words) -> bool:
    before, after = _confidence(own), _confidence(other)
    is_surer = any(after >= sure and after - before >= more and before < most for sure, more, most in _READINGS)
    return is_surer and _has_unlike(other)


def _is_latin_beside(own: _Words, other: _Words) -> bool:
    return _confidence(other) >= max(_SURE, _confidence(own)) and _has_unlike(other)


def _has_unlike(words: _Words) -> bool:
    return any(not _UNLIKE.isdisjoint(word.text) for word in words)


def _confidence(words: _Words) -> float:
    """Mean over the characters; 100 where there is no word, which stays so."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 100.0
