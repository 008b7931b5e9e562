"""Columns of dots between the columns of a page: rules, which the layout takes for colons and full stops.

They are drawn as rules, so that all that looks for one sees it: what stands on both sides of a rule is of two columns.
A dot that is read is the first or the last letter of a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Area, Gray, Mask, median_gray, touch

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_CONTRAST = 48
"""A dot is so much darker than the ground."""
_BAND = 32
"""Dots are looked for in bands of so many pixels, ..."""
_IN_BAND = 3
"""... of which each has so many of a rule."""
_WIDEST = 7
"""A dot is at most so many pixels wide, ..."""
_AS_HIGH = 1.5
"""... so many times as high as wide, and a pixel; ..."""
_FARTHEST = 5.0
"""... it begins less than so many of its widths above the next one, ..."""
_EVEN = 1.5
"""... each so far, within so many pixels; ..."""
_CLEAR = 0.4
"""... and nothing is beside it, so many of these distances wide. Rows of dots, below each other, stand closer."""
_OTHERS = 0.05
"""Such a share of the rows may have something beside them."""
_MOST_COLUMNS = 2_000
"""More narrow columns are the texture of a picture."""
_DOTS = 24
"""So many dots at least make a rule, about five lines high. Boxes of diagrams have shorter edges of dots."""


def as_rules(gray: Gray) -> Gray:
    """The picture, dark on light, with columns of dots drawn as rules; itself where there are none."""
    found = dotted(gray)
    gray = gray.copy() if found else gray
    for left, top, right, bottom in found:
        gray[top:bottom, left:right] = gray[top:bottom, left:right].min()
    return gray


def dotted(gray: Gray) -> list[Area]:
    """Where columns of dots are."""
    if min(gray.shape) < _BAND:
        return []
    level = int(median_gray(gray[::4, ::4])) - _CONTRAST
    if level <= 0:
        return []
    ink: Mask = gray < level
    columns = dict.fromkeys(_narrow_columns(ink))
    if len(columns) > _MOST_COLUMNS:
        return []
    found: list[Area] = []
    for left, right in columns:
        for top, bottom in _columns_of_dots(ink, left, right):
            if not any(touch((left, top, right, bottom), other) for other in found):
                found.append((left, top, right, bottom))
    return found


def _narrow_columns(ink: Mask) -> Iterator[tuple[int, int]]:
    """From where to where across there are columns of ink that may be dots, in some band."""
    bands = len(ink) // _BAND
    marks = ink[: bands * _BAND].reshape(bands, _BAND, -1).any(axis=1)
    edges = np.diff(np.pad(marks, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    for band, row in enumerate(edges):
        begins, ends = np.flatnonzero(row > 0), np.flatnonzero(row < 0)
        if not len(begins):
            continue
        room = np.minimum(np.diff(begins, append=ink.shape[1] + 2), np.diff(ends, prepend=-2)) - (ends - begins)
        kept = (ends - begins <= _WIDEST) & (room >= 2)
        for left, right in zip(begins[kept].tolist(), ends[kept].tolist(), strict=True):
            part: Mask = np.any(ink[band * _BAND : (band + 1) * _BAND, left:right], axis=1)
            if np.count_nonzero(part[1:] & ~part[:-1]) >= _IN_BAND:
                yield left, right


def _columns_of_dots(ink: Mask, left: int, right: int) -> Iterator[tuple[int, int]]:
    """From where to where there are columns of dots between two places across."""
    wide = right - left
    rows = np.flatnonzero(np.diff(np.pad(ink[:, left:right].any(axis=1), 1).astype(np.int8)))
    dots = list(zip(rows[::2].tolist(), rows[1::2].tolist(), strict=True))
    run: list[tuple[int, int]] = []
    for dot in [*dots, None]:
        is_dot = dot is not None and dot[1] - dot[0] <= _AS_HIGH * wide + 1
        if dot is not None and is_dot and _goes_on(run, dot, wide):
            run.append(dot)
            continue
        if len(run) >= _DOTS and _is_clear(ink, run, left, right):
            yield run[0][0], run[-1][1]
        run = [dot] if dot is not None and is_dot else []


def _goes_on(run: Sequence[tuple[int, int]], dot: tuple[int, int], wide: int) -> bool:
    """Whether a dot is as far below the last one as that is below the one before it."""
    if not run:
        return True
    far = dot[0] + dot[1] - run[-1][0] - run[-1][1]
    first = run[1][0] + run[1][1] - run[0][0] - run[0][1] if len(run) > 1 else far
    return far < 2 * _FARTHEST * wide and abs(far - first) <= 2 * _EVEN


def _is_clear(ink: Mask, run: Sequence[tuple[int, int]], left: int, right: int) -> bool:
    """Whether there is hardly anything beside the dots."""
    top, bottom = run[0][0], run[-1][1]
    room = max(2, round(_CLEAR * (run[-1][0] - run[0][0]) / (len(run) - 1)))
    beside = ink[top:bottom, max(0, left - room) : left], ink[top:bottom, right : right + room]
    return all(np.count_nonzero(np.any(side, axis=1)) <= _OTHERS * (bottom - top) for side in beside)
