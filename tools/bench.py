"""``make bench``: run the benchmarks, keep the JSON in .benchmarks/, print the table, check the gates.

``--smoke`` runs them small and once, and checks only that they run. Exit code 1 if one fails or is over its threshold.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import native

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".benchmarks"
OURS = "pillion"

Row = dict[str, Any]


def run_benchmarks(smoke: bool, extra: list[str]) -> tuple[int, Path]:
    """pytest's exit code and where the JSON is."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = RESULTS / f"{'smoke' if smoke else 'bench'}-{now}.json"
    command = [sys.executable, "-m", "pytest", "benches", "-q", "--timeout=1800", "--benchmark-columns=median"]
    command += ["--benchmark-quiet", f"--benchmark-json={path}"]
    if smoke:
        command += ["--smoke", "--benchmark-min-rounds=1", "--benchmark-max-time=0.2", "--benchmark-warmup=off"]
    return subprocess.run([*command, *extra], cwd=ROOT, check=False).returncode, path


def tool_of(row: Row) -> str:
    """Which tool a row measured: its extra_info, else its parameter ``tool`` or ``peer``, else Pillion."""
    params = row.get("params") or {}
    return str(row["extra_info"].get("tool") or params.get("tool") or params.get("peer") or OURS)


def group_of(row: Row) -> str:
    return str(row["group"] or row["name"].split("[")[0])


def duration(seconds: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(results: Row) -> list[str]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in results["benchmarks"]:
        groups[group_of(row)].append(row)
    absent: dict[str, list[Row]] = defaultdict(list)
    for row in results.get("absent", []):
        absent[row["group"]].append(row)
    lines = []
    for group in [*groups, *(name for name in absent if name not in groups)]:
        lines.append(f"\n{group}")
        rows = sorted(groups[group], key=lambda row: row["stats"]["median"])
        ours = next((row["stats"]["median"] for row in rows if tool_of(row) == OURS), None)
        for row in rows:
            median = row["stats"]["median"]
            parts = [f"  {tool_of(row):<16}{duration(median):>10}"]
            ratio = f"{median / ours:.2f} x" if ours and tool_of(row) != OURS else ""
            parts.append(f"{ratio:>9}")
            length = row["extra_info"].get("input_seconds")
            if length:
                parts.append(f"{median / length:.2f} x its length")
            parts.append(str(row["extra_info"].get("note", "")))
            lines.append("  ".join(parts).rstrip())
        lines += [f"  {row['tool']:<16}{'-':>10}  {row['why']}" for row in absent[group]]
    return lines


def check(results: Row, thresholds: dict[str, Row]) -> tuple[list[str], bool]:
    """One line a gate, and whether all are met."""
    ours: dict[str, list[Row]] = defaultdict(list)
    for row in results["benchmarks"]:
        if tool_of(row) == OURS:
            ours[group_of(row)].append(row)
    peers = {(group_of(row), tool_of(row)): row["stats"]["median"] for row in results["benchmarks"]}
    lines, passed = [], True
    for group, limits in thresholds.items():
        if not ours[group]:
            lines.append(f"  NOT MEASURED  {group}")
            passed = False
        for row in ours[group]:
            limit = limits.get("max_seconds")
            if limit is None:
                limit = limits["max_factor"] * row["extra_info"]["input_seconds"]
            median = row["stats"]["median"]
            met = median < limit
            passed = passed and met
            verdict = "met" if met else "MISSED"
            lines.append(f"  {verdict:<8}{group}: {duration(median)}, allowed {duration(limit)}")
            for peer, factor in limits.get("times_faster_than", {}).items():
                theirs = peers.get((group, peer))
                met = theirs is not None and theirs >= factor * median
                passed = passed and met
                measured = f"{theirs / median:.1f} x" if theirs is not None else "not measured"
                lines.append(f"  {'met' if met else 'MISSED':<8}{group}: beside {peer} {measured}, wanted {factor} x")
    return lines, passed


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the benchmarks and check them.")
    parser.add_argument("--smoke", action="store_true", help="small and once: does it run?")
    options, extra = parser.parse_known_args()
    if not options.smoke and native.ensure_program("tesseract", "tesseract-ocr", unpack=False) is None:
        print("tesseract is not installed and cannot be installed here: its row stays empty", file=sys.stderr)
    code, path = run_benchmarks(options.smoke, extra)
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        print("error: the benchmarks left no results (pytest's own message is above)", file=sys.stderr)
        return code or 1
    if options.smoke:
        print("\nA smoke run (small inputs, once, cold): it shows that the benchmarks run, not how fast anything is.")
    print("\nMedian time per tool, and how it compares with Pillion's:")
    print("\n".join(table(results)))
    passed = True
    if not options.smoke and not extra:
        with open(ROOT / "benches" / "thresholds.toml", "rb") as file:
            lines, passed = check(results, tomllib.load(file)["bench"])
        print("\nGates (benches/thresholds.toml):")
        print("\n".join(lines))
    print(f"\nResults: {path.relative_to(ROOT)}")
    return code or (0 if passed else 1)


if __name__ == "__main__":
    sys.exit(main())
