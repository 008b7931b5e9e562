"""Files of streams (MS-CFB) and what Office before 2007 and Outlook put into them, as small as they can be."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence

_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A file with these streams; ``/`` in a name is a folder."""
    entries: list[tuple[str, int, list[int], bytes]] = [("Root Entry", 5, [], b"")]
    places = {"": 0}
    for name, data in streams.items():
        parent = ""
        for depth, part in enumerate(name.split("/"), start=1):
            path = "/".join(name.split("/")[:depth])
            if path not in places:
                whole = path == name
                places[path] = len(entries)
                entries[places[parent]][2].append(len(entries))
                entries.append((part, 2 if whole else 1, [], data if whole else b""))
            parent = path
    small, small_table = b"", []
    table: list[int] = []
    body = b""
    starts = []

    def stored(data: bytes) -> int:
        nonlocal body
        first, count = len(table), -(-len(data) // _SECTOR)
        table.extend([*range(first + 1, first + count), _END])
        body += data.ljust(count * _SECTOR, b"\0")
        return first

    for _, _, _, data in entries:
        if not data:
            starts.append(_END)
        elif len(data) >= _CUTOFF:
            starts.append(stored(data))
        else:
            first, count = len(small_table), -(-len(data) // _SMALL)
            small_table += [*range(first + 1, first + count), _END]
            small += data.ljust(count * _SMALL, b"\0")
            starts.append(first)
    small_at = stored(small) if small else _END
    index = struct.pack(f"<{len(small_table)}I", *small_table)
    index = index.ljust(-(-len(index) // _SECTOR) * _SECTOR, b"\xff")
    index_at = stored(index) if index else _END
    directory = _directory(entries, starts, small_at, len(small))
    directory_at = stored(directory)
    sectors = 1
    while (len(table) + sectors) * 4 > sectors * _SECTOR:
        sectors += 1
    places_of_table = list(range(len(table), len(table) + sectors))
    table += [_TABLE] * sectors
    table += [_FREE] * (sectors * _SECTOR // 4 - len(table))
    body += struct.pack(f"<{len(table)}I", *table)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack(
        "<IIIIIIIIII", 0, sectors, directory_at, 0, _CUTOFF, index_at, len(index) // _SECTOR, _END, 0, 0
    )[:-4]
    head += struct.pack(f"<{sectors}I", *places_of_table)
    return head.ljust(_SECTOR, b"\xff") + body


def _directory(entries: Sequence[tuple[str, int, list[int], bytes]], starts: list[int], at: int, size: int) -> bytes:
    right = [_FREE] * len(entries)
    child = [_FREE] * len(entries)
    for number, (_, _, below, _) in enumerate(entries):
        if below:
            child[number] = below[0]
            for one, following in itertools.pairwise(below):
                right[one] = following
    data = b""
    for number, (name, kind, _, content) in enumerate(entries):
        raw = (name + "\0").encode("utf-16-le")
        start, length = (at, size) if kind == 5 else (starts[number] if kind == 2 else 0, len(content))
        data += raw.ljust(64, b"\0") + struct.pack(
            "<HBBIII36xIQ", len(raw), kind, 1, _FREE, right[number], child[number], start, length
        )
    return data.ljust(-(-len(data) // _SECTOR) * _SECTOR, b"\0")


# Word -----------------------------------------------------------------------------------------------------------------


def word(body: str, *, headers: str = "", notes: str = "", deleted: str = "", flags: int = 0x0200) -> bytes:
    """A doc: the first half of the body in a piece of one byte a letter, the rest in one of two."""
    text = body + notes + headers
    half = len(body) // 2
    narrow, wide = text[:half].encode("cp1252"), text[half:].encode("utf-16-le")
    narrow_at, wide_at = 1024, 1024 + 512
    assert len(narrow) <= 512
    page_at = wide_at + -(-len(wide) // 512) * 512
    main = bytearray(page_at + 512)
    struct.pack_into("<HHHHHH", main, 0, 0xA5EC, 0xC1, 0, 0x409, 0, flags)
    struct.pack_into("<H", main, 32, 14)
    struct.pack_into("<H", main, 62, 22)
    struct.pack_into("<8I", main, 64 + 12, len(body), len(notes), len(headers), 0, 0, 0, 0, 0)
    struct.pack_into("<H", main, 152, 93)
    main[narrow_at : narrow_at + len(narrow)] = narrow
    main[wide_at : wide_at + len(wide)] = wide
    starts = struct.pack("<3I", 0, half, len(text))
    pieces = struct.pack("<HIH", 0, 0x40000000 | narrow_at * 2, 0) + struct.pack("<HIH", 0, wide_at, 0)
    clx = b"\1" + struct.pack("<H", 2) + b"\0\0" + b"\2" + struct.pack("<I", len(starts + pieces)) + starts + pieces
    table = clx
    struct.pack_into("<II", main, 154 + 33 * 8, 0, len(clx))
    if deleted:
        at = text.index(deleted)
        assert at >= half
        gone = wide_at + 2 * (at - half)
        main[page_at : page_at + 16] = struct.pack("<4I", wide_at, gone, gone + 2 * len(deleted), wide_at + len(wide))
        main[page_at + 16 : page_at + 19] = bytes((0, 100, 0))
        main[page_at + 200 : page_at + 204] = bytes((3,)) + struct.pack("<HB", 0x0800, 1)
        main[page_at + 511] = 3
        bins = struct.pack("<III", wide_at, wide_at + len(wide), page_at // 512)
        struct.pack_into("<II", main, 154 + 12 * 8, len(table), len(bins))
        table += bins
    return compound({"WordDocument": bytes(main), "1Table" if flags & 0x0200 else "0Table": table})


def old_word(runs: Sequence[tuple[bytes, int]], fonts: Sequence[int]) -> bytes:
    """A doc of Word 6: letters with the number of their font, and the character set of each font."""
    text = b"".join(letters for letters, _ in runs)
    text_at, page_at = 768, 1536
    assert len(text) <= page_at - text_at
    main = bytearray(page_at + 512)
    struct.pack_into("<HHHHHH", main, 0, 0xA5DC, 0x65, 0, 0x409, 0, 0)
    struct.pack_into("<I", main, 0x18, text_at)
    struct.pack_into("<8I", main, 0x34, len(text), *[0] * 7)
    main[text_at : text_at + len(text)] = text
    places = list(itertools.accumulate((len(letters) for letters, _ in runs), initial=text_at))
    struct.pack_into(f"<{len(places)}I", main, page_at, *places)
    for number, (_, font) in enumerate(runs):
        # Bold, a size of two bytes, what a picture says of its own length, and the font, in no order.
        properties = bytes((85, 0, 99, 44, 0, 68, 2, 1, 1, 93)) + struct.pack("<H", font)
        place = 128 + 16 * number
        main[page_at + 4 * len(places) + number] = place // 2
        main[page_at + place : page_at + place + 1 + len(properties)] = bytes((len(properties),)) + properties
    main[page_at + 511] = len(runs)
    bins = struct.pack("<IIH", places[0], places[-1], page_at // 512)
    table = b"".join(bytes((9, 0, 0, 0, chars, 0)) + b"Arial"[:4] for chars in fonts)
    struct.pack_into("<II", main, 0xB8, len(main), len(bins))
    main += bins
    struct.pack_into("<II", main, 0xD0, len(main), len(table) + 2)
    main += struct.pack("<H", len(table) + 2) + table
    return compound({"WordDocument": bytes(main)})


# PowerPoint -----------------------------------------------------------------------------------------------------------


def record(kind: int, data: bytes, *, instance: int = 0, whole: bool = False) -> bytes:
    """A record of PowerPoint."""
    return struct.pack("<HHI", instance << 4 | (15 if whole else 0), kind, len(data)) + data


def box(text: str) -> bytes:
    """A shape with a text."""
    frame = record(0xF00D, record(0x0F9F, struct.pack("<I", 4)) + record(0x0FA0, text.encode("utf-16-le")))
    return record(0xF004, frame, whole=True)


def show(slides: Sequence[tuple[str, str, str, bool]], *, locked: bool = False, stale: str = "") -> bytes:
    """A ppt of slides: title, text of a box, notes, hidden. ``stale``: a slide that no list names any more."""
    data = record(0x03EE, record(0x040C, box(stale), whole=True), whole=True) if stale else b""
    places: list[int] = []
    listed, listed_notes = b"", b""
    for number, (title, text, notes, hidden) in enumerate(slides, start=1):
        atom = record(0x03EF, struct.pack("<I8xIIH2x", 0, 0, 500 + number if notes else 0, 0))
        shown = record(0x03F9, struct.pack("<IIBBH4x", 0, 0, 0, 0, 4 if hidden else 0))
        reference = record(0xF004, record(0xF00D, record(0x0F9E, struct.pack("<I", 0))), whole=True)
        drawing = record(0x040C, reference + box(text), whole=True)
        places.append(len(data))
        data += record(0x03EE, atom + shown + drawing, whole=True)
        listed += record(0x03F3, struct.pack("<IIIII", 2 * number, 0, 1, 300 + number, 0))
        listed += record(0x0F9F, struct.pack("<I", 0)) + record(0x0FA8, title.encode("latin-1"))
        places.append(len(data))
        data += record(0x03F0, record(0x040C, box(notes), whole=True), whole=True)
        listed_notes += record(0x03F3, struct.pack("<IIIII", 2 * number + 1, 0, 0, 500 + number, 0))
    document = record(0x0FF0, listed, whole=True) + record(0x0FF0, listed_notes, instance=2, whole=True)
    places.insert(0, len(data))
    data += record(0x03E8, document, whole=True)
    directory = len(data)
    data += record(0x1772, struct.pack(f"<{len(places) + 1}I", len(places) << 20 | 1, *places))
    edit = len(data)
    data += record(0x0FF5, struct.pack("<IIIIIII", 0, 0, 0, directory, 1, len(places) + 1, 0))
    user = record(0x0FF6, struct.pack("<III", 20, 0xF3D1C4DF if locked else 0xE391C05F, edit))
    return compound({"PowerPoint Document": data, "Current User": user.ljust(28, b"\0")})


# Outlook --------------------------------------------------------------------------------------------------------------


def message(texts: Mapping[str, str | bytes], *, page: int = 0, place: str = "") -> dict[str, bytes]:
    """The streams of a message: tag -> text, or bytes as they are. ``page``: its code page, for texts of one byte."""
    head = bytes(24 if place else 32)
    properties = struct.pack("<IIQ", 0x3FFD0003, 6, page) if page else b""
    found = {f"{place}__properties_version1.0": head + properties}
    for tag, text in texts.items():
        kind = "" if len(tag) > 4 else "001F"
        found[f"{place}__substg1.0_{tag}{kind}"] = text.encode("utf-16-le") if isinstance(text, str) else text
    return found


# Excel ----------------------------------------------------------------------------------------------------------------


def biff(kind: int, data: bytes = b"") -> bytes:
    """A record of Excel."""
    return struct.pack("<HH", kind, len(data)) + data


def _string(text: str, size: str = "H") -> bytes:
    return struct.pack(f"<{size}B", len(text), 1) + text.encode("utf-16-le")


def book(
    sheets: Sequence[tuple[str, int, bytes]],
    *,
    strings: Sequence[bytes] = (),
    formats: Sequence[str] = (),
    more: bytes = b"",
) -> bytes:
    """An xls: name, state and records of each sheet; ``strings``: the record of shared texts and those that follow."""
    start = biff(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)) + more
    for number, form in enumerate(formats):
        start += biff(0x41E, struct.pack("<H", 164 + number) + _string(form))
    for number in (0, *range(164, 164 + len(formats))):
        start += biff(0xE0, struct.pack("<HH16x", 0, number))
    for number, piece in enumerate(strings):
        start += biff(0x3C if number else 0xFC, piece)
    bodies = [biff(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + body + biff(0x0A) for _, _, body in sheets]
    at = len(start) + sum(12 + 2 * len(name) for name, _, _ in sheets) + 4
    for (name, state, _), body in zip(sheets, bodies, strict=True):
        start += biff(0x85, struct.pack("<IBB", at, state, 0) + _string(name, "B"))
        at += len(body)
    return compound({"Workbook": start + biff(0x0A) + b"".join(bodies)})
