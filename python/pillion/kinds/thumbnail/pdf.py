"""Thumbnails of a PDF: its first page, on white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.thumbnail import sizes as _thumbs
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Generated, GenerationRequest, Recipe


class PdfThumbGenerator:
    """``thumb`` sidecars of PDFs."""

    kind = THUMB
    name = "thumb-pdf"
    version = 2

    def accepts(self, mime: str) -> bool:
        """PDFs only."""
        return mime == "application/pdf"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _thumbs.recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """Raises ItemError."""
        from pillion import _core
        from pillion.readers.images.base import by_rendering
        from pillion.readers.pdf import document as pdfium

        made: list[_core.Thumbnail] = []
        with pdfium.opened(request.source) as document, document.page(0) as page:
            for side, wanted in by_rendering(_thumbs.specs(request)):
                # A page has no pixels of its own: rendering it at the wanted size is not upscaling.
                pixels = page.render(side / max(1.0, *page.size))
                made += _core.thumbnails_from_pixels(pixels, wanted)
        return _thumbs.produced(made)
