"""A page recognised, step by step: drawn, laid out, cut into segments, read; and its boxes carried back to it at once.

Its picture is prepared in layout.py, and cut between its lines in segments.py, which also tells what of their text to
believe.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from pillion import _core
from pillion.kinds.ocr import evidence, layout, ruled, tesseract
from pillion.kinds.ocr.across import across
from pillion.kinds.ocr.blocks import FROM_THE_LEFT
from pillion.kinds.ocr.layout import (
    SIDEWAYS_TURNS,
    Boxes,
    Gray,
    Layout,
    LayoutAnalysis,
    Piece,
    PreparedImage,
    as_rules,
    for_print,
    page_gray_of,
    prepared,
    turned,
)
from pillion.kinds.ocr.lost import with_lost
from pillion.kinds.ocr.mixed import with_latin_words
from pillion.kinds.ocr.models import VERTICAL_CODES
from pillion.kinds.ocr.most import DOUBTFUL, in_language_of_most
from pillion.kinds.ocr.result import Box, OcrLine, OcrWord, are_unspaced, joined_lines
from pillion.kinds.ocr.segments import (
    FEW_LINES,
    SURE,
    UNREADABLE,
    WORD_NOISE,
    WORD_UNCERTAIN,
    Doubt,
    PageLines,
    Seen,
    Segment,
    believed,
    chosen,
    has_word,
    is_read_in_part,
    is_tangled,
    no_lines,
    placed,
    sample,
    score,
    segments_of,
)
from pillion.kinds.ocr.tesseract import RecognisedText, RecognisedWord
from pillion.kinds.ocr.texture import without_texture
from pillion.kinds.ocr.twice import once
from pillion.kinds.ocr.unread import NONSENSE, letters_unread
from pillion.machine import beside, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

T = TypeVar("T")


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
        """Dark text on a light background, as far as one can tell; columns of dots are rules. Raises ItemError."""
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
    def of(cls, picture: PictureSource) -> ImageSource:
        """The whole picture; its unit is the pixel."""
        size = float(picture.width), float(picture.height)
        first = min(1.0, scale_for(size, FIRST_PIXELS))
        most = max(first, min(MAX_UPSCALE, scale_for(size, MAX_PIXELS)))
        return cls(picture=picture, size=size, origin=(0.0, 0.0), first_scale=first, max_scale=most)

    def gray(self, scale: float) -> Gray:
        """See :class:`PageSource`."""
        if self.drawn is not None and scale == self.first_scale:
            return as_rules(for_print(self.drawn))
        size = None if scale <= 1 else (round(self.size[0] * scale), round(self.size[1] * scale))
        return page_gray_of(self.picture.pixels(self._side(scale)), size)

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
    unevenly. ``unread``: see :func:`pillion.kinds.ocr.unread.letters_unread`. ``left_out``: the confidence of each word
    that was read of a picture's texture.
    """

    lines: tuple[OcrLine, ...] = ()
    rotation: int = 0
    languages: tuple[str, ...] = ()
    figures: tuple[Box, ...] = ()
    skew: float = 0.0
    down: bool = False
    on_side: bool = False
    was_uneven: bool = False
    unread: int = 0
    left_out: tuple[float, ...] = ()


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


# the order of the steps -----------------------------------------------------------------------------------------------


LaidOut = tuple[LayoutAnalysis | None, Callable[[], layout.Print]]
"""A picture laid out, and what looks like print in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A page at its first scale. ``profile``: what these pixels look like. ``laid_out``: they, if they are already."""

    gray: Gray
    profile: _core.Look
    laid_out: LaidOut | None = None


def begin(source: PageSource) -> Begun:
    """A page drawn and looked at."""
    return _looked_at(_drawn(source))


def begin_beside(
    picture: PictureSource, recognisers: PageRecogniser, looks: Callable[[ImageSource], T]
) -> tuple[Begun, T]:
    """The page of a whole picture begun, and what ``looks`` finds of it meanwhile, on a free core. Raises ItemError.

    One that was never in front of a lens, and is read as it is drawn, is laid out as well, while that core looks at it:
    it is no photograph.
    """
    source = ImageSource.of(picture)
    given: Future[Gray | None] = Future()

    def look() -> tuple[T, layout.Print | None]:
        with part("look"):
            found = looks(source)
            gray = given.result()
            return found, None if gray is None else layout.print_of(gray)

    with beside(look, tesseract.MAX_THREADS) as other:
        try:
            begun = _looked_at(_drawn(source))
            to_lay_out = is_drawn(begun.gray) and _is_ready(begun.profile)
        except BaseException as error:
            given.set_exception(error)
            raise
        given.set_result(begun.gray if to_lay_out else None)
        if not to_lay_out:
            return begun, other.result()[0]
        with part("layout"):
            analysis = recognisers.analyse_layout(begun.gray)
        found, in_print = other.result()
        assert in_print is not None
    return replace(begun, laid_out=(analysis, lambda: in_print)), found


