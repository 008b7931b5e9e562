"""What was read of the texture of pictures: words that stand on no ground.

Print stands on paper, a shade or a bar, and most of the box around it is of that one gray, however it is read. In a
photograph or a drawing there is no such gray. So what is read badly there is no text; what is read badly on a ground is
left, as formulas, programs and faint print are. Such words stand also at the ends of lines, where a picture is beside
these.

All is in pixels of a segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.evidence import ALIKE, GROUND, around_words
from pillion.kinds.ocr.layout import Gray
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.segments import UNREADABLE, Read, on_page, whole_pixels
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedWord

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_APART = 1.0
"""Words that are less far apart, in heights of the lower one, are read as well or badly as each other."""
_NEAR = 1.0
"""What is read badly, and is less far from such, in heights of it, is of the same picture."""
_MARGIN = 0.25
"""Around a box, in heights of its line: the box of a dot, or of small print with soft edges, is all ink."""


def without_texture(read: Sequence[Read]) -> tuple[list[Read], tuple[float, ...]]:
    """The segments without words of a mean confidence below :data:`UNREADABLE` that have no ground, or touch such; and
    the confidence of each of these.
    """
    runs = [
        _Run(number, count, tuple(words), on_page(segment, around_words(words)), segment.gray, _height(line))
        for number, (segment, text) in enumerate(read)
        for count, line in enumerate(text.lines)
        for words in _runs(line.words)
    ]
    bad = [run for run in runs if run.is_read_badly()]
    bare = [run for run in bad if not has_ground(run.gray, around_words(run.words), run.height)]
    gone = [run for run in bad if any(_touch(run.box, other.box) for other in bare)]
    if not gone:
        return list(read), ()
    return list(_without(read, runs, {*gone})), tuple(word.confidence for run in gone for word in run.words)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Words of a line that stand near each other. ``number``: of the segment; ``count``: of the line in it; ``box``: on
    the page; ``gray``: the segment; ``height``: of the line.
    """

    number: int
    count: int
    words: tuple[RecognisedWord, ...]
    box: Box
    gray: Gray
    height: float

    def is_read_badly(self) -> bool:
        characters = sum(len(word.text) for word in self.words)
        return sum(word.confidence * len(word.text) for word in self.words) < UNREADABLE * characters


def _touch(box: Box, bare: Box) -> bool:
    """Whether a box is less far from another one than that is high."""
    (left, top, right, bottom), (x0, y0, x1, y1) = box, bare
    near = _NEAR * (y1 - y0)
    return left - x1 < near and x0 - right < near and top - y1 < near and y0 - bottom < near


def _without(read: Sequence[Read], runs: Sequence[_Run], gone: set[_Run]) -> Iterator[Read]:
    left: dict[tuple[int, int], list[RecognisedWord]] = {}
    for run in runs:
        left.setdefault((run.number, run.count), []).extend(() if run in gone else run.words)
    for number, (segment, text) in enumerate(read):
        lines = [_with_words(line, tuple(left.get((number, count), ()))) for count, line in enumerate(text.lines)]
        if any(line.words for line in lines) or not text.lines:
            yield segment, replace(text, lines=tuple(line for line in lines if line.words))


def _with_words(line: RecognisedLine, words: tuple[RecognisedWord, ...]) -> RecognisedLine:
    return line if len(words) == len(line.words) else replace(line, words=words, box=around_words(words or line.words))


def _runs(words: Sequence[RecognisedWord]) -> Iterator[list[RecognisedWord]]:
    """Words of a line that stand near each other."""
    run: list[RecognisedWord] = []
    for word in words:
        if run:
            (_, top, right, bottom), (left, upper, _, lower) = run[-1].box, word.box
            if left - right > _APART * min(bottom - top, lower - upper):
                yield run
                run = []
        run.append(word)
    if run:
        yield run


def _height(line: RecognisedLine) -> float:
    return line.box[3] - line.box[1]


def has_ground(gray: Gray, box: Box, height: float) -> bool:
    """Whether much of a box in a picture is of one gray. Where nothing of it is in the picture, it has.

    ``height``: of the line that it is a part of.
    """
    left, top, right, bottom = whole_pixels(np.array(box))
    margin = max(2, round(_MARGIN * height))
    part = gray[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    if not part.size:
        return True
    counts = np.bincount(part.ravel(), minlength=256)
    like = np.convolve(counts, np.ones(2 * ALIKE + 1, np.int64), "same")
    return int(like.max()) >= GROUND * part.size
