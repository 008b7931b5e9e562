"""The description of a known model, and the folder of one that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pillion.errors import ErrorClass, ItemError

_SAID = 160
"""Characters of what somebody else's program says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownModel:
    """A model that Pillion can find by name. ``sha256`` is that of ``weights`` in the packages."""

    name: str
    title: str
    weights: str
    sha256: str = ""
    tokenizer: str = ""
    """A second file that decides the result, if the recipe names it."""
    tokenizer_sha256: str = ""
    hub: str = ""
    revision: str = ""
    """That of the hub's repository which is fetched; none: the newest."""
    files: tuple[str, ...] = ()
    pinned: Mapping[str, str] = field(default_factory=dict)
    """File -> SHA-256 of files that the model needs beside its weights: what is fetched is compared with these."""
    package: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    """(import name, folder in the package) of the packages that contain the weights, in order of the parts."""
    install: str = ""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model ready to load: its folder and the SHA-256 of its weights."""

    path: Path
    sha256: str


def missing(message: str) -> ItemError:
    """The error for a missing model or file, with a message that says how to get it."""
    return ItemError(ErrorClass.MISSING_TOOL, message)


def brief(error: Exception) -> str:
    """The kind of an error and the first line of what it says: "ImportError" alone tells nobody what is missing."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    said = first if len(first) <= _SAID else f"{first[:_SAID]}..."
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
