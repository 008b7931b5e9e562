"""PyAV (FFmpeg in process): audio as a bounded stream, and single video frames. The only importer of ``av``."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from pillion import extras
from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    import av
    import av.container

NAME = "pyav"
SAMPLE_RATE = 16_000
"""Samples per second of the audio: what speech models expect."""

_BLOCK_SAMPLES = 16_000
_MAX_BAD_PACKETS = 1000
_OPTIONS = {"protocol_whitelist": "pipe"}
"""Only the source itself is opened: a playlist or concat script may name other files and addresses."""
_COMMON_CODECS = (
    "aac ac3 adpcm_ima_wav adpcm_ms alac amr_nb amr_wb ape atrac3 av1 cinepak cook dnxhd dts dvvideo eac3 ffv1 flac"
    " flv1 gsm gsm_ms h261 h263 h264 hevc huffyuv indeo3 indeo5 mjpeg mp1 mp2 mp3 mpeg1video mpeg2video mpeg4"
    " msmpeg4v2 msmpeg4v3 opus pcm_alaw pcm_f32le pcm_mulaw pcm_s16be pcm_s16le pcm_s24le pcm_u8 prores qdm2 qtrle"
    " rawvideo rv10 rv20 rv30 rv40 speex svq1 svq3 theora truehd tta vc1 vorbis vp6f vp8 vp9 vvc wavpack wmapro"
    " wmav1 wmav2 wmv1 wmv2 wmv3"
)
"""Common codecs that PyAV's wheels decode: if this FFmpeg lacks one, reinstalling PyAV helps."""
_REINSTALL = "pip install --force-reinstall --only-binary av av"


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaInfo:
    """What a media file contains."""

    audio: bool
    video: bool
    seconds: float | None
    """The length according to the container; None if it gives none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioTrack:
    """An audio track: its number, from 1; its language according to the file ("" if unknown); whether it is played."""

    number: int
    language: str
    default: bool


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("speech", "video and sound", "av")


def probe(path: Path) -> MediaInfo:
    """The streams of a file, from its header."""
    with _opened(path) as container:
        seconds = container.duration / 1_000_000 if container.duration else None
        video = any(not _is_cover(stream) for stream in container.streams.video)
        return MediaInfo(audio=bool(container.streams.audio), video=video, seconds=seconds)


# audio ----------------------------------------------------------------------------------------------------------------


def audio_tracks(path: Path) -> list[AudioTrack]:
    """The audio tracks of a file, in its order. Raises ItemError as :func:`audio_blocks` does.

    Tracks in a codec that no FFmpeg decodes are left out if there are others.
    """
    from av.stream import Disposition

    with _opened(path) as container:
        tracks = {
            number: AudioTrack(
                number=number,
                language=(stream.language or "").lower(),
                default=bool(stream.disposition & Disposition.default),
            )
            for number, stream in enumerate(container.streams.audio, 1)
        }
        problems = {number: _undecodable(container, container.streams.audio[number - 1]) for number in tracks}
    hopeless = {number for number, error in problems.items() if error and error.error_class is ErrorClass.UNSUPPORTED}
    return [track for number, track in tracks.items() if number not in hopeless or len(hopeless) == len(tracks)]


def audio_blocks(path: Path, track: int = 1) -> Iterator[NDArray[np.float32]]:
    """An audio track, the first being 1, as mono float32 at 16 kHz, in blocks of about a second, shape (n,).

    Only a few blocks are in memory at a time. Damaged packets are skipped. Raises ItemError: corrupt if nothing at all
    can be decoded, unsupported if there is no decoder or no audio track, missing_tool if only this FFmpeg lacks the
    decoder.
    """
    with _opened(path) as container:
        if not container.streams.audio:
            raise ItemError(ErrorClass.UNSUPPORTED, "the file has no audio track")
        stream = container.streams.audio[track - 1]
        _require_decoder(container, stream)
        any_audio = False
        pending: list[NDArray[np.float32]] = []
        for samples in _resampled(container, stream):
            any_audio = True
            pending.append(samples)
            if sum(len(block) for block in pending) >= _BLOCK_SAMPLES:
                yield np.concatenate(pending)
                pending = []
        if pending:
            yield np.concatenate(pending)
        if not any_audio:
            raise ItemError(ErrorClass.CORRUPT, "no sound could be decoded from the audio track")


def _resampled(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[NDArray[np.float32]]:
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    layout: tuple[object, ...] | None = None
    for frame in _frames(container, stream):
        current = (frame.format.name, frame.layout.name, frame.sample_rate)
        if layout is not None and current != layout:
            # The track changes its format midway (radio recordings do): a resampler takes only one.
            yield from _arrays(resampler.resample(None))
            resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        layout = current
        frame.pts = None
        yield from _arrays(resampler.resample(frame))
    if layout is not None:
        yield from _arrays(resampler.resample(None))


def _arrays(frames: list[av.AudioFrame]) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        yield np.ascontiguousarray(frame.to_ndarray().reshape(-1), dtype=np.float32)


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Decoded frames; damaged packets are skipped, up to a limit."""
    import av

    bad = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except (StopIteration, av.error.EOFError):
            return
        except av.error.InvalidDataError:
            bad += 1
            if bad > _MAX_BAD_PACKETS:
                return
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame):
                yield frame


