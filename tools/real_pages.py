"""``python tools/real_pages.py FOLDER``: pictures of real pages with their text, for ``make bench-text``'s ``pages``.

Draws pages of PDFs that Debian's documentation packages carry: manuals in four languages, papers in two columns,
reference cards, tables. ``--pdfs``: of the PDFs below a folder instead. At 150, 200 and 300 dots per inch in turn,
every fifth page turned by up to three degrees. The text is the PDF's own text layer, in the order of the file; pages
are left out where that is no text, or jumps about the page. The same PDFs give the same pages.

Nothing of this is committed: ``FOLDER`` is best the cache folder's ``peers/real-pages``, where the bench looks for it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium_c
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PACKAGES: dict[str, tuple[str, int, int]] = {
    "debian-refcard": ("eng", 12, 1),
    "debian-reference-de": ("deu", 1, 12),
    "debian-reference-fr": ("fra", 1, 12),
    "debian-reference-es": ("spa", 1, 12),
    "debian-edu-doc-de": ("deu", 2, 6),
    "debian-edu-doc-fr": ("fra", 2, 6),
    "debian-edu-doc-es": ("spa", 2, 6),
    "fai-doc": ("eng", 1, 6),
    "texlive-lang-german": ("deu", 24, 1),
    "texlive-lang-french": ("fra", 24, 1),
    "texlive-lang-spanish": ("spa", 8, 2),
    "texlive-humanities-doc": ("eng", 30, 1),
    "texlive-science-doc": ("eng", 40, 1),
    "texlive-publishers-doc": ("eng", 70, 1),
}
"""Debian package -> language, how many of its PDFs at most, and how many pages of each."""

_CARDS = {"de": "deu", "es": "spa", "fr": "fra", "en": "eng"}
_DPI = (150, 200, 300)
_FEWEST, _MOST = 300, 9000
_MOST_ODD = 0.01
_LEAST_WORDLIKE = 0.7
_TURNED = (0.7, -1.2, 2.1, -2.8)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A page of a PDF that is fit to be drawn."""

    name: str
    kind: str
    text: str


# which pages ----------------------------------------------------------------------------------------------------------


