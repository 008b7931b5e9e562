"""E-mail as real programs write it: what its readers see, and what is attached."""

from __future__ import annotations

import base64
import binascii
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillion.readers.documents import attached, mail
from pillion.readers.documents.mail import unflowed
from pillion.readers.documents.result import DocumentText
from tests.support import office

HTML = b"<p>The plum harvest starts on Friday at the old orchard, and everybody brings a basket.</p>"
HARVEST = "The plum harvest starts on Friday at the old orchard, and everybody brings a basket."


def read(folder: Path, data: bytes) -> DocumentText:
    path = folder / "message.eml"
    path.write_bytes(data)
    return mail.read(path, "message/rfc822")


def body(folder: Path, data: bytes) -> str:
    return read(folder, data).parts[0].text.split("\n\n", 1)[-1]


def multipart(kind: bytes, *parts: bytes) -> bytes:
    joined = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b"Subject: S\r\nContent-Type: multipart/" + kind + b"; boundary=b\r\n\r\n" + joined + b"--b--\r\n"


def plain(text: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: text/plain" + more + b"\r\n\r\n" + text


def file(name: bytes, data: bytes, kind: bytes = b"application/octet-stream") -> bytes:
    head = b"Content-Type: " + kind + b"\r\nContent-Disposition: attachment; filename=" + name
    return head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)


@pytest.mark.parametrize(
    "useless", [b"", b" \r\n\xc2\xa0", b"Your mail program does not show HTML.", b"View in browser: x"]
)
def test_plain_text_that_says_nothing_does_not_hide_the_page(tmp_path: Path, useless: bytes) -> None:
    page = b"Content-Type: text/html\r\n\r\n" + HTML
    for data in (
        multipart(b"alternative", plain(useless, b"; charset=utf-8"), page),
        multipart(
            b"alternative",
            plain(useless),
            b"Content-Type: multipart/related; boundary=c\r\n\r\n--c\r\n" + page + b"\r\n--c--",
        ),
    ):
        assert body(tmp_path, data) == HARVEST


def test_plain_text_that_says_something_is_taken(tmp_path: Path) -> None:
    page = b"Content-Type: text/html\r\n\r\n<p>See you at nine.</p><p>Unsubscribe from this list here, at any time</p>"
    assert body(tmp_path, multipart(b"alternative", plain(b"See you at nine."), page)) == "See you at nine."


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        ("Grüße aus Köln".encode(), "Grüße aus Köln"),
        ("Grüße aus Köln".encode("cp1252"), "Grüße aus Köln"),
        (b"=?gb2312?B?" + base64.b64encode("朱镕基".encode("gbk")) + b"?=", "朱镕基"),
        (b"=?shift_jis?B?" + base64.b64encode("①番".encode("cp932")) + b"?=", "①番"),
        (b"=?utf-8?Q?Gr=C3?=\r\n =?utf-8?Q?=BC=C3=9Fe_aus?= =?iso-8859-1*de?q?_K=F6ln?=", "Grüße aus Köln"),
        (b'"=?utf-8?B?R3LDvMOf?=" <a@example.org>', '"Grüß" <a@example.org>'),
        (b"=?nonsense?Q?a=E9b?= =?utf-8?B?!!!!!?= =?x", "aéb =?x"),
    ],
)
def test_headers_are_read_as_they_are_meant(tmp_path: Path, raw: bytes, subject: str) -> None:
    found = read(tmp_path, b"Subject: " + raw + b"\r\nFrom: a@example.org\r\n\r\nText")
    assert found.parts[0].name == subject


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [("gb2312", "gbk", "朱镕基同志"), ("Shift_JIS", "cp932", "①番目の駅"), ("iso-8859-1", "cp1252", "“quoted” – €5")],
)
def test_labels_mean_what_programs_mean_by_them(tmp_path: Path, label: str, codec: str, text: str) -> None:
    assert body(tmp_path, b"Subject: S\r\n" + plain(text.encode(codec), b"; charset=" + label.encode())) == text


def test_messages_in_base64_are_opened(tmp_path: Path) -> None:
    inner = "Subject: Innen\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße".encode()
    head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
    for coded in (b"base64\r\n\r\n" + base64.encodebytes(inner), b"quoted-printable\r\n\r\n" + binascii.b2a_qp(inner)):
        found = read(tmp_path, multipart(b"mixed", plain(b"Outside"), head + coded))
        assert [part.name for part in found.parts] == ["S", "Innen"]
        assert found.parts[1].text.endswith("Grüße")


def test_flowed_text_is_joined(tmp_path: Path) -> None:
    text = "One line \nthat goes on.\n> quoted \n> too\nown\n-- \nName \nand more"
    joined = "One line that goes on.\n> quoted too\nown\n-- \nName and more"
    assert unflowed(text, delete_space=False) == joined
    assert unflowed("日本 \n語", delete_space=True) == "日本語"
    assert unflowed(" >not a quotation\n From", delete_space=False) == ">not a quotation\nFrom"
    flowed = plain(b"a \r\nb\r\n", b"; format=flowed")
    assert body(tmp_path, b"Subject: S\r\n" + flowed) == "a b"


