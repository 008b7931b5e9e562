"""faster-whisper (Whisper on CTranslate2) and its voice activity detector. The only importer of ``faster_whisper``.

Speech is detected first; only windows with speech are transcribed, as one batch. There is no random sampling
(temperature 0), so the same sound gives the same words.
"""

from __future__ import annotations

import functools
import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.transcript import models
from pillion.pool import threads

if TYPE_CHECKING:
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import Segment

NAME = "faster-whisper"
SAMPLE_RATE = 16_000
"""Samples per second that the model expects."""
WINDOW_SECONDS = 30.0
"""The length of sound that the model processes."""

_BATCH_WINDOWS = 4
"""Eight gain nothing on a few cores and cost 300 MB more."""
BEAM = 5
"""Beam size: how many hypotheses are kept."""
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it, and to the word before it: faster-whisper's defaults."""

_MERGE_GAP_SECONDS = 3.0
"""Pauses up to this stay inside a window; in longer ones the model tends to invent words."""
_OTHER_LANGUAGE = 0.8
"""The probability that a change of language needs. Noise and music are often mistaken for some language."""
_NO_SPEECH = 0.6
_LOW_LOG_PROBABILITY = -1.0
_REPETITIVE = 2.4
"""Compression ratio of the text; faster-whisper also uses this value to detect a loop."""
_TOKENS_PER_SECOND = 10.0
"""Fast speech has six; a loop fills the model's whole output, with fifteen or more."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of sound, in seconds from the start of the samples given."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word; ``probability`` is 0 to 1, times are in seconds."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class RecognisedSegment:
    """The text of one window. ``dropped``: why it is dropped, ``no_speech`` or ``repetition``; empty if it is kept."""

    text: str
    start: float
    end: float
    log_probability: float
    words: tuple[RecognisedWord, ...]
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The speech in some samples, with its language (ISO 639-1) and that language's probability."""

    language: str
    language_probability: float
    segments: tuple[RecognisedSegment, ...]


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("speech", "transcripts", "faster_whisper", "ctranslate2")


def speech(samples: NDArray[np.float32]) -> list[Span]:
    """Where there is speech; ``samples`` are mono at 16 kHz, shape (n,). No span is longer than a window."""
    _require()
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=WINDOW_SECONDS, min_silence_duration_ms=160)
    found = get_speech_timestamps(samples, options)
    return [Span(span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in found]


def windows(spans: Sequence[Span]) -> list[Span]:
    """Spans of speech joined, in order, into windows that fit the model."""
    joined: list[Span] = []
    for span in spans:
        if joined and _joinable(joined[-1], span):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _joinable(window: Span, span: Span) -> bool:
    return span.end - window.start <= WINDOW_SECONDS and span.start - window.end <= _MERGE_GAP_SECONDS


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
    pipeline = loaded(model)
    check_language(pipeline.model, language)
    transcribe = functools.partial(
        pipeline.transcribe,
        samples,
        beam_size=BEAM,
        batch_size=max(1, int(_BATCH_WINDOWS * share)),
        temperature=[0.0],
        word_timestamps=True,
        # Word times come from the attention weights; time tokens in the text only cost words and speed.
        without_timestamps=True,
        clip_timestamps=[{"start": span.start, "end": span.end} for span in windows(spans)],
    )
    segments, info = transcribe(language=language)
    if language is None and before not in (None, info.language) and info.language_probability < _OTHER_LANGUAGE:
        # Only the language has been computed so far: segments are decoded when they are iterated over.
        segments, info = transcribe(language=before)
    return Recognised(
        info.language, float(info.language_probability), tuple(_recognised(segment) for segment in segments)
    )


def _recognised(segment: Segment) -> RecognisedSegment:
    words = tuple(
        RecognisedWord(word.word, float(word.start), float(word.end), float(word.probability))
        for word in segment.words or ()
    )
    why = drop_reason(
        text=segment.text,
        tokens=len(segment.tokens),
        seconds=segment.end - segment.start,
        log_probability=segment.avg_logprob,
        no_speech=segment.no_speech_prob,
    )
    return RecognisedSegment(segment.text, float(segment.start), float(segment.end), segment.avg_logprob, words, why)


def words(found: Iterable[Mapping[str, Any]]) -> tuple[RecognisedWord, ...]:
    """The words as faster-whisper's ``add_word_timestamps`` gives them."""
    return tuple(
        RecognisedWord(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
        for word in found
    )


def drop_reason(*, text: str, tokens: int, seconds: float, log_probability: float, no_speech: float) -> str:
    """Why the model's text for so many ``seconds`` is taken for a hallucination; empty if it is not.

    ``log_probability``: the mean over its ``tokens``. ``no_speech``: the model's probability that nobody speaks.
    Repetition alone is no reason: refrains and drills repeat. A model caught in a loop also returns far more text than
    can be spoken in that time.
    """
    if no_speech > _NO_SPEECH and log_probability < _LOW_LOG_PROBABILITY:
        return "no_speech"
    if compression_ratio(text) > _REPETITIVE and tokens / max(0.1, seconds) > _TOKENS_PER_SECOND:
        return "repetition"
    return ""


def compression_ratio(text: str) -> float:
    """How much shorter zlib makes a text, as Whisper counts it; 0 for none."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def tokenizer(model: WhisperModel, language: str) -> Tokenizer:
    """The model's tokenizer, for one language."""
    from faster_whisper.tokenizer import Tokenizer

    return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)


def suppressed(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens that are not words, which the model must not produce; the same for all languages."""
    from faster_whisper.transcribe import get_suppressed_tokens

    found: tuple[int, ...] = get_suppressed_tokens(tokenizer, [-1])
    return found


def check_language(model: WhisperModel, language: str | None) -> None:
    """Raise ItemError (unsupported) for a language that the model does not know."""
    if language is not None and language not in model.supported_languages:
        raise ItemError(ErrorClass.UNSUPPORTED, f"the Whisper model does not know the language '{language}'")


def _require() -> None:
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)


@functools.cache
def loaded(model: str) -> BatchedInferencePipeline:
    """The model, loaded once per process: int8 on the CPU, float16 on a CUDA device if there is one."""
    _require()
    folder = models.found(model)
    import ctranslate2
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    cuda = ctranslate2.get_cuda_device_count() > 0
    loaded = WhisperModel(
        str(folder.path),
        device="cuda" if cuda else "cpu",
        compute_type="float16" if cuda else "int8",
        cpu_threads=threads.available(),
        local_files_only=True,
    )
    return BatchedInferencePipeline(loaded)
