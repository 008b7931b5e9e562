"""Tables between ruling lines: their cells, and the order of what is in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pillion.kinds.ocr import evidence, ruled
from pillion.kinds.ocr.layout import Area, LayoutAnalysis, Piece, holds
from pillion.kinds.ocr.ruled import Table, has_rows, in_order, painted_over, with_rows_whole

HEIGHT = 26.0
SHAPE = (900, 1300)
X, Y = (100, 400, 800, 1200), (100, 180, 260, 420)
Line = tuple[int, int, int, int]


def drawn(rulings: Sequence[Line], shade: int = 0, width: int = 2) -> NDArray[np.uint8]:
    picture = Image.new("L", SHAPE[::-1], 255)
    draw = ImageDraw.Draw(picture)
    for ruling in rulings:
        draw.line(ruling, fill=shade, width=width)
    return np.asarray(picture)


def grid(x: Sequence[int] = X, y: Sequence[int] = Y) -> list[Line]:
    return [*((x[0], at, x[-1], at) for at in y), *((at, y[0], at, y[-1]) for at in x)]


def tables(gray: NDArray[np.uint8], height: float) -> list[Table]:
    return ruled.tables(gray, evidence.rulings(gray, height))


def only(gray: NDArray[np.uint8]) -> Table:
    (table,) = tables(gray, HEIGHT)
    return table


def test_each_place_of_a_grid_is_a_cell() -> None:
    table = only(drawn(grid()))
    assert [(cell.rows[0], cell.columns[0]) for cell in table.cells] == [(r, c) for r in range(3) for c in range(3)]
    assert np.abs(np.subtract(table.area, (X[0], Y[0], X[-1], Y[-1]))).max() <= 4
    assert [len(strip) for strip in table.strips()] == [3, 3, 3]


def test_faint_rulings_and_those_in_a_shaded_table_count() -> None:
    assert len(only(drawn(grid(), shade=220)).cells) == 9
    shaded = np.minimum(drawn(grid(), shade=150), 190)
    shaded[: Y[0]] = shaded[Y[-1] :] = 255
    assert len(only(shaded).cells) == 9


def test_a_table_open_on_both_sides_has_its_outer_cells() -> None:
    assert (
        len(only(drawn([ruling for ruling in grid() if ruling[0] not in (X[0], X[-1]) or ruling[2] > ruling[0]])).cells)
        == 9
    )


def test_places_without_a_ruling_between_are_one_cell() -> None:
    """A head over two columns, and a label beside two rows."""
    rulings = [
        *((X[0], at, X[-1], at) for at in (Y[0], Y[1], Y[3])),
        (X[1], Y[2], X[-1], Y[2]),
        *((at, Y[0], at, Y[3]) for at in (X[0], X[1], X[3])),
        (X[2], Y[1], X[2], Y[3]),
    ]
    table = only(drawn(rulings))
    spans = {(cell.rows, cell.columns) for cell in table.cells}
    assert ((0, 1), (1, 3)) in spans
    assert ((1, 3), (0, 1)) in spans
    assert len(spans) == 7


def test_what_makes_no_grid_is_no_table() -> None:
    box = [(100, 100, 900, 100), (100, 300, 900, 300), (100, 100, 100, 300), (900, 100, 900, 300)]
    for rulings in ([], box, [(100, at, 1200, at) for at in Y], [(at, 100, at, 800) for at in X]):
        assert tables(drawn(rulings), HEIGHT) == []


def test_a_bar_and_hatchings_are_no_rulings() -> None:
    assert tables(drawn(grid(), width=24), HEIGHT) == []
    hatched = np.full(SHAPE, 255, np.uint8)
    hatched[::2] = 0
    assert tables(hatched, HEIGHT) == []


INNER = grid((815, 950, 1080, 1190), (300, 340, 380, 410))
"""In the last cell of the grid, with less than half of a line's height between its rulings and those around it."""


