"""``text`` sidecars: what the readers of documents find in a file, read once for search and embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.kinds.spec import Origin
from pillion.kinds.text.kind import TEXT
from pillion.kinds.text.result import from_json, to_json
from pillion.model import (
    DEFAULT_VARIANT,
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
    SidecarMark,
)


class TextGenerator:
    """``text`` sidecars of text files and documents."""

    kind = TEXT
    name = "text"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Text files and documents; not drawings, which are pictures."""
        from pillion.readers.documents.table import has_text

        return has_text(mime) and _core.media_class(mime) == "text"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The way of reading documents of the type."""
        from pillion.readers.documents.table import reading

        way = reading(mime)
        return Recipe(generator=self.name, version=self.version, settings={"reading": way} if way else {})

    def generate(self, request: GenerationRequest) -> Generated:
        """One JSON document; Empty if there is no text. Raises ItemError."""
        from pillion.readers.documents import table

        result = table.read(request.source, request.mime)
        if not any(part.text.strip() for part in result.parts):
            return Empty(note="; ".join(["no text found", *result.notes]))
        mark = SidecarMark.PARTIAL if result.truncated else None
        data = to_json(result).encode()
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data, mark=mark),)


def text(data: bytes, _origin: Origin) -> bytes:
    """``--to text``: UTF-8, parts separated by form feeds. Raises ItemError (corrupt)."""
    return f"{from_json(data).text}\n".encode()


def read_now(path: Path, mime: str, _settings: Mapping[str, Any]) -> bytes:
    """The text of a file, as the bytes of a sidecar, also where there is none. Raises ItemError."""
    from pillion.readers.documents import table

    return to_json(table.read(path, mime)).encode()
