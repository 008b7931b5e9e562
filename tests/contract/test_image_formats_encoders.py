"""Each format as at least two encoders write it: the right size, the right way up, the right colours and alpha.

What is compared with is the picture that was encoded; for formats that lose something, the structure must stay.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from psd_tools import PSDImage

from pillion import _core
from tests.support import writers
from tests.support.pictures import BLAMELESS, chart, damaged, encoded, glass, outcome
from tests.support.ssim import ssim

Array = NDArray[Any]

RGB: Array = np.asarray(chart())
RGBA: Array = np.asarray(glass())
GREY: Array = np.asarray(chart().convert("L"))
GREY_ALPHA: Array = np.dstack([GREY, RGBA[..., 3]])
BLACK: Array = GREY < 128
PALETTE = chart().quantize(64)
PALETTE_RGB: Array = np.asarray(PALETTE.convert("RGB"))
PALETTE_COLOURS: Array = np.zeros((256, 3), np.uint8)
PALETTE_COLOURS.flat[: len(PALETTE.getpalette() or [])] = PALETTE.getpalette() or []
DEEP: Array = RGB.astype(np.uint16) * 257
LIGHT: Array = np.where(RGB / 255 <= 0.04045, RGB / 255 / 12.92, ((RGB / 255 + 0.055) / 1.055) ** 2.4)


class File(NamedTuple):
    """An encoded picture, what it shows, and how far a pixel may be off."""

    data: bytes
    shows: Array
    off_by: float = 0
    """Mean difference that is allowed, of 255."""


def pillow(picture: Array | Image.Image, file_format: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return encoded(image, file_format, **options)


def vips(picture: Array, suffix: str, **options: Any) -> bytes:
    image = pyvips.Image.new_from_array(picture)
    space = {2: "b-w", 3: "srgb"}[min(picture.ndim, 3)]
    data: bytes = image.copy(interpretation=space).write_to_buffer(suffix, **options)
    return data


def planes(picture: Array) -> list[Array]:
    return [np.ascontiguousarray(picture[..., channel]) for channel in range(picture.shape[2])]


def over_white(picture: Array) -> list[Array]:
    """Channels as Photoshop stores a picture with transparency: colours laid over white, and alpha."""
    alpha = picture[..., 3:] / 255
    colours = np.rint(picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return [*planes(colours), np.ascontiguousarray(picture[..., 3])]


FILES: dict[str, Callable[[], File]] = {
    "jpeg by Pillow": lambda: File(pillow(RGB, "JPEG", quality=95), RGB, 4),
    "jpeg by imagecodecs": lambda: File(imagecodecs.jpeg8_encode(RGB, 95), RGB, 4),
    "jpeg by libvips": lambda: File(vips(RGB, ".jpg", Q=95), RGB, 4),
    "jpeg by imagecodecs, 12 bits": lambda: File(imagecodecs.jpeg8_encode(DEEP >> 4, 95, bitspersample=12), RGB, 4),
    "jpeg by imagecodecs, lossless": lambda: File(imagecodecs.jpeg8_encode(RGB, lossless=True), RGB),
    "jpeg by imagecodecs, lossless 16 bits": lambda: File(
        imagecodecs.jpeg8_encode(DEEP, lossless=True, bitspersample=16), RGB
    ),
    "png by Pillow": lambda: File(pillow(RGBA, "PNG"), RGBA),
    "png by imagecodecs": lambda: File(imagecodecs.png_encode(RGBA), RGBA),
    "png by imagecodecs, animated": lambda: File(imagecodecs.apng_encode(np.stack([RGB, RGB[::-1]])), RGB),
    "png by imagecodecs, 16 bits": lambda: File(imagecodecs.png_encode(DEEP), RGB),
    "png by libvips, interlaced": lambda: File(vips(RGB, ".png", interlace=True), RGB),
    "png by libvips, 16 bits": lambda: File(vips(DEEP, ".png", bitdepth=16), RGB),
    "gif by Pillow": lambda: File(pillow(PALETTE, "GIF"), PALETTE_RGB),
    "gif by libvips": lambda: File(vips(PALETTE_RGB, ".gif", dither=0), PALETTE_RGB, 6),
    "webp by Pillow": lambda: File(pillow(RGBA, "WEBP", quality=95), RGBA, 4),
    "webp by imagecodecs": lambda: File(imagecodecs.webp_encode(RGBA, lossless=True), RGBA),
    "webp by libvips": lambda: File(vips(RGB, ".webp", Q=95), RGB, 4),
    "avif by Pillow": lambda: File(pillow(RGB, "AVIF", quality=90), RGB, 4),
    "avif by Pillow, 4:4:4": lambda: File(pillow(RGB, "AVIF", quality=95, subsampling="4:4:4"), RGB, 3),
    "avif by Pillow, 4:2:2 of limited range": lambda: File(
        pillow(RGB, "AVIF", quality=95, subsampling="4:2:2", range="limited"), RGB, 4
    ),
    "avif by Pillow, grey": lambda: File(pillow(GREY, "AVIF", quality=95, subsampling="4:0:0"), GREY, 3),
    "avif by Pillow, alpha": lambda: File(pillow(RGBA, "AVIF", quality=95), RGBA, 4),
    "avif by Pillow, multiplied alpha": lambda: File(
        pillow(RGBA, "AVIF", quality=98, alpha_premultiplied=True), RGBA, 4
    ),
    "avif by Pillow, odd sides": lambda: File(pillow(RGB[:77, :91], "AVIF", quality=95), RGB[:77, :91], 4),
    "avif by imagecodecs, lossless": lambda: File(imagecodecs.avif_encode(RGBA, 100), RGBA, 1),
    "avif by imagecodecs, 10 bits": lambda: File(imagecodecs.avif_encode(DEEP >> 6, 95, bitspersample=10), RGB, 4),
    "avif by imagecodecs, 12 bits": lambda: File(imagecodecs.avif_encode(DEEP >> 4, 95, bitspersample=12), RGB, 4),
    "avif by libvips": lambda: File(vips(RGB, ".avif", Q=90), RGB, 4),
    "avif by libvips, 10 bits": lambda: File(vips(DEEP, ".avif", Q=90, bitdepth=10), RGB, 4),
    "jxl by imagecodecs": lambda: File(imagecodecs.jpegxl_encode(RGB, distance=0.5), RGB, 4),
    "jxl by imagecodecs, lossless": lambda: File(imagecodecs.jpegxl_encode(RGB, lossless=True), RGB),
    "jxl by imagecodecs, alpha": lambda: File(imagecodecs.jpegxl_encode(RGBA, lossless=True), RGBA),
    "jxl by imagecodecs, grey": lambda: File(imagecodecs.jpegxl_encode(GREY, lossless=True), GREY),
    "jxl by imagecodecs, grey alpha": lambda: File(imagecodecs.jpegxl_encode(GREY_ALPHA, lossless=True), GREY_ALPHA),
    # imagecodecs writes 16 bits as linear light.
    "jxl by imagecodecs, 16 bits": lambda: File(
        imagecodecs.jpegxl_encode(np.rint(LIGHT * 65_535).astype(np.uint16), lossless=True), RGB, 1
    ),
    "jxl by imagecodecs, container": lambda: File(
        imagecodecs.jpegxl_encode(RGB, distance=0.5, usecontainer=True), RGB, 4
    ),
    "jxl by imagecodecs, animated": lambda: File(
        imagecodecs.jpegxl_encode(np.stack([RGB, RGB[::-1]]), lossless=True), RGB
    ),
    "tiff by Pillow": lambda: File(pillow(RGBA, "TIFF", compression="tiff_lzw"), RGBA),
    "tiff by libvips, tiled": lambda: File(
        vips(RGB, ".tif", tile=True, tile_width=64, tile_height=64, compression="deflate"), RGB
    ),
    "tiff by libvips, 16 bits": lambda: File(vips(DEEP, ".tif", compression="lzw", predictor="horizontal"), RGB),
    "bmp by Pillow": lambda: File(pillow(RGB, "BMP"), RGB),
    "bmp by imagecodecs": lambda: File(imagecodecs.bmp_encode(RGB), RGB),
    "bmp of runs": lambda: File(writers.bmp_rle8(np.asarray(PALETTE), PALETTE_COLOURS), PALETTE_RGB),
    "bmp of 16 bits": lambda: File(writers.bmp_565(RGB), RGB, 4),
    "bmp with alpha": lambda: File(writers.bmp_v5_alpha(RGBA), RGBA),
    "ico by Pillow": lambda: File(pillow(glass(64, 64), "ICO", sizes=[(16, 16), (64, 64)]), np.asarray(glass(64, 64))),
    "ico of PNGs": lambda: File(
        writers.ico([(160, 120, pillow(RGBA, "PNG")), (64, 48, pillow(glass(64, 48), "PNG"))]), RGBA
    ),
    "ico of a bitmap with a mask": lambda: File(
        writers.ico([(160, 120, writers.icon_bitmap(RGB, BLACK))]), np.dstack([RGB, np.where(BLACK, 0, 255)])
    ),
    "psd by psd-tools": lambda: File(_psd_tools(chart()), RGB),
    "psd by psd-tools, grey": lambda: File(_psd_tools(chart().convert("L")), GREY),
    "psd raw": lambda: File(writers.psd(planes(RGB), 3), RGB),
    "psd packed": lambda: File(writers.psd(planes(RGB), 3, packed=True), RGB),
    "psd large": lambda: File(writers.psd(planes(RGB), 3, packed=True, large=True), RGB),
    "psd 16 bits": lambda: File(writers.psd(planes(DEEP), 3), RGB),
    "psd 32 bits": lambda: File(writers.psd(planes(LIGHT.astype(np.float32)), 3, packed=True), RGB),
    "psd grey": lambda: File(writers.psd([GREY], 1), GREY),
    "psd duotone": lambda: File(writers.psd([GREY], 8), GREY),
    "psd bilevel": lambda: File(writers.psd([BLACK], 0), np.where(BLACK, 0, 255)),
    "psd indexed": lambda: File(
        writers.psd([np.asarray(PALETTE)], 2, palette=PALETTE_COLOURS.T.tobytes()), PALETTE_RGB
    ),
    "psd transparent": lambda: File(writers.psd(over_white(RGBA), 3, transparency=True, packed=True), RGBA, 1),
    "psd with a saved selection": lambda: File(writers.psd([*planes(RGB), GREY], 3), RGB),
    "pnm by Pillow": lambda: File(pillow(RGB, "PPM"), RGB),
    "pnm by Pillow, bilevel": lambda: File(pillow(chart().convert("1"), "PPM"), np.asarray(chart().convert("1")) * 255),
    "pnm by Pillow, 16 bits": lambda: File(pillow(DEEP[..., 0], "PPM"), RGB[..., 0]),
    "pnm text": lambda: File(writers.anymap(RGB, text=True), RGB),
    "pnm grey text": lambda: File(writers.anymap(GREY, text=True, maximum=1000), GREY),
    "pnm bilevel text": lambda: File(writers.bitmap_text(BLACK), np.where(BLACK, 0, 255)),
    "pnm 16 bits": lambda: File(writers.anymap(RGB, maximum=65_535), RGB),
    "pnm any, alpha": lambda: File(writers.pam(RGBA), RGBA),
    "pnm any, grey alpha": lambda: File(writers.pam(GREY_ALPHA), GREY_ALPHA),
    "qoi by Pillow": lambda: File(pillow(RGBA, "QOI"), RGBA),
    "qoi by imagecodecs": lambda: File(imagecodecs.qoi_encode(RGB), RGB),
    "qoi by imagecodecs, alpha": lambda: File(imagecodecs.qoi_encode(RGBA), RGBA),
}
"""Format and encoder -> a file of it."""


def _psd_tools(picture: Image.Image) -> bytes:
    import io

    buffer = io.BytesIO()
    PSDImage.frompil(picture).save(buffer)
    return buffer.getvalue()


def as_rgba(picture: Array) -> Array:
    """Grey, grey with alpha or RGB as RGBA."""
    picture = picture.reshape(*picture.shape[:2], -1)
    channels = picture.shape[2]
    colours = picture[..., :3] if channels > 2 else np.repeat(picture[..., :1], 3, axis=2)
    alpha = picture[..., -1:] if channels in (2, 4) else np.full_like(colours[..., :1], 255)
    return np.concatenate([colours, alpha], axis=2).astype(np.uint8)


def over_grey(picture: Array) -> Array:
    """Laid over mid-grey, so that the colour of clear pixels does not count."""
    rgba = as_rgba(picture).astype(float)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 128 * (1 - alpha)


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_that_were_encoded(name: str) -> None:
    data, shows, off_by = FILES[name]()
    expected = as_rgba(shows)
    has_alpha = bool((expected[..., 3] < 255).any())
    height, width = shows.shape[:2]
    info = _core.probe(data)
    assert (info.format, info.width, info.height, info.orientation) == (name.split()[0], width, height, 1)
    made = _core.decode(data)
    assert made.shape == (height, width, 4 if has_alpha else 3)
    assert ssim(over_grey(made), over_grey(expected)) >= 0.98
    assert np.abs(over_grey(made) - over_grey(expected)).mean() <= off_by
    if has_alpha:
        assert np.abs(made[..., 3].astype(int) - expected[..., 3]).max() <= 2 * off_by


@pytest.mark.parametrize("name", FILES)
def test_thumbnails_are_made_of_them(name: str) -> None:
    data, shows, _ = FILES[name]()
    expected = Image.fromarray(as_rgba(shows))
    side = min(80, max(expected.size))
    (made,) = _core.thumbnails(data, [("small", side, 95)])
    assert max(made.width, made.height) == side
    small = expected.convert("RGBa").resize((made.width, made.height), Image.Resampling.LANCZOS).convert("RGBA")
    floor = 0.9 if "bilevel" in name else 0.95
    assert ssim(over_grey(_core.decode(made.data)), over_grey(np.asarray(small))) >= floor


def test_every_format_has_files_of_two_encoders() -> None:
    """The table of formats grows only together with this one."""
    made_by = {name: set(names) for name, names in itertools.groupby(sorted(FILES), key=lambda name: name.split()[0])}
    elsewhere = {"raw", "svg"}
    missing = [row.name for row in _core.formats() if row.name not in elsewhere and len(made_by.get(row.name, ())) < 2]
    assert missing == []


NEW = [name for name in FILES if name.split()[0] in {"avif", "jxl", "psd", "pnm", "qoi"}]


@pytest.mark.parametrize("name", NEW)
def test_damaged_files_are_refused_with_a_reason(name: str) -> None:
    data = FILES[name]().data
    for length in (len(data) // 2, 100, 20, 8):
        assert outcome(data[:length]) in BLAMELESS
    dice = random.Random(name)
    for _ in range(40):
        assert outcome(damaged(data, dice, 300)) in BLAMELESS
