"""What scanners, copiers and telephones do to a page: each function takes a gray picture and gives another."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter


def skewed(page: Image.Image, degrees: float, paper: int = 255) -> Image.Image:
    """Turned clockwise by a few degrees; the corners that come into view have the colour of paper."""
    return page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)


def turned(page: Image.Image, degrees: int) -> Image.Image:
    """Turned clockwise by a multiple of 90 degrees."""
    return page.rotate(-degrees, expand=True)


def noisy(page: Image.Image, seed: int, deviation: float) -> Image.Image:
    """With Gaussian noise of that standard deviation, in steps of 255."""
    pixels = np.asarray(page, np.float32)
    pixels = pixels + np.random.default_rng(seed).normal(0, deviation, pixels.shape).astype(np.float32)
    return _image(pixels)


def speckled(page: Image.Image, seed: int, share: float) -> Image.Image:
    """With that share of its pixels black or white."""
    pixels = np.array(page)
    dice = np.random.default_rng(seed).random(pixels.shape)
    pixels[dice < share / 2] = 0
    pixels[dice > 1 - share / 2] = 255
    return Image.fromarray(pixels)


def blurred(page: Image.Image, radius: float) -> Image.Image:
    """Out of focus by a Gaussian of that radius in pixels."""
    return page.filter(ImageFilter.GaussianBlur(radius))


def squeezed(page: Image.Image, quality: int) -> Image.Image:
    """As it comes back from a JPEG of that quality."""
    data = io.BytesIO()
    page.save(data, "JPEG", quality=quality)
    return Image.open(data).convert(page.mode)


def faint(page: Image.Image, ink: int, paper: int) -> Image.Image:
    """With ink and paper of these grays."""
    return page.point([round(ink + (paper - ink) * value / 255) for value in range(256)])


def inverted(page: Image.Image) -> Image.Image:
    """White on black."""
    return page.point([255 - value for value in range(256)])


Corners = Sequence[tuple[float, float]]
"""From the upper left one clockwise: x, y."""
FRAME = ((0.07, 0.06), (0.93, 0.06), (0.93, 0.94), (0.07, 0.94))


def photographed(
    page: Image.Image,
    seed: int,
    *,
    size: tuple[int, int] = (2448, 3264),
    lean: float = 0.06,
    shadow: float = 0.4,
    frame: Corners = FRAME,
) -> Image.Image:
    """The page on a desk as a telephone sees it, from a little to the side, in uneven light: RGB of ``size``.

    ``frame``: where its corners are, in shares of the size. ``lean``: how far they are off, as a share of it.
    ``shadow``: how much light is lost at worst.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    corners = [
        (width * (x + rng.uniform(-lean, lean) / 2), height * (y + rng.uniform(-lean, lean) / 2)) for x, y in frame
    ]
    source = [(0, 0), (page.width, 0), (page.width, page.height), (0, page.height)]
    coefficients = perspective(corners, source)
    # A page that is far larger than its picture would be sampled with gaps.
    shrink = max(1.0, page.width / width / 0.9)
    if shrink > 1:
        page = page.resize((round(page.width / shrink), round(page.height / shrink)), Image.Resampling.LANCZOS)
        source = [(0, 0), (page.width, 0), (page.width, page.height), (0, page.height)]
        coefficients = perspective(corners, source)
    sheet = page.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=0)
    solid = Image.new("L", page.size, 255)
    mask = solid.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=0)
    opaque = (np.asarray(mask, np.float32) / 255)[:, :, None]
    paper = np.asarray(sheet, np.float32)[:, :, None] * np.array([0.97, 0.95, 0.9], np.float32)
    lit = (paper * opaque + _desk(size, rng) * (1 - opaque)) * _light(size, rng, shadow)[:, :, None]
    lit = lit + rng.normal(0, 3, lit.shape).astype(np.float32)
    return _image(lit.astype(np.float32, copy=False)).filter(ImageFilter.GaussianBlur(0.7))


def bent(page: Image.Image, height: float) -> Image.Image:
    """The page of an open book: its lines rise and fall by so many pixels between their ends."""
    pixels = np.asarray(page)
    shifts = np.rint(height * np.sin(np.linspace(0, np.pi, page.width))).astype(int)
    rows = (np.arange(page.height)[:, None] - shifts[None]).clip(0, page.height - 1)
    return Image.fromarray(pixels[rows, np.arange(page.width)[None]])


def shaded(page: Image.Image, darkest: float) -> Image.Image:
    """Lit from the right; the left edge has this share of the light."""
    light = np.linspace(darkest, 1, page.width, dtype=np.float32)
    return _image(np.asarray(page, np.float32) * light)


def perspective(corners: Sequence[tuple[float, float]], source: Sequence[tuple[float, float]]) -> list[float]:
    """The eight coefficients for Pillow that put the corners of ``source`` at ``corners``."""
    rows = []
    for (x, y), (u, v) in zip(corners, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    right = np.array(source, np.float64).reshape(8)
    solved: list[float] = np.linalg.solve(np.array(rows, np.float64), right).tolist()
    return solved


def _desk(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Dark wood with grain along it, shape (H, W, 3)."""
    width, height = size
    grain = rng.normal(0, 1, (height, 1)).cumsum(axis=0)
    grain = (grain - grain.mean()) / max(1.0, float(grain.std())) * 10
    streaks = np.repeat(rng.normal(0, 6, (height, width // 64 + 1)), 64, axis=1)[:, :width]
    wood = 92 + grain + streaks
    return (wood[:, :, None] * np.array([1.0, 0.78, 0.55])).astype(np.float32)


def _light(size: tuple[int, int], rng: np.random.Generator, shadow: float) -> NDArray[np.float32]:
    """How bright each place is, 0 to 1: falling off to one side, with the soft shadow of a hand, shape (H, W)."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width, y / height
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.5 + 0.5 * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    cx, cy, r = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.4)
    hand = np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / r**2))
    return (0.97 - shadow * (0.6 * slope + 0.4 * hand)).astype(np.float32)


def _image(pixels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
