"""What of the tools for proxies is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import extras
from pillion.kinds.lacking import Lacking, importable, is_quick, sentences
from pillion.readers import media


def lacking(_mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """For films and sound of any type."""
    needed = sentences(lambda: extras.missing("video", "proxies"), importable("av", "numpy"))
    return Lacking(any_file=needed, some=() if needed or is_quick() else media.missing_decoders())
