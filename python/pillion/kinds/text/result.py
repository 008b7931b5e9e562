"""The JSON of a ``text`` sidecar (schema-1.json beside this, docs/sidecar-formats.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pillion.kinds.stored import reading, sidecar_json
from pillion.readers.documents.result import CellRun, DocumentPart, DocumentText, PartKind

SCHEMA_VERSION = 1


def to_json(result: DocumentText) -> str:
    """The bytes of the sidecar, as text."""
    return sidecar_json(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": "text",
            "engine": {"name": result.engine},
            "parts": [_stored(part) for part in result.parts],
            "truncated": result.truncated,
            "notes": list(result.notes),
        }
    )


def from_json(text: str | bytes) -> DocumentText:
    """What :func:`to_json` wrote. Raises ItemError (corrupt)."""
    with reading("text", text) as document:
        return DocumentText(
            engine=document["engine"]["name"],
            parts=tuple(map(_parsed, document["parts"])),
            truncated=bool(document["truncated"]),
            notes=tuple(document["notes"]),
        )


def _stored(part: DocumentPart) -> Mapping[str, Any]:
    cells = {"cells": [list(run) for run in part.cells]} if part.cells else {}
    return {**part.document(), **cells}


def _parsed(part: Mapping[str, Any]) -> DocumentPart:
    return DocumentPart(
        text=part["text"],
        kind=PartKind(part["part"]),
        number=int(part["number"]),
        name=part.get("name", ""),
        hidden=part.get("hidden", False),
        cells=tuple(map(_run, part.get("cells", ()))),
    )


def _run(values: Sequence[Any]) -> CellRun:
    line, lines, row, column = map(int, values)
    return line, lines, row, column
