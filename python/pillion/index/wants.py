"""Phase 5, queueing: policy x type -> the sidecars that a file should have. Never generates anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pillion import _core
from pillion.index.policy import (
    DeviceGenerationPolicy,
    KindPolicy,
    override,
    restrict,
    wanted_kinds,
)
from pillion.kinds import registry
from pillion.model import MediaClass, Recipe, SidecarKind, WantedSidecar

UNSUPPORTED = Recipe(generator="none", version=1)
"""The recipe of a sidecar that no generator can make. A generator that can make it has another recipe, so it is tried
then."""


def wanted_sidecars(policy: DeviceGenerationPolicy, mime: str, claimed: str | None) -> Sequence[WantedSidecar]:
    """The sidecars that a file of type ``mime`` should have.

    ``claimed``: another type that the file's name claims. The sidecars of that type are wanted too, so that their state
    says what is wrong with the file.
    """
    media_class = MediaClass(_core.media_class(mime))
    kinds = dict(wanted_kinds(policy, media_class))
    if claimed is not None:
        kinds = {**_claimed_kinds(policy, MediaClass(_core.media_class(claimed))), **kinds}
    result: list[WantedSidecar] = []
    for kind in (kind for kind in registry.names() if kind in kinds):
        source = registry.spec(kind).made_from.get(media_class)
        awaited = next((made for made in result if made.kind == source), None)
        for variant in kinds[kind].variants:
            result.append(_wanted(kind, mime, variant, kinds[kind].settings, awaited))
    return result


def signature(policy: DeviceGenerationPolicy, mime: str) -> str:
    """16 hex digits that change with the sidecars that files of this type should have: kinds, variants or recipes."""
    wants = [(want.kind, want.variant, want.recipe.digest()) for want in wanted_sidecars(policy, mime, None)]
    return hashlib.blake2b(json.dumps(wants).encode(), digest_size=8).hexdigest()


def wanted_on_demand(
    policy: DeviceGenerationPolicy, kind: SidecarKind, variant: str, mime: str
) -> Sequence[WantedSidecar]:
    """A sidecar that somebody asks for, even if the policy does not want it, after the one that it is made from.

    Empty if files of this type have no such sidecar.
    """
    media_class = MediaClass(_core.media_class(mime))
    asked = {kind: {"enable": True, "variants": [variant]}}
    source = registry.spec(kind).made_from.get(media_class)
    if source is not None:
        asked[source] = {"enable": True}
    wants = wanted_sidecars(restrict(override(policy, asked), asked), mime, None)
    return wants if any(want.kind == kind for want in wants) else []


def _claimed_kinds(policy: DeviceGenerationPolicy, media_class: MediaClass) -> dict[SidecarKind, KindPolicy]:
    """The kinds for the claimed type, except those that would wait for another sidecar, which cannot be made."""
    kinds = wanted_kinds(policy, media_class)
    return {kind: part for kind, part in kinds.items() if media_class not in registry.spec(kind).made_from}


def _wanted(
    kind: SidecarKind, mime: str, variant: str, settings: Mapping[str, Any], awaited: WantedSidecar | None
) -> WantedSidecar:
    """One sidecar with its recipe, which contains the recipe of the sidecar that it is made from, if any."""
    generator = registry.find(kind, mime)
    recipe = UNSUPPORTED if generator is None else generator.recipe(mime, variant, settings)
    if awaited is not None:
        recipe = replace(recipe, settings={**recipe.settings, "made_from": awaited.recipe.digest()})
    awaits = awaited.kind if awaited else None
    return WantedSidecar(kind=kind, variant=variant, recipe=recipe, settings=settings, awaits=awaits)
