"""What was typed onto a PDF's pages: values of forms, remarks, stamps, and the data of XFA forms.

Callers hold ``document.LOCK``. A page's text does not hold what its annotations show. So they are made a part of the
page (flattened), in memory only, and its text is read again: the words then have the boxes at which they are seen, and
what is hidden, or only printed, is left out.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from pillion.readers.pdf import textboxes
from pillion.readers.pdf.text import Box, shown_boxes

if TYPE_CHECKING:
    import pypdfium2

_MAX_ANNOTATIONS = 5000
"""Of one page."""
_MAX_CONTENTS = 20_000
_COMB = 1 << 24
"""The flag of a text field (ISO 32000-1, table 228)."""
_MAX_DATA = 16 << 20
_MAX_VALUES = 5000
_NO_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE = re.compile(r"&(?!#?\w+;)")
_XFA_DATA = "http://www.xfa.org/schema/xfa-data/1.0/"


@dataclass(frozen=True, slots=True)
class Remark:
    """What someone wrote into an annotation: a note, a comment on a marked place, text typed onto the page."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Annotations:
    """``shown``: whether there are any that draw something. ``fields``: whether some are fields of a form.

    ``combs``: the values of fields that draw each letter in a space of its own.
    """

    shown: bool
    fields: bool
    remarks: tuple[Remark, ...]
    combs: tuple[Remark, ...]


def fill_forms(document: pypdfium2.PdfDocument) -> None:
    """Let PDFium draw the values of the form, also those without an appearance. To be called before anything else."""
    import pypdfium2
    import pypdfium2.raw as raw

    if document.get_formtype() == raw.FORMTYPE_NONE or document.formenv:
        return
    # As PdfDocument.init_forms, which writes a warning for each XFA form.
    config = raw.FPDF_FORMFILLINFO(version=2)
    environment = raw.FPDFDOC_InitFormFillEnvironment(document, config)
    if environment:
        document.formenv = pypdfium2.PdfFormEnv(environment, config)


def seen(page: pypdfium2.PdfPage) -> Annotations:
    """Those that are seen on the screen."""
    import pypdfium2.raw as raw

    shown = fields = False
    remarks: list[Remark] = []
    combs: list[Remark] = []
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        with _annotation(page, index) as item:
            kind = raw.FPDFAnnot_GetSubtype(item) if item else raw.FPDF_ANNOT_LINK
            if kind in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP) or _is_unseen(item):
                continue
            shown = True
            if kind == raw.FPDF_ANNOT_WIDGET:
                fields = True
                if text := _comb(page, item):
                    combs.append(Remark(text, _box(page, item)))
            elif text := _contents(item):
                remarks.append(Remark(text, _box(page, item)))
    return Annotations(shown, fields, tuple(remarks), tuple(combs))


def draw_text_boxes(page: pypdfium2.PdfPage) -> None:
    """Make appearances for the text boxes that have none, or that of one line which PDFium makes as it opens a page."""
    import pypdfium2.raw as raw

    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        with _annotation(page, index) as item:
            if not item or raw.FPDFAnnot_GetSubtype(item) != raw.FPDF_ANNOT_FREETEXT or _is_unseen(item):
                continue
            if _has_appearance(item):
                continue
            if text := _contents(item):
                rect = raw.FS_RECTF()
                raw.FPDFAnnot_GetRect(item, rect)
                appearance = _string(functools.partial(raw.FPDFAnnot_GetStringValue, item, b"DA"))
                box = (rect.left, rect.bottom, rect.right, rect.top)
                textboxes.draw(page.pdf, item, text, appearance, box)


def _has_appearance(item: Any) -> bool:
    """Whether an annotation has an appearance of its own, not that which PDFium makes for text boxes."""
    import pypdfium2.raw as raw

    content = _string(functools.partial(raw.FPDFAnnot_GetAP, item, raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL))
    return bool(content) and not (content.startswith("/GS gs") and "/Tx BMC" in content)


def flatten(page: pypdfium2.PdfPage) -> bool:
    """Make the annotations a part of the page, which has to be opened again to be seen; whether there were any."""
    import pypdfium2.raw as raw

    for index in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        with _annotation(page, index) as item:
            unseen = bool(item) and _is_unseen(item)
        # PDFium would make what is only printed a part of the page.
        if unseen:
            raw.FPDFPage_RemoveAnnot(page, index)
    return bool(raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS)


