"""The interface of document readers, and their common limits and helpers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pillion.errors import ErrorClass, ItemError
from pillion.panics import is_panic
from pillion.readers.documents.result import DocumentPart, DocumentText
from pillion.readers.source import open_regular
from pillion.unicode import well_formed

MAX_CHARACTERS = 4 << 20
"""Only so much of a longer text is read."""
MAX_FILE_BYTES = 1 << 30
MAX_NOTES = 20


class DocumentEngine(Protocol):
    """A reader of one family of formats, one module. None of them runs macros or formulas, or follows links."""

    NAME: str
    PACKAGE: str | None
    """The import name of its library, one of the extra ``documents``; None if it needs none."""
    NOTE: str
    """What it reads, in a few words."""
    MIMES: Collection[str]

    def missing(self) -> str | None:
        """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
        ...

    def read(self, path: Path, mime: str) -> DocumentText:
        """The text of a file of one of ``MIMES``. Raises ItemError."""
        ...


class Notes:
    """What a reader of the result should know; only the first few of many parts that could not be read."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def add(self, text: str) -> None:
        """One sentence, in lower case and without its full stop; the same sentence counts once."""
        self._texts[well_formed(text)] = None

    def texts(self) -> tuple[str, ...]:
        """All notes, at most MAX_NOTES."""
        texts = tuple(self._texts)
        more = len(texts) - MAX_NOTES
        return (*texts[:MAX_NOTES], *([f"{more} more notes are left out"] if more > 0 else []))


def collected(engine: str, parts: Iterable[DocumentPart], notes: Notes | None = None) -> DocumentText:
    """The parts that have text, up to MAX_CHARACTERS; later parts are not read. All text becomes valid Unicode.

    ``notes``: those that reading the parts adds are in the result, too.
    """
    kept: list[DocumentPart] = []
    left = MAX_CHARACTERS
    for part in parts:
        text = well_formed(part.text).strip()
        if not text:
            continue
        kept.append(replace(part, text=text[:left].rstrip(), name=well_formed(part.name)))
        left -= len(text)
        if left < 0:
            break
    said = notes.texts() if notes else ()
    return DocumentText(engine=engine, parts=tuple(kept), truncated=left < 0, notes=said)


def read_bytes(path: Path, limit: int) -> tuple[bytes, bool]:
    """The first ``limit`` bytes of a file, and whether there are more. Raises ItemError."""
    try:
        with open_regular(path) as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error
    return data[:limit], len(data) > limit


def tidy(text: str) -> str:
    """The text with lines stripped, one space between words, and at most one empty line between two lines."""
    lines = (re.sub(r" *\t *", "\t", re.sub(r"[ \r\v\xa0]+", " ", line)).strip() for line in re.split(r"[\n\f]", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_MOST_OF_A_PICTURE = 2000
_NO_DESCRIPTION = re.compile(
    r"\.(?:jpe?g|png|gif|bmp|tiff?|emf|wmf|svg|webp|pdf|heic|ico)$|^[a-z]:\\|^\w+://\S+$"
    r"|automatically generated|generated automatically",
    re.IGNORECASE,
)


def of_picture(*texts: str | None) -> str:
    """What somebody wrote about a picture for those who do not see it, a line each, without names of files and what
    programs guess."""
    lines = dict.fromkeys(" ".join((text or "").split())[:_MOST_OF_A_PICTURE] for text in texts)
    return "".join(f"{line}\n" for line in lines if line and not _NO_DESCRIPTION.search(line))


@contextmanager
def damage_is_corrupt(what: str) -> Iterator[None]:
    """Turn any exception of a library inside the block into ItemError (corrupt): libraries do not check all input."""
    try:
        yield
    except (ItemError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise ItemError(ErrorClass.CORRUPT, f"the {what} is damaged") from error


def checked_engine(problem: str | None) -> None:
    """Raise ItemError (missing_tool) if ``missing`` returned a problem."""
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
