"""Print that is on no word of a page that was read: lines and words that the layout analysis took for noise.

They are found in evidence.py. Here they are read, each by itself, and put where the nearest of the other lines is. Rows
of cells are one line, if no ink is left between them: without one of them the others would stand in wrong columns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.evidence import around_words, is_table_row, is_whole, rows_of
from pillion.kinds.ocr.layout import Boxes, Gray, Layout, Piece
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.segments import (
    PageLines,
    Read,
    letters,
    no_lines,
    on_page,
    part_of,
    usual_height,
    whole_pixels,
)
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, confidence

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_SURE = 70.0
_LETTERS = 2
_SURE_MARK = 95.0
"""Lost print is text where it is read so surely, and has so many letters or digits; and marks at its ends if surer."""
_ON_OTHERS = 0.3
"""No more of it is on another line."""
_LEAST_ROOM = 0.1
"""Above and below its ink together, in its heights."""
_BESIDE = 1.2
"""What is nearer on its row, in its heights, is of the same line; ..."""
_ASIDE = 0.3
"""... and what is above or below and aside is so much farther for each pixel."""


def with_lost(
    page: PageLines,
    kept: Sequence[Read],
    boxes: Boxes,
    read: Callable[[Gray, Sequence[Piece]], RecognisedText | None],
) -> list[Read]:
    """The lines of a page with those that were lost. ``boxes``: of their ink, where it was seen, one or more.

    ``read``: reads pieces of a picture; None where it cannot.
    """
    assert page.seen is not None
    usual = usual_height(kept)
    sides = np.array(page.seen.sides)
    lines: list[Boxes] = []
    for row in (boxes[numbers] for numbers in rows_of(boxes)):
        if not is_table_row(row, usual / sides[1]):
            lines.extend(row[:, None] * sides)
        elif is_whole(page.seen.gray, row):
            lines.append(row * sides)
    if not lines:
        return list(kept)
    pieces = tuple(itertools.chain.from_iterable(_pieces_of(cells, usual) for cells in lines))
    segment = part_of(page.image.gray, np.concatenate(lines), pieces, usual, no_lines(), Layout.BLOCK)
    text = read(segment.gray, segment.pieces or ())
    found = list(kept)
    for line in map(_without_marks, () if text is None else text.lines):
        if confidence([line]) >= _SURE and sum(letters(word.text) for word in line.words) >= _LETTERS:
            found = _with_line(found, (segment, RecognisedText((line,))))
    return found


def _with_line(kept: list[Read], lost: Read) -> list[Read]:
    """The lines with one more, if it is on none of them."""
    segment, text = lost
    places = [(number, count) for number, (_, said) in enumerate(kept) for count in range(len(said.lines))]
    others = np.array([on_page(one, around_words(other.words)) for one, said in kept for other in said.lines]).reshape(
        -1, 4
    )
    box = on_page(segment, around_words(text.lines[0].words))
    if _covered_by(box, others) > _ON_OTHERS:
        return kept
    place = _place_among(box, others)
    if place == len(places):
        return [*kept, lost]
    number, count = places[place]
    one, said = kept[number]
    before, after = replace(said, lines=said.lines[:count]), replace(said, lines=said.lines[count:])
    return [*kept[:number], *([(one, before)] if count else []), lost, (one, after), *kept[number + 1 :]]


def _pieces_of(boxes: Boxes, usual: float) -> Iterator[Piece]:
    """Those of one line. ``boxes``: of their ink; ``usual``: how high lines are."""
    around = whole_pixels(np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]))
    for number, area in enumerate(map(whole_pixels, boxes)):
        _, top, _, bottom = area
        room = math.ceil(max(usual - (bottom - top), _LEAST_ROOM * (bottom - top)) / 2)
        yield Piece(area, (top - room, bottom + room), around, starts_line=number == 0, starts_paragraph=number == 0)


def _without_marks(line: RecognisedLine) -> RecognisedLine:
    """The line without marks at its ends that are not sure: arrows and dots beside it."""
    is_text = [any(map(str.isalnum, word.text)) or word.confidence >= _SURE_MARK for word in line.words]
    if not any(is_text):
        return replace(line, words=())
    return replace(line, words=line.words[is_text.index(True) : len(is_text) - is_text[::-1].index(True)])


def _covered_by(box: Box, others: Boxes) -> float:
    """The largest share of a box that is on one of the others."""
    sides = np.array(box)
    shared = np.minimum(others[:, 2:], sides[2:]) - np.maximum(others[:, :2], sides[:2])
    size = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
    return float(shared.clip(min=0).prod(axis=1).max()) / size


def _place_among(box: Box, others: Boxes) -> int:
    """Before which of the others, in reading order, a line stands: after the nearest one on its row or above it, or
    before the nearest after it or below, whichever is nearer; never amid such as go on towards it.
    """
    left, top, right, bottom = box
    height = bottom - top
    x0, y0, x1, y1 = others.T
    away = np.maximum(np.maximum(x0 - right, left - x1), 0.0)
    apart = np.where(away > 0, _ASIDE * away + height, 0.0)
    above, below = top - y1, y0 - bottom
    level = np.minimum(y1, bottom) - np.maximum(y0, top) > height / 2
    far = np.minimum(
        np.where(above > -height / 2, above.clip(0) + apart, np.inf),
        np.where(below > -height / 2, below.clip(0) + apart, np.inf),
    )
    far = np.where(level, np.where(away < _BESIDE * height, away - height * _BESIDE, away + height), far)
    nearest = int(far.argmin())
    if np.isinf(far[nearest]):
        return int((y0 < top).sum())
    if level[nearest]:
        return nearest + int(x0[nearest] < left)
    if above[nearest] > -height / 2:
        while nearest + 1 < len(others) and y1[nearest + 1] <= top + height / 2 and _goes_on(others, nearest):
            nearest += 1
        return nearest + 1
    while nearest and y0[nearest - 1] >= bottom - height / 2 and _goes_on(others, nearest - 1):
        nearest -= 1
    return nearest


def _goes_on(lines: Boxes, number: int) -> bool:
    """Whether the next line is below this one, in one column with it."""
    one, two = lines[number], lines[number + 1]
    return bool(two[1] > one[1] and two[0] < one[2] and one[0] < two[2])
