"""The sidecars that a file should have: policy x type -> wanted sidecars with recipes. Pure: no I/O, no clock.

This is the fifth indexing phase without its SQL. It never generates anything.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pillion import _core
from pillion.errors import UsageError
from pillion.kinds import registry
from pillion.kinds.spec import KindSpec
from pillion.model import DOCUMENTS, POLICY_NAMES, UNKNOWN, MediaClass, Recipe, SidecarKind, WantedSidecar

# policies -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class KindPolicy:
    """The part of a policy for one kind. ``settings`` go to the generator and into the recipe."""

    variants: tuple[str, ...]
    enable: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGenerationPolicy:
    """What one kind of device generates. A kind that is not in ``kinds`` is not generated."""

    name: str
    kinds: Mapping[SidecarKind, KindPolicy]


@functools.cache
def built_in_policies() -> Mapping[str, DeviceGenerationPolicy]:
    """The built-in policies: each kind defines which of its variants each policy wants."""
    return {
        name: DeviceGenerationPolicy(
            name=name,
            kinds={
                kind: KindPolicy(variants=spec.policies[name], settings=spec.defaults)
                for kind, spec in registry.specs().items()
                if name in spec.policies
            },
        )
        for name in POLICY_NAMES
    }


class Derived(Protocol):
    """A policy defined as changes to another; see :func:`override`."""

    @property
    def base(self) -> str: ...
    @property
    def kinds(self) -> Mapping[SidecarKind, Mapping[str, Any]]: ...


def named_policy(name: str, own: Mapping[str, Derived] | None = None) -> DeviceGenerationPolicy:
    """The policy with this name, built-in or one of the user's ``own``. Raises UsageError with the known names."""
    policies = built_in_policies()
    if own is not None and name in own:
        return replace(override(policies[own[name].base], own[name].kinds), name=name)
    if name not in policies:
        names = dict.fromkeys([*policies, *(own or ())])
        raise UsageError(f"There is no policy '{name}'; choose one of {', '.join(names)}.")
    return policies[name]


def override(
    policy: DeviceGenerationPolicy, changes: Mapping[SidecarKind, Mapping[str, Any]]
) -> DeviceGenerationPolicy:
    """``policy`` with a Location's or library's changes: for each kind ``enable``, ``variants`` and settings by name.

    A kind that is named but not in the policy is added, with its first variant if none is given.
    """
    kinds = dict(policy.kinds)
    for kind, change in changes.items():
        base = kinds.get(kind, _first_variant(registry.spec(kind)))
        settings = {key: value for key, value in change.items() if key not in ("enable", "variants")}
        kinds[kind] = replace(
            base,
            enable=change.get("enable", base.enable),
            variants=_variants(base.variants, change.get("variants")),
            settings={**base.settings, **settings},
        )
    return replace(policy, kinds=kinds)


def _variants(base: tuple[str, ...], change: Sequence[str] | Mapping[str, bool] | None) -> tuple[str, ...]:
    """A list replaces the variants; a table (name -> whether it is made) adds some and takes some out."""
    if change is None:
        return base
    if not isinstance(change, Mapping):
        return tuple(change)
    kept = [name for name in base if change.get(name, True)]
    return (*kept, *(name for name, made in change.items() if made and name not in base))


def _first_variant(spec: KindSpec) -> KindPolicy:
    return KindPolicy(variants=spec.variants[:1], settings=spec.defaults)


def restrict(policy: DeviceGenerationPolicy, kinds: Iterable[SidecarKind]) -> DeviceGenerationPolicy:
    """``policy`` with only these kinds."""
    keep = frozenset(kinds)
    return replace(policy, kinds={kind: part for kind, part in policy.kinds.items() if kind in keep})


def wanted_kinds(policy: DeviceGenerationPolicy, media_class: MediaClass) -> Mapping[SidecarKind, KindPolicy]:
    """The kinds to make for a file of this class, in the order of work.

    A kind made from another is wanted only if that one is enabled too.
    """
    enabled = {kind for kind, part in policy.kinds.items() if part.enable and part.variants}
    wanted: dict[SidecarKind, KindPolicy] = {}
    for kind, spec in registry.specs().items():
        source = spec.made_from.get(media_class)
        if kind in enabled and media_class in spec.classes and (source is None or source in enabled):
            wanted[kind] = policy.kinds[kind]
    return wanted


# wanted sidecars ------------------------------------------------------------------------------------------------------


UNSUPPORTED = Recipe(generator="none", version=1)
"""The recipe of a sidecar that no generator can make. A generator that can make it has another recipe, so it is tried
then."""


