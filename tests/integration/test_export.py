"""Searchable PDFs whose words lie where they are seen, and ``pillion export`` from files and libraries."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pillion
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.exports import from_library
from pillion.kinds.ocr.exports.searchable import searchable_pdf
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrResult, OcrWord
from pillion.readers.pdf import document as pdfium
from tests.support import media, pdfs, speech
from tests.support.program import run, run_json

WORDS = ["Grüße", "из", "łódź", "漢字", "end."]


def placed(
    size: tuple[float, float], boxes: list[tuple[float, float, float, float]], *, rotation: int = 0
) -> OcrResult:
    """WORDS at these boxes on one page of a PDF."""
    words = tuple(OcrWord(text=text, confidence=90.0, box=box) for text, box in zip(WORDS, boxes, strict=True))
    line = OcrLine(text=" ".join(WORDS), words=words, box=boxes[0])
    page = OcrPage(
        number=1,
        source="ocr",
        unit="point",
        rotation=rotation,
        width=size[0],
        height=size[1],
        lines=(line,),
    )
    return OcrResult(engine="made", engine_version="1", languages=("eng",), pages=(page,))


def found_in(data: bytes, tmp_path: Path) -> tuple[pdfium.TextLayer, list[tuple[str, list[float]]], NDArray[np.uint8]]:
    """The text layer of the first page, its words with the boxes around them, and the page drawn."""
    path = tmp_path / "exported.pdf"
    path.write_bytes(data)
    with pdfium.opened(path) as document, document.page(0) as page:
        layer, drawn = page.text(), page.gray(1.0)
    words, at = [], 0
    for text in layer.text.split():
        start = layer.text.index(text, at)
        at = start + len(text)
        left, top, right, bottom = zip(layer.boxes[start], layer.boxes[at - 1], strict=True)
        words.append((text, [min(left), min(top), max(right), max(bottom)]))
    return layer, words, drawn


@pytest.mark.parametrize(
    "more", ["", "/Rotate 90", "/Rotate 180", "/Rotate 270", "/CropBox [100 200 500 700] /Rotate 90"]
)
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_words_lie_where_they_were_read(more: str, rotation: int, tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    picture = Image.fromarray(np.tile(np.arange(0, 250, dtype=np.uint8), (300, 1)))
    content = pdfs.image("Im", (0, 0, 595, 842))
    source.write_bytes(pdfs.write([pdfs.Page(content=content, images={"Im": picture}, more=more)]))
    with pdfium.opened(source) as document, document.page(0) as page:
        size, before = page.size, page.gray(1.0)
    steps = range(len(WORDS)) if rotation in (0, 270) else reversed(range(len(WORDS)))
    if rotation % 180:
        boxes = [(200.0, 40.0 + 60 * step, 212.0, 90.0 + 60 * step) for step in steps]
    else:
        boxes = [(40.0 + 60 * step, 200.0, 90.0 + 60 * step, 212.0) for step in steps]
    data = searchable_pdf(placed(size, boxes, rotation=rotation), source, is_pdf=True)
    layer, words, after = found_in(data, tmp_path)
    assert sorted(text for text, _ in words) == sorted(WORDS)
    for text, box in words:
        assert box == pytest.approx(boxes[WORDS.index(text)], abs=0.6), text
    assert set(layer.objects) == set(layer.unseen), "no ink"
    assert np.array_equal(before, after), "the page looks as before"


def test_a_pdf_keeps_its_own_text_once(tmp_path: Path, text_pdf: Path) -> None:
    data = pillion.export(text_pdf, "pdf")
    layer, _, _ = found_in(data, tmp_path)
    assert media.character_error_rate(media.PAGE_TEXT, layer.text) == 0


@pytest.mark.models
def test_a_scan_becomes_searchable(tmp_path: Path, scanned_pdf: Path) -> None:
    layer, words, drawn = found_in(pillion.export(scanned_pdf, "pdf"), tmp_path)
    assert media.character_error_rate(media.PAGE_TEXT, layer.text) <= 0.01
    for text, (left, top, right, bottom) in words:
        assert drawn[round(top) : round(bottom) + 1, round(left) : round(right) + 1].min() < 128, text


@pytest.mark.models
@pytest.mark.parametrize("form", ["jpeg", "turned", "png"])
def test_a_picture_becomes_a_page(form: str, tmp_path: Path) -> None:
    picture = media.page(dpi=150)
    source = tmp_path / f"page.{'png' if form == 'png' else 'jpg'}"
    tags = Image.Exif()
    if form == "turned":
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        tags[0x0112] = 6
    picture.save(source, dpi=(150, 150), exif=tags)
    data = pillion.export(source, "pdf")
    layer, _, drawn = found_in(data, tmp_path)
    assert media.character_error_rate(media.PAGE_TEXT, layer.text) <= 0.01
    assert drawn.shape == pytest.approx((842, 595), abs=2)
    ink = Image.fromarray(drawn).crop((72, 60, 500, 200))
    assert np.asarray(ink).min() < 100
    assert (source.read_bytes() in data) == (form == "jpeg"), "a JPEG that stands upright is kept as it is"


def test_what_is_protected_is_left_alone(encrypted_pdf: Path) -> None:
    with pytest.raises(ItemError) as caught:
        searchable_pdf(placed(media.A4, [(0, 0, 9, 9)] * 5), encrypted_pdf, is_pdf=True)
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


# the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, text_page: Path, text_pdf: Path) -> Path:
    root = tmp_path_factory.mktemp("exported")
    (root / text_page.name).write_bytes(text_page.read_bytes())
    (root / text_pdf.name).write_bytes(text_pdf.read_bytes())
    speech.say("Good morning, and welcome to the station.", "en", root / "greeting.wav")
    Image.new("L", (300, 300), 255).save(root / "blank.png")
    return root


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has read and heard the files of the folder, and done nothing else with them."""
    root = tmp_path_factory.mktemp("library") / "it"
    with pillion.Library.open(root) as opened:
        opened.index(folder)
        opened.run(kinds=["ocr", "transcript"])
    return root


