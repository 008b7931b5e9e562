"""The steps of recognising a page, each a function; their order is in recognise.py.

In this order: the scale at which to recognise it; which of the recognised lines to believe; which reading of an area;
and the boxes of the lines, carried back to the page, all at once. Its picture is prepared in layout.py, and cut
between its lines in segments.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pillion.kinds.ocr.blocks import structured
from pillion.kinds.ocr.layout import SIDEWAYS_TURNS, Area, Boxes, Gray, PreparedImage, dark_on_light, enlarged, gray_of
from pillion.kinds.ocr.models import VERTICAL
from pillion.kinds.ocr.result import Box, Direction, OcrLine, OcrPage, OcrWord, mean_confidence
from pillion.kinds.ocr.scripts import are_unspaced, joined_lines, mostly_run_left
from pillion.kinds.ocr.segments import PageLines, Segment, with_margin
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord, confidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np


VERTICAL_CODES = frozenset(f"{language}_vert" for language in VERTICAL)
"""Of the data for columns."""


class PictureSource(Protocol):
    """A picture that can be had at several sizes, as :class:`pillion.readers.images.decode.Picture`."""

    @property
    def width(self) -> int:
        """In pixels, upright."""
        ...

    @property
    def height(self) -> int:
        """In pixels, upright."""
        ...

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """Upright, shape (H, W, 3 or 4), no side longer than ``max_side``. Raises ItemError."""
        ...


class PageSource(Protocol):
    """A page, or a part of one, that can be drawn at any scale."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height at scale 1, in the page's own unit."""
        ...

    @property
    def origin(self) -> tuple[float, float]:
        """Where its upper left corner is on the page, in the page's own unit; (0, 0) for a whole page."""
        ...

    @property
    def first_scale(self) -> float:
        """The scale for the layout analysis."""
        ...

    @property
    def max_scale(self) -> float:
        """A larger one gains no detail or takes too much memory."""
        ...

    def gray(self, scale: float) -> Gray:
        """Dark text on a light background, as far as one can tell. Raises ItemError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSource:
    """An image file, decoded again for each scale: JPEG decodes at a reduced size far faster than in full.

    ``drawn``: its gray pixels at the first scale, where they are known.
    """

    picture: PictureSource
    size: tuple[float, float]
    origin: tuple[float, float]
    first_scale: float
    max_scale: float
    drawn: Gray | None = None

    @classmethod
    def of(cls, picture: PictureSource, drawn: Gray | None = None) -> ImageSource:
        """The whole picture; its unit is the pixel."""
        size = float(picture.width), float(picture.height)
        first = min(1.0, scale_for(size, FIRST_PIXELS))
        most = max(first, min(MAX_UPSCALE, scale_for(size, MAX_PIXELS)))
        return cls(picture=picture, size=size, origin=(0.0, 0.0), first_scale=first, max_scale=most, drawn=drawn)

    def gray(self, scale: float) -> Gray:
        """See :class:`PageSource`."""
        if self.drawn is not None and scale == self.first_scale:
            return dark_on_light(self.drawn)
        gray = dark_on_light(gray_of(self.picture.pixels(self._side(scale))))
        return gray if scale <= 1 else enlarged(gray, round(self.size[0] * scale), round(self.size[1] * scale))

    @property
    def first_side(self) -> int | None:
        """The longest side of its pixels at the first scale; None for all of them."""
        return self._side(self.first_scale)

    def _side(self, scale: float) -> int | None:
        return max(1, round(max(self.size) * scale)) if scale < 1 else None


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """The believable lines of a page in its own unit, how to turn it to read them, and the languages used.

    ``figures``: around pictures on it. ``skew``: degrees by which its lines fall to the right once it is turned.
    ``down``: its lines run downwards. ``on_side``: the picture seemed to have lines that do. ``was_uneven``: it was lit
    unevenly.
    """

    lines: tuple[OcrLine, ...] = ()
    rotation: int = 0
    languages: tuple[str, ...] = ()
    figures: tuple[Box, ...] = ()
    skew: float = 0.0
    down: bool = False
    on_side: bool = False
    was_uneven: bool = False


def ocr_page(
    number: int,
    size: tuple[float, float],
    unit: str,
    lines: tuple[OcrLine, ...],
    rotation: int = 0,
    source: str = "ocr",
    languages: tuple[str, ...] = (),
    figures: tuple[Box, ...] = (),
    skew: float = 0.0,
    down: bool = False,
) -> OcrPage:
    """A page as it is stored, its lines in blocks. ``down``: its lines run downwards, the first one on the right."""
    # Seen from its left side, columns are lines: they run to the right, the first one at the top.
    seen = (rotation + _FROM_THE_LEFT) % 360 if down else rotation
    lines, blocks = structured(lines, size, seen, figures, skew=skew, in_order=source != "ocr")
    return OcrPage(
        number=number,
        source=source,
        width=size[0],
        height=size[1],
        unit=unit,
        lines=lines,
        rotation=rotation,
        languages=languages,
        confidence=mean_confidence(lines),
        blocks=blocks,
        direction=Direction.DOWN
        if down
        else Direction.LEFT
        if mostly_run_left([line.text for line in lines])
        else Direction.RIGHT,
    )


_FROM_THE_LEFT = 270


# scale ----------------------------------------------------------------------------------------------------------------

FIRST_PIXELS = 5_000_000
"""About an A4 page at 220 dpi: at this size small print is in the best range already."""
MAX_PIXELS = 9_000_000
MAX_UPSCALE = 4.0
SMALL_PIXELS = 1_000_000

_BEST_HEIGHT = 26.0
_LOW_HEIGHT = 17.0
_HIGH_HEIGHT = 60.0
"""Heights of lines in pixels. Tesseract is best, and fastest, between 20 and 30, whatever the picture's resolution."""


