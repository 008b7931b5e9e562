"""HTML as its reader sees it, and which encoding it is in: for web pages, e-mail and books alike."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser

from pillion.readers.documents.base import tidy

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "title")
_BLOCKS = frozenset(
    (
        *_HEADINGS,
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "caption",
            "center",
            "dd",
            "details",
            "dialog",
            "div",
            "dl",
            "dt",
        ),
        *("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "legend", "li", "main", "nav", "ol"),
        *("option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "ul"),
    )
)
_UNSEEN = frozenset(["script", "style", "template", "noscript"])
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""", re.I)
_CHARSET_WITHIN = 4096

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(data: bytes) -> str:
    """By byte order mark, else UTF-8, else UTF-16 where every other byte is zero, else Windows-1252."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, errors="ignore")
    if b"\0" in data[:1024]:
        wide = "utf-16-le" if data[1:1024:2].count(0) > data[0:1024:2].count(0) else "utf-16-be"
        return data.decode(wide, errors="ignore")
    try:
        # A character cut in two at the end of the part that is read is no error.
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decoded_markup(data: bytes) -> str:
    """By what the markup says of itself, where that is not wrong; else as any text."""
    said = _CHARSET.search(data[:_CHARSET_WITHIN])
    name = (said[1] or said[2]).decode("ascii") if said else ""
    if name and not data.startswith(tuple(bom for bom, _ in _BOMS)):
        try:
            # A page in UTF-16 could not have been searched for its name, so that name is wrong (HTML, 13.2.3.2).
            if not codecs.lookup(name).name.startswith(("utf-16", "utf-32", "utf-7")):
                return data.decode(name, errors="strict")
        except (LookupError, ValueError):
            pass
    return decoded(data)


def without_markup(html: str) -> str:
    """The text a reader of the page would see."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    return tidy("".join(parser.parts))


def title_of(html: str) -> str:
    """What a page calls itself; empty where it does not."""
    found = re.search(r"<title[^>]*>([^<]{1,300})</title", html, re.I) or re.search(r"<h[12][^>]*>([^<]{1,300})<", html)
    return without_markup(found[1]) if found else ""


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0
        self._kept = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        self._kept += tag == "pre"
        if tag == "br":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag == "img":
            self.parts.append(f" {dict(attrs).get('alt') or ''} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        if tag == "pre" and self._kept:
            self._kept -= 1
        if tag == "tr":
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data if self._kept else " ".join(re.split(r"\s", data)))
