"""Short clips transcribed in batches, in windows that fit them instead of Whisper's 30 seconds.

The encoder's work grows with its window, and most of a short clip's window would be silence. The decoder looks for
that silence, though: without it, it says a sentence twice, or mishears the last words. So it is given what the encoder
made of the silence after the clip again and again, which costs next to nothing.

A clip's result does not depend on the others: its window depends on its own length, and every clip in a batch is
computed by itself. A few seconds do not always tell their language, and a model that is told a wrong one writes the
sounds down in that, less surely: so a clip with a doubtful result is read in the next likely languages, which needs no
new window. If it is in doubt then, it is read again in a wider window, and where that makes no sense, in the full one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import readings, spoken, whisper
from pillion.kinds.transcript.readings import FULL_FRAMES, HOP, Reading
from pillion.kinds.transcript.whisper import Recognised
from pillion.pool import keepalive

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel

MAX_SECONDS = 10.0
"""Longer clips gain little."""

_FITTING_FRAMES = (700, 900, 1100)
"""The windows: 100 frames are a second. More sizes would make smaller batches."""
_WIDE_FRAMES = 1500
"""The window of a clip in doubt, nearly as good as the full one; a shorter one is lengthened with silence to this."""
_TAIL_FRAMES = 80
"""The least silence after the clip in its window. Without it the last words are often wrong."""
_EDGE_FRAMES = 20
"""So soon after the clip the encoder's output is silence."""
_FRAMES_EACH = 2
"""Frames of the spectrogram for each row of the encoder's output."""
_BATCH_FRAMES = 12_000
"""Total length of the windows of a batch: 17 of the smallest, 4 of the full ones."""

