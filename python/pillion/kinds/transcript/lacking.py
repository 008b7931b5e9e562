"""What of the tools for transcripts is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pillion.kinds.lacking import Lacking, importable, is_quick, sentences, slow
from pillion.kinds.transcript import models, whisper
from pillion.readers import media


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For sound of any type, with the model of these settings."""
    needed = sentences(whisper.missing, media.missing, importable("av", "numpy", "ctranslate2", "faster_whisper"))
    model = sentences(slow(partial(models.found, settings.get("model") or "base")))
    return Lacking(any_file=(*needed, *model), some=() if needed or is_quick() else media.missing_decoders())
