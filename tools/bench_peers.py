"""``make bench-peers``: Pillion's thumbnails beside libvips and Pillow-SIMD, in one run, interleaved.

Each tool has its own process and virtual environment (in the user's cache folder, made once; Pillow-SIMD
is built for AVX2). Prints milliseconds, bytes and SSIM against a float reference, keeps them as JSON in .benchmarks/,
and checks the goals below: exit code 1 if one is missed. ``--quick``: few pictures, once, no goals. ``--prepare``: only
make the environments and pictures.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import native

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benches.peers import environments  # noqa: E402 (found by the path above)
from benches.peers.environments import SetupError  # noqa: E402

RESULTS = ROOT / ".benchmarks"
CACHE = native.cache_dir() / "peers"
WORKER = ROOT / "benches" / "peers" / "worker.py"

ENVIRONMENTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "pyvips": (["pyvips==3.2.0", "pyvips-binary==8.18.7"], {}),
    "pillow-simd": (
        [
            "--no-cache-dir",
            "--no-binary=pillow-simd",
            "-Cjpeg=enable",
            "-Cwebp=enable",
            "-Czlib=enable",
            "pillow-simd==12.1.1.post0",
        ],
        {"CC": "cc -mavx2"},
    ),
}
"""What pip installs for each peer, and the environment it builds in."""

HEADERS = ("libjpeg-dev", "libwebp-dev", "zlib1g-dev")
"""Debian packages that Pillow-SIMD is built with."""

HOME_OF = {"pyvips": "pyvips", "pyvips-once": "pyvips", "pillow-simd": "pillow-simd"}
SIZES = ((1024, 90), (768, 85), (512, 85))
SINGLE = ("pillion", "pyvips", "pyvips-once", "pillow-simd")

Spec = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One piece of work. ``processes``: 0 for one picture after the other in one thread."""

    name: str
    pictures: str
    specs: tuple[Spec, ...] = SIZES
    method: int | None = None
    tools: tuple[str, ...] = SINGLE
    processes: int = 0
    rounds: int = 3


ROWS = (
    Row(name="12 MP baseline to 512 + 768 + 1024", pictures="phone"),
    Row(name="the same, all at method 4", pictures="phone", method=4),
    Row(name="12 MP baseline to 512", pictures="phone", specs=((512, 85),)),
    Row(name="24 MP progressive to 512 + 768 + 1024", pictures="camera"),
    Row(name="4K PNG screenshot to 512 + 768 + 1024", pictures="screen"),
    Row(name="1 MP JPEG to 512 + 768 + 1024", pictures="small"),
    Row(name="folder of photographs, 2 cores", pictures="folder", tools=SINGLE[:3], processes=2, rounds=2),
)

GOALS: dict[str, float] = {
    "12 MP baseline to 512 + 768 + 1024": 3.5,
    "the same, all at method 4": 1.8,
    "folder of photographs, 2 cores": 3.0,
}
"""The goal as a multiple of pyvips's speed, by thumbnail. For the other rows: not slower than either use of pyvips."""

MORE_BYTES = 1.04
LESS_SSIM = 0.003
"""Limits of the first row against pyvips."""


@dataclass
class Measured:
    """What one tool gave in one row. Seconds are those of each picture's rounds, or of the whole folder's."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    ssim: dict[int, float] = field(default_factory=dict)

    def add(self, picture: str, answer: dict[str, Any]) -> None:
        """One round of one picture."""
        self.seconds.setdefault(picture, []).append(answer["seconds"])
        self.cpu.setdefault(picture, []).append(answer["cpu"])
        self.bytes[picture] = answer["bytes"]

    def per_picture(self, pictures: int) -> dict[str, float]:
        """Milliseconds (median of the rounds, mean of the pictures), CPU milliseconds and bytes, each per picture."""

        def mean(values: dict[str, list[float]]) -> float:
            return 1000 * sum(statistics.median(rounds) for rounds in values.values()) / pictures

        return {"ms": mean(self.seconds), "cpu_ms": mean(self.cpu), "bytes": sum(self.bytes.values()) / pictures}


# environments ---------------------------------------------------------------------------------------------------------


def ensure_environment(name: str) -> Path:
    """The peer's Python, its environment made if it is not there. Raises SetupError."""
    packages, extra = ENVIRONMENTS[name]
    if extra and not environments.holds(CACHE / name, packages):
        native.install_packages(HEADERS)
    hint = f" (it is built from source: apt-get install {' '.join(HEADERS)})" if extra else ""
    return environments.ensure(CACHE / name, packages, extra, hint)


