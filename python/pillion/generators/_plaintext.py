"""The text of a text file: decoded, and freed of markup where it is HTML."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser
from pathlib import Path

from pillion.errors import ErrorClass, ItemError

MAX_BYTES = 4 << 20
"""A longer file is read this far."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKUP = ("text/html", "application/xhtml+xml")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "title")
_BLOCKS = frozenset(
    (
        *_HEADINGS,
        "p",
        "div",
        "br",
        "li",
        "tr",
        "td",
        "th",
        "section",
        "article",
        "header",
        "footer",
        "pre",
        "blockquote",
    )
)
_UNSEEN = frozenset(["script", "style", "template", "noscript"])


def read_text(path: Path, mime: str) -> str:
    """The visible text of a file. Raises ItemError: missing_source, io_transient."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error
    text = decoded(data)
    return without_markup(text) if mime in _MARKUP else text.replace("\r\n", "\n")


def decoded(data: bytes) -> str:
    """By byte order mark, else UTF-8, else UTF-16 where every other byte is zero, else Latin-1."""
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
        return data.decode("latin-1")


def without_markup(html: str) -> str:
    """The text a reader of the page would see."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in "".join(parser.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        if tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data.replace("\n", " "))
