"""The blocks that lines in reading order make."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillion.kinds.ocr.blocks import structured
from pillion.kinds.ocr.result import Block, BlockType, Box, OcrLine, OcrWord

SIZE = (1000.0, 1400.0)
WIDTH = 10.0
"""Of a character; a line is 20 high."""


def line(text: str, left: float, top: float, *, height: float = 20, paragraph: bool = False) -> OcrLine:
    """Words as far apart as the spaces between them are long."""
    words, at = [], left
    for part in text.split(" "):
        if part:
            box = (at, top, at + WIDTH * len(part), top + height)
            words.append(OcrWord(text=part, confidence=90.0, box=box))
        at += WIDTH * (len(part) + 1)
    box = (words[0].box[0], top, words[-1].box[2], top + height)
    return OcrLine(text=" ".join(word.text for word in words), words=tuple(words), box=box, paragraph=paragraph)


def types(blocks: tuple[Block, ...]) -> list[str]:
    return [block.type.value for block in blocks]


PROSE = [line("the harbour library opens at nine every day and closes at six", 100, 300 + 30 * n) for n in range(6)]


def test_a_page_of_an_article() -> None:
    lines = [
        line("The harbour", 100, 100, height=40),
        line("1. Opening hours", 100, 200, height=23),
        *PROSE,
        line("• bread and butter", 100, 600, paragraph=True),
        line("• quince jelly", 100, 630, paragraph=True),
        line("Figure 2: the harbour from the north", 100, 800, paragraph=True),
        line("17", 480, 1350, paragraph=True),
    ]
    same, blocks = structured(lines, SIZE, figures=[(100, 680, 900, 780), (300, 310, 330, 330)])
    assert list(same) == lines
    assert types(blocks) == ["heading", "heading", "text", "list", "list", "figure", "caption", "footer"]
    assert [number for block in blocks for number in block.lines] == list(range(len(lines)))
    assert blocks[2].box == (100, 300, 710, 470)


def inked(text: str, top: float, size: float, *, left: float = 100) -> OcrLine:
    """A line of type of a size, its words in boxes around their ink: letters reach .7 of it up or .5, and .2 down."""
    words, at = [], left
    for part in text.split():
        up = 0.5 if set(part) <= set("aceimnorsuvwxzgpqy") else 0.7
        down = 0.2 if set(part) & set("gjpqy") else 0.0
        box = (at, top + size * (0.7 - up), at + WIDTH * len(part), top + size * (0.7 + down))
        words.append(OcrWord(text=part, confidence=90.0, box=box))
        at += WIDTH * (len(part) + 1)
    lefts, tops, rights, bottoms = zip(*(word.box for word in words), strict=True)
    box = (min(lefts), min(tops), max(rights), max(bottoms))
    return OcrLine(text=text, words=tuple(words), box=box, paragraph=True)


def test_letters_below_the_line_make_no_heading() -> None:
    """Most words of the prose have none, all of the last line do: it is 1.3 times as high."""
    prose = [
        inked("the harbour clerk takes letters and small chests from all who need it", 100 + 60 * n, 20)
        for n in range(6)
    ]
    lines = [*prose, inked("Library keys deeply forgotten by pupils", 500, 20)]
    assert types(structured(lines, SIZE)[1])[-1] == "text"
    assert (
        types(structured([*prose, inked("Library keys deeply forgotten by pupils", 500, 28)], SIZE)[1])[-1] == "heading"
    )
    assert types(structured([*prose, inked("The ferry", 500, 28)], SIZE)[1])[-1] == "heading"


def test_rows_of_a_table_have_tabs() -> None:
    rows = ["Garden chairs      4    358.00", "Watering can       2     29.90", "Seed potatoes     25     20.00"]
    lines = [*PROSE, *(line(row, 100, 600 + 30 * number) for number, row in enumerate(rows))]
    tabbed, blocks = structured(lines, SIZE)
    assert types(blocks) == ["text", "table"]
    assert [one.text for one in tabbed[-3:]] == [
        "Garden chairs\t4\t358.00",
        "Watering can\t2\t29.90",
        "Seed potatoes\t25\t20.00",
    ]
    assert blocks[1].rows[0] == ("Garden chairs", "4", "358.00")


def test_cells_are_in_the_columns_where_they_stand() -> None:
    """A row without one of them has it empty; a head over two columns is in the one that most of it is over."""
    rows = [
        "Goods              pieces and price",
        "Garden chairs      4         358.00",
        "Watering can                  29.90",
        "Seed potatoes     25               ",
    ]
    tabbed, blocks = structured([*PROSE, *(line(row, 100, 600 + 30 * n) for n, row in enumerate(rows))], SIZE)
    assert blocks[1].rows == (
        ("Goods", "", "pieces and price"),
        ("Garden chairs", "4", "358.00"),
        ("Watering can", "", "29.90"),
        ("Seed potatoes", "25", ""),
    )
    assert tabbed[-2].text == "Watering can\t29.90"


def test_rows_of_three_cells_may_be_far_apart() -> None:
    three = [
        line(row, 100, 600 + 100 * n) for n, row in enumerate(("Bread      4      2.10", "Jelly      2      9.90"))
    ]
    assert types(structured([*PROSE, *three], SIZE)[1]) == ["text", "table"]
    two = [line(row, 100, 600 + 100 * n) for n, row in enumerate(("Bread      4", "Jelly      2", "Honey      3"))]
    assert "table" not in types(structured([*PROSE, *two], SIZE)[1])


def test_items_close_to_each_other_are_blocks_of_their_own() -> None:
    said = ["This is what they bring:", "• quince jelly", "• bread and butter", "from the harbour"]
    _, blocks = structured([line(text, 100, 100 + 30 * n) for n, text in enumerate(said)], SIZE)
    assert [(block.type.value, block.lines) for block in blocks] == [("text", (0,)), ("list", (1,)), ("list", (2, 3))]
    said = ["Captains are told:", "1. to write letters", "every day", "2. to read them"]
    _, blocks = structured([line(text, 100, 100 + 30 * n) for n, text in enumerate(said)], SIZE)
    assert [(block.type.value, block.lines) for block in blocks] == [("text", (0,)), ("list", (1, 2)), ("list", (3,))]
    # A number at the beginning of a line that none goes on from is of its sentence.
    said = ["They met in the year of 18", "07. Nobody knows where it", "was that they were seen"]
    _, blocks = structured([line(text, 100, 100 + 30 * n) for n, text in enumerate(said)], SIZE)
    assert types(blocks) == ["text"]


def test_the_heads_of_a_section_and_of_its_first_part_are_two() -> None:
    heads = [line("3.8. The harbour", 100, 100, height=30), line("3.8.1. Purpose", 100, 140, height=30)]
    _, blocks = structured([*heads, *PROSE], SIZE)
    assert types(blocks) == ["heading", "heading", "text"]


def test_numbers_of_sections_come_before_their_titles_where_the_engine_read_them_as_a_column() -> None:
    numbers = [line(f"4.{n + 1}", 60, 300 + 40 * n) for n in range(4)]
    titles = [line(text, 130, 300 + 40 * n) for n, text in enumerate(("The harbour", "Boats", "Sails", "Ropes"))]
    rows, _ = structured([*numbers, *titles], SIZE)
    assert [one.text for one in rows] == ["4.1\tThe harbour", "4.2\tBoats", "4.3\tSails", "4.4\tRopes"]


@pytest.mark.parametrize("marks", ["e¢e•", ["e¢", "•", "«»"], ["1.", "2.", "3.", "(4)"]])
def test_items_with_wide_gaps_after_their_marks_are_a_list(marks: str | list[str]) -> None:
    """Bullets are read as letters or signs."""
    items = [line(f"{mark}     learning plan {n}", 100, 600 + 30 * n) for n, mark in enumerate(marks)]
    same, blocks = structured([*PROSE, *items], SIZE)
    assert list(same) == [*PROSE, *items]
    assert types(blocks) == ["text", "list"]


def test_a_long_paragraph_about_a_table_is_no_caption() -> None:
    first = line("Table 4 gives the numbers of each", 100, 100, paragraph=True)
    moved = [first, *(line(one.text, 100, 130 + 30 * number) for number, one in enumerate(PROSE))]
    assert types(structured(moved, SIZE)[1]) == ["text"]


def test_two_lines_with_a_gap_are_no_table() -> None:
    lines = [line("To the                        office", 100, 100), line("Dear                      Sirs", 100, 130)]
    assert types(structured(lines, SIZE)[1]) == ["text"]


def test_values_come_beside_their_labels() -> None:
    labels = [line(text, 100, 100 + 40 * n) for n, text in enumerate(("Bread", "Butter", "Jelly", "Total"))]
    values = [line(text, 600, 102 + 40 * n) for n, text in enumerate(("2.10", "1.90", "3.00", "7.00"))]
    joined, blocks = structured([*labels, *values], SIZE)
    assert [one.text for one in joined] == ["Bread\t2.10", "Butter\t1.90", "Jelly\t3.00", "Total\t7.00"]
    assert types(blocks) == ["table"]


def test_words_come_beside_labels_with_a_colon_and_not_beside_others() -> None:
    values = [line(text, 600, 102 + 40 * n) for n, text in enumerate(("Ada Brandt", "not on file", "Norden", "none"))]
    for colon, rows in ((":", 4), ("", 8)):
        labels = [line(text + colon, 100, 100 + 40 * n) for n, text in enumerate(("Name", "Street", "Town", "Boat"))]
        assert len(structured([*labels, *values], SIZE)[0]) == rows


def test_the_columns_of_a_table_become_rows() -> None:
    """Read column by column, of numbers and of words. A value is put beside the nearest, not in another column."""
    prose = [line(one.text, 100, 100 + 40 * n) for n, one in enumerate(PROSE[:5])]
    names = [line(text, 800, 100 + 40 * n) for n, text in enumerate(("01", "02", "03", "04", "05"))]
    towns = [line(text, 850, 100 + 40 * n) for n, text in enumerate(("Aal", "Bonn", "Celle", "Dom", "Esens"))]
    regions = [line(text, 930, 100 + 40 * n) for n, text in enumerate(("Ost", "West", "Nord", "Ost"))]
    joined, blocks = structured([*prose, *names, *towns, *regions], (1200.0, 1400.0))
    assert [one.text for one in joined[:5]] == [one.text for one in prose]
    assert [one.text for one in joined[5:]] == [
        "01\tAal\tOst",
        "02\tBonn\tWest",
        "03\tCelle\tNord",
        "04\tDom\tOst",
        "05\tEsens",
    ]
    assert "table" in types(blocks)


def test_what_heads_a_column_of_numbers_is_read_before_its_rows() -> None:
    """The engine read the labels of the first rows by themselves, and heads of three lines with the numbers."""
    labels = [line(text, 100, 200 + 30 * n) for n, text in enumerate(("Bread", "Butter", "Jelly", "Honey"))]
    heads = [line(text, 600, 100 + 30 * n) for n, text in enumerate(("price", "with", "tax"))]
    values = [line(text, 600, 200 + 30 * n) for n, text in enumerate(("2.10", "1.90", "3.00", "7.00"))]
    read, _ = structured([*labels, *heads, *values], SIZE)
    rows = ["Bread\t2.10", "Butter\t1.90", "Jelly\t3.00", "Honey\t7.00"]
    assert [one.text for one in read] == ["price", "with", "tax", *rows]
    prose = [line("captains wrote the letters of it", 600, 100 + 30 * n) for n in range(3)]
    read, _ = structured([*labels, *prose, *values], SIZE)
    assert [one.text for one in read[:4]] == [one.text for one in labels]


def test_rows_of_numbers_may_be_far_apart() -> None:
    """They were read column by column."""
    columns = [
        [line(str(number * 10 + row), 100 + 200 * number, 100 + 150 * row) for row in range(4)] for number in (1, 2)
    ]
    read, _ = structured([one for column in columns for one in column], SIZE)
    assert [one.text for one in read] == ["10\t20", "11\t21", "12\t22", "13\t23"]


def test_a_cell_alone_on_the_right_of_its_row_is_read_with_it() -> None:
    """The engine reads after all else what is at the ends of rows that are far apart."""
    labels = [line(text, 100, 100 + 150 * n) for n, text in enumerate(("Goods", "Cables", "Sails"))]
    values = [line(text, 600, 101 + 150 * n) for n, text in enumerate(("Price", "17 Euro", "90 Euro"))]
    rows = ["Goods\tPrice", "Cables\t17 Euro", "Sails\t90 Euro"]
    assert [one.text for one in structured([*labels, *values], SIZE)[0]] == rows
    lower = [line(text, 600, 106 + 150 * n) for n, text in enumerate(("Price", "17 Euro", "90 Euro"))]
    assert list(structured([*labels, *lower], SIZE)[0]) == [*labels, *lower]
    # One near it that is level with nothing shows a column of its own, and so does running text.
    other = line("of rope", 600, 300)
    assert list(structured([labels[0], labels[1], values[1], other], SIZE)[0]) == [*labels[:2], values[1], other]
    text = line("of rope that is as long as the harbour and", 600, 281)
    assert list(structured([labels[0], labels[1], values[1], text], SIZE)[0]) == [*labels[:2], values[1], text]


def test_numbers_of_lines_come_before_short_lines_and_not_before_running_text() -> None:
    numbers = [line(str(33 + n), 60, 300 + 30 * n) for n in range(6)]
    code = [
        line(text, 100, 300 + 30 * n)
        for n, text in enumerate(("if a then", "b = c", "", "else", "d = 2", "end"))
        if text
    ]
    with_numbers, _ = structured([*numbers, *code], SIZE)
    assert [one.text for one in with_numbers] == [
        "33\tif a then",
        "34\tb = c",
        "35",
        "36\telse",
        "37\td = 2",
        "38\tend",
    ]
    apart, _ = structured([*numbers, *PROSE], SIZE)
    assert [one.text for one in apart] == [one.text for one in (*numbers, *PROSE)]


def test_lines_beside_terms_are_rows_where_the_page_has_such_rows() -> None:
    known = [line("path            display the path", 100, 100), line("pathdef         display the default", 100, 130)]
    terms = [line(text, 100, 300 + 30 * n) for n, text in enumerate(("strcmp (s, t)", "strcat (s)", "regexp (s)"))]
    said = ("compare two strings", "join strings to one", "find where one matches")
    lines = [line(text, 260, 300 + 30 * n) for n, text in enumerate(said)]
    rows, _ = structured([*known, *terms, *lines], SIZE)
    assert [one.text for one in rows[2:]] == [
        "strcmp (s, t)\tcompare two strings",
        "strcat (s)\tjoin strings to one",
        "regexp (s)\tfind where one matches",
    ]
    prose = [line(one.text, 100, 80 + 30 * n) for n, one in enumerate(PROSE)]
    alone, _ = structured([*prose, *terms, *lines], SIZE)
    assert list(alone) == [*prose, *terms, *lines]


def test_a_block_above_one_that_was_read_before_comes_first() -> None:
    heading, below = line("Order 7163 taken by 5533", 100, 200), line("Name and time of the order", 110, 300)
    last = line("Total of all items", 120, 400)
    assert structured([below, last, heading], SIZE)[0] == (heading, below, last)
    beside = line("Elsewhere on the page", 700, 290)
    assert structured([below, last, beside], SIZE)[0] == (below, last, beside)
    assert structured([below, last, heading], SIZE, in_order=True)[0] == (below, last, heading)


def test_a_line_comes_after_those_above_it_and_columns_stay_whole() -> None:
    """The engine took the lines of a program that are set in for a column of their own."""
    program = [line("SELECT", 100, 100), *(line(text, 140, 130 + 30 * n) for n, text in enumerate(("name,", "town")))]
    rest = [line("FROM TOWN", 100, 190), line("harbours", 140, 220)]
    read = [*program[1:], rest[1], program[0], rest[0]]
    assert list(structured(read, SIZE)[0]) == [*program, *rest]
    left, right = ([line(one.text[:20], at, 300 + 30 * n) for n, one in enumerate(PROSE)] for at in (100, 500))
    assert list(structured([*left, *right], SIZE)[0]) == [*left, *right]


def test_what_was_read_too_early_comes_after_all_that_is_above_it() -> None:
    """A number at the foot of a column does not take the lines of the column that reach over it before the others."""
    column = [line("a line of the column", 100 if n % 3 else 140, 100 + 30 * n) for n in range(17)]
    number, foot = line("7", 110, 620), line("and more that goes on", 100, 700)
    assert list(structured([number, *column, foot], SIZE)[0]) == [*column, number, foot]


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("degrees", [-4.0, 4.0])
def test_a_table_that_was_scanned_askew_has_its_rows(degrees: float, rotation: int) -> None:
    labels = [line(text, 100, 100 + 30 * n) for n, text in enumerate(("Bread", "Butter", "Jelly", "Total"))]
    values = [line(text, 800, 100 + 30 * n) for n, text in enumerate(("2.10", "1.90", "3.00", "7.00"))]
    lines = [askew(one, degrees, rotation) for one in (*labels, *values)]
    size = SIZE if rotation == 0 else SIZE[::-1]
    joined, blocks = structured(lines, size, rotation, skew=degrees)
    assert [one.text for one in joined] == ["Bread\t2.10", "Butter\t1.90", "Jelly\t3.00", "Total\t7.00"]
    assert types(blocks) == ["table"]


def test_a_script_that_runs_from_right_to_left_is_read_so() -> None:
    """Labels on the right, values on their left; the words of a line come from right to left, too."""
    labels = [from_right(text, 900, 100 + 40 * n) for n, text in enumerate(("לחם שחור", "חמאה", "ריבה", "סך הכל"))]
    values = [from_right(text, 200, 102 + 40 * n) for n, text in enumerate(("2.10", "1.90", "3.00", "7.00"))]
    joined, blocks = structured([*labels, *values], SIZE, to_left=True)
    assert [one.text for one in joined] == ["לחם שחור\t2.10", "חמאה\t1.90", "ריבה\t3.00", "סך הכל\t7.00"]
    assert types(blocks) == ["table"]


def from_right(text: str, right: float, top: float) -> OcrLine:
    one = line(text, SIZE[0] - right, top)
    words = tuple(replace(word, box=mirrored(word.box)) for word in one.words)
    assert one.box is not None
    return replace(one, words=words, box=mirrored(one.box))


def mirrored(box: Box) -> Box:
    return SIZE[0] - box[2], box[1], SIZE[0] - box[0], box[3]


def askew(one: OcrLine, degrees: float, rotation: int) -> OcrLine:
    """A line of the upright page as it is on one turned clockwise about its middle, and then by a quarter or not."""
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))

    def moved(box: Box) -> Box:
        corners = [(x - SIZE[0] / 2, y - SIZE[1] / 2) for x in (box[0], box[2]) for y in (box[1], box[3])]
        xs = [x * cos - y * sin + SIZE[0] / 2 for x, y in corners]
        ys = [x * sin + y * cos + SIZE[1] / 2 for x, y in corners]
        found = min(xs), min(ys), max(xs), max(ys)
        return turned(found) if rotation else found

    assert one.box is not None
    words = tuple(replace(word, box=moved(word.box)) for word in one.words)
    return replace(one, words=words, box=moved(one.box))


def test_columns_of_words_stay_columns() -> None:
    left, right = ([line(one.text, x, one.box[1] if one.box else 0) for one in PROSE] for x in (100, 800))
    lines = [*left, *right]
    same, blocks = structured(lines, SIZE)
    assert list(same) == lines
    assert types(blocks) == ["text", "text"]


def turned(box: Box) -> Box:
    """Where a box of an upright page is on the page as it is shown, which has to be turned by 90 degrees."""
    left, top, right, bottom = box
    return top, SIZE[0] - right, bottom, SIZE[0] - left


def test_a_page_on_its_side_has_the_same_blocks() -> None:
    lines = [line("The harbour", 100, 100, height=40), *PROSE]
    on_its_side = [
        OcrLine(
            text=one.text,
            words=tuple(OcrWord(text=w.text, confidence=w.confidence, box=turned(w.box)) for w in one.words),
            box=turned(one.box) if one.box else None,
        )
        for one in lines
    ]
    assert types(structured(on_its_side, (SIZE[1], SIZE[0]), 90)[1]) == types(structured(lines, SIZE)[1])


@pytest.mark.parametrize("lines", [[], [OcrLine(text="no box")]])
def test_without_boxes_there_are_no_blocks(lines: list[OcrLine]) -> None:
    assert structured(lines, SIZE) == (tuple(lines), ())


def test_blocks_are_stored() -> None:
    block = Block(type=BlockType.TABLE, box=(1, 2, 3, 4.5), lines=(0, 1), rows=(("a", "b"), ("c",)))
    assert Block.parse(block.document()) == block


@st.composite
def anywhere(draw: st.DrawFn) -> list[OcrLine]:
    """Lines of one to three words or numbers, at any places, also over each other."""
    texts = draw(
        st.lists(st.sampled_from(["7", "12.50", "bread", "a b", "the old harbour", "3 4 5"]), min_size=1, max_size=25)
    )
    places = [(draw(st.integers(0, 40)) * 20.0, draw(st.integers(0, 40)) * 15.0) for _ in texts]
    return [line(f"{text} {number}", *place) for number, (text, place) in enumerate(zip(texts, places, strict=True))]


@settings(max_examples=200, deadline=None)
@given(lines=anywhere(), in_order=st.booleans())
def test_no_word_is_lost_or_said_twice_whatever_the_order(lines: list[OcrLine], in_order: bool) -> None:
    found, blocks = structured(lines, SIZE, in_order=in_order)
    words = sorted((word.text, word.box) for one in found for word in one.words)
    assert words == sorted((word.text, word.box) for one in lines for word in one.words)
    assert sorted(number for block in blocks for number in block.lines) == list(range(len(found)))


def test_marks_come_before_their_items_where_the_engine_read_them_as_a_column() -> None:
    marks = [line(f"[{n + 1}]", 60, 300 + 60 * n) for n in range(3)]
    items = [line("the harbour library opens at nine", 100, 300 + 30 * n) for n in range(6)]
    rows, _ = structured([*PROSE[:1], *marks, *items], SIZE)
    assert [one.text for one in rows[1:]] == [
        f"[{n // 2 + 1}]\t{one.text}" if n % 2 == 0 else one.text for n, one in enumerate(items)
    ]


def test_a_raised_narrow_mark_far_before_its_line_is_a_bullet() -> None:
    """The networks know none. A word that stands on the line, or is near the next one, is a word."""
    raised = [line("e     quince jelly", 100, 300), line("e quince jelly", 100, 340)]
    raised = [
        replace(one, words=(replace(one.words[0], box=(100, one.box[1] + 6, 108, one.box[3] - 6)), *one.words[1:]))
        for one in raised
        if one.box is not None
    ]
    read, _ = structured([*raised, line("e     quince jelly", 100, 380)], SIZE)
    assert [one.text.replace("\t", " ") for one in read] == ["• quince jelly", "e quince jelly", "e quince jelly"]


@pytest.mark.parametrize("pitch", [30, 38])
def test_lines_joined_across_a_gutter_are_cut_where_their_parts_are_not_level(pitch: int) -> None:
    """A caption and a table beside it, joined by the engine; parts that are level are rows."""
    above = [line("the harbour opens at nine", 100, 100 + 30 * n) for n in range(3)]
    beside = [line("bread and butter", 600, 100 + 30 * n) for n in range(3)]
    joined = []
    for n in range(4):
        left, right = line("captains wrote them here", 100, 190 + 30 * n), line("12 boats", 600, 184 + pitch * n)
        assert left.box is not None
        words = *left.words, *right.words
        joined.append(replace(left, text=f"{left.text} {right.text}", words=words, box=(100, 180, 680, 210)))
    read, _ = structured([*above, *beside, *joined], SIZE)
    texts = [one.text.replace("\t", " ") for one in read]
    if pitch == 30:
        assert "captains wrote them here 12 boats" in texts
    else:
        assert (
            texts
            == ["the harbour opens at nine"] * 3
            + ["captains wrote them here"] * 4
            + ["bread and butter"] * 3
            + ["12 boats"] * 4
        )


def test_halves_of_a_cell_beside_two_lines_of_a_label_are_no_gutter() -> None:
    """The engine read one number beside both lines of its label: it is level with neither, and no text of its own."""
    joined = []
    for n in range(4):
        left, right = line("captains wrote them here", 100, 190 + 30 * n), line("12 boats", 600, 205 + 60 * (n // 2))
        assert left.box is not None
        words = *left.words, *right.words
        joined.append(replace(left, text=f"{left.text} {right.text}", words=words, box=(100, 180, 680, 210)))
    read, _ = structured(joined, SIZE)
    assert [one.text.replace("\t", " ") for one in read] == ["captains wrote them here 12 boats"] * 4


def test_what_stands_in_a_column_of_text_is_read_with_it() -> None:
    """The engine saw both columns, but read the table at the foot of the first one after the second."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 115 + 30 * n) for n in range(10)]
    head = [line("12", 100, 20), line("Harbours", 560, 20)]
    table = [line("bread   12", 130, 400), line("quince   8", 130, 430)]
    across = line("all of this was paid for by the towns on the northern coast of the bay", 100, 480)
    below = [line("left", 100, 540), line("right", 560, 540), line("boats", 100, 570), line("sails", 560, 570)]
    read, _ = structured([*head, *left, *right, *table, across, *below], SIZE)
    texts = [one.text.replace("\t", " ") for one in [*head, *left, *table, *right, across, *below]]
    assert [one.text.replace("\t", " ") for one in read] == texts


