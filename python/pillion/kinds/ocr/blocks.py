"""The blocks that a page's lines make: a heading, a table, a list, ...; and the rows of tables.

All is judged by the boxes of lines and words and by how lines begin, in the order that order.py finds.
"""

from __future__ import annotations

import itertools
import operator
import re
import statistics
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pillion.kinds.ocr.columns import by_columns
from pillion.kinds.ocr.order import (
    Placed,
    Size,
    View,
    around_each,
    as_read,
    from_above,
    is_below,
    is_full,
    joined,
)
from pillion.kinds.ocr.result import (
    Block,
    BlockType,
    Box,
    Direction,
    OcrLine,
    OcrPage,
    OcrWord,
    joined_words,
    mean_confidence,
    mostly_run_left,
)

# blocks ---------------------------------------------------------------------------------------------------------------

# A table is evidence of its own: rows below each other that are parted into cells at the same places.

_TABLE_ROWS = 3
_WIDE_ROWS = 2
_WIDE_CELLS = 3
"""A table has three rows; of three cells and more, two."""
_ALIGNED = 0.6
_NEAR = 0.8
"""The share of a row's cells that begin, end or have their middle where cells of the row before do, ..."""
_ROWS_BEFORE = 3
"""... or where those of one of so many rows before it do: each may have cells that others lack."""
_ROW_PITCH = 3.5
_WIDE_PITCH = 6.0
"""Rows are less than so many heights apart; of three cells and more, each where one of the row before is, so many."""
_LARGE = 1.25
_LARGE_LETTERS = 1.15
"""A heading is so many times higher than most lines of the page, and its letters so many times larger."""
_HEADING_LINES = 3
_HEADING_WORDS = 30
_APART = 1.3
"""Lines of one block are less than so many heights apart, of about the same height, and above each other, ..."""
_MOST_APART = 3.0
_SAME_PITCH = 1.2
_FEW_GAPS = 4
_SPACE = 0.3
"""... or so many times as far apart as most long lines that follow each other, where these are some: a text
may be set with double spaces.
"""
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
    view = View(size, rotation, skew, to_left)
    rows = _in_rows(as_read(lines, view, by_columns, in_order=in_order))
    read = joined(rows, view) if any(len(row) > 1 for row in rows) else [row[0] for row in rows]
    read = read if in_order else _with_heads(rows, read)
    lines = [place.line for place in read]
    boxes = [place.box for place in read]
    cells = [_cells(place) for place in read]
    heights, letters = [place.height for place in read], [_letter_size(place) for place in read]
    body = _Type(_usual(heights, lines), _usual(letters, lines))
    bottom = size[rotation % 180 == 0]
    apart = _apart(boxes, cells)
    items = _items(lines, boxes)
    parts: list[tuple[BlockType, range, int]] = []
    number = 0
    while number < len(lines):
        count = _table(cells, boxes, number)
        end = number + count if count else _end_of_block(lines, boxes, cells, items, number, apart)
        if count and _are_items(cells[number:end]):
            kind, count = BlockType.LIST, 0
        elif count:
            kind = BlockType.TABLE
        else:
            own = _Type(statistics.median(heights[number:end]), statistics.median(letters[number:end]))
            is_foot = end == len(lines) and boxes[number][1] > _FOOT * bottom
            kind = _type(lines[number:end], own.times(body), is_foot=is_foot)
        parts.append((kind, range(number, end), count))
        number = end
    outer = around_each([lines[part.start : part.stop] for _, part, _ in parts])
    found = [
        Block(type=kind, box=box, lines=tuple(part), rows=_in_columns(cells[part.start : part.stop]) if count else ())
        for (kind, part, count), box in zip(parts, outer, strict=True)
    ]
    tabbed = list(lines)
    for block in found:
        for place, row in zip(block.lines, block.rows, strict=False):
            tabbed[place] = replace(lines[place], text="\t".join(filter(None, row)), paragraph=place == block.lines[0])
    return tuple(tabbed), tuple(_with_figures(_with_lists(found, lines), _real(figures, boxes, size)))


