"""hOCR 1.2, in the classes that Tesseract uses: ocr_page, ocr_carea, ocr_photo, ocr_par, ocr_line, ocrx_word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pillion.kinds.ocr.exports.pages import PDF_DPI, Pixels, around, blocks, paragraphs_of, words, xml_text
from pillion.kinds.ocr.models import LANGUAGES
from pillion.kinds.ocr.result import BlockType, Box, Direction, OcrLine, OcrPage, OcrResult, OcrWord

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="{language}" lang="{language}">
<head>
<title>{name}</title>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<meta name="ocr-system" content="{engine}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_photo ocr_par ocr_line ocrx_word ocrp_wconf"/>
<meta name="ocr-number-of-pages" content="{pages}"/>
<meta name="ocr-langs" content="{languages}"/>
<meta name="ocr-scripts" content="{scripts}"/>
</head>
<body>
"""


def hocr(result: OcrResult, name: str) -> str:
    """The document; ``name`` is that of the file that was read."""
    known = [LANGUAGES[code] for code in result.languages if code in LANGUAGES]
    languages = [language.iso or language.code for language in known]
    head = _HEAD.format(
        language=languages[0] if languages else "und",
        name=xml_text(name),
        engine=xml_text(f"{result.engine} {result.engine_version}"),
        pages=len(result.pages),
        languages=" ".join(languages),
        scripts=" ".join(dict.fromkeys(language.script.title() for language in known)),
    )
    return head + "".join(line + "\n" for page in result.pages for line in _page(page, name)) + "</body>\n</html>\n"


def _page(page: OcrPage, name: str) -> Iterator[str]:
    pixels = Pixels.of(page)
    title = [
        f'image "{name.replace(chr(34), "")}"',
        f"bbox 0 0 {pixels.width} {pixels.height}",
        f"ppageno {page.number - 1}",
    ]
    if page.unit == "point":
        title.append(f"scan_res {PDF_DPI} {PDF_DPI}")
    yield _open("div", "ocr_page", f"page_{page.number}", title)
    counts = {"par": 0, "line": 0, "word": 0}
    for number, block in enumerate(blocks(page), 1):
        kind = "ocr_photo" if block.type is BlockType.FIGURE else "ocr_carea"
        yield _open("div", kind, f"block_{page.number}_{number}", _bbox(block.box, pixels))
        for lines in paragraphs_of(page, block):
            yield from _paragraph(page, lines, pixels, counts)
        yield "</div>"
    yield "</div>"


def _paragraph(page: OcrPage, lines: Sequence[OcrLine], pixels: Pixels, counts: dict[str, int]) -> Iterator[str]:
    counts["par"] += 1
    box = around([line.box for line in lines])
    yield _open("p", "ocr_par", f"par_{page.number}_{counts['par']}", _bbox(box, pixels), _DIRECTIONS[page.direction])
    for line in lines:
        yield from _line(page, line, pixels, counts)
    yield "</p>"


def _line(page: OcrPage, line: OcrLine, pixels: Pixels, counts: dict[str, int]) -> Iterator[str]:
    counts["line"] += 1
    title = _bbox(line.box, pixels)
    if page.rotation:
        # What has to be turned clockwise to be read stands turned counter-clockwise, which is how hOCR counts.
        title.append(f"textangle {page.rotation}")
    there = words(line)
    yield _open("span", "ocr_line", f"line_{page.number}_{counts['line']}", title) + (
        "" if there else xml_text(line.text)
    )
    for word in there:
        counts["word"] += 1
        yield _word(word, f"word_{page.number}_{counts['word']}", pixels)
    yield "</span>"


def _word(word: OcrWord, name: str, pixels: Pixels) -> str:
    title = _bbox(word.box, pixels)
    if word.confidence is not None:
        title.append(f"x_wconf {round(word.confidence)}")
    return f"{_open('span', 'ocrx_word', name, title)}{xml_text(word.text)}</span>"


def _bbox(box: Box | None, pixels: Pixels) -> list[str]:
    return [] if box is None else ["bbox {} {} {} {}".format(*pixels.box(box))]


_DIRECTIONS = {
    Direction.RIGHT: "",
    Direction.LEFT: ' dir="rtl"',
    Direction.DOWN: ' style="writing-mode: vertical-rl"',
}
"""As Tesseract marks paragraphs from right to left; CSS has the only words for columns."""


def _open(tag: str, kind: str, name: str, title: Sequence[str], direction: str = "") -> str:
    properties = f' title="{xml_text("; ".join(title))}"' if title else ""
    return f'<{tag} class="{kind}" id="{name}"{direction}{properties}>'
