"""What of the tools for embeddings is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pillion import extras
from pillion.kinds.lacking import Lacking, importable, sentences, slow


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For texts, whatever they are of."""
    packages = extras.missing("embeddings", "embeddings")
    if packages:
        return Lacking(any_file=(packages,))
    # They need what was looked for.
    from pillion.kinds.embedding import minilm
    from pillion.kinds.embedding.generator import compute

    needed = sentences(importable(*extras.EXTRAS["embeddings"]))
    model = () if needed else sentences(slow(partial(minilm.load, compute(settings))))
    return Lacking(any_file=(*needed, *model))
