"""The names of encodings, and what a text, a page or a message that names one is decoded as."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.readers.documents.charset import decoded, decoded_as, decoded_markup, decoded_text
from pillion.readers.documents.labels import _LABELS, label_codec, text_in

RUSSIAN = "Книга лежит на столе, ключи висят у двери. Позже мы хотели бы поехать в Москву."
POLISH = "Książka leży na stole, a klucze wiszą przy drzwiach. Zażółć gęślą jaźń."


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf8", "utf-8"),
        ("unicode-1-1-utf-8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("ANSI_X3.4-1968", "cp1252"),
        (" Latin1\n", "cp1252"),
        ("'iso-8859-9'", "cp1254"),
        ("iso-8859-8-i", "iso8859-8"),
        ("visual", "iso8859-8"),
        ("iso-8859-11", "cp874"),
        ("TIS-620", "cp874"),
        ("windows-874", "cp874"),
        ("x-cp1251", "cp1251"),
        ("win-1251", "cp1251"),
        ("koi", "koi8-r"),
        ("ibm866", "cp866"),
        ("macintosh", "mac-roman"),
        ("x-mac-ukrainian", "mac-cyrillic"),
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("cp936", "gb18030"),
        ("chinese", "gb18030"),
        ("big5", "big5hkscs"),
        ("x-x-big5", "big5hkscs"),
        ("Shift_JIS", "cp932"),
        ("x-sjis", "cp932"),
        ("windows-31j", "cp932"),
        ("x-euc-jp", "euc_jp"),
        ("csiso2022jp", "iso2022_jp_ext"),
        ("cp50221", "iso2022_jp_ext"),
        ("ks_c_5601-1987", "cp949"),
        ("euc-kr", "cp949"),
        ("iso-2022-kr", "iso2022_kr"),
        ("hz-gb-2312", "hz"),
        ("utf-16", "utf-16-le"),
        ("unicodefffe", "utf-16-be"),
        ("ucs-2", "utf-16-le"),
        ("cp850", "cp850"),
        ("IBM437", "cp437"),
        ("x-mac-ce", "mac-latin2"),
        ("unicode-1-1-utf-7", "utf-7"),
        ("unknown-8bit", None),
        ("x-user-defined", None),
        ("base64", None),
        ("idna", None),
        ("unicode_escape", None),
        ("", None),
        ("\0", None),
    ],
)
def test_a_label_means_what_browsers_take_it_for(label: str, codec: str | None) -> None:
    assert label_codec(label) == codec


def test_each_label_of_the_table_has_one_meaning_in_any_case() -> None:
    labels = [label for names in _LABELS.values() for label in names.split()]
    assert len(labels) == len(set(labels))
    assert len(labels) >= 220
    for codec, names in _LABELS.items():
        assert codecs.lookup(codec)
        assert {label_codec(name.upper()) for name in names.split()} == {codec}


@given(data=st.binary(max_size=60), codec=st.sampled_from(sorted(_LABELS)))
def test_no_bytes_fail_in_any_encoding(data: bytes, codec: str) -> None:
    text_in(data, codec).encode("utf-16", "surrogatepass")


@given(text=st.text(st.characters(exclude_categories=["C"]), max_size=30), codec=st.sampled_from(sorted(_LABELS)))
def test_what_an_encoding_writes_it_reads_again(text: str, codec: str) -> None:
    data = text.encode(codec, "ignore")
    assert text_in(data, codec) == data.decode(codec)


@pytest.mark.parametrize(
    ("data", "codec", "text"),
    [
        (b"a\x81b\x98", "cp1252", "a\x81b˜"),
        (b"\x80\xc4\xe3", "gb18030", "€你"),
        (b"\xad\xa1\xb0\xa1\xfc\xe2\x8f\xb0\xa1", "euc_jp", "①亜髙丂"),
        (b"\x1b$B\x2d\x21\x30\x21\x7c\x62\x1b(I1\x1b(B x", "iso2022_jp_ext", "①亜髙ｱ x"),
        (b"\xa3\xe1\xa4\xa4\xf9\xd6", "big5hkscs", "€中碁"),
        (b"\xc3<b>", "cp949", "\ufffd<b>"),
        (b"\xd2", "cp1253", "\ufffd"),
    ],
    ids=["c1", "gbk-euro", "euc-nec", "iso2022-nec", "big5", "half-a-character", "undefined"],
)
def test_characters_that_python_lacks_are_read_as_browsers_do(data: bytes, codec: str, text: str) -> None:
    assert text_in(data, codec) == text


@pytest.mark.parametrize(
    ("text", "label", "written"),
    [
        ("会議①㈱です。", "shift_jis", "cp932"),
        ("陳朱鎔基，鎔", "gb2312", "gbk"),
        ("똠방각하", "ks_c_5601-1987", "cp949"),
        ("“smart” – €", "iso-8859-1", "cp1252"),
        (POLISH, "iso-8859-2", "iso-8859-2"),
    ],
)
def test_a_message_in_the_larger_set_than_its_name_is_read(text: str, label: str, written: str) -> None:
    assert decoded_as(text.encode(written), label) == text


def test_a_wrong_name_is_seen() -> None:
    assert decoded_as(RUSSIAN.encode("cp1251"), "utf-8") is None
    assert decoded_as(RUSSIAN.encode(), "windows-1252") == RUSSIAN
    assert decoded_as(b"\xef\xbb\xbf" + RUSSIAN.encode(), "koi8-r") == RUSSIAN
    assert decoded_as("é".encode(), "windows-1252") == "Ã©"
    assert decoded_as(b"x", "no-such-set") is None


def test_single_errors_do_not_change_the_encoding() -> None:
    data = RUSSIAN.encode()
    assert decoded(data[:21] + b"\xff" + data[21:]).replace("\ufffd", "")[20:] == RUSSIAN[20:]
    japanese = ("本は机の上にあり、鍵はドアのそばに掛かっています。" * 4).encode("cp932")
    broken = japanese[:100] + b"\xff\xff" + japanese[100:]
    read = decoded_as(broken, "x-sjis")
    assert read is not None
    assert read.startswith("本は机の上にあり")


def test_control_characters_do_not_hide_the_encoding() -> None:
    data = f"{RUSSIAN}\n".encode("cp1251")
    assert decoded(data + b"\0" + data).replace("\0", "") == f"{RUSSIAN}\n" * 2


# pages and XML --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=windows-1251>", "cp1251"),
        ("<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=koi8-r'>", "koi8-r"),
        ('<meta content="text/html; charset=x-mac-cyrillic" http-equiv="content-type">', "mac-cyrillic"),
        ("<!-- <meta charset=utf-8> --><meta charset='cp866'>", "cp866"),
        ("<meta name=description content='a charset=utf-8 page'><meta charset=iso-8859-5>", "iso-8859-5"),
        ("<?xml version='1.0' encoding='KOI8-R'?><a>", "koi8-r"),
        ("<meta charset=utf-16>", "utf-8"),
    ],
)
def test_a_page_is_read_by_the_encoding_that_it_declares(head: str, encoding: str) -> None:
    page = f"{head}<p>Ключ</p>"
    assert decoded_markup(page.encode(encoding)) == page


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_counts_more_than_the_declaration(encoding: str) -> None:
    page = f"<meta charset=windows-1252><p>{RUSSIAN}</p>"
    assert decoded_markup(page.encode(encoding)) == page


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_page_in_utf16_without_a_mark_is_not_read_by_its_declaration(encoding: str) -> None:
    page = f"<?xml version='1.0' encoding='windows-1251'?><p>{RUSSIAN}</p>"
    assert decoded_markup(page.encode(encoding)) == page


def test_xml_of_mainframes_is_read() -> None:
    page = "<?xml version='1.0' encoding='IBM037'?>\x85<note>Quince jelly é</note>\x85"
    assert decoded_text(page.encode("cp037")) == page.replace("\x85", "\n")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('@charset "windows-1250";\nli { content: "ź" }', "cp1250"),
        ("# -*- coding: koi8-r -*-\nx = 'ключ'\n", "koi8-r"),
        ("#!/usr/bin/python\n# vim: set fileencoding=cp866 :\nx = 'ключ'\n", "cp866"),
        ('msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=ISO-8859-2\\n"\nmsgstr "źle"\n', "iso-8859-2"),
        ("<?xml version='1.0' encoding='windows-1257'?><a>žąsis</a>", "cp1257"),
    ],
)
def test_a_text_file_is_read_by_the_encoding_that_it_names(text: str, encoding: str) -> None:
    assert decoded_text(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["cp850", "mac-roman", "cp1252"])
def test_a_few_letters_beyond_ascii_tell_windows_from_dos_and_macintosh(encoding: str) -> None:
    text = "De instelling wordt geëvalueerd voor Mario Blättermann en de coördinator.\n" * 3
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Želiš li spremiti ovu datoteku? Što bi trebao učiniti s njom, pitaš me.", "cp1250"),
        ("Otvori kartice i poveznice; sinkronizacija će ih naći ako je uključena, đače.", "iso-8859-2"),
        ("Prikaži samo ovaj okvir. Otvori okvir u novoj kartici, ne u istoj, molim. Češće!", "mac-latin2"),
        ("Atvērt saiti jaunā cilnē. Šī lapa nav atrodama, mēģiniet vēlreiz pēc brīža.", "cp775"),
        ("Määratlus on välja jäetud; jätka järgmise määratlusega või sõnaga žürii.", "cp775"),
    ],
)
def test_letters_of_no_language_give_a_wrong_encoding_away(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text
