"""``thumb`` sidecars: of pictures (by the Rust core if it can), of a PDF's first page, of a frame of a video.

The source is read and decoded once for all variants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.thumbnail.kind import THUMB, THUMB_SPECS, ThumbSpec
from pillion.model import Generated, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarMark
from pillion.readers.images import decode

if TYPE_CHECKING:
    from pillion import _core

_FRAME_SIDES = (4096, 1 << 16)
"""Twice the largest variant, so that the core, whose filter is better, scales it down; the whole for larger ones."""


class ImageThumbGenerator:
    """``thumb`` sidecars of images. SVG is rendered at the requested size; raster images are never enlarged."""

    kind = THUMB
    name = "thumb-image"
    version = 2

    def accepts(self, mime: str) -> bool:
        """All images; :meth:`generate` raises unsupported for those without a decoder."""
        return mime.startswith("image/")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method, and the installed decoders for the type besides the core."""
        return decode.with_decoders(_recipe(self.name, self.version, variant, settings), mime)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one decode. Raises ItemError."""
        max_pixels = request.settings.get("max_pixels", decode.MAX_PIXELS)
        specs = _specs(request)
        return _produced(decode.thumbnails(request.source, specs, mime=request.mime, max_pixels=max_pixels))


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
        return _recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """Raises ItemError."""
        from pillion import _core
        from pillion.readers.images.base import by_rendering
        from pillion.readers.pdf.document import opened

        made: list[_core.Thumbnail] = []
        with opened(request.source) as document, document.page(0) as page:
            for side, wanted in by_rendering(_specs(request)):
                # A page has no pixels of its own: rendering it at the wanted size is not upscaling.
                pixels = page.render(side / max(1.0, *page.size))
                made += _core.thumbnails_from_pixels(pixels, wanted)
        return _produced(made)


class VideoThumbGenerator:
    """``thumb`` sidecars of videos."""

    kind = THUMB
    name = "thumb-video"
    version = 3

    def accepts(self, mime: str) -> bool:
        """All videos; :meth:`generate` raises unsupported for those without a decoder."""
        return mime.startswith("video/")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one frame. Raises ItemError."""
        from pillion import _core

        extras.require("video", "thumbnails of videos")
        from pillion.readers import media

        made: list[_core.Thumbnail] = []
        left = _specs(request)
        for side in _FRAME_SIDES:
            wanted = [spec for spec in left if 2 * spec[1] <= side]
            left = [spec for spec in left if 2 * spec[1] > side]
            if wanted:
                frame = media.representative_frame(request.source, max_side=side)
                made += _core.thumbnails_from_decoded(frame.pixels, wanted, cicp=frame.code_points)
        return _produced(made)


# variants to sizes, thumbnails to sidecars ----------------------------------------------------------------------------


Spec = tuple[str, int, int, int]


def _spec_of(variant: str, settings: Mapping[str, Any]) -> ThumbSpec:
    """The spec of a variant. ``settings`` may hold another ``method``: one for all, or a table by variant.

    Raises ItemError (unsupported) for an unknown variant.
    """
    if variant not in THUMB_SPECS:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no thumbnail variant '{variant}'")
    spec = THUMB_SPECS[variant]
    method = settings.get("method", spec.method)
    if isinstance(method, Mapping):
        method = method.get(variant, spec.method)
    return replace(spec, method=method)


def _specs(request: GenerationRequest) -> list[Spec]:
    """(name, longest side, quality, method) of all requested variants."""
    wanted = [_spec_of(variant, request.settings) for variant in request.variants]
    return [(spec.name, spec.max_side, spec.quality, spec.method) for spec in wanted]


def _recipe(generator: str, version: int, variant: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a thumbnail: its size, quality and method, but not its variant's name."""
    spec = _spec_of(variant, settings)
    used = {"max_side": spec.max_side, "quality": spec.quality, "method": spec.method}
    return Recipe(generator=generator, version=version, settings=used)


def _produced(thumbnails: Sequence[_core.Thumbnail]) -> tuple[Produced, ...]:
    """Sidecars of finished thumbnails."""
    return tuple(
        Produced(
            variant=thumb.name,
            format=SidecarFormat.WEBP,
            data=thumb.data,
            mark=SidecarMark.TRUNCATED if thumb.truncated else None,
            thumbhash=thumb.thumbhash,
        )
        for thumb in thumbnails
    )
