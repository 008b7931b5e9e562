"""Section ``pdf``: scans and born-digital PDFs beside OCRmyPDF and plain pypdfium2, interleaved.

Scans: whole processes, including their start. Born digital: Pillion and pypdfium2 without the start of Python, which
takes longer than the extraction.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from benches.peers.environments import SetupError, ensure
from benches.text.report import Goal, Options, Report, at_least, at_most, table
from tests.support import media

OCRMYPDF = ["ocrmypdf==17.13.0"]
OCRMYPDF_TOOLS = ("ocrmypdf", "ocrmypdf --skip-text")
JOBS = "2"
TIMES = 2.5
PAGES_PER_SECOND = 100.0
CER_SLACK = 0.5

_TIMED = """
import sys, time
{imports}
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
print(seconds, text, sep="\\n")
"""
_PILLION = _TIMED.format(
    imports="import pillion, pillion.kinds.ocr.recognise",
    work="result = pillion.ocr(sys.argv[1]); sidecar = result.to_json(); text = result.text",
)
_PDFIUM = _TIMED.format(
    imports="import pypdfium2",
    work="""document = pypdfium2.PdfDocument(sys.argv[1])
text = "\\f".join(document[number].get_textpage().get_text_range() for number in range(len(document)))""",
)
"""What prints its own seconds, without the start of Python and imports; the sidecar's JSON is made, too."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A PDF, its text page by page, and who reads it."""

    name: str
    path: Path
    texts: Sequence[str]
    tools: Sequence[str]
    rounds: int
    digital: bool = False


@dataclass
class Measured:
    """What one tool took for one PDF, in seconds, and what it read."""

    seconds: list[float] = field(default_factory=list)
    text: str = ""


def run(options: Options) -> Report:
    """Measure. Raises SetupError."""
    if shutil.which("tesseract") is None:
        raise SetupError("OCRmyPDF needs the tesseract program: run apt-get install tesseract-ocr")
    ocrmypdf = ensure(options.cache / "ocrmypdf", OCRMYPDF)
    works = _works(options)
    found: dict[str, dict[str, Measured]] = {}
    for work in works:
        print(f"{work.name}: {', '.join(work.tools)}, {work.rounds} rounds", flush=True)
        found[work.name] = _measure(work, ocrmypdf)
    return _report(works, found)


# what is read ---------------------------------------------------------------------------------------------------------


def _works(options: Options) -> list[Work]:
    folder = options.cache / "pdf"
    folder.mkdir(parents=True, exist_ok=True)
    pages, digital, rounds = (2, 10, 1) if options.quick else (24, 200, 3)
    texts = [_text(seed) for seed in range(digital)]
    works = [
        Work(
            name=f"scan of {pages} pages, 300 dpi",
            path=_scan(folder / f"scan-{pages}.pdf", texts[:pages]),
            texts=texts[:pages],
            tools=("pillion", "ocrmypdf"),
            rounds=rounds,
        ),
        Work(
            name="scan of 1 page, 300 dpi",
            path=_scan(folder / "scan-first.pdf", texts[:1]),
            texts=texts[:1],
            tools=("pillion", "ocrmypdf"),
            rounds=rounds,
        ),
    ]
    path = folder / f"digital-{digital}.pdf"
    if not path.exists():
        media.write_pdf(path, texts, font="Times-Roman", font_size=10)
    tools = ("pillion", "pypdfium2, text alone", "ocrmypdf --skip-text")
    name = f"born digital, {digital} pages"
    return [*works, Work(name=name, path=path, texts=texts, tools=tools, rounds=2 * rounds, digital=True)]


def _text(seed: int) -> str:
    """A full page: some 3,500 characters, other ones for each seed."""
    chance = random.Random(seed)
    words = media.PAGE_TEXT.split()
    lines = []
    for _ in range(48):
        line = ""
        while len(line) < 72:
            line += (" " if line else "") + chance.choice(words)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _scan(path: Path, texts: Sequence[str]) -> Path:
    """Pages as a flatbed scanner gives them, JPEG in a PDF; kept for the next run."""
    if not path.exists():
        pages = [
            media.scanned(media.page(text, dpi=300, font="Times-Roman", font_size=10), seed=seed, tilt=0.3)
            for seed, text in enumerate(texts)
        ]
        part = path.with_suffix(".part")
        media.write_pdf(part, pages)
        part.replace(path)
    return path


