"""ICC profiles made at test time, and the colours that numbers under them stand for."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])

# Columns are the D50-adapted XYZ of red, green and blue, as the spaces' own profiles state them.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
PROPHOTO = np.array([[0.79767, 0.13519, 0.03134], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82491]])

ADOBE_GAMMA = 563 / 256
PROPHOTO_GAMMA = 461 / 256
GRID = 9
"""Points on each axis of the ink profile's table."""


def _srgb_to_linear(coded: Floats) -> Floats:
    return np.asarray(np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4))


def _linear_to_srgb(light: Floats) -> Floats:
    light = light.clip(0, 1)
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


def truth(numbers: NDArray[np.uint8], matrix: Floats, gamma: float | None) -> Floats:
    """The sRGB values (0 to 255) of RGB numbers under a matrix profile; ``gamma`` None is sRGB's curve."""
    coded = numbers / 255
    light = _srgb_to_linear(coded) if gamma is None else coded**gamma
    return _linear_to_srgb(light @ matrix.T @ np.linalg.inv(SRGB).T) * 255


def lab(srgb: Floats) -> Floats:
    """CIE L*a*b* (D50) of sRGB values (0 to 255)."""
    xyz = _srgb_to_linear(srgb / 255) @ SRGB.T / D50
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def delta_e(first: Floats, second: Floats) -> Floats:
    """CIEDE2000 of two arrays of sRGB values (0 to 255).

    Source: Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 30(1), 2005.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab(colours), -1, 0) for colours in (first, second))
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = h2 - h1
    turn = np.where(np.abs(turn) > 180, turn - np.sign(turn) * 360, turn) * ((c1 * c2) != 0)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(np.abs(h1 - h2) > 180, (h1 + h2 + 360) / 2, (h1 + h2) / 2) % 360
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    sl = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    parts = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rotation * (dc / sc) * (dh / sh)
    return np.asarray(np.sqrt(np.maximum(parts, 0)))


def _fixed(values: Floats) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    srgb = np.array([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(srgb)


def _text(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (4 + 4 + 2 + 1 + 67)


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text("made for a test"), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(D50), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI", size, b"test", 0x02400000) + kind + space + pcs
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(D50)
    return head.ljust(128, b"\0") + table + body


def rgb_profile(matrix: Floats, gamma: float | None) -> bytes:
    """A display profile of three primaries and one curve."""
    tags = {name + b"XYZ": _xyz(matrix[:, index]) for index, name in enumerate((b"r", b"g", b"b"))}
    tags |= {name + b"TRC": _curve(gamma) for name in (b"r", b"g", b"b")}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """A display profile of one curve."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def inks_to_srgb(inks: Floats) -> Floats:
    """What the ink profile says inks (0 to 1) look like: strange on purpose, so that ignoring it shows."""
    cyan, magenta, yellow, black = np.moveaxis(inks, -1, 0)
    light = 1 - 0.9 * black
    return 255 * np.stack([light * (1 - 0.9 * cyan), light * (1 - 0.7 * magenta), light * (1 - 0.6 * yellow)], axis=-1)


def ink_profile() -> bytes:
    """A printer profile: a table (lut8Type) from CMYK to L*a*b*."""
    axis = np.linspace(0, 1, GRID)
    inks = np.stack(np.meshgrid(axis, axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 4)
    colours = lab(inks_to_srgb(inks))
    coded = np.stack([colours[:, 0] * 2.55, colours[:, 1] + 128, colours[:, 2] + 128], axis=-1)
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, GRID, 0]) + _fixed(np.eye(3).ravel())
    table += identity * 4 + coded.round().clip(0, 255).astype(np.uint8).tobytes() + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})
