"""What runs across a page of columns: its captions, read as such."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pillion.kinds.ocr.layout import SIDEWAYS_TURNS, Gray, Layout, turned, turned_back
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import RecognisedText

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np


class Reader(Protocol):
    """Reads a picture: see :class:`pillion.kinds.ocr.tesseract.Recognisers`."""

    def recognise(self, gray: Gray, layout: Layout = ..., languages: tuple[str, ...] | None = None) -> RecognisedText:
        """Words, lines and paragraphs."""
        ...


def across(segment: Segment, recognisers: Reader, columns: tuple[str, ...]) -> RecognisedText:
    """The text of a segment of a page that was turned for its columns, as lines that run across the page."""
    alone = segment.alone()
    languages = tuple(language.removesuffix("_vert") for language in columns)
    text = recognisers.recognise(turned(alone, 4 - SIDEWAYS_TURNS), Layout.PAGE, languages)

    def back(box: Box) -> Box:
        ((left, top, right, bottom),) = turned_back(
            np.array([box], np.float64), 4 - SIDEWAYS_TURNS, alone.shape
        ).tolist()
        return left, top, right, bottom

    lines = [
        replace(line, box=back(line.box), words=tuple(replace(word, box=back(word.box)) for word in line.words))
        for line in text.lines
    ]
    return replace(text, lines=tuple(lines), rotation=0)
