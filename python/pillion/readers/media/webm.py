"""Films and sound as WebM that every browser plays: VP9 and Opus, encoded in segments and joined.

Pictures are encoded a minute at a time, each minute by an encoder of its own that begins with a key frame, so that what
is done need not be done again; sound is encoded once, in one piece. All segments have the times of the film, and are
joined without encoding anything again. A track that fits already is copied from the source.

Times are those that the file gives, counted from its start, so that sound and pictures stay together; frames that
follow each other faster than players of previews show are left out, and holes in the sound are filled with silence.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.readers.media import tones
from pillion.readers.media.film import (
    aspect_of,
    decodable,
    decoder_of,
    display_matrix,
    finished,
    is_hdr,
    is_turned,
    progressive,
    tracks_by_size,
)
from pillion.readers.media.opening import can_be_decoded, decoded, is_cover, opened, packets_of, require_encoder
from pillion.readers.media.sound import timed, two_channels

if TYPE_CHECKING:
    import av
    import av.container

VIDEO_ENCODER = "libvpx-vp9"
SOUND_ENCODER = "libopus"
SEGMENT_S = 60.0
"""Seconds of film in a segment."""
_TICK = Fraction(1, 1000)
"""The unit of time of WebM."""
_LEAST_STEP_S = 0.027
"""Frames that follow each other faster are left out: of 60 a second every other one, of 50 too, none of 30."""
_KEYS_EVERY_S = 4.0
_RARE_KEYS_S = 15.0
"""A track whose key frames lie further apart is not copied: it could not be sought in."""
_SOUND_RATE = 48_000
_SOUND_BLOCK = 960
_SOUND_BITS = {1: 64_000, 2: 96_000}
_LONGEST_HOLE_S = 86_400.0
_CUE_BYTES = 64
"""Room that is left at the beginning of a file for each place to seek to, with plenty to spare."""
_VP9 = {
    # As fast as a call is encoded: half of the time of the film on a core. The good ones take ten times as long.
    "deadline": "realtime",
    "cpu-used": "7",
    # The same bytes on any number of cores.
    "row-mt": "0",
    "tile-columns": "1",
    "lag-in-frames": "0",
    "static-thresh": "0",
}
_THREADS = 2
_PLAYED_VIDEO = ("vp8", "vp9", "av1")
_PLAYED_SOUND = ("opus", "vorbis")
_PLAIN_PIXELS = ("yuv420p", "yuvj420p")
_PLAIN_PRIMARIES = (0, 1, 2, 5, 6)
"""Those of BT.709 and of standard definition, or unknown ones."""
_PEAK_PLACES = (0.1, 0.3, 0.5, 0.7, 0.9)
_HDR_SIDE = 320


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A film to make. ``short_side``: the most pixels of its shorter side. ``crf``: libvpx's quality, 0 (best) to 63;
    ``bits``: the most bits a second that it takes.
    """

    name: str
    short_side: int
    crf: int
    bits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is in a file, and what becomes of it. ``size``: the picture as it is shown, None without any.

    ``copies_video``: names of the targets that the video track fits as it is; ``copies_sound``.
    """

    seconds: float
    size: tuple[int, int] | None
    has_sound: bool
    sound_codec: str
    copies_video: frozenset[str]
    copies_sound: bool


# what is there --------------------------------------------------------------------------------------------------------


def plan(path: Path, targets: Sequence[Target], *, mime: str | None, beat: Callable[[], None]) -> Plan:
    """Raises ItemError: unsupported without any track that can be decoded, or as the readers of tracks do."""
    with opened(path, mime) as container:
        video, sound = _video(container), _sound(container)
        if video is None and sound is None:
            raise ItemError(ErrorClass.UNSUPPORTED, "the file has neither pictures nor sound")
        seconds = container.duration / 1_000_000 if container.duration and container.duration > 0 else 0.0
        sound_codec = sound.codec_context.name if sound is not None else ""
        size, copied = None, frozenset[str]()
        if video is not None:
            frame = _first_frame(container, video)
            size = _shown_size(frame, video)
            rate = path.stat().st_size * 8 / seconds if seconds else float("inf")
            if _is_plain(frame, video) and _has_keys(path, mime, video.index, beat):
                names = [one.name for one in targets if min(size) <= one.short_side and rate <= 2 * one.bits]
                copied = frozenset(names)
        return Plan(
            seconds=seconds,
            size=size,
            has_sound=sound is not None,
            sound_codec=sound_codec,
            copies_video=copied,
            copies_sound=sound_codec in _PLAYED_SOUND and sound is not None and sound.layout.nb_channels <= 2,
        )


def _video(container: av.container.InputContainer) -> av.VideoStream | None:
    streams = [stream for stream in tracks_by_size(container) if not is_cover(stream)]
    return decodable(container, streams)[0] if streams else None


def _sound(container: av.container.InputContainer) -> av.AudioStream | None:
    from av.stream import Disposition

    streams = [stream for stream in container.streams.audio if can_be_decoded(stream)]
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)


def _first_frame(container: av.container.InputContainer, video: av.VideoStream) -> av.VideoFrame:
    import av

    video.thread_type = "AUTO"
    frame = next(decoded(container, video, video.codec_context, av.VideoFrame), None)
    if frame is None:
        raise ItemError(ErrorClass.CORRUPT, "no picture could be decoded from the video track")
    return frame


def _is_plain(frame: av.VideoFrame, video: av.VideoStream) -> bool:
    """Whether browsers show a track as it is, in a size that its header says."""
    codec = _decoder_name(video)
    is_upright = display_matrix(frame) in ((1, 0, 0, 1), (65536, 0, 0, 65536))
    return codec in _PLAYED_VIDEO and frame.format.name in _PLAIN_PIXELS and is_upright and aspect_of(video) == 1


def _decoder_name(stream: av.VideoStream) -> str:
    name: str = stream.codec_context.codec.canonical_name
    return name


def _has_keys(path: Path, mime: str | None, index: int, beat: Callable[[], None]) -> bool:
    """Whether the key frames of a track lie near each other: all of it is read."""
    with opened(path, mime) as container:
        track = container.streams[index]
        last = 0.0
        time = None
        for number, packet in enumerate(packets_of(container, cast("av.VideoStream", track))):
            time = _time(packet) if packet.size else time
            if time is None or time - last > _RARE_KEYS_S:
                return False
            last = time if packet.is_keyframe and packet.size else last
            if number % 1000 == 0:
                beat()
        return time is not None


def _time(packet: av.Packet[Any]) -> float | None:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return None if stamp is None else float(stamp * packet.time_base)


def _shown_size(frame: av.VideoFrame, video: av.VideoStream) -> tuple[int, int]:
    """Width and height with square pixels, upright."""
    aspect = aspect_of(video)
    width, height = frame.width * max(aspect, 1.0), frame.height / min(aspect, 1.0)
    return (round(height), round(width)) if is_turned(display_matrix(frame)) else (round(width), round(height))


def size_for(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The size of a proxy: even, of the same proportions, its shorter side at most ``short_side``, never larger."""
    scale = min(1.0, short_side / min(size))
    return _even(size[0] * scale, size[0]), _even(size[1] * scale, size[1])


