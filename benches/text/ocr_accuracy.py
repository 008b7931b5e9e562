"""Section ``ocr-accuracy``: sixty synthetic pages, character errors by group, beside pytesseract and OCRmyPDF."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benches.text import fonts, ocr_tools
from benches.text.errors import character_errors
from benches.text.pages import GROUPS, Page, made_pages
from benches.text.report import Goal, Options, Report, at_most, table

TOOLS = ["pillion", "pillion auto", "pytesseract", "ocrmypdf"]
PEERS = TOOLS[2:]
WORSE = 0.5
"""Points by which a group may be behind a peer."""
MEDIAN = 1.0

Errors = dict[str, dict[str, list[float]]]
"""Tool -> group -> percent of each page."""


def run(options: Options) -> Report:
    """Every page through every tool, one after the other. ``quick``: the first page of each group."""
    faces = fonts.fetch(options.cache)
    errors: Errors = {tool: {group: [] for group in GROUPS} for tool in TOOLS}
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        tools = ocr_tools.prepared(options.cache, Path(folder), TOOLS)
        pages = (page for page in made_pages(faces) if not options.quick or page.name.endswith("-1"))
        rows = [_measure(page, tools, Path(folder), errors) for page in pages]
    return Report(lines=_lines(errors), goals=_goals(errors), figures={"pages": rows})


def _measure(page: Page, tools: dict[str, ocr_tools.Tool], folder: Path, errors: Errors) -> dict[str, Any]:
    path = page.write(folder)
    found = {name: character_errors(page.text, tool(path, page.language)) for name, tool in tools.items()}
    path.unlink()
    for name, rate in found.items():
        errors[name][page.group].append(rate)
    shown = "  ".join(f"{name} {rate:.2f}" for name, rate in found.items())
    print(f"{page.name:<20} {page.language}  {shown}", flush=True)
    return {"page": page.name, "language": page.language, "errors": found}


def _lines(errors: Errors) -> list[str]:
    rows = [[group, *(f"{statistics.mean(errors[tool][group]):.2f}" for tool in TOOLS)] for group in GROUPS]
    for name, middle in (("all pages, mean", statistics.mean), ("all pages, median", statistics.median)):
        rows.append([name, *(f"{middle(_all(errors, tool)):.2f}" for tool in TOOLS)])
    return ["", "Character errors in percent, mean of the group's pages:", *table(["group", *TOOLS], rows)]


def _all(errors: Errors, tool: str) -> list[float]:
    return [rate for rates in errors[tool].values() for rate in rates]


def _goals(errors: Errors) -> list[Goal]:
    """One for the median, one for each group in which a peer is better by too much, and one for all others."""
    goals = [at_most("median over all pages", statistics.median(_all(errors, "pillion")), MEDIAN, " %")]
    behind = {
        (group, peer): statistics.mean(errors["pillion"][group]) - statistics.mean(errors[peer][group])
        for group in GROUPS
        for peer in PEERS
    }
    worst = max(behind, key=lambda key: behind[key])
    goals.append(at_most(f"points behind a peer, worst ({worst[0]}, {worst[1]})", behind[worst], WORSE))
    for (group, peer), points in behind.items():
        if points > WORSE and (group, peer) != worst:
            goals.append(at_most(f"points behind {peer} in {group}", points, WORSE))
    return goals
