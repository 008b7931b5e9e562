"""Lines that the core reads with Tesseract's models: what Tesseract reads, with its confidence and its boxes."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion import _core, ocr
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import models, tesseract
from pillion.kinds.ocr.layout import Layout, LayoutAnalysis
from pillion.kinds.ocr.tesseract import (
    LibraryRecogniser,
    RecognisedText,
    RecognisedWord,
    Recognisers,
    _library_recogniser,
)
from tests.support import media

pytestmark = pytest.mark.models

TEXT = (
    "The harbour library (founded 1874) keeps 1,204 letters; nine captains wrote them. They paid 12.50 for bread, "
    '"and a light above the water" was seen at 7:45. Copies: info@example.org, 25 % off until 30/11/2024!'
)


def gray_page(text: str, size: float = 11, dpi: int = 150) -> NDArray[np.uint8]:
    page = media.page(textwrap.fill(text, 60), dpi=dpi, font_size=size).convert("L")
    return np.ascontiguousarray(np.asarray(page))


def words_of(text: RecognisedText) -> list[RecognisedWord]:
    return [word for line in text.lines for word in line.words]


@pytest.fixture
def recogniser() -> LibraryRecogniser:
    return _library_recogniser("eng", str(models.language_folder(("eng",), None)), 0)


def both(recogniser: LibraryRecogniser, gray: NDArray[np.uint8], layout: Layout) -> tuple[RecognisedText, ...]:
    """The text by the core, and by Tesseract."""
    alone = LibraryRecogniser(recogniser._api, None)
    return recogniser.recognise(gray, layout), alone.recognise(gray, layout)


@pytest.mark.parametrize("layout", [Layout.PAGE, Layout.BLOCK])
@pytest.mark.parametrize("ground", [1.0, 0.5, -1.0], ids=["as it is", "faint", "inverted"])
def test_a_page_in_black_and_white_is_laid_out_as_in_grays(
    recogniser: LibraryRecogniser, layout: Layout, ground: float
) -> None:
    page = gray_page(TEXT).astype(np.float64)
    gray = np.ascontiguousarray((page if ground > 0 else 255 - page) * abs(ground), np.uint8)
    in_grays = LibraryRecogniser(recogniser._api, None).analyse_layout(gray, layout)
    given: list[str] = []
    set_image = recogniser._api.SetImage

    class Api:
        def __getattr__(self, name: str) -> object:
            return getattr(recogniser._api, name)

        def SetImage(self, image: Any) -> None:  # tesserocr's
            given.append(image.mode)
            set_image(image)

    found = LibraryRecogniser(cast(Any, Api()), recogniser._model).analyse_layout(gray, layout)
    assert given == ["1"]
    assert found.lines > 0
    assert (found.lines, found.height, found.figures) == (in_grays.lines, in_grays.height, in_grays.figures)
    assert np.array_equal(found.boxes, in_grays.boxes)


def test_tesseract_reads_in_grays_what_was_laid_out_in_black_and_white(
    recogniser: LibraryRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = gray_page(TEXT)
    alone = LibraryRecogniser(recogniser._api, None).recognise(gray, Layout.PAGE)
    monkeypatch.setattr(recogniser, "_read_by_core", lambda *_: None)
    recogniser.analyse_layout(gray, Layout.PAGE)
    assert recogniser.recognise(gray, Layout.PAGE) == alone


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("size", [9, 11, 24])
def test_the_core_reads_what_tesseract_reads(recogniser: LibraryRecogniser, layout: Layout, size: float) -> None:
    """But for a word, perhaps: sums are rounded in another way."""
    ours, theirs = (words_of(text) for text in both(recogniser, gray_page(TEXT, size), layout))
    matcher = SequenceMatcher(None, [word.text for word in ours], [word.text for word in theirs], autojunk=False)
    pairs = [
        (ours[block.a + place], theirs[block.b + place])
        for block in matcher.get_matching_blocks()
        for place in range(block.size)
    ]
    assert len(pairs) >= 0.94 * len(theirs) > 0
    for word, other in pairs:
        assert word.confidence == pytest.approx(other.confidence, abs=15)
    # Tesseract gives a part of a wide sign, such as a percent sign, to its neighbour.
    apart = [np.abs(np.subtract(word.box, other.box)).max() for word, other in pairs]
    assert np.quantile(apart, 0.9) <= 4


def test_white_print_on_black_is_read(recogniser: LibraryRecogniser) -> None:
    ours, theirs = both(recogniser, 255 - gray_page(TEXT), Layout.BLOCK)
    assert ours.text == theirs.text != ""


def test_an_empty_page_has_no_lines(recogniser: LibraryRecogniser) -> None:
    assert recogniser.recognise(np.full((400, 300), 255, np.uint8), Layout.PAGE).lines == ()


def test_the_layout_is_analysed_once(recogniser: LibraryRecogniser) -> None:
    gray = gray_page(TEXT)
    found = recogniser.analyse_layout(gray, Layout.PAGE)
    text = recogniser.recognise(gray, Layout.PAGE)
    assert found.lines == len(text.lines)


def test_lines_found_once_are_read_without_another_layout(recogniser: LibraryRecogniser) -> None:
    """Also from a larger picture of the page than they were found in."""
    small, large = gray_page(TEXT), gray_page(TEXT, dpi=300)
    pieces = recogniser.analyse_layout(small, Layout.PAGE).pieces
    assert pieces is not None
    whole = recogniser.recognise(small, Layout.PAGE)
    reader = Recognisers(["eng"], None)
    flat = [piece for line in pieces for piece in line]
    assert reader.read(small, flat) == whole
    doubled = reader.read(large, [piece.placed(2.0, 2.0) for piece in flat])
    assert doubled is not None
    assert SequenceMatcher(None, doubled.text, whole.text).ratio() > 0.99


def test_pieces_are_not_read_without_a_model_for_the_core(
    recogniser: LibraryRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = gray_page(TEXT)
    (first, *_) = recogniser.analyse_layout(gray, Layout.PAGE).pieces or ()
    monkeypatch.setattr(tesseract, "model_of", lambda language, folder: None)
    assert Recognisers(["eng"], None).read(gray, first) is None


def test_what_is_no_model_is_a_typed_error() -> None:
    with pytest.raises(ItemError) as caught:
        _core.LineModel(b"\x18\0\0\0" + bytes(191))
    assert caught.value.error_class is ErrorClass.CORRUPT


def test_a_language_without_a_model_is_left_to_tesseract(tmp_path: object) -> None:
    assert tesseract.model_of("eng+deu", str(tmp_path)) is None


@pytest.mark.parametrize("lost", [0, 2, 5])
def test_a_line_that_the_layout_analysis_passes_over_is_read_all_the_same(
    lost: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = Recognisers.analyse_layout

    def without_one(self: Recognisers, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE) -> LayoutAnalysis | None:
        found = whole(self, gray, layout)
        if found is None or found.pieces is None or layout is not Layout.PAGE:
            return found
        kept = [number for number in range(len(found.boxes)) if number != lost]
        pieces = tuple(found.pieces[number] for number in kept)
        return replace(found, lines=len(kept), boxes=found.boxes[kept], pieces=pieces)

    page = tmp_path / "page.png"
    lines = ["Seven boats came in before noon.", "Ago.", "The price of rope is low.", "News", "at ten,", "by Clara."]
    media.page("\n\n".join(lines), dpi=150, font_size=11).save(page)
    expected = ocr(page).text.split()
    assert expected == " ".join(lines).split()
    monkeypatch.setattr(Recognisers, "analyse_layout", without_one)
    assert ocr(page).text.split() == expected