@pytest.mark.models
def test_export_from_a_library(folder: Path, library: Path, tmp_path: Path) -> None:
    hocr = run("export", folder / "page.png", "--to", "hocr", "--library", library)
    assert "ocrx_word" in hocr.stdout
    ET.fromstring(hocr.stdout)
    made = run_json("export", folder / "page.png", "--to", "pdf", "-o", tmp_path / "out.pdf", "--library", library)
    assert made["bytes"] == (tmp_path / "out.pdf").stat().st_size
    with pillion.Library.open(library) as opened:
        ET.fromstring(pillion.export(folder / "text.pdf", "alto", library=opened))
        assert pillion.export(folder / "greeting.wav", "srt", library=opened).startswith(b"1\n00:00:0")
        assert b"orning" in pillion.export(folder / "greeting.wav", library=opened)
        text = pillion.export(made["content"][:9], library=opened).decode()
    assert media.character_error_rate(media.PAGE_TEXT, text) <= 0.01


@pytest.mark.models
def test_what_a_library_cannot_export_is_explained(folder: Path, library: Path, tmp_path: Path) -> None:
    with pillion.Library.open(library) as opened:
        for what, to, words in [
            (folder / "blank.png", "hocr", "is empty: no text found"),
            (folder / "page.png", "srt", "wants no transcript"),
            (tmp_path / "other.png", "text", "is not known"),
            (folder / "page.png", "docx", "There is no format"),
        ]:
            with pytest.raises(UsageError, match=words):
                pillion.export(what, to, library=opened)
    with pytest.raises(UsageError, match="cannot be exported as vtt"):
        pillion.export(folder / "page.png", "vtt")


def test_mistakes_get_one_sentence(folder: Path, tmp_path: Path) -> None:
    before = (folder / "text.pdf").read_bytes()
    for arguments, words in [
        ((folder / "text.pdf", "--to", "pdf", "-o", folder / "text.pdf", "--now"), "never written"),
        ((folder / "text.pdf", "--json", "--now"), "name an output file with -o"),
        ((tmp_path / "other.png", "--now"), "There is no file"),
    ]:
        done = run("export", *arguments)
        assert done.returncode != 0
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert (folder / "text.pdf").read_bytes() == before


def test_what_is_not_made_yet_is_said(folder: Path, tmp_path: Path) -> None:
    with pillion.Library.open(tmp_path / "new") as library:
        library.index(folder)
        with pytest.raises(UsageError, match="pillion work"):
            from_library(library, str(folder / "page.png"), "hocr")


@pytest.mark.parametrize("change", ["cut", "edited", "gone"])
def test_a_sidecar_that_is_not_whole_is_not_exported(tmp_path: Path, change: str) -> None:
    note = tmp_path / "files/note.txt"
    note.parent.mkdir()
    note.write_text("a plum jam recipe\n")
    with pillion.Library.open(tmp_path / "library") as library:
        library.index(note.parent, kinds=["text"])
        library.run()
        (made,) = (Path(item.path or "") for item in library.ls(kind="text"))
        text = made.read_text()
        made.write_text(text[:20] if change == "cut" else text.replace("plum", "pear"))
        if change == "gone":
            made.unlink()
        with pytest.raises(UsageError, match="is gone or damaged: run 'pillion verify --repair'"):
            from_library(library, str(note), "text")


def test_a_file_is_read_where_no_library_knows_it(text_pdf: Path, tmp_path: Path) -> None:
    done = run("export", text_pdf, "--to", "text", env={"XDG_DATA_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert media.character_error_rate(media.PAGE_TEXT, done.stdout.split("\f")[0]) == 0
    assert json.loads(run("export", text_pdf, "-o", tmp_path / "a.txt", "--now", "--json").stdout)["content"] is None


def test_a_library_that_the_environment_names_is_only_looked_at(text_pdf: Path, tmp_path: Path) -> None:
    with pillion.Library.open(tmp_path / "library"):
        pass
    named = {"PILLION_LIBRARY": str(tmp_path / "library")}
    for more in ((), ("--now",)):
        done = run("export", text_pdf, *more, env=named)
        assert (done.returncode, done.stderr) == (0, "")
        assert media.character_error_rate(media.PAGE_TEXT, done.stdout.split("\f")[0]) == 0
    missing = run("export", tmp_path / "other.pdf", env=named)
    assert (missing.returncode, "There is no file" in missing.stderr) == (1, True)
    given = run("export", text_pdf, "--library", tmp_path / "library")
    assert (given.returncode, "is not known in the library" in given.stderr) == (2, True)
    both = run("export", text_pdf, "--library", tmp_path / "library", "--now")
    assert (both.returncode, "either --library or --now" in both.stderr) == (2, True)
