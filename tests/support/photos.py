"""Pictures that behave like photographs: smooth skies, rough ground, sensor noise, EXIF. Each seed is another scene.

A decoder's speed and a JPEG's size depend on what is in the picture, so a flat test image would mislead. These come out
at about the size of a camera's files (a 12-megapixel one at quality 90: some 4 MB).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TWELVE_MEGAPIXELS = (4000, 3000)

_EXIF_MAKE, _EXIF_MODEL, _EXIF_ORIENTATION, _EXIF_DATE = 0x010F, 0x0110, 0x0112, 0x0132

# What to do to an upright picture so that a viewer which honours the tag shows it upright again.
_STORED_AS: dict[int, tuple[Image.Transpose, ...]] = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}


def photo(seed: int, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    """A landscape: sky with clouds and sun, ridges behind each other, grass. ``size``: (width, height) in pixels."""
    rng = np.random.default_rng(seed)
    width, height = size
    # Half the detail of a lens is gone at full size, as in a real camera: paint small, enlarge, add noise.
    w, h = max(width * 2 // 3, 8), max(height * 2 // 3, 8)
    y = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, w, dtype=np.float32)[None, :]

    hue = rng.uniform(0, 1)
    top = np.array([60 + 60 * hue, 110 + 30 * hue, 190 - 40 * hue], np.float32)
    low = np.array([225, 205 - 30 * hue, 180 - 60 * hue], np.float32)
    picture = top + (low - top) * (y[..., None] * 1.4).clip(0, 1) * np.ones((h, w, 1), np.float32)
    clouds = (_rough(rng, w, h, octaves=6, first=3) - 0.5).clip(0, 1)[..., None]
    picture = picture + (245 - picture) * clouds * 1.6
    sun_x, sun_y = rng.uniform(0.15, 0.85), rng.uniform(0.08, 0.3)
    glow = np.exp(-(((x - sun_x) * w / h) ** 2 + (y - sun_y) ** 2) / 0.006)[..., None]
    picture = picture + (255 - picture) * glow

    ridges = 4
    for ridge in range(ridges):
        near = (ridge + 1) / ridges
        outline = 0.38 + 0.14 * ridge + 0.16 * (_rough(rng, w, 1, octaves=8, first=2)[0] - 0.5)
        inside = (y > outline[None, :])[..., None]
        texture = _rough(rng, w, h, octaves=9, first=12, fade=0.75)[..., None] - 0.5
        ground = np.array([70 + 60 * hue, 95, 60], np.float32) * (0.5 + 0.5 * near)
        ground = ground * near + np.array([150, 165, 185], np.float32) * (1 - near)
        picture = np.where(inside, ground + texture * (60 + 120 * near), picture)

    small = Image.fromarray(picture.clip(0, 255).astype(np.uint8), "RGB")
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noise = rng.integers(-9, 10, size=(height, width, 1), dtype=np.int16)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8), "RGB")


def _rough(
    rng: np.random.Generator, width: int, height: int, *, octaves: int, first: int, fade: float = 0.6
) -> NDArray[np.float32]:
    """Fractal noise between 0 and 1, shape (height, width): random grids, each finer and fainter than the last."""
    total = np.zeros((height, width), np.float32)
    weight, sum_of_weights, cells = 1.0, 0.0, first
    for _ in range(octaves):
        if cells > max(width, height):
            break
        grid = rng.random((min(cells, height), cells), dtype=np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer, np.float32)
        sum_of_weights += weight
        weight, cells = weight * fade, cells * 2
    return total / sum_of_weights


def corners(size: tuple[int, int] = (320, 200)) -> Image.Image:
    """A picture whose corners are red, green, blue and yellow (clockwise from the top left): shows how it is turned."""
    width, height = size
    picture = Image.new("RGB", size, "grey")
    half = (width // 2, height // 2)
    for colour, place in (
        ("red", (0, 0)),
        ("lime", (width - half[0], 0)),
        ("blue", (width - half[0], height - half[1])),
        ("yellow", (0, height - half[1])),
    ):
        picture.paste(Image.new("RGB", half, colour), place)
    return picture


def jpeg_bytes(picture: Image.Image, *, quality: int = 90, orientation: int = 1, exif: bool = True) -> bytes:
    """``picture`` (upright) as a camera would store it: pixels turned, and an EXIF tag that says how to turn back."""
    for step in _STORED_AS[orientation]:
        picture = picture.transpose(step)
    tags = Image.Exif()
    if exif:
        tags[_EXIF_MAKE] = "Pillion"
        tags[_EXIF_MODEL] = "Sample"
        tags[_EXIF_ORIENTATION] = orientation
        tags[_EXIF_DATE] = "2024:05:04 10:11:12"
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling="4:2:0", exif=tags)
    return out.getvalue()


def write_photo(
    path: Path, seed: int, size: tuple[int, int] = (1600, 1200), *, quality: int = 90, orientation: int = 1
) -> Path:
    """A JPEG photograph at ``path``."""
    path.write_bytes(jpeg_bytes(photo(seed, size), quality=quality, orientation=orientation))
    return path


def write_many(folder: Path, number: int, size: tuple[int, int] = (160, 120)) -> None:
    """So many JPEG files in a new folder that show the same, each another content: bytes follow the picture's end."""
    folder.mkdir()
    jpeg = jpeg_bytes(photo(seed=1, size=size), quality=80)
    for index in range(number):
        (folder / f"{index:05d}.jpg").write_bytes(jpeg + index.to_bytes(4))
