"""The order of lines that PP-OCR read, and which of them are cells of one row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pillion.kinds.ocr import rows
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.ppocr import RegionText, Word
from pillion.kinds.ocr.result import BlockType, OcrLine, OcrWord
from pillion.kinds.ocr.rows import Shown

_HEIGHT = 20.0
_CHARACTER = 10.0


def line(text: str, left: float, top: float, turned: float = 0, height: float = _HEIGHT) -> RegionText:
    """A line that begins at a place, its characters of one width."""
    across = len(text) * _CHARACTER * height / _HEIGHT
    turn = turning(turned)
    flat = np.array([[0, 0], [across, 0], [across, height], [0, height]])
    ends = np.cumsum([len(word) + 1 for word in text.split()]) / (len(text) + 1)
    starts = [0.0, *ends[:-1]]
    words = tuple(Word(word, 0.99, start, end) for word, start, end in zip(text.split(), starts, ends, strict=True))
    return RegionText((flat @ turn.T + np.array((left, top))).astype(np.float32), 0.8, 0.99, words)


def turning(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def said(lines: list[RegionText], shown: Shown = Shown.PAGE) -> list[str]:
    return [row.text for row in rows.in_rows(lines, shown)]


def table(*texts: tuple[str, ...], at: tuple[float, ...] = (0, 300, 450), pitch: float = 30) -> list[RegionText]:
    return [
        line(text, left, pitch * number)
        for number, row in enumerate(texts)
        for text, left in zip(row, at, strict=False)
        if text
    ]


# order ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("turned", "rotation"), [(0, 0), (12, 0), (-40, 0), (90, 270), (178, 180), (-178, 180)])
def test_rotation_is_what_makes_it_upright(turned: float, rotation: int) -> None:
    assert rows.rotation([line("Harbour", 500, 500, turned=turned)]) == rotation
    assert rows.rotation([]) == 0


@pytest.mark.parametrize(("turned", "skew"), [(0, 0), (3, 3), (-2, -2), (92, 2), (-90, 0), (178, -2)])
def test_skew_is_what_is_left_once_it_is_upright(turned: float, skew: float) -> None:
    assert rows.skew([line("Harbour", 500, 500, turned=turned)]) == pytest.approx(skew, abs=0.01)


@pytest.mark.parametrize("turned", [0, 7, 90, 180, -83])
def test_rows_come_in_the_order_in_which_they_are_read(turned: float) -> None:
    turn = turning(turned)
    flat = {"Bread": (0, 0), "2,40": (200, 3), "Milk": (0, 26), "1,10": (200, 29), "Thanks": (0, 130)}
    lines = [
        line(text, *(turn @ np.array(place)), turned=turned + (-1) ** number)
        for number, (text, place) in enumerate(flat.items())
    ]
    ordered = rows.in_rows(lines[::-1], Shown.SLIP)
    assert [row.text for row in ordered] == ["Bread\t2,40", "Milk\t1,10", "Thanks"]
    assert [row.paragraph for row in ordered] == [True, False, True]


def test_lines_above_each_other_are_no_row_however_near_they_are() -> None:
    """Tall print of a till that lies a little askew: the amounts stand higher than what they belong to."""
    places = {"TOTAL": (0, 0), "2.50": (200, -9), "CASH": (2, 11), "10.00": (198, 2)}
    ordered = rows.in_rows([line(text, *place) for text, place in places.items()], Shown.SLIP)
    assert [piece.text for row in ordered for piece in row.pieces] == list(places)


def test_where_a_slip_curls_rows_go_on_as_the_lines_near_them_do() -> None:
    lines, expected = [], []
    for number in range(15):
        slope = 3 * (number - 7) / 7
        fall = math.tan(math.radians(slope))
        name, price = f"Article number {number}", f"{number}.50"
        lines += [line(text, left, 30 * number + left * fall, turned=slope) for text, left in ((name, 0), (price, 420))]
        expected.append(f"{name}\t{price}")
    assert said(lines, Shown.SLIP) == expected


# cells ----------------------------------------------------------------------------------------------------------------


def test_a_row_with_a_number_is_one() -> None:
    assert said(table(("Rounding", "0.00"))) == ["Rounding\t0.00"]
    assert said(table(("1811", "1", "13.57 SR"))) == ["1811\t1\t13.57 SR"]


@pytest.mark.parametrize(
    ("row", "is_row"),
    [
        (("Cashier :", "USER"), True),
        (("Cashier", ": USER"), True),
        (("Bill#:V001", "Order#: B-one"), True),
        (("Item", "Qty", "Price"), True),
        (("Bill to:", "Ship to:"), False),
        (("Thank you", "Come again"), False),
    ],
)
def test_what_shows_that_words_are_a_row(row: tuple[str, ...], is_row: bool) -> None:
    assert said(table(row)) == (["\t".join(row)] if is_row else list(row))


def test_on_a_slip_what_is_level_is_a_row() -> None:
    assert said(table(("Sandal M10", "*S")), Shown.SLIP) == ["Sandal M10\t*S"]


_ADDRESSES = (("John Smith", "Jane Doe"), ("12 Main Street", "34 Oak Avenue"), ("Tel 030 123", "Tel 030 456"))


@pytest.mark.parametrize("shown", list(Shown))
def test_addresses_beside_each_other_are_no_rows(shown: Shown) -> None:
    assert said(table(("Bill to:", "Ship to:"), *_ADDRESSES), shown) == ["Bill to:", "Ship to:", *sum(_ADDRESSES, ())]


def test_a_heading_is_a_row_with_the_column_under_it() -> None:
    assert said(table(("Article", "Amount"), ("Bread", "2.40"))) == ["Article\tAmount", "Bread\t2.40"]
    far = [*table(("Article", "Amount")), line("Bread", 0, 200), line("2.40", 300, 200)]
    assert said(far) == ["Article", "Amount", "Bread\t2.40"]


def test_columns_of_running_text_are_no_rows_nor_is_a_number_across_their_gutter() -> None:
    left, right = "the city will receive flour and", "with sugar for all of its people"
    lines = table((left, right), (left, right), (left, right), ("in 1862", "1917"), at=(0, 400))
    assert said(lines, Shown.SLIP) == [left, right] * 3 + ["in 1862", "1917"]


def test_signs_that_are_level_are_no_row_but_a_table_in_a_photograph_has_some() -> None:
    signs = table(("OPEN", "24"), ("EXIT", "12"))
    assert said(signs, Shown.SCENE) == ["OPEN", "24", "EXIT", "12"]
    menu = table(("Tea", "2.40"), ("Coffee", "2.90"), ("Milk", "1.10"))
    assert said(menu, Shown.SCENE) == ["Tea\t2.40", "Coffee\t2.90", "Milk\t1.10"]
    total = [line("Total", 0, 300), line("6.40", 500, 300), line("Thank you", 0, 500), line("Come again", 500, 500)]
    assert said([*menu, *total], Shown.SCENE)[3:] == ["Total\t6.40", "Thank you", "Come again"]


def test_what_is_not_level_or_far_larger_is_no_cell() -> None:
    assert said([line("GST ID", 0, 0), line("TAX 12", 300, 10)], Shown.SLIP) == ["GST ID", "TAX 12"]
    assert said([line("TOTAL", 0, 0), line("12.50", 300, -20, height=60)], Shown.SLIP) == ["TOTAL", "12.50"]


def test_pieces_near_each_other_are_one_cell() -> None:
    assert said([line("Total", 0, 0), line("sum", 58, 0), line("4.20", 300, 0)]) == ["Total sum\t4.20"]


@pytest.mark.parametrize(
    ("read", "text"),
    [("事 知 目 宅 。", "事知目宅。"), ("Tasks ビュー は 3 件", "Tasks ビューは 3 件"), ("net 30 days", "net 30 days")],
)
def test_chinese_and_japanese_have_no_spaces_between_the_words_that_the_network_finds(read: str, text: str) -> None:
    assert said([line(read, 0, 0)]) == [text]


def test_rows_with_cells_below_each_other_make_a_table_whose_cells_tabs_part() -> None:
    """The words of a cell may be as far apart as its columns are: what tabs part are cells all the same."""
    texts = ("1811\t1\t13.57 SR", "1042\t4\t74.20 SR", "1921\t1\t5.30 SR")
    places = ((0, 40), (70, 80), (110, 160), (187, 207))
    lines = tuple(
        OcrLine(
            text=text,
            words=tuple(
                OcrWord(text=word, confidence=99.0, box=(left, 30 * number, right, 30 * number + 20))
                for word, (left, right) in zip(text.split(), places, strict=True)
            ),
            box=(0, 30 * number, 210, 30 * number + 20),
        )
        for number, text in enumerate(texts)
    )
    (block,) = ocr_page(1, (300, 200), "pixel", lines).blocks
    assert block.type is BlockType.TABLE
    assert block.rows == tuple(tuple(text.split("\t")) for text in texts)
