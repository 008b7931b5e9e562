"""Lines of a page read by the core with Tesseract's models, where Tesseract has laid the page out.

The core runs the network of a model on many lines at once, where Tesseract runs it on one after the other; see
``rust/src/lines``. What it cannot run is left to Tesseract: several languages at once, weights that are not int8,
scripts without spaces or from right to left, and lines on their side.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core
from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

Area = tuple[int, int, int, int]

_PORTION = 240
"""Pieces that are read together: some batches of the core's, half a second."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a line that are read together. ``starts_line``: the line begins here, and a paragraph, perhaps.

    ``area``: around its ink. ``rows``: above and below what is read, with room for all letters. ``line``: around all
    pieces of the line. In pixels.
    """

    area: Area
    rows: tuple[int, int]
    line: Area
    starts_line: bool
    starts_paragraph: bool

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


@functools.lru_cache(maxsize=8)
def model_of(language: str, folder: str) -> _core.LineModel | None:
    """The model of a language from this folder; none where the core cannot run it, or it is damaged."""
    try:
        return _core.LineModel((Path(folder) / f"{language}.traineddata").read_bytes())
    except ItemError as error:
        if error.error_class in (ErrorClass.UNSUPPORTED, ErrorClass.CORRUPT):
            return None
        raise
    except OSError:
        return None


def pieces_of(iterator: Any, module: Any, no_text: Sequence[Any]) -> list[tuple[Piece, ...]]:
    """What is to be read of each line of a page that was laid out, in reading order; nothing of lines on their side.

    ``iterator``: tesserocr's over results, of a layout with neighbouring words merged. ``no_text``: types of
    blocks that are left out.
    """
    levels, upright, across = module.RIL, module.Orientation.PAGE_UP, module.WritingDirection.LEFT_TO_RIGHT
    found: list[list[Piece]] = []
    starts_line = starts_paragraph = False
    for item in module.iterate_level(iterator, levels.WORD):
        starts_line |= bool(item.IsAtBeginningOf(levels.TEXTLINE))
        starts_paragraph |= bool(item.IsAtBeginningOf(levels.PARA))
        area = item.BoundingBox(levels.WORD)
        if area is None or item.BlockType() in no_text:
            continue
        if starts_line or not found:
            found.append([])
        orientation, direction, *_ = item.Orientation()
        if orientation == upright and direction == across:
            rows, line = _rows(item, area, levels.TEXTLINE), item.BoundingBox(levels.TEXTLINE)
            found[-1].append(Piece(area, rows, line, starts_line, starts_paragraph))
        starts_line = starts_paragraph = False
    return [tuple(pieces) for pieces in found]


def _rows(item: Any, area: Area, line_level: Any) -> tuple[int, int]:
    """From the highest to the lowest letters that a line may have, or further where its ink reaches further."""
    left, top, right, bottom = area
    row = item.RowAttributes()
    (x0, y0), (x1, y1) = item.Baseline(line_level)
    baseline = y0 + (y1 - y0) * ((left + right) / 2 - x0) / max(1, x1 - x0)
    height_above = row["row_height"] + row["descenders"]
    # Tesseract counts rows from below, and cuts fractions off.
    above, below = baseline - height_above, baseline - row["descenders"]
    return min(top, math.ceil(above)), max(bottom, math.ceil(below))


def portions(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """In portions that are read in a moment, so that who reads them can look at the clock."""
    for start in range(0, len(pieces), _PORTION):
        yield pieces[start : start + _PORTION]


def read(
    model: _core.LineModel, gray: NDArray[np.uint8], pieces: Sequence[Piece]
) -> list[list[tuple[str, float, Area]]]:
    """For each piece its words: text, confidence (0 to 100) and box."""
    if not pieces:
        return []
    boxes = np.array([(*piece.area, *piece.rows) for piece in pieces], np.int32)
    return [[(text, confidence, _area(box)) for text, confidence, box in words] for words in model.read(gray, boxes)]


def _area(box: list[int]) -> Area:
    left, top, right, bottom = box
    return left, top, right, bottom
