"""Tesseract as a program, through pytesseract: for machines that have only the binary. The only importer of it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import tessdata as tesseract
from pillion.kinds.ocr.layout import Box, Layout, Look, Seen, SeenLine, SeenWord

NAME = "tesseract"
_PAGE_SECONDS = 120
_WORD_LEVEL = 5
_MODES = {Layout.PAGE: 3, Layout.COLUMN: 4, Layout.BLOCK: 6}


def missing() -> str | None:
    """One sentence that says what lacks and how to get it; None when all is there. Starts nothing."""
    if importlib.util.find_spec("pytesseract") is None:
        return "the Python package pytesseract is not installed: run pip install pytesseract"
    if shutil.which("tesseract") is None:
        return "Tesseract is not installed: run pip install tesserocr"
    return None


def version() -> str:
    """Tesseract's version, such as ``5.5.4``."""
    import pytesseract

    return str(pytesseract.get_tesseract_version())


def reader(languages: Sequence[str], tessdata: str | None, which: int = 0) -> Reader:
    """Raises ItemError (missing_tool) when a language's data is not installed."""
    return Reader("+".join(languages), str(tesseract.found(languages, tessdata)))


@dataclass(frozen=True, slots=True)
class Reader:
    """Runs the program once per page."""

    languages: str
    tessdata: str

    def look(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Look | None:
        """The program cannot tell the layout without reading."""
        return None

    def read(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Seen:
        """Words, lines and paragraphs. The program does not say how the text was turned."""
        from PIL import Image

        pytesseract = _on_one_core()
        try:
            table = pytesseract.image_to_data(
                Image.fromarray(gray),
                lang=self.languages,
                config=f"--tessdata-dir '{self.tessdata}' --oem 1 --psm {_MODES[layout]}",
                output_type=pytesseract.Output.DICT,
                timeout=_PAGE_SECONDS,
            )
        except pytesseract.TesseractNotFoundError as error:
            raise ItemError(ErrorClass.MISSING_TOOL, missing() or "the tesseract program cannot be run") from error
        except pytesseract.TesseractError as error:
            raise ItemError(ErrorClass.CORRUPT, f"tesseract ended with status {error.status}") from error
        except FileNotFoundError as error:
            raise ItemError(ErrorClass.CRASH, "tesseract ended well and wrote nothing") from error
        except (RuntimeError, subprocess.TimeoutExpired) as error:  # pytesseract raises RuntimeError on its time limit
            raise ItemError(ErrorClass.TIMEOUT, f"tesseract took longer than {_PAGE_SECONDS} s for a page") from error
        return Seen(tuple(_lines(table)))


def _on_one_core() -> Any:
    """The module, set to start the program with one thread: the worker processes share the cores already.

    Its own copy of the environment is changed, not this process's: other engines would take the limit for theirs.
    """
    import pytesseract

    pytesseract.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    return pytesseract


def _lines(table: dict[str, list[Any]]) -> list[SeenLine]:
    """The program's table of words, grouped by block, paragraph and line."""
    grouped: dict[tuple[int, int, int], list[SeenWord]] = {}
    for row, text in enumerate(table["text"]):
        if table["level"][row] == _WORD_LEVEL and text.strip():
            key = (table["block_num"][row], table["par_num"][row], table["line_num"][row])
            left, top = table["left"][row], table["top"][row]
            box = (left, top, left + table["width"][row], top + table["height"][row])
            grouped.setdefault(key, []).append(SeenWord(text.strip(), float(table["conf"][row]), box))
    lines: list[SeenLine] = []
    last: tuple[int, int] | None = None
    for key, words in grouped.items():
        lines.append(SeenLine(tuple(words), around([word.box for word in words]), key[:2] != last))
        last = key[:2]
    return lines


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all ``boxes``."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
