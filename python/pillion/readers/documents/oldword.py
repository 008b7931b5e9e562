"""Word documents from before 2007 (doc): Word 97 to 2003 (MS-DOC), and Word 6 and 95, which are much alike.

The text is in pieces, listed in an order that is not that of the file. It is one sequence of stories: the body,
footnotes, headers, comments, endnotes, text boxes. Letters below the space mark paragraphs, cells and fields.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import operator
import string
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import MAX_CHARACTERS, Notes, tidy
from pillion.readers.documents.charset import decoded

_WORD_97 = 0xA5EC
_WORD_6 = 0xA5DC
_NOT_READ = (0xA5DB, 0xA59B, 0xA59C, 0xA697, 0xA699)
"""Marks of Word 1 and 2, and of Word 6 for East Asia, whose pieces are of another form."""
_OF_MACINTOSH = 256
_ENCRYPTED, _COMPLEX, _SECOND_TABLE = 0x0100, 0x0004, 0x0200
_COMPRESSED = 1 << 30
_PAGE = 512
_HIGH = bytes(range(0xC0, 0x100))
_FEW = 40
"""Letters that are too few to tell their script by."""
_MAX_PIECES = 1_000_000
_MAX_PAGES = 200_000
_DELETED, _HIDDEN = 0x0800, 0x083C
"""Properties of letters: deleted while changes were tracked, hidden (MS-DOC, 2.6.1)."""
_OLD_DELETED, _OLD_HIDDEN = 65, 92
_OLD_FONTS, _OLD_FONT = 0xD0, 93
_OLD_SIZES = dict.fromkeys(range(65, 119), 1) | {69: 2, 70: 4, 72: 2, 73: 3, 80: 2, 83: 0, 93: 2, 95: 3, 96: 2, 97: 2}
_OLD_SIZES |= {99: 2, 107: 2, 109: 2, 110: 2}
_OLD_LONG = frozenset({68, 74, 81, 82, 103, 105, 106, 108})
"""How long the values of the properties of letters are in Word 6; the long ones say it themselves."""
_CHARACTER_SETS = {161: "cp1253", 162: "cp1254", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251"}
_CHARACTER_SETS |= {222: "cp874", 238: "cp1250"}
"""Character set of a font (LOGFONT of Windows) -> encoding, of those of one byte a letter."""
_SIZES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
"""How long the value of a property is, by the last three bits of its number; those of kind 6 say it themselves."""
_STORIES = ("body", "footnotes", "headers", "macros", "comments", "endnotes", "boxes", "boxes of headers")
_ORDER = ("body", "boxes", "headers", "boxes of headers", "footnotes", "endnotes", "comments")
_CODE_PAGES = {
    "cp874": "1e",
    "cp932": "11",
    "cp949": "12",
    "gb18030": "04",
    "cp950": "0404 0c04 1404",
    "cp1250": "05 0e 15 18 1a 1b 1c 24 2e",
    "cp1251": "02 19 22 23 2f 3f 40 44 50 0843 082c 0c1a 1c1a 201a",
    "cp1253": "08",
    "cp1254": "1f 2c 43",
    "cp1255": "0d",
    "cp1256": "01 20 29",
    "cp1257": "25 26 27",
    "cp1258": "2a",
}
"""Code page -> the numbers of the languages ([MS-LCID]) that Windows writes in it: whole, or their lower ten bits."""
_BY_LANGUAGE = {number: page for page, numbers in _CODE_PAGES.items() for number in numbers.split()}


def code_page(language: int) -> str:
    """The code page of a language of Windows, by its number."""
    whole, primary = f"{language & 0xFFFF:04x}", f"{language & 0x3FF:02x}"
    return _BY_LANGUAGE.get(whole, _BY_LANGUAGE.get(primary, "cp1252"))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Letters from ``start`` to ``end`` of the text, which stand at ``at`` in the stream, ``width`` bytes each."""

    start: int
    end: int
    at: int
    width: int