def is_drawn(gray: Gray) -> bool:
    """Whether most of a picture is the very same gray, as the ground of a page that was never in front of a lens."""
    return int(_core.gray_histogram(gray).max()) > gray.size / 2


def _is_ready(profile: _core.Look) -> bool:
    """Whether a picture that looks so is read as it is: neither made even nor turned."""
    is_changed = profile.uneven >= layout.UNEVEN or profile.sideways or abs(profile.skew) >= layout.LEVEL
    return not (profile.is_paper and is_changed)


def _drawn(source: PageSource) -> Gray:
    with part("draw"):
        return source.gray(source.first_scale)


def _looked_at(gray: Gray) -> Begun:
    with part("look"):
        return Begun(gray, _core.look(gray))


_MORE = 3
"""So many segments more are read before a page is read in another language, or turned."""


def _until_sure(texts: Iterator[RecognisedText]) -> Iterator[RecognisedText]:
    for text in texts:
        yield text
        if text.confidence >= SURE:
            return


class PageRecogniser(Protocol):
    """What a page needs of :class:`Recognisers`, from several threads at once."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Tesseract's codes to begin with, the main one first."""
        ...

    def analyse_layout(self, gray: Gray, layout: Layout = ...) -> LayoutAnalysis | None:
        """See :class:`Recognisers`."""
        ...

    def recognise(self, gray: Gray, layout: Layout = ..., languages: tuple[str, ...] | None = None) -> RecognisedText:
        """See :class:`Recognisers`."""
        ...

    def read(
        self, gray: Gray, pieces: Sequence[Piece], languages: tuple[str, ...] | None = None
    ) -> RecognisedText | None:
        """See :class:`Recognisers`."""
        ...

    def ideographic(self, gray: Gray, pieces: Sequence[Piece]) -> tuple[str, ...]:
        """See :class:`Recognisers`."""
        ...

    def languages_to_try(
        self, beginning: RecognisedText, *, down: bool = False, across: bool = True
    ) -> tuple[tuple[str, ...], ...]:
        """See :class:`Recognisers`."""
        ...


def recognise_page(source: PageSource, recognisers: PageRecogniser, begun: Begun | None = None) -> RecognisedPage:
    """The text of a page; no lines when there is none to be believed. Raises ItemError. ``begun``: it so far, if known.

    Large pages are cut into segments, which are recognised on as many cores as are free. The first one decides in which
    language and which way up the page is.
    """
    lines = _at_best_scale(source, recognisers, begun or begin(source))
    if lines is None:
        return RecognisedPage()
    with part("cut"):
        segments = segments_of(lines)
    begin_with = recognisers.languages
    with closing(_texts(segments, recognisers, begin_with)) as texts:
        with part("read"):
            done = [next(texts)]
            if done[0].confidence < SURE:
                # A figure or an upright heading may be the largest part of a page: the surest of a few decides.
                done.extend(_until_sure(itertools.islice(texts, _MORE)))
        tried = max(range(len(done)), key=lambda number: done[number].confidence)
        if lines.image.all_turns == SIDEWAYS_TURNS and done[tried].confidence < WORD_NOISE:
            # Columns are nonsense without the data for them: the largest part tells most.
            tried = 0
        with part("again"):
            found = _in_ideographs(segments[0], done[0], recognisers, lines.image)
            tried = tried if found is None else 0
            languages, best = found or _better_languages(segments[tried], done[tried], recognisers, lines.image)
            turns, turned = (0, None) if found else _better_turns(segments[tried], best, recognisers)
        if turns == 0 and languages == begin_with:
            with part("read"):
                done.extend(texts)
            if lines.image.all_turns != SIDEWAYS_TURNS and any(text.confidence < DOUBTFUL for text in done):
                to_try = recognisers.languages_to_try
                with part("again"):
                    languages, done = in_language_of_most(
                        done, languages, to_try, lambda some, other: _texts(some, recognisers, other), segments
                    )
            page = _page_of(source, lines, segments, done, languages, recognisers)
            return page if best.confidence >= NONSENSE else replace(page, unread=letters_unread(best))
    if turns:
        lines = _turned(lines, turns, recognisers)
        segments, tried = segments_of(lines), 0
        with part("again"):
            again = turned if segments[0].whole else None
            best = again or _recognised(segments[0], recognisers)
            languages, best = _better_languages(segments[0], best, recognisers, lines.image)
    others = [segment for number, segment in enumerate(segments) if number != tried]
    with closing(_texts(others, recognisers, languages)) as texts, part("again"):
        rest = list(texts)
    page = _page_of(source, lines, [segments[tried], *others], [best, *rest], languages, recognisers)
    return page if best.confidence >= NONSENSE else replace(page, unread=letters_unread(best))


