"""Checks texts that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.kinds.text.result import from_json
from pillion.model import Produced, SidecarFormat


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """The sidecar, if it is a whole result. Raises ItemError (corrupt)."""
    from_json(data)
    return Produced(variant=variant, format=SidecarFormat.JSON, data=data)
