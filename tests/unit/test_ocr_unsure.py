"""Which of two engines is believed where Tesseract's model is not sure of a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pillion.kinds.ocr import recognise as steps
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.page import RecognisedPage
from pillion.kinds.ocr.ppocr import Region
from pillion.kinds.ocr.result import OcrLine, OcrResult, OcrWord

SIZE = (1200.0, 1600.0)
PICTURE = cast(Any, SimpleNamespace(width=1200, height=1600, size=SIZE))
RECOGNISERS = cast(Any, SimpleNamespace(engine=SimpleNamespace(version=lambda: "5.5.4"), languages=("eng",)))


def lines(characters: int, confidence: float) -> tuple[OcrLine, ...]:
    text = "a" * characters
    word = OcrWord(text=text, confidence=confidence, box=(10, 10, 500, 40), uncertain=False)
    return (OcrLine(text=text, words=(word,), box=(10, 10, 500, 40), paragraph=True),)


@pytest.mark.parametrize(
    ("confidence", "characters", "taken"),
    [(79.0, 100, True), (72.0, 81, True), (81.0, 100, False), (79.0, 79, False)],
    ids=["not sure", "a little shorter", "sure", "a part is lost"],
)
def test_ppocr_reads_a_page_of_which_tesseract_is_not_sure(
    confidence: float, characters: int, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OcrResult(
        engine="rapidocr",
        engine_version="3",
        languages=(),
        pages=(ocr_page(1, SIZE, "pixel", lines(characters, 99.0)),),
    )
    monkeypatch.setattr(steps.models, "has_networks", lambda: True)
    monkeypatch.setattr(steps, "_seen", lambda picture, photographs: steps._Seen(None))
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture: picture)
    monkeypatch.setattr(steps, "recognise_page", lambda *_: RecognisedPage(lines(100, confidence), languages=("eng",)))
    monkeypatch.setattr(steps, "_by_ppocr", lambda picture, sheet, before, small_print: other)
    found = steps._recognise_image(PICTURE, RECOGNISERS, "auto")
    assert (found is other) == taken


@pytest.mark.parametrize(
    ("height", "sought"), [(1600, False), (2100, True), (560, False)], ids=["a page", "a slip", "a slide"]
)
def test_where_the_lines_of_a_slip_are_is_found_while_it_is_read(
    height: int, sought: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slip = cast(Any, SimpleNamespace(width=1000, height=height, size=(1000.0, float(height))))
    regions: list[Region] = []
    given: list[object] = []
    other = OcrResult(
        engine="rapidocr", engine_version="3", languages=(), pages=(ocr_page(1, SIZE, "pixel", lines(100, 99.0)),)
    )

    def by_ppocr(picture: object, sheet: object, before: object, small_print: object) -> OcrResult:
        given.append(small_print)
        return other

    monkeypatch.setattr(steps.models, "has_networks", lambda: True)
    monkeypatch.setattr(steps, "_seen", lambda picture, photographs: steps._Seen(None))
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture: picture)
    monkeypatch.setattr(steps, "recognise_page", lambda *_: RecognisedPage(lines(100, 79.0), languages=("eng",)))
    monkeypatch.setattr(steps, "_small_print_in", lambda picture: regions)
    monkeypatch.setattr(steps, "_by_ppocr", by_ppocr)
    steps._recognise_image(slip, RECOGNISERS, "auto")
    assert len(given) == 1
    assert (given[0] is regions) == sought


@pytest.mark.parametrize(("ground", "is_drawn"), [(0.6, True), (0.1, False)], ids=["a slide", "a photograph"])
def test_what_is_mostly_one_gray_was_never_in_front_of_a_lens(ground: float, is_drawn: bool) -> None:
    gray = np.random.default_rng(1).integers(0, 256, (100, 100), np.uint8)
    gray[: round(100 * ground)] = 255
    assert steps._is_drawn(gray) == is_drawn