@pytest.mark.parametrize("top", [340, 430], ids=["beside others", "below all others"])
def test_columns_are_whole_where_the_engine_read_them_in_turns(top: int) -> None:
    """Where a level space parts two of them from two others, these are read after them."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(10)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(7)]
    under_left = [line(f"nobody counted the ropes of {n}", 100, 430 + 30 * n) for n in range(8)]
    under_right = [line(f"sailors came in the winter of {n}", 560, top + 30 * n) for n in range(8)]
    foot = [line("nobody came here 12", 100, 800), line("sailors came here 13", 560, 800)]
    given = [*left, *right, *under_left, *under_right, *foot]
    want = [*left, *under_left, *right, *under_right, *foot] if top == 340 else given
    read = " ".join(one.text for one in structured(given, SIZE)[0])
    assert read.split() == " ".join(one.text for one in want).split()


HEADED = [line("captains wrote the letters of the harbour here", 300, 100 + 30 * n) for n in range(9)]


def headed(*numbers: int) -> list[OcrLine]:
    """Short lines level with some of them."""
    return [line(f"Part {n}", 180, 100 + 30 * n) for n in numbers]


@pytest.mark.parametrize("first", [True, False], ids=["read before", "read after"])
def test_heads_beside_paragraphs_come_before_them(first: bool) -> None:
    heads = headed(0, 3, 5)
    given = [*heads, *HEADED] if first else [*HEADED, *heads]
    read, _ = structured(given, SIZE)
    want = [heads[0], *HEADED[:3], heads[1], *HEADED[3:5], heads[2], *HEADED[5:]]
    assert " ".join(one.text for one in read).split() == " ".join(one.text for one in want).split()


@pytest.mark.parametrize(
    "beside",
    [
        headed(3),
        headed(3, 4, 5),
        [*headed(3, 5), line("nobody counted the ropes", 30, 500)],
        [line("7", 180, 190), line("8", 180, 250)],
    ],
    ids=["one", "no lines between", "a column of text", "numbers"],
)
def test_other_short_lines_beside_text_stay_where_they_were_read(beside: list[OcrLine]) -> None:
    read, _ = structured([*beside, *HEADED], SIZE)
    assert [one.text for one in read[: len(beside)]] == [one.text for one in beside]


def test_what_ends_above_two_columns_is_no_part_of_them() -> None:
    """As the articles of a web page whose last lines are between the columns below them in place."""
    first = [line(f"the article on the left {n}", 60, 20 + 30 * n) for n in range(6)]
    second = [line(f"one across their gutter {n}", 350, 20 + 30 * n) for n in range(4)]
    left = [line(f"the harbour library opens at {n}", 100, 240 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 240 + 30 * n) for n in range(8)]
    read, _ = structured([*first, *second, *left, *right], SIZE)
    assert [one.text for one in read] == [one.text for one in [*first, *second, *left, *right]]


@pytest.mark.parametrize("pitch", [30, 90], ids=["close", "far apart"])
def test_headings_of_two_columns_at_the_same_height_stay_with_them(pitch: int) -> None:
    left = [line(f"the harbour library opens at {n}", 100, 100 + pitch * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + pitch * n) for n in range(8)]
    lines = [line("Harbours", 100, 60), *left, line("Captains", 560, 60), *right]
    assert [one.text for one in structured(lines, SIZE)[0]] == [one.text for one in lines]


def test_short_texts_of_a_figure_above_two_columns_are_in_neither() -> None:
    """The engine joined what is beside each other in two boxes; it begins where no line of the columns does."""
    boxes = [
        line("captains who remained           captains who developed", 330, 100),
        line("boats                           sails", 390, 130),
    ]
    left = [line(f"the harbour library opens at {n}", 100, 180 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 600, 180 + 30 * n) for n in range(8)]
    read, _ = structured([*boxes, *left, *right], SIZE)
    assert [one.text.replace("\t", " ") for one in read] == [one.text for one in (*boxes, *left, *right)]


CAPTION = "of the boats in the harbour it shows"
"""Begins where no line of the columns does, in each."""


@pytest.mark.parametrize("woven", [False, True], ids=["by column", "one after the other"])
def test_captions_at_the_foot_of_columns_are_of_these_where_the_engine_read_them_so(woven: bool) -> None:
    """Far below, with pictures between."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(8)]
    left_foot = [line(f"{CAPTION} {n}", 140, 600 + 30 * n) for n in range(3)]
    right_foot = [line(f"{CAPTION} {n}", 600, 600 + 30 * n) for n in range(3)]
    given = [*left, *right, *left_foot, *right_foot] if woven else [*left, *left_foot, *right, *right_foot]
    assert [one.text for one in structured(given, SIZE)[0]] == [one.text for one in given]


