"""Where a layout analysis is doubted, and where it is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pillion.kinds.ocr.evidence import Suspect, has_columns, parted, rows_of, suspects
from pillion.kinds.ocr.layout import Boxes, inside, print_of

SHAPE = (1800, 1400)
Line = tuple[float, float, float, float]


def column(left: int, right: int, top: int, count: int, pitch: int = 40) -> list[Line]:
    return [(left, top + number * pitch, right, top + number * pitch + 28) for number in range(count)]


def boxes(lines: Sequence[Line]) -> Boxes:
    return np.array(lines, np.float64).reshape(-1, 4)


def printed(lines: Sequence[Line]) -> np.ndarray:
    """A picture with strokes like print on these lines."""
    picture = Image.new("L", SHAPE[::-1], 255)
    draw = ImageDraw.Draw(picture)
    for left, top, right, bottom in lines:
        for x in range(int(left), int(right), 9):
            draw.rectangle((x, top + 4, x + 3, bottom - 4), fill=0)
    return np.asarray(picture)


CELLS = [cell for left in (100, 500, 800, 1100) for cell in column(left, left + 120, 200, 12)]
PROSE = column(100, 660, 200, 20) + column(740, 1300, 200, 20)


def test_short_pieces_in_row_after_row_are_a_table() -> None:
    (found,) = suspects(boxes(CELLS), print_of(printed(CELLS)))
    assert found.table
    assert inside(boxes(CELLS), found.area).all()


def test_columns_of_text_are_left_to_the_engine() -> None:
    assert suspects(boxes(PROSE), print_of(printed(PROSE))) == []


def test_columns_stay_where_print_between_them_is_lost() -> None:
    """A quotation between two columns that the layout analysis did not see."""
    quotation = column(560, 840, 600, 8)
    around = [line for line in PROSE if not 560 < line[1] < 960]
    beside = column(100, 520, 600, 8) + column(880, 1300, 600, 8)
    assert suspects(boxes(around + beside), print_of(printed(around + beside + quotation))) == []


def test_where_print_is_on_no_line_the_lines_are_in_doubt() -> None:
    lines = column(100, 1300, 200, 30)
    seen = print_of(printed(lines))
    assert seen.covered(boxes(lines)) > 0.99
    assert suspects(boxes(lines), seen) == []
    half = boxes(lines[::2])
    assert 0.4 < seen.covered(half) < 0.6
    (found,) = suspects(half, seen)
    assert not found.table
    assert inside(boxes(lines), found.area).all()


def test_a_line_lost_on_a_page_that_was_found_is_in_doubt_by_itself() -> None:
    lines = column(100, 1300, 200, 30)
    lost = (100.0, 1480.0, 400.0, 1508.0)
    found = suspects(boxes(lines), print_of(printed([*lines, lost])))
    ((left, top, right, bottom),) = [one.area for one in found]
    assert left <= lost[0] < lost[2] <= right
    assert top <= lost[1] < lost[3] <= bottom
    assert not inside(boxes(lines[:-1]), (left, top, right, bottom)).any()


def test_a_line_cut_where_the_next_one_goes_on_is_in_doubt() -> None:
    """The layout analysis took the spaces of two lines for a gutter, and cut through their words."""
    lines = column(100, 1300, 200, 20)
    for number in (5, 6):
        left, top, right, bottom = lines[number]
        lines[number] = (left, top, 640.0, bottom)
        lines.append((670.0, top, right, bottom))
    ((left, top, right, bottom),) = [found.area for found in suspects(boxes(lines), print_of(printed(lines)))][:1]
    assert (left, right) == (100, 1300)
    assert top <= lines[5][1] < bottom <= lines[7][1]
    # Between columns, no line goes on.
    beside = column(100, 660, 200, 20) + column(690, 1300, 200, 20)
    assert suspects(boxes(beside), print_of(printed(beside))) == []


def test_a_cut_line_is_in_doubt_by_itself_in_an_area_where_print_is_lost() -> None:
    lines = column(100, 1300, 200, 30)
    found = lines[:10] + lines[10:24:2] + lines[24:]
    left, top, right, bottom = found[2]
    found[2] = (left, top, 640.0, bottom)
    found.append((670.0, top, right, bottom))
    area, strip = suspects(boxes(found), print_of(printed(lines)))
    assert area.area[3] - area.area[1] > 800
    assert strip.area[:2] == (100, int(top))
    assert strip.area[3] - strip.area[1] < 60


def test_lines_with_print_beside_their_ends_are_in_doubt() -> None:
    lines = column(200, 1200, 200, 20)
    short = list(lines)
    short[4] = (320.0, *lines[4][1:])
    short[9] = (*lines[9][:2], 1060.0, lines[9][3])
    found = suspects(boxes(short), print_of(printed(lines)))
    assert len(found) == 2
    for one, lost in zip(found, (lines[4], lines[9]), strict=True):
        assert abs(one.area[0] - lost[0]) <= 12
        assert abs(one.area[2] - lost[2]) <= 12
        assert one.area[1] <= lost[1]
        assert one.area[3] >= lost[3]
    many = [(320.0, *line[1:]) for line in lines]
    assert not any(one.area[3] - one.area[1] < 60 for one in suspects(boxes(many), print_of(printed(lines))))
    far = [(10.0, *lines[9][1:2], 60.0, lines[9][3])]
    assert suspects(boxes(lines), print_of(printed(lines + far))) == []


def test_a_blank_page_has_no_print() -> None:
    seen = print_of(np.full(SHAPE, 255, np.uint8))
    assert not seen.tiles.any()
    assert seen.covered(boxes([])) == 1.0


def test_columns_are_lines_of_text_beside_each_other() -> None:
    title = [(100.0, 100.0, 1300.0, 140.0)]
    assert has_columns(boxes(title + PROSE))
    # A pull quote between the columns, first in order.
    assert has_columns(boxes(column(600, 800, 500, 3) + column(100, 580, 200, 20) + column(820, 1300, 200, 20)))
    assert not has_columns(boxes(column(100, 1300, 200, 20)))
    assert not has_columns(boxes(CELLS))
    assert not has_columns(boxes([]))


def test_rows_are_what_stands_beside_each_other() -> None:
    lines = column(500, 600, 100, 2) + column(100, 300, 103, 2)
    assert rows_of(boxes(lines)) == [[2, 0], [3, 1]]


EDGES = [(100, 300, 104, 900), (640, 300, 644, 900), (700, 300, 704, 920), (1300, 300, 1304, 920)]
"""Of two boxes beside each other."""


def test_an_area_with_two_boxes_beside_each_other_is_cut_between_them() -> None:
    """And above and below them."""
    lines = boxes([*column(120, 600, 320, 10), *column(720, 1280, 320, 10)])
    area = (80, 200, 1320, 1000)
    found = [one.area for one in parted([Suspect(area, table=True)], EDGES, lines)]
    assert found == [(80, 200, 1320, 300), (80, 300, 672, 920), (672, 300, 1320, 920), (80, 920, 1320, 1000)]
    within = (110, 310, 630, 800)
    assert [one.area for one in parted([Suspect(within)], EDGES, lines)] == [within]
    assert list(parted([Suspect(area)], [], boxes([]))) == [Suspect(area)]


def test_an_area_is_whole_where_the_edges_are_no_two_boxes() -> None:
    """They are those of the cells of a row, end far above its foot, or a line runs from one into the other."""
    lines = column(120, 600, 320, 10)
    area = (80, 300, 1320, 920)
    cells = [(100, 300, 104, 900), (640, 300, 644, 900), (1300, 300, 1304, 900)]
    low = [(x0, 300, x1, 560) for x0, _, x1, _ in EDGES]
    for edges, some in ((cells, lines), (low, lines), (EDGES, [*lines, (500, 720, 900, 748)])):
        assert list(parted([Suspect(area)], edges, boxes(some))) == [Suspect(area)]
