"""What the kinds need of a confined worker (pool/sandbox.py): models, programs, and what is made outside of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import msgspec

from pillion.failpoints import DIRECTORY_VARIABLE
from pillion.kinds import registry
from pillion.weights import finding


def models() -> list[Path]:
    """The folders of all models, and where links in them lead."""
    folders = finding.folders()
    return [*folders, *(target for folder in folders for target in _link_targets(folder, depth=3))]


def _link_targets(folder: Path, depth: int) -> Iterator[Path]:
    try:
        items = list(os.scandir(folder)) if depth else []
    except OSError:
        return
    for item in items:
        if item.is_symlink():
            yield Path(os.path.realpath(item.path))
        elif item.is_dir():
            yield from _link_targets(Path(item.path), depth - 1)


def programs() -> tuple[bytes, ...]:
    """The programs that the kinds start on this machine."""
    found: list[bytes] = []
    for spec in registry.specs().values():
        if spec.programs is not None:
            module, _, name = spec.programs.partition(":")
            found += map(os.fsencode, getattr(import_module(module), name)())
    return tuple(found)


WRITES = "PILLION_WORKERS_WRITE"
"""The variable that names more folders and files that workers may use: of kinds of other packages, and of tests."""


def written_elsewhere() -> tuple[bytes, ...]:
    named = [*os.environ.get(WRITES, "").split(os.pathsep), os.environ.get(DIRECTORY_VARIABLE, "")]
    return tuple(os.fsencode(os.path.abspath(path)) for path in named if path)


def obtaining(request: bytes) -> Sequence[str] | None:
    """The command that makes what a worker asks for in the cache of models (weights/outside.py); None: nobody may ask.

    The worker may have been taken over: it names one of the functions that the kinds declare, and gives it text.
    """
    try:
        name, arguments = msgspec.json.decode(request, type=tuple[str, list[str | list[str] | None]])
    except (msgspec.DecodeError, RecursionError):
        return None
    if name not in {function for spec in registry.specs().values() for function in spec.obtains}:
        return None
    return [sys.executable, "-P", "-m", "pillion.weights.outside", name, msgspec.json.encode(arguments).decode()]
