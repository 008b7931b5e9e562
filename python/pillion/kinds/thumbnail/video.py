"""Thumbnails of a video: one frame that shows what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.thumbnail import sizes as _thumbs
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Generated, GenerationRequest, Recipe

_FRAME_SIDE = 4096
"""Twice the largest variant: the reduction is left to the core, whose filter is the better one."""


class VideoThumbGenerator:
    """``thumb`` sidecars of videos."""

    kind = THUMB
    name = "thumb-video"
    version = 2

    def accepts(self, mime: str) -> bool:
        """All video containers; one FFmpeg has no decoder for is unsupported, and says so."""
        return mime.startswith("video/")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _thumbs.recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one frame. Raises ItemError."""
        from pillion import _core
        from pillion.readers import media

        wanted = _thumbs.specs(request)
        frame = media.representative_frame(request.source, max_side=_FRAME_SIDE)
        return _thumbs.produced(_core.thumbnails_from_pixels(frame, wanted))
