"""Scripts from right to left and in columns: the order of letters, words, lines and blocks, and what exports say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr import models
from pillion.kinds.ocr.across import across
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.exports.alto import alto
from pillion.kinds.ocr.exports.hocr import hocr
from pillion.kinds.ocr.exports.markdown import markdown
from pillion.kinds.ocr.layout import Layout, turned_back
from pillion.kinds.ocr.page import is_in_columns
from pillion.kinds.ocr.result import (
    BlockType,
    Box,
    Direction,
    OcrLine,
    OcrPage,
    OcrResult,
    OcrWord,
    are_unspaced,
    joined_words,
    mostly_run_left,
)
from pillion.kinds.ocr.segments import Segment
from pillion.kinds.ocr.tesseract import (
    RecognisedLine,
    RecognisedText,
    RecognisedWord,
    Recognisers,
    _text_of,
)

# letters of a word ----------------------------------------------------------------------------------------------------

LEVELS = SimpleNamespace(BLOCK=0, PARA=1, TEXTLINE=2, WORD=3, SYMBOL=4)
MODULE = SimpleNamespace(
    RIL=LEVELS,
    PT=SimpleNamespace(FLOWING_IMAGE=1, HEADING_IMAGE=2, PULLOUT_IMAGE=3, HORZ_LINE=4, VERT_LINE=5, NOISE=6),
    WritingDirection=SimpleNamespace(TOP_TO_BOTTOM=2, LEFT_TO_RIGHT=0),
)


@dataclass
class Walk:
    """Goes over lines of words of letters as tesserocr's iterator does: as they are read, and words as they stand."""

    lines: Sequence[Sequence[tuple[Sequence[str], float]]]
    place: tuple[int, int, int] = (0, 0, 0)
    blocks: int = 0
    down: bool = False
    seen: list[int] = field(default_factory=list)

    def Next(self, level: int) -> bool:
        line, word, letter = self.place
        self.seen.append(level)
        if level == LEVELS.SYMBOL and letter + 1 < len(self.lines[line][word][0]):
            self.place = (line, word, letter + 1)
        elif word + 1 < len(self.lines[line]):
            self.place = (line, word + 1, 0)
        elif line + 1 < len(self.lines):
            self.place = (line + 1, 0, 0)
        else:
            return False
        return True

    def IsAtBeginningOf(self, level: int) -> bool:
        _, word, letter = self.place
        return letter == 0 and (level == LEVELS.WORD or word == 0)

    def GetUTF8Text(self, level: int) -> str:
        line, word, letter = self.place
        letters, _ = self.lines[line][word]
        if level == LEVELS.SYMBOL:
            return letters[letter]
        to_left = mostly_run_left(["".join(letters)])
        return "".join(letters[::-1] if to_left else letters)

    def Confidence(self, level: int) -> float:
        line, word, _ = self.place
        return self.lines[line][word][1] if level == LEVELS.WORD else 91.0

    def BoundingBox(self, level: int) -> Box:
        line, word, _ = self.place
        return (100.0 - 10 * word, 20.0 * line, 108.0 - 10 * word, 20.0 * line + 15)

    def Empty(self, level: int) -> bool:
        return False

    def BlockType(self) -> int:
        return 0

    def Orientation(self) -> tuple[int, int]:
        return (0, 2 if self.down else 0)


def test_letters_from_right_to_left_are_in_the_order_in_which_they_are_read() -> None:
    words = [("שני", 90.0), ("1999", 95.0), ("לא", 88.0)], [("(מרכז)", 80.0), ("Linux", 97.0)]
    walk = Walk([[(list(word), sure) for word, sure in line] for line in words])
    found = _text_of(walk, MODULE)
    assert [[word.text for word in line.words] for line in found.lines] == [["שני", "1999", "לא"], [")מרכז(", "Linux"]]
    assert [word.confidence for line in found.lines for word in line.words] == [90, 95, 88, 80, 97]
    assert [line.box[1] for line in found.lines] == [0, 20]


def test_a_ligature_stays_in_its_order() -> None:
    (line,) = _text_of(Walk([[(["ا", "لا", "م"], 80.0)]]), MODULE).lines
    assert [word.text for word in line.words] == ["الام"]


def test_words_with_vowel_marks_are_as_sure_as_their_letters() -> None:
    (line,) = _text_of(Walk([[(list("שְחָ"), 12.0), (list("שח"), 12.0)]]), MODULE).lines
    assert [word.confidence for word in line.words] == [91.0, 12.0]


