"""The parts without a library: thumbnails, hash, OCR, transcript, embeddings of one file or text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pillion import _core, generators
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.model import THUMB_SPECS, Empty, GenerationRequest, SidecarKind

PathLike = str | os.PathLike[str]


def thumbnail(source: PathLike | bytes, variants: Sequence[str] = ("grid@2x",)) -> dict[str, bytes]:
    """WebP thumbnails of a picture: variant -> bytes. One read and one decode for all, in Rust, without the GIL.

    ``source`` is a path or the picture's bytes. Raises ItemError (``corrupt``, ``unsupported``, ``too_large``,
    ``missing_source``), UsageError for an unknown variant.
    """
    check_variants(variants)
    specs = [(name, THUMB_SPECS[name].max_side, THUMB_SPECS[name].quality) for name in variants]
    return {made.name: made.data for made in _core.thumbnails(source, specs)}


def file_thumbnail(path: PathLike, variants: Sequence[str] = ("grid@2x",)) -> dict[str, bytes]:
    """The same for any file that can have a thumbnail: pictures, PDFs and videos."""
    check_variants(variants)
    mime = mime_of(path)
    generator = generators.find(SidecarKind.THUMB, mime)
    if generator is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"No thumbnail can be made of {mime}.")
    request = GenerationRequest(kind=SidecarKind.THUMB, variants=tuple(variants), source=Path(path), mime=mime)
    made = generator.generate(request)
    if isinstance(made, Empty):
        raise ItemError(ErrorClass.UNSUPPORTED, made.note)
    return {produced.variant: produced.data for produced in made}


def check_variants(variants: Sequence[str]) -> None:
    """Raises UsageError for a thumbnail variant that there is not."""
    for name in variants:
        if name not in THUMB_SPECS:
            raise UsageError(f"There is no thumbnail variant '{name}'; choose from {', '.join(THUMB_SPECS)}.")


def mime_of(path: PathLike) -> str:
    """The type of a file by its first bytes. Raises ItemError (``missing_source``)."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, f"Cannot read {os.fspath(path)}: {error.strerror}.") from error
    return _core.sniff(head, os.path.basename(os.fsencode(path)))


def sidecar_text(path: Path) -> str:
    """The text in an OCR or transcript sidecar; empty if the file is gone."""
    try:
        data: Mapping[str, object] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ""
    return str(data.get("text", ""))