# rows of tables -------------------------------------------------------------------------------------------------------

# The engine reads many tables column by column. Where most lines of a block stand on the right of lines that were read
# before, they are rows of a table if the block is of numbers, or of short lines beside numbers, or of cells beside rows
# of cells, or of lines beside terms where the engine itself read rows with a gap at the same places. They are read row
# by row. So are one or two lines that are level with others on their left and stand in no column of their own: the last
# cells of rows that are few or far apart, which the engine reads after all else.

_LINES = 3
_MATCHED = 0.7
"""Such a share of a block's lines stand beside others, with such a share of their heights."""
_LABEL_WORDS = 7.0
_SHORT_WORDS = 5.0
_CELL_WORDS = 3.0
_CELL_WIDTH = 10.0
_MARK = re.compile(r"[\[({|]?\d{1,3}[\])}|.:]{1,2}|\d{1,3}[.)]|\d{1,2}(?:\.\d{1,2}){1,3}\.?|\(?[a-zA-Z][.)]|[^\d\s]")
_MARK_GAP = 4.0
"""A mark stands before its item by less than so many heights."""
_NEARLY_ALL = 0.9
_LEVEL = 0.5
"""Lines beside terms begin within so many heights of each other."""
_PAIR = 2
_NEAR_HEAD = 5.0
"""The row that heads columns begins less than so many heights above them."""
_LIKE = 2
"""So many rows of two parts show that others at the same places are rows, too."""
_TERM_WIDTH = 14.0
_OF_NUMBERS = 0.6
"""The share of a column's cells that are numbers."""
_TOP_OR_FOOT = 0.15
"""A lone cell begins or ends less than so many heights above or below what is on its left: it may have accents, ..."""
_LEVEL_FEET = 0.25
_NEAR_CELL = 4.0
"""... and so near to it, in its heights, there is no line over or under it that is not level with one on its left."""
_WRAPPED = 0.9
"""Lines of words that are less than so many heights apart are one cell."""


def _in_rows(blocks: Sequence[Sequence[Placed]]) -> list[list[Placed]]:
    """The lines in rows, where a block of them is a column of a table whose other columns were read before."""
    rows: list[list[Placed]] = []
    blocks = _with_whole_columns(blocks)
    pairs = [pair for block in blocks for line in block if (pair := _pair(line)) is not None]
    every = [line for block in blocks for line in block]
    for block in blocks:
        partners = _partners(rows, block) if rows else {}
        head = _head(block, partners)
        enough = len(block) >= _LINES and len(partners) >= max(_LINES, _MATCHED * (len(block) - head))
        beside = [rows[number] for number in partners.values()]
        marked = _marked(rows, block)
        is_column = enough and (_is_column(block[head:], beside) or _are_of_terms(block[head:], beside, pairs))
        is_headed = len(partners) >= max(_LINES, len(block) / 2) and _are_headed(block, beside, rows)
        if marked is not None:
            rows = marked
        elif (
            is_column
            or is_headed
            or (
                len(block) < _LINES
                and _are_lone_cells(block, [row[-1] for row in beside], every)
                and not _begins_row(block[-1], every)
                and not _is_wrapped(block)
            )
        ):
            rows = _woven(rows, block, partners)
        else:
            rows.extend([line] for line in block)
    return rows


def _with_heads(rows: Sequence[Sequence[Placed]], lines: list[Placed]) -> list[Placed]:
    """The lines that rows of cells make, each after what stands above it, over any of its cells; over the first where
    that is running text: beside this a note may stand.
    """
    if all(len(row) == 1 for row in rows):
        return lines
    return from_above(lines, [row[0] if is_full(row[0]) else line for row, line in zip(rows, lines, strict=True)])


