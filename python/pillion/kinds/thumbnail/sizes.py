"""What the thumbnail generators share: variants to sizes, and thumbnails to sidecars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.thumbnail.kind import THUMB_SPECS, ThumbSpec
from pillion.model import GenerationRequest, Produced, Recipe, SidecarFormat, SidecarMark

if TYPE_CHECKING:
    from pillion import _core

Spec = tuple[str, int, int, int]


def spec_of(variant: str, settings: Mapping[str, Any]) -> ThumbSpec:
    """What a variant's name stands for. ``settings`` may hold another ``method``: one for all, or a table by variant.

    Raises ItemError (unsupported) for an unknown variant.
    """
    if variant not in THUMB_SPECS:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no thumbnail variant '{variant}'")
    spec = THUMB_SPECS[variant]
    method = settings.get("method", spec.method)
    if isinstance(method, Mapping):
        method = method.get(variant, spec.method)
    return replace(spec, method=method)


def specs(request: GenerationRequest) -> list[Spec]:
    """(name, longest side, quality, method) of all variants asked for."""
    wanted = [spec_of(variant, request.settings) for variant in request.variants]
    return [(spec.name, spec.max_side, spec.quality, spec.method) for spec in wanted]


def recipe(generator: str, version: int, variant: str, settings: Mapping[str, Any]) -> Recipe:
    """Size, quality and method decide a thumbnail, whatever its variant is called."""
    spec = spec_of(variant, settings)
    used = {"max_side": spec.max_side, "quality": spec.quality, "method": spec.method}
    return Recipe(generator=generator, version=version, settings=used)


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
