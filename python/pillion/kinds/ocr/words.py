"""The words that Tesseract itself recognised, as tesserocr's iterator over them tells, those from right to left too."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pillion.kinds.ocr.result import Box, has_letters_to_left


@dataclass(frozen=True, slots=True)
class FoundWord:
    """A word on the page. ``confidence``: 0 to 100; ``box``, and that of its ``line``, in pixels.

    ``orientation``: tesserocr's, with the direction in which it is written.
    """

    text: str
    confidence: float
    box: Box
    line: Box
    starts_line: bool
    starts_paragraph: bool
    orientation: Sequence[Any]


def words_of(iterator: Any, module: Any, no_text: Sequence[Any]) -> Iterator[FoundWord]:
    """The words of a page in reading order.

    ``iterator``: tesserocr's over results; ``module``: tesserocr. ``no_text``: types of blocks that are left out.
    """
    word_level, line_level, paragraph_level = module.RIL.WORD, module.RIL.TEXTLINE, module.RIL.PARA
    more = True
    while more:
        if iterator.Empty(word_level) or iterator.BlockType() in no_text:
            more = bool(iterator.Next(word_level))
            continue
        line = iterator.BoundingBox(line_level)
        starts_line, starts_paragraph = (
            bool(iterator.IsAtBeginningOf(level)) for level in (line_level, paragraph_level)
        )
        orientation = iterator.Orientation()
        text, box = iterator.GetUTF8Text(word_level).strip(), iterator.BoundingBox(word_level)
        sure = float(iterator.Confidence(word_level))
        if has_letters_to_left(text):
            text, sure, more = _from_its_symbols(iterator, module, sure)
        else:
            more = bool(iterator.Next(word_level))
        yield FoundWord(text, sure, box, line, starts_line, starts_paragraph, orientation)


_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def _from_its_symbols(iterator: Any, module: Any, sure: float) -> tuple[str, float, bool]:
    """A word from right to left as it is read, its confidence, and whether there is another: the iterator is at it.

    tesserocr gives the letters of such a word as they stand, the last one first, but goes over them as they are read.
    With vowel marks a word is in no dictionary, which lowers its confidence to that of nonsense (12 of 100 where no
    letter has less than 87): then the least sure of its letters tells.
    """
    word_level, symbol_level = module.RIL.WORD, module.RIL.SYMBOL
    symbols = [(iterator.GetUTF8Text(symbol_level), float(iterator.Confidence(symbol_level)))]
    more = False
    while iterator.Next(symbol_level):
        if iterator.IsAtBeginningOf(word_level):
            more = True
            break
        symbols.append((iterator.GetUTF8Text(symbol_level), float(iterator.Confidence(symbol_level))))
    text = "".join(symbol.translate(_MIRRORED) for symbol, _ in symbols).strip()
    is_pointed = any(unicodedata.combining(character) for character in text)
    return text, max(sure, min(one for _, one in symbols)) if is_pointed else sure, more