def _are_lone_cells(block: Sequence[Placed], beside: Sequence[Placed], every: Sequence[Placed]) -> bool:
    """Whether all lines of a block are level with those ``beside`` them on their left, in no column of their own."""
    return len(beside) == len(block) and all(
        not is_full(line)
        and min(abs(line.box[side] - other.box[side]) for side in (1, 3)) < _TOP_OR_FOOT * line.height
        and not any(_is_of_column(near, line, every) for near in every)
        for line, other in zip(block, beside, strict=True)
    )


def _is_wrapped(block: Sequence[Placed]) -> bool:
    """Whether lines are the words of one cell."""
    is_near = all(below.box[1] - above.box[3] < _WRAPPED * above.height for above, below in itertools.pairwise(block))
    return len(block) > 1 and is_near and _share_of_numbers(block) == 0


def _begins_row(line: Placed, every: Sequence[Placed]) -> bool:
    """Whether the engine read a row of cells from a line on, each on the right of the one before it."""
    place = next(place for place, one in enumerate(every) if one is line)
    row = every[place : place + _WIDE_CELLS]
    return len(row) == _WIDE_CELLS and all(
        right.box[0] >= left.box[2] and abs(right.box[3] - left.box[3]) < _LEVEL_FEET * left.height
        for left, right in itertools.pairwise(row)
    )


def _is_of_column(near: Placed, line: Placed, every: Sequence[Placed]) -> bool:
    """Whether a line near another one, over or under it, is running text or has nothing level with it on its left."""
    apart = max(near.box[1] - line.box[3], line.box[1] - near.box[3])
    is_over = near.box[0] < line.box[2] and line.box[0] < near.box[2]
    if near is line or not is_over or apart >= _NEAR_CELL * line.height:
        return False
    return is_full(near) or not any(
        abs(other.box[3] - near.box[3]) < _LEVEL_FEET * near.height and other.box[2] <= near.box[0] for other in every
    )


def _with_whole_columns(blocks: Sequence[Sequence[Placed]]) -> list[list[Placed]]:
    """The blocks, those one below the other as one that are of numbers alone: rows of a table may be far apart."""
    whole: list[list[Placed]] = []
    for block in blocks:
        last = whole[-1][-1] if whole else None
        goes_on = last is not None and _share_of_numbers([*whole[-1], *block]) == 1 and is_below(last, block[0])
        if goes_on:
            whole[-1].extend(block)
        else:
            whole.append(list(block))
    return whole


def _head(block: Sequence[Placed], partners: Container[int]) -> int:
    """How many lines of a block, fewer than its rows, stand above all that is beside it: what heads its columns."""
    head = next((place for place in range(len(block)) if place in partners), 0)
    return head if head < len(block) - head and not any(map(is_full, block[:head])) else 0


def _marked(rows: Sequence[list[Placed]], block: Sequence[Placed]) -> list[list[Placed]] | None:
    """The rows with those of a block, where what was read just before it are the marks of its items; None elsewhere.

    Nearly all of them stand before a line: numbers in brackets, numbers with a point, or single characters, as bullets
    are read.
    """
    first = len(rows)
    while first and len(rows[first - 1]) == 1 and _MARK.fullmatch(rows[first - 1][0].line.text):
        first -= 1
    marks = [row[0] for row in rows[first:]]
    if len(marks) < _LINES:
        return None
    before: dict[int, Placed] = {}
    for mark in marks:
        level = (place for place, line in enumerate(block) if place not in before and _is_before(mark, line))
        place = next(level, None)
        if place is not None:
            before[place] = mark
    if len(before) < _NEARLY_ALL * len(marks):
        return None
    alone = [[mark] for mark in marks if mark not in before.values()]
    return [*rows[:first], *alone, *([*filter(None, [before.get(at)]), line] for at, line in enumerate(block))]


def _is_before(mark: Placed, line: Placed) -> bool:
    """Whether a mark stands on the left of a line, near it."""
    height = min(mark.height, line.height)
    shared = min(mark.box[3], line.box[3]) - max(mark.box[1], line.box[1])
    return shared > _MATCHED * height and -height < line.box[0] - mark.box[2] < _MARK_GAP * line.height


