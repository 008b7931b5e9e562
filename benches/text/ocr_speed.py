"""Section ``ocr-speed``: one dense page at 300 dpi alone on the machine, beside pytesseract, tesserocr and OCRmyPDF."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benches.text import fonts, ocr_tools
from benches.text.errors import character_errors
from benches.text.pages import Page, Setting, set_page
from benches.text.report import Options, Report, at_most, table

TOOLS = ["pillion", "pillion auto", "tesserocr", "pytesseract", "ocrmypdf"]
ROUNDS = 5
SECONDS = 1.0
"""What the page may take on two cores, the model loaded."""


def run(options: Options) -> Report:
    """Interleaved rounds after one to warm up; the medians. ``quick``: one round."""
    faces = fonts.fetch(options.cache)
    with tempfile.TemporaryDirectory(prefix="bench-dense-") as folder:
        tools = ocr_tools.prepared(options.cache, Path(folder), TOOLS)
        page = dense_page(faces)
        path = page.write(Path(folder))
        errors = {name: character_errors(page.text, tool(path, "eng")) for name, tool in tools.items()}
        seconds: dict[str, list[float]] = {name: [] for name in tools}
        for _ in range(1 if options.quick else ROUNDS):
            for name, tool in tools.items():
                start = time.perf_counter()
                tool(path, "eng")
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rows = [
        [name, f"{median:.2f}", f"{median / medians['pillion']:.1f} x", f"{errors[name]:.2f}"]
        for name, median in medians.items()
    ]
    lines = [f"A page of {len(page.text)} characters:", *table(["tool", "s", "of Pillion's", "errors, %"], rows)]
    goals = [at_most("a dense page alone", medians["pillion auto"], SECONDS, " s")]
    return Report(lines=lines, goals=goals, figures={"seconds": seconds, "errors": errors})


def dense_page(faces: dict[str, Path]) -> Page:
    """All English passages, over and over, in small type: about 4,000 characters."""
    text, picture = set_page(faces, "eng", Setting(size=9, passages=(0, 1, 2, 3, 1, 2, 0, 3, 2)))
    return Page(name="dense", group="dense", language="eng", dpi=300, text=text, picture=picture)
