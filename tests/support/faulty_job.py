"""A small job done many times, each time with another call of the disk failing: run by tests with faulty_io preloaded.

``python -m tests.support.faulty_job SCRATCH JOB``: SCRATCH holds ``photos``, ``template`` (a library before the job)
and the plan of :class:`FaultyDisk`. Reads cases from stdin, one JSON array [k, errno name, for ever] a line, and says
of each in one JSON object: the calls of the disk, by numbers, how many failed, the last of these, and what is wrong
(null: nothing).

All cases run in one process, so what an error leaves behind in it is tested too.
"""

from __future__ import annotations

import errno
import json
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pillion import job as states
from pillion.errors import ErrorClass, PillionError
from pillion.library import Library
from tests.support.faulty_io import FaultyDisk
from tests.support.invariants import check_invariants, check_not_made_again, has_catalog, visible_files

PATIENCE_S = 60.0


def make_library(scratch: Path) -> None:
    """From nothing to an indexed library: folders, migrations, the queue."""
    with Library.open(scratch / "library", policy="mobile") as library:
        library.index(scratch / "photos")


def work(scratch: Path) -> None:
    """From a full queue to finished sidecars."""
    with Library.open(scratch / "library") as library:
        library.run()


def cleanup(scratch: Path) -> None:
    """One of the pictures is gone: its sidecars go too."""
    with Library.open(scratch / "library") as library:
        library.index()
        library.maintenance.cleanup(older_than_days=0)


JOBS: dict[str, Callable[[Path], None]] = {job.__name__: job for job in (make_library, work, cleanup)}


def _finish(scratch: Path) -> None:
    """What the user does next, on a disk that works."""
    library = scratch / "library"
    before = visible_files(library) if library.exists() else {}
    if has_catalog(library):
        check_invariants(library, finished=False)
    with Library.open(library, policy="mobile") as opened:
        opened.index(scratch / "photos")
        opened.run()
        opened.retry()
        opened.run()
        opened.maintenance.repair()
        wrong = opened.verify()
        assert wrong == [], wrong
    number = 2 * len(list((scratch / "photos").iterdir()))
    assert len(visible_files(library)) >= number, visible_files(library)
    check_not_made_again({path: state for path, state in before.items() if Path(path).exists()}, library)
    check_invariants(library, finished=True)


def _with_fault(job: Callable[[Path], None], scratch: Path) -> None:
    """Run the job; an error may end it, but only one that tells the user what is the matter."""
    try:
        job(scratch)
    except (PillionError, OSError):
        pass


def _case(disk: FaultyDisk, scratch: Path, job: Callable[[Path], None], at: int, error: int, onwards: bool) -> object:
    shutil.rmtree(scratch / "library", ignore_errors=True)
    if (scratch / "template").exists():
        shutil.copytree(scratch / "template", scratch / "library")
    wrong = None
    failed, last = 0, ""
    calls: list[int] = []
    try:
        disk.arm(at, error, onwards=onwards)
        try:
            _with_fault(job, scratch)
        finally:
            calls = disk.calls()
            failed, last = disk.disarm()
        _finish(scratch)
    except Exception:
        wrong = traceback.format_exc()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("pillion")]
    if wrong is None and threads:
        wrong = f"threads are left: {threads}"
    return {"calls": calls, "failed": failed, "last": last, "wrong": wrong}


def main() -> None:
    """Entry point; see the module's docstring."""
    scratch, job = Path(sys.argv[1]), JOBS[sys.argv[2]]
    patient = states.RETRY_POLICIES[ErrorClass.IO_TRANSIENT]
    # The waits between tries would make a fault that stays last for minutes; their number stays.
    states.RETRY_POLICIES = {  # type: ignore[misc]
        **states.RETRY_POLICIES,
        ErrorClass.IO_TRANSIENT: replace(patient, wait_s=0.01, longest_wait_s=0.02),
    }
    disk = FaultyDisk.attach(scratch)
    for line in sys.stdin:
        at, name, onwards = json.loads(line)
        answer = _case(disk, scratch, job, at, getattr(errno, name), onwards)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
