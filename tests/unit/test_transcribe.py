"""Long sound in windows, and words in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.transcript import transcribe
from pillion.kinds.transcript.transcribe import cut_at, sentences
from pillion.kinds.transcript.whisper import RecognisedWord, Span, windows

RATE = 16_000


def words(*spoken: tuple[str, float, float]) -> list[RecognisedWord]:
    return [RecognisedWord(text, start, end, 0.9) for text, start, end in spoken]


def test_sentences_end_with_punctuation() -> None:
    found = sentences(words((" Hello", 0, 1), (" there.", 1, 2), (" Go", 2, 3), (" on", 3, 4)), 100)
    assert [(segment.text, segment.start, segment.end) for segment in found] == [
        ("Hello there.", 100, 102),
        ("Go on", 102, 104),
    ]
    assert [word.text for word in found[0].words] == ["Hello", "there."]


def test_a_pause_ends_a_sentence() -> None:
    assert len(sentences(words((" one", 0, 1), (" two", 2.5, 3)), 0)) == 2


def test_a_long_sentence_ends_at_a_comma() -> None:
    spoken = words(*((" word,", float(second), second + 0.9) for second in range(40)))
    assert [len(segment.words) for segment in sentences(spoken, 0)] == [16, 16, 8]


def test_words_of_languages_without_spaces_are_joined_as_they_are() -> None:
    assert sentences(words(("今日", 0, 1), ("は。", 1, 2)), 0)[0].text == "今日は。"


def test_spans_are_joined_into_windows() -> None:
    spans = [Span(0, 4), Span(5, 20), Span(21, 33), Span(40, 42)]
    assert windows(spans) == [Span(0, 20), Span(21, 33), Span(40, 42)]


def test_a_window_is_cut_in_the_longest_pause_of_its_last_minute() -> None:
    samples = np.zeros(600 * RATE, dtype=np.float32)
    spans = [Span(0, 100), Span(200, 550), Span(551, 570), Span(574, 600)]
    assert cut_at(samples, spans) == 572 * RATE


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    samples = np.ones(600 * RATE, dtype=np.float32)
    samples[580 * RATE : 581 * RATE] = 0
    spans = [Span(second, second + 30) for second in range(0, 600, 30)]
    assert 580 * RATE <= cut_at(samples, spans) <= 581 * RATE


def test_windows_lose_no_sample_and_no_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """One voice without a pause: every moment is in exactly one window, and so is its speech."""

    def always(samples: NDArray[np.float32]) -> list[Span]:
        seconds = len(samples) / RATE
        return [Span(start, min(start + 30, seconds)) for start in np.arange(0, seconds, 30)]

    monkeypatch.setattr(transcribe.whisper, "speech", always)
    total = 1500

    def blocks() -> Iterator[NDArray[np.float32]]:
        for second in range(total):
            yield np.full(RATE, second, dtype=np.float32)

    found = list(transcribe._windows(blocks()))
    assert len(found) == 6
    assert all(len(window.samples) <= 300 * RATE for window in found)
    heard = np.concatenate([window.samples for window in found])
    assert np.array_equal(heard, np.repeat(np.arange(total, dtype=np.float32), RATE))
    spoken = sum(span.end - span.start for window in found for span in window.spans)
    assert spoken == pytest.approx(total, abs=0.1)
