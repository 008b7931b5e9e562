#!/usr/bin/env python3
"""Scroll the page's timeline of made items from end to end in Chromium, and print how long anything in sight was blank,
how many nodes there were, and the longest task of the page.

Tasks are given by the clock and by the processor time of the page's thread, since other work on the machine lengthens
the first and hardly the second. The tracing that tells them makes both a little longer.

    python tools/bench_page.py [--items 100000]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench_serve import serving
from browser import find
from native import ROOT

sys.path.insert(0, str(ROOT))

from tests.support import shown

_SCROLLED = ROOT / "tests" / "support" / "inpage" / "scrolled.js"
_CATEGORIES = ["toplevel", "devtools.timeline"]
_TASK = "ThreadControllerImpl::RunTask"
_FRAME = "FireAnimationFrame"
"""An event that only the thread of a page that moves has."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    arguments = parser.parse_args()
    program = find()
    if program is None:
        print("Chromium is not installed (Debian: apt install chromium)")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        library = shown.make_library(Path(folder), pictures=2)
        shown.add_made(library, arguments.items)
        found, events = scrolled(library, program, Path(folder) / "trace.json")
    tasks = tasks_of(events)
    print(f"{arguments.items:,} items, {found['looks']} jumps from end to end, the end reached: {found['bottom']}")
    print(f"anything in sight blank for at most {found['worst']:.0f} ms; at most {found['nodes']} nodes of items")
    for name, key in (("by the clock", "dur"), ("of processor time", "tdur")):
        longest = sorted((task.get(key, 0) / 1000 for task in tasks), reverse=True)[:3]
        print(f"longest tasks {name}: {', '.join(f'{each:.0f}' for each in longest)} ms of {len(tasks):,}")
    return 0


def scrolled(library: Path, program: str, trace: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the page saw while it was scrolled, and the events of the browser meanwhile."""
    with (
        serving(library, "--no-work") as (port, _),
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"]) as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator(".cell.known").first.wait_for()
        chromium.start_tracing(page=page, path=trace, categories=_CATEGORIES)
        found: dict[str, Any] = page.evaluate(_SCROLLED.read_text())
        chromium.stop_tracing()
        events: list[dict[str, Any]] = json.loads(trace.read_text())["traceEvents"]
    return found, events


def tasks_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of the page's own thread: ``dur`` and ``tdur`` in microseconds."""
    threads = {(event["pid"], event["tid"]) for event in events if event.get("name") == _FRAME}
    return [event for event in events if event.get("name") == _TASK and (event["pid"], event["tid"]) in threads]


if __name__ == "__main__":
    sys.exit(main())