@dataclass(frozen=True, slots=True)
class _Head:
    version_97: bool
    flags: int
    encoding: str
    lengths: tuple[int, ...]
    """Of the stories, in letters."""
    pieces_at: tuple[int, int]
    properties_at: tuple[int, int]
    text_at: int


def text_of(main: bytes, tables: tuple[bytes, bytes], notes: Notes) -> str:
    """The text of a document. ``tables``: the streams 0Table and 1Table. Raises ItemError and struct.error."""
    head = _head(main)
    table = tables[1 if head.flags & _SECOND_TABLE else 0] if head.version_97 else main
    pieces = _pieces(head, table)
    gone = _Gone(main, table, head, notes)
    fonts = _Fonts(main, table, head)
    stories = dict(zip(_STORIES, _stories(head.lengths), strict=True))
    texts = []
    for name in _ORDER:
        start, end = stories[name]
        letters = "".join(_decoded(_letters(main, pieces, start, end, gone, fonts), head.encoding))
        texts.append(tidy(_plain(letters)))
    return "\n\n".join(dict.fromkeys(filter(None, texts)))


def _head(main: bytes) -> _Head:
    mark, _, _, language, _, flags = struct.unpack_from("<HHHHHH", main)
    if mark in _NOT_READ:
        message = "documents of Word before version 6, and of Word 6 for East Asia, are not read"
        raise ItemError(ErrorClass.UNSUPPORTED, message)
    if mark not in (_WORD_97, _WORD_6):
        raise ItemError(ErrorClass.CORRUPT, "the Word document is damaged: it does not begin as one")
    if flags & _ENCRYPTED:
        raise ItemError(ErrorClass.UNSUPPORTED, "the document is protected with a password")
    (version,) = struct.unpack_from("<H", main, 2)
    (text_at,) = struct.unpack_from("<I", main, 0x18)
    if version < 0xC1:
        encoding = code_page(language)
        if struct.unpack_from("<H", main, 0x14)[0] == _OF_MACINTOSH:
            encoding = "mac_roman"
        lengths = struct.unpack_from("<8I", main, 0x34)
        pieces = struct.unpack_from("<II", main, 0x160)
        return _Head(False, flags, encoding, lengths, pieces, struct.unpack_from("<II", main, 0xB8), text_at)
    (words,) = struct.unpack_from("<H", main, 32)
    at = 34 + 2 * words
    lengths = struct.unpack_from("<8I", main, at + 2 + 4 * 3)
    (longs,) = struct.unpack_from("<H", main, at)
    at += 2 + 4 * longs + 2
    pieces = struct.unpack_from("<II", main, at + 33 * 8)
    return _Head(True, flags, "cp1252", lengths, pieces, struct.unpack_from("<II", main, at + 12 * 8), text_at)


