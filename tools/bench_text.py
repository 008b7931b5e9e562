"""``make bench-text``: OCR, transcription and embeddings beside other tools, in one run, section by section.

The sections are listed in ``benches/text/__init__.py``. Each sets up its peers in the user's cache folder, prints a
table with medians, and says for each goal whether it is met or MISSED, and by how much. All figures go into a JSON file
in .benchmarks/. Exit code 1 if a goal is missed. ``--only``: sections whose name contains this. ``--quick``: little of
everything, once; goals are printed but not enforced.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import sys
import time
from pathlib import Path

import native

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benches.peers.environments import SetupError  # noqa: E402 (found by the path above)
from benches.text import SECTIONS  # noqa: E402
from benches.text.report import Options, Report  # noqa: E402

RESULTS = ROOT / ".benchmarks"


def run(name: str, options: Options) -> Report:
    """Measure one section and print what it found. Raises SetupError."""
    print(f"\n== {name} ==", flush=True)
    start = time.perf_counter()
    report: Report = importlib.import_module(SECTIONS[name]).run(options)
    print("\n".join(report.lines))
    print(f"\nGoals of {name} ({time.perf_counter() - start:.0f} s):")
    print("\n".join(f"  {goal}" for goal in report.goals), flush=True)
    return report


def keep(reports: dict[str, Report], quick: bool) -> Path:
    """Write the figures of all sections into one file."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = RESULTS / f"text-{'quick-' if quick else ''}{now}.json"
    found = {
        name: {"figures": report.figures, "goals": [vars(goal) for goal in report.goals]}
        for name, report in reports.items()
    }
    path.write_text(json.dumps(found, indent=1))
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description="Text out of pixels and sound, beside other tools.")
    parser.add_argument("--only", default="", help=f"sections whose name contains this ({', '.join(SECTIONS)})")
    parser.add_argument("--quick", action="store_true", help="little of everything, once: does it run?")
    parser.add_argument("--pages", action="append", type=Path, default=[], help="a folder of real pages; several times")
    parser.add_argument(
        "--voices", action="append", type=Path, default=[], help="a folder of recordings; several times"
    )
    parser.add_argument("--peers", default="", help="more tools for real pages: ocrmypdf,rapidocr")
    arguments = parser.parse_args()
    names = [name for name in SECTIONS if arguments.only in name]
    if not names:
        parser.error(f"no section's name contains {arguments.only!r}: there are {', '.join(SECTIONS)}")
    options = Options(
        quick=arguments.quick,
        cache=native.cache_dir() / "peers",
        pages=tuple(arguments.pages),
        voices=tuple(arguments.voices),
        peers=tuple(filter(None, arguments.peers.split(","))),
    )
    reports: dict[str, Report] = {}
    unmade = 0
    for name in names:
        try:
            reports[name] = run(name, options)
        except SetupError as error:
            unmade += 1
            print(f"error: {name}: {error}", file=sys.stderr)
    print(f"\nResults: {keep(reports, arguments.quick).relative_to(ROOT)}")
    missed = sum(not goal.met for report in reports.values() for goal in report.goals)
    return 1 if unmade or (missed and not arguments.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
