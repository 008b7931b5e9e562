"""The kind ``text``: how its jobs are run."""

from __future__ import annotations

from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import DEFAULT_VARIANT, MediaClass, SidecarFormat, SidecarKind

TEXT = SidecarKind("text")

TEXT_LIMITS = Limits(
    deadline_s=120,
    deadline_s_per_mib=10,
    cpu_s=60,
    cpu_s_per_mib=20,
    memory_mib=1536,
    memory_mib_per_mib=64,
    loading_s=20,
    per_worker=256,
)
"""For what is done with the text of a file, however long it is: it is read, or cut into passages and embedded."""

KIND = KindSpec(
    name=TEXT,
    order=15,
    formats=(SidecarFormat.JSON,),
    classes=frozenset({MediaClass.TEXT}),
    policies={"desktop": (DEFAULT_VARIANT,), "server": (DEFAULT_VARIANT,)},
    given="pillion.kinds.text.given:given",
    limits=TEXT_LIMITS,
    first_guess=FirstGuess(seconds={MediaClass.TEXT: 0.01}, bytes={DEFAULT_VARIANT: 10_000.0}),
    # No more work than a thumbnail.
    heavy=False,
    generators=("pillion.kinds.text.generator:TextGenerator",),
    exports={"text": "pillion.kinds.text.generator:text"},
    read_now="pillion.kinds.text.generator:read_now",
    lacking="pillion.kinds.text.lacking:lacking",
)
