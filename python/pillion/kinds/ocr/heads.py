"""Heads on the left of paragraphs: a column of short lines, which the engine often reads before all else, or after it.

All is judged by the boxes of lines, on the upright, level page, in any unit.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from pillion.kinds.ocr.result import Box

_HEADS = 2
"""So many heads at least follow each other, ..."""
_BESIDE = 6.0
"""... each level with a line that begins within so many heights of its end, ..."""
_LEVEL = 0.15
"""... by its top or its foot, in its heights."""


def headed(
    boxes: Sequence[Box], are_words: Sequence[bool], are_text: Sequence[bool], is_below: Callable[[int, int], bool]
) -> dict[int, int]:
    """The heads of some lines, by the number of the line that each is level with. ``boxes``: of all, as they are read.

    ``are_words``: which may be heads; ``are_text``: which are running text. ``is_below``: whether the second line
    stands below the first one, and in part under it.

    Between the lines that two heads are level with there are others: the columns of a table have none. On the left of
    them there is no running text, as in a column.
    """
    text = [box[2] for box, of_text in zip(boxes, are_text, strict=True) if of_text]
    edges = _Edges(boxes)
    found: dict[int, int] = {}
    for number in range(len(boxes) - 1):
        places = _headed_from(number, boxes, edges, are_words, is_below)
        if len(places) < _HEADS:
            continue
        heads = range(number, number + len(places))
        begin = min(boxes[place][0] for place in places)
        is_alone = all(right > begin for right in text)
        if is_alone and {*found, *found.values()}.isdisjoint((*places, *heads)):
            found.update(zip(places, heads, strict=True))
    return found


class _Edges:
    """The tops and the feet of boxes in order: a page of a thousand cells is asked for each of them."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._boxes = boxes
        self._sides = [sorted((box[side], number) for number, box in enumerate(boxes)) for side in (1, 3)]

    def first_beside(self, box: Box, start: int) -> int | None:
        """The first box, in the order of reading and from ``start`` on, that this one may be a head of."""
        near = _LEVEL * (box[3] - box[1])
        found = len(self._boxes)
        for edge, side in zip((box[1], box[3]), self._sides, strict=True):
            low, high = bisect.bisect_left(side, (edge - near, -1)), bisect.bisect_right(side, (edge + near, found))
            level = (number for _, number in side[low:high] if start <= number < found)
            found = min((number for number in level if _is_head_of(box, self._boxes[number])), default=found)
        return found if found < len(self._boxes) else None


def _headed_from(
    first: int, boxes: Sequence[Box], edges: _Edges, are_words: Sequence[bool], is_below: Callable[[int, int], bool]
) -> list[int]:
    """The lines that those from the first on are heads of, in order; as far as they are some."""
    places: list[int] = []
    for number in range(first, len(boxes)):
        if not are_words[number] or (places and not is_below(number - 1, number)):
            break
        place = edges.first_beside(boxes[number], places[-1] + 2 if places else 0)
        if place is None or (places and not _goes_on_between(places[-1], place, is_below)):
            break
        places.append(place)
    # A line of them may itself be beside another one.
    while any(first <= place < first + len(places) for place in places):
        places.pop()
    return places


def _is_head_of(box: Box, other: Box) -> bool:
    height = box[3] - box[1]
    is_level = min(abs(box[1] - other[1]), abs(box[3] - other[3])) < _LEVEL * height
    return is_level and 0 < other[0] - box[2] < _BESIDE * height


def _goes_on_between(above: int, below: int, is_below: Callable[[int, int], bool]) -> bool:
    """Whether there is a line between two others, and in part over and under them."""
    return any(is_below(above, at) and is_below(at, below) for at in range(above + 1, below))
