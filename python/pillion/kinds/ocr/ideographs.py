"""Chinese and Japanese print: its lines, where Tesseract's layout finds them, read by PP-OCR's recogniser.

Tesseract's models for these scripts are worse and slower than that network, and they are wrong without being unsure
(docs/performance-ocr.md). The script is told by the print itself: a few lines of what makes little sense in the first
language are read by the network, and most of their letters are Chinese or Japanese or not. Where lines run down, and
in Korean, which the network does not know, Tesseract reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pillion.kinds.ocr.layout import Gray, Piece
from pillion.kinds.ocr.ppocr import LineReader, Region, RegionText, Word
from pillion.kinds.ocr.result import is_unspaced
from pillion.kinds.ocr.tesseract import RecognisedLine, RecognisedText, RecognisedWord

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_SAMPLE = 3
"""So many lines, the longest ones, tell the script."""
_SURE = 0.8
"""How sure the network is of them at least, 0 to 1: of print in scripts that it does not know it is not."""
_SQUARES = 0.2
"""The share of letters that are Chinese or Japanese from which print is: technical texts name things in Latin ones."""
_KANA = 0.1
"""The share of those from which it is Japanese; of most Japanese print a half are Kana."""
_CELL = 2.5
"""A gap so many heights wide parts cells of a row; in a narrower one stand marks that are small in their squares."""
_MARGIN = 0.08
"""Read with the ink of a line on each side of it, of its height."""


class Ideographs:
    """Reads Chinese and Japanese lines, for several threads at once. ``load``: gives what reads lines, when needed."""

    def __init__(self, load: Callable[[], LineReader]) -> None:
        self._load = load
        self._loading = threading.Lock()
        self._reader: LineReader | None = None

    def languages(self, gray: Gray, pieces: Sequence[Piece], among: Sequence[str]) -> tuple[str, ...]:
        """In which language the print of these pieces is; none where it is in another script.

        Chinese and Japanese are told from each other by Kana. ``among``: the languages that are installed, which say
        what Chinese is called.
        """
        runs = sorted(_runs(pieces), key=lambda run: run[0] - run[2])[:_SAMPLE]
        texts = self._read(gray, runs)
        letters = "".join(text.text for text in texts)
        squares = sum(map(is_unspaced, letters))
        if (
            not squares
            or squares < _SQUARES * sum(map(str.isalpha, letters))
            or min(text.confidence for text in texts) < _SURE
        ):
            return ()
        is_japanese = sum("\u3040" <= letter <= "\u30ff" for letter in letters) >= _KANA * squares
        if is_japanese:
            return ("jpn",)
        return ("chi_tra",) if "chi_tra" in among and "chi_sim" not in among else ("chi_sim",)

    def read(self, gray: Gray, pieces: Sequence[Piece]) -> RecognisedText:
        """The pieces of a picture that was laid out, as lines."""
        by_line = [[*_runs(line)] for line in _lines(pieces)]
        texts = iter(self._read(gray, [run for runs in by_line for run in runs]))
        lines = []
        for line, runs in zip(_lines(pieces), by_line, strict=True):
            words = [word for run in runs for word in _words(run, next(texts).words)]
            if words:
                lines.append(RecognisedLine(tuple(words), line[0].line, line[0].starts_paragraph))
        return RecognisedText(tuple(lines))

    def _read(self, gray: Gray, runs: Sequence[_Run]) -> list[RegionText]:
        picture = np.repeat(gray[:, :, None], 3, axis=2)
        with self._loading:
            reader = self._reader = self._reader or self._load()
        return reader(picture, [_region(run) for run in runs])


_Run = tuple[float, float, float, float]
"""Around pieces of a line that are read together: left, top, right, bottom."""


def _lines(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    line: list[Piece] = []
    for piece in pieces:
        if piece.starts_line and line:
            yield line
            line = []
        line.append(piece)
    if line:
        yield line


def _runs(pieces: Sequence[Piece]) -> Iterator[_Run]:
    """Pieces that no gap between cells parts."""
    for line in _lines(pieces):
        high = max(piece.area[3] - piece.area[1] for piece in line)
        run: list[Piece] = []
        for piece in sorted(line, key=lambda piece: piece.area[0]):
            if run and piece.area[0] - max(before.area[2] for before in run) > _CELL * high:
                yield _around(run)
                run = []
            run.append(piece)
        yield _around(run)


def _around(run: Sequence[Piece]) -> _Run:
    lefts, tops, rights, bottoms = zip(*(piece.area for piece in run), strict=True)
    margin = _MARGIN * (max(bottoms) - min(tops))
    return min(lefts) - margin, min(tops) - margin, max(rights) + margin, max(bottoms) + margin


def _region(run: _Run) -> Region:
    left, top, right, bottom = run
    return Region(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 1.0)


def _words(run: _Run, words: Sequence[Word]) -> Iterator[RecognisedWord]:
    left, top, right, bottom = run
    for word in words:
        box = left + word.start * (right - left), top, left + word.end * (right - left), bottom
        yield RecognisedWord(word.text, 100 * word.confidence, box)
