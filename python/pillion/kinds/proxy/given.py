"""Checks proxies that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.model import Produced, SidecarFormat


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """A proxy, if it is WebM. Raises ItemError (corrupt)."""
    if _core.sniff(data[:65536]) not in ("video/webm", "audio/webm"):
        raise ItemError(ErrorClass.CORRUPT, f"{variant} is a film in WebM, and this is none")
    return Produced(variant=variant, format=SidecarFormat.WEBM, data=data)
