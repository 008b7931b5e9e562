"""Sixty synthetic pages with known text: twelve groups of five, drawn with real fonts, then distorted like scans.

The text is drawn here, so the reference is exact. The same call gives the same pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benches.text.fonts import face
from benches.text.prose import PROSE, TABLES, TITLES
from tests.support import scans

A4_INCHES = (8.27, 11.69)
LANGUAGES = ("eng", "deu", "fra", "spa")

Fonts = dict[str, Path]
Effect = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of the set. ``suffix``: of the file it is stored as. ``quality``: of a JPEG."""

    name: str
    group: str
    language: str
    dpi: int
    text: str
    picture: Image.Image
    suffix: str = ".png"
    quality: int = 90

    def write(self, folder: Path) -> Path:
        """Store the picture, with its resolution, as a scanner would."""
        path = folder / f"{self.name}{self.suffix}"
        options: dict[str, Any] = {"quality": self.quality} if self.suffix == ".jpg" else {}
        self.picture.save(path, dpi=(self.dpi, self.dpi), **options)
        return path


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How text is set. ``size``: of the type, in points; ``columns``: beside each other."""

    font: str = "serif"
    bold: str = "serif-bold"
    size: float = 11
    dpi: int = 300
    columns: int = 1
    passages: tuple[int, ...] = (0, 1, 2)


def made_pages(fonts: Fonts) -> Iterator[Page]:
    """The whole set, one after the other: a page of 600 dpi takes 35 MB."""
    for group, pages in GROUPS.items():
        for number, made in enumerate(pages(fonts), 1):
            language, dpi, text, picture, *how = made
            suffix, quality = how if how else (".png", 90)
            yield Page(
                name=f"{group.replace(' ', '-')}-{number}",
                group=group,
                language=language,
                dpi=dpi,
                text=text,
                picture=picture,
                suffix=suffix,
                quality=quality,
            )


# setting --------------------------------------------------------------------------------------------------------------


def set_page(fonts: Fonts, language: str, how: Setting) -> tuple[str, Image.Image]:
    """A page of prose: (its text, its picture)."""
    page, draw = _blank(how.dpi)
    margin, gutter = 0.9 * how.dpi, 0.35 * how.dpi
    width = (page.width - 2 * margin - (how.columns - 1) * gutter) / how.columns
    body = face(fonts[how.font], _pixels(how.size, how.dpi))
    head = face(fonts[how.bold], _pixels(how.size * 1.5, how.dpi))
    leading = how.size * 1.35 * how.dpi / 72
    blocks = [_block(language, number, body, width) for number in how.passages]
    said: list[str] = []
    top = margin
    for column in range(how.columns):
        x, y = margin + column * (width + gutter), top
        for title, lines in blocks[column :: how.columns] if how.columns > 1 else blocks:
            said.append(title)
            draw.text((x, y), title, font=head, fill=0)
            y += leading * 2
            for line in lines:
                draw.text((x, y), line, font=body, fill=0)
                y += leading
            said.extend(lines)
            y += leading
        if y > page.height:
            raise ValueError(f"{len(blocks)} passages do not fit on a page")
    return "\n".join(said), page


def set_table(fonts: Fonts, language: str, how: Setting, ruled: bool) -> tuple[str, Image.Image]:
    """A passage and a table below it, read row by row. ``ruled``: with lines around the cells."""
    page, draw = _blank(how.dpi)
    margin = 0.9 * how.dpi
    body = face(fonts[how.font], _pixels(how.size, how.dpi))
    head = face(fonts[how.bold], _pixels(how.size, how.dpi))
    leading = how.size * 1.35 * how.dpi / 72
    title, lines = _block(language, how.passages[0], body, page.width - 2 * margin)
    y = margin
    draw.text((margin, y), title, font=head, fill=0)
    y += leading * 2
    for line in lines:
        draw.text((margin, y), line, font=body, fill=0)
        y += leading
    said = [title, *lines]
    y += leading
    row_height = leading * 1.5
    edges = [margin + share * (page.width - 2 * margin) for share in (0, 0.46, 0.64, 0.82, 1)]
    first = y
    for number, row in enumerate(TABLES[language]):
        font = head if number == 0 else body
        for column, cell in enumerate(row):
            pad = 0.08 * how.dpi
            x = edges[column] + pad if column == 0 else edges[column + 1] - pad - font.getlength(cell)
            draw.text((x, y + (row_height - leading) / 2), cell, font=font, fill=0)
        said.append(" ".join(row))
        y += row_height
    if ruled:
        stroke = max(1, how.dpi // 150)
        for number in range(len(TABLES[language]) + 1):
            height = first + number * row_height
            draw.line((edges[0], height, edges[-1], height), fill=0, width=stroke)
        for edge in edges:
            draw.line((edge, first, edge, y), fill=0, width=stroke)
    return "\n".join(said), page


def _blank(dpi: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", (round(A4_INCHES[0] * dpi), round(A4_INCHES[1] * dpi)), 255)
    return page, ImageDraw.Draw(page)


def _pixels(points: float, dpi: int) -> int:
    return max(1, round(points * dpi / 72))


def _block(language: str, number: int, font: ImageFont.FreeTypeFont, width: float) -> tuple[str, list[str]]:
    words = PROSE[language][number].split()
    return TITLES[language][number], list(_wrapped(words, font, width))


def _wrapped(words: Sequence[str], font: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    line = words[0]
    for word in words[1:]:
        if font.getlength(f"{line} {word}") > width:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


# groups ---------------------------------------------------------------------------------------------------------------

Made = tuple[Any, ...]


def _prose(fonts: Fonts, language: str, effect: Effect | None = None, **how: Any) -> tuple[str, int, str, Image.Image]:
    setting = Setting(**how)
    text, picture = set_page(fonts, language, setting)
    return language, setting.dpi, text, effect(picture) if effect else picture


def _fonts(fonts: Fonts) -> Iterator[Made]:
    yield _prose(fonts, "eng", font="sans", bold="sans-bold")
    yield _prose(fonts, "deu", font="serif-italic")
    yield _prose(fonts, "fra", font="mono", size=10)
    yield _prose(fonts, "spa", font="narrow", bold="sans-bold", size=10)
    yield _prose(fonts, "eng", font="book", bold="serif-bold", size=9, passages=(3, 0, 1))


def _low(fonts: Fonts) -> Iterator[Made]:
    yield _prose(fonts, "eng", font="sans", bold="sans-bold", dpi=72)
    yield _prose(fonts, "deu", font="wide", bold="sans-bold", dpi=80)
    yield _prose(fonts, "fra", font="serif", dpi=96, size=12)
    yield _prose(fonts, "spa", font="sans", bold="sans-bold", dpi=100)
    yield _prose(fonts, "eng", font="serif", dpi=120, size=10)


def _high(fonts: Fonts) -> Iterator[Made]:
    yield _prose(fonts, "eng", dpi=600)
    yield _prose(fonts, "deu", font="sans", bold="sans-bold", dpi=400, size=9)
    yield _prose(fonts, "fra", font="book", dpi=600, size=12)
    yield _prose(fonts, "spa", font="serif", dpi=400)
    yield _prose(fonts, "eng", font="sans", bold="sans-bold", dpi=600, size=8)


def _skew(fonts: Fonts) -> Iterator[Made]:
    for language, degrees, font in (
        ("eng", -5.0, "serif"),
        ("deu", -2.2, "sans"),
        ("fra", 1.3, "serif"),
        ("spa", 3.4, "book"),
        ("eng", 5.0, "sans"),
    ):
        yield _prose(fonts, language, lambda page, turn=degrees: scans.skewed(page, turn), font=font)


def _turned(fonts: Fonts) -> Iterator[Made]:
    for language, degrees, font in (
        ("eng", 90, "serif"),
        ("deu", 180, "sans"),
        ("fra", 270, "book"),
        ("spa", 180, "serif"),
        ("eng", 270, "sans"),
    ):
        yield _prose(fonts, language, lambda page, turn=degrees: scans.turned(page, turn), font=font, dpi=200)


def _noise(fonts: Fonts) -> Iterator[Made]:
    yield _prose(fonts, "eng", lambda page: scans.noisy(page, 1, 40), dpi=200)
    yield _prose(fonts, "deu", lambda page: scans.speckled(page, 2, 0.02), dpi=200, font="sans")
    yield _prose(fonts, "fra", lambda page: scans.squeezed(page, 12), dpi=150)
    yield _prose(fonts, "spa", lambda page: scans.noisy(scans.blurred(page, 1.8), 4, 18), dpi=200, font="book")
    yield _prose(fonts, "eng", lambda page: scans.speckled(scans.noisy(page, 5, 25), 6, 0.01), font="sans")


def _columns(fonts: Fonts) -> Iterator[Made]:
    for language, font, passages in (
        ("eng", "serif", (0, 1, 2, 3)),
        ("deu", "serif", (1, 0, 3, 2)),
        ("fra", "sans", (0, 1, 2, 3)),
        ("spa", "book", (2, 3, 0, 1)),
        ("eng", "sans", (3, 2, 1, 0)),
    ):
        yield _prose(fonts, language, font=font, size=10, columns=2, passages=passages, dpi=250)


def _tables(fonts: Fonts) -> Iterator[Made]:
    for language, font, ruled, dpi in (
        ("eng", "sans", True, 200),
        ("deu", "serif", True, 300),
        ("fra", "sans", False, 200),
        ("spa", "serif", True, 150),
        ("eng", "wide", False, 300),
    ):
        text, picture = set_table(fonts, language, Setting(font=font, bold="sans-bold", dpi=dpi), ruled)
        yield language, dpi, text, picture


def _faint(fonts: Fonts) -> Iterator[Made]:
    for language, ink, paper in (
        ("eng", 150, 200),
        ("deu", 190, 235),
        ("fra", 120, 150),
        ("spa", 60, 90),
        ("eng", 205, 240),
    ):
        yield _prose(
            fonts,
            language,
            lambda page, i=ink, p=paper: scans.noisy(scans.faint(page, i, p), i, 3),
            dpi=200,
            font="sans",
        )


def _dark(fonts: Fonts) -> Iterator[Made]:
    yield _prose(fonts, "eng", scans.inverted, dpi=200, font="sans")
    yield _prose(fonts, "deu", lambda page: scans.faint(page, 215, 30), dpi=110, font="wide", bold="sans-bold")
    yield _prose(fonts, "fra", lambda page: scans.noisy(scans.faint(page, 180, 20), 3, 6), dpi=150)
    yield _prose(fonts, "spa", _half_dark, dpi=200, font="sans")
    yield _prose(fonts, "eng", lambda page: scans.faint(page, 160, 60), dpi=96, font="mono", size=10)


def _half_dark(page: Image.Image) -> Image.Image:
    """The upper part white on black, as a web page with a dark header; no line of type is cut."""
    rows = np.asarray(page).min(axis=1)
    height = page.height // 4 + int(np.argmax(rows[page.height // 4 :] == 255)) + 4
    upper = page.crop((0, 0, page.width, height))
    page.paste(scans.inverted(upper), (0, 0))
    return page


def _phone(fonts: Fonts) -> Iterator[Made]:
    for seed, (language, font, lean) in enumerate(
        (
            ("eng", "serif", 0.05),
            ("deu", "sans", 0.08),
            ("fra", "book", 0.06),
            ("spa", "sans", 0.1),
            ("eng", "sans", 0.12),
        )
    ):
        made = _prose(
            fonts,
            language,
            lambda page, s=seed, amount=lean: scans.photographed(page, 100 + s, lean=amount),
            font=font,
            size=12,
            passages=(seed % 4, (seed + 1) % 4),
        )
        yield *made, ".jpg", 88


def _screens(fonts: Fonts) -> Iterator[Made]:
    """Like a screenshot: small type, sharp or smoothed, some of it gray."""
    yield _prose(fonts, "eng", font="wide", bold="sans-bold", dpi=96, size=10)
    yield _prose(
        fonts, "deu", lambda page: scans.faint(page, 70, 250), font="sans", bold="sans-bold", dpi=96, size=10.5
    )
    yield _prose(
        fonts, "fra", lambda page: scans.faint(page, 30, 240), font="narrow", bold="sans-bold", dpi=144, size=9
    )
    yield _prose(fonts, "spa", font="mono", bold="mono", dpi=96, size=10)
    yield _prose(fonts, "eng", lambda page: scans.faint(page, 90, 255), font="sans", bold="sans-bold", dpi=110, size=9)


GROUPS: dict[str, Callable[[Fonts], Iterator[Made]]] = {
    "fonts": _fonts,
    "72 to 120 dpi": _low,
    "400 to 600 dpi": _high,
    "skew": _skew,
    "turned": _turned,
    "noise": _noise,
    "two columns": _columns,
    "tables": _tables,
    "low contrast": _faint,
    "white on black": _dark,
    "phone photo": _phone,
    "screen": _screens,
}
