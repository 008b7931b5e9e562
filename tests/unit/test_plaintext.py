"""Text files in whatever encoding they come, and web pages as their readers see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import plain
from pillion.readers.documents.markup import decoded, decoded_markup, title_of, without_markup

TEXT = "Grüße aus Köln – €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_recognised(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding)) == TEXT


def test_what_is_not_utf8_is_western() -> None:
    assert decoded("Grüße".encode("latin-1")) == "Grüße"
    assert decoded(TEXT.encode("cp1252")) == TEXT
    assert decoded(b"odd \x81 byte \xe9") == "odd \x81 byte é"


def test_a_page_says_its_encoding() -> None:
    text = "Привет"
    for tag in ('<meta charset="windows-1251">', "<meta http-equiv=x content='text/html; charset=windows-1251'>"):
        assert decoded_markup((tag + text).encode("cp1251")) == tag + text
    xml = '<?xml version="1.0" encoding="shift_jis"?>日本'
    assert decoded_markup(xml.encode("shift_jis")) == xml


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
    assert title_of(html) == "A page"
    assert title_of("<h2><b>Only this</b></h2>") == ""
    assert title_of("<h2>Plain &amp; simple</h2>") == "Plain & simple"


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        plain.read(tmp_path / "gone", "text/plain")
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE
