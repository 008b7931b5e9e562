"""A sheet of paper in a photograph: its four corners, the picture of it as if seen from above, and the way back.

A sheet is brighter than what it lies on, and its edges are straight. So the picture is parted at several levels of
brightness; the largest bright part whose outline is four straight sides, each of them a step from dark to bright, is
the sheet. Brightness is that of the darkest of the three colours: wood is bright in red, paper in all of them.

Where no such part is found, nothing is changed. A scan has no darker edge all round, which its rim tells before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pillion import _core
from pillion.kinds.ocr.layout import (
    RIM_SIDE,
    Boxes,
    Gray,
    Mask,
    as_rules,
    dark_on_light,
    dark_rim,
    darkest_of,
    gray_of,
    print_of,
)
from pillion.kinds.ocr.page import FIRST_PIXELS, MAX_PIXELS, MAX_UPSCALE, PictureSource, scale_for
from pillion.kinds.ocr.result import Block, Box, OcrLine, OcrPage, OcrWord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    """Shape (n, 2): x, y. The middle of the first pixel is at (0.5, 0.5)."""
else:
    from pillion.extras import lazy_numpy as np

    Points = object

# corners --------------------------------------------------------------------------------------------------------------

_SIDE = RIM_SIDE
"""Longest side of the picture in which the outline is looked for; its sides are lines through many of its pixels."""
_LEVELS = (0.5, 0.65, 0.8)
"""Levels tried between the brightness of the rim and that of the paper, beside Otsu's."""
_LEAST_AREA = 0.12
_FULL = 0.93
"""The share of the area between four sides that the bright part has to fill, with its holes."""
_LEAST_ANGLE = 50.0
_STEP = 12.0
"""By how much a sheet is brighter than what lies beside its edge, of 255, ..."""
_ALONG = 0.75
"""... along such a share of each edge."""
_REACH = 2.5
_OUTSIDE = 0.04
"""A corner may lie outside of the picture by so much of its size."""
_ENDS = 0.06


def corners_of(pixels: NDArray[np.uint8]) -> Points | None:
    """The corners of a sheet of paper in a picture, shape (4, 2): in order, from its upper left one clockwise.

    ``pixels``: shape (H, W, 3). In its pixels. None where there is no sheet that is darker all round.
    """
    known = dark_rim(pixels)
    if known is None:
        return None
    rim, paper = known
    bright, factor = _reduced(pixels)
    best: tuple[float, Points] | None = None
    for level in (_otsu(bright), *(rim + share * (paper - rim) for share in _LEVELS)):
        found = _outlined(bright, level)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return None if best is None else _in_order(best[1]) * factor


