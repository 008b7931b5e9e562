"""Tesseract on pages and photographs with known words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import tesseract
from pillion.kinds.ocr.exports.searchable import searchable_pdf
from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import OcrResult
from pillion.kinds.registry import find
from pillion.model import Empty, GenerationRequest
from tests.support import media, photos
from tests.support.programs import needs_tesseract
from tests.support.tiffs import Value, tiff

pytestmark = pytest.mark.models
PARAGRAPH = "\n".join(media.PAGE_TEXT.splitlines()[:8])


def read(path: Path, *languages: str) -> OcrResult:
    return recognise(path, is_pdf=path.suffix == ".pdf", languages=languages or ("eng",))


def error_rate(expected: str, result: OcrResult) -> float:
    return media.character_error_rate(expected, result.text)


def test_a_scanned_page(text_page: Path) -> None:
    result = read(text_page)
    assert error_rate(media.PAGE_TEXT, result) <= 0.005
    (page,) = result.pages
    assert (page.source, page.unit, page.rotation) == ("ocr", "pixel", 0)
    assert result.confidence is not None
    assert result.confidence > 90
    assert sum(line.paragraph for line in page.lines) >= 3


def test_boxes_lie_on_the_words(text_page: Path) -> None:
    (page,) = read(text_page).pages
    ink = np.asarray(Image.open(text_page).convert("L")) < 128
    assert (page.width, page.height) == (ink.shape[1], ink.shape[0])
    for line in page.lines:
        for word in line.words:
            left, top, right, bottom = (round(side) for side in word.box)
            assert 0 <= left < right <= ink.shape[1]
            assert ink[top:bottom, left:right].mean() > 0.05, word.text


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pages_are_read_whichever_way_up(turn: int, tmp_path: Path) -> None:
    upright = media.page(PARAGRAPH, dpi=150)
    path = tmp_path / "turned.png"
    upright.rotate(-turn, expand=True).save(path)
    result = read(path)
    (page,) = result.pages
    assert error_rate(PARAGRAPH, result) <= 0.02
    assert page.rotation == (360 - turn) % 360
    ink = np.asarray(Image.open(path).convert("L")) < 128
    left, top, right, bottom = (round(side) for side in page.lines[0].words[0].box)
    assert ink[top:bottom, left:right].mean() > 0.05


@pytest.mark.parametrize("dpi", [72, 100, 400])
def test_other_resolutions(dpi: int, tmp_path: Path) -> None:
    path = media.write_page(tmp_path / "page.png", PARAGRAPH, dpi=dpi)
    assert error_rate(PARAGRAPH, read(path)) <= (0.03 if dpi == 72 else 0.01)


def test_lines_that_begin_alike_are_read_along_and_not_down(tmp_path: Path) -> None:
    lines = [f"Fax line {number}: the plum jam has arrived" for number in range(1, 9)]
    path = tmp_path / "list.png"
    media.page("\n".join(lines), dpi=150).convert("L").crop((0, 0, 860, 560)).save(path)
    assert [line for line in read(path).text.splitlines() if line] == lines


def test_white_on_black(tmp_path: Path) -> None:
    path = tmp_path / "dark.png"
    Image.fromarray(255 - np.asarray(media.page(PARAGRAPH, dpi=150))).save(path)
    assert error_rate(PARAGRAPH, read(path)) <= 0.01


def test_transparent_ground(tmp_path: Path) -> None:
    page = media.page(PARAGRAPH, dpi=150)
    path = tmp_path / "clear.png"
    ink = Image.new("RGBA", page.size, (0, 0, 0, 0))
    ink.putalpha(Image.fromarray(255 - np.asarray(page)))
    ink.save(path)
    assert error_rate(PARAGRAPH, read(path)) <= 0.01


def test_another_language(german_page: Path) -> None:
    result = read(german_page, "deu")
    assert error_rate(media.GERMAN_PAGE_TEXT, result) <= 0.01
    assert result.languages == ("deu",)


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_print_that_no_language_here_can_read_is_noted(suffix: str, tmp_path: Path) -> None:
    """Letters in a mirror are as those of another script: they are read as nonsense, or not at all."""
    written = media.page(media.PAGE_TEXT, dpi=150)
    upright, path = tmp_path / f"upright{suffix}", tmp_path / f"mirrored{suffix}"
    written.save(upright, resolution=150)
    ImageOps.mirror(written).save(path, resolution=150)
    assert read(upright).notes == ()
    (note,) = read(path).notes
    assert note.startswith("some print makes no sense in eng: ")


def test_a_photograph_has_no_text(tmp_path: Path) -> None:
    generator = find("ocr", "image/jpeg")
    assert generator is not None
    for seed in range(3):
        path = photos.write_photo(tmp_path / f"{seed}.jpg", seed=seed)
        request = GenerationRequest(kind="ocr", variants=("default",), source=path, mime="image/jpeg")
        assert generator.generate(request) == Empty(note="no text found")


def test_noise_has_no_text(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(0).integers(0, 255, (600, 800), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    assert read(path).text == ""


def test_a_notice_in_a_photograph(tmp_path: Path) -> None:
    photo = photos.photo(1, (1600, 1200)).convert("RGB")
    words = media.page(PARAGRAPH, dpi=150)
    rows, columns = np.nonzero(np.asarray(words) < 128)
    notice = words.crop((columns.min() - 60, rows.min() - 60, columns.max() + 60, rows.max() + 60))
    photo.paste(notice.convert("RGB"), (100, 300))
    path = tmp_path / "notice.png"
    photo.save(path)
    assert error_rate(PARAGRAPH, read(path)) <= 0.02


def test_a_language_without_data(text_page: Path) -> None:
    with pytest.raises(ItemError, match="xzz") as caught:
        read(text_page, "xzz")
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


def test_without_any_tesseract(text_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract.LIBRARY, "problem", lambda: "it is gone: run pip install tesserocr")
    monkeypatch.setattr(tesseract.PROGRAM, "problem", lambda: "no binary")
    with pytest.raises(ItemError, match="pip install tesserocr") as caught:
        read(text_page)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


@needs_tesseract
def test_the_program_is_the_fallback(text_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract.LIBRARY, "problem", lambda: "gone")
    assert error_rate(media.PAGE_TEXT, read(text_page)) <= 0.01


def test_the_programs_table_becomes_lines() -> None:
    table = {
        "level": [1, 5, 5, 5, 5],
        "block_num": [0, 1, 1, 1, 2],
        "par_num": [0, 1, 1, 1, 1],
        "line_num": [0, 1, 1, 2, 1],
        "left": [0, 10, 30, 10, 10],
        "top": [0, 5, 6, 20, 60],
        "width": [100, 15, 20, 30, 5],
        "height": [100, 10, 8, 10, 10],
        "conf": [-1, 96.5, 90, 80, 70],
        "text": ["", "One", "two", "three", " "],
    }
    lines = tesseract.lines_of_table(table)
    assert [[word.text for word in line.words] for line in lines] == [["One", "two"], ["three"]]
    assert lines[0].box == (10, 5, 50, 15)
    assert [line.paragraph for line in lines] == [True, False]


def test_json_says_the_same(text_page: Path) -> None:
    result = read(text_page)
    document = json.loads(result.to_json())
    assert document["text"] == result.text
    assert document["engine"]["name"] == "tesseract"
    assert document["pages"][0]["lines"][0]["words"][0]["text"] == "The"


def test_all_pages_of_a_tiff_are_read(tmp_path: Path) -> None:
    words = ["quince jelly", "walnut bread", "cherry stones"]
    pages = [media.page(f"{text}\n" * 6, dpi=150).convert("1") for text in words]
    path = tmp_path / "scan.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4")
    result = read(path)
    assert [page.number for page in result.pages] == [1, 2, 3]
    for page, text in zip(result.pages, words, strict=True):
        assert page.text.splitlines() == [text] * 6
    assert not result.partial
    exported = tmp_path / "scan.pdf"
    exported.write_bytes(searchable_pdf(result, path, is_pdf=False))
    assert [words[0] in page.text for page in read(exported).pages] == [True, False, False]
    assert [words[2] in page.text for page in read(exported).pages] == [False, False, True]


def test_a_page_of_a_tiff_that_nobody_reads_is_left_out_with_a_note(tmp_path: Path) -> None:
    good = np.asarray(media.page("quince jelly\n" * 6, dpi=150).convert("L"))
    tags: dict[int, Value] = {256: good.shape[1], 257: good.shape[0], 258: 8, 259: 1, 262: 1, 277: 1}
    tags[278] = good.shape[0]
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(({**tags, 259: 8}, [b"no deflate"]), (tags, [good.tobytes()])))
    result = read(path)
    assert [page.number for page in result.pages] == [2]
    assert "quince jelly" in result.text
    assert result.partial
    assert result.notes[0].startswith("page 1 was left out: ")


GERMAN = "\n".join(
    (
        "Der Hafen der kleinen Stadt war an diesem Morgen fast leer, nur zwei Boote",
        "lagen noch an der langen Mauer. Über dem Wasser hing ein dünner Nebel, und",
        "die Möwen saßen auf den Pfählen, als warteten sie auf den Fischmarkt. Früher",
        "hatten hier dreißig Familien vom Fang gelebt, heute sind es höchstens fünf.",
        "Die übrigen fahren mit dem Zug in die Hauptstadt und kommen spät zurück.",
        "Im Rathaus überlegt man seit Jahren, was aus den Hallen werden könnte: ein",
        "Museum, Wohnungen für Studenten, vielleicht auch eine Werkstatt für Künstler.",
        "Bisher fehlte für alles das Geld, und die Dächer werden nicht dichter davon.",
    )
)


def test_a_note_in_another_language_does_not_decide(tmp_path: Path) -> None:
    note = "\n".join(media.PAGE_TEXT.splitlines()[:14])
    path = tmp_path / "note.png"
    media.page(f"{note}\n\n{GERMAN}\n\n{GERMAN}", dpi=150).save(path)
    result = read(path, "auto")
    assert result.languages == ("deu",)
    assert "höchstens fünf" in result.text
    assert error_rate(f"{note}\n\n{GERMAN}\n\n{GERMAN}", result) <= 0.01
