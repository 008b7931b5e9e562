#!/usr/bin/env python3
"""Fuzz the picture decoders: any bytes must give a result or a typed error, in bounded time and memory.

Every file of Pillow's source distribution ``Tests/images``, and files made from them by flipping bits, cutting and
overwriting, goes through probe, decode, thumbnails and ThumbHash in a child process. The archive is fetched from PyPI
into the user's cache (not this repository). Exits with 1 if the child ever dies, takes more than 10 s for a
file, or holds more than 1 GB.

    python tools/fuzz_images.py [--mutations 2000] [--seed 1] [--only NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from native import cache_dir

PILLOW = "pillow==12.1.0"
TIME_LIMIT_S = 10.0
MEMORY_LIMIT = 1 << 30
CHILD = """
import json, sys, time
from pillion import _core
from pillion.errors import ItemError

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

WORK = {
    "probe": _core.probe,
    "decode": _core.decode,
    "thumbnails": lambda data: _core.thumbnails(data, [("a", 1024, 80), ("b", 128, 80)]),
    "thumbhash": _core.thumbhash,
}
for line in sys.stdin:
    with open(line.rstrip("\\n"), "rb") as file:
        data = file.read()
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    ends, start = {}, time.process_time()
    for name, work in WORK.items():
        try:
            work(data)
            ends[name] = ["fine", ""]
        except ItemError as error:
            ends[name] = [str(error.error_class), error.message]
    print(json.dumps({"ends": ends, "seconds": time.process_time() - start, "peak": peak()}), flush=True)
"""


def originals() -> list[Path]:
    """Pillow's test images, fetched once."""
    folder = cache_dir() / "pillow-images"
    if not folder.is_dir():
        print(f"fetching the source of {PILLOW} from PyPI")
        with tempfile.TemporaryDirectory() as work:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
            subprocess.run([*pip, "--no-deps", "--no-binary", "pillow", "--dest", work, PILLOW], check=True)
            (archive,) = Path(work).glob("*.tar.gz")
            with tarfile.open(archive) as source:
                members = [item for item in source if item.isfile() and "/Tests/images/" in item.name]
                source.extractall(f"{work}/out", members=members, filter="data")
            (images,) = Path(work, "out").glob("*/Tests/images")
            folder.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(images), f"{folder}.part"], check=True)
            os.rename(f"{folder}.part", folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Some bytes changed, mostly near the beginning, or the end cut off, or a stretch overwritten."""
    changed = bytearray(data)
    choice = dice.random()
    if choice < 0.25:
        return data[: dice.randrange(len(data))]
    if choice < 0.4:
        start = dice.randrange(len(data))
        stretch = changed[start : start + dice.choice([2, 4, 8, 64])]
        changed[start : start + len(stretch)] = bytes([dice.choice([0, 0xFF, dice.randrange(256)])]) * len(stretch)
        return bytes(changed)
    reach = len(data) if dice.random() < 0.3 else min(len(data), 1024)
    for _ in range(dice.choice([1, 2, 4, 16])):
        changed[dice.randrange(reach)] ^= 1 << dice.randrange(8)
    return bytes(changed)


@dataclass
class Report:
    """The results. ``faults``: violations; ``panics``: bugs that became typed errors.

    ``read``: the files for which there is a decoder.
    """

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    panics: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    files: int = 0
    read: list[Path] = field(default_factory=list)

    def note(self, name: str, answer: dict[str, object]) -> None:
        """Add the child's answer about one file."""
        ends, seconds, peak = answer["ends"], float(str(answer["seconds"])), int(str(answer["peak"]))
        assert isinstance(ends, dict)
        for step, (error_class, message) in ends.items():
            self.ends[step, error_class] += 1
            if error_class == "crash":
                self.panics.append(f"{name}: {step}: {message}")
        self.slowest = max(self.slowest, (seconds, name))
        self.largest = max(self.largest, (peak, name))
        if peak > MEMORY_LIMIT:
            self.faults.append(f"{name}: held {peak >> 20} MiB")

    def show(self, title: str) -> None:
        """Print it."""
        print(f"{title}: {self.files} files")
        for (step, error_class), number in sorted(self.ends.items()):
            print(f"  {step:<10} {error_class:<12} {number:>6}")
        print(f"  slowest: {self.slowest[0]:.2f} s of processor time ({self.slowest[1]})")
        print(f"  most memory: {self.largest[0] >> 20} MiB ({self.largest[1]})")
        for line in self.panics:
            print(f"  caught panic: {line}")
        for line in self.faults:
            print(f"  FAULT: {line}")
        print(f"  {len(self.faults)} faults")


class Child:
    """A process that decodes; started again when it dies or is too slow."""

    def __init__(self) -> None:
        self._process = self._start()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", CHILD]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def work(self, path: Path) -> dict[str, object] | str:
        """The child's answer, or what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(os.fsencode(path) + b"\n")
        answer, until = b"", time.monotonic() + TIME_LIMIT_S
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            if not piece:
                self._process.kill()
                code = self._process.wait()
                self._process = self._start()
                return f"more than {TIME_LIMIT_S:.0f} s" if not ready else f"the process died with {code}"
            answer += piece
        result: dict[str, object] = json.loads(answer)
        return result

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def run(title: str, files: Iterator[tuple[str, Path]], keep: Path) -> Report:
    """Process files and print the results. Files that caused a violation or a panic are copied to ``keep``."""
    report, child = Report(), Child()
    for name, path in files:
        report.files += 1
        answer = child.work(path)
        if isinstance(answer, str):
            report.faults.append(f"{name}: {answer}")
        else:
            before = len(report.panics)
            report.note(name, answer)
            report.read += [path] * is_read(answer)
        if isinstance(answer, str) or len(report.panics) > before:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name.replace("/", "_").replace(" ", "_")).write_bytes(path.read_bytes())
    child.close()
    report.show(title)
    return report


def is_read(answer: dict[str, object]) -> bool:
    """Whether there is a decoder for the file."""
    ends = answer["ends"]
    assert isinstance(ends, dict)
    return bool(ends["probe"][0] != "unsupported")


def mutations(sources: list[Path], count: int, seed: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """``count`` files made from random sources."""
    dice = random.Random(seed)
    small = [path for path in sources if 0 < path.stat().st_size < 4 << 20]
    target = folder / "mutated"
    for number in range(count):
        source = dice.choice(small)
        target.write_bytes(mutated(source.read_bytes(), dice))
        yield f"{source.name} mutation {number}", target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only files whose name holds this")
    options = parser.parse_args()
    sources = [path for path in originals() if options.only in path.name]
    keep = cache_dir() / "fuzz-images-found"
    with tempfile.TemporaryDirectory() as folder:
        whole = run("Pillow's images", ((path.name, path) for path in sources), keep)
        # Mutations of files without a decoder would test nothing.
        changed = mutations(whole.read, options.mutations, options.seed, Path(folder))
        broken = run(f"Mutated, seed {options.seed}", changed, keep)
    return 1 if whole.faults or broken.faults else 0


if __name__ == "__main__":
    sys.exit(main())
