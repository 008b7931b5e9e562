"""The text layer of a PDF page, and what else is drawn there. Callers hold ``document.LOCK``.

PDFium is called for the ends of each word, by function address and without releasing the GIL, which takes half the time
of a call by pypdfium2. A microsecond each matters on a page of 500 words.
"""

from __future__ import annotations

import ctypes
import functools
import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pypdfium2

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points of the page as it is shown, from its upper left corner."""

_MAX_CHARACTERS = 100_000
"""A page has about 3,000; of a longer one only the beginning is used."""
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 4
_CHECKED = 200
"""The number of characters that are checked for being visible."""
_BOX_BYTES = 16
"""Four C floats."""
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class TextLayer:
    """``boxes``: index of a character in ``text`` -> its box. Lines are separated by ``\\r\\n``.

    Only the first and last characters of words have boxes (as high as their font, which is the same in a word), and
    only if they have a width. ``objects``: for some evenly spread characters, PDFium's handle of the text object that
    they belong to; ``unseen``: those of the handles whose text is invisible (render mode 3, as OCR programs write it).
    """

    text: str
    boxes: Mapping[int, Box]
    objects: tuple[int, ...]
    unseen: frozenset[int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """``pictures``: the boxes of raster pictures; ``lines``: whether anything else than text and pictures is drawn.

    ``hidden_text``: the share of the text, 0 to 1, that is invisible or covered by a picture.
    """

    pictures: tuple[Box, ...]
    lines: bool
    hidden_text: float


# characters -----------------------------------------------------------------------------------------------------------


def text_layer(page: pypdfium2.PdfPage) -> TextLayer:
    """All characters of the page with their boxes."""
    import pypdfium2.raw as raw

    textpage = page.get_textpage()
    try:
        calls = _calls()
        handle = _address(textpage.raw)
        count = min(max(0, raw.FPDFText_CountChars(textpage.raw)), _MAX_CHARACTERS)
        text = _text(textpage.raw, handle, count)
        ends: list[int] = []
        for word in _WORD.finditer(text):
            start, last = word.start(), word.end() - 1
            ends += [start] if start == last else [start, last]
        bounds = array("f", bytes(_BOX_BYTES * len(ends)))
        first = bounds.buffer_info()[0]
        for row, index in enumerate(ends):
            calls.box(handle, index, first + _BOX_BYTES * row)
        objects = [calls.object(handle, index) or 0 for index in range(0, count, max(1, count // _CHECKED))]
        unseen = frozenset(
            item for item in set(objects) if item and calls.mode(item) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
        )
    finally:
        textpage.close()
    # PDFium gives left, top, right, bottom, with the origin at the bottom.
    left, top, right, bottom = (bounds[side::4] for side in range(4))
    shown = _shown(page, left, bottom, right, top)
    boxes = {
        index: box
        for index, box, begin, end in zip(ends, shown, left, right, strict=True)
        if begin != end and box[0] < box[2] and all(map(math.isfinite, box))
    }
    return TextLayer(text, boxes, tuple(item for item in objects if item), unseen)


def _text(textpage: Any, handle: int, count: int) -> str:
    """As many characters as PDFium counts."""
    import pypdfium2.raw as raw

    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(textpage, 0, count, buffer)
    text = bytes(memoryview(buffer)[: max(0, written - 1)]).decode("utf-16-le", errors="replace")
    if len(text) == count:
        return text
    # PDFium leaves out characters without a code, so indices no longer match.
    return "".join([_character(_calls().unicode(handle, index)) for index in range(count)])


def _character(code: int) -> str:
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


@dataclass(frozen=True, slots=True)
class _Calls:
    unicode: Callable[[int, int], int]
    box: Callable[[int, int, int], int]
    object: Callable[[int, int], int | None]
    mode: Callable[[int], int]


@functools.cache
def _calls() -> _Calls:
    import pypdfium2.raw as raw

    pointer, number = ctypes.c_void_p, ctypes.c_int
    prototype = ctypes.PYFUNCTYPE
    return _Calls(
        prototype(ctypes.c_uint, pointer, number)(_address(raw.FPDFText_GetUnicode)),
        prototype(number, pointer, number, pointer)(_address(raw.FPDFText_GetLooseCharBox)),
        prototype(pointer, pointer, number)(_address(raw.FPDFText_GetTextObject)),
        prototype(number, pointer)(_address(raw.FPDFTextObj_GetTextRenderMode)),
    )


def _address(item: Any) -> int:
    return ctypes.cast(item, ctypes.c_void_p).value or 0


# what is drawn --------------------------------------------------------------------------------------------------------


def drawn(page: pypdfium2.PdfPage, text: TextLayer) -> Drawn:
    """See :class:`Drawn`."""
    import pypdfium2.raw as raw

    pictures: list[Box] = []
    texts: list[Any] = []
    covered = 0
    lines = False
    width, height = page.get_size()
    for kind, item, matrix in _objects(page):
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append(item)
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            box = _clipped(_picture_box(page, item, matrix), width, height)
            if box is None:
                continue
            pictures.append(box)
            if _area(box) > _COVERS * width * height:
                covered = len(texts)
        else:
            lines = True
    unseen = text.unseen.union(map(_address, texts[:covered]))
    hidden = [item in unseen for item in text.objects]
    return Drawn(tuple(pictures), lines, sum(hidden) / len(hidden) if hidden else 0.0)


_COVERS = 0.5
"""A picture of this share of the page that is drawn after the text hides it."""

_Matrix = tuple[float, float, float, float, float, float]
_AS_IT_IS: _Matrix = (1, 0, 0, 1, 0, 0)


def _objects(page: pypdfium2.PdfPage) -> Iterator[tuple[int, Any, _Matrix]]:
    """Kind, handle and matrix of the forms around it, for the first objects of the page, in drawing order."""
    import pypdfium2.raw as raw

    left = _MAX_OBJECTS

    def walk(count: int, get: Callable[[int], Any], matrix: _Matrix, depth: int) -> Iterator[tuple[int, Any, _Matrix]]:
        nonlocal left
        for index in range(count):
            left -= 1
            if left < 0:
                return
            item = get(index)
            if not item:
                continue
            kind = raw.FPDFPageObj_GetType(item)
            if kind != raw.FPDF_PAGEOBJ_FORM:
                yield kind, item, matrix
            elif depth < _MAX_DEPTH:
                inner = _after(_matrix(item), matrix)
                within = functools.partial(raw.FPDFFormObj_GetObject, item)
                yield from walk(raw.FPDFFormObj_CountObjects(item), within, inner, depth + 1)

    top = functools.partial(raw.FPDFPage_GetObject, page)
    yield from walk(raw.FPDFPage_CountObjects(page), top, _AS_IT_IS, 0)


def _matrix(item: Any) -> _Matrix:
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, matrix):
        return _AS_IT_IS
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _after(first: _Matrix, then: _Matrix) -> _Matrix:
    """The product of two matrices, with row vectors as in PDF."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def _picture_box(page: pypdfium2.PdfPage, item: Any, matrix: _Matrix) -> Box:
    """A picture fills the unit square of its matrix."""
    a, b, c, d, e, f = _after(_matrix(item), matrix)
    xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
    sides = (array("f", [side]) for side in (min(xs), min(ys), max(xs), max(ys)))
    return _shown(page, *sides)[0]