def test_a_table_in_a_cell_of_another_is_a_table_of_its_own() -> None:
    outer, inner = sorted(tables(drawn([*grid(), *INNER]), HEIGHT), key=lambda table: -table.area[2])
    assert len(outer.cells) == 9
    assert len(inner.cells) == 9
    assert holds(outer.area, inner.area)


def test_what_is_painted_over_is_gone_with_its_rulings() -> None:
    whole = drawn([*grid(), *INNER])
    assert painted_over(whole, [], HEIGHT) is whole
    assert np.array_equal(painted_over(whole, [(815, 300, 1190, 410)], HEIGHT), drawn(grid()))


def with_words(gray: NDArray[np.uint8], *words: tuple[str, int, int]) -> NDArray[np.uint8]:
    """Each word from so far on the left and the top, in letters of the height of a line."""
    picture = Image.fromarray(gray)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=HEIGHT)
    for word, left, top in words:
        draw.text((left, top), word, fill=0, font=font)
    return np.asarray(picture)


LONG = "example.org/manuals"


def test_a_word_that_runs_across_a_ruling_makes_its_cells_one() -> None:
    words = [
        ("nine", 120, 120),
        (LONG, 330, 120),
        ("tail", 330, 145),
        ("of", 820, 120),
        ("a", 120, 200),
        ("b", 420, 200),
    ]
    gray = with_words(drawn(grid()), *words)
    table = only(gray)
    assert [cell.columns for cell in table.cells] == [(0, 2), (2, 3), *[(0, 1), (1, 2), (2, 3)] * 2]
    assert abs(table.cells[0].crossed[0] - X[1]) <= 2
    # The ruling is gone there, and no letter with it.
    without, page = ruled.without_crossed(gray, [table], HEIGHT), with_words(np.full(SHAPE, 255, np.uint8), *words)
    inside = np.s_[Y[0] + 4 : Y[1] - 4, X[0] + 4 : X[2] - 4]
    assert np.mean((without[inside] < 128) != (page[inside] < 128)) < 0.002
    assert np.array_equal(without[Y[1] :], gray[Y[1] :])


def test_cells_with_text_of_their_own_are_parted_by_a_ruling_that_is_crossed() -> None:
    gray = with_words(drawn(grid()), (LONG, 330, 112), ("own", 420, 145))
    assert len(only(gray).cells) == 9
    apart = with_words(drawn(grid()), ("left", 340, 120), ("right", 415, 120))
    assert len(only(apart).cells) == 9
    assert ruled.without_crossed(apart, [only(apart)], HEIGHT) is apart


def test_a_word_that_runs_out_of_a_table_is_of_its_last_cell() -> None:
    (table,) = tables(with_words(drawn(grid((100, 400, 700))), (LONG, 600, 120), ("note", 750, 200)), HEIGHT)
    assert [cell.area[2] > 800 for cell in table.cells] == [False, True, *[False] * 4]
    ((left, top, right, bottom),) = table.outside()
    assert abs(left - 700) <= 4
    assert top < 120 < bottom < 200
    assert right > 800


def test_the_upright_edges_of_boxes_are_no_marks() -> None:
    box = grid((300, 700), (100, 140))
    gray = with_words(drawn([*box, (900, 90, 900, 150)]), ("Name", 100, 106), (LONG, 650, 106))
    edges = evidence.edges_of_boxes(evidence.rulings(gray, HEIGHT))
    assert {round(left, -1) for left, *_ in edges} == {300, 700}
    without = evidence.without_edges(gray, edges)
    words = with_words(np.full(SHAPE, 255, np.uint8), ("Name", 100, 106), (LONG, 650, 106))
    inside = np.s_[104:137, 90:890]
    assert np.mean((without[inside] < 128) != (words[inside] < 128)) < 0.002
    assert evidence.is_edge((299, 102, 302, 138), edges, HEIGHT)
    assert not evidence.is_edge((280, 102, 330, 138), edges, HEIGHT)
    assert not evidence.is_edge((898, 102, 902, 138), edges, HEIGHT)
    assert evidence.without_edges(gray, []) is gray


