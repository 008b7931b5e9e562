"""Sound longer than a clip: its windows of speech in batches, each encoded once; a short one left over is a clip.

What fits one window is read together (joined.py); a stretch in which no word was found then is read alone, and so is
what is said in another language, and speech that the words pass over. What the encoder made of a window serves for the
languages, the text, the times of the words, and a second reading where the first is in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import clips, readings, spoken, whisper
from pillion.kinds.transcript.joined import Joined, joined
from pillion.kinds.transcript.readings import FULL_FRAMES, Reading
from pillion.kinds.transcript.spoken import Piece
from pillion.kinds.transcript.whisper import Recognised, RecognisedSegment, Span
from pillion.pool import keepalive

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_BATCH_WINDOWS = 4
"""Eight gain nothing on a few cores and cost 300 MB more."""
_LANGUAGE_SECONDS = 20.0
"""So much speech tells the main language: the first windows, until they are as long together."""
_OTHER_LANGUAGE = 0.8
"""The probability that a change of the main language needs. Noise and music are often mistaken for some language."""
_DOUBTFUL_LOG_PROBABILITY = -0.6
"""Below this a stretch in another language is read in the main one as well, and the surer reading counts."""
_AFTER_SECONDS = 0.5
"""So long after a word's end the detector may hear it still."""
_GAP_SECONDS = 3.0
"""So much speech between two words, or before the first, has been passed over."""


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


@dataclass(frozen=True, slots=True)
class _Encoded:
    """What the encoder made of a window, and what that tells of the languages of each stretch, if it is asked."""

    part: NDArray[np.floating[Any]]
    pieces: Sequence[Sequence[Piece]]


@dataclass(frozen=True, slots=True)
class _Sound:
    """A sound that is read: its samples, where there is speech in it, and how much of it is read at a time.

    ``language``: the one that is asked for, or None.
    """

    samples: NDArray[np.float32]
    spans: Sequence[Span]
    model: str
    language: str | None
    share: float

    @property
    def size(self) -> int:
        """How many windows are read at a time."""
        return max(1, int(_BATCH_WINDOWS * self.share))

    def window(self, one: Joined) -> _Window:
        return _Window(one, one.sound(self.samples))


@dataclass(slots=True)
class _Found:
    """What is said, and the stretches that are to be read alone, with their languages."""

    segments: list[RecognisedSegment] = field(default_factory=list)
    alone: list[tuple[Span, str]] = field(default_factory=list)


def recognise(
    samples: NDArray[np.float32],
    spans: Sequence[Span],
    *,
    model: str,
    language: str | None = None,
    before: str | None = None,
    share: float = 1.0,
) -> Recognised:
    """The words spoken in ``spans`` of ``samples`` (mono, 16 kHz); the languages are detected unless one is given.

    ``before``: the main language so far; another one is used only if it is certain.
    ``share``: the part of a full batch computed at a time; less takes less memory and gives the same words.
    Raises ItemError: missing_tool if engine or model is missing, unsupported for a language it does not know.
    """
    loaded = whisper.loaded(model)
    whisper.check_language(loaded, language)
    sound = _Sound(samples, spans, model, language if loaded.model.is_multilingual else language or "en", share)
    windows = [sound.window(one) for one in joined(whisper.windows(spans))]
    if before is None and len(windows) == 1 and windows[0].is_short:
        return _alone(windows[0], language, model)
    encoded: dict[int, _Encoded] = {}
    main, probability = sound.language or "", 1.0
    if sound.language is None:
        encoded = _encoded(loaded, sound, windows, _telling(windows))
        heard = [piece for one in encoded.values() for stretch in one.pieces for piece in stretch]
        asked = [(Span(0.0, windows[number].seconds), one.part) for number, one in encoded.items()]
        main, probability = spoken.main_of_sound(loaded, heard, asked)
        if before is not None and probability < _OTHER_LANGUAGE:
            main = before
    found = _read(loaded, sound, windows, encoded, main)
    for other in sorted({language for _, language in found.alone}):
        stretches = [stretch for stretch, language in found.alone if language == other]
        found.segments += _read_alone(loaded, sound, stretches, other, main)
    return Recognised(main, probability, tuple(sorted(found.segments, key=lambda segment: segment.start)))


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
    loaded: WhisperModel, sound: _Sound, windows: Sequence[_Window], numbers: Sequence[int]
) -> dict[int, _Encoded]:
    """These windows encoded, some at a time."""
    found: dict[int, _Encoded] = {}
    for start in range(0, len(numbers), sound.size):
        batch = numbers[start : start + sound.size]
        made = np.asarray(readings.encoded(loaded, [windows[number].samples for number in batch], FULL_FRAMES))
        for number, part in zip(batch, made, strict=True):
            asked = sound.language is None
            pieces = spoken.heard(loaded, windows[number].joined, part, sound.spans) if asked else ()
            found[number] = _Encoded(part, pieces)
        keepalive.beat()
    return found