def _woven(rows: Sequence[list[Placed]], block: Sequence[Placed], partners: dict[int, int]) -> list[list[Placed]]:
    """The rows with each line of a block in its partner, or, without one, after the partner of the line before it."""
    woven = [list(row) for row in rows]
    alone: dict[int, list[Placed]] = {}
    last = min(partners.values()) - 1
    for place, line in enumerate(block):
        if place in partners:
            last = partners[place]
            woven[last].append(line)
        else:
            alone.setdefault(last, []).append(line)
    parts = ([row, *([line] for line in alone.get(number, ()))] for number, row in enumerate(woven))
    return [*([line] for line in alone.get(-1, ())), *itertools.chain.from_iterable(parts)]


def _partners(rows: Sequence[Sequence[Placed]], block: Sequence[Placed]) -> dict[int, int]:
    """For lines of a block the row on whose right they stand, alone."""
    found: dict[int, int] = {}
    for place, line in enumerate(block):
        left, top, _, bottom = line.box
        nearest: tuple[float, int] | None = None
        for number, row in enumerate(rows):
            last = row[-1].box
            overlap = min(bottom, last[3]) - max(top, last[1])
            if overlap > _MATCHED * min(bottom - top, last[3] - last[1]) and last[2] <= left:
                nearest = max(nearest or (last[2], number), (last[2], number))
        if nearest is not None and nearest[1] not in found.values():
            found[place] = nearest[1]
    return found


def _is_column(block: Sequence[Placed], rows: Sequence[Sequence[Placed]]) -> bool:
    """Whether a block beside rows is of numbers; or of short lines beside labels with a colon, or beside numbers; or of
    cells beside rows of cells.

    Running text is read by itself, beside numbers, too.
    """
    if _share_of_numbers(block) >= _OF_NUMBERS:
        labels = [row[-1].cells[-1:] for row in rows]
        return sum(end - first for cells in labels for first, end in cells) <= _LABEL_WORDS * len(rows)
    words = sum(len(line.line.words) for line in block) / len(block)
    if words <= _LABEL_WORDS and sum(map(_asks, rows)) >= _OF_NUMBERS * len(rows):
        return True
    if _share_of_numbers([row[-1] for row in rows]) >= _OF_NUMBERS:
        return words <= _SHORT_WORDS
    height = statistics.median(line.height for line in block)
    width = statistics.median(line.box[2] - line.box[0] for line in block)
    several = sum(len(row) > 1 for row in rows)
    return words <= _CELL_WORDS and width < _CELL_WIDTH * height and 2 * several >= len(rows)


def _pair(line: Placed) -> tuple[float, float] | None:
    """Where the two parts of a line begin that has a wide gap; None for one of fewer parts or more."""
    cells = line.cells
    return (line.box[0], line.words[cells[1][0]][0]) if len(cells) == _PAIR else None


def _are_headed(block: Sequence[Placed], beside: Sequence[Sequence[Placed]], rows: Sequence[Sequence[Placed]]) -> bool:
    """Whether a row of words just above has a cell that begins where a block does, and one where those beside it do."""
    lines = [*block, *(row[-1] for row in beside)]
    top, height = min(line.box[1] for line in lines), statistics.median(line.height for line in lines)
    sides = [statistics.median(line.box[0] for line in some) for some in (block, lines[len(block) :])]
    for row in rows:
        starts = [line.words[first][0] for line in row for first, _ in line.cells]
        is_above = 0 < top - row[0].box[1] < _NEAR_HEAD * height and row[0].box[3] < top + height / 2
        if is_above and len(starts) > 1 and not any(map(str.isdigit, "".join(line.line.text for line in row))):
            near = [min(abs(start - side) for start in starts) < _LEVEL * height for side in sides]
            if all(near):
                return True
    return False


