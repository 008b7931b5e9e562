"""Files that are set into office documents as objects: their text is read too."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import olefile
import pytest

from pillion.readers.documents import table as documents
from pillion.readers.documents.oldword import code_page
from pillion.readers.documents.result import PartKind
from tests.integration.test_office_text import docx, links, paragraph, pptx, read, run, shape, slide
from tests.support import office, pdfs
from tests.support.streams import compound, message, record, show, word

PDF = pdfs.write([pdfs.Page(content=pdfs.text("The plums are ripe"))])


def native(name: str, data: bytes) -> bytes:
    """The stream of a file that the packager set in."""
    names = name.encode() + b"\0" + f"C:\\\\tmp\\\\{name}".encode() + b"\0"
    temporary = f"C:\\\\temp\\\\{name}".encode() + b"\0"
    body = struct.pack("<H", 2) + names + struct.pack("<HHI", 0, 3, len(temporary)) + temporary
    body += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(body)) + body


def inner(tmp_path: Path, text: str = "Quince jelly") -> bytes:
    return docx(tmp_path / "inner.docx", paragraph(run(text))).read_bytes()


def test_a_document_in_a_document(tmp_path: Path) -> None:
    path = docx(
        tmp_path / "a.docx",
        paragraph(run("Body")),
        {"word/embeddings/one.docx": inner(tmp_path), "word/charts/chart1.xml": "<c:chartSpace/>"},
        ("o", "package", "embeddings/one.docx"),
    )
    result = read(path, "docx")
    assert [(part.kind, part.number, part.name, part.text) for part in result.parts] == [
        (PartKind.BODY, 1, "", "Body"),
        (PartKind.ATTACHMENT, 1, "one.docx", "Quince jelly"),
    ]
    assert result.notes == ()


@pytest.mark.parametrize(
    ("streams", "name", "text"),
    [
        ({"CONTENTS": PDF}, "", "The plums are ripe"),
        ({"\x01Ole10Native": native("note.txt", b"Jam for Clara")}, "note.txt", "Jam for Clara"),
    ],
)
def test_objects_in_files_of_streams(streams: dict[str, bytes], name: str, text: str, tmp_path: Path) -> None:
    parts = {
        "ppt/slides/_rels/a.xml.rels": links(("o", "oleObject", "../embeddings/o.bin")),
        "ppt/embeddings/o.bin": compound(streams),
    }
    result = read(pptx(tmp_path / "a.pptx", {"a": slide(shape("Plums"))}, parts), "pptx")
    assert [(part.kind, part.name, part.text) for part in result.parts] == [
        (PartKind.SLIDE, "", "Plums"),
        (PartKind.ATTACHMENT, name, text),
    ]


def test_objects_in_documents_from_before_2007(tmp_path: Path) -> None:
    path = tmp_path / "a.doc"
    found = streams_of(word("Body\r")) | {
        "ObjectPool/_1/CONTENTS": PDF,
        "ObjectPool/_2/\x01Ole10Native": native("note.txt", b"Jam for Clara"),
        "ObjectPool/_3/\x01Ole10Native": b"torn",
    }
    path.write_bytes(compound(found))
    result = documents.read(path, "application/msword")
    assert [part.text for part in result.parts] == ["Body", "The plums are ripe", "Jam for Clara"]
    assert len(result.notes) == 1


def streams_of(data: bytes) -> dict[str, bytes]:
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        return {"/".join(name): file.openstream(name).read() for name in file.listdir()}


def test_documents_in_documents_from_before_2007_are_folders_of_streams(tmp_path: Path) -> None:
    note = {"ObjectPool/_1/\x01Ole10Native": native("note.txt", b"Jam for Clara")}
    inside = streams_of(word("Quince jelly\r")) | note
    found = streams_of(word("Body\r"))
    found |= {f"ObjectPool/_7/{name}": data for name, data in inside.items()}
    graph = streams_of(word("Numbers behind a chart\r")) | {"\x01CompObj": b"Microsoft Graph Chart"}
    found |= {f"ObjectPool/_8/{name}": data for name, data in graph.items()}
    path = tmp_path / "a.doc"
    path.write_bytes(compound(found))
    result = documents.read(path, "application/msword")
    texts = [(part.kind, part.text.split("\n\n")) for part in result.parts]
    assert texts[0] == (PartKind.BODY, ["Body"])
    assert [kind for kind, _ in texts[1:]] == [PartKind.ATTACHMENT]
    assert result.parts[1].text.split() == ["Quince", "jelly", "Jam", "for", "Clara"]
    assert result.notes == ()


@pytest.mark.parametrize("packed", [False, True])
def test_objects_in_slides_from_before_2007(packed: bool, tmp_path: Path) -> None:
    found = streams_of(show([("Plums", "Box", "", False)]))
    file = compound({"CONTENTS": PDF})
    body = struct.pack("<I", len(file)) + zlib.compress(file) if packed else file
    found["PowerPoint Document"] += record(0x1011, body, instance=int(packed))
    # Macros are kept in the same way, and torn ones are left out.
    found["PowerPoint Document"] += record(0x1011, compound({"VBA/dir": b"x"})) + record(0x1011, b"torn", instance=1)
    path = tmp_path / "a.ppt"
    path.write_bytes(compound(found))
    result = documents.read(path, "application/vnd.ms-powerpoint")
    assert [part.text for part in result.parts if part.kind is PartKind.ATTACHMENT] == ["The plums are ripe"]
    assert result.notes == ()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def test_files_in_a_zip_file_are_read(tmp_path: Path) -> None:
    deep = zipped(note__txt=b"Jam for Clara")
    data = zipped(a__pdf=PDF, photo__jpg=b"\xff\xd8\xff", more__zip=deep, empty__txt=b"")
    parts: dict[str, str | bytes] = {"word/embeddings/o.bin": compound({"\x01Ole10Native": native("all.zip", data)})}
    result = read(
        docx(tmp_path / "a.docx", paragraph(run("Body")), parts, ("o", "oleObject", "embeddings/o.bin")), "docx"
    )
    assert [(part.name, part.text) for part in result.parts[1:]] == [
        ("all.zip/a.pdf", "The plums are ripe"),
        ("all.zip/more.zip/note.txt", "Jam for Clara"),
    ]
    assert result.notes == ()


def test_zip_files_that_are_too_large_or_too_deep_are_a_note(tmp_path: Path) -> None:
    large = zipped(a__txt=b"x " * (20 << 20))
    deep = zipped(note__txt=b"Jam for Clara")
    for _ in range(8):
        deep = zipped(more__zip=deep)
    for data in (large, deep, deep[: len(deep) // 2]):
        parts: dict[str, str | bytes] = {"word/embeddings/o.zip": data}
        path = docx(tmp_path / "a.docx", paragraph(run("Body")), parts, ("o", "package", "embeddings/o.zip"))
        result = read(path, "docx")
        assert [part.text for part in result.parts] == ["Body"]
        assert len(result.notes) == 1


def test_the_files_of_an_outlook_message_are_read(tmp_path: Path) -> None:
    place = "__attach_version1.0_#00000000/"
    found = message({"0037": "Harvest", "1000": "Bring baskets.\r\n"})
    found |= {f"{place}__substg1.0_3707001F": "plums.pdf".encode("utf-16-le"), f"{place}__substg1.0_37010102": PDF}
    path = tmp_path / "a.msg"
    path.write_bytes(compound(found))
    assert [(part.kind, part.name, part.text) for part in documents.read(path, "application/vnd.ms-outlook").parts] == [
        (PartKind.MESSAGE, "Harvest", "Subject: Harvest\n\nBring baskets.\n\nAttached: plums.pdf"),
        (PartKind.ATTACHMENT, "plums.pdf", "The plums are ripe"),
    ]


def test_the_workbook_behind_a_chart_is_no_object(tmp_path: Path) -> None:
    parts: dict[str, str | bytes] = {
        "word/charts/chart1.xml": "<chartSpace/>",
        "word/charts/_rels/chart1.xml.rels": links(("o", "package", "../embeddings/book.xlsx")),
        "word/embeddings/book.xlsx": office.write(tmp_path, "xlsx").read_bytes(),
    }
    path = docx(tmp_path / "a.docx", paragraph(run("Body")), parts, ("c", "chart", "charts/chart1.xml"))
    assert len(read(path, "docx").parts) == 1


def test_objects_in_objects_end(tmp_path: Path) -> None:
    data = inner(tmp_path, "Level0")
    for level in range(1, 6):
        path = docx(
            tmp_path / f"{level}.docx",
            paragraph(run(f"Level{level}")),
            {"word/embeddings/o.docx": data},
            ("o", "package", "embeddings/o.docx"),
        )
        data = path.read_bytes()
    result = read(path, "docx")
    assert result.text.split() == ["Level5", "Level4", "Level3"]
    assert any("too deep" in note for note in result.notes)


def test_only_some_of_very_many_objects_are_read(tmp_path: Path) -> None:
    names = [f"o{number}.docx" for number in range(30)]
    parts = {f"word/embeddings/{name}": inner(tmp_path, f"Text{name}") for name in names}
    relations = [(name, "package", f"embeddings/{name}") for name in names]
    result = read(docx(tmp_path / "a.docx", paragraph(run("Body")), parts, *relations), "docx")
    assert len(result.parts) == 1 + 10
    assert len(result.notes) == 1


@pytest.mark.parametrize("data", [b"", b"torn", b"PK\3\4torn", compound({"\x01Ole10Native": b"\0\0"})])
def test_an_object_that_cannot_be_read_costs_nothing_else(data: bytes, tmp_path: Path) -> None:
    relation = ("o", "oleObject", "embeddings/o.bin")
    path = docx(tmp_path / "a.docx", paragraph(run("Body")), {"word/embeddings/o.bin": data}, relation)
    result = read(path, "docx")
    assert result.parts[0].text == "Body"
    assert not result.truncated


@pytest.mark.parametrize(
    ("language", "page"),
    [
        (0x0404, "cp950"),
        (0x0804, "gb18030"),
        (0x0C1A, "cp1251"),
        (0x081A, "cp1250"),
        (0x0425, "cp1257"),
        (0x0407, "cp1252"),
        (0x0411, "cp932"),
        (0x7F, "cp1252"),
    ],
)
def test_the_code_page_of_a_language(language: int, page: str) -> None:
    assert code_page(language) == page