def test_nothing_is_found_on_an_empty_page() -> None:
    assert _text_of(None, MODULE).lines == ()


# scripts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unspaced", "to_left"),
    [
        ("縦書きの本文", True, False),
        ("한국어 문장", False, False),
        ("plain words", False, False),
        ("العربية", False, True),
        ("עברית and more English words", False, False),
        ("עברית ומילים, 1999", False, True),
        ("1999", False, False),
        ("", False, False),
    ],
)
def test_scripts_are_told(text: str, unspaced: bool, to_left: bool) -> None:
    assert are_unspaced([text]) is unspaced
    assert mostly_run_left([text]) is to_left


def test_words_are_joined_by_script() -> None:
    assert joined_words(["港", "の", "図書館", "open", "です"]) == "港の図書館 open です"


# columns --------------------------------------------------------------------------------------------------------------

SIZE = (1000.0, 1400.0)


def column(text: str, right: float, top: float, size: float = 30.0) -> OcrLine:
    words = tuple(
        OcrWord(text=one, confidence=90.0, box=(right - size, top + size * place, right, top + size * (place + 1)))
        for place, one in enumerate(text)
    )
    return OcrLine(text=text, words=words, box=(right - size, top, right, top + size * len(text)))


UPPER = [column(text * 4, 900 - 52 * place, 100) for place, text in enumerate(("春夏秋冬", "東西南北", "上下左右"))]
LOWER = [column(text * 4, 900 - 52 * place, 800) for place, text in enumerate(("山川草木", "花鳥風月", "雪月花風"))]


def page_of(lines: Sequence[OcrLine], **more: Any) -> OcrPage:
    return ocr_page(1, SIZE, "pixel", tuple(lines), languages=("jpn_vert",), **more)


def test_columns_are_read_from_the_right_and_tier_by_tier() -> None:
    """A column on the right of others, which the engine gave after them, is read before them."""
    page = page_of([*UPPER[1:], UPPER[0], *LOWER], down=True)
    assert [line.text for line in page.lines] == [line.text for line in (*UPPER, *LOWER)]
    assert page.direction is Direction.DOWN
    assert page.rotation == 0
    assert {block.type for block in page.blocks} == {BlockType.TEXT}
    assert [number for block in page.blocks for number in block.lines] == [0, 1, 2, 3, 4, 5]
    assert page.blocks[-1].lines == (3, 4, 5)
    assert "\t" not in page.text


def test_marks_in_columns_do_not_part_them_into_cells() -> None:
    """A full stop is a small mark in a square of its own; it ends a sentence at the same height in several columns."""
    lines = []
    for place in range(4):
        whole = column("春夏秋冬。東西南北", 900 - 52 * place, 100)
        words = [word for word in whole.words if word.text != "。"]
        lines.append(OcrLine(text=whole.text, words=tuple(words), box=whole.box))
    page = page_of(lines, down=True)
    assert [block.type for block in page.blocks] == [BlockType.TEXT]


def result_of(page: OcrPage) -> OcrResult:
    return OcrResult(engine="tesseract", engine_version="5", languages=page.languages, pages=(page,))


def arabic() -> OcrPage:
    words = (
        OcrWord(text="انواع", confidence=90.0, box=(800, 100, 900, 130)),
        OcrWord(text="الخطوط", confidence=90.0, box=(650, 100, 780, 130)),
    )
    line = OcrLine(text="انواع الخطوط", words=words, box=(650, 100, 900, 130), paragraph=True)
    return ocr_page(1, SIZE, "pixel", (line,), languages=("ara",))


@pytest.mark.parametrize(
    ("page", "direction", "in_hocr"),
    [
        (page_of(UPPER, down=True), "ttb", 'class="ocr_par" id="par_1_1" style="writing-mode: vertical-rl"'),
        (arabic(), "rtl", 'class="ocr_par" id="par_1_1" dir="rtl"'),
        (page_of([column("a", 900, 100)]), None, 'class="ocr_par" id="par_1_1" title='),
    ],
    ids=["columns", "arabic", "latin"],
)
def test_the_direction_is_stored_and_exported(page: OcrPage, direction: str | None, in_hocr: str) -> None:
    assert page.document().get("direction") == direction
    result = result_of(page)
    assert OcrResult.from_json(result.to_json()).pages[0].direction is page.direction
    assert in_hocr in hocr(result, "a.png")
    found = re.findall(r'<TextBlock [^>]*BASEDIRECTION="(\w+)"', alto(result, "a.png"))
    assert found == ([direction] * len(found) if direction else [])
    assert bool(found) is bool(direction)


