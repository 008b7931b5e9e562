"""Pictures without a library: pixels, thumbnails and their hashes, and which formats are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pillion import _core, generators
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.generators import formats as table
from pillion.generators import pictures
from pillion.generators.formats import FormatRow
from pillion.generators.pictures import MAX_PIXELS, mime_of
from pillion.model import THUMB_SPECS, Empty, GenerationRequest, SidecarKind

PathLike = str | os.PathLike[str]
Path_ = TypeVar("Path_", bound=PathLike)


def decode(source: PathLike | bytes, *, max_side: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The pixels of a picture: upright, in sRGB, uint8, shape (H, W, 3), or (H, W, 4) where it has alpha (straight).

    ``source`` is a path or the file's bytes. A picture with a longer side than ``max_side`` pixels is scaled down to
    it, which costs far less than decoding all of it. Raises ItemError (``corrupt``, ``unsupported``,
    ``missing_source``, ``oom``; ``too_large`` above ``max_pixels``), UsageError for a ``max_side`` below 1.
    """
    if max_side is not None and max_side < 1:
        raise UsageError("max_side must be at least 1.")
    return pictures.decode(source, max_side=max_side, max_pixels=max_pixels)


def thumbnail(source: PathLike | bytes | NDArray[np.uint8], variants: Sequence[str] = ("grid@2x",)) -> dict[str, bytes]:
    """WebP thumbnails of a picture: variant -> bytes. One read and one decode for all, in Rust, without the GIL.

    ``source`` is a path, the file's bytes, or pixels as :func:`decode` gives them. What the core does not read is
    decoded by an extra that does (``pillion formats``). Raises ItemError (``corrupt``,
    ``unsupported``, ``too_large``, ``missing_source``), UsageError for an unknown variant or an array of another shape.
    """
    check_variants(variants)
    specs = _specs(variants)
    if isinstance(source, np.ndarray):
        made = _core.thumbnails_from_pixels(_checked_pixels(source), specs)
    else:
        made = pictures.thumbnails(source, specs)
    return {thumb.name: thumb.data for thumb in made}


def thumbnail_batch(
    paths: Iterable[Path_], variants: Sequence[str] = ("grid@2x",), *, threads: int = 0
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    """Thumbnails of many pictures, made by ``threads`` threads in Rust without the GIL (0: one for each core).

    Yields (the path as given, variant -> bytes) as each is done, in no fixed order, and (path, ItemError) for a file
    that cannot be had or decoded: one bad file never stops the rest. ``paths`` is read only as threads get free, so it
    may be endless; two files for each thread are in flight at most. To stop, leave the loop or close the iterator: the
    threads end with the picture each is at. Raises UsageError for an unknown variant.
    """
    check_variants(variants)
    return _batch(_core.thumbnail_batch(paths, _specs(variants), threads=threads))


def _batch(
    batch: _core.ThumbnailBatch[Path_],
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    try:
        for path, made in batch:
            yield path, made if isinstance(made, ItemError) else {thumb.name: thumb.data for thumb in made}
    finally:
        batch.close()


def _specs(variants: Sequence[str]) -> list[_core.Spec]:
    wanted = [THUMB_SPECS[name] for name in variants]
    return [(spec.name, spec.max_side, spec.quality, spec.method) for spec in wanted]


def _checked_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.size == 0:
        raise UsageError(f"Pixels must be uint8 of shape (H, W, 3 or 4), not {pixels.dtype} of shape {pixels.shape}.")
    return np.ascontiguousarray(pixels)


def thumbhash(source: PathLike | bytes | NDArray[np.uint8]) -> bytes:
    """The ThumbHash of a picture: at most 25 bytes that show roughly what is there, until a thumbnail is loaded.

    ``source`` and what is raised are as for :func:`thumbnail`.
    """
    if isinstance(source, np.ndarray):
        return _core.thumbhash(_checked_pixels(source))
    return pictures.thumbhash(source)


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


def file_thumbnail_batch(
    paths: Iterable[Path_], variants: Sequence[str] = ("grid@2x",), *, threads: int = 0
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    """:func:`thumbnail_batch` for any files: pictures first, then, one by one, what :func:`file_thumbnail` takes."""
    check_variants(variants)
    return _file_batch(paths, variants, threads)


def _file_batch(
    paths: Iterable[Path_], variants: Sequence[str], threads: int
) -> Iterator[tuple[Path_, dict[str, bytes] | ItemError]]:
    others: list[Path_] = []

    def only_pictures() -> Iterator[Path_]:
        for path in paths:
            if is_picture(path):
                yield path
            else:
                others.append(path)

    for path, made in thumbnail_batch(only_pictures(), variants, threads=threads):
        if isinstance(made, ItemError) and made.error_class is ErrorClass.UNSUPPORTED:
            others.append(path)  # another decoder may know it
        else:
            yield path, made
    for path in others:
        try:
            yield path, file_thumbnail(path, variants)
        except ItemError as error:
            yield path, error


def is_picture(path: PathLike) -> bool:
    """Whether the file's first bytes are those of a picture; False too for one that cannot be read."""
    try:
        return mime_of(path).startswith("image/")
    except ItemError:
        return False


def has_thumbnail(path: PathLike) -> bool:
    """Whether a thumbnail can be made of files of this type; False too for one that cannot be read."""
    try:
        return generators.find(SidecarKind.THUMB, mime_of(path)) is not None
    except ItemError:
        return False


def check_variants(variants: Sequence[str]) -> None:
    """Raises UsageError for a thumbnail variant that there is not."""
    for name in variants:
        if name not in THUMB_SPECS:
            raise UsageError(f"There is no thumbnail variant '{name}'; choose from {', '.join(THUMB_SPECS)}.")


def formats() -> list[FormatRow]:
    """The table of picture formats: who reads each, and whether that is installed or which extra it takes."""
    return table.formats()
