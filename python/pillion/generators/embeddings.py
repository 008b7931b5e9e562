"""``embeddings`` sidecars: all-MiniLM-L6-v2 over the text of a file, a transcript or a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.model import (
    EMBEDDING_MODEL,
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
    SidecarKind,
)

DEFAULT_COMPUTE = "int8"
TEXT_TYPES = frozenset(
    {"application/json", "application/xml", "application/xhtml+xml", "application/x-ndjson", "application/yaml"}
)


class EmbeddingsGenerator:
    """``embeddings`` sidecars of anything that has text."""

    kind = SidecarKind.EMBEDDINGS
    name = "embeddings"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Text files, and whatever OCR or transcription can give text to."""
        return (
            mime in TEXT_TYPES or mime == "application/pdf" or mime.startswith(("text/", "image/", "audio/", "video/"))
        )

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The model's hash and the arithmetic."""
        from pillion import models

        settings = {"compute": _compute(settings)}
        return Recipe(generator=self.name, version=self.version, model=models.minilm_identity(), settings=settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """One MessagePack document; Empty when there is no text. Raises ItemError."""
        from pillion.generators import vectors

        is_text = request.mime.startswith("text/") or request.mime in TEXT_TYPES
        data = vectors.document(request, is_text=is_text, compute=_compute(request.settings))
        if data is None:
            return Empty(note="no text to embed")
        return (Produced(variant=EMBEDDING_MODEL, format=SidecarFormat.MESSAGEPACK, data=data),)


def _compute(settings: Mapping[str, Any]) -> str:
    return str(settings.get("compute") or DEFAULT_COMPUTE)
