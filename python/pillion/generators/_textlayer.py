"""The text layer of a PDF's page as lines and words, and lines that were read off its pictures put among them."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pillion.engines.pdfium_text import Box, TextLayer
from pillion.results.ocr import OcrLine, OcrWord

_LINE = re.compile(r"[^\r\n]+")
_WORD = re.compile(r"\S+")
# PDFium marks a hyphen at a line's end with a control character or a non-character, and what has no code with zero.
_PLAIN = {0: None, 2: "-", 0xFFFE: "-"}

_GAP = 0.5
_MORE_GAP = 1.6


def lines_of(layer: TextLayer, size: tuple[float, float]) -> tuple[tuple[OcrLine, ...], int]:
    """The lines on a page of ``size``, in reading order, and by how many degrees clockwise to turn it to read them.

    What lies outside the page is left out, as it is not shown.
    """
    spans = [
        [(line.start() + word.start(), line.start() + word.end()) for word in _WORD.finditer(line.group())]
        for line in _LINE.finditer(layer.text)
    ]
    boxes = iter(_boxes_around(layer.boxes, [span for line in spans for span in line]))
    lines = []
    for line in spans:
        words = []
        for start, end in line:
            box = next(boxes)
            text = layer.text[start:end].translate(_PLAIN)
            if text and box is not None and _is_within(box, size):
                words.append(OcrWord(text=text, confidence=None, box=box))
        if words:
            lines.append(_line(words))
    turned = _turned(lines)
    return _with_paragraphs(_from_the_top(lines, turned), turned), (360 - turned) % 360


def _boxes_around(boxes: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> list[Box | None]:
    """For each range of characters the smallest box around them; None where none of them has one."""
    if not spans:
        return []
    empty = boxes[:, 0] >= boxes[:, 2]
    # One more row, for a range that ends with the text.
    low = np.full((len(boxes) + 1, 2), np.inf, dtype=np.float32)
    high = np.full((len(boxes) + 1, 2), -np.inf, dtype=np.float32)
    low[:-1][~empty] = boxes[~empty, :2]
    high[:-1][~empty] = boxes[~empty, 2:]
    bounds = np.asarray(spans).reshape(-1)
    around = np.concatenate(
        [np.minimum.reduceat(low, bounds, axis=0)[::2], np.maximum.reduceat(high, bounds, axis=0)[::2]], axis=1
    )
    there = np.isfinite(around).all(axis=1).tolist()
    return [
        (box[0], box[1], box[2], box[3]) if is_there else None
        for box, is_there in zip(around.tolist(), there, strict=True)
    ]


def _is_within(box: Box, size: tuple[float, float]) -> bool:
    return 0 <= (box[0] + box[2]) / 2 <= size[0] and 0 <= (box[1] + box[3]) / 2 <= size[1]


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all ``boxes``."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _line(words: Sequence[OcrWord], *, paragraph: bool = False) -> OcrLine:
    text = " ".join(word.text for word in words)
    return OcrLine(text=text, words=tuple(words), box=around([word.box for word in words]), paragraph=paragraph)


def _with_paragraphs(lines: Sequence[OcrLine], turned: int) -> tuple[OcrLine, ...]:
    """A paragraph begins where there is more room above than is usual on the page, and where a column begins."""
    boxes = [_upright(line.box, turned) for line in lines if line.box is not None]
    gaps = [below[1] - above[3] for above, below in itertools.pairwise(boxes)]
    usual = statistics.median(gaps) if gaps else 0.0
    begins = [True]
    for (above, below), gap in zip(itertools.pairwise(boxes), gaps, strict=True):
        height = above[3] - above[1]
        begins.append(gap > max(_GAP * height, _MORE_GAP * usual) or below[1] < above[1] - height)
    return tuple(replace(line, paragraph=True) if first else line for line, first in zip(lines, begins, strict=False))


def _turned(lines: Sequence[OcrLine]) -> int:
    """By how many degrees clockwise the text stands on its side: 0, 90 (lines run downwards) or 270."""
    across = down = 0.0
    for line in lines:
        first, last = line.words[0].box, line.words[-1].box
        across += abs(last[0] + last[2] - first[0] - first[2])
        down += last[1] + last[3] - first[1] - first[3]
    return 0 if abs(down) <= across else 90 if down > 0 else 270


def _upright(box: Box, turned: int) -> Box:
    """The box as it would lie if the page were turned so that the text stands upright; the origin does not matter."""
    left, top, right, bottom = box
    return {0: box, 90: (top, -right, bottom, -left), 270: (-bottom, left, -top, right)}[turned]


def _from_the_top(lines: Sequence[OcrLine], turned: int) -> Sequence[OcrLine]:
    """PDFium gives text that stands on its side from the left of the page, which may be its end."""
    if turned == 0:
        return lines
    tops = [_upright(line.box, turned)[1] for line in lines if line.box is not None]
    down = sum(below > above for above, below in itertools.pairwise(tops))
    return lines if 2 * down >= len(tops) - 1 else lines[::-1]


def merged(layer: Sequence[OcrLine], read: Sequence[OcrLine]) -> tuple[OcrLine, ...]:
    """``read``, what was recognised on pictures of the page, among the lines of its text layer, nothing twice.

    A line that was read comes before the first line of the layer that lies below it and beside no other column.
    """
    taken = np.array([word.box for line in layer for word in line.words], dtype=np.float64).reshape(-1, 4)
    places: list[list[OcrLine]] = [[] for _ in range(len(layer) + 1)]
    for line in read:
        words = [word for word in line.words if not _is_in(taken, word.box)]
        if words:
            kept = line if len(words) == len(line.words) else _line(words, paragraph=line.paragraph)
            places[_place(layer, kept)].append(kept)
    result: list[OcrLine] = []
    for index, here in enumerate(places):
        result += here
        result += layer[index : index + 1]
    return tuple(result)


def _is_in(boxes: NDArray[np.float64], box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top, right, bottom = boxes.T
    return bool(((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).any())


def _place(layer: Sequence[OcrLine], line: OcrLine) -> int:
    """Before which line of the layer a line belongs."""
    assert line.box is not None
    left, top, right, bottom = line.box
    middle = (top + bottom) / 2
    after = 0
    for index, other in enumerate(layer):
        if other.box is None or other.box[2] <= left or other.box[0] >= right:
            continue
        if (other.box[1] + other.box[3]) / 2 > middle:
            return index
        after = index + 1
    return after or next(
        (index for index, other in enumerate(layer) if other.box is not None and other.box[1] > middle), len(layer)
    )
