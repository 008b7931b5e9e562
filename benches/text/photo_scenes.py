"""Photographs with known text (rendered signs, labels, notes and receipts), and photographs without text.

Each object with text is drawn flat at its final size, then put into perspective, lit like its surroundings, blurred as
by a lens and given noise. Its words are the reference; nothing else in the picture is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benches.peers.media import CAMERA, PHONE, frame, write_jpeg

Colour = tuple[int, int, int]
Point = tuple[float, float]
_PORTRAIT = (PHONE[1], PHONE[0])
_SHARED = (1600, 1200)
"""What a messenger makes of a photograph."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something with text on it. Sizes are shares of the picture's height; angles in degrees, clockwise.

    ``ground`` None: painted straight onto what is there. ``tilt``: how much the far edge is shorter than the near one.
    """

    lines: tuple[str, ...]
    font: str
    size: float
    ink: Colour = (20, 20, 20)
    ground: Colour | None = (245, 245, 240)
    at: Point = (0.5, 0.5)
    turned: float = 0.0
    tilt: float = 0.0
    blur: float = 0.0
    outline: bool = False

    @property
    def words(self) -> list[str]:
        """Its words, as they should be found."""
        return [word for line in self.lines for word in line.split()]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One photograph of the set."""

    name: str
    things: tuple[Thing, ...] = ()
    size: tuple[int, int] = PHONE

    @property
    def words(self) -> list[str]:
        """All words in it."""
        return [word for thing in self.things for word in thing.words]


_RECEIPT = (
    "BÄCKEREI LINDNER", "Marktstraße 14", "2 x Roggenbrot    7,80", "1 x Apfelkuchen   3,45", "4 x Brezel        4,40",
    "SUMME EUR        15,65", "Bar              20,00", "Rückgeld          4,35", "Vielen Dank!",
)  # fmt: skip
_TICKET = ("MUSEO NAVAL", "Entrada general", "12 octubre 2024", "Precio 9,50 EUR", "Nr. 0048213")
_NOTE = ("Milk and butter", "call the plumber", "Tuesday 16:30")
_BILL = (
    "Harbour Fish Grill", "Table 12   Server Ruth", "Grilled mackerel   14.90", "Potato salad        5.20",
    "Ginger lemonade     3.80", "Total              23.90", "Thank you, come again",
)  # fmt: skip
_WHITE, _YELLOW, _RED, _GREEN, _BLUE = (250, 250, 250), (250, 220, 60), (190, 25, 30), (20, 90, 50), (25, 60, 140)

