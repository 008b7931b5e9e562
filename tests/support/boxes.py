"""HEIF files put together by hand: a grid of AVIF pictures, which no encoder at hand writes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of ISO media: its length, its name, its content."""
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full(kind: bytes, *parts: bytes) -> bytes:
    """A box with a version and flags, all zero."""
    return box(kind, b"\0\0\0\0", *parts)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box."""
    at = 0
    while at + 8 <= len(data):
        length = struct.unpack_from(">I", data, at)[0] or len(data) - at
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def find(data: bytes, *path: bytes) -> bytes:
    """The content of a box inside boxes; that of ``meta`` begins behind its version."""
    for name in path:
        data = next(content for kind, content in boxes(data) if kind == name)
        if name == b"meta":
            data = data[4:]
    return data


def picture_data(avif: bytes) -> bytes:
    """The AV1 data of a file with one picture (of an encoder that writes 32-bit offsets and one extent)."""
    locations = find(avif, b"meta", b"iloc")
    assert locations[4] == 0x44
    assert locations[5] >> 4 == 0
    offset, length = struct.unpack_from(">II", locations, 14)
    return avif[offset : offset + length]


def grid_of(
    tiles: Sequence[bytes],
    shape: tuple[int, int],
    tile_size: tuple[int, int],
    size: tuple[int, int],
    aperture: Sequence[int] = (),
) -> bytes:
    """An AVIF whose picture is a grid: ``shape`` in (columns, rows), sizes in pixels (width, height).

    ``aperture``: the eight numbers of a clean aperture (``clap``), after which the picture is turned by a quarter.
    """
    columns, rows = shape
    data = [picture_data(tile) for tile in tiles]
    settings = find(tiles[0], b"meta", b"iprp", b"ipco")
    codec = next(content for kind, content in boxes(settings) if kind == b"av1C")
    grid = struct.pack(">BBBB", 0, 1, rows - 1, columns - 1) + struct.pack(">II", *size)
    ids = list(range(2, 2 + len(tiles)))
    infos = [full_infe(1, b"grid"), *(full_infe(number, b"av01") for number in ids)]
    properties = box(
        b"ipco",
        full(b"ispe", struct.pack(">II", *size)),
        full(b"ispe", struct.pack(">II", *tile_size)),
        box(b"av1C", codec),
        *([box(b"clap", struct.pack(">8I", *aperture)), box(b"irot", b"\x01")] if aperture else []),
    )
    own = b"\x01\x84\x85" if aperture else b"\x01"
    links = struct.pack(">I", 1 + len(ids)) + struct.pack(">HB", 1, len(own)) + own
    links += b"".join(struct.pack(">HBBB", number, 2, 2, 0x83) for number in ids)

    def meta(start: int) -> bytes:
        places = struct.pack(">HH", 0x4400, 1 + len(ids))
        for number, part in zip([1, *ids], [grid, *data], strict=True):
            places += struct.pack(">HHHII", number, 0, 1, start, len(part))
            start += len(part)
        return full(
            b"meta",
            full(b"hdlr", b"\0\0\0\0pict" + b"\0" * 13),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", places),
            full(b"iinf", struct.pack(">H", len(infos)), *infos),
            full(b"iref", box(b"dimg", struct.pack(f">HH{len(ids)}H", 1, len(ids), *ids))),
            box(b"iprp", properties, full(b"ipma", links)),
        )

    head = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", grid, *data)


def full_infe(number: int, kind: bytes) -> bytes:
    """What an item is."""
    return box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), kind, b"\0")
