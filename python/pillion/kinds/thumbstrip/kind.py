"""The kind ``thumbstrip``: its sheets, and how its jobs are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pillion.kinds.settings import between
from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import MediaClass, SidecarFormat, SidecarKind

THUMBSTRIP = SidecarKind("thumbstrip")


@dataclass(frozen=True, kw_only=True, slots=True)
class StripSpec:
    """One variant: how many frames there are at most in a row and in a column, and the longest side of one in pixels.

    ``quality``: of the WebP, 0 to 100; ``method``: libwebp's effort, 0 (fastest) to 6 (smallest).
    """

    name: str
    columns: int
    rows: int
    side: int
    quality: int = 75
    method: int = 2

    @property
    def frames(self) -> int:
        """The most frames that a sheet has."""
        return self.columns * self.rows


STRIP_SPECS: Mapping[str, StripSpec] = {
    spec.name: spec
    for spec in (
        StripSpec(name="3x3", columns=3, rows=3, side=320),
        StripSpec(name="5x5", columns=5, rows=5, side=256),
        StripSpec(name="10x10", columns=10, rows=10, side=192),
    )
}

_BYTES_PER_PIXEL = 0.09
"""Of a sheet of wide frames."""

KIND = KindSpec(
    name=THUMBSTRIP,
    directory="thumbstrips",
    order=50,
    variants=tuple(STRIP_SPECS),
    formats=(SidecarFormat.WEBP,),
    classes=frozenset({MediaClass.VIDEO}),
    policies={"server": tuple(STRIP_SPECS)},
    by_variant={"quality": between(0, 100, "a quality")},
    given="pillion.kinds.thumbstrip.given:given",
    # The time goes with the number of frames and not with the size, but for files in which nobody can seek.
    limits=Limits(
        deadline_s=120,
        deadline_s_per_mib=0.05,
        cpu_s=60,
        cpu_s_per_mib=0.05,
        whole_s=3600,
        whole_s_per_mib=1,
        memory_mib=3072,
        per_worker=16,
    ),
    first_guess=FirstGuess(
        seconds={MediaClass.VIDEO: 1.5},
        bytes={name: spec.frames * spec.side**2 * 9 / 16 * _BYTES_PER_PIXEL for name, spec in STRIP_SPECS.items()},
    ),
    generators=("pillion.kinds.thumbstrip.generator:ThumbstripGenerator",),
    exports={
        "vtt": "pillion.kinds.thumbstrip.exports:vtt",
        "json": "pillion.kinds.thumbstrip.exports:index_json",
    },
    read_now="pillion.kinds.thumbstrip.generator:read_now",
    lacking="pillion.kinds.thumbstrip.lacking:lacking",
)