def test_a_table_far_above_columns_is_of_its_column_where_the_engine_read_it_so() -> None:
    """Beside the name of a picture, not level with it."""
    name, table = line("boats in winter", 140, 35), [line(f"sails {n}", 600, 20 + 30 * n) for n in range(6)]
    left = [line(f"the harbour library opens at {n}", 100, 300 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 300 + 30 * n) for n in range(8)]
    given = [name, *left, *table, *right]
    assert [one.text for one in structured(given, SIZE)[0]] == [one.text for one in given]


@pytest.mark.parametrize("numbers", [True, False], ids=["of two tables", "of two columns"])
def test_text_beside_cells_in_what_would_be_a_gutter_is_no_column(numbers: bool) -> None:
    """Two pages of tables beside each other: the numbers of the second are no part of the first."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(8)]
    foot = line("nobody came", 100, 340)
    cells = [line(str(n), 480, 100 + 60 * n) for n in range(4)] if numbers else []
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(8)]
    read, _ = structured([*left, *cells, *right, foot], SIZE)
    last = [one.text for one in read][-1]
    assert last == (foot.text if numbers else right[-1].text)


def test_rows_of_cells_beside_a_table_are_of_another_one() -> None:
    """As on two pages beside each other, of which the engine read one table after the other, cell by cell."""
    given: list[OcrLine] = []
    for left in (60, 560):
        for n in (1, 2, 3):
            top = 20 + 80 * n
            given += [
                line(text, left + at, top) for at, text in ((0, "So"), (60, f"{n}.07."), (150, f"Choir in hall {n}"))
            ]
            given += [line("with all", left + 150, top + 30)] if left == 60 else []
    read, _ = structured(given, SIZE)
    assert " ".join(one.text for one in read).split() == " ".join(one.text for one in given).split()


def test_short_lines_far_below_columns_are_of_none_also_where_the_engine_read_them_so() -> None:
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(8)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(8)]
    feet = [line("page 12", 140, 600), line("harbours", 600, 600)]
    read, _ = structured([*left, feet[0], *right, feet[1]], SIZE)
    assert [one.text for one in read] == [*(one.text for one in [*left, *right]), "page 12\tharbours"]


@pytest.mark.parametrize("far", [80, 30], ids=["far", "near"])
def test_a_foot_that_begins_where_a_column_does_is_read_after_both_where_the_engine_did(far: int) -> None:
    """As wide as a line of the column. Near to it, it is its last line."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(12)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(12)]
    foot = line("the monthly paper of this harbour", 100, 430 + far)
    read, _ = structured([*left, *right, foot], SIZE)
    want = [*left, *right, foot] if far == 80 else [*left, foot, *right]
    assert [one.text for one in read] == [one.text for one in want]


