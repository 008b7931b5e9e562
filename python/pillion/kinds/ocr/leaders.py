"""Rows of dots that lead from a text to a number: in tables of contents, price lists and forms.

The networks read them as a few dots or as nothing, and lose the number after them and the spaces before. So they are
taken out of the picture, what is on both sides is read as if it stood beside each other, and they are put back as one
word of as many dots. A row of dots with nothing after it is a line to write on, and no text.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import (
    DOTS,
    NARROW_COLUMN,
    Area,
    Gray,
    LayoutAnalysis,
    Piece,
    Word,
    by_line,
    line_of,
    narrow_columns,
    with_lines,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.intp]
else:
    from pillion.extras import lazy_numpy as np

_LONG = 2.0
"""A leader is longer than so many heights."""
_OF_LETTERS = 0.4
"""A dot is at most so high, in the usual height of what is no dot."""
_LEVEL = 0.08
"""Dots end within so many heights above or below each other."""
_FARTHEST = 1.6
_SPACED = 0.38
_EVEN = 0.25
"""They are so many heights apart at most, with spaces between from so many on, and all alike, give or take such a share
and a pixel and a half.
"""


@dataclass(frozen=True, slots=True)
class Parted:
    """Pieces of a picture without leaders. ``gray``: without them. ``pieces``: to be read, in order.

    ``places``: of each piece or leader, in order, the leader; None for a piece.
    """

    gray: Gray
    pieces: Sequence[Piece]
    places: Sequence[_Leader | None]

    def with_leaders(self, words: Sequence[list[Word]]) -> tuple[list[Piece], list[list[Word]]]:
        """All pieces, those of leaders too, and the words of each. ``words``: those of :attr:`pieces`."""
        read = iter(zip(self.pieces, words, strict=True))
        pieces: list[Piece] = []
        found: list[list[Word]] = []
        for leader in self.places:
            if leader is None:
                piece, own = next(read)
            else:
                # It is as sure as what it leads from: it was seen, not read.
                sure = found[-1][-1][1] if found and found[-1] else 0.0
                piece, own = leader.piece, [(leader.text, sure, leader.piece.area)]
            pieces.append(piece)
            found.append(own)
        return pieces, found


@dataclass(frozen=True, slots=True)
class _Leader:
    """A leader as a piece, and as text."""

    piece: Piece
    text: str


def parted(gray: Gray, pieces: Sequence[Piece]) -> Parted:
    """The pieces of a picture, in order, parted at leaders."""
    to_read: list[Piece] = []
    places: list[_Leader | None] = []
    clean = gray
    for line in by_line(pieces):
        ink = _Ink.of(gray, line)
        leaders = [] if ink is None else [*ink.leaders()]
        if ink is None or not leaders:
            to_read.extend(line)
            places.extend([None] * len(line))
            continue
        clean = gray.copy() if clean is gray else clean
        after = _after(gray, line, ink, leaders[-1], pieces)
        if after is not None:
            line, ink = [*line, after], ink.until(leaders[-1].stop)
        for leader in leaders:
            left, top, right, bottom = ink.area(leader)
            clean[top:bottom, left:right] = ink.ground
        for part in _parts(line, ink, leaders):
            places.append(part if isinstance(part, _Leader) else None)
            to_read.extend([] if isinstance(part, _Leader) else [part])
    return Parted(clean, to_read, places)


def with_numbers(gray: Gray, analysis: LayoutAnalysis) -> LayoutAnalysis:
    """The lines of a page, those with a leader marked so, and those that end with one with what it leads to.

    The layout analysis takes that for a column of its own, or, where it is one digit, for noise.
    """
    lines = [*(analysis.pieces or ())]
    alone = [piece for line in lines for piece in line]
    moved: set[int] = set()
    for number, line in enumerate(lines):
        ink = _Ink.of(gray, line) if line else None
        leaders = [] if ink is None else [*ink.leaders()]
        if ink is None or not leaders or number in moved:
            continue
        lines[number] = line = tuple(replace(piece, has_leader=True) for piece in line)
        if leaders[-1].stop < len(ink.firsts):
            continue
        begin, end = ink.ends[-1], ink.ends[-1] + _REACH * ink.height
        to = [at for at, other in enumerate(lines) if at != number and _is_led_to(other, line[-1], begin, end, ink)]
        if to:
            moved.add(to[0])
            lines[number] = *line, *(replace(piece, has_leader=True) for piece in lines[to[0]])
        elif (after := _after(gray, line, ink, leaders[-1], alone)) is not None:
            lines[number] = *line, after
    if lines == [*(analysis.pieces or ())]:
        return analysis
    kept = [
        line_of(line, paragraph=line[0].starts_paragraph) if line is not before else (box, line)
        for at, (line, before, box) in enumerate(
            zip(lines, analysis.pieces or (), analysis.boxes.tolist(), strict=True)
        )
        if at not in moved
    ]
    return with_lines(analysis, kept)


def _is_led_to(line: Sequence[Piece], last: Piece, begin: float, end: float, ink: _Ink) -> bool:
    """Whether a line is short, level with another one, and begins where a leader at its end leads to."""
    if not line:
        return False
    left, right = line[0].area[0], line[-1].area[2]
    shared = min(line[0].rows[1], last.rows[1]) - max(line[0].rows[0], last.rows[0])
    return begin <= left <= end and right - left <= _NUMBER * ink.height and shared > ink.height / 2


_REACH = 4.0
_WITHIN = 0.5
_NUMBER = 3.0
"""A number begins less than so many heights after a leader, has no wider gap, and is no longer."""


def _after(gray: Gray, line: Sequence[Piece], ink: _Ink, leader: range, others: Sequence[Piece]) -> Piece | None:
    """What stands after a leader at the end of a line, where the line ends before it, or within it.

    Tesseract's layout takes many a number of one digit for noise.
    """
    edge = max(piece.area[2] for piece in line)
    is_within = leader.stop == len(ink.firsts) or ink.ends[-1] >= edge
    if not is_within or line[-1].area[0] >= ink.ends[leader.stop - 1] - 1:
        return None
    last, begin, height = line[-1], int(ink.ends[leader.stop - 1]) + 1, ink.height
    (top, bottom), end = last.rows, begin + round((_REACH + _NUMBER + _WITHIN) * height)
    inked = np.flatnonzero((gray[max(0, top) : bottom, begin:end] < ink.level).any(axis=0))
    if not len(inked) or inked[0] >= _REACH * height:
        return None
    wide = np.flatnonzero(np.diff(inked) > _WITHIN * height)
    stop = int(inked[wide[0]] if len(wide) else inked[-1]) + 1
    area = begin + int(inked[0]), last.area[1], begin + stop, last.area[3]
    is_other = any(_touch(area, piece.area) for piece in others if piece not in line)
    if stop - inked[0] > _NUMBER * height or begin + stop < edge or is_other:
        return None
    return replace(last, area=area, starts_line=False, starts_paragraph=False, goes_on=True)


def _touch(one: Area, two: Area) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _parts(line: Sequence[Piece], ink: _Ink, leaders: Sequence[range]) -> Iterator[Piece | _Leader]:
    """The pieces of a line, parted at its leaders, and these, where something is before and after them."""
    in_leader = {number: leader for leader in leaders for number in leader}
    is_first, is_after = True, False
    for piece in line:
        columns = [*ink.within(piece.area)]
        if not columns and piece.goes_on:
            yield piece
        for leader, some in itertools.groupby(columns, key=in_leader.get):
            numbers = list(some)
            if leader is None:
                left, right = int(ink.firsts[numbers[0]]) - 1, int(ink.ends[numbers[-1]]) + 1
                area = max(piece.area[0], left), piece.area[1], min(piece.area[2], right), piece.area[3]
                starts = is_first and piece.starts_paragraph
                yield replace(piece, area=area, starts_line=is_first, starts_paragraph=starts, goes_on=is_after)
                is_first = is_after = False
            else:
                is_after = not is_first
                if is_after and numbers[0] == leader[0] and (piece is not line[-1] or leader.stop < len(ink.firsts)):
                    yield _Leader(replace(piece, area=ink.area(leader), starts_line=False), ink.text(leader))


@dataclass(frozen=True, slots=True, eq=False)
class _Ink:
    """The columns of a line that have ink, those beside each other as one: from :attr:`firsts` to :attr:`ends`.

    ``tops``, ``bottoms``: of their ink. In pixels of the picture. ``height``: of the line; ``ground``: its gray; ink is
    below ``level``.
    """

    firsts: Numbers
    ends: Numbers
    tops: Numbers
    bottoms: Numbers
    height: float
    ground: int
    level: float

    @classmethod
    def of(cls, gray: Gray, line: Sequence[Piece]) -> _Ink | None:
        """Of a line; None where it can have no leader."""
        found = narrow_columns(gray, line)
        if found is None:
            return None
        is_ink, (firsts, ends), ground, level = found
        rows = [np.flatnonzero(is_ink[:, a:b].any(axis=1)) for a, b in zip(firsts, ends, strict=True)]
        tops, bottoms = np.array([(found[0], found[-1] + 1) for found in rows]).T
        height = statistics.median(piece.rows[1] - piece.rows[0] for piece in line)
        left, top = (max(0, min(piece.area[side] for piece in line)) for side in (0, 1))
        return cls(firsts + left, ends + left, tops + top, bottoms + top, height, ground, level)

    def until(self, end: int) -> _Ink:
        """The first columns alone."""
        some = slice(end)
        return replace(
            self,
            firsts=self.firsts[some],
            ends=self.ends[some],
            tops=self.tops[some],
            bottoms=self.bottoms[some],
        )

    def leaders(self) -> Iterator[range]:
        """The numbers of the dots of each."""
        most = max(2.0, NARROW_COLUMN * self.height)
        high = self.bottoms - self.tops
        is_dot = (self.ends - self.firsts <= most) & (high <= most)
        if not is_dot.all():
            is_dot &= high <= max(2.0, _OF_LETTERS * float(np.median(high[~is_dot])))
        first = 0
        while first < len(is_dot):
            end = first + 1
            while end < len(is_dot) and is_dot[first] and is_dot[end] and self._goes_on(first, end):
                end += 1
            if end - first >= DOTS and self.ends[end - 1] - self.firsts[first] > _LONG * self.height:
                yield range(first, end)
            # The last dot before a step may be the first of another row.
            first = end if end - first < 2 or end - first >= DOTS else end - 1

    def _goes_on(self, first: int, at: int) -> bool:
        """Whether a dot follows others, level and as far away as they are from each other."""
        step = int(self.firsts[at] - self.firsts[at - 1])
        is_level = abs(int(self.bottoms[at] - self.bottoms[at - 1])) <= max(1.0, _LEVEL * self.height)
        if not is_level or step > _FARTHEST * self.height:
            return False
        pitch = (self.firsts[at - 1] - self.firsts[first]) / (at - 1 - first) if at - 1 > first else step
        return bool(abs(step - pitch) <= _EVEN * pitch + 1.5)

    def area(self, leader: range) -> Area:
        """Around a leader."""
        some = slice(leader.start, leader.stop)
        top, bottom = int(self.tops[some].min()) - 1, int(self.bottoms[some].max()) + 1
        return int(self.firsts[leader.start]) - 1, max(0, top), int(self.ends[leader.stop - 1]) + 1, bottom

    def text(self, leader: range) -> str:
        """Its dots, as far apart as they are."""
        pitch = (self.firsts[leader.stop - 1] - self.firsts[leader.start]) / (len(leader) - 1)
        return (" " if pitch > _SPACED * self.height else "").join("." * len(leader))

    def within(self, area: Area) -> Iterator[int]:
        """The numbers of the columns of ink that have their middle in an area."""
        middles = (self.firsts + self.ends) / 2
        return iter(np.flatnonzero((middles >= area[0]) & (middles < area[2])).tolist())
