"""The frame of a film in its own colours, upright, from the right track."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pillion import _core
from pillion.readers import media as engine
from pillion.readers.media import dolby, film, tones
from tests.integration.test_video import marked, write
from tests.support import films

UP_SIDE_DOWN = struct.pack(">9i", 0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000)
MIRRORED = struct.pack(">9i", -0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
TRANSPOSED = struct.pack(">9i", 0, 0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000)


def shown(path: Path) -> NDArray[np.uint8]:
    """The frame in sRGB, as the thumbnail has it."""
    frame = engine.representative_frame(path, max_side=4096)
    return _core.srgb_from_pixels(frame.pixels, cicp=frame.code_points)


def of(pixels: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")


# colours --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["pq", "hlg", "hlg-channels"])
def test_high_dynamic_range_looks_as_the_same_film_without(curve: str, tmp_path: Path) -> None:
    frame = shown(films.write_hdr(tmp_path / "a.mkv", films.patches(), curve)).astype(int)
    assert np.abs(frame[80, 160] - (255, 0, 0)).max() < 12
    assert np.abs(frame[240, 160] - 255).max() < 6
    assert np.abs(frame[400, 160] - 128).max() < 6
    assert np.abs(frame[80, 360] - (0, 255, 0)).max() < 12
    assert np.abs(frame[240, 360] - (0, 0, 255)).max() < 12
    assert np.abs(frame[400, 360] - (255, 255, 0)).max() < 12


def test_every_colour_of_hlg_by_channels_is_that_of_the_plain_film() -> None:
    steps = np.array([0, 51, 102, 153, 204, 255], np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(12, 18, 3)
    mapped = tones.to_srgb(films.hdr_codes(colours, "hlg-channels"), 9, tones.HLG)
    assert np.abs(mapped.astype(int) - colours).max() <= 6


def test_highlights_keep_their_places_above_white() -> None:
    """White of 203 cd/m² leaves room where the frame has brighter things, as in stills."""
    codes = films.hdr_codes(films.patches(), "pq")
    codes[:, 320:] = np.uint16(0.7518 * 65535)  # 1000 cd/m²
    mapped = tones.to_srgb(codes, 9, tones.PQ)
    still = _core.srgb_from_pixels((codes >> 8).astype(np.uint8), cicp=(9, 16))
    assert np.abs(mapped.astype(int) - still)[::20, ::20].max() <= 4
    assert mapped[240, 160].max() < mapped[240, 480].min()


def test_dolby_vision_of_profile_5_has_the_colours_of_the_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoders of IPT write metadata that no other program writes, so the test gives it to the reader."""
    meant = dolby.meaning(films.dolby_metadata())
    assert meant is not None
    signals = films.ipt_signals(films.hdr_codes(films.patches(), "pq"))
    frame = av.VideoFrame.from_ndarray(signals, format="yuv444p16le")
    marks = {"color_range": 2}
    path = films.write_frames(tmp_path / "a.mkv", [frame] * 3, pixel_format="yuv444p10le", matrix=None, marks=marks)
    pale = shown(path).astype(int)
    monkeypatch.setattr(film, "_dolby_vision", lambda frame: meant)
    right = shown(path).astype(int)
    for place, colour in (((80, 160), (255, 0, 0)), ((240, 160), (255, 255, 255)), ((400, 160), (128, 128, 128))):
        assert np.abs(right[place] - colour).max() < 12
    assert np.abs(right[80, 360] - (0, 255, 0)).max() < 12
    assert np.abs(pale[80, 160] - (255, 0, 0)).max() > 100


def test_the_curves_of_dolby_vision_are_applied_piece_by_piece() -> None:
    """A polynomial below the middle, a regression of all three signals above it."""
    meant = dolby.meaning(films.dolby_metadata(bent=True))
    assert meant is not None
    signals = np.zeros((1, 2, 3), np.uint16)
    signals[0, 0], signals[0, 1] = (256 * 64, 512 * 64, 512 * 64), (768 * 64, 512 * 64, 256 * 64)
    low, high, third = 256 / 1023, 768 / 1023, 256 / 1023
    bent = dolby._bent(signals.astype(np.float32) / np.float32(1023 * 64), 0, meant.curves[0])
    assert bent[0, 0] == pytest.approx(0.25 + 0.5 * low + 0.125 * low**2, abs=1e-5)
    assert bent[0, 1] == pytest.approx(0.125 + 0.5 * high + 0.25 * third**2, abs=1e-5)


