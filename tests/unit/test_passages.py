"""Where a chunk's text is from: page and box, seconds, slide or chapter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.embedding.passages import Passage, passages
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrResult, OcrWord
from pillion.kinds.transcript.result import TranscriptResult, TranscriptSegment, TranscriptWord
from pillion.model import GenerationRequest, SidecarKind
from pillion.search.passages import of_pages
from tests.support import office


def of_sidecar(kind: SidecarKind, text: str, tmp_path: Path) -> list[Passage]:
    sidecar = tmp_path / "default.json"
    sidecar.write_text(text)
    request = GenerationRequest(
        kind="embeddings", variants=("x",), source=tmp_path / "none", mime="x/y", texts={kind: sidecar}
    )
    return list(passages(request))


def word(text: str, left: float) -> OcrWord:
    return OcrWord(text=text, confidence=90, box=(left, 0, left + 10, 20), uncertain=False)


PAGE = OcrPage(
    number=1,
    source="ocr",
    width=100,
    height=100,
    unit="pixel",
    lines=(
        OcrLine(text="one one two", words=(word("one", 0), word("one", 20), word("two", 40)), box=(0, 0, 50, 20)),
        OcrLine(text="three", box=(5, 40.26, 60, 60), paragraph=True),
    ),
)
OCR = OcrResult(
    engine="x",
    engine_version="1",
    languages=("eng",),
    pages=(PAGE, replace(PAGE, number=4, lines=(OcrLine(text="no box"),))),
)


def test_pages_and_boxes(tmp_path: Path) -> None:
    first, second = of_sidecar("ocr", OCR.to_json(), tmp_path)
    assert first.text == "one one two\n\nthree"
    assert first.place(0, 18) == {"part": "page", "number": 1, "box": [0, 0, 60, 60]}
    assert first.place(4, 7) == {"part": "page", "number": 1, "box": [20, 0, 30, 20]}
    assert first.place(4, 18)["box"] == [5, 0, 60, 60]
    assert first.place(13, 18)["box"] == [5, 40.3, 60, 60]
    assert OCR.text[second.offset : second.offset + 6] == "no box"
    assert second.place(0, 6) == {"part": "page", "number": 4}


def test_notes_are_neither_embedded_nor_searched(tmp_path: Path) -> None:
    noted = replace(OCR, notes=("only the first 500 of 731 pages were read",), partial=True)
    assert "731" in noted.to_json()
    embedded = of_sidecar("ocr", noted.to_json(), tmp_path)
    searched = list(of_pages(json.loads(noted.to_json())))
    assert [passage.text for passage in embedded] == [page.text for page in OCR.pages]
    assert searched == list(of_pages(json.loads(OCR.to_json())))


def test_seconds(tmp_path: Path) -> None:
    words = tuple(TranscriptWord(text="so", start=start, end=start + 0.5, probability=1) for start in (1.0, 2.0))
    segments = (
        TranscriptSegment(text="so so", start=0.5, end=3, words=words),
        TranscriptSegment(text="then", start=10, end=12.35, words=()),
    )
    result = TranscriptResult(
        engine="x",
        engine_version="1",
        model="base",
        language="en",
        language_probability=1,
        duration=20,
        segments=segments,
    )
    (spoken,) = of_sidecar("transcript", result.to_json(), tmp_path)
    assert spoken.text == "so so\nthen"
    assert spoken.place(0, 2) == {"seconds": [1, 1.5]}
    assert spoken.place(3, 5) == {"seconds": [2, 2.5]}
    assert spoken.place(0, 10) == {"seconds": [1, 12.35]}
    assert spoken.place(6, 10) == {"seconds": [10, 12.35]}


@pytest.mark.parametrize("ending", office.MIMES)
def test_documents(ending: str, tmp_path: Path) -> None:
    path = office.write(tmp_path, ending)
    request = GenerationRequest(kind="embeddings", variants=("x",), source=path, mime=office.MIMES[ending])
    whole = "\f".join(text for _, _, _, text in office.TEXTS[ending])
    for passage, (kind, number, name, text) in zip(passages(request), office.TEXTS[ending], strict=True):
        assert passage.text == text == whole[passage.offset : passage.offset + len(text)]
        place = {} if kind == "body" else {"part": kind, "number": number} | ({"name": name} if name else {})
        assert passage.place(0, 3) == place


def test_damaged_sidecars_are_corrupt(tmp_path: Path) -> None:
    for kind in ("ocr", "transcript"):
        with pytest.raises(ItemError) as caught:
            of_sidecar(kind, '{"text": "half', tmp_path)
        assert caught.value.error_class is ErrorClass.CORRUPT