def _read(
    loaded: WhisperModel,
    sound: _Sound,
    windows: Sequence[_Window],
    encoded: dict[int, _Encoded],
    main: str,
) -> _Found:
    """What is said in these windows. What is taken from ``encoded`` is removed from it."""
    full = [number for number, window in enumerate(windows) if number in encoded or not window.is_short]
    found = _Found()
    for start in range(0, len(full), sound.size):
        batch = full[start : start + sound.size]
        made = _encoded(loaded, sound, windows, [number for number in batch if number not in encoded])
        made |= {number: encoded.pop(number) for number in batch if number in encoded}
        _in_full(loaded, sound, [(windows[number], made[number]) for number in batch], main, found)
    short = [window for number, window in enumerate(windows) if number not in full]
    found.segments += _as_clips(sound, short, sound.language, main)
    return found


def _read_alone(
    loaded: WhisperModel, sound: _Sound, stretches: Sequence[Span], language: str, main: str
) -> list[RecognisedSegment]:
    """What is said in these stretches, in that language; in the main one where that is surer."""
    known = replace(sound, language=language)
    windows = [sound.window(Joined((stretch,))) for stretch in stretches]
    found = _read(loaded, known, windows, {}, language).segments
    doubtful = [one for one in found if one.log_probability < _DOUBTFUL_LOG_PROBABILITY]
    if language == main or not doubtful:
        return found
    again = [stretch for stretch in stretches if any(stretch.start <= one.start < stretch.end for one in doubtful)]
    for other in _read_alone(loaded, sound, again, main, main):
        found = [
            other if one.start == other.start and one.log_probability < other.log_probability else one for one in found
        ]
    return found


def _as_clips(sound: _Sound, windows: Sequence[_Window], language: str | None, main: str) -> list[RecognisedSegment]:
    """What is said in short windows; ``language``: None for the main one, or another that is certain."""
    sounds = [clips.Clip(window.samples, language, main) for window in windows]
    read = clips.recognise(sounds, model=sound.model, share=sound.share)
    return [
        clip.segments[0].moved(window.joined.stretches[0].start) for window, clip in zip(windows, read, strict=True)
    ]


def _in_full(
    loaded: WhisperModel, sound: _Sound, batch: Sequence[tuple[_Window, _Encoded]], main: str, found: _Found
) -> None:
    """Read these windows, each in the model's full one, in the main language; what is in others is to be read alone."""
    read = []
    for window, encoded in batch:
        parted = [spoken.in_languages(pieces, main) for pieces in encoded.pieces]
        if all(language == main for parts in parted for _, language in parts):
            read.append((window, encoded.part))
        else:
            found.alone += [part for parts in parted for part in parts]
    if not read:
        return
    parts = readings.storage(np.stack([part for _, part in read]))
    for (window, part), reading in zip(
        read, readings.read(loaded, parts, [main] * len(read), FULL_FRAMES), strict=True
    ):
        timed = readings.with_words(loaded, reading, part, len(window.samples))
        if len(window.joined.stretches) > 1:
            _of_stretches(window, timed, found)
        else:
            best = readings.best(loaded, part, len(window.samples), timed)
            found.segments.append(best.segment(window.seconds, window.joined.stretches[0].start))
            found.alone += [(lost, main) for lost in _passed_over(window, best, sound.spans)]
        keepalive.beat()


def _passed_over(window: _Window, reading: Reading, spans: Sequence[Span]) -> list[Span]:
    """The speech that goes on for long before the first word of a reading, between two of them, or after the last."""
    if reading.drop_reason or not reading.words:
        return []
    (stretch,) = window.joined.stretches
    ends = [stretch.start, *(stretch.start + word.end for word in reading.words)]
    starts = [*(stretch.start + word.start for word in reading.words), stretch.end]
    *inner, last = [_speech_in(Span(end, start), spans) for end, start in zip(ends, starts, strict=True)]
    lost = [Span(heard[0].start, heard[-1].end) for heard in inner if _seconds(heard) > _GAP_SECONDS]
    if last and readings.lacks(reading.words, window.seconds):
        lost.append(Span(last[0].start, stretch.end))
    return lost


def _speech_in(gap: Span, spans: Sequence[Span]) -> list[Span]:
    """The speech in a gap between words, but for what may be the end of the word before it."""
    parts = [Span(max(span.start, gap.start), min(span.end, gap.end)) for span in spans]
    return [part for part in parts if part.end > max(part.start, gap.start + _AFTER_SECONDS)]


def _seconds(spans: Sequence[Span]) -> float:
    return sum(span.end - span.start for span in spans)


def _of_stretches(window: _Window, reading: Reading, found: _Found) -> None:
    """What is said in each stretch; one with few words is to be read alone, and all are if the reading is bad."""
    stretches = window.joined.stretches
    if reading.drop_reason or readings.is_bad(reading, window.seconds):
        found.alone += [(stretch, reading.language) for stretch in stretches]
        return
    for stretch, words in zip(stretches, window.joined.placed(reading.words), strict=True):
        if not words or readings.lacks(words, stretch.end):
            found.alone.append((stretch, reading.language))
        else:
            text = "".join(word.text for word in words)
            found.segments.append(
                RecognisedSegment(
                    text,
                    stretch.start,
                    stretch.end,
                    reading.log_probability,
                    tuple(words),
                    language=reading.language,
                )
            )