def test_other_profiles_of_dolby_vision_are_what_their_marks_say() -> None:
    assert dolby.meaning(films.dolby_metadata(profile=1)) is None
    assert dolby.meaning(films.dolby_metadata()[:3000]) is None
    assert dolby.meaning(b"") is None


def test_wide_primaries_without_a_high_range_are_converted(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[:] = (200, 30, 20)
    marks = {"color_primaries": 9, "color_trc": 14, "colorspace": 9, "color_range": 1}
    frame = shown(films.write_frames(tmp_path / "a.mkv", [of(red)] * 3, matrix="BT2020", marks=marks))
    expected = _core.srgb_from_pixels(red, cicp=(9, 13))
    assert np.abs(frame[32, 32].astype(int) - expected[32, 32]).max() < 8
    assert frame[32, 32, 0] > 215


@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), "ITU709"), ((320, 240), "ITU601")])
def test_a_film_that_names_no_matrix_has_that_of_its_size(size: tuple[int, int], matrix: str, tmp_path: Path) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[:] = (40, 200, 60)
    path = films.write_frames(tmp_path / "a.mkv", [of(picture)] * 3, matrix=matrix, marks={"colorspace": 2})
    assert np.abs(shown(path)[50, 50].astype(int) - (40, 200, 60)).max() < 6


@pytest.mark.parametrize(("codec", "name"), [("libvpx-vp9", "a.webm"), ("libvpx", "b.webm")])
def test_transparency_of_webm_is_kept(codec: str, name: str, tmp_path: Path) -> None:
    picture = np.zeros((64, 96, 4), np.uint8)
    picture[:] = (200, 40, 40, 255)
    picture[:, 48:, 3] = 0
    frame = av.VideoFrame.from_ndarray(picture, format="rgba")
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"auto-alt-ref": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for number in range(3):
            made = frame.reformat(format="yuva420p")
            made.pts, made.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    seen = engine.representative_frame(tmp_path / name, max_side=4096).pixels
    assert seen.shape == (64, 96, 4)
    assert seen[32, 10, 3] > 250
    assert seen[32, 90, 3] < 5


# geometry -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "shape", "white"),
    [
        (MIRRORED, (120, 160, 3), (10, 150)),
        (UP_SIDE_DOWN, (120, 160, 3), (110, 10)),
        (TRANSPOSED, (160, 120, 3), (10, 10)),
    ],
)
def test_a_mirrored_display_matrix(
    matrix: bytes, shape: tuple[int, ...], white: tuple[int, int], tmp_path: Path
) -> None:
    """The white corner is where QuickTime shows it."""
    turned = films.turned(write(tmp_path / "a.mp4", [marked()] * 15), matrix)
    frame = engine.representative_frame(turned, max_side=4096).pixels
    assert frame.shape == shape
    corners = {(row, column): frame[row, column].min() for row in (10, shape[0] - 10) for column in (10, shape[1] - 10)}
    assert max(corners, key=lambda place: corners[place]) == white


def test_fields_of_two_moments_are_not_interwoven(tmp_path: Path) -> None:
    """A bar that moves between two fields makes a comb; the thumbnail shows it at one of its places."""
    picture = np.full((120, 160, 3), 30, np.uint8)
    picture[::2, 20:60] = 230
    picture[1::2, 60:100] = 230
    path = tmp_path / "a.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "qmin": "1", "qmax": "1"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(5):
            frame = of(picture).reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    seen = engine.representative_frame(path, max_side=4096).pixels[:, :, 0].astype(int)
    assert np.abs(np.diff(seen[20:100, 40])).max() < 60


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.h264"), ("libx265", "a.hevc"), ("mpeg4", "a.m4v")])
def test_a_short_film_without_a_container(codec: str, name: str, tmp_path: Path) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(3):
            frame = of(marked()).reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert engine.representative_frame(tmp_path / name, max_side=4096).pixels.shape == (120, 160, 3)


# tracks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("default", [0, 1])
def test_the_largest_video_track_is_taken(default: int, tmp_path: Path) -> None:
    small = np.full((48, 64, 3), 200, np.uint8)
    path = films.write_two_films(tmp_path / "a.mkv", [small, marked()], default=default)
    assert engine.representative_frame(path, max_side=4096).pixels.shape == (120, 160, 3)
