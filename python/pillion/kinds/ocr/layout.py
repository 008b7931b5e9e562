"""A picture made ready to be laid out, with the way back of boxes; and what there is in it: lines, pieces, print.

It is made gray, dark on light, evenly lit, upright and level.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from pillion import _core
from pillion.kinds.ocr.askew import HARMLESS, agree_on
from pillion.kinds.ocr.result import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]
    """Shape (n, 4): left, top, right, bottom; right and bottom are outside."""
    Gray = NDArray[np.uint8]
    """Shape (H, W), C-contiguous."""
    Mask = NDArray[np.bool_]
else:
    from pillion.extras import lazy_numpy as np

    Boxes = Gray = Mask = object

Area = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels of a picture."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a line that are read together. ``starts_line``: the line begins here, and a paragraph, perhaps.

    ``area``: around its ink. ``rows``: above and below what is read, with room for all letters. ``line``: around all
    pieces of the line. In pixels. ``goes_on``: it is read together with the piece before it, whatever is between.
    ``has_leader``: its line has one; see leaders.py.
    """

    area: Area
    rows: tuple[int, int]
    line: Area
    starts_line: bool
    starts_paragraph: bool
    goes_on: bool = False
    has_leader: bool = False

    def placed(self, across: float, down: float, left: int = 0, top: int = 0) -> Piece:
        """In a picture so many times as wide and as high, of which a part begins so far from the left and the top."""
        if across == down == 1.0 and left == top == 0:
            return self

        def sides(area: Area) -> Area:
            x0, y0, x1, y1 = area
            low = math.floor(x0 * across) - left, math.floor(y0 * down) - top
            return (*low, math.ceil(x1 * across) - left, math.ceil(y1 * down) - top)

        above, below = self.rows
        rows = math.floor(above * down) - top, math.ceil(below * down) - top
        return replace(self, area=sides(self.area), rows=rows, line=sides(self.line))


class Layout(Enum):
    """How the lines of a picture are arranged (Tesseract's page segmentation mode)."""

    PAGE = "page"
    """In any way: columns, titles, pictures."""
    COLUMN = "column"
    """Below each other, with titles, rules and gaps."""
    BLOCK = "block"
    """Below each other and nothing else, however wide the gaps in a line: a table without rules."""


@dataclass(frozen=True, slots=True, eq=False)
class LayoutAnalysis:
    """The lines of text in a picture, found without recognising them.

    ``lines``: their number; ``height``: their median height in pixels. ``boxes``: of the lines in reading order, in
    pixels, shape (n, 4); none where the engine does not give them. ``figures``: around pictures. ``pieces``: of each
    line what the core reads, nothing of lines on their side; None where it cannot, or most lines are.
    """

    lines: int
    height: float
    boxes: NDArray[np.float64]
    figures: tuple[Box, ...] = ()
    pieces: tuple[tuple[Piece, ...], ...] | None = None


# pieces read together -------------------------------------------------------------------------------------------------

_NARROW = 6.0
"""Pieces of a line narrower than so many of its heights are read beside each other, ..."""
_MOST_TOGETHER = 24
"""... so many at most; see strips.py."""

Word = tuple[str, float, Area]
"""Text, confidence (0 to 100) and box."""


def short_runs(pieces: Sequence[Piece]) -> Iterator[list[int]]:
    """The numbers of short pieces that follow each other in a line, two or more, and no more than a line is long.

    Pieces that go on may be longer, and so may those before them.
    """
    run: list[int] = []
    goes_on = [*(piece.goes_on for piece in pieces[1:]), False]
    for number, piece in enumerate(pieces):
        height = piece.rows[1] - piece.rows[0]
        is_short = piece.area[2] - piece.area[0] < _NARROW * height
        is_next = piece.goes_on or (is_short and not (run and pieces[run[-1]].goes_on))
        if run and (piece.starts_line or not is_next or len(run) == _MOST_TOGETHER):
            if len(run) > 1:
                yield run
            run = []
        if is_short or piece.goes_on or goes_on[number]:
            run.append(number)
    if len(run) > 1:
        yield run


