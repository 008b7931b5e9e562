"""Cells as a sheet shows them: what Excel and LibreOffice write for the same number and format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.readers.documents import cellformats


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (0.195, "0.0%", "19.5%"),
        (0.5, "0%", "50%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234567, "#,##0", "1,234,567"),
        (-1234.5, "#,##0.00;[Red]-#,##0.00", "-1,234.50"),
        (-3, "0;(0)", "(3)"),
        (0, '0;-0;"none"', "none"),
        (1234.5, '#,##0.00 "€"', "1,234.50 €"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (-5, "[$$-409]#,##0.00", "-$5.00"),
        (12345678, "0.00E+00", "1.23E+07"),
        (0.00012, "0.0E-0", "1.2E-4"),
        (12345, "##0.0E+0", "12.3E+3"),
        (1.5, "# ?/?", "1 1/2"),
        (0.333333, "# ??/??", "1/3"),
        (2, "# ?/?", "2"),
        (0.75, "# ?/8", "6/8"),
        (7, "000", "007"),
        (1.5, "0.##", "1.5"),
        (2, "0.##", "2."),
        (0.5, "#.0", ".5"),
        (1234567, "0.0,,", "1.2"),
        (5551234567, "(000) 000-0000", "(555) 123-4567"),
        (123, '0 "kg"', "123 kg"),
        (5, "[<10]0.0;[>=10]0", "5.0"),
        (50, "[<10]0.0;[>=10]0", "50"),
        (12, "General", "12"),
        (12, '"x"General', "x12"),
        (3, "@", "3"),
        (2.675, "0.00", "2.68"),
        (-0.001, "0.00", "0.00"),
    ],
)
def test_numbers(value: float, form: str, shown: str) -> None:
    assert cellformats.shown(value, form) == shown


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (45351, "dd.mm.yyyy", "29.02.2024"),
        (45351, "yyyy\\-mm\\-dd", "2024-02-29"),
        (45351.573, "yyyy-mm-dd hh:mm", "2024-02-29 13:45"),
        (45351.573, "h:mm AM/PM", "1:45 PM"),
        (45351, "d mmmm yyyy", "29 February 2024"),
        (45351, "dddd, mmm d", "Thursday, Feb 29"),
        (45351, "[$-407]d. mmm yy", "29. Feb 24"),
        (45351, "[$-F800]dddd, mmmm dd, yyyy", "2024-02-29"),
        (45351, cellformats.BUILT_IN[14], "2024-02-29"),
        (1.09375, "[h]:mm", "26:15"),
        (0.0006944, "mm:ss", "01:00"),
        (0.5 + 1.5 / 86400, "h:mm:ss.0", "12:00:01.5"),
        (0.9999999, "hh:mm:ss", "00:00:00"),
        (1, "d/m/yyyy", "1/1/1900"),
        (59, "d/m/yyyy", "28/2/1900"),
        (61, "d/m/yyyy", "1/3/1900"),
        (-1, "dd.mm.yyyy", "-1"),
        (9e9, "dd.mm.yyyy", "9000000000"),
    ],
)
def test_dates(value: float, form: str, shown: str) -> None:
    assert cellformats.shown(value, form) == shown


def test_days_from_1904() -> None:
    assert cellformats.shown(0, "yyyy-mm-dd", since_1904=True) == "1904-01-01"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (4915123456789, "4915123456789"),
        (1234567890123456, "1234567890123456"),
        (1e20, "100000000000000000000"),
        (0.30000000000000004, "0.3"),
        (1e-7, "0.0000001"),
        (1.5e300, "1.5E+300"),
        (12.5, "12.5"),
        (-3.0, "-3"),
    ],
)
def test_numbers_without_a_format_keep_all_digits(value: float, shown: str) -> None:
    assert cellformats.general(value) == shown


def test_text() -> None:
    assert cellformats.shown_text("plum", "@") == "plum"
    assert cellformats.shown_text("plum", '"a "@') == "a plum"
    assert cellformats.shown_text("plum", '0;-0;0;"the "@') == "the plum"
    assert cellformats.shown_text("plum", "0.00") == "plum"


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(alphabet='0#?.,%/E+-eymdhsAMPgb[]<>=";@$*_\\ €红General', max_size=30),
)
def test_no_format_fails(value: float, form: str) -> None:
    assert isinstance(cellformats.shown(value, form), str)
    assert isinstance(cellformats.shown_text("text", form), str)
