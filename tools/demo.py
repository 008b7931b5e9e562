"""``make demo``: index a sample library, or the folder named by DIR, and show the results.

A second run finds everything done and queues nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from make_sample import make_sample

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"
KINDS = ("thumb", "text", "ocr", "transcript", "embeddings")

Row = dict[str, Any]


class DemoError(Exception):
    """The demo cannot continue. The message is one sentence that says what to do."""


def pillion(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "pillion"), *arguments]
    output = subprocess.PIPE if capture else None
    return subprocess.run(command, text=True, encoding="utf-8", stdout=output, check=False)


def choose_folders(given: str) -> tuple[Path, Path]:
    """(folder to index, library folder). The library never lies inside the user's own folder."""
    if not given:
        sample = DEMO / "sample"
        if not sample.exists():
            print("Making a sample library in demo/sample ...", flush=True)
            make_sample(sample)
        return sample, DEMO / "library.pillion"
    source = Path(given).expanduser().resolve()
    if not source.is_dir():
        raise DemoError(f"{source} is not a folder: give an existing one, as in make demo DIR=~/Pictures")
    name = f"{source.name or 'root'}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:8]}.pillion"
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "pillion"
    for place in (DEMO, data, Path(tempfile.gettempdir()) / f"pillion-demo-{os.getuid()}"):
        if not place.resolve().is_relative_to(source):
            place.mkdir(parents=True, exist_ok=True)
            return source, place / name
    raise DemoError(f"{source} holds every place the library could go: give a folder further down")


def short(path: Path | str, base: Path | None = None) -> str:
    """A path in its shortest form: relative to ``base`` or to the working folder, or absolute."""
    path = Path(path)
    for top in (base, Path.cwd()):
        if top is not None and path.is_relative_to(top):
            return str(path.relative_to(top))
    return str(path)


def size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"


def sidecar_rows(library: Path) -> list[Row]:
    done = pillion("ls", "--library", str(library), "--json", capture=True)
    if done.returncode != 0:
        raise DemoError("pillion ls failed (its own message is above)")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def first_lines(row: Row, width: int = 100) -> str:
    """The beginning of a text sidecar, on one line."""
    text = " ".join(str(json.loads(Path(row["path"]).read_text(encoding="utf-8"))["text"]).split())
    return text if len(text) <= width else text[:width].rsplit(" ", 1)[0] + " ..."


def ready(rows: Iterable[Row], kind: str) -> list[Row]:
    return sorted((r for r in rows if r["kind"] == kind and r["state"] == "ready"), key=lambda r: r["sources"])


def show(source: Path, library: Path, rows: list[Row]) -> None:
    print(f"\nThe sidecars are plain files in {short(library / 'sidecars')}. Some of them:\n")
    thumbs = ready(rows, "thumb")
    copies = Counter({row["content_uuid"]: len(row["sources"]) for row in thumbs})
    if copies:
        most, count = copies.most_common(1)[0]
        chosen = [row for row in thumbs if row["content_uuid"] == most]
        others = "" if count == 1 else f" and {count - 1} more with the same bytes"
        print(f"  thumbnails of {short(chosen[0]['sources'][0], source)}{others}")
        for row in chosen:
            print(f"    {row['variant']:<10} {size(row['bytes']):>9}  {short(row['path'])}")
    for kind, label in (("ocr", "text in"), ("transcript", "speech in")):
        for row in ready(rows, kind)[:2]:
            print(f"  {label} {short(row['sources'][0], source)}")
            print(f"    “{first_lines(row)}”")
            print(f"    {short(row['path'])}")
    for row in ready(rows, "embeddings")[:1]:
        print(f"  embeddings of {short(row['sources'][0], source)}")
        print(f"    {short(row['path'])}")
    counts = Counter(row["kind"] for row in rows if row["state"] == "ready")
    print("\nReady: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS) + ".")
    print(f"Look around with: .venv/bin/pillion ls --library {short(library)}    (also: status, show, failed, verify)")


def find(library: Path) -> int:
    """One search, as a user types it."""
    print(f"\n$ pillion search plum jam --library {short(library)}", flush=True)
    return pillion("search", "plum", "jam", "--library", str(library)).returncode


def main() -> int:
    try:
        given = os.environ.get("DIR", "")
        source, library = choose_folders(given)
        print(f"$ pillion index {short(source)} --library {short(library)}", flush=True)
        code = pillion("index", str(source), "--library", str(library)).returncode
        if code != 0:
            return code
        print(f"\n$ pillion status --library {short(library)}", flush=True)
        code = pillion("status", "--library", str(library)).returncode
        if code != 0:
            return code
        rows = sidecar_rows(library)
        show(source, library, rows)
        missing = [kind for kind in KINDS if not ready(rows, kind)]
        if missing and not given:
            raise DemoError(
                f"the sample library has no ready sidecar of the kind {missing[0]}, and should have one of each"
            )
        if not given and find(library) != 0:
            raise DemoError("the sample library has a letter about plum jam, and the search did not find it")
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
