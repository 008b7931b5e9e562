"""The kind ``thumb``: its sizes, and how its jobs are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pillion.kinds.settings import nearest
from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import MediaClass, SidecarKind

THUMB = SidecarKind("thumb")


@dataclass(frozen=True, kw_only=True, slots=True)
class ThumbSpec:
    """One thumbnail variant: the longest side in pixels (never upscaled), the WebP quality, 0 to 100, and the effort.

    The effort is libwebp's ``method``, 0 (fastest) to 6 (smallest).
    """

    name: str
    max_side: int
    quality: int
    method: int


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


def _method(value: Any) -> str | None:
    expected = 'a WebP effort from 0 to 6, or a table of them by variant, e.g. { "detail@1x" = 4 }'
    efforts = value.values() if isinstance(value, dict) else [value]
    if any(isinstance(effort, bool) or effort not in range(7) for effort in efforts):
        return expected
    wrong = next((name for name in value if name not in THUMB_SPECS), None) if isinstance(value, dict) else None
    return None if wrong is None else expected + nearest(wrong, tuple(THUMB_SPECS))


KIND = KindSpec(
    name=THUMB,
    directory="thumbs",
    order=10,
    variants=tuple(THUMB_SPECS),
    classes=frozenset({MediaClass.IMAGE, MediaClass.PDF, MediaClass.VIDEO}),
    policies={"mobile": ("grid@2x", "icon"), "desktop": _DESKTOP, "server": (*_DESKTOP, "detail@2x")},
    settings={"method": _method},
    limits=Limits(deadline_s=60, deadline_s_per_mib=1, per_worker=256),
    first_guess=FirstGuess(
        seconds={MediaClass.IMAGE: 0.03, MediaClass.PDF: 0.1, MediaClass.VIDEO: 0.2},
        bytes={name: _BYTES_PER_PIXEL * spec.max_side**2 for name, spec in THUMB_SPECS.items()},
    ),
    heavy=False,
    generators=(
        "pillion.kinds.thumbnail.generator:ImageThumbGenerator",
        "pillion.kinds.thumbnail.generator:PdfThumbGenerator",
        "pillion.kinds.thumbnail.generator:VideoThumbGenerator",
    ),
)
