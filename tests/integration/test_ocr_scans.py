"""Pages as scanners and telephones give them, with bounds on the characters that may be wrong. English and German."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pillion
from pillion import _core
from pillion.kinds.ocr import layout
from pillion.kinds.ocr.askew import agree_on
from pillion.kinds.ocr.result import OcrResult, OcrWord
from pillion.kinds.ocr.sheet import projected, projection
from tests.support import media, photos, scans

pytestmark = pytest.mark.models

Spoil = Callable[[Image.Image], Image.Image]


def read(picture: Image.Image, path: Path, languages: Sequence[str] = ("auto",)) -> OcrResult:
    picture.save(path)
    return pillion.ocr(path, languages=languages)


@pytest.mark.parametrize(
    ("spoil", "most"),
    [
        pytest.param(lambda page: scans.skewed(page, 5), 0.01, id="skew 5"),
        pytest.param(lambda page: scans.skewed(page, -11), 0.01, id="skew -11"),
        pytest.param(lambda page: scans.turned(scans.skewed(page, 3), 90), 0.01, id="turned and skewed"),
        pytest.param(lambda page: scans.turned(scans.skewed(page, -2), 180), 0.01, id="upside down and skewed"),
        pytest.param(lambda page: scans.noisy(page, 1, 35), 0.02, id="noise"),
        pytest.param(lambda page: scans.faint(page, 200, 240), 0.01, id="faint"),
        pytest.param(lambda page: scans.faint(page, 170, 25), 0.01, id="gray on black"),
        pytest.param(lambda page: scans.photographed(page, 7, size=(1836, 2448)), 0.02, id="telephone"),
    ],
)
def test_german_pages_of_all_sorts(spoil: Spoil, most: float, tmp_path: Path) -> None:
    """Nobody says that they are German."""
    page = media.page(media.GERMAN_PAGE_TEXT, dpi=160)
    result = read(spoil(page), tmp_path / "page.png")
    assert media.character_error_rate(media.GERMAN_PAGE_TEXT, result.text) <= most
    assert result.languages == ("deu",)
    assert result.pages[0].languages == ("deu",)


def test_boxes_of_a_skewed_page_lie_on_its_words(tmp_path: Path) -> None:
    picture = scans.turned(scans.skewed(media.page(dpi=120), 4), 90)
    (page,) = read(picture, tmp_path / "page.png").pages
    assert page.rotation == 270
    ink = np.asarray(picture) < 128
    assert (page.height, page.width) == ink.shape
    covered = np.zeros_like(ink)
    for line in page.lines:
        for word in line.words:
            left, top, right, bottom = (round(side) for side in word.box)
            assert 0 <= left < right <= ink.shape[1]
            assert 0 <= top < bottom <= ink.shape[0]
            assert ink[top:bottom, left:right].any(), word.text
            covered[top:bottom, left:right] = True
    assert (ink & covered).sum() > 0.98 * ink.sum()


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    rows = [f"{name:<24}{count:>6}{price:>12}" for name, count, price in (
        ("Garden chairs", "4", "358.00"),
        ("Watering can", "2", "29.90"),
        ("Seed potatoes", "25", "20.00"),
        ("Wheelbarrow", "1", "124.00"),
        ("Lantern glass", "3", "22.20"),
        ("Delivery", "1", "18.00"),
    )]  # fmt: skip
    page = media.page("\n\n".join(rows), dpi=200, font="Courier")
    result = read(page, tmp_path / "table.png")
    assert media.character_error_rate("\n".join(rows), result.text) <= 0.02


def test_threads_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of several pieces, on one core and on all."""
    page = media.page(media.PAGE_TEXT + media.PAGE_TEXT, dpi=150, font_size=9)
    many = read(page, tmp_path / "page.png")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    assert read(page, tmp_path / "page.png").to_json() == many.to_json()


def test_languages_that_are_set_are_used_together(tmp_path: Path) -> None:
    text = media.GERMAN_PAGE_TEXT.split("\n\n")[1] + "\n\n" + media.PAGE_TEXT.split("\n\n")[1]
    result = read(media.page(text, dpi=150), tmp_path / "page.png", languages=["eng", "deu"])
    assert result.languages == ("eng", "deu")
    assert media.character_error_rate(text, result.text) <= 0.02


SLANTS = {
    "from below": ((0.24, 0.1), (0.76, 0.08), (0.95, 0.93), (0.06, 0.95)),
    "from the side and turned": ((0.1, 0.2), (0.74, 0.06), (0.94, 0.86), (0.3, 0.95)),
}


