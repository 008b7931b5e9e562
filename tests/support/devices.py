"""Libraries of several devices that know the same photographs."""

from __future__ import annotations

import shutil
from pathlib import Path

from pillion import Library
from tests.support import photos

PHOTOS = 3
SIZES = 2
"""Thumbnails of each that the policy wants."""


def make(folder: Path) -> None:
    """Photographs in ``folder/photos``, and a library with their thumbnails in ``folder/desk``."""
    (folder / "photos").mkdir()
    for seed in range(PHOTOS):
        photos.write_photo(folder / "photos" / f"{seed}.jpg", seed=seed, size=(320, 240))
    with Library.open(folder / "desk", policy="mobile") as library:
        library.index(folder / "photos", kinds=["thumb"])
        library.run(kinds=["thumb"])


def other(made: Path, folder: Path) -> Library:
    """A library in ``folder/phone`` that knows copies of the same photographs, and has made nothing."""
    if made != folder:
        shutil.copytree(made / "photos", folder / "photos", dirs_exist_ok=True)
    library = Library.open(folder / "phone", policy="mobile")
    library.index(folder / "photos", kinds=["thumb"])
    return library
