"""High dynamic range film to what an sRGB screen shows, as the core does it with stills (rust/src/image/hdr.rs).

Code values become light by SMPTE ST 2084 (PQ) or ARIB STD-B67 (HLG, with the system gamma of ITU-R BT.2100 for a screen
of 1000 cd/m²). The brightest channel of each pixel is brought from 0..peak to 0..203 cd/m², the white of ITU-R BT.2408,
along the curve of ITU-R BT.2390 (section 5.4.1), and the others by the same factor, so that hues stay. Other than in
stills the peak is that of the frame: a film that was graded for a plain screen looks as it does there.

The system gamma of HLG is applied to each channel, as FFmpeg's zscale does unless told otherwise, and so most programs
that convert films to and from HLG; BT.2100 applies it to the luminance. What one makes the other shows too pale (red
of sRGB as 234, 46, 25) or too vivid. By channels the pure colours of sRGB come out right whichever made the film.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

PQ, HLG = 16, 18
"""Transfers of ITU-T H.273."""
BT2020 = 9
"""Its primaries."""
WHITE = 203.0
"""What becomes white, in cd/m²."""

_SCREEN = 1000.0
_SYSTEM_GAMMA = 1.2
_BRIGHTEST = 4000.0
"""Light above this is clipped; nothing is graded for more."""
_PEAK_SHARE = 99.5
"""Percent of the pixels that are not brighter than the peak: the rings that coding leaves at edges do not count."""
_NO_HIGHLIGHTS = 1.2
"""A frame whose peak is below this many times white has white as its brightest, but for the noise of its coding."""
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
_STEPS = 4095
_SAMPLED = 4
"""The peak is looked for in every fourth row and column."""
BAND_ROWS = 128
"""Rows that are converted at a time, to take little memory."""

_WHITE_POINT = (0.3127, 0.3290)
_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Red, green and blue (x, y) by the code point of the primaries."""

_Floats = NDArray[np.float32]


def to_srgb(codes: NDArray[np.uint16], primaries: int, transfer: int, peak: float | None = None) -> NDArray[np.uint8]:
    """sRGB of full-range RGB code values of 16 bits, both of shape (H, W, 3). Unknown primaries are BT.2020's.

    ``peak``: the brightest light, in cd/m²; None: that of the frame.
    """
    if peak is None:
        peak = peak_of(codes[::_SAMPLED, ::_SAMPLED], transfer)
    gains, matrix, coded = _gains(peak), _to_srgb_primaries(primaries).T, _srgb_table()
    result = np.empty(codes.shape, dtype=np.uint8)
    for start in range(0, len(codes), BAND_ROWS):
        band = slice(start, start + BAND_ROWS)
        light = _light(codes[band], transfer)
        brightest = np.minimum(light.max(axis=2), np.float32(peak))
        light *= gains[_step(np.sqrt(brightest / np.float32(peak)))][..., np.newaxis]
        result[band] = coded[_step(np.sqrt(np.clip(light @ matrix, 0.0, 1.0)))]
    return result


def peak_of(codes: NDArray[np.uint16], transfer: int) -> float:
    """The brightest light of a frame, in cd/m²; white where nothing is brighter."""
    light = _light(codes, transfer)
    if transfer == HLG:
        # By the luminance: a pure colour of a film made by BT.2100 would be brighter than its white by channels.
        scene = (light / np.float32(_SCREEN)) ** np.float32(1 / _SYSTEM_GAMMA)
        light = _SCREEN * scene * np.power(scene @ _LUMINANCE, np.float32(_SYSTEM_GAMMA - 1))[..., np.newaxis]
    peak = min(_BRIGHTEST, float(np.percentile(light.max(axis=2), _PEAK_SHARE)))
    return WHITE if peak < _NO_HIGHLIGHTS * WHITE else peak


def _light(codes: NDArray[np.uint16], transfer: int) -> _Floats:
    """The light of the screen, in cd/m²."""
    light: _Floats = _light_table(transfer)[codes >> 4]
    return light


def _step(values: _Floats) -> NDArray[np.uint16]:
    """The entry of a table for 0 to 1."""
    return (np.clip(values, 0.0, 1.0) * _STEPS + 0.5).astype(np.uint16)


@functools.cache
def _light_table(transfer: int) -> _Floats:
    """Code value to cd/m²."""
    codes = np.arange(_STEPS + 1) / _STEPS
    light = pq_to_light(codes) if transfer == PQ else _SCREEN * _hlg_to_scene(codes) ** _SYSTEM_GAMMA
    return np.minimum(light, _BRIGHTEST).astype(np.float32)


def pq_to_light(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light in cd/m² of code values from 0 to 1."""
    root = codes ** (1 / _M2)
    return 10_000.0 * (np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1 / _M1)


def light_to_pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The code values, from 0 to 1, of light in cd/m²."""
    power = (light / 10_000.0) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


_M1, _M2 = 2610 / 16_384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""The constants of ST 2084."""


def _hlg_to_scene(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative light of the scene."""
    a, b, c = 0.178_832_77, 0.284_668_92, 0.559_910_7
    return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)


def _gains(peak: float) -> _Floats:
    """What light is multiplied with so that ``peak`` becomes 1, by the square root of its share of the peak."""
    light = (np.arange(_STEPS + 1) / _STEPS) ** 2 * peak
    top = float(light_to_pq(np.array(peak)))
    target = float(light_to_pq(np.array(WHITE))) / top
    knee = 1.5 * target - 0.5
    values = light_to_pq(light) / top
    t = np.clip((values - knee) / max(1 - knee, 1e-9), 0.0, 1.0)
    square, cube = t**2, t**3
    bent = (2 * cube - 3 * square + 1) * knee + (cube - 2 * square + t) * (1 - knee) + (3 * square - 2 * cube) * target
    bent_light = pq_to_light(bent * top)
    return (np.where(values <= knee, 1.0, bent_light / np.maximum(light, 1e-9)) / WHITE).astype(np.float32)


@functools.cache
def _srgb_table() -> NDArray[np.uint8]:
    """sRGB numbers by the square root of linear light (IEC 61966-2-1)."""
    light = (np.arange(_STEPS + 1) / _STEPS) ** 2
    coded = np.where(light <= 0.003_130_8, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (coded * 255 + 0.5).astype(np.uint8)


@functools.cache
def _to_srgb_primaries(primaries: int) -> _Floats:
    """The matrix from linear light of these primaries to linear sRGB."""
    own = _to_xyz(_CHROMATICITIES.get(primaries, _CHROMATICITIES[9]))
    return (np.linalg.inv(_to_xyz(_CHROMATICITIES[1])) @ own).astype(np.float32)


def _to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in chromaticities]).T
    x, y = _WHITE_POINT
    scale = np.linalg.solve(columns, np.array([x / y, 1.0, (1 - x - y) / y]))
    return columns * scale
