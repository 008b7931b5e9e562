"""Sidecars are cut into passages that stay within a page, a column, and half a minute."""

from __future__ import annotations

from typing import Any

from pillion.search.passages import LONGEST, of_chunks, of_pages, of_speech
from pillion.search.update import names_text


def line(text: str, left: float, top: float, **more: Any) -> dict[str, Any]:
    return {"text": text, "words": [], "box": [left, top, left + 100, top + 10], **more}


def page(lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"languages": ["eng"], "pages": [{"number": 4, "lines": lines, **more}]}


def test_without_blocks_a_page_is_cut_by_its_length_alone() -> None:
    lines = [line(f"line {number} " + "x" * 60, 0, 10 * number, paragraph=number % 10 == 0) for number in range(60)]
    found = list(of_pages(page(lines)))
    assert "\n".join(passage.text for passage in found) == "\n".join(one["text"] for one in lines)
    assert all(len(passage.text) <= LONGEST * 3 // 2 for passage in found)
    assert len(found) > 3
    assert found[0].where == {"kind": "ocr", "page": 4, "box": [0, 0, 100, found[0].where["box"][3]]}
    assert {passage.language for passage in found} == {"eng"}


def test_a_passage_does_not_run_across_columns() -> None:
    lines = [line("Heading", 0, 0), line("left one", 0, 20), line("left two", 0, 40), line("right one", 300, 20)]
    blocks = [
        {"type": "heading", "box": [0, 0, 100, 10], "lines": [0]},
        {"type": "text", "box": [0, 20, 100, 50], "lines": [1, 2]},
        {"type": "figure", "box": [0, 60, 100, 90], "lines": []},
        {"type": "text", "box": [300, 20, 400, 30], "lines": [3]},
    ]
    found = [passage.text for passage in of_pages(page([*lines, line("rest", 0, 900)], blocks=blocks))]
    assert found == ["Heading\nleft one\nleft two", "right one", "rest"]


def test_words_that_a_line_parts_are_made_whole() -> None:
    (passage,) = of_pages(page([line("the har-", 0, 0), line("bour", 0, 10)]))
    assert passage.text == "the harbour"


def test_speech_is_cut_into_half_minutes_and_by_language() -> None:
    segments = [{"start": 8.0 * at, "end": 8.0 * at + 7, "text": f" s{at}", "words": []} for at in range(6)]
    segments[5]["language"] = "de"
    found = list(of_speech({"language": "en", "segments": segments}))
    assert [(passage.text, passage.language, passage.where["seconds"]) for passage in found] == [
        ("s0 s1 s2", "en", [0.0, 23.0]),
        ("s3 s4", "en", [24.0, 39.0]),
        ("s5", "de", [40.0, 47.0]),
    ]


def test_chunks_of_other_sidecars_are_left_out() -> None:
    chunks = [
        {"source": "ocr", "text": "no", "number": 1},
        {"source": "file", "text": "yes", "part": "sheet", "number": 2, "name": "Budget"},
    ]
    (passage,) = of_chunks(chunks)
    assert passage.where == {"kind": "file", "part": "sheet", "number": 2, "name": "Budget"}


def test_names_are_also_indexed_in_parts() -> None:
    names, folders = names_text([(b"/home/a", b"Norway trip/IMG1234.jpg"), (b"/home/a", b"IMG1234.jpg")])
    assert names.split("\n") == ["IMG1234.jpg", "IMG 1234.jpg"]
    assert folders.split("\n") == ["a", "Norway trip"]
