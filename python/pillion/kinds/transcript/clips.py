"""Short clips transcribed in batches, in windows that fit them instead of Whisper's 30 seconds.

The encoder's work grows with its window, and most of a short clip's window would be silence. A clip's result does not
depend on the others: its window depends on its own length, and every clip in a batch is computed by itself.
A clip with a doubtful result is transcribed again in the full window.
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
"""The least silence after the clip in its window. Without it the last words are often wrong."""
_BATCH_FRAMES = 12_000
"""Total length of the windows of a batch: 17 of the smallest, 4 of the full ones."""

_DOUBTFUL_LOG_PROBABILITY = -1.1
_DOUBTFUL_LANGUAGE = 0.25
"""Below these a clip gets the full window. Measured: docs/performance.md."""
_TOKENS_PER_SECOND = 20
"""Far more than can be spoken in any language: with more, the model is caught in a loop."""
_EXTRA_TOKENS = 16
_MAX_TOKENS = 448
"""The limit of the model's output, prompt included."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound that is speech from about its start to its end.

    ``samples``: mono at 16 kHz, shape (n,), at most MAX_SECONDS long. ``language``: None to detect it.
    """

    samples: NDArray[np.float32]
    language: str | None


@dataclass(frozen=True, slots=True)
class _Decoding:
    """The model's output for a clip in one window; ``log_probability`` is the mean over its tokens."""

    language: str
    language_probability: float
    tokens: tuple[int, ...]
    text: str
    log_probability: float
    no_speech: float
    cut: bool
    words: tuple[RecognisedWord, ...] = ()


def fits(span: whisper.Span) -> bool:
    """Whether a stretch of speech is short enough to be a clip."""
    return span.end - span.start <= MAX_SECONDS


def recognise(clips: Sequence[Clip], *, model: str) -> list[Recognised]:
    """The words of each clip, with times from its start. Raises ItemError as whisper.recognise does."""
    loaded = whisper.loaded(model).model
    for clip in clips:
        whisper.check_language(loaded, clip.language)
    found: dict[int, _Decoding] = {}
    for frames in _FITTING_FRAMES:
        members = [index for index, clip in enumerate(clips) if _frames_of(clip) == frames]
        _decode_all(loaded, clips, members, frames, found)
    doubtful = [index for index in range(len(clips)) if index not in found]
    _decode_all(loaded, clips, doubtful, _FULL_FRAMES, found)
    return [_recognised(found[index], clip) for index, clip in enumerate(clips)]


def _frames_of(clip: Clip) -> int:
    needed = len(clip.samples) // _HOP + _TAIL_FRAMES
    return next(frames for frames in _FITTING_FRAMES if needed <= frames)


def _is_doubtful(decoding: _Decoding, clip: Clip) -> bool:
    return (
        decoding.cut
        or not decoding.text.strip()
        or decoding.log_probability < _DOUBTFUL_LOG_PROBABILITY
        or _repeats_itself(decoding.text)
        or bool(_drop_reason(decoding, clip))
    )


