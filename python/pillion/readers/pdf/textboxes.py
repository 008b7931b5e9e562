"""Text boxes without an appearance (FreeText), drawn as viewers do: in lines that fit into the box.

PDFium makes an appearance of one line for them. Callers hold ``document.LOCK``.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pypdfium2

_FONTS = {"helv": "Helvetica", "cour": "Courier", "tiro": "Times-Roman", "times": "Times-Roman"}
"""The standard font by how the name in an appearance string begins."""
_SIZE = re.compile(r"/(\S+)\s+(-?[\d.]+)\s+Tf")
_COLOUR = re.compile(r"((?:[\d.]+\s+){1,4}(?:g|rg|k))(?![a-z])")
_USUAL_SIZE = 12.0
_LEADING = 1.2
_BORDER = 1.0
_MARGIN = 2.0
"""Points between the border and the text."""
_MOST_CHARACTERS = 5000

Width = Callable[[str], float]


def draw(document: pypdfium2.PdfDocument, item: Any, text: str, appearance: str, box: tuple[float, ...]) -> None:
    """Give an annotation an appearance with this text; one whose letters the standard fonts lack stays as it is.

    ``appearance``: its string of that name (DA); ``box``: left, bottom, right, top in points.
    """
    import pypdfium2.raw as raw

    try:
        text[:_MOST_CHARACTERS].encode("cp1252")
    except UnicodeEncodeError:
        return
    named = _SIZE.search(appearance)
    size = abs(float(named[2])) if named and re.fullmatch(r"-?\d*\.?\d+", named[2]) else 0.0
    size = min(size, 500.0) or _USUAL_SIZE
    name = named[1] if named else "Helv"
    colour = _COLOUR.search(appearance)
    font = _FONTS.get(next((key for key in _FONTS if name.lower().startswith(key)), ""), "Helvetica")
    loaded = raw.FPDFText_LoadStandardFont(document, font.encode())
    if not loaded:
        return
    try:
        room = box[2] - box[0] - 2 * (_BORDER + _MARGIN)
        lines = list(wrapped(text[:_MOST_CHARACTERS], room, _width(loaded, size)))
    finally:
        raw.FPDFFont_Close(loaded)
    content = _content(lines, colour[1] if colour else "0 g", font, size, box)
    wide = content.encode("utf-16-le") + bytes(2)
    buffer = (ctypes.c_ushort * (len(wide) // 2)).from_buffer_copy(wide)
    raw.FPDFAnnot_SetAP(item, raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL, buffer)


def wrapped(text: str, room: float, width: Width) -> Iterator[str]:
    """The lines of a text, broken between words where they are wider than ``room``."""
    for paragraph in re.split(r"\r\n|\r|\n", text):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and width(longer) > room:
                yield line
                line = word
            else:
                line = longer
        yield line


def _width(font: Any, size: float) -> Width:
    import pypdfium2.raw as raw

    def width(text: str) -> float:
        total, one = 0.0, ctypes.c_float()
        for letter in text:
            if raw.FPDFFont_GetGlyphWidth(font, ord(letter), size, one):
                total += one.value
        return total

    return width


def _content(lines: list[str], colour: str, font: str, size: float, box: tuple[float, ...]) -> str:
    """A border in the colour of the text, and the lines from the top, cut off at the border."""
    left, bottom, right, top = box
    inner = (
        f"{left + _BORDER:.2f} {bottom + _BORDER:.2f} {right - left - 2 * _BORDER:.2f} {top - bottom - 2 * _BORDER:.2f}"
    )
    outer = f"{left:.2f} {bottom:.2f} {right - left:.2f} {top - bottom:.2f}"
    shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines)
    start = f"{left + _BORDER + _MARGIN:.2f} {top - _BORDER - size:.2f} Td"
    return (
        f"q {colour} {outer} re {inner} re f* Q\n"
        f"q {inner} re W n BT {colour} /{font} {size:.2f} Tf {_LEADING * size:.2f} TL {start}\n{shown}ET Q"
    )


def _escaped(line: str) -> str:
    """The bytes of WinAnsi as a string of PDF, in ASCII."""
    data = line.encode("cp1252")
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b"()\\" else f"\\{byte:03o}" for byte in data)
