"""Books as old and careless programs write them: no chapter goes missing in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import epub, web
from pillion.readers.documents.result import DocumentText
from tests.support import office

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
OEB = (
    '<?xml version="1.0"?><!DOCTYPE package PUBLIC "+//ISBN 0-9673008-1-9//DTD OEB 1.2 Package//EN" "oebpkg12.dtd">'
    "<package unique-identifier='x'><metadata><dc-metadata xmlns:dc='urn:dc'><dc:Title>Tea & Toast &copy;</dc:Title>"
    "</dc-metadata></metadata><manifest>"
    "<item id='a' href='One.HTM' media-type='text/x-oeb1-document'/>"
    "<item id='b' href='two%20b.html#top' media-type='text/x-oeb1-document'/>"
    "<item id='c' href='gone.html' media-type='text/html'/>"
    "<item id='d' href='d.bin' media-type='application/x-demo' fallback='e'/>"
    "<item id='e' href='e.xhtml' media-type='application/xhtml+xml'/>"
    "<item id='p' href='cover.jpg' media-type='image/jpeg'/>"
    "<item id='z' href='z.bin' media-type='application/x-demo'/>"
    "</manifest><spine><itemref idref='p'/><itemref idref='b'/><itemref idref='a'/><itemref idref='c'/>"
    "<itemref idref='d'/><itemref idref='nowhere'/><itemref idref='z'/></spine></package>"
)
PARTS = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": OEB,
    "OEBPS/one.htm": "<html><body><p>First&nbsp;&mdash; & foremost",
    "OEBPS/two b.html": "<?xml version='1.0'?><!DOCTYPE h [<!ENTITY x 'Ü'><!ENTITY z '&x;'>]>"
    "<html><head><title/></head><p>Second &x;</p>",
    "OEBPS/e.xhtml": "<html><script src='x'/><p>Third</p></html>",
}


def read(folder: Path, parts: Mapping[str, str | bytes]) -> DocumentText:
    return epub.read(office.write_zip(folder / "book.epub", parts), "application/epub+zip")


def test_old_books_are_read_and_what_is_missing_is_named(tmp_path: Path) -> None:
    book = read(tmp_path, PARTS)
    assert [part.text for part in book.parts] == ["Second Ü", "First — & foremost", "Third"]
    assert [part.number for part in book.parts] == [1, 2, 3]
    assert book.notes == (
        "the chapter gone.html of the book is missing",
        "the chapter nowhere of the book is not in its table of parts",
        "the chapter z of the book is of the type application/x-demo, which is not read",
    )


def test_a_book_without_its_tables_is_read_by_names(tmp_path: Path) -> None:
    loose = {name: data for name, data in PARTS.items() if "META" not in name and not name.endswith("opf")}
    assert [part.text for part in read(tmp_path, loose).parts] == ["Third", "First — & foremost", "Second Ü"]
    assert "lacks its table" in read(tmp_path, loose).notes[0]
    without_container = {name: data for name, data in PARTS.items() if "META" not in name}
    assert len(read(tmp_path, without_container).parts) == 3
    no_spine = {**PARTS, "OEBPS/book.opf": OEB.split("<spine>")[0] + "</package>"}
    assert [part.text for part in read(tmp_path, no_spine).parts] == ["First — & foremost", "Second Ü", "Third"]
    assert "in which order" in read(tmp_path, no_spine).notes[0]


def test_a_chapter_that_cannot_be_unpacked_is_a_note(tmp_path: Path) -> None:
    path = office.write_zip(tmp_path / "book.epub", PARTS)
    data = bytearray(path.read_bytes())
    at = data.index(b"OEBPS/e.xhtml") + len("OEBPS/e.xhtml") + 3
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    book = epub.read(path, "application/epub+zip")
    assert len(book.parts) == 2
    assert any("oebps/e.xhtml" in note.lower() for note in book.notes)


def test_a_book_of_which_nothing_is_there_is_corrupt(tmp_path: Path) -> None:
    bare = {name: PARTS[name] for name in ("mimetype", "META-INF/container.xml", "OEBPS/book.opf")}
    with pytest.raises(ItemError, match="no chapter of the book can be read") as caught:
        read(tmp_path, bare)
    assert caught.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("META-INF/rights.xml", "Adobe ADEPT"),
        ("META-INF/license.lcpl", "Readium LCP"),
        ("META-INF/sinf.xml", "Apple FairPlay"),
    ],
)
def test_protection_is_named(tmp_path: Path, part: str, name: str) -> None:
    data = (
        "<encryption><enc:EncryptedData xmlns:enc='urn:x'><enc:EncryptionMethod Algorithm='aes'/><enc:CipherData>"
        "<enc:CipherReference URI='OEBPS/one.htm'/></enc:CipherData></enc:EncryptedData></encryption>"
    )
    with pytest.raises(ItemError, match=name) as caught:
        read(tmp_path, {**PARTS, "META-INF/encryption.xml": data, part: "<x/>"})
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
    pictures = data.replace("one.htm", "cover.jpg")
    assert len(read(tmp_path, {**PARTS, "META-INF/encryption.xml": pictures, part: "<x/>"}).parts) == 3


def test_xhtml_may_close_elements_where_they_open(tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text("<?xml version='1.0'?><html><head><title/><script src='a'/></head><body><p>Seen</p></body></html>")
    assert web.read(path, "application/xhtml+xml").text == "Seen"
