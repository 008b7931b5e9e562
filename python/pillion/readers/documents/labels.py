"""The names of encodings, as mail, HTML and XML write them: WHATWG's table of labels, and how each name is decoded.

https://encoding.spec.whatwg.org/#names-and-labels. Labels mean what browsers take them for: gb2312 is GBK, shift_jis is
Windows-31J, iso-8859-1 is windows-1252. One departure: browsers refuse ISO-2022-KR and HZ, because pages could hide
scripts in them; here nothing is run, and e-mail is written in them.
"""

from __future__ import annotations

import codecs
import functools
import re

_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e"
    " iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7"
    " iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8"
    " iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1"
    " iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5"
    " windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp_ext": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601"
    " windows-949",
    "iso2022_kr": "csiso2022kr iso-2022-kr",
    "hz": "hz-gb-2312",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
"""Python's name of an encoding -> the labels that mean it. WHATWG's `replacement` has no text, and `x-user-defined` no
characters, so their labels mean nothing here, but for ISO-2022-KR and HZ."""

_BY_LABEL = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}

_LARGER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
    "iso2022_jp_1": "iso2022_jp_ext",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}
"""Python's name of an encoding -> the larger one that is meant where it is named, as in WHATWG's table."""

_NO_TEXT = frozenset(["idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"])
"""Encodings of Python's that no text is written in."""


@functools.lru_cache(maxsize=512)
def label_codec(label: str) -> str | None:
    """The name of the Python codec for an encoding by any name; None if there is no such encoding.

    First by WHATWG's table, in any case and with spaces around it, then by Python's own names, without an ``x-`` too
    (``cp850``, ``x-mac-ce``, ``utf-7``). The codec is the one that browsers would take, so ``gb2312`` gives
    ``gb18030``. :func:`text_in` decodes by it more faithfully than the codec alone.
    """
    name = label.strip("\t\n\x0c\r \"'").lower()
    known = _BY_LABEL.get(name)
    if known:
        return known
    other = re.sub(r"^x-", "", name)
    other = re.sub(r"^(?:windows|win|ibm|cp|dos)[-_]?(?=\d)", "cp", other)
    other = re.sub(r"^mac-?(?:ce|centraleurroman)$", "mac-latin2", other)
    other = re.sub(r"^cp5022[0-2]$|^iso-2022-jp-ms$", "iso-2022-jp", other)
    other = re.sub(r"^(?:eucjp|cp51932).*", "euc_jp", other)
    other = re.sub(r"^unicode-1-1-utf-7$", "utf-7", other)
    for candidate in (name, other):
        if candidate in _BY_LABEL:
            return _BY_LABEL[candidate]
        try:
            found = codecs.lookup(candidate)
        except (LookupError, ValueError):
            continue
        if not getattr(found, "_is_text_encoding", True) or found.name in _NO_TEXT:
            continue
        return _LARGER.get(found.name, found.name)
    return None


def text_in(data: bytes, codec: str, *, strict: bool = False) -> str:
    """Decode by a codec that :func:`label_codec` gave, as browsers do: nothing fails, errors become U+FFFD.

    Bytes that Windows encodings leave out are control characters, as in WHATWG's indexes; Japanese has the characters
    of NEC and IBM in every encoding. ``strict``: raises UnicodeDecodeError instead. An incomplete character at the end
    is left out.
    """
    return codecs.getincrementaldecoder(codec)("pillion.strict" if strict else "pillion.browser").decode(data)


# what Python's codecs lack --------------------------------------------------------------------------------------------


def _known(error: UnicodeError) -> tuple[str, int] | None:
    """The character that browsers read where Python's codec knows none, and where the next one begins."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    name, start = error.encoding.replace("-", "_"), error.start
    byte, pair = error.object[start], error.object[start : start + 2]
    if name == "gb18030" and byte == 0x80:
        return "€", start + 1
    if 0x80 <= byte < 0xA0 and name == "charmap":
        return chr(byte), start + 1
    if name == "big5hkscs" and len(pair) == 2:
        return _pair_in(pair, "cp950", start)
    if name in ("euc_jp", "iso2022_jp_ext") and len(pair) == 2:
        # Their JIS X 0208 is as it was published. What people write also has circled numbers, Roman numerals and names
        # by NEC and IBM, which cp932 has at the same places.
        row, cell = pair[0] & 0x7F, pair[1] & 0x7F
        return _pair_in(_shifted(row, cell), "cp932", start) if min(row, cell) > 0x20 else None
    return None


def _pair_in(pair: bytes, codec: str, start: int) -> tuple[str, int] | None:
    try:
        return pair.decode(codec), start + 2
    except UnicodeDecodeError:
        return None


def _shifted(row: int, cell: int) -> bytes:
    """A pair of JIS X 0208 (21 to 7E hex each) in Shift_JIS."""
    lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    return bytes((lead, cell + (0x1F + (cell >= 0x60) if row % 2 else 0x7E)))


def _browser(error: UnicodeError) -> tuple[str, int]:
    found = _known(error)
    if found:
        return found
    assert isinstance(error, UnicodeDecodeError)
    # An ASCII byte behind half a character is a character of its own: it may begin a tag or a line.
    bad = error.object[error.start : error.end]
    return "\ufffd", error.start + 1 if bad[0] >= 0x80 > bad[-1] else error.end


def _strict(error: UnicodeError) -> tuple[str, int]:
    found = _known(error)
    if found is None:
        raise error
    return found


codecs.register_error("pillion.browser", _browser)
codecs.register_error("pillion.strict", _strict)
