"""ALTO 4.4 (Library of Congress): pages, text blocks, illustrations, lines and strings, in pixels."""

from __future__ import annotations

from collections.abc import Iterator

from pillion.kinds.ocr.exports.pages import Pixels, around, blocks, paragraphs_of, words, xml_text
from pillion.kinds.ocr.result import BlockType, Box, Direction, OcrLine, OcrPage, OcrResult

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
 SCHEMAVERSION="4.4">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{name}</fileName></sourceImageInformation>
<Processing ID="processing_1">
<processingCategory>contentGeneration</processingCategory>
<processingStepSettings>languages: {languages}</processingStepSettings>
<processingSoftware><softwareName>{engine}</softwareName><softwareVersion>{version}</softwareVersion></processingSoftware>
</Processing>
</Description>
<Layout>
"""


def alto(result: OcrResult, name: str) -> str:
    """The document; ``name`` is that of the file that was read."""
    head = _HEAD.format(
        name=xml_text(name),
        languages=xml_text(" ".join(result.languages)),
        engine=xml_text(result.engine),
        version=xml_text(result.engine_version),
    )
    return head + "".join(line + "\n" for page in result.pages for line in _page(page)) + "</Layout>\n</alto>\n"


def _page(page: OcrPage) -> Iterator[str]:
    pixels = Pixels.of(page)
    confidence = "" if page.confidence is None else f' PC="{page.confidence / 100:.3f}"'
    # What has to be turned clockwise to be read stands turned counter-clockwise, which is how ALTO counts.
    rotation = f' ROTATION="{page.rotation}"' if page.rotation else ""
    yield (
        f'<Page ID="page_{page.number}" PHYSICAL_IMG_NR="{page.number}" PROCESSINGREFS="processing_1"'
        f' WIDTH="{pixels.width}" HEIGHT="{pixels.height}"{confidence}{rotation}>'
    )
    yield f"<PrintSpace{_place((0, 0, page.width, page.height), pixels)}>"
    count = blocks_yet = 0
    direction = "" if page.direction is Direction.RIGHT else f' BASEDIRECTION="{page.direction.value}"'
    for block in blocks(page):
        for lines in paragraphs_of(page, block):
            blocks_yet += 1
            box = around([line.box for line in lines])
            yield f'<TextBlock ID="block_{page.number}_{blocks_yet}"{_place(box, pixels)}{direction}>'
            for line in lines:
                count += 1
                yield from _line(line, f"{page.number}_{count}", pixels)
            yield "</TextBlock>"
        if block.type is BlockType.FIGURE:
            blocks_yet += 1
            yield f'<Illustration ID="block_{page.number}_{blocks_yet}"{_place(block.box, pixels)}/>'
    yield "</PrintSpace>"
    yield "</Page>"


def _line(line: OcrLine, name: str, pixels: Pixels) -> Iterator[str]:
    yield f'<TextLine ID="line_{name}"{_place(line.box, pixels)}>'
    there = words(line)
    if not there:
        yield f'<String ID="string_{name}_1" CONTENT="{xml_text(line.text)}"/>'
    for number, word in enumerate(there, 1):
        if number > 1:
            yield "<SP/>"
        confidence = "" if word.confidence is None else f' WC="{word.confidence / 100:.3f}"'
        yield (
            f'<String ID="string_{name}_{number}" CONTENT="{xml_text(word.text)}"'
            f"{_place(word.box, pixels)}{confidence}/>"
        )
    yield "</TextLine>"


def _place(box: Box | None, pixels: Pixels) -> str:
    if box is None:
        return ""
    left, top, right, bottom = pixels.box(box)
    return f' HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'
