"""A page with its blocks drawn on it, numbered in reading order: ``pillion ocr --draw``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pillion.kinds.ocr.exports.pages import blocks
from pillion.kinds.ocr.result import BlockType, OcrPage
from pillion.readers.images import decode
from pillion.readers.pdf import document as pdfium

if TYPE_CHECKING:
    from PIL import Image

_DPI = 150
_COLOURS = {
    BlockType.TEXT: "#1f77b4",
    BlockType.HEADING: "#d62728",
    BlockType.TABLE: "#2ca02c",
    BlockType.FIGURE: "#9467bd",
    BlockType.CAPTION: "#ff7f0e",
    BlockType.LIST: "#17becf",
    BlockType.FOOTER: "#7f7f7f",
}
"""Those of matplotlib's tab10, which can be told apart."""


def drawn(page: OcrPage, source: Path, *, is_pdf: bool) -> Image.Image:
    """The page's picture with a box around each block and a thin one around each line. Raises ItemError."""
    from PIL import ImageDraw, ImageFont

    picture = _of_pdf(source, page) if is_pdf else _of_image(source, page)
    across, down = picture.width / page.width, picture.height / page.height
    draw = ImageDraw.Draw(picture)
    thick = max(2, picture.width // 600)
    size = max(12, picture.width // 70)
    font = ImageFont.load_default(size=size)
    for number, block in enumerate(blocks(page), 1):
        colour = _COLOURS[block.type]
        for line in (page.lines[place] for place in block.lines):
            if line.box:
                left, top, right, bottom = line.box
                draw.rectangle((left * across, top * down, right * across, bottom * down), outline=colour)
        left, top, right, bottom = block.box
        box = (left * across - thick, top * down - thick, right * across + thick, bottom * down + thick)
        draw.rectangle(box, outline=colour, width=thick)
        said = f"{number} {block.type.value}"
        at = (max(0.0, box[0]), max(0.0, box[1] - size))
        draw.rectangle(draw.textbbox(at, said, font=font), fill="white")
        draw.text(at, said, fill=colour, font=font)
    return picture


def _of_image(source: Path, page: OcrPage) -> Image.Image:
    from PIL import Image

    numbers = decode.pages(source)
    picture = Image.fromarray(decode.opened(source, page=numbers[min(page.number, len(numbers)) - 1]).pixels())
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _of_pdf(source: Path, page: OcrPage) -> Image.Image:
    from PIL import Image

    with pdfium.opened(source) as document, document.page(page.number - 1) as opened:
        return Image.fromarray(opened.gray(_DPI / 72)).convert("RGB")
