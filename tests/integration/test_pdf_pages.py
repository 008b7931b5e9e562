"""Pages of PDFs of all sorts: what is taken from the text layer, what is read off pictures, and where it lies."""

from __future__ import annotations

import random
import string
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import OcrPage, OcrResult
from pillion.readers.pdf import document as pdfium
from tests.support import media, pdfs

PARAGRAPH = "\n".join(media.PAGE_TEXT.splitlines()[2:7])
FIGURE_WORDS = "Depth of the harbour basin\nmeasured in fathoms\nbetween pier and lighthouse"


def read(path: Path, pages: list[pdfs.Page], **fonts: tuple[str, str | None]) -> OcrResult:
    path.write_bytes(pdfs.write(pages, fonts))
    return recognise(path, is_pdf=True, languages=("eng",))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "made.pdf"


@pytest.fixture
def no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the page was drawn")

    monkeypatch.setattr(pdfium.Page, "gray", forbidden)


@pytest.fixture(scope="module")
def figure() -> Image.Image:
    """A picture with FIGURE_WORDS on it, and little room around."""
    whole = media.page(FIGURE_WORDS, dpi=200, font_size=14)
    rows, columns = np.nonzero(np.asarray(whole) < 128)
    return whole.crop((columns.min() - 30, rows.min() - 30, columns.max() + 30, rows.max() + 30))


@pytest.fixture(scope="module")
def scan() -> Image.Image:
    return media.scanned(media.page(dpi=150))


def ink_in_boxes(path: Path, page: OcrPage) -> float:
    """The smallest share of dark pixels in the box of a word."""
    with pdfium.opened(path) as document, document.page(page.number - 1) as drawn:
        gray = drawn.gray(4.0)
    assert gray.shape == pytest.approx((4 * page.height, 4 * page.width), abs=1)
    shares = []
    for word in (word for line in page.lines for word in line.words):
        left, top, right, bottom = (round(4 * side) for side in word.box)
        shares.append(float((gray[top:bottom, left:right] < 128).mean()))
    return min(shares)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "/Rotate 90",
        "/Rotate 180",
        "/Rotate 270",
        "/CropBox [50 400 560 800]",
        "/CropBox [50 400 560 800] /Rotate 90",
        "/MediaBox [-100 -50 495 792] /Rotate 270",
    ],
)
def test_words_of_the_text_layer_lie_where_they_are_shown(more: str, source: Path) -> None:
    content = pdfs.text(PARAGRAPH, at=(80, 700))
    (page,) = read(source, [pdfs.Page(content=content, more=more)]).pages
    assert page.source == "text_layer"
    assert [word.text for word in page.lines[0].words] == PARAGRAPH.splitlines()[0].split()
    assert ink_in_boxes(source, page) > 0.04
    assert all(line.box is not None and 0 <= line.box[0] < line.box[2] <= page.width for line in page.lines)


def test_what_is_cropped_away_is_not_there(source: Path, no_pixels: None) -> None:
    content = pdfs.text(PARAGRAPH, at=(80, 700)) + pdfs.text("Printer's note: cut along here", at=(80, 30))
    (page,) = read(source, [pdfs.Page(content=content, more="/CropBox [50 400 560 800]")]).pages
    assert page.text == PARAGRAPH


def test_paragraphs_are_seen(source: Path, no_pixels: None) -> None:
    content = pdfs.text(PARAGRAPH, at=(80, 700)) + pdfs.text(PARAGRAPH, at=(80, 560))
    (page,) = read(source, [pdfs.Page(content=content)]).pages
    assert page.text == f"{PARAGRAPH}\n\n{PARAGRAPH}"


def test_a_hyphen_at_the_end_of_a_line_ends_it(source: Path, no_pixels: None) -> None:
    lines = [
        "The rules of the harbour say that the manip-",
        "ulation of a crane is left to well-",
        "known crews, not to others.",
    ]
    (page,) = read(source, [pdfs.Page(content=pdfs.text("\n".join(lines)))]).pages
    assert [line.text for line in page.lines] == lines
    heights = [word.box[3] - word.box[1] for line in page.lines for word in line.words]
    assert max(heights) < 2 * min(heights)


def test_a_page_number_alone_needs_no_reading(source: Path, no_pixels: None) -> None:
    result = read(source, [pdfs.Page(content=pdfs.text("Page 3")), pdfs.Page()])
    assert result.text == "Page 3\f"
    assert result.engine == "pdfium"


@pytest.mark.models
def test_the_words_of_a_figure_are_read_and_stand_among_the_text(source: Path, figure: Image.Image) -> None:
    content = pdfs.text(PARAGRAPH, at=(72, 750)) + pdfs.image("Im", (72, 400, 300, 300 * figure.height / figure.width))
    content += pdfs.text("After the figure the text goes on as before.", at=(72, 350))
    (page,) = read(source, [pdfs.Page(content=content, images={"Im": figure})]).pages
    assert page.source == "mixed"
    assert " ".join(page.text.split()) == " ".join(
        f"{PARAGRAPH} {FIGURE_WORDS} After the figure the text goes on as before.".split()
    )
    assert ink_in_boxes(source, page) > 0.04
    confident = [word.confidence is not None for line in page.lines for word in line.words]
    assert confident.count(True) == len(FIGURE_WORDS.split())


