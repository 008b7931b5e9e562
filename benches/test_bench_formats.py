"""A 12-megapixel photograph in every format to the three WebP thumbnails of the desktop policy: half a second each.

The files are made by Pillow and pillow-heif from the JPEG file of ``test_bench_thumbnail``.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, features

import pillion
from benches.conftest import absent
from pillion.kinds.thumbnail.kind import THUMB_SPECS

SPECS = [THUMB_SPECS[name] for name in ("detail@1x", "grid@3x", "grid@2x")]
FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "AVIF": ("a.avif", "AVIF", {"quality": 75, "speed": 9}),
    "BMP": ("a.bmp", "BMP", {}),
    "GIF": ("a.gif", "GIF", {}),
    "HEIC": ("a.heic", "HEIF", {"quality": 75}),
    "JPEG 2000": ("a.jp2", "JPEG2000", {"quality_mode": "rates", "quality_layers": [20]}),
    "JPEG 2000, lossless": ("a.jp2", "JPEG2000", {"irreversible": False}),
    "PNG": ("a.png", "PNG", {"compress_level": 6}),
    "PPM": ("a.ppm", "PPM", {}),
    "TGA": ("a.tga", "TGA", {}),
    "TIFF, deflate": ("a.tif", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, JPEG": ("a.tif", "TIFF", {"compression": "jpeg", "quality": 90}),
    "TIFF, LZW": ("a.tif", "TIFF", {"compression": "tiff_lzw"}),
    "WebP": ("a.webp", "WEBP", {"quality": 85, "method": 2}),
}


def group(name: str) -> str:
    return f"thumbnail: 12-megapixel {name}"


@pytest.mark.benchmark
@pytest.mark.parametrize("name", FORMATS)
def test_format(benchmark: Any, name: str, photo_12mp: Path, tmp_path: Path, smoke: bool) -> None:
    benchmark.group = group(name)
    file_name, file_format, options = FORMATS[name]
    if file_format == "HEIF":
        try:
            import pillow_heif
        except ImportError:
            absent(group(name), "pillion", "pillow-heif is not installed")
        pillow_heif.register_heif_opener()
    if file_format == "AVIF" and not features.check("avif"):
        absent(group(name), "pillion", "this Pillow is built without AVIF")
    path = tmp_path / file_name
    with Image.open(photo_12mp) as photo:
        photo.convert("RGB").save(path, file_format, **options)
    variants = tuple(spec.name for spec in SPECS)
    made = benchmark.pedantic(pillion.thumbnail, args=(path, variants), rounds=1 if smoke else 5, warmup_rounds=1)
    with Image.open(io.BytesIO(made["detail@1x"])) as picture:
        assert max(picture.size) == min(SPECS[0].max_side, 800 if smoke else 4000)
    benchmark.extra_info.update(tool="pillion", note=f"{path.stat().st_size / 1e6:.1f} MB")
