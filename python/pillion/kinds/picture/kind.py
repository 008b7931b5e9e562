"""The kind ``picture-embeddings``: what it is made from, and how its jobs are run."""

from __future__ import annotations

from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import MediaClass, SidecarFormat, SidecarKind

PICTURE_EMBEDDINGS = SidecarKind("picture-embeddings")

PICTURE_MODEL = "siglip2-base-patch16-224"
PICTURE_DIMENSIONS = 768
"""What its vectors have."""

KIND = KindSpec(
    name=PICTURE_EMBEDDINGS,
    order=45,
    variants=(PICTURE_MODEL,),
    formats=(SidecarFormat.MESSAGEPACK,),
    classes=frozenset({MediaClass.IMAGE, MediaClass.VIDEO}),
    made_from={MediaClass.IMAGE: THUMB, MediaClass.VIDEO: THUMB},
    # Twice what the model looks at, then what is nearest to that.
    made_from_variants=("grid@2x", "grid@3x", "detail@1x", "grid@1x", "detail@2x", "icon"),
    given="pillion.kinds.picture.given:given",
    limits=Limits(deadline_s=60, deadline_s_per_mib=1, memory_mib=2048, loading_s=60, per_worker=64),
    first_guess=FirstGuess(
        seconds={MediaClass.IMAGE: 0.1, MediaClass.VIDEO: 0.1},
        bytes={PICTURE_MODEL: 3300.0},
    ),
    generators=("pillion.kinds.picture.generator:PictureEmbeddingsGenerator",),
    models="pillion.kinds.picture.models:rows",
    obtains=("pillion.kinds.picture.models:found",),
    lacking="pillion.kinds.picture.lacking:lacking",
)
