"""What of the tools for sheets of frames is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds import films
from pillion.kinds.lacking import Lacking


def lacking(_mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """For films of any type."""
    return films.lacking("sheets of frames")
