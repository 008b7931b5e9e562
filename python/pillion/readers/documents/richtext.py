"""Rich Text Format (rtf): the text that is seen, in the character sets of its fonts (RTF 1.9.1).

The body comes first, then headers, footers, notes and comments. Left out are hidden and deleted text, pictures, and
what stands for the same text once more for older programs.
"""

from __future__ import annotations

import codecs
import re
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import Notes, collected, read_bytes, tidy
from pillion.readers.documents.result import DocumentPart, DocumentText
from pillion.unicode import well_formed

NAME = "rtf"
PACKAGE = None
NOTE = "rich text files"
MIMES = frozenset({"application/rtf"})

_MAX_BYTES = 16 << 20
"""Only so much of a longer file is read: most of it is pictures, written as text."""
_MAX_DEPTH = 1000
"""Groups within groups that have settings of their own; deeper ones share them."""
_MAX_SKIPPED = 1000

_TOKEN = re.compile(
    rb"""(?P<text>[^\\{}\r\n]+)
    |\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,10})?[ ]?
    |\\'(?P<hex>[0-9A-Fa-f]{2})
    |(?P<open>\{)|(?P<close>\})
    |\\(?P<sign>.)
    |[\r\n]+|\\""",
    re.VERBOSE | re.DOTALL,
)

