"""What the thumbnail generators share: variants to sizes, and thumbnails to sidecars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillion.errors import ErrorClass, ItemError
from pillion.model import THUMB_SPECS, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarMark, ThumbSpec

if TYPE_CHECKING:
    from pillion import _core

Spec = tuple[str, int, int]


def spec_of(variant: str) -> ThumbSpec:
    """The size and quality behind a variant's name. Raises ItemError (unsupported) for an unknown one."""
    if variant not in THUMB_SPECS:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no thumbnail variant '{variant}'")
    return THUMB_SPECS[variant]


def specs(request: GenerationRequest) -> list[Spec]:
    """(name, longest side, quality) of all variants asked for."""
    wanted = [spec_of(variant) for variant in request.variants]
    return [(spec.name, spec.max_side, spec.quality) for spec in wanted]


def largest_side(wanted: Sequence[Spec]) -> int:
    """The longest side of the largest variant, pixels."""
    return max(side for _, side, _ in wanted)


def recipe(generator: str, version: int, variant: str) -> Recipe:
    """Size and quality decide a thumbnail, whatever its variant is called."""
    spec = spec_of(variant)
    settings = {"max_side": spec.max_side, "quality": spec.quality}
    return Recipe(generator=generator, version=version, settings=settings)


def produced(thumbnails: Sequence[_core.Thumbnail]) -> tuple[Produced, ...]:
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