def pages_of(path: Path, name: str, most: int) -> Iterator[tuple[int, Drawn]]:
    """Up to ``most`` fit pages spread over a PDF, with their index."""
    try:
        document = pypdfium2.PdfDocument(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path)
    except (pypdfium2.PdfiumError, OSError):
        return
    count, found = len(document), 0
    # From the middle on: titles and tables of contents come first.
    step = max(1, count // (most * 2 + 1))
    for place in range(count):
        index = (count // 3 + place * step) % count
        if found == most or place == 8 * most:
            return
        drawn = _fit(document[index], f"{name}-p{index + 1:03}")
        if drawn:
            found += 1
            yield index, drawn


def _fit(page: pypdfium2.PdfPage, name: str) -> Drawn | None:
    """The page, if its text layer is text in an order that a reader could follow."""
    if page.get_rotation() or not 200 < page.get_width() < 1300 or not 200 < page.get_height() < 1300:
        return None
    layer = page.get_textpage()
    text = layer.get_text_bounded()
    if not _FEWEST <= len(text) <= _MOST:
        return None
    odd = sum(1 for c in text if c in "\ufffd" or "\ue000" <= c <= "\uf8ff" or (c < " " and c not in "\r\n\t\x02"))
    letters = sum(c.isalnum() or c.isspace() or c in ".,;:-()'\"/%" for c in text)
    if odd > _MOST_ODD * len(text) or letters < 0.9 * len(text):
        return None
    words = text.split()
    if sum(1 for word in words if len(word) > 1) < _LEAST_WORDLIKE * len(words) * 0.8:
        return None
    if any(abs(pdfium_c.FPDFText_GetCharAngle(layer, i)) % 6.283 > 0.05 for i in range(0, layer.count_chars(), 29)):
        return None
    rects = [_upside(layer.get_rect(number), page.get_height()) for number in range(layer.count_rects())]
    if _jumps(rects) > 3 + 0.05 * len(rects):
        return None
    return Drawn(name=name, kind=_kind(rects, page.get_width()), text=text.replace("\r\n", "\n"))


Rect = tuple[float, float, float, float]


def _upside(rect: Rect, height: float) -> Rect:
    left, bottom, right, top = rect
    return left, height - top, right, height - bottom


def _jumps(rects: list[Rect]) -> int:
    """How often the text goes up the page without going on in a column to the right."""
    high = sorted(rect[3] - rect[1] for rect in rects)[len(rects) // 2] if rects else 1.0
    return sum(1 for one, two in itertools.pairwise(rects) if two[3] < one[1] - high / 2 and two[0] < one[0] + high)


def _kind(rects: list[Rect], width: float) -> str:
    """``table``, ``columns`` or ``prose``, by how many pieces of text stand beside each other in most rows."""
    rows: dict[int, list[Rect]] = {}
    for rect in rects:
        rows.setdefault(round((rect[1] + rect[3]) / 2 / 6), []).append(rect)
    pieces = []
    for row in rows.values():
        row.sort()
        gaps = [two[0] - one[2] for one, two in itertools.pairwise(row)]
        pieces.append(1 + sum(gap > 10 for gap in gaps))
    many = sum(count >= 3 for count in pieces) / max(1, len(pieces))
    two = sum(count >= 2 for count in pieces) / max(1, len(pieces))
    del width
    return "table" if many > 0.25 else "columns" if two > 0.4 else "prose"


# drawing --------------------------------------------------------------------------------------------------------------


def draw(path: Path, index: int, drawn: Drawn, folder: Path, place: int) -> str:
    """Write the page's picture and text; its name."""
    dpi = _DPI[place % len(_DPI)]
    document = pypdfium2.PdfDocument(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path)
    picture: Image.Image = document[index].render(scale=dpi / 72).to_pil().convert("RGB")
    name = f"{drawn.name}-{dpi}"
    if place % 5 == 4:
        picture = picture.rotate(_TURNED[place // 5 % 4], Image.Resampling.BICUBIC, expand=True, fillcolor="white")
        name += "-turned"
    picture.save(folder / f"{name}.png", dpi=(dpi, dpi))
    (folder / f"{name}.txt").write_text(drawn.text)
    return name


def _language(package_language: str, path: Path) -> str:
    """Of a reference card, which is one file for each language."""
    parts = path.name.lower().replace("_", "-").replace(".", "-").split("-")
    found = [code for short, code in _CARDS.items() if short in parts]
    return found[0] if path.name.startswith("refcard") and found else package_language


def _pdfs(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.name.lower().endswith((".pdf", ".pdf.gz")) and file.is_file()]
    return sorted(files, key=lambda file: hashlib.sha256(file.name.encode()).digest())


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw real pages with their text.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pdfs", type=Path, help="the PDFs below this folder instead of Debian's")
    parser.add_argument("--each", type=int, default=1, help="pages of each of these PDFs")
    parser.add_argument("--most", type=int, default=200, help="PDFs of these at most")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.pdfs:
        sources = {arguments.pdfs.name: (arguments.pdfs, ("eng", arguments.most, arguments.each))}
    else:
        from benches.peers.debian import unpack  # found by the path above

        sources = {}
        for package, how in PACKAGES.items():
            home = folder.parent / "real-pdfs" / package
            if not home.is_dir():
                unpack([package], home)
            sources[package] = (home, how)
    described: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    place = 0
    for source, (home, (language, files, each)) in sources.items():
        used = 0
        for path in _pdfs(home):
            if used == files:
                break
            spoken = _language(language, path)
            if path.name.startswith("refcard") and spoken == "eng" and "-en" not in path.name.lower():
                continue
            before = place
            stem = path.name.split(".pdf")[0].split(".PDF")[0].replace(" ", "_")
            for index, drawn in pages_of(path, f"{source}-{stem}", each):
                if drawn.text in seen:
                    continue
                seen.add(drawn.text)
                name = draw(path, index, drawn, folder, place)
                described[name] = {"group": drawn.kind, "language": spoken}
                place += 1
            used += place > before
        print(f"{source}: {place} pages so far", flush=True)
    (folder / "pages.json").write_text(json.dumps(described, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