@pytest.mark.models
def test_a_photograph_beside_the_text_adds_nothing(source: Path, photo: Path) -> None:
    with Image.open(photo) as opened:
        picture = opened.convert("RGB").resize((600, 400))
    content = pdfs.text(PARAGRAPH, at=(72, 750)) + pdfs.image("Im", (72, 350, 300, 200))
    (page,) = read(source, [pdfs.Page(content=content, images={"Im": picture})]).pages
    assert (page.source, page.text) == ("text_layer", PARAGRAPH)


@pytest.mark.models
def test_a_scan_with_a_stamp_has_both_once(source: Path, scan: Image.Image) -> None:
    stamp = "Received 12 March 2024, registry of the harbour, volume IV, folio 17"
    content = pdfs.image("Im", (0, 0, 595, 842)) + pdfs.text(stamp, at=(60, 815), size=9)
    (page,) = read(source, [pdfs.Page(content=content, images={"Im": scan})]).pages
    assert page.source == "mixed"
    assert page.lines[0].text == stamp
    assert page.text.count("Received") == 1
    assert media.character_error_rate(f"{stamp}\n{media.PAGE_TEXT}", page.text) <= 0.02


def hidden(lines: str, *, over: bool) -> bytes:
    """A scan with a text layer: in no ink over the picture, or in ink under it."""
    picture = pdfs.image("Im", (0, 0, 595, 842))
    return picture + pdfs.text(lines, mode=3) if over else pdfs.text(lines) + picture


@pytest.mark.parametrize("over", [True, False])
def test_a_scan_that_was_read_well_before_is_not_read_again(
    over: bool, source: Path, scan: Image.Image, no_pixels: None
) -> None:
    content = hidden(media.PAGE_TEXT, over=over)
    (page,) = read(source, [pdfs.Page(content=content, images={"Im": scan})]).pages
    assert page.source == "text_layer"
    assert media.character_error_rate(media.PAGE_TEXT, page.text) == 0


@pytest.mark.models
@pytest.mark.parametrize("over", [True, False])
def test_a_scan_that_was_read_badly_before_is_read_again(over: bool, source: Path, scan: Image.Image) -> None:
    mess = random.Random(3)
    badly = "".join(
        mess.choice("~|;^1lI{}*_#") if letter.isalpha() and mess.random() < 0.3 else letter
        for letter in media.PAGE_TEXT
    )
    content = hidden(badly, over=over)
    (page,) = read(source, [pdfs.Page(content=content, images={"Im": scan})]).pages
    assert page.source == "ocr"
    assert media.character_error_rate(media.PAGE_TEXT, page.text) <= 0.02


def shifted(by: int) -> str:
    """What a font's table says that its letters mean, if all are off by so many."""
    letters = string.ascii_lowercase
    return pdfs.to_unicode(
        {ord(letter): letters[(index + by) % 26] for index, letter in enumerate(letters)}
        | {code: chr(code) for code in range(32, 127) if chr(code) not in letters}
    )


@pytest.mark.models
@pytest.mark.parametrize(
    "table",
    [shifted(3), shifted(13), pdfs.to_unicode({code: chr(0xE000 + code) for code in range(33, 127)})],
    ids=["shifted by 3", "shifted by 13", "private use"],
)
def test_a_font_that_lies_about_its_letters_is_not_believed(table: str, source: Path) -> None:
    content = pdfs.text(media.PAGE_TEXT, font="Bad")
    (page,) = read(source, [pdfs.Page(content=content)], Bad=(pdfs.HELVETICA, table)).pages
    assert page.source == "ocr"
    assert media.character_error_rate(media.PAGE_TEXT, page.text) <= 0.02


@pytest.mark.models
def test_odd_text_that_is_really_shown_is_kept(source: Path) -> None:
    odd = random.Random(5)
    code = "\n".join("".join(odd.choices(string.ascii_lowercase, k=60)) for _ in range(12))
    content = pdfs.text(code, at=(72, 700), font="Mono")
    mono = pdfs.HELVETICA.replace("Helvetica", "Courier")
    (page,) = read(source, [pdfs.Page(content=content)], Mono=(mono, None)).pages
    assert (page.source, page.text) == ("text_layer", code)


@pytest.mark.models
def test_pages_come_in_order_however_many_threads_read_them(source: Path, figure: Image.Image) -> None:
    pages = [
        pdfs.Page(content=pdfs.image("Im", (72, 500, 300, 300 * figure.height / figure.width)), images={"Im": figure})
        if number % 2
        else pdfs.Page(content=pdfs.text(f"This is the page with the number {number}."))
        for number in range(6)
    ]
    result = read(source, pages)
    assert [page.number for page in result.pages] == [1, 2, 3, 4, 5, 6]
    assert [page.source for page in result.pages] == ["text_layer", "ocr"] * 3
    assert result.to_json() == recognise(source, is_pdf=True, languages=("eng",)).to_json()
