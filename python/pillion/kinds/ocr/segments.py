"""A page's lines in reading order; the page cut between them, so that several cores can recognise it; and which of what
they read to believe: some is texture and clutter, and some areas are read twice.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from pillion.kinds.ocr.evidence import lost_print, with_squares
from pillion.kinds.ocr.layout import (
    Area,
    Boxes,
    Gray,
    Layout,
    Piece,
    PreparedImage,
    Print,
    inside,
)
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.squares import ink_level
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord, confidence, confidences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

PiecesOfLines = tuple[tuple[Piece, ...], ...]

# lines in reading order -----------------------------------------------------------------------------------------------

FEW_LINES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """An area of a picture in which the lines may be others. ``lines``: as they were found anew, row by row.

    ``sure``: these are right, and what was found first need not be recognised. ``rows``: the picture shows that they
    are rows of cells or pieces. ``strip``: they are single lines that were found first, too, with pieces lost.
    ``pieces``: of each line what the core reads; None where it cannot.
    """

    area: Area
    lines: Boxes
    sure: bool = False
    rows: bool = False
    strip: bool = False
    pieces: PiecesOfLines | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What looks like print in a picture, ``gray``.

    ``sides``: by what a box (left, top, right, bottom) in it is multiplied to be one in the picture as it is now.
    """

    gray: Gray
    print: Print
    sides: Box = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class PageLines:
    """A picture and its lines of text in reading order, none where they are not known; and where they are in doubt.

    ``figures``: around pictures in it. ``pieces``: of each line what the core reads; None where it cannot. ``seen``:
    what looks like print in it, where that is known.
    """

    image: PreparedImage
    lines: Boxes
    doubts: tuple[Doubt, ...] = ()
    figures: tuple[Box, ...] = ()
    pieces: PiecesOfLines | None = None
    seen: Seen | None = None

    def scaled_to(self, image: PreparedImage) -> PageLines:
        """The same lines in a larger or smaller picture of the page."""
        height, width = (new / old for new, old in zip(image.gray.shape, self.image.gray.shape, strict=True))
        sides = [width, height, width, height]
        doubts = tuple(
            replace(
                doubt,
                area=whole_pixels(np.array(doubt.area) * sides),
                lines=doubt.lines * sides,
                pieces=placed(doubt.pieces, width, height),
            )
            for doubt in self.doubts
        )
        figures = tuple(_box_of(np.array(figure) * sides) for figure in self.figures)
        pieces = placed(self.pieces, width, height)
        seen = self.seen and replace(self.seen, sides=_box_of(np.array(self.seen.sides) * sides))
        return PageLines(image, self.lines * sides, doubts, figures, pieces, seen)

    def without_pieces(self) -> PageLines:
        """To be laid out again where it is recognised."""
        return replace(self, pieces=None, doubts=tuple(replace(doubt, pieces=None) for doubt in self.doubts))


def placed(
    pieces: PiecesOfLines | None, across: float = 1.0, down: float = 1.0, left: int = 0, top: int = 0
) -> PiecesOfLines | None:
    """See :meth:`Piece.placed`, for those of each line."""
    if pieces is None:
        return None
    return tuple(tuple(piece.placed(across, down, left, top) for piece in some) for some in pieces)


def no_lines() -> Boxes:
    """No boxes at all."""
    return np.empty((0, 4))


def _jumps_up(lines: Boxes, height: float) -> NDArray[np.bool_]:
    """For each line but the first, whether it stands above the one before it."""
    jumps: NDArray[np.bool_] = lines[1:, 1] < lines[:-1, 1] - height / 2
    return jumps


def _median_height(lines: Boxes) -> float:
    return float(np.median(lines[:, 3] - lines[:, 1])) if len(lines) else 0.0


def _box_of(sides: NDArray[np.float64]) -> Box:
    left, top, right, bottom = sides.tolist()
    return left, top, right, bottom


def whole_pixels(sides: NDArray[np.float64]) -> Area:
    """The box with its sides at the nearest pixels."""
    left, top, right, bottom = np.rint(sides).astype(int).tolist()
    return left, top, right, bottom


