"""The visible text of HTML, for web pages, e-mail and books.

lxml's parser reads tags and character references by the HTML standard, in time linear in the length of the page. This
module decides what becomes a line, a paragraph or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pillion import extras
from pillion.readers.documents.base import checked_engine, tidy

PACKAGE = "lxml"

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
_TITLES = ("title", "h1", "h2")
"""The title of a page is the first of these that it has."""
_UNSEEN = frozenset(["script", "style", "template", "noscript"])
_MAX_TITLE = 300


@dataclass(frozen=True)
class Page:
    """The visible text of a page, and its title (empty if it has none)."""

    text: str
    title: str


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", "web pages, e-mail and EPUB books", PACKAGE)


def page_of(html: str) -> Page:
    """The text of a page. Raises ItemError: missing_tool."""
    checked_engine(missing())
    from lxml import etree

    # The encoding is given because the parser would otherwise use the page's own, but the bytes are UTF-8 here.
    target = cast("etree.ParserTarget", _Visible())
    parser: Any = etree.HTMLParser(target=target, encoding="utf-8", recover=True, huge_tree=True)
    parser.feed(html.encode("utf-8", "replace"))
    return cast("Page", parser.close())


_EMPTY = re.compile(r"<(title|script|style|iframe|textarea|noscript|xmp)((?:\s[^<>]*)?)/>", re.IGNORECASE)
_SUBSET = re.compile(r"<!DOCTYPE[^\[>]*\[(.*?)\]\s*>", re.IGNORECASE | re.DOTALL)
_SUBSET_WITHIN = 1 << 16
_ENTITY = re.compile(r"""<!ENTITY\s+([A-Za-z_][\w.-]*)\s+(?:"([^"&<%]{0,256})"|'([^'&<%]{0,256})')\s*>""")
_MAX_EXPANDED = 1 << 20


def as_html(xhtml: str) -> str:
    """XHTML as a parser of HTML takes it: without declarations, and with elements that end where they begin closed.

    Entities that are declared as plain text are put in, up to a limit; those that refer to others are not.
    """
    subset = _SUBSET.search(xhtml[:_SUBSET_WITHIN])
    if subset:
        entities = {name: double or single for name, double, single in _ENTITY.findall(subset[1])}
        xhtml = _expanded(xhtml[: subset.start()] + xhtml[subset.end() :], entities)
    return _EMPTY.sub(r"<\1\2></\1>", xhtml)


def _expanded(text: str, entities: Mapping[str, str]) -> str:
    left = _MAX_EXPANDED

    def value(found: re.Match[str]) -> str:
        nonlocal left
        known = entities.get(found[1])
        left -= len(known or "")
        return found[0] if known is None or left < 0 else known

    return re.sub(r"&([A-Za-z_][\w.-]{0,99});", value, text) if entities else text


def without_markup(html: str) -> str:
    """The visible text of a page. Raises ItemError: missing_tool."""
    return page_of(html).text


class _Visible:
    """The parser's target, called for each tag and piece of text, in the order of the page; ``close`` gives a Page."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._unseen = 0
        self._kept = 0
        self._titles: dict[str, str] = {}
        self._naming = ""

    def start(self, tag: str, attributes: Any) -> None:
        self._unseen += tag in _UNSEEN
        self._kept += tag == "pre"
        if tag in _TITLES and tag not in self._titles:
            self._naming = tag
            self._titles[tag] = ""
        if tag == "br":
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag in _BLOCKS:
            self._parts.append("\n\n")
        elif tag == "img":
            self._parts.append(f" {attributes.get('alt') or ''} ")

    def end(self, tag: str) -> None:
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        if tag == "pre" and self._kept:
            self._kept -= 1
        if tag == self._naming:
            self._naming = ""
        if tag == "tr":
            self._parts.append("\n")
        elif tag in _BLOCKS:
            self._parts.append("\n\n")

    def data(self, text: str) -> None:
        if self._unseen:
            return
        if self._naming and len(self._titles[self._naming]) < _MAX_TITLE:
            self._titles[self._naming] += text[:_MAX_TITLE]
        self._parts.append(text if self._kept else " ".join(re.split(r"\s", text)))

    def close(self) -> Page:
        titles = (" ".join(self._titles.get(tag, "").split()) for tag in _TITLES)
        return Page(tidy("".join(self._parts)), next(filter(None, titles), "")[:_MAX_TITLE])
