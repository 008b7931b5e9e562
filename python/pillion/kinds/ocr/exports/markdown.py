"""Markdown (CommonMark, with the tables of GitHub): headings, paragraphs, lists, tables; a rule between pages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from pillion.kinds.ocr.exports.pages import blocks, paragraphs_of
from pillion.kinds.ocr.result import (
    Block,
    BlockType,
    Direction,
    OcrLine,
    OcrPage,
    OcrResult,
    are_unspaced,
    joined_words,
)

_TITLE = 1.3
"""A heading so many times as high as the lowest one is a title."""
_MOSTLY = 0.5
_ROOM = 2.0
"""So many letters' widths stand beside a word that would have fitted."""
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
            yield from (_paragraph(page, block, lines) for lines in paragraphs_of(page, block))


def _height(page: OcrPage, block: Block) -> float:
    boxes = [line.box for line in (page.lines[number] for number in block.lines) if line.box]
    return max((box[3] - box[1] for box in boxes), default=0.0)


def _paragraph(page: OcrPage, block: Block, lines: Sequence[OcrLine]) -> str:
    apart = list(_rows_apart(lines))
    if block.type is BlockType.TEXT:
        parts = [part for some in apart for part in _parted(page, some)]
        return _BREAK.join(_LINE_START.sub(r"\\\1", _joined(part)) for part in parts)
    text = _BREAK.join(_joined(some) for some in apart)
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


def _parted(page: OcrPage, lines: Sequence[OcrLine]) -> Iterator[Sequence[OcrLine]]:
    """The lines of a paragraph, parted where one ends before the next one's first word would not have fitted in it.

    Where most do, all are lines by themselves: of an address, a poem or a form, the widest one, too.
    """
    ends = [*_early(lines)] if page.direction is Direction.RIGHT and not page.rotation else []
    if ends and sum(ends) >= _MOSTLY * len(ends):
        yield from ([line] for line in lines)
        return
    first = 0
    for end in [at for at, is_early in enumerate(ends, 1) if is_early]:
        yield lines[first:end]
        first = end
    yield lines[first:]


def _early(lines: Sequence[OcrLine]) -> Iterator[bool]:
    """Of each line but the last, whether the first word of the next one would have fitted beside it."""
    right = max((line.box[2] for line in lines if line.box), default=0.0)
    for line, after in itertools.pairwise(lines):
        words = line.text, after.text
        if line.box is None or not all(words) or are_unspaced(words):
            yield False
            continue
        letter = (line.box[2] - line.box[0]) / len(line.text)
        needed = letter * (len(after.text.split(maxsplit=1)[0]) + _ROOM)
        yield line.box[2] + needed < right and not _HYPHEN_AT_END.search(line.text)


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
