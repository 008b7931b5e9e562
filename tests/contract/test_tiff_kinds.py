"""TIFF as scanners, fax servers and old imaging programs write it: pages, faxes, JPEG of both sorts, oddities."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import pillion
from pillion import _core
from pillion.errors import ItemError
from pillion.readers.images import decode as pictures
from tests.support.pictures import chart, encoded, opened
from tests.support.ssim import ssim
from tests.support.tiffs import Value, tiff

SIZE = (160, 120)
CHART = np.asarray(chart())
GREY: dict[int, Value] = {256: 160, 257: 120, 258: 8, 259: 1, 262: 1, 277: 1, 278: 120}
GREY_ROWS = np.asarray(chart().convert("L"))


def ink(width: int = 400, height: int = 300) -> Image.Image:
    """A page of bars, black on white."""
    page = Image.new("1", (width, height), 1)
    draw = ImageDraw.Draw(page)
    for top in range(20, height - 20, 20):
        draw.rectangle((20 + top // 3, top, width - 40, top + 8), fill=0)
    return page


def thumb(data: bytes) -> tuple[_core.Thumbnail, NDArray[np.uint8]]:
    (made,) = pictures.thumbnails(data, [("a", 512, 100, 0)])
    return made, np.asarray(opened(made.data).convert("RGB"))


# pages ----------------------------------------------------------------------------------------------------------------


def test_every_page_is_one_but_thumbnails_and_masks() -> None:
    small: dict[int, Value] = {**GREY, 256: 40, 257: 30, 278: 30}
    data = tiff(
        ({**small, 254: 1}, [bytes(1200)]),
        (GREY, [GREY_ROWS.tobytes()]),
        ({**small, 254: 4}, [bytes(1200)]),
        ({**GREY, 256: 120, 257: 160, 278: 160}, [np.rot90(GREY_ROWS).tobytes()]),
    )
    assert pictures.pages(data) == [1, 3]
    assert np.array_equal(pillion.decode(data)[..., 0], GREY_ROWS)
    last = pictures.opened(data, page=3)
    assert (last.width, last.height) == (120, 160)
    assert np.array_equal(last.pixels()[..., 0], np.rot90(GREY_ROWS))
    with pytest.raises(ItemError, match="no such page"):
        _core.decode(data, page=4)


def test_a_chain_that_goes_in_a_circle_ends() -> None:
    data = bytearray(tiff((GREY, [GREY_ROWS.tobytes()])))
    data[-4:] = data[4:8]
    assert pictures.pages(bytes(data)) in ([0], [0, 1])


def test_other_formats_have_one_page() -> None:
    assert pictures.pages(encoded(chart(), "PNG")) == [0]
    assert pictures.pages(b"II*\0\xff\xff\xff\xff") == [0]


# faxes ----------------------------------------------------------------------------------------------------------------


def fax(compression: str = "group3", **options: Any) -> bytes:
    return encoded(ink(), "TIFF", compression=compression, **options)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_faxes_are_read(compression: str) -> None:
    assert np.array_equal(pillion.decode(fax(compression))[..., 0] > 127, np.asarray(ink()))


def test_a_damaged_line_of_a_fax_costs_itself_and_is_said() -> None:
    data = bytearray(fax())
    # Amid the compressed data: Pillow puts it behind the header.
    data[len(data) // 2 : len(data) // 2 + 2] = b"\xa5\x5a"
    made, _ = thumb(bytes(data))
    assert made.damaged
    wrong = (pillion.decode(bytes(data))[..., 0] > 127) != np.asarray(ink())
    # Where the damage has taken the end of a line, those below move up by one: edges of bars, but no more.
    assert np.count_nonzero(wrong.any(axis=1)) <= 20
    (note,) = pictures.opened(bytes(data)).notes
    assert "lines of the picture are damaged or missing" in note
    assert not thumb(fax())[0].damaged
    assert pictures.opened(fax()).notes == []


@pytest.mark.parametrize(("dpi", "size"), [((204, 98), (400, 624)), ((204, 391), (767, 300)), ((204, 196), (400, 300))])
def test_a_fax_has_the_proportions_of_its_paper(dpi: tuple[int, int], size: tuple[int, int]) -> None:
    data = fax(dpi=dpi)
    picture = pictures.opened(data)
    assert (picture.width, picture.height) == size
    assert pillion.decode(data).shape[1::-1] == size
    assert thumb(data)[1].shape[1::-1] == tuple(round(side * min(1, 512 / max(size))) for side in size)


def test_pictures_that_are_no_faxes_keep_their_pixels() -> None:
    assert pillion.decode(encoded(chart(), "TIFF", dpi=(204, 98))).shape == (120, 160, 3)


# JPEG -----------------------------------------------------------------------------------------------------------------


def test_inks_in_jpeg_are_not_inverted() -> None:
    patches = Image.new("CMYK", SIZE, (0, 255, 255, 0))
    patches.paste((255, 0, 0, 0), (0, 0, 80, 120))
    by_jpeg = pillion.decode(encoded(patches, "TIFF", compression="jpeg"))
    by_lzw = pillion.decode(encoded(patches, "TIFF", compression="tiff_lzw"))
    assert np.abs(by_jpeg.astype(int) - by_lzw).max() < 12
    assert by_lzw[60, 140].tolist() == [255, 0, 0]


def jpeg_parts(quality: int = 92) -> tuple[bytes, bytes]:
    """(all before the header of the scan, that and the scan) of a JPEG of the chart."""
    data = encoded(chart(), "JPEG", quality=quality, subsampling=0)
    at = data.index(b"\xff\xda")
    return data[:at], data[at:]


OLD: dict[int, Value] = {**GREY, 258: [8, 8, 8], 259: 6, 262: 6, 277: 3, 512: 1, 530: [1, 1]}


@pytest.mark.parametrize("kind", ["whole", "scan in the strip", "header of the scan in the strip", "tables by tags"])
def test_old_style_jpeg_is_read_however_it_was_written(kind: str) -> None:
    before, scan = jpeg_parts()
    header = 2 + int.from_bytes(scan[2:4], "big")
    # Eight bytes of the file's header, then the strip: what is beside it comes as a second strip that no tag counts.
    tags: dict[int, Value]
    if kind == "whole":
        strips, tags = [before + scan], {513: 8, 514: len(before + scan)}
    elif kind == "scan in the strip":
        strips, tags = [scan[header:]], {514: len(before) + header}
        strips.append(before + scan[:header])
    elif kind == "header of the scan in the strip":
        strips, tags = [scan], {514: len(before)}
        strips.append(before)
    else:
        strips, tags = [scan[header:]], {}
        tables = tables_of(before)
        strips += [b"".join(tables)]
    first = len(strips[0]) + len(strips[0]) % 2 + 8
    if kind == "tables by tags":
        places = np.cumsum([first, *map(len, tables)]).tolist()
        tags = {519: [places[0], places[1], places[1]], 520: [places[2], places[4], places[4]]}
        tags[521] = [places[3], places[5], places[5]]
    elif kind != "whole":
        tags[513] = first
    data = tiff(({**OLD, **tags, 273: 8, 279: len(strips[0])}, strips))
    assert ssim(_core.decode(data), CHART) > 0.98


def tables_of(before: bytes) -> list[bytes]:
    """Two quantisation tables, then a table of DC and one of AC for luma and for chroma, as tags lead to them."""
    found: dict[int, bytes] = {}
    at = 2
    while at < len(before):
        marker, length = before[at + 1], int.from_bytes(before[at + 2 : at + 4], "big")
        payload = before[at + 4 : at + 2 + length]
        while marker in (0xDB, 0xC4) and payload:
            size = 65 if marker == 0xDB else 17 + sum(payload[1:17])
            found[marker << 8 | payload[0]] = payload[1:size]
            payload = payload[size:]
        at += 2 + length
    return [found[key] for key in (0xDB00, 0xDB01, 0xC400, 0xC410, 0xC401, 0xC411)]


def test_strips_of_old_style_jpeg_are_parts_of_one_scan() -> None:
    upper, lower = (chart().crop((0, top, 160, top + 64)) for top in (0, 56))
    # Two files of 64 rows with the same tables: their scans, one after the other, are a picture of 128 rows.
    files = [encoded(part, "JPEG", quality=92, subsampling=0) for part in (upper, lower)]
    heads = [data.index(b"\xff\xda") for data in files]
    scans = [
        data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") : -2] for data, at in zip(files, heads, strict=True)
    ]
    beside = files[0][: len(files[0]) - len(scans[0]) - 2]
    first = 8 + sum(len(scan) + len(scan) % 2 for scan in scans)
    places = [8, 8 + len(scans[0]) + len(scans[0]) % 2]
    tags: dict[int, Value] = {257: 128, 278: 64, 273: places, 279: list(map(len, scans)), 513: first, 514: len(beside)}
    pixels = _core.decode(tiff(({**OLD, **tags}, [*scans, beside])))
    assert ssim(pixels[:64], np.asarray(upper)) > 0.98
    assert ssim(pixels[64:], np.asarray(lower)) > 0.98


# oddities -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["photometric", "lengths of 0", "lengths", "rows of a strip"])
def test_what_writers_leave_out_is_filled_in(lacking: str) -> None:
    left_out: dict[str, dict[int, Value]] = {
        "photometric": {262: ()},
        "lengths of 0": {279: 0},
        "lengths": {279: ()},
        "rows of a strip": {278: 0},
    }
    data = tiff(({**GREY, **left_out[lacking]}, [GREY_ROWS.tobytes()]))
    assert np.array_equal(_core.decode(data)[..., 0], GREY_ROWS)
    colours: dict[int, Value] = {**GREY, 258: [8, 8, 8], 262: 2, 277: 3}
    data = tiff(({**colours, **left_out[lacking]}, [CHART.tobytes()]))
    assert np.array_equal(_core.decode(data), CHART)


def test_indices_of_16_bits_have_their_colours() -> None:
    indices = np.arange(160 * 120, dtype="<u2").reshape(120, 160) * 3
    map_of = np.zeros((3, 65536), np.uint16)
    map_of[0], map_of[1] = np.arange(65536), 65535 - np.arange(65536)
    data = tiff(({**GREY, 258: 16, 262: 3, 320: map_of.ravel().tolist()}, [indices.tobytes()]))
    pixels = _core.decode(data)
    assert np.array_equal(pixels[..., 0], indices >> 8)
    assert np.array_equal(pixels[..., 1], (65535 - indices.astype(int)) >> 8)


@pytest.mark.parametrize("kind", ["<f4", "<i2", "<u4"])
def test_measurements_are_shown_from_the_least_to_the_most(kind: str) -> None:
    values = GREY_ROWS.astype(kind) * (12 if kind != "<f4" else 12.5)
    sample_format = {"<f4": 3, "<i2": 2, "<u4": 1}[kind]
    bits = np.dtype(kind).itemsize * 8
    data = tiff(({**GREY, 258: bits, 339: sample_format}, [values.astype(kind).tobytes()]))
    least, most = int(GREY_ROWS.min()), int(GREY_ROWS.max())
    expected = (GREY_ROWS.astype(float) - least) / (most - least) * 255
    assert np.abs(_core.decode(data)[..., 0] - expected).max() <= 1


def test_signed_bytes_that_are_meant_as_unsigned_are_read_so() -> None:
    for rows in (GREY_ROWS, GREY_ROWS ^ 0x80):
        data = tiff(({**GREY, 339: 2}, [rows.tobytes()]))
        assert np.array_equal(_core.decode(data)[..., 0], GREY_ROWS)


def test_inks_may_be_transparent() -> None:
    inks = np.zeros((120, 160, 5), np.uint8)
    inks[..., 1:3] = 255
    inks[:, :80, 4] = 255
    data = tiff(({**GREY, 258: [8] * 5, 262: 5, 277: 5, 338: 2}, [inks.tobytes()]))
    pixels = _core.decode(data)
    assert pixels[60, 40].tolist() == [255, 0, 0, 255]
    assert pixels[60, 120].tolist() == [255, 0, 0, 0]


def test_strips_may_be_webp() -> None:
    strips = [encoded(chart().crop((0, top, 160, top + 60)), "WEBP", lossless=True) for top in (0, 60)]
    data = tiff(({**GREY, 258: [8, 8, 8], 259: 50001, 262: 2, 277: 3, 278: 60}, strips))
    assert np.array_equal(_core.decode(data), CHART)


def test_levels_of_video_are_spread_to_the_whole_range() -> None:
    jpeg = io.BytesIO()
    squeezed = Image.fromarray((CHART.astype(float) / 255 * 219 + 16).round().astype(np.uint8))
    squeezed.save(jpeg, "JPEG", quality=95, subsampling=0)
    ratios = b"".join(number.to_bytes(4, "little") + b"\1\0\0\0" for number in (16, 235, 128, 240, 128, 240))
    data = bytearray(tiff(({**OLD, 259: 7, 532: ratios}, [jpeg.getvalue()])))
    at = data.index((532).to_bytes(2, "little") + b"\7\0")
    data[at + 2 : at + 8] = b"\5\0\6\0\0\0"
    assert np.abs(_core.decode(bytes(data)).astype(int) - CHART).mean() < 4


def test_a_tile_that_is_not_stored_is_black(tmp_path: Path) -> None:
    tags: dict[int, Value] = {**GREY, 256: 32, 257: 16, 278: (), 322: 16, 323: 16, 273: (), 279: ()}
    data = tiff(({**tags, 324: [8, 0], 325: [256, 0]}, [bytes([200] * 256)]))
    pixels = _core.decode(data)[..., 0]
    assert (pixels[:, :16] == 200).all()
    assert (pixels[:, 16:] == 0).all()


def logarithms(form: str, light: NDArray[np.float64]) -> bytes:
    """A TIFF of neutral light, shape (H, W), as logarithms: "LogL" of 16 bits, "LogLuv24" or "LogLuv32"."""
    height, width = light.shape
    short = np.round(64 * (np.log2(light) + 12) - 0.5).astype(np.uint32)
    long = np.round(256 * (np.log2(light) + 64) - 0.5).astype(np.uint32)
    neutral = 86 << 8 | 194  # u' and v' of equal energy, 4/19 and 9/19, by 410
    codes, size = {
        "LogL": (long, 2),
        "LogLuv24": (short << 14 | 0x3FFF, 3),
        "LogLuv32": (long << 16 | neutral, 4),
    }[form]
    samples = np.stack([codes >> 8 * place & 255 for place in reversed(range(size))], axis=-1).astype(np.uint8)
    if form == "LogLuv24":
        strip, compression = samples.tobytes(), 34677
    else:
        planes = [row[:, place].tobytes() for row in samples for place in range(size)]
        strip, compression = b"".join(bytes([width]) + plane for plane in planes), 34676
    tags: dict[int, Value] = {256: width, 257: height, 259: compression, 262: 32844 if form == "LogL" else 32845}
    more: dict[int, Value] = {258: 16, 277: 1 if form == "LogL" else 3, 278: height, 339: 2}
    return tiff((tags | more, [strip]))


@pytest.mark.parametrize("form", ["LogL", "LogLuv24", "LogLuv32"])
def test_logarithms_of_light_are_shown(form: str) -> None:
    light = np.geomspace(0.02, 0.9, 96).reshape(8, 12)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    pixels = pillion.decode(logarithms(form, light)).astype(float)
    assert np.abs(pixels - expected[..., np.newaxis]).max() <= 4
    # Ten times the light is shown as bright: half of the samples are darker than a middle grey.
    bright = pillion.decode(logarithms(form, light * 10)).astype(float)
    assert 100 < np.median(bright) < 130


def test_packed_logarithms_that_end_early_are_damaged() -> None:
    data = logarithms("LogLuv24", np.full((8, 12), 0.5))
    whole = pillion.decode(data)
    with pytest.raises(ItemError):
        pillion.decode(data.replace((8 * 12 * 3).to_bytes(4, "little"), (8 * 12 * 3 - 3).to_bytes(4, "little")))
    assert (whole == whole[0, 0]).all()
