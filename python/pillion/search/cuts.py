"""Whether two pictures are the same, perhaps with something cut off their edges: laid over each other, by thumbnails.

Hashes do not tell. Cutting off a corner moves all of a picture, and the hashes of photographs that were cut so differ
in as many bits as those of others; and pages of text, or one window of a program with another button pressed, have
hashes that are alike. Of 50 photographs, cuts of 5 % had a correlation of 0.97 and more, whatever was cut off, and
different photographs at most 0.88 (docs/search.md).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME = 0.97
"""The correlation from which two pictures are the same."""
_SIDE, _COMPARED, _FIELD = 64, 32, 4
_ELSEWHERE = 0.002
_ONE_PLACE = 0.2
"""Unless more than that of them differs (squared, of unit vectors), and so large a share of it in one of 8 x 8 fields:
then something else is there. What scaling, encoding and cutting do is spread over the picture."""
_KEPT = (0.975, 0.95, 0.925, 0.9)
"""The shares of a side that a cut keeps, of which each may lie at the start, in the middle or at the end."""


class Looks:
    """A picture as it is compared: as it is in all eight positions, and with something cut off, all as unit vectors.

    Of what :func:`small_of` gives.
    """

    def __init__(self, small: NDArray[np.float32]) -> None:
        import numpy as np

        cuts = _cuts()
        whole = cuts[0] @ small @ cuts[0].T
        turns = [view for one in (whole, whole.T) for view in (one, one[:, ::-1], one[::-1], one[::-1, ::-1])]
        self.turned = _unit(np.array(turns, np.float32))
        lines: NDArray[np.float32] = cuts.reshape(-1, _SIDE)
        # Every cut from above and below with every one from left and right.
        across: NDArray[np.float32] = lines @ small
        crossed: NDArray[np.float32] = across @ lines.T
        crossed = crossed.reshape(len(cuts), _COMPARED, len(cuts), _COMPARED)
        self.cut = _unit(crossed.transpose(0, 2, 1, 3).reshape(-1, _COMPARED, _COMPARED))

    def is_same(self, other: Looks) -> bool:
        """Whether one picture is the other, or a cut of it, in any of the eight positions."""
        import numpy as np

        correlation, difference = max(self._laid_over(other), other._laid_over(self), key=lambda found: found[0])
        if correlation < SAME:
            return False
        fields = _COMPARED // _FIELD
        apart = (difference**2).reshape(fields, _FIELD, fields, _FIELD).sum(axis=(1, 3))
        most = float(apart.max())
        return most <= _ELSEWHERE or most <= _ONE_PLACE * float(np.sum(apart))

    def _laid_over(self, other: Looks) -> tuple[float, NDArray[np.float32]]:
        """The best correlation of a cut of this picture with the other one, -1 to 1, and how they differ then."""
        correlations = self.cut @ other.turned.T
        cut, turn = divmod(int(correlations.argmax()), correlations.shape[1])
        return float(correlations[cut, turn]), self.cut[cut] - other.turned[turn]


def small_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What is compared of a picture with these pixels, shape (H, W, 3): its gray levels, shape (64, 64)."""
    import numpy as np

    rgb = pixels.astype(np.uint32)
    gray = ((rgb[..., 0] * 77 + rgb[..., 1] * 150 + rgb[..., 2] * 29) >> 8).astype(np.float32)
    rows, columns = (_shares(side, [(0.0, 1.0)], _SIDE)[0] for side in gray.shape)
    small: NDArray[np.float32] = rows @ gray @ columns.T
    return small


@functools.cache
def _cuts() -> NDArray[np.float32]:
    """Matrices of shape (cuts, 32, 64) that cut a line and scale it; the first keeps all."""
    places = [(0.0, 1.0)]
    places += [(at * (1 - kept), at * (1 - kept) + kept) for kept in _KEPT for at in (0.0, 0.5, 1.0)]
    return _shares(_SIDE, places, _COMPARED)


def _shares(length: int, places: list[tuple[float, float]], fields: int) -> NDArray[np.float32]:
    """Matrices that average a line between two places (0 to 1) over so many fields; shape (places, fields, length)."""
    import numpy as np

    made = np.zeros((len(places), fields, length), np.float32)
    for matrix, (start, end) in zip(made, places, strict=True):
        edges = [length * (start + (end - start) * at / fields) for at in range(fields + 1)]
        for row, first, last in zip(matrix, edges, edges[1:], strict=False):
            for at in range(int(first), min(length, math.ceil(last))):
                row[at] = max(0.0, min(last, at + 1) - max(first, at))
            row /= max(float(row.sum()), 1e-9)
    return made


def _unit(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit
