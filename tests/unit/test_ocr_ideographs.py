"""Chinese and Japanese lines: how their script is told, what is read together, and whose reading counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr import page, recognise, tesseract
from pillion.kinds.ocr.ideographs import Ideographs
from pillion.kinds.ocr.layout import Area, Gray, Layout, LayoutAnalysis, Piece, PreparedImage
from pillion.kinds.ocr.ppocr import LineReader, Region, RegionText, Word
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrWord
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord, Recognisers

CHINESE, JAPANESE, ENGLISH = (
    "使用命令变更密码也在登录提示下工作",
    "設定ファイルが変更されていることがあります",
    "to be read",
)
GRAY = np.full((100, 900), 255, np.uint8)


def piece(*area: int, starts_line: bool = False) -> Piece:
    left, top, right, bottom = area
    place: Area = (left, top, right, bottom)
    return Piece(place, (top, bottom), (10, top, 800, bottom), starts_line=starts_line, starts_paragraph=starts_line)


@dataclass
class Network:
    """Says the next of its texts of each region, in the order of these."""

    texts: list[tuple[str, float]]
    regions: list[Region] = field(default_factory=list)
    loaded: int = 0

    def load(self) -> LineReader:
        self.loaded += 1
        return self.read

    def read(self, picture: NDArray[np.uint8], regions: Sequence[Region]) -> list[RegionText]:
        assert picture.shape == (100, 900, 3)
        said = self.texts[len(self.regions) :]
        self.regions += regions
        return [
            RegionText(region.corners, 1.0, sure, (Word(text, sure, 0.0, 1.0),))
            for region, (text, sure) in zip(regions, said, strict=False)
        ]


def told(*texts: tuple[str, float], among: Sequence[str] = ("eng",)) -> tuple[str, ...]:
    pieces = [piece(10, 20 * number, 700, 20 * number + 15, starts_line=True) for number in range(len(texts))]
    return Ideographs(Network(list(texts)).load).languages(GRAY, pieces, among)


# the script -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "languages"),
    [
        ([(CHINESE, 0.99), (CHINESE, 0.9)], ("chi_sim",)),
        ([(JAPANESE, 0.99)], ("jpn",)),
        ([(CHINESE, 0.99), (JAPANESE, 0.99), (CHINESE, 0.99)], ("jpn",)),
        ([("Kerberos 密码而不是 Samba", 0.99)], ("chi_sim",)),
        ([(ENGLISH, 0.99), (CHINESE, 0.99), (ENGLISH, 0.99)], ("chi_sim",)),
    ],
)
def test_the_language_of_squares(texts: list[tuple[str, float]], languages: tuple[str, ...]) -> None:
    assert told(*texts) == languages


@pytest.mark.parametrize("texts", [[(ENGLISH, 0.99)], [(CHINESE, 0.99), (CHINESE, 0.79)], [("", 0.0)]])
def test_other_print_is_none_of_it_nor_what_is_not_read_surely(texts: list[tuple[str, float]]) -> None:
    assert told(*texts) == ()
    assert told() == ()


@pytest.mark.parametrize(
    ("among", "language"), [(("chi_tra", "eng"), "chi_tra"), (("chi_sim", "chi_tra"), "chi_sim"), (("jpn",), "chi_sim")]
)
def test_chinese_is_called_what_is_installed(among: Sequence[str], language: str) -> None:
    assert told((CHINESE, 0.99), among=among) == (language,)


def test_the_longest_lines_tell_and_no_more_than_three() -> None:
    network = Network([(CHINESE, 0.99)] * 3)
    widths = (100, 700, 200, 600, 500)
    pieces = [piece(10, 20 * row, 10 + width, 20 * row + 15, starts_line=True) for row, width in enumerate(widths)]
    assert Ideographs(network.load).languages(GRAY, pieces, ()) == ("chi_sim",)
    assert [round(float(region.corners[0, 1]) / 20) for region in network.regions] == [1, 3, 4]


# lines ----------------------------------------------------------------------------------------------------------------


def test_pieces_are_read_together_up_to_a_gap_between_cells() -> None:
    network = Network([("一二", 0.9), ("三", 0.8), ("四", 0.7)])
    pieces = [
        piece(10, 20, 50, 40, starts_line=True),
        piece(60, 22, 100, 40),
        piece(300, 20, 320, 40),
        piece(10, 60, 50, 80, starts_line=True),
    ]
    reader = Ideographs(network.load)
    text = reader.read(GRAY, pieces)
    assert [[word.text for word in line.words] for line in text.lines] == [["一二", "三"], ["四"]]
    first, cell = text.lines[0].words
    assert first.box == pytest.approx((8.4, 18.4, 101.6, 41.6))
    assert cell.box == pytest.approx((298.4, 18.4, 321.6, 41.6))
    assert [line.box for line in text.lines] == [(10, 20, 800, 40), (10, 60, 800, 80)]
    assert (first.confidence, all(line.paragraph for line in text.lines)) == (90, True)
    network.texts *= 2
    assert reader.read(GRAY, pieces) == text
    assert network.loaded == 1


def test_a_line_of_which_nothing_is_read_is_left_out() -> None:
    def reads_nothing(picture: NDArray[np.uint8], regions: Sequence[Region]) -> list[RegionText]:
        return [RegionText(region.corners, 1.0, 0.0, ()) for region in regions]

    assert Ideographs(lambda: reads_nothing).read(GRAY, [piece(10, 20, 50, 40, starts_line=True)]).lines == ()


# who reads ------------------------------------------------------------------------------------------------------------


class Squares:
    """Reads everything as one word, and says of everything that it is Chinese."""

    def languages(self, gray: Gray, pieces: Sequence[Piece], among: Sequence[str]) -> tuple[str, ...]:
        return ("chi_sim",)

    def read(self, gray: Gray, pieces: Sequence[Piece]) -> RecognisedText:
        return said("国", 99, len(pieces))


def said(word: str, confidence: float, count: int = 1) -> RecognisedText:
    words = tuple(RecognisedWord(word, confidence, (0, 0, 9, 9)) for _ in range(count))
    return RecognisedText((RecognisedLine(words, (0, 0, 9, 9), False),))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract.models, "installed_languages", lambda explicit=None: ["deu", "eng"])


@pytest.mark.usefixtures("installed")
def test_no_other_script_is_looked_for_where_the_languages_are_set() -> None:
    pieces = [piece(10, 20, 50, 40, starts_line=True)]
    assert Recognisers(["auto"], None, Squares).ideographic(GRAY, pieces) == ("chi_sim",)
    assert Recognisers(["eng"], None, Squares).ideographic(GRAY, pieces) == ()
    assert Recognisers(["auto"], None).ideographic(GRAY, pieces) == ()


@pytest.mark.parametrize(
    ("languages", "are"),
    [
        (("chi_sim",), True),
        (("jpn", "eng"), True),
        (("kor",), False),
        (("eng",), False),
        (("jpn", "jpn_vert"), False),
        (("jpn_vert",), False),
    ],
)
def test_which_languages_are_read_by_the_network(languages: tuple[str, ...], are: bool) -> None:
    assert tesseract.are_ideographic(languages) == are


@pytest.mark.usefixtures("installed")
def test_what_was_not_laid_out_is_and_where_that_cannot_be_tesseract_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: tuple[tuple[Piece, ...], ...] | None = ((piece(10, 20, 50, 40, starts_line=True),), ())
    asked: list[str] = []

    class Engine:
        def recogniser(self, languages: str, folder: str, number: int) -> Any:
            def analyse_layout(gray: Gray, layout: Layout) -> LayoutAnalysis:
                return LayoutAnalysis(1, 20.0, np.empty((0, 4)), (), pieces)

            def recognise(gray: Gray, layout: Layout) -> RecognisedText:
                asked.append(languages)
                return said("x", 50)

            return SimpleNamespace(analyse_layout=analyse_layout, recognise=recognise)

    monkeypatch.setattr(Recognisers, "_folder", lambda self, languages: "")
    recognisers = Recognisers(["auto"], None, Squares)
    monkeypatch.setattr(recognisers, "engine", Engine())
    assert recognisers.recognise(GRAY, languages=("chi_sim",)).text == "国"
    assert recognisers.recognise(GRAY, languages=("deu",)).text == "x"
    pieces = None
    assert recognisers.recognise(GRAY, languages=("chi_sim",)).text == "x"
    named = Recognisers(["jpn"], None)
    monkeypatch.setattr(named, "engine", Engine())
    assert named.recognise(GRAY).text == "x"
    assert asked == ["deu", "eng", "jpn"]


def image(turns: int = 0) -> PreparedImage:
    return cast(PreparedImage, SimpleNamespace(all_turns=turns))


def test_the_largest_segment_is_asked_where_it_makes_little_sense() -> None:
    segment = Segment(GRAY, pieces=(piece(10, 20, 50, 40, starts_line=True),))
    recognisers = SimpleNamespace(
        ideographic=lambda gray, pieces: ("jpn",), read=lambda gray, pieces, languages: said("国", 99)
    )
    ask = cast(Any, page._in_ideographs)
    assert ask(segment, said("x", 79), recognisers, image()) == (("jpn",), said("国", 99))
    assert ask(segment, said("x", 80), recognisers, image()) is None
    assert ask(segment, said("x", 50), recognisers, image(1)) is None
    assert ask(segment, RecognisedText(said("x", 50).lines, 270), recognisers, image()) is None
    assert ask(replace(segment, pieces=None), said("x", 50), recognisers, image()) is None
    recognisers.read = lambda gray, pieces, languages: said("国", 79)
    assert ask(segment, said("x", 50), recognisers, image()) is None


def test_lines_of_which_the_network_is_not_sure_are_sought_by_it() -> None:
    def page_of(text: str, confidence: float, *languages: str) -> OcrPage:
        box = (0.0, 0.0, 9.0, 9.0)
        line = OcrLine(text=text, words=(OcrWord(text=text, confidence=confidence, box=box),), box=box)
        return OcrPage(
            number=1,
            source="ocr",
            width=9,
            height=9,
            unit="pixel",
            lines=(line,),
            confidence=confidence,
            languages=languages,
        )

    better = recognise._is_better
    assert better(page_of("国国", 90), page_of("国" * 40, 73, "chi_sim"), may_be_short=False)
    assert not better(page_of("国国", 72), page_of("国" * 40, 73, "chi_sim"), may_be_short=False)
    assert not better(page_of("at", 90), page_of("a" * 40, 73, "eng"), may_be_short=False)
    assert better(page_of("b" * 40, 90), page_of("a" * 40, 73, "eng"), may_be_short=False)
