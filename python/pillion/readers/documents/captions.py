"""Subtitle files (SubRip, WebVTT): what is said, without numbers, times and marks."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

from pillion.readers.documents.base import collected, read_bytes
from pillion.readers.documents.charset import decoded_text
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "captions"
PACKAGE = None
NOTE = "subtitle files"
MIMES = frozenset({"application/x-subrip", "text/vtt"})

_MAX_BYTES = 4 << 20
_CUE = re.compile(
    r"^(?:[ \t]*\d+[ \t]*\n|(?<=\n\n)[^\n]{1,200}\n)?[ \t]*(?:\d+:)?\d+:\d\d[.,]\d+[ \t]*-->[^\n]*\n?", re.MULTILINE
)
_MARK = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^{}\n]{0,200}\}")
_BLOCK = re.compile(r"^(?:NOTE|STYLE|REGION)\b.*?(?:\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)


def missing() -> str | None:
    """None: it needs no library."""
    return None


def read(path: Path, mime: str) -> DocumentText:
    """The lines in their order. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    text = decoded_text(data).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if mime == "text/vtt":
        text = _BLOCK.sub("", re.sub(r"\AWEBVTT[^\n]*(?:\n[^\n]+)*", "", text))
    text = html.unescape(_MARK.sub("", _CUE.sub("", text)))
    result = collected(NAME, [DocumentPart(text=re.sub(r"\n\s*\n+", "\n", text))])
    return replace(result, truncated=more or result.truncated)
