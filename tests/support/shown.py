"""A library for the page to show: made landscapes, a letter, a paper, a film, a talk, a note, and any number of others.

Text and speech are recorded, as another program's results are, so that no model is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pypdfium2
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import pillion
from pillion import Library, _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog.locations import EntryRow
from tests.support import media

LETTER = (
    "Dear Ada,",
    "thank you for the plum jam and the",
    "photographs of the harbour. We open the",
    "last jar on Sunday, when the whole",
    "family comes for breakfast.",
    "With love, Ines",
)
SPOKEN = (
    (0.2, 2.4, "Welcome to the harbour."),
    (2.6, 4.8, "The lighthouse was built in 1897."),
    (5.0, 7.4, "Its lamp is seen from twenty miles away."),
    (7.6, 9.8, "Now we go up to the gallery."),
)
BROKEN = "broken.jpg"
CUT_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200)
_FIRST_SIZE = 1_000_000
_PALETTES = (
    ((16, 34, 78), (248, 176, 120), (58, 44, 82)),
    ((92, 160, 214), (226, 240, 246), (46, 92, 70)),
    ((246, 196, 126), (252, 232, 196), (150, 92, 60)),
    ((10, 16, 38), (62, 78, 130), (14, 20, 34)),
    ((120, 178, 196), (240, 224, 208), (54, 88, 104)),
    ((214, 112, 96), (250, 206, 150), (72, 36, 56)),
    ((150, 190, 160), (236, 240, 222), (38, 76, 52)),
)


def scene(seed: int, size: tuple[int, int] = (720, 540)) -> Image.Image:
    """Hills behind hills under a sky, each seed another one."""
    chance = np.random.default_rng(seed)
    width, height = size
    top, low, ground = (np.array(colour, dtype=float) for colour in _PALETTES[seed % len(_PALETTES)])
    down = np.linspace(0, 1, height)[:, None, None] ** 0.8
    picture = np.repeat(top * (1 - down) + low * down, width, axis=1)
    across, rows = np.arange(width), np.arange(height)[:, None]
    sun = (chance.uniform(0.15, 0.85) * width, chance.uniform(0.15, 0.5) * height)
    distance = np.hypot(across - sun[0], rows - sun[1])
    picture += (np.exp(-((distance / (0.16 * height)) ** 2)) * 90 + (distance < 0.045 * height) * 120)[..., None]
    for layer in range(4):
        base = height * (0.52 + 0.13 * layer)
        waves = sum(
            np.sin(across / width * np.pi * 2 * chance.uniform(0.6, 3) * 1.9**octave + chance.uniform(0, 6))
            / 1.9**octave
            for octave in range(5)
        )
        ridge = base - waves * height * 0.055
        share = (layer + 1) / 4
        colour = low * (1 - share) * 0.85 + ground * share
        picture = np.where((rows > ridge)[..., None], colour, picture)
    picture += chance.normal(0, 2.5, picture.shape)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.6))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def letter() -> tuple[Image.Image, dict[str, Any]]:
    """A letter, and its ``ocr`` sidecar: each word at its place."""
    picture = Image.new("RGB", (1240, 900), (250, 247, 240))
    pen, font = ImageDraw.Draw(picture), _font(54)
    lines = []
    for number, text in enumerate(LETTER):
        left, top = 90.0, 110.0 + number * 116
        words = []
        for word in text.split():
            box = pen.textbbox((left, top), word, font=font)
            pen.text((left, top), word, font=font, fill=(38, 42, 60))
            words.append({"text": word, "confidence": 96.0, "box": [round(side, 1) for side in box]})
            left += pen.textlength(word + " ", font=font)
        boxes = np.array([word["box"] for word in words])
        around = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
        lines.append({"text": text, "words": words, "box": around})
    page = {
        "number": 1,
        "source": "ocr",
        "width": 1240,
        "height": 900,
        "unit": "pixel",
        "rotation": 0,
        "mean_confidence": 96.0,
        "languages": ["eng"],
        "text": "\n".join(LETTER),
        "lines": lines,
        "blocks": [],
    }
    return picture, {
        "schema_version": 3,
        "kind": "ocr",
        "engine": {"name": "tesseract", "version": "5.5.0"},
        "languages": ["eng"],
        "mean_confidence": 96.0,
        "text": page["text"],
        "pages": [page],
        "notes": [],
    }


def transcript() -> dict[str, Any]:
    """What is said in the film, as its ``transcript`` sidecar."""
    segments = [{"start": start, "end": end, "text": text, "words": []} for start, end, text in SPOKEN]
    return {
        "schema_version": 1,
        "kind": "transcript",
        "engine": {"name": "faster-whisper", "version": "1.2.1", "model": "base"},
        "language": "en",
        "language_probability": 0.98,
        "duration": 10.0,
        "text": "\n".join(text for _, _, text in SPOKEN),
        "segments": segments,
        "dropped": [],
        "notes": [],
    }


def write_film(path: Path, seconds: float = 10.0, rate: int = 10) -> Path:
    """A slow pan over a landscape (VP8), with a quiet tone (Opus): what every browser plays."""
    wide = scene(15, (960, 360))
    with av.open(str(path), "w", format="webm") as container:
        stream: Any = container.add_stream("libvpx", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"deadline": "realtime", "cpu-used": "8", "b": "400k"}
        sound: Any = container.add_stream("libopus", rate=48000)
        total = int(seconds * rate)
        for number in range(total):
            left = round((960 - 640) * number / total)
            frame = av.VideoFrame.from_image(wide.crop((left, 0, left + 640, 360)))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        tone = (np.sin(np.arange(int(seconds * 48000)) / 48000 * 2 * np.pi * 220) * 1500).astype(np.int16)
        for start in range(0, len(tone), 960):
            part = av.AudioFrame.from_ndarray(tone[None, start : start + 960], format="s16", layout="mono")
            part.sample_rate, part.pts = 48000, start
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def _at(path: Path, year: int, month: int, day: int) -> Path:
    when = datetime(year, month, day, 12, tzinfo=UTC).timestamp()
    os.utime(path, (when, when))
    return path


def write_files(folder: Path, pictures: int) -> None:
    """The files of the library: so many landscapes, and one of each other kind."""
    folder.mkdir(parents=True)
    for number in range(pictures):
        size = ((720, 540), (540, 720), (720, 480), (640, 640))[number % 4]
        path = folder / f"landscape {number + 1:03}.jpg"
        scene(number, size).save(path, quality=88)
        _at(path, 2026 - number // 24, 11 - (number // 9) % 8, 28 - number % 27)
    letter()[0].save(folder / "letter from Ines.png")
    media.write_pdf(folder / "paper.pdf", [media.PAGE_TEXT, media.GERMAN_PAGE_TEXT, "The harbour in winter\n" * 3])
    write_film(folder / "lighthouse.webm")
    media.write_wav(folder / "talk.wav", media.tone(10.0))
    (folder / "shopping list.txt").write_text("bread\nplums, two kilos\nsugar for the jam\n")
    (folder / BROKEN).write_bytes(CUT_JPEG)
    for number, name in enumerate(
        ("letter from Ines.png", "paper.pdf", "lighthouse.webm", "talk.wav", "shopping list.txt", BROKEN)
    ):
        _at(folder / name, 2026, 11, 28 - number)


def write_landscapes(folder: Path, number: int, named: str = "landscape", day: int = 15) -> None:
    """So many small pictures of one day of one month."""
    folder.mkdir(exist_ok=True)
    for at in range(number):
        path = folder / f"{named} {at + 1:03}.jpg"
        scene(at + 100 * day, (72, 54)).save(path)
        _at(path, 2026, 5, day)


def make_library(folder: Path, pictures: int = 24) -> Path:
    """The library of :func:`write_files`, with what is to be had of all but one. Returns its folder."""
    write_files(folder / "files", pictures)
    root = folder / "library"
    with Library.open(root) as library:
        library.add_location(folder / "files")
        library.index()
        named = {Path(path).name: row.content_uuid for row in library.ls() for path in row.sources}
        looks = {"paper.pdf": _first_page(folder / "files" / "paper.pdf"), "lighthouse.webm": scene(15, (640, 360))}
        for name, uuid in named.items():
            if name.endswith((".jpg", ".png", *looks)) and name != BROKEN:
                _record_thumbs(library, uuid, looks.get(name) or Image.open(folder / "files" / name))
        library.record(named["letter from Ines.png"], "ocr", "default", json.dumps(letter()[1]).encode())
        library.record(named["paper.pdf"], "ocr", "default", ocr_pdf(folder / "files" / "paper.pdf"))
        said = json.dumps(transcript()).encode()
        for name in ("lighthouse.webm", "talk.wav"):
            library.record(named[name], "transcript", "default", said)
    return root


def _first_page(path: Path) -> Image.Image:
    with contextlib.closing(pypdfium2.PdfDocument(path)) as document:
        image: Image.Image = document[0].render(scale=2).to_pil()
        return image


def ocr_pdf(path: Path) -> bytes:
    """The text layer of a PDF, as its ``ocr`` sidecar."""
    return pillion.ocr(path).to_json().encode()


def _record_thumbs(library: Library, uuid: str, picture: Image.Image) -> None:
    variants = {"grid@2x": 512, "grid@3x": 768, "detail@1x": 1024}
    made = _core.thumbnails(_png(picture), [(name, side, 85, 4) for name, side in variants.items()])
    for one in made:
        library.record(uuid, "thumb", one.name, one.data)


def add_made(root: Path, number: int, seed: int = 7) -> None:
    """Write so many more pictures into the catalog, over twenty years: rows alone, with previews and no files."""
    previews = [_core.thumbhash(_png(scene(index, (96, 72)))) for index in range(28)]
    with Library.open(root) as library:
        location = library.locations()[0]
        with library._database.write() as connection:
            for rows in _batches(number, random.Random(seed)):
                catalog_locations.record_entries(connection, location.id, rows, time.time())
            connection.exec_driver_sql("CREATE TEMPORARY TABLE previews (number INTEGER PRIMARY KEY, hash BLOB)")
            connection.exec_driver_sql("INSERT INTO previews VALUES (?, ?)", list(enumerate(previews)))
            connection.exec_driver_sql(
                "UPDATE contents SET thumbhash = (SELECT hash FROM previews WHERE number = size % ?) "
                "WHERE thumbhash IS NULL AND mime = 'image/jpeg' AND size >= ?",
                (len(previews), _FIRST_SIZE),
            )
            connection.exec_driver_sql("DROP TABLE previews")


def _png(picture: Image.Image) -> bytes:
    """A picture as PNG."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def _batches(number: int, chance: random.Random) -> Iterator[list[EntryRow]]:
    first, last = datetime(2006, 1, 1, tzinfo=UTC).timestamp(), datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    for begin in range(0, number, 5000):
        rows = []
        for index in range(begin, min(number, begin + 5000)):
            digest = hashlib.sha256(b"%d" % index).hexdigest()
            rows.append(
                EntryRow(
                    path=b"old/%06d.jpg" % index,
                    size=_FIRST_SIZE + index,
                    mtime_ns=int(chance.uniform(first, last)) * 10**9,
                    inode=index + 1,
                    ctime_ns=0,
                    content_uuid=_core.content_uuid(digest),
                    hash=digest,
                    mime="image/jpeg",
                    claimed_mime=None,
                    error_class=None,
                    error_message=None,
                )
            )
        yield rows
