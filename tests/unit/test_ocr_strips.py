"""Short pieces of a line that are read together, and their words on the page."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion import _core
from pillion.kinds.ocr.layout import Piece
from pillion.kinds.ocr.tesseract import read_pieces

GROUND, INK = 240, 10
ROWS = (100, 130)
PLACES = ((50, 80), (200, 250), (400, 430))


class Reader:
    """Reads a word wherever there is ink, and what is nearer than ``joins`` pixels as one."""

    def __init__(self, joins: int = 3) -> None:
        self.joins = joins
        self.read_at_once: list[int] = []

    def read(self, gray: NDArray[np.uint8], boxes: NDArray[np.int32]) -> list[list[tuple[str, float, list[int]]]]:
        self.read_at_once.append(len(boxes))
        return [self._words(gray, *box[:4].tolist()) for box in boxes]

    def _words(
        self, gray: NDArray[np.uint8], left: int, top: int, right: int, bottom: int
    ) -> list[tuple[str, float, list[int]]]:
        columns = left + np.flatnonzero((gray[top:bottom, left:right] < GROUND // 2).any(axis=0))
        parts = np.split(columns, np.flatnonzero(np.diff(columns) > self.joins) + 1)
        return [("w", 90.0, [int(part[0]), top, int(part[-1]) + 1, bottom]) for part in parts if len(part)]


def page(grounds: tuple[int, ...] = (GROUND,) * 3) -> NDArray[np.uint8]:
    gray = np.full((300, 600), GROUND, np.uint8)
    for (left, right), ground in zip(PLACES, grounds, strict=True):
        gray[ROWS[0] - 10 : ROWS[1] + 10, left - 10 : right + 10] = ground
        gray[ROWS[0] + 5 : ROWS[1] - 5, left:right:4] = INK
    return gray


def pieces(lines: int = 1) -> list[Piece]:
    whole = (PLACES[0][0], *ROWS, PLACES[-1][1])
    return [
        Piece((left, ROWS[0] + 5, right - 1, ROWS[1] - 5), ROWS, whole, number == 0 or lines > 1, number == 0)
        for number, (left, right) in enumerate(PLACES)
    ]


def boxes(reader: Reader, gray: NDArray[np.uint8], some: list[Piece]) -> list[list[tuple[int, ...]]]:
    read = read_pieces(cast("_core.LineModel", reader), gray, some)
    return [[tuple(box) for _, _, box in words] for words in read]


def test_pieces_of_a_line_are_read_together_and_their_words_are_where_they_were() -> None:
    reader = Reader(joins=4)
    found = boxes(reader, page(), pieces())
    assert reader.read_at_once == [1]
    assert [(box[0], box[2]) for (box,) in found] == [(left, right - 1) for left, right in PLACES]
    assert {(box[1], box[3]) for (box,) in found} == {ROWS}


@pytest.mark.parametrize(
    ("reader", "gray", "some"),
    [
        (Reader(joins=40), page(), pieces()),
        (Reader(joins=4), page((GROUND, 150, GROUND)), pieces()),
        (Reader(joins=4), page(), pieces(lines=3)),
    ],
    ids=["a word of two pieces", "other grounds", "other lines"],
)
def test_where_they_cannot_be_they_are_read_by_themselves(
    reader: Reader, gray: NDArray[np.uint8], some: list[Piece]
) -> None:
    found = boxes(reader, gray, some)
    assert reader.read_at_once[-1] == 3
    assert [(words[0][0], words[-1][2]) for words in found] == [(left, right - 1) for left, right in PLACES]


def test_a_piece_without_a_word_is_read_again_by_itself() -> None:
    gray = page()
    gray[:, PLACES[1][0] - 10 : PLACES[1][1] + 10] = GROUND
    reader = Reader(joins=4)
    assert [len(words) for words in boxes(reader, gray, pieces())] == [1, 0, 1]
    assert reader.read_at_once == [1, 3]
