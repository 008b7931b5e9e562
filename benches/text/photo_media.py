"""Photographs and typefaces for the synthetic photographs, from Debian packages, fetched once into the cache."""

from __future__ import annotations

from pathlib import Path

from benches.peers.debian import unpack
from benches.peers.environments import SetupError

PHOTO_PACKAGES = (
    "plasma-workspace-wallpapers",
    "mate-backgrounds",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
)
FONT_PACKAGES = (
    "fonts-liberation",
    "fonts-dejavu-core",
    "fonts-bebas-neue",
    "fonts-lobster",
    "fonts-humor-sans",
    "fonts-breip",
    "fonts-dancingscript",
)

_PLASMA = "wallpapers/{}/contents/images/2560x1600.jpg"
PHOTOGRAPHS = (
    *(
        _PLASMA.format(name)
        for name in ("BytheWater", "ColdRipple", "ColorfulCups", "EveningGlow", "FallenLeaf", "Grey")
    ),
    *(_PLASMA.format(name) for name in ("Kite", "OneStandsOut", "Path")),
    *(f"backgrounds/mate/nature/{name}.jpg" for name in ("Blinds", "Dune", "GreenMeadow", "LadyBird", "RainDrops")),
    *(f"backgrounds/mate/nature/{name}.jpg" for name in ("Storm", "TwoWings", "Wood", "YellowFlower")),
    "backgrounds/mate/abstract/Elephants.jpg",
    "backgrounds/Bridge_by_Sander_Klootwijk.jpg",
    "backgrounds/Dragonfly_by_Bolly.jpg",
    "backgrounds/Kleiber_by_Lukas_Baubkus.jpg",
    "backgrounds/Picture_0B_by_freespace.jpg",
    "backgrounds/Picture_1A_by_freespace.jpg",
    "backgrounds/aitzgorri_by_Aitzol_Berasategi.jpg",
    "backgrounds/free_by_Peter_Nerlich.jpg",
    "backgrounds/friends_by_Aitzol_Berasategi.jpg",
    "backgrounds/greentock_by_Peter_Nerlich.jpg",
    "backgrounds/life_by_Aitzol_Berasategi.jpg",
    "backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "backgrounds/seeding_by_Clements_Engelhardt.jpg",
)
"""Below usr/share of the unpacked packages: real photographs (and a painting) in which there is no text."""

FONTS = {
    "sans": "LiberationSans-Regular.ttf",
    "bold": "LiberationSans-Bold.ttf",
    "serif": "LiberationSerif-Bold.ttf",
    "mono": "LiberationMono-Regular.ttf",
    "wide": "DejaVuSans-Bold.ttf",
    "poster": "BebasNeue*.otf",
    "brush": "*obster*.otf",
    "comic": "Humor-Sans*.ttf",
    "hand": "breip*.ttf",
    "script": "DancingScript*Bold*.otf",
}


def photographs(cache: Path) -> list[Path]:
    """The photographs, in the order of ``PHOTOGRAPHS``. Raises SetupError."""
    folder = cache / "text-photos"
    found = [folder / "usr/share" / name for name in PHOTOGRAPHS]
    if not all(path.is_file() for path in found):
        unpack(PHOTO_PACKAGES, folder)
    lacking = [path.name for path in found if not path.is_file()]
    if lacking:
        raise SetupError(f"the packages {' '.join(PHOTO_PACKAGES)} hold no {', '.join(lacking)} any more")
    return found


def fonts(cache: Path) -> dict[str, Path]:
    """Name -> font file, for each name in ``FONTS``. Raises SetupError."""
    folder = cache / "text-photos-fonts"
    found = _fonts(folder)
    if len(found) < len(FONTS):
        unpack(FONT_PACKAGES, folder)
        found = _fonts(folder)
    lacking = [name for name in FONTS if name not in found]
    if lacking:
        raise SetupError(f"the packages {' '.join(FONT_PACKAGES)} hold no font for {', '.join(lacking)}")
    return found


def _fonts(folder: Path) -> dict[str, Path]:
    files = {name: sorted((folder / "usr/share/fonts").rglob(pattern)) for name, pattern in FONTS.items()}
    return {name: found[0] for name, found in files.items() if found}
