"""What every picture format must give: the right size, the right way up, the right colours, the right alpha."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pillion import _core
from pillion.errors import ItemError
from tests.support.pictures import BLAMELESS, as_stored, chart, damaged, encoded, exif, glass, opened, outcome
from tests.support.ssim import ssim

GREY = chart().convert("L")
BILEVEL = chart().convert("1")
PALETTE = chart().quantize(64)
DEEP_GREY = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
GREY_ALPHA = glass().convert("LA")

FILES: dict[str, tuple[bytes, Image.Image]] = {}
"""Name -> (file, what it shows)."""


def _add(
    name: str,
    picture: Image.Image,
    file_format: str,
    shows: Image.Image | None = None,
    **options: Any,
) -> None:
    FILES[name] = (
        encoded(picture, file_format, **options),
        picture if shows is None else shows,
    )


_JPEGS: dict[str, dict[str, Any]] = {
    "420": {"subsampling": 2},
    "422": {"subsampling": 1},
    "444": {"subsampling": 0},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "rgb": {"keep_rgb": True},
}
for _name, _options in _JPEGS.items():
    _add(f"jpeg {_name}", chart(), "JPEG", quality=95, **_options)
_add("jpeg grey", GREY, "JPEG", quality=95)
_add("jpeg cmyk", chart().convert("CMYK"), "JPEG", quality=95)

for _name, _picture in {
    "rgb": chart(),
    "rgba": glass(),
    "grey": GREY,
    "grey alpha": GREY_ALPHA,
    "palette": PALETTE,
    "bilevel": BILEVEL,
}.items():
    _add(f"png {_name}", _picture, "PNG")
_add("png grey 16", DEEP_GREY, "PNG", GREY)
_add("png palette 2 bits", chart().quantize(4), "PNG", bits=2)
_add("png transparent colour", PALETTE, "PNG", transparency=0)

_add("gif", PALETTE, "GIF")
_add("gif interlaced", PALETTE, "GIF", interlace=1)
_add("gif transparent", PALETTE, "GIF", transparency=0)
_add(
    "gif animated",
    PALETTE,
    "GIF",
    save_all=True,
    append_images=[chart().rotate(90).quantize(64)],
)

for _name, _picture in {
    "rgb": chart(),
    "grey": GREY,
    "palette": PALETTE,
    "bilevel": BILEVEL,
}.items():
    _add(f"bmp {_name}", _picture, "BMP")
_add("bmp 32 bits", glass(), "BMP", glass().convert("RGB"))
_add("ico", glass(64, 64), "ICO", sizes=[(16, 16), (64, 64)])
_add("ico bmp", glass(48, 48), "ICO", sizes=[(48, 48)], bitmap_format="bmp")

for _compression in (
    "raw",
    "tiff_lzw",
    "tiff_adobe_deflate",
    "tiff_deflate",
    "packbits",
):
    _add(f"tiff {_compression}", chart(), "TIFF", compression=_compression)
    _add(f"tiff rgba {_compression}", glass(), "TIFF", compression=_compression)
for _compression in ("group3", "group4", "tiff_ccitt", "packbits"):
    _add(f"tiff bilevel {_compression}", BILEVEL, "TIFF", compression=_compression)
_add("tiff jpeg", chart(), "TIFF", compression="jpeg", quality=95)
_add("tiff jpeg grey", GREY, "TIFF", compression="jpeg", quality=95)
_add("tiff predictor", chart(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
_add(
    "tiff predictor 16",
    DEEP_GREY,
    "TIFF",
    GREY,
    compression="tiff_adobe_deflate",
    tiffinfo={317: 2},
)
_add("tiff grey", GREY, "TIFF")
_add("tiff grey 16", DEEP_GREY, "TIFF", GREY)
_add("tiff grey alpha", GREY_ALPHA, "TIFF")
_add("tiff palette", PALETTE, "TIFF")
_add("tiff cmyk", chart().convert("CMYK"), "TIFF", compression="tiff_lzw")
_add("tiff strips", chart(), "TIFF", strip_size=160 * 3 * 7, compression="tiff_lzw")
_add("tiff big", chart(), "TIFF", big_tiff=True)
_add("tiff ycbcr", chart().convert("YCbCr"), "TIFF", chart())

_add("webp lossy", chart(), "WEBP", quality=95)
_add("webp lossless", chart(), "WEBP", lossless=True)
_add("webp alpha", glass(), "WEBP", quality=95)
_add("webp lossless alpha", glass(), "WEBP", lossless=True, exact=True)
_add(
    "webp animated",
    glass(),
    "WEBP",
    save_all=True,
    append_images=[chart()],
    lossless=True,
)

ORIENTED: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"quality": 95},
}


def rgba(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(picture.convert("RGBA"))


def over_grey(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """RGB or RGBA pixels laid over mid-grey, so that the colour of clear pixels does not count."""
    if pixels.shape[2] == 3:
        return pixels.astype(float)
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 128 * (1 - alpha)


@pytest.mark.parametrize("name", FILES)
def test_decoded_pixels_are_those_of_pillow(name: str) -> None:
    data, shows = FILES[name]
    pixels = _core.decode(data)
    expected = rgba(opened(data)) if shows.mode in ("P", "PA") else rgba(shows)
    has_alpha = bool((expected[..., 3] < 255).any())
    assert pixels.dtype == np.uint8
    assert pixels.shape == (shows.height, shows.width, 4 if has_alpha else 3)
    assert ssim(over_grey(pixels), over_grey(expected)) >= 0.98
    difference = np.abs(over_grey(pixels) - over_grey(expected))
    assert difference.mean() < (4 if name.startswith(("jpeg", "webp", "tiff jpeg")) else 1)
    if has_alpha:
        assert np.abs(pixels[..., 3].astype(int) - expected[..., 3]).max() <= 1


@pytest.mark.parametrize("name", FILES)
def test_thumbnails_show_the_picture(name: str) -> None:
    data, shows = FILES[name]
    (thumbnail,) = _core.thumbnails(data, [("small", 80, 95)])
    assert (thumbnail.name, thumbnail.width, thumbnail.height) == (
        "small",
        *_fitted(shows.size, 80),
    )
    made = opened(thumbnail.data)
    assert made.format == "WEBP"
    assert made.size == (thumbnail.width, thumbnail.height)
    expected = rgba(opened(data)) if shows.mode in ("P", "PA") else rgba(shows)
    assert made.mode == ("RGBA" if (expected[..., 3] < 255).any() else "RGB")
    small = np.asarray(
        Image.fromarray(expected).convert("RGBa").resize(made.size, Image.Resampling.LANCZOS).convert("RGBA")
    )
    assert ssim(over_grey(rgba(made)), over_grey(small)) >= (0.9 if "bilevel" in name else 0.95)


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    longest = max(size)
    if longest <= side:
        return size
    width, height = (max(1, (2 * length * side + longest) // (2 * longest)) for length in size)
    return width, height


@pytest.mark.parametrize("name", FILES)
def test_probe_agrees_with_the_pixels(name: str) -> None:
    data, shows = FILES[name]
    info = _core.probe(data)
    assert (info.width, info.height) == shows.size
    assert info.format == name.split()[0]
    assert info.orientation == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ORIENTED)
def test_pictures_are_turned_upright(file_format: str, orientation: int) -> None:
    stored = as_stored(chart(), orientation)
    options = dict(ORIENTED[file_format])
    if file_format == "TIFF":
        options["tiffinfo"] = {274: orientation}
    else:
        options["exif"] = exif(orientation)
    data = encoded(stored, file_format, **options)
    info = _core.probe(data)
    assert (info.width, info.height, info.orientation) == (160, 120, orientation)
    assert ssim(_core.decode(data), np.asarray(chart())) >= 0.98
    small = np.asarray(chart().resize((80, 60), Image.Resampling.LANCZOS))
    for thumbnail in _core.thumbnails(data, [("a", 80, 95), ("b", 20, 95)]):
        made = np.asarray(opened(thumbnail.data).convert("RGB"))
        assert made.shape == (thumbnail.height, thumbnail.width, 3)
        if thumbnail.name == "a":
            assert ssim(made, small) >= 0.95


def test_the_name_of_a_file_says_nothing(tmp_path: Any) -> None:
    path = tmp_path / "really a png.jpg"
    path.write_bytes(FILES["png rgb"][0])
    assert _core.probe(path).format == "png"
    assert np.array_equal(_core.decode(path), np.asarray(chart()))


def test_tiff_tiles_are_put_together() -> None:
    picture = 255 - np.asarray(GREY)
    height, width = picture.shape
    tiles = []
    for y in range(0, height, 32):
        for x in range(0, width, 48):
            tile = picture[y : y + 32, x : x + 48]
            tiles.append(np.pad(tile, ((0, 32 - tile.shape[0]), (0, 48 - tile.shape[1]))).tobytes())
    data = _tiff({256: width, 257: height, 258: 8, 262: 0, 322: 48, 323: 32}, tiles, 324)
    assert np.array_equal(_core.decode(data)[..., 0], np.asarray(GREY))


@pytest.mark.parametrize("order", "<>")
def test_tiff_planes_are_put_together(order: str) -> None:
    colours = np.asarray(chart()).astype(f"{order}u2") * 257
    height, width, _ = colours.shape
    planes = [np.ascontiguousarray(colours[..., channel]).tobytes() for channel in range(3)]
    tags = {
        256: width,
        257: height,
        258: (16, 16, 16),
        262: 2,
        277: 3,
        278: height,
        284: 2,
    }
    data = _tiff(tags, planes, 273, order)
    assert np.array_equal(_core.decode(data), np.asarray(chart()))


def test_tiff_samples_of_twelve_bits_are_read() -> None:
    deep = np.asarray(GREY).astype(np.uint32) * 4095 // 255
    height, width = deep.shape
    bits = np.unpackbits(deep.astype(">u2").view(np.uint8).reshape(height, width, 2), axis=2)[:, :, 4:]
    packed = np.packbits(bits.reshape(height, width * 12), axis=1).tobytes()
    data = _tiff({256: width, 257: height, 258: 12, 262: 1, 278: height}, [packed], 273)
    assert np.abs(_core.decode(data)[..., 0].astype(int) - np.asarray(GREY)).max() <= 1


def test_tiff_floats_are_linear_light() -> None:
    coded = np.asarray(GREY) / 255.0
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    height, width = light.shape
    tags = {256: width, 257: height, 258: 32, 262: 1, 278: height, 339: 3}
    data = _tiff(tags, [light.astype("<f4").tobytes()], 273)
    assert np.abs(_core.decode(data)[..., 0].astype(int) - np.asarray(GREY)).max() <= 1


def _tiff(
    tags: dict[int, int | tuple[int, ...]],
    chunks: list[bytes],
    offsets_tag: int,
    order: str = "<",
) -> bytes:
    """A TIFF of uncompressed chunks."""
    counts_tag = 279 if offsets_tag == 273 else 325
    body = b"".join(chunks)
    starts = np.cumsum([8, *map(len, chunks)])[:-1]
    entries: dict[int, tuple[int, ...]] = {
        tag: value if isinstance(value, tuple) else (value,) for tag, value in tags.items()
    }
    entries[259] = (1,)
    entries[offsets_tag] = tuple(int(start) for start in starts)
    entries[counts_tag] = tuple(len(chunk) for chunk in chunks)
    directory = 8 + len(body)
    extra_at = directory + 2 + 12 * len(entries) + 4
    records, extra = b"", b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            offset = extra_at + len(extra)
            extra += packed
            packed = struct.pack(f"{order}I", offset)
        records += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    return head + body + struct.pack(f"{order}H", len(entries)) + records + b"\0\0\0\0" + extra


def png_bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


BOMBS = {
    "png": png_bomb(50_000, 50_000),
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "gif": b"GIF89a"
    + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
    + b","
    + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    + b"\x02\x02\x4c\x01\0;",
    "tiff": _tiff({256: 60_000, 257: 60_000, 258: 8, 262: 1, 278: 60_000}, [b"\0" * 100], 273),
    "jpeg": encoded(chart(16, 16), "JPEG").replace(
        struct.pack(">BHH", 8, 16, 16), struct.pack(">BHH", 8, 65_000, 65_000)
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_too_large(name: str) -> None:
    for call in (_core.decode, lambda data: _core.thumbnails(data, [("a", 64, 80)])):
        with pytest.raises(ItemError) as caught:
            call(BOMBS[name])
        assert caught.value.error_class == "too_large"


def test_the_pixel_limit_can_be_set() -> None:
    data = FILES["png rgb"][0]
    with pytest.raises(ItemError, match="limit"):
        _core.decode(data, max_pixels=160 * 120 - 1)
    assert _core.decode(data, max_pixels=160 * 120).shape == (120, 160, 3)


@pytest.mark.parametrize("name", FILES)
def test_cut_files_are_corrupt(name: str) -> None:
    data = FILES[name][0]
    for length in (len(data) // 2, len(data) // 4, 40, 20, 8):
        assert outcome(data[:length]) in BLAMELESS


@pytest.mark.parametrize("name", FILES)
def test_damaged_bytes_never_crash(name: str) -> None:
    data = FILES[name][0]
    dice = random.Random(name)
    for _ in range(60):
        assert outcome(damaged(data, dice, 200)) in BLAMELESS


@pytest.mark.parametrize(
    ("data", "error_class"),
    [
        (b"", "corrupt"),
        (b"hello, this is text\n" * 10, "unsupported"),
        (b"%PDF-1.7", "unsupported"),
        (b"\xff\xd8\xff", "corrupt"),
        (b"\x89PNG\r\n\x1a\n", "corrupt"),
        (b"GIF89a", "corrupt"),
        (b"II*\0\xff\xff\xff\xff", "corrupt"),
        (b"RIFF\x04\0\0\0WEBP", "corrupt"),
    ],
)
def test_what_is_no_picture_has_its_class(data: bytes, error_class: str) -> None:
    for call in (
        _core.probe,
        _core.decode,
        lambda data: _core.thumbnails(data, [("a", 64, 80)]),
    ):
        with pytest.raises(ItemError) as caught:
            call(data)
        assert caught.value.error_class == error_class


def test_streams_pillow_writes_are_what_pillow_reads_back() -> None:
    """The helper itself: what is compared with must be right."""
    assert ssim(np.asarray(chart()), np.asarray(chart())) == pytest.approx(1)
    assert ssim(np.asarray(chart()), np.asarray(chart().rotate(180))) < 0.6
    assert opened(io.BytesIO(FILES["png rgb"][0]).getvalue()).size == (160, 120)
