"""Phase 5, intelligence queueing: policy x type -> the sidecars that a file should have. Never generates anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pillion import _core, generators
from pillion.model import MediaClass, Recipe, SidecarKind, WantedSidecar
from pillion.policy import TEXT_KIND_OF_CLASS, DeviceGenerationPolicy, KindPolicy, wanted_kinds

UNSUPPORTED = Recipe(generator="none", version=1)
"""The recipe of a sidecar that no generator can make; a generator that can gives another, so it is tried again then."""


def wanted_sidecars(policy: DeviceGenerationPolicy, mime: str, claimed: str | None) -> Sequence[WantedSidecar]:
    """What a file of type ``mime`` should have.

    One whose name ``claimed`` to be something that its bytes are not gets that kind's sidecars asked for too, so that
    its state says what is wrong with it.
    """
    media_class = MediaClass(_core.media_class(mime))
    kinds = dict(wanted_kinds(policy, media_class))
    if claimed is not None:
        kinds = {**_promised(policy, MediaClass(_core.media_class(claimed))), **kinds}
    result = []
    text_kind = TEXT_KIND_OF_CLASS.get(media_class)
    texts: dict[str, str] = {}
    for kind, part in sorted(kinds.items(), key=lambda item: list(SidecarKind).index(item[0])):
        settings = dict(part.settings)
        if kind is SidecarKind.EMBEDDINGS and texts:
            settings["texts"] = dict(texts)
        for variant in part.variants:
            recipe = _recipe(kind, mime, variant, settings)
            result.append(WantedSidecar(kind=kind, variant=variant, recipe=recipe, settings=settings))
            if kind is text_kind:
                texts[kind.value] = recipe.digest()
    return result


def _promised(policy: DeviceGenerationPolicy, media_class: MediaClass) -> dict[SidecarKind, KindPolicy]:
    """What the name promised. Embeddings are left out where they would wait for a text that cannot come."""
    kinds = dict(wanted_kinds(policy, media_class))
    if media_class is not MediaClass.TEXT:
        kinds.pop(SidecarKind.EMBEDDINGS, None)
    return kinds


def _recipe(kind: SidecarKind, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
    generator = generators.find(kind, mime)
    if generator is None:
        return UNSUPPORTED
    recipe = generator.recipe(mime, variant, settings)
    if "texts" not in settings:
        return recipe
    return Recipe(
        generator=recipe.generator,
        version=recipe.version,
        model=recipe.model,
        settings={**recipe.settings, "texts": settings["texts"]},
    )
