"""Pages of an OCR result in pixels, in paragraphs, lines and words, for the formats that want them so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pillion.kinds.ocr.result import Block, BlockType, Box, OcrLine, OcrPage, OcrWord

PDF_DPI = 300
"""Pages of a PDF have no pixels: they are given those of a scan at this resolution."""

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Pixels:
    """A page's scale: how many pixels are one of its units."""

    scale: float
    width: int
    height: int

    @classmethod
    def of(cls, page: OcrPage) -> Pixels:
        """That of a page: pictures have pixels of their own."""
        scale = PDF_DPI / 72 if page.unit == "point" else 1.0
        return cls(scale, max(1, round(page.width * scale)), max(1, round(page.height * scale)))

    def box(self, box: Box) -> tuple[int, int, int, int]:
        """Whole pixels, on the page, at least one wide and high."""
        left, top, right, bottom = (round(side * self.scale) for side in box)
        left, top = min(max(left, 0), self.width - 1), min(max(top, 0), self.height - 1)
        return left, top, min(max(right, left + 1), self.width), min(max(bottom, top + 1), self.height)


def blocks(page: OcrPage) -> Iterator[Block]:
    """The page's blocks; where it has none (sidecars of versions before 3), one of all its lines."""
    if page.blocks or not page.lines:
        yield from page.blocks
    else:
        box = around([line.box for line in page.lines])
        whole = (0.0, 0.0, page.width, page.height)
        yield Block(type=BlockType.TEXT, box=box or whole, lines=tuple(range(len(page.lines))))


def paragraphs_of(page: OcrPage, block: Block) -> Iterator[list[OcrLine]]:
    """The lines of a block by paragraph; a table is one."""
    lines: list[OcrLine] = []
    for number in block.lines:
        line = page.lines[number]
        if line.paragraph and lines and block.type is not BlockType.TABLE:
            yield lines
            lines = []
        lines.append(line)
    if lines:
        yield lines


def words(line: OcrLine) -> Sequence[OcrWord]:
    """The words of a line; where it has only a box of its own, that is shared out by the length of its words."""
    if line.words or line.box is None:
        return line.words
    texts = line.text.split()
    share = (line.box[2] - line.box[0]) / max(1, len(" ".join(texts)))
    result, left = [], line.box[0]
    for text in texts:
        right = left + share * len(text)
        result.append(OcrWord(text=text, confidence=None, box=(left, line.box[1], right, line.box[3])))
        left = right + share
    return result


def around(boxes: Sequence[Box | None]) -> Box | None:
    """The smallest box that holds all that there are; None if there is none."""
    there = [box for box in boxes if box is not None]
    if not there:
        return None
    lefts, tops, rights, bottoms = zip(*there, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def xml_text(text: str) -> str:
    """Text that may stand in XML, without what XML 1.0 has no way to write."""
    plain = _NOT_IN_XML.sub("\ufffd", text)
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        plain = plain.replace(character, written)
    return plain
