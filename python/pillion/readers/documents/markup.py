"""HTML as its reader sees it: for web pages, e-mail and books alike."""

from __future__ import annotations

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