@pytest.mark.parametrize("frame", SLANTS.values(), ids=SLANTS)
def test_a_page_photographed_at_a_slant_is_read_as_from_above(frame: scans.Corners, tmp_path: Path) -> None:
    flat = media.page(dpi=200)
    photograph = scans.photographed(flat, 5, size=(1836, 2448), lean=0.0, frame=frame)
    result = read(photograph, tmp_path / "page.jpg", ["eng"])
    assert result.engine == "tesseract"
    assert media.character_error_rate(media.PAGE_TEXT, result.text) <= 0.01
    (page,) = result.pages
    assert (page.width, page.height) == photograph.size
    words = [word for line in page.lines for word in line.words]
    on_flat = [word for line in read(flat, tmp_path / "flat.png", ["eng"]).pages[0].lines for word in line.words]
    sides = np.array([(0, 0), (flat.width, 0), flat.size, (0, flat.height)], float)
    there = projected(projection(sides, np.array(frame) * photograph.size), middles(on_flat))
    assert [word.text for word in words] == [word.text for word in on_flat]
    assert np.abs(middles(words) - there).max() < 12


def middles(words: Sequence[OcrWord]) -> NDArray[np.float64]:
    return np.array([((word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2) for word in words])


def test_cards_set_at_different_angles_do_not_turn_the_page(tmp_path: Path) -> None:
    """The text on each card is that of the first; the page is taken as it is."""
    card = media.page(dpi=120).crop((60, 60, 960, 560))
    page = Image.new("L", (2000, 1900), 255)
    for number, degrees in enumerate((5, 5, 5, -4, -6, 2)):
        tilted = scans.skewed(card, degrees)
        page.paste(tilted, (20 + number % 2 * 1000, 10 + number // 2 * 620))
    gray = np.asarray(page)
    skew = _core.look(gray).skew
    assert skew == pytest.approx(5, abs=0.3)
    assert not agree_on(layout.print_of(gray).ink, skew)
    assert agree_on(layout.print_of(np.asarray(scans.skewed(media.page(dpi=120), 5))).ink, skew)


def test_the_lines_of_an_open_book_are_read_as_straight_ones(tmp_path: Path) -> None:
    flat = media.page("\n\n".join([media.PAGE_TEXT] * 2), dpi=150)
    book = scans.shaded(scans.bent(flat, 60), 0.5)
    (page,) = read(book, tmp_path / "book.png", ["eng"]).pages
    assert media.character_error_rate("\n\n".join([media.PAGE_TEXT] * 2), page.text) <= 0.02
    words = [word for line in page.lines for word in line.words]
    for word in words:
        left, top, right, bottom = map(round, word.box)
        part = np.asarray(book)[top:bottom, left:right]
        assert part.min() < 0.6 * part.max(), word


def test_pictures_in_a_pdf_are_read_as_those_in_files(tmp_path: Path) -> None:
    """A page photographed at a slant, an open book, and a scan, each as all of a page."""
    flat = media.page(dpi=200)
    slanted = scans.photographed(flat, 5, size=(1836, 2448), lean=0.0, frame=SLANTS["from below"])
    book = scans.shaded(scans.bent(media.page(dpi=150), 60), 0.5)
    pages = [page.convert("L") for page in (slanted, book, flat)]
    pages[0].save(tmp_path / "pages.pdf", save_all=True, append_images=pages[1:], resolution=200)
    result = pillion.ocr(tmp_path / "pages.pdf", languages=["eng"])
    assert result.engine == "tesseract"
    assert [page.number for page in result.pages] == [1, 2, 3]
    for page, picture in zip(result.pages, pages, strict=True):
        assert media.character_error_rate(media.PAGE_TEXT, page.text) <= 0.02
        assert page.unit == "point"
        scale = picture.width / page.width
        assert scale == pytest.approx(200 / 72, rel=0.01)
        pixels = np.asarray(picture)
        for word in (word for line in page.lines for word in line.words):
            left, top, right, bottom = (round(side * scale) for side in word.box)
            part = pixels[top:bottom, left:right]
            assert part.min() < 0.7 * part.max(), word


def test_a_photograph_in_a_pdf_is_read_by_who_reads_it_in_a_file(tmp_path: Path) -> None:
    text = media.PAGE_TEXT.split("\n\n")[1]
    words = media.page(text, dpi=150)
    rows, columns = np.nonzero(np.asarray(words) < 128)
    notice = words.crop((columns.min() - 60, rows.min() - 60, columns.max() + 60, rows.max() + 60))
    photograph = photos.photo(1, (1600, 1200)).convert("L")
    photograph.paste(notice.convert("L"), (100, 300))
    alone = read(photograph, tmp_path / "notice.png", ["eng"])
    photograph.save(tmp_path / "notice.pdf", resolution=150)
    result = pillion.ocr(tmp_path / "notice.pdf", languages=["eng"])
    assert result.engine == alone.engine
    assert media.character_error_rate(text, result.text) <= 0.02
    (page,) = result.pages
    assert all(line.box is not None and line.box[2] <= page.width and line.box[3] <= page.height for line in page.lines)
