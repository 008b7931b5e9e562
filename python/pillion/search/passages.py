"""Sidecars cut into passages: the stretches of text that are indexed and shown, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pillion.kinds.embedding.chunks import rejoined, sentence_spans
from pillion.model import value

LONGEST = 900
"""Characters of a passage, about: a page is cut between paragraphs, then lines, when it has more."""
SPEECH_S = 30.0
"""The length of a passage of speech, in seconds, about."""
MOST_PASSAGES = 50_000
"""Of one content."""

Where = Mapping[str, Any]

SAID = "said"
"""In the stored place of a passage of speech: (characters up to its end, start, end in seconds) of each segment.
A hit names the seconds of the segments that have its words."""
CELLS = "cells"
"""In the stored place of a passage of a sheet: (line, row, column) of the first cell of each line, from 0. A hit names
the cell of its first word."""


@value
class Passage:
    """A stretch of text. ``language``: ISO 639, "" if it is not known. ``where``: as ``search --json`` prints it."""

    text: str
    language: str
    where: Where


def placed(where: Where, text: str, marks: Sequence[tuple[int, int]]) -> Where:
    """The place of what is marked in a passage: of speech the seconds of the segments, of a sheet the cell."""
    found = dict(where)
    said: Sequence[tuple[int, float, float]] = found.pop(SAID, ())
    hit = [
        (start, end)
        for (_, start, end), first, last in zip(
            said, [0, *(at for at, _, _ in said)], (at for at, _, _ in said), strict=False
        )
        if any(first <= mark < last for mark, _ in marks)
    ]
    if hit:
        found["seconds"] = [hit[0][0], hit[-1][1]]
    cell = _cell(text, found.pop(CELLS, ()), marks)
    return found | ({"cell": cell} if cell else {})


# pages ----------------------------------------------------------------------------------------------------------------


def of_pages(document: Mapping[str, Any]) -> Iterator[Passage]:
    """The passages of an ``ocr`` sidecar. None runs across pages, nor across columns where its blocks tell."""
    languages: Sequence[str] = document.get("languages") or ()
    for page in document["pages"]:
        own: Sequence[str] = page.get("languages") or languages
        language = own[0] if len(own) == 1 else ""
        for lines in _columns(page):
            yield from _of_lines(lines, int(page["number"]), language)


def _columns(page: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The lines of each column of a page, by its blocks (schema 3); all lines together where it has none (schema 2).

    Blocks that follow each other are of one column if they stand below each other, so that a heading is found with
    what it is about. Lines of no block come last.
    """
    lines: Sequence[Mapping[str, Any]] = page["lines"]
    column: list[Mapping[str, Any]] = []
    last: Sequence[float] | None = None
    taken: set[int] = set()
    for block in page.get("blocks") or ():
        numbers = [number for number in block["lines"] if 0 <= number < len(lines) and number not in taken]
        if not numbers:
            continue
        taken.update(numbers)
        if column and last is not None and not _below(last, block["box"]):
            yield column
            column = []
        column += [lines[number] for number in numbers]
        last = block["box"]
    if column:
        yield column
    rest = [line for number, line in enumerate(lines) if number not in taken]
    if rest:
        yield rest


def _below(upper: Sequence[float], lower: Sequence[float]) -> bool:
    """Whether a box stands below another, with at least half of the narrower one's width in common."""
    common = min(upper[2], lower[2]) - max(upper[0], lower[0])
    narrower = min(upper[2] - upper[0], lower[2] - lower[0])
    middle = (upper[1] + upper[3]) / 2
    return common * 2 >= narrower and (lower[1] + lower[3]) / 2 > middle


