"""The result of a transcription, and its JSON (schema-1.json beside this, docs/sidecar-formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pillion.kinds.stored import reading, sidecar_json

TRANSCRIPT_SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptWord:
    """One word; times are in seconds from the start, ``probability`` is 0 to 1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptSegment:
    """One sentence or phrase. ``language``: only if it differs from that of the file."""

    text: str
    start: float
    end: float
    words: tuple[TranscriptWord, ...]
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedSegment:
    """Text from the model that is taken for a hallucination. ``reason``: ``no_speech`` or ``repetition``."""

    text: str
    start: float
    end: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptTrack:
    """The speech of a further audio track, in another language. ``number``: its place among the tracks, from 1."""

    number: int
    language: str
    language_probability: float
    segments: tuple[TranscriptSegment, ...]
    dropped: tuple[DroppedSegment, ...] = ()

    @property
    def text(self) -> str:
        """All text, one line per segment."""
        return "\n".join(segment.text for segment in self.segments)

    def document(self) -> dict[str, Any]:
        """Its JSON, as stored."""
        return {
            "number": self.number,
            "language": self.language,
            "language_probability": round(self.language_probability, 3),
            "text": self.text,
            "segments": [_segment(segment) for segment in self.segments],
            "dropped": [_dropped(segment) for segment in self.dropped],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptResult:
    """The speech of an audio or video file. ``language``: ISO 639-1; ``duration`` in seconds.

    ``segments`` are those of the default track; ``tracks`` are those in other languages.
    """

    engine: str
    engine_version: str
    model: str
    language: str
    language_probability: float
    duration: float
    segments: tuple[TranscriptSegment, ...]
    dropped: tuple[DroppedSegment, ...] = ()
    notes: tuple[str, ...] = ()
    tracks: tuple[TranscriptTrack, ...] = ()

    @property
    def text(self) -> str:
        """All text, one line per segment."""
        return "\n".join(segment.text for segment in self.segments)

    def to_json(self) -> str:
        """The bytes of the ``transcript`` sidecar, as text."""
        tracks = {"tracks": [track.document() for track in self.tracks]} if self.tracks else {}
        return sidecar_json(
            {
                **tracks,
                "schema_version": TRANSCRIPT_SCHEMA_VERSION,
                "kind": "transcript",
                "engine": {"name": self.engine, "version": self.engine_version, "model": self.model},
                "language": self.language,
                "language_probability": round(self.language_probability, 3),
                "duration": round(self.duration, 2),
                "text": self.text,
                "segments": [_segment(segment) for segment in self.segments],
                "dropped": [_dropped(segment) for segment in self.dropped],
                "notes": list(self.notes),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> TranscriptResult:
        """What :meth:`to_json` wrote, in this version or an older one. Raises ItemError (corrupt)."""
        with reading("transcript", text) as document:
            return cls(
                engine=document["engine"]["name"],
                engine_version=document["engine"]["version"],
                model=document["engine"]["model"],
                language=document["language"],
                language_probability=document["language_probability"],
                duration=document["duration"],
                segments=tuple(map(_parsed_segment, document["segments"])),
                dropped=tuple(DroppedSegment(**segment) for segment in document["dropped"]),
                notes=tuple(document["notes"]),
                tracks=tuple(map(_parsed_track, document.get("tracks", ()))),
            )


def _parsed_segment(document: Mapping[str, Any]) -> TranscriptSegment:
    words = tuple(TranscriptWord(**word) for word in document["words"])
    return TranscriptSegment(
        text=document["text"],
        start=document["start"],
        end=document["end"],
        words=words,
        language=document.get("language"),
    )


def _parsed_track(document: Mapping[str, Any]) -> TranscriptTrack:
    return TranscriptTrack(
        number=document["number"],
        language=document["language"],
        language_probability=document["language_probability"],
        segments=tuple(map(_parsed_segment, document["segments"])),
        dropped=tuple(DroppedSegment(**segment) for segment in document["dropped"]),
    )


def _segment(segment: TranscriptSegment) -> dict[str, Any]:
    words = [
        {**_span(word.start, word.end), "text": word.text, "probability": round(word.probability, 3)}
        for word in segment.words
    ]
    language = {"language": segment.language} if segment.language else {}
    return {**_span(segment.start, segment.end), **language, "text": segment.text, "words": words}


def _dropped(segment: DroppedSegment) -> dict[str, Any]:
    return {**_span(segment.start, segment.end), "text": segment.text, "reason": segment.reason}


def _span(start: float, end: float) -> dict[str, float]:
    return {"start": round(start, 2), "end": round(end, 2)}
