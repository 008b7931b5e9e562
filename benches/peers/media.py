"""The pictures of the comparison: photographs of two Debian packages, made similar to those of phones and screens.

A wallpaper is wide and has no sensor noise; phones store 4:3 with noise in every block, on which an entropy decoder
spends its time. So each photograph is cropped, scaled and given a little noise before it is encoded again.
All files are stored in a cache folder, once; none is in this repository.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benches.peers.debian import unpack
from benches.peers.environments import SetupError

PACKAGES = ("plasma-workspace-wallpapers", "mate-backgrounds")

PHOTOGRAPHS = (
    "wallpapers/Autumn/contents/images/2560x1600.jpg",
    "wallpapers/BytheWater/contents/images/2560x1600.jpg",
    "wallpapers/ColdRipple/contents/images/2560x1600.jpg",
    "wallpapers/EveningGlow/contents/images/2560x1600.jpg",
    "wallpapers/FallenLeaf/contents/images/2560x1600.jpg",
    "wallpapers/OneStandsOut/contents/images/2560x1600.jpg",
    "backgrounds/mate/nature/Dune.jpg",
    "backgrounds/mate/nature/Storm.jpg",
)
"""Below usr/share of the unpacked packages."""

PHONE = (4032, 3024)
CAMERA = (6000, 4000)
SMALL = (1152, 864)
SCREEN = (3840, 2160)

NOISE = 4.0
"""Standard deviation of the noise, in steps of 255. It stands for the fine detail too that an enlarged wallpaper lacks;
with it the files are about as large as those of a phone."""

_ORIENTATION = 0x0112


def fetch(cache: Path) -> list[Path]:
    """The photographs, from the cache folder or from their packages. Raises SetupError."""
    shared = cache / "unpacked" / "usr" / "share"
    found = [shared / name for name in PHOTOGRAPHS]
    if all(path.is_file() for path in found):
        return found
    unpack(PACKAGES, cache / "unpacked")
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        raise SetupError(f"the packages {' and '.join(PACKAGES)} hold no {', '.join(missing)} any more")
    return found


def frame(source: Path, size: tuple[int, int], seed: int, zoom: float = 1.0) -> Image.Image:
    """A photograph cut to the shape of ``size`` (at a place and mirroring of ``seed``), scaled to it, with noise."""
    rng = np.random.default_rng(seed)
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    if seed % 2:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    fit = min(picture.width / size[0], picture.height / size[1]) / zoom
    width, height = size[0] * fit, size[1] * fit
    left = rng.uniform(0, picture.width - width)
    top = rng.uniform(0, picture.height - height)
    box = (left, top, left + width, top + height)
    scaled = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    # One table of noise, laid over each frame at another place: fresh noise for 12 megapixels takes half a second.
    noise = np.random.default_rng(1).normal(0, NOISE, (1021, 1019, 3)).astype(np.float32)
    noise = np.roll(noise, (seed * 97, seed * 89), (0, 1))
    tiled = np.tile(noise, (-(-size[1] // 1021), -(-size[0] // 1019), 1))[: size[1], : size[0]]
    pixels = np.asarray(scaled, np.float32) + tiled
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8), "RGB")


def write_jpeg(
    picture: Image.Image, path: Path, *, quality: int = 92, progressive: bool = False, turned: bool = False
) -> None:
    """A 4:2:0 JPEG as cameras write it. ``turned``: stored on its side, with the EXIF tag that says so."""
    tags = Image.Exif()
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        tags[_ORIENTATION] = 6
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling="4:2:0", progressive=progressive, exif=tags)
    _put(path, out.getvalue())


def write_screenshot(wallpaper: Path, path: Path) -> None:
    """A 4K desktop as PNG: a photograph behind windows full of text, a toolbar, a picture in one of the windows."""
    width, height = SCREEN
    with Image.open(wallpaper) as opened:
        screen = opened.convert("RGB").resize(SCREEN, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, height - 88, width, height), fill=(32, 33, 36))
    for place in range(9):
        draw.ellipse((40 + place * 96, height - 76, 104 + place * 96, height - 12), fill=(60 + place * 20, 120, 200))
    _window(draw, (140, 100, 1980, 1900), dark=False, size=28)
    _window(draw, (2060, 220, 3740, 1280), dark=True, size=24)
    inset = screen.resize((1100, 619), Image.Resampling.LANCZOS)
    screen.paste(inset, (2400, 1380))
    out = io.BytesIO()
    screen.save(out, "PNG")
    _put(path, out.getvalue())


_TEXT = (
    "The catalog knows every content once, however many files hold it.",
    "def claim(self, limit: int) -> list[Job]:  # in one statement, fenced by a token",
    "    return [Job(**row) for row in self.connection.execute(CLAIM, {'limit': limit})]",
    "Sat 14:02  make lint    ok     Sun 09:31  make test    412 passed in 63.20s",
    "",
)


def _window(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], *, dark: bool, size: int) -> None:
    paper, ink = ((30, 30, 30), (212, 212, 212)) if dark else ((255, 255, 255), (33, 33, 33))
    left, top, right, bottom = box
    draw.rounded_rectangle((left, top - 64, right, bottom), 18, fill=(222, 225, 230))
    draw.rectangle((left, top, right, bottom), fill=paper)
    font = ImageFont.load_default(size)
    for number, y in enumerate(range(top + 24, bottom - size, size * 3 // 2)):
        draw.text((left + 24, y), str(number + 1), font=font, fill=(140, 140, 140))
        draw.text((left + 110, y), _TEXT[number % len(_TEXT)], font=font, fill=ink)


def reference(path: Path, size: tuple[int, int]) -> np.ndarray:
    """What a thumbnail should show: float32 RGB, shape (height, width, 3), values 0 to 255.

    Full decode (libjpeg-turbo's accurate transform, smooth chroma), upright, then Lanczos with three lobes in 32-bit
    floating point over the stored (gamma-encoded) values, which is the light all tools here scale in.
    """
    from PIL import ImageOps

    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    planes = [
        np.asarray(Image.fromarray(np.asarray(plane, np.float32)).resize(size, Image.Resampling.LANCZOS))
        for plane in upright.split()
    ]
    return np.stack(planes, axis=-1)


def kept_reference(path: Path, size: tuple[int, int]) -> np.ndarray:
    """:func:`reference`, kept in a file beside the picture: it takes a second to make."""
    kept = path.with_name(f"{path.name}.{size[0]}x{size[1]}.npy")
    if not kept.is_file() or kept.stat().st_mtime < path.stat().st_mtime:
        out = io.BytesIO()
        np.save(out, reference(path, size))
        _put(kept, out.getvalue())
    kept_values: np.ndarray = np.load(kept)
    return kept_values


def prepare(cache: Path, originals: Sequence[Path], folder_of: int) -> dict[str, list[Path]]:
    """The files of each row, made where they are missing: phone, camera, small, screen, folder."""
    made = cache / "frames"
    made.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Path]] = {"phone": [], "camera": [], "small": [], "screen": [], "folder": []}
    for number, original in enumerate(originals):
        path = made / f"phone-{number}.jpg"
        if not path.exists():
            write_jpeg(frame(original, PHONE, seed=number), path)
        rows["phone"].append(path)
        path = made / f"small-{number}.jpg"
        if not path.exists():
            write_jpeg(frame(original, SMALL, seed=number), path, quality=90)
        rows["small"].append(path)
    for number, original in enumerate(originals[:3]):
        path = made / f"camera-{number}.jpg"
        if not path.exists():
            write_jpeg(frame(original, CAMERA, seed=number), path, progressive=True)
        rows["camera"].append(path)
        path = made / f"screen-{number}.png"
        if not path.exists():
            write_screenshot(original, path)
        rows["screen"].append(path)
    for number in range(folder_of):
        path = made / f"folder-{number:03}.jpg"
        if not path.exists():
            original = originals[number % len(originals)]
            picture = frame(original, PHONE, seed=100 + number, zoom=1 + number % 5 / 10)
            write_jpeg(picture, path, turned=number % 3 == 2)
        rows["folder"].append(path)
    return rows


def _put(path: Path, data: bytes) -> None:
    """Write the file completely or not at all: an interrupted run leaves no partial picture."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
