"""The blocks that a page's lines make: a heading, a table, a list, ...

All is judged by the boxes of lines and words and by how lines begin, in the order that order.py finds.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pillion.kinds.ocr.order import Placed, Size, View, around_each, as_read, joined_words, mostly_run_left
from pillion.kinds.ocr.result import Block, BlockType, Box, Direction, OcrLine, OcrPage, OcrWord, mean_confidence

# blocks ---------------------------------------------------------------------------------------------------------------

# A table is evidence of its own: rows below each other that are parted into cells at the same places.

_TABLE_ROWS = 3
_WIDE_ROWS = 2
"""A table has three rows; of three cells and more, two."""
_ALIGNED = 0.6
"""The share of a row's cells that begin, end or have their middle where cells of the row before do."""
_NEAR = 0.8
_ROW_PITCH = 3.5
_LARGE = 1.25
"""A heading is set so many times larger than most lines of the page."""
_HEADING_LINES = 3
_HEADING_WORDS = 30
_APART = 1.3
"""Lines of one block are less than so many heights apart, of about the same height, and above each other."""
_AS_HIGH = 1.5
_FOOT = 0.92
_FOOT_WORDS = 20
_CAPTION_LINES = 4
"""A longer paragraph that begins with "Table 4" is about it."""
_NUMBERED = 1.08
_FIGURE_SIDE = 0.05
_FIGURE_TEXT = 0.3
_BULLET = re.compile(r"[•◦▪●○■□‣⁃·*–—-]\s+\S")
_ITEM = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]\s+\S")
_NUMBER = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]$")
_SECTION = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?\s+[^\W\d_].*[^.,;:]$")
_CAPTION = re.compile(
    r"(?:fig(?:ure|ura|\.)?|abb(?:ildung|\.)?|tab(?:le|elle|leau|la|\.)?|cuadro|chart|plate|scheme)\s*\d+\b[.:)\s]?",
    re.IGNORECASE,
)


def structured(
    lines: Sequence[OcrLine],
    size: Size,
    rotation: int = 0,
    figures: Sequence[Box] = (),
    *,
    skew: float = 0.0,
    to_left: bool = False,
    in_order: bool = False,
) -> tuple[tuple[OcrLine, ...], tuple[Block, ...]]:
    """The lines, with tabs between the cells of tables, and the blocks that they make, in reading order.

    ``size``, ``figures``: of the page, in its own unit. ``rotation``: degrees clockwise by which to turn it to read it;
    ``skew``: degrees by which its lines fall to the right then. ``to_left``: most of them run from right to left.
    ``in_order``: they are, but for tables.
    """
    if not lines or any(line.box is None for line in lines):
        return tuple(lines), ()
    read = as_read(lines, View(size, rotation, skew, to_left), in_order=in_order)
    lines = [place.line for place, _ in read]
    boxes = [place.box for place, _ in read]
    cells = [_cells(place, parts) for place, parts in read]
    body = _body_height(lines, boxes)
    bottom = size[rotation % 180 == 0]
    parts: list[tuple[BlockType, range, int]] = []
    number = 0
    while number < len(lines):
        rows = _table(cells, boxes, number)
        end = number + rows if rows else _end_of_block(lines, boxes, cells, number)
        if rows and _are_items(cells[number:end]):
            kind, rows = BlockType.LIST, 0
        elif rows:
            kind = BlockType.TABLE
        else:
            kind = _type(lines[number:end], boxes[number:end], body, bottom, is_last=end == len(lines))
        parts.append((kind, range(number, end), rows))
        number = end
    outer = around_each([lines[part.start : part.stop] for _, part, _ in parts])
    found = [
        Block(type=kind, box=box, lines=tuple(part), rows=tuple(_texts(cells[row]) for row in part) if rows else ())
        for (kind, part, rows), box in zip(parts, outer, strict=True)
    ]
    tabbed = list(lines)
    for block in found:
        for place, row in zip(block.lines, block.rows, strict=False):
            tabbed[place] = replace(lines[place], text="\t".join(row), paragraph=place == block.lines[0])
    return tuple(tabbed), tuple(_with_figures(_with_lists(found, lines), _real(figures, boxes, size)))


