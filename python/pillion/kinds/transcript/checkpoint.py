"""What a long job has made so far, kept in a file, so that a kill costs a part of the work and not all of it.

A checkpoint is written to a new file that then takes the name of the old one, with a checksum inside: one that is
damaged counts as none. Whoever reads one knows that its file's name says for which content and recipe it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillion import _core

_VERSION = 1


def load(path: Path) -> Mapping[str, Any] | None:
    """What :func:`save` was given; None if there is nothing, or it is not whole."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        state: Mapping[str, Any] = json.loads(document["state"])
        whole = document["checksum"] == _checksum(document["state"]) and document["version"] == _VERSION
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if whole else None


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Keep ``state`` (JSON values). Where it cannot be written, the work goes on without."""
    text = json.dumps(state, ensure_ascii=False)
    document = {"version": _VERSION, "checksum": _checksum(text), "state": text}
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(exist_ok=True)
        new.write_text(json.dumps(document), encoding="utf-8")
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)


def _checksum(text: str) -> str:
    return _core.hash_bytes(text.encode()).hash