# who reads it ---------------------------------------------------------------------------------------------------------


def _measure(work: Work, ocrmypdf: Path) -> dict[str, Measured]:
    readers: dict[str, Callable[[Path, Path], str]] = {
        "pillion": lambda path, folder: _output(sys.executable, "-c", _PILLION, str(path)),
        "pypdfium2, text alone": lambda path, folder: _output(sys.executable, "-c", _PDFIUM, str(path)),
        "ocrmypdf": lambda path, folder: _ocrmypdf(ocrmypdf, path, folder, "--force-ocr"),
        "ocrmypdf --skip-text": lambda path, folder: _ocrmypdf(ocrmypdf, path, folder, "--skip-text"),
    }
    found = {tool: Measured() for tool in work.tools}
    for _ in range(work.rounds):
        for tool in work.tools:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                text = readers[tool](work.path, Path(folder))
                seconds = time.perf_counter() - start
            if tool not in OCRMYPDF_TOOLS:
                inside, text = text.split("\n", 1)
                if work.digital:
                    seconds = float(inside)
            found[tool].seconds.append(seconds)
            found[tool].text = text
    return found


def _ocrmypdf(python: Path, path: Path, folder: Path, mode: str) -> str:
    text = folder / "text.txt"
    command = [str(python), "-m", "ocrmypdf", "--quiet", "--jobs", JOBS, mode, "--output-type", "pdf", "-l", "eng"]
    _output(*command, "--optimize", "0", "--sidecar", str(text), str(path), str(folder / "out.pdf"))
    return text.read_text()


def _output(*command: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        raise SetupError(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


# what it says ---------------------------------------------------------------------------------------------------------


def _report(works: Sequence[Work], found: dict[str, dict[str, Measured]]) -> Report:
    rows, figures = [], {}
    for work in works:
        own = statistics.median(found[work.name]["pillion"].seconds)
        for tool, measured in found[work.name].items():
            median = statistics.median(measured.seconds)
            errors = 100 * _character_errors(work.texts, measured.text.split("\f"))
            if tool == "ocrmypdf --skip-text":
                errors_shown = "-"  # its sidecar leaves out pages that have text
            else:
                errors_shown = f"{errors:.2f} %"
            rate = len(work.texts) / median
            times = f"{median / own:.1f}x"
            rows.append([work.name, tool, f"{median:.2f}", f"{rate:.2f}", times, errors_shown])
            figures[f"{work.name}: {tool}"] = {
                "seconds": measured.seconds, "pages_per_s": rate, "character_errors_percent": errors,
            }  # fmt: skip
    head = ["PDF", "tool", "s", "pages/s", "beside Pillion", "character errors"]
    return Report(lines=table(head, rows), goals=_goals(works, figures), figures=figures)


def _character_errors(texts: Sequence[str], read: Sequence[str]) -> float:
    """Edits per character of the known text, by page. White space counts as one space; missing pages count fully."""
    plain = [" ".join(text.split()) for text in texts]
    seen = [" ".join(text.split()) for text in read]
    edits = sum(Levenshtein.distance(a, b) for a, b in itertools.zip_longest(plain, seen, fillvalue=""))
    return edits / sum(map(len, plain))


def _goals(works: Sequence[Work], figures: dict[str, Any]) -> list[Goal]:
    scan, single, digital = works
    ours, theirs = figures[f"{scan.name}: pillion"], figures[f"{scan.name}: ocrmypdf"]
    alone = figures[f"{single.name}: pillion"]["pages_per_s"] / figures[f"{single.name}: ocrmypdf"]["pages_per_s"]
    more = ours["character_errors_percent"] - theirs["character_errors_percent"]
    digital_rate = figures[f"{digital.name}: pillion"]["pages_per_s"]
    return [
        at_least(f"{scan.name}: OCRmyPDF's pages a second", ours["pages_per_s"] / theirs["pages_per_s"], TIMES, "x"),
        at_least(f"{single.name}: not slower than OCRmyPDF", alone, 1.0, "x"),
        at_most(f"{scan.name}: character errors beyond OCRmyPDF's", more, CER_SLACK, " points"),
        at_least(f"{digital.name}: pages a second", digital_rate, PAGES_PER_SECOND),
        at_most(
            f"{digital.name}: character errors", figures[f"{digital.name}: pillion"]["character_errors_percent"], 0.01,
            " %", 3,
        ),
    ]  # fmt: skip
