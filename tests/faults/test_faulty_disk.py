"""The k-th write, sync, rename, unlink, mkdir or commit fails, for every k of three small jobs, once and for ever.

Each case ends with the job done after all: nothing is lost, half made or made twice. ``PILLION_SOAK`` tries every k
of each with both errors, once and for ever. Without it each k has one of these four; of the longest job they are every
fifth, and of each series of the same call of the same file (the pages of a commit, the blocks of a file) the first, one
amid and the last.
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

from tests.support.faulty_io import NEVER, FaultyDisk
from tests.support.faulty_job import JOBS, make_library, work
from tests.support.kills import Victim, write_picture

ALL = "PILLION_SOAK" in os.environ
WAYS = list(itertools.product(("EIO", "ENOSPC"), (False, True)))
LONGEST = "make_library"
PARTS = {"make_library": 2, "work": 3, "cleanup": 1}
"""Tests among which the calls are dealt out, each with every way."""
LEAST_CASES = {"make_library": 20, "work": 20, "cleanup": 16}
"""In which a call failed, of one part."""


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


def _of_each_series(calls: list[int]) -> list[int]:
    """The first, one amid and the last of each series of equal numbers, by their places from 1."""
    starts = [at for at, call in enumerate(calls) if at == 0 or calls[at - 1] != call]
    ends = [*starts[1:], len(calls)]
    return sorted(
        {place for start, end in zip(starts, ends, strict=True) for place in (start + 1, (start + end + 1) // 2, end)}
    )


@pytest.mark.slow
@pytest.mark.timeout(36000)
@pytest.mark.parametrize(("job", "part"), [(job, part) for job in JOBS for part in range(PARTS[job])])
def test_every_call_fails_once_and_for_ever(
    tmp_path: Path, disk: FaultyDisk, job: str, part: int, record_property: Callable[[str, object], None]
) -> None:
    _prepare(tmp_path, job)
    cases = failed = 0
    wrong = {}
    with _jobs(tmp_path, disk, job) as process:
        calls = _case(process, NEVER, "EIO", False)["calls"]
        every = range(1, len(calls) + 1)
        places = sorted({*every[::5], *_of_each_series(calls)}) if job == LONGEST and not ALL else every
        for number, at in list(enumerate(places))[part :: PARTS[job]]:
            for way in WAYS if ALL else [WAYS[number % len(WAYS)]]:
                answer = _case(process, at, *way)
                cases += 1
                failed += answer["failed"] > 0
                if answer["wrong"]:
                    wrong[f"{at} {way}: {answer['last']}"] = answer["wrong"]
    assert wrong == {}, "\n".join(f"{case}\n{text}" for case, text in wrong.items())
    record_property("calls of the disk", len(calls))
    record_property("cases", cases)
    assert failed >= LEAST_CASES[job], f"a call failed in {failed} cases of {cases}"


@pytest.mark.slow
def test_what_the_core_and_the_store_do_fails_once_and_for_ever(tmp_path: Path) -> None:
    """Syncing is a call of Rust's that a preloaded library does not see: it fails at its failpoint."""
    victim = Victim(tmp_path)
    for point in ("store.sync", "store.rename", "store.manifest"):
        for error, onwards in WAYS:
            victim.fail_at(point, error, onwards=onwards)
    victim.finish()