def _stories(lengths: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    at = 0
    for length in lengths:
        length = min(length, 1 << 28)
        yield at, at + length
        at += length


def _pieces(head: _Head, table: bytes) -> list[_Piece]:
    """The piece table (2.8.35). Old documents that were saved whole have none."""
    at, size = head.pieces_at
    if not head.version_97 and not (head.flags & _COMPLEX and size):
        return [_Piece(0, sum(head.lengths), head.text_at, 1)]
    end = min(at + size, len(table))
    while at < end and table[at] == 1:
        # Properties that pieces refer to.
        at += 3 + int.from_bytes(table[at + 1 : at + 3], "little")
    if at + 5 > end or table[at] != 2:
        raise ItemError(ErrorClass.CORRUPT, "the Word document is damaged: it lacks its table of pieces")
    (length,) = struct.unpack_from("<I", table, at + 1)
    count = min((min(length, end - at - 5) - 4) // 12, _MAX_PIECES)
    if count < 1:
        return []
    starts = struct.unpack_from(f"<{count + 1}I", table, at + 5)
    found = []
    for number in range(count):
        (place,) = struct.unpack_from("<I", table, at + 5 + 4 * (count + 1) + 8 * number + 2)
        if not head.version_97:
            found.append(_Piece(starts[number], starts[number + 1], place, 1))
        elif place & _COMPRESSED:
            found.append(_Piece(starts[number], starts[number + 1], (place & ~_COMPRESSED) // 2, 1))
        else:
            found.append(_Piece(starts[number], starts[number + 1], place, 2))
    return found


def _decoded(raw: Iterator[tuple[str, bytes]], usual: str) -> Iterator[str]:
    """Runs of letters in an encoding each. Those in the ``usual`` one may be of another script than the document says:
    then nearly all of their letters are beyond ASCII."""
    for encoding, run in itertools.groupby(raw, key=operator.itemgetter(0)):
        data = b"".join(piece for _, piece in run)
        if encoding != usual:
            yield data.decode(encoding, "replace")
            continue
        foreign = len(data) - len(data.translate(None, _HIGH))
        plain = len(data) - len(data.translate(None, string.ascii_letters.encode()))
        if encoding == "cp1252" and foreign > max(_FEW, plain):
            yield decoded(data)
        else:
            yield data.decode(encoding, "replace")


def _letters(
    main: bytes, pieces: list[_Piece], start: int, end: int, gone: _Gone, fonts: _Fonts
) -> Iterator[tuple[str, bytes]]:
    """An encoding, and some letters in it."""
    left = MAX_CHARACTERS * 2
    for piece in pieces:
        first, last = max(start, piece.start), min(end, piece.end)
        if first >= last or left <= 0:
            continue
        last = min(last, first + left)
        left -= last - first
        begin = piece.at + (first - piece.start) * piece.width
        finish = piece.at + (last - piece.start) * piece.width
        for seen, stop in gone.kept(begin, finish):
            if piece.width == 2:
                yield "utf-16-le", main[seen:stop]
            else:
                yield from fonts.runs(main, seen, stop)


class _Gone:
    """The places in the stream whose letters are deleted or hidden, by the pages of properties (2.9.33)."""

    def __init__(self, main: bytes, table: bytes, head: _Head, notes: Notes) -> None:
        self._spans: list[tuple[int, int]] = []
        try:
            self._spans = sorted(_spans(main, table, head))
        except (struct.error, IndexError):
            notes.add("what is deleted or hidden in the document could not be told from the rest")
        self._starts = [start for start, _ in self._spans]

    def kept(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What is left between two places."""
        at = max(0, bisect.bisect_right(self._starts, start) - 1)
        for first, last in self._spans[at : bisect.bisect_left(self._starts, end)]:
            if last > start:
                if first > start:
                    yield start, first
                start = max(start, last)
        if start < end:
            yield start, end


class _Fonts:
    """The places in the stream of an old document whose letters are of a font for another script, by its character set.

    Fonts are named in a table (``FFN``: size less one, three bytes, the character set), and runs of letters have the
    number of theirs among their properties.
    """

    def __init__(self, main: bytes, table: bytes, head: _Head) -> None:
        self._usual = head.encoding
        self._spans: list[tuple[int, int, str]] = []
        if not head.version_97 and head.encoding == "cp1252":
            with contextlib.suppress(struct.error, IndexError):
                self._spans = sorted(self._found(main, table, head))

    def runs(self, main: bytes, start: int, end: int) -> Iterator[tuple[str, bytes]]:
        """The letters between two places, each stretch with its encoding."""
        first = bisect.bisect_left(self._spans, start, key=operator.itemgetter(1))
        for begin, stop, encoding in self._spans[first:]:
            if begin >= end:
                break
            yield self._usual, main[start : max(start, begin)]
            yield encoding, main[max(start, begin) : min(stop, end)]
            start = max(start, min(stop, end))
        yield self._usual, main[start:end]

    def _found(self, main: bytes, table: bytes, head: _Head) -> Iterator[tuple[int, int, str]]:
        encodings = list(self._encodings(main))
        if not any(encodings):
            return
        for start, end, properties in _runs(main, table, head):
            font = _old_font(properties)
            encoding = encodings[font] if font is not None and font < len(encodings) else None
            if encoding:
                yield start, end, encoding

    def _encodings(self, main: bytes) -> Iterator[str | None]:
        at, size = struct.unpack_from("<II", main, _OLD_FONTS)
        end = min(at + size, len(main))
        at += 2
        while at + 5 <= end:
            yield _CHARACTER_SETS.get(main[at + 4])
            at += main[at] + 1


def _old_font(properties: bytes) -> int | None:
    """The number of the font in properties of Word 6."""
    at = 0
    while at + 3 <= len(properties) and properties[at] in _OLD_SIZES:
        if properties[at] == _OLD_FONT:
            return int.from_bytes(properties[at + 1 : at + 3], "little")
        at += 1 + (1 + properties[at + 1] if properties[at] in _OLD_LONG else _OLD_SIZES[properties[at]])
    return None


def _spans(main: bytes, table: bytes, head: _Head) -> Iterator[tuple[int, int]]:
    for start, end, properties in _runs(main, table, head):
        if _is_gone(properties, head.version_97):
            yield start, end


def _runs(main: bytes, table: bytes, head: _Head) -> Iterator[tuple[int, int, bytes]]:
    """Places in the stream, and the properties of the letters between them, of all that have any."""
    at, size = head.properties_at
    width = 4 if head.version_97 else 2
    count = min(max(0, size - 4) // (4 + width), _MAX_PAGES)
    for number in range(count):
        raw = table[at + 4 * (count + 1) + width * number :][:width]
        page = int.from_bytes(raw, "little") & 0x3FFFFF
        data = main[page * _PAGE : (page + 1) * _PAGE]
        if len(data) < _PAGE:
            continue
        runs = data[_PAGE - 1]
        places = struct.unpack_from(f"<{runs + 1}I", data)
        for run in range(runs):
            offset = 2 * data[4 * (runs + 1) + run]
            if offset:
                yield places[run], places[run + 1], data[offset + 1 : offset + 1 + data[offset]]


def _is_gone(properties: bytes, version_97: bool) -> bool:
    if not version_97:
        # The sizes of old properties follow no rule; the two are looked for at the start, where Word writes them.
        return len(properties) >= 2 and properties[0] in (_OLD_DELETED, _OLD_HIDDEN) and properties[1] == 1
    at = 0
    while at + 2 < len(properties):
        (kind,) = struct.unpack_from("<H", properties, at)
        if kind in (_DELETED, _HIDDEN):
            # 0x81 means the opposite of what the style says, which is not read: such text stays.
            return properties[at + 2] == 1
        size = _SIZES.get(kind >> 13)
        at += 2 + (1 + properties[at + 2] if size is None else size)
    return False


def _plain(letters: str) -> str:
    """Text with line ends and tabs, with the results of fields and not their codes."""
    found: list[str] = []
    fields: list[bool] = []
    for letter in letters:
        if letter == "\x13":
            fields.append(False)
        elif letter == "\x14" and fields:
            fields[-1] = True
        elif letter == "\x15" and fields:
            fields.pop()
        elif all(fields):
            found.append(_SIGNS.get(letter, letter))
    # A row ends with one mark more than it has cells.
    return "".join(found).replace("\x07\x07", "\n").replace("\x07", "\t")


_SIGNS = dict.fromkeys(map(chr, range(32)), "")
_SIGNS |= {"\t": "\t", "\n": "\n", "\r": "\n", "\x0b": "\n", "\x0c": "\n\n", "\x07": "\x07", "\x1e": "-"}
"""What stands for pictures, notes and comments is left out."""