_OTHER_LANGUAGES = 2
_POSSIBLE_LANGUAGE = 0.05
"""In so many more languages a clip in doubt is read, if each is so likely. Not in English, which the model is sure of
because it translates."""
_DOUBTFUL_LOG_PROBABILITY = dict.fromkeys(_FITTING_FRAMES, -0.5) | {_WIDE_FRAMES: -0.6}
"""By window: below this the next wider one is read. A fitting one mishears more than a wide one that is as sure."""
_UNCLEAR_LOG_PROBABILITY = -0.7
"""Below this no window hears more of a clip whose language is in doubt, and no other language is its own."""
_HOPELESS_LOG_PROBABILITY = -0.9
"""Below this a clip whose language is not in doubt gets the full window at once, and that two windows say the same
proves nothing."""
_SURER = 0.1
"""A reading in another language than the likeliest counts if it is surer by more than this; so does one in a narrower
window than the last."""
_UNREAD_SECONDS = 0.25
_UNREAD_SECONDS_IF_SURE = 0.6
_SURE_LOG_PROBABILITY = -0.25
"""A clip is speech to its end: where it goes on for so long after the last word, words are missing. The detector ends
speech less exactly than that where it is noisy, so a sure reading gets more.

All measured: docs/performance-speech.md.
"""


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound that is speech from about its start to its end.

    ``samples``: mono at 16 kHz, shape (n,), at most MAX_SECONDS long. ``language``: None to detect it. ``around``: the
    main language of the sound that it is a part of, which it is in unless another one is certain.
    """

    samples: NDArray[np.float32]
    language: str | None
    around: str | None = None


def fits(span: whisper.Span) -> bool:
    """Whether a stretch of speech is short enough to be a clip."""
    return span.end - span.start <= MAX_SECONDS


def recognise(clips: Sequence[Clip], *, model: str, share: float = 1.0) -> list[Recognised]:
    """The words of each clip, with times from its start. ``share`` and what is raised: see long_sound.recognise."""
    loaded = whisper.loaded(model)
    for clip in clips:
        whisper.check_language(loaded, clip.language)
    found: dict[int, Reading] = {}
    doubts: dict[int, Reading] = {}
    decode = functools.partial(_decode_all, loaded, clips, share, found, doubts)
    for frames in _FITTING_FRAMES:
        decode([index for index, clip in enumerate(clips) if _frames_of(clip) == frames], frames)
    decode(sorted(index for index, reading in doubts.items() if _has_hope(reading)), _WIDE_FRAMES)
    decode([index for index in range(len(clips)) if index not in found], FULL_FRAMES)
    return [_recognised(found[index], clip) for index, clip in enumerate(clips)]


def _frames_of(clip: Clip) -> int:
    needed = len(clip.samples) // HOP + _TAIL_FRAMES
    return next(frames for frames in _FITTING_FRAMES if needed <= frames)


def _is_doubtful(reading: Reading, frames: int) -> bool:
    """Whether a reading in a window that is not the full one is to be done again, as far as its text says."""
    return reading.log_probability < _DOUBTFUL_LOG_PROBABILITY[frames] or _looks_invented(reading)


def _has_hope(reading: Reading) -> bool:
    """Whether a doubtful reading may come out well in the wide window."""
    least = whisper.LOW_LOG_PROBABILITY if reading.other_languages else _HOPELESS_LOG_PROBABILITY
    return reading.log_probability >= least


def _is_best(reading: Reading, frames: int) -> bool:
    """Whether a doubtful reading counts, since a wider window tells no more: but of what is no speech, it does.

    So it is where the language is in doubt in each window. Where it is not, the words may come out better.
    """
    makes_sense = reading.log_probability >= whisper.LOW_LOG_PROBABILITY and not _looks_invented(reading)
    is_last = frames == _WIDE_FRAMES or reading.log_probability < _UNCLEAR_LOG_PROBABILITY
    return reading.other_languages and makes_sense and is_last


def _looks_invented(reading: Reading) -> bool:
    text = reading.text
    return reading.cut or not text.strip() or _repeats_itself(text) or bool(reading.drop_reason)


def _repeats_itself(text: str) -> bool:
    """Whether the text begins with the same words twice, which happens in a window that is too small."""
    words = text.lower().split()
    return any(words[:half] == words[half : 2 * half] for half in range(2, len(words) // 2 + 1))


def _recognised(reading: Reading, clip: Clip) -> Recognised:
    segment = reading.segment(_seconds(clip))
    return Recognised(reading.language, reading.language_probability, (segment,))


def _seconds(clip: Clip) -> float:
    return len(clip.samples) / whisper.SAMPLE_RATE


# one batch ------------------------------------------------------------------------------------------------------------


def _decode_all(
    loaded: WhisperModel,
    clips: Sequence[Clip],
    share: float,
    found: dict[int, Reading],
    doubts: dict[int, Reading],
    members: Sequence[int],
    frames: int,
) -> None:
    """Read the clips ``members`` (indices) in windows of ``frames`` frames, batch by batch, into ``found``.

    Doubtful readings go into ``doubts``, unless the window is the full one, or an earlier doubtful one is the same. If
    two windows tell different languages, it is the surer one.
    """
    size = max(1, int(_BATCH_FRAMES * share) // frames)
    for start in range(0, len(members), size):
        batch = members[start : start + size]
        earlier = [doubts.get(index) for index in batch]
        for place, reading, is_sure in _decode(loaded, [clips[index] for index in batch], earlier, frames):
            (found if is_sure else doubts)[batch[place]] = reading
        keepalive.beat()


def _decode(
    loaded: WhisperModel, clips: Sequence[Clip], earlier: Sequence[Reading | None], frames: int
) -> list[tuple[int, Reading, bool]]:
    """(Index in ``clips``, reading, whether it counts) of each."""
    encoded = readings.encoded(loaded, [clip.samples for clip in clips], frames)
    languages = _languages(loaded, encoded, clips)
    each = np.asarray(encoded)
    heard = np.stack([_lengthened(part, clip) for part, clip in zip(each, clips, strict=True)])
    found = _read(loaded, heard, [likely[0] for likely in languages], frames)
    if frames in _FITTING_FRAMES:
        _read_in_other_languages(loaded, heard, languages, frames, found)
    done: list[tuple[int, Reading, bool]] = []
    for place, (reading, before) in enumerate(zip(found, earlier, strict=True)):
        is_in_doubt = len(languages[place]) > 1 and (before is None or before.other_languages)
        sized = replace(reading, other_languages=is_in_doubt)
        done.append((place, *_settled(loaded, sized, each[place], clips[place], before, frames)))
    return done


def _read(
    loaded: WhisperModel, heard: NDArray[np.floating[Any]], languages: Sequence[tuple[str, float]], frames: int
) -> list[Reading]:
    """What is said in each part, in a language of that probability."""
    found = readings.read(loaded, readings.storage(heard), [language for language, _ in languages], frames)
    return [
        replace(reading, language_probability=probability)
        for reading, (_, probability) in zip(found, languages, strict=True)
    ]


def _read_in_other_languages(
    loaded: WhisperModel,
    heard: NDArray[np.floating[Any]],
    languages: Sequence[Sequence[tuple[str, float]]],
    frames: int,
    found: list[Reading],
) -> None:
    """Replace the readings in doubt in ``found`` by the surest in one of the next likely languages, if it is surer."""
    asked = [
        (place, other)
        for place, likely in enumerate(languages)
        for other in likely[1:]
        if _is_doubtful(found[place], frames)
    ]
    others: list[Reading] = []
    for start in range(0, len(asked), len(heard)):
        batch = asked[start : start + len(heard)]
        others += _read(loaded, heard[[place for place, _ in batch]], [other for _, other in batch], frames)
    least = [max(reading.log_probability + _SURER, _UNCLEAR_LOG_PROBABILITY) for reading in found]
    for (place, _), other in zip(asked, others, strict=True):
        if other.log_probability > least[place] and not _looks_invented(other):
            found[place], least[place] = other, other.log_probability


def _lengthened(part: NDArray[np.floating[Any]], clip: Clip) -> NDArray[np.floating[Any]]:
    """What the encoder made of a clip, with its silence after the clip repeated up to the wide window."""
    missing = max(0, _WIDE_FRAMES // _FRAMES_EACH - len(part))
    silence = part[(len(clip.samples) // HOP + _EDGE_FRAMES) // _FRAMES_EACH :]
    return np.concatenate([part, np.tile(silence, (-(-missing // len(silence)), 1))[:missing]])


def _settled(
    loaded: WhisperModel,
    reading: Reading,
    part: NDArray[np.floating[Any]],
    clip: Clip,
    earlier: Reading | None,
    frames: int,
) -> tuple[Reading, bool]:
    """The reading with its words' times, or a better one, and whether it counts; if not, the clip is read again."""
    size = len(clip.samples)
    if frames == FULL_FRAMES:
        best = readings.best(loaded, part, size, readings.with_words(loaded, reading, part, size))
        surer = _surer(earlier, best)
        if surer is not best:
            timed = readings.with_words(loaded, surer, part, size)
            best = timed if timed.unread(_seconds(clip)) <= _UNREAD_SECONDS else best
        return best, True
    agreed = earlier is not None and _agree(earlier, reading)
    if not agreed and _is_doubtful(reading, frames):
        reading = _surer(earlier, reading)
        if not _is_best(reading, frames):
            return reading, False
    timed = readings.with_words(loaded, reading, part, size)
    sure = agreed or timed.log_probability >= _SURE_LOG_PROBABILITY
    return timed, timed.unread(_seconds(clip)) <= (_UNREAD_SECONDS_IF_SURE if sure else _UNREAD_SECONDS)


