"""faster-whisper (Whisper on CTranslate2) and its voice activity detector. The only importer of ``faster_whisper``.

Speech is detected first; only windows with speech are transcribed (long_sound.py, clips.py). There is no random
sampling, so the same sound gives the same words.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion import extras, machine
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.transcript import loops, models
from pillion.weights.finding import loading

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

NAME = "faster-whisper"
SAMPLE_RATE = 16_000
"""Samples per second that the model expects."""
WINDOW_SECONDS = 30.0
"""The length of sound that the model processes."""

BEAM = 5
"""Beam size: how many hypotheses are kept."""
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it, and to the word before it: faster-whisper's defaults."""

_MERGE_GAP_SECONDS = 3.0
"""Pauses up to this stay inside a window; in longer ones the model tends to invent words."""
_FRESH_GAP_SECONDS = 2.0
_FRESH_SECONDS = 10.0
_FRESH_OVERLAP_SECONDS = 1.0
_FRESH_LEAST_MS = 250
"""Where the detector hears nothing for two seconds or more, it listens again in pieces of ten; see speech()."""
_NO_SPEECH = 0.4
LOW_LOG_PROBABILITY = -1.0
"""Nobody speaks where the model's probability of that is above the one, and its words are below the other."""


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
    """The text of one window. ``dropped``: why it is dropped, ``no_speech`` or ``repetition``; empty if it is kept.

    ``language``: ISO 639-1.
    """

    text: str
    start: float
    end: float
    log_probability: float
    words: tuple[RecognisedWord, ...]
    dropped: str = ""
    language: str = ""

    def moved(self, seconds: float) -> RecognisedSegment:
        """The same, so much later."""
        words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in self.words)
        return replace(self, start=self.start + seconds, end=self.end + seconds, words=words)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The speech in some samples, with its main language (ISO 639-1) and that language's probability."""

    language: str
    language_probability: float
    segments: tuple[RecognisedSegment, ...]


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("speech", "transcripts", "faster_whisper", "ctranslate2")


def speech(samples: NDArray[np.float32]) -> list[Span]:
    """Where there is speech; ``samples`` are mono at 16 kHz, shape (n,). No span is longer than a window.

    The detector remembers what it has heard, and after a long time of silence or noise it is deaf to a voice: of five
    seconds of speech after a minute, it may hear two, or none. So where it hears nothing for long, it listens again in
    short pieces, each with an empty memory.
    """
    _require()
    heard = _detected(samples, least_ms=0)
    seconds = len(samples) / SAMPLE_RATE
    starts = [span.start for span in heard] + [seconds]
    ends = [0.0] + [span.end for span in heard]
    gaps = [Span(end, start) for end, start in zip(ends, starts, strict=True) if start - end >= _FRESH_GAP_SECONDS]
    fresh = [span for gap in gaps for piece in _pieces(gap) for span in _detected_in(samples, piece)]
    return _apart(sorted([*heard, *fresh], key=lambda span: span.start))


def _pieces(gap: Span) -> list[Span]:
    """Overlapping pieces of a gap, each short enough for the detector's memory."""
    step = _FRESH_SECONDS - _FRESH_OVERLAP_SECONDS
    starts = np.arange(gap.start, max(gap.start + 1e-6, gap.end - _FRESH_OVERLAP_SECONDS), step)
    return [Span(float(start), min(gap.end, float(start) + _FRESH_SECONDS)) for start in starts]


def _detected_in(samples: NDArray[np.float32], piece: Span) -> list[Span]:
    part = samples[int(piece.start * SAMPLE_RATE) : int(piece.end * SAMPLE_RATE)]
    if not part.size or not np.ptp(part):
        return []
    return [
        Span(span.start + piece.start, span.end + piece.start) for span in _detected(part, least_ms=_FRESH_LEAST_MS)
    ]


def _detected(samples: NDArray[np.float32], *, least_ms: int) -> list[Span]:
    """What the detector hears, starting with an empty memory."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=WINDOW_SECONDS, min_silence_duration_ms=160, min_speech_duration_ms=least_ms
    )
    found = get_speech_timestamps(samples, options)
    return [Span(span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in found]


def _apart(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, none over another: what overlaps is joined where it fits a window, else parted."""
    apart: list[Span] = []
    for span in spans:
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
        elif span.end > apart[-1].end:
            last = apart[-1]
            fits = span.end - last.start <= WINDOW_SECONDS
            apart[-1:] = [Span(last.start, span.end)] if fits else [last, Span(last.end, span.end)]
    return apart


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


def words(found: Iterable[Mapping[str, Any]]) -> tuple[RecognisedWord, ...]:
    """The words as faster-whisper's ``add_word_timestamps`` gives them."""
    return tuple(
        RecognisedWord(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
        for word in found
    )


def drop_reason(*, text: str, log_probability: float, no_speech: float, confirmed: bool = False) -> str:
    """Why the model's text is taken for a hallucination; empty if it is not.

    ``log_probability``: the mean over its tokens. ``no_speech``: the model's probability that nobody speaks.
    ``confirmed``: another reading of the same sound says the same. Repetition alone is no reason, because refrains and
    drills repeat; a model caught in a loop comes out of it, or counts differently, when it reads in another way.
    """
    if nobody_speaks(log_probability, no_speech):
        return "no_speech"
    if loops.is_repetitive(text) and not confirmed:
        return "repetition"
    return ""


def nobody_speaks(log_probability: float, no_speech: float) -> bool:
    """Whether the model itself says that nobody speaks, and is uncertain of its words."""
    return no_speech > _NO_SPEECH and log_probability < LOW_LOG_PROBABILITY


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
def loaded(model: str) -> WhisperModel:
    """The model, loaded once per process: int8 on the CPU, float16 on a CUDA device if there is one."""
    _require()
    folder = models.found(model)
    import ctranslate2
    from faster_whisper import WhisperModel

    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    cuda = ctranslate2.get_cuda_device_count() > 0
    with loading(models.title(model), folder.path):
        # Without a tokenizer faster-whisper would ask the hub for one, though it was told not to.
        for name in ("config.json", "tokenizer.json"):
            if not (folder.path / name).is_file():
                raise FileNotFoundError(f"it has no {name}")
        return WhisperModel(
            str(folder.path),
            device="cuda" if cuda else "cpu",
            compute_type="float16" if cuda else "int8",
            cpu_threads=machine.threads_available(),
            local_files_only=True,
        )
