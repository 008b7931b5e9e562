"""Transcription of audio and video: Whisper on the parts with speech.

Sound is read as a stream and transcribed in windows of some minutes, cut at pauses, so that ten hours take no more
memory than ten minutes. After each window the result so far is saved in a checkpoint. A short file with few words is
transcribed as a clip, in batches.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.kinds import checkpoint as checkpoints
from pillion.kinds.transcript import clips, languages, long_sound, whisper
from pillion.kinds.transcript.result import (
    DroppedSegment,
    TranscriptResult,
    TranscriptSegment,
    TranscriptTrack,
    TranscriptWord,
)
from pillion.pool import keepalive
from pillion.readers import media

_RATE = whisper.SAMPLE_RATE
_WINDOW_SECONDS = 300
_CUT_SECONDS = 60
"""A window ends at a pause in its last minute."""
_SHORT_SECONDS = 30.0
"""A file up to this long may be a clip, if its speech is short enough for one."""
_QUIET_SECONDS = 0.3
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_PAUSE_SECONDS = 1.0
_LONG_SECONDS = 15.0


def transcribe(
    path: Path,
    *,
    model: str,
    language: str | None,
    share: float = 1.0,
    sound: ShortSound | None = None,
    checkpoint: Path | None = None,
) -> TranscriptResult:
    """The transcript of a file; no segments if there is no speech. Raises ItemError.

    ``language``: None to detect it. ``share``: see long_sound.recognise. ``sound``: the file's result of
    :func:`transcribe_short`. ``checkpoint``: a file in which the result so far is saved, and from which to continue.
    """
    _require()
    tracks = [1] if sound else _tracks(path, language)
    if len(tracks) == 1:
        sound = sound or _short_sound(path, tracks[0], language=language, model=model)
    if sound is not None:
        recognised = _Recognised(forced=language, track=tracks[0])
        recognised.add_short(sound)
        return _result([recognised], model)
    parts = _restored(checkpoint, tracks)
    for track in tracks[max(0, len(parts) - 1) :]:
        if not parts or parts[-1].track != track:
            parts.append(_Recognised(forced=language, track=track))
        clock = media.Clock()
        for window in _windows(media.audio_blocks(path, track, clock), parts[-1].samples):
            parts[-1].add(window, model, share, clock)
            if checkpoint and not window.is_last:
                checkpoints.save(checkpoint, {"parts": [asdict(part) for part in parts]})
            # With this sign of life the checkpoint is taken.
            keepalive.beat()
            if checkpoint and not window.is_last:
                reach("transcribe.kept")
    return _result(parts, model)


def _tracks(path: Path, language: str | None) -> list[int]:
    """The default audio track, and those marked as other languages; of a forced language that which is marked as it.

    Commentaries and descriptions count only if there is nothing else.
    """
    found = media.audio_tracks(path)
    if not found:
        raise ItemError(ErrorClass.UNSUPPORTED, "the file has no audio track")
    if language is not None:
        found = [track for track in found if languages.whisper_code(track.language) == language] or found
    tracks = [track for track in found if not track.aside] or found
    chosen = {(played := next((track for track in tracks if track.default), tracks[0])).language: played.number}
    for track in tracks:
        if track.language not in ("", "und", "zxx", "mul") and played.language and language is None:
            chosen.setdefault(track.language, track.number)
    return list(chosen.values())


def _restored(checkpoint: Path | None, tracks: Sequence[int]) -> list[_Recognised]:
    """What an earlier try has recognised, as it is in its checkpoint: that may have come from another machine."""
    kept = checkpoints.load(checkpoint) if checkpoint else None
    try:
        parts = msgspec.convert((kept or {}).get("parts", []), list[_Recognised])
    except (msgspec.ValidationError, RecursionError):
        return []
    fits = [part.track for part in parts] == list(tracks[: len(parts)])
    return parts if fits and all(part.samples >= 0 for part in parts) else []


def _result(parts: Sequence[_Recognised], model: str) -> TranscriptResult:
    """The first track with speech as the main one, then the other tracks with speech."""
    spoken = [part for part in parts if part.segments] or list(parts[:1])
    main = spoken[0]
    return TranscriptResult(
        engine=whisper.NAME,
        engine_version=importlib.metadata.version("faster-whisper"),
        model=model,
        language=main.language or "",
        language_probability=main.language_probability,
        duration=main.seconds,
        segments=_in_order(main.segments),
        dropped=tuple(main.dropped),
        tracks=tuple(
            TranscriptTrack(
                number=part.track,
                language=part.language or "",
                language_probability=part.language_probability,
                segments=_in_order(part.segments),
                dropped=tuple(part.dropped),
            )
            for part in spoken[1:]
        ),
    )


def _in_order(segments: Sequence[TranscriptSegment]) -> tuple[TranscriptSegment, ...]:
    """By time: where a file's time stamps overlap, they are not in the order of the stream."""
    return tuple(sorted(segments, key=lambda segment: segment.start))


