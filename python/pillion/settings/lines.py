"""The line of each key in a TOML file, since the standard parser returns only values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]

_MOST_TRIED = 4 << 20
"""So many characters are given to the parser again, for statements of many lines; what follows has no line then."""


def key_lines(text: str) -> Mapping[Path, int]:
    """Key path -> number of the line where it first appears, from 1. ``text`` must be valid TOML.

    A valid file is a sequence of statements that are each valid alone. So each is found by adding lines until the
    standard parser accepts them, and its keys are those that the parser returns. Keys far below very long ones are
    left out.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(text):
        data = tomllib.loads(statement)
        header = statement.lstrip().startswith("[")
        for path in _paths(data):
            lines.setdefault(path if header else table + path, number)
        if header:
            table = max(_paths(data), key=len)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, kept, tried = 0, "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not kept and (not line.strip() or line.lstrip().startswith("#")):
            continue
        start = start if kept else number
        kept += line
        tried += len(kept)
        if tried > _MOST_TRIED:
            return
        try:
            tomllib.loads(kept)
        except tomllib.TOMLDecodeError:
            continue
        yield start, kept
        kept = ""


def _paths(data: Mapping[str, Any], before: Path = ()) -> Iterator[Path]:
    for key, value in data.items():
        yield (*before, key)
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        if isinstance(inner, dict):
            yield from _paths(inner, (*before, key))
