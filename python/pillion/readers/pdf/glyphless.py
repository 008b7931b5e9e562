"""A font in which every character is an empty box of the same width: for text to be searched, not seen."""

from __future__ import annotations

import functools
import struct

UNITS_PER_EM = 1000
ADVANCE = 500
"""The width of every character, in units; an em is the height of a line, all of it above the base line."""

TO_UNICODE = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
"""Each code of two bytes means the UTF-16 unit of the same number."""

CID_TO_GID = b"\0\1" * 0x10000
"""Every code uses the second glyph; the first one is for missing characters."""


_GLYPH = struct.pack(
    ">hhhhhHH3B3h3hx",
    *(1, 0, 0, ADVANCE, UNITS_PER_EM),  # one contour, in this box
    2,  # of three points
    0,  # no instructions
    *(1, 1, 1),  # all on the curve
    *(0, ADVANCE, -ADVANCE),
    *(0, UNITS_PER_EM, -UNITS_PER_EM),
)


@functools.cache
def font() -> bytes:
    """The TrueType file."""
    return _file(
        {
            b"glyf": _GLYPH,
            b"head": struct.pack(
                ">IIIIHHqqhhhhHHhhh",
                0x00010000,  # version
                0x00010000,  # revision
                0,  # checksum of the file: not checked by readers
                0x5F0F3CF5,
                0,  # flags
                UNITS_PER_EM,
                0,  # created
                0,  # modified
                *(0, 0, ADVANCE, UNITS_PER_EM),  # the box around all glyphs
                0,  # style
                8,  # smallest readable size
                2,  # direction
                0,  # short offsets in loca
                0,
            ),
            b"hhea": struct.pack(
                ">IhhhHhhhhhh4hhH", 0x00010000, UNITS_PER_EM, -1, 0, ADVANCE, 0, 0, ADVANCE, 1, 0, 0, *(0,) * 4, 0, 1
            ),
            b"hmtx": struct.pack(">Hhh", ADVANCE, 0, 0),
            b"loca": struct.pack(">HHH", 0, 0, len(_GLYPH) // 2),
            b"maxp": struct.pack(">IH13H", 0x00010000, 2, *(3, 1), *(0, 0), 1, *(0,) * 8),
        }
    )


def _file(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    out = struct.pack(">IHHHH", 0x00010000, count, power * 16, power.bit_length() - 1, (count - power) * 16)
    offset = len(out) + 16 * count
    body = b""
    for name, table in sorted(tables.items()):
        padded = table + bytes(-len(table) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        out += struct.pack(">4sIII", name, checksum, offset + len(body), len(table))
        body += padded
    return out + body