# segments -------------------------------------------------------------------------------------------------------------

_SEGMENT = 320.0
"""How much text a segment should hold: widths of its lines in heights of a line. About two characters each."""
_MAX_SEGMENTS = 8
_NEARLY_FULL = 0.75
"""A segment that holds so much of its share ends where a paragraph does."""
_APART = 1.0
"""Lines further apart than this, in heights of a line, belong to two paragraphs."""
_MARGIN = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Lines to be recognised together. ``gray``: the part of the page around them, other segments' lines painted over.

    ``corner``: left and top of that part. ``continues``: whether it begins within a paragraph. ``whole``: it is the
    whole page. ``layout``: of its lines. ``doubt``: the number of the area whose lines these are, found anew.
    ``place``: among the segments of the page, in reading order. ``lines``: in pixels of ``gray``, none if ``whole``.
    ``pieces``: of its lines, in pixels of ``gray``, for the core; then the lines of ``others`` are in ``gray`` too.
    """

    gray: Gray
    corner: tuple[int, int] = (0, 0)
    continues: bool = False
    whole: bool = False
    layout: Layout = Layout.COLUMN
    doubt: int | None = None
    place: int = 0
    lines: Boxes = field(default_factory=no_lines)
    pieces: tuple[Piece, ...] | None = None
    others: Boxes = field(default_factory=no_lines)

    def alone(self) -> Gray:
        """Its part of the page with no other segment's lines in it."""
        return _painted_over(self.gray.copy(), self.others) if len(self.others) else self.gray


def segments_of(page: PageLines) -> list[Segment]:
    """The page cut between its lines, so that several cores can recognise it; these lines run across.

    The text of the segments, joined, is that of the page. The cuts depend on the page alone, never on the number of
    cores: the same page always gives the same text. The largest come first: from them the language is told, and which
    way up the page is. :func:`chosen` puts them in order, and areas whose lines were found anew in their place.
    """
    gray = page.image.gray
    lines, pieces = page.lines, page.pieces
    for doubt in page.doubts:
        if doubt.sure:
            outside = ~inside(lines, doubt.area)
            lines = lines[outside]
            gray = gray if pieces is not None else _without(gray, doubt.area)
            pieces = None if pieces is None else tuple(itertools.compress(pieces, outside.tolist()))
    again = [
        replace(segment, doubt=number)
        for number, doubt in enumerate(page.doubts)
        for segment in _area_segments(page.image.gray, doubt, page.lines[~inside(page.lines, doubt.area)])
    ]
    own: list[Segment] = []
    if len(lines) or not again:
        own = _segments(gray, lines, None) if pieces is None else _in_pieces(gray, lines, pieces, Layout.PAGE)
    in_order = [*own, *again]
    found = [replace(segment, place=place) for place, segment in enumerate(in_order)]
    return sorted(found, key=lambda segment: -segment.gray.size)


def is_tangled(page: PageLines) -> bool:
    """Whether there is text for several segments, and no cuts part it."""
    count = _count(page.lines)
    return count > 1 and _segments(page.image.gray, page.lines, None)[0].whole


def _count(lines: Boxes) -> int:
    """How many segments there should be of lines."""
    widths = float((lines[:, 2] - lines[:, 0]).sum()) / max(_median_height(lines), 1.0)
    return max(1, min(_MAX_SEGMENTS, round(widths / _SEGMENT)))


def _area_segments(gray: Gray, doubt: Doubt, others: Boxes) -> list[Segment]:
    """Those of an area, with a margin in which there is nothing of ``others``, the lines around it."""
    if doubt.pieces is not None:
        found = _in_pieces(gray, doubt.lines, doubt.pieces, Layout.BLOCK, others)
        return [replace(one, whole=False) for one in found]
    height = _median_height(doubt.lines)
    ((left, top, right, bottom),) = with_margin(np.array([doubt.area], np.float64), height, gray.shape)
    part = _cut(gray, (left, top, right, bottom), others)
    x0, y0, x1, y1 = doubt.area
    part[max(0, y0 - top) : y1 - top, max(0, x0 - left) : x1 - left] = gray[max(0, y0) : y1, max(0, x0) : x1]
    found = _segments(part, doubt.lines - [left, top, left, top], Layout.BLOCK)
    return [replace(one, corner=(one.corner[0] + left, one.corner[1] + top), whole=False) for one in found]


