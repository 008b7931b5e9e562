"""The text that a person sees in an office document: all of it, once, in its order, and nothing that is not seen."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.embedding.passages import passages
from pillion.model import GenerationRequest
from pillion.readers.documents import packages
from pillion.readers.documents import table as documents
from pillion.readers.documents.result import DocumentText
from tests.support import office

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
R_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
X = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
NAMES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": W,
        "r": R,
        "mc": MC,
        "a": A,
        "c": C,
        "p": P,
        "v": "urn:schemas-microsoft-com:vml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    }.items()
)


def links(*targets: tuple[str, str, str], relations: str = R) -> str:
    """A part of relationships: (id, kind, target) of each."""
    rows = (f'<Relationship Id="{name}" Type="{relations}/{kind}" Target="{to}"/>' for name, kind, to in targets)
    return f'<Relationships xmlns="{RELATIONS}">{"".join(rows)}</Relationships>'


def docx(
    path: Path, body: str, parts: Mapping[str, str | bytes] | None = None, *relations: tuple[str, str, str]
) -> Path:
    """A Word document; ``relations`` are those of its main part."""
    return office.write_zip(
        path,
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": links(("r", "officeDocument", "word/document.xml")),
            "word/document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": links(*relations),
            **(parts or {}),
        },
    )


def run(text: str, properties: str = "") -> str:
    return f"<w:r>{f'<w:rPr>{properties}</w:rPr>' if properties else ''}<w:t>{text}</w:t></w:r>"


def paragraph(*runs: str, properties: str = "") -> str:
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{''.join(runs)}</w:p>"


def read(path: Path, ending: str) -> DocumentText:
    return documents.read(path, office.MIMES[ending])


def text_of(body: str, tmp_path: Path) -> str:
    return read(docx(tmp_path / "a.docx", body), "docx").text


# Word -----------------------------------------------------------------------------------------------------------------


def field(code: str, result: str) -> str:
    marks = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
    return f"{marks[0]}<w:r><w:instrText>{code}</w:instrText></w:r>{marks[1]}{result}{marks[2]}"


def test_results_of_fields_and_not_their_codes(tmp_path: Path) -> None:
    inner = field(" PAGE ", run("seven"))
    outer = field(f" IF </w:instrText></w:r>{inner}<w:r><w:instrText> = 1 ", run("the result"))
    assert text_of(paragraph(run("See "), outer, run(".")), tmp_path) == "See the result."
    lost = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert text_of(paragraph(lost, run("Nothing is lost")), tmp_path) == "Nothing is lost"


def test_what_is_inserted_and_not_what_is_deleted_or_hidden(tmp_path: Path) -> None:
    body = paragraph(
        run("We "),
        "<w:del><w:r><w:delText>never </w:delText></w:r></w:del>",
        f"<w:ins>{run('always ')}</w:ins>",
        f"<w:moveFrom>{run('late ')}</w:moveFrom><w:moveTo>{run('early ')}</w:moveTo>",
        run("secret ", "<w:vanish/>"),
        run("pick", '<w:vanish w:val="0"/>'),
    )
    row = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph(run('gone'))}</w:tc></w:tr>"
    assert text_of(f"{body}<w:tbl>{row}</w:tbl>", tmp_path) == "We always early pick"


def test_boxes_once_and_not_within_a_sentence(tmp_path: Path) -> None:
    boxed = f"<w:txbxContent>{paragraph(run('In a box'))}</w:txbxContent>"
    shape = (
        f"<w:r><mc:AlternateContent><mc:Choice><w:drawing><wp:anchor>{boxed}</wp:anchor></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{boxed}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    old = f"<w:r><w:pict><v:shape><v:textbox>{boxed.replace('In a', 'In an old')}</v:textbox></v:shape></w:pict></w:r>"
    letters = '<w:r><w:pict><v:shape><v:textpath string="Draft"/></v:shape></w:pict></w:r>'
    body = paragraph(run("The plums "), shape, run("are ripe.")) + paragraph(old) + paragraph(letters)
    assert text_of(body, tmp_path).split("\n") == ["The plums are ripe.", "In a box", "In an old box", "", "Draft"]


ABOUT = (
    ('title="Orchard" descr="Four plum trees in bloom"', "Orchard\nFour plum trees in bloom"),
    ('descr="C:\\Users\\clara\\Pictures\\tree.jpg"', ""),
    ('descr="DSC_0042.JPG"', ""),
    ('descr="A tree in a field&#10;&#10;Description automatically generated"', ""),
    ('descr="https://example.org/tree"', ""),
)
"""What is said of a picture, and what of it is text."""


@pytest.mark.parametrize(("about", "said"), ABOUT)
def test_what_is_said_of_pictures_is_text(about: str, said: str, tmp_path: Path) -> None:
    picture = f'<w:r><w:drawing><wp:inline><wp:docPr id="1" name="Picture 1" {about}/></wp:inline></w:drawing></w:r>'
    assert text_of(paragraph(run("Plums"), picture), tmp_path).replace("\n\n", "\n") == f"Plums\n{said}".strip()
    shown = f'<p:pic><p:nvPicPr><p:cNvPr id="2" name="Picture 2" {about}/></p:nvPicPr></p:pic>'
    slides = pptx(tmp_path / "a.pptx", {"a": slide(shape("Plums"), shown)}, {})
    assert read(slides, "pptx").text == f"Plums\n{said}".strip()


def test_what_is_said_of_pictures_in_opendocument_is_text(tmp_path: Path) -> None:
    svg = 'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
    said = "<svg:title>Orchard</svg:title><svg:desc>Four trees</svg:desc>"
    frame = f"<draw:frame {svg}><draw:image/>{said}</draw:frame>"
    path = odf(tmp_path / "a.odt", f"<text:p>Plums{frame}</text:p>")
    assert read(path, "odt").text.split("\n") == ["Plums", "Orchard", "Four trees"]


def test_controls_links_and_ruby(tmp_path: Path) -> None:
    body = paragraph(
        f"<w:sdt><w:sdtPr/><w:sdtContent>{run('Chosen')}</w:sdtContent></w:sdt>",
        f"<w:hyperlink r:id='x'>{run(' linked')}</w:hyperlink>",
        f"<w:fldSimple w:instr='DATE'>{run(' today')}</w:fldSimple>",
        f"<w:r><w:ruby><w:rt>{run('kan')}</w:rt><w:rubyBase>{run(' 漢')}</w:rubyBase></w:ruby></w:r>",
        '<w:r><w:sym w:char="2192"/><w:sym w:char="F0E0"/></w:r>',
    )
    assert text_of(body, tmp_path) == "Chosen linked today 漢(kan)→"


def test_numbers_of_lists(tmp_path: Path) -> None:
    level = '<w:lvl w:ilvl="{0}"><w:start w:val="1"/><w:numFmt w:val="{1}"/><w:lvlText w:val="{2}"/></w:lvl>'
    levels = level.format(0, "decimal", "%1.") + level.format(1, "lowerLetter", "%1.%2)")
    numbering = (
        f'<w:numbering {NAMES}><w:abstractNum w:abstractNumId="5">{levels}</w:abstractNum>'
        '<w:abstractNum w:abstractNumId="6">' + level.format(0, "bullet", "*") + "</w:abstractNum>"
        '<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="6"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="5"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/>'
        "</w:lvlOverride></w:num></w:numbering>"
    )

    def item(text: str, number: int, depth: int = 0) -> str:
        place = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
        return paragraph(run(text), properties=place)

    body = (
        item("plums", 1) + item("blue", 1, 1) + item("red", 1, 1) + item("pears", 1) + item("nuts", 2) + item("figs", 3)
    )
    path = docx(tmp_path / "a.docx", body, {"word/numbering.xml": numbering}, ("n", "numbering", "numbering.xml"))
    assert read(path, "docx").text == "1. plums\n1.a) blue\n1.b) red\n2. pears\nnuts\n9. figs"


def test_notes_comments_charts_and_diagrams(tmp_path: Path) -> None:
    def story(name: str, text: str) -> str:
        return f"<w:{name} {NAMES}>{paragraph(run(text))}</w:{name}>"

    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Harvest</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    series = "<c:ser><c:tx><c:strRef><c:strCache><c:pt><c:v>Plums</c:v></c:pt></c:strCache></c:strRef></c:tx>"
    values = "<c:val><c:numRef><c:numCache><c:pt><c:v>123</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser>"
    parts = {
        "word/header1.xml": story("hdr", "Report"),
        "word/footer1.xml": story("ftr", "Private"),
        "word/footnotes.xml": story("footnotes", "A note"),
        "word/endnotes.xml": story("endnotes", "The end"),
        "word/comments.xml": story("comments", "Really?"),
        "word/charts/chart1.xml": f"<c:chartSpace {NAMES}>{title}{series}{values}</c:chartSpace>",
        "word/diagrams/data1.xml": f"<dgm:dataModel {NAMES}>"
        "<dgm:pt><a:p><a:r><a:t>Boss</a:t></a:r></a:p></dgm:pt></dgm:dataModel>",
    }
    kinds = ("header", "footer", "footnotes", "endnotes", "comments", "chart", "diagramData")
    relations = [(kind, kind, name.removeprefix("word/")) for kind, name in zip(kinds, parts, strict=True)]
    shown = '<w:r><w:drawing><c:chart r:id="chart"/></w:drawing></w:r>'
    shown += '<w:r><w:drawing><dgm:relIds r:dm="diagramData"/></w:drawing></w:r>'
    path = docx(tmp_path / "a.docx", paragraph(run("Body"), shown), parts, *relations)
    whole = "Body\nHarvest\nPlums\nBoss\n\nReport\n\nPrivate\n\nA note\n\nThe end\n\nReally?"
    assert read(path, "docx").text == whole
    request = GenerationRequest(kind="embeddings", variants=("x",), source=path, mime=office.MIMES["docx"])
    assert [passage.text for passage in passages(request)] == [whole]


@pytest.mark.parametrize(
    "chunk",
    [
        b"<html><body><p>Quince <b>jelly</b></p></body></html>",
        b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd"><html><body>Quince jelly</body></html>',
        rb"{\rtf1\ansi Quince jelly\par}",
        b"Quince jelly",
        b"MIME-Version: 1.0\nContent-Type: text/html\n\n<p>Quince jelly</p>",
    ],
)
def test_documents_set_into_others(tmp_path: Path, chunk: bytes) -> None:
    body = paragraph(run("Before")) + '<w:altChunk r:id="c"/>' + paragraph(run("After"))
    path = docx(tmp_path / "a.docx", body, {"word/chunk": chunk}, ("c", "aFChunk", "chunk"))
    result = read(path, "docx")
    assert result.text.split() == ["Before", "Quince", "jelly", "After"]
    assert not result.notes


def test_a_document_that_is_set_into_itself_ends(tmp_path: Path) -> None:
    inner = b""
    for depth in range(6):
        path = docx(
            tmp_path / f"{depth}.docx",
            paragraph(run(f"Level{depth}")) + '<w:altChunk r:id="c"/>',
            {"word/chunk": inner} if inner else {},
            *([("c", "aFChunk", "chunk")] if inner else []),
        )
        inner = path.read_bytes()
    result = read(path, "docx")
    assert result.text.split() == ["Level5", "Level4", "Level3", "Level2"]
    assert result.notes == ("documents that are set into others too deep or too often are left out",)


@pytest.mark.parametrize("kind", ["document.macroEnabled", "template", "template.macroEnabledTemplate"])
def test_the_strict_form_and_any_content_type(tmp_path: Path, kind: str) -> None:
    main = (
        f'<w:document xmlns:w="{W_STRICT}"><w:body><w:p><w:r><w:t>Strict plums</w:t></w:r></w:p></w:body></w:document>'
    )
    content_type = f"application/vnd.ms-word.{kind}.main+xml"
    types = f'<Types><Override PartName="/word/document.xml" ContentType="{content_type}"/></Types>'
    parts = {
        "[Content_Types].xml": types,
        "_rels/.rels": links(("r", "officeDocument", "/word/document.xml"), relations=R_STRICT),
        "word/document.xml": main,
    }
    assert read(office.write_zip(tmp_path / "a.docx", parts), "docx").text == "Strict plums"


# presentations --------------------------------------------------------------------------------------------------------


def shape(text: str, placeholder: str = "") -> str:
    body = f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>"
    return f"<p:sp><p:nvSpPr><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr>{body}</p:sp>"


def slide(*shapes: str, name: str = "sld", attributes: str = "") -> str:
    return f"<p:{name} {NAMES} {attributes}><p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld></p:{name}>"


def pptx(path: Path, slides: Mapping[str, str], parts: Mapping[str, str]) -> Path:
    listed = "".join(f'<p:sldId r:id="{name}"/>' for name in slides)
    return office.write_zip(
        path,
        {
            "_rels/.rels": links(("r", "officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": links(*((name, "slide", f"slides/{name}.xml") for name in slides)),
            **{f"ppt/slides/{name}.xml": xml for name, xml in slides.items() if xml},
            **parts,
        },
    )


def test_slides_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    slides = {
        "b": slide(shape("Plums", '<p:ph type="title"/>'), shape("Forty trees")),
        "a": slide(shape("Quinces", '<p:ph type="ctrTitle"/>'), attributes='show="0"'),
        "gone": "",
        "broken": "torn",
    }
    relations = links(
        ("n", "notesSlide", "../notes/n.xml"), ("c", "comments", "../c.xml"), ("l", "slideLayout", "../l.xml")
    )
    notes = slide(shape("Speak up", '<p:ph type="body"/>'), shape("12", '<p:ph type="sldNum"/>'), name="notes")
    parts = {
        "ppt/slides/_rels/b.xml.rels": relations,
        "ppt/slides/_rels/a.xml.rels": links(("l", "slideLayout", "../l.xml")),
        "ppt/notes/n.xml": notes,
        "ppt/c.xml": f"<p:cmLst {NAMES}><p:cm><p:text>Sure?</p:text></p:cm></p:cmLst>",
        "ppt/l.xml": slide(shape("Orchard Ltd"), shape("Click to edit", '<p:ph type="title"/>'), name="sldLayout"),
    }
    path = pptx(tmp_path / "a.pptx", slides, parts)
    result = read(path, "pptx")
    assert [(part.number, part.name, part.text, part.hidden) for part in result.parts] == [
        (1, "Plums", "Plums\nForty trees\n\nOrchard Ltd\n\nSpeak up\n\nSure?", False),
        (2, "Quinces", "Quinces", True),
    ]
    assert result.notes == ("slide 3 is missing", "the part ppt/slides/broken.xml is not XML")
    assert result.document()["parts"][1]["hidden"] is True
    request = GenerationRequest(kind="embeddings", variants=("x",), source=path, mime=office.MIMES["pptx"])
    assert [passage.text.splitlines()[-1] for passage in passages(request)] == ["Sure?", "Quinces"]


# workbooks ------------------------------------------------------------------------------------------------------------


def test_cells_and_all_that_belongs_to_sheets(tmp_path: Path) -> None:
    import datetime

    import xlsxwriter

    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Bills")
    formats = {
        name: book.add_format({"num_format": name})
        for name in ("0.0%", "#,##0.00 €", "dd.mm.yyyy", "00000", "0.00E+00")
    }
    sheet.write_row(0, 0, [4915123456789, 1234567890123456, 0.30000000000000004])
    sheet.write(1, 0, 0.195, formats["0.0%"])
    sheet.write(1, 1, 1234.5, formats["#,##0.00 €"])
    sheet.write_datetime(1, 2, datetime.datetime(2024, 2, 29), formats["dd.mm.yyyy"])
    sheet.write(1, 3, 501, formats["00000"])
    sheet.write(1, 4, 123456, formats["0.00E+00"])
    sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
    sheet.write_formula(2, 1, '="a"&"b"', None, "ab")
    sheet.write_boolean(2, 2, False)
    sheet.write_rich_string(3, 0, "rich ", book.add_format({"bold": True}), "text")
    sheet.write_url(3, 1, "http://x.example", string="a link")
    sheet.write_comment("A1", "Check this")
    sheet.set_header('&L&"Arial,Bold"Confidential &P')
    sheet.insert_textbox(5, 0, "A box about jam")
    chart = book.add_chart({"type": "line"})
    chart.add_series({"name": "Yield", "values": "=Bills!$A$1:$C$1"})
    chart.set_title({"name": "Harvest"})
    sheet.insert_chart(8, 0, chart)
    hidden = book.add_worksheet("Old")
    hidden.write(0, 0, "secret")
    hidden.hide()
    book.close()
    bills, old = read(path, "xlsx").parts
    rows = [
        "4915123456789\t1234567890123456\t0.3",
        "19.5%\t1,234.50 €\t29.02.2024\t00501\t1.23E+05",
        "#DIV/0!\tab\tFALSE",
        "rich text\ta link",
    ]
    beside = ["Confidential", "Check this", "A box about jam", "Harvest\nYield"]
    assert bills.text.split("\n\n") == ["\n".join(rows), *beside]
    assert (old.name, old.text, old.hidden) == ("Old", "secret", True)


def test_a_sheet_that_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    path = office.write(tmp_path, "xlsx")
    broken = office.with_part(path, tmp_path / "b.xlsx", "xl/worksheets/sheet1.xml", "<worksheet><sheetData><row")
    result = read(broken, "xlsx")
    assert [part.name for part in result.parts] == ["Notes"]
    assert any("sheet1.xml" in note for note in result.notes)


# OpenDocument ---------------------------------------------------------------------------------------------------------

ODF_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "style": "style",
        "presentation": "presentation",
    }.items()
)


def odf(path: Path, body: str, *, kind: str = "text", styles: str = "", master: str = "", doctype: str = "") -> Path:
    content = (
        f'<?xml version="1.0"?>{doctype}<office:document-content {ODF_NAMES}>'
        f"<office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    pages = f'<style:master-page style:name="d">{master}</style:master-page>'
    masters = f"<office:master-styles>{pages}</office:master-styles>"
    common = f"<office:document-styles {ODF_NAMES}>{masters}</office:document-styles>"
    return office.write_zip(path, {"mimetype": "x", "content.xml": content, "styles.xml": common})


def test_opendocument_text_with_notes_changes_and_frames(tmp_path: Path) -> None:
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:p>The plums<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>All of them.</text:p></text:note-body></text:note> are"
        "<draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame>"
        '<text:s text:c="2"/>ripe.<office:annotation><text:p>Sure?</text:p></office:annotation></text:p>'
    )
    header = (
        "<style:header><text:p>Report</text:p></style:header>"
        "<style:footer><text:p>Page <text:page-number>1</text:page-number></text:p></style:footer>"
    )
    path = odf(tmp_path / "a.odt", body, master=header)
    assert read(path, "odt").text == "The plums are ripe.\nAll of them.\nIn a box\nSure?\n\nReport"


def test_opendocument_cells_as_shown_and_hidden_sheets(tmp_path: Path) -> None:
    styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    cells = (
        '<table:table-cell office:value="0.195"><text:p>19,5 %</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="3"/>'
        '<table:table-cell office:value="4915123456789"><office:annotation><text:p>Long</text:p></office:annotation>'
        "<text:p>4915123456789</text:p></table:table-cell>"
    )
    body = (
        f'<table:table table:name="A"><table:table-row>{cells}</table:table-row></table:table>'
        '<table:table table:name="B" table:style-name="h"><table:table-row><table:table-cell><text:p>x</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    result = read(odf(tmp_path / "a.ods", body, kind="spreadsheet", styles=styles), "ods")
    assert [(part.name, part.text, part.hidden) for part in result.parts] == [
        ("A", "19,5 %\t\t\t\t4915123456789\n\nLong", False),
        ("B", "x", True),
    ]


# XML that declares things ---------------------------------------------------------------------------------------------


def test_a_document_type_is_no_attack(tmp_path: Path) -> None:
    doctype = (
        '<!DOCTYPE office:document-content PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "office.dtd" '
        '[<!ENTITY firm "Orchard Ltd"><!ENTITY twice "&firm;&firm;">]>'
    )
    path = odf(tmp_path / "a.odt", "<text:p>From &firm;, &eacute;t&eacute;.&twice;</text:p>", doctype=doctype)
    result = read(path, "odt")
    assert result.text == "From Orchard Ltd, été."
    assert result.notes == ("the part content.xml refers to entities of its own, which are left out",)


def test_entities_never_expand_nor_open_anything(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    laughs = "".join(f'<!ENTITY l{step} "{f"&l{step - 1};" * 10}">' for step in range(1, 10))
    outside = f'<!ENTITY out SYSTEM "{secret.as_uri()}"><!ENTITY % more SYSTEM "{secret.as_uri()}"> %more;'
    doctype = f'<!DOCTYPE d [<!ENTITY l0 "ha">{laughs}{outside}]>'
    start = time.monotonic()
    for body in ("<text:p>seen &l9; &out;</text:p>", '<text:p text:style-name="&l9;">seen</text:p>'):
        try:
            result = read(odf(tmp_path / "a.odt", body, doctype=doctype), "odt")
        except ItemError as error:
            assert error.error_class is ErrorClass.CORRUPT  # noqa: PT017
        else:
            assert result.notes
            assert result.text in ("", "seen")
    assert time.monotonic() - start < 20


def test_parts_that_are_not_read_may_hold_anything(tmp_path: Path) -> None:
    laughs = '<!DOCTYPE d [<!ENTITY a "&b;"><!ENTITY b "&a;">]><d>&a;</d>'
    path = docx(tmp_path / "a.docx", paragraph(run("Fine")), {"customXml/item1.xml": laughs, "word/x.xml": "<<<"})
    result = read(path, "docx")
    assert (result.text, result.notes) == ("Fine", ())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_part_that_states_a_small_size_is_stopped_while_it_is_unpacked(
    method: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lie.docx"
    main = f"<w:document {NAMES}><w:body>{paragraph(run('x'))}</w:body></w:document>"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("word/document.xml", main + " " * (8 << 20))
        size = archive.infolist()[0].file_size
    data = path.read_bytes()
    assert data.count(size.to_bytes(4, "little")) == 2
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (400).to_bytes(4, "little")))
    monkeypatch.setattr(packages, "MAX_XML_BYTES", 1 << 20)
    with pytest.raises(ItemError) as caught:
        read(path, "docx")
    assert caught.value.error_class is ErrorClass.TOO_LARGE


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_parts_are_packed_in_a_way_that_can_be_stopped(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(
            "word/document.xml", f"<w:document {NAMES}><w:body>{paragraph(run('Packed'))}</w:body></w:document>"
        )
    if method != zipfile.ZIP_LZMA:
        assert read(path, "docx").text == "Packed"
        return
    # No office program reads it either.
    with pytest.raises(ItemError, match="cannot be unpacked") as caught:
        read(path, "docx")
    assert caught.value.error_class is ErrorClass.CORRUPT