WITH_TEXT = (
    Scene(name="shop", things=(Thing(lines=("BAKERY", "Fresh bread daily"), font="bold", size=0.07, ink=_WHITE,
          ground=_RED, at=(0.5, 0.35), tilt=0.15, turned=-4, blur=1.5),)),
    Scene(name="street", things=(Thing(lines=("Lindenstraße",), font="sans", size=0.045, ink=_WHITE, ground=_BLUE,
          at=(0.35, 0.3), turned=8, tilt=0.2, blur=1),)),
    Scene(name="receipt", size=_PORTRAIT, things=(Thing(lines=_RECEIPT, font="mono", size=0.022, at=(0.5, 0.5),
          turned=6, tilt=0.1, blur=1),)),
    Scene(name="bill", things=(Thing(lines=_BILL, font="mono", size=0.026, at=(0.55, 0.5), turned=-9, tilt=0.12,
          blur=1.5),)),
    Scene(name="ticket", things=(Thing(lines=_TICKET, font="sans", size=0.03, ground=(240, 230, 200), at=(0.4, 0.6),
          turned=12, tilt=0.08, blur=1),)),
    Scene(name="note", things=(Thing(lines=_NOTE, font="hand", size=0.055, ink=(30, 40, 120), ground=(252, 240, 130),
          at=(0.55, 0.5), turned=-7, blur=1),)),
    Scene(name="exit", things=(Thing(lines=("SORTIE DE SECOURS",), font="bold", size=0.05, ink=_WHITE, ground=_GREEN,
          at=(0.6, 0.25), tilt=0.25, blur=2),)),
    Scene(name="wall", things=(Thing(lines=("NEVER", "ALONE"), font="poster", size=0.16, ink=(235, 235, 235),
          ground=None, at=(0.5, 0.5), turned=-5, tilt=0.1, blur=2),)),
    Scene(name="window", things=(Thing(lines=("Café Soleil",), font="brush", size=0.11, ink=_YELLOW, ground=None,
          at=(0.5, 0.4), turned=-6, blur=1.5),)),
    Scene(name="far-sign", things=(Thing(lines=("Harbour office", "closed on Monday"), font="sans", size=0.013,
          ink=_WHITE, ground=_BLUE, at=(0.6, 0.4), turned=3, blur=0.8),)),
    Scene(name="plate", things=(Thing(lines=("KR 4827 B",), font="wide", size=0.06, at=(0.5, 0.7), tilt=0.1, turned=3,
          blur=2),)),
    Scene(name="poster", size=_PORTRAIT, things=(Thing(lines=("SUMMER", "CONCERT", "Friday 21 July",
          "Old Harbour Stage"), font="poster", size=0.07, ink=_YELLOW, ground=(60, 20, 90), at=(0.5, 0.45), turned=2,
          tilt=0.12, blur=1.5),)),
    Scene(name="menu", things=(Thing(lines=("Soupe à l'oignon", "Crème brûlée", "Tarte aux pommes"), font="script",
          size=0.06, ink=_WHITE, ground=(35, 38, 36), at=(0.5, 0.5), turned=-3, blur=1),)),
    Scene(name="farewell", size=_SHARED, things=(Thing(lines=("WHEN THE TRAIN",), font="bold", size=0.09, ink=_WHITE,
          ground=None, at=(0.5, 0.1), outline=True), Thing(lines=("LEAVES WITHOUT YOU",), font="bold", size=0.08,
          ink=_WHITE, ground=None, at=(0.5, 0.9), outline=True))),
    Scene(name="small-sign", things=(Thing(lines=("Beware of the dog",), font="serif", size=0.022, ground=_YELLOW,
          at=(0.3, 0.55), turned=-10, tilt=0.15, blur=1),)),
    Scene(name="on-its-side", things=(Thing(lines=("FRAGILE", "This side up"), font="wide", size=0.06, ink=_RED,
          at=(0.5, 0.5), turned=90, blur=1.5),)),
    Scene(name="other-side", things=(Thing(lines=("Biblioteca", "Municipal"), font="serif", size=0.08, ink=_WHITE,
          ground=_BLUE, at=(0.4, 0.5), turned=270, tilt=0.1, blur=1.5),)),
    Scene(name="upside-down", things=(Thing(lines=("Strandkorb 27", "Vermietung"), font="bold", size=0.065,
          at=(0.5, 0.5), turned=180, tilt=0.08, blur=1.5),)),
    Scene(name="slanted", things=(Thing(lines=("WET PAINT",), font="bold", size=0.09, ink=_RED, at=(0.5, 0.5),
          turned=33, tilt=0.1, blur=1.5),)),
    Scene(name="steep", things=(Thing(lines=("Zimmer frei",), font="brush", size=0.08, ink=_BLUE, at=(0.45, 0.5),
          turned=-48, blur=1.5),)),
    Scene(name="dark", things=(Thing(lines=("HOTEL PALMA",), font="poster", size=0.09, ink=(255, 120, 160),
          ground=(25, 20, 30), at=(0.6, 0.3), turned=-3, blur=3),)),
    Scene(name="two-signs", size=CAMERA, things=(Thing(lines=("Trailhead",), font="bold", size=0.05, ink=_WHITE,
          ground=(90, 60, 30), at=(0.28, 0.35), turned=3, tilt=0.15, blur=2), Thing(lines=("Parking 2 km",),
          font="sans", size=0.045, ink=_WHITE, ground=_BLUE, at=(0.7, 0.6), turned=-4, blur=2))),
    Scene(name="pale", things=(Thing(lines=("Ruhetag Montag",), font="sans", size=0.06, ink=(165, 165, 160),
          ground=(225, 225, 218), at=(0.5, 0.45), turned=2, tilt=0.1, blur=1.5),)),
    Scene(name="comic", size=_SHARED, things=(Thing(lines=("Garage sale", "Saturday 9 to 4", "everything must go!"),
          font="comic", size=0.06, ink=(20, 20, 120), at=(0.5, 0.5), turned=-4, tilt=0.15, blur=0.8),)),
    Scene(name="mercado", size=_SHARED, things=(Thing(lines=("Naranjas", "1,80 el kilo"), font="hand", size=0.1,
          ink=(200, 40, 20), at=(0.45, 0.6), turned=7, blur=1),)),
)  # fmt: skip
"""Signs, labels, handwriting, receipts, turned and slanted text, in English, German, French and Spanish."""

