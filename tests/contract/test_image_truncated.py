"""Files that end early: what is there is shown and marked, the rest is blank, and next to nothing is corrupt."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion import _core
from pillion.errors import ItemError
from tests.support.media import truncated
from tests.support.pictures import chart, encoded, opened
from tests.support.ssim import ssim

SIZE = (400, 300)
NOISE = np.random.default_rng(3).integers(0, 40, (300, 400, 3), dtype=np.uint8)
PICTURE = Image.fromarray((np.asarray(chart(*SIZE)) // 2 + NOISE).astype(np.uint8))
"""Noise keeps the lossless formats from packing it into a few blocks."""

OPAQUE: dict[str, tuple[str, Image.Image, dict[str, Any]]] = {
    "jpeg": ("JPEG", PICTURE, {"quality": 95}),
    "jpeg grey": ("JPEG", PICTURE.convert("L"), {"quality": 95}),
    "jpeg cmyk": ("JPEG", PICTURE.convert("CMYK"), {"quality": 95}),
    "png": ("PNG", PICTURE, {}),
    "png grey": ("PNG", PICTURE.convert("L"), {}),
    "webp": ("WEBP", PICTURE, {"quality": 95}),
    "webp lossless": ("WEBP", PICTURE, {"lossless": True}),
    "tiff": ("TIFF", PICTURE, {"compression": 1}),
    "tiff deflate": ("TIFF", PICTURE, {"compression": 8}),
}


def file_of(name: str) -> bytes:
    file_format, picture, options = OPAQUE[name]
    if file_format == "TIFF":
        return tiff(np.asarray(picture), **options)
    return encoded(picture, file_format, **options)


def tiff(pixels: NDArray[np.uint8], *, compression: int) -> bytes:
    """RGB in strips of ten rows, behind the directory: Pillow writes that at the end, where a cut takes it away."""
    strips = [pixels[top : top + 10].tobytes() for top in range(0, len(pixels), 10)]
    strips = strips if compression == 1 else [zlib.compress(strip) for strip in strips]
    count, arrays = len(strips), 8 + 2 + 9 * 12 + 4
    start = arrays + 8 * count
    offsets = np.cumsum([start, *map(len, strips)])[:-1]
    tags = [(256, 1, pixels.shape[1]), (257, 1, len(pixels)), (258, 1, 8), (259, 1, compression), (262, 1, 2)]
    tags += [(273, count, arrays), (277, 1, 3), (278, 1, 10), (279, count, arrays + 4 * count)]
    directory = b"".join(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in tags)
    body = np.array([*offsets, *map(len, strips)], "<u4").tobytes() + b"".join(strips)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + body


def thumb(data: bytes) -> tuple[_core.Thumbnail, NDArray[np.uint8]]:
    (made,) = _core.thumbnails(data, [("a", 400, 100)])
    return made, np.asarray(opened(made.data).convert("RGB"))


@pytest.mark.parametrize("name", OPAQUE)
def test_the_upper_part_is_shown_and_the_rest_is_grey(name: str) -> None:
    sound, whole = thumb(file_of(name))
    made, pixels = thumb(truncated(file_of(name), 0.6))
    assert (sound.truncated, made.truncated) == (False, True)
    assert pixels.shape == whole.shape
    assert ssim(pixels[:120], whole[:120]) > 0.97
    assert np.abs(pixels[-60:].astype(int) - 128).max() < 12


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_what_is_missing_of_a_picture_with_alpha_is_transparent(file_format: str) -> None:
    picture = Image.merge("RGBA", (*PICTURE.split(), Image.new("L", SIZE, 200))) if file_format == "PNG" else PICTURE
    options: dict[str, Any] = {"interlace": 0} if file_format == "GIF" else {}
    (made,) = _core.thumbnails(truncated(encoded(picture, file_format, **options), 0.6), [("a", 400, 100)])
    assert made.truncated
    alpha = np.asarray(opened(made.data).convert("RGBA"))[..., 3]
    assert alpha[:120].min() >= 200
    assert alpha[-60:].max() == 0


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF"])
def test_progressive_and_interlaced_files_show_all_of_it_less_sharp(file_format: str) -> None:
    small = chart(*SIZE)
    data = {
        "JPEG": encoded(small, "JPEG", quality=95, progressive=True),
        "PNG": interlaced(np.asarray(small)),
        "GIF": encoded(small, "GIF", interlace=1),
    }[file_format]
    made, pixels = thumb(truncated(data, 0.55))
    assert made.truncated
    assert ssim(pixels, np.asarray(small)) > 0.6
    assert np.abs(pixels[-20:].astype(int) - np.asarray(small)[-20:]).mean() < 25


def interlaced(pixels: NDArray[np.uint8]) -> bytes:
    """An Adam7 PNG: seven pictures, each a sparser one filled up (PNG specification, section 8)."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = [b"\0" + row.tobytes() for y, x, dy, dx in passes for row in pixels[y::dy, x::dx]]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    body = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", OPAQUE)
def test_next_to_nothing_is_corrupt(name: str) -> None:
    data = file_of(name)
    for keep in (0.0, 0.005):
        with pytest.raises(ItemError) as caught:
            _core.thumbnails(truncated(data, keep), [("a", 100, 80)])
        assert caught.value.error_class == "corrupt"


def test_pixels_carry_no_mark_so_a_part_is_refused() -> None:
    data = truncated(encoded(PICTURE, "JPEG", quality=95), 0.6)
    with pytest.raises(ItemError, match="ends early"):
        _core.decode(data)


def test_damage_before_the_end_is_corrupt() -> None:
    data = bytearray(encoded(PICTURE, "JPEG", quality=95))
    data[len(data) // 2 : len(data) // 2 + 64] = b"\xff\xc0" * 32
    with pytest.raises(ItemError) as caught:
        _core.thumbnails(bytes(data), [("a", 100, 80)])
    assert caught.value.error_class == "corrupt"


def test_scaled_decoding_sees_the_same_end() -> None:
    large = PICTURE.resize((3200, 2400))
    for file_format, options in (("JPEG", {"quality": 90}), ("WEBP", {"quality": 80})):
        made = _core.thumbnails(truncated(encoded(large, file_format, **options), 0.5), [("a", 128, 90)])[0]
        assert made.truncated
        rows = np.asarray(opened(made.data).convert("L")).astype(int)
        assert np.abs(rows[-20:] - 128).max() < 8
