"""The steps of recognising a page, each a function; their order is in recognise.py.

In this order: the picture as gray pixels, prepared (evenly lit, upright, level); the scale at which to recognise it;
its lines in reading order, cut into segments; which of the recognised lines to believe; and their boxes, carried back
to the page, all at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pillion import _core
from pillion.kinds.ocr.blocks import structured
from pillion.kinds.ocr.layout import Area, inside
from pillion.kinds.ocr.result import Box, OcrLine, OcrPage, OcrWord, mean_confidence
from pillion.kinds.ocr.tesseract import (
    Layout,
    LayoutAnalysis,
    RecognisedLine,
    RecognisedText,
    RecognisedWord,
    confidence,
)
from pillion.readers.images.decode import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]
    """Shape (n, 4): left, top, right, bottom; right and bottom are outside."""
    Gray = NDArray[np.uint8]
    """Shape (H, W), C-contiguous."""
else:
    from pillion.extras import lazy_numpy as np

    Boxes = Gray = object


class PageSource(Protocol):
    """A page, or a part of one, that can be drawn at any scale."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height at scale 1, in the page's own unit."""
        ...

    @property
    def origin(self) -> tuple[float, float]:
        """Where its upper left corner is on the page, in the page's own unit; (0, 0) for a whole page."""
        ...

    @property
    def first_scale(self) -> float:
        """The scale for the layout analysis."""
        ...

    @property
    def max_scale(self) -> float:
        """A larger one gains no detail or takes too much memory."""
        ...

    def gray(self, scale: float) -> Gray:
        """Dark text on a light background, as far as one can tell. Raises ItemError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """An image file, decoded again for each scale: JPEG decodes at a reduced size far faster than in full."""

    picture: Picture
    size: tuple[float, float]
    origin: tuple[float, float]
    first_scale: float
    max_scale: float

    @classmethod
    def of(cls, picture: Picture) -> ImageSource:
        """The whole picture; its unit is the pixel."""
        size = float(picture.width), float(picture.height)
        first = min(1.0, scale_for(size, FIRST_PIXELS))
        most = max(first, min(MAX_UPSCALE, scale_for(size, MAX_PIXELS)))
        return cls(picture=picture, size=size, origin=(0.0, 0.0), first_scale=first, max_scale=most)

    def gray(self, scale: float) -> Gray:
        """See :class:`PageSource`."""
        max_side = max(1, round(max(self.size) * scale)) if scale < 1 else None
        gray = dark_on_light(gray_of(self.picture.pixels(max_side)))
        return gray if scale <= 1 else enlarged(gray, round(self.size[0] * scale), round(self.size[1] * scale))


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """The believable lines of a page in its own unit, how to turn it to read them, and the languages used.

    ``figures``: around pictures on it.
    """

    lines: tuple[OcrLine, ...] = ()
    rotation: int = 0
    languages: tuple[str, ...] = ()
    figures: tuple[Box, ...] = ()


def ocr_page(
    number: int,
    size: tuple[float, float],
    unit: str,
    lines: tuple[OcrLine, ...],
    rotation: int = 0,
    source: str = "ocr",
    languages: tuple[str, ...] = (),
    figures: tuple[Box, ...] = (),
) -> OcrPage:
    """A page as it is stored, its lines in blocks."""
    lines, blocks = structured(lines, size, rotation, figures)
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
    )


# pixels ---------------------------------------------------------------------------------------------------------------

_LUMA = (77, 150, 29)
"""ITU-R BT.601 in 256ths: the sum stays below 65,536."""
_DARK = 100
_LIGHT = 170


def gray_of(pixels: NDArray[np.uint8]) -> Gray:
    """Gray pixels of RGB or RGBA, shape (H, W, 3 or 4); transparent parts become a background to read against."""
    height, width, channels = pixels.shape
    gray = np.empty((height, width), dtype=np.uint8)
    # In strips: the intermediate numbers of a whole picture would take several times its memory.
    for top in range(0, height, 64):
        strip = pixels[top : top + 64]
        luma = strip[:, :, 0].astype(np.uint16) * _LUMA[0]
        luma += strip[:, :, 1].astype(np.uint16) * _LUMA[1]
        luma += strip[:, :, 2].astype(np.uint16) * _LUMA[2]
        gray[top : top + 64] = luma >> 8
    return gray if channels == 3 else _on_background(gray, pixels[:, :, 3])


def _on_background(gray: Gray, alpha: NDArray[np.uint8]) -> Gray:
    """White behind dark drawings, black behind light ones."""
    weight = int(alpha.sum(dtype=np.int64))
    mean = float((gray.astype(np.uint32) * alpha).sum(dtype=np.int64)) / weight if weight else 0.0
    background = 0 if mean > _LIGHT else 255
    mixed = (gray.astype(np.uint16) * alpha + background * (255 - alpha.astype(np.uint16))) // 255
    return mixed.astype(np.uint8)


def dark_on_light(gray: Gray) -> Gray:
    """The picture, inverted if most of it is dark: white text on black is recognised better and faster so."""
    return 255 - gray if float(np.median(gray[::4, ::4])) < _DARK else gray


def enlarged(gray: Gray, width: int, height: int) -> Gray:
    """Bilinear, to ``(height, width)``."""
    rows, row_part = _positions(gray.shape[0], height)
    columns, column_part = _positions(gray.shape[1], width)
    source = gray.astype(np.float32)
    next_column = np.minimum(columns + 1, gray.shape[1] - 1)
    wide = source[:, columns] * (1 - column_part) + source[:, next_column] * column_part
    next_row = np.minimum(rows + 1, gray.shape[0] - 1)
    tall = wide[rows] * (1 - row_part[:, None]) + wide[next_row] * row_part[:, None]
    return np.ascontiguousarray(np.rint(tall), dtype=np.uint8)


def _positions(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each new pixel the old one at or before its centre, and how far it is on the way to the next."""
    centres = np.clip((np.arange(new, dtype=np.float32) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.floor(centres).astype(np.intp)
    return first, (centres - first).astype(np.float32)


# the prepared picture, and the way back for boxes ---------------------------------------------------------------------

_UNEVEN = 16.0
"""Where the brightness of the background differs more between places with print, it is made even."""
_LEVEL = 0.25
"""Degrees: lines with less skew are left as they are. Tesseract follows them, and turning costs sharpness."""
_SIDEWAYS_TURNS = 3
"""Quarter turns clockwise that set lines upright which run downwards."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """The source's picture, shape ``source_shape`` (H, W): first turned clockwise by ``turns`` quarters, then back by
    ``skew`` degrees, then clockwise by ``more`` quarters.
    """

    gray: Gray
    source_shape: tuple[int, int]
    turns: int = 0
    skew: float = 0.0
    more: int = 0

    @property
    def all_turns(self) -> int:
        """Quarter turns clockwise, 0 to 3."""
        return (self.turns + self.more) % 4

    def turned(self, turns: int) -> PreparedImage:
        """Turned clockwise by more quarters."""
        return replace(self, gray=turned(self.gray, turns), more=(self.more + turns) % 4)

    def to_source(self, boxes: Boxes) -> Boxes:
        """Where these boxes lie in the source's picture: for each the smallest upright box around it."""
        height, width = self.gray.shape
        level = (width, height) if self.more % 2 else (height, width)
        boxes = turned_back(boxes, self.more, level)
        if self.skew:
            before = self.source_shape[::-1] if self.turns % 2 else self.source_shape
            boxes = _skewed_back(boxes, self.skew, level, before)
            boxes[:, :2] = np.maximum(boxes[:, :2], 0)
            boxes[:, 2:] = np.minimum(boxes[:, 2:], before[::-1])
        return turned_back(boxes, self.turns, self.source_shape)


def prepared(gray: Gray, profile: _core.Look, *, turns: int | None = None) -> PreparedImage:
    """A picture made ready to be recognised. ``profile``: of the same picture at this or another scale.

    ``turns``: by how many quarters to turn it clockwise, if not as the profile says.
    """
    shape = (gray.shape[0], gray.shape[1])
    if not profile.is_paper:
        # What looks like print in a photograph lies at any angle.
        return PreparedImage(gray, shape)
    if profile.uneven >= _UNEVEN:
        gray = _core.levelled(gray)
    if turns is None:
        turns = _SIDEWAYS_TURNS if profile.sideways else 0
    if turns:
        gray = turned(gray, turns)
    if abs(profile.skew) < _LEVEL:
        return PreparedImage(gray, shape, turns)
    return PreparedImage(_deskewed(gray, profile.skew), shape, turns, profile.skew)


def turned(gray: Gray, quarter_turns: int) -> Gray:
    """Turned clockwise."""
    return np.ascontiguousarray(np.rot90(gray, -quarter_turns))


def _deskewed(gray: Gray, degrees: float) -> Gray:
    """Turned back by ``degrees`` about its middle; larger, so that nothing is cut off."""
    height, width = gray.shape
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    size = math.ceil(abs(height * cos) + abs(width * sin)), math.ceil(abs(width * cos) + abs(height * sin))
    x, y = size[1] / 2, size[0] / 2
    # A place of the result, seen from its middle, lies in the picture turned clockwise by the angle.
    place = (cos, -sin, width / 2 - cos * x + sin * y, sin, cos, height / 2 - sin * x - cos * y, 0.0, 0.0)
    return _core.warped(gray, place, size, ground=int(np.median(gray[::8, ::8])))


def _skewed_back(boxes: Boxes, degrees: float, shape: tuple[int, int], before: tuple[int, int]) -> Boxes:
    """Around boxes of a deskewed picture of ``shape``, in the picture of shape ``before`` it was; both (H, W)."""
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    across = boxes[:, [0, 0, 2, 2]] - shape[1] / 2
    down = boxes[:, [1, 3, 1, 3]] - shape[0] / 2
    xs = across * cos - down * sin + before[1] / 2
    ys = across * sin + down * cos + before[0] / 2
    return np.stack([xs.min(axis=1), ys.min(axis=1), xs.max(axis=1), ys.max(axis=1)], axis=1)


def turned_back(boxes: Boxes, quarter_turns: int, shape: tuple[int, int]) -> Boxes:
    """Where boxes of the picture turned clockwise lie in the picture of ``shape`` (H, W) before it was turned."""
    left, top, right, bottom = boxes.T
    height, width = shape
    if quarter_turns == 1:
        return np.stack([top, height - right, bottom, height - left], axis=1)
    if quarter_turns == 2:
        return np.stack([width - right, height - bottom, width - left, height - top], axis=1)
    if quarter_turns == 3:
        return np.stack([width - bottom, left, width - top, right], axis=1)
    return boxes


# scale ----------------------------------------------------------------------------------------------------------------

FIRST_PIXELS = 2_500_000
"""About an A4 page at 150 dpi: at this size print of normal size is in the best range already."""
MAX_PIXELS = 9_000_000
MAX_UPSCALE = 4.0
SMALL_PIXELS = 1_000_000
FEW_LINES = 3

_BEST_HEIGHT = 26.0
_LOW_HEIGHT = 17.0
_HIGH_HEIGHT = 60.0
"""Heights of lines in pixels. Tesseract is best, and fastest, between 20 and 30, whatever the picture's resolution."""


def scale_for(size: tuple[float, float], pixels: int) -> float:
    """The scale at which a page of ``size`` has so many pixels."""
    return float((pixels / max(1.0, size[0] * size[1])) ** 0.5)


def better_scale(scale: float, line_height: float, max_scale: float) -> float:
    """The scale at which lines have the best height; ``scale`` itself when they are near enough."""
    if _LOW_HEIGHT <= line_height <= _HIGH_HEIGHT:
        return scale
    wanted = min(scale * _BEST_HEIGHT / max(line_height, 1.0), max_scale)
    # A few large lines (a title) do not decide over small print that the layout analysis cannot count.
    return max(wanted, scale / 2)


# lines in reading order -----------------------------------------------------------------------------------------------

_UPENDED = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """An area of a picture in which the lines may be others. ``lines``: as they were found anew, row by row.

    ``sure``: these are right, and what was found first need not be recognised. ``rows``: the picture shows that they
    are rows of cells or pieces.
    """

    area: Area
    lines: Boxes
    sure: bool = False
    rows: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PageLines:
    """A picture and its lines of text in reading order, none where they are not known; and where they are in doubt.

    ``figures``: around pictures in it.
    """

    image: PreparedImage
    lines: Boxes
    doubts: tuple[Doubt, ...] = ()
    figures: tuple[Box, ...] = ()

    def scaled_to(self, image: PreparedImage) -> PageLines:
        """The same lines in a larger or smaller picture of the page."""
        height, width = (new / old for new, old in zip(image.gray.shape, self.image.gray.shape, strict=True))
        sides = [width, height, width, height]
        doubts = tuple(
            replace(doubt, area=_whole_pixels(np.array(doubt.area) * sides), lines=doubt.lines * sides)
            for doubt in self.doubts
        )
        figures = tuple(_box_of(np.array(figure) * sides) for figure in self.figures)
        return PageLines(image, self.lines * sides, doubts, figures)


def no_lines() -> Boxes:
    """No boxes at all."""
    return np.empty((0, 4))


def is_upended(analysis: LayoutAnalysis) -> bool:
    """Whether the lines of a page that was turned stand on their ends, or are hardly seen: it was turned wrongly.

    Lines that begin with the same words, as in a list, have their letters below each other: they seem to run downwards.
    """
    if len(analysis.boxes) < FEW_LINES:
        return True
    widths, heights = (analysis.boxes[:, side + 2] - analysis.boxes[:, side] for side in (0, 1))
    return bool(np.median(heights) > _UPENDED * np.median(widths))


def _jumps_up(lines: Boxes, height: float) -> NDArray[np.bool_]:
    """For each line but the first, whether it stands above the one before it."""
    jumps: NDArray[np.bool_] = lines[1:, 1] < lines[:-1, 1] - height / 2
    return jumps


def _median_height(lines: Boxes) -> float:
    return float(np.median(lines[:, 3] - lines[:, 1])) if len(lines) else 0.0


def _box_of(sides: NDArray[np.float64]) -> Box:
    left, top, right, bottom = sides.tolist()
    return left, top, right, bottom


def _whole_pixels(sides: NDArray[np.float64]) -> Area:
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
    ``place``: among the segments of the page, in reading order.
    """

    gray: Gray
    corner: tuple[int, int] = (0, 0)
    continues: bool = False
    whole: bool = False
    layout: Layout = Layout.COLUMN
    doubt: int | None = None
    place: int = 0


def segments_of(page: PageLines) -> list[Segment]:
    """The page cut between its lines, so that several cores can recognise it; these lines run across.

    The text of the segments, joined, is that of the page. The cuts depend on the page alone, never on the number of
    cores: the same page always gives the same text. The largest come first: from them the language is told, and which
    way up the page is. :func:`chosen` puts them in order, and areas whose lines were found anew in their place.
    """
    gray = page.image.gray
    lines = page.lines
    for doubt in page.doubts:
        if doubt.sure:
            lines = lines[~inside(lines, doubt.area)]
            gray = _without(gray, doubt.area)
    again = [
        replace(segment, doubt=number)
        for number, doubt in enumerate(page.doubts)
        for segment in _area_segments(page.image.gray, doubt)
    ]
    in_order = [*(_segments(gray, lines, None) if len(lines) or not again else []), *again]
    found = [replace(segment, place=place) for place, segment in enumerate(in_order)]
    return sorted(found, key=lambda segment: -segment.gray.size)


def _area_segments(gray: Gray, doubt: Doubt) -> list[Segment]:
    height = _median_height(doubt.lines)
    ((left, top, right, bottom),) = _with_margin(np.array([doubt.area], np.float64), height, gray.shape)
    part = np.ascontiguousarray(gray[top:bottom, left:right])
    found = _segments(part, doubt.lines - [left, top, left, top], Layout.BLOCK)
    return [replace(one, corner=(one.corner[0] + left, one.corner[1] + top), whole=False) for one in found]


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
    count = min(_MAX_SEGMENTS, round(sum(costs) / _SEGMENT))
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
        )
        for number, box in enumerate(_with_margin(areas, height, gray.shape))
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


def _with_margin(areas: Boxes, height: float, shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Whole pixels of a picture of ``shape`` (H, W)."""
    margin = _MARGIN * height + 4
    low = np.maximum(np.rint(areas[:, :2] - [2 * margin, margin]), 0)
    high = np.minimum(np.rint(areas[:, 2:] + [2 * margin, margin]), [shape[1], shape[0]])
    left, top, right, bottom = np.concatenate([low, high], axis=1).astype(int).T.tolist()
    return list(zip(left, top, right, bottom, strict=True))


def _cut(gray: Gray, box: tuple[int, int, int, int], others: Boxes) -> Gray:
    """A copy of a part of the picture, without the lines of others that reach into it."""
    left, top, right, bottom = box
    part = gray[top:bottom, left:right].copy()
    background = int(np.median(part[::4, ::4]))
    inside = (others[:, :2] < [right, bottom]).all(axis=1) & (others[:, 2:] > [left, top]).all(axis=1)
    sides = np.add(np.rint(others[inside]), [-1 - left, -1 - top, 1 - left, 1 - top])
    for x0, y0, x1, y1 in np.maximum(sides, 0).astype(int).tolist():
        part[y0:y1, x0:x1] = background
    return part


# trust ----------------------------------------------------------------------------------------------------------------

SURE = 80.0
"""A page recognised with this mean confidence is the right way up."""
UNREADABLE = 55.0
WORD_NOISE = 45.0
_READABLE = 70.0
_WORD_UNCERTAIN = 60.0
_MIN_CHARACTERS = 3
_MIN_SHARE = 0.25


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
    ((left, top, right, bottom),) = _with_margin(around, height, gray.shape)
    return np.ascontiguousarray(gray[top:bottom, left:right]), replace(text, lines=chosen)


def score(text: RecognisedText) -> float:
    """Orders results for one picture: characters weighted by their confidence above that of noise."""
    words = [word for line in text.lines for word in line.words]
    return sum([max(0.0, word.confidence - UNREADABLE) * len(word.text) for word in words])


def has_word(text: RecognisedText) -> bool:
    """Whether there is one word at all that may be one: twigs and gravel now and then look like a line of text."""
    return any(word.confidence >= WORD_NOISE for line in text.lines for word in line.words)


def believable(lines: Sequence[RecognisedLine]) -> list[bool]:
    """Which lines are text, and not what the engine makes of texture and clutter.

    A page recognised with confidence is kept whole, doubtful words and all. On another one each line must be good
    enough by itself, and nothing is left unless some letters or digits are sure.
    """
    kept = [any(character.isalnum() for word in line.words for character in word.text) for line in lines]
    if confidence(lines) < _READABLE:
        kept = [keep and confidence([line]) >= WORD_NOISE for keep, line in zip(kept, lines, strict=True)]
    sure = sum(
        sum(character.isalnum() for character in word.text)
        for line in itertools.compress(lines, kept)
        for word in line.words
        if word.confidence >= _WORD_UNCERTAIN
    )
    # Rows of dashes are no letters that are not sure.
    characters = sum(character.isalnum() for line in lines for word in line.words for character in word.text)
    return kept if sure >= max(_MIN_CHARACTERS, _MIN_SHARE * characters) else [False] * len(lines)


# which reading of an area ---------------------------------------------------------------------------------------------

_LESS_SURE = 2.0
_MUCH_MORE = 1.15
_NUMBERS = 0.4
_NEARLY_AS_MUCH = 0.95
"""Rows of a table are kept together, also where the cells by themselves were read a little better."""

Read = tuple[Segment, RecognisedText]
"""A segment, and lines of it."""


def chosen(page: PageLines, read: Sequence[Read]) -> list[Read]:
    """The segments in reading order, where areas were read twice with the reading that makes more sense."""
    read = sorted(read, key=lambda one: one[0].place)
    kept = [one for one in read if one[0].doubt is None]
    for number, doubt in enumerate(page.doubts):
        again = [one for one in read if one[0].doubt == number]
        before, rest, place = _parted(kept, doubt.area)
        if _makes_more_sense(again, before, _NEARLY_AS_MUCH if doubt.rows or _is_of_numbers(before) else 1.0):
            kept = [*rest[:place], *again, *rest[place:]]
    return kept


def _makes_more_sense(again: Sequence[Read], before: Sequence[Read], share: float) -> bool:
    """Whether it has more text than this share of what was read before, and much more where it is less sure."""
    sure, sure_before = (confidence([line for _, text in read for line in text.lines]) for read in (again, before))
    amount, amount_before = (sum(score(text) for _, text in read) for read in (again, before))
    return amount > amount_before * (share if sure >= sure_before - _LESS_SURE else _MUCH_MORE)


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
        for is_in, group in itertools.groupby(text.lines, partial(_is_in, segment, area)):
            lines = replace(text, lines=tuple(group))
            if is_in:
                place = len(outside) if place is None else place
                within.append((segment, lines))
            else:
                if place is None and segment.corner[1] + lines.lines[0].box[1] >= area[3]:
                    place = len(outside)
                outside.append((segment, lines))
    return within, outside, len(outside) if place is None else place


def _is_in(segment: Segment, area: Area, line: RecognisedLine) -> bool:
    across = segment.corner[0] + (line.box[0] + line.box[2]) / 2
    down = segment.corner[1] + (line.box[1] + line.box[3]) / 2
    return area[0] <= across < area[2] and area[1] <= down < area[3]


# back to the page -----------------------------------------------------------------------------------------------------

_UNSPACED = (
    ("\u3000", "\u30ff"),
    ("\u31f0", "\u31ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff01", "\uff9f"),
    ("\U00020000", "\U0003ffff"),
)
"""Unicode blocks of Chinese and Japanese."""


def recognised_page(
    source: PageSource,
    image: PreparedImage,
    segments: Sequence[Segment],
    texts: Sequence[RecognisedText],
    languages: tuple[str, ...],
    figures: Sequence[Box] = (),
) -> RecognisedPage:
    """The page that the texts of its segments make together, in this order. ``figures``: in pixels of the picture."""
    most = max(texts, key=score)
    rotation = (90 * image.all_turns + most.rotation) % 360
    kept = believable([line for text in texts for line in text.lines])
    if not any(kept):
        return RecognisedPage(rotation=rotation)
    lines = _lines_on_page(segments, texts, _boxes_on_page(source, image, segments, texts))
    return RecognisedPage(
        lines=tuple(itertools.compress(lines, kept)),
        rotation=rotation,
        languages=languages,
        figures=tuple(_on_page(source, image, np.array([*figures], np.float64).reshape(-1, 4))),
    )


def _boxes_on_page(
    source: PageSource, image: PreparedImage, segments: Sequence[Segment], texts: Sequence[RecognisedText]
) -> list[Box]:
    """The box of each line, followed by those of its words: from pixels of its segment to the page's own unit."""
    boxes = [[box for line in text.lines for box in (line.box, *(word.box for word in line.words))] for text in texts]
    corners = np.array([2 * segment.corner for segment in segments], np.float64)
    in_image = np.array([*itertools.chain(*boxes)], np.float64) + np.repeat(corners, [*map(len, boxes)], axis=0)
    return _on_page(source, image, in_image)


def _on_page(source: PageSource, image: PreparedImage, boxes: Boxes) -> list[Box]:
    """From pixels of the prepared picture to the page's own unit."""
    height, width = image.source_shape
    across, down = source.size[0] / width, source.size[1] / height
    on_page = image.to_source(boxes) * [across, down, across, down] + [*source.origin, *source.origin]
    left, top, right, bottom = on_page.T.tolist()
    return list(zip(left, top, right, bottom, strict=True))


def _lines_on_page(
    segments: Sequence[Segment], texts: Sequence[RecognisedText], boxes: Sequence[Box]
) -> Iterator[OcrLine]:
    rest = iter(boxes)
    for segment, text in zip(segments, texts, strict=True):
        for number, line in enumerate(text.lines):
            box = next(rest)
            words = tuple([_word(word, next(rest)) for word in line.words])
            paragraph = line.paragraph and not (segment.continues and number == 0)
            yield OcrLine(text=_joined([word.text for word in words]), words=words, box=box, paragraph=paragraph)


def _word(word: RecognisedWord, box: Box) -> OcrWord:
    uncertain = word.confidence < _WORD_UNCERTAIN
    return OcrWord(text=word.text, confidence=word.confidence, box=box, uncertain=uncertain)


def _joined(words: Sequence[str]) -> str:
    """Words separated by spaces, except in scripts that are written without them."""
    text = ""
    for word in words:
        closed = text and word and _is_unspaced(text[-1]) and _is_unspaced(word[0])
        text += word if closed or not text else f" {word}"
    return text


def _is_unspaced(character: str) -> bool:
    """Whether it is Chinese or Japanese: ideographs, kana, their punctuation, and full-width forms. Not Korean."""
    return any(first <= character <= last for first, last in _UNSPACED)