def _even(wanted: float, most: int) -> int:
    near = 2 * round(wanted / 2)
    return max(2, near if near <= most else near - 2)


# pictures -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that is written: ``number`` counts from 0, ``files`` is by the name of the target."""

    number: int
    files: Mapping[str, Path]


def segments(
    path: Path,
    targets: Sequence[Target],
    size: tuple[int, int],
    seconds: float,
    *,
    first: int,
    mime: str | None,
    place: Callable[[str], Path],
    beat: Callable[[], None],
) -> Iterator[Segment]:
    """The pictures from the segment ``first`` on, each yielded when it is whole.

    ``place``: where the file of a target is written; the next one of it is written there, too.
    Raises ItemError: missing_tool without the encoder, or as the readers of tracks do.
    """
    require_encoder(VIDEO_ENCODER)
    with opened(path, mime) as container:
        video = cast("av.VideoStream", _video(container))
        peak = _peak(container, video, seconds)
    writers: dict[str, _Writer] = {}
    number, last = first, -1.0
    with opened(path, mime) as container:
        video = cast("av.VideoStream", _video(container))
        aspect = aspect_of(video)
        for time, frame in _frames(container, video, first * SEGMENT_S):
            beat()
            if time < first * SEGMENT_S or time - last < _LEAST_STEP_S:
                continue
            if writers and time >= (number + 1) * SEGMENT_S:
                yield Segment(number, {name: writer.ended() for name, writer in writers.items()})
                writers = {}
            if not writers:
                number = int(time // SEGMENT_S)
                writers = {one.name: _Writer(place(one.name), one, size_for(size, one.short_side)) for one in targets}
            last = time
            drawn = _Drawn(frame, aspect, peak)
            for writer in writers.values():
                writer.add(drawn, time)
    if writers:
        yield Segment(number, {name: writer.ended() for name, writer in writers.items()})


def _frames(
    container: av.container.InputContainer, video: av.VideoStream, start: float
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with their times, from a key frame before ``start`` on; a little ahead of it if nobody can seek there."""
    import av

    known: Any = container.start_time
    base = known / 1_000_000 if known is not None else 0.0
    unit = float(video.time_base or 1)
    decoder = decoder_of(video)
    rate = float(video.average_rate or video.guessed_rate or 25)
    if start:
        with contextlib.suppress(av.error.FFmpegError):
            # Some formats lead to a place after the one that was asked for.
            container.seek(round((max(0.0, start - 2 * _RARE_KEYS_S) + base) / unit), stream=video)
    last = -1 / rate
    for frame in decoded(container, video, decoder, av.VideoFrame):
        step = float(frame.time_base) if frame.time_base else unit
        time = last + 1 / rate if frame.pts is None else frame.pts * step - base
        # A clock that was set back goes on from where it was.
        last = time if time > last or (frame.pts is not None and last - time < 1.0) else last + 1 / rate
        yield max(0.0, last), frame


class _Drawn:
    """A frame in the sizes and colours of the films that are made of it."""

    def __init__(self, frame: av.VideoFrame, aspect: float, peak: float | None) -> None:
        self._frame, self._aspect, self._peak = frame, aspect, peak
        matrix = display_matrix(frame)
        is_upright = matrix[1] == matrix[2] == 0 and matrix[0] > 0 and matrix[3] > 0
        has_alpha = any(component.is_alpha for component in frame.format.components)
        is_plain = peak is None and int(frame.color_primaries) in _PLAIN_PRIMARIES
        self._is_direct = is_upright and is_plain and not has_alpha

    def of(self, size: tuple[int, int]) -> av.VideoFrame:
        """As 4:2:0 in BT.709."""
        import av

        if self._is_direct:
            whole = progressive(self._frame)
            is_hd = whole.width >= 1280 or whole.height > 576
            source = "ITU709" if int(whole.colorspace) == 2 and is_hd else None
            return whole.reformat(
                *size,
                format="yuv420p",
                src_colorspace=source,
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
                interpolation="AREA",
            )
        side = max(size)
        shown = finished(self._frame, self._aspect, side, hdr_side=side, peak=self._peak)
        pixels = shown.pixels
        if shown.code_points is not None:
            pixels = _core.srgb_from_pixels(np.ascontiguousarray(pixels), cicp=shown.code_points)
        if pixels.shape[2] == 4:
            pixels = (pixels[..., :3].astype(np.uint16) * pixels[..., 3:] // 255).astype(np.uint8)
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        return rgb.reformat(
            *size, format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="AREA"
        )


def _peak(container: av.container.InputContainer, video: av.VideoStream, seconds: float) -> float | None:
    """The brightest light of a film of high dynamic range, of some of its frames; None for all others.

    Each frame by its own, as thumbnails are, would flicker.
    """
    import av

    peaks: list[float] = []
    decoder = decoder_of(video)
    for place in _PEAK_PLACES:
        with contextlib.suppress(av.error.FFmpegError):
            container.seek(int(place * seconds * 1_000_000))
        if decoder.is_open:
            decoder.flush_buffers()
        frame = next(decoded(container, video, decoder, av.VideoFrame), None)
        if frame is None:
            continue
        if not is_hdr(frame):
            return None
        scale = min(1.0, _HDR_SIDE / max(frame.width, frame.height))
        size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
        codes: Any = frame.reformat(*size, format="rgb48le", interpolation="AREA").to_ndarray()
        transfer = int(frame.color_trc) if int(frame.color_trc) in (tones.PQ, tones.HLG) else tones.PQ
        peaks.append(tones.peak_of(codes, transfer))
    return max(peaks, default=None)


class _Writer:
    """A segment that is being written."""

    def __init__(self, path: Path, target: Target, size: tuple[int, int]) -> None:
        self._path, self._size = path, size
        self._output = _Output(path)
        options = {**_VP9, "crf": str(target.crf)}
        stream: Any = self._output.container.add_stream(VIDEO_ENCODER, rate=Fraction(30), options=options)
        stream.width, stream.height = size
        stream.pix_fmt, stream.bit_rate, stream.gop_size = "yuv420p", target.bits, 9999
        context = stream.codec_context
        context.time_base = _TICK
        context.thread_count = _THREADS
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        self._stream, self._key = stream, float("-inf")

    def add(self, drawn: _Drawn, time: float) -> None:
        from av.video.frame import PictureType

        frame = drawn.of(self._size)
        frame.pts, frame.time_base = round(time / _TICK), _TICK
        is_key = time - self._key >= _KEYS_EVERY_S
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        self._key = time if is_key else self._key
        self._output.container.mux(self._stream.encode(frame))

    def ended(self) -> Path:
        self._output.container.mux(self._stream.encode(None))
        self._output.close()
        return self._path


class _Output:
    """A WebM file that is written, whose bytes depend on what is put into it alone."""

    def __init__(self, path: Path, **options: str) -> None:
        import av

        # A Python file, because names may not be UTF-8.
        self._file = path.open("wb")
        self.container = av.open(self._file, "w", format="webm", options={"fflags": "+bitexact", **options})

    def close(self) -> None:
        """Write the rest."""
        self.container.close()
        self._file.close()


# sound ----------------------------------------------------------------------------------------------------------------


def encode_sound(path: Path, to: Path, *, mime: str | None, beat: Callable[[], None]) -> None:
    """The sound of a file as Opus in WebM, of one channel or two, with silence where it has holes.

    Raises ItemError: missing_tool without the encoder, or as the readers of tracks do.
    """
    require_encoder(SOUND_ENCODER)
    with opened(path, mime) as container:
        track = cast("av.AudioStream", _sound(container))
        channels = 1 if track.layout.nb_channels == 1 else 2
        out = _Output(to)
        stream: Any = out.container.add_stream(SOUND_ENCODER, rate=_SOUND_RATE)
        stream.layout = "mono" if channels == 1 else "stereo"
        stream.bit_rate = _SOUND_BITS[channels]
        encoder = _Sound(out.container, stream, channels)
        for frame, jump in timed(container, track):
            beat()
            if jump is not None:
                encoder.go_to(jump.time)
            encoder.add(frame)
        encoder.end()
        out.close()


class _Sound:
    """An encoder that is given pieces of sound, and told where they are heard."""

    def __init__(self, container: Any, stream: Any, channels: int) -> None:
        self._container, self._stream, self._channels = container, stream, channels
        self._held = np.zeros((0, channels), dtype=np.int16)
        self._given = 0
        self._skip = 0
        self._resampler: Any = None
        self._of: tuple[object, ...] = ()

    def go_to(self, seconds: float) -> None:
        """What comes next is heard at this time: silence before it, or the first of it left out."""
        self._flush()
        there = self._given + len(self._held)
        missing = round(min(seconds, _LONGEST_HOLE_S) * _SOUND_RATE) - there
        self._skip = max(0, -missing)
        while missing > 0:
            size = min(missing, _SOUND_RATE)
            self._put(np.zeros((size, self._channels), dtype=np.int16))
            missing -= size

    def add(self, frame: av.AudioFrame) -> None:
        import av

        current = (frame.format.name, frame.layout.name, frame.sample_rate)
        if current != self._of:
            self._flush()
            if frame.sample_rate > 64 * _SOUND_RATE:
                raise ItemError(ErrorClass.CORRUPT, f"no sound has {frame.sample_rate} samples a second")
            layout = "mono" if self._channels == 1 else "stereo"
            self._resampler, self._of = av.AudioResampler(format="s16", layout=layout, rate=_SOUND_RATE), current
        frame.pts = None
        for made in self._resampler.resample(two_channels(frame)):
            self._put(made.to_ndarray().reshape(-1, self._channels))

    def end(self) -> None:
        self._flush()
        left = -len(self._held) % _SOUND_BLOCK
        self._put(np.zeros((left, self._channels), dtype=np.int16))
        self._container.mux(self._stream.encode(None))

    def _flush(self) -> None:
        if self._resampler is not None:
            for made in self._resampler.resample(None):
                self._put(made.to_ndarray().reshape(-1, self._channels))
        self._resampler, self._of = None, ()

    def _put(self, samples: Any) -> None:
        import av

        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        self._held = np.concatenate([self._held, samples[skipped:]])
        whole = len(self._held) // _SOUND_BLOCK * _SOUND_BLOCK
        for at in range(0, whole, _SOUND_BLOCK):
            packed = np.ascontiguousarray(self._held[at : at + _SOUND_BLOCK]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="mono" if self._channels == 1 else "stereo")
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, self._given, Fraction(1, _SOUND_RATE)
            self._container.mux(self._stream.encode(frame))
            self._given += _SOUND_BLOCK
        self._held = self._held[whole:]


# joining --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Files that hold a track, in order. ``is_original``: the one file whose track is copied.

    ``mime``: what that is taken for.
    """

    files: tuple[Path, ...]
    is_original: bool = False
    mime: str | None = None


def join(to: Path, video: Source | None, sound: Source | None, *, seconds: float, beat: Callable[[], None]) -> None:
    """One WebM file with these tracks, its index at the beginning."""
    cues = round(seconds / _KEYS_EVERY_S * 2) + sum(len(source.files) for source in (video, sound) if source) + 64
    out = _Output(to, reserve_index_space=str(_CUE_BYTES * cues))
    kinds = [(source, kind) for source, kind in ((video, "video"), (sound, "audio")) if source is not None]
    streams = []
    for source, kind in kinds:
        with opened(source.files[0], source.mime) as container:
            found = _track_of(container, kind)
            stream = out.container.add_stream_from_template(found, opaque=True)
            stream.time_base = _TICK
            streams.append(stream)
    tracks = [_packets(source, kind, number) for number, (source, kind) in enumerate(kinds)]
    for count, (_, number, packet) in enumerate(heapq.merge(*tracks, key=lambda item: item[:2])):
        packet.stream = streams[number]
        out.container.mux_one(packet)
        if count % 500 == 0:
            beat()
    out.close()


def _track_of(container: av.container.InputContainer, kind: str) -> Any:
    return _video(container) if kind == "video" else _sound(container)


def _packets(source: Source, kind: str, number: int) -> Iterator[tuple[float, int, av.Packet[Any]]]:
    """The packets of a track, each with its time and the number of the track."""
    for path in source.files:
        with opened(path, source.mime) as container:
            start: Any = container.start_time
            shift = (start or 0) / 1_000_000 if source.is_original else 0.0
            for packet in packets_of(container, _track_of(container, kind)):
                if not packet.size or (packet.pts is None and packet.dts is None):
                    continue
                stamp = packet.pts if packet.pts is not None else packet.dts
                moved = round(shift / float(packet.time_base))
                packet.pts = (stamp or 0) - moved
                packet.dts = (packet.dts if packet.dts is not None else packet.pts) - (
                    moved if packet.dts is not None else 0
                )
                yield float(packet.dts * packet.time_base), number, packet
