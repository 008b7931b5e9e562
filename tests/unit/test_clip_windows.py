"""Clips in their windows, without a model: what of the encoder's output the decoder is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.transcript import clips, readings, whisper
from pillion.kinds.transcript.readings import FULL_FRAMES, HOP, Reading

Array = NDArray[np.float32]
SURE = Reading("it", 1.0, (1,), " Pronto.", -0.1, 0.0)


class Heard:
    """What the stand-ins were asked for, and what they are to say."""

    def __init__(self) -> None:
        self.windows: list[int] = []
        self.decoded: list[Array] = []
        self.timed: list[Array] = []
        self.languages: list[list[str]] = []
        self.to_say: list[Reading] = []
        self.likely: list[tuple[str, float]] = [("<|ru|>", 0.9)]
        self.likely_in: dict[int, list[tuple[str, float]]] = {}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """A model whose encoder numbers the rows of its output."""
    heard = Heard()

    def encoded(_model: Any, sounds: Sequence[Array], frames: int) -> Array:
        heard.windows.append(frames)
        rows = np.arange(frames // 2, dtype=np.float32)[np.newaxis, :, np.newaxis]
        return np.repeat(rows, len(sounds), axis=0)

    def read(_model: Any, parts: Array, languages: Sequence[str], _frames: int) -> list[Reading]:
        heard.decoded += [part[:, 0] for part in parts]
        heard.languages.append(list(languages))
        return [heard.to_say.pop(0) if heard.to_say else SURE for _ in languages]

    def with_words(_model: Any, reading: Reading, part: Array, _size: int) -> Reading:
        heard.timed.append(part[:, 0])
        return reading

    def detect_language(parts: Array) -> list[list[tuple[str, float]]]:
        return [heard.likely_in.get(heard.windows[-1], heard.likely) for _ in parts]

    inner = SimpleNamespace(is_multilingual=True, detect_language=detect_language)
    loaded = SimpleNamespace(model=inner, supported_languages=["it"])
    monkeypatch.setattr(whisper, "loaded", lambda _model: loaded)
    monkeypatch.setattr(readings, "encoded", encoded)
    monkeypatch.setattr(readings, "storage", lambda array: array)
    monkeypatch.setattr(readings, "read", read)
    monkeypatch.setattr(readings, "with_words", with_words)
    monkeypatch.setattr(clips, "_UNREAD_SECONDS", 60.0)
    monkeypatch.setattr(clips, "_UNREAD_SECONDS_IF_SURE", 60.0)
    return heard


def clip(seconds: float, language: str | None = "it") -> clips.Clip:
    return clips.Clip(np.zeros(round(seconds * whisper.SAMPLE_RATE), np.float32), language)


@pytest.mark.parametrize(("seconds", "frames"), [(0.5, 700), (6.2, 700), (6.3, 900), (8.2, 900), (10.0, 1100)])
def test_the_silence_after_a_clip_is_repeated_up_to_the_wide_window(heard: Heard, seconds: float, frames: int) -> None:
    clips.recognise([clip(seconds)], model="base")
    assert heard.windows == [frames]
    (decoded,) = heard.decoded
    assert len(decoded) == 750
    rows = frames // 2
    assert decoded[:rows].tolist() == list(range(rows))
    first_silent = (round(seconds * whisper.SAMPLE_RATE) // HOP + 20) // 2
    assert set(decoded[rows:]) == set(range(first_silent, rows))


def test_words_are_timed_by_the_window_itself(heard: Heard) -> None:
    clips.recognise([clip(3.0)], model="base")
    assert [len(part) for part in heard.timed] == [350]


def said(text: str, log_probability: float, language: str = "it") -> Reading:
    return Reading(language, 1.0, (1,), text, log_probability, 0.0)


def test_a_clip_in_doubt_gets_wider_windows_as_they_are(heard: Heard) -> None:
    heard.to_say = [said(" Forse.", -0.7), said(" Mai.", -0.7), SURE]
    (found,) = clips.recognise([clip(3.0)], model="base")
    assert found.segments[0].text == SURE.text
    assert heard.windows == [700, 1500, FULL_FRAMES]
    assert [len(part) for part in heard.decoded] == [750, 750, 1500]
    assert all(part.tolist() == list(range(len(part))) for part in heard.decoded[1:])


def test_a_clip_whose_language_was_sure_before_is_read_in_full(heard: Heard) -> None:
    heard.likely_in[1500] = [("<|ru|>", 0.6), ("<|uk|>", 0.3)]
    heard.to_say = [said(" Может быть.", -0.7, "ru"), said(" Никогда.", -0.7, "ru")]
    clips.recognise([clip(3.0, None)], model="base")
    assert heard.windows == [700, 1500, FULL_FRAMES]


def test_no_clip_is_read_in_english_because_that_is_possible(heard: Heard) -> None:
    heard.likely = [("<|nl|>", 0.8), ("<|en|>", 0.15), ("<|de|>", 0.01)]
    heard.to_say = [said(" Al op met roepen.", -0.8, "nl")]
    clips.recognise([clip(3.0, None)], model="base")
    assert heard.languages == [["nl"], ["nl"]]
    assert heard.windows == [700, 1500]


def test_a_clip_in_a_known_language_that_is_hopeless_gets_the_full_window_at_once(heard: Heard) -> None:
    heard.to_say = [said(" Forse.", -0.95)]
    clips.recognise([clip(3.0)], model="base")
    assert heard.windows == [700, FULL_FRAMES]


@pytest.mark.parametrize(
    ("fitting", "wide", "windows", "kept"),
    [
        (said(" Forse.", -0.65), said(" Mai.", -0.55), [700, 1500], " Mai."),
        (said(" Forse.", -0.65), said(" Mai.", -0.95), [700, 1500], " Mai."),  # the full window knows no more
        (said(" Forse.", -0.65), said(" Mai.", -1.05), [700, 1500, FULL_FRAMES], SURE.text),
        (said(" Forse.", -0.65), said("", -0.2), [700, 1500, FULL_FRAMES], SURE.text),
        (said("", -0.2), said(" Mai.", -0.55), [700, 1500], " Mai."),
        (said(" Forse.", -0.75), SURE, [700], " Forse."),  # nor does the wide one of what is unclear
        (said(" Forse.", -1.05), SURE, [700, FULL_FRAMES], SURE.text),
    ],
)
def test_a_clip_whose_language_is_in_doubt_gets_a_wider_window_only_where_that_may_tell_more(
    heard: Heard, fitting: Reading, wide: Reading, windows: list[int], kept: str
) -> None:
    heard.likely = [("<|it|>", 0.6), ("<|es|>", 0.3)]
    heard.to_say = [fitting, said("", -2.0, "es"), wide]
    (found,) = clips.recognise([clip(3.0, None)], model="base")
    assert (heard.windows, found.segments[0].text) == (windows, kept)


def test_a_fitting_window_has_to_be_surer_than_a_wide_one(heard: Heard) -> None:
    heard.to_say = [said(" Forse.", -0.55), said(" Mai.", -0.55)]
    (found,) = clips.recognise([clip(3.0)], model="base")
    assert found.segments[0].text == " Mai."
    assert heard.windows == [700, 1500]


def test_what_repeats_itself_is_in_doubt_however_sure(heard: Heard) -> None:
    twice = Reading("it", 1.0, (1,), " La conferenza inizia la conferenza inizia", -0.1, 0.0)
    heard.to_say = [twice]
    (found,) = clips.recognise([clip(3.0)], model="base")
    assert found.segments[0].text == SURE.text
    assert heard.windows == [700, 1500]


@pytest.mark.parametrize(
    ("first", "kept", "windows"),
    [
        (-0.55, " Впереди школа.", [700, 1500, FULL_FRAMES]),  # surer than the two wider windows
        (-0.95, " No.", [700, FULL_FRAMES]),
        (-0.85, " No.", [700, 1500, FULL_FRAMES]),  # hardly surer
    ],
)
def test_of_windows_that_tell_different_languages_the_surest_counts(
    heard: Heard, first: float, kept: str, windows: list[int]
) -> None:
    told, other = said(" Впереди школа.", first, "ru"), said(" No.", -0.8, "ar")
    heard.to_say = [told, other, other]
    (found,) = clips.recognise([clip(3.0, None)], model="base")
    assert (found.segments[0].text, heard.windows) == (kept, windows)
    assert found.language == ("ru" if kept == told.text else "ar")


@pytest.mark.parametrize(
    ("likely", "sure", "kept", "asked"),
    [
        ((0.5, 0.3, 0.1), (-0.8, -0.4, -0.5), 1, 2),
        ((0.5, 0.3, 0.1), (-0.8, -0.5, -0.4), 2, 2),  # the surest
        ((0.5, 0.3, 0.04), (-0.8, -0.75, -0.2), 0, 1),  # a language that is hardly possible is not tried
        ((0.5, 0.3, 0.1), (-0.78, -0.69, -0.69), 0, 2),  # hardly surer
        ((0.5, 0.3, 0.1), (-0.95, -0.75, -0.75), 0, 2),  # surer, but unclear, as laughter is
        ((0.5, 0.3, 0.1), (-0.4, -0.1, -0.1), 0, 0),  # sure enough at once
    ],
)
def test_a_clip_in_doubt_is_read_in_the_next_likely_languages_in_the_same_window(
    heard: Heard, likely: tuple[float, ...], sure: tuple[float, ...], kept: int, asked: int
) -> None:
    heard.likely = list(zip(("<|pl|>", "<|ru|>", "<|bg|>"), likely, strict=True))
    texts = ((" Znak.", "pl"), (" Знак.", "ru"), (" Знакът.", "bg"))
    heard.to_say = made = [said(text, each, language) for (text, language), each in zip(texts, sure, strict=True)]
    expected = made[kept]
    (found,) = clips.recognise([clip(3.0, None)], model="base")
    assert (found.segments[0].text, found.language) == (expected.text, expected.language)
    assert found.language_probability == likely[kept]
    assert heard.languages == [["pl"], ["ru"], ["bg"]][: 1 + asked]
    assert heard.windows == [700]


def test_no_more_clips_are_read_in_other_languages_at_a_time_than_a_batch_has(heard: Heard) -> None:
    heard.likely = [("<|pl|>", 0.5), ("<|ru|>", 0.3), ("<|bg|>", 0.1)]
    heard.to_say = [said(" Znak.", -0.8, "pl")] * 2
    clips.recognise([clip(3.0, None), clip(3.0, None)], model="base")
    assert heard.languages == [["pl", "pl"], ["ru", "bg"], ["ru", "bg"]]


def test_a_clip_whose_language_is_given_is_read_in_no_other(heard: Heard) -> None:
    heard.likely = [("<|ru|>", 0.5), ("<|bg|>", 0.4)]
    heard.to_say = [said(" Forse.", -0.7)]
    clips.recognise([clip(3.0, "it"), clip(3.0, None)], model="base")
    assert heard.languages == [["it", "ru"], ["it"]]


def test_an_earlier_reading_in_another_language_that_lacks_words_does_not_count(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "_UNREAD_SECONDS", 0.25)
    whole = whisper.RecognisedWord(" No.", 0.0, 2.8, 0.5)
    heard.to_say = [
        Reading("ru", 0.9, (1,), " Впереди", -0.55, 0.0, words=(replace(whole, end=0.5),)),
        *[Reading("ar", 0.9, (1,), " No.", -0.8, 0.0, words=(whole,))] * 2,
    ]
    (found,) = clips.recognise([clip(3.0, None)], model="base")
    assert found.segments[0].text == " No."
