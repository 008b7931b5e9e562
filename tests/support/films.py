"""Films and sounds with marks that ordinary ones do not have: colours, holes in time, channels, several tracks."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from pillion.readers.media import tones

RATE = 16_000
_CURVES = {"pq": 16, "hlg": 18, "hlg-channels": 18}


def patches() -> NDArray[np.uint8]:
    """Dark, with patches of red, white and grey in its left half, from top to bottom; (480, 640, 3).

    Beside them are narrow ones of green, blue and yellow.
    """
    frame = np.full((480, 640, 3), 40, dtype=np.uint8)
    frame[:160, :320], frame[160:320, :320], frame[320:, :320] = (255, 0, 0), (255, 255, 255), (128, 128, 128)
    frame[:160, 320:400], frame[160:320, 320:400], frame[320:, 320:400] = (0, 255, 0), (0, 0, 255), (255, 255, 0)
    return frame


def hdr_codes(srgb: NDArray[np.uint8], curve: str) -> NDArray[np.uint16]:
    """The picture as BT.2020 in PQ or HLG, with sRGB's white at 203 cd/m²: full-range code values of 16 bits.

    ``curve``: "pq"; "hlg" with the system gamma on the luminance, as ITU-R BT.2100 has it; "hlg-channels" with it on
    each channel, as FFmpeg's zscale has it.
    """
    coded = srgb / 255.0
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    # ITU-R BT.2087, table 2.
    matrix = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = np.clip(linear @ matrix.T, 0, 1) * 203
    if curve == "pq":
        power = (light / 10_000) ** (2610 / 16384)
        codes = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    else:
        luminance = light @ np.array([0.2627, 0.6780, 0.0593])[:, np.newaxis] / 1000
        bent = light / 1000 if curve == "hlg-channels" else luminance
        scene = light / 1000 * np.maximum(bent, 1e-9) ** (1 / 1.2 - 1)
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        codes = np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
    return (codes * 65535 + 0.5).astype(np.uint16)


_CROSSTALK = np.full((3, 3), 0.02) + 0.94 * np.eye(3)
_IPT = np.array([[8192, 799, 1681], [8192, -933, 1091], [8192, 267, -5545]]) / 8192
"""From IPT to LMS, as Dolby Vision of profile 5 has it."""


def ipt_signals(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """BT.2020 in PQ as the signals of Dolby Vision of profile 5: 10 bits in the upper ones of 16."""
    # The cones of Hunt, Pointer and Estevez, normalised to D65, and the primaries of BT.2020 in XYZ.
    cones = np.array([[0.40024, 0.7076, -0.08081], [-0.2263, 1.16532, 0.0457], [0, 0, 0.91822]])
    xyz = np.array([[0.636958, 0.144617, 0.168881], [0.2627, 0.677998, 0.059302], [0, 0.028073, 1.060985]])
    light = tones.pq_to_light(codes / 65535)
    lms = light @ (_CROSSTALK @ cones @ xyz).T
    ipt = tones.light_to_pq(np.maximum(lms, 0)) @ np.linalg.inv(_IPT).T + (0, 0.5, 0.5)
    return ((np.clip(ipt, 0, 1) * 1023 + 0.5).astype(np.uint16) * 64).astype(np.uint16)


def dolby_metadata(*, profile: int = 0, bent: bool = False) -> bytes:
    """FFmpeg's structure for a frame (libavutil/dovi_meta.h) on a processor of 64 bits.

    ``bent``: the first signal has a piece that is a polynomial and one that is a regression, else none is changed.
    """
    one = 1 << 23
    header = struct.pack("=BxHBBBBBBBBBB", 2, 18, profile, 0, 0, 0, 23, 1, 1, 10, 10, 12).ljust(24, b"\0")
    straight = ((0, 1023), (0,), (1,), (0, one, 0), (0,), (0,), ())
    regression = (one // 2, 0, 0, 0, 0, 0, 0, 0, 0, one // 4)
    curved = (
        (0, 512, 1023),
        (0, 1),
        (2, 0),
        (one // 4, one // 2, one // 8, 0, 0, 0),
        (0, 2),
        (0, one // 8),
        (*[0] * 21, *regression),
    )
    curves = b"".join(map(_curve, (curved if bent else straight, straight, straight)))
    fractions = [(round(value * 8192), 8192) for value in _IPT.ravel()] + [(0, 1), (1, 2), (1, 2)]
    fractions += [(round(value * 16384), 16384) for value in np.linalg.inv(_CROSSTALK).ravel()]
    colours = bytes(4) + b"".join(struct.pack("=2i", *fraction) for fraction in fractions)
    start = 48
    places = (start, start + len(header), start + len(header) + 8 + len(curves), 0, 0, 0)
    return struct.pack("=6Q", *places) + header + bytes(8) + curves + colours


def _curve(parts: tuple[tuple[int, ...], ...]) -> bytes:
    pivots, *rest = parts
    formats = ((8, "I"), (8, "B"), (24, "q"), (8, "B"), (8, "q"), (168, "q"))
    methods, orders, polynomials, regressed, constants, regressions = (
        struct.pack(f"={count}{letter}", *values, *[0] * (count - len(values)))
        for (count, letter), values in zip(formats, rest, strict=True)
    )
    head = struct.pack("=Bx9H", len(pivots), *pivots, *[0] * (9 - len(pivots)))
    return head + methods + orders + bytes(4) + polynomials + regressed + constants + regressions


def write_hdr(path: Path, srgb: NDArray[np.uint8], curve: str) -> Path:
    """A short film of one picture in high dynamic range, by a curve of :func:`hdr_codes`."""
    frame = av.VideoFrame.from_ndarray(hdr_codes(srgb, curve), format="rgb48le")
    marks = {"color_trc": _CURVES[curve], "color_primaries": 9, "colorspace": 9, "color_range": 1}
    return write_frames(path, [frame] * 3, pixel_format="yuv420p10le", matrix="BT2020", marks=marks)


def write_frames(
    path: Path,
    frames: Sequence[av.VideoFrame],
    *,
    codec: str = "ffv1",
    pixel_format: str = "yuv420p",
    matrix: str | None = None,
    marks: Mapping[str, Any] | None = None,
    rate: int = 10,
) -> Path:
    """A lossless film. ``matrix``: that by which RGB frames become YCbCr. ``marks``: attributes of the encoder."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, pixel_format
        for name, value in (marks or {}).items():
            setattr(stream.codec_context, name, value)
        for number, frame in enumerate(frames):
            made = frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range="MPEG")
            for name in ("color_trc", "color_primaries", "colorspace", "color_range"):
                if marks and name in marks:
                    setattr(made, name, marks[name])
            made.pts = number
            made.time_base = Fraction(1, rate)
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path


