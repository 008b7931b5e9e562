"""Cards, calendars, notebooks, subtitles, XML and data: what people read in them, and no binary data."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.readers.documents import plain, table
from pillion.readers.documents.binary import NOTE, without_binary
from pillion.readers.documents.result import DocumentText

PICTURE = base64.b64encode(random.Random(1).randbytes(6000)).decode()
CARD = "text/vcard"
CALENDAR = "text/calendar"
NOTEBOOK = "application/x-ipynb+json"


def read(folder: Path, data: str | bytes, mime: str, name: str = "file") -> DocumentText:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return table.read(path, mime)


# cards and calendars --------------------------------------------------------------------------------------------------


def test_a_card_without_its_picture(tmp_path: Path) -> None:
    folded = "\r\n ".join(PICTURE[at : at + 74] for at in range(0, len(PICTURE), 74))
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Quince;Anna;;Dr.;\r\nFN:Dr. Anna Quince\r\nPHOTO;ENCODING=b;TYPE=JPEG:"
        + folded
        + "\r\nitem1.ADR;TYPE=home:;;17 Lighthouse Lane;Plumford;;;UK\r\nTEL:+44 1\r\nNOTE:likes plums\\, "
        + "pears\\nand to\r\n"
        + "  fish\r\nUID:1-2-3\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:Ben\r\n"
        + "PHOTO:data:image/png;base64,AAAA\r\nEND:VCARD\r\n"
    )
    result = read(tmp_path, card, CARD)
    assert result.text.split("\n") == [
        *("N: Quince Anna Dr.", "Fn: Dr. Anna Quince", "Adr: 17 Lighthouse Lane Plumford UK", "Tel: +44 1"),
        *("Note: likes plums, pears", "and to fish", "", "Fn: Ben"),
    ]
    assert result.notes == (NOTE,)


def test_cards_in_older_sets(tmp_path: Path) -> None:
    old = "BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:J=F6rg M=\n=FCller\nEND:VCARD\n"
    assert read(tmp_path, old, CARD).text == "Fn: Jörg Müller"
    raw = b"BEGIN:VCARD\nFN;CHARSET=Shift_JIS:" + "山田太郎".encode("cp932") + b"\nEND:VCARD\n"
    assert read(tmp_path, raw, CARD).text == "Fn: 山田太郎"
    wide = "BEGIN:VCARD\r\nFN:Jörg\r\nEND:VCARD\r\n".encode("utf-16")
    assert read(tmp_path, wide, CARD).text == "Fn: Jörg"


def test_a_letter_that_folding_cuts_in_two_is_whole(tmp_path: Path) -> None:
    line = b"SUMMARY:Gr\xc3\r\n \xbc\xc3\xb6ne Woche"
    data = (
        b"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZNAME:CET\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        + line
        + (b"\r\nX-ALT-DESC:no\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    )
    assert read(tmp_path, data, CALENDAR).text == "Summary: Grüöne Woche"


@pytest.mark.parametrize(
    ("mime", "unit"),
    [
        (CARD, b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\n"),
        (CARD, b"NOTE:\xe9 a\n"),
        ("text/vtt", b"<a "),
        ("text/vtt", b"NOTE\n"),
        ("text/xml", b"<!DOCTYPE a "),
        (NOTEBOOK, b"["),
    ],
)
def test_no_file_takes_longer_than_its_length_allows(tmp_path: Path, mime: str, unit: bytes) -> None:
    # With a cost that grows with the square of the length this would run into the timeout of the tests.
    read(tmp_path, b"BEGIN:VCARD\n" + unit * (2_000_000 // len(unit)), mime)


@given(st.binary(max_size=80))
def test_any_card_gives_text_that_can_be_stored(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    read(
        tmp_path_factory.getbasetemp(), b"BEGIN:VCARD\nFN;CHARSET=gb2312:" + data + b"\nNOTE:" + data, CARD
    ).text.encode()


# notebooks ------------------------------------------------------------------------------------------------------------


def test_a_notebook_without_its_pictures(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", f"![x](data:image/png;base64,{PICTURE})"]},
        {
            "cell_type": "code",
            "source": "plot(tides)",
            "outputs": [
                {"output_type": "display_data", "data": {"image/png": PICTURE, "text/plain": ["<Figure>"]}},
                {"output_type": "stream", "text": ["high\n", "low"]},
                {"output_type": "error", "ename": "ValueError", "evalue": "no tide"},
            ],
        },
    ]
    result = read(tmp_path, json.dumps({"nbformat": 4, "cells": cells}), NOTEBOOK)
    assert result.text == "# Tides\n![x]( )\n\nplot(tides)\n\n<Figure>\n\nhigh\nlow\n\nValueError: no tide"
    assert NOTE in result.notes
    old = {
        "nbformat": 3,
        "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"], "outputs": [{"png": PICTURE}]}]}],
    }
    assert read(tmp_path, json.dumps(old), NOTEBOOK).text == "x = 1"
    damaged = read(tmp_path, json.dumps({"cells": cells})[:-30], NOTEBOOK)
    assert "high" in damaged.text
    assert PICTURE[:100] not in damaged.text
    assert "damaged" in damaged.notes[0]


# binary data ----------------------------------------------------------------------------------------------------------


def test_binary_data_is_told_from_text() -> None:
    wrapped = base64.encodebytes(base64.b64decode(PICTURE)).decode()
    for data in (PICTURE, wrapped, f"data:image/png;base64,{PICTURE}", wrapped.replace("\n", "\\n")):
        text, found = without_binary(f"before\n{data}\nafter")
        assert (text.split(), found) == (["before", "after"], True), data[:40]
    for text in ("ACGT" * 500, "x" * 3000, "a/b/C/d9/" * 20 + "\n", "lorem ipsum 1 Dolor " * 900, "0123456789" * 100):
        assert without_binary(text) == (text, False)


@pytest.mark.parametrize(
    "unit", ["data:", "data:a/b;base64,", "Ab1" * 100 + " ", "Ab1" * 20 + "\n", "A", "\\n", "data:a/b;c=d"]
)
def test_no_text_takes_longer_than_its_length_allows(unit: str) -> None:
    # With a cost that grows with the square of the length this would run into the timeout of the tests.
    without_binary(unit * (2_000_000 // len(unit)))


# data -----------------------------------------------------------------------------------------------------------------


def test_large_data_is_read_in_samples(tmp_path: Path) -> None:
    rows = [f"{number},value {number}" for number in range(200_000)]
    result = read(tmp_path, "id,text\n" + "\n".join(rows), "text/csv")
    lines = result.text.splitlines()
    assert lines[:2] == ["id,text", "0,value 0"]
    assert set(lines[1:]) <= set(rows)
    numbers = [int(line.partition(",")[0]) for line in lines[1:]]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 199_000
    assert len(result.text) < plain.MAX_DATA_BYTES
    assert result.truncated
    assert "samples" in result.notes[0]
    wide = read(tmp_path, ("id,text\n" + "\n".join(rows)).encode("utf-16"), "text/csv")
    assert wide.text.startswith("id,text\n0,value 0\n")
    assert wide.text.isascii()
    log = "\n".join(f"2026-11-28 12:00:{number % 60:02} INFO request {number}" for number in range(20_000))
    assert "samples" in read(tmp_path, log, "text/plain").notes[0]
    assert "samples" in read(tmp_path, json.dumps(list(range(200_000))), "application/json").notes[0]


def test_long_prose_is_read_whole(tmp_path: Path) -> None:
    prose = "The harbour library opens at nine. Bring 2 plums.\n" * 8000
    result = read(tmp_path, prose, "text/plain")
    assert (result.text, result.notes, result.truncated) == (prose.strip(), (), False)


# subtitles and XML ----------------------------------------------------------------------------------------------------


def test_subtitles_are_what_is_said(tmp_path: Path) -> None:
    srt = "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello,</i>\r\n{\\an8}Anna!\r\n\r\n"
    srt += "2\r\n00:00:03,000 --> 00:00:04,000\r\n42\r\n"
    assert read(tmp_path, srt, "application/x-subrip").text == "Hello,\nAnna!\n42"
    vtt = (
        "WEBVTT - Title\nKind: captions\n\nNOTE\nnot said\n\nSTYLE\n::cue { color: red }\n\n"
        "intro\n00:01.000 --> 00:02.000 line:0\n"
        "<v Anna>One &amp; <00:01.500>two\n\n00:02.000 --> 00:03.000\nThree\n"
    )
    assert read(tmp_path, vtt, "text/vtt").text == "One & two\nThree"


def test_the_text_of_drawings(tmp_path: Path) -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [<!ENTITY ns "urn:x">]>'
        '<svg xmlns="http://www.w3.org/2000/svg"><title>A map</title><desc>Of the harbour</desc><style>a{}</style>'
        "<script>no()</script><metadata>no</metadata><text>The <tspan>quay</tspan></text>"
        "<text><textPath>along it</textPath></text>"
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">In a box</p></foreignObject></svg>'
    )
    assert read(tmp_path, svg, "image/svg+xml").text.split("\n") == [
        *("A map", "Of the harbour", "The quay", "along it", "In a box"),
    ]


def test_books_in_xml(tmp_path: Path) -> None:
    fiction = (
        '<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"><description>no</description><body>'
        "<section><title><p>One</p></title><p>It was <emphasis>dark</emphasis>.</p></section>"
        "<section><p>Light.</p></section>"
        f"</body><binary>{PICTURE}</binary></FictionBook>"
    )
    parts = read(tmp_path, fiction, "text/xml").parts
    assert [(part.kind.value, part.name, part.text) for part in parts] == [
        ("chapter", "One", "One\n\nIt was dark."),
        ("chapter", "", "Light."),
    ]
    docbook = "<!DOCTYPE article [<!ENTITY co 'Quince Ltd'>]>"
    docbook += "<article><title>T</title><para>By &co; &mdash; x</para></article>"
    assert read(tmp_path, docbook, "text/xml").text == "T\n\nBy Quince Ltd — x"
    data = '<config><option name="a">1</option></config>'
    assert read(tmp_path, data, "text/xml").text == data


def test_web_archives_are_messages(tmp_path: Path) -> None:
    archive = (
        "From: <Saved by Blink>\r\nSubject: A page\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/related; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>Gr=C3=BC=C3=9Fe</p>\r\n"
        "--b\r\nContent-Type: text/css\r\n\r\np { color: red }\r\n"
        f"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n{PICTURE}\r\n--b--\r\n"
    )
    assert read(tmp_path, archive, "text/plain").text == "Subject: A page\nFrom: <Saved by Blink>\n\nGrüße"
