"""What of the tools for proxies is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import extras
from pillion.kinds import films
from pillion.kinds.lacking import Lacking

_USE = "proxies of films"


def lacking(_mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """For films and sound of any type."""
    packages = extras.missing("video", _USE)
    if packages:
        return Lacking(any_file=(packages,))
    # It needs what was looked for.
    from pillion.readers.media import webm

    return films.lacking(_USE, encoders=(webm.VIDEO_ENCODER, webm.SOUND_ENCODER))