def _reduced(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], int]:
    """How bright the darkest colour is, each pixel the mean of a square; and the side of that."""
    factor = -(-max(pixels.shape[:2]) // _SIDE)
    height, width = (side // factor * factor for side in pixels.shape[:2])
    darkest = darkest_of(pixels[:height, :width])
    squares = darkest.reshape(height // factor, factor, width // factor, factor)
    return np.asarray(squares.mean(axis=(1, 3), dtype=np.float32)), factor


def _otsu(bright: NDArray[np.float32]) -> float:
    """The level that parts the pixels best in two (Otsu, 1979)."""
    counts = np.bincount(bright.astype(np.uint8).ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    sums = np.cumsum(counts * np.arange(256))
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = (sums[-1] * below / below[-1] - sums) ** 2 / (below * (below[-1] - below))
    return float(np.nanargmax(np.where(np.isfinite(apart), apart, -1.0))) + 1.0


def _outlined(bright: NDArray[np.float32], level: float) -> tuple[float, Points] | None:
    """The largest part brighter than a level, if it is a sheet: how sharp its edges are, and its corners."""
    part = _largest(bright > level)
    if part.sum() < _LEAST_AREA * part.size / 2:
        return None
    edge = _edge(part)
    hull = _hull(edge)
    if len(hull) < 4:
        return None
    corners = _fitted(_four_sides(hull), edge)
    if corners is None or not _is_sheet(corners, part.shape):
        return None
    if _area(hull) < _FULL * _area(corners):
        return None
    steps = [_step(bright, one, two) for one, two in _sides(corners)]
    return None if min(steps) < _STEP else (min(steps), corners)


def _sides(corners: Points) -> list[tuple[Points, Points]]:
    return [(corners[number], corners[(number + 1) % len(corners)]) for number in range(len(corners))]


def _is_sheet(corners: Points, shape: tuple[int, ...]) -> bool:
    """Whether four corners are those of a large convex figure, none of them pointed, in a picture of ``shape``."""
    size = np.array([shape[1], shape[0]], np.float64)
    if ((corners < -_OUTSIDE * size) | (corners > (1 + _OUTSIDE) * size)).any():
        return False
    if abs(_area(corners)) < _LEAST_AREA * shape[0] * shape[1]:
        return False
    after, before = np.roll(corners, -1, axis=0) - corners, np.roll(corners, 1, axis=0) - corners
    turns = after[:, 0] * before[:, 1] - after[:, 1] * before[:, 0]
    cosines = (after * before).sum(axis=1) / np.maximum(np.hypot(*after.T) * np.hypot(*before.T), 1e-9)
    return bool((turns > 0).all() and (np.abs(cosines) < math.cos(math.radians(_LEAST_ANGLE))).all())


def _step(bright: NDArray[np.float32], one: Points, two: Points) -> float:
    """By how much the picture is brighter inside of an edge than outside, along most of it; corners left out."""
    length = float(np.hypot(*(two - one)))
    along = np.linspace(_ENDS, 1 - _ENDS, max(8, int(length / 2)))[:, None]
    places = one + (two - one) * along
    inward = np.array([one[1] - two[1], two[0] - one[0]]) / max(length, 1e-9)
    inside, outside = _values(bright, places + _REACH * inward), _values(bright, places - _REACH * inward)
    # Outside of the picture is no evidence: a sheet whose edge is not seen may go on there.
    steps = np.where(np.isnan(outside), 0.0, inside - outside)
    return float(np.quantile(np.nan_to_num(steps), 1 - _ALONG))


def _values(bright: NDArray[np.float32], places: Points) -> NDArray[np.float32]:
    """Those of the pixels at some places; not a number outside of the picture."""
    columns, rows = np.floor(places).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < bright.shape[1]) & (rows < bright.shape[0])
    found = np.full(len(places), np.nan, np.float32)
    found[inside] = bright[rows[inside], columns[inside]]
    return found


def _in_order(corners: Points) -> Points:
    """Begun with the corner from which the side clockwise is nearest to running from left to right."""
    across = np.roll(corners, -1, axis=0) - corners
    return np.roll(corners, -int(np.argmax(across[:, 0] / np.maximum(np.hypot(*across.T), 1e-9))), axis=0)


# outlines -------------------------------------------------------------------------------------------------------------


def _largest(mask: Mask) -> Mask:
    """The largest part of a mask whose pixels touch each other, at sides or corners."""
    runs: list[tuple[int, int, int]] = []
    parents: list[int] = []
    before: list[int] = []
    for row in range(mask.shape[0]):
        changes = np.flatnonzero(np.diff(mask[row], prepend=False, append=False)).tolist()
        now = []
        for begin, end in zip(changes[::2], changes[1::2], strict=True):
            number = len(runs)
            runs.append((row, begin, end))
            parents.append(number)
            now.append(number)
            for other in before:
                if runs[other][1] <= end and begin <= runs[other][2]:
                    parents[_root(parents, other)] = _root(parents, number)
        before = now
    sizes: dict[int, int] = {}
    for number, (_, begin, end) in enumerate(runs):
        root = _root(parents, number)
        sizes[root] = sizes.get(root, 0) + end - begin
    part = np.zeros_like(mask)
    most = max(sizes, key=lambda root: sizes[root], default=-1)
    for number, (row, begin, end) in enumerate(runs):
        if _root(parents, number) == most:
            part[row, begin:end] = True
    return part


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _edge(part: Mask) -> Points:
    """The outermost points of a part: the ends of its rows and of its columns."""
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    height, width = part.shape
    lefts, rights = part[rows].argmax(axis=1), width - part[rows, ::-1].argmax(axis=1)
    tops, bottoms = part[:, columns].argmax(axis=0), height - part[::-1, columns].argmax(axis=0)
    ends = [(lefts, rows + 0.5), (rights, rows + 0.5), (columns + 0.5, tops), (columns + 0.5, bottoms)]
    return np.concatenate([np.stack(end, axis=1) for end in ends]).astype(np.float64)


def _hull(points: Points) -> Points:
    """The convex hull of points, clockwise as seen on a screen (Andrew's monotone chain)."""
    ordered = np.unique(points, axis=0).tolist()

    def half(some: Sequence[list[float]]) -> list[list[float]]:
        chain: list[list[float]] = []
        for point in some:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array([*half(ordered), *half(ordered[::-1])], np.float64).reshape(-1, 2)


def _turn(one: Sequence[float], two: Sequence[float], three: Sequence[float]) -> float:
    """Positive where the way over three points turns to the right on a screen."""
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])


def _area(corners: Points) -> float:
    """Of a figure whose corners are clockwise on a screen."""
    after = np.roll(corners, -1, axis=0)
    return float((corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0]).sum() / 2)


