"""Frames drawn side by side on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pillion import _core
from pillion.kinds.thumbstrip.index import Index, Tile, with_index
from pillion.kinds.thumbstrip.kind import StripSpec

if TYPE_CHECKING:
    from pillion.readers.media import SpreadFrame

_PLACES = 3
"""Digits of seconds after the point."""


def grid(count: int, spec: StripSpec) -> tuple[int, int]:
    """Columns and rows for ``count`` frames: full rows of the variant's, as many as are needed."""
    columns = min(count, spec.columns)
    return columns, -(-count // columns)


def drawn(spec: StripSpec, frames: Sequence[SpreadFrame], seconds: float) -> bytes:
    """The sheet as WebP, with its index. ``seconds``: the length of the film. All frames have places of one size."""
    columns, rows = grid(len(frames), spec)
    width = max(one.frame.pixels.shape[1] for one in frames)
    height = max(one.frame.pixels.shape[0] for one in frames)
    channels = max(one.frame.pixels.shape[2] for one in frames)
    sheet = np.zeros((rows * height, columns * width, channels), dtype=np.uint8)
    tiles = []
    for number, one in enumerate(frames):
        row, column = divmod(number, columns)
        x, y = column * width, row * height
        _draw(sheet[y : y + height, x : x + width], one.frame.pixels)
        tiles.append(
            Tile(
                start=round(one.start, _PLACES),
                end=round(one.end, _PLACES),
                time=round(one.time, _PLACES),
                xywh=(x, y, width, height),
            )
        )
    colours = next((one.frame.code_points for one in frames if one.frame.code_points), None)
    wanted = [("sheet", max(sheet.shape[:2]), spec.quality, spec.method)]
    (made,) = _core.thumbnails_from_decoded(sheet, wanted, cicp=colours)
    index = Index(
        kind="thumbstrip",
        variant=spec.name,
        duration=round(seconds, _PLACES),
        columns=columns,
        rows=rows,
        width=made.width,
        height=made.height,
        tiles=tuple(tiles),
    )
    return with_index(made.data, index)


def _draw(place: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> None:
    """A frame in the middle of its place: films may change their size midway."""
    height, width, channels = pixels.shape
    top, left = (place.shape[0] - height) // 2, (place.shape[1] - width) // 2
    target = place[top : top + height, left : left + width]
    target[..., :channels] = pixels
    if channels < place.shape[2]:
        target[..., 3] = 255