def _in_pieces(
    gray: Gray, lines: Boxes, pieces: PiecesOfLines, layout: Layout, others: Boxes | None = None
) -> list[Segment]:
    """Lines that the core reads where they are, in equal shares, and between them those that it does not.

    ``others``: lines that are not among them, if they are a part of the page.
    """
    height = _median_height(lines)
    costs = np.cumsum((lines[:, 2] - lines[:, 0]) / max(height, 1.0))
    count = _count(lines)
    # Equal shares for two cores, or four.
    count += count % 2 if count > 1 else 0
    if count == 1 and others is None and all(pieces):
        return [Segment(gray, whole=True, layout=layout, lines=lines, pieces=tuple(itertools.chain(*pieces)))]
    shares = ((costs - costs[0]) * count / max(float(costs[-1]), 1.0)).astype(int).tolist()
    keys = [(share, True) if some else (0, False) for share, some in zip(shares, pieces, strict=True)]
    found, start = [], 0
    for _, group in itertools.groupby(keys):
        end = start + len(list(group))
        beside = np.concatenate([lines[:start], lines[end:], no_lines() if others is None else others])
        some = tuple(itertools.chain(*pieces[start:end]))
        found.append(part_of(gray, lines[start:end], some, height, beside, layout))
        start = end
    return found


def part_of(
    gray: Gray, lines: Boxes, pieces: tuple[Piece, ...], height: float, others: Boxes, layout: Layout
) -> Segment:
    """The part of a picture around these lines. ``height``: of most lines; ``others``: lines that are not among them.

    All boxes are in pixels of the picture, those of the segment in its own.
    """
    around = np.concatenate([lines[:, :2].min(axis=0), lines[:, 2:].max(axis=0)])[None]
    ((left, top, right, bottom),) = with_margin(around, height, gray.shape)
    sides = [left, top, left, top]
    return Segment(
        gray=np.ascontiguousarray(gray[top:bottom, left:right]),
        corner=(left, top),
        layout=Layout.COLUMN if layout is Layout.PAGE else layout,
        lines=lines - sides,
        pieces=tuple(piece.placed(1.0, 1.0, left, top) for piece in pieces) or None,
        others=others - sides,
    )


def _without(gray: Gray, area: Area) -> Gray:
    left, top, right, bottom = area
    copy = gray.copy()
    copy[top:bottom, left:right] = int(np.median(gray[::8, ::8]))
    return copy


def _segments(gray: Gray, lines: Boxes, only: Layout | None) -> list[Segment]:
    """See :func:`segments_of`. ``only``: the layout of all, if they are in an area by itself."""
    whole = Segment(gray, whole=True, layout=only or Layout.PAGE)
    if len(lines) < 2:
        return [whole]
    height = _median_height(lines)
    costs = ((lines[:, 2] - lines[:, 0]) / max(height, 1.0)).tolist()
    count = _count(lines)
    if count < 2:
        return [whole]
    starts = _starts(lines, costs, sum(costs) / count, height)
    segment_of = np.repeat(np.arange(len(starts)), np.diff([*starts, len(lines)]))
    areas = _around_each(lines, starts)
    if len(starts) > 3 * count or _reach_into_each_other(lines, segment_of, areas):
        return [whole]
    gaps = lines[starts, 1] - lines[np.array(starts) - 1, 3]
    return [
        Segment(
            gray=_cut(gray, box, lines[segment_of != number]),
            corner=(box[0], box[1]),
            continues=number > 0 and bool(-height / 2 <= gaps[number] <= _APART * height),
            layout=only or Layout.COLUMN,
            lines=lines[segment_of == number] - [box[0], box[1], box[0], box[1]],
        )
        for number, box in enumerate(with_margin(areas, height, gray.shape))
    ]


