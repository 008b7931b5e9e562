"""Tesseract as a program, started through pytesseract once for each picture. The only importer of pytesseract."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MODES = {Layout.PAGE: 3, Layout.COLUMN: 4, Layout.BLOCK: 6}


def problem() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is."""
    if shutil.which("tesseract") is None:
        return f"Tesseract is not installed: run {extras.command('ocr')}"
    return extras.missing("ocr", "pictures of text", "pytesseract", "numpy", "py3langid")


def version() -> str:
    """The program's version, such as ``5.5.4``."""
    import pytesseract

    return str(pytesseract.get_tesseract_version())


def table_of_words(
    gray: NDArray[np.uint8], languages: str, folder: str, layout: Layout, seconds: float
) -> dict[str, list[Any]]:
    """The program's TSV table of the words of a picture, column -> values. Raises ItemError.

    ``languages``: joined by ``+``, their data in ``folder``. ``seconds``: its time limit.
    """
    from PIL import Image

    pytesseract = _pytesseract()
    try:
        table: dict[str, list[Any]] = pytesseract.image_to_data(
            Image.fromarray(gray),
            lang=languages,
            config=f"--tessdata-dir '{folder}' --oem 1 --psm {_MODES[layout]}",
            output_type=pytesseract.Output.DICT,
            timeout=seconds,
        )
    except pytesseract.TesseractNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_TOOL, problem() or "the tesseract program cannot be run") from error
    except pytesseract.TesseractError as error:
        raise ItemError(ErrorClass.CORRUPT, f"tesseract ended with status {error.status}") from error
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.CRASH, "tesseract ended well and wrote nothing") from error
    except (RuntimeError, subprocess.TimeoutExpired) as error:  # pytesseract raises RuntimeError on its time limit
        raise ItemError(ErrorClass.TIMEOUT, f"tesseract took longer than {seconds:.0f} s for a page") from error
    return table


def _pytesseract() -> Any:
    """The module, set to start the program with one thread: the worker processes share the cores already.

    Its own copy of the environment is changed, not this process's: other engines would obey the limit too.
    """
    import pytesseract

    pytesseract.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    return pytesseract