def _four_sides(hull: Points) -> Points:
    """A convex figure with only four of its sides left: in turn, the one whose loss adds least to the area is left out.

    So corners that are cut off or rounded do not turn the sides beside them.
    """
    corners = hull.tolist()
    while len(corners) > 4:
        added = [(_corner_without(corners, place), place) for place in range(len(corners))]
        possible = [(area, place, point) for (area, point), place in added if point is not None]
        if not possible:
            break
        _, place, point = min(possible)
        after = (place + 1) % len(corners)
        corners[place] = point
        del corners[after]
    return np.array(corners, np.float64)


def _corner_without(corners: Sequence[list[float]], place: int) -> tuple[float, list[float] | None]:
    """Where the sides around one side would meet, and what area that would add; None where they run apart."""
    count = len(corners)
    before, one = corners[place - 1], corners[place]
    two, after = corners[(place + 1) % count], corners[(place + 2) % count]
    point = _crossing(before, one, two, after)
    if point is None or _turn(one, two, point) >= 0:
        return 0.0, None
    return -_turn(one, two, point) / 2, point


def _crossing(
    one: Sequence[float], two: Sequence[float], three: Sequence[float], four: Sequence[float]
) -> list[float] | None:
    """Where the line through the first two points crosses that through the others; None where they are parallel."""
    across, down = two[0] - one[0], two[1] - one[1]
    other_across, other_down = four[0] - three[0], four[1] - three[1]
    slope = across * other_down - down * other_across
    if abs(slope) < 1e-9:
        return None
    part = ((three[0] - one[0]) * other_down - (three[1] - one[1]) * other_across) / slope
    return [one[0] + part * across, one[1] + part * down]


_NEAR = 2.0


def _fitted(corners: Points, edge: Points) -> Points | None:
    """Corners where the lines cross that fit the outermost points near to each side best."""
    if len(corners) != 4:
        return None
    lines = []
    for one, two in _sides(corners):
        along, length = two - one, float(np.hypot(*(two - one)))
        if length < 1:
            return None
        place = (edge - one) @ along / length**2
        off = ((edge - one) @ np.array([-along[1], along[0]])) / length
        near = edge[(np.abs(off) < _NEAR) & (place > _ENDS) & (place < 1 - _ENDS)]
        if len(near) < 4:
            return None
        middle = near.mean(axis=0)
        direction = np.linalg.svd(near - middle, full_matrices=False)[2][0]
        lines.append((middle, middle + direction))
    found = [
        _crossing(*(point.tolist() for point in (*lines[number - 1], *lines[number]))) for number in range(len(lines))
    ]
    return None if any(point is None for point in found) else np.array(found, np.float64)


