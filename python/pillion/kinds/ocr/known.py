"""What Tesseract's models read in the regions that PP-OCR found: which are not read again, and where words end.

They are seldom wrong where they are sure, and in the core they take a tenth of PP-OCR's time, which is that of the
length it reads. So the core reads each region of a slip first; of a page that was laid out, its words are known. What
it is not sure of PP-OCR's quick recogniser reads, and only where these differ its recogniser. PP-OCR
in turn runs words together more often: where both read the same letters, the spaces are Tesseract's.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pillion.kinds.ocr.layout import Gray, Piece, median_gray, percentile_gray
from pillion.kinds.ocr.ppocr import Region, RegionText, Word, levelled
from pillion.kinds.ocr.result import OcrWord
from pillion.kinds.ocr.tesseract import MAX_THREADS, RecognisedLine, RecognisedText, RecognisedWord
from pillion.machine import spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np


class LineReader(Protocol):
    """The core with the models of a language."""

    def __call__(self, gray: Gray, pieces: Sequence[Piece]) -> RecognisedText | None:
        """See :meth:`pillion.kinds.ocr.tesseract.Recognisers.read`."""
        ...


# reading --------------------------------------------------------------------------------------------------------------

_HEIGHT = 48
"""Of a region as it is read, in pixels."""
_CUT = 5
"""So many of them above and below are its margin."""
_GAP = 12
"""Pixels between the regions, of their own ground: the core takes some around a line with it."""
_ENDS = 0.22
"""The share of a region's height, above and below, in which ink may be that of another line."""
_LEAST_INK = 2
"""Pixels of a column at which a line begins or ends."""
_PORTION = 32
_HALVED = 16
"""Regions that one thread reads together, about; and how many more are read in halves, on two."""


def known_in(gray: Gray, regions: Sequence[Region], read: LineReader) -> list[tuple[Word, ...]]:
    """For each region of a gray picture, dark on light, the words that the core reads in it; none where it cannot."""
    count = 2 * math.ceil(len(regions) / (2 * _PORTION)) if len(regions) > _HALVED else min(1, len(regions))
    portions = [[regions[number] for number in some] for some in _portions(regions, count)]
    tasks = [partial(_words, gray, some, read) for some in portions]
    return list(itertools.chain.from_iterable(spread(tasks, MAX_THREADS)))


def _portions(regions: Sequence[Region], count: int) -> Iterator[list[int]]:
    """The numbers of the regions in so many portions that take about as long to read."""
    lengths = [length / max(1.0, height) for length, height in (region.sides for region in regions)]
    until = itertools.accumulate(lengths)
    shares = [
        min(count - 1, int(count * (end - length / 2) / sum(lengths)))
        for end, length in zip(until, lengths, strict=True)
    ]
    for _, some in itertools.groupby(range(len(regions)), key=shares.__getitem__):
        yield list(some)


def _words(gray: Gray, regions: Sequence[Region], read: LineReader) -> list[tuple[Word, ...]]:
    """The words of each region, of which all are read from one picture, below each other."""
    lines = [levelled(gray, region, _HEIGHT) for region in regions]
    high = _HEIGHT + 2 * _GAP
    picture = np.empty((high * len(lines), max(line.shape[1] for line in lines) + 2 * _GAP), np.uint8)
    pieces = []
    for number, line in enumerate(lines):
        top = number * high
        ground = median_gray(line)
        picture[top : top + high] = int(ground)
        picture[top + _GAP : top + high - _GAP, _GAP : _GAP + line.shape[1]] = line
        left, right = _ends(line, ground)
        rows = top + _GAP + _CUT, top + high - _GAP - _CUT
        area = _GAP + left, rows[0], _GAP + right, rows[1]
        pieces.append(Piece(area, rows, area, starts_line=True, starts_paragraph=False))
    found: list[tuple[Word, ...]] = [()] * len(lines)
    said = read(picture, pieces)
    for one in said.lines if said is not None else ():
        number = int(one.box[1]) // high
        found[number] = tuple(_word(word, lines[number].shape[1]) for word in one.words)
    return found


def _word(word: RecognisedWord, width: int) -> Word:
    left, _, right, _ = word.box
    start, end = max(0.0, (left - _GAP) / width), min(1.0, (right - _GAP) / width)
    return Word(word.text, word.confidence / 100, start, end)


def _ends(line: Gray, ground: float) -> tuple[int, int]:
    """From where to where there is ink in a line: its models were made for lines that begin and end with a letter."""
    edge = round(_ENDS * line.shape[0])
    dark = percentile_gray(line, 2)
    ink = line[edge : line.shape[0] - edge] < ground - max(8.0, (ground - dark) / 2)
    columns = np.flatnonzero(ink.sum(axis=0) >= _LEAST_INK)
    if not len(columns):
        return 0, line.shape[1]
    return max(0, int(columns[0]) - 1), min(line.shape[1], int(columns[-1]) + 2)


# words of a page ------------------------------------------------------------------------------------------------------

_LEVEL = 0.35
"""How far from the middle of a region's height the middle of a word of it is, at most."""


def words_in(regions: Sequence[Region], known: Sequence[OcrWord]) -> list[tuple[Word, ...]]:
    """For each region the known words that stand in it, in their order along it."""
    if not known:
        return [()] * len(regions)
    boxes = np.array([word.box for word in known], np.float64).reshape(-1, 2, 2)
    middles, halves = boxes.mean(axis=1), np.diff(boxes, axis=1)[:, 0] / 2
    return [_words_in(region, known, middles, halves) for region in regions]


