"""Typefaces for the synthetic pages: DejaVu and Liberation, from the machine or from their Debian packages."""

from __future__ import annotations

from functools import cache as remembered
from pathlib import Path

from PIL import ImageFont

from benches.peers.debian import unpack
from benches.peers.environments import SetupError

PACKAGES = ("fonts-dejavu-core", "fonts-dejavu-extra", "fonts-liberation")

FACES: dict[str, str] = {
    "sans": "liberation*/LiberationSans-Regular.ttf",
    "sans-bold": "liberation*/LiberationSans-Bold.ttf",
    "serif": "liberation*/LiberationSerif-Regular.ttf",
    "serif-italic": "liberation*/LiberationSerif-Italic.ttf",
    "serif-bold": "liberation*/LiberationSerif-Bold.ttf",
    "mono": "liberation*/LiberationMono-Regular.ttf",
    "narrow": "dejavu/DejaVuSansCondensed.ttf",
    "wide": "dejavu/DejaVuSans.ttf",
    "book": "dejavu/DejaVuSerif.ttf",
}
"""Name -> file below a folder ``fonts/truetype``."""


def fetch(cache: Path) -> dict[str, Path]:
    """Name -> font file, found on the machine or fetched once into the cache folder. Raises SetupError."""
    folders = (cache / "fonts" / "usr/share/fonts/truetype", Path("/usr/share/fonts/truetype"))
    found = _found(folders)
    if len(found) < len(FACES):
        unpack(PACKAGES, cache / "fonts")
        found = _found(folders)
    lacking = [name for name in FACES if name not in found]
    if lacking:
        raise SetupError(f"the packages {' '.join(PACKAGES)} hold no font for {', '.join(lacking)}")
    return found


def _found(folders: tuple[Path, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, pattern in FACES.items():
        files = [file for folder in folders for file in sorted(folder.glob(pattern))]
        if files:
            found[name] = files[0]
    return found


@remembered
def face(file: Path, pixels: int) -> ImageFont.FreeTypeFont:
    """The font at an em of so many pixels."""
    return ImageFont.truetype(str(file), pixels)