def test_markdown_of_columns_has_no_spaces() -> None:
    assert markdown(result_of(page_of(UPPER, down=True))).strip() == "".join(line.text for line in UPPER)


def test_what_stands_in_columns() -> None:
    upright = RecognisedText(
        (RecognisedLine((RecognisedWord("春夏秋冬", 90, (0, 0, 1, 9)),), (0, 0, 1, 9), False),), 270
    )
    latin = RecognisedText((RecognisedLine((RecognisedWord("seasons", 90, (0, 0, 1, 9)),), (0, 0, 1, 9), False),), 270)
    assert is_in_columns(("jpn_vert",), [RecognisedText(())], 270)
    assert is_in_columns(("jpn",), [upright], 270)
    assert not is_in_columns(("eng",), [latin], 270)
    assert not is_in_columns(("jpn_vert",), [upright], 0)


# the data for columns -------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for code in ("eng", "jpn", "heb", "chi_sim", "chi_sim_vert"):
        (tmp_path / f"{code}.traineddata").write_bytes(code.encode())
    monkeypatch.setattr(models, "data_folders", lambda explicit=None: [tmp_path])
    return tmp_path


def garbled() -> RecognisedText:
    word = RecognisedWord("TINT", 31.0, (0, 0, 1, 1))
    return RecognisedText((RecognisedLine((word,) * 8, (0, 0, 1, 1), False),))


@pytest.mark.usefixtures("data")
def test_data_for_columns_is_tried_where_lines_run_down() -> None:
    recognisers = Recognisers(["auto"], None)
    assert recognisers.languages_to_try(garbled()) == (("chi_sim",), ("heb",), ("jpn",))
    alone, both = ("chi_sim_vert",), ("chi_sim", "chi_sim_vert")
    found = recognisers.languages_to_try(garbled(), down=True, across=False)
    assert found == (alone, ("chi_sim",), ("heb",), ("jpn",))
    assert Recognisers(["chi_sim"], None).languages_to_try(garbled(), down=True) == (both,)
    assert Recognisers(["jpn"], None).languages_to_try(garbled(), down=True) == ()


def test_what_lacks_for_columns_is_said_once(data: Path) -> None:
    recognisers = Recognisers(["jpn"], None)
    for languages in ((), ("jpn",), ("eng",), ("chi_sim",)):
        recognisers.note_columns(languages)
    (note,) = recognisers.notes
    assert note.endswith("(jpn_vert): run apt-get install tesseract-ocr-jpn-vert")
    assert "tessdata-jpn_vert" in [row.name for row in models.rows() if not row.installed]
    before = models.languages_identity(["jpn"])
    (data / "jpn_vert.traineddata").write_bytes(b"jpn_vert")
    assert models.lacking_columns(["jpn"]) is None
    assert models.languages_identity(["jpn"]) != before


def test_the_walk_goes_by_letters_only_where_it_must() -> None:
    walk = Walk([[(list("plain"), 90.0), (list("שני"), 90.0)]])
    _text_of(walk, cast(Any, MODULE))
    assert walk.seen == [LEVELS.WORD, LEVELS.SYMBOL, LEVELS.SYMBOL, LEVELS.SYMBOL]


def test_lines_across_a_page_of_columns_lie_where_they_stand() -> None:
    """The picture was turned for its columns; a part of it is read upright, and its boxes are turned again."""
    asked: list[tuple[tuple[int, ...], tuple[str, ...]]] = []

    def recognise(gray: NDArray[np.uint8], layout: Layout, languages: tuple[str, ...]) -> RecognisedText:
        asked.append((gray.shape, languages))
        word = RecognisedWord("図一", 90.0, (10, 20, 50, 40))
        return RecognisedText((RecognisedLine((word,), (10, 20, 50, 40), False),))

    on_side = np.full((300, 100), 255, np.uint8)
    text = across(Segment(on_side), cast(Any, SimpleNamespace(recognise=recognise)), ("jpn_vert",))
    assert asked == [((100, 300), ("jpn",))]
    ((left, top, right, bottom),) = (line.box for line in text.lines)
    assert (left, top, right, bottom) == (20, 250, 40, 290)
    upright = turned_back(np.array([text.lines[0].words[0].box]), 3, (100, 300))
    assert upright.tolist() == [[10, 20, 50, 40]]
