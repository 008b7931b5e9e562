"""Signs in photographs: words rendered on a board, turned, and pasted into a made photograph."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support import photos


def board(*lines: str, pixels: int = 60) -> Image.Image:
    """A white board with dark lines on it, RGBA."""
    font = ImageFont.load_default(pixels)
    width = max(round(font.getlength(line)) for line in lines) + pixels
    picture = Image.new("RGBA", (width, round((len(lines) * 1.3 + 0.8) * pixels)), (245, 245, 238, 255))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((pixels // 2, round((0.4 + 1.3 * number) * pixels)), line, (25, 25, 40, 255), font)
    return picture


def photo_with(path: Path, *lines: str, turned: float = 5.0, pixels: int = 60, seed: int = 3) -> Path:
    """A photograph, 1600 x 1200, with a board in it; ``turned``: degrees clockwise."""
    picture = photos.photo(seed)
    sign = board(*lines, pixels=pixels).rotate(-turned, Image.Resampling.BICUBIC, expand=True)
    sign = sign.filter(ImageFilter.GaussianBlur(0.8))
    place = ((picture.width - sign.width) // 2, (picture.height - sign.height) // 2)
    picture.paste(sign.convert("RGB"), place, sign.getchannel("A"))
    picture.save(path, quality=90)
    return path