def _page_of(
    source: PageSource,
    lines: PageLines,
    segments: Sequence[Segment],
    texts: Sequence[RecognisedText],
    languages: tuple[str, ...],
    recognisers: PageRecogniser,
) -> RecognisedPage:
    texts = texts if languages == recognisers.languages else with_latin_words(segments, texts, languages, recognisers)
    kept, lost, may_repeat = chosen(lines, list(zip(segments, texts, strict=True)))
    if may_repeat:
        kept = once(kept)
    left_out: tuple[float, ...] = ()
    if any(word.confidence < UNREADABLE for _, text in kept for line in text.lines for word in line.words):
        kept, left_out = without_texture(kept)
    if not kept:
        return RecognisedPage(left_out=left_out)
    if len(lost):
        with part("again"):
            kept = with_lost(lines, kept, lost, partial(recognisers.read, languages=languages))
    in_order, said = [segment for segment, _ in kept], [text for _, text in kept]
    page = recognised_page(source, lines.image, in_order, said, languages, lines.figures)
    return replace(page, left_out=left_out) if left_out else page


def _at_best_scale(source: PageSource, recognisers: PageRecogniser, begun: Begun) -> PageLines | None:
    """The page prepared, at the scale at which to recognise it, with its lines; None when there is no text on it."""
    scale, gray, profile = source.first_scale, begun.gray, begun.profile
    with part("look"):
        image = prepared(gray, profile)
    with part("layout"):
        known = begun.laid_out if image.gray is gray else None
        analysis, seen = known or _laid_out(image, recognisers)
    turns = image.turns
    if analysis is not None and (turns or len(analysis.boxes) >= FEW_LINES) and _is_upended(analysis):
        other = 0 if turns else SIDEWAYS_TURNS
        upright = prepared(gray, profile, turns=other)
        found, seen_upright = _laid_out(upright, recognisers)
        if turns or (found is not None and not _is_upended(found)):
            turns, image, analysis, seen = other, upright, found, seen_upright
    if analysis is not None and analysis.lines == 0 and gray.size < SMALL_PIXELS:
        # Print too small for the layout analysis, as in a low-resolution screenshot.
        scale = min(2 * scale, source.max_scale)
        gray = source.gray(scale)
        image = prepared(gray, profile, turns=turns)
        analysis, seen = _laid_out(image, recognisers)
    if analysis is None:
        return PageLines(image, no_lines())
    if analysis.lines == 0:
        return None
    # Asked before the picture is enlarged and turned, which costs far more than to recognise a line or two as is.
    few = analysis.lines < FEW_LINES and gray.size > SMALL_PIXELS
    if few and not has_word(recognisers.recognise(image.gray)):
        return None
    with part("layout"):
        lines = _with_doubts(image, analysis, seen, recognisers)
    better = better_scale(scale, analysis.height, source.max_scale)
    if better == scale:
        return lines
    with part("draw"):
        larger = lines.scaled_to(prepared(source.gray(better), profile, turns=turns))
    if better < scale or lines.pieces is None:
        return larger
    # Small print is laid out again where it is larger, in segments or else the whole page: its pieces are too coarse.
    larger = larger.without_pieces()
    if not is_tangled(larger):
        return larger
    with part("layout"):
        analysis, seen = _laid_out(larger.image, recognisers)
        return larger if analysis is None else _with_doubts(larger.image, analysis, seen, recognisers)


_UPENDED = 1.5


