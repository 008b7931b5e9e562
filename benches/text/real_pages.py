"""Section ``pages``: real pages with known text, beside Tesseract alone, and OCRmyPDF and rapidocr where asked for.

Any folder of pictures with the text of each beside it (``NAME.png``, ``NAME.txt``) is a set; ``tools/real_pages.py``
makes one from PDFs that Debian's packages carry. ``pages.json`` in it may say of each name its ``group`` and
``language``; without it the group is the name up to its last hyphen, and the language English.

Tesseract alone: its automatic layout, in this process through tesserocr, with the same language data, beside Pillion in
each run, as a goal compares their times. What another peer made of a picture is kept in the cache folder under the hash
of the picture's bytes, so it is made once.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from benches.peers.environments import SetupError
from benches.text import ocr_tools, tesseract
from benches.text.report import Goal, Options, Report, at_least, at_most, table

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
QUICK = 60
"""Pages of a quick run, spread over the set."""

WORSE = 0.02
"""A page is worse than Tesseract if its character errors or its word F1 are by more than this."""
MOST_WORSE = 0.02
F1 = 0.94
BY_A_FIFTH = 0.8
HALF_THE_TIME = 0.5


@dataclass(frozen=True, kw_only=True)
class RealPage:
    """A picture and its text."""

    name: str
    group: str
    language: str
    path: Path
    text: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a tool made of a page. ``cer``: 0 and up; ``f1``: 0 to 1; ``seconds`` by the clock, ``cpu`` of all cores."""

    text: str
    seconds: float
    cpu: float
    cer: float = 0.0
    f1: float = 0.0

    def judged(self, truth: str) -> Found:
        """With its errors."""
        want, got = normalised(truth), normalised(self.text)
        return Found(
            text=self.text,
            seconds=self.seconds,
            cpu=self.cpu,
            cer=Levenshtein.distance(want, got) / max(1, len(want)),
            f1=word_f1(want, got),
        )


# judging --------------------------------------------------------------------------------------------------------------

_ALIKE = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "—": "-", "–": "-"}
    | {"‐": "-", "‑": "-", "−": "-", "\u00ad": "", "\ufffe": "-", "\x02": "-", "•": "*", "·": "*"}
)
_HYPHEN_AT_END = re.compile(r"(?<=\w)-[ \t]*\r?\n\s*(?=\w)")
_WORD = re.compile(r"\w+")


def normalised(text: str) -> str:
    """NFKC, quotes and dashes unified, hyphens at line ends joined, white space as one space."""
    alike = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return " ".join(_HYPHEN_AT_END.sub("", alike).split())


def word_f1(want: str, got: str) -> float:
    """Of the words as multisets, without punctuation and case: their order does not count."""
    wanted, found = (Counter(_WORD.findall(text.casefold())) for text in (want, got))
    common = sum((wanted & found).values())
    return 2 * common / max(1, wanted.total() + found.total())


# the set --------------------------------------------------------------------------------------------------------------


def pages_of(folders: Sequence[Path]) -> list[RealPage]:
    """All pages of the folders. Raises SetupError where there are none."""
    found = [page for folder in folders for page in _pages_in(folder)]
    if not found:
        named = ", ".join(map(str, folders))
        raise SetupError(f"no picture with its text beside it is in {named}: run python tools/real_pages.py FOLDER")
    return found


def _pages_in(folder: Path) -> Iterator[RealPage]:
    described = folder / "pages.json"
    known: dict[str, dict[str, str]] = json.loads(described.read_text()) if described.is_file() else {}
    for path in sorted(folder.glob("*")):
        truth = path.with_suffix(".txt")
        if path.suffix.lower() in SUFFIXES and truth.is_file():
            name = path.name.removesuffix(path.suffix)
            said = known.get(name, {})
            yield RealPage(
                name=name,
                group=said.get("group", name.rpartition("-")[0] or name),
                language=said.get("language", "eng"),
                path=path,
                text=truth.read_text(errors="replace"),
            )


def spread_over(pages: Sequence[RealPage], count: int) -> list[RealPage]:
    """So many of the pages, evenly chosen."""
    step = max(1.0, len(pages) / count)
    return [pages[int(number * step)] for number in range(min(count, len(pages)))]


# the tools ------------------------------------------------------------------------------------------------------------


class Kept:
    """A tool whose answers are kept on disk by the content of the picture."""

    def __init__(self, name: str, tool: ocr_tools.Tool, cache: Path) -> None:
        self._tool = tool
        self._folder = cache / "answers" / name
        self._folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, page: RealPage) -> Found:
        key = hashlib.sha256(page.path.read_bytes() + page.language.encode()).hexdigest()
        kept = self._folder / f"{key}.json"
        if not kept.is_file():
            found = timed(self._tool, page)
            kept.write_text(json.dumps({"text": found.text, "seconds": found.seconds, "cpu": found.cpu}))
        return Found(**json.loads(kept.read_text())).judged(page.text)


