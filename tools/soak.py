"""``make soak``: the fault tests of ``make test`` in large numbers, for hours.

Each part is a separate run, so that a failure does not stop the others. ``--part NAME`` runs only some of them;
``--number N`` sets how many random kills and damaged catalogs there are (1,000).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent

PARTS = {
    "kills": "test_kill_points.py test_kill.py",
    "disk-calls": "test_faulty_disk.py",
    "full-disk": "test_disk_full.py",
    "sources": "test_sources.py test_bad_files.py",
    "engines": "test_evil_engines.py test_pool.py",
    "programs": "test_crowd.py",
    "memory": "test_memory.py",
    "catalog": "test_catalog_damage.py",
    "no-work": "test_no_work.py",
}
"""Name -> its files in tests/faults."""


@dataclass
class Outcome:
    """How a part ended. ``figures``: what its tests counted, as "test: name = value"."""

    part: str
    code: int
    seconds: float
    tests: int = 0
    failed: int = 0
    skipped: int = 0
    figures: list[str] = field(default_factory=list)


def run_part(part: str, number: int, report: Path) -> Outcome:
    """Run a part with its output on the screen."""
    files = [str(ROOT / "tests" / "faults" / name) for name in PARTS[part].split()]
    options = ["-v", "--tb=short", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *files]
    start = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, "PILLION_SOAK": str(number)}, check=False).returncode
    outcome = Outcome(part, code, time.monotonic() - start)
    if report.exists():
        _read(report, outcome)
    return outcome


def _read(report: Path, outcome: Outcome) -> None:
    for case in ElementTree.parse(report).iter("testcase"):
        outcome.tests += 1
        outcome.failed += case.find("failure") is not None or case.find("error") is not None
        outcome.skipped += case.find("skipped") is not None
        for item in case.iter("property"):
            outcome.figures.append(f"{case.get('name')}: {item.get('name')} = {item.get('value')}")


def print_summary(outcomes: list[Outcome]) -> None:
    """One line for each part, and its figures below it."""
    print("\nSoak:")
    for item in outcomes:
        word = "ok" if item.code == 0 else f"FAILED ({item.failed})"
        skipped = f", {item.skipped} skipped" if item.skipped else ""
        print(f"  {item.part:<12} {word:<12} {item.tests} tests{skipped}, {item.seconds:,.0f} s")
        for figure in item.figures:
            print(f"      {figure}")


def main() -> int:
    """Entry point; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description="Break everything on purpose, at the large numbers.")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this part (may be repeated)")
    parser.add_argument("--number", type=int, default=1000, help="random kills and damaged catalogs (1000)")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part or PARTS:
            print(f"\n=== {part} ===", flush=True)
            outcomes.append(run_part(part, options.number, Path(folder) / f"{part}.xml"))
    print_summary(outcomes)
    return int(any(item.code for item in outcomes))


if __name__ == "__main__":
    sys.exit(main())
