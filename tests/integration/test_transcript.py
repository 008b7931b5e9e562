"""Whisper on speech with known words."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import pillion
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.registry import find
from pillion.kinds.transcript import long_sound, transcribe, whisper
from pillion.kinds.transcript.result import TranscriptResult
from pillion.model import Empty, Generated, GenerationRequest
from pillion.readers import media as media_engine
from tests.support import media, speech
from tests.support.clips import CLIPS

SCHEMAS = Path(pillion.__file__).parent / "kinds" / "transcript"
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def clip_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of English speech."""
    return speech.say(CLIPS["en"][12], "en", tmp_path_factory.mktemp("clip") / "clip.wav")


def generate(path: Path, mime: str) -> Generated:
    generator = find("transcript", mime)
    assert generator is not None
    return generator.generate(GenerationRequest(kind="transcript", variants=("default",), source=path, mime=mime))


def test_english(speech_wav: Path) -> None:
    result = transcribe.transcribe(speech_wav, model="base", language=None)
    assert result.language == "en"
    assert speech.word_error_rate(speech.SENTENCES["en"], result.text) <= 0.05
    assert len(result.segments) >= 3
    assert result.duration == pytest.approx(speech.duration(speech_wav), abs=0.1)
    times = [time for segment in result.segments for word in segment.words for time in (word.start, word.end)]
    assert media.is_ordered(times)
    assert times[-1] <= result.duration + 0.5


def test_german_is_recognised(german_speech_wav: Path) -> None:
    assert transcribe.transcribe(german_speech_wav, model="base", language=None).language == "de"


def test_the_sound_track_of_a_video(talking_video: Path) -> None:
    made = generate(talking_video, "video/mp4")
    assert not isinstance(made, Empty)
    document = json.loads(made[0].data)
    assert speech.word_error_rate(speech.SENTENCES["en"], document["text"]) <= 0.05


def test_nothing_to_hear(silent_wav: Path, silent_video: Path, tmp_path: Path) -> None:
    assert generate(silent_wav, "audio/wav") == Empty(note="no speech")
    assert generate(silent_video, "video/x-matroska") == Empty(note="no audio track")
    tone = media.write_wav(tmp_path / "tone.wav", media.tone(5))
    assert generate(tone, "audio/wav") == Empty(note="no speech")


def test_a_picture_is_no_sound(photo: Path) -> None:
    with pytest.raises(ItemError) as caught:
        generate(photo, "audio/mpeg")
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


def test_long_sound_goes_through_in_windows(speech_wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, rate = media.read_wav(speech_wav)
    pause = media.silence(2, rate)
    path = media.write_wav(tmp_path / "long.wav", np.concatenate([samples, pause, samples]), rate)
    monkeypatch.setattr(transcribe, "_WINDOW_SECONDS", 22)
    monkeypatch.setattr(transcribe, "_CUT_SECONDS", 12)
    sizes: list[int] = []
    recognise = long_sound.recognise

    def spied(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]], *args: object, **options: object) -> object:
        sizes.append(len(samples))
        return recognise(samples, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(long_sound, "recognise", spied)
    result = transcribe.transcribe(path, model="base", language=None)
    assert len(sizes) >= 2
    assert max(sizes) <= 23 * whisper.SAMPLE_RATE
    assert speech.word_error_rate(" ".join([speech.SENTENCES["en"]] * 2), result.text) <= 0.06
    starts = [segment.start for segment in result.segments]
    assert media.is_ordered(starts)
    assert starts[-1] > 1.5 * speech.duration(speech_wav)


def test_a_language_it_does_not_know(speech_wav: Path) -> None:
    with pytest.raises(ItemError, match="does not know the language 'xx'") as caught:
        transcribe.transcribe(speech_wav, model="base", language="xx")
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


def test_a_model_that_is_not_there(speech_wav: Path, tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        transcribe.transcribe(speech_wav, model=str(tmp_path), language=None)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


def test_audio_tracks_in_other_languages(speech_wav: Path, german_speech_wav: Path, tmp_path: Path) -> None:
    tracks = [(german_speech_wav, "ger"), (speech_wav, "eng"), (german_speech_wav, "ger")]
    path = media.write_tracks(tmp_path / "tracks.mkv", tracks, default=2)
    assert [(track.language, track.default) for track in media_engine.audio_tracks(path)] == [
        ("ger", False),
        ("eng", True),
        ("ger", False),
    ]
    made = generate(path, "video/x-matroska")
    assert not isinstance(made, Empty)
    document = json.loads(made[0].data)
    jsonschema.validate(document, json.loads((SCHEMAS / "schema-1.json").read_text()))
    assert document["language"] == "en"
    assert speech.word_error_rate(speech.SENTENCES["en"], document["text"]) <= 0.05
    assert [(track["number"], track["language"]) for track in document["tracks"]] == [(1, "de")]
    assert TranscriptResult.from_json(made[0].data).to_json().encode() == made[0].data
    forced = transcribe.transcribe(path, model="base", language="en")
    assert (forced.tracks, forced.text) == ((), document["text"])


def test_another_language_later_in_the_file(
    speech_wav: Path, german_speech_wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english, rate = media.read_wav(speech_wav)
    german, _ = media.read_wav(german_speech_wav)
    # Of two, two seconds are left at the end, whose language some processors' arithmetic takes for English.
    samples = np.concatenate([english, media.silence(3, rate), german, german, german])
    path = media.write_wav(tmp_path / "mixed.wav", samples, rate)
    monkeypatch.setattr(transcribe, "_WINDOW_SECONDS", 20)
    monkeypatch.setattr(transcribe, "_CUT_SECONDS", 8)
    result = transcribe.transcribe(path, model="base", language=None)
    assert result.language == "en"
    assert {segment.language for segment in result.segments if segment.start < speech.duration(speech_wav)} == {None}
    assert {segment.language for segment in result.segments if segment.start > speech.duration(speech_wav)} == {"de"}


@pytest.mark.parametrize(("loudness", "noise"), [(0.05, 0.0), (0.05, 0.002), (0.3, 0.002)])
def test_a_voice_after_long_silence_or_faint_noise_is_heard(
    clip_wav: Path, tmp_path: Path, loudness: float, noise: float
) -> None:
    """The detector grows deaf in the minutes before; the voice itself is clear."""
    samples, rate = media.read_wav(clip_wav)
    random = np.random.default_rng(1)
    before = np.zeros(150 * rate)
    sound = np.concatenate([before, samples * loudness, before[:rate]])
    if noise:
        sound = sound + random.normal(0, noise * 32767, len(sound))
    path = media.write_wav(tmp_path / "late.wav", sound.astype(np.int16), rate)
    result = transcribe.transcribe(path, model="base", language=None)
    assert speech.word_error_rate(CLIPS["en"][12], result.text) <= 0.15
    assert 149 <= result.segments[0].start <= 151.5


def test_no_speech_is_heard_in_minutes_of_sound_without_any() -> None:
    rate = whisper.SAMPLE_RATE
    random = np.random.default_rng(1)
    times = np.arange(90 * rate) / rate
    for sound in (random.normal(0, 0.1, times.size), random.normal(0, 0.002, times.size), np.sin(2765 * times) * 0.3):
        assert whisper.speech(sound.astype(np.float32)) == []
