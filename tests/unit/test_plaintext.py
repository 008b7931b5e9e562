"""Text files in whatever encoding they come, and web pages as their readers see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import plain
from pillion.readers.documents.charset import decoded, decoded_markup
from pillion.readers.documents.markup import page_of, without_markup

TEXT = "Grüße aus Köln – €"
GERMAN = (
    "Die Bücher liegen auf dem großen Tisch, die Schlüssel hängen über der Tür. Wir möchten später nach Köln fahren."
)
POLISH = (
    "Książka leży na stole, a klucze wiszą przy drzwiach. Później chcielibyśmy pojechać do Łodzi; zażółć gęślą jaźń."
)
RUSSIAN = "Книга лежит на столе, ключи висят у двери. Позже мы хотели бы поехать в Москву и вернуться вечером домой."
GREEK = "Το βιβλίο είναι πάνω στο τραπέζι και τα κλειδιά κρέμονται δίπλα στην πόρτα. Αργότερα θα πάμε στην Αθήνα."
HEBREW = "הספר מונח על השולחן והמפתחות תלויים ליד הדלת. אחר כך היינו רוצים לנסוע לירושלים ולחזור הביתה בערב."
JAPANESE = "本は机の上にあり、鍵はドアのそばに掛かっています。あとで東京へ行って、夕方に家へ帰りたいと思います。"
CHINESE = "书放在桌子上，钥匙挂在门边。我们以后想去北京，晚上再回家。请各位提前阅读相关资料，并准备好自己的意见。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_recognised(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [RUSSIAN, JAPANESE, CHINESE, "abc\n"])
def test_unicode_without_a_mark_is_recognised(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 iso-8859-1 mac-roman cp850"),
        (POLISH, "cp1250 iso-8859-2 cp852 mac-latin2"),
        (RUSSIAN, "cp1251 koi8-r iso-8859-5 cp866 mac-cyrillic"),
        (GREEK, "cp1253 iso-8859-7 cp737"),
        (HEBREW, "cp1255 iso-8859-8 cp862"),
        (JAPANESE, "cp932 euc-jp iso-2022-jp"),
        (CHINESE, "gb18030 gbk gb2312 hz"),
    ],
)
def test_texts_in_older_encodings_are_recognised(text: str, encodings: str) -> None:
    for encoding in encodings.split():
        assert decoded(text.encode(encoding)) == text, encoding


def test_a_short_text_is_western_rather_than_from_an_old_machine() -> None:
    assert decoded("Grüße".encode("latin-1")) == "Grüße"
    assert decoded(TEXT.encode("cp1252")) == TEXT


def test_a_zero_or_an_escape_in_a_log_changes_nothing() -> None:
    for log in ("one\0two Grüße\n" * 20, "\x1b[31mred\x1b[0m Grüße\n" * 20, "~{not HZ~} \x1b$ nor ISO-2022\n" * 9):
        assert decoded(log.encode()) == log


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    decoded(data).encode("utf-8")
    decoded_markup(b"<meta charset=gb2312>" + data).encode("utf-8")


def test_a_page_says_its_encoding() -> None:
    text = "Привет"
    for tag in ('<meta charset="windows-1251">', "<meta http-equiv=x content='text/html; charset=windows-1251'>"):
        assert decoded_markup((tag + text).encode("cp1251")) == tag + text
    xml = '<?xml version="1.0" encoding="shift_jis"?>日本'
    assert decoded_markup(xml.encode("shift_jis")) == xml


def test_a_page_that_names_a_smaller_set_is_read_in_the_larger_one() -> None:
    for name, encoding, text in (("gb2312", "gbk", "镕"), ("shift_jis", "cp932", "①"), ("iso-8859-1", "cp1252", "“€”")):
        page = f"<meta charset={name}>{text}"
        assert decoded_markup(page.encode(encoding)) == page


def test_a_page_that_is_wrong_about_its_encoding_is_read_all_the_same() -> None:
    for name in ("ascii", "utf-16", "no-such-thing", "utf-7"):
        page = f"<meta charset={name}>{TEXT}"
        assert decoded_markup(page.encode()) == page


def test_a_character_cut_in_two_is_no_error() -> None:
    assert decoded("aé".encode()[:-1]) == "a"


def test_a_long_file_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MAX_BYTES", 5)
    path = tmp_path / "long.txt"
    path.write_text("0123456789")
    result = plain.read(path, "text/plain")
    assert (result.text, result.truncated) == ("01234", True)


def test_html_is_freed_of_what_is_not_seen() -> None:
    html = """<html><head><title>A page</title><style>p { color: red }</style></head>
    <body><h1>Heading</h1><p>One&nbsp;&amp; <b>two</b>.</p><script>var x = "<p>no</p>"</script><p>Three<br>four
    <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table><img src=x alt="A boat"><pre>x
  y</pre></body>"""
    paragraphs = ["A page", "Heading", "One & two.", "Three\nfour", "a b\nc", "A boat", "x\ny"]
    assert without_markup(html).split("\n\n") == paragraphs
    assert page_of(html).title == "A page"
    assert page_of("<h2><b>Only this</b></h2><h2>Not this</h2>").title == "Only this"
    assert page_of("<h2>Plain &amp; simple</h2>").title == "Plain & simple"
    assert page_of("<title></title><p>x").title == ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>1 < 2 & 3 &copy; &#128; &nosuch;", "1 < 2 & 3 © € &nosuch;"),
        ("<title>a <b> c</title>d", "a <b> c\n\nd"),
        ("<ul><li>a<li>b</ul><textarea>x<b>y</textarea>", "a\n\nb\n\nx<b>y"),
        ("<p>x<script>if (a<b) write('</p>')</script>y<!-- no --><style>p{}</style>", "xy"),
        ("<?xml version='1.0' encoding='shift_jis'?><p>日本", "日本"),
        ("<meta charset=utf-16><p>日本", "日本"),
        ("<!doctype html>plain", "plain"),
        ("", ""),
        ("<p", ""),
    ],
)
def test_markup_is_read_as_browsers_read_it(html: str, text: str) -> None:
    assert without_markup(html) == text


@given(st.text(alphabet=st.sampled_from("<>/!-&;#x \n'\"=abp[]?\ud800\0é"), max_size=80))
def test_any_markup_gives_valid_text(html: str) -> None:
    page_of(html).text.encode()
    page_of(f"<pre>{html}<title>{html}").title.encode()


@pytest.mark.parametrize(
    "unit", ["<a ", "<title", "<!--", "<p>", "<b><i>", "<table><tr><td>x", "&amp", "<![CDATA[", " \t"]
)
def test_no_page_takes_longer_than_its_length_allows(unit: str) -> None:
    # With a cost that grows with the square of the length this would run into the timeout of the tests.
    page_of(unit * (1_000_000 // len(unit)))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        plain.read(tmp_path / "gone", "text/plain")
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE
