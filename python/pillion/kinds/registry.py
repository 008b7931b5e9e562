"""All kinds: those of this package, one line each, and those of other packages, by entry points; and what files should
have of them: policies choose among kinds and variants, and policy x type gives wanted sidecars with their recipes.

Importing this loads no engine: a kind's record is light, and its generators are imported when first needed. No I/O
(but that the installed packages are asked once for their kinds), no clock, and nothing is generated.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pillion import _core
from pillion.errors import UsageError
from pillion.kinds.generator import Generator
from pillion.kinds.spec import KindSpec
from pillion.model import DOCUMENTS, POLICY_NAMES, UNKNOWN, MediaClass, Recipe, SidecarKind, WantedSidecar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = (
    "pillion.kinds.thumbnail.kind:KIND",
    "pillion.kinds.text.kind:KIND",
    "pillion.kinds.ocr.kind:KIND",
    "pillion.kinds.transcript.kind:KIND",
    "pillion.kinds.embedding.kind:KIND",
    "pillion.kinds.picture.kind:KIND",
    "pillion.kinds.thumbstrip.kind:KIND",
    "pillion.kinds.proxy.kind:KIND",
)
GROUP = "pillion.kinds"
"""The group of entry points by which other packages add kinds: ``name = "package.module:KIND"``."""


@functools.cache
def _built_in() -> Mapping[SidecarKind, KindSpec]:
    """Those of this package, by name."""
    return {spec.name: spec for spec in map(loaded, BUILT_IN)}


class _Kinds:
    """All kinds by name, in the order of work, and a notice about each that could not be loaded."""

    def __init__(self) -> None:
        from importlib.metadata import entry_points

        found = list(_built_in().values())
        self.notices: dict[str, str] = {}
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            spec = self._from(entry, {spec.name for spec in found})
            if spec is not None:
                found.append(spec)
        self.specs: dict[SidecarKind, KindSpec] = {
            spec.name: spec for spec in sorted(found, key=lambda spec: (spec.order, spec.name))
        }

    def _from(self, entry: EntryPoint, taken: set[SidecarKind]) -> KindSpec | None:
        """The kind of an entry point, or None and a notice, so that a broken kind does not stop the others."""
        try:
            spec = entry.load()
            if not isinstance(spec, KindSpec):
                raise TypeError(f"{entry.value} is no KindSpec")
            if spec.name in taken:
                raise ValueError(f"there is a kind '{spec.name}' already")
        except Exception as error:
            package = entry.dist.name if entry.dist else entry.value
            why = f"{type(error).__name__}: {error}"
            self.notices[entry.name] = f"The kind '{entry.name}' of the package {package} cannot be used ({why})."
            return None
        return spec


@functools.cache
def _kinds() -> _Kinds:
    return _Kinds()


@functools.cache
def specs() -> Mapping[SidecarKind, KindSpec]:
    """All kinds by name, in the order of work."""
    return _kinds().specs


@functools.cache
def names() -> tuple[SidecarKind, ...]:
    """The names of all kinds, in the order of work."""
    return tuple(_kinds().specs)


@functools.cache
def notices() -> Mapping[str, str]:
    """Kind -> one sentence, for installed kinds of other packages that cannot be used."""
    return _kinds().notices


def spec(kind: str) -> KindSpec:
    """The record of a kind. Raises UsageError, with the known names."""
    found = _kinds().specs.get(SidecarKind(kind))
    if found is None:
        raise UsageError(f"There is no kind '{kind}'; choose from {', '.join(names())}.")
    return found


def parse_kinds(kinds: Sequence[SidecarKind | str] | None) -> tuple[SidecarKind, ...]:
    """These kinds in the order of work; None means all. Raises UsageError for an unknown kind."""
    if kinds is None:
        return names()
    for kind in kinds:
        spec(kind)
    return tuple(kind for kind in names() if kind in kinds)


@functools.lru_cache(maxsize=64)
def chosen(kinds: tuple[SidecarKind | str, ...] | None) -> tuple[SidecarKind, ...]:
    """These kinds and those that they are made from, in the order of work; None means all. Raises UsageError."""
    return with_sources(parse_kinds(kinds))


def with_sources(kinds: Sequence[SidecarKind]) -> tuple[SidecarKind, ...]:
    """``kinds`` and the kinds that they are made from, in the order of work."""
    wanted = {*kinds, *(source for kind in kinds for source in sources_of(kind))}
    return tuple(kind for kind in names() if kind in wanted)


@functools.cache
def rank(kind: SidecarKind) -> int:
    """A kind's place in the order of work, from 0; the last for an unknown one."""
    known = names()
    return known.index(kind) if kind in known else len(known)