def line(area: Line) -> tuple[Line, tuple[Piece, ...]]:
    return area, (Piece(area, (area[1], area[3]), area, True, True),)


def test_rows_of_single_lines_are_lines_and_others_are_read_cell_by_cell() -> None:
    table = only(drawn(grid()))
    heads = [line((x + 20, 130, x + 120, 156)) for x in X[:3]]
    first, second = line((120, 300, 300, 326)), line((120, 340, 300, 366))
    value, other = line((420, 320, 500, 346)), line((820, 320, 900, 346))
    order = in_order(table, [second, other, *reversed(heads), value, first])
    head, *rest = order
    assert head[0] == (120, 130, 920, 156)
    assert [piece.area for piece in head[1]] == [area for area, _ in heads]
    assert [piece.starts_line for piece in head[1]] == [True, False, False]
    assert {area for area, _ in rest} == {area for area, _ in (first, second, value, other)}
    assert [area[0] for area, _ in rest] == [120, 120, 420, 820]


def test_level_lines_in_all_cells_are_rows_without_a_ruling_between() -> None:
    table = only(drawn(grid()))
    cells = [line((x + 20, y, x + 100, y + 26)) for x in X[:3] for y in (280, 320, 360)]
    order = in_order(table, cells)
    assert [len(pieces) for _, pieces in order] == [3, 3, 3]
    without_one = in_order(table, cells[:-1])
    assert [len(pieces) for _, pieces in without_one] == [1] * 8


def test_columns_of_many_lines_between_rulings_are_not_cells() -> None:
    """Where only columns are parted by rulings, the rows are not known by them."""
    table = only(drawn(grid(y=(100, 180, 800))))
    heads = [line((x + 20, 130, x + 120, 156)) for x in X[:3]]
    values = [line((x + 20, y, x + 100, y + 26)) for x in X[:3] for y in range(200, 760, 60)]
    assert not has_rows(table, [*heads, *values])
    assert has_rows(table, [*heads, *values[:6]])


def test_texts_of_many_lines_beside_each_other_are_cells_where_they_are_not_level() -> None:
    table = only(drawn(grid(y=(100, 180, 800))))
    first = [line((120, y, 380, y + 26)) for y in range(200, 700, 50)]
    second = [line((420, y, 780, y + 26)) for y in range(220, 700, 61)]
    assert has_rows(table, [*first, *second])
    assert not has_rows(table, [*first, *(line((420, y, 780, y + 26)) for y in range(202, 700, 50))])


def words(area: Line, count: int) -> tuple[Line, tuple[Piece, ...]]:
    left, top, _, bottom = area
    boxes = [(left + 40 * number, top, left + 40 * number + 30, bottom) for number in range(count)]
    return area, tuple(Piece(box, (top, bottom), area, box is boxes[0], box is boxes[0]) for box in boxes)


def test_single_words_with_holes_between_them_are_rows() -> None:
    """Inputs of a truth table; but no heads, which end sooner or later, and no text."""
    table = only(drawn(grid()))
    places = (275, 310, 345, 380)
    outputs = [words((820, y, 1000, y + 26), 2) for y in places]
    inputs = [words((120, y, 150, y + 26), 1) for y in (275, 310, 380)]
    others = [words((420, y, 450, y + 26), 1) for y in (275, 345)]
    rows = in_order(table, [*inputs, *others, *outputs])
    assert [len(pieces) for _, pieces in rows] == [4, 3, 3, 3]
    heads = [words((420, y, 450, y + 26), 1) for y in (275, 310)]
    assert [len(pieces) for _, pieces in in_order(table, [*inputs[:2], *heads, *outputs])] == [1] * 4 + [2] * 4
    wordy = [words((420, y, 520, y + 26), 2) for y in (275, 345)]
    assert [len(pieces) for _, pieces in in_order(table, [*inputs, *wordy, *outputs])] == [1] * 3 + [2] * 6


