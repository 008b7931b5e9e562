"""What to make for a file: device policy x media class -> wanted kinds and variants. Pure: no I/O, no clock."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pillion.errors import UsageError
from pillion.kinds import registry
from pillion.kinds.spec import KindSpec
from pillion.model import POLICY_NAMES, MediaClass, SidecarKind


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
            variants=tuple(change.get("variants", base.variants)),
            settings={**base.settings, **settings},
        )
    return replace(policy, kinds=kinds)


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
