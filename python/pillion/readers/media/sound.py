"""An audio track as a bounded stream of mono samples, with the clock that says when they are played."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.readers.media.clock import Clock, Jump, Stamp, jumps
from pillion.readers.media.opening import decoded, file_errors, opened, packets_of, require_decoder, undecodable
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    import av
    import av.container

SAMPLE_RATE = 16_000
"""Samples per second of the audio: what speech models expect."""

_BLOCK_SAMPLES = 16_000
_SILENCE_S = 4.0
"""How much of a hole is filled with silence: enough to keep apart what is before and after it."""
_ASIDES = ("comment", "visual_impaired", "descriptions", "karaoke")
"""Dispositions of tracks that are played beside the film, or instead of what is said in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioTrack:
    """An audio track: its number, from 1; its language according to the file ("" if unknown); whether it is played.

    ``aside``: a commentary or a description for the blind, not the sound of the film.
    """

    number: int
    language: str
    default: bool
    aside: bool = False


def audio_tracks(path: Path) -> list[AudioTrack]:
    """The audio tracks of a file, in its order. Raises ItemError as :func:`audio_blocks` does.

    Tracks in a codec that no FFmpeg decodes are left out if there are others.
    """
    with opened(path) as container:
        tracks = {number: _track(number, stream) for number, stream in enumerate(container.streams.audio, 1)}
        problems = {number: undecodable(container, container.streams.audio[number - 1]) for number in tracks}
    hopeless = {number for number, error in problems.items() if error and error.error_class is ErrorClass.UNSUPPORTED}
    return [track for number, track in tracks.items() if number not in hopeless or len(hopeless) == len(tracks)]


def _track(number: int, stream: av.AudioStream) -> AudioTrack:
    from av.stream import Disposition

    asides = any(stream.disposition & Disposition[name] for name in _ASIDES)
    return AudioTrack(
        number=number,
        language=(stream.language or "").lower(),
        default=bool(stream.disposition & Disposition.default),
        aside=asides or "commentary" in stream.metadata.get("title", "").lower(),
    )


def audio_blocks(path: Path, track: int = 1, clock: Clock | None = None) -> Iterator[NDArray[np.float32]]:
    """An audio track, the first being 1, as mono float32 at 16 kHz, in blocks of about a second, shape (n,).

    Only a few blocks are in memory at a time. Damaged packets are skipped; of a hole in the time stamps a few seconds
    are filled with silence. ``clock`` is told, before a block is given out, when it is played. Raises ItemError:
    corrupt if nothing at all can be decoded, unsupported if there is no decoder or no audio track, missing_tool if only
    this FFmpeg lacks the decoder, too_large for sound that goes on for days in a small file.
    """
    longest = _longest_s(path)
    _refuse_endless(path, track, longest)
    given = 0
    with opened(path) as container:
        if not container.streams.audio:
            raise ItemError(ErrorClass.UNSUPPORTED, "the file has no audio track")
        stream = container.streams.audio[track - 1]
        require_decoder(container, stream)
        mixer = _Mixer()
        any_audio = False
        pending: list[NDArray[np.float32]] = []
        for samples in _resampled(container, stream, clock or Clock()):
            any_audio = True
            pending.append(samples)
            if sum(block.shape[1] for block in pending) >= _BLOCK_SAMPLES:
                yield from _in_blocks(mixer.mono(np.concatenate(pending, axis=1)))
                pending = []
            given += samples.shape[1]
            if given > longest * SAMPLE_RATE:
                raise _endless(longest)
        if pending:
            yield from _in_blocks(mixer.mono(np.concatenate(pending, axis=1)))
        if not any_audio:
            raise ItemError(ErrorClass.CORRUPT, "no sound could be decoded from the audio track")


def _in_blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """One frame may hold minutes of sound of a low sample rate."""
    return (samples[at : at + _BLOCK_SAMPLES] for at in range(0, len(samples), _BLOCK_SAMPLES))


# sound without end ----------------------------------------------------------------------------------------------------


_LONG_S = 24 * 3600.0
_BYTES_PER_S = 250
"""Less than any codec takes for a second of speech (Codec 2: 400), but more than a frame that only repeats a value."""


def _longest_s(path: Path) -> float:
    """How long sound may last, by what is stored of its file: a day, and more if the file is large enough for it.

    Raises ItemError as :func:`audio_blocks` does.
    """
    with file_errors(), open_regular(path) as stream:
        stat = os.fstat(stream.fileno())
    return max(_LONG_S, min(stat.st_size, stat.st_blocks * 512) / _BYTES_PER_S)


