"""Text out of files, pixels and sound, without a library: ``pillion.file_text``, ``ocr``, ``transcribe``, ``embed``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pillion.generators.languages import LanguageRow
    from pillion.results.documents import DocumentText
    from pillion.results.ocr import OcrResult
    from pillion.results.transcript import TranscriptResult

_SNIFFED = 4096


def ocr(path: str | os.PathLike[str], *, languages: Sequence[str] = ("auto",)) -> OcrResult:
    """Read the text in an image or a PDF.

    ``languages`` are Tesseract's codes, the main one first; with ``auto`` among them each page is read in that of the
    installed languages in which it is. Raises :class:`pillion.errors.ItemError`.
    """
    from pillion.generators import reading
    from pillion.generators.ocr import PDF, OcrGenerator

    source = Path(path)
    mime = sniffed(source)
    if not OcrGenerator().accepts(mime):
        raise ItemError(ErrorClass.UNSUPPORTED, f"text can be read in images and PDFs, and this is {mime}")
    return reading.read(source, is_pdf=mime == PDF, languages=languages)


def transcribe(path: str | os.PathLike[str], *, model: str = "base", language: str | None = None) -> TranscriptResult:
    """Write down what is said in an audio or video file.

    ``model`` is a Whisper size or the path of a folder; ``language`` (ISO 639-1) is found when None. Raises
    :class:`pillion.errors.ItemError`.
    """
    from pillion.generators import listening

    return listening.transcribe(Path(path), model=model, language=language)


def file_text(path: str | os.PathLike[str]) -> DocumentText:
    """The text of a text file, web page, office document, book or e-mail, in its parts.

    Raises :class:`pillion.errors.ItemError`; unsupported for files that hold no text themselves, such as pictures.
    """
    from pillion.generators import documents

    source = Path(path)
    return documents.read(source, sniffed(source))


def any_text(
    path: str | os.PathLike[str],
    *,
    languages: Sequence[str] = ("auto",),
    model: str = "base",
    language: str | None = None,
) -> Mapping[str, Any]:
    """The text of any file, as JSON values: that of :func:`file_text`, of OCR, or of a transcript, by its type.

    ``kind`` says which (``file``, ``ocr``, ``transcript``), ``text`` holds the text. Raises ItemError.
    """
    from pillion.generators.ocr import OcrGenerator

    mime = sniffed(Path(path))
    if OcrGenerator().accepts(mime):
        document: Mapping[str, Any] = json.loads(ocr(path, languages=languages).to_json())
    elif mime.startswith(("audio/", "video/")):
        document = json.loads(transcribe(path, model=model, language=language).to_json())
    else:
        document = file_text(path).document()
    return {"mime": mime, **document}


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of texts, shape (n, 384), float32; each text is read up to its 256th token.

    Raises :class:`pillion.errors.ItemError` (missing_tool).
    """
    from pillion.engines import minilm

    return minilm.embed(texts)


def sniffed(path: Path) -> str:
    """The type of a file by its first bytes. Raises ItemError (missing_source, io_transient)."""
    from pillion import _core

    try:
        with path.open("rb") as stream:
            return _core.sniff(stream.read(_SNIFFED), os.fsencode(path.name))
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is not there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def languages() -> list[LanguageRow]:
    """The languages for OCR: which are installed, where, and the command that gets each of the others."""
    from pillion.generators import languages as spoken

    return spoken.languages()


def language_folders() -> Sequence[Path]:
    """Where data of languages was looked for, best first."""
    from pillion.generators import languages as spoken

    return spoken.searched()


def sidecar_text(path: Path) -> str:
    """The text in an OCR or transcript sidecar; empty if the file is gone."""
    try:
        data: Mapping[str, object] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ""
    return str(data.get("text", ""))
