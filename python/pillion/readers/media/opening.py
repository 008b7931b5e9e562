"""Media files opened by PyAV (FFmpeg in process): what is in them, who decodes it, and errors."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar, cast

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.model import UNKNOWN
from pillion.readers.media.demuxers import BY_TYPE, options
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    import av
    import av.container

NAME = "pyav"
_MAX_BAD_PACKETS = 1000
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


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("speech", "video and sound", "av")


def probe(path: Path) -> MediaInfo:
    """The streams of a file, from its header."""
    with opened(path) as container:
        seconds = container.duration / 1_000_000 if container.duration else None
        video = any(not is_cover(stream) for stream in container.streams.video)
        return MediaInfo(audio=bool(container.streams.audio), video=video, seconds=seconds)


def is_cover(stream: av.VideoStream) -> bool:
    """Whether the stream is an attached picture (the cover of a music file), not a video."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


# frames ---------------------------------------------------------------------------------------------------------------


_Frame = TypeVar("_Frame", "av.AudioFrame", "av.VideoFrame")


def packets_of(
    container: av.container.InputContainer, stream: av.AudioStream | av.VideoStream
) -> Iterator[av.Packet[Any]]:
    """The packets of a stream from where the container stands.

    FLV and MPEG may begin a track amid the file. PyAV, which knows the tracks of the beginning only, raises IndexError
    for its packets and stops; each is left out here.
    """
    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:
            continue


def decoded(
    container: av.container.InputContainer,
    stream: av.AudioStream | av.VideoStream,
    decoder: av.AudioCodecContext | av.VideoCodecContext,
    sort: type[_Frame],
) -> Iterator[_Frame]:
    """The frames of a stream from where the container stands; damaged packets are skipped, up to a limit."""
    import av

    bad = 0
    packets = packets_of(container, stream)
    while True:
        try:
            packet = next(packets)
            frames = decoder.decode(packet)
        except (StopIteration, av.error.EOFError):
            return
        except av.error.InvalidDataError:
            bad += 1
            if bad > _MAX_BAD_PACKETS:
                return
            continue
        for frame in frames:
            if isinstance(frame, sort):
                yield frame


# codecs ---------------------------------------------------------------------------------------------------------------


def can_be_decoded(stream: av.VideoStream | av.AudioStream) -> bool:
    """Whether this FFmpeg has a decoder for the track. PyAV's types know nothing of tracks without one."""
    return cast("Any", stream).codec_context is not None


def require_decoder(container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream) -> None:
    """Raises ItemError if this FFmpeg cannot decode the track."""
    error = undecodable(container, stream)
    if error is not None:
        raise error


def undecodable(container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream) -> ItemError | None:
    """Why a track cannot be decoded: no FFmpeg can (unsupported), or only this one cannot (missing_tool)."""
    if can_be_decoded(stream):
        return None
    codec, tag = _codec(container, stream)
    if codec in _COMMON_CODECS.split():
        return ItemError(ErrorClass.MISSING_TOOL, _no_decoder(codec))
    known_as = f" ({tag})" if tag else ""
    message = f"the {stream.type} track is in a codec that FFmpeg does not know{known_as}"
    if codec:
        message = f"there is no decoder for {codec}, the codec of the {stream.type} track"
    return ItemError(ErrorClass.UNSUPPORTED, message)


def _no_decoder(codec: str) -> str:
    return f"the FFmpeg that the Python package av uses here cannot decode {codec}: run {_REINSTALL}"


def missing_decoders() -> tuple[str, ...]:
    """A sentence for each common codec that this FFmpeg cannot decode. Raises ImportError without PyAV."""
    return tuple(_no_decoder(codec) for codec in _COMMON_CODECS.split() if not _has(codec, "r"))


