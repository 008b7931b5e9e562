"""The language data and networks of OCR as ``pillion models`` lists them."""

from __future__ import annotations

from pillion.kinds.ocr import ppocr_models as photographs
from pillion.kinds.ocr import tessdata as tesseract
from pillion.kinds.ocr.kind import OCR
from pillion.weights.cache import sha256_of
from pillion.weights.rows import ModelRow


def rows() -> list[ModelRow]:
    """The languages that are installed or that pip installs, and the networks for photographs. Loads nothing."""
    languages = sorted({*tesseract.installed(), *tesseract.PACKAGES})
    return [*map(_language_row, languages), *map(_photograph_row, photographs.SHA256)]


def _language_row(language: str) -> ModelRow:
    file = tesseract.data_file(language)
    return ModelRow(
        name=f"tessdata-{language}",
        kind=OCR,
        installed=file is not None,
        place="folder" if file else "",
        path=str(file) if file else None,
        bytes=file.stat().st_size if file else None,
        sha256=sha256_of(file) if file else None,
        looked_in=tuple(f"folder: {folder}" for folder in tesseract.data_folders()),
        online=tesseract.install([language]),
        offline=f"copy {language}.traineddata to $PILLION_MODELS/tessdata/",
    )


def _photograph_row(name: str) -> ModelRow:
    file = next((file for file in photographs.files() if file.name == name and file.is_file()), None)
    return ModelRow(
        name=name.removesuffix(".onnx"),
        kind=OCR,
        installed=file is not None,
        place="package" if file else "",
        path=str(file) if file else None,
        bytes=file.stat().st_size if file else None,
        sha256=sha256_of(file) if file else None,
        looked_in=(f"package: rapidocr ({'installed' if photographs.files() else 'not installed'})",),
        online=photographs.INSTALL,
        offline="pip download rapidocr elsewhere, then pip install --no-index --find-links FOLDER rapidocr",
    )
