"""TIFF files written tag by tag, for the sorts that no library writes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Value = int | Sequence[int] | bytes | tuple[str, int, int]
"""A number or several, bytes, or ("ratio", numerator, denominator)."""


def tiff(*pages: tuple[Mapping[int, Value], Sequence[bytes]]) -> bytes:
    """A file of pages: (tag -> value, strips). The tags of the strips' places and lengths are added where they lack."""
    body = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for tags, strips in pages:
        places = []
        for strip in strips:
            places.append(len(body))
            body += strip + b"\0" * (len(strip) % 2)
        complete: dict[int, Value] = {273: places, 279: [len(strip) for strip in strips]}
        entries = [_entry(tag, value, body) for tag, value in sorted((complete | dict(tags)).items()) if value != ()]
        struct.pack_into("<I", body, link, len(body))
        body += struct.pack("<H", len(entries)) + b"".join(entries)
        link = len(body)
        body += bytes(4)
    return bytes(body)


def _entry(tag: int, value: Value, body: bytearray) -> bytes:
    if isinstance(value, bytes):
        kind, count, data = 7, len(value), value
    elif isinstance(value, tuple) and value and value[0] == "ratio":
        kind, count, data = 5, 1, struct.pack("<II", *value[1:])
    else:
        numbers = [value] if isinstance(value, int) else [int(number) for number in value]
        kind, count, data = 4, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers)
    if len(data) > 4:
        place = len(body)
        body += data + b"\0" * (len(data) % 2)
        data = struct.pack("<I", place)
    return struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
