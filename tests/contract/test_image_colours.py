"""Colours of pictures with ICC profiles: every patch within a ΔE of 2 of what its numbers stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion import _core
from tests.support import icc
from tests.support.pictures import encoded, opened

PATCH = 16
LEVELS = (0, 64, 128, 192, 255)
NUMBERS = np.array([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS] + [(v, v, v) for v in range(0, 255, 9)])

SPACES: dict[str, tuple[NDArray[np.float64], float | None]] = {
    "display p3": (icc.DISPLAY_P3, None),
    "adobe rgb": (icc.ADOBE_RGB, icc.ADOBE_GAMMA),
    "prophoto": (icc.PROPHOTO, icc.PROPHOTO_GAMMA),
}

LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def chart(numbers: NDArray[Any], mode: str) -> Image.Image:
    """One flat square for each row of ``numbers``, side by side."""
    row = numbers.astype(np.uint8)[np.newaxis]
    return Image.fromarray(row.repeat(PATCH, axis=0).repeat(PATCH, axis=1), mode)


def patches(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of each square."""
    middle: NDArray[np.float64] = pixels[PATCH // 2, PATCH // 2 :: PATCH, :3].astype(float)
    return middle


@pytest.mark.parametrize("file_format", LOSSLESS)
@pytest.mark.parametrize("space", SPACES)
def test_profiles_are_honoured(space: str, file_format: str) -> None:
    matrix, gamma = SPACES[space]
    profile = icc.rgb_profile(matrix, gamma)
    data = encoded(chart(NUMBERS, "RGB"), file_format, icc_profile=profile, **LOSSLESS[file_format])
    expected = icc.truth(NUMBERS.astype(np.uint8), matrix, gamma)
    assert icc.delta_e(patches(_core.decode(data)), expected).max() < 2


@pytest.mark.parametrize("space", SPACES)
def test_profiles_of_jpegs_are_honoured(space: str) -> None:
    matrix, gamma = SPACES[space]
    data = encoded(
        chart(NUMBERS, "RGB"), "JPEG", quality=100, subsampling=0, icc_profile=icc.rgb_profile(matrix, gamma)
    )
    # What the JPEG holds differs a little from what was put in.
    stored = np.asarray(opened(data).convert("RGB"))
    expected = icc.truth(patches(stored).astype(np.uint8), matrix, gamma)
    assert icc.delta_e(patches(_core.decode(data)), expected).max() < 2


def test_thumbnails_are_converted_once_for_all_sizes() -> None:
    # Few large patches, so that scaling and WebP leave their middles alone.
    numbers = NUMBERS[[10, 40, 62, 90, 120]]
    picture = chart(numbers, "RGB").resize((5 * 400, 400), Image.Resampling.NEAREST)
    expected = icc.truth(numbers.astype(np.uint8), icc.DISPLAY_P3, None)
    profile = icc.rgb_profile(icc.DISPLAY_P3, None)
    for file_format in ("JPEG", "PNG"):
        options = {"quality": 100} if file_format == "JPEG" else {}
        data = encoded(picture, file_format, icc_profile=profile, **options)
        for made in _core.thumbnails(data, [("a", 1000, 100), ("b", 800, 100), ("c", 250, 100)]):
            small = np.asarray(opened(made.data).convert("RGB")).astype(float)
            step = made.width // 5
            middles = small[made.height // 2, step // 2 :: step][:5]
            assert icc.delta_e(middles, expected).max() < 3, (file_format, made.name)


@pytest.mark.parametrize(("file_format", "options"), [("JPEG", {"quality": 100, "subsampling": 0}), ("TIFF", {})])
def test_ink_profiles_are_honoured(file_format: str, options: dict[str, Any]) -> None:
    levels = np.array([0, 2, 4, 6, 8]) * 255 // 8
    inks = np.array([(c, m, y, k) for c in levels for m in levels for y in levels for k in (0, 63, 127)])
    data = encoded(chart(inks, "CMYK"), file_format, icc_profile=icc.ink_profile(), **options)
    expected = icc.inks_to_srgb(inks / 255)
    assert icc.delta_e(patches(_core.decode(data)), expected).max() < 2


def test_grey_profiles_are_honoured() -> None:
    grey = np.arange(0, 256, 5)
    row = grey.astype(np.uint8)[np.newaxis].repeat(PATCH, axis=0).repeat(PATCH, axis=1)
    data = encoded(Image.fromarray(row), "PNG", icc_profile=icc.grey_profile(1.0))
    expected = icc.truth(np.stack([grey] * 3, axis=-1).astype(np.uint8), icc.SRGB, 1.0)
    assert icc.delta_e(patches(_core.decode(data)), expected).max() < 2


@pytest.mark.parametrize("profile", [b"nonsense", icc.rgb_profile(icc.ADOBE_RGB, 2.2)[:200], icc.grey_profile(1.8)])
def test_profiles_that_make_no_sense_are_left_aside(profile: bytes) -> None:
    data = encoded(chart(NUMBERS, "RGB"), "PNG", icc_profile=profile)
    assert np.array_equal(patches(_core.decode(data)), NUMBERS)


def test_damaged_profiles_never_crash() -> None:
    whole = icc.ink_profile()
    picture = chart(np.array([[10, 20, 30, 40]]), "CMYK")
    dice = np.random.default_rng(7)
    for _ in range(200):
        profile = bytearray(whole)
        for place in dice.integers(0, 600, size=3):
            profile[place] = dice.integers(0, 256)
        assert _core.decode(encoded(picture, "TIFF", icc_profile=bytes(profile))).shape == (PATCH, PATCH, 3)