# columns of ink -------------------------------------------------------------------------------------------------------

DOTS = 5
"""A row of dots has so many and more: an ellipsis has three or four."""
NARROW_COLUMN = 0.25
"""A dot is no wider and no higher than so many heights of its line."""
_LEADER_INK = 0.5
"""It is darker than the ground by such a share of what is darkest on the line, ..."""
_CONTRAST = 60
"""... which is so much darker."""
_SAMPLE = 5


def narrow_columns(
    gray: Gray, line: Sequence[Piece]
) -> tuple[Mask, tuple[NDArray[np.intp], NDArray[np.intp]], int, float] | None:
    """The ink of a line; where its columns with ink begin and end, those beside each other as one; the gray of the
    ground, and below which ink is. None where not enough of the columns are narrow for a row of dots.
    """
    lefts, tops, rights, bottoms = zip(*(piece.area for piece in line), strict=True)
    height = statistics.median(piece.rows[1] - piece.rows[0] for piece in line)
    part = gray[max(0, min(tops)) : max(bottoms), max(0, min(lefts)) : max(rights)]
    if not part.size or part.shape[1] < height:
        return None
    ground, darkest = int(median_gray(part[::_SAMPLE, ::_SAMPLE])), part.min(axis=0)
    least = int(darkest.min())
    if ground - least < _CONTRAST:
        return None
    level = ground - _LEADER_INK * (ground - least)
    has_ink = np.zeros(len(darkest) + 2, np.bool_)
    has_ink[1:-1] = darkest < level
    edges = np.flatnonzero(has_ink[1:] != has_ink[:-1])
    firsts, ends = edges[::2], edges[1::2]
    are_narrow = ends - firsts <= max(2.0, NARROW_COLUMN * height)
    if len(firsts) <= DOTS or np.convolve(are_narrow, np.ones(DOTS, np.intp), "valid").max() < DOTS:
        return None
    return part < level, (firsts, ends), ground, level


