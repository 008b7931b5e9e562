"""Libraries with sidecars that tests write themselves, so that searching them needs no engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from pillion.library import Library


def pages_json(*pages: Sequence[str], languages: Sequence[str] = ("eng",)) -> bytes:
    """An ``ocr`` sidecar: each page is a list of lines."""
    made = []
    for number, lines in enumerate(pages, 1):
        rows = [
            {"text": line, "words": [], "box": [10, 20 * at, 200, 20 * at + 15], "paragraph": at == 0}
            for at, line in enumerate(lines)
        ]
        made.append(
            {
                "number": number,
                "source": "ocr",
                "width": 600,
                "height": 800,
                "unit": "px",
                "rotation": 0,
                "mean_confidence": 90.0,
                "text": "\n".join(lines),
                "lines": rows,
            }
        )
    return _json(
        {
            "schema_version": 2,
            "kind": "ocr",
            "engine": {"name": "test", "version": "1"},
            "languages": list(languages),
            "mean_confidence": 90.0,
            "text": "\f".join(page["text"] for page in made),
            "pages": made,
            "notes": [],
        }
    )


def speech_json(*segments: tuple[float, float, str], language: str = "en") -> bytes:
    """A ``transcript`` sidecar of (start, end, text)."""
    rows = [{"start": start, "end": end, "text": text, "words": []} for start, end, text in segments]
    return _json(
        {
            "schema_version": 1,
            "kind": "transcript",
            "engine": {"name": "test", "version": "1", "model": "test"},
            "language": language,
            "language_probability": 1.0,
            "duration": segments[-1][1],
            "text": "\n".join(text for _, _, text in segments),
            "segments": rows,
            "dropped": [],
            "notes": [],
        }
    )


def embeddings_of(chunks: Sequence[Mapping[str, Any]], vectors: np.ndarray) -> bytes:
    """An ``embeddings`` sidecar. ``vectors``: shape (len(chunks), 384)."""
    data: bytes = msgpack.packb(
        {
            "schema_version": 1,
            "kind": "embeddings",
            "model": "all-MiniLM-L6-v2",
            "compute": "int8",
            "dim": 384,
            "dtype": "float32-le",
            "truncated": False,
            "chunks": [{"source": "file", "start": 0, "end": len(chunk["text"]), **chunk} for chunk in chunks],
            "vectors": np.ascontiguousarray(vectors, dtype="<f4").tobytes(),
        },
        use_bin_type=True,
    )
    return data


def picture_embedding_of(vector: np.ndarray) -> bytes:
    """A ``picture-embeddings`` sidecar. ``vector``: shape (768,)."""
    data: bytes = msgpack.packb(
        {
            "schema_version": 1,
            "kind": "picture-embeddings",
            "model": "siglip2-base-patch16-224",
            "weights": "0" * 64,
            "dim": 768,
            "dtype": "float32-le",
            "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
        }
    )
    return data


def unit_vectors(number: int, seed: int, dimensions: int = 384) -> np.ndarray:
    """Vectors of unit length, the same each time; shape (number, dimensions)."""
    found = np.random.default_rng(seed).normal(size=(number, dimensions)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def add_page(
    library: Library, folder: Path, name: str, *pages: Sequence[str], languages: Sequence[str] = ("eng",)
) -> str:
    """A picture file whose page is already read; returns its content uuid."""
    from tests.support.kills import write_picture

    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, seed=sum(map(ord, name)) * 7919 + len(name))
    library.index(folder, kinds=["thumb"])
    (uuid,) = library.find(path)
    library.record(uuid, "ocr", "default", pages_json(*pages, languages=languages))
    return uuid
