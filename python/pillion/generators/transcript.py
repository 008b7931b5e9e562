"""Speech in audio and video: Whisper on the parts where somebody speaks.

Sound is taken in as a stream and worked on in windows of some minutes, cut where nobody speaks, so that ten hours
take no more memory than ten minutes.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillion.engines import media, whisper
from pillion.errors import ErrorClass, ItemError
from pillion.model import DEFAULT_VARIANT, Empty, Generated, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarKind
from pillion.results import DroppedSegment, TranscriptResult, TranscriptSegment, TranscriptWord

DEFAULT_MODEL = "base"

_RATE = whisper.SAMPLE_RATE
_WINDOW_SECONDS = 600
_CUT_SECONDS = 60
"""A window ends in a pause of its last minute."""
_QUIET_SECONDS = 0.3
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_PAUSE_SECONDS = 1.0
_LONG_SECONDS = 15.0


class TranscriptGenerator:
    """``transcript`` sidecars of audio and video."""

    kind = SidecarKind.TRANSCRIPT
    name = "transcript"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Audio and video."""
        return mime.startswith(("audio/", "video/"))

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The model's hash and the language, if one is forced."""
        return Recipe(
            generator=self.name,
            version=self.version,
            model=whisper.identity(_model(settings)),
            settings={"language": settings.get("language")},
        )

    def generate(self, request: GenerationRequest) -> Generated:
        """One JSON document; Empty without speech, and for a video without sound. Raises ItemError."""
        info = media.probe(request.source)
        if not info.audio and request.mime.startswith("video/"):
            return Empty(note="no audio track")
        model, language = _model(request.settings), request.settings.get("language")
        result = transcribe(request.source, model=model, language=language)
        if not result.segments:
            return Empty(note="no speech")
        data = result.to_json().encode()
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data),)


def transcribe(path: Path, *, model: str = DEFAULT_MODEL, language: str | None = None) -> TranscriptResult:
    """What is said in a file; no segments where nobody speaks. Raises ItemError."""
    problem = whisper.missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    heard = _Heard(language=language)
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


def _model(settings: Mapping[str, Any]) -> str:
    return str(settings.get("model") or DEFAULT_MODEL)


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
        before = [span for span in spans if span.end * _RATE <= cut]
        yield _Window(start / _RATE, held[:cut], before)
        parts, size, start = [held[cut:].copy()], size - cut, start + cut
    held = np.concatenate(parts) if parts else held
    yield _Window(start / _RATE, held, whisper.speech(held) if held.size else [])


def cut_at(samples: NDArray[np.float32], spans: Sequence[whisper.Span]) -> int:
    """The sample at which to end a window: amid the longest pause of its last minute, else before its last span.

    Where one voice fills the whole minute, at its quietest moment; the span that is cut goes to the next window.
    """
    earliest = len(samples) - _CUT_SECONDS * _RATE
    edges = [earliest / _RATE, *(span.end for span in spans), len(samples) / _RATE]
    starts = [*(span.start for span in spans), len(samples) / _RATE]
    pauses = []
    for end, start in zip(edges, starts, strict=False):
        if start * _RATE > earliest and start > max(end, earliest / _RATE):
            pauses.append((start - max(end, earliest / _RATE), start, max(end, earliest / _RATE)))
    if pauses:
        _, start, end = max(pauses)
        return round((start + end) / 2 * _RATE)
    return _quietest(samples, max(0, earliest))


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
    language_probability: float = 1.0
    seconds: float = 0.0
    segments: list[TranscriptSegment] = field(default_factory=list)
    dropped: list[DroppedSegment] = field(default_factory=list)

    def add(self, window: _Window, model: str) -> None:
        """Recognise one window."""
        self.seconds = window.start + len(window.samples) / _RATE
        if not window.spans:
            return
        heard = whisper.recognise(window.samples, window.spans, model=model, language=self.language)
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