def timed(tool: ocr_tools.Tool, page: RealPage) -> Found:
    """What the tool makes of the page, not judged yet."""
    start, cpu = time.perf_counter(), time.process_time()
    text = tool(page.path, page.language)
    return Found(text=text, seconds=time.perf_counter() - start, cpu=time.process_time() - cpu)


# the section ----------------------------------------------------------------------------------------------------------


def run(options: Options) -> Report:
    """Every page through every tool. ``quick``: some pages only."""
    pages = pages_of(options.pages or (options.cache / "real-pages",))
    chosen = spread_over(pages, QUICK) if options.quick else pages
    tesseract.prepare(options.cache)
    with tempfile.TemporaryDirectory(prefix="bench-real-") as scratch:
        names = ["tesserocr", *options.peers]
        tools = ocr_tools.prepared(options.cache, Path(scratch), names)
        alone = tools.pop("tesserocr")
        peers: dict[str, Peer] = {"tesserocr": lambda page: timed(alone, page).judged(page.text)}
        peers |= {name: Kept(name, tool, options.cache) for name, tool in tools.items()}
        rows = [_measured(page, peers) for page in chosen]
    return Report(lines=_lines(rows, [*names]), goals=_goals(rows), figures={"pages": [_figures(row) for row in rows]})


Peer = Callable[[RealPage], Found]
Row = tuple[RealPage, dict[str, Found]]


def _measured(page: RealPage, peers: dict[str, Peer]) -> Row:
    found = {name: peer(page) for name, peer in peers.items()}
    found = {"pillion": timed(ocr_tools.pillion, page).judged(page.text), **found}
    shown = "  ".join(f"{name} {one.cer:.3f} {one.f1:.3f} {one.seconds:.2f}" for name, one in found.items())
    print(f"{page.name:<40} {shown}", flush=True)
    return page, found


def _figures(row: Row) -> dict[str, Any]:
    page, found = row
    said = {
        name: {"cer": round(one.cer, 4), "f1": round(one.f1, 4), "s": round(one.seconds, 3), "cpu": round(one.cpu, 3)}
        for name, one in found.items()
    }
    return {"page": page.name, "group": page.group, **said}


def worse(row: Row) -> bool:
    """Whether Pillion is worse than Tesseract alone at this page."""
    ours, theirs = row[1]["pillion"], row[1]["tesserocr"]
    return ours.cer > theirs.cer + WORSE or ours.f1 < theirs.f1 - WORSE


def _lines(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    tools = ["pillion", *names]
    head = ["group", "pages", "worse", *(f"{tool} {what}" for tool in tools for what in ("CER", "F1", "s"))]
    groups = dict.fromkeys(page.group for page, _ in rows)
    body = [_line(group, [row for row in rows if row[0].group == group], tools) for group in groups]
    return [
        "",
        "Character errors and word F1 (mean), seconds (median):",
        *table(head, [*body, _line("all", rows, tools)]),
        *_listed("Worse than Tesseract alone", [row for row in rows if worse(row)]),
        *_listed("Eight worst", sorted(rows, key=lambda row: -row[1]["pillion"].cer)[:8]),
        *_listed("Eight slowest", sorted(rows, key=lambda row: -row[1]["pillion"].seconds)[:8]),
    ]


def _line(name: str, rows: Sequence[Row], tools: Sequence[str]) -> list[str]:
    cells = []
    for tool in tools:
        found = [row[1][tool] for row in rows]
        cells.append(f"{statistics.mean(one.cer for one in found):.3f}")
        cells.append(f"{statistics.mean(one.f1 for one in found):.3f}")
        cells.append(f"{statistics.median(one.seconds for one in found):.2f}")
    return [name, str(len(rows)), str(sum(map(worse, rows))), *cells]


def _listed(title: str, rows: Sequence[Row]) -> list[str]:
    head = ["page", "CER", "F1", "s", "Tesseract CER", "F1", "s"]
    body = [
        [page.name, *(cell for one in (found["pillion"], found["tesserocr"]) for cell in _cells(one))]
        for page, found in rows
    ]
    return ["", f"{title}:", *table(head, body)] if body else []


def _cells(one: Found) -> tuple[str, str, str]:
    return f"{one.cer:.3f}", f"{one.f1:.3f}", f"{one.seconds:.2f}"


def _goals(rows: Sequence[Row]) -> list[Goal]:
    ours, theirs = ([row[1][tool] for row in rows] for tool in ("pillion", "tesserocr"))
    errors = [statistics.mean(one.cer for one in found) for found in (ours, theirs)]
    seconds = [statistics.median(one.seconds for one in found) for found in (ours, theirs)]
    return [
        at_most("mean CER to Tesseract's", errors[0] / max(1e-9, errors[1]), BY_A_FIFTH, "x"),
        at_least("word F1, mean", statistics.mean(one.f1 for one in ours), F1, digits=3),
        at_most("share of pages worse than Tesseract", sum(map(worse, rows)) / len(rows), MOST_WORSE, digits=3),
        at_most("median time to Tesseract's", seconds[0] / max(1e-9, seconds[1]), HALF_THE_TIME, "x"),
    ]
