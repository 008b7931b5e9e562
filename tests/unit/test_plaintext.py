"""Text files in whatever encoding they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.generators import _plaintext
from pillion.generators._plaintext import decoded, read_text, without_markup

TEXT = "Grüße aus Köln – €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_recognised(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding)) == TEXT


def test_what_is_not_utf8_is_latin1() -> None:
    assert decoded("Grüße".encode("latin-1")) == "Grüße"


def test_a_character_cut_in_two_is_no_error() -> None:
    assert decoded("aé".encode()[:-1]) == "a"


def test_a_long_file_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plaintext, "MAX_BYTES", 5)
    path = tmp_path / "long.txt"
    path.write_text("0123456789")
    assert read_text(path, "text/plain") == "01234"


def test_html_is_freed_of_what_is_not_seen() -> None:
    html = """<html><head><title>A page</title><style>p { color: red }</style></head>
    <body><h1>Heading</h1><p>One&nbsp;&amp; <b>two</b>.</p><script>var x = "<p>no</p>"</script><p>Three</body>"""
    assert without_markup(html).split("\n\n") == ["A page", "Heading", "One\xa0& two.", "Three"]


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        read_text(tmp_path / "gone", "text/plain")
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE
