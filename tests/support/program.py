"""Running the ``pillion`` program as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.support import prefork

PATIENCE_S = 240.0
COMMAND = (sys.executable, "-m", "pillion")


def changed(changes: str) -> tuple[str, ...]:
    """The program, which runs this Python before all else."""
    return (sys.executable, "-c", f"{changes}\nfrom pillion.cli import main\nmain()") if changes else COMMAND


Process = subprocess.Popen[bytes] | prefork.Started


def begin(words: Sequence[str], environment: Mapping[str, str], stdout: IO[Any], stderr: IO[Any]) -> Process:
    """Start it, by a process that has imported some packages where the environment is as that one's."""
    if prefork.fits(environment):
        return prefork.start(words, environment, stdout, stderr)
    with open(os.devnull, "rb") as nothing:
        return subprocess.Popen([*COMMAND, *words], stdin=nothing, stdout=stdout, stderr=stderr, env=environment)


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end; stdout and stderr as text."""
    words = [str(argument) for argument in arguments]
    with _printed() as stdout, _printed() as stderr:
        process = begin(words, {**os.environ, **(env or {})}, stdout, stderr)
        try:
            code = process.wait(PATIENCE_S)
        except BaseException:
            process.kill()
            raise
        for printed in (stdout, stderr):
            printed.seek(0)
        return subprocess.CompletedProcess([*COMMAND, *words], code, stdout.read(), stderr.read())


def _printed() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape")


def run_anew(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """As :func:`run`, always by a new Python, with pipes."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=PATIENCE_S,
        check=False,
    )


def run_code(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, text=True, capture_output=True, timeout=240, check=False)


def run_json(*arguments: str | Path) -> Any:
    """Run it, expect success, and read the one JSON value on stdout."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


_MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print("\\n%d" % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def run_measured(*arguments: str | Path) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run it to its end; also the bytes of its largest process, workers included.

    Measured by a small process in between: a child counts its parent's memory until it runs its own program, and the
    process of the tests may be large.
    """
    command = [sys.executable, "-c", _MEASURED, *COMMAND, *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=240, check=False)
    done.stdout, _, kibibytes = done.stdout.rstrip("\n").rpartition("\n")
    return done, int(kibibytes) * 1024


def start(*arguments: str | Path, env: dict[str, str] | None = None) -> Process:
    """Start it and go on; its output is thrown away."""
    with open(os.devnull, "wb") as nowhere:
        return begin([str(argument) for argument in arguments], {**os.environ, **(env or {})}, nowhere, nowhere)