def wanted_sidecars(policy: DeviceGenerationPolicy, mime: str, claimed: str | None) -> Sequence[WantedSidecar]:
    """The sidecars that a file of type ``mime`` should have.

    ``claimed``: another type that the file's name claims. The sidecars of that type are wanted too, so that their state
    says what is wrong with the file. Where the bytes say nothing (``mime`` is UNKNOWN) and it is a picture, sound or
    film, it counts as the type: whether it is right, the engine that reads it decides.
    """
    if mime == UNKNOWN and claimed is not None and not claimed.startswith(DOCUMENTS):
        mime, claimed = claimed, None
    media_class = MediaClass(_core.media_class(mime))
    kinds = dict(wanted_kinds(policy, media_class))
    # A drawing (SVG) is not recognised, for example: there is nothing to be had, and nothing failed.
    kinds = {kind: part for kind, part in kinds.items() if registry.find(kind, mime) is not None}
    if claimed is not None:
        kinds = {**_claimed_kinds(policy, MediaClass(_core.media_class(claimed))), **kinds}
    result: list[WantedSidecar] = []
    for kind in (kind for kind in registry.names() if kind in kinds):
        source = registry.specs()[kind].made_from.get(media_class)
        # A drawing (SVG) is not recognised: its text is its own.
        is_made = source is not None and registry.find(source, mime) is not None
        first = registry.specs()[kind].taken_first
        made_from = [made for made in result if is_made and made.kind == source]
        awaited = min(made_from, key=lambda made: first(made.variant), default=None)
        for variant in kinds[kind].variants:
            result.append(_wanted(kind, mime, variant, kinds[kind].settings, awaited))
    return result


def signatures(wants_of: Callable[[str, None], Sequence[WantedSidecar]], mimes: Iterable[str]) -> dict[str, str]:
    """Type -> 16 hex digits that change with the sidecars that its files should have: kinds, variants or recipes."""
    return {mime: signature(wants_of(mime, None)) for mime in mimes}


def signature(wants: Sequence[WantedSidecar]) -> str:
    """Those digits of one type."""
    rows = [(want.kind, want.variant, want.digest) for want in wants]
    return digest_of(json.dumps(rows), 8)


def wanted_on_demand(
    policy: DeviceGenerationPolicy, kind: SidecarKind, variant: str, mime: str
) -> Sequence[WantedSidecar]:
    """A sidecar that somebody asks for, even if the policy does not want it, after the one that it is made from.

    Empty if files of this type have no such sidecar.
    """
    media_class = MediaClass(_core.media_class(mime))
    asked = {kind: {"enable": True, "variants": [variant]}}
    source = registry.specs()[kind].made_from.get(media_class)
    if source is not None:
        preferred = registry.specs()[kind].made_from_variants[:1]
        asked[source] = {"enable": True} | ({"variants": preferred} if preferred and source not in policy.kinds else {})
    wants = wanted_sidecars(restrict(override(policy, asked), asked), mime, None)
    return wants if any(want.kind == kind for want in wants) else []


def _claimed_kinds(policy: DeviceGenerationPolicy, media_class: MediaClass) -> dict[SidecarKind, KindPolicy]:
    """The kinds for the claimed type, except those that would wait for another sidecar, which cannot be made."""
    kinds = wanted_kinds(policy, media_class)
    return {kind: part for kind, part in kinds.items() if media_class not in registry.specs()[kind].made_from}


def _wanted(
    kind: SidecarKind, mime: str, variant: str, settings: Mapping[str, Any], awaited: WantedSidecar | None
) -> WantedSidecar:
    """One sidecar with its recipe, which contains the recipe of the sidecar that it is made from, if any."""
    generator = registry.find(kind, mime)
    recipe = UNSUPPORTED if generator is None else generator.recipe(mime, variant, settings)
    if awaited is not None:
        recipe = replace(recipe, settings={**recipe.settings, "made_from": awaited.digest})
    return wanted(kind, variant, recipe, settings, awaits=awaited.kind if awaited else None)


def wanted(
    kind: SidecarKind,
    variant: str,
    recipe: Recipe,
    settings: Mapping[str, Any],
    *,
    awaits: SidecarKind | None = None,
) -> WantedSidecar:
    """A wanted sidecar, with its recipe as the catalog keeps it."""
    text = canonical(recipe)
    return WantedSidecar(
        kind=kind,
        variant=variant,
        recipe=recipe,
        canonical=text,
        digest=digest_of(text),
        settings=settings,
        awaits=awaits,
    )


def canonical(recipe: Recipe) -> str:
    """The recipe as JSON with sorted keys."""
    values = {
        "generator": recipe.generator,
        "version": recipe.version,
        "model": recipe.model,
        "settings": dict(recipe.settings),
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def digest_of(text: str, size: int = 16) -> str:
    """BLAKE2b of a text, ``size`` bytes in lower-case hex digits."""
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
