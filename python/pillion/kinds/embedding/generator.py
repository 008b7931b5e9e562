"""``embeddings`` sidecars: all-MiniLM-L6-v2 over the text of a file or document, a transcript or a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pillion import extras
from pillion.kinds.embedding.kind import EMBEDDING_MODEL, EMBEDDINGS
from pillion.model import (
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
)

DEFAULT_COMPUTE = "int8"


class EmbeddingsGenerator:
    """``embeddings`` sidecars of anything that has text."""

    kind = EMBEDDINGS
    name = "embeddings"
    version = 2

    def accepts(self, mime: str) -> bool:
        """Text files and documents, and whatever OCR or transcription can give text to."""
        from pillion.readers.documents import table as documents

        return mime == "application/pdf" or mime.startswith(("image/", "audio/", "video/")) or documents.has_text(mime)

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The hashes of the model and its tokenizer, and the arithmetic."""
        from pillion.kinds.embedding import models as minilm

        settings = {"compute": _compute(settings)}
        return Recipe(generator=self.name, version=self.version, model=minilm.identity(), settings=settings)

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """The texts of all contents that are computed alike go through the model together. Raises ItemError."""
        extras.require("embeddings", "embeddings")
        from pillion.kinds.embedding import vectors

        computes = [_compute(request.settings) for request in requests]
        if len(set(computes)) != 1:
            return [None] * len(requests)
        return vectors.together(requests, compute=computes[0])

    def generate(self, request: GenerationRequest) -> Generated:
        """One MessagePack document; Empty when there is no text. Raises ItemError."""
        extras.require("embeddings", "embeddings")
        from pillion.kinds.embedding import vectors

        prepared = request.prepared
        gathered = prepared if isinstance(prepared, vectors.Gathered) else vectors.gather(request)
        data = vectors.document(gathered, compute=_compute(request.settings))
        if data is None:
            return Empty(note="no text to embed")
        return (Produced(variant=EMBEDDING_MODEL, format=SidecarFormat.MESSAGEPACK, data=data),)


def _compute(settings: Mapping[str, Any]) -> str:
    return str(settings.get("compute") or DEFAULT_COMPUTE)
