"""Dolby Vision of profile 5: what its numbers mean, by the metadata of the frame, which FFmpeg has read.

The picture is IPT in PQ, bent by a curve for each of its three signals. Without the metadata it looks green and purple.
Sources: ETSI GS CCM 001 (the syntax and the order of the steps), FFmpeg's ``libavutil/dovi_meta.h`` (the structure).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillion.readers.media import tones

SIDE_DATA = "DOVI_METADATA"
"""PyAV's name for it: ``AVDOVIMetadata``, whose parts are found by offsets at its start."""

_PIECES = 8
_CURVE = struct.Struct("=B x 9H 8I 8B 4x 24q 8B 8q 168q")
"""``AVDOVIReshapingCurve``: pivots; of each piece its method, polynomial, and multiple regression of three signals."""
_COLOURS = struct.Struct("=42i")
"""Fractions: a matrix and offsets to LMS in PQ, and a matrix of LMS in light."""
_POLYNOMIAL = 0
_LMS_TO_RGB = np.array(
    [
        [3.064_418_79, -2.165_976_76, 0.101_558_18],
        [-0.656_121_08, 1.785_541_18, -0.129_437_49],
        [0.017_363_21, -0.047_251_54, 1.030_042_53],
    ]
)
"""The inverse of the matrix from linear BT.2020 to the cones of Hunt, Pointer and Estevez (D65)."""

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Curve:
    """``pivots``: the ends of the pieces, 0 to 1. Each piece is a polynomial, or a regression where it has one."""

    pivots: tuple[float, ...]
    polynomials: tuple[tuple[float, ...], ...]
    regressions: tuple[tuple[float, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of one frame mean."""

    curves: tuple[_Curve, _Curve, _Curve]
    to_lms: NDArray[np.float64]
    offsets: NDArray[np.float64]
    to_rgb: NDArray[np.float64]


def meaning(data: bytes) -> Meaning | None:
    """That of a frame with this side data; None for the other profiles, whose numbers are HDR10 or HLG."""
    try:
        header, mapping, colours = struct.unpack_from("=3Q", data)
        profile, _, _, _, denominator, _, full_range, depth = struct.unpack_from("=8B", data, header + 4)
        if profile != 0 or not full_range:
            return None
        curves = [_curve(data, mapping + 8 + index * _CURVE.size, denominator, depth) for index in range(3)]
        numbers = _COLOURS.unpack_from(data, colours + 4)
        values = np.array([top / bottom for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)])
    except (struct.error, ZeroDivisionError):
        return None
    to_rgb = _LMS_TO_RGB @ values[12:].reshape(3, 3)
    return Meaning((curves[0], curves[1], curves[2]), values[:9].reshape(3, 3), values[9:12], to_rgb)


def _curve(data: bytes, at: int, denominator: int, depth: int) -> _Curve:
    numbers = _CURVE.unpack_from(data, at)
    count = min(max(numbers[0] - 1, 1), _PIECES)
    most = (1 << depth) - 1
    methods, coefficients = numbers[10:18], [value / (1 << denominator) for value in numbers[26:50]]
    orders, constants = numbers[50:58], [value / (1 << denominator) for value in numbers[58:66]]
    regressed = [value / (1 << denominator) for value in numbers[66:]]
    regressions = tuple(
        None
        if methods[piece] == _POLYNOMIAL
        else (constants[piece], *regressed[21 * piece : 21 * piece + 7 * min(orders[piece], 3)])
        for piece in range(count)
    )
    polynomials = tuple(tuple(coefficients[3 * piece : 3 * piece + 3]) for piece in range(count))
    return _Curve(tuple(pivot / most for pivot in numbers[1 : count + 2]), polynomials, regressions)


def to_pq(signals: NDArray[np.uint16], meant: Meaning) -> NDArray[np.uint16]:
    """RGB of BT.2020 in PQ, full range, of signals of full range; both of 16 bits and of shape (H, W, 3)."""
    result = np.empty(signals.shape, dtype=np.uint16)
    for start in range(0, len(signals), tones.BAND_ROWS):
        band = slice(start, start + tones.BAND_ROWS)
        # Signals of 10 bits are in the upper bits.
        values = np.minimum(signals[band].astype(np.float32) / np.float32(1023 * 64), 1)
        bent = np.stack([_bent(values, index, curve) for index, curve in enumerate(meant.curves)], axis=-1)
        cones = np.clip((bent - meant.offsets) @ meant.to_lms.T, 0, 1)
        light = np.maximum(tones.pq_to_light(cones) @ meant.to_rgb.T, 0)
        result[band] = np.clip(tones.light_to_pq(light), 0, 1) * 65535 + 0.5
    return result


def _bent(values: _Floats, index: int, curve: _Curve) -> NDArray[np.float64]:
    """One of the three signals by its curve; a regression takes all three."""
    signal = np.clip(values[..., index].astype(np.float64), curve.pivots[0], curve.pivots[-1])
    found = np.zeros_like(signal)
    pieces = np.searchsorted(np.array(curve.pivots[1:-1]), signal, side="right")
    for piece, (polynomial, regression) in enumerate(zip(curve.polynomials, curve.regressions, strict=True)):
        here = pieces == piece
        if regression is None:
            part = signal[here]
            found[here] = polynomial[0] + part * (polynomial[1] + part * polynomial[2])
        else:
            found[here] = _regressed(values[here].astype(np.float64), regression)
    return np.clip(found, 0, 1)


def _regressed(values: NDArray[np.float64], numbers: tuple[float, ...]) -> NDArray[np.float64]:
    first, second, third = values.T
    products = np.stack(
        [first, second, third, first * second, first * third, second * third, first * second * third], axis=-1
    )
    result = np.full(len(values), numbers[0])
    for order in range((len(numbers) - 1) // 7):
        result += products ** (order + 1) @ np.array(numbers[1 + 7 * order : 8 + 7 * order])
    return result