def by_line(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """The pieces of each line."""
    starts = [number for number, piece in enumerate(pieces) if piece.starts_line or number == 0]
    for first, end in itertools.pairwise([*starts, len(pieces)]):
        yield pieces[first:end]


def may_have_leaders(gray: Gray, pieces: Sequence[Piece]) -> bool:
    """Whether there is a line with enough narrow columns of ink for a row of dots; see leaders.py."""
    return any(narrow_columns(gray, line) is not None for line in by_line(pieces))


# lines of an analysis -------------------------------------------------------------------------------------------------


def with_lines(analysis: LayoutAnalysis, lines: Sequence[tuple[Sequence[float], tuple[Piece, ...]]]) -> LayoutAnalysis:
    """The analysis with other lines: around each, and its pieces."""
    return replace(
        analysis,
        lines=len(lines),
        boxes=np.array([box for box, _ in lines], np.float64).reshape(-1, 4),
        pieces=tuple(pieces for _, pieces in lines),
    )


def line_of(pieces: Sequence[Piece], *, paragraph: bool) -> tuple[Sequence[float], tuple[Piece, ...]]:
    """A line of its own that pieces of another one make. ``paragraph``: one begins with it."""
    lefts, tops, rights, bottoms = zip(*(piece.area for piece in pieces), strict=True)
    box = min(lefts), min(tops), max(rights), max(bottoms)
    return box, tuple(
        replace(piece, line=box, starts_line=number == 0, starts_paragraph=number == 0 and paragraph)
        for number, piece in enumerate(pieces)
    )


# pixels ---------------------------------------------------------------------------------------------------------------

_DARK = 100
_LIGHT = 170


def median_gray(pixels: Gray) -> float:
    """As :func:`numpy.median`, in a tenth of its time: grays are counted, not put in order. One pixel at least."""
    low, high = _ranked(pixels, (pixels.size - 1) // 2, pixels.size // 2)
    return (low + high) / 2


def percentile_gray(pixels: Gray, percent: float) -> float:
    """As :func:`numpy.percentile`, to the last digit. One pixel at least."""
    place = percent / 100 * (pixels.size - 1)
    first, part = int(place), place - int(place)
    low, high = _ranked(pixels, first, min(first + 1, pixels.size - 1))
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def _ranked(pixels: Gray, *ranks: int) -> list[int]:
    """The grays of these ranks, from the darkest."""
    upto = _core.gray_histogram(np.ascontiguousarray(pixels)).cumsum()
    found: list[int] = upto.searchsorted(ranks, side="right").tolist()
    return found


def gray_of(pixels: NDArray[np.uint8]) -> Gray:
    """Gray pixels of RGB or RGBA, shape (H, W, 3 or 4); transparent parts become a background to read against."""
    gray = _core.luma(np.ascontiguousarray(pixels))
    return gray if pixels.shape[2] == 3 else _on_background(gray, pixels[:, :, 3])


def _on_background(gray: Gray, alpha: NDArray[np.uint8]) -> Gray:
    """White behind dark drawings, black behind light ones."""
    weight = int(alpha.sum(dtype=np.int64))
    mean = float((gray.astype(np.uint32) * alpha).sum(dtype=np.int64)) / weight if weight else 0.0
    background = 0 if mean > _LIGHT else 255
    mixed = (gray.astype(np.uint16) * alpha + background * (255 - alpha.astype(np.uint16))) // 255
    return mixed.astype(np.uint8)


def print_gray_of(pixels: NDArray[np.uint8]) -> Gray:
    """Gray pixels of RGB or RGBA, shape (H, W, 3 or 4), dark on light."""
    return dark_on_light(gray_of(pixels))


def dark_on_light(gray: Gray) -> Gray:
    """The picture, inverted if most of it is dark: white text on black is recognised better and faster so."""
    return 255 - gray if median_gray(gray[::4, ::4]) < _DARK else gray


def page_gray_of(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Gray:
    """Gray pixels of a page in RGB or RGBA, shape (H, W, 3 or 4), as :func:`for_print` gives them, with columns of dots
    as rules. ``size``: width and height to which it is enlarged.
    """
    gray = for_print(gray_of(pixels))
    return as_rules(gray if size is None else _core.enlarged(gray, (size[1], size[0])))


def for_print(gray: Gray) -> Gray:
    """The picture of a page, dark on light, with shades made white that have dark text on them."""
    return without_shades(dark_on_light(gray))


# the rim --------------------------------------------------------------------------------------------------------------

RIM_SIDE = 320
"""Longest side of the picture whose rim is looked at."""
_RIM = 0.02
_SCAN = 0.8
"""Where the rim of a picture is at least so bright, as a share of its bright parts, it is of the paper itself."""
_BRIGHT = 90.0


def dark_rim(pixels: NDArray[np.uint8]) -> tuple[float, float] | None:
    """How bright most of the outermost pixels of a picture are, and its brighter parts, by the darkest of the colours,
    0 to 255. None where it is no darker round a sheet of paper, as no scan is; sheet.py looks for one in others.

    ``pixels``: shape (H, W, 3).
    """
    if pixels.shape[2] != 3 or min(pixels.shape[:2]) < RIM_SIDE // 4:
        return None
    factor = -(-max(pixels.shape[:2]) // RIM_SIDE)
    bright = darkest_of(pixels[::factor, ::factor])
    wide = max(1, round(_RIM * min(bright.shape)))
    outermost = [bright[:wide].ravel(), bright[-wide:].ravel(), bright[:, :wide].ravel(), bright[:, -wide:].ravel()]
    rim, paper = median_gray(np.concatenate(outermost)[None]), percentile_gray(bright, _BRIGHT)
    return (rim, paper) if rim < _SCAN * paper else None


def darkest_of(pixels: NDArray[np.uint8]) -> Gray:
    """Of each pixel the darkest of its colours: wood is bright in red, paper in all of them."""
    return np.minimum(np.minimum(pixels[:, :, 0], pixels[:, :, 1]), pixels[:, :, 2])


# shades ---------------------------------------------------------------------------------------------------------------

# In black and white, which is all that the layout looks at, a ground that is darker than the middle between paper and
# ink is ink, and what is printed on it is lost, as in the shaded cells of many tables. A drawn page shows its shades:
# each is one gray, found on many pixels, and its neighbours on few.

_DARKEST = 0.25
_LIGHTEST = 0.85
"""A shade is between these parts of the ground's brightness."""
_LEAST_SHADE = 0.004
"""It takes such a share of the page at least, ..."""
_PEAK = 4.0
"""... so many times as much as the grays beside it, ..."""
_AWAY = range(2, 5)
"""... so far from it: those next to it are of it when a page was turned."""
_SHADE_TILE = 24
"""In pixels."""
_SEED = 0.7
_PART = 0.2
"""Tiles are shaded of which such a share has the shade, and those that touch them with at least the smaller one."""
_INK = 0.5
"""What is darker than such a part of the shade is a stroke of ink, ..."""
_STROKE = 8
"""... where the shade is on both sides of it, nearer than so many pixels."""
_STROKES = 200
"""There is text on it where so many pixels are of such strokes, ..."""
_LIGHT_STROKES = 0.1
"""... and at most so many times as many of light ones: white text, or lines between cells, would be lost."""


def without_shades(gray: Gray) -> Gray:
    """The picture, dark on light, with shades that have dark text on them made white; itself where there are none."""
    counts = _core.gray_histogram(gray).astype(np.float64)
    ground = int(counts.argmax())
    white = gray
    for shade in _shades(counts, ground, gray.size):
        shaded = _shaded_tiles(gray == shade)
        if shaded.any() and _has_text(gray, shaded, shade, ground):
            white = gray.copy() if white is gray else white
            _lighten(white, shaded, shade, ground)
    return white


def _shades(counts: NDArray[np.float64], ground: int, size: int) -> Iterator[int]:
    for shade in np.flatnonzero(counts > _LEAST_SHADE * size).tolist():
        beside = [counts[at] for far in _AWAY for at in (shade - far, shade + far) if 0 <= at < len(counts)]
        is_peak = counts[shade] == counts[max(0, shade - 1) : shade + 2].max()
        if _DARKEST * ground <= shade < _LIGHTEST * ground and is_peak and counts[shade] > _PEAK * np.mean(beside):
            yield shade


def _shaded_tiles(mask: Mask) -> Mask:
    """Which tiles of a picture have this shade, those beside them, too: what has its edge in them is shaded."""
    rows, columns = (side // _SHADE_TILE for side in mask.shape)
    whole = mask[: rows * _SHADE_TILE, : columns * _SHADE_TILE]
    share = whole.reshape(rows, _SHADE_TILE, columns, _SHADE_TILE).mean(axis=(1, 3))
    found: Mask = share >= _SEED
    while True:
        wider = found | (_beside(found) & (share >= _PART))
        if (wider == found).all():
            return found | _beside(found)
        found = wider


def _beside(tiles: Mask) -> Mask:
    around = np.pad(tiles, 1)
    beside: Mask = around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
    return beside


def _has_text(gray: Gray, tiles: Mask, shade: int, ground: int) -> bool:
    """Whether there are dark strokes on a shade, and hardly any light ones."""
    dark = light = 0
    for row in np.flatnonzero(tiles.any(axis=1)).tolist():
        part = gray[row * _SHADE_TILE : (row + 1) * _SHADE_TILE : 2]
        inside = _between(part == shade)
        inside[:, : tiles.shape[1] * _SHADE_TILE] &= tiles[row].repeat(_SHADE_TILE)
        dark += 2 * int((inside & (part < _INK * shade)).sum())
        light += 2 * int((inside & (part > (shade + ground) / 2)).sum())
    return dark > _STROKES and light < _LIGHT_STROKES * dark


def _between(mask: Mask) -> Mask:
    """Which pixels have true ones on their left and on their right, nearer than a stroke is wide."""
    places = np.arange(mask.shape[1])
    last = np.maximum.accumulate(np.where(mask, places, -_STROKE), axis=1)
    following = np.minimum.accumulate(np.where(mask, places, mask.shape[1] + _STROKE)[:, ::-1], axis=1)[:, ::-1]
    found: Mask = (places - last < _STROKE) & (following - places < _STROKE)
    return found


def _lighten(gray: Gray, tiles: Mask, shade: int, ground: int) -> None:
    """Makes a shade the ground in these tiles, and what is darker on it as much lighter as it is."""
    lighter = np.minimum(np.rint(np.arange(256) * (ground / shade)), ground).astype(np.uint8)
    lighter[ground:] = range(ground, 256)
    for row in np.flatnonzero(tiles.any(axis=1)).tolist():
        part = gray[row * _SHADE_TILE : (row + 1) * _SHADE_TILE, : tiles.shape[1] * _SHADE_TILE]
        columns = tiles[row].repeat(_SHADE_TILE)
        part[:, columns] = lighter[part[:, columns]]


# the prepared picture, and the way back for boxes ---------------------------------------------------------------------

UNEVEN = 16.0
"""Where the brightness of the background differs more between places with print, it is made even."""
LEVEL = 0.25
"""Degrees: lines with less skew are left as they are. Tesseract follows them, and turning costs sharpness."""
SIDEWAYS_TURNS = 3
"""Quarter turns clockwise that set lines upright which run downwards."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """The source's picture, shape ``source_shape`` (H, W): first turned clockwise by ``turns`` quarters, then back by
    ``skew`` degrees, then clockwise by ``more`` quarters. ``was_uneven``: lit unevenly, as in a photograph.
    ``all_turns``: quarter turns clockwise, 0 to 3.
    """

    gray: Gray
    source_shape: tuple[int, int]
    turns: int = 0
    skew: float = 0.0
    more: int = 0
    was_uneven: bool = False
    all_turns: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_turns", (self.turns + self.more) % 4)

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

    ``turns``: by how many quarters to turn it clockwise, if not as the profile says. Columns of dots are rules, too,
    where these were not upright before.
    """
    shape, given = (gray.shape[0], gray.shape[1]), gray
    if not profile.is_paper:
        # What looks like print in a photograph lies at any angle.
        return PreparedImage(gray, shape)
    was_uneven = profile.uneven >= UNEVEN
    if was_uneven:
        gray = _core.levelled(gray)
    if turns is None:
        turns = SIDEWAYS_TURNS if profile.sideways else 0
    if turns:
        gray = turned(gray, turns)
    if abs(profile.skew) < LEVEL or (abs(profile.skew) >= HARMLESS and not agree_on(print_of(gray).ink, profile.skew)):
        return PreparedImage(gray if gray is given else as_rules(gray), shape, turns, was_uneven=was_uneven)
    return PreparedImage(as_rules(_deskewed(gray, profile.skew)), shape, turns, profile.skew, was_uneven=was_uneven)


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
    return _core.warped(gray, place, size, ground=int(median_gray(gray[::8, ::8])))


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


# print ----------------------------------------------------------------------------------------------------------------

TILE = 24
"""About two lines of body type in a picture whose longer side is 1,200 pixels, as in the core's look."""
_ROOM = 0.2
"""Ink so far above or below a line, in its heights, is its own: accents and descenders."""


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """The ink of what looks like print. ``ink``: shape (H, W), a pixel for each square of ``factor`` of the picture.

    ``tiles``: shape (rows, columns), which squares of ``TILE`` such pixels look like print.
    """

    ink: Mask
    tiles: Mask
    factor: int

    def covered(self, lines: Boxes) -> float:
        """The share of the ink that lies on lines, 0 to 1; 1 where there is no ink."""
        amount = int(self.ink.sum())
        return 1.0 if amount == 0 else float((self.ink & self.on(lines)).sum() / amount)

    def lost(self, lines: Boxes) -> Mask:
        """Which tiles have most of their ink on no line."""
        off = _by_tile(self.ink & ~self.on(lines)).sum(axis=(2, 3))
        every = _by_tile(self.ink).sum(axis=(2, 3))
        found: Mask = self.tiles & (off > 0.6 * every)
        return found

    def within(self, *areas: Area) -> Print:
        """That of parts of the picture, in its place: the ink around them is left out."""
        inside = np.zeros_like(self.ink)
        for area in areas:
            left, top, right, bottom = (side // self.factor for side in area)
            inside[top : bottom + 1, left : right + 1] = True
        return Print(self.ink & inside, self.tiles, self.factor)

    def on(self, lines: Boxes) -> Mask:
        """Which pixels are on lines, with room for accents and descenders."""
        mask = np.zeros_like(self.ink)
        room = _ROOM * (lines[:, 3] - lines[:, 1])
        sides = np.stack([lines[:, 0] - room, lines[:, 1] - room, lines[:, 2] + room, lines[:, 3] + room], axis=1)
        for left, top, right, bottom in np.rint(sides / self.factor).clip(min=0).astype(int).tolist():
            mask[top : bottom + 1, left : right + 1] = True
        return mask


def print_of(gray: Gray) -> Print:
    """Where a picture looks like print: in each tile nearly all pixels are ground or ink, and strokes follow."""
    return Print(*_core.print_of(gray))


def _by_tile(pixels: Mask) -> Mask:
    """Shape (rows, columns, ``TILE``, ``TILE``)."""
    rows, columns = (side // TILE for side in pixels.shape)
    return pixels.reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)


# columns of dots between the columns of a page ------------------------------------------------------------------------

# Rules, which the layout takes for colons and full stops, are drawn as such, so that all that looks for one sees it:
# what stands on both sides is of two columns. A dot that is read is the first or the last letter of a line.

_DOT_CONTRAST = 48
"""A dot is so much darker than the ground."""
_DOT_BAND = 32
"""Dots are looked for in bands of so many pixels, ..."""
_DOTS_IN_BAND = 3
"""... of which each has so many of a rule."""
_DOT_WIDEST = 7
"""A dot is at most so many pixels wide, ..."""
_DOT_AS_HIGH = 1.5
"""... so many times as high as wide, and a pixel; ..."""
_DOT_FARTHEST = 5.0
"""... it begins less than so many of its widths above the next one, ..."""
_DOT_EVEN = 1.5
"""... each so far, within so many pixels; ..."""
_DOT_CLEAR = 0.4
"""... and nothing is beside it, so many of these distances wide. Rows of dots, below each other, stand closer."""
_DOT_OTHERS = 0.05
"""Such a share of the rows may have something beside them."""
_MOST_DOT_COLUMNS = 2_000
"""More narrow columns are the texture of a picture."""
_FEWEST_DOTS = 24
"""So many dots at least make a rule, about five lines high. Boxes of diagrams have shorter edges of dots."""


def as_rules(gray: Gray) -> Gray:
    """The picture, dark on light, with columns of dots drawn as rules; itself where there are none."""
    found = dotted(gray)
    gray = gray.copy() if found else gray
    for left, top, right, bottom in found:
        gray[top:bottom, left:right] = gray[top:bottom, left:right].min()
    return gray


def dotted(gray: Gray) -> list[Area]:
    """Where columns of dots are in a picture, shape (H, W), dark on light; in its pixels."""
    if min(gray.shape) < _DOT_BAND:
        return []
    level = int(median_gray(gray[::4, ::4])) - _DOT_CONTRAST
    if level <= 0:
        return []
    ink: Mask = gray < level
    columns = dict.fromkeys(_columns_in_bands(ink))
    if len(columns) > _MOST_DOT_COLUMNS:
        return []
    found: list[Area] = []
    for left, right in columns:
        for top, bottom in _columns_of_dots(ink, left, right):
            if not any(touch((left, top, right, bottom), other) for other in found):
                found.append((left, top, right, bottom))
    return found


def _columns_in_bands(ink: Mask) -> Iterator[tuple[int, int]]:
    """From where to where across there are columns of ink that may be dots, in some band."""
    bands = len(ink) // _DOT_BAND
    marks = ink[: bands * _DOT_BAND].reshape(bands, _DOT_BAND, -1).any(axis=1)
    edges = np.diff(np.pad(marks, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    for band, row in enumerate(edges):
        begins, ends = np.flatnonzero(row > 0), np.flatnonzero(row < 0)
        if not len(begins):
            continue
        room = np.minimum(np.diff(begins, append=ink.shape[1] + 2), np.diff(ends, prepend=-2)) - (ends - begins)
        kept = (ends - begins <= _DOT_WIDEST) & (room >= 2)
        for left, right in zip(begins[kept].tolist(), ends[kept].tolist(), strict=True):
            part: Mask = np.any(ink[band * _DOT_BAND : (band + 1) * _DOT_BAND, left:right], axis=1)
            if np.count_nonzero(part[1:] & ~part[:-1]) >= _DOTS_IN_BAND:
                yield left, right


def _columns_of_dots(ink: Mask, left: int, right: int) -> Iterator[tuple[int, int]]:
    """From where to where there are columns of dots between two places across."""
    wide = right - left
    rows = np.flatnonzero(np.diff(np.pad(ink[:, left:right].any(axis=1), 1).astype(np.int8)))
    dots = list(zip(rows[::2].tolist(), rows[1::2].tolist(), strict=True))
    run: list[tuple[int, int]] = []
    for dot in [*dots, None]:
        is_dot = dot is not None and dot[1] - dot[0] <= _DOT_AS_HIGH * wide + 1
        if dot is not None and is_dot and _goes_on(run, dot, wide):
            run.append(dot)
            continue
        if len(run) >= _FEWEST_DOTS and _is_clear(ink, run, left, right):
            yield run[0][0], run[-1][1]
        run = [dot] if dot is not None and is_dot else []


def _goes_on(run: Sequence[tuple[int, int]], dot: tuple[int, int], wide: int) -> bool:
    """Whether a dot is as far below the last one as that is below the one before it."""
    if not run:
        return True
    far = dot[0] + dot[1] - run[-1][0] - run[-1][1]
    first = run[1][0] + run[1][1] - run[0][0] - run[0][1] if len(run) > 1 else far
    return far < 2 * _DOT_FARTHEST * wide and abs(far - first) <= 2 * _DOT_EVEN


def _is_clear(ink: Mask, run: Sequence[tuple[int, int]], left: int, right: int) -> bool:
    """Whether there is hardly anything beside the dots."""
    top, bottom = run[0][0], run[-1][1]
    room = max(2, round(_DOT_CLEAR * (run[-1][0] - run[0][0]) / (len(run) - 1)))
    beside = ink[top:bottom, max(0, left - room) : left], ink[top:bottom, right : right + room]
    return all(np.count_nonzero(np.any(side, axis=1)) <= _DOT_OTHERS * (bottom - top) for side in beside)


# areas ----------------------------------------------------------------------------------------------------------------


def inside(lines: Boxes, area: Area) -> Mask:
    """Which lines have their middle in the area."""
    middles = (lines[:, :2] + lines[:, 2:]) / 2
    found: Mask = np.all((middles >= area[:2]) & (middles < area[2:]), axis=1)
    return found


def holds(one: Area, two: Area) -> bool:
    """Whether all of the second area is in the first."""
    return one[0] <= two[0] and one[1] <= two[1] and two[2] <= one[2] and two[3] <= one[3]


def touch(one: Area, two: Area) -> bool:
    """Whether two areas share a pixel."""
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]