def _starts(lines: Boxes, costs: Sequence[float], share: float, height: float) -> list[int]:
    """The first line of each segment: where another column begins, and where one segment is full."""
    upwards = _jumps_up(lines, height).tolist()
    apart = (lines[1:, 1] - lines[:-1, 3] > _APART * height).tolist()
    starts, held = [0], costs[0]
    for number in range(1, len(lines)):
        if upwards[number - 1] or held >= share or (held >= _NEARLY_FULL * share and apart[number - 1]):
            starts.append(number)
            held = 0.0
        held += costs[number]
    return starts


def _around_each(lines: Boxes, starts: Sequence[int]) -> Boxes:
    """The smallest box around the lines of each segment."""
    low, high = np.minimum.reduceat(lines[:, :2], starts), np.maximum.reduceat(lines[:, 2:], starts)
    return np.concatenate([low, high], axis=1)


def _reach_into_each_other(lines: Boxes, segment_of: NDArray[np.intp], areas: Boxes) -> bool:
    """Whether the middle of a line lies in the area of a segment that is not its own: then they cannot be parted."""
    middles = (lines[:, :2] + lines[:, 2:]) / 2
    inside = (areas[:, None, :2] < middles).all(axis=2) & (middles < areas[:, None, 2:]).all(axis=2)
    return bool((inside & (np.arange(len(areas))[:, None] != segment_of)).any())