def test_lines_with_gaps_as_between_columns_are_rows_beside_a_label() -> None:
    table = only(drawn(grid()))
    label = words((120, 275, 250, 301), 1)
    names = [words((420, y, 600, y + 26), 2) for y in (275, 310)]

    def read(gap: int) -> list[int]:
        values = []
        for y in (275, 310):
            area = 820, y, 880 + gap, y + 26
            places = (820, y, 850, y + 26), (850 + gap, y, 880 + gap, y + 26)
            values.append((area, tuple(Piece(box, (y, y + 26), area, box[0] == 820, False) for box in places)))
        return [len(pieces) for _, pieces in in_order(table, [label, *names, *values])]

    assert read(60) == [5, 4]
    assert read(10) == [1, 2, 2, 2, 2]


def test_single_words_in_many_columns_are_rows_beside_a_label() -> None:
    table = only(drawn(grid(x=(100, 300, 500, 700, 1200))))
    label = [words((120, y, 250, y + 26), 1) for y in (310, 345)]
    columns = [words((x, y, x + 30, y + 26), 1) for x in (320, 520, 720) for y in (275, 310, 345)]
    assert [len(pieces) for _, pieces in in_order(table, [*label, *columns])] == [3, 4, 4]


def test_rows_beside_a_label_that_spans_them_stay_rows() -> None:
    rulings = [ruling for ruling in grid() if ruling != (X[0], Y[1], X[-1], Y[1])] + [(X[1], Y[1], X[-1], Y[1])]
    table = only(drawn(rulings))
    label = line((120, 170, 300, 196))
    cells = [line((x + 20, y + 30, x + 100, y + 56)) for y in Y[:2] for x in X[1:3]]
    order = in_order(table, [*cells, label])
    assert [len(pieces) for _, pieces in order] == [1, 2, 2]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 1299), st.integers(0, 899), st.integers(0, 600), st.booleans()), max_size=30),
    st.floats(1.0, 80.0),
)
def test_no_rulings_break_it_and_no_line_is_lost(found: list[tuple[int, int, int, bool]], height: float) -> None:
    rulings = [(x, y, x + length, y) if level else (x, y, x, y + length) for x, y, length, level in found]
    lines = [line((x, y, x + 20, y + 10)) for x, y, *_ in found]
    for table in tables(drawn(rulings), height):
        order = in_order(table, lines)
        assert sorted(piece.area for _, pieces in order for piece in pieces) == sorted(area for area, _ in lines)


def test_what_is_left_of_a_bar_between_white_letters_is_no_ruling() -> None:
    picture = Image.fromarray(drawn(grid()))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((X[0], 20, X[-1], Y[0] - 6), fill=60)
    for place in range(X[0] + 40, X[-1] - 40, 10):
        draw.line((place, 45, place, 75), fill=255, width=5)
    assert not any(ruling[1] < Y[0] - 10 for ruling in evidence.rulings(np.asarray(picture), HEIGHT).down)


def strip_of(*cells: tuple[int, int]) -> NDArray[np.uint8]:
    """Cells below each other, each of a ground and with a word of an ink, without their rulings."""
    gray = drawn(grid((100, 400, 1200), (100, *range(160, 161 + 60 * (len(cells) - 1), 60))))
    picture = Image.fromarray(gray)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=HEIGHT)
    for number, (ground, ink) in enumerate(cells):
        top = 100 + 60 * number
        draw.rectangle((402, top + 2, 1198, top + 58), fill=ground)
        draw.text((600, top + 16), "Room", fill=ink, font=font)
    part, _ = ruled.without_rulings(np.asarray(picture), only(gray).strips()[1], HEIGHT)
    return part


