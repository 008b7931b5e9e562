"""Engines that sleep, spin, ignore SIGTERM, allocate without end, crash, or end without a word, among good ones.

``PILLION_SOAK`` lets 30 of each work among 300 good ones instead of 2 among 20.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pysqlite3
import pytest

from pillion.kinds.execute import WRITES
from pillion.library import Library
from pillion.model import SidecarStatus
from pillion.pool.pool import WorkerPool
from pillion.queue import jobs, work
from pillion.queue.commit import PlannedJob
from pillion.queue.engine import Result
from tests.support.evil import DEEDS, LOG, TAKE_LONG
from tests.support.invariants import check_invariants
from tests.support.kills import write_picture
from tests.support.kinds import limit

EACH, GOOD = (30, 300) if "PILLION_SOAK" in os.environ else (2, 20)
DEADLINE_S = 2.0
SLACK_S = 2.0


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, list[float]]:
    """Workers run the evil engine, with little time. Holds when the parent knew the end of each try of a bad item."""
    found: dict[str, list[float]] = {}
    finish = jobs.CatalogJobs.finish

    def noted(self: jobs.CatalogJobs, results: Sequence[Result[PlannedJob]], now: float) -> object:
        for planned, _ in results:
            name = Path(os.fsdecode(planned.job.job.sources[0][0])).stem
            found.setdefault(name, []).append(time.monotonic())
        return finish(self, results, now)

    def pool(_target: str, **options: object) -> WorkerPool:
        return WorkerPool("tests.support.evil:execute", **options)  # type: ignore[arg-type]

    limit(monkeypatch, "thumb", deadline_s=DEADLINE_S, deadline_s_per_mib=0, cpu_s=DEADLINE_S)
    monkeypatch.setattr(work, "WorkerPool", pool)
    monkeypatch.setattr(jobs.CatalogJobs, "finish", noted)
    (tmp_path / "log").touch()
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    monkeypatch.setenv(WRITES, str(tmp_path / "log"))
    return found


def _starts(log: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in log.read_text().splitlines():
        name, _, seconds = line.partition(" ")
        found.setdefault(name, []).append(float(seconds))
    return found


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(3600)
def test_bad_engines_fail_alone_in_time_and_by_class(
    tmp_path: Path, ends: dict[str, list[float]], record_property: Callable[[str, object], None]
) -> None:
    names = [f"{deed}-{number}" for number in range(EACH) for deed in DEEDS]
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate([*names, *(f"good-{number}" for number in range(GOOD))]):
        write_picture(tmp_path / "photos" / f"{name}.jpg", seed)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        config = tmp_path / "library" / "config.toml"
        config.write_text(config.read_text().replace("[work]", f"[work]\nmemory_limit = {400 * 1024**2}"))
    with Library.open(tmp_path / "library") as library:
        library.index(tmp_path / "photos")
        library.run()
        states = {
            (Path(item.sources[0]).stem, item.variant): (item.state, (item.error or {}).get("class"))
            for item in library.ls()
        }
    for (name, variant), state in states.items():
        deed = name.partition("-")[0]
        wanted = (SidecarStatus.FAILED, DEEDS[deed][1]) if deed in DEEDS else (SidecarStatus.READY, None)
        assert state == wanted, (name, variant)
    assert len(states) == 2 * (len(names) + GOOD)
    check_invariants(tmp_path / "library", finished=True)
    longest = _check_tries(tmp_path, names, ends)
    record_property("bad", len(names))
    record_property("good", GOOD)
    record_property("seconds past the deadline at most", round(longest - DEADLINE_S, 2))


def _check_tries(root: Path, names: Sequence[str], ends: dict[str, list[float]]) -> float:
    """Returns the longest try in seconds."""
    starts = _starts(root / "log")
    longest = 0.0
    for name in names:
        assert 1 <= len(ends[name]) <= 3, f"{name} was tried {len(ends[name])} times"
        # What takes long may be started once more and set aside, while others wait: that is no try.
        aside = len(starts[name]) - len(ends[name])
        assert 0 <= aside <= (name.partition("-")[0] in TAKE_LONG), name
        took = [end - max(start for start in starts[name] if start <= end) for end in ends[name]]
        assert max(took) <= DEADLINE_S + SLACK_S, f"{name} took {took}"
        longest = max(longest, *took)
    connection = pysqlite3.connect(root / "library" / "catalog.sqlite")
    attempts = {row[0] for row in connection.execute("SELECT attempts FROM failures")}
    connection.close()
    assert attempts <= {1, 2, 3}
    return longest