@functools.cache
def sources_of(kind: SidecarKind) -> tuple[SidecarKind, ...]:
    """The kinds that a kind is made from; none for an unknown one."""
    found = _kinds().specs.get(kind)
    return found.sources if found else ()


@functools.cache
def dependents_of(kind: SidecarKind) -> tuple[SidecarKind, ...]:
    """The kinds that are made from a kind."""
    return tuple(name for name, spec in specs().items() if kind in spec.sources)


@functools.lru_cache(maxsize=4096)
def is_own(kind: SidecarKind, variant: str) -> bool:
    """Whether a variant is one that a user defined, not one of the kind itself."""
    found = _kinds().specs.get(kind)
    return found is not None and variant not in found.variants


@functools.cache
def generators(kind: SidecarKind) -> tuple[Generator, ...]:
    """A kind's generators, in the order in which they are asked."""
    # Each worker begins here: to ask what else is installed takes a fifth of its start.
    record = _built_in().get(kind) or spec(kind)
    return tuple(loaded(name)() for name in record.generators)


@functools.lru_cache(maxsize=4096)
def find(kind: SidecarKind, mime: str) -> Generator | None:
    """The generator that makes ``kind`` from files of type ``mime``; None if there is none."""
    return next((generator for generator in generators(kind) if generator.accepts(mime)), None)


def loaded(name: str) -> Any:
    """The object named by "module:attribute"."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


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
                for kind, spec in specs().items()
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
        base = kinds.get(kind, _first_variant(spec(kind)))
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
    for kind, spec in specs().items():
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
    kinds = {kind: part for kind, part in kinds.items() if find(kind, mime) is not None}
    if claimed is not None:
        kinds = {**_claimed_kinds(policy, MediaClass(_core.media_class(claimed))), **kinds}
    result: list[WantedSidecar] = []
    for kind in (kind for kind in names() if kind in kinds):
        source = specs()[kind].made_from.get(media_class)
        # A drawing (SVG) is not recognised: its text is its own.
        is_made = source is not None and find(source, mime) is not None
        first = specs()[kind].taken_first
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
    source = specs()[kind].made_from.get(media_class)
    if source is not None:
        preferred = specs()[kind].made_from_variants[:1]
        asked[source] = {"enable": True} | ({"variants": preferred} if preferred and source not in policy.kinds else {})
    wants = wanted_sidecars(restrict(override(policy, asked), asked), mime, None)
    return wants if any(want.kind == kind for want in wants) else []


def _claimed_kinds(policy: DeviceGenerationPolicy, media_class: MediaClass) -> dict[SidecarKind, KindPolicy]:
    """The kinds for the claimed type, except those that would wait for another sidecar, which cannot be made."""
    kinds = wanted_kinds(policy, media_class)
    return {kind: part for kind, part in kinds.items() if media_class not in specs()[kind].made_from}


def _wanted(
    kind: SidecarKind, mime: str, variant: str, settings: Mapping[str, Any], awaited: WantedSidecar | None
) -> WantedSidecar:
    """One sidecar with its recipe, which contains the recipe of the sidecar that it is made from, if any."""
    generator = find(kind, mime)
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