def with_margin(areas: Boxes, height: float, shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Whole pixels of a picture of ``shape`` (H, W)."""
    margin = _MARGIN * height + 4
    low = np.maximum(np.rint(areas[:, :2] - [2 * margin, margin]), 0)
    high = np.minimum(np.rint(areas[:, 2:] + [2 * margin, margin]), [shape[1], shape[0]])
    left, top, right, bottom = np.concatenate([low, high], axis=1).astype(int).T.tolist()
    return list(zip(left, top, right, bottom, strict=True))


def _cut(gray: Gray, box: tuple[int, int, int, int], others: Boxes) -> Gray:
    """A copy of a part of the picture, without the lines of others that reach into it."""
    left, top, right, bottom = box
    return _painted_over(gray[top:bottom, left:right].copy(), others - [left, top, left, top])


def _painted_over(part: Gray, others: Boxes) -> Gray:
    """The picture, with nothing where these lines are."""
    background = int(np.median(part[::4, ::4]))
    inside = (others[:, :2] < [part.shape[1], part.shape[0]]).all(axis=1) & (others[:, 2:] > 0).all(axis=1)
    sides = np.add(np.rint(others[inside]), [-1, -1, 1, 1])
    for x0, y0, x1, y1 in np.maximum(sides, 0).astype(int).tolist():
        part[y0:y1, x0:x1] = background
    return part


_LEAST_CONTRAST = 20.0
"""Where the ink is not so much darker than the ground, what is ink and what is noise cannot be told."""
_LEFT_OUT = 0.08
"""The share of the ink of a segment's lines that may be on no word: rules, bullets, marks."""


def is_read_in_part(segment: Segment, text: RecognisedText) -> bool:
    """Whether much of the ink of a segment's lines is on no word of its text, or that at the ends of some.

    The engine lays out a segment once more, and may take the spaces of a few lines below each other for gaps between
    columns: it cuts through words then, and loses pieces.
    """
    level = ink_level(segment.gray[::2, ::2], _LEAST_CONTRAST)
    if level is None:
        return False
    ink = segment.gray < level
    words = np.array([word.box for line in text.lines for word in line.words], np.float64).reshape(-1, 4)
    on_lines, on_words = _mask_of(segment.lines, ink.shape) & ink, _mask_of(words, ink.shape)
    every, lost = int(on_lines.sum()), on_lines & ~on_words
    return every > 0 and (int(lost.sum()) > _LEFT_OUT * every or _lost_ends(segment.lines, lost, on_lines) >= FEW_LINES)


def _lost_ends(lines: Boxes, lost: NDArray[np.bool_], ink: NDArray[np.bool_]) -> int:
    """How many lines end in ink that is on no word: the last cells of rows, as a column of single digits."""
    sides = np.rint(lines).clip(min=0).astype(int).tolist()
    ends = [np.s_[top:bottom, max(left, right - (bottom - top)) : right] for left, top, right, bottom in sides]
    return sum(2 * int(lost[end].sum()) > int(ink[end].sum()) for end in ends)


def _mask_of(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    for left, top, right, bottom in np.rint(boxes).clip(min=0).astype(int).tolist():
        mask[top:bottom, left:right] = True
    return mask


# trust ----------------------------------------------------------------------------------------------------------------

SURE = 80.0
"""A page recognised with this mean confidence is the right way up."""
UNREADABLE = 55.0
WORD_NOISE = 45.0
_READABLE = 70.0
WORD_UNCERTAIN = 60.0
_SMALL = 0.75
_UNSURE = 50.0
"""Lines so much lower than those that are sure, and less sure than this, are no text."""
_LITTLE = 0.9
_LEAST_LETTERS = 2
"""Lines that are so little lower are text if a word of so many letters is sure."""
_MIN_CHARACTERS = 3
_MIN_SHARE = 0.25
_MOSTLY = 0.5
_SURE_LETTERS = 8
_WORD = re.compile(r"[^\W\d_]{4}|^[^\W\d_]{3}[.,:;]?$")
"""What may be a word has so many letters in a row, or is nothing else."""
_LATIN = "\u0250"
"""Letters before this one are Latin."""


_SAMPLE = 12
"""So many lines tell which way up a page is."""


def sample(gray: Gray, text: RecognisedText) -> tuple[Gray, RecognisedText]:
    """The part of a picture with the lines of its text that have the most characters, a few in a row, and these."""
    lines = text.lines
    if len(lines) <= _SAMPLE + _SAMPLE // 2:
        return gray, text
    lengths = [sum(len(word.text) for word in line.words) for line in lines]
    sums = [sum(lengths[place : place + _SAMPLE]) for place in range(len(lines) - _SAMPLE + 1)]
    first = sums.index(max(sums))
    chosen = lines[first : first + _SAMPLE]
    height = max(line.box[3] - line.box[1] for line in chosen)
    boxes = np.array([line.box for line in chosen], np.float64)
    around = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[None]
    ((left, top, right, bottom),) = with_margin(around, height, gray.shape)
    return np.ascontiguousarray(gray[top:bottom, left:right]), replace(text, lines=chosen)


def score(text: RecognisedText) -> float:
    """Orders results for one picture: characters weighted by their confidence above that of noise."""
    words = [word for line in text.lines for word in line.words]
    return sum([max(0.0, word.confidence - UNREADABLE) * len(word.text) for word in words])


def has_word(text: RecognisedText) -> bool:
    """Whether there is one word at all that may be one: twigs and gravel now and then look like a line of text."""
    return any(word.confidence >= WORD_NOISE for line in text.lines for word in line.words)


def believed(texts: Sequence[RecognisedText]) -> tuple[RecognisedText, list[bool]]:
    """The text that most was read of, and which lines of all are :func:`believable`, in order."""
    return max(texts, key=score), believable([line for text in texts for line in text.lines])


def believable(lines: Sequence[RecognisedLine]) -> list[bool]:
    """Which lines are text, and not what the engine makes of texture and clutter.

    A page recognised with confidence, all in all or for the most part, is kept, doubtful words and all: programs and
    formulas among its text are recognised badly; only lines that are strokes of a drawing are not, or as small as in a
    small picture of a page. On another one each line must be good enough by itself, and nothing is left unless some
    letters or digits are sure.
    """
    kept = [any(character.isalnum() for word in line.words for character in word.text) for line in lines]
    sure_of_all, sure_of_each = confidences(lines)
    if sure_of_all < _READABLE and not _are_mostly_sure(lines):
        kept = [keep and _stands_alone(line) for keep, line in zip(kept, lines, strict=True)]
    else:
        sure_heights = [_height(line) for line, sure in zip(lines, sure_of_each, strict=True) if sure >= SURE]
        least = _SMALL * statistics.median(sure_heights) if sure_heights else 0.0
        kept = [
            keep and not _is_scribble(line, sure, least)
            for keep, line, sure in zip(kept, lines, sure_of_each, strict=True)
        ]
    sure = sum(
        letters(word.text)
        for line in itertools.compress(lines, kept)
        for word in line.words
        if word.confidence >= WORD_UNCERTAIN
    )
    # Rows of dashes are no letters that are not sure.
    characters = sum(letters(word.text) for line in lines for word in line.words)
    return kept if sure >= max(_MIN_CHARACTERS, _MIN_SHARE * characters) else [False] * len(lines)


def _stands_alone(line: RecognisedLine) -> bool:
    """Whether a line is read well enough, or words of it surely: dots that lead to a number are read as letters."""
    sure = sum(letters(word.text) for word in line.words if word.confidence >= SURE)
    return confidence([line]) >= WORD_NOISE or sure >= _SURE_LETTERS


def _height(one: RecognisedLine | RecognisedWord) -> float:
    return one.box[3] - one.box[1]


def _is_scribble(line: RecognisedLine, sure: float, least: float) -> bool:
    """Whether a line that is not sure has no word, number or equation in it: arrows, dashes and curves are read so.

    One that is lower than ``least`` and still less sure is none, whatever words are made of it. Those without a letter
    below the line are a little lower, so a word that is sure tells.
    """
    if _height(line) < least and sure < _UNSURE:
        return _height(line) < _LITTLE * least or not any(map(_is_sure_word, line.words))
    return sure < UNREADABLE and not any(map(_may_be_text, line.words))


def _is_sure_word(word: RecognisedWord) -> bool:
    return word.confidence >= SURE and letters(word.text) >= _LEAST_LETTERS


def _may_be_text(word: RecognisedWord) -> bool:
    letters, digits = sum(map(str.isalpha, word.text)), sum(map(str.isdigit, word.text))
    is_sure = word.confidence >= (SURE if letters < _MIN_CHARACTERS else WORD_UNCERTAIN)
    return (
        digits > letters
        or (is_sure and letters > 0)
        or "=" in word.text
        or _WORD.search(word.text) is not None
        or any(character.isalpha() and character >= _LATIN for character in word.text)
    )


def letters(text: str) -> int:
    """How many letters and digits there are."""
    return sum(map(str.isalnum, text))


def _are_mostly_sure(lines: Sequence[RecognisedLine]) -> bool:
    sure = [line for line in lines if confidence([line]) >= SURE]
    every, of_sure = (sum(len(word.text) for line in some for word in line.words) for some in (lines, sure))
    return of_sure >= _MOSTLY * every


_BAR, _CAPITAL = "|", "I"
_BAR_OF_WORD = re.compile(r"\|(?=['’](?:m|d|ve|ll)\b)")
_PROSE = re.compile(r"[a-z]{2,}[.,;:]?")
_LEAST_PROSE = 2
"""Capitals are looked for in lines with so many words of prose, ..."""
_BEFORE = re.compile(r"[A-Za-z]+|.*[.,:;)]")
_AFTER = re.compile(r"[A-Za-z]+[.,;:]?")
"""... between such words, ..."""
_AS_HIGH_AS_CAPITALS = re.compile(r"(?=.*[A-Z0-9bdfhklt])[A-PR-Za-fhik-or-xz0-9.:]+")
_HIGHER = 1.12
"""... where they are not so many times as high as words with capitals and nothing below the line: a bar goes below."""


def with_capitals(text: RecognisedText) -> RecognisedText:
    """The text with what was read as a bar among words, but is no higher than a capital letter, as ``I``."""
    return replace(text, lines=tuple(map(_with_capitals, text.lines)))


def _with_capitals(line: RecognisedLine) -> RecognisedLine:
    said = [word.text for word in line.words]
    if all(_BAR not in text for text in said) or sum(map(bool, map(_PROSE.fullmatch, said))) < _LEAST_PROSE:
        return line
    heights = [_height(word) for word in line.words if _AS_HIGH_AS_CAPITALS.fullmatch(word.text)]
    highest = _HIGHER * statistics.median(heights) if heights else 0.0
    words = [replace(word, text=_BAR_OF_WORD.sub(_CAPITAL, word.text)) for word in line.words]
    for number, word in enumerate(line.words):
        before, after = said[max(0, number - 1) : number], said[number + 1 : number + 2]
        between = all(map(_BEFORE.fullmatch, before)) and all(map(_AFTER.fullmatch, after))
        if word.text == _BAR and between and _height(word) <= highest:
            words[number] = replace(word, text=_CAPITAL)
    return replace(line, words=tuple(words))


# which reading of an area ---------------------------------------------------------------------------------------------

_LESS_SURE = 2.0
_MUCH_MORE = 1.15
_NUMBERS = 0.4
_NEARLY_AS_MUCH = 0.95
"""Rows of a table are kept together, also where the cells by themselves were read a little better."""

Read = tuple[Segment, RecognisedText]
"""A segment, and lines of it."""


_REPEATED = 0.25
"""Lines that were read twice share as much of their words' places, which are smaller than theirs."""


def chosen(page: PageLines, read: Sequence[Read]) -> tuple[list[Read], Boxes, bool]:
    """The segments in reading order, where areas were read twice with the reading that makes more sense; boxes of the
    print that is on none of these words, in the picture in which it was seen; and whether lines may be there twice.
    """
    read = sorted(read, key=lambda one: one[0].place)
    read = [(segment, with_capitals(with_squares(segment.gray, text))) for segment, text in read]
    kept = [one for one in read if one[0].doubt is None]
    for number, doubt in enumerate(page.doubts):
        again = [one for one in read if one[0].doubt == number]
        before, rest, place = _parted(kept, doubt.area)
        if doubt.strip and not before:
            # Its lines are parts of longer ones, which were read.
            continue
        if not before and not _is_text([line for _, text in again for line in text.lines]):
            # What looks like print and was no line before is often the edge of a page.
            continue
        share = _NEARLY_AS_MUCH if doubt.rows or _is_of_numbers(before) else 1.0
        if (doubt.strip and _letters_of(again) == _letters_of(before)) or _makes_more_sense(again, before, share):
            kept = [*rest[:place], *_without_noise(page, doubt.area, again), *rest[place:]]
    may_repeat = bool(page.doubts) or not len(page.lines) or bool(in_one_place(page.lines, _REPEATED))
    return kept, _lost_in(page, kept), may_repeat


def in_one_place(boxes: Boxes | Sequence[Box], least: float) -> list[tuple[int, int]]:
    """The numbers of the boxes that share more than this part of the smaller one, two and two."""
    if len(boxes) < 2:
        return []
    sides = np.asarray(boxes)
    low, high = np.maximum(sides[:, None, :2], sides[:, :2]), np.minimum(sides[:, None, 2:], sides[:, 2:])
    sizes = (sides[:, 2:] - sides[:, :2]).prod(axis=1)
    shared = (high - low).clip(min=0).prod(axis=2) > least * np.minimum(sizes[:, None], sizes)
    pairs: list[tuple[int, int]] = [(one, two) for one, two in np.argwhere(np.triu(shared, 1)).tolist()]
    return pairs


def _without_noise(page: PageLines, area: Area, again: Sequence[Read]) -> list[Read]:
    """What was read of an area found anew, without the lines that were none before, if these are no text together."""
    lines = page.lines[inside(page.lines, area)]
    new = [[not _is_on(lines, on_page(one, line.box)) for line in text.lines] for one, text in again]
    if _is_text(
        [line for (_, text), some in zip(again, new, strict=True) for line in itertools.compress(text.lines, some)]
    ):
        return list(again)
    return [
        (one, replace(text, lines=tuple(line for line, is_new in zip(text.lines, some, strict=True) if not is_new)))
        for (one, text), some in zip(again, new, strict=True)
    ]


def _is_on(lines: Boxes, box: Box) -> bool:
    """Whether a box is on one of some lines, in part."""
    left, top, right, bottom = box
    return bool(((lines[:, :2] < (right, bottom)) & (lines[:, 2:] > (left, top))).all(axis=1).any())


def _lost_in(page: PageLines, kept: Sequence[Read]) -> Boxes:
    words = [on_page(one, word.box) for one, said in kept for line in said.lines for word in line.words]
    if page.seen is None or not words:
        return no_lines()
    seen, sides = page.seen, page.seen.sides
    height = usual_height(kept) / sides[1]
    return lost_print(seen.gray, np.array(words) / sides, height, seen.print)


def usual_height(read: Sequence[Read]) -> float:
    """The median height of their lines."""
    return statistics.median(line.box[3] - line.box[1] for _, text in read for line in text.lines)


def on_page(segment: Segment, box: Box) -> Box:
    """From pixels of a segment to those of the page."""
    across, down = segment.corner
    left, top, right, bottom = box
    return left + across, top + down, right + across, bottom + down


def _is_text(lines: Sequence[RecognisedLine]) -> bool:
    """Whether lines are read well, or many of their letters surely: between them there may be rows of dashes."""
    words = [word for line in lines for word in line.words]
    sure = sum(letters(word.text) for word in words if word.confidence >= SURE)
    many = sure >= max(_SURE_LETTERS, _MIN_SHARE * sum(letters(word.text) for word in words))
    return many or confidence(lines) >= UNREADABLE


def _makes_more_sense(again: Sequence[Read], before: Sequence[Read], share: float) -> bool:
    """Whether it has more text than this share of what was read before, and much more where it is less sure."""
    sure, sure_before = (confidence([line for _, text in read for line in text.lines]) for read in (again, before))
    amount, amount_before = (sum(score(text) for _, text in read) for read in (again, before))
    return amount > amount_before * (share if sure >= sure_before - _LESS_SURE else _MUCH_MORE)


def _letters_of(read: Sequence[Read]) -> str:
    """All letters, without the spaces. Where a line that was cut is read as before, the whole one stands."""
    return "".join(word.text for _, text in read for line in text.lines for word in line.words)


def _is_of_numbers(read: Sequence[Read]) -> bool:
    """Whether many words are numbers, as in the columns of a table."""
    words = [word.text for _, text in read for line in text.lines for word in line.words]
    numbers = sum(2 * sum(map(str.isdigit, word)) >= len(word) for word in words)
    return numbers >= _NUMBERS * max(1, len(words))


def _parted(read: Sequence[Read], area: Area) -> tuple[list[Read], list[Read], int]:
    """The lines inside an area, those outside, and at which place of these lines of the area would stand."""
    within: list[Read] = []
    outside: list[Read] = []
    place: int | None = None
    for segment, text in read:
        for (is_in, is_below), group in itertools.groupby(text.lines, partial(_in_or_below, segment, area)):
            lines = replace(text, lines=tuple(group))
            if place is None and (is_in or is_below):
                place = len(outside)
            (within if is_in else outside).append((segment, lines))
    return within, outside, len(outside) if place is None else place


def _in_or_below(segment: Segment, area: Area, line: RecognisedLine) -> tuple[bool, bool]:
    """Whether the middle of a line is in an area, and whether the line is below it."""
    left, top = segment.corner
    across, down = left + (line.box[0] + line.box[2]) / 2, top + (line.box[1] + line.box[3]) / 2
    is_in = area[0] <= across < area[2] and area[1] <= down < area[3]
    is_over = left + line.box[0] < area[2] and area[0] < left + line.box[2]
    return is_in, is_over and top + line.box[1] >= area[3]
