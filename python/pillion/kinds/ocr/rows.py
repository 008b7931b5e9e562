"""Lines that PP-OCR read, in rows: their order, and which of those beside each other are cells of one row.

What stands level is read from left to right. Whether it is one row, or lines of two columns that are level by chance,
shows in what it says: a row has a number, or labels with a colon, or several short cells. Rows whose gaps are at the
same place are judged together, so a heading is a row with its column, and an address beside another is none, though it
has numbers in it. Across a gap with running text on both sides nothing is a row. On a slip of a till what is level is a
row, but for such columns.
"""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pillion.kinds.ocr.ppocr import RegionText
from pillion.kinds.ocr.result import joined_words

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A line: its cells from the first on, each of one piece or of several. ``paragraph``: one begins here."""

    cells: tuple[tuple[RegionText, ...], ...]
    paragraph: bool = False

    @property
    def text(self) -> str:
        """The cells, parted by tabs."""
        return "\t".join(" ".join(piece.text for piece in cell) for cell in self.cells)

    @property
    def pieces(self) -> tuple[RegionText, ...]:
        """Those of all cells."""
        return tuple(itertools.chain.from_iterable(self.cells))


# where a line is ------------------------------------------------------------------------------------------------------


def characters(text: RegionText) -> int:
    """Letters and digits."""
    return sum(character.isalnum() for word in text.words for character in word.text)


def angle(text: RegionText) -> float:
    """By how many degrees a line is turned clockwise, -180 to 180."""
    across = text.corners[1] - text.corners[0]
    return math.degrees(math.atan2(float(across[1]), float(across[0])))


def length(text: RegionText) -> float:
    """Along the line, in pixels."""
    return float(np.linalg.norm(text.corners[1] - text.corners[0]))


def height(text: RegionText) -> float:
    """Across the line, in pixels, at least 1."""
    return max(1.0, float(np.linalg.norm(text.corners[2] - text.corners[1])))


def difference(one: float, other: float) -> float:
    """By how many degrees the one is turned further than the other, -180 to 180."""
    return (one - other + 180) % 360 - 180


def rotation(texts: Sequence[RegionText]) -> int:
    """By how many degrees (0, 90, 180, 270) to turn the picture clockwise to read most of its characters."""
    votes = {0: 0, 90: 0, 180: 0, 270: 0}
    for text in texts:
        votes[round(-angle(text) / 90) * 90 % 360] += characters(text)
    return max(votes, key=lambda turn: votes[turn])


def skew(texts: Sequence[RegionText]) -> float:
    """By how many degrees the lines that run as most do fall to the right, once the picture is turned to read them."""
    turned = rotation(texts)
    off = [difference(angle(text), -turned) for text in texts]
    near = [degrees for degrees in off if abs(degrees) <= 45]
    return float(np.median(near)) if near else 0.0


# order ----------------------------------------------------------------------------------------------------------------

_SAME_ROW = 0.6
_PARAGRAPH_GAP = 1.3
_SHARED = 0.5
"""Of pieces of one row the ends may overlap by so much, in heights."""
_LONG = 5.0
_FEW_LONG = 5
_CURLED = 0.015
"""Where a slip curls, its lines fall by so much more or less than most do: so many, each so many heights long."""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A line, how far down its middle stands by the slope of the lines near it, and where it begins and ends across."""

    down: float
    begin: float
    end: float
    height: float
    text: RegionText


class Shown(Enum):
    """What the lines are of."""

    SLIP = "slip"
    PAGE = "page"
    SCENE = "scene"
    """Of a photograph: signs are level by chance, so rows are none where there are fewer than a table has."""


