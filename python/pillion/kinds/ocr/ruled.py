"""Tables between ruling lines: their cells, found in the picture, and their text, cell by cell.

The engine joins words across a ruling where they stand close, and mixes the lines of neighbouring cells where one has
two lines and the other one between them. Rulings are evidence: text seldom goes on across one. Rulings that meet make a
grid; places of the grid with no ruling between them are one cell, and so are two where all text of the second one goes
on from the first without a space, as words do that are too long for their column. What makes no grid of rectangles, as
the boxes of many forms, is left as the engine has it.

All is in pixels of the upright, level picture; boxes have shape (n, 4).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.evidence import ALIKE, CONTRAST, GROUND, LEAST_CONTRAST, LEAST_GAIN, NEAR, Rulings, blend
from pillion.kinds.ocr.layout import (
    Area,
    Boxes,
    Gray,
    LayoutAnalysis,
    Mask,
    Piece,
    Print,
    holds,
    inside,
    line_of,
    median_gray,
    with_lines,
)
from pillion.kinds.ocr.segments import placed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

_COVERED = 0.8
"""A ruling between two places of a grid goes along so much of their side."""
_LEAST_CELLS = 4
_HALF_A_RULING = 0.12
_HIGH = 6
"""So many lines most cells of a row seldom have: there are rows without rulings in them."""
_MANY = 3
_LEVEL = 0.5
"""So many cells have lines whose middles are less than so many heights apart: rows without rulings between them."""
_NEARLY = 0.25
_MOSTLY_LEVEL = 0.7
"""Such a share of the lines of a table have their middles less than so many heights above or below that of one beside
them: of texts of their own, set at their own pitch, less than half do, by chance.
"""
_GAP = 1.4
"""Words further apart than so many heights are in two columns."""
_COLUMNS = 2
"""So many columns of single words show rows without rulings between them."""
_ROWS_WHOLE = 3
"""So many rows of a table at least go on beside it."""
_TOUCHING = 0.15
_FLAT = 0.6
"""Between rulings so near to each other, in heights of a line, there is no room for text."""
_SHADED = 32
"""A cell is shaded where its ground is so much darker than that of the lightest one."""
_DARKEST = 0.5
"""Per cent of a cell that may be darker than its print, or lighter."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. ``rows``, ``columns``: the first place of the grid in it and the one after its last.

    ``crossed``: at which places from the left its text runs across a ruling.
    """

    area: Area
    rows: tuple[int, int]
    columns: tuple[int, int]
    crossed: tuple[int, ...] = ()

    def inner(self, height: float) -> Area:
        """It without its rulings. ``height``: of a line."""
        left, top, right, bottom = self.area
        edge = _edge(height) + 2
        return left + edge, top + edge, right - edge, bottom - edge


@dataclass(frozen=True, slots=True)
class Table:
    """A grid of at least two rows and two columns. ``cells``: row by row, from left to right."""

    area: Area
    cells: tuple[Cell, ...]

    def outside(self) -> list[Area]:
        """Where the text of its cells runs out of it."""
        right = self.area[2]
        return [(right, cell.area[1], cell.area[2], cell.area[3]) for cell in self.cells if cell.area[2] > right]

    def strips(self) -> list[list[Cell]]:
        """Its cells, those together that are below each other and equally wide."""
        strips: list[list[Cell]] = []
        for cell in sorted(self.cells, key=lambda cell: (cell.columns, cell.rows)):
            last = strips[-1][-1] if strips else None
            if last is not None and last.columns == cell.columns and last.rows[1] == cell.rows[0]:
                strips[-1].append(cell)
            else:
                strips.append([cell])
        return strips


# grids ----------------------------------------------------------------------------------------------------------------


def tables(gray: Gray, lines: Rulings) -> list[Table]:
    """The ruled tables of a picture, down the page."""
    if len(lines.across) < 2 or not len(lines.down):
        return []
    grids = _tables(lines.across, lines.down, lines.height)
    found = [_with_text_across(gray, table, lines.height) for table in grids]
    return sorted(found, key=lambda table: (table.area[1], table.area[0]))


def _meeting(across: Boxes, down: Boxes, near: float) -> Iterator[tuple[list[int], list[int]]]:
    """Groups of rulings that meet, those across and those down, by their numbers."""
    meets = (
        (down[None, :, 0] <= across[:, None, 2] + near)
        & (down[None, :, 2] >= across[:, None, 0] - near)
        & (across[:, None, 1] <= down[None, :, 3] + near)
        & (across[:, None, 3] >= down[None, :, 1] - near)
    )
    left = set(range(len(across)))
    while left:
        some, others = {left.pop()}, set[int]()
        size = 0
        while size != len(some) + len(others):
            size = len(some) + len(others)
            others = set(np.flatnonzero(meets[sorted(some)].any(axis=0)).tolist())
            some |= set(np.flatnonzero(meets[:, sorted(others)].any(axis=1)).tolist())
        left -= some
        yield sorted(some), sorted(others)


def _tables(across: Boxes, down: Boxes, height: float) -> Iterator[Table]:
    """The tables of rulings. Where those that are near each other make none, a table may stand in a cell of another:
    its rulings end before they touch those around it.
    """
    for some, others in _meeting(across, down, NEAR * height):
        table = _table(across[some], down[others], height)
        if table is not None:
            yield table
            continue
        for within, beside in _meeting(across[some], down[others], _TOUCHING * height):
            table = _table(across[some][within], down[others][beside], height)
            if table is not None:
                yield table


def _table(across: Boxes, down: Boxes, height: float) -> Table | None:
    """The table of rulings that meet; None where these are not those of a grid."""
    if len(across) < 2 or not len(down):
        return None
    both = np.concatenate([across, down])
    near = NEAR * height
    x = _places([*_middles(down, 0), float(both[:, 0].min()), float(both[:, 2].max())], near)
    y = _places([*_middles(across, 1), float(both[:, 1].min()), float(both[:, 3].max())], near)
    if len(x) < 3 or len(y) < 3:
        return None
    group = _groups(x, y, across, down, near)
    cells = []
    for number in np.unique(group).tolist():
        rows, columns = np.nonzero(group == number)
        (top, bottom), (left, right) = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
        if len(rows) != (bottom - top) * (right - left):
            return None
        area = round(x[left]), round(y[top]), round(x[right]), round(y[bottom])
        if min(area[2] - area[0], area[3] - area[1]) > _FLAT * height:
            cells.append(Cell(area, (int(top), int(bottom)), (int(left), int(right))))
    side_by_side = len({cell.columns for cell in cells}) > 1 and len({cell.rows for cell in cells}) > 1
    if len(cells) < _LEAST_CELLS or not side_by_side:
        return None
    area = round(x[0]), round(y[0]), round(x[-1]), round(y[-1])
    return Table(area, tuple(sorted(cells, key=lambda cell: (cell.rows[0], cell.columns))))


def _middles(rulings: Boxes, side: int) -> list[float]:
    middles: list[float] = ((rulings[:, side] + rulings[:, side + 2]) / 2).tolist()
    return middles


def _places(found: Sequence[float], near: float) -> list[float]:
    """In order, those that are near each other as one."""
    groups: list[list[float]] = []
    for place in sorted(found):
        if groups and place - groups[-1][-1] <= near:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [sum(group) / len(group) for group in groups]


def _groups(x: Sequence[float], y: Sequence[float], across: Boxes, down: Boxes, near: float) -> NDArray[np.intp]:
    """For each place of the grid, shape (rows, columns), a number: the same where there is no ruling between."""
    rows, columns = len(y) - 1, len(x) - 1
    group = np.arange(rows * columns).reshape(rows, columns)
    for row, column in itertools.product(range(rows), range(columns)):
        if column + 1 < columns and not _is_ruled(down[:, [1, 0, 3, 2]], y[row], y[row + 1], x[column + 1], near):
            group[group == group[row, column + 1]] = group[row, column]
        if row + 1 < rows and not _is_ruled(across, x[column], x[column + 1], y[row + 1], near):
            group[group == group[row + 1, column]] = group[row, column]
    return group


def _is_ruled(rulings: Boxes, begin: float, end: float, place: float, near: float) -> bool:
    """Whether rulings from left to right at this height go along most of the way from ``begin`` to ``end``."""
    middles = (rulings[:, 1] + rulings[:, 3]) / 2
    on = rulings[np.abs(middles - place) <= near]
    along = np.minimum(on[:, 2], end) - np.maximum(on[:, 0], begin)
    return float(along.clip(min=0).sum()) >= _COVERED * (end - begin)


# text across rulings --------------------------------------------------------------------------------------------------

_NO_SPACE = 0.3
"""Letters on both sides of a ruling that are so near each other, in heights of a line, are of one word."""
_SPECK = 0.2
"""What is lower than so many heights of a line is no text."""
_MOSTLY_DARK = 0.7
"""The share of the pixels of a column that are dark where a ruling is."""
_BLANK = 1.0
"""Text that runs out of a table ends where so many heights of a line are blank."""


def _with_text_across(gray: Gray, table: Table, height: float) -> Table:
    """The table, in which cells are one where all text of the second goes on from the first across their ruling.

    Text that runs out of the table on its right is of its last cell.
    """
    cells: list[Cell] = []
    for _, row in itertools.groupby(table.cells, key=lambda cell: cell.rows):
        for cell in row:
            last = cells[-1] if cells else None
            beside = last is not None and last.rows == cell.rows and last.columns[1] == cell.columns[0]
            if last is not None and beside and _runs_on(gray, last.area, cell.area, height):
                cells[-1] = _one(last, cell)
            else:
                cells.append(cell)
    most = max(cell.columns[1] for cell in cells)
    return replace(
        table, cells=tuple(_run_out(gray, cell, height) if cell.columns[1] == most else cell for cell in cells)
    )


def _one(cell: Cell, rest: Cell) -> Cell:
    left, top, place, bottom = cell.area
    columns = cell.columns[0], rest.columns[1]
    return Cell((left, top, rest.area[2], bottom), cell.rows, columns, (*cell.crossed, place))


def _run_out(gray: Gray, cell: Cell, height: float) -> Cell:
    """The cell, with the text that goes on from it out of the table."""
    left, top, right, bottom = cell.area
    edge = _edge(height)
    blank: Mask = ~np.any(_ink(gray[top + edge : bottom - edge, right:]), axis=0)
    far = edge + _first_run(blank[edge:], round(_BLANK * height))
    outside = right, top, right + far, bottom
    if far <= 2 * edge or not _runs_on(gray, cell.area, outside, height):
        return cell
    return replace(cell, area=(left, top, right + far, bottom), crossed=(*cell.crossed, right))


def _first_run(mask: Mask, length: int) -> int:
    """Where the first ``length`` true ones in a row begin; the end where there are none."""
    false = np.flatnonzero(~np.pad(mask, (1, 1)))
    runs = np.diff(false) - 1
    found = np.flatnonzero(runs >= length)
    return int(false[found[0]]) if len(found) else len(mask)


def _ink(part: Gray) -> Mask:
    """What is darker than the ground of a part of a picture."""
    ground = int(median_gray(part[::2, ::2])) if part.size else 0
    found: Mask = part < ground - min(ground, CONTRAST)
    return found


def _runs_on(gray: Gray, cell: Area, beside: Area, height: float) -> bool:
    """Whether there is text in the cell beside one, and all of it goes on from there across the ruling."""
    edge = _edge(height)
    top, bottom = beside[1] + edge, beside[3] - edge
    ruling = _ruling_at(_ink(gray[top:bottom, cell[0] : beside[2]]), beside[0] - cell[0], edge)
    if ruling is None:
        return False
    first, end = (cell[0] + place for place in ruling)
    # The cells may be of different shades.
    before, after = (
        _ink(gray[top:bottom, left:right]) for left, right in ((cell[0] + edge, first), (end, beside[2] - edge))
    )
    lines = [one for one in _lines_of(np.any(after, axis=1), _SPECK * height) if one[1] - one[0] >= _SPECK * height]
    return bool(lines) and all(
        _gap(before[above:below, ::-1]) + _gap(after[above:below]) <= _NO_SPACE * height for above, below in lines
    )


def _lines_of(rows: Mask, apart: float) -> list[tuple[int, int]]:
    """The first row with ink of each line and the one after its last; accents and low dashes are nearer than that."""
    lines: list[tuple[int, int]] = []
    for row in np.flatnonzero(rows).tolist():
        if lines and row - lines[-1][1] < apart:
            lines[-1] = lines[-1][0], row + 1
        else:
            lines.append((row, row + 1))
    return lines


def _gap(ink: Mask) -> float:
    """How many columns are blank before the first with ink."""
    columns = np.flatnonzero(ink.any(axis=0))
    return float(columns[0]) if len(columns) else float("inf")


def _ruling_at(ink: Mask, place: int, edge: int) -> tuple[int, int] | None:
    """The columns of the ruling near this one: the first and the one after the last."""
    first = max(0, place - edge - 2)
    dark = first + np.flatnonzero(ink[:, first : place + edge + 3].mean(axis=0) >= _MOSTLY_DARK)
    return (int(dark[0]), int(dark[-1]) + 1) if len(dark) else None


def without_crossed(gray: Gray, tables: Sequence[Table], height: float) -> Gray:
    """The picture without the rulings across which text of these tables runs; itself where there are none."""
    cells = [cell for table in tables for cell in table.cells if cell.crossed]
    gray = gray.copy() if cells else gray
    for cell in cells:
        _take_out_crossed(gray, cell, height)
    return gray


def _take_out_crossed(gray: Gray, cell: Cell, height: float) -> None:
    """Takes the rulings out of a cell across which its text runs: between letters there is ink, else the ground."""
    rows = gray[cell.area[1] : cell.area[3]]
    dark = rows < int(median_gray(rows[::2, ::2])) - LEAST_CONTRAST if rows.size else rows.astype(np.bool_)
    for place in cell.crossed:
        ruling = _ruling_at(dark, place, _edge(height))
        if ruling is not None:
            blend(rows, *ruling)


# text -----------------------------------------------------------------------------------------------------------------

Found = tuple[Area, tuple[Piece, ...]]
"""A line, and what the core reads of it."""


def without_rulings(gray: Gray, strip: Sequence[Cell], height: float) -> tuple[Gray, Area]:
    """The picture of cells below each other with their rulings painted over, and where it is.

    Shaded ones, and bars with light print, are dark on one ground with the others: the engine parts ink from the ground
    of all of them at once.
    """
    left, top, bottom = strip[0].area[0], strip[0].area[1], strip[-1].area[3]
    right = max(cell.area[2] for cell in strip)
    part, edge = gray[top:bottom, left:right].copy(), _edge(height)
    cells = [part[cell.area[1] - top : cell.area[3] - top, : cell.area[2] - left] for cell in strip]
    shades = [int(median_gray(cell[::2, ::2])) if cell.size else 255 for cell in cells]
    ground = int(median_gray(part[::2, ::2])) if part.size else 255
    if max(shades) - min(shades) > _SHADED:
        ground = max(shades)
        for rows, shade in zip(cells, shades, strict=True):
            if ground - shade > _SHADED:
                rows[:] = _on_ground(rows, shade, ground, edge + 2)
    for cell in strip:
        rows = part[cell.area[1] - top : cell.area[3] - top]
        for place in (0, cell.area[2] - left):
            rows[:, max(0, place - edge) : place + edge] = ground
    for place in {cell.area[side] - top for cell in strip for side in (1, 3)}:
        part[max(0, place - edge) : place + edge] = ground
    return np.ascontiguousarray(part), (left, top, right, bottom)


def _on_ground(cell: Gray, shade: int, ground: int, edge: int) -> Gray:
    """A cell with black print on another ground; one that is a picture is left as it is.

    ``shade``: its own; ``edge``: how many pixels its rulings take.
    """
    away = cell.astype(np.float32) - shade
    inner = away[edge:-edge, edge:-edge][::2, ::2]
    if not inner.size or np.mean(np.abs(inner) <= ALIKE) < GROUND:
        return cell
    low, high = np.percentile(inner, [_DARKEST, 100 - _DARKEST])
    strongest = high if high > -low else low
    # What is faint is no print, and stays so.
    stretched = away * (ground / max(abs(strongest), CONTRAST)) * (1 if strongest < 0 else -1)
    found: Gray = (ground + stretched).clip(0, 255).astype(np.uint8)
    return found


def painted_over(gray: Gray, areas: Sequence[Area], height: float) -> Gray:
    """The picture without what is in some areas, up to their rulings; itself where there are none."""
    if not areas:
        return gray
    gray, edge = gray.copy(), _edge(height)
    for left, top, right, bottom in areas:
        around = max(0, top - edge), bottom + edge, max(0, left - edge), right + edge
        part = gray[around[0] : around[1], around[2] : around[3]]
        part[:] = int(median_gray(part[::2, ::2]))
    return gray


def _edge(height: float) -> int:
    """Half of what is painted over for a ruling, in pixels."""
    return max(2, round(_HALF_A_RULING * height))


def in_order(table: Table, found: Sequence[Found]) -> list[Found]:
    """The lines of a table cell by cell, and row by row; rows of which each cell has one line as one line."""
    by_cell = _by_cell(table, found)
    lines: list[Found] = []
    for _, row in itertools.groupby(table.cells, key=lambda cell: cell.rows[0]):
        cells = [(cell, by_cell[cell]) for cell in row if cell in by_cell]
        within = [inside for cell, inside in cells if cell.rows[1] == cell.rows[0] + 1]
        levels = _levels(within) if len(within) == len(cells) else []
        if levels:
            lines.extend(map(_as_row, levels))
            continue
        is_flat = all(len(inside) == 1 and inside[0][1] for inside in within)
        # Beside a cell that goes on for several rows the others are rows.
        for in_row, some in itertools.groupby(cells, key=lambda one: is_flat and one[1] in within):
            parts = [inside for _, inside in some]
            if in_row:
                lines.append(_as_row([line for inside in parts for line in inside]))
            else:
                lines.extend(line for inside in parts for line in _as_paragraph(inside))
    return lines


def _by_cell(table: Table, found: Sequence[Found]) -> dict[Cell, list[Found]]:
    by_cell: dict[Cell, list[Found]] = {}
    for area, pieces in found:
        middle = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
        cell = min(table.cells, key=lambda cell: _distance(cell.area, middle))
        by_cell.setdefault(cell, []).append((area, pieces))
    return by_cell


def has_rows(table: Table, found: Sequence[Found]) -> bool:
    """Whether its rulings part its rows: not where most lines stand in columns with many lines one above the other,
    most of them level with those beside them.
    """
    by_cell = _by_cell(table, found)
    in_columns = 0
    for _, row in itertools.groupby(table.cells, key=lambda cell: cell.rows[0]):
        within = [by_cell[cell] for cell in row if cell in by_cell]
        if len(within) > 1 and statistics.median(map(len, within)) >= _HIGH and _are_mostly_level(within):
            in_columns += sum(map(len, within))
    return 2 * in_columns <= len(found)


def _are_mostly_level(cells: Sequence[Sequence[Found]]) -> bool:
    """Whether most lines of the cells beside each other but the one with most stand at the height of one of that."""
    most = max(cells, key=len)
    others = [area for lines in cells if lines is not most for area, _ in lines]
    level = sum(any(_are_beside(area, other) for other, _ in most) for area in others)
    return level >= _MOSTLY_LEVEL * len(others)


def _are_beside(one: Area, two: Area) -> bool:
    return abs(one[1] + one[3] - two[1] - two[3]) < 2 * _NEARLY * min(one[3] - one[1], two[3] - two[1])


def _from_above(lines: Sequence[Found]) -> list[Found]:
    return sorted(lines, key=lambda line: line[0][1] + line[0][3])


def _levels(cells: Sequence[Sequence[Found]]) -> list[list[Found]]:
    """The rows between two rulings, where many cells beside each other have lines of several; none elsewhere.

    They have equally many lines, each level with those beside it. Or each is level with one of the cell with most, some
    are columns of single words, and many have as many lines, or one has a hole, as no text has that goes on from line
    to line; or the lines of one are parted themselves, as by columns.
    """
    if len(cells) < _MANY or not all(some for inside in cells for _, some in inside):
        return []
    if len({len(inside) for inside in cells}) == 1:
        rows = [list(level) for level in zip(*map(_from_above, cells), strict=True)]
        return rows if all(map(_is_level, rows)) else []
    most = _from_above(max(cells, key=len))
    levels = [[line for inside in cells for line in inside if _are_beside(line[0], one[0])] for one in most]
    of_words = [inside for inside in cells if len(inside) > 1 and all(len(some) == 1 for _, some in inside)]
    is_whole = sum(map(len, levels)) == sum(map(len, cells))
    if not is_whole:
        return []
    if any(len(inside) == len(most) > 1 and all(map(_is_parted, inside)) for inside in cells):
        return levels
    are_rows = sum(len(inside) == len(most) for inside in cells) >= _MANY or any(
        _has_hole(one, levels) for one in of_words
    )
    return levels if len(most) >= _MANY and len(of_words) >= _COLUMNS and are_rows else []


def _is_parted(line: Found) -> bool:
    """Whether there is a gap in a line as between columns."""
    area, pieces = line
    gaps = (two.area[0] - one.area[2] for one, two in itertools.pairwise(pieces))
    return any(gap > _GAP * (area[3] - area[1]) for gap in gaps)


def _has_hole(column: Sequence[Found], levels: Sequence[Sequence[Found]]) -> bool:
    """Whether there is a row between two lines of a column in which it has none."""
    rows = [number for number, level in enumerate(levels) if any(line in level for line in column)]
    return bool(rows) and rows[-1] - rows[0] + 1 > len(rows)


def _is_level(row: Sequence[Found]) -> bool:
    middles = [(area[1] + area[3]) / 2 for area, _ in row]
    return max(middles) - min(middles) <= _LEVEL * min(area[3] - area[1] for area, _ in row)


def _as_row(parts: Sequence[Found]) -> Found:
    """The lines of the cells of a row as one."""
    lefts, tops, rights, bottoms = zip(*(area for area, _ in parts), strict=True)
    area = min(lefts), min(tops), max(rights), max(bottoms)
    pieces = [piece for _, some in parts for piece in some]
    return area, tuple(
        replace(piece, line=area, starts_line=number == 0, starts_paragraph=number == 0)
        for number, piece in enumerate(pieces)
    )


def _as_paragraph(lines: Sequence[Found]) -> Iterator[Found]:
    for number, (area, pieces) in enumerate(lines):
        yield area, tuple(replace(piece, starts_paragraph=number == 0 and piece.starts_line) for piece in pieces)


def _distance(area: Area, place: tuple[float, float]) -> float:
    across = max(area[0] - place[0], place[0] - area[2], 0.0)
    down = max(area[1] - place[1], place[1] - area[3], 0.0)
    return across + down


# a page's lines with those of its tables ------------------------------------------------------------------------------

LayOut = Callable[[Gray], LayoutAnalysis | None]
"""Lays out a picture as lines below each other; None where it cannot."""


def with_tables(
    gray: Gray, analysis: LayoutAnalysis, tables: Sequence[Table], seen: Print, lay_out: LayOut
) -> tuple[LayoutAnalysis, list[Area]]:
    """The lines of a page, those of ruled tables cell by cell, and where the tables are that were read so.

    Small tables come first: those in cells of others are among the lines of these cells. ``seen``: what looks like
    print on the page.
    """
    done: list[tuple[Area, list[Found]]] = []
    for table in sorted(tables, key=lambda table: _size(table.area)):
        held = [one for one in done if holds(table.area, one[0])]
        rest = painted_over(gray, [area for area, _ in held], analysis.height)
        found = [line for strip in table.strips() for line in _lines_of_strip(rest, strip, analysis.height, lay_out)]
        if held:
            found = sorted([*found, *(line for _, lines in held for line in lines)], key=lambda line: line[0][1])
        boxes = np.array([area for area, _ in found], np.float64).reshape(-1, 4)
        text = seen.within(*(cell.inner(analysis.height) for cell in table.cells))
        if not found or not has_rows(table, found):
            continue
        if text.covered(boxes) < text.covered(analysis.boxes) + LEAST_GAIN:
            continue
        others = [other.area for other in tables if other is not table]
        analysis, lines = with_rows_whole(analysis, table.area, in_order(table, found), others)
        for area in table.outside():
            analysis = replaced(analysis, area, ())
        analysis = replaced(analysis, table.area, lines)
        done.append((table.area, lines))
    return analysis, [area for area, _ in done]


def with_rows_whole(
    analysis: LayoutAnalysis, area: Area, found: Sequence[Found], others: Sequence[Area]
) -> tuple[LayoutAnalysis, list[Found]]:
    """The analysis, and the lines of a table with what the engine reads on beside their rows: labels without rulings.

    Such are there only if nearly all rows of the table go on so; what goes on in one of ``others``, tables beside it,
    is none.
    """
    assert analysis.pieces is not None
    beside: dict[int, list[tuple[int, tuple[Piece, ...]]]] = {}
    for number, pieces in enumerate(analysis.pieces):
        rest = _outside(pieces, area)
        if not rest or len(rest) == len(pieces) or any(_is_in_any(piece.area, others) for piece in rest):
            continue
        own = _as_row([(piece.area, (piece,)) for piece in pieces if piece not in rest])
        level = [place for place, line in enumerate(found) if _are_beside(line[0], own[0])]
        if len(level) == 1:
            beside.setdefault(level[0], []).append((number, rest))
    rows = {place: some[0] for place, some in beside.items() if len(some) == 1 and found[place][1]}
    if len(rows) < max(_ROWS_WHOLE, len(found) - 1):
        return analysis, list(found)
    whole = list(found)
    pieces_of = list(analysis.pieces)
    for place, (number, rest) in rows.items():
        parts = sorted((*rest, *found[place][1]), key=lambda piece: piece.area[0])
        whole[place] = _as_row([(piece.area, (piece,)) for piece in parts])
        pieces_of[number] = tuple(piece for piece in pieces_of[number] if piece not in rest)
    return replace(analysis, pieces=tuple(pieces_of)), whole


def _is_in_any(area: Area, others: Sequence[Area]) -> bool:
    return any(inside(np.array([area], np.float64), other)[0] for other in others)


def _size(area: Area) -> int:
    return (area[2] - area[0]) * (area[3] - area[1])


def _lines_of_strip(gray: Gray, strip: Sequence[Cell], height: float, lay_out: LayOut) -> list[Found]:
    part, (left, top, *_) = without_rulings(gray, strip, height)
    analysis = lay_out(part)
    if analysis is None or not analysis.lines:
        return []
    boxes = np.rint(analysis.boxes + np.array([left, top, left, top])).astype(int).tolist()
    pieces = placed(analysis.pieces, left=-left, top=-top) or ((),) * len(boxes)
    return [((x0, y0, x1, y1), some) for (x0, y0, x1, y1), some in zip(boxes, pieces, strict=True)]


# the analysis of a page with other lines ------------------------------------------------------------------------------


def replaced(analysis: LayoutAnalysis, area: Area, found: Sequence[tuple[Area, tuple[Piece, ...]]]) -> LayoutAnalysis:
    """The analysis with other lines in an area: they stand where the first of the old ones stood.

    Of a line that goes on outside the area its pieces there are left: the engine joins what is level in two tables.
    """
    assert analysis.pieces is not None
    lines: list[tuple[Sequence[float], tuple[Piece, ...]]] = []
    place: int | None = None
    for box, pieces, is_in in zip(
        analysis.boxes.tolist(), analysis.pieces, inside(analysis.boxes, area).tolist(), strict=True
    ):
        rest = _outside(pieces, area) if pieces else () if is_in else None
        if rest is None or len(rest) == len(pieces) > 0:
            lines.append((box, pieces))
            continue
        is_before = bool(rest) and rest[0].area[0] < area[0]
        place = len(lines) + is_before if place is None else place
        if rest:
            lines.append(line_of(rest, paragraph=True))
    if place is None:
        place = next((number for number, (box, _) in enumerate(lines) if box[1] >= area[3]), len(lines))
    lines[place:place] = found
    return with_lines(analysis, lines)


def without(analysis: LayoutAnalysis, is_none: Callable[[Area], bool]) -> LayoutAnalysis:
    """The analysis without the pieces of lines that are none, by their area."""
    assert analysis.pieces is not None
    lines: list[tuple[Sequence[float], tuple[Piece, ...]]] = []
    for box, pieces in zip(analysis.boxes.tolist(), analysis.pieces, strict=True):
        rest = tuple(piece for piece in pieces if not is_none(piece.area))
        if len(rest) == len(pieces):
            lines.append((box, pieces))
        elif rest:
            lines.append(line_of(rest, paragraph=pieces[0].starts_paragraph))
    return with_lines(analysis, lines)


def _outside(pieces: Sequence[Piece], area: Area) -> tuple[Piece, ...]:
    """Those that do not have their middle in the area."""
    if not pieces:
        return ()
    kept = ~inside(np.array([piece.area for piece in pieces], np.float64), area)
    return tuple(itertools.compress(pieces, kept.tolist()))
