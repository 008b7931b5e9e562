"""Checks sheets that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.thumbstrip.index import index_of
from pillion.kinds.thumbstrip.kind import STRIP_SPECS
from pillion.model import Produced, SidecarFormat


def given(variant: str, data: bytes, _settings: Mapping[str, Any]) -> Produced:
    """A sheet, if it is a whole picture with an index that is right for it. Raises ItemError (corrupt)."""
    if _core.image_format(data) != SidecarFormat.WEBP:
        raise ItemError(ErrorClass.CORRUPT, f"{variant} is a picture in webp, and this is none")
    index, info, spec = index_of(data), _core.probe(data), STRIP_SPECS[variant]
    if index.variant != variant or len(index.tiles) > spec.frames:
        raise ItemError(ErrorClass.CORRUPT, f"the index of the sheet is of {index.variant}, not of {variant}")
    if (info.width, info.height) != (index.width, index.height):
        raise ItemError(ErrorClass.CORRUPT, "the index is of a sheet of another size")
    # Every pixel is decoded for the preview, so a damaged picture is found.
    (preview,) = _core.thumbnails(data, [("preview", 32, 50, 0)])
    if preview.truncated:
        raise ItemError(ErrorClass.CORRUPT, "the picture ends early")
    return Produced(variant=variant, format=SidecarFormat.WEBP, data=data)