def _is_upended(analysis: LayoutAnalysis) -> bool:
    """Whether the lines of a page that was turned stand on their ends, or are hardly seen: it was turned wrongly.

    Lines that begin with the same words, as in a list, have their letters below each other: they seem to run downwards.
    """
    if len(analysis.boxes) < FEW_LINES:
        return True
    widths, heights = (analysis.boxes[:, side + 2] - analysis.boxes[:, side] for side in (0, 1))
    return bool(np.median(heights) > _UPENDED * np.median(widths))


def _laid_out(image: PreparedImage, recognisers: PageRecogniser) -> LaidOut:
    """The picture laid out. What looks like print in it is seen meanwhile on a free core, else if asked for."""
    with beside(partial(layout.print_of, image.gray), tesseract.MAX_THREADS) as seen:
        return recognisers.analyse_layout(image.gray), seen.result


def _with_doubts(
    image: PreparedImage, analysis: LayoutAnalysis, seen_in: Callable[[], layout.Print], recognisers: PageRecogniser
) -> PageLines:
    """The page with its lines as the engine orders them, and the areas in which they may be others.

    ``seen_in``: what looks like print in it.
    """
    if not len(analysis.boxes):
        return PageLines(image, analysis.boxes)
    if len(analysis.boxes) >= FEW_LINES and _is_upended(analysis):
        # Columns, maybe with lines across among them: the engine alone reads both.
        return PageLines(image, no_lines(), figures=analysis.figures)
    seen, printed = seen_in(), image.gray
    areas: list[layout.Area] = []
    edges: list[layout.Area] = []
    if analysis.pieces is not None:
        lines, analysis = evidence.whole_lines(image.gray, analysis)
        if len(lines.down):
            tables = ruled.tables(image.gray, lines)
            image = replace(image, gray=ruled.without_crossed(image.gray, tables, analysis.height))
            lay_out = partial(recognisers.analyse_layout, layout=Layout.BLOCK)
            analysis, areas = ruled.with_tables(image.gray, analysis, tables, seen, lay_out)
            edges = evidence.edges_of_boxes(lines)
        if edges:
            image = replace(image, gray=evidence.without_edges(image.gray, edges))
            analysis = ruled.without(analysis, partial(evidence.is_edge, edges=edges, height=analysis.height))
    doubts = []
    suspects = evidence.suspects(analysis.boxes, seen)
    for suspect in evidence.parted(suspects, edges, analysis.boxes) if edges else suspects:
        left, top, right, bottom = area = suspect.area
        if any(layout.touch(area, table) for table in areas):
            continue
        part = np.ascontiguousarray(image.gray[top:bottom, left:right])
        again = recognisers.analyse_layout(part, Layout.BLOCK)
        if again is None or not again.lines:
            continue
        found = again.boxes + np.array([left, top, left, top])
        gain = seen.within(area).covered(found) - seen.within(area).covered(analysis.boxes)
        if gain >= evidence.LEAST_GAIN:
            # That cells are short and stand in rows is as true of a card of two columns of terms: print that was lost
            # is evidence, or numbers once they are read.
            rows = (suspect.table and gain >= evidence.ROW_GAIN) or suspect.spaces
            sure = gain >= evidence.SURE_GAIN and not suspect.strip
            pieces = placed(again.pieces, left=-left, top=-top)
            doubts.append(Doubt(area, found, sure=sure, rows=rows, strip=suspect.strip, pieces=pieces))
    return PageLines(image, analysis.boxes, tuple(doubts), analysis.figures, analysis.pieces, Seen(printed, seen))


def _turned(lines: PageLines, turns: int, recognisers: PageRecogniser) -> PageLines:
    """The page turned clockwise by quarters, with its lines, unless they were not known before."""
    image = lines.image.turned(turns)
    if not len(lines.lines):
        return PageLines(image, no_lines())
    analysis, seen = _laid_out(image, recognisers)
    return PageLines(image, no_lines()) if analysis is None else _with_doubts(image, analysis, seen, recognisers)


def _texts(
    segments: Sequence[Segment], recognisers: PageRecogniser, languages: tuple[str, ...]
) -> Generator[RecognisedText, None, None]:
    """The text of each segment, in order. Closing it starts no more of them."""
    tasks = [partial(_read, segment, recognisers, languages) for segment in segments]
    yield from spread(tasks, tesseract.MAX_THREADS)


