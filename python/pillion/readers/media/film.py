"""The frame that stands for a video: found, brought upright, with what the core needs to know of its colours."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.readers.media import dolby, tones
from pillion.readers.media.opening import can_be_decoded, decoded, is_cover, opened, require_decoder

if TYPE_CHECKING:
    import av
    import av.container

_PLACES = (0.1, 0.25, 0.4, 0.6, 0.8, 0.02)
"""Where to look for a good frame, as parts of the length, in order."""
_GOOD_CONTRAST = 24.0
"""Standard deviation of luma (0 to 255) above which a frame is used at once; titles and fades are below."""
_SEQUENTIAL_FRAMES = 90

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that also read the transparency that WebM keeps beside the picture; FFmpeg's own leave it out."""

# Code points of ITU-T H.273.
_UNKNOWN = 2
_SRGB_CURVE = 13
_HD_WIDTH, _SD_HEIGHT = 1280, 576
"""A video that names no matrix has BT.709's if it is as wide as this or higher than this, as players take it."""


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """An upright frame: uint8, shape (H, W, 3), or (H, W, 4) with straight alpha.

    ``code_points``: primaries and transfer of its colours (ITU-T H.273); None for sRGB's. High dynamic range is mapped
    to sRGB already.
    """

    pixels: NDArray[np.uint8]
    code_points: tuple[int, int] | None