def _surer(earlier: Reading | None, reading: Reading) -> Reading:
    """The reading, or an earlier one of the same clip that was in another language, and surer.

    The model told a wrong language does not fail: it writes the sounds down in that one, less surely.
    """
    is_other = earlier is not None and earlier.language != reading.language
    if earlier is None or not is_other or _looks_invented(earlier):
        return reading
    return earlier if earlier.log_probability > reading.log_probability + _SURER else reading


def _agree(one: Reading, other: Reading) -> bool:
    """Whether two windows gave the same words, neither of which looks invented."""
    least = min(one.log_probability, other.log_probability)
    return (
        one.language == other.language
        and least >= _HOPELESS_LOG_PROBABILITY
        and not _looks_invented(one)
        and not _looks_invented(other)
        and readings.says_the_same(one.text, other.text)
    )


def _languages(loaded: WhisperModel, encoded: StorageView, clips: Sequence[Clip]) -> list[list[tuple[str, float]]]:
    """(Language, probability) of each clip: the requested language, else that around it, or the likeliest ones."""
    if not loaded.model.is_multilingual:
        return [[("en", 1.0)]] * len(clips)
    if all(clip.language is not None for clip in clips):
        return [[(clip.language or "", 1.0)] for clip in clips]
    guesses = [spoken.likelihoods(found) for found in loaded.model.detect_language(encoded)]
    return [_likely(clip, likely) for clip, likely in zip(clips, guesses, strict=True)]


def _likely(clip: Clip, likely: Mapping[str, float]) -> list[tuple[str, float]]:
    """The likeliest first, then those that are possible."""
    if clip.language is not None:
        return [(clip.language, 1.0)]
    if clip.around is not None:
        return [(spoken.other(likely, _seconds(clip), clip.around), 1.0)]
    first, *others = sorted(likely.items(), key=lambda guess: guess[1], reverse=True)
    possible = [other for other in others if other[1] >= _POSSIBLE_LANGUAGE and other[0] != "en"]
    return [first, *possible[:_OTHER_LANGUAGES]]
