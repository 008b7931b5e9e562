"""The k-th write, sync, rename, unlink, mkdir or commit fails, for every k of three small jobs, once and for ever.

Each case ends with the job done after all: nothing is lost, half made or made twice. ``PILLION_SOAK`` tries every k
of each with both errors, once and for ever; without it, each k has one of these four, and the longest job every 5th k.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.faulty_io import FaultyDisk
from tests.support.faulty_job import JOBS, make_library, work
from tests.support.kills import Victim, write_picture

ALL = "PILLION_SOAK" in os.environ
WAYS = list(itertools.product(("EIO", "ENOSPC"), (False, True)))
STEPS = {"make_library": 1 if ALL else 5, "work": 1, "cleanup": 1}
PARTS = {"make_library": 1, "work": 3, "cleanup": 1}
"""Tests among which the calls are dealt out, each with every way."""
LEAST_CALLS = {"make_library": 40, "work": 20, "cleanup": 8}


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    """A disk whose faults hit ``tmp_path/library``."""
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        write_picture(tmp_path / "photos" / f"{seed}.jpg", seed)
    return FaultyDisk.make(tmp_path, tmp_path / "library")


def _prepare(scratch: Path, job: str) -> None:
    """Bring the library to where the job begins."""
    if job == "make_library":
        return
    make_library(scratch)
    (scratch / "library" / "config.toml").write_text('policy = "mobile"\n[work]\nworkers = 1\n')
    if job == "cleanup":
        work(scratch)
        (scratch / "photos" / "0.jpg").unlink()
    (scratch / "library").rename(scratch / "template")


@contextmanager
def _jobs(scratch: Path, disk: FaultyDisk, job: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.faulty_job", str(scratch), job],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **disk.environment()},
    )
    with process:
        yield process


def _case(process: subprocess.Popen[str], at: int, error: str, onwards: bool) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([at, error, onwards]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@pytest.mark.slow
@pytest.mark.timeout(36000)
@pytest.mark.parametrize(("job", "first"), [(job, first) for job in JOBS for first in range(1, PARTS[job] + 1)])
def test_every_call_fails_once_and_for_ever(
    tmp_path: Path, disk: FaultyDisk, job: str, first: int, record_property: Callable[[str, object], None]
) -> None:
    _prepare(tmp_path, job)
    cases = 0
    wrong = {}
    with _jobs(tmp_path, disk, job) as process:
        for at in itertools.count(first, STEPS[job] * PARTS[job]):
            ways = WAYS if ALL else [WAYS[at % len(WAYS)]]
            cases += len(ways)
            answers = [(way, _case(process, at, *way)) for way in ways]
            wrong.update({f"{at} {way}: {a['last']}": a["wrong"] for way, a in answers if a["wrong"]})
            if not any(answer["failed"] for _, answer in answers):
                break
    assert wrong == {}, "\n".join(f"{case}\n{text}" for case, text in wrong.items())
    record_property("calls of the disk", at - 1)
    record_property("cases", cases)
    assert at > LEAST_CALLS[job], f"only {at - 1} calls were seen"


@pytest.mark.slow
def test_what_the_core_and_the_store_do_fails_once_and_for_ever(tmp_path: Path) -> None:
    """Syncing is a call of Rust's that a preloaded library does not see: it fails at its failpoint."""
    victim = Victim(tmp_path)
    for point in ("store.sync", "store.rename", "store.manifest"):
        for error, onwards in WAYS:
            victim.fail_at(point, error, onwards=onwards)
    victim.finish()
