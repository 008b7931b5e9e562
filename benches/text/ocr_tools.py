"""The OCR tools of the comparisons: each turns one picture file into text.

pytesseract and tesserocr are called as in their documentation, with the page's language. OCRmyPDF runs as a program in
its own environment, with rotation and deskewing on, because it is known for them. All use the same data
(benches/text/tesseract.py).
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benches.peers import environments
from benches.peers.environments import SetupError
from benches.text import tesseract

Tool = Callable[[Path, str], str]
"""(picture, language) -> text."""

OCRMYPDF = "ocrmypdf==17.13.0"


def pillion(path: Path, language: str) -> str:
    """Told the language, as the others are."""
    import pillion

    return pillion.ocr(path, languages=[language]).text


def pillion_auto(path: Path, _language: str) -> str:
    """Left to find the language."""
    import pillion

    return pillion.ocr(path).text


def pytesseract(path: Path, language: str) -> str:
    """One start of the program for each page."""
    import pytesseract
    from PIL import Image

    with Image.open(path) as picture:
        return str(pytesseract.image_to_string(picture, lang=language))


class Tesserocr:
    """The model stays loaded between pages, one for each language."""

    def __init__(self, tessdata: Path) -> None:
        self._tessdata = str(tessdata)
        self._apis: dict[str, Any] = {}

    def __call__(self, path: Path, language: str) -> str:
        import tesserocr
        from PIL import Image

        if language not in self._apis:
            self._apis[language] = tesserocr.PyTessBaseAPI(path=self._tessdata, lang=language)
        api = self._apis[language]
        with Image.open(path) as picture:
            api.SetImage(picture)
        return str(api.GetUTF8Text())


class OcrMyPdf:
    """The program; its answer is the text file that it writes beside the PDF."""

    def __init__(self, cache: Path, scratch: Path) -> None:
        python = environments.ensure(cache / "ocrmypdf", [OCRMYPDF])
        self.program = python.with_name("ocrmypdf")
        self._scratch = scratch

    def __call__(self, path: Path, language: str) -> str:
        text, pdf = self._scratch / "page.txt", self._scratch / "page.pdf"
        text.unlink(missing_ok=True)
        command = [
            str(self.program),
            *("-l", language, "--rotate-pages", "--deskew", "--output-type", "pdf", "--sidecar", str(text)),
            *("--image-dpi", "300", "--jobs", str(len(os.sched_getaffinity(0))), "--quiet", str(path), str(pdf)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not text.is_file():
            raise SetupError(
                f"ocrmypdf ended with status {done.returncode} at {path.name}: {done.stderr.strip()[-300:]}"
            )
        return text.read_text()


def rapidocr(path: Path, _language: str) -> str:
    """PP-OCR by rapidocr with its own models, as its documentation calls it."""
    found = _rapidocr()(str(path))
    return "\n".join(found.txts or ())


@functools.cache
def _rapidocr() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR()


def prepared(cache: Path, scratch: Path, names: list[str]) -> dict[str, Tool]:
    """The tools of these names, ready. Raises SetupError."""
    tessdata = tesseract.prepare(cache)
    makers: dict[str, Callable[[], Tool]] = {
        "pillion": lambda: pillion,
        "pillion auto": lambda: pillion_auto,
        "pytesseract": lambda: pytesseract,
        "tesserocr": lambda: Tesserocr(tessdata),
        "rapidocr": lambda: rapidocr,
        "ocrmypdf": lambda: OcrMyPdf(cache, scratch),
    }
    return {name: makers[name]() for name in names}
