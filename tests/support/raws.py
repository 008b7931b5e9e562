"""Camera raw files as each maker lays them out: real previews, and samples that nobody reads.

Only what leads to the previews is faithful. The layouts are those of ExifTool's tables, of the DNG specification and of
Laurent Clévy's notes on CR3.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests.support.pictures import as_stored, chart, encoded, exif

SIZE = (960, 640)
SMALL = (480, 320)
ICON = (160, 120)

MAKE, MODEL, ORIENTATION, SUB, EXIF, NOTE = 271, 272, 274, 330, 34665, 37500
KIND, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP, SAMPLES, ROWS, STRIP_LENGTH, JPEG, JPEG_LENGTH, DNG = 273, 277, 278, 279, 513, 514, 50706


@dataclass(frozen=True)
class Blob:
    """Bytes elsewhere in the file; the tag holds their offset."""

    data: bytes


@dataclass(frozen=True)
class Note:
    """A maker's note whose offsets count from the start of the file."""

    header: bytes
    entries: Mapping[int, Value]


@dataclass(frozen=True)
class Short:
    values: tuple[int, ...]


@dataclass(frozen=True)
class Rationals:
    values: tuple[float, ...]


Value = int | str | bytes | Short | Rationals | Blob | Note | Mapping[int, "Value"] | Sequence[Mapping[int, "Value"]]


@dataclass
class Tiff:
    """A TIFF under construction."""

    order: str
    data: bytearray = field(default_factory=bytearray)

    def chain(self, directories: Sequence[Mapping[int, Value]]) -> int:
        """Write directories that follow each other; the offset of the first."""
        following = 0
        for directory in reversed(directories):
            following = self.directory(directory, following)
        return following

    def directory(self, entries: Mapping[int, Value], following: int = 0) -> int:
        block = self._block(entries, following)
        return self._append(block)

    def _append(self, data: bytes) -> int:
        self.data += b"\0" * (len(self.data) % 2)
        self.data += data
        return len(self.data) - len(data)

    def _block(self, entries: Mapping[int, Value], following: int) -> bytes:
        packed = []
        for tag, value in sorted(entries.items()):
            kind, count, content = self._entry(value)
            if len(content) > 4:
                content = struct.pack(f"{self.order}I", self._append(content))
            packed.append(struct.pack(f"{self.order}HHI", tag, kind, count) + content.ljust(4, b"\0"))
        return struct.pack(f"{self.order}H", len(packed)) + b"".join(packed) + struct.pack(f"{self.order}I", following)

    def _entry(self, value: Value) -> tuple[int, int, bytes]:
        """(type, count, bytes of the values)"""
        if isinstance(value, int):
            return 4, 1, struct.pack(f"{self.order}I", value)
        if isinstance(value, str):
            return 2, len(value) + 1, value.encode() + b"\0"
        if isinstance(value, bytes):
            return 7, len(value), value
        if isinstance(value, Short):
            return 3, len(value.values), struct.pack(f"{self.order}{len(value.values)}H", *value.values)
        if isinstance(value, Rationals):
            numbers = [part for number in value.values for part in (round(number * 10000), 10000)]
            return 10, len(value.values), struct.pack(f"{self.order}{len(numbers)}i", *numbers)
        if isinstance(value, Blob):
            return self._entry(self._append(value.data))
        if isinstance(value, Note):
            content = value.header + self._block(value.entries, 0)
            return 7, len(content), content
        if isinstance(value, Mapping):
            return self._entry(self.directory(value))
        offsets = [self.directory(entries) for entries in value]
        return 4, len(offsets), struct.pack(f"{self.order}{len(offsets)}I", *offsets)


def tiff(directories: Sequence[Mapping[int, Value]], order: str = "<", head: bytes = b"", room: int = 8) -> bytes:
    """A file of directories. ``head``: what it begins with instead of TIFF's mark; ``room``: bytes of the header."""
    file = Tiff(order, bytearray(room))
    first = file.chain(directories)
    mark = head or (b"II*\0" if order == "<" else b"MM\0*")
    file.data[: len(mark)] = mark
    file.data[4:8] = struct.pack(f"{order}I", first)
    return bytes(file.data)


# previews -------------------------------------------------------------------------------------------------------------


@functools.cache
def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """What every file here shows, upright or wide, at this size."""
    return chart(*(SIZE if size[0] > size[1] else SIZE[::-1])).resize(size, Image.Resampling.LANCZOS)


@functools.cache
def preview(size: tuple[int, int], orientation: int = 1, *, says_so: bool = False) -> bytes:
    """The scene as a camera held so stores it; with ``says_so`` the JPEG has EXIF of its own."""
    shown = scene(size if orientation < 5 else (size[1], size[0]))
    options = {"exif": exif(orientation)} if says_so else {}
    return encoded(as_stored(shown, orientation), "JPEG", quality=95, **options)


def barred() -> bytes:
    """An old thumbnail of 4:3 with black bars above and below a picture of 3:2."""
    canvas = Image.new("RGB", ICON)
    canvas.paste(scene().resize((160, 107)), (0, 6))
    return encoded(canvas, "JPEG", quality=90)


