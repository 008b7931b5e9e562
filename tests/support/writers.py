"""Small encoders of picture formats: the second opinion beside those of Pillow, imagecodecs and libvips.

Pictures are uint8 arrays, shape (H, W) for grey, (H, W, 2) with alpha, (H, W, 3) or (H, W, 4).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def _channels(picture: Array) -> int:
    return 1 if picture.ndim == 2 else picture.shape[2]


def anymap(picture: Array, *, text: bool = False, maximum: int = 255) -> bytes:
    """A PGM or PPM; ``maximum``: the number that stands for white."""
    height, width = picture.shape[:2]
    kind = {(1, True): 2, (3, True): 3, (1, False): 5, (3, False): 6}[_channels(picture), text]
    samples = (picture.astype(np.uint32) * maximum + 127) // 255
    head = f"P{kind}\n# made for a test\n{width} {height}\n{maximum}\n".encode()
    if text:
        return head + "\n".join(" ".join(map(str, row.ravel().tolist())) for row in samples).encode()
    return head + samples.astype(">u2" if maximum > 255 else np.uint8).tobytes()


def bitmap_text(is_black: Array) -> bytes:
    """A PBM of characters: 1 is black."""
    height, width = is_black.shape
    rows = ("".join(map(str, row.astype(int).tolist())) for row in is_black)
    return f"P1 {width} {height}\n".encode() + "\n".join(rows).encode()


def pam(picture: Array) -> bytes:
    """A PAM of one to four channels."""
    height, width = picture.shape[:2]
    depth = _channels(picture)
    kind = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}[depth]
    lines = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
    return b"P7\n" + lines.encode() + picture.tobytes()


def packbits(row: bytes) -> bytes:
    """Runs of up to 128 equal bytes, the rest copied in pieces."""
    coded = bytearray()
    at = 0
    while at < len(row):
        run = 1
        while at + run < len(row) and run < 128 and row[at + run] == row[at]:
            run += 1
        if run > 2:
            coded += bytes([257 - run, row[at]])
        else:
            run = min(128, len(row) - at)
            coded += bytes([run - 1]) + row[at : at + run]
        at += run
    return bytes(coded)


def psd(
    channels: Sequence[Array],
    mode: int,
    *,
    packed: bool = False,
    large: bool = False,
    transparency: bool = False,
    palette: bytes = b"",
    profile: bytes | None = None,
) -> bytes:
    """A Photoshop document (a PSB if ``large``) of channels of bool, uint8, uint16 or float32 samples."""
    height, width = channels[0].shape
    depth = {"b": 1, "u1": 8, "u2": 16, "f4": 32}[channels[0].dtype.str[1:].replace("b1", "b")]
    resources = b""
    if profile is not None:
        resources = b"8BIM" + struct.pack(">HHI", 1039, 0, len(profile)) + profile + b"\0" * (len(profile) % 2)
    wide = ">Q" if large else ">I"
    layers = struct.pack(wide, 2) + struct.pack(">h", -1) if transparency else b""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 2 if large else 1, len(channels), height, width, depth, mode)
    between = b"".join(struct.pack(">I", len(part)) + part for part in (palette, resources))
    between += struct.pack(wide, len(layers)) + layers
    rows = [_psd_row(row) for channel in channels for row in channel]
    if not packed:
        return head + between + b"\0\0" + b"".join(rows)
    rows = [packbits(row) for row in rows]
    counts = b"".join(struct.pack(">I" if large else ">H", len(row)) for row in rows)
    return head + between + b"\0\1" + counts + b"".join(rows)


def _psd_row(row: Array) -> bytes:
    if row.dtype == bool:
        return np.packbits(row).tobytes()
    return row.astype(row.dtype.newbyteorder(">")).tobytes()


def bmp(header: bytes, palette: bytes, pixels: bytes) -> bytes:
    """A Windows bitmap of a ready-made information header, palette and rows."""
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + palette + pixels


def bmp_rle8(indices: Array, palette: Array) -> bytes:
    """A bitmap of run-length coded rows, from the bottom; ``palette``: shape (256, 3), red first."""
    height, width = indices.shape
    body = bytearray()
    for row in indices[::-1]:
        at = 0
        while at < width:
            run = 1
            while at + run < width and run < 255 and row[at + run] == row[at]:
                run += 1
            body += bytes([run, int(row[at])])
            at += run
        body += b"\0\0"
    body += b"\0\1"
    colours = np.zeros((256, 4), np.uint8)
    colours[:, :3] = palette[:, ::-1]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return bmp(header, colours.tobytes(), bytes(body))


def bmp_565(picture: Array) -> bytes:
    """A bitmap of 16 bits a pixel, 5, 6 and 5 of them for red, green and blue, from the top."""
    height, width, _ = picture.shape
    red, green, blue = (picture[..., channel].astype(np.uint16) for channel in range(3))
    pixels = (red >> 3 << 11) | (green >> 2 << 5) | blue >> 3
    rows = np.pad(pixels, ((0, 0), (0, width % 2))).astype("<u2").tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 16, 3, len(rows), 0, 0, 0, 0)
    return bmp(header, struct.pack("<III", 0xF800, 0x07E0, 0x001F), rows)


def bmp_v5_alpha(picture: Array) -> bytes:
    """A bitmap of 32 bits a pixel with a mask for alpha."""
    height, width, _ = picture.shape
    rows = picture[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(rows), 0, 0, 0, 0) + masks
    header += b"BGRs" + b"\0" * 48 + struct.pack("<IIII", 4, 0, 0, 0)
    return bmp(header, b"", rows)


def ico(entries: Sequence[tuple[int, int, bytes]]) -> bytes:
    """An icon of pictures (width, height, a PNG or a bitmap without its file header)."""
    offset = 6 + 16 * len(entries)
    directory, body = b"", b""
    for width, height, data in entries:
        place = offset + len(body)
        directory += struct.pack("<BBBBHHII", width % 256, height % 256, 0, 0, 1, 32, len(data), place)
        body += data
    return struct.pack("<HHH", 0, 1, len(entries)) + directory + body


def icon_bitmap(picture: Array, is_clear: Array) -> bytes:
    """A picture for an icon: 24 bits a pixel and a mask of the clear ones."""
    height, width, _ = picture.shape
    rows = b"".join(_padded(row[:, ::-1].tobytes()) for row in picture[::-1])
    mask = b"".join(_padded(np.packbits(row).tobytes()) for row in is_clear[::-1])
    size = len(rows) + len(mask)
    return struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 24, 0, size, 0, 0, 0, 0) + rows + mask


def _padded(row: bytes) -> bytes:
    return row + b"\0" * (-len(row) % 4)
