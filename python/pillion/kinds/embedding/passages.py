"""The text of a content to embed, as passages, and the place in a page or recording of each part of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.result import Box, OcrLine, OcrPage, OcrResult
from pillion.kinds.text.kind import TEXT
from pillion.kinds.text.result import from_json
from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.kinds.transcript.result import TranscriptResult, TranscriptSegment
from pillion.model import GenerationRequest
from pillion.readers.documents import table
from pillion.readers.documents.result import PART_SEPARATOR, DocumentPart, PartKind

Place = Mapping[str, Any]
"""The fields of a chunk that give its place: ``part``, ``number``, ``name``, ``box``, ``seconds``."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text that no chunk crosses: a page, a slide, a whole recording.

    ``source``: ``ocr``, ``transcript`` or ``file``; ``offset``: where it starts in the text of that source;
    ``place(start, end)``: the place of these characters of it.
    """

    source: str
    text: str
    offset: int
    place: Callable[[int, int], Place]


def passages(request: GenerationRequest) -> Iterator[Passage]:
    """The passages of the ready sidecars with text, else of the file itself if it contains text. Raises ItemError."""
    for kind in sorted(request.texts):
        data = _sidecar(request.texts[kind])
        if kind == TRANSCRIPT:
            yield _spoken(TranscriptResult.from_json(data))
        elif kind == TEXT:
            yield from _of_file(from_json(data).parts)
        else:
            yield from _joined(kind, ((page.text, _on_page(page)) for page in OcrResult.from_json(data).pages))
    if not request.texts and table.has_text(request.mime):
        # A drawing, which has no sidecar with its text.
        yield from _of_file(table.read(request.source, request.mime).parts)


def _of_file(parts: Iterable[DocumentPart]) -> Iterator[Passage]:
    return _joined("file", ((part.text, _in_part(part)) for part in parts))


def _sidecar(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the text sidecar is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the text sidecar cannot be read ({error.strerror})") from error


def _joined(source: str, parts: Iterable[tuple[str, Callable[[int, int], Place]]]) -> Iterator[Passage]:
    """Parts with their offsets in the whole text, which has separators between them."""
    offset = 0
    for text, place in parts:
        yield Passage(source, text, offset, place)
        offset += len(text) + len(PART_SEPARATOR)


# files ----------------------------------------------------------------------------------------------------------------


def _in_part(part: DocumentPart) -> Callable[[int, int], Place]:
    place: dict[str, Any] = {}
    if part.kind is not PartKind.BODY:
        place = {"part": part.kind, "number": part.number} | ({"name": part.name} if part.name else {})
    return lambda start, end: place


# pages ----------------------------------------------------------------------------------------------------------------


def _on_page(page: OcrPage) -> Callable[[int, int], Place]:
    lines = list(_spans(page.text, page.lines, lambda line: line.text))

    def place(start: int, end: int) -> Place:
        boxes = [box for line, at in lines for box in _boxes(line, start - at, end - at)]
        found: dict[str, Any] = {"part": PartKind.PAGE.value, "number": page.number}
        return found | ({"box": _around(boxes)} if boxes else {})

    return place


def _boxes(line: OcrLine, start: int, end: int) -> Iterator[Box]:
    """The boxes of a line's words between two offsets into the line; the line's box if no word is there."""
    if end <= 0 or start >= len(line.text):
        return
    within = [word.box for word, at in _spans(line.text, line.words, lambda word: word.text) if start <= at < end]
    if within:
        yield from within
    elif line.box is not None:
        yield line.box


def _around(boxes: list[Box]) -> list[float]:
    """The smallest box around all of them, to a tenth."""
    left, top, right, bottom = zip(*boxes, strict=True)
    sides = (round(float(side), 1) for side in (min(left), min(top), max(right), max(bottom)))
    return [int(side) if side.is_integer() else side for side in sides]


# recordings -----------------------------------------------------------------------------------------------------------


def _spoken(result: TranscriptResult) -> Passage:
    text = result.text
    segments = list(_spans(text, result.segments, lambda segment: segment.text))

    def place(start: int, end: int) -> Place:
        times = [time for segment, at in segments for time in _times(segment, start - at, end - at)]
        return {"seconds": [round(min(times), 2), round(max(times), 2)]} if times else {}

    return Passage("transcript", text, 0, place)


def _times(segment: TranscriptSegment, start: int, end: int) -> Iterator[float]:
    """The start and end times of a segment's words between two offsets into it."""
    if end <= 0 or start >= len(segment.text):
        return
    within = [word for word, at in _spans(segment.text, segment.words, lambda word: word.text) if start <= at < end]
    for timed in within or [segment]:
        yield timed.start
        yield timed.end


def _spans(text: str, parts: Iterable[Any], text_of: Callable[[Any], str]) -> Iterator[tuple[Any, int]]:
    """Each part with its offset in ``text``, in order; parts that are not in it are left out."""
    begin = 0
    for part in parts:
        wanted = text_of(part).strip()
        found = text.find(wanted, begin) if wanted else -1
        if found >= 0:
            yield part, found
            begin = found + len(wanted)
