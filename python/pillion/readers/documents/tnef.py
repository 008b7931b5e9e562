"""TNEF (winmail.dat), in which Outlook and Exchange wrap what they attach: its body and its files ([MS-OXTNEF])."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pillion.readers.documents.charset import decoded

MIMES = ("application/ms-tnef", "application/vnd.ms-tnef")
_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEAD = struct.Struct("<BII")
_BODY, _RENDERING, _TITLE, _DATA, _PROPERTIES = 0x2800C, 0x69002, 0x18010, 0x6800F, 0x69005
_LONG_NAME = (0x3707001F, 0x3707001E)
"""The file's whole name, in UTF-16 and in the sender's encoding."""


@dataclass(frozen=True, slots=True)
class Tnef:
    """``files``: name -> bytes of each attached file, in order."""

    body: str
    files: tuple[tuple[str, bytes], ...]


def parsed(data: bytes) -> Tnef | None:
    """What is in TNEF data, as far as it can be read; None if it is no TNEF."""
    if not data.startswith(_SIGNATURE):
        return None
    body = ""
    files: list[tuple[str, bytes]] = []
    name, content = "", b""
    for attribute, value in _attributes(data):
        if attribute == _BODY:
            body = decoded(value.rstrip(b"\0"))
        elif attribute == _RENDERING:
            files += [(name, content)] if name or content else []
            name, content = "", b""
        elif attribute == _TITLE:
            name = decoded(value.rstrip(b"\0"))
        elif attribute == _DATA:
            content = value
        elif attribute == _PROPERTIES:
            name = _long_name(value) or name
    files += [(name, content)] if name or content else []
    return Tnef(body, tuple(files))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    while at + _HEAD.size <= len(data):
        _, attribute, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield attribute, data[at : at + length]
        at += length + 2


def _long_name(properties: bytes) -> str:
    """Found by its tag, without reading the properties before it: number of values, length, value."""
    for tag in _LONG_NAME:
        at = properties.find(struct.pack("<I", tag))
        if at >= 0 and at + 12 <= len(properties):
            (length,) = struct.unpack_from("<I", properties, at + 8)
            value = properties[at + 12 : at + 12 + min(length, 2048)]
            wide = tag == _LONG_NAME[0]
            return (value.decode("utf-16-le", "replace") if wide else decoded(value.rstrip(b"\0"))).rstrip("\0")
    return ""