# video ----------------------------------------------------------------------------------------------------------------

_PLACES = (0.1, 0.25, 0.4, 0.6, 0.8, 0.02)
"""Where to look for a good frame, as parts of the length, in order."""
_GOOD_CONTRAST = 24.0
"""Standard deviation of luma (0 to 255) above which a frame is used at once; titles and fades are below."""
_SEQUENTIAL_FRAMES = 90


def representative_frame(path: Path, *, max_side: int) -> NDArray[np.uint8]:
    """A representative frame: not black, not one flat colour. RGB, shape (H, W, 3), upright.

    Tries key frames spread over the length and takes the first with good contrast, else the best one. Raises
    ItemError: unsupported without a video track or decoder, missing_tool if only this FFmpeg lacks the decoder,
    corrupt if no frame can be decoded.
    """
    with _opened(path) as container:
        streams = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not streams:
            raise ItemError(ErrorClass.UNSUPPORTED, "the file has no video track")
        stream = streams[0]
        _require_decoder(container, stream)
        stream.thread_type = "AUTO"
        best: av.VideoFrame | None = None
        best_contrast = -1.0
        for frame in _candidates(container, stream):
            contrast = _contrast(frame)
            if contrast > best_contrast:
                best, best_contrast = frame, contrast
            if contrast >= _GOOD_CONTRAST:
                break
        if best is None:
            raise ItemError(ErrorClass.CORRUPT, "no picture could be decoded from the video track")
        return _upright(best, _aspect(stream), max_side)


