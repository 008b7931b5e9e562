"""What another engine read in the regions that PP-OCR found: which are not read again, and where words end.

Tesseract is seldom wrong where it is sure, and a receipt's time is the length that PP-OCR reads. PP-OCR in turn runs
words together more often: where both read the same letters, the spaces are Tesseract's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.ppocr import Region, RegionText, Word
from pillion.kinds.ocr.result import OcrWord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

_SURE = 0.95
_SURE_LETTERS = 0.90
_SURE_NUMBER = 0.93
_FEW_LETTERS = 3
"""Confidence from which words are not read again: any, those of so many letters or more and nothing else, and numbers.
From there on they are right as often as what is read again. Measured: docs/performance.md."""
_IN_NUMBERS = frozenset("0123456789.,:/-$")
_FILLED = 0.6
_EDGE = 0.5
"""A region is filled by words over this share of its length, but for the margin at its ends, in its heights."""
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


def sure_text(region: Region, words: Sequence[Word]) -> RegionText | None:
    """The text that the known words in a region make; None where they do not fill it or are not sure."""
    if not words or not all(map(_is_sure, words)):
        return None
    across, down = region.sides
    if words[-1].end - words[0].start < min(_FILLED, 1.0 - _EDGE * max(1.0, down) / max(1.0, across)):
        return None
    letters = sum(len(word.text) for word in words)
    sure = sum(word.confidence * len(word.text) for word in words) / max(1, letters)
    return RegionText(region.corners, region.score, sure, tuple(words))


def _is_sure(word: Word) -> bool:
    if len(word.text) >= _FEW_LETTERS and word.text.isalpha():
        return word.confidence >= _SURE_LETTERS
    return word.confidence >= (_SURE_NUMBER if _IN_NUMBERS.issuperset(word.text) else _SURE)


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