def scale_for(size: tuple[float, float], pixels: int) -> float:
    """The scale at which a page of ``size`` has so many pixels."""
    return float((pixels / max(1.0, size[0] * size[1])) ** 0.5)


def better_scale(scale: float, line_height: float, max_scale: float) -> float:
    """The scale at which lines have the best height; ``scale`` itself when they are near enough."""
    if _LOW_HEIGHT <= line_height <= _HIGH_HEIGHT:
        return scale
    wanted = min(scale * _BEST_HEIGHT / max(line_height, 1.0), max_scale)
    # A few large lines (a title) do not decide over small print that the layout analysis cannot count.
    return max(wanted, scale / 2)


# trust ----------------------------------------------------------------------------------------------------------------

SURE = 80.0
"""A page recognised with this mean confidence is the right way up."""
UNREADABLE = 55.0
WORD_NOISE = 45.0
_READABLE = 70.0
_WORD_UNCERTAIN = 60.0
_MIN_CHARACTERS = 3
_MIN_SHARE = 0.25
_MOSTLY = 0.5
_SURE_LETTERS = 8


_SAMPLE = 12
"""So many lines tell which way up a page is."""


def sample(gray: Gray, text: RecognisedText) -> tuple[Gray, RecognisedText]:
    """The part of a picture with the lines of its text that have the most characters, a few in a row, and these."""
    lines = text.lines
    if len(lines) <= _SAMPLE + _SAMPLE // 2:
        return gray, text
    lengths = [sum(len(word.text) for word in line.words) for line in lines]
    sums = [sum(lengths[place : place + _SAMPLE]) for place in range(len(lines) - _SAMPLE + 1)]
    first = sums.index(max(sums))
    chosen = lines[first : first + _SAMPLE]
    height = max(line.box[3] - line.box[1] for line in chosen)
    boxes = np.array([line.box for line in chosen], np.float64)
    around = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[None]
    ((left, top, right, bottom),) = with_margin(around, height, gray.shape)
    return np.ascontiguousarray(gray[top:bottom, left:right]), replace(text, lines=chosen)


def score(text: RecognisedText) -> float:
    """Orders results for one picture: characters weighted by their confidence above that of noise."""
    words = [word for line in text.lines for word in line.words]
    return sum([max(0.0, word.confidence - UNREADABLE) * len(word.text) for word in words])


def has_word(text: RecognisedText) -> bool:
    """Whether there is one word at all that may be one: twigs and gravel now and then look like a line of text."""
    return any(word.confidence >= WORD_NOISE for line in text.lines for word in line.words)


