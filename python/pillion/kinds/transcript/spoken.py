"""Which language is spoken where: what the encoder made of a few seconds tells it, without encoding them anew.

A model that is told the wrong language does not fail: it translates, or invents. So a sound has its main language, and
what is surely in another one is read in that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import readings
from pillion.kinds.transcript.joined import Joined
from pillion.kinds.transcript.whisper import Span

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_LEAST_SECONDS = 2.0
"""Less speech does not tell its language."""
_ROWS_PER_SECOND = 50
"""Of the encoder's output."""
_ROWS = 6 * _ROWS_PER_SECOND
"""What is looked at of each piece. A shorter one is repeated, which is the same to the model's attention; of a longer
one they are taken at even steps, since a part that begins and ends within a sentence does not tell its language.

Measured: docs/performance-speech.md.
"""
_SURE = 0.6
_UNLIKELY = 0.05
"""Another language counts where its probability is at least the one, and the main one's at most the other."""
_DOUBTFUL_MAIN = 0.6
_SURE_OF_ALL = 0.9
"""Where the main language of the pieces is less likely than the one, that of all the windows counts if it is at least
as likely as the other. Of a single language the windows are that sure, of several ones they are not.

All measured: docs/performance-speech.md.
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some seconds of speech, and how likely each language (ISO 639-1) is spoken in it."""

    span: Span
    likely: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return self.span.end - self.span.start


def other(likely: Mapping[str, float], seconds: float, main: str) -> str:
    """The language of so many seconds of speech in a sound in ``main``: that, unless another one is certain."""
    return _certain(likely, seconds, main) or main


def _certain(likely: Mapping[str, float], seconds: float, main: str) -> str | None:
    """The language that is likeliest, if it is the main one or there is no doubt of it."""
    token = max(likely, key=lambda name: likely[name], default=main)
    if token == main:
        return main
    is_sure = likely[token] >= _SURE and likely.get(main, 0.0) <= _UNLIKELY
    return token if is_sure and seconds >= _LEAST_SECONDS else None


def main_of_sound(
    loaded: WhisperModel, pieces: Sequence[Piece], windows: Sequence[tuple[Span, NDArray[np.floating[Any]]]]
) -> tuple[str, float]:
    """The main language of a sound and its probability; ``windows``: what the encoder made of those the pieces are in.

    A few seconds are little to tell a language by, and a slip in one piece would read the whole sound in a language
    that nobody speaks. So where the pieces leave doubt, the windows are asked as a whole.
    """
    main, probability = main_of(pieces)
    if probability >= _DOUBTFUL_MAIN:
        return main, probability
    guesses = loaded.model.detect_language(readings.storage(np.stack([part for _, part in windows])))
    wholes = [Piece(span, likelihoods(guess)) for (span, _), guess in zip(windows, guesses, strict=True)]
    whole, sure = main_of(wholes)
    return (whole, sure) if sure >= _SURE_OF_ALL else (main, probability)


def main_of(pieces: Sequence[Piece]) -> tuple[str, float]:
    """The likeliest language of all pieces, where a longer one counts for more, and its probability."""
    total = sum(piece.seconds for piece in pieces)
    likely: dict[str, float] = {}
    for piece in pieces:
        for token, probability in piece.likely.items():
            likely[token] = likely.get(token, 0.0) + probability * piece.seconds / total
    token = max(likely, key=lambda name: likely[name])
    return token, likely[token]


def in_languages(pieces: Sequence[Piece], main: str) -> list[tuple[Span, str]]:
    """The speech of these pieces in order, parted where the language changes.

    A piece in doubt is in the language before it, or else in the one after it.
    """
    certain = [_certain(piece.likely, piece.seconds, main) for piece in pieces]
    language = next((one for one in certain if one), main)
    found: list[tuple[Span, str]] = []
    for piece, known in zip(pieces, certain, strict=True):
        language = known or language
        if found and found[-1][1] == language:
            found[-1] = (Span(found[-1][0].start, piece.span.end), language)
        else:
            found.append((piece.span, language))
    return found


def heard(
    loaded: WhisperModel, joined: Joined, part: NDArray[np.floating[Any]], spans: Sequence[Span]
) -> list[list[Piece]]:
    """The pieces of each stretch that is read together; ``part`` is what the encoder made of them.

    ``spans``: where in the sound there is speech.
    """
    pieces = [_pieces(stretch, spans) for stretch in joined.stretches]
    rows = [_rows(part, joined, number, span) for number, found in enumerate(pieces) for span in found]
    guesses = iter(loaded.model.detect_language(readings.storage(np.stack(rows))))
    return [[Piece(span, likelihoods(next(guesses))) for span in found] for found in pieces]


def likelihoods(guesses: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The model's guesses by language."""
    return {token.strip("<|>"): float(probability) for token, probability in guesses}


def _pieces(stretch: Span, spans: Sequence[Span]) -> list[Span]:
    """The spans of speech in a stretch, those that are too short to tell their language joined with the next."""
    found: list[Span] = []
    for span in spans:
        if span.end <= stretch.start or span.start >= stretch.end:
            continue
        if found and found[-1].end - found[-1].start < _LEAST_SECONDS:
            found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    if len(found) > 1 and found[-1].end - found[-1].start < _LEAST_SECONDS:
        found[-2:] = [Span(found[-2].start, found[-1].end)]
    return found or [stretch]


def _rows(part: NDArray[np.floating[Any]], joined: Joined, number: int, span: Span) -> NDArray[np.floating[Any]]:
    """What the encoder made of a span of that stretch: of a long one rows all over it, a short one again and again."""
    first, last = (round(joined.heard_at(number, time) * _ROWS_PER_SECOND) for time in (span.start, span.end))
    first = min(max(first, 0), len(part) - 1)
    rows = part[first : max(last, first + 1)]
    if len(rows) <= _ROWS:
        return np.resize(rows, (_ROWS, part.shape[1]))
    steps = np.linspace(0, len(rows) - 1, _ROWS).round().astype(int)
    return np.take(rows, steps, axis=0)
