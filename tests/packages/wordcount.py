"""A kind of sidecar in a package of its own: the number of words of a text file, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.settings import count
from pillion.kinds.spec import FirstGuess, KindSpec, Limits, Origin
from pillion.model import (
    DEFAULT_VARIANT,
    Empty,
    Generated,
    GenerationRequest,
    MediaClass,
    Produced,
    Recipe,
    SidecarFormat,
    SidecarKind,
)

WORDCOUNT = SidecarKind("wordcount")

KIND = KindSpec(
    name=WORDCOUNT,
    order=50,
    classes=frozenset({MediaClass.TEXT}),
    policies={"desktop": (DEFAULT_VARIANT,), "server": (DEFAULT_VARIANT,)},
    settings={"minimum": count("letters")},
    defaults={"minimum": 1},
    limits=Limits(deadline_s=10, deadline_s_per_mib=1, per_worker=64),
    first_guess=FirstGuess(seconds={MediaClass.TEXT: 0.01}, bytes={DEFAULT_VARIANT: 20.0}),
    generators=("wordcount:WordCount",),
    exports={"words": "wordcount:as_words"},
)


class WordCount:
    """Counts words of at least ``minimum`` letters."""

    kind = WORDCOUNT
    name = "wordcount"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Plain text."""
        return mime == "text/plain"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """What decides the number besides the text."""
        return Recipe(generator=self.name, version=self.version, settings={"minimum": settings["minimum"]})

    def generate(self, request: GenerationRequest) -> Generated:
        """Runs in a worker process. Raises ItemError."""
        text = request.source.read_text(encoding="utf-8", errors="replace")
        if "broken" in text:
            raise ItemError(ErrorClass.CORRUPT, "the text says that it is broken")
        if "crash" in text:
            os.abort()
        words = [word for word in text.split() if len(word) >= request.settings["minimum"]]
        if not words:
            return Empty(note="no words")
        data = json.dumps({"words": len(words)}).encode()
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data),)


def as_words(data: bytes, _origin: Origin) -> bytes:
    """``pillion export --to words``."""
    return f"{json.loads(data)['words']} words\n".encode()