def _repeats_itself(text: str) -> bool:
    """Whether the text begins with the same words twice, which happens in a window that is too small."""
    words = text.lower().split()
    return any(words[:half] == words[half : 2 * half] for half in range(2, len(words) // 2 + 1))


def _drop_reason(decoding: _Decoding, clip: Clip) -> str:
    return whisper.drop_reason(
        text=decoding.text,
        tokens=len(decoding.tokens),
        seconds=len(clip.samples) / whisper.SAMPLE_RATE,
        log_probability=decoding.log_probability,
        no_speech=decoding.no_speech,
    )


def _recognised(decoding: _Decoding, clip: Clip) -> Recognised:
    segment = RecognisedSegment(
        text=decoding.text,
        start=0.0,
        end=len(clip.samples) / whisper.SAMPLE_RATE,
        log_probability=decoding.log_probability,
        words=decoding.words,
        dropped=_drop_reason(decoding, clip),
    )
    return Recognised(decoding.language, decoding.language_probability, (segment,))


# one batch ------------------------------------------------------------------------------------------------------------


def _decode_all(
    loaded: WhisperModel, clips: Sequence[Clip], members: Sequence[int], frames: int, found: dict[int, _Decoding]
) -> None:
    """Decode the clips ``members`` (indices) in windows of ``frames`` frames, batch by batch, into ``found``."""
    size = _BATCH_FRAMES // frames
    for start in range(0, len(members), size):
        batch = members[start : start + size]
        decodings = _decode(loaded, [clips[index] for index in batch], frames)
        found.update((batch[place], decoding) for place, decoding in decodings)
        keepalive.beat()


def _decode(loaded: WhisperModel, clips: Sequence[Clip], frames: int) -> list[tuple[int, _Decoding]]:
    """(Index in ``clips``, decoding). Doubtful results are left out, unless the window is the full one."""
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
    decoded = _generated(loaded, _storage(each), [languages[place][0] for place in sure], frames)
    return [
        (place, _with_words(loaded, replace(decoding, language_probability=languages[place][1]), part, clips[place]))
        for place, decoding, part in zip(sure, decoded, each, strict=True)
        if frames == _FULL_FRAMES or not _is_doubtful(decoding, clips[place])
    ]


def _generated(loaded: WhisperModel, encoded: StorageView, languages: Sequence[str], frames: int) -> list[_Decoding]:
    """The model's output for each part of ``encoded``, whose language is known."""
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
    decodings = []
    for result, language in zip(results, languages, strict=True):
        tokens = tuple(result.sequences_ids[0])
        decodings.append(
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
    return decodings


def _storage(array: NDArray[Any]) -> StorageView:
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(array))


def _encoded(loaded: WhisperModel, features: NDArray[np.float32]) -> StorageView:
    # In main memory even if a GPU does the work: each clip's part is taken out of it.
    return loaded.model.encode(_storage(features), to_cpu=True)


def _spectrogram(loaded: WhisperModel, clip: Clip, frames: int) -> NDArray[np.float32]:
    """Log-mel spectrogram, shape (bands, frames). Padded as faster-whisper pads its own: with zeros."""
    found = loaded.feature_extractor(clip.samples)[..., :-1][..., :frames]
    padded: NDArray[np.float32] = np.pad(found, ((0, 0), (0, frames - found.shape[-1])))
    return padded


def _languages(loaded: WhisperModel, encoded: StorageView, clips: Sequence[Clip]) -> list[tuple[str, float]]:
    """(Language, probability) of each clip: the requested language, else the likeliest."""
    if not loaded.model.is_multilingual:
        return [("en", 1.0)] * len(clips)
    if all(clip.language is not None for clip in clips):
        return [(clip.language or "", 1.0) for clip in clips]
    likeliest = [found[0] for found in loaded.model.detect_language(encoded)]
    return [
        (clip.language, 1.0) if clip.language else (token.strip("<|>"), float(probability))
        for clip, (token, probability) in zip(clips, likeliest, strict=True)
    ]


def _with_words(loaded: WhisperModel, decoding: _Decoding, encoded: NDArray[np.floating], clip: Clip) -> _Decoding:
    """The decoding with the times of its words, from the model's attention. One clip at a time: see the module."""
    if not decoding.text.strip():
        return decoding
    frames = len(clip.samples) // _HOP
    segment: dict[str, Any] = {"seek": 0, "start": 0.0, "end": frames / 100, "tokens": list(decoding.tokens)}
    tokenizer = whisper.tokenizer(loaded, decoding.language)
    attended = _storage(encoded[np.newaxis])
    loaded.add_word_timestamps(
        [[segment]], tokenizer, attended, [frames], whisper.PREPENDED, whisper.APPENDED, last_speech_timestamp=0.0
    )
    return replace(decoding, words=whisper.words(segment.get("words", ())))
