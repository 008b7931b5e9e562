"""Colour spaces that PNG names without a profile, samples of 16 bits, and high dynamic range."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion import _core
from tests.support import icc

PATCH = 8
LEVELS = (0, 64, 128, 192, 255)
NUMBERS = np.array([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS])


def png(pixels: NDArray[np.uint8] | NDArray[np.uint16], *chunks: tuple[bytes, bytes]) -> bytes:
    """An RGB PNG of 8 or 16 bits with these chunks before the pixels."""
    deep = pixels.dtype == np.uint16
    height, width = pixels.shape[:2]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16 if deep else 8, 2, 0, 0, 0))
    rows = b"".join(b"\0" + row.astype(">u2" if deep else "u1").tobytes() for row in pixels)
    between = b"".join(chunk(*item) for item in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + between + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chart(numbers: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint16] | NDArray[np.uint8]:
    return numbers[np.newaxis].repeat(PATCH, axis=0).repeat(PATCH, axis=1)


def patches(data: bytes) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = _core.decode(data)[PATCH // 2, PATCH // 2 :: PATCH].astype(float)
    return middle


def code_points(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, 1])


def gamma(exponent: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100_000 / exponent))


def profile(body: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"made for a test\0\0" + zlib.compress(body)


ADOBE_PRIMARIES = b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


@pytest.mark.parametrize("bits", [8, 16])
def test_code_points_are_honoured_before_a_profile(bits: int) -> None:
    numbers = chart(NUMBERS.astype(np.uint8) if bits == 8 else (NUMBERS * 257).astype(np.uint16))
    data = png(numbers, code_points(12, 13), profile(icc.rgb_profile(icc.PROPHOTO, icc.PROPHOTO_GAMMA)))
    expected = icc.truth(NUMBERS.astype(np.uint8), icc.DISPLAY_P3, None)
    assert icc.delta_e(patches(data), expected).max() < 2


def test_gamma_and_primaries_are_honoured() -> None:
    data = png(chart(NUMBERS.astype(np.uint8)), gamma(2.2), ADOBE_PRIMARIES)
    expected = icc.truth(NUMBERS.astype(np.uint8), icc.ADOBE_RGB, 2.2)
    assert icc.delta_e(patches(data), expected).max() < 2


def test_what_says_srgb_keeps_its_numbers() -> None:
    numbers = chart(NUMBERS.astype(np.uint8))
    for chunks in ([gamma(2.2)], [(b"sRGB", b"\0"), gamma(1.0)], [code_points(1, 13)], [code_points(2, 2)]):
        assert np.array_equal(patches(png(numbers, *chunks)), NUMBERS)


@pytest.mark.parametrize("named", ["gAMA", "iCCP"])
def test_sixteen_bits_of_linear_light_keep_their_shadows(named: str) -> None:
    grey = np.arange(0, 4096, 16, dtype=np.uint16)
    numbers = np.stack([grey, grey // 2, grey], axis=-1).astype(np.uint16)
    chunk = gamma(1.0) if named == "gAMA" else profile(icc.rgb_profile(icc.SRGB, 1.0))
    light = numbers / 65535
    expected = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    made = patches(png(chart(numbers), chunk))
    assert icc.delta_e(made, expected).max() < 1
    # Eight bits would leave at most 16 steps of these shadows.
    assert len(np.unique(made[:, 0])) > 60


@pytest.mark.parametrize("space", ["adobe rgb", "prophoto", "display p3"])
def test_sixteen_bit_charts_with_profiles_are_honoured(space: str) -> None:
    matrix, exponent = {
        "display p3": (icc.DISPLAY_P3, None),
        "adobe rgb": (icc.ADOBE_RGB, icc.ADOBE_GAMMA),
        "prophoto": (icc.PROPHOTO, icc.PROPHOTO_GAMMA),
    }[space]
    data = png(chart((NUMBERS * 257).astype(np.uint16)), profile(icc.rgb_profile(matrix, exponent)))
    expected = icc.truth(NUMBERS.astype(np.uint8), matrix, exponent)
    assert icc.delta_e(patches(data), expected).max() < 2


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("bits", [8, 16])
def test_high_dynamic_range_is_brought_into_reach(transfer: int, bits: int) -> None:
    steps = np.arange(0, 256, 5)
    numbers = np.stack([steps] * 3, axis=-1)
    coded = numbers.astype(np.uint8) if bits == 8 else (numbers * 257).astype(np.uint16)
    made = patches(png(chart(coded), code_points(9, transfer)))
    assert np.abs(made - made[:, :1]).max() <= 1
    assert (np.diff(made[:, 1]) >= 0).all()
    assert (made[0, 1], made[-1, 1]) == (0, 255)
    # Diffuse white (ITU-R BT.2408) is 58 % PQ and 75 % HLG: bright, and brighter things stay apart from it.
    white = made[round(51 * (0.58 if transfer == 16 else 0.75)), 1]
    assert 210 <= white <= 240
    # Shown as if they were sRGB, those numbers would be dull and flat.
    assert white > 255 * 0.58 + 40


def test_hdr_colours_keep_their_hue() -> None:
    # Red, green and blue of sRGB at 100 cd/m² in PQ numbers of BT.2020, by the matrix of ITU-R BT.2087.
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = np.eye(3) @ to_2020.T * 100 / 10_000
    power = light ** (2610 / 16384)
    coded = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    made = patches(png(chart((coded * 65535).round().astype(np.uint16)), code_points(9, 16)))
    assert (made.argmax(axis=1) == [0, 1, 2]).all()
    assert (np.sort(made, axis=1)[:, 1] < 25).all()
    assert (made.max(axis=1) > 150).all()


@pytest.mark.parametrize("space", ["linear", "prophoto"])
def test_sixteen_bit_tiffs_are_converted_before_they_are_rounded(space: str) -> None:
    matrix, exponent = {"linear": (icc.SRGB, 1.0), "prophoto": (icc.PROPHOTO, icc.PROPHOTO_GAMMA)}[space]
    grey = np.arange(0, 4096, 16, dtype=np.uint16)
    numbers = np.stack([grey] * 3, axis=-1)
    made = patches(tiff(chart(numbers), icc.rgb_profile(matrix, exponent)))
    light = (numbers / 65535) ** exponent @ matrix.T @ np.linalg.inv(icc.SRGB).T
    expected = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert icc.delta_e(made, expected).max() < 1
    assert len(np.unique(made[:, 1])) > len(np.unique(numbers[:, 1] >> 8))


def tiff(pixels: NDArray[np.uint16] | NDArray[np.uint8], body: bytes) -> bytes:
    """An uncompressed RGB TIFF of 16 bits in one strip, with a profile."""
    data = pixels.astype("<u2").tobytes()
    tags = [(256, 1, pixels.shape[1]), (257, 1, pixels.shape[0]), (258, 1, 16), (259, 1, 1), (262, 1, 2)]
    start = 8 + 2 + 9 * 12 + 4
    tags += [(273, 1, start), (277, 1, 3), (279, 1, len(data))]
    directory = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    directory += struct.pack("<HHII", 34675, 7, len(body), start + len(data))
    return b"II*\0" + struct.pack("<IH", 8, 9) + directory + bytes(4) + data + body