@contextmanager
def _annotation(page: pypdfium2.PdfPage, index: int) -> Iterator[Any]:
    import pypdfium2.raw as raw

    item = raw.FPDFPage_GetAnnot(page, index)
    try:
        yield item
    finally:
        if item:
            raw.FPDFPage_CloseAnnot(item)


def _is_unseen(item: Any) -> bool:
    import pypdfium2.raw as raw

    return bool(raw.FPDFAnnot_GetFlags(item) & (raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW))


def _comb(page: pypdfium2.PdfPage, item: Any) -> str:
    import pypdfium2.raw as raw

    form = page.formenv
    if not form or not raw.FPDFAnnot_GetFormFieldFlags(form, item) & _COMB:
        return ""
    if raw.FPDFAnnot_GetFormFieldType(form, item) != raw.FPDF_FORMFIELD_TEXTFIELD:
        return ""
    return _string(functools.partial(raw.FPDFAnnot_GetFormFieldValue, form, item))


def _contents(item: Any) -> str:
    import pypdfium2.raw as raw

    return _string(functools.partial(raw.FPDFAnnot_GetStringValue, item, b"Contents"))


def _string(get: Callable[[Any, int], int]) -> str:
    """What PDFium writes as UTF-16 into a buffer of the size that it gives, without control characters."""
    size = get(None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    get(buffer, size)
    text = bytes(buffer)[: size - 2].decode("utf-16-le", "replace")
    return "".join(letter for letter in text[:_MAX_CONTENTS] if letter.isprintable() or letter in "\r\n\t").strip()


def _box(page: pypdfium2.PdfPage, item: Any) -> Box:
    import pypdfium2.raw as raw

    rect = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(item, rect)
    return shown_boxes(page, [(rect.left, rect.bottom, rect.right, rect.top)])[0]


# XFA ------------------------------------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"(?i)adobe\.com/|please\s+wait")
_MAX_PLACEHOLDER = 3000


class Xfa(Enum):
    """Whether a document has a form in XFA, which only Adobe's programs show, and whether it replaces the pages."""

    NONE = "none"
    BESIDE = "beside"
    REPLACES = "replaces"


def xfa(document: pypdfium2.PdfDocument) -> Xfa:
    """See :class:`Xfa`."""
    import pypdfium2.raw as raw

    kinds = {raw.FORMTYPE_XFA_FULL: Xfa.REPLACES, raw.FORMTYPE_XFA_FOREGROUND: Xfa.BESIDE}
    return kinds.get(document.get_formtype(), Xfa.NONE)


def is_placeholder(text: str) -> bool:
    """Whether the text of a page in a file with XFA only says that another program is needed."""
    return len(text) <= _MAX_PLACEHOLDER and bool(_PLACEHOLDER.search(text))


def xfa_values(document: pypdfium2.PdfDocument) -> list[tuple[str, str]]:
    """Name and value of the filled fields of an XFA form, in their order; none if its data cannot be read."""
    import pypdfium2.raw as raw

    for index in range(min(raw.FPDF_GetXFAPacketCount(document), 100)):
        data = _packet(document, index)
        if _XFA_DATA.encode() in data and (values := _values(data)):
            return values
    return []


def _packet(document: pypdfium2.PdfDocument, index: int) -> bytes:
    import pypdfium2.raw as raw

    size = ctypes.c_ulong()
    if not raw.FPDF_GetXFAPacketContent(document, index, None, 0, size) or not 0 < size.value <= _MAX_DATA:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    raw.FPDF_GetXFAPacketContent(document, index, buffer, size.value, size)
    return buffer.raw


def _values(data: bytes) -> list[tuple[str, str]]:
    """The text of the elements below ``xfa:data`` that have no others in them."""
    found: list[tuple[str, str]] = []
    open_names: list[str] = []
    pieces: list[str] = []
    inside = 0

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal inside
        inside += bool(inside) or name == f"{_XFA_DATA} data"
        open_names.append(name.rpartition(" ")[2])
        pieces.clear()

    def end(_name: str) -> None:
        nonlocal inside
        value = " ".join("".join(pieces).split())
        if inside and value and len(found) < _MAX_VALUES:
            found.append((open_names[-1], value))
        open_names.pop()
        pieces.clear()
        inside -= bool(inside)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = pieces.append
    try:
        text = _BARE.sub("&amp;", _NO_XML.sub("", data.decode("utf-8", "replace")))
        parser.Parse(text.encode(), True)
    except expat.ExpatError:
        # What came before the damage was read.
        return found
    return found
