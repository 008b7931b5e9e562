"""``embeddings`` sidecars: all-MiniLM-L6-v2 over the text of a file or document, a transcript or a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pillion import _core, extras
from pillion.kinds.embedding.kind import EMBEDDING_MODEL, EMBEDDINGS
from pillion.model import (
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
    SidecarMark,
)

DEFAULT_COMPUTE = "int8"


class EmbeddingsGenerator:
    """``embeddings`` sidecars of any content that has text."""

    kind = EMBEDDINGS
    name = "embeddings"
    version = 5

    def accepts(self, mime: str) -> bool:
        """Text files and documents, and all that OCR or transcription can get text from."""
        from pillion.readers.documents.table import has_text

        return _core.media_class(mime) in ("image", "pdf", "audio", "video") or has_text(mime)

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The hashes of the model and its tokenizer, and the arithmetic."""
        from pillion.kinds.embedding import models

        settings = {"compute": compute(settings)}
        return Recipe(generator=self.name, version=self.version, model=models.identity(), settings=settings)

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """Embed the texts of several contents in one batch, if their ``compute`` is the same. Raises ItemError."""
        extras.require("embeddings", "embeddings")
        from pillion.kinds.embedding import vectors

        computes = [compute(request.settings) for request in requests]
        if len(set(computes)) != 1:
            return [None] * len(requests)
        return vectors.embed_batch(requests, compute=computes[0])

    def generate(self, request: GenerationRequest) -> Generated:
        """One MessagePack document; Empty if there is no text. Raises ItemError."""
        extras.require("embeddings", "embeddings")
        from pillion.kinds.embedding import vectors

        prepared = request.prepared
        gathered = prepared if isinstance(prepared, vectors.Gathered) else vectors.gather(request)
        data = vectors.document(gathered, compute=compute(request.settings))
        if data is None:
            return Empty(note="no text to embed")
        mark = SidecarMark.PARTIAL if gathered.truncated else None
        return (Produced(variant=EMBEDDING_MODEL, format=SidecarFormat.MESSAGEPACK, data=data, mark=mark),)


def compute(settings: Mapping[str, Any]) -> str:
    """The arithmetic of these settings."""
    return str(settings.get("compute") or DEFAULT_COMPUTE)