def _read(segment: Segment, recognisers: PageRecogniser, languages: tuple[str, ...]) -> RecognisedText:
    """The text of a segment; where some of it was lost, as lines below each other and nothing else, if that is more."""
    text = _recognised(segment, recognisers, languages)
    if are_for_columns(languages) and text.confidence < UNREADABLE:
        found = across(segment, recognisers, languages)
        return found if score(found) > score(text) else text
    if segment.layout is not Layout.COLUMN or segment.pieces is not None or not is_read_in_part(segment, text):
        return text
    again = recognisers.recognise(segment.gray, Layout.BLOCK, languages)
    return again if score(again) > score(text) else text


def _recognised(
    segment: Segment, recognisers: PageRecogniser, languages: tuple[str, ...] | None = None
) -> RecognisedText:
    """The text of a segment: where its lines are known, by the core as far as that can read these languages."""
    text = None if segment.pieces is None else recognisers.read(segment.gray, segment.pieces, languages)
    return text or recognisers.recognise(segment.alone(), segment.layout, languages)


def _better_languages(
    segment: Segment, first: RecognisedText, recognisers: PageRecogniser, image: PreparedImage
) -> tuple[tuple[str, ...], RecognisedText]:
    """The languages in which the first segment makes most sense, and its text in them. ``image``: it is of."""
    best, languages = first, recognisers.languages
    on_side = image.all_turns == SIDEWAYS_TURNS
    for others in recognisers.languages_to_try(first, down=on_side or first.rotation != 0, across=not on_side):
        text = _recognised(segment, recognisers, others)
        if score(text) > score(best):
            best, languages = text, others
    return languages, best


def _in_ideographs(
    segment: Segment, first: RecognisedText, recognisers: PageRecogniser, image: PreparedImage
) -> tuple[tuple[str, ...], RecognisedText] | None:
    """The language of the largest segment and its text, where that is Chinese or Japanese in lines that run across."""
    if first.confidence >= SURE or not segment.pieces or image.all_turns or first.rotation:
        return None
    languages = recognisers.ideographic(segment.gray, segment.pieces)
    text = _recognised(segment, recognisers, languages) if languages else None
    return (languages, text) if text is not None and text.confidence >= SURE else None


def _better_turns(
    segment: Segment, first: RecognisedText, recognisers: PageRecogniser
) -> tuple[int, RecognisedText | None]:
    """By how many quarters to turn the page clockwise so that its first segment makes most sense.

    A few lines of it tell. Where these are all, they are given as they are read then. Tesseract itself recognises text
    on its side.
    """
    if not first.lines or first.confidence >= SURE:
        return 0, None
    alone = segment.alone()
    gray, best = sample(alone, first)
    turns = 0
    for quarters in (2, 1, 3):
        if quarters != 2 and best.confidence >= UNREADABLE:
            break
        text = recognisers.recognise(turned(gray, quarters), segment.layout)
        if score(text) > score(best):
            best, turns = text, quarters
        if best.confidence >= SURE:
            break
    return turns, best if turns and segment.whole and gray is alone else None


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
    most, kept = believed(texts)
    rotation = (90 * image.all_turns + most.rotation) % 360
    down = is_in_columns(languages, texts, rotation)
    rotation = (rotation - FROM_THE_LEFT) % 360 if down else rotation
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
    uncertain = word.confidence < WORD_UNCERTAIN
    return OcrWord(text=word.text, confidence=word.confidence, box=box, uncertain=uncertain)


# where the time goes --------------------------------------------------------------------------------------------------

PARTS = ("draw", "look", "layout", "cut", "read", "again")
"""Pixels are made; looked at; laid out; cut; read; read again: turned, or in other languages."""


class Timings:
    """Where the time of OCR goes: seconds by the clock for each part, of all pages together, and of parts beside each
    other the time of both.

    Nothing of it is stored: the same picture gives the same bytes, however long it takes.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._lock = threading.Lock()

    def add(self, part: str, seconds: float) -> None:
        """From any thread."""
        with self._lock:
            self.seconds[part] += seconds


_collecting: list[Timings] = []


@contextmanager
def collected() -> Iterator[Timings]:
    """What is recognised meanwhile, in all threads of the process."""
    timings = Timings()
    _collecting.append(timings)
    try:
        yield timings
    finally:
        _collecting.remove(timings)


@contextmanager
def part(name: str) -> Iterator[None]:
    """What is done meanwhile is this part of the work."""
    if not _collecting:
        yield
        return
    start = time.perf_counter()
    try:
        yield
    finally:
        for timings in tuple(_collecting):
            timings.add(name, time.perf_counter() - start)
