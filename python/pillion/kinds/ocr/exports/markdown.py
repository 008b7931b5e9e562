"""Markdown (CommonMark, with the tables of GitHub): headings, paragraphs, lists, tables; a rule between pages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from pillion.kinds.ocr.exports.pages import blocks, paragraphs_of
from pillion.kinds.ocr.order import joined_words
from pillion.kinds.ocr.result import Block, BlockType, OcrLine, OcrPage, OcrResult

_TITLE = 1.3
"""A heading so many times as high as the lowest one is a title."""
_MARKS = re.compile(r"([\\`*_\[\]<>|])")
_LINE_START = re.compile(r"^(#{1,6}(?= )|[+-](?= )|\d{1,9}[.)](?= )|>)")
_BULLET = re.compile(r"^[•◦▪●○■□‣⁃·*–—-]\s+")
_NUMBER = re.compile(r"^\(?(\d{1,2})[.)]\s+")
_BREAK = "\\\n"
_HYPHEN_AT_END = re.compile(r"(?<=\w)[-\u2010\u00ad]$")


def markdown(result: OcrResult) -> str:
    """The document."""
    pages = ["\n\n".join(_page(page)) for page in result.pages]
    return "\n\n---\n\n".join(page for page in pages if page) + "\n"


def _page(page: OcrPage) -> Iterator[str]:
    heights = [_height(page, block) for block in page.blocks if block.type is BlockType.HEADING]
    lowest = min(heights, default=0.0)
    for block in blocks(page):
        if block.type is BlockType.TABLE:
            yield _table(block)
        elif block.type is BlockType.HEADING:
            level = "#" if _height(page, block) >= _TITLE * lowest else "##"
            yield f"{level} {_joined([page.lines[number] for number in block.lines])}"
        else:
            yield from (_paragraph(block, lines) for lines in paragraphs_of(page, block))


def _height(page: OcrPage, block: Block) -> float:
    boxes = [line.box for line in (page.lines[number] for number in block.lines) if line.box]
    return max((box[3] - box[1] for box in boxes), default=0.0)


def _paragraph(block: Block, lines: Sequence[OcrLine]) -> str:
    text = _BREAK.join(_joined(some) for some in _rows_apart(lines))
    if block.type is BlockType.CAPTION:
        return f"*{text}*"
    if block.type is not BlockType.LIST:
        return _LINE_START.sub(r"\\\1", text)
    first = lines[0].text
    if _BULLET.match(first):
        return "- " + _joined(lines, _BULLET)
    number = _NUMBER.match(first)
    return f"{number[1]}. {_joined(lines, _NUMBER)}" if number else f"- {text}"


def _rows_apart(lines: Sequence[OcrLine]) -> Iterator[list[OcrLine]]:
    """The lines, of which each row of cells stays one."""
    for is_row, some in itertools.groupby(lines, lambda line: "\t" in line.text):
        together = list(some)
        yield from ([line] for line in together) if is_row else [together]


def _joined(lines: Sequence[OcrLine], beginning: re.Pattern[str] | None = None) -> str:
    """Lines as one; words that were parted at the end of a line are put together."""
    text = ""
    for line in lines:
        words = " ".join(line.text.split())
        if beginning is not None and not text:
            words = beginning.sub("", words)
        goes_on = text and _HYPHEN_AT_END.search(text) and words[:1].islower()
        text = _HYPHEN_AT_END.sub("", text) + words if goes_on else joined_words([text, words]).strip()
    return _MARKS.sub(r"\\\1", text)


def _table(block: Block) -> str:
    width = max(len(row) for row in block.rows)
    rows = [[_MARKS.sub(r"\\\1", cell) for cell in row] + [""] * (width - len(row)) for row in block.rows]
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + " --- |" * width, *body])
