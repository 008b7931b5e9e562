"""hOCR, ALTO, SRT and WebVTT as their readers want them."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillion.kinds.ocr.exports.alto import alto
from pillion.kinds.ocr.exports.hocr import hocr
from pillion.kinds.ocr.exports.markdown import markdown
from pillion.kinds.ocr.result import Block, BlockType, OcrLine, OcrPage, OcrResult, OcrWord
from pillion.kinds.transcript.result import TranscriptResult, TranscriptSegment, TranscriptWord
from pillion.kinds.transcript.subtitles import LINE_CELLS, MAX_S, broken, cells, cues, srt, vtt

ODD = 'R&D <"Grüße"> \x00\ud800'


def word(text: str, left: float, confidence: float | None = 96.4) -> OcrWord:
    return OcrWord(text=text, confidence=confidence, box=(left, 10.0, left + 20, 22.0))


def line(*words: OcrWord, paragraph: bool = False) -> OcrLine:
    text = " ".join(word.text for word in words)
    return OcrLine(text=text, words=words, box=(words[0].box[0], 10.0, words[-1].box[2], 22.0), paragraph=paragraph)


def result(*lines: OcrLine, unit: str = "pixel", rotation: int = 0) -> OcrResult:
    page = OcrPage(
        number=1, source="ocr", width=200, height=100, unit=unit, lines=lines, rotation=rotation, confidence=90.0
    )
    empty = OcrPage(number=2, source="ocr", width=200, height=100, unit=unit, lines=())
    return OcrResult(engine="tesseract", engine_version="5.5.4", languages=("eng", "deu"), pages=(page, empty))


@pytest.fixture
def plain() -> OcrResult:
    return result(
        line(word("Two", 5), word("words", 30, 40.0), paragraph=True), line(word(ODD, 5, None), paragraph=True)
    )


def classes(document: str) -> list[tuple[str, str, str]]:
    """Class, title and text of each element that has a class, in order."""
    root = ET.fromstring(document)
    return [
        (element.attrib["class"], element.attrib.get("title", ""), element.text or "")
        for element in root.iter()
        if "class" in element.attrib
    ]


def test_hocr_has_pages_areas_paragraphs_lines_and_words(plain: OcrResult) -> None:
    document = hocr(plain, 'a "b" & c.png')
    found = classes(document)
    assert [kind for kind, _, _ in found] == [
        *("ocr_page", "ocr_carea", "ocr_par", "ocr_line", "ocrx_word", "ocrx_word"),
        *("ocr_par", "ocr_line", "ocrx_word", "ocr_page"),
    ]
    assert found[0][1] == 'image "a b & c.png"; bbox 0 0 200 100; ppageno 0'
    assert found[3][1] == "bbox 5 10 50 22"
    assert found[4][1:] == ("bbox 5 10 25 22; x_wconf 96", "Two")
    assert found[8][1:] == ("bbox 5 10 25 22", 'R&D <"Grüße"> \ufffd\ufffd')
    names = re.findall(r' id="([^"]+)"', document)
    assert len(names) == len(set(names))
    metas = dict(re.findall(r'<meta name="([^"]+)" content="([^"]*)"', document))
    assert metas["ocr-system"] == "tesseract 5.5.4"
    assert (metas["ocr-langs"], metas["ocr-scripts"]) == ("en de", "Latn")
    assert set(metas["ocr-capabilities"].split()) >= {kind for kind, _, _ in found}


def test_pages_of_a_pdf_have_the_pixels_of_a_scan() -> None:
    found = classes(hocr(result(line(word("Two", 5)), unit="point", rotation=90), "a.pdf"))
    assert found[0][1] == 'image "a.pdf"; bbox 0 0 833 417; ppageno 0; scan_res 300 300'
    assert found[3][1] == "bbox 21 42 104 92; textangle 90"


def test_boxes_stay_on_the_page() -> None:
    outside = OcrWord(text="x", confidence=1, box=(-5, -5, 999, 999))
    found = classes(hocr(result(OcrLine(text="x", words=(outside,), box=outside.box)), "a"))
    assert found[4][1].startswith("bbox 0 0 200 100")


def test_a_line_without_words_is_shared_out() -> None:
    found = classes(hocr(result(OcrLine(text="ab abcd", box=(0, 0, 70, 10))), "a"))
    assert [(title, text) for kind, title, text in found if kind == "ocrx_word"] == [
        ("bbox 0 0 20 10", "ab"),
        ("bbox 30 0 70 10", "abcd"),
    ]


ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"


def of_article() -> OcrResult:
    """A heading, a paragraph in which a word is parted at the end of a line, a list, a figure, a table, a caption."""
    texts = [
        "Harbour",
        "The library of the har-",
        "bour has *no* stairs",
        "• bread",
        "2) milk",
        "a\t1|2",
        "b",
        "Fig. 1: x",
    ]
    lines = tuple(
        OcrLine(text=text, box=(5.0, 10.0 * number, 90.0, 10.0 * number + 8), paragraph=number not in (2, 6))
        for number, text in enumerate(texts)
    )
    kinds = [("heading", (0,)), ("text", (1, 2)), ("list", (3,)), ("list", (4,)), ("figure", ()), ("table", (5, 6))]
    rows = (("a", "1|2"), ("b",))
    blocks = tuple(
        Block(type=BlockType(kind), box=(5, 5, 95, 95), lines=numbers, rows=rows if kind == "table" else ())
        for kind, numbers in [*kinds, ("caption", (7,))]
    )
    page = OcrPage(number=1, source="ocr", width=200, height=100, unit="pixel", lines=lines, blocks=blocks)
    return OcrResult(engine="tesseract", engine_version="5.5.4", languages=("eng",), pages=(page, page))


def test_markdown_has_headings_paragraphs_lists_and_tables() -> None:
    page = (
        "## Harbour\n\nThe library of the harbour has \\*no\\* stairs\n\n- bread\n\n2. milk\n\n"
        "| a | 1\\|2 |\n| --- | --- |\n| b |  |\n\n*Fig. 1: x*"
    )
    assert markdown(of_article()) == f"{page}\n\n---\n\n{page}\n"


def test_rows_that_make_no_table_have_lines_of_their_own_in_markdown() -> None:
    texts = ["Cash or", "card", "Rounding\t0.00", "CASH\t9*3", "Thank", "you"]
    lines = tuple(OcrLine(text=text, box=(0, 30 * at, 90, 30 * at + 20)) for at, text in enumerate(texts))
    block = Block(type=BlockType.TEXT, box=(0, 0, 90, 170), lines=tuple(range(6)))
    page = OcrPage(number=1, source="ocr", width=90, height=200, unit="pixel", lines=lines, blocks=(block,))
    result = OcrResult(engine="rapidocr", engine_version="3", languages=(), pages=(page,))
    assert markdown(result) == "Cash or card\\\nRounding 0.00\\\nCASH 9\\*3\\\nThank you\n"


def test_what_looks_like_markdown_is_text() -> None:
    assert markdown(result(line(word("#", 5), word("1", 30)))) == "\\# 1\n"


def row(text: str, right: float, top: float, *, starts: bool = False) -> OcrLine:
    return OcrLine(text=text, box=(10.0, top, right, top + 12), paragraph=starts)


def test_lines_that_end_early_stay_lines() -> None:
    """An address: "Norden" would have fitted beside each. Prose: no first word of a line fits beside the last one."""
    address = row("Ada Brandt", 60, 10, starts=True), row("Old Harbour Street 17", 120, 24), row("Norden", 45, 38)
    assert markdown(result(*address)) == "Ada Brandt\\\nOld Harbour Street 17\\\nNorden\n"
    prose = (
        row("The library of the harbour opens", 190, 10, starts=True),
        row("every day at nine, and closes at", 186, 24),
        row("six. It has no stairs", 120, 38),
    )
    assert markdown(result(*prose)) == f"{' '.join(line.text for line in prose)}\n"
    # Of a paragraph whose end was not seen, the line before the next one is its last.
    after = row("Captains wrote them here, and also", 190, 52), row("on their way to the town of Norden", 190, 66)
    assert markdown(result(*prose, *after)).count("\\\n") == 1
    turned = result(*address, rotation=90)
    assert markdown(turned) == "Ada Brandt Old Harbour Street 17 Norden\n"


def test_each_block_is_an_area_and_a_figure_a_photograph() -> None:
    found = [kind for kind, _, _ in classes(hocr(of_article(), "a")) if kind in ("ocr_carea", "ocr_photo")]
    area = "ocr_carea"
    assert found == 2 * [area, area, area, area, "ocr_photo", area, area]


def test_a_figure_is_an_illustration() -> None:
    root = ET.fromstring(alto(of_article(), "a"))
    assert len(root.findall(f".//{ALTO}PrintSpace/{ALTO}Illustration")) == 2
    assert len(root.findall(f".//{ALTO}PrintSpace/{ALTO}TextBlock")) == 2 * 6


ATTRIBUTES = {
    "alto": {"SCHEMAVERSION", "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"},
    "Page": {"ID", "PHYSICAL_IMG_NR", "PROCESSINGREFS", "WIDTH", "HEIGHT", "PC", "ROTATION"},
    "PrintSpace": {"HPOS", "VPOS", "WIDTH", "HEIGHT"},
    "TextBlock": {"ID", "HPOS", "VPOS", "WIDTH", "HEIGHT", "BASEDIRECTION"},
    "TextLine": {"ID", "HPOS", "VPOS", "WIDTH", "HEIGHT"},
    "String": {"ID", "CONTENT", "HPOS", "VPOS", "WIDTH", "HEIGHT", "WC"},
    "SP": set(),
    "Processing": {"ID"},
}
CHILDREN = {
    "alto": ["Description", "Layout"],
    "Description": ["MeasurementUnit", "sourceImageInformation", "Processing"],
    "sourceImageInformation": ["fileName"],
    "Processing": ["processingCategory", "processingStepSettings", "processingSoftware"],
    "processingSoftware": ["softwareName", "softwareVersion"],
    "Layout": ["Page"],
    "Page": ["PrintSpace"],
    "PrintSpace": ["TextBlock"],
    "TextBlock": ["TextLine"],
    "TextLine": ["String", "SP"],
}
"""What of alto-4-4.xsd is used here, in the order it asks for."""


@pytest.mark.parametrize("rotation", [0, 270])
def test_alto_keeps_to_the_schema(rotation: int, plain: OcrResult) -> None:
    made = plain if rotation == 0 else result(line(word("Two", 5)), rotation=rotation)
    root = ET.fromstring(alto(made, "a & b.png"))
    names: list[str] = []
    for element in root.iter():
        name = element.tag.removeprefix(ALTO)
        assert element.tag.startswith(ALTO)
        assert set(element.attrib) <= ATTRIBUTES.get(name, set()), name
        order = [CHILDREN[name].index(child.tag.removeprefix(ALTO)) for child in element]
        assert name == "TextLine" or order == sorted(order)
        if name == "TextLine":
            assert order == [number % 2 for number in range(len(order))]
        names += [element.attrib["ID"]] if "ID" in element.attrib else []
    assert len(names) == len(set(names))


def test_alto_says_where_and_how_sure(plain: OcrResult) -> None:
    root = ET.fromstring(alto(plain, "a.png"))
    first, second, third = root.iter(f"{ALTO}String")
    assert first.attrib == {
        "ID": "string_1_1_1",
        "CONTENT": "Two",
        "HPOS": "5",
        "VPOS": "10",
        "WIDTH": "20",
        "HEIGHT": "12",
        "WC": "0.964",
    }
    assert second.attrib["WC"] == "0.400"
    assert "WC" not in third.attrib
    assert [page.attrib.get("PC") for page in root.iter(f"{ALTO}Page")] == ["0.900", None]
    assert next(root.iter(f"{ALTO}MeasurementUnit")).text == "pixel"


# subtitles ------------------------------------------------------------------------------------------------------------


def said(*segments: TranscriptSegment) -> TranscriptResult:
    return TranscriptResult(
        engine="faster-whisper",
        engine_version="1",
        model="base",
        language="en",
        language_probability=1.0,
        duration=100.0,
        segments=segments,
    )


def segment(text: str, start: float, *, per_word: float = 0.4, words: bool = True) -> TranscriptSegment:
    parts = text.split()
    timed = tuple(
        TranscriptWord(text=part, start=start + index * per_word, end=start + (index + 1) * per_word, probability=0.9)
        for index, part in enumerate(parts)
    )
    return TranscriptSegment(text=text, start=start, end=start + per_word * len(parts), words=timed if words else ())


def test_srt_and_vtt_are_written_as_they_are_read() -> None:
    made = said(segment("And so, my fellow Americans:", 3599.5), segment("R&D <b> --> ask not", 3610.0))
    assert srt(made) == (
        "1\n00:59:59,500 --> 01:00:01,500\nAnd so, my fellow Americans:\n"
        "\n2\n01:00:10,000 --> 01:00:12,000\nR&D <b> → ask not\n"
    )
    assert vtt(made) == (
        "WEBVTT\n\n00:59:59.500 --> 01:00:01.500\nAnd so, my fellow Americans:\n"
        "\n01:00:10.000 --> 01:00:12.000\nR&amp;D &lt;b&gt; --&gt; ask not\n"
    )


def test_nothing_said_is_an_empty_file() -> None:
    assert srt(said()) == ""
    assert vtt(said()) == "WEBVTT\n"


def test_a_long_segment_is_cut_where_a_sentence_ends() -> None:
    text = (
        "The keeper likes to say that the draughtsman only wanted a reason. To sail on, he had to invent an island "
        "that no ship has ever found."
    )
    pieces = [" ".join(cue.lines) for cue in cues(said(segment(text, 0.0, per_word=0.2)))]
    assert pieces[0].endswith("reason.")
    assert " ".join(pieces) == text


def test_a_pause_parts_pieces() -> None:
    words = (
        TranscriptWord(text="Well,", start=0.0, end=0.4, probability=1),
        TranscriptWord(text="no.", start=5.0, end=5.3, probability=1),
    )
    made = cues(said(TranscriptSegment(text="Well, no.", start=0, end=5.3, words=words)))
    assert [(cue.lines, cue.start, cue.end) for cue in made] == [(("Well,",), 0.0, 1.0), (("no.",), 5.0, 6.0)]


def test_writing_without_blanks_is_cut_between_characters() -> None:
    text = "漢字かな交じり文の例として十分に長い文章をここに置く" * 3
    words = tuple(
        TranscriptWord(text=character, start=index * 0.1, end=index * 0.1 + 0.1, probability=1)
        for index, character in enumerate(text)
    )
    made = cues(said(TranscriptSegment(text=text, start=0, end=len(text) * 0.1, words=words)))
    assert "".join("".join(cue.lines) for cue in made) == text
    assert all(cells(row) <= LINE_CELLS for cue in made for row in cue.lines)
    guessed = cues(said(TranscriptSegment(text=text, start=0, end=len(text) * 0.1, words=())))
    assert "".join("".join(cue.lines) for cue in guessed) == text


vocabulary = st.text(alphabet="abcdefgh,.!", min_size=1, max_size=14)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.lists(vocabulary, min_size=1, max_size=40), st.booleans()), max_size=5),
    st.integers(1, 20).map(lambda tenths: tenths / 20),
)
def test_every_word_is_shown_in_time_and_in_room(segments: list[tuple[list[str], bool]], per_word: float) -> None:
    made, start = [], 0.0
    for words, timed in segments:
        made.append(segment(" ".join(words), start, per_word=per_word, words=timed))
        start = made[-1].end + 0.5
    found = cues(said(*made))
    shown = " ".join(row for cue in found for row in cue.lines)
    assert shown.split() == [part for words, _ in segments for part in words]
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(row and cells(row) <= LINE_CELLS for row in cue.lines)
        assert 0 < cue.end - cue.start <= MAX_S + 0.001 or len(" ".join(cue.lines).split()) == 1
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert html.unescape(vtt(said(*made))).count(" --> ") == len(found)


def test_lines_are_broken_near_the_middle() -> None:
    assert broken("short") == ("short",)
    upper, lower = broken("The keeper likes to say that the draughtsman only wanted a reason.")
    assert abs(len(upper) - len(lower)) < 10
