"""The encoding of a text: what the text declares, Unicode if the bytes are valid, else by chardet's statistics.

tools/measure_charsets.py measures the share of right answers; docs/text.md has the figures.
"""

from __future__ import annotations

import codecs
import re

from pillion import extras

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 1 << 16
"""Bytes that are enough to detect the encoding."""
_SHORT = 40
"""With fewer bytes the encodings of DOS and old Macintoshes are rarely right, so they are not guessed."""
_CONTROL = bytes(range(0x09)) + bytes(range(0x0E, 0x1B)) + bytes(range(0x1C, 0x20))
"""Bytes that plain text does not contain, but UTF-16 and UTF-32 do."""
_FAMILIAR = re.compile("[\n\r -~、。，]")
"""Characters that most texts contain, but not if decoded in the wrong byte order."""
_SUPERSETS = {
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "cp950",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
"""Python's name of an encoding -> what browsers use in its place: texts that name the smaller set use the larger one
(https://encoding.spec.whatwg.org/#names-and-labels)."""

_DECLARED = re.compile(
    rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""", re.I
)
_DECLARED_WITHIN = 4096


def decoded(data: bytes) -> str:
    """Decode a text of unknown encoding: by byte order mark, else as Unicode if valid, else by statistics.

    Never fails: if no encoding fits, the text is read as Windows-1252 or Latin-1. An incomplete character at the end is
    left out.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, errors="ignore")
    head = data[:_LOOKED_AT]
    form = _wide(head) or _seven_bit(head)
    if form:
        return data.decode(form, errors="ignore")
    try:
        # An incomplete character at the end of the part that is read is no error.
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        pass
    encoding = _guessed(head)
    try:
        return codecs.getincrementaldecoder(encoding)("strict" if encoding == "cp1252" else "replace").decode(data)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decoded_as(data: bytes, label: str) -> str | None:
    """Decode by the encoding that the text itself names; None if that name is unknown or wrong."""
    try:
        return data.decode(_superset(label), errors="strict")
    except (LookupError, ValueError):
        return None


def decoded_markup(data: bytes) -> str:
    """Decode by the encoding that the markup declares, unless it is wrong; else as any text."""
    said = _DECLARED.search(data[:_DECLARED_WITHIN])
    name = (said[1] or said[2]).decode("ascii", "ignore") if said else ""
    # A page in UTF-16 could not have been searched for its name, so that name is wrong (HTML, 13.2.3.2).
    wrong = name.lower().startswith(("utf-16", "utf-32", "utf-7", "utf7")) or data.startswith(
        tuple(bom for bom, _ in _BOMS)
    )
    text = decoded_as(data, name) if name and not wrong else None
    return decoded(data) if text is None else text


def _superset(label: str) -> str:
    """Raises LookupError for a name that Python does not know."""
    name = codecs.lookup(label).name
    return _SUPERSETS.get(name, name)


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark; None for anything else."""
    controls = len(head) - len(head.translate(None, _CONTROL))
    wild = controls * 4 >= len(head)
    if not controls or (_is_utf8(head) and not (wild and head.isascii())):
        return None
    whole = head[: len(head) // 4 * 4]
    for encoding in ("utf-32-le", "utf-32-be"):
        try:
            if whole and "\0" not in whole.decode(encoding):
                return encoding
        except UnicodeDecodeError:
            continue
    found = {order: _FAMILIAR.findall(head.decode(order, errors="ignore")) for order in ("utf-16-le", "utf-16-be")}
    order = max(found, key=lambda name: len(found[name]))
    # chardet misses some Chinese and Japanese, whose punctuation no other text has by chance.
    east = "、" in found[order] or "。" in found[order]
    return order if wild or east or _guessed(head).startswith("utf-16") else None


def _seven_bit(head: bytes) -> str | None:
    """ISO-2022 or HZ, which write other scripts as ASCII bytes after escapes; None for anything else."""
    if not head.isascii() or not (b"\x1b$" in head or b"~{" in head):
        return None
    guess = _guessed(head)
    return guess if guess.startswith(("iso2022", "hz")) else None


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(head: bytes) -> str:
    """Python's name of the likeliest encoding; Windows-1252 if there is none."""
    extras.require("documents", "texts in older encodings", "chardet")
    # It takes 0.2 s to load, and most texts are UTF-8.
    from chardet import EncodingEra, detect

    era = EncodingEra.MODERN_WEB if len(head) < _SHORT else EncodingEra.ALL & ~EncodingEra.MAINFRAME
    found = detect(head, encoding_era=era, prefer_superset=False, compat_names=False)["encoding"]
    try:
        return _superset(found or "cp1252")
    except LookupError:
        return "cp1252"
