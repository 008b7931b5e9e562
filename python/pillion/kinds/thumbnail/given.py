"""Checks thumbnails that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds.thumbnail.generator import spec_of
from pillion.model import Produced


def given(variant: str, data: bytes, settings: Mapping[str, Any]) -> Produced:
    """A thumbnail, if it is a whole picture of the variant's format and no larger. Raises ItemError (corrupt)."""
    spec = spec_of(variant, settings)
    if spec is None:
        raise UsageError(f"There is no variant '{variant}' of thumb.")
    if _core.image_format(data) != spec.format:
        raise ItemError(ErrorClass.CORRUPT, f"{variant} is a picture in {spec.format}, and this is none")
    info = _core.probe(data)
    if max(info.width, info.height) > spec.max_side:
        message = f"it is {info.width} x {info.height} pixels, and {variant} has at most {spec.max_side}"
        raise ItemError(ErrorClass.CORRUPT, message)
    # Every pixel is decoded for the preview, so a damaged picture is found.
    (preview,) = _core.thumbnails(data, [("preview", 32, 50, 0)])
    if preview.truncated:
        raise ItemError(ErrorClass.CORRUPT, "the picture ends early")
    return Produced(
        variant=variant, format=spec.format, data=data, thumbhash=preview.thumbhash, likeness=preview.likeness
    )
