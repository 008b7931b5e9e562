"""Thumbnails of images: the Rust core reads and decodes the file once for all variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.generators import _thumbs
from pillion.model import Generated, GenerationRequest, Recipe, SidecarKind


class ImageThumbGenerator:
    """``thumb`` sidecars of images. Drawings (SVG) are drawn at the size wanted, raster images are never enlarged."""

    kind = SidecarKind.THUMB
    name = "thumb-image"
    version = 2

    def accepts(self, mime: str) -> bool:
        """All images; one the core has no decoder for is unsupported, and says so."""
        return mime.startswith("image/")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _thumbs.recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one decode. Raises ItemError."""
        from pillion import _core

        return _thumbs.produced(_core.thumbnails(request.source, _thumbs.specs(request)))