def _words_in(
    region: Region, known: Sequence[OcrWord], middles: NDArray[np.float64], halves: NDArray[np.float64]
) -> tuple[Word, ...]:
    corner = region.corners[0]
    along, down = region.corners[1] - corner, region.corners[3] - corner
    length, height = max(1.0, float(np.linalg.norm(along))), max(1.0, float(np.linalg.norm(down)))
    at, level = (middles - corner) @ along / length**2, (middles - corner) @ down / height**2
    half = np.abs(halves @ along) / length**2
    inside = np.flatnonzero((at > 0) & (at < 1) & (np.abs(level - 0.5) < _LEVEL))
    order: list[int] = inside[np.argsort(at[inside])].tolist()
    spans = [(max(0.0, float(at[n] - half[n])), min(1.0, float(at[n] + half[n]))) for n in order]
    return tuple(
        Word(known[n].text, (known[n].confidence or 0.0) / 100, start, end)
        for n, (start, end) in zip(order, spans, strict=True)
    )


# what is sure ---------------------------------------------------------------------------------------------------------

_SURE = 0.95
_SURE_LETTERS = 0.92
_FEW_LETTERS = 4
"""Confidence from which words are not read again: any, and those of so many letters or more and nothing else. From
there on they are right as often as what is read again. Measured: docs/performance-ocr.md."""
_FILLED = 0.6
_EDGE = 0.5
"""A region is filled by words over this share of its length, but for the margin at its ends, in its heights."""


def sure_text(region: Region, words: Sequence[Word]) -> RegionText | None:
    """The text that the known words in a region make; None where they do not fill it or are not sure."""
    if not words or not all(map(_is_sure, words)):
        return None
    across, down = region.sides
    if words[-1].end - words[0].start < min(_FILLED, 1.0 - _EDGE * max(1.0, down) / max(1.0, across)):
        return None
    return RegionText(region.corners, region.score, as_text([words]).confidence / 100, tuple(words))


def _is_sure(word: Word) -> bool:
    """Points of faint numbers are read as commas, surely so."""
    if len(word.text) >= _FEW_LETTERS and word.text.isalpha():
        return word.confidence >= _SURE_LETTERS
    _, comma, cents = word.text.rstrip(".,:;").rpartition(",")
    if comma and len(cents) == 2 and cents.isdecimal():
        return False
    return word.confidence >= _SURE


_AGREED = 0.97
_QUICK = 0.97
_PLAIN = 3
"""How sure a word is at least that was read alike by two; and from which confidence a quick reading of a word of so
many letters or more, and nothing else, is believed by itself. Measured: docs/performance-ocr.md."""


def confirmed(text: RegionText, known: Sequence[Word]) -> RegionText | None:
    """A quick reading of a region where what is known of it confirms it, as sure as that; None where it is to be read
    again.
    """
    alike = _alike(text.words, known)
    if not alike or not all(same or _is_plain(word) for word, same in zip(text.words, alike, strict=True)):
        return None
    words = [
        replace(word, confidence=max(word.confidence, _AGREED)) if same else word
        for word, same in zip(text.words, alike, strict=True)
    ]
    return respaced(replace(text, confidence=as_text([words]).confidence / 100, words=tuple(words)), known)


def _is_plain(word: Word) -> bool:
    return len(word.text) >= _PLAIN and word.text.isalpha() and word.confidence >= _QUICK


def _alike(words: Sequence[Word], known: Sequence[Word]) -> list[bool]:
    """Whether each word has the letters that are known at its place; spaces do not count."""
    ours, theirs = ("".join(word.text for word in some) for some in (words, known))
    differs = np.zeros(len(ours) + 1, bool)
    between = np.zeros(len(ours) + 1, bool)
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        differs[start:end] |= kind != "equal"
        between[start] |= kind == "insert"
    ends = list(itertools.accumulate((len(word.text) for word in words), initial=0))
    return [
        not differs[start:end].any() and not between[start : end + 1].any() for start, end in itertools.pairwise(ends)
    ]


def as_text(known: Sequence[Sequence[Word]]) -> RecognisedText:
    """The words of all regions, for what tells their language and how sure they are; their boxes are empty."""
    nowhere = (0.0, 0.0, 0.0, 0.0)
    lines = [[RecognisedWord(word.text, 100 * word.confidence, nowhere) for word in words] for words in known]
    return RecognisedText(tuple(RecognisedLine(tuple(words), nowhere, False) for words in lines if words))


# spaces ---------------------------------------------------------------------------------------------------------------


def respaced(text: RegionText, known: Sequence[Word]) -> RegionText:
    """The text, its words parted where known ones of the same letters are."""
    return replace(text, words=tuple(part for word in text.words for part in _parted(word, known)))


def _parted(word: Word, known: Sequence[Word]) -> Iterator[Word]:
    at = 0
    for part in _of_the_same_letters(word.text, known) or (word,):
        yield replace(part, text=word.text[at : at + len(part.text)], confidence=word.confidence)
        at += len(part.text)


def _of_the_same_letters(text: str, known: Sequence[Word]) -> Sequence[Word]:
    """Two or more known words beside each other that are the text if nothing stands between them; else none."""
    whole = text.casefold()
    for first in range(len(known) - 1):
        letters = ""
        for last in range(first, len(known)):
            letters += known[last].text.casefold()
            together = known[first : last + 1]
            if letters == whole and len(together) > 1 and sum(len(word.text) for word in together) == len(text):
                return together
            if not whole.startswith(letters):
                break
    return ()
