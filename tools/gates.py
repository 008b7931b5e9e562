"""``make gates``: measure what benches/gates.py measures, and fail over the limits in benches/thresholds.toml.

A gate has limits of two sorts. ``max_seconds``, ``max_factor`` (of the length of the sound) and ``max_ratio`` (to the
peer) are what Pillion promises. ``recorded`` is the ratio to the peer that was last measured and written down, with its
date: a gate also fails over :data:`TIMES_RECORDED` times that, long before a generous promise is broken.

What fails is measured once more, alone, and fails for good if it fails again. ``--record`` writes the ratios of this
run into thresholds.toml; a change that makes one larger says why.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THRESHOLDS = ROOT / "benches" / "thresholds.toml"
TIMES_RECORDED = 2.0
SETTINGS = {"PILLION_OFFLINE": "1", "VIPS_CONCURRENCY": "1"}
"""No model hub; and one thread for pyvips, as Pillion's thumbnail takes, so that other work hits both alike."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One gate's figures: medians over the rounds."""

    test: str
    """The pytest name, to measure it again."""
    seconds: float
    ratio: float
    """Ours to the peer's, the median of the ratios of the rounds: below 1 is faster than the peer."""
    input_seconds: float | None = None
    """How long the sound is, for speech."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One line of the report."""

    gate: str
    met: bool
    text: str


def measure(tests: Iterable[str] = ()) -> dict[str, Measured]:
    """Run benches/gates.py (only ``tests``, if any are named); by name of the gate. One that broke is not in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gates.json"
        names = [f"benches/gates.py::{test}" for test in tests] or ["benches/gates.py"]
        command = [sys.executable, "-m", "pytest", *names, "-q", "--timeout=300", "--benchmark-quiet"]
        command += ["-p", "no:cacheprovider", f"--benchmark-json={path}"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **SETTINGS}, check=False)
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        except (OSError, ValueError):
            return {}
    return {row["group"]: _measured(row) for row in rows}


def _measured(row: dict[str, Any]) -> Measured:
    ours, info = row["stats"]["data"], row["extra_info"]
    return Measured(
        test=row["name"],
        seconds=statistics.median(ours),
        ratio=statistics.median(mine / theirs for mine, theirs in zip(ours, info["peer_seconds"], strict=True)),
        input_seconds=info.get("input_seconds"),
    )


def judge(gate: str, limits: dict[str, Any], measured: Measured | None) -> list[Verdict]:
    """Compare one gate with each of its limits."""
    if measured is None:
        return [Verdict(gate=gate, met=False, text="not measured: its benchmark failed")]
    peer = limits["peer"]
    verdicts = []
    if "max_seconds" in limits:
        limit = limits["max_seconds"]
        text = f"{measured.seconds:.3f} s, promised under {limit} s"
        verdicts.append(Verdict(gate=gate, met=measured.seconds < limit, text=text))
    if "max_factor" in limits:
        factor = measured.seconds / measured.input_seconds if measured.input_seconds else float("inf")
        text = f"{factor:.3f} x the length of the sound, promised under {limits['max_factor']}"
        verdicts.append(Verdict(gate=gate, met=factor < limits["max_factor"], text=text))
    if "max_ratio" in limits:
        text = f"{measured.ratio:.2f} x {peer}, promised under {limits['max_ratio']}"
        verdicts.append(Verdict(gate=gate, met=measured.ratio < limits["max_ratio"], text=text))
    limit = TIMES_RECORDED * limits["recorded"]
    text = f"{measured.ratio:.3f} x {peer}, allowed {limit:.3f} (recorded {limits['recorded']} on {limits['date']})"
    verdicts.append(Verdict(gate=gate, met=measured.ratio < limit, text=text))
    return verdicts


def judge_all(gates: dict[str, dict[str, Any]], measured: dict[str, Measured]) -> list[Verdict]:
    """Compare all gates. One that is measured and has no limits is a mistake, and fails."""
    verdicts = [verdict for gate, limits in gates.items() for verdict in judge(gate, limits, measured.get(gate))]
    unknown = [gate for gate in measured if gate not in gates]
    return verdicts + [Verdict(gate=gate, met=False, text="has no limits in thresholds.toml") for gate in unknown]


def record(text: str, measured: dict[str, Measured], today: datetime.date) -> str:
    """The text of thresholds.toml with these ratios and this date."""
    for gate, figures in measured.items():
        table = re.escape(f'[gate."{gate}"]')
        ratio = f"{figures.ratio:.3g}"
        text, changed = re.subn(
            rf"(?m)^({table}\n(?:[^\[\n].*\n)*?)recorded = .*\ndate = .*$",
            rf"\g<1>recorded = {ratio}\ndate = {today.isoformat()}",
            text,
        )
        if not changed:
            raise SystemExit(f"error: {THRESHOLDS.name} has no table for the gate {gate!r} with recorded and date")
    return text


def report(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        print(f"  {'met' if verdict.met else 'MISSED':<8}{verdict.gate:<26}{verdict.text}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gates of CI and check them.")
    parser.add_argument("--record", action="store_true", help="write the ratios of this run into thresholds.toml")
    options = parser.parse_args()
    gates = tomllib.loads(THRESHOLDS.read_text(encoding="utf-8"))["gate"]
    measured = measure()
    if options.record:
        today = datetime.datetime.now(datetime.UTC).date()
        THRESHOLDS.write_text(record(THRESHOLDS.read_text(encoding="utf-8"), measured, today), encoding="utf-8")
        gates = tomllib.loads(THRESHOLDS.read_text(encoding="utf-8"))["gate"]
    verdicts = judge_all(gates, measured)
    print("\nGates (benches/thresholds.toml):")
    report(verdicts)
    missed = {verdict.gate for verdict in verdicts if not verdict.met}
    again = [measured[gate].test for gate in missed if gate in measured and gate in gates]
    if again and len(again) == len(missed):
        print("\nOnce more, what was missed:", flush=True)
        once_more = measure(again)
        verdicts = [verdict for gate in sorted(missed) for verdict in judge(gate, gates[gate], once_more.get(gate))]
        report(verdicts)
    return 0 if all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
