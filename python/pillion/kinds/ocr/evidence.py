"""What a picture shows beside the layout analysis of it: ruling lines, and areas in which its lines are in doubt.

Tesseract's own blocks and their order stand. They are doubted only on evidence: where three or more short pieces stand
beside each other in row after row, and where the picture has print that no line lies on. Such an area is laid out anew,
row by row; both readings are recognised, and the one that makes more sense is kept (segments.py).

Squares that were read as letters are told by the picture, too: the boxes that forms have for a tick, and bullets. An
empty one says nothing, and is left out; one that is filled is ``FILLED``; one with a mark in it is left as it was read.
Only words so short that no text is lost are looked at.

All is in pixels of the upright, level picture; boxes have shape (n, 4).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from pillion import _core
from pillion.kinds.ocr.layout import (
    TILE,
    Area,
    Boxes,
    Gray,
    LayoutAnalysis,
    Mask,
    Piece,
    Print,
    inside,
    line_of,
    touch,
    with_lines,
)
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.squares import Square, ink_level, square_at
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

# rulings --------------------------------------------------------------------------------------------------------------

CONTRAST = 48
LEAST_CONTRAST = 20
"""A ruling is so much darker than the ground; a faint one, or one in a shaded cell, than what is beside it."""
ALIKE = 8
"""Grays that differ by no more from one are that one: paper has a grain."""
GROUND = 0.45
"""So much of what is around print is of one gray, its ground; else it is a picture."""
NEAR = 0.5
"""Rulings that are so near each other, in heights of a line, meet, or are the same one."""


@dataclass(frozen=True, slots=True, eq=False)
class Rulings:
    """Boxes of the thin lines that run across a picture and down it. ``height``: of its text; ``ground``: its gray."""

    across: Boxes
    down: Boxes
    height: float
    ground: int


def rulings(gray: Gray, height: float) -> Rulings:
    """The rulings of a picture. ``height``: of its lines of text."""
    across, down, ground = _core.rulings(gray, height)
    return Rulings(across, down, height, ground)


def edges_of_boxes(lines: Rulings) -> list[Area]:
    """The upright edges of boxes, as of the fields of a form: they end at rulings across above and below.

    No letter does; the engine takes them for marks.
    """
    near = NEAR * lines.height
    left, top, right, bottom = lines.down.T[:, :, None]
    beside = (lines.across[:, 0] <= right + near) & (lines.across[:, 2] >= left - near)
    middles = (lines.across[:, 1] + lines.across[:, 3]) / 2
    ends = [(beside & (np.abs(middles - place) <= near)).any(axis=1) for place in (top, bottom)]
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in lines.down[ends[0] & ends[1]].astype(int).tolist()]


def without_edges(gray: Gray, edges: Sequence[Area]) -> Gray:
    """The picture without these edges, itself where there are none. Where ink is beside an edge, all is left."""
    gray = gray.copy() if edges else gray
    for x0, y0, x1, y1 in edges:
        if x0 < 2 or x1 + 2 > gray.shape[1]:
            continue
        rows = gray[y0:y1]
        beside = rows[:, [x0 - 2, x1 + 1]].astype(np.int16)
        is_bare = rows[:, x0:x1].min(axis=1) < beside.min(axis=1) - LEAST_CONTRAST
        rows[is_bare, x0 - 1 : x1 + 1] = np.rint(beside[is_bare].mean(axis=1))[:, None].astype(np.uint8)
    return gray


def is_edge(area: Area, edges: Sequence[Area], height: float) -> bool:
    """Whether there is nothing but an edge in an area."""
    room = NEAR * height / 2
    return any(
        x0 - room <= area[0] and area[2] <= x1 + room and y0 < area[3] and area[1] < y1 for x0, y0, x1, y1 in edges
    )


def blend(rows: Gray, first: int, end: int) -> None:
    """Puts what is between their neighbours on both sides in place of some columns, if they have two."""
    if first > 0 and end < rows.shape[1]:
        rows[:, first:end] = np.rint(rows[:, [first - 1, end]].mean(axis=1))[:, None].astype(np.uint8)


# lines that the engine cut --------------------------------------------------------------------------------------------

# Where spaces, or in type of one width letters, of several lines stand below each other, the engine takes the way
# between them for a gutter. It is none where it is narrower than a space: the line goes on there. Read whole, no word
# is cut.

_LESS_THAN_SPACE = 0.5
"""The two parts of a line are less than so many of its heights apart, ..."""
_SHARED = 0.7
"""... of which the lower one shares so much with the other, ..."""
_TALL = 2.0
"""... which is less than so many times as high: it may have tall letters."""
_WITHIN_WORD = 0.35
"""Parts that are nearer are read as one: a word may be cut there."""
_SPACES = 1.0
"""A small picture between two pieces of a line, so many heights from each, is a word of it; ..."""
_LONG = 8.0
_LOW = 0.4
"""... less wide than so many and higher than so many, as headings and rules are drawn, too; ..."""
_ON_OTHERS = 0.2
"""... no more of it is on another line; ..."""
_WIDE = 1.3
"""... and at an end of a line so many times as wide as high, as signs stand there."""


def whole_lines(gray: Gray, analysis: LayoutAnalysis) -> tuple[Rulings, LayoutAnalysis]:
    """The rulings of a picture, and the analysis of it with lines in one that the engine cut where no ruling is."""
    found = rulings(gray, analysis.height)
    return found, made_whole(with_words_in_figures(gray, analysis), found.down)


def made_whole(analysis: LayoutAnalysis, down: Boxes) -> LayoutAnalysis:
    """The analysis with lines in one that the engine cut, each in the place of its first part.

    ``down``: rulings that run down the picture; what stands on both sides of one stays apart.
    """
    if analysis.pieces is None:
        return analysis
    after = _goes_on_in(analysis.boxes, [bool(some) for some in analysis.pieces], down)
    if not after:
        return analysis
    parts = set(after.values())
    boxes = analysis.boxes.tolist()
    lines: list[tuple[Sequence[float], tuple[Piece, ...]]] = []
    for first, box in enumerate(boxes):
        if first in parts:
            continue
        number, pieces = first, list(analysis.pieces[first])
        while number in after:
            gap = boxes[after[number]][0] - boxes[number][2]
            height = boxes[number][3] - boxes[number][1]
            number = after[number]
            rest = analysis.pieces[number]
            if gap < _WITHIN_WORD * height:
                pieces[-1:] = [_as_one(pieces[-1], rest[0])]
                rest = rest[1:]
            pieces.extend(rest)
        whole = number != first
        lines.append(line_of(pieces, paragraph=pieces[0].starts_paragraph) if whole else (box, tuple(pieces)))
    return with_lines(analysis, lines)


def with_words_in_figures(gray: Gray, analysis: LayoutAnalysis) -> LayoutAnalysis:
    """The analysis with the print in lines that the engine took for small pictures: it is read with these lines."""
    if analysis.pieces is None or not analysis.figures:
        return analysis
    lines = list(zip(analysis.boxes.tolist(), analysis.pieces, strict=True))
    figures = []
    for figure in analysis.figures:
        number, (first, end) = _pieces_beside(figure, analysis.boxes, [pieces for _, pieces in lines])
        if first == end:
            figures.append(figure)
            continue
        pieces = lines[number][1]
        whole = reduce(_as_one, pieces[first:end])
        left, top, right, bottom = map(round, figure)
        # It may have rules above and below.
        high = max(top, whole.rows[0]), min(bottom, whole.rows[1])
        whole = _as_one(whole, replace(whole, area=_with_its_ends(gray, [left, high[0], right, high[1]])))
        joined = (*pieces[:first], whole, *pieces[end:])
        lines[number] = line_of(joined, paragraph=pieces[0].starts_paragraph)
    if len(figures) == len(analysis.figures):
        return analysis
    return replace(with_lines(analysis, lines), figures=tuple(figures))


def _pieces_beside(figure: Box, lines: Boxes, pieces: Sequence[Sequence[Piece]]) -> tuple[int, tuple[int, int]]:
    """The number of the line that a figure is part of, and which of its pieces are beside it; (0, (0, 0)): of none."""
    left, top, right, bottom = figure
    heights = lines[:, 3] - lines[:, 1]
    shared = np.minimum(lines[:, 3], bottom) - np.maximum(lines[:, 1], top)
    level = (shared > _SHARED * np.minimum(heights, bottom - top)) & (bottom - top < _TALL * heights)
    level &= (right - left < _LONG * heights) & (bottom - top > _LOW * heights)
    across = (np.minimum(lines[:, 2], right) - np.maximum(lines[:, 0], left)).clip(0) * shared.clip(0)
    others = across > _ON_OTHERS * (right - left) * (bottom - top)
    for number in np.flatnonzero(level).tolist():
        if others.sum() > others[number]:
            continue
        near, far = _LESS_THAN_SPACE * heights[number], _SPACES * heights[number]
        areas = [piece.area for piece in pieces[number]]
        before = [count for count, area in enumerate(areas) if area[0] < left <= area[2] + far]
        after = [count for count, area in enumerate(areas) if area[0] - far <= right < area[2]]
        if before and after:
            return number, (min(before[0], after[0]), max(before[-1], after[-1]) + 1)
        ends = [*(n for n in before if left <= areas[n][2] + near), *(n for n in after if areas[n][0] - near <= right)]
        if ends and right - left > _WIDE * (bottom - top):
            return number, (ends[0], ends[-1] + 1)
    return 0, (0, 0)


def _goes_on_in(lines: Boxes, are_read: Sequence[bool], down: Boxes) -> dict[int, int]:
    """Of lines that go on in another one that, by their numbers: of two only one goes on in the other."""
    left, top, right, bottom = lines.T
    heights = bottom - top
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    lower, higher = np.minimum(heights[:, None], heights), np.maximum(heights[:, None], heights)
    gaps = left - right[:, None]
    meets = (
        (shared > _SHARED * lower)
        & (higher < _TALL * lower)
        & (np.abs(gaps) < _LESS_THAN_SPACE * lower)
        & (left > left[:, None])
        & (right > right[:, None])
        & np.array(are_read)
        & np.array(are_read)[:, None]
    )
    pairs = [(one, two) for one, two in np.argwhere(meets).tolist() if not _are_parted(lines[one], lines[two], down)]
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True)) if pairs else (Counter(), Counter())
    return {one: two for one, two in pairs if firsts[one] == seconds[two] == 1}


def _are_parted(one: Boxes, two: Boxes, down: Boxes) -> bool:
    """Whether a ruling runs between two lines beside each other."""
    middle = (max(one[1], two[1]) + min(one[3], two[3])) / 2
    low, high = min(one[2], two[0]), max(one[2], two[0])
    return bool(
        ((down[:, 1] < middle) & (middle < down[:, 3]) & (down[:, 2] >= low - 1) & (down[:, 0] <= high + 1)).any()
    )


def _as_one(first: Piece, rest: Piece) -> Piece:
    """Two pieces as one."""
    (x0, y0, x1, y1), (x2, y2, x3, y3) = first.area, rest.area
    area = min(x0, x2), min(y0, y2), max(x1, x3), max(y1, y3)
    return replace(first, area=area, rows=(min(first.rows[0], rest.rows[0]), max(first.rows[1], rest.rows[1])))


# areas to doubt -------------------------------------------------------------------------------------------------------

_SHORT = 10.0
"""A cell of a table is less than so many times as wide as high; a line of a column of text is wider."""
_CELLS = 3
_ROWS = 3
_APART = 5.0
"""Rows of a table are less than so many heights of a line apart."""
_TEXT = 10.0
"""A line of text is at least so many times as wide as high."""
_COLUMN_ROWS = 4
_SPACE = 0.6
"""Words are parted by less than so many heights of a line, columns by more."""
_END = 6.0
_LEAST_END = 0.8
_NEXT_WORD = 1.2
"""Words lost at an end of a line begin within so many heights of it, are so wide at least, and reach so far at most."""
_LEAST_HEIGHT = 5
_FEW_ENDS = 4
_FEW_ENDS_SHARE = 0.2
_CUT = 3.0
"""What cuts a line is narrower than this, and the line that goes on reaches so far beyond it, in heights."""
_SAME_ROW = 0.7
_AS_HIGH = 1.6
_BETWEEN_BOXES = 4.0
_ALONG = 0.5
"""Two boxes beside each other are less than so many heights apart, along so much of an area."""
_LOST = 0.12
"""The share of a block's print that may be on no line: rules, noise, small figures."""
_LOST_TILES = 5
_ALL = 0.995
"""Where so much of the print is on lines, none is lost."""
_LOST_LINE = 3
"""So many tiles beside each other may be a lost line."""
LEAST_GAIN = -0.03
"""Lines found anew are worth a reading if they lose no more of the print than this."""
ROW_GAIN = 0.05
"""Where they lie on so much more, in a table, they need not be read better."""
SURE_GAIN = 0.3
"""Where they lie on so much more of it, those found first are not read."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """An area whose lines are in doubt. ``table``: they seem to be cells. ``spaces``: pieces parted by spaces.

    ``strip``: single lines that were cut or lost words.
    """

    area: Area
    table: bool = False
    spaces: bool = False
    strip: bool = False


def suspects(lines: Boxes, seen: Print) -> list[Suspect]:
    """Where the lines are cells or pieces of rows, or print is lost; then, where single lines were cut or lost words.

    Of each of the two, none overlap, or cut through a line. Where lines of text stand beside each other, as in columns,
    an area is left as the engine has it.
    """
    rest = seen.ink & ~seen.on(lines)
    areas = [
        *(Suspect(area, table=True) for area in _tables(lines)),
        *(Suspect(area, spaces=True) for area in _with_gaps_of_spaces(lines)),
        *(Suspect(area) for area in _with_losses(lines, seen, rest)),
    ]
    strips = [Suspect(area, strip=True) for area in (*_with_cuts(lines), *_with_lost_ends(lines, rest, seen.factor))]
    return [*_apart(areas, lines), *_apart(strips, lines)]


def _apart(found: Sequence[Suspect], lines: Boxes) -> list[Suspect]:
    """The areas with whole lines, down the page, those joined that touch; without those in which there are columns."""
    joined: list[Suspect] = []
    for one in found:
        wider = replace(one, area=_with_whole_lines(one.area, lines))
        while (other := next((old for old in joined if touch(old.area, wider.area)), None)) is not None:
            joined.remove(other)
            both = _with_whole_lines(_union(other.area, wider.area), lines)
            wider = Suspect(both, other.table or wider.table, other.spaces or wider.spaces, one.strip)
        joined.append(wider)
    kept = [one for one in joined if not has_columns(lines[inside(lines, one.area)])]
    return sorted(kept, key=lambda one: (one.area[1], one.area[0]))


def parted(found: Sequence[Suspect], edges: Sequence[Area], lines: Boxes) -> Iterator[Suspect]:
    """The areas, those cut that hold two boxes beside each other, whose edges these are: no row is of both."""
    height = float(np.median(lines[:, 3] - lines[:, 1])) if len(lines) else 0.0
    for suspect in found:
        left, top, right, bottom = suspect.area
        between = [
            (one[2], min(one[1], two[1]), two[0], max(one[3], two[3]))
            for one, two in itertools.product(edges, edges)
            if left < one[0] < one[2] < two[0] < min(right, one[2] + _BETWEEN_BOXES * height)
            and min(one[3], two[3], bottom) - max(one[1], two[1], top) > _ALONG * (bottom - top)
        ]
        if not between or any(
            ((lines[:, :2] < gap[2:]) & (lines[:, 2:] > gap[:2])).all(axis=1).any() for gap in between
        ):
            yield suspect
            continue
        (_, above, _, _), (*_, below) = min(between, key=lambda gap: gap[1]), max(between, key=lambda gap: gap[3])
        above, below = max(above, top), min(below, bottom)
        places = [left, *sorted((gap[0] + gap[2]) // 2 for gap in between), right]
        beside = [(begin, above, end, below) for begin, end in itertools.pairwise(places)]
        for area in ((left, top, right, above), *beside, (left, below, right, bottom)):
            if min(area[2] - area[0], area[3] - area[1]) > height:
                yield replace(suspect, area=area)


def has_columns(lines: Boxes) -> bool:
    """Whether most are lines of text, and stand beside each other in several rows. All pairs of them are compared."""
    heights = lines[:, 3] - lines[:, 1]
    wide = lines[(lines[:, 2] - lines[:, 0]) >= _TEXT * np.median(heights)] if len(lines) else lines
    if len(wide) < max(2 * _COLUMN_ROWS, 0.5 * len(lines)):
        return False
    overlap = np.minimum(wide[:, None, 3], wide[:, 3]) - np.maximum(wide[:, None, 1], wide[:, 1])
    beside = (wide[:, None, 2] + _SPACE * np.median(heights) <= wide[:, 0]) & (overlap > 0.3 * np.median(heights))
    return bool(beside.any(axis=1).sum() >= _COLUMN_ROWS)


def _with_whole_lines(area: Area, lines: Boxes) -> Area:
    while True:
        touched = lines[((lines[:, :2] < area[2:]) & (lines[:, 2:] > area[:2])).all(axis=1)]
        larger = _union(area, _around(touched)) if len(touched) else area
        if larger == area:
            return area
        area = larger


def _tables(lines: Boxes) -> Iterator[Area]:
    """Around rows below each other most of which have three or more short pieces."""
    if len(lines) < _CELLS * _ROWS:
        return
    height = float(np.median(lines[:, 3] - lines[:, 1]))
    rows = [lines[row] for row in rows_of(lines)]
    is_table = [is_table_row(row, height) for row in rows]
    begin = None
    last = 0
    for number, (row, found) in enumerate(itertools.chain(zip(rows, is_table, strict=True), [(lines[:1], False)])):
        far = begin is not None and number < len(rows) and row[:, 1].min() - rows[last][:, 3].max() > _APART * height
        if begin is not None and (far or number - last > 2 or number == len(rows)):
            run = rows[begin : last + 1]
            if sum(is_table[begin : last + 1]) >= max(_ROWS, 0.6 * len(run)):
                yield _around(np.concatenate(run))
            begin = None
        if found:
            begin, last = (number if begin is None else begin), number


def _with_gaps_of_spaces(lines: Boxes) -> Iterator[Area]:
    """Around rows whose pieces are parted by no more than a space: lines whose spaces are below each other."""
    if len(lines) < 2 * _ROWS:
        return
    height = float(np.median(lines[:, 3] - lines[:, 1]))
    run: list[Boxes] = []
    for row in (lines[numbers] for numbers in rows_of(lines)):
        gaps = row[1:, 0] - row[:-1, 2]
        if len(gaps) and (gaps < _SPACE * height).any():
            run.append(row)
        else:
            if len(run) >= _ROWS:
                yield _around(np.concatenate(run))
            run = []
    if len(run) >= _ROWS:
        yield _around(np.concatenate(run))


def _with_cuts(lines: Boxes) -> Iterator[Area]:
    """Around lines in two pieces between which the line above or below goes on: what parts them is no gutter."""
    tops, bottoms, heights = lines[:, 1], lines[:, 3], lines[:, 3] - lines[:, 1]
    gaps = lines[:, 0] - lines[:, 2, None]
    shared = np.minimum(bottoms[:, None], bottoms) - np.maximum(tops[:, None], tops)
    lower = np.minimum(heights[:, None], heights)
    alike = np.maximum(heights[:, None], heights) < _AS_HIGH * lower
    beside = (shared > _SAME_ROW * lower) & (np.abs(gaps) < _CUT * heights[:, None])
    for left, right in np.argwhere(beside & alike & (gaps > -_SPACE * heights[:, None])).tolist():
        height = heights[left]
        away = np.maximum(tops - bottoms[left], tops[left] - bottoms)
        over = (lines[:, 0] < lines[left, 2] - _CUT * height) & (lines[:, 2] > lines[right, 0] + _CUT * height)
        if (over & alike[left] & (away > -height / 2) & (away < height)).any():
            yield _around(lines[[left, right]])


def _with_lost_ends(lines: Boxes, rest: Mask, factor: int) -> list[Area]:
    """Around lines beside which there is print at their height that is on no line: words lost at an end.

    None where many lines are so: that is noise.
    """
    found = [area for line in lines for area in _lost_ends(line, rest, factor)]
    return found if len(found) <= max(_FEW_ENDS, _FEW_ENDS_SHARE * len(lines)) else []


def _lost_ends(line: NDArray[np.float64], rest: Mask, factor: int) -> Iterator[Area]:
    left, top, right, bottom = (round(side / factor) for side in line.tolist())
    height = bottom - top
    if height < _LEAST_HEIGHT or right - left < _TEXT * height:
        return
    room = round(_END * height)
    for begin, end, step in ((max(0, left - room), left, -1), (right, min(rest.shape[1], right + room), 1)):
        places = np.flatnonzero(rest[top:bottom, begin:end][:, ::step].sum(axis=0))
        if len(places) < _LEAST_END * height or places[0] > _NEXT_WORD * height:
            continue
        far = int(places[-1]) + 1
        x0, x1 = (left - far, right) if step < 0 else (left, right + far)
        yield _around(np.stack([line, np.array([x0, top, x1, bottom], np.float64) * factor]))


def is_table_row(row: Boxes, height: float) -> bool:
    """Whether there are three or more lines beside each other, most of them short. ``height``: that of a line."""
    short = (row[:, 2] - row[:, 0]) < _SHORT * height
    return len(row) >= _CELLS and bool(short.sum() >= max(2, 0.6 * len(row)))


def rows_of(lines: Boxes) -> list[list[int]]:
    """The numbers of the lines that stand beside each other, from left to right, row below row."""
    rows: list[list[int]] = []
    middle, half = 0.0, 0.0
    for number in np.argsort((lines[:, 1] + lines[:, 3]) / 2, kind="stable").tolist():
        top, bottom = float(lines[number, 1]), float(lines[number, 3])
        place = (top + bottom) / 2
        if rows and place - middle < 0.5 * min(half, bottom - top):
            rows[-1].append(number)
        else:
            rows.append([number])
            middle, half = place, bottom - top
    return [sorted(row, key=lambda number: float(lines[number, 0])) for row in rows]


def _with_losses(lines: Boxes, seen: Print, rest: Mask) -> Iterator[Area]:
    """Around blocks of print of which a part is on no line; around lost lines of blocks that are not in doubt.

    ``rest``: its ink that is on none.
    """
    amount = int(seen.ink.sum())
    covered = (amount - int(rest.sum())) / max(1, amount)
    if amount == 0 or covered > _ALL:
        return
    lost = seen.lost(lines)
    size = TILE * seen.factor
    alone = lost.copy()
    for block in _blocks(seen.tiles) if covered <= 1 - _LOST / 4 else ():
        rows, columns = np.array(block).T
        missing = int(lost[rows, columns].sum())
        if missing < _LOST_TILES or missing < _LOST * len(block):
            continue
        alone[rows, columns] = False
        yield _of_tiles(rows, columns, size)
    for block in _blocks(alone):
        rows, columns = np.array(block).T
        if len(block) >= _LOST_LINE and np.ptp(columns) + 1 >= _LOST_LINE:
            yield _of_tiles(rows, columns, size)


def _of_tiles(rows: NDArray[np.intp], columns: NDArray[np.intp], size: int) -> Area:
    left, top = int(columns.min()) * size, int(rows.min()) * size
    return left, top, (int(columns.max()) + 1) * size, (int(rows.max()) + 1) * size


def _blocks(tiles: Mask) -> list[list[tuple[int, int]]]:
    """Tiles that touch each other, with at most one tile between them."""
    left = {(int(row), int(column)) for row, column in np.argwhere(tiles)}
    found = []
    while left:
        waiting = [left.pop()]
        block = []
        while waiting:
            row, column = waiting.pop()
            block.append((row, column))
            near = {(row + down, column + across) for down in (-2, -1, 0, 1, 2) for across in (-2, -1, 0, 1, 2)} & left
            left -= near
            waiting.extend(near)
        found.append(block)
    return found


def _around(lines: Boxes) -> Area:
    left, top = np.floor(lines[:, :2].min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(lines[:, 2:].max(axis=0)).astype(int).tolist()
    return left, top, right, bottom


def _union(one: Area, two: Area) -> Area:
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])


# print that is on no word ---------------------------------------------------------------------------------------------

_FILLS = 1.5
"""Ink that is less far apart along a row than this is in one piece, in heights of a line."""
_AS_LINES = 0.45, 2.2
"""How high lost print is, in heights of the lines, ..."""
_AS_WIDE_AS_HIGH = 0.8
"""... how wide at least, in its own, ..."""
_OF_ITS_BOX = 0.06, 0.6
"""... and how much of its box is ink: no rule, frame or edge of a picture."""
_MOST_RUNS = 20_000
_MOST_LOST = 400
"""More are the texture of pictures."""
_CUT_OFF = 0.5
"""What is nearer to a word on its row, in heights, is a part of it."""
_NO_SPACE = 0.4
"""Letters of a word are less far apart, in heights of their ink."""
_DARKEST = 95.0
_AROUND = 3
"""The ground of a line is what most is so many pixels above and below it."""


def lost_print(gray: Gray, words: Boxes, height: float, seen: Print) -> Boxes:
    """Print as high as a line that is on none of the words, however little it is: words and short lines between
    others, which the layout analysis takes for noise, and cells that were passed over. Down the page.

    ``words``: those that were read; ``height``: of their lines; ``seen``: what looks like print. Boxes are in pixels of
    the picture, shape (n, 4).
    """
    factor = seen.factor
    found = _connected(seen.ink & ~seen.on(words), round(_FILLS * height / factor))
    wide, high = found[:, 2] - found[:, 0], found[:, 3] - found[:, 1]
    share = found[:, 4] / np.maximum(wide * high, 1)
    kept = (high * factor >= _AS_LINES[0] * height) & (high * factor <= _AS_LINES[1] * height)
    kept &= (wide >= _AS_WIDE_AS_HIGH * high) & (share >= _OF_ITS_BOX[0]) & (share <= _OF_ITS_BOX[1])
    if not 0 < kept.sum() <= _MOST_LOST:
        return np.empty((0, 4))
    whole = [_with_its_ends(gray, box) for box in (found[kept, :4] * factor).tolist()]
    boxes = np.array(whole, np.float64)
    boxes = boxes[~_is_cut_off(boxes, words, height)]
    return boxes[np.argsort(boxes[:, 1], kind="stable")]


def _connected(ink: Mask, gap: int) -> NDArray[np.intp]:
    """Left, top, right, bottom and the ink of all that is in one piece, where gaps along a row count as filled; shape
    (n, 5). Nothing where there is too much, as in the texture of a picture.
    """
    rows, places = np.nonzero(ink)
    begins = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(places, prepend=0) > gap))
    if not 0 < len(begins) <= _MOST_RUNS:
        return np.empty((0, 5), np.intp)
    ends = np.append(begins[1:], len(rows)) - 1
    lefts, rights, row_of = places[begins], places[ends] + 1, rows[begins]
    part = np.array(_joined(row_of.tolist(), lefts.tolist(), rights.tolist()), np.intp)
    order = np.argsort(part, kind="stable")
    starts = np.flatnonzero(np.diff(part[order], prepend=-1))
    low = [np.minimum.reduceat(side[order], starts) for side in (lefts, row_of)]
    high = [np.maximum.reduceat(side[order], starts) for side in (rights, row_of + 1)]
    return np.stack([*low, *high, np.add.reduceat((ends - begins + 1)[order], starts)], axis=1)


def _joined(rows: Sequence[int], lefts: Sequence[int], rights: Sequence[int]) -> list[int]:
    """For each run, in the order of rows and places, the number of the first one that it is in one piece with."""
    parents = list(range(len(rows)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    above = 0
    for number, (row, left, right) in enumerate(zip(rows, lefts, rights, strict=True)):
        while rows[above] < row - 1 or (rows[above] == row - 1 and rights[above] <= left):
            above += 1
        other = above
        while rows[other] == row - 1 and lefts[other] < right:
            one, two = sorted((root(number), root(other)))
            parents[two] = one
            other += 1
    return [root(number) for number in range(len(rows))]


def _with_its_ends(gray: Gray, box: list[int]) -> Area:
    """A line with what goes on at its ends as dark, or as bright on dark ground: not all of it may look like print."""
    left, top, right, bottom = box
    first = max(0, left - round(_END * (bottom - top)))
    parts = _inked(gray, box, first, right + left - first, _NO_SPACE * (bottom - top))
    within = [part for part in parts if part[0] < right and part[1] > left]
    return min([left, *(part[0] for part in within)]), top, max([right, *(part[1] for part in within)]), bottom


def _inked(gray: Gray, box: Sequence[int], first: int, end: int, gap: float) -> list[tuple[int, int]]:
    """From where to where there is ink as in a box beside it, on its rows between two columns; none parted by a smaller
    gap than this.
    """
    left, top, right, bottom = box
    around = gray[[max(0, top - _AROUND), min(bottom + _AROUND, gray.shape[0]) - 1], left:right]
    ground = int(np.median(around))
    away = gray[top:bottom, first:end].astype(np.int16) - ground
    own = gray[top:bottom, left:right].astype(np.int16) - ground
    low, high = np.percentile(own, [100 - _DARKEST, _DARKEST])
    is_ink = (away < low / 2 if -low > high else away > high / 2).any(axis=0)
    places = np.flatnonzero(is_ink)
    parts = np.split(places, np.flatnonzero(np.diff(places) > gap) + 1) if len(places) else []
    return [(first + int(part[0]), first + int(part[-1]) + 1) for part in parts]


_RULE = 0.25
"""What is narrower, in heights of a row, is a ruling down it, and no cell."""


def is_whole(gray: Gray, cells: Boxes) -> bool:
    """Whether there is no ink between the cells of a row: without one, others would stand in its column."""
    left, top, right, bottom = around = _around(cells)
    height = bottom - top
    return all(
        end - begin < _RULE * height or bool(((cells[:, 0] < end) & (cells[:, 2] > begin)).any())
        for begin, end in _inked(gray, around, left, right, _NO_SPACE * height)
    )


def _is_cut_off(boxes: Boxes, words: Boxes, height: float) -> Mask:
    """Which boxes are on the row of a word, and nearly touch it."""
    shared = np.minimum(boxes[:, None, 3], words[:, 3]) - np.maximum(boxes[:, None, 1], words[:, 1])
    gaps = np.maximum(boxes[:, None, 0] - words[:, 2], words[:, 0] - boxes[:, None, 2])
    found: Mask = np.any((shared > 0.5 * height) & (gaps < _CUT_OFF * height), axis=1)
    return found


# squares --------------------------------------------------------------------------------------------------------------

FILLED = "■"

_LONGEST = 3
"""What is read of a square has so many characters at most, ..."""
_WORDS = 3
"""... in so many words, ..."""
_SURE = 90.0
"""... less sure than this."""
_FROM_GROUND = 40.0
"""Where the darkest is less far from the ground, nothing is said of squares."""


def with_squares(gray: Gray, text: RecognisedText) -> RecognisedText:
    """The text of a picture with its squares as such."""
    if not any(_may_be(line.words[number : number + 1]) for line in text.lines for number in range(len(line.words))):
        return text
    level = ink_level(gray[::8, ::8], _FROM_GROUND)
    if level is None:
        return text
    found = [_with_squares(gray, line, level) for line in text.lines]
    return replace(text, lines=tuple(line for line in found if line.words))


def _with_squares(gray: Gray, line: RecognisedLine, level: float) -> RecognisedLine:
    words: list[RecognisedWord] = []
    number = 0
    while number < len(line.words):
        count, square = next(_squares(gray, line.words, number, level), (1, None))
        if square is None:
            words.append(line.words[number])
        elif square is Square.FULL:
            words.append(
                replace(line.words[number], text=FILLED, box=around_words(line.words[number : number + count]))
            )
        number += count
    return replace(line, words=tuple(words))


def _squares(gray: Gray, words: Sequence[RecognisedWord], first: int, level: float) -> Iterator[tuple[int, Square]]:
    """Of how many words from the first on the squares are that begin with it, and what is in them."""
    for count in range(1, min(_WORDS, len(words) - first) + 1):
        some = words[first : first + count]
        if not _may_be(some):
            return
        square = square_at(gray, around_words(some), level)
        if square is not None:
            yield count, square


def _may_be(words: Sequence[RecognisedWord]) -> bool:
    text = "".join(word.text for word in words)
    return len(text) <= _LONGEST and text.isascii() and all(word.confidence < _SURE for word in words)


def around_words(words: Sequence[RecognisedWord]) -> Box:
    """The box around words, one or more."""
    lefts, tops, rights, bottoms = zip(*(word.box for word in words), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
