"""Which of two engines is believed where Tesseract's model is not sure of a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pillion.kinds.ocr import page
from pillion.kinds.ocr import recognise as steps
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.page import RecognisedPage
from pillion.kinds.ocr.ppocr import Word
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
    monkeypatch.setattr(steps, "_seen", lambda *_, photographs: steps._Seen(None))
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture: picture)
    monkeypatch.setattr(steps, "recognise_page", lambda *_: RecognisedPage(lines(100, confidence), languages=("eng",)))
    monkeypatch.setattr(steps, "_again", lambda picture, sheet, before: other)
    found = steps._recognise_image(PICTURE, RECOGNISERS, "auto")
    assert (found is other) == taken


SLIP = cast(Any, SimpleNamespace(width=1000, height=1700, size=(1000.0, 1700.0)))


@pytest.mark.parametrize(
    ("known", "foreign", "sure", "taken", "laid_out", "sought"),
    [
        (0.8, False, (98.0,), True, False, False),
        (0.97, False, (98.0,), False, True, False),
        (0.8, True, (98.0,), False, True, False),
        (0.8, False, (90.0, 98.0), True, False, True),
        (0.4, False, (98.0,), True, False, True),
        (0.8, False, (90.0, 90.0), True, True, True),
        (0.8, False, (71.0, 71.0), False, True, True),
    ],
    ids=[
        "a slip",
        "clean print",
        "another language",
        "sure once sought",
        "no lines at first",
        "not sure",
        "makes less sense",
    ],
)
def test_a_slip_is_sought_and_laid_out_as_a_page_only_where_that_may_be_better(
    known: float,
    foreign: bool,
    sure: tuple[float, ...],
    taken: bool,
    laid_out: bool,
    sought: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = (("deu",),) if foreign else ()
    recognisers = cast(Any, SimpleNamespace(**vars(RECOGNISERS), read=None, languages_to_try=lambda text: others))
    pages: list[object] = []
    looks: list[object] = []
    readings = iter(sure)
    print_of = SimpleNamespace(gray=lambda: None, regions=[])

    def recognise_page(*_: object) -> RecognisedPage:
        pages.append(SLIP)
        return RecognisedPage(lines(100, 97.0 if foreign or known > 0.9 else 85.0), languages=("eng",))

    monkeypatch.setattr(steps.models, "has_networks", lambda: True)
    monkeypatch.setattr(steps.ppocr, "loaded", lambda: None)
    monkeypatch.setattr(steps.ppocr, "version", lambda: "3")
    monkeypatch.setattr(steps, "_print_in", lambda picture: print_of)
    monkeypatch.setattr(steps, "_small_print_in", lambda picture: looks.append(picture) or [object()])
    monkeypatch.setattr(steps, "_shown", lambda whole, side, photographs: steps._Seen(None))
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture: picture)
    monkeypatch.setattr(steps, "level_print", lambda picture, regions: print_of)
    monkeypatch.setattr(steps, "known_in", lambda gray, regions, read: [(Word("Total", known, 0.0, 1.0),)])
    monkeypatch.setattr(steps, "recognise_level_print", lambda *_, **__: RecognisedPage(lines(100, next(readings))))
    monkeypatch.setattr(steps, "recognise_page", recognise_page)
    found = steps._recognise_image(SLIP, recognisers, "auto")
    assert (found.engine == "rapidocr") == taken
    assert (bool(pages), bool(looks)) == (laid_out, sought)


def test_a_slip_that_is_a_photograph_is_read_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.models, "has_networks", lambda: True)
    monkeypatch.setattr(steps, "_print_in", lambda picture: None)
    monkeypatch.setattr(steps, "_shown", lambda whole, side, photographs: steps._Seen(None, is_photograph=True))
    monkeypatch.setattr(steps.ImageSource, "of", lambda picture: picture)
    monkeypatch.setattr(steps, "_by_ppocr", lambda picture: "a photograph")
    assert steps._recognise_image(SLIP, RECOGNISERS, "auto") == "a photograph"


@pytest.mark.parametrize(
    ("height", "may_be"), [(1600, False), (2100, True), (560, False)], ids=["a page", "a slip", "a slide"]
)
def test_what_is_long_along_its_text_may_be_a_slip(height: int, may_be: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = cast(Any, SimpleNamespace(width=1000, height=height))
    monkeypatch.setattr(steps.models, "has_networks", lambda: True)
    monkeypatch.setattr(steps, "_seen", lambda *_, photographs: steps._Seen(None))
    monkeypatch.setattr(steps, "_as_seen", lambda *_, has_ppocr: "a page")
    monkeypatch.setattr(steps, "_maybe_slip", lambda *_: "a slip")
    assert steps._recognise_image(picture, RECOGNISERS, "auto") == ("a slip" if may_be else "a page")


@pytest.mark.parametrize(("ground", "is_drawn"), [(0.6, True), (0.1, False)], ids=["a slide", "a photograph"])
def test_what_is_mostly_one_gray_was_never_in_front_of_a_lens(ground: float, is_drawn: bool) -> None:
    gray = np.random.default_rng(1).integers(0, 256, (100, 100), np.uint8)
    gray[: round(100 * ground)] = 255
    assert page.is_drawn(gray) == is_drawn
