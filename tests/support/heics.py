"""HEIC files made at test time. Needs pillow-heif, the sister of pi-heif that can also write."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image


def heic(picture: Image.Image, **options: Any) -> bytes:
    """The picture as HEIC. ``exif`` with an orientation is written as irot and imir, and kept in EXIF too."""
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, **{"quality": 95, "chroma": 444, **options})
    return buffer.getvalue()


def deep_heic(picture: Image.Image) -> bytes:
    """The picture with 10 bits a sample."""
    pillow_heif = pytest.importorskip("pillow_heif")
    samples = np.asarray(picture.convert("RGB")).astype(np.uint16) * 257
    buffer = io.BytesIO()
    pillow_heif.encode("RGB;16", picture.size, samples.tobytes(), buffer, quality=95, chroma=444)
    return buffer.getvalue()