def _are_of_terms(
    block: Sequence[Placed], rows: Sequence[Sequence[Placed]], pairs: Sequence[tuple[float, float]]
) -> bool:
    """Whether a block stands beside short terms, and the page has rows of a term and more at the same two places.

    Two columns of text seldom have such rows: the engine sees the gutter between them.
    """
    height = statistics.median(line.height for line in block)
    left = min(row[0].box[0] for row in rows)
    place = statistics.median(line.box[0] for line in block)
    level = sum(abs(line.box[0] - place) < _LEVEL * height for line in block)
    wide = max(row[-1].box[2] for row in rows) - left
    like = sum(abs(first - left) < height and abs(second - place) < _LEVEL * height for first, second in pairs)
    return like >= _LIKE and level >= _MATCHED * len(block) and wide < _TERM_WIDTH * height


def _asks(row: Sequence[Placed]) -> bool:
    """Whether a row ends with a label that a value follows."""
    return row[-1].line.text.rstrip().endswith((":", "\uff1a"))


def _share_of_numbers(lines: Sequence[Placed]) -> float:
    """How many have digits, and no more letters than digits."""
    texts = [line.line.text for line in lines]
    return sum(0 < sum(map(str.isdigit, text)) >= sum(map(str.isalpha, text)) for text in texts) / max(1, len(texts))


# tables ---------------------------------------------------------------------------------------------------------------

Cell = tuple[float, float, Sequence[OcrWord]]
"""Left, right, words."""


def _cells(place: Placed) -> list[Cell]:
    """The words of a line, parted at wide gaps; none for a line without words."""
    return [(place.words[first][0], place.words[end - 1][2], place.line.words[first:end]) for first, end in place.cells]


def _table(cells: Sequence[Sequence[Cell]], boxes: Sequence[Box], first: int) -> int:
    """How many rows of a table begin at this line; 0 if none does."""
    if len(cells[first]) < 2:
        return 0
    end = first + 1
    while end < len(cells) and len(cells[end]) > 1:
        above, below = boxes[end - 1], boxes[end]
        if not 0 < below[1] - above[1] < _WIDE_PITCH * max(above[3] - above[1], 1.0):
            break
        height = max(above[3] - above[1], 1.0)
        before = cells[max(first, end - _ROWS_BEFORE) : end]
        if not any(_aligned(row, cells[end], height) for row in before):
            break
        far = below[1] - above[1] >= _ROW_PITCH * height
        if far and not _aligned(cells[end - 1], cells[end], height, all_of=_WIDE_CELLS):
            break
        end += 1
    rows = end - first
    wide = sum(len(row) >= _WIDE_CELLS for row in cells[first:end])
    return rows if rows >= _TABLE_ROWS or (rows >= _WIDE_ROWS and wide == rows) else 0


def _aligned(above: Sequence[Cell], below: Sequence[Cell], height: float, *, all_of: int = 0) -> bool:
    """Whether cells of two rows are at the same places: most of them, or ``all_of`` so many and more."""
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
    if all_of:
        return met == len(below) == len(above) >= all_of
    return met >= _ALIGNED * min(len(above), len(below)) and met >= 2


