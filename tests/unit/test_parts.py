"""The functions of the package that need no library: pixels in, pixels out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pillion
from tests.support.pictures import as_stored, chart, encoded, exif, glass, opened
from tests.support.ssim import ssim


def test_decode_gives_upright_pixels_of_a_path_and_of_bytes(tmp_path: Path) -> None:
    data = encoded(as_stored(chart(), 6), "JPEG", quality=95, exif=exif(6))
    path = tmp_path / "turned.jpg"
    path.write_bytes(data)
    pixels = pillion.decode(data)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (120, 160, 3))
    assert ssim(pixels, np.asarray(chart())) >= 0.98
    assert np.array_equal(pillion.decode(path), pixels)
    assert np.array_equal(pillion.decode(str(path)), pixels)


def test_decode_keeps_alpha_and_scales_down_but_never_up() -> None:
    data = encoded(glass(), "PNG")
    assert pillion.decode(data).shape == (120, 160, 4)
    assert pillion.decode(data, max_side=80).shape == (60, 80, 4)
    assert pillion.decode(data, max_side=4000).shape == (120, 160, 4)


@pytest.mark.parametrize("picture", [chart(700, 300), glass(700, 300)])
def test_thumbnails_of_pixels_are_those_of_the_picture(picture: Any) -> None:
    pixels = np.asarray(picture)
    for source in (pixels, np.flip(np.flip(pixels).copy())):
        made = opened(pillion.thumbnail(source, ("grid@2x", "icon"))["grid@2x"])
        assert made.size == (512, 219)
        assert made.mode == picture.mode
        small = picture.resize(made.size)
        assert ssim(np.asarray(made.convert("RGB")), np.asarray(small.convert("RGB"))) >= 0.95


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), "u1"),
    ],
)
def test_arrays_of_another_shape_are_refused(pixels: Any) -> None:
    with pytest.raises(pillion.UsageError, match="uint8 of shape"):
        pillion.thumbnail(pixels)


def test_what_cannot_be_decoded_has_its_class(tmp_path: Path) -> None:
    for source, error_class in [
        (b"", "corrupt"),
        (b"hello, this is text\n" * 10, "unsupported"),
        (tmp_path / "missing.jpg", "missing_source"),
    ]:
        for call in (pillion.decode, pillion.thumbnail):
            with pytest.raises(pillion.ItemError) as caught:
                call(source)  # type: ignore[operator]
            assert caught.value.error_class == error_class
    with pytest.raises(pillion.ItemError, match="limit"):
        pillion.decode(encoded(chart(), "PNG"), max_pixels=100)
    with pytest.raises(pillion.UsageError):
        pillion.decode(encoded(chart(), "PNG"), max_side=0)
