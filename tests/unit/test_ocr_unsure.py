"""Which of two engines is believed where Tesseract's model is not sure of a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pillion.kinds.ocr import recognise as steps
from pillion.kinds.ocr.page import RecognisedPage, ocr_page
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
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture, drawn: picture)
    monkeypatch.setattr(steps, "recognise_page", lambda *_: RecognisedPage(lines(100, confidence), languages=("eng",)))
    monkeypatch.setattr(steps, "_by_ppocr", lambda picture, sheet, before: other)
    found = steps._recognise_image(PICTURE, RECOGNISERS, "auto")
    assert (found is other) == taken
