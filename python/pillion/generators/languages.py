"""The table of languages for OCR: which are installed, where their data lies, and how to get the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pillion.models import tesseract
from pillion.models.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """One language. ``code``: Tesseract's; ``iso``: ISO 639-1, empty where there is none or it is not known.

    ``file``: its data, None where it is not installed; ``size`` in bytes. ``install``: the command that gets it.
    """

    code: str
    iso: str
    name: str
    file: Path | None
    size: int
    install: str


def languages() -> list[LanguageRow]:
    """Installed languages first, each part by code. Loads nothing."""
    files = tesseract.files()
    rows = [_row(code, files.get(code)) for code in sorted({*LANGUAGES, *files})]
    return sorted(rows, key=lambda row: row.file is None)


def searched() -> Sequence[Path]:
    """The folders in which data was looked for, best first, those that there are."""
    return tesseract.data_folders()


def _row(code: str, file: Path | None) -> LanguageRow:
    known = LANGUAGES.get(code)
    return LanguageRow(
        code=code,
        iso=known.iso if known else "",
        name=known.name if known else code,
        file=file,
        size=file.stat().st_size if file else 0,
        install=tesseract.install([code]),
    )