def test_a_head_on_the_right_that_begins_where_its_column_does_is_read_first_where_the_engine_did() -> None:
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(12)]
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(12)]
    head = line("the monthly paper of this harbour", 560, 10)
    read, _ = structured([head, *left, *right], SIZE)
    assert [one.text for one in read] == [one.text for one in [head, *left, *right]]


def _joined(left: OcrLine, right: OcrLine) -> OcrLine:
    """As one line of the engine."""
    assert left.box is not None
    assert right.box is not None
    box = (left.box[0], min(left.box[1], right.box[1]), right.box[2], max(left.box[3], right.box[3]))
    return OcrLine(text=f"{left.text} {right.text}", words=(*left.words, *right.words), box=box)


@pytest.mark.parametrize(
    ("label", "value", "offs"),
    [("of bread and butter", "12 boats", (5, 5, 5, 5, 20)), ("of bread and butter", "12.50", (-9, 9, -9, 9, -9))],
    ids=["as far from level in all but a head", "numbers alone"],
)
def test_cells_that_are_not_quite_level_are_rows(label: str, value: str, offs: tuple[int, ...]) -> None:
    """Letters of a label reach below the line, numbers do not; one stands in the middle of a label of two lines."""
    given = [
        _joined(line(label, 100, 100 + 30 * n), line(value, 600, 100 + 30 * n - off)) for n, off in enumerate(offs)
    ]
    read, _ = structured(given, SIZE)
    assert [one.text.replace("\t", " ") for one in read] == [f"{label} {value}"] * len(offs)


