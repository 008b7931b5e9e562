"""OCR results in the forms of other programs: text, Markdown, hOCR, ALTO, searchable PDF.

Each takes the bytes of a sidecar.
"""

from __future__ import annotations

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.exports import alto as _alto
from pillion.kinds.ocr.exports import hocr as _hocr
from pillion.kinds.ocr.exports import markdown as _markdown
from pillion.kinds.ocr.exports.searchable import searchable_pdf
from pillion.kinds.ocr.result import OcrResult
from pillion.kinds.spec import Origin

_PDF = "application/pdf"


def text(data: bytes, _origin: Origin) -> bytes:
    """Plain text in UTF-8. Raises ItemError (corrupt), as all below."""
    return f"{OcrResult.from_json(data).text}\n".encode()


def markdown(data: bytes, _origin: Origin) -> bytes:
    """Markdown in UTF-8."""
    return _markdown.markdown(OcrResult.from_json(data)).encode(errors="replace")


def hocr(data: bytes, origin: Origin) -> bytes:
    """hOCR 1.2."""
    return _hocr.hocr(OcrResult.from_json(data), _name(origin)).encode(errors="replace")


def alto(data: bytes, origin: Origin) -> bytes:
    """ALTO 4.4."""
    return _alto.alto(OcrResult.from_json(data), _name(origin)).encode(errors="replace")


def pdf(data: bytes, origin: Origin) -> bytes:
    """A PDF with the text laid over it. Raises ItemError, also ``missing_source`` where there is no file."""
    if origin.source is None:
        raise ItemError(ErrorClass.MISSING_SOURCE, "no file of this content is there any more to lay the text over")
    return searchable_pdf(OcrResult.from_json(data), origin.source, is_pdf=origin.mime == _PDF)


def _name(origin: Origin) -> str:
    return origin.source.name if origin.source else ""
