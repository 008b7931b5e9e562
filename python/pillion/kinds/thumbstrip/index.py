"""The index of a sheet: which frame stands where in it, and for which part of the film.

It is in the sheet itself, as JSON in the XMP packet of the WebP file: so a sheet and its index are one sidecar, with
one checksum, and neither can be there without the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Literal
from xml.sax.saxutils import escape, unescape

import msgspec

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.stored import sidecar_json

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Pixels = Annotated[int, msgspec.Meta(ge=0, le=16_383)]
"""What a WebP file can hold."""


class Tile(msgspec.Struct, frozen=True):
    """A frame of the sheet. ``start``, ``end``: the part of the film for which it is shown; ``time``: when it is shown
    in the film, all in seconds. ``xywh``: left, top, width, height in pixels of the sheet, as in the fragment of an
    address (https://www.w3.org/TR/media-frags/).
    """

    start: _Seconds
    end: _Seconds
    time: _Seconds
    xywh: tuple[_Pixels, _Pixels, _Pixels, _Pixels]


class Index(msgspec.Struct, frozen=True):
    """What is in a sheet. ``width`` and ``height`` are the sheet's, in pixels, ``duration`` the film's, in seconds."""

    kind: Literal["thumbstrip"]
    variant: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[0-9a-z]+\Z")]
    duration: _Seconds
    columns: _Pixels
    rows: _Pixels
    width: _Pixels
    height: _Pixels
    tiles: Annotated[tuple[Tile, ...], msgspec.Meta(min_length=1, max_length=10_000)]
    schema_version: Literal[1] = 1

    def to_json(self) -> str:
        """As a document of its own."""
        return sidecar_json(msgspec.to_builtins(self))


# in a WebP file -------------------------------------------------------------------------------------------------------


_BEGIN = "<pillion:index>"
_END = "</pillion:index>"
_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description rdf:about="" xmlns:pillion="urn:pillion:thumbstrip">{_BEGIN}%s{_END}'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)
_HEADER, _XMP = b"VP8X", b"XMP "
_HAS_ALPHA, _HAS_XMP = 0x10, 0x04


def with_index(webp: bytes, index: Index) -> bytes:
    """A still WebP picture, as the core writes it, with the index in it."""
    packet = (_PACKET % escape(index.to_json().rstrip())).encode()
    chunks = dict(_chunks(webp))
    flags = chunks.pop(_HEADER, b"\0")[0] & _HAS_ALPHA | _HAS_XMP
    size = struct.pack("<I", index.width - 1)[:3] + struct.pack("<I", index.height - 1)[:3]
    made = {_HEADER: bytes([flags, 0, 0, 0]) + size, **chunks, _XMP: packet}
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in made.items())
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def index_of(webp: bytes) -> Index:
    """The index in a sheet. Raises ItemError (corrupt) where there is none, or one that cannot be true."""
    packet = dict(_chunks(webp)).get(_XMP, b"").decode(errors="replace")
    text = packet.partition(_BEGIN)[2].partition(_END)[0]
    try:
        index = msgspec.json.decode(unescape(text), type=Index, strict=False)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ItemError(ErrorClass.CORRUPT, f"the sheet has no index ({error})") from error
    for tile in index.tiles:
        x, y, width, height = tile.xywh
        if x + width > index.width or y + height > index.height or tile.end < tile.start:
            raise ItemError(ErrorClass.CORRUPT, "the index of the sheet names what is not in it")
    return index


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file, by their names; those that are cut off are left out."""
    at = 12
    while at + 8 <= len(webp):
        name, size = webp[at : at + 4], int.from_bytes(webp[at + 4 : at + 8], "little")
        if at + 8 + size > len(webp):
            return
        yield name, webp[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