@pytest.mark.parametrize("amid", [True, False], ids=["amid the first column", "between the columns' parts"])
def test_a_line_joined_with_the_letters_of_a_figure_parts_no_columns(amid: bool) -> None:
    """Where the engine read it amid the first column; what is across both is read after what stands above it."""
    left = [line(f"the harbour library opens at {n}", 100, 100 + 30 * n) for n in range(17)]
    left[8] = _joined(line("the harbour", 100, 340), line("12 ofthelettersthattheywrote", 330, 340))
    right = [line(f"captains wrote the letters of {n}", 560, 100 + 30 * n) for n in range(8)]
    read, _ = structured([*left, *right] if amid else [*left[:8], *right, *left[8:]], SIZE)
    texts = [one.text for one in read]
    assert texts.index("the harbour library opens at 16") < texts.index("captains wrote the letters of 0") or not amid
    assert texts.index("captains wrote the letters of 7") < texts.index("the harbour library opens at 9") or amid


@pytest.mark.parametrize("first", [0, 1], ids=["all of it", "its first line read before"])
def test_the_head_of_a_letter_on_the_right_is_read_before_what_is_below_it(first: int) -> None:
    head = [line(f"Captains of {n}", 700, 60 + 30 * n) for n in range(4)]
    letter = [line(f"bread and butter {n}", 100, 200 + 30 * n) for n in range(14)]
    read, _ = structured([*head[:first], *letter, *head[first:]], SIZE)
    assert list(read) == [*head, *letter]
    column = [line(f"the boats of {n}", 700, 240 + 30 * n) for n in range(4)]
    read, _ = structured([*letter, *head, *column], SIZE)
    assert list(read) == [*letter, *head, *column]


