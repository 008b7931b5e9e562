"""Results read back from the JSON in which they are stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.result import Box, OcrLine, OcrPage, OcrResult, OcrWord, mean_confidence
from pillion.kinds.transcript.result import (
    DroppedSegment,
    TranscriptResult,
    TranscriptSegment,
    TranscriptWord,
)

texts = st.text(min_size=1, max_size=12)
tenths = st.integers(0, 10_000).map(lambda number: number / 10)
hundredths = st.integers(0, 1_000_000).map(lambda number: number / 100)
boxes: st.SearchStrategy[Box] = st.tuples(tenths, tenths, tenths, tenths)
words = st.builds(
    OcrWord,
    text=texts,
    confidence=st.none() | st.integers(0, 1000).map(lambda number: number / 10),
    box=boxes,
    uncertain=st.booleans(),
)
lines = st.builds(
    OcrLine, text=texts, words=st.lists(words, max_size=3).map(tuple), box=st.none() | boxes, paragraph=st.booleans()
)


@st.composite
def pages(draw: st.DrawFn) -> OcrPage:
    found = tuple(draw(st.lists(lines, max_size=3)))
    confidence = mean_confidence(found)
    return OcrPage(
        number=draw(st.integers(1, 9)),
        source=draw(st.sampled_from(["ocr", "text_layer", "mixed"])),
        width=draw(tenths),
        height=draw(tenths),
        unit=draw(st.sampled_from(["pixel", "point"])),
        lines=found,
        rotation=draw(st.sampled_from([0, 90, 180, 270])),
        confidence=None if confidence is None else round(confidence, 1),
    )


ocr_results = st.builds(
    OcrResult,
    engine=texts,
    engine_version=texts,
    languages=st.lists(texts, min_size=1, max_size=2).map(tuple),
    pages=st.lists(pages(), max_size=3).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
)
transcripts = st.builds(
    TranscriptResult,
    engine=texts,
    engine_version=texts,
    model=texts,
    language=texts,
    language_probability=st.integers(0, 1000).map(lambda number: number / 1000),
    duration=hundredths,
    segments=st.lists(
        st.builds(
            TranscriptSegment,
            text=texts,
            start=hundredths,
            end=hundredths,
            words=st.lists(
                st.builds(
                    TranscriptWord,
                    text=texts,
                    start=hundredths,
                    end=hundredths,
                    probability=st.integers(0, 1000).map(lambda number: number / 1000),
                ),
                max_size=3,
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    dropped=st.lists(
        st.builds(DroppedSegment, text=texts, start=hundredths, end=hundredths, reason=texts), max_size=2
    ).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
)


@settings(deadline=None)
@given(ocr_results)
def test_what_was_read_comes_back(result: OcrResult) -> None:
    assert OcrResult.from_json(result.to_json()) == result


@settings(deadline=None)
@given(transcripts)
def test_what_was_heard_comes_back(result: TranscriptResult) -> None:
    assert TranscriptResult.from_json(result.to_json()) == result


def test_the_first_version_is_still_read() -> None:
    page: dict[str, Any] = {
        "number": 1, "source": "text_layer", "width": 595, "height": 842, "unit": "point", "rotation": 0,
        "mean_confidence": None, "text": "Good morning", "lines": [{"text": "Good morning", "words": []}],
    }  # fmt: skip
    old = {
        "schema_version": 1, "kind": "ocr", "engine": {"name": "pdfium", "version": "1"}, "languages": ["eng"],
        "mean_confidence": None, "text": "Good morning", "pages": [page], "notes": [],
    }  # fmt: skip
    result = OcrResult.from_json(json.dumps(old))
    assert result.text == "Good morning"
    assert result.pages[0].lines[0].box is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"kind": "transcript"}', '{"kind": "ocr", "engine": 3}']
)
def test_what_is_no_sidecar_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ItemError) as caught:
        OcrResult.from_json(text)
    assert caught.value.error_class is ErrorClass.CORRUPT