def _of_lines(lines: Sequence[Mapping[str, Any]], page: int, language: str) -> Iterator[Passage]:
    taken: list[Mapping[str, Any]] = []
    size = 0
    for line in lines:
        length = len(line["text"]) + 1
        begins = bool(line.get("paragraph"))
        if taken and (size + length > LONGEST * 4 // 3 or (size > LONGEST // 2 and begins) or size > LONGEST):
            yield from _joined(taken, page, language)
            taken, size = [], 0
        taken.append(line)
        size += length
    yield from _joined(taken, page, language)


def _joined(lines: Sequence[Mapping[str, Any]], page: int, language: str) -> Iterator[Passage]:
    text = rejoined("\n".join(line["text"] for line in lines))
    where: dict[str, Any] = {"kind": "ocr", "page": page}
    boxes = [line["box"] for line in lines if line.get("box")]
    if boxes:
        where["box"] = around(boxes)
    for piece in _pieces(text):
        yield Passage(text=piece, language=language, where=where)


def around(boxes: Iterable[Sequence[float]]) -> list[float]:
    """The smallest box around all of them: left, top, right, bottom."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return [min(left), min(top), max(right), max(bottom)]


# speech ---------------------------------------------------------------------------------------------------------------


def of_speech(document: Mapping[str, Any]) -> Iterator[Passage]:
    """The passages of a ``transcript`` sidecar: whole segments, of about 30 s together."""
    yield from _of_segments(document["segments"], document.get("language") or "", {})
    for track in document.get("tracks") or ():
        yield from _of_segments(track["segments"], track.get("language") or "", {"track": track["number"]})


def _of_segments(segments: Sequence[Mapping[str, Any]], language: str, more: Mapping[str, Any]) -> Iterator[Passage]:
    taken: list[Mapping[str, Any]] = []
    for segment in segments:
        other = taken and segment.get("language") != taken[0].get("language")
        if taken and (other or segment["end"] - taken[0]["start"] > SPEECH_S):
            yield _spoken(taken, language, more)
            taken = []
        taken.append(segment)
    if taken:
        yield _spoken(taken, language, more)


def _spoken(segments: Sequence[Mapping[str, Any]], language: str, more: Mapping[str, Any]) -> Passage:
    text, said = "", []
    for segment in segments:
        text += (" " if text else "") + segment["text"].strip()
        said.append([len(text), float(segment["start"]), float(segment["end"])])
    where = {"kind": "transcript", "seconds": [said[0][1], said[-1][2]], SAID: said, **more}
    return Passage(text=text, language=segments[0].get("language") or language, where=where)


# files ----------------------------------------------------------------------------------------------------------------


def of_chunks(chunks: Iterable[Mapping[str, Any]]) -> Iterator[Passage]:
    """The passages of a file's own text, from its ``embeddings`` sidecar; chunks of other sidecars are left out."""
    for chunk in chunks:
        if chunk["source"] == "file":
            yield Passage(text=rejoined(chunk["text"]), language="", where=where_of_chunk(chunk))


def where_of_chunk(chunk: Mapping[str, Any]) -> Where:
    """The place of a chunk, as ``search --json`` prints it."""
    kind = chunk["source"]
    where: dict[str, Any] = {"kind": kind}
    if kind == "ocr":
        where["page"] = chunk.get("number", 1)
    else:
        where |= {name: chunk[name] for name in ("part", "number", "name") if name in chunk}
    return where | {name: list(chunk[name]) for name in ("box", "seconds") if name in chunk}


def of_file(document: Mapping[str, Any]) -> Iterator[Passage]:
    """The passages of a ``text`` sidecar. None runs across parts, nor through the rows of a sheet."""
    for part in document["parts"]:
        where: dict[str, Any] = {"kind": "file"}
        if part["part"] != "body":
            where |= {name: part[name] for name in ("part", "number", "name") if name in part}
        if part.get("cells"):
            yield from _of_sheet(part["text"].split("\n"), part["cells"], where)
        else:
            for piece in _pieces(part["text"]):
                yield Passage(text=rejoined(piece), language="", where=where)


def _of_sheet(lines: Sequence[str], runs: Iterable[Sequence[int]], where: Where) -> Iterator[Passage]:
    places = {first + at: (row + at, column) for first, number, row, column in runs for at in range(number)}
    taken: list[tuple[str, tuple[int, int] | None]] = []
    size = 0
    for number, line in enumerate(lines):
        if taken and size + len(line) > LONGEST:
            yield from _rows(taken, where)
            taken, size = [], 0
        for at, piece in _cut_row(line):
            if at:
                yield from _rows(taken, where)
                taken, size = [], 0
            place = places.get(number)
            taken.append((piece, place and (place[0], place[1] + line.count("\t", 0, at))))
            size += len(piece) + 1
    yield from _rows(taken, where)


def _cut_row(line: str) -> Iterator[tuple[int, str]]:
    if len(line) <= LONGEST * 3 // 2:
        yield 0, line
        return
    for first, last in _spans(line):
        yield first, line[first:last]


def _rows(rows: Sequence[tuple[str, tuple[int, int] | None]], where: Where) -> Iterator[Passage]:
    text = "\n".join(line for line, _ in rows)
    if text.strip():
        cells = [[line, *place] for line, (_, place) in enumerate(rows) if place is not None]
        yield Passage(text=text, language="", where={**where, CELLS: cells})


def _cell(text: str, cells: Iterable[Sequence[int]], marks: Sequence[tuple[int, int]]) -> str | None:
    """The name of the cell with the first mark that is in one, as ``B7``; of the first cell where nothing is marked."""
    known = {line: (row, column) for line, row, column in cells}
    for start, _ in marks:
        line = text.count("\n", 0, start)
        if line in known:
            row, column = known[line]
            return f"{_column(column + _tabs(text, start))}{row + 1}"
    return None if marks else next((f"{_column(column)}{row + 1}" for row, column in known.values()), None)


def _tabs(text: str, end: int) -> int:
    """How many cells of its line are before a character."""
    return text.count("\t", text.rfind("\n", 0, end) + 1, end)


def _column(number: int) -> str:
    """The name of a column, from 0: A to Z, AA and so on."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces of at most about LONGEST characters, cut between sentences, or words, or anywhere."""
    if len(text) <= LONGEST * 3 // 2:
        if text.strip():
            yield text.strip()
        return
    start = end = 0
    for first, last in _spans(text):
        if end > start and last - start > LONGEST:
            if text[start:end].strip():
                yield text[start:end].strip()
            start = first
        end = last
    if text[start:end].strip():
        yield text[start:end].strip()


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for first, last in sentence_spans(text):
        while last - first > LONGEST:
            space = text.rfind(" ", first + LONGEST // 2, first + LONGEST)
            line = text.rfind("\n", first + LONGEST // 2, first + LONGEST)
            cut = max(space, line)
            cut = cut + 1 if cut > 0 else first + LONGEST
            yield first, cut
            first = cut
        yield first, last