def missing_encoders(names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each of these encoders that this FFmpeg does not have. Raises ImportError without PyAV."""
    return tuple(_no_encoder(name) for name in names if not _has(name, "w"))


def require_encoder(name: str) -> None:
    """Raises ItemError (missing_tool) with what :func:`missing_encoders` says."""
    if not _has(name, "w"):
        raise ItemError(ErrorClass.MISSING_TOOL, _no_encoder(name))


def _no_encoder(name: str) -> str:
    return f"the FFmpeg that the Python package av uses here has no encoder {name}: run {_REINSTALL}"


def _has(name: str, mode: Literal["r", "w"]) -> bool:
    """Whether this FFmpeg has a decoder (mode "r") or an encoder ("w") of this name."""
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, mode)
    except UnknownCodecError:
        return False
    return True


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
        _be_silent()
    pattern = rf"^  Stream #0:{stream.index}\b[^\n]*?: (?:Video|Audio): (\w+)(?: \(([^\n/]{{1,16}}) / 0x)?"
    found = re.search(pattern, described, re.MULTILINE)
    if found is None:
        return "", ""
    return "" if found[1] == "none" else found[1], (found[2] or "").strip()


# opening and errors ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path: Path, taken_for: str | None = None) -> Iterator[av.container.InputContainer]:
    """The open container. Errors of the engine inside the block become ItemErrors.

    ``taken_for``: what it is taken for where neither its bytes nor its name say what it is.
    """
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    import av

    _be_silent()
    with file_errors():
        try:
            # A Python file, because names may not be UTF-8, and no name must be taken for a protocol.
            with open_regular(path) as stream, _container(stream, path, taken_for) as container:
                yield container
        except av.error.FFmpegError as error:
            raise _typed(error) from error


@contextlib.contextmanager
def file_errors() -> Iterator[None]:
    """Errors of the system inside the block become ItemErrors."""
    try:
        yield
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except MemoryError as error:
        raise ItemError(ErrorClass.OOM, "not enough memory to decode the media") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a seek before the start: the file is shorter than its header says
            raise ItemError(ErrorClass.CORRUPT, "the media is truncated") from error
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def _container(stream: BinaryIO, path: Path, taken_for: str | None) -> av.container.InputContainer:
    """The container, read as what its bytes say that it is; if they say nothing, as what its name claims, if that fits.

    FFmpeg itself chooses only among the demuxers of that one type.
    """
    import av

    mime = _core.sniff_file(path)
    claimed = (_core.claimed_type(os.path.basename(os.fsencode(path))) or taken_for) if mime == UNKNOWN else None
    names = BY_TYPE.get(claimed or mime, ())
    if not names:
        raise ItemError(ErrorClass.UNSUPPORTED, f"it is no sound or film that is read here: {claimed or mime}")
    if claimed or len(names) > 1:
        try:
            return _opened(stream, names)
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            if claimed:
                message = f"its name says {claimed}, but FFmpeg finds nothing of that in it"
                raise ItemError(ErrorClass.CORRUPT, message) from error
    return _forced(stream, names)


def _forced(stream: BinaryIO, names: tuple[str, ...]) -> av.container.InputContainer:
    """The container by the first of these demuxers that can read it; FFmpeg's error of the last where none can."""
    import av

    for name in names:
        stream.seek(0)
        try:
            return _opened(stream, names, name)
        except (av.error.ArgumentError, av.error.InvalidDataError):
            if name == names[-1]:
                raise
    raise ValueError("no demuxers")


def _opened(stream: BinaryIO, names: tuple[str, ...], name: str | None = None) -> av.container.InputContainer:
    """By the demuxer ``name``, or the one of ``names`` that FFmpeg chooses. Raises FFmpeg's errors."""
    import av

    # Tags need not be UTF-8. PyAV takes any since 19, which has no such argument; before, it has to be told.
    tags: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    found: av.container.InputContainer = av.open(stream, "r", format=name, options=options(names), **tags)
    return found


def _be_silent() -> None:
    """Keep FFmpeg from calling PyAV with its messages, at any level.

    PyAV takes the interpreter's lock even for those that it drops, so a decoding thread with something to say about a
    damaged frame waits for ever for the thread that frees the decoder, holds the lock, and waits for it.
    """
    import av.logging

    av.logging.set_level(None)


def _typed(error: av.error.FFmpegError) -> ItemError:
    import av

    unsupported = (av.error.DecoderNotFoundError, av.error.DemuxerNotFoundError, av.error.PatchWelcomeError)
    if isinstance(error, (*unsupported, av.error.ProtocolNotFoundError, NotImplementedError)):
        return ItemError(ErrorClass.UNSUPPORTED, f"there is no decoder for this media ({error.strerror})")
    if isinstance(error, MemoryError):
        return ItemError(ErrorClass.OOM, "not enough memory to decode the media")
    return ItemError(ErrorClass.CORRUPT, f"the media is damaged ({error.strerror})")
