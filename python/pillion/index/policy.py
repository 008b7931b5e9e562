"""What is to be made for a file: device policy x media class -> wanted kinds and variants. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pillion.errors import UsageError
from pillion.model import EMBEDDING_MODEL, KIND_VARIANTS, MediaClass, SidecarKind

KINDS_OF_CLASS: Mapping[MediaClass, tuple[SidecarKind, ...]] = {
    MediaClass.IMAGE: (SidecarKind.THUMB, SidecarKind.OCR, SidecarKind.EMBEDDINGS),
    MediaClass.PDF: (SidecarKind.THUMB, SidecarKind.OCR, SidecarKind.EMBEDDINGS),
    MediaClass.VIDEO: (SidecarKind.THUMB, SidecarKind.TRANSCRIPT, SidecarKind.EMBEDDINGS),
    MediaClass.AUDIO: (SidecarKind.TRANSCRIPT, SidecarKind.EMBEDDINGS),
    MediaClass.TEXT: (SidecarKind.EMBEDDINGS,),
    MediaClass.OTHER: (),
}

TEXT_KIND_OF_CLASS: Mapping[MediaClass, SidecarKind] = {
    MediaClass.IMAGE: SidecarKind.OCR,
    MediaClass.PDF: SidecarKind.OCR,
    MediaClass.VIDEO: SidecarKind.TRANSCRIPT,
    MediaClass.AUDIO: SidecarKind.TRANSCRIPT,
}
"""The kind whose text the embeddings of such a file are made from. A text file is its own text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindPolicy:
    """One kind's share of a policy. ``settings`` are handed to the generator and belong to the recipe."""

    variants: tuple[str, ...]
    enable: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGenerationPolicy:
    """What one kind of device generates. A kind that is not in ``kinds`` is not generated."""

    name: str
    kinds: Mapping[SidecarKind, KindPolicy]


OCR_DEFAULTS: Mapping[str, Any] = {"languages": ["auto"]}
TRANSCRIPT_DEFAULTS: Mapping[str, Any] = {"model": "base", "language": None}


def _text_kinds() -> dict[SidecarKind, KindPolicy]:
    return {
        SidecarKind.OCR: KindPolicy(variants=("default",), settings=OCR_DEFAULTS),
        SidecarKind.TRANSCRIPT: KindPolicy(variants=("default",), settings=TRANSCRIPT_DEFAULTS),
        SidecarKind.EMBEDDINGS: KindPolicy(variants=(EMBEDDING_MODEL,)),
    }


_DESKTOP_THUMBS = ("grid@2x", "detail@1x", "grid@3x")

POLICIES: Mapping[str, DeviceGenerationPolicy] = {
    policy.name: policy
    for policy in (
        DeviceGenerationPolicy(name="mobile", kinds={SidecarKind.THUMB: KindPolicy(variants=("grid@2x", "icon"))}),
        DeviceGenerationPolicy(
            name="desktop",
            kinds={SidecarKind.THUMB: KindPolicy(variants=_DESKTOP_THUMBS), **_text_kinds()},
        ),
        DeviceGenerationPolicy(
            name="server",
            kinds={SidecarKind.THUMB: KindPolicy(variants=(*_DESKTOP_THUMBS, "detail@2x")), **_text_kinds()},
        ),
    )
}


class Derived(Protocol):
    """A policy that is another one with changes; see :func:`override`."""

    @property
    def base(self) -> str: ...
    @property
    def kinds(self) -> Mapping[SidecarKind, Mapping[str, Any]]: ...


def named_policy(name: str, own: Mapping[str, Derived] | None = None) -> DeviceGenerationPolicy:
    """The policy of this name, built in or one of the user's ``own``. Raises UsageError with the names there are."""
    if own is not None and name in own:
        return replace(override(POLICIES[own[name].base], own[name].kinds), name=name)
    if name not in POLICIES:
        names = dict.fromkeys([*POLICIES, *(own or ())])
        raise UsageError(f"There is no policy '{name}'; choose one of {', '.join(names)}.")
    return POLICIES[name]


def override(
    policy: DeviceGenerationPolicy, changes: Mapping[SidecarKind, Mapping[str, Any]]
) -> DeviceGenerationPolicy:
    """``policy`` with a Location's or library's changes: per kind ``enable``, ``variants``, and settings by name.

    A kind the policy lacks is added by naming it, with its first variant where none is given.
    """
    kinds = dict(policy.kinds)
    for kind, change in changes.items():
        base = kinds.get(kind, KindPolicy(variants=KIND_VARIANTS[kind][:1], settings=_default_settings(kind)))
        settings = {key: value for key, value in change.items() if key not in ("enable", "variants")}
        kinds[kind] = replace(
            base,
            enable=change.get("enable", base.enable),
            variants=tuple(change.get("variants", base.variants)),
            settings={**base.settings, **settings},
        )
    return replace(policy, kinds=kinds)


def _default_settings(kind: SidecarKind) -> Mapping[str, Any]:
    if kind is SidecarKind.OCR:
        return OCR_DEFAULTS
    return TRANSCRIPT_DEFAULTS if kind is SidecarKind.TRANSCRIPT else {}


def restrict(policy: DeviceGenerationPolicy, kinds: Iterable[SidecarKind]) -> DeviceGenerationPolicy:
    """``policy`` with only these kinds."""
    keep = frozenset(kinds)
    return replace(policy, kinds={kind: part for kind, part in policy.kinds.items() if kind in keep})


def wanted_kinds(policy: DeviceGenerationPolicy, media_class: MediaClass) -> Mapping[SidecarKind, KindPolicy]:
    """The kinds to make for a file of this class, in the order of work.

    Embeddings of a picture, sound or film are wanted only where the kind that gives its text is enabled too.
    """
    enabled = {kind for kind, part in policy.kinds.items() if part.enable and part.variants}
    wanted: dict[SidecarKind, KindPolicy] = {}
    for kind in KINDS_OF_CLASS[media_class]:
        text_kind = TEXT_KIND_OF_CLASS.get(media_class)
        if kind is SidecarKind.EMBEDDINGS and text_kind is not None and text_kind not in enabled:
            continue
        if kind in enabled:
            wanted[kind] = policy.kinds[kind]
    return wanted