WITHOUT_TEXT = tuple(Scene(name=f"bare-{number:02}") for number in range(25))


def drawn(thing: Thing, height: int, font_file: Path) -> Image.Image:
    """The thing seen from the front, RGBA, for a picture of ``height`` pixels."""
    size = max(8, round(thing.size * height))
    font = ImageFont.truetype(str(font_file), size)
    stroke = max(1, size // 12) if thing.outline else 0
    boxes = [font.getbbox(line, stroke_width=stroke) for line in thing.lines]
    margin, pitch = round(size * 0.7), round(size * 1.3)
    width = round(max(box[2] for box in boxes)) + 2 * margin
    picture = Image.new("RGBA", (width, pitch * len(thing.lines) + 2 * margin), (*(thing.ground or thing.ink), 0))
    if thing.ground is not None:
        picture.paste((*thing.ground, 255), (0, 0, *picture.size))
    draw = ImageDraw.Draw(picture)
    opacity = 255 if thing.ground is not None or thing.outline else 225
    for number, line in enumerate(thing.lines):
        place = (margin, margin + number * pitch)
        draw.text(place, line, (*thing.ink, opacity), font, stroke_width=stroke, stroke_fill=(0, 0, 0, 255))
    return picture


def seen(thing: Thing, flat: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The flat thing in perspective, at its place, as an RGBA layer of ``size``."""
    width, height = flat.size
    near, far = 1.0, 1.0 - thing.tilt
    corners = np.array(
        [[-width * far, -height * far], [width, -height], [width, height], [-width * far, height * far]], float
    )
    corners = corners / 2 * [near, near]
    angle = np.radians(thing.turned)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = corners @ turn.T + [thing.at[0] * size[0], thing.at[1] * size[1]]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    data = _projection(target, source)
    return flat.transform(size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC)


def _projection(target: np.ndarray, source: np.ndarray) -> tuple[float, ...]:
    """The eight numbers by which Pillow finds for each pixel of the target its place in the source."""
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(values)))


def picture(scene: Scene, background: Path, seed: int, fonts: dict[str, Path]) -> Image.Image:
    """The scene on a cut of ``background`` that ``seed`` chooses."""
    result = frame(background, scene.size, seed, zoom=1 + seed % 4 / 10)
    for thing in scene.things:
        layer = seen(thing, drawn(thing, scene.size[1], fonts[thing.font]), scene.size)
        layer = _lit(layer, result, thing)
        if thing.blur:
            layer = layer.filter(ImageFilter.GaussianBlur(thing.blur * scene.size[1] / PHONE[1]))
        result.paste(layer.convert("RGB"), (0, 0), layer.getchannel("A"))
    return result


def _lit(layer: Image.Image, background: Image.Image, thing: Thing) -> Image.Image:
    """As bright as its surroundings ask for, brighter on one side than on the other, with noise."""
    rng = np.random.default_rng(len(thing.lines[0]))
    pixels = np.asarray(layer, np.float32).copy()
    around = np.asarray(background.resize((32, 32)).convert("L"), np.float32).mean() / 255
    light = 1.0 if thing.outline else 0.65 + 0.35 * around
    slope = np.linspace(1.0, 1.0 if thing.outline else 0.85, layer.width, dtype=np.float32)[None, :, None]
    noise = rng.normal(0, 5, (521, 523, 3)).astype(np.float32)
    tiled = np.tile(noise, (-(-layer.height // 521), -(-layer.width // 523), 1))[: layer.height, : layer.width]
    pixels[..., :3] = (pixels[..., :3] * light * slope + tiled).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8), "RGBA")


def made(
    scenes: Sequence[Scene], backgrounds: Sequence[Path], fonts: dict[str, Path], folder: Path, first_seed: int = 0
) -> list[Path]:
    """The files of the scenes, made where they are missing, scene by scene on one background after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, scene in enumerate(scenes):
        path = folder / f"{scene.name}-{first_seed + number}.jpg"
        if not path.exists():
            background = backgrounds[(first_seed + number) % len(backgrounds)]
            write_jpeg(picture(scene, background, first_seed + number, fonts), path, quality=88)
        files.append(path)
    return files
