"""``thumb`` sidecars: of pictures (by the Rust core if it can), of a PDF's first page, of a frame of a video.

The source is read and decoded once for all variants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.thumbnail.kind import DEFAULT, THUMB, THUMB_SPECS, ThumbSpec
from pillion.model import PDF_PASSWORDS, Generated, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarMark
from pillion.readers.images import decode, encode

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
        return _made(
            request, lambda specs: decode.thumbnails(request.source, specs, mime=request.mime, max_pixels=max_pixels)
        )


class PdfThumbGenerator:
    """``thumb`` sidecars of PDFs."""

    kind = THUMB
    name = "thumb-pdf"
    version = 4

    def accepts(self, mime: str) -> bool:
        """PDFs only."""
        return mime == "application/pdf"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """Raises ItemError."""
        from pillion.readers.images.base import by_rendering
        from pillion.readers.pdf.document import opened

        passwords = request.settings.get(PDF_PASSWORDS)

        def thumbnails(specs: Sequence[Spec]) -> list[_core.Thumbnail]:
            made: list[_core.Thumbnail] = []
            with opened(request.source, passwords) as document, document.page(0) as page:
                for side, wanted in by_rendering(specs):
                    # A page has no pixels of its own: rendering it at the wanted size is not upscaling.
                    pixels = page.render(side / max(1.0, *page.size))
                    made += _core.thumbnails_from_pixels(pixels, wanted)
            return made

        return _made(request, thumbnails)


class VideoThumbGenerator:
    """``thumb`` sidecars of videos."""

    kind = THUMB
    name = "thumb-video"
    version = 4

    def accepts(self, mime: str) -> bool:
        """All videos; :meth:`generate` raises unsupported for those without a decoder."""
        return _core.media_class(mime) == "video"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size, the quality and the method."""
        return _recipe(self.name, self.version, variant, settings)

    def generate(self, request: GenerationRequest) -> Generated:
        """All variants from one frame. Raises ItemError."""
        extras.require("video", "thumbnails of videos")
        from pillion.readers import media

        def thumbnails(specs: Sequence[Spec]) -> list[_core.Thumbnail]:
            made: list[_core.Thumbnail] = []
            left = list(specs)
            for side in _FRAME_SIDES:
                wanted = [spec for spec in left if 2 * spec[1] <= side]
                left = [spec for spec in left if 2 * spec[1] > side]
                if wanted:
                    frame = media.representative_frame(request.source, max_side=side, mime=request.mime)
                    made += _core.thumbnails_from_decoded(frame.pixels, wanted, cicp=frame.code_points)
            return made

        return _made(request, thumbnails)


# variants to sizes, thumbnails to sidecars ----------------------------------------------------------------------------


Spec = tuple[str, int, int, int]
"""Name, longest side, WebP quality, method: what the core takes."""

_BEST = 100
"""The WebP quality of a thumbnail that becomes a JPEG or AVIF file."""


def spec_of(variant: str, settings: Mapping[str, Any]) -> ThumbSpec | None:
    """What a variant is under some settings; None if there is no such variant.

    ``defined`` holds the user's own variants and changes to others, ``quality`` and ``method`` a value for all or a
    table by variant. The most specific counts: that table, then the definition, then the value for all.
    """
    own = settings.get("defined", {}).get(variant, {})
    spec = THUMB_SPECS.get(variant)
    if spec is None:
        if "side" not in own:
            return None
        spec = replace(
            DEFAULT, name=variant, max_side=own["side"], format=SidecarFormat(own.get("format", SidecarFormat.WEBP))
        )
    changes = {}
    for key in ("quality", "method"):
        value = settings.get(key)
        by_variant = value.get(variant) if isinstance(value, Mapping) else None
        for_all = None if isinstance(value, Mapping) else value
        changes[key] = next((one for one in (by_variant, own.get(key), for_all) if one is not None), getattr(spec, key))
    return replace(spec, **changes)


def _spec_of(variant: str, settings: Mapping[str, Any]) -> ThumbSpec:
    """The spec of a variant. Raises ItemError (unsupported) for an unknown one."""
    spec = spec_of(variant, settings)
    if spec is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no thumbnail variant '{variant}'")
    return spec


def _recipe(generator: str, version: int, variant: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a thumbnail: its size, quality and method, but not its variant's name.

    A variant of the user's own has its name and format in it too: jobs find their settings by the recipe, and these
    must hold its definition.
    """
    spec = _spec_of(variant, settings)
    used: dict[str, Any] = {"max_side": spec.max_side, "quality": spec.quality, "method": spec.method}
    if variant not in THUMB_SPECS:
        used |= {"variant": variant, "format": spec.format.value}
    return Recipe(generator=generator, version=version, settings=used)


def _made(
    request: GenerationRequest, thumbnails: Callable[[Sequence[Spec]], Sequence[_core.Thumbnail]]
) -> tuple[Produced, ...]:
    """All requested variants by one call of ``thumbnails``, which the core makes as WebP.

    Those in another format are made at the best quality and encoded again: so they are scaled, marked and cut off as
    all others are.
    """
    specs = {variant: _spec_of(variant, request.settings) for variant in request.variants}
    wanted = [
        (name, spec.max_side, spec.quality if spec.format is SidecarFormat.WEBP else _BEST, spec.method)
        for name, spec in specs.items()
    ]
    return tuple(_produced(thumb, specs[thumb.name]) for thumb in thumbnails(wanted))


def _mark_of(thumb: _core.Thumbnail) -> SidecarMark | None:
    if thumb.truncated:
        return SidecarMark.TRUNCATED
    return SidecarMark.DAMAGED if thumb.damaged else None


def _produced(thumb: _core.Thumbnail, spec: ThumbSpec) -> Produced:
    data = thumb.data
    if spec.format is not SidecarFormat.WEBP:
        data = encode.encoded(decode.decode(data, mime="image/webp"), spec.format.value, spec.quality)
    return Produced(
        variant=thumb.name,
        format=spec.format,
        data=data,
        mark=_mark_of(thumb),
        thumbhash=thumb.thumbhash,
        likeness=thumb.likeness,
    )
