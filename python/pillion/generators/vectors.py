"""From text to vectors: what to embed, in which chunks, and how it is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgpack
import numpy as np
from numpy.typing import NDArray

from pillion.engines import minilm
from pillion.errors import ErrorClass, ItemError
from pillion.generators._chunks import Chunk, chunks
from pillion.generators._plaintext import read_text
from pillion.model import GenerationRequest

SCHEMA_VERSION = 1
_SPECIAL_TOKENS = 2
_MAX_CHUNKS = 4096
"""About a million tokens; what follows is left out, and ``truncated`` says so."""
_STRIDE = 1 << 18
"""Characters given to the tokenizer at a time: its records take a hundred times the room of the text."""

Piece = tuple[str, Chunk]
"""A chunk, and where its text is from: ``ocr``, ``transcript`` or ``file``."""


def document(request: GenerationRequest, *, is_text: bool, compute: str) -> bytes | None:
    """The sidecar's bytes; None when there is no text. Raises ItemError."""
    pieces: list[Piece] = []
    truncated = False
    for source, text in _texts(request, is_text):
        for chunk in _chunked(text):
            if len(pieces) == _MAX_CHUNKS:
                truncated = True
                break
            pieces.append((source, chunk))
    if not pieces:
        return None
    vectors = minilm.embed([chunk.text for _, chunk in pieces], compute=compute)
    return packed(pieces, vectors, compute=compute, truncated=truncated)


def packed(pieces: Sequence[Piece], vectors: NDArray[np.float32], *, compute: str, truncated: bool) -> bytes:
    """MessagePack, as docs/sidecar-formats.md says. ``vectors``: shape (len(pieces), 384), unit length."""
    stored = {
        "schema_version": SCHEMA_VERSION,
        "kind": "embeddings",
        "model": minilm.NAME,
        "compute": compute,
        "dim": int(vectors.shape[1]),
        "dtype": "float32-le",
        "truncated": truncated,
        "chunks": [
            {"source": source, "start": chunk.start, "end": chunk.end, "text": chunk.text} for source, chunk in pieces
        ],
        "vectors": np.ascontiguousarray(vectors, dtype="<f4").tobytes(),
    }
    data: bytes = msgpack.packb(stored, use_bin_type=True)
    return data


def _texts(request: GenerationRequest, is_text: bool) -> Iterator[tuple[str, str]]:
    """(where the text is from, the text): the ready text sidecars, else the file itself when it is text."""
    for kind in sorted(request.texts):
        yield kind.value, _sidecar_text(request.texts[kind])
    if not request.texts and is_text:
        yield "file", read_text(request.source, request.mime)


def _sidecar_text(path: Path) -> str:
    try:
        text = json.loads(path.read_text(encoding="utf-8"))["text"]
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the text sidecar is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the text sidecar cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ItemError(ErrorClass.CORRUPT, "the text sidecar is damaged") from error
    return str(text)


def _chunked(text: str) -> Iterator[Chunk]:
    """Chunks of the whole text, taken in strides that end between paragraphs, sentences or words."""
    start = 0
    while start < len(text):
        end = _stride_end(text, start)
        part = text[start:end]
        for chunk in chunks(part, minilm.tokens(part), minilm.MAX_TOKENS - _SPECIAL_TOKENS):
            yield Chunk(chunk.start + start, chunk.end + start, chunk.text)
        start = end


def _stride_end(text: str, start: int) -> int:
    end = min(len(text), start + _STRIDE)
    if end == len(text):
        return end
    for gap in ("\n\n", ". ", " "):
        found = text.rfind(gap, start + _STRIDE // 2, end)
        if found > 0:
            return found + len(gap)
    return end