def in_rows(texts: Sequence[RegionText], shown: Shown) -> list[Row]:
    """The lines in reading order, row by row, those together that are cells of one row."""
    if not texts:
        return []
    rows = [sorted(row, key=lambda place: place.begin) for row in _rows(_placed(texts))]
    is_row = _are_rows(rows, shown)
    found: list[Row] = []
    last_down, last_height = -math.inf, 0.0
    for row, whole in zip(rows, is_row, strict=True):
        middle, high = statistics.fmean(place.down for place in row), max(place.height for place in row)
        gap = middle - last_down - (high + last_height) / 2
        new = gap > _PARAGRAPH_GAP * min(high, last_height or high)
        if whole:
            found.append(Row(tuple(tuple(place.text for place in cell) for cell in _cells(row)), new))
        else:
            found += [Row(((place.text,),), new and number == 0) for number, place in enumerate(row)]
        last_down, last_height = middle, high
    return found


def _placed(texts: Sequence[RegionText]) -> list[_Placed]:
    """The lines, from the highest on."""
    turn = math.radians(skew(texts) - rotation(texts))
    across, down = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    corners = np.array([text.corners for text in texts])
    begins, ends = corners[:, 0] @ across, corners[:, 1] @ across
    middles, downs = corners.mean(axis=1) @ across, corners.mean(axis=1) @ down
    heights = [height(text) for text in texts]
    slopes = [(float((text.corners[1] - text.corners[0]) @ down), length(text)) for text in texts]
    long = sorted(
        (float(at), fall / along)
        for (fall, along), at, high in zip(slopes, downs, heights, strict=True)
        if along >= _LONG * high and abs(fall) < along / 2
    )
    middle = float(np.median(middles))
    placed = [
        _Placed(at - _slope_near(at, long) * (along - middle), begin, end, high, text)
        for at, along, begin, end, high, text in zip(
            downs.tolist(), middles.tolist(), begins.tolist(), ends.tolist(), heights, texts, strict=True
        )
    ]
    return sorted(placed, key=lambda place: (place.down, place.begin, place.end))


def _slope_near(at: float, long: Sequence[tuple[float, float]]) -> float:
    """That of most long lines near a place, each given as how far down it is and its slope; 0 where a slip is flat."""
    if len(long) < _FEW_LONG:
        return 0.0
    near = sorted(long, key=lambda line: abs(line[0] - at))[:_FEW_LONG]
    slope = statistics.median(slope for _, slope in near)
    return slope if abs(slope) > _CURLED else 0.0


def _rows(placed: Sequence[_Placed]) -> list[list[_Placed]]:
    """What stands beside each other. Lines that share a part of their width never do, however near they are."""
    rows: list[list[_Placed]] = []
    for place in placed:
        near = (row for row in reversed(rows[-2:]) if _belongs(place, row))
        row = next(near, None)
        if row is None:
            rows.append([place])
        else:
            row.append(place)
    return rows


def _belongs(place: _Placed, row: Sequence[_Placed]) -> bool:
    beside = min(row, key=lambda other: max(other.begin - place.end, place.begin - other.end))
    room = max(beside.begin - place.end, place.begin - beside.end)
    is_level = place.down - beside.down < _SAME_ROW * min(place.height, beside.height)
    return room > -_SHARED * place.height and is_level


# rows of cells --------------------------------------------------------------------------------------------------------

_LEVEL = 0.35
_AS_HIGH = 2.2
"""Cells of a row are level within so many heights of the lower one, and one is at most so many times as high."""
_CELL_GAP = 0.7
"""Pieces that are less apart, in heights, are of one cell."""
_FULL = 10.0
_WORDS = 3
_LETTERS = 3
"""Running text is so many heights wide, with so many words of so many letters."""
_COLUMNS = 3
"""So many rows of running text on both sides of a gap make two columns."""
_SHORT_WORDS = 3
_SEVERAL = 3
_TABLE_ROWS = 3
_FAR = 4.0
"""Rows with the same gap are less than so many heights apart."""
_COLONS = (":", "\uff1a")

_Gap = tuple[float, float]
"""From where to where across."""


