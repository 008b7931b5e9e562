"""Short clips recognised together, in windows that fit them instead of Whisper's 30 seconds.

The encoder's work grows with its window, and most of a short clip's window would be silence. What a clip comes out as
does not depend on the others: its window follows from its own length, and every clip in a batch is computed by itself.
A clip whose words are in doubt is done again in the full window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import whisper
from pillion.kinds.transcript.whisper import Recognised, RecognisedSegment, RecognisedWord
from pillion.pool import keepalive

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel

MAX_SECONDS = 10.0
"""Longer clips gain little."""

_HOP = 160
"""Samples per frame of the spectrogram."""
_FULL_FRAMES = 3000
_FITTING_FRAMES = (700, 900, 1100)
"""The windows: 100 frames are a second. More sizes would make smaller batches."""
_TAIL_FRAMES = 80
"""Silence that a window has behind its clip at least. Without some, the last words suffer."""
_BATCH_FRAMES = 12_000
"""A batch's windows together: 17 of the smallest, 4 of the full ones."""

_DOUBTFUL_LOG_PROBABILITY = -1.1
_DOUBTFUL_LANGUAGE = 0.25
"""Below these a clip gets the full window. Measured: docs/performance.md."""
_TOKENS_PER_SECOND = 20
"""Far more than anybody says in any language: where a fitting window has more, the model is caught in a loop."""
_EXTRA_TOKENS = 16
_MAX_TOKENS = 448
"""Of the model's output, prompt included."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound in which somebody speaks from about its first to its last moment.

    ``samples``: mono at 16 kHz, shape (n,), at most MAX_SECONDS long. ``language``: None to find it.
    """

    samples: NDArray[np.float32]
    language: str | None


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What the model made of a clip in one window; ``log_probability`` is the mean over its tokens."""

    language: str
    language_probability: float
    tokens: tuple[int, ...]
    text: str
    log_probability: float
    no_speech: float
    cut: bool
    words: tuple[RecognisedWord, ...] = ()


def fits(span: whisper.Span) -> bool:
    """Whether a stretch of speech is short enough for this."""
    return span.end - span.start <= MAX_SECONDS


def recognise(clips: Sequence[Clip], *, model: str) -> list[Recognised]:
    """What is said in each clip, times counted from its start. Raises ItemError as whisper.recognise does."""
    loaded = whisper.loaded(model).model
    for clip in clips:
        whisper.check_language(loaded, clip.language)
    found: dict[int, _Decoding] = {}
    for frames in _FITTING_FRAMES:
        members = [index for index, clip in enumerate(clips) if _frames_of(clip) == frames]
        _read_all(loaded, clips, members, frames, found)
    doubtful = [index for index in range(len(clips)) if index not in found]
    _read_all(loaded, clips, doubtful, _FULL_FRAMES, found)
    return [_recognised(found[index], clip) for index, clip in enumerate(clips)]


def _frames_of(clip: Clip) -> int:
    needed = len(clip.samples) // _HOP + _TAIL_FRAMES
    return next(frames for frames in _FITTING_FRAMES if needed <= frames)


def _is_doubtful(reading: _Decoding, clip: Clip) -> bool:
    return (
        reading.cut
        or not reading.text.strip()
        or reading.log_probability < _DOUBTFUL_LOG_PROBABILITY
        or _says_it_twice(reading.text)
        or bool(_doubt(reading, clip))
    )


def _says_it_twice(text: str) -> bool:
    """Whether it begins with the same words twice, which the model tends to say in a window that is too small."""
    words = text.lower().split()
    return any(words[:half] == words[half : 2 * half] for half in range(2, len(words) // 2 + 1))


def _doubt(reading: _Decoding, clip: Clip) -> str:
    return whisper.doubt(
        text=reading.text,
        tokens=len(reading.tokens),
        seconds=len(clip.samples) / whisper.SAMPLE_RATE,
        log_probability=reading.log_probability,
        no_speech=reading.no_speech,
    )


def _recognised(reading: _Decoding, clip: Clip) -> Recognised:
    segment = RecognisedSegment(
        text=reading.text,
        start=0.0,
        end=len(clip.samples) / whisper.SAMPLE_RATE,
        log_probability=reading.log_probability,
        words=reading.words,
        dropped=_doubt(reading, clip),
    )
    return Recognised(reading.language, reading.language_probability, (segment,))


# one batch ------------------------------------------------------------------------------------------------------------


def _read_all(
    loaded: WhisperModel, clips: Sequence[Clip], members: Sequence[int], frames: int, found: dict[int, _Decoding]
) -> None:
    """Read the clips with these numbers in windows of so many frames, batch by batch, into ``found``."""
    size = _BATCH_FRAMES // frames
    for start in range(0, len(members), size):
        batch = members[start : start + size]
        readings = _read(loaded, [clips[index] for index in batch], frames)
        found.update((batch[place], reading) for place, reading in readings)
        keepalive.beat()


def _read(loaded: WhisperModel, clips: Sequence[Clip], frames: int) -> list[tuple[int, _Decoding]]:
    """(Place in ``clips``, reading). What is in doubt is left out, unless the window is the full one."""
    encoded = _encoded(loaded, np.stack([_spectrogram(loaded, clip, frames) for clip in clips]))
    languages = _languages(loaded, encoded, clips)
    sure = [
        place
        for place, (_, probability) in enumerate(languages)
        if frames == _FULL_FRAMES or probability >= _DOUBTFUL_LANGUAGE
    ]
    if not sure:
        return []
    each = np.asarray(encoded)[sure]
    said = _generated(loaded, _storage(each), [languages[place][0] for place in sure], frames)
    return [
        (place, _with_words(loaded, replace(reading, language_probability=languages[place][1]), part, clips[place]))
        for place, reading, part in zip(sure, said, each, strict=True)
        if frames == _FULL_FRAMES or not _is_doubtful(reading, clips[place])
    ]


def _generated(loaded: WhisperModel, encoded: StorageView, languages: Sequence[str], frames: int) -> list[_Decoding]:
    """What the model says about each part of ``encoded``, of which the language is known."""
    tokenizers = {language: whisper.tokenizer(loaded, language) for language in languages}
    prompts = [loaded.get_prompt(tokenizers[language], [], without_timestamps=True) for language in languages]
    longest = min(_MAX_TOKENS, len(prompts[0]) + _EXTRA_TOKENS + _TOKENS_PER_SECOND * frames // 100)
    results = loaded.model.generate(
        encoded,
        prompts,
        beam_size=whisper.BEAM,
        max_length=longest,
        suppress_blank=True,
        suppress_tokens=whisper.suppressed(tokenizers[languages[0]]),
        return_scores=True,
        return_no_speech_prob=True,
        sampling_temperature=0.0,
    )
    readings = []
    for result, language in zip(results, languages, strict=True):
        tokens = tuple(result.sequences_ids[0])
        readings.append(
            _Decoding(
                language=language,
                language_probability=1.0,
                tokens=tokens,
                text=tokenizers[language].decode(tokens),
                # The score is the mean over the tokens; the end of the text is one more, as faster-whisper counts.
                log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),
                no_speech=result.no_speech_prob,
                cut=len(prompts[0]) + len(tokens) >= longest,
            )
        )
    return readings


def _storage(array: NDArray[Any]) -> StorageView:
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(array))


def _encoded(loaded: WhisperModel, features: NDArray[np.float32]) -> StorageView:
    # In the computer's memory also where a graphics card does the work: each clip's part is taken out of it.
    return loaded.model.encode(_storage(features), to_cpu=True)


def _spectrogram(loaded: WhisperModel, clip: Clip, frames: int) -> NDArray[np.float32]:
    """Log-mel spectrogram, shape (bands, frames). Padded as faster-whisper pads its own: with zeros."""
    found = loaded.feature_extractor(clip.samples)[..., :-1][..., :frames]
    padded: NDArray[np.float32] = np.pad(found, ((0, 0), (0, frames - found.shape[-1])))
    return padded


def _languages(loaded: WhisperModel, encoded: StorageView, clips: Sequence[Clip]) -> list[tuple[str, float]]:
    """(Language, probability) of each clip: the one that is asked for, else the likeliest."""
    if not loaded.model.is_multilingual:
        return [("en", 1.0)] * len(clips)
    if all(clip.language is not None for clip in clips):
        return [(clip.language or "", 1.0) for clip in clips]
    likeliest = [found[0] for found in loaded.model.detect_language(encoded)]
    return [
        (clip.language, 1.0) if clip.language else (token.strip("<|>"), float(probability))
        for clip, (token, probability) in zip(clips, likeliest, strict=True)
    ]


def _with_words(loaded: WhisperModel, reading: _Decoding, encoded: NDArray[np.floating], clip: Clip) -> _Decoding:
    """The reading with the times of its words, from the attention of the model. By itself: see the module."""
    if not reading.text.strip():
        return reading
    frames = len(clip.samples) // _HOP
    segment: dict[str, Any] = {"seek": 0, "start": 0.0, "end": frames / 100, "tokens": list(reading.tokens)}
    tokenizer = whisper.tokenizer(loaded, reading.language)
    attended = _storage(encoded[np.newaxis])
    loaded.add_word_timestamps(
        [[segment]], tokenizer, attended, [frames], whisper.PREPENDED, whisper.APPENDED, last_speech_timestamp=0.0
    )
    return replace(reading, words=whisper.words(segment.get("words", ())))