def _require() -> None:
    problem = whisper.missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)


# short files ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShortSound:
    """A whole short file: its length in seconds, where its speech starts, and the speech (None: there is none).

    Both are counted in samples; ``clock`` says when they are played.
    """

    seconds: float
    start: float = 0.0
    recognised: whisper.Recognised | None = None
    clock: media.Clock = field(default_factory=media.Clock)


@dataclass(frozen=True, slots=True)
class _Clip:
    seconds: float
    start: float
    clip: clips.Clip | None
    clock: media.Clock


def transcribe_short(files: Sequence[tuple[Path, str | None]], *, model: str) -> list[ShortSound | None]:
    """Transcribe short files (path, language or None) in batches; None for those that are long or cannot be read.

    Raises ItemError as long_sound.recognise does.
    """
    _require()
    found = [_clip_of_readable(path, language) for path, language in files]
    speech = [one.clip for one in found if one is not None and one.clip is not None]
    results = iter(clips.recognise(speech, model=model))
    return [
        None if one is None else ShortSound(one.seconds, one.start, next(results) if one.clip else None, one.clock)
        for one in found
    ]


def _short_sound(path: Path, track: int, *, language: str | None, model: str) -> ShortSound | None:
    found = _clip(path, track, language)
    if found is None:
        return None
    recognised = clips.recognise([found.clip], model=model)[0] if found.clip else None
    return ShortSound(found.seconds, found.start, recognised, found.clock)


def _clip_of_readable(path: Path, language: str | None) -> _Clip | None:
    try:
        tracks = _tracks(path, language)
        return _clip(path, tracks[0], language) if len(tracks) == 1 else None
    except ItemError:
        return None


def _clip(path: Path, track: int, language: str | None) -> _Clip | None:
    """The part of a short file that is speech; None if the file, or that part, is too long for a clip."""
    blocks: list[NDArray[np.float32]] = []
    size = 0
    clock = media.Clock()
    for block in media.audio_blocks(path, track, clock):
        blocks.append(block)
        size += len(block)
        if size > _SHORT_SECONDS * _RATE:
            return None
    samples = np.concatenate(blocks)
    windows = whisper.windows(whisper.speech(samples))
    if not windows:
        return _Clip(size / _RATE, 0.0, None, clock)
    if len(windows) > 1 or not clips.fits(windows[0]):
        return None
    start = round(windows[0].start * _RATE)
    part = samples[start : round(windows[0].end * _RATE)].copy()
    return _Clip(size / _RATE, start / _RATE, clips.Clip(part, language), clock)


# windows --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """Some minutes of sound: the sample of the file at which they start, and the spans of speech in them."""

    start: int
    samples: NDArray[np.float32]
    spans: Sequence[whisper.Span]
    is_last: bool = False


def _windows(blocks: Iterator[NDArray[np.float32]], skipped: int = 0) -> Iterator[_Window]:
    """The stream in windows cut at pauses, from sample ``skipped`` on, where an earlier attempt ended one.

    One window and one block are in memory at a time. A window is always cut from the same number of samples, whatever
    the size of the blocks, so that the result does not depend on where an attempt continues.
    """
    wanted = _WINDOW_SECONDS * _RATE
    parts: list[NDArray[np.float32]] = []
    size, start = 0, skipped
    for block in _after(blocks, skipped):
        parts.append(block)
        size += len(block)
        if size <= wanted:
            continue
        held = np.concatenate(parts)
        spans = whisper.speech(held[:wanted])
        cut = cut_at(held[:wanted], spans)
        before = [whisper.Span(span.start, min(span.end, cut / _RATE)) for span in spans if span.start * _RATE < cut]
        yield _Window(start, held[:cut], before)
        parts, size, start = [held[cut:].copy()], size - cut, start + cut
    held = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    yield _Window(start, held, whisper.speech(held) if held.size else [], is_last=True)


