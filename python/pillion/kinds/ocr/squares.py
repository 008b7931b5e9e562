"""Squares among the words of a line that are read as letters: the boxes that forms have for a tick, and bullets.

An empty box says nothing, and is left out; one that is filled is ``FILLED``; one with a mark in it is left as it was
read. Words are judged by the picture, and only where they are so short that no text is lost.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Gray
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

FILLED = "■"

_LONGEST = 3
"""What is read of a square has so many characters at most, ..."""
_WORDS = 3
"""... in so many words, ..."""
_SURE = 90.0
"""... less sure than this; and ..."""
_AS_WIDE = 0.75
"""... its shorter side is such a part of the longer one at least."""
_LEAST = 8
"""Smaller squares, in pixels, cannot be told from letters."""
_SIDE = 0.3
"""Each side of a frame is a line in such an outer part of the square, ..."""
_STRAIGHT = 0.85
"""... dark along so much of it; ..."""
_CLEAR = 0.02
"""... at most so much of what is within is dark."""
_DARK = 0.95
"""A full one is dark so far within."""
_CORNER = 0.15
_IN_CORNER = 0.5
"""So is most of its corners, of such a part of its sides: a round bullet has none."""
_LEAST_CONTRAST = 40.0


class Square(enum.Enum):
    """What a square of a picture holds."""

    EMPTY = enum.auto()
    FULL = enum.auto()


def with_squares(gray: Gray, text: RecognisedText) -> RecognisedText:
    """The text of a picture with its squares as such."""
    if not any(_may_be(line.words[number : number + 1]) for line in text.lines for number in range(len(line.words))):
        return text
    some = gray[::8, ::8]
    ground, darkest = float(np.median(some)), float(np.percentile(some, 1))
    if ground - darkest < _LEAST_CONTRAST:
        return text
    found = [_with_squares(gray, line, (ground + darkest) / 2) for line in text.lines]
    return replace(text, lines=tuple(line for line in found if line.words))


def _with_squares(gray: Gray, line: RecognisedLine, level: float) -> RecognisedLine:
    words: list[RecognisedWord] = []
    number = 0
    while number < len(line.words):
        count, square = next(_squares(gray, line.words, number, level), (1, None))
        if square is None:
            words.append(line.words[number])
        elif square is Square.FULL:
            words.append(replace(line.words[number], text=FILLED, box=_around(line.words[number : number + count])))
        number += count
    return replace(line, words=tuple(words))


def _squares(gray: Gray, words: Sequence[RecognisedWord], first: int, level: float) -> Iterator[tuple[int, Square]]:
    """Of how many words from the first on the squares are that begin with it, and what is in them."""
    for count in range(1, min(_WORDS, len(words) - first) + 1):
        some = words[first : first + count]
        if not _may_be(some):
            return
        square = _square_at(gray, _around(some), level)
        if square is not None:
            yield count, square


def _may_be(words: Sequence[RecognisedWord]) -> bool:
    text = "".join(word.text for word in words)
    return len(text) <= _LONGEST and text.isascii() and all(word.confidence < _SURE for word in words)


def _around(words: Sequence[RecognisedWord]) -> Box:
    lefts, tops, rights, bottoms = zip(*(word.box for word in words), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _square_at(gray: Gray, box: Box, level: float) -> Square | None:
    left, top, right, bottom = (round(side) for side in box)
    wide, high = right - left, bottom - top
    if min(wide, high) < max(_LEAST, _AS_WIDE * max(wide, high)):
        return None
    dark = gray[max(0, top) : bottom, max(0, left) : right] < level
    if dark.shape != (high, wide):
        return None
    edge = max(2, round(_SIDE * min(wide, high)))
    within = float(dark[edge:-edge, edge:-edge].mean())
    if _CLEAR < within < _DARK:
        return None
    sides = (dark[:edge], dark[-edge:], dark[:, :edge].T, dark[:, -edge:].T)
    if any(float(side.mean(axis=1).max()) < _STRAIGHT for side in sides):
        return None
    if within <= _CLEAR:
        return Square.EMPTY
    corner = max(1, round(_CORNER * min(wide, high)))
    corners = (
        dark[rows, columns]
        for rows in (np.s_[:corner], np.s_[-corner:])
        for columns in (np.s_[:corner], np.s_[-corner:])
    )
    return Square.FULL if all(part.mean() > _IN_CORNER for part in corners) else None