def _clipped(box: Box, width: float, height: float) -> Box | None:
    left, top, right, bottom = max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


# coordinates ----------------------------------------------------------------------------------------------------------


def shown_boxes(page: pypdfium2.PdfPage, boxes: Sequence[Box]) -> list[Box]:
    """Boxes in the file's coordinates (left, bottom, right, top) as boxes on the page as it is shown."""
    sides = (array("f", [box[side] for box in boxes]) for side in range(4))
    return _shown(page, *sides)


def _shown(
    page: pypdfium2.PdfPage, left: array[float], bottom: array[float], right: array[float], top: array[float]
) -> list[Box]:
    """From the file's coordinates to boxes on the page as shown: relative to its crop box, rotated by /Rotate.

    They are C floats, as PDFium's are, and so is each step on the way.
    """
    import pypdfium2.raw as raw

    rect = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, rect)
    width, height = array("f", [rect.right - rect.left, rect.top - rect.bottom])
    x1, x2 = (array("f", [x - rect.left for x in side]) for side in (left, right))
    y1, y2 = (array("f", [rect.top - y for y in side]) for side in (top, bottom))
    turn = raw.FPDFPage_GetRotation(page) % 4
    if turn in (1, 2):
        y1, y2 = (array("f", [height - y for y in side]) for side in (y2, y1))
    if turn in (2, 3):
        x1, x2 = (array("f", [width - x for x in side]) for side in (x2, x1))
    return list(zip(y1, x1, y2, x2, strict=True) if turn in (1, 3) else zip(x1, y1, x2, y2, strict=True))