# the way there and back -----------------------------------------------------------------------------------------------

_INSET = 0.006
"""So much of a sheet's width and height is cut off at each side, where the edge and its shadow are."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A sheet in a picture, seen from above. ``size``: its width and height there, about as in the picture.

    ``map``: shape (3, 3), from places on the sheet, in homogeneous coordinates, to places in the picture.
    """

    size: tuple[float, float]
    map: NDArray[np.float64]

    @classmethod
    def of(cls, corners: Points, inset: float = _INSET) -> Sheet:
        """That between these corners, from the upper left one clockwise."""
        lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
        width, height = float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3]))
        flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
        whole = projection(flat, corners)
        left, top = inset * width, inset * height
        moved = whole @ np.array([(1, 0, left), (0, 1, top), (0, 0, 1)], np.float64)
        return cls((width - 2 * left, height - 2 * top), moved)

    def to_picture(self, points: Points) -> Points:
        """Where places of the sheet are in the picture."""
        return projected(self.map, points)

    def drawn(self, gray: Gray, whole: tuple[float, float], scale: float) -> Gray:
        """The sheet at a scale, from the gray pixels of the picture at any size. ``whole``: the picture's own size."""
        width, height = (max(1, round(side * scale)) for side in self.size)
        there = np.diag([gray.shape[1] / whole[0], gray.shape[0] / whole[1], 1.0])
        place = there @ self.map @ np.diag([self.size[0] / width, self.size[1] / height, 1.0])
        sides: list[float] = (place / place[2, 2]).ravel().tolist()
        return _core.warped(gray, sides[:8], (height, width), ground=int(np.median(gray[::8, ::8])))

    def boxes_in_picture(self, boxes: Boxes) -> Boxes:
        """For each box on the sheet the smallest upright one around it in the picture."""
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
        around = self.to_picture(corners).reshape(-1, 4, 2)
        return np.concatenate([around.min(axis=1), around.max(axis=1)], axis=1)


def projection(places: Points, images: Points) -> NDArray[np.float64]:
    """The projective map, shape (3, 3), that takes four places to their images."""
    rows, values = [], []
    for (x, y), (u, v) in zip(places.tolist(), images.tolist(), strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows, np.float64), np.array(values, np.float64)), 1.0).reshape(3, 3)


