"""Speech in audio and video: Whisper on the parts where somebody speaks.

Sound is taken in as a stream and worked on in windows of some minutes, cut where nobody speaks, so that ten hours
take no more memory than ten minutes.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillion.engines import media, whisper
from pillion.errors import ErrorClass, ItemError
from pillion.results import DroppedSegment, TranscriptResult, TranscriptSegment, TranscriptWord

_RATE = whisper.SAMPLE_RATE
_WINDOW_SECONDS = 600
_CUT_SECONDS = 60
"""A window ends in a pause of its last minute."""
_QUIET_SECONDS = 0.3
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_PAUSE_SECONDS = 1.0
_LONG_SECONDS = 15.0


def transcribe(path: Path, *, model: str, language: str | None, share: float = 1.0) -> TranscriptResult:
    """What is said in a file; no segments where nobody speaks. ``share``: see whisper.recognise. Raises ItemError."""
    problem = whisper.missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    heard = _Heard(language=language, share=share)
    for window in _windows(media.audio_blocks(path)):
        heard.add(window, model)
    return TranscriptResult(
        engine=whisper.NAME,
        engine_version=importlib.metadata.version("faster-whisper"),
        model=model,
        language=heard.language or "",
        language_probability=heard.language_probability,
        duration=heard.seconds,
        segments=tuple(heard.segments),
        dropped=tuple(heard.dropped),
    )


# windows --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """Some minutes of sound: where they begin in the file (seconds), and where in them somebody speaks."""

    start: float
    samples: NDArray[np.float32]
    spans: Sequence[whisper.Span]


def _windows(blocks: Iterator[NDArray[np.float32]]) -> Iterator[_Window]:
    """The stream in windows cut in pauses; one window and one block are in memory at a time."""
    held = np.zeros(0, dtype=np.float32)
    parts: list[NDArray[np.float32]] = []
    size = start = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size < _WINDOW_SECONDS * _RATE:
            continue
        held = np.concatenate(parts)
        spans = whisper.speech(held)
        cut = cut_at(held, spans)
        before = [whisper.Span(span.start, min(span.end, cut / _RATE)) for span in spans if span.start * _RATE < cut]
        yield _Window(start / _RATE, held[:cut], before)
        parts, size, start = [held[cut:].copy()], size - cut, start + cut
    held = np.concatenate(parts) if parts else held
    yield _Window(start / _RATE, held, whisper.speech(held) if held.size else [])


def cut_at(samples: NDArray[np.float32], spans: Sequence[whisper.Span]) -> int:
    """The sample at which to end a window: amid the longest pause of its last minute.

    Where one voice fills the whole minute, at its quietest moment.
    """
    length = len(samples) / _RATE
    earliest = max(0.0, length - _CUT_SECONDS)
    ends = [earliest, *(max(span.end, earliest) for span in spans)]
    starts = [*(span.start for span in spans), length]
    longest, middle = max((start - end, (start + end) / 2) for end, start in zip(ends, starts, strict=True))
    return round(middle * _RATE) if longest > 0 else _quietest(samples, round(earliest * _RATE))


def _quietest(samples: NDArray[np.float32], earliest: int) -> int:
    step = int(_QUIET_SECONDS * _RATE)
    tail = samples[earliest:]
    count = len(tail) // step
    if count == 0:
        return len(samples)
    loudness = np.square(tail[: count * step].reshape(count, step)).mean(axis=1)
    return earliest + int(np.argmin(loudness)) * step + step // 2


# words to sentences ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Heard:
    """What has been heard so far. The language found in the first window with speech holds for the file."""

    language: str | None
    share: float
    language_probability: float = 1.0
    seconds: float = 0.0
    segments: list[TranscriptSegment] = field(default_factory=list)
    dropped: list[DroppedSegment] = field(default_factory=list)

    def add(self, window: _Window, model: str) -> None:
        """Recognise one window."""
        self.seconds = window.start + len(window.samples) / _RATE
        if not window.spans:
            return
        heard = whisper.recognise(window.samples, window.spans, model=model, language=self.language, share=self.share)
        if self.language is None:
            self.language, self.language_probability = heard.language, heard.language_probability
        for segment in heard.segments:
            if segment.dropped:
                self.dropped.append(_dropped(segment, window.start))
            else:
                self.segments.extend(sentences(segment.words, window.start))


def _dropped(segment: whisper.HeardSegment, offset: float) -> DroppedSegment:
    start, end = segment.start + offset, segment.end + offset
    return DroppedSegment(text=segment.text.strip(), start=start, end=end, reason=segment.dropped)


def sentences(words: Sequence[whisper.HeardWord], offset: float) -> list[TranscriptSegment]:
    """Words grouped into sentences, by punctuation and pauses. ``offset`` (seconds) is added to all times."""
    groups: list[list[whisper.HeardWord]] = []
    for word in words:
        if not word.text.strip():
            continue
        if groups and not _ends(groups[-1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [_sentence(group, offset) for group in groups]


def _ends(group: Sequence[whisper.HeardWord], following: whisper.HeardWord) -> bool:
    """Whether the sentence is over before ``following``."""
    last = group[-1]
    text = last.text.rstrip("\"'”’»)")
    if text.endswith(_SENTENCE_ENDS) or following.start - last.end > _PAUSE_SECONDS:
        return True
    return last.end - group[0].start > _LONG_SECONDS and text.endswith((",", ";", ":", "、", "，"))


def _sentence(group: Sequence[whisper.HeardWord], offset: float) -> TranscriptSegment:
    words = tuple(
        TranscriptWord(
            text=word.text.strip(), start=word.start + offset, end=word.end + offset, probability=word.probability
        )
        for word in group
    )
    # Whisper puts the space where the language has one, so texts are joined as they are.
    text = "".join(word.text for word in group).strip()
    return TranscriptSegment(text=text, start=words[0].start, end=words[-1].end, words=words)
