"""What the readers of all kinds of workbooks share: sheets as lines of cells, in the order of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pillion.readers.documents import cellformats
from pillion.readers.documents.base import MAX_CHARACTERS, tidy
from pillion.readers.documents.result import CellRun

_MOST_EMPTY = 64
"""Empty cells that are kept between two others: more would only spread a row."""


@dataclass(slots=True)
class Styles:
    """The number formats of a workbook. ``of_cells``: the number of the format for each style of cells."""

    formats: dict[int, str] = field(default_factory=lambda: dict(cellformats.BUILT_IN))
    of_cells: list[int] = field(default_factory=list)
    since_1904: bool = False

    def form(self, style: int) -> str:
        """The format of a style; General where there is none."""
        number = self.of_cells[style] if 0 <= style < len(self.of_cells) else 0
        return self.formats.get(number, cellformats.GENERAL)

    def number(self, value: float, style: int) -> str:
        """A number as the sheet shows it."""
        form = self.form(style)
        if form in (cellformats.GENERAL, "@"):
            return cellformats.general(value)
        return cellformats.shown(value, form, since_1904=self.since_1904)

    def text(self, text: str, style: int) -> str:
        """A text as the sheet shows it."""
        form = self.form(style)
        return text if form == cellformats.GENERAL else cellformats.shown_text(text, form)


Cell = tuple[int, int, str]
"""Row and column, from 0, and what the cell shows."""


class Places:
    """Where the lines of a sheet stand in it: ``runs`` of lines that are rows below each other."""

    def __init__(self) -> None:
        self.runs: list[CellRun] = []

    def add(self, line: int, row: int, column: int) -> None:
        """The row and column of the first cell of a line, all from 0. Lines are added in order."""
        if self.runs:
            first, number, at, same = self.runs[-1]
            if (line, row, column) == (first + number, at + number, same):
                self.runs[-1] = (first, number + 1, at, same)
                return
        self.runs.append((line, 1, row, column))


def lines(cells: Iterable[Cell], places: Places) -> str:
    """Rows as lines, cells separated by tabs; empty rows are one empty line. Reading ends with MAX_CHARACTERS."""
    return "\n".join(_lines(cells, places))


def _lines(cells: Iterable[Cell], places: Places) -> Iterator[str]:
    left = MAX_CHARACTERS + 1
    row: list[str] = []
    at = -1
    line = 0
    first = True
    for number, column, text in cells:
        text = " ".join(text.split())
        if not text:
            continue
        if number != at:
            if not first:
                yield "\t".join(row)
                line += 1
                if number > at + 1:
                    yield ""
                    line += 1
            row, at, first = [], number, False
            places.add(line, number, column)
        row += [""] * min(_MOST_EMPTY, max(0, column - len(row)))
        row.append(text)
        left -= len(text) + 1
        if left <= 0:
            break
    if row:
        yield "\t".join(row)


def joined(*texts: str) -> str:
    """Texts that are not empty, with an empty line between them."""
    return "\n\n".join(filter(None, map(tidy, texts)))


def header_text(code: str) -> str:
    """The text of a header or footer of printed sheets, without the codes for pages, dates and fonts (18.3.1.46)."""
    found: list[str] = []
    at = 0
    while at < len(code):
        letter = code[at]
        if letter != "&":
            found.append(letter)
            at += 1
            continue
        command = code[at + 1 : at + 2]
        at += 2
        if command == "&":
            found.append("&")
        elif command in "LCR" and command:
            found.append("\n")
        elif command == '"':
            end = code.find('"', at)
            at = len(code) if end < 0 else end + 1
        elif command == "K":
            at += 6
        elif command.isdigit():
            while code[at : at + 1].isdigit():
                at += 1
    return "".join(found)
