"""The kind ``thumb``: its sizes, and how its jobs are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pillion.kinds.settings import between, one_of
from pillion.kinds.spec import FirstGuess, KindSpec, Limits, OwnVariants
from pillion.model import MediaClass, SidecarFormat, SidecarKind

THUMB = SidecarKind("thumb")


@dataclass(frozen=True, kw_only=True, slots=True)
class ThumbSpec:
    """One thumbnail variant: the longest side in pixels (never upscaled), the quality, 0 to 100, and the effort.

    The effort is libwebp's ``method``, 0 (fastest) to 6 (smallest). ``format``: webp, jpeg or avif.
    """

    name: str
    max_side: int
    quality: int
    method: int
    format: SidecarFormat = SidecarFormat.WEBP


THUMB_SPECS: Mapping[str, ThumbSpec] = {
    spec.name: spec
    for spec in (
        ThumbSpec(name="icon", max_side=128, quality=80, method=2),
        ThumbSpec(name="grid@1x", max_side=256, quality=85, method=2),
        ThumbSpec(name="grid@2x", max_side=512, quality=85, method=2),
        ThumbSpec(name="grid@3x", max_side=768, quality=85, method=2),
        ThumbSpec(name="detail@1x", max_side=1024, quality=90, method=2),
        ThumbSpec(name="detail@2x", max_side=2048, quality=90, method=2),
    )
}

_BYTES_PER_PIXEL = 0.11
"""Of a square thumbnail of the largest size that its variant allows."""

_DESKTOP = ("grid@2x", "detail@1x", "grid@3x")


DEFAULT = ThumbSpec(name="", max_side=0, quality=85, method=2)
"""What a variant of one's own has if its definition does not say."""
_FORMATS = ("webp", "jpeg", "avif")
_LONGEST_SIDE = 16_383
"""What a WebP file can hold."""

_quality = between(0, 100, "a quality")
_method = between(0, 6, "a WebP effort")


KIND = KindSpec(
    name=THUMB,
    directory="thumbs",
    order=10,
    variants=tuple(THUMB_SPECS),
    formats=tuple(SidecarFormat(name) for name in _FORMATS),
    classes=frozenset({MediaClass.IMAGE, MediaClass.PDF, MediaClass.VIDEO}),
    policies={"mobile": ("grid@2x", "icon"), "desktop": _DESKTOP, "server": (*_DESKTOP, "detail@2x")},
    by_variant={"quality": _quality, "method": _method},
    own_variants=OwnVariants(
        rules={
            "side": between(16, _LONGEST_SIDE, "the longest side in pixels"),
            "quality": _quality,
            "method": _method,
            "format": one_of(_FORMATS),
        },
        required=("side",),
    ),
    given="pillion.kinds.thumbnail.given:given",
    limits=Limits(
        deadline_s=60,
        deadline_s_per_mib=1,
        cpu_s=10,
        cpu_s_per_mib=4,
        memory_mib=2048,
        memory_mib_per_mib=64,
        per_worker=256,
    ),
    first_guess=FirstGuess(
        seconds={MediaClass.IMAGE: 0.02, MediaClass.PDF: 0.02, MediaClass.VIDEO: 0.2},
        bytes={name: _BYTES_PER_PIXEL * spec.max_side**2 for name, spec in THUMB_SPECS.items()},
    ),
    heavy=False,
    generators=(
        "pillion.kinds.thumbnail.generator:ImageThumbGenerator",
        "pillion.kinds.thumbnail.generator:PdfThumbGenerator",
        "pillion.kinds.thumbnail.generator:VideoThumbGenerator",
    ),
    lacking="pillion.kinds.thumbnail.lacking:lacking",
)
