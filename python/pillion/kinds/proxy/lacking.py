"""What of the tools for proxies is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds import films
from pillion.kinds.lacking import Lacking
from pillion.readers.media import webm


def lacking(_mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """For films and sound of any type."""
    return films.lacking("proxies of films", encoders=(webm.VIDEO_ENCODER, webm.SOUND_ENCODER))