def _are_rows(rows: Sequence[Sequence[_Placed]], shown: Shown) -> list[bool]:
    """Whether each row is one of cells."""
    several = [number for number, row in enumerate(rows) if len(row) > 1 and _is_level(row)]
    columns = _columns([rows[number] for number in several])
    across = {number for number in several if any(_meet(gap, one) for gap in _gaps(rows[number]) for one in columns)}
    bands = _bands([number for number in several if number not in across], rows)
    shown_in = [2 * sum(_shows_cells(rows[number]) for number in band) >= len(band) for band in bands]
    is_table = [len(band) >= _TABLE_ROWS for band in bands]
    may_be_few = shown is not Shown.SCENE or any(map(operator.and_, shown_in, is_table))
    found = [False] * len(rows)
    for band, shows, several_rows in zip(bands, shown_in, is_table, strict=True):
        if (several_rows or may_be_few) and (shows or (shown is Shown.SLIP and not several_rows)):
            for number in band:
                found[number] = True
    return found


def _is_level(row: Sequence[_Placed]) -> bool:
    pairs = itertools.pairwise(row)
    return all(
        abs(right.down - left.down) < _LEVEL * min(left.height, right.height)
        and max(left.height, right.height) < _AS_HIGH * min(left.height, right.height)
        for left, right in pairs
    )


def _cells(row: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """The pieces of each cell."""
    cell = [row[0]]
    for left, right in itertools.pairwise(row):
        if right.begin - left.end >= _CELL_GAP * min(left.height, right.height):
            yield cell
            cell = []
        cell.append(right)
    yield cell


def _gaps(row: Sequence[_Placed]) -> list[_Gap]:
    """Between its cells."""
    return [(left[-1].end, right[0].begin) for left, right in itertools.pairwise(_cells(row))]


def _meet(one: _Gap, other: _Gap) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def _columns(rows: Iterable[Sequence[_Placed]]) -> list[_Gap]:
    """Gaps that have running text on both sides in several rows."""
    gaps: list[_Gap] = []
    for row in rows:
        pairs = itertools.pairwise(row)
        gaps += [(left.end, right.begin) for left, right in pairs if _is_running(left) and _is_running(right)]
    return [gap for gap in gaps if sum(_meet(gap, other) for other in gaps) >= _COLUMNS]


def _is_running(place: _Placed) -> bool:
    words = sum(sum(map(str.isalpha, word.text)) >= _LETTERS for word in place.text.words)
    return place.end - place.begin > _FULL * place.height and words >= _WORDS


def _bands(several: Sequence[int], rows: Sequence[Sequence[_Placed]]) -> list[list[int]]:
    """The numbers of rows of cells, those together that follow each other with a gap at the same place."""
    bands: list[list[int]] = []
    for number in several:
        last = rows[bands[-1][-1]] if bands else None
        row = rows[number]
        goes_on = (
            last is not None
            and row[0].down - last[0].down < _FAR * max(row[0].height, last[0].height)
            and any(_meet(one, other) for one in _gaps(row) for other in _gaps(last))
        )
        if goes_on:
            bands[-1].append(number)
        else:
            bands.append([number])
    return bands


def _shows_cells(row: Sequence[_Placed]) -> bool:
    """Whether a row has a number, or labels with what they ask for, or several short cells."""
    cells = [[word.text for place in cell for word in place.text.words] for cell in _cells(row)]
    if any(map(_is_number, cells)):
        return True
    asks = [bool(cell) and cell[-1].endswith(_COLONS) for cell in cells]
    answers = [bool(cell) and cell[0].startswith(_COLONS) for cell in cells]
    if any((one and not other) or answer for one, other, answer in zip(asks, asks[1:], answers[1:], strict=False)):
        return True
    if all(any(colon in word for word in cell for colon in _COLONS) for cell in cells) and not any(asks):
        return True
    return len(cells) >= _SEVERAL and all(len(cell) <= _SHORT_WORDS for cell in cells)


def _is_number(cell: Sequence[str]) -> bool:
    """Whether it has digits, and no more letters."""
    text = joined_words(cell)
    return 0 < sum(map(str.isdigit, text)) >= sum(map(str.isalpha, text))
