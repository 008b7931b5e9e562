"""The partial result of a long job, kept in files, so that a kill loses only a part of the work.

A checkpoint is written to a new file, with a checksum inside, which then replaces the old one; a damaged checkpoint
counts as none. The file's name says for which content and recipe it is.

What is large stands in parts beside it: files that are written once, with the number of the part at the end of their
names. A checkpoint that names parts is to be saved after them, with their hashes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.errors import ItemError
from pillion.pool import sandbox

_VERSION = 1


def load(path: Path) -> Mapping[str, Any] | None:
    """The state given to :func:`save`; None if there is none, or it is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        state: Mapping[str, Any] = json.loads(document["state"], parse_constant=_refuse)
        whole = document["checksum"] == _checksum(document["state"]) and document["version"] == _VERSION
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return state if whole and isinstance(state, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of a checkpoint")


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` (JSON values). If it cannot be written, the work continues without a checkpoint.

    A worker writes it to its own folder, from where its parent takes it to ``path`` at the next sign of life.
    """
    text = json.dumps(state, ensure_ascii=False)
    document = {"version": _VERSION, "checksum": _checksum(text), "state": text}
    path = sandbox.own_path(path)
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(exist_ok=True)
        new.write_text(json.dumps(document), encoding="utf-8")
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)


def part(path: Path, number: int) -> Path:
    """Where a part of the checkpoint at ``path`` is read; :func:`keep` brings it there."""
    return path.with_name(f"{path.name}.{number}")


def found_part(path: Path, number: int) -> Path:
    """Where a part is now: its parent takes it from a worker's own folder at the next sign of life."""
    kept = part(path, number)
    own = sandbox.own_path(kept)
    return own if own.exists() else kept


def new_part(path: Path) -> Path:
    """Where a part is written, until it is whole."""
    new = sandbox.own_path(path.with_suffix(".part"))
    new.parent.mkdir(exist_ok=True)
    return new


def keep(path: Path, number: int, whole: Path) -> str:
    """Make the file ``whole`` a part of the checkpoint at ``path``, and return its hash. Raises OSError."""
    hashed = _core.hash_file(whole).hash
    os.replace(whole, sandbox.own_path(part(path, number)))
    return hashed


def is_kept(path: Path, number: int, hashed: str) -> bool:
    """Whether a part is there and whole."""
    try:
        return _core.hash_file(part(path, number)).hash == hashed
    except (ItemError, OSError):
        return False


def _checksum(text: str) -> str:
    return _core.hash_bytes(text.encode()).hash