def test_what_stands_above_a_table_is_read_before_its_rows() -> None:
    """The engine read a title over the second column with that column."""
    first = [line(f"quince {n}", 100, 200 + 30 * n) for n in range(4)]
    title, second = line("Harbours", 420, 60), [line(f"{n}.50", 420, 200 + 30 * n) for n in range(4)]
    read, _ = structured([*first, title, *second], SIZE)
    assert [one.text for one in read] == ["Harbours", *(f"quince {n}\t{n}.50" for n in range(4))]
    layer, _ = structured([*first, title, *second], SIZE, in_order=True)
    assert [one.text for one in layer] == [*(f"quince {n}\t{n}.50" for n in range(4)), "Harbours"]


def test_a_cell_of_two_lines_beside_one_of_two_lines_stays_whole() -> None:
    """The heads of two columns, which the engine read one after the other; two numbers are of two rows."""
    first = [line("Name of", 100, 100), line("the state", 100, 130)]
    second = [line("Name of", 300, 100), line("the town", 300, 130)]
    assert list(structured([*first, *second], SIZE)[0]) == [*first, *second]
    numbers = [line("12", 300, 100), line("17", 300, 130)]
    read, _ = structured([*first, *numbers], SIZE)
    assert [one.text for one in read] == ["Name of\t12", "the state\t17"]


