"""What Word documents, presentations and workbooks of Office Open XML have in common.

How parts find each other (ISO/IEC 29500-2: relationships), their namespaces, of which the strict form has others than
the transitional one, and DrawingML: text in shapes, charts, diagrams (ISO/IEC 29500-1, 20 and 21).
"""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import of_picture, tidy
from pillion.readers.documents.packages import Package

if TYPE_CHECKING:
    from lxml import etree

_SCHEMAS = "http://schemas.openxmlformats.org/"
_STRICT = "http://purl.oclc.org/ooxml/"
_FAMILIES = {
    "wordprocessingml": "w",
    "presentationml": "p",
    "spreadsheetml": "x",
    "drawingml/chart": "c",
    "drawingml/diagram": "dgm",
    "drawingml/spreadsheetDrawing": "xdr",
    "drawingml/wordprocessingDrawing": "wp",
    "drawingml/picture": "pic",
    "drawingml": "a",
    "officeDocument/math": "m",
    "officeDocument/relationships": "r",
}
_OTHERS = {
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    "urn:schemas-microsoft-com:office:excel": "excel",
    "http://schemas.microsoft.com/office/drawing/2014/chartex": "cx",
    "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments": "tc",
    "http://schemas.microsoft.com/office/powerpoint/2018/8/main": "p188",
}


def short(element: etree._Element) -> str:
    """The name of an element with the usual prefix of its namespace, in either form: ``w:p``; ``:p`` for others."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return _short(tag)


@functools.lru_cache(maxsize=10_000)
def _short(tag: str) -> str:
    namespace, _, name = tag.rpartition("}")
    return f"{_prefix(namespace.removeprefix('{'))}:{name}"


def _prefix(namespace: str) -> str:
    if namespace in _OTHERS:
        return _OTHERS[namespace]
    for start in (_SCHEMAS, _STRICT):
        if namespace.startswith(start):
            # The transitional form has the year of its first edition in it.
            rest = namespace.removeprefix(start).replace("/2006/", "/", 1)
            return next((prefix for family, prefix in _FAMILIES.items() if rest.startswith(family)), "")
    return ""


def attribute(element: etree._Element, name: str) -> str | None:
    """The value of an attribute by its name alone, whatever its namespace."""
    value = element.get(name)
    if value is not None:
        return value
    ending = f"}}{name}"
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith(ending)), None)


def relation(element: etree._Element, name: str = "id") -> str | None:
    """The id of a relationship that an element refers to."""
    for key, value in element.attrib.items():
        if str(key).endswith(f"elationships}}{name}"):
            return str(value)
    return None


def is_on(element: etree._Element | None) -> bool:
    """Whether a switch such as ``w:vanish`` is there and not off."""
    return element is not None and attribute(element, "val") not in ("0", "false", "off", "none")


def child(element: etree._Element, *names: str) -> etree._Element | None:
    """The element below along these short names; None if one of them is not there."""
    found: etree._Element | None = element
    for name in names:
        found = None if found is None else next((below for below in found if short(below) == name), None)
    return found


# parts ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship: the kind (last word of its type) and the name of the part that it leads to."""

    kind: str
    target: str


def links(package: Package, part: str) -> dict[str, Link]:
    """Id -> the parts that a part refers to; what lies outside of the document is left out, and so is damage."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    if path not in package:
        return {}
    found: dict[str, Link] = {}
    with package.part(path):
        for element in package.xml(path):
            target = element.get("Target")
            if target and element.get("TargetMode") != "External":
                kind = (element.get("Type") or "").rpartition("/")[2]
                found[element.get("Id") or ""] = Link(kind, _resolved(folder, target))
    return found


def _resolved(folder: str, target: str) -> str:
    target = target.replace("\\", "/").partition("#")[0]
    whole = target if target.startswith("/") else posixpath.join("/", folder, target)
    path = posixpath.normpath(whole).lstrip("/")
    return unquote(path) if "%" in path else path


def linked(package: Package, part: str, *kinds: str) -> list[str]:
    """The parts of these kinds that a part refers to, in the order of their names."""
    found = {link.target for link in links(package, part).values() if link.kind in kinds}
    return sorted(found, key=lambda name: (len(name), name))


def main_part(package: Package, usual: str) -> str:
    """The part that is the document: what the package says, else the usual name. Raises ItemError (corrupt)."""
    for link in links(package, "").values():
        if link.kind == "officeDocument" and link.target in package:
            return link.target
    if usual in package:
        return usual
    raise ItemError(ErrorClass.CORRUPT, "the document is damaged: it does not say which part is the document")


# DrawingML ------------------------------------------------------------------------------------------------------------


def chosen(alternatives: etree._Element) -> list[etree._Element]:
    """Of the forms of one thing (``mc:AlternateContent``) those to be tried, best first."""
    return [form for form in alternatives if short(form) in ("mc:Choice", "mc:Fallback")]


def drawn(element: etree._Element) -> Iterator[str]:
    """The DrawingML text below an element: paragraphs and rows end lines, cells are separated by tabs."""
    for below in element:
        name = short(below)
        if name in ("a:t", "m:t"):
            yield below.text or ""
        elif name == "a:br":
            yield "\n"
        elif name == "a:tab":
            yield "\t"
        elif name == "a:tc":
            yield " ".join("".join(drawn(below)).split()) + "\t"
        elif name == "mc:AlternateContent":
            yield next(filter(str.strip, ("".join(drawn(form)) for form in chosen(below))), "")
        elif name.endswith(":cNvPr"):
            yield of_picture(below.get("title"), below.get("descr"))
        else:
            yield from drawn(below)
            if name in ("a:p", "a:tr"):
                yield "\n"


def linked_drawings(package: Package, element: etree._Element, known: dict[str, Link]) -> Iterator[str]:
    """The text of charts and diagrams that are shown where an element is, in their order."""
    for below in element.iter():
        name = short(below)
        link = None
        if name in ("c:chart", "cx:chart"):
            link = known.get(relation(below) or "")
        elif name == "dgm:relIds":
            link = known.get(relation(below, "dm") or "")
        if link is not None and link.target in package:
            with package.part(link.target):
                root = package.xml(link.target)
                yield tidy("".join(drawn(root))) if name == "dgm:relIds" else chart_text(root)


def chart_text(root: etree._Element) -> str:
    """Titles, names of series, categories and labels of a chart: each once, in their order; not the numbers."""
    found: dict[str, None] = {}
    for element in root.iter():
        name = short(element)
        if name in ("c:rich", "cx:rich"):
            found[tidy("".join(drawn(element)))] = None
        elif name == "c:strCache":
            for value in element.iter():
                if short(value) == "c:v":
                    found[" ".join((value.text or "").split())] = None
        elif (name == "c:v" and short_parent(element) == "c:tx") or name in ("cx:v", "cx:pt"):
            found[" ".join((element.text or "").split())] = None
    found.pop("", None)
    return "\n".join(found)


def short_parent(element: etree._Element) -> str:
    """The short name of the element above."""
    above = element.getparent()
    return "" if above is None else short(above)


def vml_text(root: etree._Element) -> Iterator[str]:
    """The text of shapes in the older drawing language, such as buttons, but not of the frames of comments."""
    for shape in root.iter():
        if short(shape) not in ("v:shape", "v:rect", "v:roundrect", "v:oval"):
            continue
        data = child(shape, "excel:ClientData")
        if data is not None and data.get("ObjectType") == "Note":
            continue
        for below in shape.iter():
            if short(below) == "v:textbox":
                yield "".join(str(text) for text in below.itertext())
            elif short(below) == "v:textpath" and below.get("string"):
                yield str(below.get("string"))
