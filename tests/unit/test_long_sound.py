"""Windows of speech longer than a clip, without a model: what is encoded, what tells the language, and the times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.transcript import clips, long_sound, readings, whisper
from pillion.kinds.transcript.readings import FULL_FRAMES, Reading
from pillion.kinds.transcript.whisper import RecognisedWord, Span

LANGUAGES = {"<|en|>": 0.7, "<|de|>": 0.3}


class Heard:
    """What the stand-ins were asked for: the windows' lengths in seconds."""

    def __init__(self) -> None:
        self.encoded: list[int] = []
        self.batches: list[int] = []
        self.read_in: set[str] = set()
        self.clips: list[tuple[int, str | None]] = []
        self.likely: list[dict[str, float]] = []
        self.to_say: list[Reading] = []
        self.sure: dict[str, float] = {}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """A model whose every text is two words, over the first half of its window and the second."""
    heard = Heard()

    def encoded(_model: Any, sounds: Sequence[NDArray[np.float32]], frames: int) -> NDArray[np.float32]:
        assert frames == FULL_FRAMES
        heard.encoded += [_seconds(sound) for sound in sounds]
        heard.batches.append(len(sounds))
        return np.zeros((len(sounds), 1, 1), np.float32)

    def read(_model: Any, part: NDArray[np.float32], languages: Sequence[str], _frames: int) -> list[Reading]:
        heard.read_in.update(languages)
        assert len(part) == len(languages)
        return [heard.to_say.pop(0) if heard.to_say else _reading(language) for language in languages]

    def detect(parts: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        return [list((heard.likely.pop(0) if heard.likely else LANGUAGES).items()) for _ in parts]

    def as_clips(sounds: Sequence[clips.Clip], **_: Any) -> list[whisper.Recognised]:
        heard.clips += [(_seconds(sound.samples), sound.language or sound.around) for sound in sounds]
        return [
            whisper.Recognised("en", 1.0, (_reading(name or "en", 1.0, sure=heard.sure.get(name, -0.2)).segment(2.0),))
            for name in (sound.language or sound.around or "" for sound in sounds)
        ]

    inner = SimpleNamespace(is_multilingual=True, detect_language=detect)
    loaded = SimpleNamespace(model=inner, supported_languages=["en", "de"])
    monkeypatch.setattr(whisper, "loaded", lambda _model: loaded)
    monkeypatch.setattr(readings, "encoded", encoded)
    monkeypatch.setattr(readings, "storage", lambda array: array)
    monkeypatch.setattr(readings, "read", read)
    monkeypatch.setattr(readings, "with_words", lambda _model, one, _part, _size: one)
    monkeypatch.setattr(readings, "best", lambda _model, _part, _size, first: first)
    monkeypatch.setattr(clips, "recognise", as_clips)
    return heard


def _seconds(sound: NDArray[np.float32]) -> int:
    return round(len(sound) / whisper.SAMPLE_RATE)


def _reading(language: str, *starts: float, sure: float = -0.2) -> Reading:
    words = tuple(RecognisedWord(" Word.", start, start + 1, 0.9) for start in starts)
    words = words or (RecognisedWord(" Word.", 0.0, 13.0, 0.9), RecognisedWord(" Word.", 14.0, 30.0, 0.9))
    text = "".join(f" Word {number}." for number in range(len(words)))
    return Reading(language, 1.0, (1,), text, sure, 0.1, words=words)


Recognise = Callable[..., whisper.Recognised]


@pytest.fixture
def recognise(heard: Heard) -> Recognise:
    sound = np.zeros(300 * whisper.SAMPLE_RATE, np.float32)

    def of(*spans: tuple[float, float], **options: Any) -> whisper.Recognised:
        return long_sound.recognise(sound, [Span(*span) for span in spans], model="base", **options)

    return of


def test_every_window_is_encoded_once_and_a_short_rest_is_a_clip(heard: Heard, recognise: Recognise) -> None:
    found = recognise((0, 28), (28, 56), (56, 84), (86, 88))
    assert heard.encoded == [28, 28, 28]
    assert heard.clips == [(2, "en")]
    assert [segment.start for segment in found.segments] == [0, 28, 56, 86]
    assert [segment.words[-1].start for segment in found.segments] == [14, 42, 70, 87]
    assert (found.language, found.language_probability) == ("en", 0.7)


def test_a_given_language_encodes_no_short_window_in_full(heard: Heard, recognise: Recognise) -> None:
    recognise((0, 5), (20, 46), language="de")
    assert heard.encoded == [26]
    assert heard.clips == [(5, "de")]
    assert heard.read_in == {"de"}


def test_the_language_is_that_of_twenty_seconds_of_speech(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [{"<|en|>": 0.9, "<|de|>": 0.1}, {"<|en|>": 0.2, "<|de|>": 0.8}]
    found = recognise((0, 12), (20, 40), (60, 70))
    assert found.language == "de"
    assert found.language_probability == pytest.approx((12 * 0.1 + 20 * 0.8) / 32)
    assert heard.encoded == [12, 20]
    assert heard.clips == [(10, "de")]


def test_a_few_words_in_a_long_silence_are_a_clip(heard: Heard, recognise: Recognise) -> None:
    found = recognise((100, 104))
    assert (heard.encoded, heard.clips) == ([], [(4, None)])
    assert found.segments[0].words[0].start == 101


def test_short_calls_are_read_together_and_have_their_own_times(heard: Heard, recognise: Recognise) -> None:
    heard.to_say = [_reading("en", 0.5, 4.2, 9.0)]
    found = recognise((10, 13), (60, 64), (100, 103))
    assert (heard.encoded, heard.clips) == ([12], [])
    assert [(segment.start, segment.end) for segment in found.segments] == [(10, 13), (60, 64), (100, 103)]
    words = [word for segment in found.segments for word in segment.words]
    # To the model the calls start at 0, 4 and 9 s: half a second is left of each end of a pause.
    assert [word.start for word in words] == pytest.approx([10.5, 60.2, 100.0])


def test_a_call_without_words_among_others_is_read_alone(heard: Heard, recognise: Recognise) -> None:
    heard.to_say = [_reading("en", 0.5, 9.0)]
    found = recognise((10, 13), (60, 64), (100, 103), language="en")
    assert heard.clips == [(4, "en")]
    assert [segment.start for segment in found.segments] == [10, 60, 100]


@pytest.mark.parametrize("bad", [_reading("en", 0.5, 4.2, 9.0, sure=-1.2), _reading("en", 0.5)])
def test_where_a_reading_of_calls_is_bad_each_is_read_alone(heard: Heard, recognise: Recognise, bad: Reading) -> None:
    heard.to_say = [bad]
    recognise((10, 13), (60, 64), (100, 103), language="en")
    assert heard.clips == [(3, "en"), (4, "en"), (3, "en")]


DOUBTFUL = {"<|la|>": 0.4, "<|de|>": 0.3, "<|en|>": 0.2}


def test_windows_tell_the_main_language_where_their_pieces_leave_doubt(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [DOUBTFUL, {"<|de|>": 0.95}]
    found = recognise((0, 28))
    assert (found.language, found.language_probability) == ("de", 0.95)
    assert heard.read_in == {"de"}


def test_windows_that_are_less_sure_leave_it_to_their_pieces(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [DOUBTFUL, {"<|de|>": 0.85}]
    assert recognise((0, 28)).language == "la"


def test_windows_are_not_asked_where_the_pieces_leave_no_doubt(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [{"<|en|>": 0.65}, {"<|de|>": 0.95}]
    assert recognise((0, 28)).language == "en"


def test_another_language_needs_to_be_certain(heard: Heard, recognise: Recognise) -> None:
    assert recognise((0, 28), before="de").language == "de"
    heard.likely = [{"<|en|>": 0.95}]
    assert recognise((0, 28), before="de").language == "en"


ENGLISH, GERMAN = {"<|en|>": 0.9, "<|de|>": 0.02}, {"<|en|>": 0.02, "<|de|>": 0.9}


def test_what_is_surely_in_another_language_is_read_in_it(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [ENGLISH, GERMAN, ENGLISH]
    found = recognise((0, 9), (20, 27), (40, 48))
    assert (heard.encoded, sorted(heard.clips)) == ([26], [(7, "de"), (8, "en"), (9, "en")])
    assert [(segment.start, segment.language) for segment in found.segments] == [(0, "en"), (20, "de"), (40, "en")]
    assert found.language == "en"


def test_a_language_changes_within_a_stretch(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [ENGLISH, ENGLISH, GERMAN]
    found = recognise((0, 6), (7, 16), (17, 24))
    assert heard.encoded == [24, 16]
    assert heard.clips == [(7, "de")]
    assert [(segment.start, segment.language) for segment in found.segments] == [(0, "en"), (17, "de")]


def test_the_main_language_counts_where_its_reading_is_surer(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [ENGLISH, GERMAN, ENGLISH]
    heard.sure = {"de": -0.9}
    found = recognise((0, 9), (20, 27), (40, 48))
    assert sorted(heard.clips) == [(7, "de"), (7, "en"), (8, "en"), (9, "en")]
    assert {segment.language for segment in found.segments} == {"en"}


def test_an_asked_language_is_not_questioned(heard: Heard, recognise: Recognise) -> None:
    heard.likely = [GERMAN]
    assert {segment.language for segment in recognise((0, 20), (50, 55), language="en").segments} == {"en"}
    assert heard.likely == [GERMAN]


def test_speech_long_after_the_last_word_is_read_alone(heard: Heard, recognise: Recognise) -> None:
    heard.to_say = [_reading("en", 2.0, 5.0, 8.0, 10.0)]
    found = recognise((100, 108), (109, 114), (115, 120))
    assert heard.encoded == [20]
    assert heard.clips == [(9, "en")]
    assert [segment.start for segment in found.segments] == [100, 111]


def test_speech_long_before_the_first_word_or_between_two_is_read_alone(heard: Heard, recognise: Recognise) -> None:
    heard.to_say = [_reading("en", 5.0, 7.0, 12.0, 15.0, 19.0)]
    found = recognise((100, 104), (105, 112), (113, 120))
    assert heard.clips == [(4, "en"), (4, "en")]
    assert [segment.start for segment in found.segments] == [100, 100, 108]
    words = [word.start for segment in found.segments for word in segment.words]
    assert sorted(words) == [101, 105, 107, 109, 112, 115, 119]


def test_a_pause_between_two_words_is_not_read(heard: Heard, recognise: Recognise) -> None:
    heard.to_say = [_reading("en", 2.0, 5.0, 12.5, 15.0, 17.0)]
    recognise((100, 106.4), (110, 118))
    assert heard.clips == []


def test_a_share_of_a_batch_gives_the_same(heard: Heard, recognise: Recognise) -> None:
    spans = [(start, start + 28.0) for start in range(0, 280, 28)]
    whole = recognise(*spans)
    assert max(heard.batches) == 4
    heard.batches.clear()
    assert recognise(*spans, share=0.25) == whole
    assert max(heard.batches) == 1


def test_sound_without_speech_has_no_words(recognise: Recognise) -> None:
    assert recognise(language="en").segments == ()
