"""Scale, orientation and trust of one page, with a reader that is told what to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr import page as _page
from pillion.kinds.ocr.deskew import box_before_turn
from pillion.kinds.ocr.layout import Layout, Look, Seen, SeenLine, SeenWord
from pillion.kinds.ocr.page import PageReading, believable, better_scale
from pillion.kinds.ocr.pixels import dark_on_light, enlarged, gray_of

GOOD = "The harbour library"


def line(text: str, confidence: float, box: tuple[int, int, int, int] = (0, 0, 10, 5)) -> SeenLine:
    words = tuple(SeenWord(word, confidence, box) for word in text.split())
    return SeenLine(words, box, False)


@dataclass
class Reader:
    """Sees what ``see`` says; ``looks`` are given in turn, the last one again and again."""

    see: Callable[[NDArray[np.uint8]], Seen]
    looks: list[Look | None] = field(default_factory=lambda: [Look(1, 25)])
    reads: int = 0
    layouts: list[Layout] = field(default_factory=list)

    def look(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Look | None:
        self.layouts.append(layout)
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def read(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Seen:
        self.reads += 1
        self.layouts.append(layout)
        return self.see(gray)


@dataclass
class Lender:
    """Lends one reader; ``readers``: others by language; ``next``: languages to try after the first reading."""

    reader: Reader
    readers: dict[str, Reader] = field(default_factory=dict)
    next: tuple[tuple[str, ...], ...] = ()
    languages: tuple[str, ...] = ("eng",)
    asked: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def __call__(self, languages: tuple[str, ...] | None = None) -> Iterator[Reader]:
        yield self.readers.get((languages or self.languages)[0], self.reader)

    def others(self, text: str, confidence: float) -> tuple[tuple[str, ...], ...]:
        self.asked.append((text, confidence))
        return self.next


def read_page(source: Source, reader: Reader) -> PageReading:
    return _page.read_page(source, Lender(reader))


@dataclass
class Source:
    """A page 40 by 20 whose upper left pixel alone is black."""

    scales: list[float] = field(default_factory=list)
    size: tuple[float, float] = (40.0, 20.0)
    look_scale: float = 1.0
    max_scale: float = 4.0

    def gray(self, scale: float) -> NDArray[np.uint8]:
        self.scales.append(scale)
        gray = np.full((round(20 * scale), round(40 * scale)), 255, dtype=np.uint8)
        gray[0, 0] = 0
        return gray


def upside_down(gray: NDArray[np.uint8]) -> Seen:
    """Makes sense only of the page turned by 180 degrees."""
    turned = gray[-1, -1] == 0
    return Seen((line(GOOD, 95.0 if turned else 40.0, (1, 2, 11, 5)),))


def test_a_good_page_is_read_once() -> None:
    reader, source = Reader(lambda gray: Seen((line(GOOD, 95),))), Source()
    reading = read_page(source, reader)
    assert [found.text for found in reading.lines] == [GOOD]
    assert (reader.reads, source.scales, reading.rotation) == (1, [1.0], 0)


def test_a_page_without_text_is_never_read() -> None:
    reader = Reader(lambda gray: Seen(()), [Look(0, 0)])
    assert read_page(Source(), reader).lines == ()
    assert reader.reads == 0


def test_print_too_small_to_be_seen_is_looked_at_again_larger() -> None:
    reader, source = Reader(lambda gray: Seen((line(GOOD, 95),)), [Look(0, 0), Look(1, 20)]), Source()
    assert read_page(source, reader).lines
    assert source.scales == [1.0, 2.0]


def test_boxes_are_in_the_pages_own_unit() -> None:
    reader = Reader(lambda gray: Seen((line(GOOD, 95, (26, 26, 52, 39)),)), [Look(1, 10)])
    reading = read_page(Source(), reader)
    assert reading.lines[0].box == pytest.approx((10, 10, 20, 15))


def test_an_upside_down_page_is_turned() -> None:
    reader = Reader(upside_down)
    reading = read_page(Source(), reader)
    assert (reading.rotation, reader.reads) == (180, 2)
    assert reading.lines[0].box == (29, 15, 39, 18)


def test_a_page_in_another_language_is_read_in_it() -> None:
    english = Reader(lambda gray: Seen((line("Die Bucherei offnet um neun", 80),)))
    german = Reader(lambda gray: Seen((line("Die Bücherei öffnet um neun", 95),)))
    lender = Lender(english, {"deu": german}, next=(("deu",),))
    reading = _page.read_page(Source(), lender)
    assert [found.text for found in reading.lines] == ["Die Bücherei öffnet um neun"]
    assert reading.languages == ("deu",)
    assert lender.asked == [("Die Bucherei offnet um neun", 80)]


def test_a_language_in_which_it_makes_less_sense_is_left() -> None:
    english = Reader(lambda gray: Seen((line(GOOD, 90),)))
    japanese = Reader(lambda gray: Seen((line("丁 肯 人", 60),)))
    reading = _page.read_page(Source(), Lender(english, {"jpn": japanese}, next=(("jpn",),)))
    assert reading.languages == ("eng",)
    assert [found.text for found in reading.lines] == [GOOD]


def test_what_falls_apart_is_laid_out_as_one_column_and_then_as_one_block() -> None:
    apart = Look(8, 25, tuple((x, y, x + 30, y + 20) for x in (0, 200) for y in range(0, 160, 40)))
    whole = Look(4, 25, tuple((0, y, 230, y + 20) for y in range(0, 160, 40)))
    reader = Reader(lambda gray: Seen((line(GOOD, 95),)), [apart, apart, whole])
    assert read_page(Source(), reader).lines
    assert reader.layouts == [Layout.PAGE, Layout.COLUMN, Layout.BLOCK, Layout.BLOCK]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("港 の 図書 館 は 、", "港の図書館は、"),
        ("九 時 に open します", "九時に open します"),
        ("한국어 문장", "한국어 문장"),
        ("two words", "two words"),
    ],
)
def test_japanese_is_joined_without_spaces(words: str, text: str) -> None:
    reading = read_page(Source(), Reader(lambda gray: Seen((line(words, 95),))))
    assert [found.text for found in reading.lines] == [text]
    assert len(reading.lines[0].words) == len(words.split())


def test_an_engine_that_cannot_look_reads() -> None:
    reader = Reader(lambda gray: Seen((line(GOOD, 95),)), [None])
    assert read_page(Source(), reader).lines


@pytest.mark.parametrize(
    ("height", "scale"), [(26, 1.0), (17, 1.0), (60, 1.0), (13, 2.0), (2, 4.0), (104, 0.5), (300, 0.5)]
)
def test_better_scale(height: float, scale: float) -> None:
    assert better_scale(1.0, Look(3, height), 4.0) == scale


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_boxes_are_turned_back(quarter_turns: int) -> None:
    picture = np.zeros((20, 40), dtype=np.uint8)
    picture[3:7, 10:25] = 1
    turned = np.rot90(picture, -quarter_turns)
    rows, columns = np.nonzero(turned)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert box_before_turn(box, quarter_turns, picture.shape) == (10, 3, 25, 7)


def test_noise_is_not_text() -> None:
    assert believable([line("~ ;| .", 90)]) == []
    assert believable([line("fi Wl ae", 35), line("x", 90)]) == []
    assert believable([]) == []


def test_a_page_that_reads_well_keeps_doubtful_words() -> None:
    kept = believable([line("The harbour library opens at nine", 92), line("qnd", 40)])
    assert len(kept) == 2


def test_a_page_that_reads_badly_keeps_only_lines_that_stand_alone() -> None:
    kept = believable([line("OPEN NOW", 80), line("ie~ wv,, oi xx yy zz", 35)])
    assert [word.text for found in kept for word in found.words] == ["OPEN", "NOW"]


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
    large = enlarged(step, 8, 4)
    assert large.shape == (4, 8)
    assert large[0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]