def representative_frame(path: Path, *, max_side: int, mime: str | None = None) -> FilmFrame:
    """A frame of a video that is not black and not one flat colour, at most ``max_side`` on the longest side.

    ``max_side`` is twice the side that is wanted in the end: frames of high dynamic range are of half of it at most.
    Of the largest video track; of an attached cover only if there is no other. Tries key frames spread over the length
    and takes the first with good contrast, else the best one. ``mime``: what the file is taken for, which counts where
    neither its bytes nor its name say what it is. Raises ItemError: unsupported without a video track or
    decoder, missing_tool if only this FFmpeg lacks the decoder, corrupt if no frame can be decoded.
    """
    with opened(path, mime) as container:
        for stream in decodable(container, tracks_by_size(container)):
            best = _best(_candidates(container, stream))
            if best is not None:
                return finished(best, aspect_of(stream), max_side, hdr_side=max_side // 2)
        raise ItemError(ErrorClass.CORRUPT, "no picture could be decoded from the video track")


def tracks_by_size(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video tracks, first those that can be decoded, of these the largest, of these the one that is played."""
    from av.stream import Disposition

    beside = Disposition.timed_thumbnails | Disposition.dependent

    def rank(stream: av.VideoStream) -> tuple[bool, int, bool]:
        there = can_be_decoded(stream)
        pixels = stream.codec_context.width * stream.codec_context.height if there else 0
        return there, pixels, bool(stream.disposition & Disposition.default)

    streams = sorted(container.streams.video, key=rank, reverse=True)
    films = [stream for stream in streams if not is_cover(stream) and not stream.disposition & beside]
    return films or streams


def decodable(container: av.container.InputContainer, tracks: Sequence[av.VideoStream]) -> list[av.VideoStream]:
    """Those of :func:`tracks_by_size` that can be decoded, at least one.

    Raises ItemError: unsupported where there are no tracks, else as :func:`require_decoder` for the first.
    """
    if not tracks:
        raise ItemError(ErrorClass.UNSUPPORTED, "the file has no video track")
    require_decoder(container, tracks[0])
    return list(filter(can_be_decoded, tracks))


def _best(frames: Iterator[av.VideoFrame]) -> av.VideoFrame | None:
    best: av.VideoFrame | None = None
    best_contrast = -1.0
    for frame in frames:
        contrast = _contrast(frame)
        if contrast > best_contrast:
            best, best_contrast = frame, contrast
        if contrast >= _GOOD_CONTRAST:
            break
    return best


def _candidates(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    import av

    decoder = decoder_of(stream)
    seconds = container.duration / 1_000_000 if container.duration else 0.0
    start = (container.start_time or 0) / 1_000_000
    seen: set[int | None] = set()
    decoder.skip_frame = "NONKEY"
    for place in _PLACES if seconds > 1.0 else ():
        try:
            container.seek(int((start + seconds * place) * 1_000_000))
            decoder.flush_buffers()
            frame = next(decoded(container, stream, decoder, av.VideoFrame), None)
        except av.error.FFmpegError:
            continue
        if frame is not None and frame.pts not in seen:
            seen.add(frame.pts)
            yield frame
    # If the video is short, not seekable or has only one key frame: every frame from the start.
    decoder.skip_frame = "DEFAULT"
    if seconds > 1.0:
        # Bare streams cannot be sought in, and an attempt costs what has been read of them.
        with contextlib.suppress(av.error.FFmpegError):
            # Not to the start time: a stream that is cut amid a packet has its key frame before that.
            container.seek(min(0, int(start * 1_000_000)))
            decoder.flush_buffers()
    for number, frame in enumerate(decoded(container, stream, decoder, av.VideoFrame)):
        yield frame
        if number >= _SEQUENTIAL_FRAMES:
            return


def decoder_of(stream: av.VideoStream) -> av.VideoCodecContext:
    """What decodes a stream: with its transparency, if it says that it has any."""
    import av

    own = stream.codec_context
    says = {key.lower(): value for key, value in stream.metadata.items()}
    name = _WITH_ALPHA.get(own.name) if says.get("alpha_mode") == "1" else None
    if name is not None:
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            other = cast("av.VideoCodecContext", av.CodecContext.create(name, "r"))
            other.extradata = own.extradata
            other.open()
            return other
    own.thread_type = "AUTO"
    return own


def _contrast(frame: av.VideoFrame) -> float:
    """Standard deviation of luma, 0 to 127, of a small copy."""
    small = frame.reformat(width=64, height=64, format="gray").to_ndarray()
    return float(small.std())


def aspect_of(stream: av.VideoStream) -> float:
    """Width by height of a track's pixels; 1 if it does not say, or says what cannot be."""
    ratio = stream.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 < float(ratio) < 10 else 1.0


# colours and geometry -------------------------------------------------------------------------------------------------


def is_hdr(frame: av.VideoFrame) -> bool:
    """Whether its numbers mean light beyond the white of a plain screen."""
    return _dolby_vision(frame) is not None or int(frame.color_trc) in (tones.PQ, tones.HLG)


def finished(frame: av.VideoFrame, aspect: float, side: int, *, hdr_side: int, peak: float | None = None) -> FilmFrame:
    """One picture with square pixels, upright by the file's display matrix, at most ``side`` on its longest side.

    ``hdr_side``: the same of high dynamic range, since mapping tones costs more than scaling. ``peak``: the brightest
    light, in cd/m²; None: that of the frame.
    """
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    matrix, meant = display_matrix(frame), _dolby_vision(frame)
    whole = progressive(frame)
    width, height = whole.width * max(aspect, 1.0), whole.height / min(aspect, 1.0)
    maps_tones = meant is not None or transfer in (tones.PQ, tones.HLG)
    scale = min(1.0, (hdr_side if maps_tones else side) / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if meant is not None:
        codes = dolby.to_pq(_signals(whole, size), meant)
        return FilmFrame(_upright(tones.to_srgb(codes, tones.BT2020, tones.PQ, peak), matrix), None)
    if maps_tones:
        codes = _pixels(whole, size, "rgb48le")
        return FilmFrame(_upright(tones.to_srgb(codes, primaries, transfer, peak), matrix), None)
    pixels = _upright(_pixels(whole, size, "rgba" if _has_alpha(whole) else "rgb24"), matrix)
    # The curves of cameras are shown as if they were sRGB's, as everywhere.
    return FilmFrame(pixels, None if primaries in (0, 1, _UNKNOWN) else (primaries, _SRGB_CURVE))


def _pixels(frame: av.VideoFrame, size: tuple[int, int], pixel_format: str) -> NDArray[Any]:
    # Players take what names no matrix for BT.709 above the size of standard definition, FFmpeg never does.
    is_hd = frame.width >= _HD_WIDTH or frame.height > _SD_HEIGHT
    colorspace = "ITU709" if frame.colorspace == _UNKNOWN and is_hd else None
    return frame.reformat(*size, format=pixel_format, src_colorspace=colorspace, interpolation="AREA").to_ndarray()


def _dolby_vision(frame: av.VideoFrame) -> dolby.Meaning | None:
    """What the numbers of a frame mean by its metadata; None if they mean what its code points say."""
    try:
        return dolby.meaning(bytes(cast("Any", frame.side_data)[dolby.SIDE_DATA]))
    except KeyError:
        return None


def _signals(frame: av.VideoFrame, size: tuple[int, int]) -> NDArray[np.uint16]:
    """The numbers of a frame as they are, without a conversion to other colours."""
    whole = frame.reformat(
        *size, format="yuv444p16le", src_color_range="JPEG", dst_color_range="JPEG", interpolation="AREA"
    )
    return cast("NDArray[np.uint16]", whole.to_ndarray())


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"


def progressive(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame without the comb that two fields of different moments make: the second is filled from the first."""
    if not frame.interlaced_frame:
        return frame
    import av
    from av.filter import Graph

    try:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
        )
        graph.link_nodes(source, graph.add("estdif", "mode=frame"), graph.add("buffersink")).configure()
        graph.vpush(frame)
        graph.vpush(None)
        return graph.vpull()
    except (av.error.FFmpegError, ValueError):
        return frame


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """What the file says of turning and mirroring: (a, b, c, d), by which a point goes to (ax + cy, bx + dy)."""
    try:
        data = bytes(cast("Any", frame.side_data)["DISPLAYMATRIX"])
        a, b, _, c, d = struct.unpack("=5i", data[:20])
    except (KeyError, struct.error):
        return 1, 0, 0, 1
    return a, b, c, d


def is_turned(matrix: tuple[int, int, int, int]) -> bool:
    """Whether a :func:`display_matrix` lays a picture on its side."""
    a, b, c, d = matrix
    return abs(a) + abs(d) < abs(b) + abs(c)


def _upright(pixels: NDArray[np.uint8], matrix: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The picture turned by quarters and mirrored, whichever comes nearest to the matrix."""
    a, b, c, d = matrix
    if is_turned(matrix):
        pixels = pixels.swapaxes(0, 1)
        mirrored, flipped = c < 0, b < 0
    else:
        mirrored, flipped = a < 0, d < 0
    if mirrored:
        pixels = pixels[:, ::-1]
    if flipped:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
