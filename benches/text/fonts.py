"""Typefaces for the made pages: DejaVu and Liberation, from the machine or from their Debian packages."""

from __future__ import annotations

import subprocess
from functools import cache as remembered
from pathlib import Path

from PIL import ImageFont

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
        _download(cache / "fonts")
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


def _download(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, capture_output=True)
        for package in sorted(folder.glob("*.deb")):
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=folder, check=True, capture_output=True)
            package.unlink()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"the fonts come from the Debian packages {' '.join(PACKAGES)}, which apt-get could not download "
            f"({error}): run apt-get update && apt-get install {' '.join(PACKAGES)}"
        ) from None


@remembered
def face(file: Path, pixels: int) -> ImageFont.FreeTypeFont:
    """The font at an em of so many pixels."""
    return ImageFont.truetype(str(file), pixels)