def _after(blocks: Iterator[NDArray[np.float32]], skipped: int) -> Iterator[NDArray[np.float32]]:
    """The stream without its first samples. They are still decoded, because no seek is exact in every format."""
    left = skipped
    for block in blocks:
        if left < len(block):
            yield block[left:]
        else:
            keepalive.beat()
        left = max(0, left - len(block))


def cut_at(samples: NDArray[np.float32], spans: Sequence[whisper.Span]) -> int:
    """The sample at which to end a window: the middle of the longest pause of its last minute.

    If there is no pause, the quietest moment of that minute.
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
class _Recognised:
    """The result for the first ``samples`` of an audio track, which end at ``seconds`` of the file's clock.

    ``language``: that of the first window with speech, or the one that is ``forced``.
    """

    forced: str | None
    track: int
    language: str | None = None
    language_probability: float = 1.0
    samples: int = 0
    seconds: float = 0.0
    segments: list[TranscriptSegment] = field(default_factory=list)
    dropped: list[DroppedSegment] = field(default_factory=list)

    def add(self, window: _Window, model: str, share: float, clock: media.Clock) -> None:
        """Transcribe one window."""
        self.samples = window.start + len(window.samples)
        self.seconds = clock.time(self.samples / _RATE)
        if not window.spans:
            return
        recognised = long_sound.recognise(
            window.samples, window.spans, model=model, language=self.forced, before=self.language, share=share
        )
        self._take(recognised, window.start / _RATE, clock)

    def add_short(self, sound: ShortSound) -> None:
        """Add the result of a clip."""
        self.samples = round(sound.seconds * _RATE)
        self.seconds = sound.clock.time(sound.seconds)
        if sound.recognised is not None:
            self._take(sound.recognised, sound.start, sound.clock)

    def _take(self, recognised: whisper.Recognised, offset: float, clock: media.Clock) -> None:
        if self.language is None:
            self.language, self.language_probability = recognised.language, recognised.language_probability
        for segment in recognised.segments:
            if segment.dropped:
                self.dropped.append(_dropped(segment, offset, clock))
            else:
                language = segment.language or recognised.language
                other = language if language != self.language else None
                found = sentences(segment.words, offset, language=other)
                self.segments.extend(_on_clock(sentence, clock) for sentence in found)


def _dropped(segment: whisper.RecognisedSegment, offset: float, clock: media.Clock) -> DroppedSegment:
    start, end = _span(segment.start + offset, segment.end + offset, clock)
    return DroppedSegment(text=segment.text.strip(), start=start, end=end, reason=segment.dropped)


def _on_clock(segment: TranscriptSegment, clock: media.Clock) -> TranscriptSegment:
    """A sentence at the times at which the file plays it."""
    start, end = _span(segment.start, segment.end, clock)
    words = []
    for word in segment.words:
        first, last = _span(word.start, word.end, clock)
        words.append(replace(word, start=first, end=last))
    return replace(segment, start=start, end=end, words=tuple(words))


def _span(start: float, end: float, clock: media.Clock) -> tuple[float, float]:
    """Start and end by the clock. Where it goes back in between, the end is the start."""
    first = clock.time(start)
    return first, max(first, clock.time(end))


def sentences(
    words: Sequence[whisper.RecognisedWord], offset: float, *, language: str | None = None
) -> list[TranscriptSegment]:
    """Words grouped into sentences, by punctuation and pauses. ``offset`` (seconds) is added to all times.

    ``language``: only if it differs from that of the file.
    """
    groups: list[list[whisper.RecognisedWord]] = []
    for word in words:
        if not word.text.strip():
            continue
        if groups and not _ends(groups[-1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [_sentence(group, offset, language) for group in groups]


def _ends(group: Sequence[whisper.RecognisedWord], following: whisper.RecognisedWord) -> bool:
    """Whether the sentence ends before ``following``."""
    last = group[-1]
    text = last.text.rstrip("\"'”’»)")
    if text.endswith(_SENTENCE_ENDS) or following.start - last.end > _PAUSE_SECONDS:
        return True
    return last.end - group[0].start > _LONG_SECONDS and text.endswith((",", ";", ":", "、", "，"))


def _sentence(group: Sequence[whisper.RecognisedWord], offset: float, language: str | None) -> TranscriptSegment:
    words = tuple(
        TranscriptWord(
            text=word.text.strip(), start=word.start + offset, end=word.end + offset, probability=word.probability
        )
        for word in group
    )
    # Whisper includes spaces where the language has them, so texts are joined as they are.
    text = "".join(word.text for word in group).strip()
    return TranscriptSegment(text=text, start=words[0].start, end=words[-1].end, words=words, language=language)
