"""Which reading of a sound counts, without a model: loops, refrains, guesses, and words that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pillion.kinds.transcript import loops, readings, whisper
from pillion.kinds.transcript.readings import Reading, Way
from pillion.kinds.transcript.whisper import RecognisedWord

SECONDS = 20.0
LOOP = "Hello. " * 13
SONG = "Row, row, row your boat gently down the stream. " * 6


def reading(text: str, *, sure: float = -0.3, no_speech: float = 0.1, until: float = SECONDS) -> Reading:
    words = (RecognisedWord(text, 0.0, until, 0.9),) if text else ()
    return Reading("en", 0.9, tuple(range(len(text.split()))), text, sure, no_speech, words=words)


def best(monkeypatch: pytest.MonkeyPatch, first: Reading, timed: Reading, penalised: Reading | None = None) -> Reading:
    """The choice where other ways give these; another way that is not given must not be tried."""

    def read(_model: Any, _part: Any, _languages: Sequence[str], frames: int, way: Way) -> list[Reading]:
        found = timed if way.timed else penalised
        assert found is not None
        # No more is to be said than fits the sound, however long the window.
        assert frames == SECONDS * 100
        return [found]

    monkeypatch.setattr(readings, "read", read)
    monkeypatch.setattr(readings, "storage", lambda array: array)
    monkeypatch.setattr(readings, "with_words", lambda _model, one, _part, _size: one)
    size = round(SECONDS * whisper.SAMPLE_RATE)
    no_model: Any = None
    return readings.best(no_model, np.zeros((1, 1), np.float32), size, first)


def test_a_good_reading_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    good = reading("What is said.")
    assert best(monkeypatch, good, reading("Something else.")) is good


def test_a_loop_gives_way_to_another_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    said = reading("Bella, come on. No, I am not afraid of you.", sure=-0.8)
    assert best(monkeypatch, reading(LOOP), said).text == said.text


def test_a_loop_that_no_reading_ends_is_dropped_at_any_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    found = best(monkeypatch, reading(LOOP), reading("Hello. " * 40), reading("Bye. " * 30))
    assert found.drop_reason == "repetition"


def test_a_refrain_that_is_read_alike_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = best(monkeypatch, reading(SONG), reading(SONG.replace(",", "")))
    assert found.text == SONG
    assert found.drop_reason == ""


def test_a_loop_in_two_readings_is_no_refrain(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "then " * 60
    first, quick = f"Work, all work is done here. If that is {loop}", f"I see the town is the last. But if it is {loop}"
    assert readings.says_the_same(first, quick)
    found = best(monkeypatch, reading(first), reading(quick), reading("Call us again on Friday.", sure=-0.8))
    assert found.text == "Call us again on Friday."


@pytest.mark.parametrize(
    ("one", "other", "as_often"),
    [
        ("la " * 12 + "and on we go", "La, la. " * 6 + "and on we go!", True),
        ("la " * 60 + "and on we go", "la " * 56 + "and on we go", False),
        ("Eins zwei drei. " * 6, "Eins, zwei, drei, " * 6, True),
        ("We went home. " * 4, "We went hone. " * 4, True),  # too few to be a loop
        ("然后" * 30, "然后" * 25, False),
        ("Lairiksan" + "j" * 60, "Lairiksan" + "j" * 66, False),  # within a word
        ("然后" * 30 + "再见", "然后。" * 30 + "再见。", True),
    ],
)
def test_how_often_is_compared_where_a_phrase_is_said_five_times(one: str, other: str, as_often: bool) -> None:
    assert readings.repeats_as_often(one, other) is as_often


@pytest.mark.parametrize(
    ("text", "repetitive"),
    [
        ("Thank you, uncle, uncle, uncle, uncle, uncle.", True),  # too short to compress
        ("No, no, no, no.", False),
        ("就情依依依依依依依", True),
        ("就情依依", False),
        ("ขอบคุณครับครับครับครับครับ", True),
        ("Hahahahahaha, said he.", False),
        ("Lairiksan" + "j" * 60, True),
        ("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz", False),
        ("", False),
    ],
)
def test_a_phrase_that_follows_itself_five_times_may_be_a_loop_in_a_short_text(text: str, repetitive: bool) -> None:
    assert loops.is_repetitive(text) is repetitive


def test_a_short_loop_gives_way_to_another_reading_and_a_short_refrain_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said = reading("Thank you for the call.", sure=-0.8)
    assert best(monkeypatch, reading("Thank you" + ", uncle" * 7), said).text == said.text
    found = best(monkeypatch, reading("No, no, no, no, no!"), reading("No no no no no."))
    assert (found.text, found.drop_reason) == ("No, no, no, no, no!", "")


def test_a_quick_reading_is_enough_for_a_refrain(monkeypatch: pytest.MonkeyPatch) -> None:
    beams: list[int] = []
    monkeypatch.setattr(readings, "storage", lambda array: array)

    def read(_model: Any, _part: Any, _languages: Sequence[str], _frames: int, way: Way) -> list[Reading]:
        beams.append(way.beam)
        return [reading(SONG)]

    monkeypatch.setattr(readings, "read", read)
    no_model: Any = None
    found = readings.best(no_model, np.zeros((1, 1), np.float32), 16_000, reading(SONG))
    assert found.confirmed
    assert beams == [1]


def test_a_quick_reading_that_does_not_loop_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[Way] = []
    monkeypatch.setattr(readings, "storage", lambda array: array)
    monkeypatch.setattr(readings, "with_words", lambda _model, one, _part, _size: one)

    def read(_model: Any, _part: Any, _languages: Sequence[str], _frames: int, way: Way) -> list[Reading]:
        ways.append(way)
        return [reading("Hello, friend. I will be.", sure=-0.7)]

    monkeypatch.setattr(readings, "read", read)
    no_model: Any = None
    size = round(SECONDS * whisper.SAMPLE_RATE)
    assert readings.best(no_model, np.zeros((1, 1), np.float32), size, reading(LOOP)).text.startswith("Hello, friend")
    assert [way.beam for way in ways] == [1]


def test_a_guess_is_compared_with_a_reading_with_times(monkeypatch: pytest.MonkeyPatch) -> None:
    guess = reading("Something.", sure=-1.4)
    assert best(monkeypatch, guess, reading("Worse.", sure=-1.9)) is guess
    assert best(monkeypatch, guess, reading("Said.", sure=-0.4)).text == "Said."


def test_speech_that_is_not_read_to_its_end_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reading("All that is said.", sure=-0.5)
    assert best(monkeypatch, reading("All that", until=4.0), whole).text == whole.text


def test_what_the_model_takes_for_no_speech_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for likely, sure in ((0.7, -1.1), (0.5, -1.6), (0.45, -1.1)):
        noise = reading("you", sure=sure, no_speech=likely)
        assert best(monkeypatch, noise, reading("Thank you.")) is noise
        assert noise.drop_reason == "no_speech"
    assert reading("you", sure=-0.9, no_speech=0.9).drop_reason == ""