def _refuse_endless(path: Path, track: int, longest: float) -> None:
    """Raises ItemError (too_large) if the packets of a track last longer. They are read only if the header says so."""
    import av

    with opened(path) as container:
        if not container.duration or container.duration / 1_000_000 <= longest or track > len(container.streams.audio):
            return
        stream = container.streams.audio[track - 1]
        lasted = 0.0
        with contextlib.suppress(av.error.FFmpegError):
            for packet in packets_of(container, stream):
                if packet.duration and packet.time_base:
                    lasted += float(packet.duration * packet.time_base)
                if lasted > longest:
                    break
        if lasted > longest:
            raise _endless(longest)


def _endless(longest: float) -> ItemError:
    return ItemError(
        ErrorClass.TOO_LARGE, f"the sound lasts more than {longest / 3600:.0f} hours, too long for its file"
    )


# time -----------------------------------------------------------------------------------------------------------------


def _resampled(
    container: av.container.InputContainer, stream: av.AudioStream, clock: Clock
) -> Iterator[NDArray[np.float32]]:
    """Samples at 16 kHz, shape (1 or 2 channels, n)."""
    resampler = _Resampler()
    for frame, jump in timed(container, stream):
        if jump is not None:
            # One half of the silence is the beginning of the hole, the other its end.
            half = min(jump.hole, _SILENCE_S) / 2
            if half:
                yield from resampler.end()
                yield resampler.silence(half)
            clock.set(resampler.given / SAMPLE_RATE, jump.time - half)
            if half:
                yield resampler.silence(half)
        yield from resampler.add(frame)
    yield from resampler.end()


