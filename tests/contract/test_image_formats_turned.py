"""Formats that turn or cut pictures in ways of their own: AVIF and JPEG XL; and their profiles."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from pillion import _core
from pillion.errors import ItemError
from tests.support import icc, writers
from tests.support.boxes import grid_of
from tests.support.pictures import as_stored, chart, encoded, exif, opened
from tests.support.ssim import ssim

RGB = np.asarray(chart())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(orientation: int) -> None:
    """Pillow writes the orientation as properties, and keeps the EXIF block beside them."""
    data = encoded(as_stored(chart(), orientation), "AVIF", quality=95, exif=exif(orientation))
    info = _core.probe(data)
    assert (info.width, info.height, info.orientation) == (160, 120, orientation)
    assert ssim(_core.decode(data), RGB) >= 0.98
    (small,) = _core.thumbnails(data, [("a", 80, 95)])
    expected = np.asarray(chart().resize((80, 60), Image.Resampling.LANCZOS))
    assert ssim(np.asarray(opened(small.data).convert("RGB")), expected) >= 0.95


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jxl_is_turned_by_its_header(orientation: int) -> None:
    stored = np.asarray(as_stored(chart(), orientation))
    data = bytearray(imagecodecs.jpegxl_encode(np.stack([stored, stored]), lossless=True, usecontainer=False))
    place = 16 + _jxl_size_bits(stored.shape[1], stored.shape[0]) + 2
    _put_bits(data, place, 3, orientation - 1)
    info = _core.probe(bytes(data))
    assert (info.width, info.height, info.orientation) == (160, 120, orientation)
    assert np.array_equal(_core.decode(bytes(data)), RGB)


def _jxl_size_bits(width: int, height: int) -> int:
    """Bits of the size in a code stream: sides that are multiples of 8 and at most 256, in a known ratio or not."""
    assert width % 8 == height % 8 == 0
    known = [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)]
    is_known = any(width * down == height * up for up, down in known)
    return 1 + 5 + 3 + (0 if is_known else 5)


def _put_bits(data: bytearray, place: int, count: int, value: int) -> None:
    """Bits of a code stream go from the lowest bit of a byte up."""
    for bit in range(count):
        byte, shift = divmod(place + bit, 8)
        data[byte] = data[byte] & ~(1 << shift) | (value >> bit & 1) << shift


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (3, 1)])
def test_avif_grids_are_put_together(columns: int, rows: int) -> None:
    """The tiles reach beyond the picture at the right and at the bottom."""
    tile_width, tile_height = 160 // columns // 2 * 2 + 8, 120 // rows + 8
    padded = np.pad(RGB, ((0, rows * tile_height - 120), (0, columns * tile_width - 160), (0, 0)), mode="edge")
    tiles = [
        encoded(
            Image.fromarray(
                padded[row * tile_height :, column * tile_width :][:tile_height, :tile_width],
            ),
            "AVIF",
            quality=95,
            subsampling="4:4:4",
        )
        for row in range(rows)
        for column in range(columns)
    ]
    data = grid_of(tiles, (columns, rows), (tile_width, tile_height), (160, 120))
    info = _core.probe(data)
    assert (info.format, info.width, info.height) == ("avif", 160, 120)
    assert ssim(_core.decode(data), RGB) >= 0.98
    with pytest.raises(ItemError) as caught:
        _core.decode(grid_of(tiles[:-1], (columns, rows), (tile_width, tile_height), (160, 120)))
    assert caught.value.error_class == "corrupt"


def test_a_grid_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    tile = encoded(chart(64, 64), "AVIF")
    data = grid_of([tile] * 4, (2, 2), (64, 64), (60_000, 60_000))
    with pytest.raises(ItemError) as caught:
        _core.decode(data)
    assert caught.value.error_class == "too_large"


def test_profiles_inside_are_honoured() -> None:
    """A picture in Display P3 keeps its colours: the reference is what LittleCMS makes of it."""
    profile = icc.rgb_profile(icc.DISPLAY_P3, None)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    expected = np.asarray(ImageCms.profileToProfile(chart(), source, ImageCms.createProfile("sRGB")))
    files = {
        "avif": encoded(chart(), "AVIF", quality=95, subsampling="4:4:4", icc_profile=profile),
        "psd": writers.psd([RGB[..., channel] for channel in range(3)], 3, profile=profile),
    }
    for name, data in files.items():
        made = _core.decode(data)
        assert np.abs(made.astype(int) - expected).mean() < 3, name
        assert np.abs(RGB.astype(int) - expected).mean() > 6


def test_colours_by_code_points_are_converted() -> None:
    """BT.2020 by the numbers of H.273 is not sRGB: red in it is more than sRGB can show."""
    wide = np.full((32, 32, 3), (180, 100, 60), np.uint8)
    plain = _core.decode(imagecodecs.avif_encode(wide, 100, primaries=1, transfer=13))
    made = _core.decode(imagecodecs.avif_encode(wide, 100, primaries=9, transfer=13))
    assert np.abs(plain.astype(int) - wide).max() <= 2
    # BT.2020 to BT.709 (ITU-R BT.2087) in linear light.
    assert np.abs(made[16, 16].astype(int) - (215, 83, 48)).max() <= 4


@pytest.mark.parametrize(
    "data",
    [
        b"qoif" + struct.pack(">IIBB", 60_000, 60_000, 3, 0),
        b"P6 60000 60000 255\n",
        b"8BPS\0\2" + struct.pack(">6xHIIHH", 3, 60_000, 60_000, 8, 3),
        # JPEG XL: a size of 2^30 by 2^30 in the header of the code stream.
        b"\xff\x0a\xfe\xff\xff\xff\x03" + bytes(20),
    ],
)
def test_sizes_are_checked_before_anything_is_allocated(data: bytes) -> None:
    with pytest.raises(ItemError) as caught:
        _core.decode(data)
    assert caught.value.error_class in ("too_large", "corrupt")


def test_avif_size_is_checked_before_it_is_decoded() -> None:
    data = encoded(chart(64, 64), "AVIF")
    size = struct.pack(">II", 64, 64)
    assert data.count(b"ispe\0\0\0\0" + size) == 1
    with pytest.raises(ItemError) as caught:
        _core.decode(data.replace(size, struct.pack(">II", 60_000, 60_000)))
    assert caught.value.error_class == "too_large"
    with pytest.raises(ItemError) as caught:
        _core.decode(data.replace(size, struct.pack(">II", 64, 63)))
    assert caught.value.error_class == "corrupt"
