"""The encoding of a text: what the text declares, Unicode if the bytes are valid, else by chardet's statistics.

tools/measure_charsets.py measures the share of right answers; docs/text.md has the figures.
"""

from __future__ import annotations

import codecs
import re

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.labels import label_codec, text_in

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKS = tuple(bom for bom, _ in _BOMS)
_EBCDIC_XML = b"\x4c\x6f\xa7\x94\x93"
"""``<?xml`` as mainframes write it."""
_LOOKED_AT = 1 << 16
"""Bytes that are enough to detect the encoding."""
_SHORT = 40
"""With fewer bytes the encodings of DOS and old Macintoshes are rarely right, so they are not guessed."""
_CONTROL = bytes(range(0x09)) + bytes(range(0x0E, 0x1B)) + bytes(range(0x1C, 0x20))
"""Bytes that plain text does not contain, but UTF-16 and UTF-32 do."""
_FAMILIAR = re.compile("[\n\r -~、。，]")
"""Characters that most texts contain, but not if decoded in the wrong byte order."""
_ZEROS = bytes(8)
"""More zeros than UTF-32 has in a row: a crash left them in a log."""
_WESTERN = ("cp1252", "mac-roman", "cp850")
_ODD = re.compile("(?<=[a-z])(?![’ʼ·-])[^\\s\\w\x00-\x7f](?=[a-z])|(?<=[a-z])[À-ÞŠŽŸŒ](?=[a-z])|[\x80-\x9f]")
"""A sign, or a capital letter, between small letters; a control character."""
_CONTROLS = re.compile("[\x80-\x9f]")
_LATIN = (
    *("cp1252", "cp1250", "cp1257", "cp1254"),
    *("iso8859-2", "iso8859-13", "iso8859-4", "iso8859-16", "iso8859-9", "iso8859-15"),
    *("cp850", "cp852", "cp775", "cp857", "mac-roman", "mac-latin2"),
)
"""Encodings of Latin letters, the commonest first."""
_ALPHABETS = tuple(
    frozenset(letters + letters.upper())
    for letters in (
        *("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "čćđšž", "ăâîșțşţ"),
        *("äõöüšž", "āčēģīķļņšūž", "ąčęėįšųūž", "äöüß", "åäöéü", "æøåéòóôü", "áðéíóúýþæö", "çğıöşüâîûİ"),
        *("àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àèéìíîòóùú", "áâãàçéêíóôõúü", "áéëïíóöúüè"),
    )
)
"""The letters beyond ASCII of languages of Europe."""
_TYPOGRAPHY = frozenset("´„“”‚‘’»«›‹–—…·•§©®™°€£¥¢¿¡ªº\xa0\xad×±µ¶")
_INSIDE = re.compile("(?<=[a-z])[„“‚‹›«»‰†‡¿¡§©®°ªº¢£¥€™±µ]+(?=[a-z])")
_DECLARED_WITHIN = 4096
_COMMENTS = re.compile(rb"<!--.*?(?:-->|\Z)", re.S)
_XML = re.compile(rb"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']\s*([\w.:-]+)""")
_META = re.compile(rb"<meta\b[^>]*>", re.I)
_META_CHARSET = re.compile(rb"""[\s/"']charset\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_META_CONTENT = re.compile(rb"""\bcontent\s*=\s*(?:"[^"]*|'[^']*|[^\s"'>]*)""", re.I)
_META_TYPE = re.compile(rb"""\bhttp-equiv\s*=\s*["']?\s*content-type\b""", re.I)
_NAMED = re.compile(
    rb"""\A@charset\s+["']([\w.:-]+)"""  # CSS
    rb"""|\A(?:[^\n]*\n)?[ \t\f]*(?:\#|"|%|;|//|/?\*)[^\n]*?\b(?:file)?(?:en)?coding\s*[:=]\s*([\w.:-]+)"""  # PEP 263
    rb"""|^"Content-Type:\s*text/plain;\s*charset=([\w.:-]+)\\n"$""",  # gettext
    re.M,
)
_STRANGE = 2
"""So many letters that no language has beside the others say that a guess is wrong; one may be of a name."""
_MANY = 3
"""So many characters of UTF-8 are no chance."""


def decoded(data: bytes) -> str:
    """Decode a text of unknown encoding: by byte order mark, else as Unicode if valid, else by statistics.

    Never fails: if no encoding fits, the text is read as Windows-1252. An incomplete character at the end is left out.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, errors="ignore")
    if _ZEROS in data:
        data = re.sub(_ZEROS + b"+", b"", data)
    head = data[:_LOOKED_AT]
    form = _wide(head) or _seven_bit(head)
    if form:
        return text_in(data, form)
    text = _as_utf8(data)
    # Single control characters, as a crash leaves in a log, say nothing of the encoding but mislead the statistics.
    return text_in(data, _guessed(head.translate(None, _CONTROL))) if text is None else text


def decoded_as(data: bytes, label: str) -> str | None:
    """Decode by the encoding that the text itself names; None if that name is unknown or wrong.

    A byte order mark counts more than a name, and so does UTF-8 where the bytes can hardly be anything else. Single
    errors do not make a name wrong. ``label``: any name, see :func:`pillion.readers.documents.labels.label_codec`.
    """
    codec = label_codec(label)
    if codec is None:
        return None
    if data.startswith(_MARKS):
        return decoded(data)
    if codec == "utf-8":
        return _as_utf8(data)
    try:
        text = text_in(data, codec, strict=True)
    except UnicodeDecodeError:
        text = text_in(data, codec)
        if text.count("\ufffd") * 50 > len(text):
            return None
    utf8 = None if data.isascii() else _as_utf8(data, strict=True)
    return text if utf8 is None or sum(character > "\x7f" for character in utf8[:_LOOKED_AT]) < _MANY else utf8


def decoded_markup(data: bytes) -> str:
    """Decode HTML or XML: by byte order mark, else by the encoding that it declares, if right, else as any text."""
    label = None if data.startswith(_MARKS) else declared_in_markup(data)
    text = decoded_as(data, label) if label else None
    if text is not None and data.startswith(_EBCDIC_XML):
        return text.replace("\x85", "\n")
    return decoded(data) if text is None else text


def decoded_text(data: bytes) -> str:
    """Decode a text file: by byte order mark, else by the encoding that it names, else as any text.

    Names are those of XML, CSS, source code (PEP 263, Vim, Emacs) and message catalogs (gettext).
    """
    head = data[:_DECLARED_WITHIN]
    if data.startswith(_MARKS):
        return decoded(data)
    if head.lstrip()[:5] == b"<?xml" or head.startswith(_EBCDIC_XML):
        return decoded_markup(data)
    found = _NAMED.search(head)
    label = next((name for name in found.groups() if name), b"").decode("ascii", "ignore") if found else ""
    text = decoded_as(data, label) if label else None
    return decoded(data) if text is None else text


def declared_in_markup(data: bytes) -> str | None:
    """The name of the encoding that XML or HTML declares near its start; None if it declares none.

    As browsers look for it (HTML, 13.2.3.2): comments do not count, nor does the text of other attributes.
    """
    head = data[:_DECLARED_WITHIN]
    if head.startswith(_EBCDIC_XML):
        found = _XML.match(head.decode("cp037").encode("latin-1", "ignore"))
        return found[1].decode() if found else "cp037"
    head = _COMMENTS.sub(b"", head)
    found = _XML.match(head) or next(filter(None, map(_meta_charset, _META.finditer(head))), None)
    label = found[1].decode("ascii", "ignore").lower() if found else None
    # A page in these could not have been searched for its name, so that name is wrong.
    return None if label and re.match(r"utf-?(?:16|32|7)|ucs|iso-10646|x-user-defined", label) else label


def _meta_charset(found: re.Match[bytes]) -> re.Match[bytes] | None:
    tag = found[0]
    content = _META_CONTENT.search(tag)
    rest = tag.replace(content[0], b"") if content else tag
    inside = re.search(rb"""charset\s*=\s*["']?\s*([\w.:-]+)""", content[0], re.I) if content else None
    return _META_CHARSET.search(rest) or (inside if _META_TYPE.search(tag) else None)


def _as_utf8(data: bytes, *, strict: bool = False) -> str | None:
    """UTF-8, also with a few errors unless ``strict``, as a cut or overwritten character leaves them; None for others.

    An incomplete character at the end is left out.
    """
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        if strict:
            return None
    text = data.decode("utf-8", "replace")
    errors = text.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    good = sum(character > "\x7f" for character in text) - text.count("\ufffd")
    return text if good >= errors * 10 else None


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


def missing() -> str | None:
    """What is missing to read texts in older encodings, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", "texts in older encodings", "chardet")


def _guessed(head: bytes) -> str:
    """Python's name of the likeliest encoding; Windows-1252 if there is none."""
    problem = missing()
    if problem is not None:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    # It takes 0.2 s to load, and most texts are UTF-8.
    from chardet import EncodingEra, detect

    era = EncodingEra.MODERN_WEB if len(head) < _SHORT else EncodingEra.ALL & ~EncodingEra.MAINFRAME
    found = detect(head, encoding_era=era, prefer_superset=False, compat_names=False)["encoding"]
    guess = label_codec(found or "cp1252") or "cp1252"
    return _by_alphabet(head, _western(head, guess))


def _by_alphabet(head: bytes, guess: str) -> str:
    """An encoding in which all letters are of one language, where those of the guessed one are of none."""
    if guess not in _LATIN or len(head) < _SHORT or _strange(text_in(head, guess)) < _STRANGE:
        return guess
    return next((codec for codec in _LATIN if not _strange(text_in(head, codec))), guess)


def _strange(text: str) -> int:
    """How many different characters beyond ASCII are neither typography nor of the language that has most of them.

    Quotation marks and the like inside a word count, too.
    """
    others = {letter.lower() for letter in text if letter > "\x7f" and letter not in _TYPOGRAPHY}
    inside = set("".join(_INSIDE.findall(text)))
    return len(inside) + min(len(others - alphabet) for alphabet in _ALPHABETS)


def _western(head: bytes, guess: str) -> str:
    """The encoding of Windows, Macintosh or DOS in which the fewest characters stand where no text has them.

    ``guess`` where they are equal: with few letters beyond ASCII, statistics of letters mistake one for another, but a
    quotation mark inside a word gives it away.
    """
    marks = any(0x80 <= byte < 0xA0 for byte in head)
    if not marks or (guess not in _WESTERN and not _CONTROLS.search(text_in(head, guess))):
        return guess
    odd = {codec: len(_ODD.findall(text_in(head, codec))) for codec in dict.fromkeys((guess, *_WESTERN))}
    return min(odd, key=lambda codec: odd[codec])
