"""Icons, cursors, GIF, PNG and AVIF of the sorts that programs write and libraries do not."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from pillion import _core
from tests.support.boxes import box, grid_of
from tests.support.pictures import chart, encoded, glass


def icon(entry: bytes, *, cursor: bool = False) -> bytes:
    """A file of one picture, whose directory says nothing true of it."""
    head = struct.pack("<HHH", 0, 2 if cursor else 1, 1)
    return head + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 1, len(entry), 22) + entry


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_icons_hold_png_of_any_colour(mode: str) -> None:
    picture = chart(64, 48).convert("L").convert("I;16") if mode == "I;16" else glass(64, 48).convert(mode)
    png = encoded(picture, "PNG")
    assert np.array_equal(_core.decode(icon(png)), _core.decode(png))


@pytest.mark.parametrize("cursor", [False, True])
@pytest.mark.parametrize("bits", [24, 32])
def test_icons_without_a_mask_are_shown(bits: int, cursor: bool) -> None:
    bitmap = bytearray(encoded(chart(40, 32).convert("RGB" if bits == 24 else "RGBA"), "BMP")[14:])
    size, width, _, planes, depth = struct.unpack_from("<IiiHH", bitmap)
    assert depth == bits
    struct.pack_into("<IiiHHI", bitmap, 0, 40, width, 64, planes, depth, 0)
    entry = bytes(bitmap[:40] + bitmap[size:])
    assert np.array_equal(_core.decode(icon(entry, cursor=cursor)), np.asarray(chart(40, 32)))


def test_a_gif_whose_screen_is_too_small_shows_the_frame() -> None:
    data = bytearray(encoded(chart(64, 48).convert("P"), "GIF"))
    expected = _core.decode(bytes(data))
    struct.pack_into("<HH", data, 6, 10, 10)
    assert np.array_equal(_core.decode(bytes(data)), expected)
    assert _core.probe(bytes(data)).width == 64


def test_a_png_with_a_wrong_checksum_is_shown_and_marked() -> None:
    data = bytearray(encoded(chart(), "PNG"))
    at = data.index(b"IDAT") + 4 + int.from_bytes(data[data.index(b"IDAT") - 4 : data.index(b"IDAT")], "big")
    data[at] ^= 1
    assert np.array_equal(_core.decode(bytes(data)), np.asarray(chart()))
    assert _core.thumbnails(bytes(data), [("a", 64, 80)])[0].damaged


def test_transparent_grey_counts_in_the_bits_that_pixels_have() -> None:
    data = encoded(chart().convert("1"), "PNG")
    at = data.index(b"IDAT") - 4
    body = b"tRNS\0\xff"
    chunk = struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
    pixels = _core.decode(data[:at] + chunk + data[at:])
    assert np.array_equal(pixels[..., 3] == 0, np.asarray(chart().convert("1")))


def test_a_png_with_another_chunk_amid_its_picture_is_shown_and_marked() -> None:
    data = encoded(chart(), "PNG")
    start = data.index(b"IDAT") - 4
    body = data[start + 8 : data.index(b"IEND") - 8]
    assert b"IDAT" not in body

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    halves = chunk(b"IDAT", body[:1000]) + chunk(b"tEXt", b"Comment\0hi") + chunk(b"IDAT", body[1000:])
    broken = data[:start] + halves + chunk(b"IEND", b"")
    assert np.array_equal(_core.decode(broken), np.asarray(chart()))
    assert _core.thumbnails(broken, [("a", 64, 80)])[0].damaged


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_bitmap_of_the_clipboard_is_shown(mode: str) -> None:
    """It has no header of a file."""
    whole = encoded(chart().convert(mode) if mode != "RGBA" else glass(), "BMP")
    bare = bytearray(whole[14:])
    if mode == "RGBA":
        # As Windows has it: masks behind the header, here those that the pixels have anyway.
        assert struct.unpack_from("<I", bare) == (40,)
        struct.pack_into("<I", bare, 16, 3)
        bare[40:40] = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    assert _core.sniff(bytes(bare)) == "image/bmp"
    assert np.array_equal(_core.decode(bytes(bare))[..., :3], _core.decode(whole)[..., :3])


@pytest.mark.parametrize(
    ("aperture", "expected"),
    [
        ((100, 1, 60, 1, 0, 1, 0, 1), (slice(30, 90), slice(30, 130))),
        ((60, 1, 40, 1, 2**32 - 20, 2, 10, 1), (slice(50, 90), slice(40, 100))),
        ((161, 1, 60, 1, 0, 1, 0, 1), (slice(0, 120), slice(0, 160))),
        ((100, 0, 60, 1, 0, 1, 0, 1), (slice(0, 120), slice(0, 160))),
        ((99, 2, 60, 1, 0, 1, 0, 1), (slice(0, 120), slice(0, 160))),
    ],
)
def test_the_clean_aperture_of_avif_is_cut_out_before_it_is_turned(
    aperture: tuple[int, ...], expected: tuple[slice, slice]
) -> None:
    """And one that is no whole pixels of the picture is left aside."""
    tile = encoded(chart(), "AVIF", quality=95)
    data = grid_of([tile], (1, 1), (160, 120), (160, 120), aperture)
    wanted = np.rot90(_core.decode(tile)[expected])
    pixels = _core.decode(data)
    info = _core.probe(data)
    assert (info.height, info.width) == wanted.shape[:2]
    assert pixels.shape == wanted.shape
    assert np.abs(pixels.astype(int) - wanted).max() <= 2
    (small,) = _core.thumbnails(data, [("a", 32, 90)])
    assert max(small.width, small.height) == 32


def test_a_grid_of_avif_may_have_its_alpha_in_the_tiles() -> None:
    tile = encoded(glass(64, 64), "AVIF", quality=90, subsampling="4:4:4")
    both = _core.decode(grid(tile))
    one = _core.decode(tile)
    assert both.shape == (64, 128, 4)
    assert np.abs(both[:, :64].astype(int) - one).max() <= 1
    assert np.abs(both[:, 64:].astype(int) - one).max() <= 1


def grid(tile: bytes) -> bytes:
    """A file that shows a tile of colours and alpha twice, side by side (ISO/IEC 23008-12)."""
    parts = dict(_coded(tile))
    color, alpha = parts["color"], parts["alpha"]

    def full(kind: bytes, *content: bytes, version: int = 0) -> bytes:
        return box(kind, bytes([version, 0, 0, 0]), *content)

    items = {1: b"grid", 2: b"av01", 3: b"av01", 4: b"av01", 5: b"av01"}
    infos = [full(b"infe", struct.pack(">HH4s", item, 0, kind), b"\0", version=2) for item, kind in items.items()]
    properties = [
        full(b"ispe", struct.pack(">II", 128, 64)),
        full(b"ispe", struct.pack(">II", 64, 64)),
        full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"),
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
    ]
    of_items = {1: [1, 4], 2: [2, 4], 3: [2, 4], 4: [2, 3], 5: [2, 3]}
    entries = [struct.pack(">HB", item, len(of)) + bytes(of) for item, of in of_items.items()]
    associations = full(b"ipma", struct.pack(">I", len(entries)), *entries)
    references = full(
        b"iref",
        box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3)),
        box(b"auxl", struct.pack(">HHH", 4, 1, 2)),
        box(b"auxl", struct.pack(">HHH", 5, 1, 3)),
    )
    bodies = {1: struct.pack(">BBBBHH", 0, 0, 0, 1, 128, 64), 2: color, 3: color, 4: alpha, 5: alpha}

    def meta(start: int) -> bytes:
        places, at = [], start
        for item, body in bodies.items():
            places.append(struct.pack(">HHHII", item, 0, 1, at, len(body)))
            at += len(body)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", struct.pack(">BBH", 0x44, 0, len(places)), *places),
            full(b"iinf", struct.pack(">H", len(infos)), *infos),
            references,
            box(b"iprp", box(b"ipco", *properties), associations),
        )

    brand = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    start = len(brand) + len(meta(0)) + 8
    return brand + meta(start) + box(b"mdat", *bodies.values())


def _coded(tile: bytes) -> list[tuple[str, bytes]]:
    """The coded colours and alpha of a file that Pillow wrote: the first and second extent of its table of places."""
    at = tile.index(b"iloc") + 4
    sizes, _, count = struct.unpack_from(">BBH", tile, at + 4)
    assert sizes == 0x44
    found = []
    at += 8
    for name in ("color", "alpha")[:count]:
        _, _, extents, start, length = struct.unpack_from(">HHHII", tile, at)
        assert extents == 1
        found.append((name, tile[start : start + length]))
        at += 14
    return found