def _jpeg(data: bytes) -> dict[int, Value]:
    return {COMPRESSION: Short((6,)), JPEG: Blob(data), JPEG_LENGTH: len(data)}


def _strip(data: bytes, compression: int) -> dict[int, Value]:
    return {COMPRESSION: Short((compression,)), STRIP: Blob(data), STRIP_LENGTH: len(data)}


def _sensor(compression: int) -> dict[int, Value]:
    """Raw samples: bytes without meaning, and a JPEG of the lossless sort among them, as makers really have."""
    lossless = b"\xff\xd8\xff\xc3\0\x0e\x08\x0f\xa0\x17\x70\x02\x01\x11\0\x02\x11\0" + bytes(range(256)) * 8
    return {KIND: 0, WIDTH: 6000, HEIGHT: 4000, PHOTOMETRIC: Short((32803,)), **_strip(lossless, compression)}


def _rgb(size: tuple[int, int]) -> dict[int, Value]:
    pixels = np.asarray(scene(size)).tobytes()
    shape: dict[int, Value] = {
        WIDTH: size[0],
        HEIGHT: size[1],
        BITS: Short((8, 8, 8)),
        SAMPLES: Short((3,)),
        ROWS: size[1],
    }
    return {KIND: 1, PHOTOMETRIC: Short((2,)), **shape, **_strip(pixels, 1)}


def _camera(make: str, orientation: int) -> dict[int, Value]:
    return {MAKE: make, MODEL: "Model", ORIENTATION: Short((orientation,))}


# containers -----------------------------------------------------------------------------------------------------------


def cr2(orientation: int) -> bytes:
    """The full JPEG as the first directory's strip, a barred thumbnail, a dark small picture, the samples."""
    first = {**_camera("Canon", orientation), WIDTH: 960, HEIGHT: 640, **_strip(preview(SIZE, orientation), 6)}
    directories = [first, _jpeg(barred()), _rgb((96, 64)), _sensor(6) | {PHOTOMETRIC: Short((1,))}]
    return tiff(directories, head=b"II*\0\0\0\0\0CR\x02\0", room=16)


def nef(orientation: int) -> bytes:
    """An RGB thumbnail first; JPEG and samples in directories below it. Big-endian."""
    below = [{KIND: 1, **_jpeg(preview(SIZE, orientation))}, _sensor(34713)]
    return tiff([{**_camera("NIKON CORPORATION", orientation), **_rgb(ICON), SUB: below}], order=">")


def nrw(orientation: int) -> bytes:
    """Nikon's small cameras: the JPEG is in the maker's note, which has a TIFF header of its own."""
    note = b"Nikon\0\x02\x10\0\0" + tiff([{0x11: _jpeg(preview(SIZE, orientation))}])
    first = {**_camera("NIKON", orientation), **_rgb(ICON), SUB: [_sensor(34713)], EXIF: {NOTE: note}}
    return tiff([first])


def arw(orientation: int) -> bytes:
    """A middle-sized JPEG first, a thumbnail next, the full one last."""
    first = {KIND: 1, **_camera("SONY", orientation), **_jpeg(preview(SMALL, orientation)), SUB: [_sensor(32767)]}
    return tiff([first, _jpeg(barred()), _jpeg(preview(SIZE, orientation))])


def sr2(orientation: int) -> bytes:
    """Sony of old: the JPEG lies as bytes in the maker's note."""
    note = Note(b"SONY DSC \0\0\0", {0x2001: preview(SIZE, orientation)})
    first = {KIND: 1, **_camera("SONY", orientation), **_jpeg(barred()), SUB: [_sensor(32767)], EXIF: {NOTE: note}}
    return tiff([first])


def dng(orientation: int) -> bytes:
    """An RGB thumbnail first; samples and two JPEGs as strips below it."""
    big, small = (
        {KIND: 1, PHOTOMETRIC: Short((6,)), WIDTH: size[0], HEIGHT: size[1], **_strip(preview(size, orientation), 7)}
        for size in (SIZE, SMALL)
    )
    first = {**_camera("Phone", orientation), **_rgb(ICON), DNG: bytes((1, 4, 0, 0)), SUB: [_sensor(7), small, big]}
    return tiff([first])


def pef(orientation: int) -> bytes:
    """Samples first, a thumbnail and the full JPEG in the directories after it. Big-endian."""
    first = {**_sensor(65535), **_camera("PENTAX", orientation)}
    return tiff([first, _jpeg(barred()), _jpeg(preview(SIZE, orientation))], order=">")


def srw(orientation: int) -> bytes:
    """The JPEG in the maker's note, a directory that counts from itself."""
    inner = Tiff("<", bytearray())
    # The note begins with its directory: 2 + 12 + 4 bytes, then what it points to.
    inner.data = bytearray(18)
    below = inner.directory(_jpeg(preview(SIZE, orientation)))
    inner.data[:18] = struct.pack("<HHHIII", 1, 0x35, 4, 1, below, 0)
    first = {KIND: 1, **_camera("SAMSUNG", orientation), SUB: [_sensor(32770)], EXIF: {NOTE: bytes(inner.data)}}
    return tiff([first])


