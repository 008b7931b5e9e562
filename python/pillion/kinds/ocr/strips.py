"""Short pieces of a line in a picture of their own, beside each other, which is read as one line."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Area, Piece, Word, median_gray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

_BETWEEN = 0.4
"""Pieces stand so many heights apart in it, ..."""
_EVEN = 0.2
_SAME_GROUND = 24
"""... where they are level and on the same ground."""
_AROUND = 4
"""Pixels around a line that the core takes with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Pieces of a line in a picture of their own, beside each other with little between them.

    ``numbers``, ``areas``: of the pieces, and where they are on the page. ``begins``: where they begin in the picture.
    ``top``: of the page, where the picture begins. ``gap``: between pieces.
    """

    gray: NDArray[np.uint8]
    numbers: tuple[int, ...]
    areas: tuple[Area, ...]
    begins: tuple[int, ...]
    top: int
    gap: int

    @classmethod
    def of(cls, gray: NDArray[np.uint8], pieces: Sequence[Piece], numbers: Sequence[int]) -> Strip | None:
        """Of these pieces; None where they are not level, or not on the same ground."""
        some = [pieces[number] for number in numbers]
        tops, bottoms = zip(*(piece.rows for piece in some), strict=True)
        top, bottom = min(tops), max(bottoms)
        gap = max(2, round(_BETWEEN * (bottom - top)))
        if max(max(tops) - top, bottom - min(bottoms)) > _EVEN * (bottom - top) or top < _AROUND:
            return None
        patches = [
            gray[top - _AROUND : bottom + _AROUND, max(0, piece.area[0] - 2) : piece.area[2] + 2] for piece in some
        ]
        grounds = [int(median_gray(patch)) if patch.size else 0 for patch in patches]
        if max(grounds) - min(grounds) > _SAME_GROUND:
            return None
        between = np.full((len(patches[0]), gap), int(np.median(grounds)), np.uint8)
        widths = [patch.shape[1] + gap for patch in patches]
        begins = tuple(itertools.accumulate(widths[:-1], initial=gap))
        picture = np.concatenate([between, *(part for patch in patches for part in (patch, between))], axis=1)
        return cls(picture, tuple(numbers), tuple(piece.area for piece in some), begins, top - _AROUND, gap)

    def box(self, top: int) -> tuple[int, ...]:
        """What is to be read where the picture begins so far from the top of another."""
        height, width = self.gray.shape
        rows = top + _AROUND, top + height - _AROUND
        return self.gap, rows[0], width - self.gap, rows[1], *rows

    def in_pieces(self, words: Sequence[Word], top: int) -> dict[int, list[Word]]:
        """The words of each piece, on the page; nothing where one has none, or a word is of two.

        ``top``: where the picture began in that which was read.
        """
        found: dict[int, list[Word]] = {number: [] for number in self.numbers}
        for text, confidence, (left, above, right, below) in words:
            place = bisect.bisect_right(self.begins, (left + right) / 2 + self.gap / 2) - 1
            begin = self.begins[max(0, place)]
            area = self.areas[max(0, place)]
            end = begin + area[2] - area[0] + 4
            if left < begin - self.gap or right > end + self.gap:
                return {}
            x, y = max(0, area[0] - 2) - begin, self.top - top
            found[self.numbers[max(0, place)]].append((text, confidence, (left + x, above + y, right + x, below + y)))
        return found if all(found.values()) else {}