class Tool:
    """A worker process of one tool."""

    def __init__(self, name: str) -> None:
        python = ensure_environment(HOME_OF[name]) if name in HOME_OF else Path(sys.executable)
        self.name = name
        # One thread for libvips: the rows compare threads with threads.
        self._process = subprocess.Popen(
            [str(python), str(WORKER), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "VIPS_CONCURRENCY": "1"},
            text=True,
        )
        self.version: str = self._answer()["version"]

    def start(self, job: dict[str, Any]) -> None:
        """Begin a job; :meth:`finish` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """The answer of the job begun last."""
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SetupError(f"the worker of {self.name} ended (its message is above)")
        answer: dict[str, Any] = json.loads(line)
        return answer


# measuring ------------------------------------------------------------------------------------------------------------


def job(row: Row, paths: Sequence[Path], keep: Path | None = None, threads: int = 0) -> dict[str, Any]:
    """What a worker is told."""
    return {
        "paths": [str(path) for path in paths],
        "specs": row.specs,
        "method": row.method,
        "threads": threads,
        "keep": None if keep is None else str(keep),
    }


def measure_singles(row: Row, tools: dict[str, Tool], paths: Sequence[Path], keep: Path) -> dict[str, Measured]:
    """Each picture by each tool in turn, then the next picture; the first round also keeps the thumbnails."""
    measured = {name: Measured() for name in row.tools}
    for number in range(row.rounds):
        for path in paths:
            for name in row.tools:
                folder = keep / name / path.stem
                folder.mkdir(parents=True, exist_ok=True)
                tools[name].start(job(row, [path], None if number else folder))
                measured[name].add(path.stem, tools[name].finish())
    return measured


def measure_folder(row: Row, tools: dict[str, Tool], paths: Sequence[Path]) -> dict[str, Measured]:
    """All pictures at once: Pillion by its batch call, the others by so many processes that share the files evenly."""
    measured = {name: Measured() for name in row.tools}
    helpers = {name: Tool(name) for name in row.tools if name in HOME_OF}
    try:
        for _ in range(row.rounds):
            for name in row.tools:
                start = time.perf_counter()
                if name in helpers:
                    teams = [tools[name], helpers[name]]
                    for offset, tool in enumerate(teams):
                        tool.start(job(row, paths[offset :: len(teams)]))
                else:
                    teams = [tools[name]]
                    teams[0].start(job(row, paths, threads=row.processes))
                answers = [tool.finish() for tool in teams]
                total = {key: sum(answer[key] for answer in answers) for key in ("cpu", "bytes")}
                measured[name].add("folder", {**total, "seconds": time.perf_counter() - start})
    finally:
        for tool in helpers.values():
            tool.close()
    return measured


def add_quality(row: Row, measured: dict[str, Measured], paths: Sequence[Path], keep: Path) -> None:
    """SSIM of each kept thumbnail against the reference of its size; the mean over the pictures for each side."""
    import numpy as np
    from PIL import Image

    from benches.peers import media
    from tests.support.ssim import ssim

    for name, result in measured.items():
        for side, _ in row.specs:
            values = []
            for path in paths:
                with Image.open(keep / name / path.stem / f"0-{side}.webp") as opened:
                    picture = np.asarray(opened.convert("RGB"))
                truth = media.kept_reference(path, (picture.shape[1], picture.shape[0]))
                values.append(ssim(truth, picture))
            result.ssim[side] = statistics.mean(values)


# reporting ------------------------------------------------------------------------------------------------------------


def summary(row: Row, measured: dict[str, Measured], pictures: int) -> dict[str, Any]:
    """The row for the table and the JSON."""
    return {
        "row": row.name,
        "pictures": pictures,
        "tools": {
            name: {**result.per_picture(pictures), "ssim": {str(k): v for k, v in result.ssim.items()}}
            for name, result in measured.items()
        },
    }


def table(row: dict[str, Any]) -> list[str]:
    """Text lines of one row."""
    ours = row["tools"]["pillion"]
    lines = [f"\n{row['row']} ({row['pictures']} pictures), per picture:"]
    for name, result in row["tools"].items():
        ratio = f"{result['ms'] / ours['ms']:.2f} x" if name != "pillion" else ""
        quality = "  ".join(f"{value:.4f}" for value in result["ssim"].values())
        lines.append(
            f"  {name:<12}{result['ms']:8.1f} ms {ratio:>7}  cpu {result['cpu_ms']:7.1f} ms"
            f"{result['bytes'] / 1e3:9.1f} kB  {'SSIM ' + quality if quality else ''}".rstrip()
        )
    return lines


def check(rows: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """One line a goal, and whether all are met."""
    verdicts: list[tuple[bool, str]] = []
    for row in rows:
        tools, ours = row["tools"], row["tools"]["pillion"]
        goal = GOALS.get(row["row"], 1.0)
        ratio = tools["pyvips"]["ms"] / ours["ms"]
        verdicts.append((ratio >= goal, f"{row['row']}: {ratio:.2f} x pyvips, goal {goal}"))
        if "pyvips-once" in tools:
            ratio = tools["pyvips-once"]["ms"] / ours["ms"]
            verdicts.append((ratio >= 1, f"{row['row']}: {ratio:.2f} x pyvips decoding once, goal 1.0"))
        if row["row"] == ROWS[0].name:
            size = ours["bytes"] / tools["pyvips"]["bytes"]
            verdicts.append((size <= MORE_BYTES, f"{row['row']}: {size:.3f} of pyvips' bytes, goal {MORE_BYTES}"))
            for side, value in ours["ssim"].items():
                less = tools["pyvips"]["ssim"][side] - value
                verdicts.append((less <= LESS_SSIM, f"{side}: SSIM {less:.4f} less than pyvips, goal {LESS_SSIM}"))
    return [f"  {'met' if met else 'MISSED':<8}{text}" for met, text in verdicts], all(met for met, _ in verdicts)


def run(rows: Sequence[Row], pictures: dict[str, list[Path]]) -> list[dict[str, Any]]:
    """Measure all rows, then compare the thumbnails, so that the slow comparison does not disturb a measurement."""
    tools = {name: Tool(name) for name in SINGLE}
    print("\n".join(f"{name}: {tool.version}" for name, tool in tools.items()), flush=True)
    done: list[tuple[Row, dict[str, Measured], list[Path], Path]] = []
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as scratch:
        try:
            for tool in tools.values():
                tool.start(job(ROWS[0], pictures["small"][:1]))
                tool.finish()
            for number, row in enumerate(rows):
                keep, paths = Path(scratch, str(number)), pictures[row.pictures]
                print(f"measuring: {row.name}", flush=True)
                if row.processes:
                    done.append((row, measure_folder(row, tools, paths), paths, keep))
                else:
                    done.append((row, measure_singles(row, tools, paths, keep), paths, keep))
        finally:
            for tool in tools.values():
                tool.close()
        for row, measured, paths, keep in done:
            if not row.processes:
                add_quality(row, measured, paths, keep)
    return [summary(row, measured, len(paths)) for row, measured, paths, _ in done]


def main() -> int:
    from benches.peers import media

    parser = argparse.ArgumentParser(description="Thumbnails beside libvips and Pillow-SIMD.")
    parser.add_argument("--quick", action="store_true", help="few pictures, once, no goals: does it run?")
    parser.add_argument("--prepare", action="store_true", help="only make the environments and the pictures")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    options = parser.parse_args()
    try:
        for name in ENVIRONMENTS:
            ensure_environment(name)
        photographs = CACHE / "photos"
        pictures = media.prepare(photographs, media.fetch(photographs), folder_of=6 if options.quick else 200)
        if options.prepare:
            return 0
        if options.quick:
            pictures = {name: paths[: 6 if name == "folder" else 1] for name, paths in pictures.items()}
        rows = [row for row in ROWS if options.only in row.name]
        results = run(rows, pictures)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for result in results:
        print("\n".join(table(result)))
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = RESULTS / f"peers-{'quick-' if options.quick else ''}{now}.json"
    path.write_text(json.dumps(results, indent=1))
    print(f"\nResults: {path.relative_to(ROOT)}")
    if options.quick:
        return 0
    lines, passed = check(results)
    print("\nGoals:\n" + "\n".join(lines))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