def write_two_films(path: Path, frames: Sequence[NDArray[np.uint8]], *, default: int) -> Path:
    """One video track for each picture, of its size; ``default`` counts from 0."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for number, picture in enumerate(frames):
            stream: Any = container.add_stream("mpeg4", rate=10)
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append(stream)
        for stream, picture in zip(streams, frames, strict=True):
            for number in range(3):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def write_stamped(
    path: Path,
    pieces: Sequence[tuple[float, NDArray[np.int16]]],
    *,
    film_s: float = 0.0,
    start: float = 0.0,
) -> Path:
    """Sound whose pieces start at the given seconds, mono, or of shape (2, n).

    ``film_s``: a video track of so many seconds from the start. ``start``: is added to all time stamps.
    """
    channels = 2 if pieces[0][1].ndim == 2 else 1
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=10) if film_s else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        transport = path.suffix == ".ts"
        audio: Any = container.add_stream("mp2" if transport else "pcm_s16le", rate=RATE)
        audio.layout = "mono" if channels == 1 else "stereo"
        packets = []
        for number in range(int(film_s * 10)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 200, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += video.encode(frame)
        packets += video.encode(None) if video is not None else []
        size = audio.codec_context.frame_size or RATE // 50
        for begins, samples in pieces:
            whole = samples.reshape(channels, -1)
            for at in range(0, whole.shape[1] - size + 1, size):
                packed = np.ascontiguousarray(whole[:, at : at + size].T.reshape(1, -1))
                frame_ = av.AudioFrame.from_ndarray(packed, format="s16", layout=audio.layout.name)
                frame_.sample_rate = RATE
                frame_.pts, frame_.time_base = round(begins * RATE) + at, Fraction(1, RATE)
                packets += audio.encode(frame_)
        packets += audio.encode(None)
        for packet in packets:
            for name in ("pts", "dts"):
                value = getattr(packet, name)
                if value is not None:
                    setattr(packet, name, value + round(start / packet.time_base))
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            container.mux(packet)
    return path


# films that are to be shown turned ------------------------------------------------------------------------------------


_IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
CLOCKWISE = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
"""The display matrix of a track, as MP4 has it, that turns it by a quarter."""


def turned(path: Path, matrix: bytes = CLOCKWISE) -> Path:
    """A copy of an MP4 film, beside it, whose first track has this display matrix."""
    data = path.read_bytes()
    at = data.index(_IDENTITY, data.index(b"tkhd"))
    to = path.with_stem(f"{path.stem}-turned")
    to.write_bytes(data[:at] + matrix + data[at + len(matrix) :])
    return to


# films that say in each frame which one it is ------------------------------------------------------------------------

BITS = 10
"""Of the number in a frame: as many upright bars, black or white."""


def numbered(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame (H, W, 3) that shows its number in bars, the lowest bit first, on a ground that is not flat."""
    width, height = size
    frame = np.empty((height, width, 3), dtype=np.uint8)
    frame[...] = np.linspace(60, 180, height, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    bar = width // BITS
    for bit in range(BITS):
        frame[height // 4 : 3 * height // 4, bit * bar : (bit + 1) * bar] = 240 if number >> bit & 1 else 15
    return frame


def even(count: int, rate: float = 25) -> list[float]:
    """The times of so many frames, ``rate`` of them a second."""
    return [number / rate for number in range(count)]


def number_in(pixels: NDArray[np.uint8]) -> int:
    """The number that a frame shows, of whatever size."""
    height, width = pixels.shape[:2]
    middles = [pixels[height // 2, int((bit + 0.5) * (width // BITS * BITS) / BITS)].mean() for bit in range(BITS)]
    return sum(int(value > 128) << bit for bit, value in enumerate(middles))


def write_numbered(
    path: Path,
    times: Sequence[float],
    *,
    keys_every: int = 10,
    codec: str = "mpeg4",
    size: tuple[int, int] = (320, 180),
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    sound_s: float = 0.0,
    tick: Fraction = Fraction(1, 25),
    marks: Mapping[str, Any] | None = None,
) -> Path:
    """A film of numbered frames at these times in seconds, with a key frame each ``keys_every`` frames.

    ``tick``: the unit of their time stamps. ``sound_s``: a tone of so many seconds beside it. ``marks``: attributes of
    the encoder.
    """
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        stream: Any = container.add_stream(codec, rate=1 / tick, options=dict(options or {}))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = tick
        stream.gop_size, stream.bit_rate = keys_every, 6_000_000
        for name, value in (marks or {}).items():
            setattr(stream.codec_context, name, value)
        audio: Any = container.add_stream(_sound_for(path), rate=48_000) if sound_s else None
        if audio is not None:
            audio.layout = "stereo"
        packets = []
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered(number, size), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(time / frame.time_base)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        packets += tone(audio, sound_s) if audio is not None else []
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            container.mux(packet)
    return path


def _sound_for(path: Path) -> str:
    return {".webm": "libopus", ".avi": "mp2", ".ts": "mp2"}.get(path.suffix, "aac")


def tone(stream: Any, seconds: float) -> list[Any]:
    """The packets of a tone of 440 Hz in stereo, by the encoder of an audio stream that is written."""
    rate = stream.codec_context.sample_rate
    size = stream.codec_context.frame_size or 960
    resampler = av.AudioResampler(format=stream.format.name, layout="stereo", rate=rate, frame_size=size)
    packets = []
    at = np.arange(int(seconds * rate))
    wave = (8000 * np.sin(at * (2 * np.pi * 440 / rate))).astype(np.int16)
    whole = av.AudioFrame.from_ndarray(np.stack([wave, wave], axis=1).reshape(1, -1), format="s16", layout="stereo")
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    for frame in (*resampler.resample(whole), *resampler.resample(None)):
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]