def test_cells_of_any_shade_are_dark_on_light_as_those_beside_them() -> None:
    plain = strip_of((255, 0), (255, 0), (255, 0))
    for shade, ink in ((30, 255), (128, 255), (120, 235), (170, 60)):
        found = strip_of((255, 0), (shade, ink), (255, 0))
        assert np.mean((found < 128) != (plain < 128)) < 0.002
    # A tint with nothing on it is none that could be read.
    assert strip_of((255, 0), (200, 196), (255, 0))[70:110].min() > 200


def test_a_picture_in_a_cell_is_left_as_it_is() -> None:
    gray = drawn(grid((100, 400, 1200), (100, 160, 260)))
    down, across = np.mgrid[164:256, 404:1196]
    gray = gray.copy()
    gray[164:256, 404:1196] = np.rint(110 + 50 * np.sin(across / 9) + 40 * np.sin(down / 7))
    part, (left, top, *_) = ruled.without_rulings(
        gray, only(drawn(grid((100, 400, 1200), (100, 160, 260)))).strips()[1], HEIGHT
    )
    assert np.array_equal(part[168 - top : 252 - top, 408 - left : 1192 - left], gray[168:252, 408:1192])


def test_cells_of_one_ground_are_left_as_they_are() -> None:
    tinted = strip_of((235, 0), (225, 0), (235, 60))
    assert sorted({*np.unique(tinted[4:-4, 4:-4])} & {225, 235}) == [225, 235]
    assert tinted[120:180].min() == 60


VALUES = (700, 100, 1000, 260)
"""A table of three rows."""


def laid_out(*lines: Sequence[Area]) -> LayoutAnalysis:
    """As the engine has it: each line with its pieces from left to right."""
    around = [ruled.line_of([line(piece)[1][0] for piece in pieces], paragraph=False) for pieces in lines]
    boxes, pieces = zip(*around, strict=True)
    return LayoutAnalysis(len(lines), HEIGHT, np.array(boxes, np.float64), pieces=pieces)


def labelled(top: int, label: bool = True) -> list[Area]:
    values = [(720, top, 800, top + 26), (850, top, 950, top + 26)]
    return [(100, top, 300, top + 26), *values] if label else values


TOPS = 110, 160, 210
FOUND = [(row[0], (*line(row[0])[1], *line(row[1])[1])) for row in (labelled(top, label=False) for top in TOPS)]


def areas(found: Sequence[tuple[Area, tuple[Piece, ...]]]) -> list[list[Area]]:
    return [[piece.area for piece in pieces] for _, pieces in found]


def test_rows_of_a_table_have_the_labels_beside_it_that_the_engine_reads_with_them() -> None:
    page = laid_out(*map(labelled, TOPS), [(100, 300, 500, 326)])
    rest, found = with_rows_whole(page, VALUES, FOUND, [])
    assert areas(found) == [*map(labelled, TOPS)]
    assert [box[0] for box, _ in found] == [100] * 3
    assert [pieces[0].starts_line and not pieces[1].starts_line for _, pieces in found] == [True] * 3
    # They are in the table alone now.
    assert rest.pieces is not None
    left = [[piece.area for piece in pieces] for pieces in rest.pieces]
    assert left == [*(labelled(top, label=False) for top in TOPS), [(100, 300, 500, 326)]]


def test_labels_are_none_where_a_table_is_beside_it_or_few_rows_have_them() -> None:
    page = laid_out(*map(labelled, TOPS))
    for others, tops in (([(80, 90, 320, 270)], TOPS), ([], TOPS[:1])):
        some = page if others else laid_out(*(labelled(top, label=top in tops) for top in TOPS))
        assert with_rows_whole(some, VALUES, FOUND, others) == (some, FOUND)


def test_a_line_that_is_level_with_two_of_the_table_is_left() -> None:
    page = laid_out(*map(labelled, TOPS))
    twice = [*FOUND, *FOUND]
    assert with_rows_whole(page, VALUES, twice, []) == (page, twice)