def believable(lines: Sequence[RecognisedLine]) -> list[bool]:
    """Which lines are text, and not what the engine makes of texture and clutter.

    A page recognised with confidence, all in all or for the most part, is kept whole, doubtful words and all: programs
    and formulas among its text are recognised badly. On another one each line must be good enough by itself, and
    nothing is left unless some letters or digits are sure.
    """
    kept = [any(character.isalnum() for word in line.words for character in word.text) for line in lines]
    if confidence(lines) < _READABLE and not _are_mostly_sure(lines):
        kept = [keep and _stands_alone(line) for keep, line in zip(kept, lines, strict=True)]
    sure = sum(
        sum(character.isalnum() for character in word.text)
        for line in itertools.compress(lines, kept)
        for word in line.words
        if word.confidence >= _WORD_UNCERTAIN
    )
    # Rows of dashes are no letters that are not sure.
    characters = sum(character.isalnum() for line in lines for word in line.words for character in word.text)
    return kept if sure >= max(_MIN_CHARACTERS, _MIN_SHARE * characters) else [False] * len(lines)


def _stands_alone(line: RecognisedLine) -> bool:
    """Whether a line is read well enough, or words of it surely: dots that lead to a number are read as letters."""
    sure = sum(_letters(word.text) for word in line.words if word.confidence >= SURE)
    return confidence([line]) >= WORD_NOISE or sure >= _SURE_LETTERS


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _are_mostly_sure(lines: Sequence[RecognisedLine]) -> bool:
    sure = [line for line in lines if confidence([line]) >= SURE]
    every, of_sure = (sum(len(word.text) for line in some for word in line.words) for some in (lines, sure))
    return of_sure >= _MOSTLY * every


# which reading of an area ---------------------------------------------------------------------------------------------

_LESS_SURE = 2.0
_MUCH_MORE = 1.15
_NUMBERS = 0.4
_NEARLY_AS_MUCH = 0.95
"""Rows of a table are kept together, also where the cells by themselves were read a little better."""

Read = tuple[Segment, RecognisedText]
"""A segment, and lines of it."""


def chosen(page: PageLines, read: Sequence[Read]) -> list[Read]:
    """The segments in reading order, where areas were read twice with the reading that makes more sense."""
    read = sorted(read, key=lambda one: one[0].place)
    kept = [one for one in read if one[0].doubt is None]
    for number, doubt in enumerate(page.doubts):
        again = [one for one in read if one[0].doubt == number]
        before, rest, place = _parted(kept, doubt.area)
        if doubt.strip and not before:
            # Its lines are parts of longer ones, which were read.
            continue
        if not before and not _is_text([line for _, text in again for line in text.lines]):
            # What looks like print and was no line before is often the edge of a page.
            continue
        if _makes_more_sense(again, before, _NEARLY_AS_MUCH if doubt.rows or _is_of_numbers(before) else 1.0):
            kept = [*rest[:place], *again, *rest[place:]]
    return kept


def _is_text(lines: Sequence[RecognisedLine]) -> bool:
    """Whether lines are read well, or many of their letters surely: between them there may be rows of dashes."""
    words = [word for line in lines for word in line.words]
    sure = sum(_letters(word.text) for word in words if word.confidence >= SURE)
    many = sure >= max(_SURE_LETTERS, _MIN_SHARE * sum(_letters(word.text) for word in words))
    return many or confidence(lines) >= UNREADABLE


def _makes_more_sense(again: Sequence[Read], before: Sequence[Read], share: float) -> bool:
    """Whether it has more text than this share of what was read before, and much more where it is less sure."""
    sure, sure_before = (confidence([line for _, text in read for line in text.lines]) for read in (again, before))
    amount, amount_before = (sum(score(text) for _, text in read) for read in (again, before))
    return amount > amount_before * (share if sure >= sure_before - _LESS_SURE else _MUCH_MORE)


def _is_of_numbers(read: Sequence[Read]) -> bool:
    """Whether many words are numbers, as in the columns of a table."""
    words = [word.text for _, text in read for line in text.lines for word in line.words]
    numbers = sum(2 * sum(map(str.isdigit, word)) >= len(word) for word in words)
    return numbers >= _NUMBERS * max(1, len(words))


def _parted(read: Sequence[Read], area: Area) -> tuple[list[Read], list[Read], int]:
    """The lines inside an area, those outside, and at which place of these lines of the area would stand."""
    within: list[Read] = []
    outside: list[Read] = []
    place: int | None = None
    for segment, text in read:
        for (is_in, is_below), group in itertools.groupby(text.lines, partial(_in_or_below, segment, area)):
            lines = replace(text, lines=tuple(group))
            if place is None and (is_in or is_below):
                place = len(outside)
            (within if is_in else outside).append((segment, lines))
    return within, outside, len(outside) if place is None else place