def _candidates(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    import av

    seconds = container.duration / 1_000_000 if container.duration else 0.0
    start = (container.start_time or 0) / 1_000_000
    seen: set[int | None] = set()
    stream.codec_context.skip_frame = "NONKEY"
    for place in _PLACES if seconds > 1.0 else ():
        try:
            container.seek(int((start + seconds * place) * 1_000_000))
            frame = next(container.decode(stream), None)
        except (av.error.FFmpegError, StopIteration):
            continue
        if frame is not None and frame.pts not in seen:
            seen.add(frame.pts)
            yield frame
    # If the video is short, not seekable or has only one key frame: every frame from the start.
    stream.codec_context.skip_frame = "DEFAULT"
    with contextlib.suppress(av.error.FFmpegError):
        container.seek(int(start * 1_000_000))
    for number, frame in enumerate(_decodable(container, stream)):
        yield frame
        if number >= _SEQUENTIAL_FRAMES:
            return


def _decodable(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    import av

    bad = 0
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    yield frame
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            bad += 1
            if bad > _MAX_BAD_PACKETS:
                return


def _contrast(frame: av.VideoFrame) -> float:
    """Standard deviation of luma, 0 to 127, of a small copy."""
    small = frame.reformat(width=64, height=64, format="gray").to_ndarray()
    return float(small.std())


def _aspect(stream: av.VideoStream) -> float:
    ratio = stream.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 < float(ratio) < 10 else 1.0


def _upright(frame: av.VideoFrame, aspect: float, max_side: int) -> NDArray[np.uint8]:
    """RGB with square pixels, rotated by the file's display matrix, at most ``max_side`` on the longest side."""
    width, height = frame.width * max(aspect, 1.0), frame.height / min(aspect, 1.0)
    scale = min(1.0, max_side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA").to_ndarray()
    # FFmpeg counts counter-clockwise, and so does numpy.
    turned: NDArray[np.uint8] = np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
    return turned


def _is_cover(stream: av.VideoStream) -> bool:
    """Whether the stream is an attached picture (the cover of a music file), not a video."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


# codecs ---------------------------------------------------------------------------------------------------------------


def _require_decoder(container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream) -> None:
    """Raises ItemError if this FFmpeg cannot decode the track."""
    error = _undecodable(container, stream)
    if error is not None:
        raise error


def _undecodable(container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream) -> ItemError | None:
    """Why a track cannot be decoded: no FFmpeg can (unsupported), or only this one cannot (missing_tool)."""
    if stream.codec_context is not None:
        return None
    codec, tag = _codec(container, stream)
    if codec in _COMMON_CODECS.split():
        message = f"the FFmpeg that the Python package av uses here cannot decode {codec}: run {_REINSTALL}"
        return ItemError(ErrorClass.MISSING_TOOL, message)
    known_as = f" ({tag})" if tag else ""
    message = f"the {stream.type} track is in a codec that FFmpeg does not know{known_as}"
    if codec:
        message = f"there is no decoder for {codec}, the codec of the {stream.type} track"
    return ItemError(ErrorClass.UNSUPPORTED, message)


def _codec(container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream) -> tuple[str, str]:
    """FFmpeg's name of a track's codec and the file's own name ("" each if unknown).

    PyAV names only the codecs that it can decode; the others are in FFmpeg's description, which ffprobe prints.
    """
    import av.logging

    # PyAV's types do not name dumps_format.
    describe = cast("Any", container).dumps_format
    av.logging.set_level(av.logging.INFO)
    try:
        described = str(describe())
    finally:
        av.logging.set_level(av.logging.PANIC)
    pattern = rf"^  Stream #0:{stream.index}\b[^\n]*?: (?:Video|Audio): (\w+)(?: \(([^\n/]{{1,16}}) / 0x)?"
    found = re.search(pattern, described, re.MULTILINE)
    if found is None:
        return "", ""
    return "" if found[1] == "none" else found[1], (found[2] or "").strip()


# opening and errors ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """The open container. Errors of the engine inside the block become ItemErrors."""
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    import av
    import av.logging

    av.logging.set_level(av.logging.PANIC)
    try:
        # A Python file, because names may not be UTF-8, and no name must be taken for a protocol.
        with path.open("rb") as stream, _container(stream) as container:
            yield container
    except av.error.FFmpegError as error:
        raise _typed(error) from error
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except MemoryError as error:
        raise ItemError(ErrorClass.OOM, "not enough memory to decode the media") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a seek before the start: the file is shorter than its header says
            raise ItemError(ErrorClass.CORRUPT, "the media is truncated") from error
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def _container(stream: BinaryIO) -> av.container.InputContainer:
    import av

    return av.open(stream, "r", metadata_errors="ignore", options=_OPTIONS)


def _typed(error: av.error.FFmpegError) -> ItemError:
    import av

    unsupported = (av.error.DecoderNotFoundError, av.error.DemuxerNotFoundError, av.error.PatchWelcomeError)
    if isinstance(error, (*unsupported, av.error.ProtocolNotFoundError, NotImplementedError)):
        return ItemError(ErrorClass.UNSUPPORTED, f"there is no decoder for this media ({error.strerror})")
    if isinstance(error, MemoryError):
        return ItemError(ErrorClass.OOM, "not enough memory to decode the media")
    return ItemError(ErrorClass.CORRUPT, f"the media is damaged ({error.strerror})")
