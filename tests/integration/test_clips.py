"""Short clips together: each comes out as it does alone, and as the library stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import DIRECTORY_VARIABLE
from pillion.kinds.registry import find
from pillion.kinds.transcript import clips as clips_module
from pillion.kinds.transcript import readings, transcribe, whisper
from pillion.kinds.transcript.generator import TranscriptGenerator
from pillion.library import Library
from pillion.model import GenerationRequest
from tests.support import media, speech
from tests.support.clips import CLIPS

pytestmark = pytest.mark.models

SPOKEN = [("en", 3), ("en", 12), ("de", 8), ("es", 14), ("en", 0)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [speech.say(CLIPS[lang][number], lang, folder / f"{lang}{number}.wav") for lang, number in SPOKEN]


def request(path: Path) -> GenerationRequest:
    return GenerationRequest(kind="transcript", variants=("default",), source=path, mime="audio/wav")


def test_a_clip_comes_out_as_it_does_alone(clips: Sequence[Path], silent_wav: Path, speech_wav: Path) -> None:
    generator = find("transcript", "audio/wav")
    assert isinstance(generator, TranscriptGenerator)
    gone = clips[0].with_name("gone.wav")
    files = [*clips, silent_wav, gone, speech_wav]
    prepared = generator.prepare([request(path) for path in files])
    assert [sound is not None for sound in prepared] == [*[True] * 6, False, False]
    for path, sound in zip(clips, prepared, strict=False):
        together = transcribe.transcribe(path, model="base", language=None, sound=sound)
        assert together == transcribe.transcribe(path, model="base", language=None)
    assert transcribe.transcribe(silent_wav, model="base", language=None, sound=prepared[5]).segments == ()
    for path, sound, (language, number) in zip(clips, prepared, SPOKEN, strict=False):
        result = transcribe.transcribe(path, model="base", language=None, sound=sound)
        if language == "en":
            assert result.language == "en"
            assert speech.word_error_rate(CLIPS["en"][number], result.text) <= 0.15
        times = [time for segment in result.segments for word in segment.words for time in (word.start, word.end)]
        assert media.is_ordered(times)
        assert times[-1] <= result.duration + 0.5


def test_words_in_doubt_are_read_in_wider_windows(clips: Sequence[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[int] = []
    read = clips_module._decode

    def noted(*arguments: Any) -> Any:
        frames.append(arguments[-1])
        return read(*arguments)

    monkeypatch.setattr(clips_module, "_decode", noted)
    (clip,) = [found.clip for found in [transcribe._clip(clips[0], 1, None)] if found and found.clip]
    clips_module.recognise([clip], model="base")
    assert len(frames) == 1
    assert frames[0] < 1500
    windows = (*clips_module._FITTING_FRAMES, clips_module._WIDE_FRAMES)
    monkeypatch.setattr(clips_module, "_DOUBTFUL_LOG_PROBABILITY", dict.fromkeys(windows, 0.0))
    clips_module.recognise([clip], model="base")
    assert frames[2:] == [1500]
    monkeypatch.setattr(readings, "says_the_same", lambda one, other: False)
    (heard,) = clips_module.recognise([replace(clip, language="en")], model="base")
    assert frames[4:] == [1500, 3000]
    assert speech.word_error_rate(CLIPS["en"][3], heard.segments[0].text) <= 0.15


def test_a_clip_whose_last_words_are_missing_is_read_in_wider_windows(
    clips: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is confident, and stops in the middle: the speech goes on after the last word."""
    read, with_words = readings.read, readings.with_words
    early = whisper.RecognisedWord(" Early", 0.0, 2.0, 0.9)

    def stops_early(*arguments: Any, **options: Any) -> list[readings.Reading]:
        found = read(*arguments, **options)
        return found if arguments[3] == readings.FULL_FRAMES else [replace(one, text=early.text) for one in found]

    def times(loaded: Any, reading: readings.Reading, *arguments: Any) -> readings.Reading:
        if reading.text == early.text:
            return replace(reading, words=(early,))
        return with_words(loaded, reading, *arguments)

    (clip,) = [found.clip for found in [transcribe._clip(clips[1], 1, None)] if found and found.clip]
    monkeypatch.setattr(readings, "read", stops_early)
    monkeypatch.setattr(readings, "with_words", times)
    (heard,) = clips_module.recognise([clip], model="base")
    assert speech.word_error_rate(CLIPS["en"][12], heard.segments[0].text) <= 0.15


def test_a_forced_language_holds_for_clips(clips: Sequence[Path]) -> None:
    sounds = transcribe.transcribe_short([(clips[0], "en"), (clips[0], "de")], model="base")
    assert [sound.recognised.language for sound in sounds if sound and sound.recognised] == ["en", "de"]
    with pytest.raises(ItemError) as caught:
        transcribe.transcribe_short([(clips[0], "xx")], model="base")
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


def test_a_library_recognises_its_clips_together(
    clips: Sequence[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = tmp_path / "points"
    points.mkdir()
    # Only worker processes read this, when they start: the point then has a file with a byte for each batch.
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(points))
    with Library.open(tmp_path / "library", policy="desktop") as library:
        library.index(clips[0].parent)
        library.run(kinds=["transcript"])
        stored = {Path(item.sources[0]).name: item for item in library.ls(kind="transcript")}
        assert {item.state for item in stored.values()} == {"ready"}
        assert (points / "child.prepare").stat().st_size == 1
        (path,) = [
            library.root / "sidecars" / item.path for item in stored.values() if item.sources[0] == str(clips[1])
        ]
    alone = transcribe.transcribe(clips[1], model="base", language=None)
    assert path.read_text() == alone.to_json()
