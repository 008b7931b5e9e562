"""Tesseract's language data: which is installed, where it lies, and how to get more."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pillion.kinds.ocr.language_table import AUTO, LANGUAGES
from pillion.weights.cache import filled_folder, sha256_of
from pillion.weights.known import missing

_SHA256 = {
    "eng": "7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2",
    "deu": "19d219bbb6672c869d20a9636c6816a81eb9a71796cb93ebe0cb1530e2cdb22d",
}
"""Of the ``tessdata-fast-*`` packages: stands for a language that is not installed yet, in recipes only."""

PACKAGES = ("eng", "deu", "jpn")


def data_folders(explicit: str | None = None) -> list[Path]:
    """The folders that may hold ``*.traineddata``, best first, existing ones only."""
    named = [explicit, os.environ.get("PILLION_MODELS") and f"{os.environ['PILLION_MODELS']}/tessdata"]
    named.append(os.environ.get("TESSDATA_PREFIX"))
    found = [Path(name).expanduser() for name in named if name]
    # TESSDATA_PREFIX has meant the folder above in older versions of Tesseract.
    found += [folder / "tessdata" for folder in found]
    found += [Path(prefix) / "share" / "tessdata" for prefix in dict.fromkeys((sys.prefix, sys.base_prefix))]
    found += sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"), reverse=True)
    found += [Path("/usr/share/tessdata"), Path("/usr/local/share/tessdata"), Path("/opt/homebrew/share/tessdata")]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def found(languages: Sequence[str], explicit: str | None = None) -> Path:
    """A folder that holds the data of all ``languages``. Raises ItemError (missing_tool) naming what lacks.

    Tesseract opens one folder only, so languages spread over several are gathered by links in the cache folder.
    """
    folders = data_folders(explicit)
    for folder in folders:
        if all((folder / f"{language}.traineddata").is_file() for language in languages):
            return folder
    files = {language: _file_in(language, folders) for language in languages}
    lacking = [language for language, file in files.items() if file is None]
    if lacking:
        raise missing(f"Tesseract has no data for {', '.join(lacking)}: run {install(lacking)}")
    return _gathered({language: file for language, file in files.items() if file is not None})


def identity(languages: Sequence[str], explicit: str | None = None) -> str:
    """``eng@sha256:...+deu@sha256:...`` for recipes; with ``auto`` the named ones first, then all others installed."""
    folders = data_folders(explicit)
    if AUTO in languages:
        named = [language for language in languages if language != AUTO]
        languages = [*named, *(code for code in installed(explicit) if code not in named)] or ["eng"]
    return "+".join(f"{language}@sha256:{_sha256(language, folders)}" for language in languages)


def data_file(language: str, explicit: str | None = None) -> Path | None:
    """The file with the data of a language; None when there is none."""
    return _file_in(language, data_folders(explicit))


def installed(explicit: str | None = None) -> list[str]:
    """The languages whose data is installed, sorted."""
    return sorted(files(explicit))


def files(explicit: str | None = None) -> dict[str, Path]:
    """Language -> the file of its data, for those that are installed: of several that in the best folder."""
    files: dict[str, Path] = {}
    for folder in data_folders(explicit):
        for file in folder.glob("*.traineddata"):
            files.setdefault(file.stem, file)
    return {code: file for code, file in files.items() if code not in ("osd", "equ")}


def _file_in(language: str, folders: Sequence[Path]) -> Path | None:
    paths = (folder / f"{language}.traineddata" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _sha256(language: str, folders: Sequence[Path]) -> str:
    file = _file_in(language, folders)
    return sha256_of(file) if file else _SHA256.get(language, "missing")


def _gathered(files: dict[str, Path]) -> Path:
    def link(folder: Path) -> None:
        for language, file in files.items():
            (folder / f"{language}.traineddata").symlink_to(file.resolve())

    name = "-".join(f"{language}.{sha256_of(file)[:8]}" for language, file in sorted(files.items()))
    return filled_folder(f"tessdata-{name}", link)


def install(languages: Sequence[str]) -> str:
    """The command that gets the data of these languages."""
    if all(language in PACKAGES for language in languages):
        return "pip install " + " ".join(f"tessdata.fast-{language}" for language in languages)
    return "apt-get install " + " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in languages)


# the table of languages -----------------------------------------------------------------------------------------------


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
    found = files()
    rows = [_row(code, found.get(code)) for code in sorted({*LANGUAGES, *found})]
    return sorted(rows, key=lambda row: row.file is None)


def searched() -> Sequence[Path]:
    """The folders in which data was looked for, best first, those that there are."""
    return data_folders()


def _row(code: str, file: Path | None) -> LanguageRow:
    known = LANGUAGES.get(code)
    return LanguageRow(
        code=code,
        iso=known.iso if known else "",
        name=known.name if known else code,
        file=file,
        size=file.stat().st_size if file else 0,
        install=install([code]),
    )
