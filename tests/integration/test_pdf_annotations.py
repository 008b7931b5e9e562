"""PDFs onto which people typed: forms, remarks and stamps are in the text where they are seen, and in the thumbnail."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import OcrResult
from pillion.readers.pdf import document as pdfium
from pillion.readers.pdf import textboxes
from tests.support import pdfs

NAME = "Bartholomew Quince"


def read(path: Path, data: bytes) -> OcrResult:
    path.write_bytes(data)
    return recognise(path, is_pdf=True, languages=("eng",))


def widget(name: str, value: str, *, rect: str = "[180 697 500 715]", more: str = "/F 4") -> str:
    return f"<< /Subtype /Widget /FT /Tx /T ({name}) /V ({value}) /DA (/F1 12 Tf 0 g) /Rect {rect} {more} >>"


def remark(kind: str, contents: str, *, rect: str = "[72 600 300 620]", more: str = "/F 4") -> str:
    return f"<< /Subtype /{kind} /Contents ({contents}) /Rect {rect} {more} >>"


def form(*annotations: str, catalog: str = "", content: str = "Application for a library card\nFamily name:") -> bytes:
    """A page with these annotations; the widgets have no appearances, so that they have to be made."""
    return pdfs.with_annotations(pdfs.text(content, at=(72, 717)), annotations, catalog)


def test_the_values_of_a_form_stand_behind_their_labels(tmp_path: Path) -> None:
    result = read(tmp_path / "form.pdf", form(widget("name", NAME)))
    (page,) = result.pages
    assert page.text.splitlines() == ["Application for a library card", "Family name:", NAME]
    (box,) = [line.box for line in page.lines if line.text == NAME]
    assert box is not None
    assert 178 <= box[0] <= box[2] <= 500
    assert 842 - 716 <= box[1] <= box[3] <= 842 - 696


def test_values_in_one_row_keep_their_order_and_are_there_once(tmp_path: Path) -> None:
    fields = [widget("b", "Second", rect="[300 697 380 715]"), widget("a", "First", rect="[180 697 260 715]")]
    text = read(tmp_path / "form.pdf", form(*fields)).text
    assert text.splitlines()[-2:] == ["Family name:", "First\tSecond"]


def test_what_is_not_seen_is_not_there(tmp_path: Path) -> None:
    hidden, only_printed = 2, 4 + 32
    fields = [
        widget("one", "Invisible ink", more=f"/F {hidden}"),
        widget("two", "Printed only", more=f"/F {only_printed}"),
        widget("three", "tops3cret", more="/F 4 /Ff 8192"),
        remark("FreeText", "Hidden remark", more=f"/F {hidden}"),
    ]
    text = read(tmp_path / "form.pdf", form(*fields)).text
    for value in ("Invisible", "Printed", "tops3cret", "Hidden"):
        assert value not in text


def test_letters_in_spaces_of_their_own_are_one_value(tmp_path: Path) -> None:
    comb = widget("id", "AB12CD", more="/F 4 /Ff 16777216 /MaxLen 6")
    assert read(tmp_path / "form.pdf", form(comb)).text.splitlines()[-1] == "AB12CD"


def test_remarks_are_read(tmp_path: Path) -> None:
    remarks = [
        remark("Text", "Ask the keeper\\rof the lighthouse", rect="[72 500 92 520]"),
        remark("FreeText", "Approved by Clara"),
        remark(
            "Highlight",
            "Family name:",
            rect="[72 717 150 730]",
            more="/F 4 /QuadPoints [72 730 150 730 72 717 150 717]",
        ),
        remark("Link", "not a remark"),
    ]
    text = read(tmp_path / "remarks.pdf", form(*remarks)).text
    lines = [
        "Application for a library card",
        "Family name:",
        "Approved by Clara",
        "Ask the keeper",
        "of the lighthouse",
    ]
    assert [line for line in text.splitlines() if line] == lines


def test_the_thumbnail_shows_the_values(tmp_path: Path) -> None:
    def row(data: bytes) -> int:
        """How dark the row of the field is."""
        path = tmp_path / "form.pdf"
        path.write_bytes(data)
        with pdfium.opened(path) as document, document.page(0) as page:
            pixels = page.render(1.0)
        return sum(255 - pixels[y, x, 0] for y in range(842 - 715, 842 - 697) for x in range(182, 500))

    assert row(form(widget("name", NAME))) > row(form()) + 1000
    assert row(form(widget("name", NAME, more="/F 2"))) == row(form())


def test_the_words_of_xfa_are_no_text(tmp_path: Path) -> None:
    data = (
        '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form><Family>Euler</Family>'
        "<Empty/><Town>Basel &amp; Riehen</Town></form></xfa:data></xfa:datasets>"
    )
    waiting = "Please wait... If this message is not eventually replaced, get http://www.adobe.com/go/reader_download"
    result = read(tmp_path / "xfa.pdf", pdfs.with_annotations(pdfs.text(waiting), (), "/NeedsRendering true", xfa=data))
    assert result.text == "Family: Euler\nTown: Basel & Riehen"
    assert result.notes[0].startswith("the PDF is an XFA form")
    static = pdfs.with_annotations(pdfs.text("A form for all programs"), (), "", xfa=data)
    assert read(tmp_path / "static.pdf", static).text == "A form for all programs"


def test_text_that_nothing_draws_is_drawn(tmp_path: Path) -> None:
    """A text box without an appearance, which viewers make one for."""
    path = tmp_path / "box.pdf"
    box = remark(
        "FreeText", "Approved by \\374ber Clara", rect="[72 560 200 620]", more="/F 4 /DA (1 0 0 rg /Helv 14 Tf)"
    )
    path.write_bytes(form(box))
    with pdfium.opened(path) as document, document.page(0) as page:
        pixels = page.render(1.0)
    red = [(x, y) for y in range(222, 282) for x in range(72, 200) if pixels[y, x, 0] > pixels[y, x, 1] + 50]
    assert len(red) > 100
    # The box is too narrow for one line, but its text is one.
    assert recognise(path, is_pdf=True, languages=("eng",)).text.splitlines()[-1] == "Approved by über Clara"
    rows = {y for _, y in red if y not in (222, 281)}
    assert any(rows.issuperset(range(y, y + 8)) for y in range(224, 234))
    assert any(rows.issuperset(range(y, y + 8)) for y in range(240, 252))


def test_a_text_box_of_letters_that_standard_fonts_lack_is_left_to_pdfium(tmp_path: Path) -> None:
    path = tmp_path / "box.pdf"
    path.write_bytes(form(remark("FreeText", "\\376\\377\\004\\037", rect="[72 560 200 620]")))
    assert recognise(path, is_pdf=True, languages=("eng",)).text.splitlines()[-1] == "П"


def test_lines_are_broken_between_words() -> None:
    broken = list(textboxes.wrapped("one two  three\n\nfour incomprehensibilities", 9, lambda text: float(len(text))))
    assert broken == ["one two", "three", "", "four", "incomprehensibilities"]


@pytest.mark.parametrize("count", [0, 3])
def test_pages_keep_their_order_and_their_own_annotations(tmp_path: Path, count: int) -> None:
    pages = [
        pdfs.Page(content=pdfs.text(f"Page number {number}"), more=f"/Annots [{remark('Text', f'Note {number}')}]")
        for number in range(count + 1)
    ]
    result = read(tmp_path / "pages.pdf", pdfs.write(pages))
    assert [page.text.split("\n")[0] for page in result.pages] == [
        f"Page number {number}" for number in range(count + 1)
    ]
    assert all(f"Note {page.number - 1}" in page.text for page in result.pages)