def projected(map: NDArray[np.float64], points: Points) -> Points:
    """Points through a projective map."""
    across, down, depth = map @ np.stack([points[:, 0], points[:, 1], np.ones(len(points))])
    return np.stack([across / depth, down / depth], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetSource:
    """A sheet in an image file as a page (:class:`pillion.kinds.ocr.page.PageSource`), in pixels as seen from above."""

    picture: PictureSource
    sheet: Sheet
    size: tuple[float, float]
    origin: tuple[float, float]
    first_scale: float
    max_scale: float

    @classmethod
    def of(cls, picture: PictureSource, sheet: Sheet) -> SheetSource:
        """``sheet``: in pixels of the whole picture."""
        first = min(1.0, scale_for(sheet.size, FIRST_PIXELS))
        most = max(first, min(MAX_UPSCALE, scale_for(sheet.size, MAX_PIXELS)))
        return cls(picture=picture, sheet=sheet, size=sheet.size, origin=(0.0, 0.0), first_scale=first, max_scale=most)

    def gray(self, scale: float) -> Gray:
        """See :class:`pillion.kinds.ocr.page.PageSource`."""
        whole = float(self.picture.width), float(self.picture.height)
        gray = gray_of(self.picture.pixels(max(1, round(max(whole) * scale)) if scale < 1 else None))
        return as_rules(dark_on_light(self.sheet.drawn(gray, whole, scale)))


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """A sheet in an image file, in colours (:class:`pillion.kinds.ocr.page.PictureSource`)."""

    picture: PictureSource
    sheet: Sheet

    @property
    def width(self) -> int:
        """In pixels, as seen from above."""
        return max(1, round(self.sheet.size[0]))

    @property
    def height(self) -> int:
        """In pixels, as seen from above."""
        return max(1, round(self.sheet.size[1]))

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """See :class:`pillion.kinds.ocr.page.PictureSource`; shape (H, W, 3)."""
        scale = 1.0 if max_side is None else min(1.0, max_side / max(self.width, self.height))
        whole = float(self.picture.width), float(self.picture.height)
        pixels = self.picture.pixels(max(1, round(max(whole) * scale)) if scale < 1 else None)
        colours = [self.sheet.drawn(np.ascontiguousarray(pixels[:, :, one]), whole, scale) for one in range(3)]
        return np.stack(colours, axis=2)


def sheet_in(picture: PictureSource, pixels: NDArray[np.uint8]) -> Sheet | None:
    """The sheet in a picture that is to be read by itself, in pixels of the whole picture; None where there is none.

    ``pixels``: of the picture, smaller. A picture of which most print is not on the sheet is one of other things.
    """
    corners = corners_of(pixels)
    if corners is None or _has_print_beside(pixels, corners):
        return None
    return Sheet.of(corners * [picture.width / pixels.shape[1], picture.height / pixels.shape[0]])


_BESIDE = 0.1
"""Print beside a sheet, as a share of that on it, that may be a pattern of what it lies on."""


def _has_print_beside(pixels: NDArray[np.uint8], corners: Points) -> bool:
    """Whether much of what looks like print is not on the sheet."""
    seen = print_of(gray_of(pixels))
    rows, columns = np.nonzero(seen.tiles)
    side = seen.factor * seen.ink.shape[0] / seen.tiles.shape[0]
    middles = (np.stack([columns, rows], axis=1) + 0.5) * side
    after = np.roll(corners, -1, axis=0)
    across, down = (after - corners).T
    inward = across * (middles[:, 1, None] - corners[:, 1]) - down * (middles[:, 0, None] - corners[:, 0])
    # Tiles on the edge are half of them a step from dark to light.
    room = -side * np.hypot(across, down)
    is_on = (inward > room).all(axis=1)
    return bool((~is_on).sum() > _BESIDE * is_on.sum())


class WayBack(Protocol):
    """From a page that was made flat to its picture: :class:`Sheet` and :class:`pillion.kinds.ocr.curl.Bend`."""

    def boxes_in_picture(self, boxes: Boxes) -> Boxes:
        """For each box on the flat page the smallest upright one around it in the picture."""
        ...


def page_in_picture(page: OcrPage, sheet: WayBack, size: tuple[float, float]) -> OcrPage:
    """A page of a sheet, or of lines made straight, with its boxes where they are in the picture of ``size``."""
    boxes = list(_boxes(page))
    around = sheet.boxes_in_picture(np.array(boxes, np.float64).reshape(-1, 4))
    around = np.clip(around, 0, [*size, *size])
    rest = iter(around.tolist())
    lines = tuple(_moved_line(line, rest) for line in page.lines)
    blocks = tuple(_moved_block(block, rest) for block in page.blocks)
    return replace(page, width=size[0], height=size[1], lines=lines, blocks=blocks)


def _boxes(page: OcrPage) -> Iterator[Box]:
    for line in page.lines:
        yield from (word.box for word in line.words)
        if line.box is not None:
            yield line.box
    yield from (block.box for block in page.blocks)


def _moved_line(line: OcrLine, rest: Iterator[list[float]]) -> OcrLine:
    words = tuple(_moved_word(word, rest) for word in line.words)
    return replace(line, words=words, box=None if line.box is None else _next(rest))


def _moved_word(word: OcrWord, rest: Iterator[list[float]]) -> OcrWord:
    return replace(word, box=_next(rest))


def _moved_block(block: Block, rest: Iterator[list[float]]) -> Block:
    return replace(block, box=_next(rest))


def _next(rest: Iterator[list[float]]) -> Box:
    left, top, right, bottom = next(rest)
    return left, top, right, bottom
