"""Rich text: the letters that are seen, whatever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import richtext
from pillion.readers.documents.richtext import text_of

FONTS = (
    r"{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset128 MS Mincho;}{\f2\fcharset204 Arial;}{\f3\cpg1250 A;}"
    r"{\f4\fcharset134 SimSun;}{\f5\fcharset2 Symbol;}}"
)


def text(body: str, head: str = r"\ansi\ansicpg1252\deff0") -> str:
    return text_of(rf"{{\rtf1{head}{FONTS}{body}}}".encode("latin-1"))[0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"\u-10179?\u-8704? \u55357 ?\u56832 ?", "\U0001f600 \U0001f600"),
        (r"\uc2\u22823\'91\'e5\u23398\'8a\'77!\uc0\u233x\uc1\u233 xy", "大学!éxéy"),
        (r"\u233\par x{\u233}y", "éx" + "éy"),
        (r"{\loch\f0\fs24\i0\b0\*\cs7\cf0 The quick brown fox}", "The quick brown fox"),
        (r"a{\*\unknown lost {deep}}b{\*\cs7 kept}", "abkept"),
        (r"{\f1 \'93\'fa\'96\{\'8c\'ea}", "日本語"),
        (r"{\f2 \'cf\'f0\'e8\'e2\'e5\'f2} {\f3 \'b9\'ea}\f4 \'c4\'e3", "Привет ąę你"),
        (r"\plain\hich\f0\dbch\f1\loch\f0 caf\'e9", "café"),
        (r"one\line two\tab three\emdash\~\_four\-five", "one\ntwo\tthree— ‑fourfive"),
        ("a\\\nb\\'zzc", "a\nbzzc"),
        (r"{\pict\pngblip 89504e47{\*\x y}}a{\object\objemb{\*\objdata 0105}{\result seen}}", "aseen"),
        (r"x{\bin5 }}{{\}y", "xy"),
        (r"{\field{\*\fldinst HYPERLINK \"a\"}{\fldrslt {a link}}}", "a link"),
        (r"{\v secret}{\deleted gone}\v no\v0 seen", "seen"),
        (r"{\upr{old}{\*\ud{new}}}", "new"),
        (r"{\shp{\*\shpinst\shpleft0{\sp{\sn a}{\sv 1}}{\shptxt in a box}}{\shprslt in a box}}", "in a box"),
        (
            r"body{\header top}{\footnote note}{\*\annotation remark} end{\header top}",
            "body end\n\ntop\n\nnote\n\nremark",
        ),
        (r"a\cell b\cell\row c\cell\row", "a\tb\nc"),
        (r"\{braces\} \\ end", "{braces} \\ end"),
        (r"{ {\* \generator x}} { \stylesheet {\s0 Normal;}}seen", "seen"),
        (r"{\listtext\f5\u-3913 \'b7\tab}item", "•\titem"),
    ],
)
def test_what_is_seen(body: str, expected: str) -> None:
    assert text(body) == expected


def test_the_set_of_the_document() -> None:
    assert text(r"\'9f", r"\mac") == "ü"
    assert text(r"\'bf", r"\ansi\ansicpg1251\deff9") == "ї"
    assert text(r"\'81", r"\pc") == "ü"
    assert text(r"\'fc", r"\ansi\ansicpg99999") == "ü"


def test_groups_within_groups_end(tmp_path: Path) -> None:
    deep = 200_000
    assert text("{" * deep + "x" + "}" * deep + "y") == "xy"


def test_what_follows_the_last_brace_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(rb"{\rtf1\ansi text}" + bytes(range(256)))
    assert (richtext.read(path, "application/rtf").text, richtext.read(path, "application/rtf").notes) == ("text", ())
    path.write_bytes(rb"{\rtf1\ansi {\b text}")
    assert richtext.read(path, "application/rtf").notes == ("the rich text ends early: a group in it is not closed",)
    path.write_bytes(rb"{\rtf1\ansi {\b te")
    with pytest.raises(ItemError) as caught:
        richtext.read(path, "application/rtf")
    assert caught.value.error_class is ErrorClass.CORRUPT


PIECES = st.sampled_from(
    [
        r"\u-10179?",
        r"\u56832",
        r"\uc3",
        r"\'e9",
        "{",
        "}",
        r"\*",
        r"\f1",
        r"\bin9",
        r"\par",
        "x",
        r"\ud",
        r"\upr",
        "\xff",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=40))
def test_any_rich_text_gives_text_that_can_be_stored(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.rtf"
    path.write_bytes((rf"{{\rtf1{FONTS}" + " ".join(pieces) + "}").encode("latin-1", "replace"))
    richtext.read(path, "application/rtf").text.encode()
