"""What of the tools for picture embeddings is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import extras
from pillion.kinds.lacking import Lacking, importable, sentences, slow
from pillion.kinds.picture import models, towers


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For pictures and films."""
    needed = sentences(towers.missing, importable(*extras.EXTRAS["pictures"]))
    model = () if needed else sentences(slow(models.found), slow(towers.picture_tower))
    return Lacking(any_file=(*needed, *model))
