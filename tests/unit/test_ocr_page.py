"""Scale, orientation and trust of one page, with an engine that is told what to see."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion import _core
from pillion.kinds.ocr.layout import Layout, LayoutAnalysis, dark_on_light, gray_of, turned_back
from pillion.kinds.ocr.page import RecognisedPage, better_scale, recognise_page
from pillion.kinds.ocr.segments import believable
from pillion.kinds.ocr.tesseract import (
    RecognisedLine,
    RecognisedText,
    RecognisedWord,
    confidence,
)

GOOD = "The harbour library"


def line(text: str, confidence: float, box: tuple[int, int, int, int] = (0, 0, 10, 5)) -> RecognisedLine:
    words = tuple(RecognisedWord(word, confidence, box) for word in text.split())
    return RecognisedLine(words, box, False)


def text(*lines: RecognisedLine) -> RecognisedText:
    return RecognisedText(lines)


def analysis(lines: int, height: float, *boxes: tuple[int, int, int, int]) -> LayoutAnalysis:
    return LayoutAnalysis(lines, height, np.array(boxes, np.float64).reshape(-1, 4))


Seen = Callable[[NDArray[np.uint8]], RecognisedText]


@dataclass
class Recognisers:
    """Recognise what ``seen`` says, or ``seen_in`` by language; ``analyses`` in turn, the last one again and again.

    ``to_try``: languages to try after the first text.
    """

    seen: Seen
    analyses: list[LayoutAnalysis | None] = field(default_factory=lambda: [analysis(1, 25)])
    seen_in: dict[str, Seen] = field(default_factory=dict)
    to_try: tuple[tuple[str, ...], ...] = ()
    languages: tuple[str, ...] = ("eng",)
    recognised: int = 0
    layouts: list[Layout] = field(default_factory=list)
    asked: list[tuple[str, float]] = field(default_factory=list)

    def analyse_layout(self, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE) -> LayoutAnalysis | None:
        self.layouts.append(layout)
        return self.analyses.pop(0) if len(self.analyses) > 1 else self.analyses[0]

    def recognise(
        self, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE, languages: tuple[str, ...] | None = None
    ) -> RecognisedText:
        self.recognised += 1
        self.layouts.append(layout)
        return self.seen_in.get((languages or self.languages)[0], self.seen)(gray)

    def languages_to_try(
        self, beginning: RecognisedText, *, down: bool = False, across: bool = True
    ) -> tuple[tuple[str, ...], ...]:
        self.asked.append((beginning.text, confidence(beginning.lines)))
        return self.to_try


def seeing(*lines: RecognisedLine) -> Seen:
    return lambda gray: text(*lines)


@dataclass
class Source:
    """A page 40 by 20 whose upper left pixel alone is black."""

    scales: list[float] = field(default_factory=list)
    size: tuple[float, float] = (40.0, 20.0)
    origin: tuple[float, float] = (0.0, 0.0)
    first_scale: float = 1.0
    max_scale: float = 4.0

    def gray(self, scale: float) -> NDArray[np.uint8]:
        self.scales.append(scale)
        gray = np.full((round(20 * scale), round(40 * scale)), 255, dtype=np.uint8)
        gray[0, 0] = 0
        return gray


def upside_down(gray: NDArray[np.uint8]) -> RecognisedText:
    """Makes sense only of the page turned by 180 degrees."""
    return text(line(GOOD, 95.0 if gray[-1, -1] == 0 else 40.0, (1, 2, 11, 5)))


def texts(page: RecognisedPage) -> list[str]:
    return [found.text for found in page.lines]


def test_a_good_page_is_recognised_once() -> None:
    recognisers, source = Recognisers(seeing(line(GOOD, 95))), Source()
    page = recognise_page(source, recognisers)
    assert texts(page) == [GOOD]
    assert (recognisers.recognised, source.scales, page.rotation) == (1, [1.0], 0)


def test_a_page_without_text_is_never_recognised() -> None:
    recognisers = Recognisers(seeing(), [analysis(0, 0)])
    assert recognise_page(Source(), recognisers).lines == ()
    assert recognisers.recognised == 0


def test_print_too_small_to_be_found_is_analysed_again_larger() -> None:
    source = Source()
    assert recognise_page(source, Recognisers(seeing(line(GOOD, 95)), [analysis(0, 0), analysis(1, 20)])).lines
    assert source.scales == [1.0, 2.0]


def test_boxes_are_in_the_pages_own_unit() -> None:
    recognisers = Recognisers(seeing(line(GOOD, 95, (26, 26, 52, 39))), [analysis(1, 10)])
    page = recognise_page(Source(), recognisers)
    assert page.lines[0].box == pytest.approx((10, 10, 20, 15))


def test_an_upside_down_page_is_turned() -> None:
    recognisers = Recognisers(upside_down)
    page = recognise_page(Source(), recognisers)
    assert (page.rotation, recognisers.recognised) == (180, 2)
    assert page.lines[0].box == (29, 15, 39, 18)


def test_a_page_in_another_language_is_recognised_in_it() -> None:
    recognisers = Recognisers(
        seeing(line("Die Bucherei offnet um neun", 80)),
        seen_in={"deu": seeing(line("Die Bücherei öffnet um neun", 95))},
        to_try=(("deu",),),
    )
    page = recognise_page(Source(), recognisers)
    assert texts(page) == ["Die Bücherei öffnet um neun"]
    assert page.languages == ("deu",)
    assert recognisers.asked == [("Die Bucherei offnet um neun", 80)]


def test_a_language_in_which_it_makes_less_sense_is_left() -> None:
    japanese = seeing(line("丁 肯 人", 60))
    page = recognise_page(Source(), Recognisers(seeing(line(GOOD, 90)), seen_in={"jpn": japanese}, to_try=(("jpn",),)))
    assert page.languages == ("eng",)
    assert texts(page) == [GOOD]


@dataclass
class LongSource(Source):
    """A blank page of many lines."""

    size: tuple[float, float] = (420.0, 1820.0)

    def gray(self, scale: float) -> NDArray[np.uint8]:
        return np.full((1820, 420), 255, dtype=np.uint8)


def test_the_surer_of_two_parts_says_which_way_up_the_page_is() -> None:
    """The largest part, a heading that stands upright beside a table, reads badly; the page is not turned for it."""
    lines = [(0, y, 400, y + 10) for y in range(0, 1800, 20)]
    shapes: list[tuple[int, ...]] = []

    def seen(gray: NDArray[np.uint8]) -> RecognisedText:
        shapes.append(gray.shape)
        upright_heading = len(shapes) == 1 or gray.shape == shapes[0][::-1]
        return text(line(GOOD, 40.0 if upright_heading else 95.0))

    recognisers = Recognisers(seen, [analysis(90, 20, *lines)])
    assert recognise_page(LongSource(), recognisers).rotation == 0
    assert len(shapes) > 2
    assert all(height <= width for height, width in shapes)


@dataclass
class InkedSource(LongSource):
    """A page of many lines of ink."""

    def gray(self, scale: float) -> NDArray[np.uint8]:
        gray = super().gray(scale)
        for top in range(0, 1800, 20):
            gray[top + 2 : top + 8, 10:390] = 0
        return gray


def test_a_part_that_was_read_with_holes_is_read_again_as_plain_lines() -> None:
    """The engine lays out each part once more, and may cut its lines into columns and lose pieces of them."""
    lines = [(0, y, 400, y + 10) for y in range(0, 1800, 20)]

    class Careless(Recognisers):
        def recognise(
            self, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE, languages: tuple[str, ...] | None = None
        ) -> RecognisedText:
            right, count = (gray.shape[1], 3) if layout is Layout.BLOCK else (gray.shape[1] // 2, 2)
            tops = [number * gray.shape[0] // count for number in range(count + 1)]
            found = [line(GOOD, 95.0, (0, top, right, bottom)) for top, bottom in itertools.pairwise(tops)]
            super().recognise(gray, layout, languages)
            return text(*found)

    recognisers = Careless(seeing(), [analysis(90, 20, *lines)])
    found = recognise_page(InkedSource(), recognisers)
    parts = recognisers.layouts.count(Layout.COLUMN)
    assert parts > 1
    assert recognisers.layouts.count(Layout.BLOCK) == parts
    assert len(found.lines) == 3 * parts


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("港 の 図書 館 は 、", "港の図書館は、"),
        ("九 時 に open します", "九時に open します"),
        ("한국어 문장", "한국어 문장"),
        ("two words", "two words"),
    ],
)
def test_japanese_is_joined_without_spaces(words: str, joined: str) -> None:
    page = recognise_page(Source(), Recognisers(seeing(line(words, 95))))
    assert texts(page) == [joined]
    assert len(page.lines[0].words) == len(words.split())


def test_an_engine_without_layout_analysis_recognises() -> None:
    assert recognise_page(Source(), Recognisers(seeing(line(GOOD, 95)), [None])).lines


@pytest.mark.parametrize(
    ("height", "scale"), [(26, 1.0), (17, 1.0), (60, 1.0), (13, 2.0), (2, 4.0), (104, 0.5), (300, 0.5)]
)
def test_better_scale(height: float, scale: float) -> None:
    assert better_scale(1.0, height, 4.0) == scale


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_boxes_are_turned_back(quarter_turns: int) -> None:
    picture = np.zeros((20, 40), dtype=np.uint8)
    picture[3:7, 10:25] = 1
    turned = np.rot90(picture, -quarter_turns)
    rows, columns = np.nonzero(turned)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)
    back = turned_back(np.stack([box, box]), quarter_turns, (20, 40))
    assert back.tolist() == [[10, 3, 25, 7], [10, 3, 25, 7]]


def test_noise_is_not_text() -> None:
    assert believable([line("~ ;| .", 90)]) == [False]
    assert believable([line("fi Wl ae", 35), line("x", 90)]) == [False, False]
    assert believable([]) == []


def test_a_page_recognised_with_confidence_keeps_doubtful_words() -> None:
    assert believable([line("The harbour library opens at nine", 92), line("qnd", 40)]) == [True, True]


def test_another_page_keeps_only_lines_that_stand_alone() -> None:
    assert believable([line("OPEN NOW", 80), line("ie~ wv,, oi xx yy zz", 35)]) == [True, False]


def test_a_program_among_text_is_kept() -> None:
    lines = [line(GOOD, 95), line("Nadd{Wbbl}", 10), line(GOOD, 92), line("Mdef{Apro}", 5)]
    assert believable(lines) == [True, True, True, True]


def test_strokes_of_a_drawing_among_text_are_none() -> None:
    drawn = ("I I oI <--", "a >", "i ye wu")
    kept = ("x = y+", "(11)", "61", "qnd yy", "\u05d0\u05d1", "\u4e2d")
    lines = [line(GOOD, 95)] * 5 + [line(said, 40) for said in (*drawn, *kept)]
    assert believable(lines) == [True] * 5 + [False] * len(drawn) + [True] * len(kept)


def test_small_print_of_which_nothing_is_sure_is_none() -> None:
    """As that of pages shown small in a figure. What is read of it may be words, but is not what stands there."""
    sure = [line(GOOD, 95)] * 9
    noise, note, formula = line("moter teers that wahoo", 20), line("a note 7", 60), line("mooter tears", 20)
    small = [replace(one, box=(0, 0, 10, 3)) for one in (noise, note)]
    assert believable([*sure, *small, formula]) == [*([True] * 9), False, True, True]
    # Nothing is sure, so nobody knows how high lines of text are.
    assert believable([*([line(GOOD, 78)] * 9), small[0]]) == [True] * 10


def test_a_low_line_with_a_word_that_is_sure_is_text() -> None:
    """As one without a letter below the line, whose bullet and first word were read as one."""
    usual = [line(GOOD, 95, (0, 0, 10, 25))] * 9

    def low(height: int, other: str) -> RecognisedLine:
        box = (0, 0, 10, height)
        words = RecognisedWord("+Members:", 20, box), RecognisedWord(other, 97, box)
        return RecognisedLine(words, box, False)

    low_lines = [low(18, "20"), low(18, "e"), low(15, "20")]
    assert believable([*usual, *low_lines]) == [*([True] * 10), False, False]


def test_words_are_kept_where_dots_that_lead_to_a_number_are_read_as_letters() -> None:
    words = (("Exclusively breastfed children", 90.0), ("cceccccccceeecececccecececccececece", 2.0), ("25.7", 90.0))
    found = [RecognisedWord(part, sure, (0, 0, 10, 5)) for said, sure in words for part in said.split()]
    rubbish = line("ceeeeeceeceeceeeeceeecceceecece ie~ wv", 20)
    assert believable([RecognisedLine(tuple(found), (0, 0, 10, 5), False), rubbish]) == [True, False]


def test_gray_of_transparent_drawings() -> None:
    ink = np.zeros((4, 4, 4), dtype=np.uint8)
    ink[1, 1, 3] = 255
    assert gray_of(ink)[0, 0] == 255
    assert gray_of(ink)[1, 1] == 0
    ink[1, 1, :3] = 255
    assert gray_of(ink)[0, 0] == 0
    assert gray_of(ink)[1, 1] == 255


def test_gray_of_colours() -> None:
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], dtype=np.uint8)
    assert gray_of(pixels).tolist() == [[255, 0, 76]]


def test_dark_pages_are_inverted() -> None:
    assert dark_on_light(np.full((8, 8), 10, dtype=np.uint8))[0, 0] == 245
    assert dark_on_light(np.full((8, 8), 200, dtype=np.uint8))[0, 0] == 200


def test_enlarging_keeps_edges_and_level() -> None:
    step = np.repeat(np.array([[0, 200]], dtype=np.uint8), 2, axis=0)
    large = _core.enlarged(step, (4, 8))
    assert large.shape == (4, 8)
    assert large[0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]
