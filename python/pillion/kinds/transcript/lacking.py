"""What of the tools for transcripts is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pillion import extras
from pillion.kinds import films
from pillion.kinds.lacking import Lacking, importable, sentences, slow


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For sound of any type, with the model of these settings."""
    packages = extras.missing("speech", "transcripts")
    if packages:
        return Lacking(any_file=(packages,))
    # They need what was looked for.
    from pillion.kinds.transcript import whisper
    from pillion.readers import media

    found = films.lacking_of(whisper.missing, media.missing, importable("ctranslate2", "faster_whisper"))
    model = sentences(slow(partial(whisper.loaded, settings.get("model") or "base")))
    return Lacking(any_file=(*found.any_file, *model), some=found.some)
