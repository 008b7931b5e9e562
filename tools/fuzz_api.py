#!/usr/bin/env python3
"""Fuzz the HTTP API: Schemathesis makes requests from the OpenAPI document, good and bad ones, against a real server.

The server has a library of photographs, a page, and files that are broken, and works its queue meanwhile. Checked: no
answer with 500 or more, no status, content type or body that the document does not name, and no bad request accepted.
Not checked is that all of what the schemas allow is accepted: a cursor, a date or a folder may be well formed and yet
none. Exits with 1 if anything is found.

    python tools/fuzz_api.py [--calls 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from native import ROOT
from pillion import Library

_METHODS = {"get", "post", "put", "patch", "delete"}
_HOOKS = """
import random, re, schemathesis

UUIDS = {uuids!r}
KINDS = [("thumb", "icon"), ("thumb", "grid@2x"), ("thumb", "detail@2x"), ("ocr", "default"), ("text", "default")]
ONE = re.compile("[0-9a-f-]{{36}}")


def placed(values):
    # Most of what is well formed is made to be there.
    if isinstance(values, dict) and ONE.fullmatch(str(values.get("content_uuid"))) and random.random() < 0.8:
        values = {{**values, "content_uuid": random.choice(UUIDS)}}
        if isinstance(values.get("kind"), str) and isinstance(values.get("variant"), str):
            values["kind"], values["variant"] = random.choice(KINDS)
    return values


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return placed(path_parameters)


@schemathesis.hook
def map_body(context, body):
    return placed(body)
"""
EXCLUDED = "positive_data_acceptance"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000, help="About how many requests.")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = made_library(Path(folder))
        with Library.open(library) as opened:
            uuids = sorted({item.content_uuid for item in opened.ls()})
        hooks = Path(folder) / "hooks.py"
        hooks.write_text(_HOOKS.format(uuids=uuids))
        with serving(library) as url:
            return fuzz(url, arguments.calls, arguments.seed, hooks)


def made_library(folder: Path) -> Path:
    """A library with a few files of each sort, some of them broken."""
    files = folder / "files"
    (files / "below").mkdir(parents=True)
    for number in range(12):
        Image.linear_gradient("L").rotate(number * 7).convert("RGB").save(files / f"p{number}.jpg")
    (files / "copy.jpg").write_bytes((files / "p1.jpg").read_bytes())
    (files / "below" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 500)
    (files / "below" / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (files / "below" / "note.txt").write_text("The harbour is closed on Sunday.\n")
    with Library.open(folder / "library", policy="mobile") as library:
        library.index(files)
        library.run()
    return folder / "library"


@contextmanager
def serving(library: Path) -> Iterator[str]:
    """The address of a server of a library."""
    command = [sys.executable, "-m", "pillion", "serve", "--library", str(library), "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def operations(url: str) -> int:
    """How many operations the document of a server has."""
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=60) as answer:
        paths = json.load(answer)["paths"]
    return sum(len(_METHODS & set(path)) for path in paths.values())


def fuzz(url: str, calls: int, seed: int, hooks: Path) -> int:
    """Run Schemathesis; returns the exit code."""
    examples = calls * 21 // 20 // operations(url) + 1  # some operations have fewer different requests than that
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"),
        *("-H", "Accept: application/json", "--max-examples", str(examples), "--seed", str(seed)),
        *("--exclude-checks", EXCLUDED, "--continue-on-failure", "--no-color", "--request-timeout", "60"),
        *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"),
    ]
    done = subprocess.run(
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=hooks.parent,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(hooks)},
    )
    print(done.stdout[-20_000:])
    generated = re.search(r"([\d,]+) generated", done.stdout)
    print(f"{generated[1] if generated else 'no'} requests, exit code {done.returncode}")
    return 0 if done.returncode == 0 and generated else 1


if __name__ == "__main__":
    sys.exit(main())