def _are_items(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether each row is a mark and words: a bullet, read as any character, or a number with a point or bracket."""
    marks = [" ".join(word.text for word in row[0][2]) for row in rows if len(row) == 2]
    return len(marks) == len(rows) and all(
        (len(mark) == 1 and not mark.isdigit()) or (len(mark) == 2 and not mark.isalnum()) or _NUMBER.match(mark)
        for mark in marks
    )


def _in_columns(rows: Sequence[Sequence[Cell]]) -> tuple[tuple[str, ...], ...]:
    """The texts of a table's cells, each in the column where it stands, empty where a row has none.

    A cell over several columns is in the one that most of it is over. Where two cells of a row would be in one column,
    the rows stay as they are.
    """
    columns: list[tuple[float, float]] = []
    for cell in sorted(itertools.chain.from_iterable(rows), key=lambda cell: cell[1] - cell[0]):
        met = [column for column in columns if _shared(cell, column) > 0]
        lefts, rights = zip((cell[0], cell[1]), *met, strict=True)
        wider = min(lefts), max(rights)
        if len(met) <= 1 and not any(_shared(wider, other) > 0 for other in columns if other not in met):
            columns = [column for column in columns if column not in met] + [wider]
    columns.sort()
    found = []
    for row in rows:
        places = [max(range(len(columns)), key=lambda at: _shared(cell, columns[at])) for cell in row]
        if len({*places}) < len(row):
            return tuple(_texts(row) for row in rows)
        texts = dict(zip(places, _texts(row), strict=True))
        found.append(tuple(texts.get(at, "") for at in range(len(columns))))
    return tuple(found)


def _shared(one: tuple[float, float] | Cell, two: tuple[float, float]) -> float:
    """How wide two spans are together; below 0 how far apart."""
    return min(one[1], two[1]) - max(one[0], two[0])


def _texts(row: Sequence[Cell]) -> tuple[str, ...]:
    return tuple(joined_words([word.text for word in words]) for _, _, words in row)


# other blocks ---------------------------------------------------------------------------------------------------------

_PLAIN_BULLETS = frozenset("•◦▪●○■□‣⁃")
"""No line of running text begins with one of these."""
_COUNTED = re.compile(r"\(?(\d{1,2}|[a-z])[.)]\s+\S")
_SUBSECTION = re.compile(r"\d{1,2}(?:\.\d{1,2})+\.?\s+\S")
_ITEM_LINES = 12
"""The next item of a list begins within so many lines."""


def _items(lines: Sequence[OcrLine], boxes: Sequence[Box]) -> set[int]:
    """The lines that begin an item: with a bullet, or with numbers or letters that count on at the same place.

    Also the head of a section that follows that of the one above it, both with numbers as 3.8 has.
    """
    found = {place for place, line in enumerate(lines) if line.text[:1] in _PLAIN_BULLETS and len(line.text) > 1}
    sections = [_SUBSECTION.match(line.text) is not None for line in lines]
    found |= {place for place, both in enumerate(itertools.pairwise(sections), 1) if all(both)}
    counted = [(place, match[1]) for place, line in enumerate(lines) if (match := _COUNTED.match(line.text))]
    for number, (place, mark) in enumerate(counted):
        high = boxes[place][3] - boxes[place][1]
        for after, next_mark in counted[number + 1 : number + 1 + _ITEM_LINES]:
            is_level = abs(boxes[after][0] - boxes[place][0]) < high and boxes[after][1] > boxes[place][1]
            if is_level and after - place <= _ITEM_LINES and _count(next_mark) == _count(mark) + 1:
                found.update((place, after))
    return found


def _count(mark: str) -> int:
    """Of a number or a letter; letters count from 101."""
    return int(mark) if mark.isdigit() else ord(mark) - ord("a") + 101


def _apart(boxes: Sequence[Box], cells: Sequence[Sequence[Cell]]) -> float:
    """How many heights the lines of one block are apart at most."""
    widest = max(right - left for left, _, right, _ in boxes)
    long = [len(of) == 1 and box[2] - box[0] > widest / 2 for box, of in zip(boxes, cells, strict=True)]
    pairs = itertools.compress(itertools.pairwise(boxes), map(operator.and_, long, long[1:]))
    gaps = [
        (below[1] - above[3]) / max(min(above[3] - above[1], below[3] - below[1]), _TINY)
        for above, below in pairs
        if below[1] > above[1] and below[0] < above[2] and above[0] < below[2]
    ]
    usual = statistics.median(gaps) if len(gaps) >= _FEW_GAPS else 0.0
    return max(_APART, min(_MOST_APART, _SAME_PITCH * usual))


def _are_apart(last: OcrLine, boxes: Sequence[Box], apart: float) -> bool:
    """Whether the last of some lines below each other is of another block than those above it. ``apart``: see
    :func:`_apart`.

    In a text with double spaces a line ends a paragraph where the next word had room.
    """
    above, below = boxes[-2:]
    height = min(above[3] - above[1], below[3] - below[1])
    is_far = below[1] - above[3] > apart * height
    if is_far or apart == _APART or not last.words:
        return is_far
    room = max(box[2] for box in boxes) - above[2] - _SPACE * height
    return last.words[0].box[2] - last.words[0].box[0] < room


def _end_of_block(
    lines: Sequence[OcrLine],
    boxes: Sequence[Box],
    cells: Sequence[Sequence[Cell]],
    items: Container[int],
    first: int,
    apart: float,
) -> int:
    """After the last line of the block of this one: where a paragraph begins, or the page goes on elsewhere.

    ``apart``: see :func:`_apart`.
    """
    for place in range(first + 1, len(lines)):
        above, below = boxes[place - 1], boxes[place]
        high, low = above[3] - above[1], below[3] - below[1]
        if (
            lines[place].paragraph
            or place in items
            or below[1] < above[1]
            or _are_apart(lines[place], boxes[first : place + 1], apart)
            or max(high, low) > _AS_HIGH * min(high, low)
            or below[0] > above[2]
            or above[0] > below[2]
            or (len(cells[place]) > 1 and _table(cells, boxes, place))
        ):
            return place
    return len(lines)


@dataclass(frozen=True, slots=True)
class _Type:
    """How large lines are set. ``height``: of their boxes; ``letters``: see :func:`_letter_size`."""

    height: float
    letters: float

    def times(self, body: _Type) -> _Type:
        """How many times as large as other type."""
        return _Type(self.height / max(body.height, _TINY), self.letters / max(body.letters, _TINY))


_TINY = 1e-6
_HIGH, _LOW, _BELOW = 0.72, 0.5, 0.22
"""How far letters reach above the line, those with ascenders and the others, and below it, in sizes of type."""
_WITH_DESCENDERS = frozenset("gjpqyQ,;()[]{}/|")
_WITHOUT_ASCENDERS = frozenset("acegmnopqrsuvwxyz.,;:-_")


def _letter_size(place: Placed) -> float:
    """The size of type by the letters: the median of the heights of words, each by how far its letters reach."""
    sizes = [
        (bottom - top) / reach
        for word, (_, top, _, bottom) in zip(place.line.words, place.words, strict=False)
        if (reach := _reach(word.text))
    ]
    return statistics.median(sizes) if sizes else place.height / (_HIGH + _BELOW)


def _reach(text: str) -> float:
    """How high the letters of a word are together, in sizes of type; 0 where that is not known."""
    if not text.isascii() or not any(map(str.isalnum, text)):
        return 0.0
    above = _LOW if _WITHOUT_ASCENDERS.issuperset(text) else _HIGH
    return above + _BELOW if not _WITH_DESCENDERS.isdisjoint(text) else above


def _type(lines: Sequence[OcrLine], larger: _Type, *, is_foot: bool) -> BlockType:
    """``larger``: how many times as large as most of the page they are set. ``is_foot``: they end it, at its foot.

    A heading is larger by both: a box is higher where letters reach below the line, and that of a text layer is as high
    whatever they are.
    """
    words = sum(len(line.text.split()) for line in lines)
    if is_foot and words <= _FOOT_WORDS:
        return BlockType.FOOTER
    if len(lines) <= _CAPTION_LINES and _CAPTION.match(lines[0].text):
        return BlockType.CAPTION
    is_large = larger.height >= _LARGE and larger.letters >= _LARGE_LETTERS
    if is_large and len(lines) <= _HEADING_LINES and words <= _HEADING_WORDS:
        return BlockType.HEADING
    first = lines[0].text
    is_larger = min(larger.height, larger.letters) >= _NUMBERED
    if len(lines) == 1 and is_larger and words <= _HEADING_WORDS // 2 and _SECTION.match(first):
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


def _usual(sizes: Sequence[float], lines: Sequence[OcrLine]) -> float:
    """The size of the line in the middle of the page's text, from the smallest lines to the largest."""
    in_order = sorted((size, len(line.text)) for size, line in zip(sizes, lines, strict=True))
    half = sum(length for _, length in in_order) / 2
    for size, length in in_order:
        half -= length
        if half <= 0:
            return size
    return in_order[-1][0]


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
