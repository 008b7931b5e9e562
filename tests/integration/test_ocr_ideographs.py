"""Chinese print, found by Tesseract's layout and read by PP-OCR: characters of straight strokes, drawn here."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pillion.kinds.ocr import ppocr
from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import BlockType, OcrPage

pytestmark = pytest.mark.models

STROKES = {
    "一": "0585",
    "二": "2262 0787",
    "三": "1171 2464 0787",
    "十": "0484 4048",
    "土": "1373 4147 0787",
    "王": "1171 1474 4147 0787",
    "口": "1171 7177 7717 1711",
    "日": "2060 6068 6828 2820 2464",
    "田": "1171 7177 7717 1711 1474 4147",
    "目": "2060 6068 6828 2820 2363 2565",
    "工": "1171 4147 0787",
    "山": "4048 0308 0888 8388",
}
"""From x, y to x, y, in eighths of a square."""
LINES = (
    "日田目王土十工山口田日目王工土",
    "山田口王日目十工土田山日王目口",
    "目日田土王工十口山日田目王土工",
    "王土田日目山口工十目田日土王山",
    "田目日王山口工土十日目田王口土",
    "口山土日田王目工十田日王土目山",
)
SIDE, PITCH, LEADING = 30, 40, 70


def drawn(lines: tuple[str, ...], path: Path, gap: int = 0) -> Path:
    """A page of lines; ``gap``: pixels instead of each space, which parts cells."""
    page = Image.new("L", (1000, 120 + LEADING * len(lines)), 255)
    pen = ImageDraw.Draw(page)
    for row, line in enumerate(lines):
        left, top = 80, 60 + LEADING * row
        for character in line:
            if character == " ":
                left += gap
                continue
            for stroke in STROKES[character].split():
                x0, y0, x1, y1 = (int(place) * SIDE / 8 for place in stroke)
                pen.line((left + x0, top + y0, left + x1, top + y1), fill=0, width=3)
            left += PITCH
    page.save(path)
    return path


def read(path: Path) -> OcrPage:
    result = recognise(path, is_pdf=False, languages=["auto"])
    assert (result.engine, result.languages) == (ppocr.NAME, ("chi_sim",))
    (page,) = result.pages
    return page


def test_chinese_print_is_told_and_read_without_tesseracts_data_for_it(tmp_path: Path) -> None:
    page = read(drawn(LINES, tmp_path / "page.png"))
    assert [line.text for line in page.lines] == list(LINES)
    assert page.confidence is not None
    assert page.confidence > 90
    for row, line in enumerate(page.lines):
        assert line.box is not None
        assert line.box == pytest.approx((80, 60 + LEADING * row, 80 + 15 * PITCH, 90 + LEADING * row), abs=14)


def test_cells_of_chinese_rows_are_parted(tmp_path: Path) -> None:
    rows = tuple(f"{line[:4]} {line[4:7]} {line[7:11]}" for line in LINES)
    page = read(drawn(rows, tmp_path / "table.png", gap=160))
    (table,) = [block for block in page.blocks if block.type is BlockType.TABLE]
    assert table.rows == tuple(tuple(row.split()) for row in rows)