# tables ---------------------------------------------------------------------------------------------------------------

Cell = tuple[float, float, Sequence[OcrWord]]
"""Left, right, words."""


def _cells(place: Placed, parts: Sequence[tuple[int, int]]) -> list[Cell]:
    """The words of a line, parted at wide gaps; none for a line without words."""
    return [(place.words[first][0], place.words[end - 1][2], place.line.words[first:end]) for first, end in parts]


def _table(cells: Sequence[Sequence[Cell]], boxes: Sequence[Box], first: int) -> int:
    """How many rows of a table begin at this line; 0 if none does."""
    if len(cells[first]) < 2:
        return 0
    end = first + 1
    while end < len(cells) and len(cells[end]) > 1:
        above, below = boxes[end - 1], boxes[end]
        height = max(above[3] - above[1], 1.0)
        if not 0 < below[1] - above[1] < _ROW_PITCH * height or not _aligned(cells[end - 1], cells[end], height):
            break
        end += 1
    rows = end - first
    wide = sum(len(row) > 2 for row in cells[first:end])
    return rows if rows >= _TABLE_ROWS or (rows >= _WIDE_ROWS and wide == rows) else 0


def _aligned(above: Sequence[Cell], below: Sequence[Cell], height: float) -> bool:
    near = _NEAR * height
    met = sum(
        any(
            abs(one[0] - two[0]) < near
            or abs(one[1] - two[1]) < near
            or abs(one[0] + one[1] - two[0] - two[1]) < 2 * near
            for two in above
        )
        for one in below
    )
    return met >= _ALIGNED * min(len(above), len(below)) and met >= 2


