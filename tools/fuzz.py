#!/usr/bin/env python3
"""Run every cargo-fuzz target for a while; exits with 1 if one finds something.

    python tools/native.py run python tools/fuzz.py [--seconds 600] [TARGET ...]

Needs cargo-fuzz (``cargo install cargo-fuzz``). Seeds are Pillow's test images, where tools/fuzz_images.py has fetched
them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from native import ROOT, cache_dir

FUZZ = ROOT / "fuzz"
MEMORY_MIB = 2048
SLOWEST_S = 20
LARGEST_SEED = 1 << 16
SEED_SUFFIXES = {
    "tiff": {".tif", ".tiff"},
    "gif": {".gif"},
    "icc": {".icc", ".icm"},
    "thumbhash": set(),
}
"""The seeds of targets for one format; the others get all."""


def targets() -> list[str]:
    """All targets."""
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def plant_seeds(target: str) -> Path:
    """Fill the target's corpus with small files of its format; returns its folder."""
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    wanted = SEED_SUFFIXES.get(target)
    for path in sorted(cache_dir().joinpath("pillow-images").rglob("*")):
        fits = wanted is None or path.suffix.lower() in wanted
        if fits and path.is_file() and path.stat().st_size <= LARGEST_SEED:
            corpus.joinpath(f"seed-{path.name}").write_bytes(_without_magic(target, path.read_bytes()))
    return corpus


def _without_magic(target: str, data: bytes) -> bytes:
    """The target puts the magic bytes in front itself."""
    if target == "gif":
        return data[6:]
    if target == "tiff":
        return bytes([0 if data[:1] == b"I" else 1]) + data[4:]
    return bytes([1]) + data if target == "icc" else data


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    # cargo-fuzz needs flags that the stable compiler accepts only with RUSTC_BOOTSTRAP.
    environ = {**os.environ, "RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(FUZZ / "target")}
    failed = []
    for target in options.targets or targets():
        corpus = plant_seeds(target)
        limits = [f"-max_total_time={options.seconds}", f"-rss_limit_mb={MEMORY_MIB}", f"-timeout={SLOWEST_S}"]
        command = ["cargo", "fuzz", "run", "--fuzz-dir", str(FUZZ), target, str(corpus), "--"]
        print(f"{target}: {options.seconds} s", flush=True)
        quiet = ["-print_final_stats=1", "-verbosity=0", "-close_fd_mask=1"]
        if subprocess.run([*command, *limits, *quiet], env=environ, cwd=ROOT, check=False).returncode != 0:
            failed.append(target)
    print(f"found something: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
