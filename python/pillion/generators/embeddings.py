"""Vectors that stand for meaning: all-MiniLM-L6-v2 over the text of a file, a transcript or a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillion.engines import minilm
from pillion.errors import ErrorClass, ItemError
from pillion.generators._chunks import Chunk, chunks
from pillion.generators._plaintext import read_text
from pillion.model import Empty, Generated, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarKind

SCHEMA_VERSION = 1
_SPECIAL_TOKENS = 2
_MAX_CHUNKS = 4096
"""About a million tokens; what follows is left out, and ``truncated`` says so."""
_STRIDE = 1 << 18
"""Characters given to the tokenizer at a time: its records take a hundred times the room of the text."""
_TEXT_TYPES = frozenset(
    {"application/json", "application/xml", "application/xhtml+xml", "application/x-ndjson", "application/yaml"}
)


class EmbeddingsGenerator:
    """``embeddings`` sidecars of anything that has text."""

    kind = SidecarKind.EMBEDDINGS
    name = "embeddings"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Text files, and whatever OCR or transcription can give text to."""
        return mime in _TEXT_TYPES or mime == "application/pdf" or mime.startswith(("text/", "image/", "audio/", "video/"))

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The model's hash and the arithmetic."""
        return Recipe(
            generator=self.name, version=self.version, model=minilm.identity(), settings={"compute": _compute(settings)}
        )

    def generate(self, request: GenerationRequest) -> Generated:
        """One MessagePack document; Empty when there is no text. Raises ItemError."""
        pieces: list[tuple[str, Chunk]] = []
        truncated = False
        for source, text in _texts(request):
            for chunk in _chunked(text):
                if len(pieces) == _MAX_CHUNKS:
                    truncated = True
                    break
                pieces.append((source, chunk))
        if not pieces:
            return Empty(note="no text to embed")
        vectors = minilm.embed([chunk.text for _, chunk in pieces], compute=_compute(request.settings))
        data = packed(pieces, vectors, compute=_compute(request.settings), truncated=truncated)
        return (Produced(variant=minilm.NAME, format=SidecarFormat.MESSAGEPACK, data=data),)


def packed(
    pieces: Sequence[tuple[str, Chunk]], vectors: NDArray[np.float32], *, compute: str, truncated: bool = False
) -> bytes:
    """The sidecar: see docs/sidecar-formats.md. ``vectors``: shape (len(pieces), 384), unit length."""
    import msgpack

    document = {
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
    packed_document: bytes = msgpack.packb(document, use_bin_type=True)
    return packed_document


def _compute(settings: Mapping[str, Any]) -> str:
    return str(settings.get("compute") or minilm.DEFAULT_COMPUTE)


def _texts(request: GenerationRequest) -> Iterator[tuple[str, str]]:
    """(where the text is from, the text): the ready text sidecars, else the file itself when it is text."""
    for kind in sorted(request.texts):
        yield kind.value, _sidecar_text(request.texts[kind])
    if not request.texts and (request.mime.startswith("text/") or request.mime in _TEXT_TYPES):
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
    """Chunks of the whole text, taken in strides that end between paragraphs or words."""
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