def timed(
    container: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[tuple[av.AudioFrame, Jump | None]]:
    """Each frame with the jump of the clock before it. Times count from the start of the file, as players show them."""
    import av

    # PyAV's types do not say that it may be unknown.
    known = cast("int | None", container.start_time)
    start = None if known is None else known / 1_000_000
    length = container.duration / 1_000_000 if container.duration else None
    held: deque[av.AudioFrame] = deque()

    def stamps() -> Iterator[Stamp]:
        nonlocal start
        for frame in decoded(container, stream, stream.codec_context, av.AudioFrame):
            held.append(frame)
            time = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
            if start is None:
                start = time
            yield Stamp(None if time is None or start is None else time - start, frame.samples / frame.sample_rate)

    for jump in jumps(stamps(), length=length):
        yield held.popleft(), jump


# channels -------------------------------------------------------------------------------------------------------------


class _Resampler:
    """Frames of any kind to 16 kHz, with one channel if they have one, else with two: left and right of all.

    ``given``: how many samples it has given so far.
    """

    def __init__(self) -> None:
        self.given = 0
        self._resampler: av.AudioResampler | None = None
        self._packer: av.AudioResampler | None = None
        self._of: tuple[object, ...] = ()
        self._channels = 1

    def add(self, frame: av.AudioFrame) -> Iterator[NDArray[np.float32]]:
        """What is ready after this frame."""
        from av.audio.resampler import AudioResampler

        current = (frame.format.name, frame.layout.name, frame.sample_rate)
        if current != self._of:
            # The track changes its format midway (radio recordings do): a resampler takes only one.
            yield from self.end()
            if frame.sample_rate > _HIGHEST_RATE:
                raise ItemError(ErrorClass.CORRUPT, f"no sound has {frame.sample_rate} samples a second")
            self._of = current
            self._channels = min(2, frame.layout.nb_channels)
            layout = "mono" if self._channels == 1 else "stereo"
            self._resampler = AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
            self._packer = None
            if frame.format.is_planar and frame.layout.nb_channels > _PLANES:
                self._packer = AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        assert self._resampler is not None
        frame.pts = None
        for packed in self._packer.resample(frame) if self._packer else (frame,):
            yield from self._arrays(self._resampler.resample(two_channels(packed)))

    def end(self) -> Iterator[NDArray[np.float32]]:
        """The rest of what was added."""
        if self._resampler is not None:
            yield from self._arrays(self._resampler.resample(None))
        self._resampler, self._of = None, ()

    def silence(self, seconds: float) -> NDArray[np.float32]:
        """So many seconds of silence."""
        return self._given(np.zeros((self._channels, round(seconds * SAMPLE_RATE)), dtype=np.float32))

    def _arrays(self, frames: list[av.AudioFrame]) -> Iterator[NDArray[np.float32]]:
        for frame in frames:
            yield self._given(np.ascontiguousarray(frame.to_ndarray(), dtype=np.float32))

    def _given(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self.given += samples.shape[1]
        # Always two rows, so that a track that changes its format fits together.
        return samples if samples.shape[0] == 2 else np.repeat(samples, 2, axis=0)


_PLANES = 8
"""Channels apart from each other of which PyAV can make an array: of more (ambisonics) it reads beyond the end of the
list of planes. They are interleaved first."""
_HIGHEST_RATE = 6_144_000
"""Samples a second; that of DSD1024 as FFmpeg decodes it. The tables of its resampler grow with the rate."""
_SIDES = {"FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (1.0, 1.0), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0)}
"""How loud a named channel is at the left and at the right: what is said in films comes from the middle."""
_BEHIND = 0.5
_FULL_SCALE = {"u1": 128.0, "i2": 32768.0, "i4": 2147483648.0}


def two_channels(frame: av.AudioFrame) -> av.AudioFrame:
    """The frame, or of one with more than two channels left and right.

    Channels without a place (recorders have many microphones) are heard at both sides: FFmpeg would leave them out.
    """
    import av

    count = frame.layout.nb_channels
    if count <= 2:
        return frame
    values = frame.to_ndarray()
    samples = values if frame.format.is_planar else values.reshape(-1, count).T
    scale = _FULL_SCALE.get(samples.dtype.str[1:], 1.0)
    weights = np.array([_weights(channel.name) for channel in frame.layout.channels], dtype=np.float32) / np.float32(
        scale
    )
    shifted = samples.astype(np.float32) - (scale if samples.dtype == np.uint8 else 0.0)
    mixed = av.AudioFrame.from_ndarray(np.ascontiguousarray(weights.T @ shifted), format="fltp", layout="stereo")
    mixed.sample_rate = frame.sample_rate
    return mixed


def _weights(name: str) -> tuple[float, float]:
    if name in _SIDES:
        return _SIDES[name]
    if name.endswith("L"):
        return _BEHIND, 0.0
    return (0.0, _BEHIND) if name.endswith("R") else (1.0, 1.0)


class _Mixer:
    """Two channels to one: their mean, unless one is silent or they cancel each other out; then the louder one.

    Recordings with one microphone wired the wrong way round have opposite channels, of which the mean is silence.
    """

    _OPPOSITE = -0.5
    """Correlation below which channels count as opposite."""
    _QUIET = 1e-7
    """Mean square below which a block does not tell."""
    _FADE = 320
    """Samples over which the weights change: 20 ms."""

    def __init__(self) -> None:
        self._weights: tuple[float, float] | None = None

    def mono(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples of shape (2, n) as (n,)."""
        old = self._weights
        new = self._weights = self._for(channels)
        mixed = self._mixed(channels, new)
        if old is not None and old != new:
            size = min(self._FADE, len(mixed))
            share = np.linspace(0.0, 1.0, size, dtype=np.float32)
            before = self._mixed(channels[:, :size], old)
            mixed[:size] = before * (1 - share) + mixed[:size] * share
        return mixed

    @staticmethod
    def _mixed(channels: NDArray[np.float32], weights: tuple[float, float]) -> NDArray[np.float32]:
        mixed: NDArray[np.float32] = channels[0] * np.float32(weights[0]) + channels[1] * np.float32(weights[1])
        return mixed

    def _for(self, channels: NDArray[np.float32]) -> tuple[float, float]:
        left, right = (float(np.mean(np.square(channel, dtype=np.float64))) for channel in channels)
        if max(left, right) < self._QUIET:
            return self._weights or (0.5, 0.5)
        if min(left, right) < self._QUIET:
            return (1.0, 0.0) if left >= right else (0.0, 1.0)
        both = float(np.mean(channels[0].astype(np.float64) * channels[1]))
        if both / (left * right) ** 0.5 > self._OPPOSITE:
            return 0.5, 0.5
        if self._weights in ((1.0, 0.0), (0.0, 1.0)) and max(left, right) < 4 * min(left, right):
            return self._weights
        return (1.0, 0.0) if left >= right else (0.0, 1.0)