def _in_or_below(segment: Segment, area: Area, line: RecognisedLine) -> tuple[bool, bool]:
    """Whether the middle of a line is in an area, and whether the line is below it."""
    left, top = segment.corner
    across, down = left + (line.box[0] + line.box[2]) / 2, top + (line.box[1] + line.box[3]) / 2
    is_in = area[0] <= across < area[2] and area[1] <= down < area[3]
    is_over = left + line.box[0] < area[2] and area[0] < left + line.box[2]
    return is_in, is_over and top + line.box[1] >= area[3]


# back to the page -----------------------------------------------------------------------------------------------------


def recognised_page(
    source: PageSource,
    image: PreparedImage,
    segments: Sequence[Segment],
    texts: Sequence[RecognisedText],
    languages: tuple[str, ...],
    figures: Sequence[Box] = (),
) -> RecognisedPage:
    """The page that the texts of its segments make together, in this order. ``figures``: in pixels of the picture."""
    most = max(texts, key=score)
    rotation = (90 * image.all_turns + most.rotation) % 360
    down = is_in_columns(languages, texts, rotation)
    rotation = (rotation - _FROM_THE_LEFT) % 360 if down else rotation
    kept = believable([line for text in texts for line in text.lines])
    on_side = image.turns == SIDEWAYS_TURNS
    if not any(kept):
        return RecognisedPage(rotation=rotation, on_side=on_side)
    boxes = _boxes_on_page(source, image, segments, texts, figures)
    lines = _lines_on_page(segments, texts, boxes)
    return RecognisedPage(
        lines=tuple(itertools.compress(lines, kept)),
        rotation=rotation,
        languages=languages,
        figures=tuple(boxes[len(boxes) - len(figures) :]),
        skew=image.skew,
        down=down,
        on_side=on_side,
        was_uneven=image.was_uneven,
    )


def are_for_columns(languages: Sequence[str]) -> bool:
    """Whether Tesseract's data for these is for columns alone."""
    return all(language in VERTICAL_CODES for language in languages)


def is_in_columns(languages: Sequence[str], texts: Sequence[RecognisedText], rotation: int) -> bool:
    """Whether a page on whose side lines run across is one of Chinese or Japanese columns: read with the data for
    those, or by lines that run downwards.
    """
    if rotation % 180 == 0:
        return False
    if are_for_columns(languages):
        return True
    return are_unspaced([word.text for text in texts if text.rotation for line in text.lines for word in line.words])


def _boxes_on_page(
    source: PageSource,
    image: PreparedImage,
    segments: Sequence[Segment],
    texts: Sequence[RecognisedText],
    figures: Sequence[Box],
) -> list[Box]:
    """The box of each line, followed by those of its words: from pixels of its segment to the page's own unit.

    After them those of the figures, from pixels of the picture.
    """
    boxes = [[box for line in text.lines for box in (line.box, *(word.box for word in line.words))] for text in texts]
    corners = np.array([2 * segment.corner for segment in segments], np.float64)
    in_image = np.array([*itertools.chain(*boxes)], np.float64) + np.repeat(corners, [*map(len, boxes)], axis=0)
    return _on_page(source, image, np.concatenate([in_image, np.array([*figures], np.float64).reshape(-1, 4)]))


def _on_page(source: PageSource, image: PreparedImage, boxes: Boxes) -> list[Box]:
    """From pixels of the prepared picture to the page's own unit."""
    height, width = image.source_shape
    across, down = source.size[0] / width, source.size[1] / height
    on_page = image.to_source(boxes) * [across, down, across, down] + [*source.origin, *source.origin]
    left, top, right, bottom = on_page.T.tolist()
    return list(zip(left, top, right, bottom, strict=True))


def _lines_on_page(
    segments: Sequence[Segment], texts: Sequence[RecognisedText], boxes: Sequence[Box]
) -> Iterator[OcrLine]:
    rest = iter(boxes)
    said = iter(joined_lines([[word.text for word in line.words] for text in texts for line in text.lines]))
    for segment, text in zip(segments, texts, strict=True):
        for number, line in enumerate(text.lines):
            box = next(rest)
            words = tuple([_word(word, next(rest)) for word in line.words])
            paragraph = line.paragraph and not (segment.continues and number == 0)
            yield OcrLine(text=next(said), words=words, box=box, paragraph=paragraph)


def _word(word: RecognisedWord, box: Box) -> OcrWord:
    uncertain = word.confidence < _WORD_UNCERTAIN
    return OcrWord(text=word.text, confidence=word.confidence, box=box, uncertain=uncertain)