def _are_items(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether each row is a mark and words: a bullet, read as any character, or a number with a point or bracket."""
    marks = [" ".join(word.text for word in row[0][2]) for row in rows if len(row) == 2]
    return len(marks) == len(rows) and all(
        (len(mark) == 1 and not mark.isdigit()) or _NUMBER.match(mark) for mark in marks
    )


def _texts(row: Sequence[Cell]) -> tuple[str, ...]:
    return tuple(joined_words([word.text for word in words]) for _, _, words in row)


# other blocks ---------------------------------------------------------------------------------------------------------


def _end_of_block(lines: Sequence[OcrLine], boxes: Sequence[Box], cells: Sequence[Sequence[Cell]], first: int) -> int:
    """After the last line of the block of this one: where a paragraph begins, or the page goes on elsewhere."""
    for place in range(first + 1, len(lines)):
        above, below = boxes[place - 1], boxes[place]
        high, low = above[3] - above[1], below[3] - below[1]
        if (
            lines[place].paragraph
            or below[1] < above[1]
            or below[1] - above[3] > _APART * min(high, low)
            or max(high, low) > _AS_HIGH * min(high, low)
            or below[0] > above[2]
            or above[0] > below[2]
            or (len(cells[place]) > 1 and _table(cells, boxes, place))
        ):
            return place
    return len(lines)


def _type(lines: Sequence[OcrLine], boxes: Sequence[Box], body: float, bottom: float, *, is_last: bool) -> BlockType:
    words = sum(len(line.text.split()) for line in lines)
    if is_last and boxes[0][1] > _FOOT * bottom and words <= _FOOT_WORDS:
        return BlockType.FOOTER
    if len(lines) <= _CAPTION_LINES and _CAPTION.match(lines[0].text):
        return BlockType.CAPTION
    high = statistics.median(box[3] - box[1] for box in boxes)
    if high >= _LARGE * body and len(lines) <= _HEADING_LINES and words <= _HEADING_WORDS:
        return BlockType.HEADING
    first = lines[0].text
    if len(lines) == 1 and high >= _NUMBERED * body and words <= _HEADING_WORDS // 2 and _SECTION.match(first):
        return BlockType.HEADING
    return BlockType.LIST if _BULLET.match(first) or _ITEM.match(first) else BlockType.TEXT


def _with_lists(blocks: Sequence[Block], lines: Sequence[OcrLine]) -> Iterator[Block]:
    """The blocks; one that begins with a number by itself is no list."""
    for before, block, after in zip((None, *blocks), blocks, (*blocks[1:], None), strict=False):
        alone = all(near is None or near.type is not BlockType.LIST for near in (before, after))
        items = sum(bool(_ITEM.match(lines[number].text)) for number in block.lines)
        if block.type is BlockType.LIST and alone and items == 1 and not _BULLET.match(lines[block.lines[0]].text):
            yield replace(block, type=BlockType.TEXT)
        else:
            yield block


def _real(figures: Sequence[Box], lines: Sequence[Box], size: Size) -> list[Box]:
    """Those of some size that are not for the most part text."""
    found = []
    for figure in figures:
        width, height = figure[2] - figure[0], figure[3] - figure[1]
        if width < _FIGURE_SIDE * size[0] or height < _FIGURE_SIDE * size[1]:
            continue
        text = sum(
            max(0.0, min(figure[2], line[2]) - max(figure[0], line[0]))
            * max(0.0, min(figure[3], line[3]) - max(figure[1], line[1]))
            for line in lines
        )
        if text < _FIGURE_TEXT * width * height:
            found.append(figure)
    return found


def _body_height(lines: Sequence[OcrLine], boxes: Sequence[Box]) -> float:
    """The height of the line in the middle of the page's text, from the lowest lines to the highest."""
    heights = sorted((box[3] - box[1], len(line.text)) for line, box in zip(lines, boxes, strict=True))
    half = sum(length for _, length in heights) / 2
    for height, length in heights:
        half -= length
        if half <= 0:
            return height
    return heights[-1][0]


def _with_figures(blocks: Iterable[Block], figures: Sequence[Box]) -> Iterator[Block]:
    """Each figure before the first block that begins below its top and beside or below it, in reading order."""
    left = sorted(figures, key=lambda box: (box[1], box[0]))
    for block in blocks:
        for figure in list(left):
            if block.box[1] >= figure[1] and block.box[0] < figure[2] and figure[0] < block.box[2]:
                left.remove(figure)
                yield Block(type=BlockType.FIGURE, box=figure)
        yield block
    for figure in left:
        yield Block(type=BlockType.FIGURE, box=figure)


# a page as it is stored -----------------------------------------------------------------------------------------------

FROM_THE_LEFT = 270
"""By so many degrees a page of columns is turned so that these are lines: seen from its left side."""


def ocr_page(
    number: int,
    size: tuple[float, float],
    unit: str,
    lines: tuple[OcrLine, ...],
    rotation: int = 0,
    source: str = "ocr",
    languages: tuple[str, ...] = (),
    figures: tuple[Box, ...] = (),
    skew: float = 0.0,
    down: bool = False,
) -> OcrPage:
    """A page as it is stored, its lines in blocks. ``down``: its lines run downwards, the first one on the right."""
    # Seen from its left side, columns are lines: they run to the right, the first one at the top.
    seen = (rotation + FROM_THE_LEFT) % 360 if down else rotation
    to_left = mostly_run_left([line.text for line in lines])
    lines, blocks = structured(lines, size, seen, figures, skew=skew, to_left=to_left, in_order=source != "ocr")
    return OcrPage(
        number=number,
        source=source,
        width=size[0],
        height=size[1],
        unit=unit,
        lines=lines,
        rotation=rotation,
        languages=languages,
        confidence=mean_confidence(lines),
        blocks=blocks,
        direction=Direction.DOWN if down else Direction.LEFT if to_left else Direction.RIGHT,
    )
