"""ThumbHashes: the published format, from files and pixels, and back to pixels."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pillion
from pillion import _core
from tests.support.pictures import chart, encoded

Floats = NDArray[np.float64]


def reference(rgba: NDArray[np.uint8]) -> bytes:
    """The hash of (H, W, 4) pixels, from the format's description with plain matrix products."""
    height, width = rgba.shape[:2]
    alpha = rgba[..., 3] / 255
    colours = rgba[..., :3] / 255 * alpha[..., None]
    mean = colours.sum((0, 1)) / alpha.sum() if alpha.sum() else colours.sum((0, 1))
    red, green, blue = np.moveaxis(colours + mean * (1 - alpha[..., None]), -1, 0)
    glassy = bool((alpha < 1).any())
    most = 5 if glassy else 7
    counts = [max(1, int(most * side / max(width, height) + 0.5)) for side in (width, height)]
    sizes = [(max(3, counts[0]), max(3, counts[1])), (3, 3), (3, 3), (5, 5)]
    channels = [(red + green + blue) / 3, (red + green) / 2 - blue, red - green, alpha]
    parts = [_spectrum(channel, *size) for channel, size in zip(channels, sizes, strict=True)]
    (light, light_scale, _), (p, p_scale, _), (q, q_scale, _), (a, a_scale, _) = parts
    bits = _level(light, 63) | _level((1 + p) / 2, 63) << 6 | _level((1 + q) / 2, 63) << 12
    bits |= _level(light_scale, 31) << 18 | int(glassy) << 23
    shape = counts[1] if width > height else counts[0]
    shape |= _level(p_scale, 63) << 3 | _level(q_scale, 63) << 9 | int(width > height) << 15
    head = bits.to_bytes(3, "little") + shape.to_bytes(2, "little")
    head += bytes([_level(a, 15) | _level(a_scale, 15) << 4]) if glassy else b""
    nibbles = [_level(0.5 + value / 2, 15) for part in parts[: 3 + glassy] for value in part[2]]
    pairs = zip(nibbles[::2], [*nibbles[1::2], 0], strict=False)
    return head + bytes(low | high << 4 for low, high in pairs)


def _level(value: float, most: int) -> int:
    return int(value * most + 0.5 + 1e-9)


def _spectrum(channel: Floats, across: int, down: int) -> tuple[float, float, list[float]]:
    rows, columns = channel.shape
    wave = lambda count, length: np.cos(np.pi / length * np.outer(np.arange(count), np.arange(length) + 0.5))  # noqa: E731
    product = wave(down, rows) @ channel @ wave(across, columns).T / channel.size
    kept = [(j, i) for j in range(down) for i in range(across) if i * down < across * (down - j)]
    values = [float(product[place]) for place in kept]
    scale = max(map(abs, values[1:]))
    return values[0], scale, [value / scale if scale else value for value in values[1:]]


def tinted() -> Image.Image:
    """A picture whose alpha has a shape of its own."""
    picture = chart(91, 75)
    picture.putalpha(chart(91, 75).convert("L"))
    return picture


PICTURES = {
    "landscape": chart(100, 75),
    "portrait": chart(60, 100),
    "square": chart(40, 40),
    "strip": chart(100, 4),
    "glass": tinted(),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_hash_is_that_of_the_format(name: str) -> None:
    picture = PICTURES[name]
    hashed = _core.thumbhash(np.asarray(picture))
    assert hashed == reference(np.asarray(picture.convert("RGBA")))
    assert len(hashed) <= 25
    assert (hashed[2] >> 7 == 1) is (picture.mode == "RGBA")


def test_the_hash_is_that_of_another_implementation() -> None:
    y, x = np.mgrid[0:61, 0:83]
    bent = np.stack([x * x // 30, y * y // 20 + x * y // 60, (x + 3 * y) ** 2 // 300], axis=-1).clip(0, 255)
    # Made by the package thumbhash 0.1.2 of PyPI.
    assert base64.b64encode(_core.thumbhash(bent.astype(np.uint8))) == b"UvgNHZaRh4eAiIiJh3eIeKBtF/ln"


def test_files_bytes_and_pixels_have_the_same_hash(tmp_path: Path) -> None:
    data = encoded(chart(90, 60), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert pillion.thumbhash(path) == pillion.thumbhash(data) == pillion.thumbhash(np.asarray(chart(90, 60)))


def test_thumbnails_bring_the_hash_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(chart(1600, 800), "JPEG", exif=exif)
    small, large = _core.thumbnails(data, [("a", 128, 80), ("b", 512, 80)])
    assert small.thumbhash == large.thumbhash
    assert _core.thumbhash_pixels(small.thumbhash).shape == (32, 18, 4)
    made = _core.thumbhash_pixels(small.thumbhash).astype(int)
    expected = _core.thumbhash_pixels(_core.thumbhash(data)).astype(int)
    assert np.abs(made - expected).max() <= 12


def test_the_picture_drawn_is_like_the_one_hashed() -> None:
    flat = np.full((50, 100, 3), (200, 100, 30), np.uint8)
    drawn = _core.thumbhash_pixels(_core.thumbhash(flat))
    assert drawn.shape == (18, 32, 4)
    assert np.abs(drawn[..., :3].astype(int) - (200, 100, 30)).max() <= 8
    half = np.concatenate([np.zeros((64, 32, 4), np.uint8), np.full((64, 32, 4), 255, np.uint8)], axis=1)
    drawn = _core.thumbhash_pixels(_core.thumbhash(half))
    assert drawn[:, :10, 3].mean() < 60 < 200 < drawn[:, -10:, 3].mean()


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\xff" * 5, b"\0\0\x80\0\0"])
def test_other_bytes_are_no_hash(data: bytes) -> None:
    with pytest.raises(ValueError, match="no ThumbHash"):
        _core.thumbhash_pixels(data)