def test_the_text_of_attached_files_is_read(tmp_path: Path) -> None:
    documents = {ending: office.write(tmp_path, ending).read_bytes() for ending in ("docx", "xlsx", "rtf", "html")}
    parts = [file(f'"a.{ending}"'.encode(), data) for ending, data in documents.items()]
    picture = file(b"=?utf-8?B?" + base64.b64encode("Grüße.png".encode()) + b"?=", b"\x89PNG\r\n\x1a\n")
    found = read(tmp_path, multipart(b"mixed", plain(b"See the files"), *parts, picture))
    assert found.parts[0].text.endswith("Attached: a.docx, a.xlsx, a.rtf, a.html, Grüße.png")
    assert [(part.kind.value, part.name) for part in found.parts[1:]] == [
        ("attachment", f"a.{ending}") for ending in documents
    ]
    assert found.parts[3].text == "Grüße aus Köln\nSecond line"
    assert found.notes == ()


def test_attached_files_that_cannot_be_read_are_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = office.write(tmp_path, "docx").read_bytes()[:3000]
    found = read(
        tmp_path, multipart(b"mixed", plain(b"x"), file(b"half.docx", broken), file(b"no.pdf", b"%PDF-1.4 no"))
    )
    assert [note.split(":")[0] for note in found.notes] == [
        "the attached file half.docx could not be read",
        "the attached file no.pdf could not be read",
    ]
    monkeypatch.setattr(attached, "MAX_FILES", 1)
    found = read(tmp_path, multipart(b"mixed", plain(b"x"), file(b"a.txt", b"first"), file(b"b.txt", b"second")))
    assert [part.text for part in found.parts[1:]] == ["first"]
    assert found.notes == ("the attached file b.txt was not read: it is beyond the limit",)


def test_messages_attached_as_files_are_read_up_to_a_depth(tmp_path: Path) -> None:
    data = multipart(b"mixed", plain(b"Innermost"), file(b"note.txt", b"a note"))
    for _ in range(6):
        data = multipart(b"mixed", plain(b"Around it"), file(b"inner.eml", data))
    found = read(tmp_path, data)
    assert [part.kind.value for part in found.parts] == ["message", *["attachment"] * 4]
    assert [part.number for part in found.parts] == [1, 1, 2, 3, 4]
    assert found.notes == ("the attached file inner.eml was not read: it is beyond the limit",)
    one = read(
        tmp_path, multipart(b"mixed", plain(b"x"), file(b"m.eml", multipart(b"mixed", file(b"n.txt", b"a note"))))
    )
    assert [part.name for part in one.parts] == ["S", "m.eml", "n.txt"]


def test_files_in_the_text_are_taken_out_of_it(tmp_path: Path) -> None:
    data = b"The words of the file. " * 5
    coded = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    found = read(tmp_path, b"Subject: S\r\n\r\nBefore\nbegin 644 notes.txt\n" + coded + b"`\nend\nAfter\n")
    assert found.parts[0].text == "Subject: S\n\nBefore\n\nAfter\n\nAttached: notes.txt"
    assert found.parts[1].text == data.decode().strip()


def test_what_outlook_wrapped_is_unwrapped(tmp_path: Path) -> None:
    def attribute(level: int, number: int, value: bytes) -> bytes:
        return struct.pack("<BII", level, number, len(value)) + value + bytes(2)

    wrapped = b"\x78\x9f\x3e\x22\1\0" + attribute(1, 0x2800C, b"The body\0") + attribute(2, 0x69002, bytes(14))
    name = "Grüße.txt".encode("utf-16-le") + bytes(2)
    properties = struct.pack("<III", 0x3707001F, 1, len(name)) + name
    wrapped += (
        attribute(2, 0x18010, b"GRE.TXT\0") + attribute(2, 0x6800F, b"inside") + attribute(2, 0x69005, properties)
    )
    found = read(tmp_path, multipart(b"mixed", file(b"winmail.dat", wrapped, b"application/ms-tnef")))
    assert found.parts[0].text == "Subject: S\n\nThe body\n\nAttached: Grüße.txt"
    assert found.parts[1].text == "inside"


def test_encrypted_messages_say_so(tmp_path: Path) -> None:
    block = b"-----BEGIN PGP MESSAGE-----\n\nhQEMA0xyz\n=abcd\n-----END PGP MESSAGE-----\n"
    for data in (
        multipart(b"encrypted", b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1"),
        b"Subject: S\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIAGCSq",
        b"Subject: S\r\n\r\n" + block,
    ):
        found = read(tmp_path, data)
        assert found.notes == ("the message is encrypted, so its text cannot be read",)
        assert found.text == "Subject: S"
    signed = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\nWords\n"
    signed += b"-----BEGIN PGP SIGNATURE-----\n\niD8=\n-----END PGP SIGNATURE-----\n"
    assert read(tmp_path, b"Subject: S\r\n\r\n" + signed).text == "Subject: S\n\nWords"


PIECES = st.sampled_from(
    [
        b"Subject: ",
        b"\r\n",
        b"=?utf-8?B?",
        b"?=",
        b"\xff\xed\xa0\x80",
        b"--b",
        b"Content-Type: message/rfc822",
        b"begin 644 x\n",
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Transfer-Encoding: base64",
        b"end\n",
        b"From a 2020\n",
    ]
)


@settings(max_examples=150)
@given(st.lists(PIECES | st.binary(max_size=4), max_size=25))
def test_any_bytes_give_text_that_can_be_stored(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    found = read(tmp_path_factory.getbasetemp(), b"".join(pieces))
    found.text.encode()
    "".join(part.name for part in found.parts).encode()
