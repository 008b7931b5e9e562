"""The kind ``embeddings``: what it is made from, and how its jobs are run."""

from __future__ import annotations

from pillion.kinds.ocr.kind import OCR
from pillion.kinds.spec import FirstGuess, KindSpec
from pillion.kinds.text.kind import TEXT, TEXT_LIMITS
from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.model import MediaClass, SidecarFormat, SidecarKind

EMBEDDINGS = SidecarKind("embeddings")

EMBEDDING_MODEL = "all-MiniLM-L6-v2"

KIND = KindSpec(
    name=EMBEDDINGS,
    order=40,
    variants=(EMBEDDING_MODEL,),
    formats=(SidecarFormat.MESSAGEPACK,),
    classes=frozenset(set(MediaClass) - {MediaClass.OTHER}),
    made_from={
        MediaClass.TEXT: TEXT,
        MediaClass.IMAGE: OCR,
        MediaClass.PDF: OCR,
        MediaClass.VIDEO: TRANSCRIPT,
        MediaClass.AUDIO: TRANSCRIPT,
    },
    policies={"desktop": (EMBEDDING_MODEL,), "server": (EMBEDDING_MODEL,)},
    given="pillion.kinds.embedding.given:given",
    limits=TEXT_LIMITS,
    first_guess=FirstGuess(bytes={EMBEDDING_MODEL: 10_000.0}),
    generators=("pillion.kinds.embedding.generator:EmbeddingsGenerator",),
    models="pillion.kinds.embedding.models:rows",
    obtains=("pillion.kinds.embedding.models:found", "pillion.kinds.embedding.minilm:converted"),
    lacking="pillion.kinds.embedding.lacking:lacking",
)