_UNSEEN_NAMES = """
aftncn aftnsep aftnsepc atnauthor atndate atnicn atnid atnparent atnref atntime atrfend atrfstart author background
bkmkend bkmkstart blipuid buptim category colorschememapping colortbl comment company creatim datafield datastore
defchp defpap do doccomm docvar fchars fldinst falt filetbl fname fontemb fontfile formfield ftncn ftnsep ftnsepc
generator gridtbl hlinkbase htmltag info keywords latentstyles lchars levelnumbers leveltext linkval list listlevel
listname listoverridetable liststylename listtable listpicture macc manager mhtmltag mmathPr nesttableprops nextfile
nonesttables nonshppict objalias objclass objdata objname objsect objtime oldcprops oldpprops oldsprops oldtprops
operator panose passwordhash pgdsctbl pgptbl picprop pict pn pnseclvl private printim propname protusertbl revtbl
revtim rsidtbl rxe shppict shprslt sn sp staticval stylesheet subject sv svb tc template themedata title txe upr
userprops vern wgrffmtfilter windowcaption writereservation writereservhash xe xform xmlattrname xmlattrvalue
xmlclose xmlname xmlnstbl xmlopen
"""
_UNSEEN = frozenset(_UNSEEN_NAMES.split())
"""Destinations whose text is no text of the document, or repeats it."""
_SEEN_NAMES = "annotation cs footnote mmath moMath moMathPara mr mt objattph result shp shpinst shptxt ud"
_SEEN = frozenset(_SEEN_NAMES.split())
"""Destinations that may follow ``\\*`` and are read all the same."""
_BESIDE_NAMES = "annotation footer footerf footerl footerr footnote header headerf headerl headerr"
_BESIDE = frozenset(_BESIDE_NAMES.split())
_CHARACTERS = {
    "bullet": "•",
    "cell": "\t",
    "emdash": "—",
    "emspace": " ",
    "endash": "–",
    "enspace": " ",
    "ldblquote": "“",
    "line": "\n",
    "lquote": "‘",
    "nestcell": "\t",
    "nestrow": "\n",
    "page": "\n",
    "par": "\n",
    "qmspace": " ",
    "rdblquote": "”",
    "row": "\n",
    "rquote": "’",
    "sect": "\n",
    "softline": "\n",
    "tab": "\t",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
_SIGNS = {b"~": "\xa0", b"_": "\u2011", b"\n": "\n", b"\r": "\n"}
_CHARSETS = {
    77: "mac-roman",
    78: "cp932",
    79: "cp949",
    80: "gb18030",
    81: "big5hkscs",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}
"""``\\fcharset`` -> Python's name; all others are the document's own set."""
_CODE_PAGES = {10000: "mac-roman", 10007: "mac-cyrillic", 10029: "mac-latin2", 65001: "utf-8", 936: "gb18030"}
_SYMBOL_BULLET = 0xF0B7
"""How programs write the bullet of the font Symbol."""
_SETS = {"ansi": "cp1252", "mac": "mac-roman", "pc": "cp437", "pca": "cp850"}


def missing() -> str | None:
    """None: it needs no library."""
    return None


def read(path: Path, mime: str) -> DocumentText:
    """Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    notes = Notes()
    text, is_whole = text_of(data)
    if not is_whole and not more:
        if not data.rstrip(b"\0 \r\n\t").endswith(b"}"):
            raise ItemError(ErrorClass.CORRUPT, "the rich text ends early")
        notes.add("the rich text ends early: a group in it is not closed")
    result = collected(NAME, [DocumentPart(text=text)], notes)
    return replace(result, truncated=more or result.truncated)


def text_of(data: bytes) -> tuple[str, bool]:
    """The text of rich text, which may be damaged, and whether its outermost group is closed."""
    reader = _Reader(data)
    return reader.text(), reader.is_whole


@dataclass(slots=True)
class _Group:
    """The settings of a group, which the groups in it begin with.

    ``skipped``: how many characters follow that stand for the one before; ``target``: the index of the text that is
    written; ``starred``: whether ``\\*`` came last; ``empty``: whether nothing came yet; ``older``: whether the groups
    in it repeat text for older programs.
    """

    font: int | None = None
    mode: str = ""
    skipped: int = 1
    target: int = 0
    unseen: bool = False
    hidden: bool = False
    deleted: bool = False
    fonts: bool = False
    starred: bool = False
    empty: bool = True
    older: bool = False


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._texts: list[list[str]] = [[]]
        self._bytes = bytearray()
        self._codec = "cp1252"
        self._document_codec = "cp1252"
        self._font_codecs: dict[int | None, str] = {}
        self._default_font: int | None = None
        self._defined: int | None = None
        self._groups: list[_Group] = []
        self._too_deep = 0
        self._group = _Group()
        self._to_skip = 0
        self._assigned: dict[str, int] = {}
        self.is_whole = False

    def text(self) -> str:
        at = 0
        # What follows the outermost group is not part of the text, often what a mail program or a disk left there.
        while not self.is_whole and (found := _TOKEN.match(self._data, at)):
            at = found.end()
            kind = found.lastgroup
            if kind == "text":
                self._raw(found[0])
            elif kind == "hex":
                self._raw(bytes.fromhex(found[0][2:].decode()))
            elif kind in ("word", "number"):
                number = int(found["number"]) if found["number"] else None
                if found["word"] == b"bin":
                    at += max(0, number or 0)
                else:
                    self._word(found["word"].decode(), number)
            elif kind == "open":
                self._open()
            elif kind == "close":
                self._close()
            elif kind == "sign":
                self._sign(found["sign"])
        self._flush()
        body, *beside = (well_formed("".join(pieces)) for pieces in self._texts)
        return "\n\n".join(filter(None, [tidy(body), *dict.fromkeys(map(tidy, beside))]))

    # groups -----------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._flush()
        self._to_skip = 0
        self._group.empty = False
        if len(self._groups) >= _MAX_DEPTH:
            self._too_deep += 1
            return
        self._groups.append(self._group)
        outer = self._group
        self._group = copy(outer)
        self._group.empty, self._group.starred, self._group.older = True, False, False
        self._group.unseen |= outer.older

    def _close(self) -> None:
        self._flush()
        self._to_skip = 0
        if self._too_deep:
            self._too_deep -= 1
        elif self._groups:
            self._group = self._groups.pop()
            self.is_whole = not self._groups

    # text -------------------------------------------------------------------------------------------------------------

    def _raw(self, data: bytes) -> None:
        if self._to_skip:
            count = min(self._to_skip, len(data))
            self._to_skip -= count
            data = data[count:]
        group = self._group
        if data.strip():
            group.empty = group.starred = False
        if data and not (group.unseen or group.hidden or group.deleted):
            codec = self._font_codecs.get(group.font) or self._document_codec
            if codec != self._codec:
                self._flush()
                self._codec = codec
            self._bytes += data

    def _put(self, text: str) -> None:
        group = self._group
        if not (group.unseen or group.hidden or group.deleted):
            self._flush()
            self._texts[group.target].append(text)

    def _flush(self) -> None:
        if self._bytes:
            self._texts[self._group.target].append(self._bytes.decode(self._codec, "replace"))
            self._bytes.clear()

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._group.starred = True
        elif self._to_skip:
            self._to_skip -= 1
        elif sign in b"{}\\":
            # Also the second byte of a letter.
            self._raw(sign)
        elif sign in _SIGNS:
            self._put(_SIGNS[sign])
            self._group.empty = False

    # words ------------------------------------------------------------------------------------------------------------

    def _word(self, word: str, number: int | None) -> None:
        group = self._group
        starred, empty = group.starred, group.empty
        group.starred = group.empty = False
        if self._to_skip and word != "u":
            self._to_skip -= 1
            return
        if empty and self._is_destination(word, starred=starred):
            return
        # Behind text, only this word is one that the reader may not know.
        if not starred or word in _SEEN:
            self._setting(word, number)

    def _is_destination(self, word: str, *, starred: bool) -> bool:
        """Take a word at the start of a group that says what the group is for."""
        group = self._group
        if word == "ud":
            group.unseen = len(self._groups) > 1 and self._groups[-2].unseen
        elif word == "upr":
            group.older = True
        elif word == "fonttbl":
            group.fonts = group.unseen = True
        elif word in _UNSEEN or (starred and word not in _SEEN):
            group.unseen = True
        elif word in _BESIDE:
            self._texts.append([])
            group.target = len(self._texts) - 1
        else:
            return starred and word != "cs"
        return True

    def _setting(self, word: str, number: int | None) -> None:
        group = self._group
        if word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word == "u":
            code = (number or 0) % 0x10000
            self._put("•" if code == _SYMBOL_BULLET else chr(code))
            self._to_skip = group.skipped
        elif word == "uc":
            group.skipped = min(max(0, number or 0), _MAX_SKIPPED)
        elif word in ("f", "af", "plain", "loch", "hich", "dbch", "ltrch", "rtlch", "deff"):
            self._font(word, number)
        elif word in ("fcharset", "cpg"):
            self._font_codec(word, number or 0)
        elif word == "v":
            group.hidden = number != 0
        elif word == "deleted":
            group.deleted = number != 0
        elif word in _SETS:
            self._document_codec = _SETS[word]
        elif word == "ansicpg":
            self._document_codec = _code_page(number) or self._document_codec

    def _font(self, word: str, number: int | None) -> None:
        """The font, of which there is one for each of three sorts of letters; the last that is named counts."""
        group = self._group
        if word == "deff":
            self._default_font = group.font = number
        elif word == "f":
            if group.fonts:
                self._defined = number
            group.font = number
        elif word == "plain":
            group.font, group.mode = self._default_font, ""
            group.hidden = group.deleted = False
        elif word == "af":
            if group.mode and number is not None:
                self._assigned[group.mode] = group.font = number
        elif word in ("ltrch", "rtlch"):
            group.mode = ""
        else:
            group.mode = word
            group.font = self._assigned.get(word, group.font)

    def _font_codec(self, word: str, number: int) -> None:
        if self._group.fonts:
            codec = _CHARSETS.get(number) if word == "fcharset" else _code_page(number)
            if codec:
                self._font_codecs[self._defined] = codec


def _code_page(number: int | None) -> str | None:
    """Python's name of a code page of Windows; None if it knows none."""
    name = _CODE_PAGES.get(number or 0, f"cp{number}")
    try:
        codecs.lookup(name)
    except LookupError:
        return None
    return name
