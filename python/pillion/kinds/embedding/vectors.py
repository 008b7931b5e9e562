"""From text to vectors: collect a content's chunks, embed several contents at a time, and pack the sidecar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgpack
import numpy as np
from numpy.typing import NDArray

from pillion.errors import ItemError
from pillion.kinds.embedding import minilm
from pillion.kinds.embedding.chunks import Chunk, chunks, rejoined
from pillion.kinds.embedding.passages import Place, passages
from pillion.model import GenerationRequest

SCHEMA_VERSION = 1
_SPECIAL_TOKENS = 2
_MAX_CHUNKS = 4096
"""About a million tokens; the rest is left out, and ``truncated`` is set."""
_STRIDE = 1 << 18
"""Characters given to the tokenizer at a time: its output takes a hundred times the memory of the text."""
_CHUNKS_TOGETHER = 512
"""Of all contents of a batch. More would not be faster, and a batch must end within its deadline."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk, the source of its text (``ocr``, ``transcript`` or ``file``), and its place there."""

    source: str
    chunk: Chunk
    place: Place


@dataclass(frozen=True, slots=True)
class Gathered:
    """The chunks of one content, and their vectors, shape (len(pieces), 384), once computed."""

    pieces: Sequence[Piece]
    truncated: bool
    vectors: NDArray[np.float32] | None = None

    @property
    def texts(self) -> list[str]:
        """The input of the model."""
        return [rejoined(piece.chunk.text) for piece in self.pieces]


def gather(request: GenerationRequest) -> Gathered:
    """Read the text of a content and cut it into chunks. Raises ItemError."""
    pieces: list[Piece] = []
    for piece in _pieces(request):
        if len(pieces) == _MAX_CHUNKS:
            return Gathered(pieces, truncated=True)
        pieces.append(piece)
    return Gathered(pieces, truncated=False)


def embed_batch(requests: Sequence[GenerationRequest], *, compute: str) -> list[Gathered | None]:
    """Embed the texts of several contents together, which for short texts costs a fraction of one by one.

    None for a content that cannot be read, and for all after the batch's limit of chunks. Raises ItemError
    (missing_tool).
    """
    gathered: list[Gathered | None] = []
    left = _CHUNKS_TOGETHER
    for request in requests:
        one = _readable(request) if left > 0 else None
        gathered.append(one)
        left -= 0 if one is None else len(one.pieces)
    small = {at: one for at, one in enumerate(gathered) if one is not None and len(one.pieces) <= _CHUNKS_TOGETHER}
    vectors = minilm.embed([text for one in small.values() for text in one.texts], compute=compute)
    begin = 0
    for at, one in small.items():
        end = begin + len(one.pieces)
        gathered[at] = replace(one, vectors=vectors[begin:end])
        begin = end
    return gathered


def document(gathered: Gathered, *, compute: str) -> bytes | None:
    """The sidecar's bytes; None if there is no text. Raises ItemError."""
    if not gathered.pieces:
        return None
    vectors = gathered.vectors
    if vectors is None:
        vectors = minilm.embed(gathered.texts, compute=compute)
    return packed(gathered.pieces, vectors, compute=compute, truncated=gathered.truncated)


def packed(pieces: Sequence[Piece], vectors: NDArray[np.float32], *, compute: str, truncated: bool) -> bytes:
    """MessagePack, see docs/sidecar-formats.md. ``vectors``: shape (len(pieces), 384), unit length."""
    stored = {
        "schema_version": SCHEMA_VERSION,
        "kind": "embeddings",
        "model": minilm.NAME,
        "compute": compute,
        "dim": int(vectors.shape[1]),
        "dtype": "float32-le",
        "truncated": truncated,
        "chunks": [_stored(piece) for piece in pieces],
        "vectors": np.ascontiguousarray(vectors, dtype="<f4").tobytes(),
    }
    data: bytes = msgpack.packb(stored, use_bin_type=True)
    return data


def _stored(piece: Piece) -> dict[str, object]:
    chunk = piece.chunk
    return {"source": piece.source, "start": chunk.start, "end": chunk.end, "text": chunk.text, **piece.place}


def _readable(request: GenerationRequest) -> Gathered | None:
    try:
        return gather(request)
    except ItemError:
        return None


def _pieces(request: GenerationRequest) -> Iterator[Piece]:
    for passage in passages(request):
        for chunk in _chunked(passage.text):
            place = passage.place(chunk.start, chunk.end)
            whole = Chunk(passage.offset + chunk.start, passage.offset + chunk.end, chunk.text)
            yield Piece(passage.source, whole, place)


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
