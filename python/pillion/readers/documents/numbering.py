"""The numbers that Word writes before the paragraphs of a list (ISO/IEC 29500-1, 17.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pillion.readers.documents import ooxml
from pillion.readers.documents.ooxml import attribute, child, short
from pillion.readers.documents.packages import Package

if TYPE_CHECKING:
    from lxml import etree

_LEVELS = 9
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"))
_SMALL_ROMAN = (*_ROMAN, (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclass(slots=True)
class _Level:
    start: int = 1
    format: str = "decimal"
    text: str = ""


@dataclass(slots=True)
class Numbering:
    """The lists of a document and how far each is counted."""

    lists: dict[str, tuple[str, list[_Level]]] = field(default_factory=dict)
    """Number of a list -> the list whose count it shares, its levels."""
    styles: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Style of a paragraph -> its list and level."""
    _counts: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, package: Package, main: str) -> Numbering:
        """Those of the document whose main part this is; none where they cannot be read."""
        found = cls()
        for part in ooxml.linked(package, main, "numbering"):
            if part in package:
                with package.part(part):
                    found._read_lists(package.xml(part))
        for part in ooxml.linked(package, main, "styles"):
            if found.lists and part in package:
                with package.part(part):
                    found._read_styles(package.xml(part))
        return found

    def label(self, properties: etree._Element | None) -> str:
        """What stands before the next paragraph, with a space; empty for a paragraph without a number."""
        name, level = self._place(properties)
        if name not in self.lists or not 0 <= level < _LEVELS:
            return ""
        shared, levels = self.lists[name]
        if level >= len(levels):
            return ""
        counts = self._counts.setdefault(shared, [0] * _LEVELS)
        counts[level] = counts[level] + 1 if counts[level] else levels[level].start
        counts[level + 1 :] = [0] * (_LEVELS - level - 1)
        if levels[level].format in ("bullet", "none"):
            return ""

        def number(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            if at >= len(levels):
                return ""
            return _written(counts[at] or levels[at].start, levels[at].format)

        text = re.sub(r"%([1-9])", number, levels[level].text).strip()
        return f"{text} " if text else ""

    def _place(self, properties: etree._Element | None) -> tuple[str, int]:
        if properties is None or not self.lists:
            return "", 0
        style = child(properties, "w:pStyle")
        name, level = self.styles.get((attribute(style, "val") or "") if style is not None else "", ("", 0))
        own = child(properties, "w:numPr")
        return (name, level) if own is None else _of_list(own, name, level)

    def _read_lists(self, root: etree._Element) -> None:
        abstract = {
            attribute(element, "abstractNumId") or "": _levels(element)
            for element in root
            if short(element) == "w:abstractNum"
        }
        for element in root:
            if short(element) != "w:num":
                continue
            name = attribute(element, "numId") or ""
            of = child(element, "w:abstractNumId")
            shared = (attribute(of, "val") or "") if of is not None else ""
            levels = list(abstract.get(shared, []))
            changed = False
            for override in element:
                if short(override) == "w:lvlOverride":
                    changed = _override(levels, override) or changed
            self.lists[name] = (f"{shared}/{name}" if changed else shared, levels)

    def _read_styles(self, root: etree._Element) -> None:
        for style in root:
            listed = child(style, "w:pPr", "w:numPr")
            if short(style) == "w:style" and listed is not None:
                self.styles[attribute(style, "styleId") or ""] = _of_list(listed, "", 0)


def _of_list(element: etree._Element, name: str, level: int) -> tuple[str, int]:
    number, depth = child(element, "w:numId"), child(element, "w:ilvl")
    if number is not None:
        name = attribute(number, "val") or ""
    if depth is not None:
        level = _whole(attribute(depth, "val"), level)
    return name, level


def _levels(element: etree._Element) -> list[_Level]:
    levels = [_Level() for _ in range(_LEVELS)]
    for below in element:
        at = _whole(attribute(below, "ilvl"), -1)
        if short(below) == "w:lvl" and 0 <= at < _LEVELS:
            levels[at] = _level(below)
    return levels


def _level(element: etree._Element) -> _Level:
    start, form, text = (child(element, name) for name in ("w:start", "w:numFmt", "w:lvlText"))
    return _Level(
        _whole(attribute(start, "val"), 1) if start is not None else 1,
        (attribute(form, "val") or "decimal") if form is not None else "decimal",
        (attribute(text, "val") or "") if text is not None else "",
    )


def _override(levels: list[_Level], element: etree._Element) -> bool:
    at = _whole(attribute(element, "ilvl"), -1)
    if not 0 <= at < len(levels):
        return False
    own, start = child(element, "w:lvl"), child(element, "w:startOverride")
    if own is not None:
        levels[at] = _level(own)
    if start is not None:
        levels[at] = _Level(_whole(attribute(start, "val"), 1), levels[at].format, levels[at].text)
    return own is not None or start is not None


def _written(number: int, form: str) -> str:
    match form:
        case "lowerLetter" | "upperLetter":
            letter = chr(ord("a") + (number - 1) % 26) * min(9, (number - 1) // 26 + 1)
            return letter.upper() if form == "upperLetter" else letter
        case "lowerRoman" | "upperRoman" if 0 < number < 4000:
            roman = ""
            for value, letters in _SMALL_ROMAN:
                roman += letters * (number // value)
                number %= value
            return roman.upper() if form == "upperRoman" else roman
        case "decimalZero":
            return f"{number:02d}"
        case "bullet" | "none":
            return ""
    return str(number)


def _whole(text: str | None, otherwise: int) -> int:
    """A number of at most nine digits, which is enough for any list."""
    return int(text) if text and re.fullmatch(r"\d{1,9}", text) else otherwise
