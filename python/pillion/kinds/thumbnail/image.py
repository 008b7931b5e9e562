"""Thumbnails of images: the file is read and decoded once for all variants, by the Rust core wherever it can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.thumbnail import sizes as _thumbs
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Generated, GenerationRequest, Recipe
from pillion.readers.images import decode as pictures


class ImageThumbGenerator:
    """``thumb`` sidecars of images. Drawings (SVG) are drawn at the size wanted, raster images are never enlarged."""

    kind = THUMB
    name = "thumb-image"
    version = 2

    def accepts(self, mime: str) -> bool:
        """All images; one the core has no decoder for is unsupported, and says so."""
        return mime.startswith("image/")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method, and the decoders beside the core that are there for the type."""
        return pictures.with_decoders(_thumbs.recipe(self.name, self.version, variant, settings), mime)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one decode. Raises ItemError."""
        max_pixels = request.settings.get("max_pixels", pictures.MAX_PIXELS)
        specs = _thumbs.specs(request)
        return _thumbs.produced(pictures.thumbnails(request.source, specs, mime=request.mime, max_pixels=max_pixels))
