"""Which lines seen in a photograph to believe, which of two readings of one place to keep, and in which order. Pure.

A detector of text fires on windows, reeds and brick too. What is read there is short and doubtful: mostly one
character, seldom three. So the fewer characters a line has, the surer they have to be, and one alone is believed only
in company: the price of a house number that stands alone and is lost is smaller than that of noise in every search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pillion.kinds.ocr.ppocr import SpotText, shared

_SURE_ENOUGH = {2: 0.94, 3: 0.88, 4: 0.80}
"""Characters -> least mean confidence, 0 to 1, of a line that stands for itself. Measured: docs/performance.md."""
_MANY = 5
_MANY_SURE = 0.72
_IN_COMPANY = 0.85
_ALIKE = 2.0
_SAME_PLACE = 0.5
_SAME_ROW = 0.6
_PARAGRAPH_GAP = 1.3


def characters(text: SpotText) -> int:
    """Letters and digits."""
    return sum(character.isalnum() for part in text.parts for character in part.text)


def worth(text: SpotText) -> float:
    """Orders readings of one place: characters, weighted by how much surer they are than noise."""
    return sum(max(0.0, part.confidence - 0.5) * len(part.text) for part in text.parts)


def stands_alone(text: SpotText) -> bool:
    """Whether a line is to be believed whatever is around it."""
    count = characters(text)
    least = _MANY_SURE if count >= _MANY else _SURE_ENOUGH.get(count, math.inf)
    return text.confidence >= least


def believed(texts: Sequence[SpotText]) -> list[SpotText]:
    """The lines that are text, each place once; nothing when no line stands for itself."""
    sure = without_doubles([text for text in texts if stands_alone(text)])
    company = [
        text
        for text in texts
        if not stands_alone(text)
        and characters(text)
        and text.confidence >= _IN_COMPANY
        and any(_is_company(text, other) for other in sure)
    ]
    return without_doubles([*sure, *company])


def without_doubles(texts: Sequence[SpotText]) -> list[SpotText]:
    """Of readings of the same place the one that is worth most."""
    kept: list[SpotText] = []
    for text in sorted(texts, key=worth, reverse=True):
        if all(shared(text.corners, other.corners) < _SAME_PLACE for other in kept):
            kept.append(text)
    return kept


def _is_company(text: SpotText, other: SpotText) -> bool:
    """Whether a line stands by another of about its size and direction, such as a price by its article."""
    sizes = sorted((_height(text), _height(other)))
    near = float(np.linalg.norm(text.corners.mean(axis=0) - other.corners.mean(axis=0)))
    reach = 3 * sizes[1] + (_length(text) + _length(other)) / 2
    return sizes[1] <= _ALIKE * sizes[0] and near <= reach and abs(_apart(_turn(text), _turn(other))) < 15


def _apart(turn: float, other: float) -> float:
    """By how many degrees the one is turned further than the other, -180 to 180."""
    return (turn - other + 180) % 360 - 180


def _length(text: SpotText) -> float:
    return float(np.linalg.norm(text.corners[1] - text.corners[0]))


def _height(text: SpotText) -> float:
    return max(1.0, float(np.linalg.norm(text.corners[2] - text.corners[1])))


def _turn(text: SpotText) -> float:
    """By how many degrees a line is turned clockwise, -180 to 180."""
    across = text.corners[1] - text.corners[0]
    return math.degrees(math.atan2(float(across[1]), float(across[0])))


# order ----------------------------------------------------------------------------------------------------------------


def rotation(texts: Sequence[SpotText]) -> int:
    """By how many degrees (0, 90, 180, 270) to turn the picture clockwise to read most of its characters."""
    votes = {0: 0, 90: 0, 180: 0, 270: 0}
    for text in texts:
        votes[round(-_turn(text) / 90) * 90 % 360] += characters(text)
    return max(votes, key=lambda turn: votes[turn])


def in_reading_order(texts: Sequence[SpotText]) -> list[tuple[SpotText, bool]]:
    """Row by row, each row from its beginning; and whether a paragraph begins with the line."""
    if not texts:
        return []
    angle = math.radians(_middle([_turn(text) for text in texts], rotation(texts)))
    across, down = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    placed = [
        (float(text.corners.mean(axis=0) @ down), float(text.corners[0] @ across), _height(text), text)
        for text in texts
    ]
    placed.sort(key=lambda place: place[:2])
    ordered: list[tuple[SpotText, bool]] = []
    last_down, last_height = -math.inf, 0.0
    for row in _rows(placed):
        middle, height = sum(place[0] for place in row) / len(row), max(place[2] for place in row)
        gap = middle - last_down - (height + last_height) / 2
        new = gap > _PARAGRAPH_GAP * min(height, last_height or height)
        ordered += [(place[3], new and not number) for number, place in enumerate(sorted(row, key=lambda p: p[1]))]
        last_down, last_height = middle, height
    return ordered


_Place = tuple[float, float, float, SpotText]


def _rows(placed: Sequence[_Place]) -> list[list[_Place]]:
    rows: list[list[_Place]] = []
    for place in placed:
        if rows and place[0] - rows[-1][-1][0] < _SAME_ROW * min(place[2], rows[-1][-1][2]):
            rows[-1].append(place)
        else:
            rows.append([place])
    return rows


def _middle(turns: Sequence[float], turned: int) -> float:
    """The median turn of the lines that run as most do; ``turned``: by how much to turn the picture to read those."""
    off = [_apart(turn, -turned) for turn in turns]
    near = [degrees for degrees in off if abs(degrees) <= 45]
    return (float(np.median(near)) if near else 0.0) - turned
