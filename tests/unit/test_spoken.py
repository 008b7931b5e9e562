"""Which language a piece of speech counts as, without a model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.transcript import readings, spoken
from pillion.kinds.transcript.joined import Joined
from pillion.kinds.transcript.spoken import Piece
from pillion.kinds.transcript.whisper import Span

GERMAN = {"de": 0.9, "en": 0.03}
PERHAPS_GERMAN = {"de": 0.5, "en": 0.3}
ENGLISH = {"en": 0.9, "de": 0.03}


@pytest.mark.parametrize(
    ("likely", "seconds", "language"),
    [
        (GERMAN, 4.0, "de"),
        (GERMAN, 1.5, "en"),
        (PERHAPS_GERMAN, 4.0, "en"),
        ({"de": 0.7, "en": 0.2}, 4.0, "en"),
        (ENGLISH, 4.0, "en"),
        ({}, 4.0, "en"),
    ],
)
def test_another_language_counts_only_where_it_is_certain(
    likely: dict[str, float], seconds: float, language: str
) -> None:
    assert spoken.other(likely, seconds, "en") == language


def test_a_piece_in_doubt_is_in_the_language_before_it_or_after_it() -> None:
    def parted(*likely: dict[str, float]) -> list[tuple[float, float, str]]:
        pieces = [Piece(Span(start * 5.0, start * 5.0 + 4), found) for start, found in enumerate(likely)]
        return [(span.start, span.end, language) for span, language in spoken.in_languages(pieces, "en")]

    assert parted(GERMAN, PERHAPS_GERMAN) == [(0, 9, "de")]
    assert parted(PERHAPS_GERMAN, GERMAN, ENGLISH) == [(0, 9, "de"), (10, 14, "en")]
    assert parted(ENGLISH, PERHAPS_GERMAN) == [(0, 9, "en")]
    assert parted(PERHAPS_GERMAN) == [(0, 4, "en")]


def test_a_longer_piece_tells_more_of_the_main_language() -> None:
    pieces = [Piece(Span(0.0, 2.0), ENGLISH), Piece(Span(3.0, 9.0), GERMAN)]
    language, probability = spoken.main_of(pieces)
    assert language == "de"
    assert probability == pytest.approx((2 * 0.03 + 6 * 0.9) / 8)


def test_a_language_is_told_from_the_whole_of_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NDArray[np.float32]] = []

    def detect(rows: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        asked.extend(rows)
        return [[("<|de|>", 1.0)] for _ in rows]

    monkeypatch.setattr(readings, "storage", lambda array: array)
    model: Any = SimpleNamespace(model=SimpleNamespace(detect_language=detect))
    spans = [Span(0.0, 12.0), Span(12.0, 15.0)]
    numbered = np.arange(1500, dtype=np.float32)[:, np.newaxis]
    (pieces,) = spoken.heard(model, Joined((Span(0.0, 15.0),)), numbered, spans)
    assert [(piece.span, piece.likely) for piece in pieces] == [(span, {"de": 1.0}) for span in spans]
    long, short = (rows[:, 0] for rows in asked)
    assert (long[0], long[-1], len(long)) == (0, 599, 300)
    assert set(np.diff(long)) <= {2, 3}
    assert short.tolist() == [*range(600, 750), *range(600, 750)]