def orf(orientation: int) -> bytes:
    """TIFF under another number; the JPEG is in the camera settings of the maker's note, which counts from itself."""
    inner = Tiff("<", bytearray(b"OLYMPUS\0II\x03\0" + b"\0" * 18))
    data = preview(SIZE, orientation)
    below = inner.directory({0x0101: Blob(data), 0x0102: len(data)})
    inner.data[12:30] = struct.pack("<HHHIII", 1, 0x2020, 13, 1, below, 0)
    first = {**_camera("OLYMPUS IMAGING CORP.", orientation), **_sensor(1), EXIF: {NOTE: bytes(inner.data)}}
    return tiff([first], head=b"IIRO")


def rw2(orientation: int) -> bytes:
    """TIFF under another number; a whole JPEG file with EXIF of its own is one tag's value."""
    data = preview(SIZE, orientation, says_so=True)
    first: dict[int, Value] = {1: b"0310", 0x2E: data, **_camera("Panasonic", orientation), **_strip(b"\0" * 64, 34316)}
    return tiff([first], head=b"IIU\0", room=24)


def raf(orientation: int) -> bytes:
    """A header of fixed places, then a whole JPEG file with EXIF of its own."""
    data = preview(SIZE, orientation, says_so=True)
    head = b"FUJIFILMCCD-RAW 0201FF383501" + b"X-T3".ljust(32, b"\0") + b"0100" + b"\0" * 20
    return (
        head
        + struct.pack(">6I", 148, len(data), 148 + len(data), 64, 148 + len(data) + 64, 64)
        + b"\0" * 40
        + data
        + b"\0" * 128
    )


def cr3(orientation: int) -> bytes:
    """ISO boxes: a barred thumbnail in the movie's, a middle-sized JPEG in a box, the full one as the first sample."""
    full, middle, icon = preview(SIZE, orientation), preview(SMALL, orientation), barred()

    def movie(offset: int) -> bytes:
        sizes = _box(b"stsz", struct.pack(">III", 0, len(full), 1))
        place = _box(b"co64", struct.pack(">IIQ", 0, 1, offset))
        table = _box(b"mdia", _box(b"minf", _box(b"stbl", sizes + place)))
        thumbnail = _box(b"THMB", struct.pack(">IHHIHH", 0, *ICON, len(icon), 1, 0) + icon)
        settings = _box(b"CMT1", tiff([_camera("Canon", orientation)]))
        canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
        return _box(b"moov", _box(b"uuid", canon + settings + thumbnail) + _box(b"trak", table))

    inside = _box(b"PRVW", struct.pack(">IHHHHI", 0, 1, *SMALL, 1, len(middle)) + middle)
    shown = _box(b"uuid", bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16") + bytes(8) + inside)
    start = _box(b"ftyp", b"crx \0\0\0\x01crx isom")
    before = len(start) + len(movie(0)) + len(shown)
    return start + movie(before + 8) + shown + _box(b"mdat", full + bytes(100))


def _box(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload) + 8) + name + payload


RAWS: Mapping[str, Callable[[int], bytes]] = {
    "cr2": cr2,
    "cr3": cr3,
    "nef": nef,
    "nrw": nrw,
    "arw": arw,
    "sr2": sr2,
    "dng": dng,
    "raf": raf,
    "rw2": rw2,
    "orf": orf,
    "pef": pef,
    "srw": srw,
}
"""Extension -> a file taken with the camera held so (EXIF orientation)."""


def undeveloped(orientation: int = 1, size: tuple[int, int] = (480, 320)) -> bytes:
    """A DNG of uncompressed samples behind a Bayer filter, with no preview at all."""
    shown = scene(size if orientation < 5 else (size[1], size[0]))
    light = (np.asarray(as_stored(shown, orientation)) / 255.0) ** 2.2
    height, width, _ = light.shape
    samples = np.empty((height, width))
    for top, left, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        samples[top::2, left::2] = light[top::2, left::2, channel]
    data = (samples * 65535).astype("<u2").tobytes()
    identity = (3.1339, -1.6169, -0.4906, -0.9788, 1.9161, 0.0335, 0.0719, -0.2290, 1.4052)
    first: dict[int, Value] = {
        **_camera("Phone", orientation),
        KIND: 0,
        WIDTH: width,
        HEIGHT: height,
        BITS: Short((16,)),
        PHOTOMETRIC: Short((32803,)),
        SAMPLES: Short((1,)),
        ROWS: height,
        **_strip(data, 1),
        33421: Short((2, 2)),
        33422: bytes((0, 1, 1, 2)),
        DNG: bytes((1, 4, 0, 0)),
        50708: "Phone",
        50721: Rationals(identity),
        50728: Rationals((1.0, 1.0, 1.0)),
        50778: Short((21,)),
        50717: 65535,
    }
    return tiff([first])
