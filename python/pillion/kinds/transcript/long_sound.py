"""Sound longer than a clip: its windows of speech as batches, and those in doubt read again in other ways."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import readings, whisper
from pillion.kinds.transcript.whisper import Recognised, RecognisedSegment, RecognisedWord, Span

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

_BATCH_WINDOWS = 4
"""Eight gain nothing on a few cores and cost 300 MB more."""
_OTHER_LANGUAGE = 0.8
"""The probability that a change of language needs. Noise and music are often mistaken for some language."""


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
    pipeline = whisper.loaded(model)
    whisper.check_language(pipeline.model, language)
    parts = whisper.windows(spans)
    transcribe = functools.partial(
        pipeline.transcribe,
        samples,
        beam_size=whisper.BEAM,
        batch_size=max(1, int(_BATCH_WINDOWS * share)),
        temperature=[0.0],
        word_timestamps=True,
        # Word times come from the attention weights; time tokens in the text only cost words and speed.
        without_timestamps=True,
        clip_timestamps=[{"start": span.start, "end": span.end} for span in parts],
    )
    segments, info = transcribe(language=language)
    if language is None and before not in (None, info.language) and info.language_probability < _OTHER_LANGUAGE:
        # Only the language has been computed so far: segments are decoded when they are iterated over.
        segments, info = transcribe(language=before)
    found = tuple(_checked(pipeline.model, samples, parts, segment, info.language) for segment in segments)
    return Recognised(info.language, float(info.language_probability), found)


def _checked(
    loaded: WhisperModel, samples: NDArray[np.float32], parts: Sequence[Span], segment: Segment, language: str
) -> RecognisedSegment:
    """The segment of a window, or a better reading of that window. Times are those in ``samples``."""
    part = min(parts, key=lambda span: abs(span.start - segment.seek / 100))
    sound = samples[round(part.start * whisper.SAMPLE_RATE) : round(part.end * whisper.SAMPLE_RATE)]
    seconds = part.end - part.start
    first = readings.Reading(
        language=language,
        language_probability=1.0,
        tokens=tuple(segment.tokens),
        text=segment.text,
        log_probability=segment.avg_logprob,
        no_speech=segment.no_speech_prob,
        words=_words(segment, part.start),
    )
    if not readings.is_bad(first, seconds):
        return first.segment(seconds, part.start)
    encoded = readings.encoded(loaded, [sound], readings.FULL_FRAMES)
    return readings.best(loaded, np.asarray(encoded)[0], len(sound), first).segment(seconds, part.start)


def _words(segment: Segment, start: float) -> tuple[RecognisedWord, ...]:
    """The words of a segment, with times from ``start``."""
    return tuple(
        RecognisedWord(word.word, float(word.start) - start, float(word.end) - start, float(word.probability))
        for word in segment.words or ()
    )
