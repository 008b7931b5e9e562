"""Sound longer than a clip: its windows of speech in batches, each encoded once; a short one left over is a clip.

What fits one window is read together (joined.py); a stretch in which no word was found then is read alone. What the
encoder made of a window serves for the language, the text, the times of the words, and a second reading where the first
is in doubt.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import clips, readings, whisper
from pillion.kinds.transcript.joined import Joined, joined
from pillion.kinds.transcript.readings import FULL_FRAMES, Reading
from pillion.kinds.transcript.whisper import Recognised, RecognisedSegment, Span
from pillion.pool import keepalive

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_BATCH_WINDOWS = 4
"""Eight gain nothing on a few cores and cost 300 MB more."""
_LANGUAGE_SECONDS = 20.0
"""So much speech tells the language: the first windows, until they are as long together."""
_OTHER_LANGUAGE = 0.8
"""The probability that a change of language needs. Noise and music are often mistaken for some language."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Stretches of speech that are read together, and their sound."""

    joined: Joined
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return self.joined.seconds

    @property
    def is_short(self) -> bool:
        """Whether it is read as clips are."""
        return len(self.joined.stretches) == 1 and clips.fits(self.joined.stretches[0])


def recognise(
    samples: NDArray[np.float32],
    spans: Sequence[Span],
    *,
    model: str,
    language: str | None = None,
    before: str | None = None,
    share: float = 1.0,
) -> Recognised:
    """The words spoken in ``spans`` of ``samples`` (mono, 16 kHz); the language is detected unless it is given.

    ``before``: the language so far; another one is used only if it is certain.
    ``share``: the part of a full batch computed at a time; less takes less memory and gives the same words.
    Raises ItemError: missing_tool if engine or model is missing, unsupported for a language it does not know.
    """
    loaded = whisper.loaded(model)
    whisper.check_language(loaded, language)
    windows = [_window(samples, one) for one in joined(whisper.windows(spans))]
    if before is None and len(windows) == 1 and windows[0].is_short:
        return _alone(windows[0], language, model)
    size = max(1, int(_BATCH_WINDOWS * share))
    encoded: dict[int, NDArray[np.floating[Any]]] = {}
    probability = 1.0
    if language is None and loaded.model.is_multilingual:
        encoded = _encoded(loaded, windows, _telling(windows), size)
        language, probability = _language(loaded, windows, encoded)
        if before is not None and probability < _OTHER_LANGUAGE:
            language = before
    read = functools.partial(_read, loaded, language=language or "en", size=size, model=model, share=share)
    found, lacking = read(windows, encoded)
    alone, _ = read([_window(samples, Joined((stretch,))) for stretch in lacking], {})
    segments = sorted([*found, *alone], key=lambda segment: segment.start)
    return Recognised(language or "en", probability, tuple(segments))


def _window(samples: NDArray[np.float32], one: Joined) -> _Window:
    return _Window(one, one.sound(samples))


def _alone(window: _Window, language: str | None, model: str) -> Recognised:
    """The only speech of a sound, which is short: a clip, however much silence is around it."""
    (found,) = clips.recognise([clips.Clip(window.samples, language)], model=model)
    start = window.joined.stretches[0].start
    return replace(found, segments=tuple(segment.moved(start) for segment in found.segments))


def _telling(windows: Sequence[_Window]) -> list[int]:
    """The first windows that are long enough together to tell the language."""
    seconds = np.cumsum([window.seconds for window in windows])
    return list(range(min(len(windows), int(np.searchsorted(seconds, _LANGUAGE_SECONDS)) + 1)))


def _encoded(
    loaded: WhisperModel, windows: Sequence[_Window], numbers: Sequence[int], size: int
) -> dict[int, NDArray[np.floating[Any]]]:
    """The encoder's output for these windows, ``size`` at a time."""
    found: dict[int, NDArray[np.floating[Any]]] = {}
    for start in range(0, len(numbers), size):
        batch = numbers[start : start + size]
        made = np.asarray(readings.encoded(loaded, [windows[number].samples for number in batch], FULL_FRAMES))
        found.update(zip(batch, made, strict=True))
        keepalive.beat()
    return found


def _language(
    loaded: WhisperModel, windows: Sequence[_Window], encoded: dict[int, NDArray[np.floating[Any]]]
) -> tuple[str, float]:
    """The likeliest language of these windows, where a longer one counts for more, and its probability."""
    total = sum(windows[number].seconds for number in encoded)
    likely: dict[str, float] = {}
    for number, part in encoded.items():
        (guesses,) = loaded.model.detect_language(readings.storage(part[np.newaxis]))
        for token, probability in guesses:
            likely[token] = likely.get(token, 0.0) + probability * windows[number].seconds / total
    token = max(likely, key=lambda name: likely[name])
    return token.strip("<|>"), float(likely[token])


def _read(
    loaded: WhisperModel,
    windows: Sequence[_Window],
    encoded: dict[int, NDArray[np.floating[Any]]],
    *,
    language: str,
    size: int,
    model: str,
    share: float,
) -> tuple[list[RecognisedSegment], list[Span]]:
    """What is said in these windows, and the stretches that are to be read alone."""
    full = [number for number, window in enumerate(windows) if number in encoded or not window.is_short]
    segments, lacking = _in_full(loaded, windows, full, encoded, language, size)
    short = [window for number, window in enumerate(windows) if number not in full]
    sounds = [clips.Clip(window.samples, language) for window in short]
    for window, clip in zip(short, clips.recognise(sounds, model=model, share=share), strict=True):
        segments.append(clip.segments[0].moved(window.joined.stretches[0].start))
    return segments, lacking


def _in_full(
    loaded: WhisperModel,
    windows: Sequence[_Window],
    numbers: Sequence[int],
    encoded: dict[int, NDArray[np.floating[Any]]],
    language: str,
    size: int,
) -> tuple[list[RecognisedSegment], list[Span]]:
    """These windows, each in the model's full one. What is taken from ``encoded`` is removed from it."""
    segments: list[RecognisedSegment] = []
    lacking: list[Span] = []
    for start in range(0, len(numbers), size):
        batch = numbers[start : start + size]
        made = _encoded(loaded, windows, [number for number in batch if number not in encoded], size)
        parts = [made[number] if number in made else encoded.pop(number) for number in batch]
        read = readings.read(loaded, readings.storage(np.stack(parts)), [language] * len(batch), FULL_FRAMES)
        for number, part, reading in zip(batch, parts, read, strict=True):
            window = windows[number]
            timed = readings.with_words(loaded, reading, part, len(window.samples))
            if len(window.joined.stretches) > 1:
                found, left = _of_stretches(window, timed)
                segments += found
                lacking += left
            else:
                best = readings.best(loaded, part, len(window.samples), timed)
                segments.append(best.segment(window.seconds, window.joined.stretches[0].start))
            keepalive.beat()
    return segments, lacking


def _of_stretches(window: _Window, reading: Reading) -> tuple[list[RecognisedSegment], list[Span]]:
    """What is said in each stretch, and those that are to be read alone: all if the reading is bad."""
    stretches = window.joined.stretches
    if reading.drop_reason or readings.is_bad(reading, window.seconds):
        return [], list(stretches)
    segments: list[RecognisedSegment] = []
    lacking: list[Span] = []
    for stretch, words in zip(stretches, window.joined.placed(reading.words), strict=True):
        if not words or readings.lacks(words, stretch.end):
            lacking.append(stretch)
        else:
            text = "".join(word.text for word in words)
            segments.append(RecognisedSegment(text, stretch.start, stretch.end, reading.log_probability, tuple(words)))
    return segments, lacking
