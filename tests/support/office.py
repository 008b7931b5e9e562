"""Office documents, books and e-mail, written by libraries other than the ones that read them where there are any."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

MIMES = {
    "docx": f"{_OOXML}wordprocessingml.document",
    "pptx": f"{_OOXML}presentationml.presentation",
    "xlsx": f"{_OOXML}spreadsheetml.sheet",
    "odt": f"{_ODF}text",
    "ods": f"{_ODF}spreadsheet",
    "odp": f"{_ODF}presentation",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "eml": "message/rfc822",
    "mbox": "application/mbox",
    "html": "text/html",
}
ZIPPED = ("docx", "pptx", "xlsx", "odt", "ods", "odp", "epub")


def write(folder: Path, ending: str) -> Path:
    """A document of the format that goes by this ending; :data:`TEXTS` says what is in it."""
    path = folder / f"sample.{ending}"
    _WRITERS[ending](path)
    return path


TEXTS: Mapping[str, list[tuple[str, int, str, str]]] = {
    "docx": [
        (
            "body",
            1,
            "",
            "Harbour report\nThe vessel arrived at nine.\tOn time\nItem\tPrice\nRope\t12.50\n\nA header on each page",
        )
    ],
    "pptx": [
        ("slide", 1, "Budget 2026", "Budget 2026\nFirst point\nSecond point\n\nSay it slowly."),
        ("slide", 2, "In numbers", "In numbers\nquay\trent"),
    ],
    "xlsx": [
        ("sheet", 1, "Costs", "Item\tPrice\tPaid\nRope\t12.5\tTRUE\n2026-11-25\t25"),
        ("sheet", 3, "Notes", "See the annex"),
    ],
    "odt": [("body", 1, "", "Reisebericht\nDer Zug war\tpünktlich.\neins\t2\ndrei\t4")],
    "ods": [("sheet", 1, "Kosten", "Seil\t12.5\nAnker\t99")],
    "odp": [("slide", 1, "Anfang", "Erste Folie\nmit Text"), ("slide", 2, "Ende", "Zweite Folie\nmit Text")],
    "epub": [("chapter", 1, "One", "One\n\nChapter one\n\nIt was dark."), ("chapter", 2, "Two", "Two\n\nThen light.")],
    "rtf": [("body", 1, "", "Grüße aus Köln\nSecond line")],
    "eml": [
        (
            "message",
            1,
            "Rechnung für März",
            "Subject: Rechnung für März\nFrom: Anna <anna@example.org>\nTo: ben@example.org\n\n"
            "Please pay 12 €.\n\nAttached: invoice.pdf",
        )
    ],
    "mbox": [
        ("message", 1, "One", "Subject: One\n\nFirst."),
        ("message", 2, "Two", "Subject: Two\n\nFrom here on it is text."),
    ],
    "html": [("body", 1, "", "A page\n\nHeading\n\nOne & two.")],
}
"""Ending -> (kind, number, name, text) of each part."""


def _docx(path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_heading("Harbour report", 1)
    paragraph = document.add_paragraph("The vessel arrived at ")
    paragraph.add_run("nine").bold = True
    paragraph.add_run(".\tOn time")
    table = document.add_table(2, 2)
    for row, cells in enumerate((("Item", "Price"), ("Rope", "12.50"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.sections[0].header.paragraphs[0].text = "A header on each page"
    document.save(str(path))


def _pptx(path: Path) -> None:
    import pptx

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Budget 2026"
    slide.placeholders[1].text = "First point\nSecond point"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "In numbers"
    table = slide.shapes.add_table(1, 2, 0, 0, 3_000_000, 1_000_000).table
    table.cell(0, 0).text, table.cell(0, 1).text = "quay", "rent"
    presentation.save(str(path))


def _xlsx(path: Path) -> None:
    import datetime

    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Costs")
    sheet.write_row(0, 0, ["Item", "Price", "Paid"])
    sheet.write_row(1, 0, ["Rope", 12.5, True])
    sheet.write_datetime(2, 0, datetime.datetime(2026, 11, 25), book.add_format({"num_format": "yyyy-mm-dd"}))
    sheet.write_formula(2, 1, "=B2*2", None, 25)
    book.add_worksheet("Empty")
    book.add_worksheet("Notes").write(3, 2, "See the annex")
    book.close()


def _odt(path: Path) -> None:
    import odfdo

    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Reisebericht"))
    document.body.append(odfdo.Paragraph("Der Zug  war\tpünktlich."))
    table = odfdo.Table("Zahlen")
    table.set_values([["eins", 2], ["drei", 4]])
    document.body.append(table)
    document.save(str(path))


def _ods(path: Path) -> None:
    import odfdo

    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Kosten")
    table.set_values([["Seil", 12.5], ["Anker", 99]])
    document.body.append(table)
    document.save(str(path))


def _odp(path: Path) -> None:
    import odfdo

    document = odfdo.Document("presentation")
    document.body.clear()
    for number, (name, title) in enumerate((("Anfang", "Erste Folie"), ("Ende", "Zweite Folie")), start=1):
        page = odfdo.DrawPage(f"page{number}", name=name)
        frame = odfdo.Frame.text_frame([title, "mit Text"], size=("7cm", "5cm"), position=("1cm", "1cm"))
        page.append(frame)
        document.body.append(page)
    document.save(str(path))


EPUB_PARTS: Mapping[str, str] = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
    "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
    '<item id="b" href="two%20b.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>'
    '</manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
    "OPS/one.xhtml": '<?xml version="1.0"?><!DOCTYPE html><html><head><title>One</title></head><body>'
    "<h1>Chapter one</h1><p>It was&nbsp;dark.</p></body></html>",
    "OPS/two b.xhtml": "<html><head><title>Two</title></head><body><p>Then light.</p></body></html>",
}


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip file of these parts, in order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            # The type of the whole is told by a part that is not compressed.
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return path


def with_part(source: Path, target: Path, name: str, data: str | bytes) -> Path:
    """A copy of a zipped document in which one part is another, or new."""
    with zipfile.ZipFile(source) as archive:
        parts: dict[str, str | bytes] = {entry: archive.read(entry) for entry in archive.namelist()}
    return write_zip(target, {**parts, name: data})


def _epub(path: Path) -> None:
    write_zip(path, EPUB_PARTS)


def _rtf(path: Path) -> None:
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Gr\'fc\'dfe aus \b K\u246?ln\b0\par Second line}"
    )


def message() -> EmailMessage:
    """A message in two forms, with an attachment."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Rechnung für März", "Anna <anna@example.org>", "ben@example.org"
    mail.set_content("Please pay 12 €.")
    mail.add_alternative("<p>Please <b>pay</b> 12 €.</p>", subtype="html")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="invoice.pdf")
    return mail


def _eml(path: Path) -> None:
    path.write_bytes(message().as_bytes())


def _mbox(path: Path) -> None:
    first = "From anna@example.org Wed Nov 25 07:00:00 2026\nSubject: One\n\nFirst.\n\n"
    path.write_text(first + "From ben@example.org Wed Nov 25 08:00:00 2026\nSubject: Two\n\nFrom here on it is text.\n")


def _html(path: Path) -> None:
    path.write_text("<html><title>A page</title><body><h1>Heading</h1>\n<p>One &amp;\n<b>two</b>.<script>no</script>")


_WRITERS: Mapping[str, Callable[[Path], None]] = {
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "odt": _odt,
    "ods": _ods,
    "odp": _odp,
    "epub": _epub,
    "rtf": _rtf,
    "eml": _eml,
    "mbox": _mbox,
    "html": _html,
}
