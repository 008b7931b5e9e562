"""The table of document formats: which engine reads files of which type. Importing this loads no library."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import (
    captions,
    compound,
    epub,
    mail,
    notebooks,
    opendocument,
    plain,
    records,
    richtext,
    sheets,
    slides,
    web,
    word,
    xmltext,
)
from pillion.readers.documents.base import DocumentEngine
from pillion.readers.documents.result import DocumentText

PROTECTED = compound.PROTECTED

ENGINES = cast(
    "tuple[DocumentEngine, ...]",
    (
        *(plain, web, xmltext, mail, records, notebooks, captions, word, slides, sheets, opendocument, epub, richtext),
        compound,
    ),
)
_BY_MIME = {mime: engine for engine in ENGINES for mime in engine.MIMES}

_READINGS = {engine.NAME: 2 for engine in (compound, mail, word, slides, sheets, opendocument)}


def reading(mime: str) -> int | None:
    """Which way of reading files of this type it is, where that has changed; in recipes, so that only they are due."""
    engine = engine_of(mime)
    return None if engine is None else _READINGS.get(engine.NAME)


def engine_of(mime: str) -> DocumentEngine | None:
    """The engine that reads files of this type; None when there is none."""
    found = _BY_MIME.get(mime)
    return found or (ENGINES[0] if plain.accepts(mime) else None)


def has_text(mime: str) -> bool:
    """Whether files of this type contain text, including encrypted ones."""
    return engine_of(mime) is not None


def read(path: Path, mime: str) -> DocumentText:
    """The text of a file. Raises ItemError; unsupported for a type that no engine reads."""
    engine = engine_of(mime)
    if engine is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no text to be read in files of type {mime}")
    return engine.read(path, mime)