@pytest.mark.parametrize("head", ["Name            Meaning", "Row 7           Row 9"], ids=["words", "numbers"])
def test_columns_of_words_below_a_row_of_heads_are_rows(head: str) -> None:
    """The engine read each column by itself, as a ruling parts them; one cell has a second line."""
    names = [line(text, 100, 200 + 60 * n) for n, text in enumerate(("quince", "bread", "butter", "jelly"))]
    said = ["what the captains ate", "what it was baked for", "how they kept it cool", "when the boats were in"]
    means = [line(text, 260, 200 + 60 * n) for n, text in enumerate(said)]
    means.append(line("the harbour", 260, 410))
    read, _ = structured([line(head, 100, 140), *names, *means], SIZE)
    rows = [f"{name.text}\t{text}" for name, text in zip(names, said, strict=True)]
    assert ([one.text for one in read[1:5]] == rows) == (head[0] == "N")


def test_a_note_beside_running_text_stays_where_it_was_read() -> None:
    """The engine read a number in the margin after the text beside it: what is over the number is not over the text."""
    text = [line("the harbour library opens at nine every day and closes at six", 100, 100 + 30 * n) for n in range(8)]
    note, number = line("Captains", 800, 115), line("167", 810, 250)
    read, _ = structured([*text, number, note], SIZE)
    assert [one.text for one in read][-1] == "Captains"


@pytest.mark.parametrize("pitch", [30, 60])
def test_a_paragraph_in_double_spaces_is_one_block(pitch: int) -> None:
    """It ends where the next word had room; in single spaces the engine says where."""
    text = [line("the harbour library opens at nine every day", 100, 100 + pitch * n) for n in range(8)]
    text[3] = line("and closes at six", 100, 100 + pitch * 3)
    blocks = structured(text, SIZE)[1]
    assert [block.lines for block in blocks] == ([tuple(range(8))] if pitch == 30 else [(0, 1, 2, 3), (4, 5, 6, 7)])
