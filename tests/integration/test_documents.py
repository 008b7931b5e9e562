"""Documents: their text in their order, and no document that does worse than fail with its class."""

from __future__ import annotations

import contextlib
import random
import shutil
import zipfile
from pathlib import Path

import msgpack
import pytest

from pillion import Library, extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import base as document_base
from pillion.readers.documents import opendocument, packages, sheets
from pillion.readers.documents import table as documents
from tests.support import media, office, program

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><d>&c;</d>'
)
MAIN_PARTS = {
    "docx": "word/document.xml",
    "pptx": "ppt/slides/slide1.xml",
    "xlsx": "xl/worksheets/sheet1.xml",
    "odt": "content.xml",
    "ods": "content.xml",
    "odp": "content.xml",
    "epub": "OPS/book.opf",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ending -> a document of that format."""
    folder = tmp_path_factory.mktemp("documents")
    return {ending: office.write(folder, ending) for ending in office.MIMES}


def failure(path: Path, ending: str) -> ErrorClass:
    with pytest.raises(ItemError) as caught:
        documents.read(path, office.MIMES[ending])
    assert caught.value.message
    return caught.value.error_class


@pytest.mark.parametrize("ending", office.MIMES)
def test_text_in_its_parts(written: dict[str, Path], ending: str) -> None:
    result = documents.read(written[ending], office.MIMES[ending])
    assert [(part.kind, part.number, part.name, part.text) for part in result.parts] == office.TEXTS[ending]
    assert not result.truncated
    assert result.text == "\f".join(text for _, _, _, text in office.TEXTS[ending])


def test_word_text_beside_the_body(written: dict[str, Path], tmp_path: Path) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = (
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>In a box</w:t></w:r></w:p>"
        "</w:txbxContent></mc:Choice><mc:Fallback><w:p><w:r><w:t>In a box</w:t></w:r></w:p></mc:Fallback>"
        "</mc:AlternateContent></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>added</w:t></w:r></w:ins></w:p>"
    )
    body = f"<w:document {w} {mc}><w:body>{box}</w:body></w:document>"
    path = office.with_part(written["docx"], tmp_path / "box.docx", MAIN_PARTS["docx"], body)
    assert documents.read(path, office.MIMES["docx"]).text == "In a box\nadded\n\nA header on each page"


@pytest.mark.parametrize("ending", office.ZIPPED)
def test_entities_are_never_expanded(written: dict[str, Path], tmp_path: Path, ending: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    outside = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "{secret.as_uri()}">]><d>&a;</d>'
    for number, xml in enumerate((LAUGHS, outside, LAUGHS.encode("utf-16"))):
        path = office.with_part(written[ending], tmp_path / f"{number}.{ending}", MAIN_PARTS[ending], xml)
        if ending not in ("pptx", "xlsx"):
            assert failure(path, ending) is ErrorClass.CORRUPT
            continue
        # One slide or sheet of several: the others are read, and this one is named.
        result = documents.read(path, office.MIMES[ending])
        assert result.notes
        assert not {"ha", "haha", "not"} & set(result.text.split())


@pytest.mark.parametrize("ending", office.ZIPPED)
def test_what_unpacks_to_too_much_is_refused(
    written: dict[str, Path], tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small limits, so that the test need not write what they are for.
    limit = 1 << 20
    monkeypatch.setattr(packages, "MAX_XML_BYTES", limit)
    monkeypatch.setattr(sheets, "_MAX_XML_BYTES", limit)
    monkeypatch.setattr(opendocument, "_XML_BYTES", limit)
    assert documents.read(written[ending], office.MIMES[ending]).parts
    path = office.with_part(written[ending], tmp_path / f"bomb.{ending}", "word/more.xml", b"<a>" + b" " * (limit + 1))
    assert path.stat().st_size < limit / 2
    assert failure(path, ending) is ErrorClass.TOO_LARGE


def test_pictures_do_not_count(written: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_XML_BYTES", 1 << 20)
    path = office.with_part(written["docx"], tmp_path / "photos.docx", "word/media/image1.png", b"\0" * (1 << 20))
    assert documents.read(path, office.MIMES["docx"]).text.startswith("Harbour report")


def test_a_size_that_lies_gives_no_more_than_it_says(written: dict[str, Path], tmp_path: Path) -> None:
    path = office.with_part(written["epub"], tmp_path / "lie.epub", "OPS/one.xhtml", "<p>" + "long " * 50_000)
    data = path.read_bytes()
    size = len("<p>" + "long " * 50_000).to_bytes(4, "little")
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, (64).to_bytes(4, "little")))
    book = documents.read(path, office.MIMES["epub"])
    assert "long" not in book.text
    assert "OPS/one.xhtml cannot be unpacked" in book.notes[0]


@pytest.mark.parametrize("ending", office.ZIPPED)
def test_protected_documents_are_unsupported(written: dict[str, Path], tmp_path: Path, ending: str) -> None:
    data = bytearray(written[ending].read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path = tmp_path / f"zip.{ending}"
    path.write_bytes(data)
    assert failure(path, ending) is ErrorClass.UNSUPPORTED
    if ending.startswith("od"):
        manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
        path = office.with_part(written[ending], tmp_path / f"odf.{ending}", "META-INF/manifest.xml", manifest)
        assert failure(path, ending) is ErrorClass.UNSUPPORTED
    if ending == "epub":
        encryption = "<e><EncryptedData><m Algorithm='aes'/></EncryptedData></e>"
        path = office.with_part(written[ending], tmp_path / "drm.epub", "META-INF/encryption.xml", encryption)
        assert failure(path, ending) is ErrorClass.UNSUPPORTED


def test_a_book_whose_fonts_are_scrambled_is_read(written: dict[str, Path], tmp_path: Path) -> None:
    scrambled = "<e><EncryptedData><m Algorithm='http://www.idpf.org/2008/embedding'/></EncryptedData></e>"
    path = office.with_part(written["epub"], tmp_path / "fonts.epub", "META-INF/encryption.xml", scrambled)
    assert documents.read(path, office.MIMES["epub"]).parts[1].text.endswith("Then light.")


@pytest.mark.parametrize("ending", [ending for ending in office.MIMES if ending not in ("eml", "mbox", "html")])
def test_damaged_documents_are_corrupt(written: dict[str, Path], tmp_path: Path, ending: str) -> None:
    data = written[ending].read_bytes()
    for number, part in enumerate((data[: len(data) // 2], data[:-40], data[:30])):
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes(part)
        assert failure(path, ending) is ErrorClass.CORRUPT


@pytest.mark.parametrize("ending", office.MIMES)
def test_no_damage_raises_anything_else(written: dict[str, Path], tmp_path: Path, ending: str) -> None:
    rng = random.Random(ending)
    good = written[ending].read_bytes()
    main = MAIN_PARTS.get(ending)
    for _ in range(60):
        data = bytearray(good)
        path = tmp_path / f"mutant.{ending}"
        if main and rng.random() < 0.7:
            # Behind the checksums of the zip file, where the libraries are.
            with zipfile.ZipFile(written[ending]) as archive:
                part = bytearray(archive.read(rng.choice([main, *archive.namelist()])))
            _mutate(part, rng)
            office.with_part(written[ending], path, main, bytes(part))
        else:
            _mutate(data, rng)
            path.write_bytes(data)
        with contextlib.suppress(ItemError):
            documents.read(path, office.MIMES[ending])


def _mutate(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 6)):
        if not data:
            return
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case _:
                data[at:at] = data[: rng.randint(1, 40)]


def test_a_long_text_is_read_in_part(written: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(document_base, "MAX_CHARACTERS", 20)
    result = documents.read(written["pptx"], office.MIMES["pptx"])
    assert (result.truncated, len(result.parts[0].text)) == (True, 20)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert failure(tmp_path / "gone.docx", "docx") is ErrorClass.MISSING_SOURCE
    assert failure(tmp_path / "gone.eml", "eml") is ErrorClass.MISSING_SOURCE
    with pytest.raises(ItemError, match="no text to be read in files of type application/zip"):
        documents.read(tmp_path, "application/zip")
    locked = tmp_path / "locked.docx"
    locked.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000))
    with pytest.raises(ItemError, match="protected with a password"):
        documents.read(locked, documents.PROTECTED)


def test_mail_in_odd_forms(tmp_path: Path) -> None:
    path = tmp_path / "odd.eml"
    inner = office.message()
    outer = office.message()
    outer.replace_header("Subject", "Outer")
    outer.add_attachment(inner)
    path.write_bytes(outer.as_bytes())
    assert [part.name for part in documents.read(path, office.MIMES["eml"]).parts] == ["Outer", "Rechnung für März"]
    html = "Subject: H\nContent-Type: text/html; charset=nonsense\n\n<p>Only <b>HTML</b></p>"
    path.write_text(html)
    assert documents.read(path, office.MIMES["eml"]).text == "Subject: H\n\nOnly HTML"
    path.write_bytes(b"From: broken <\nDate: never\nSubject: =?utf-8?b?!!!?=\n\nbody \xe9t\xe9")
    assert documents.read(path, office.MIMES["eml"]).text.endswith("body été")


@pytest.mark.parametrize("name", ["word", "presentation", "workbook", "opendocument", "compound"])
def test_a_missing_library_is_named_with_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    engine = next(engine for engine in documents.ENGINES if name == engine.NAME)
    package = extras.EXTRAS["documents"][str(engine.PACKAGE)]
    with pytest.raises(ItemError) as caught:
        engine.read(Path("any"), next(iter(engine.MIMES)))
    assert f"need the Python package {package}, " in caught.value.message
    assert caught.value.message.endswith("run pip install 'pillion[documents]'")
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


@pytest.mark.models
def test_a_library_embeds_documents_and_says_of_others_why_not(written: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for path in written.values():
        shutil.copy(path, folder / path.name)
    (folder / "locked.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000))
    (folder / "half.docx").write_bytes(written["docx"].read_bytes()[:20_000])
    (folder / "noise.docx").write_bytes(random.Random(1).randbytes(5000))
    with Library.open(tmp_path / "library") as library:
        library.index(folder)
        library.run()
        items = {Path(item.sources[0]).name: item for item in library.ls(kind="embeddings")}
        texts = {Path(item.sources[0]).name: item for item in library.ls(kind="text")}
    # What is no document is told by the state of its text; its embeddings end as its text did.
    items["noise.docx"] = texts["noise.docx"]
    assert {name: (one.state, one.error) for name, one in texts.items()} == {
        name: (one.state, one.error) for name, one in items.items()
    }
    for ending, path in written.items():
        made = items[path.name]
        assert made.path is not None, made.error
        chunks = msgpack.unpackb(made.path.read_bytes())["chunks"]
        whole = "\f".join(text for _, _, _, text in office.TEXTS[ending])
        assert all(whole[chunk["start"] : chunk["end"]] == chunk["text"] for chunk in chunks)
        numbered = [(chunk.get("part", "body"), chunk.get("number", 1)) for chunk in chunks]
        assert numbered == [(kind, number) for kind, number, _, _ in office.TEXTS[ending]]
    for name, state in (("locked.docx", "unsupported"), ("noise.docx", "unsupported"), ("half.docx", "failed")):
        assert items[name].state == state
    assert (items["half.docx"].error or {})["class"] == "corrupt"
    assert "password" in str((items["locked.docx"].error or {})["message"])


def test_the_command_prints_the_text_of_files(written: dict[str, Path], tmp_path: Path) -> None:
    done = program.run("text", written["pptx"], written["eml"])
    assert done.returncode == 0, done.stderr
    texts = ("\f".join(text for _, _, _, text in office.TEXTS[ending]) + "\n" for ending in ("pptx", "eml"))
    assert done.stdout == "".join(texts)
    found = program.run_json("text", written["xlsx"])
    assert (found["kind"], found["mime"], found["truncated"]) == ("file", office.MIMES["xlsx"], False)
    assert found["parts"][1] == {"part": "sheet", "number": 3, "name": "Notes", "text": "See the annex"}
    other = tmp_path / "a.zip"
    office.write_zip(other, {"a.txt": "text"})
    done = program.run("text", other, written["rtf"])
    assert done.returncode == 1
    assert "unsupported: there is no text to be read in files of type application/zip" in done.stderr
    assert done.stdout == office.TEXTS["rtf"][0][3] + "\n"


@pytest.mark.models
def test_the_command_reads_and_hears_what_holds_no_text(tmp_path: Path) -> None:
    page = media.write_page(tmp_path / "page.png", "The harbour library opens at nine.", dpi=150)
    found = program.run_json("text", page)
    assert found["kind"] == "ocr"
    assert "harbour library" in found["text"]


@pytest.mark.parametrize("ending", office.ZIPPED)
def test_every_part_of_every_zipped_format_is_stopped_at_the_limit(
    written: dict[str, Path], tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part in turn states a few bytes and holds 2 MiB: of none more than the limit is ever unpacked."""
    with zipfile.ZipFile(written[ending]) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    monkeypatch.setattr(packages, "MAX_XML_BYTES", 1 << 20)
    monkeypatch.setattr(sheets, "_MAX_XML_BYTES", 1 << 20)
    monkeypatch.setattr(opendocument, "_XML_BYTES", 1 << 20)
    largest = 0

    def watched(data: bytes, most: int) -> bytes:
        nonlocal largest
        made = deflated(data, most)
        largest = max(largest, len(made))
        return made

    deflated = packages._METHODS[zipfile.ZIP_DEFLATED]
    monkeypatch.setitem(packages._METHODS, zipfile.ZIP_DEFLATED, watched)
    for name, part in parts.items():
        path = tmp_path / f"lie.{ending}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, data in parts.items():
                archive.writestr(other, part + b" " * (2 << 20) if other == name else data)
            size = archive.getinfo(name).file_size
        data = path.read_bytes()
        path.write_bytes(data.replace(size.to_bytes(4, "little"), (300).to_bytes(4, "little")))
        with contextlib.suppress(ItemError):
            documents.read(path, office.MIMES[ending])
    assert 0 < largest <= (1 << 20) + 1
