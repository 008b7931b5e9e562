"""A 12-megapixel JPEG file to the three WebP thumbnails of the desktop policy, read and decoded once.

Each tool is used as its documentation advises: shrink on load, then the smaller ones from the largest. All encode with
libwebp at the same quality and at Pillion's effort.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from benches.conftest import absent
from pillion.kinds.thumbnail.kind import THUMB_SPECS

GROUP = "thumbnail: 12-megapixel JPEG to 3 variants"
SPECS = [THUMB_SPECS[name] for name in ("detail@1x", "grid@3x", "grid@2x")]
"""Largest first."""
EFFORT = 2


def with_pillion(path: Path) -> list[bytes]:
    import pillion

    return list(pillion.thumbnail(path, variants=tuple(spec.name for spec in SPECS)).values())


def with_pyvips(path: Path) -> list[bytes]:
    import pyvips

    image = pyvips.Image.thumbnail(str(path), SPECS[0].max_side, size="down").copy_memory()
    made = []
    for spec in SPECS:
        small = image if spec is SPECS[0] else image.thumbnail_image(spec.max_side, size="down")
        made.append(small.webpsave_buffer(Q=spec.quality, effort=EFFORT, keep="none"))
    return made


def with_pillow(path: Path) -> list[bytes]:
    made = []
    with Image.open(path) as opened:
        largest = (SPECS[0].max_side, SPECS[0].max_side)
        opened.draft("RGB", largest)
        image = ImageOps.exif_transpose(opened).convert("RGB")
    for spec in SPECS:
        image.thumbnail((spec.max_side, spec.max_side), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        image.save(out, "WEBP", quality=spec.quality, method=EFFORT)
        made.append(out.getvalue())
    return made


TOOLS: dict[str, Callable[[Path], list[bytes]]] = {
    "pillion": with_pillion,
    "pyvips": with_pyvips,
    "pillow": with_pillow,
}


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("tool", TOOLS)
def test_photo(benchmark: Any, tool: str, photo_12mp: Path, smoke: bool) -> None:
    make = TOOLS[tool]
    try:
        make(photo_12mp)
    except (ImportError, OSError) as error:
        if tool == "pillion":
            raise
        absent(GROUP, tool, f"not installed ({error})")
    made = benchmark.pedantic(make, args=(photo_12mp,), rounds=1 if smoke else 20)
    sides = []
    for data in made:
        with Image.open(io.BytesIO(data)) as picture:
            sides.append(max(picture.size))
    assert sorted(sides) == sorted(min(spec.max_side, 800 if smoke else 4000) for spec in SPECS)
    benchmark.extra_info.update(tool=tool, note=f"{sum(map(len, made)) / 1e3:.0f} kB of WebP")
