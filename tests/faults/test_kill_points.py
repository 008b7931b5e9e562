"""kill -9 of the program, of a worker and of both, at every named point and at random times.

``PILLION_SOAK=1000`` makes that many random kills instead of a few, others with another ``PILLION_SOAK_SEED``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pillion.failpoints import POINTS
from tests.support.kills import (
    CARE_POINTS,
    INDEX_POINTS,
    ONLY_ONCE,
    SEARCH_POINTS,
    WORKER_POINTS,
    Victim,
    random_kill,
)

Note = Callable[[str, object], None]

RANDOM_KILLS = int(os.environ.get("PILLION_SOAK", "12"))
SEED = int(os.environ.get("PILLION_SOAK_SEED", "4"))
ROUND = 25
"""Kills of one library, before it has to be finished."""
ONCE_A_BATCH = ("child.ready", "child.batch", "child.prepare")
"""Points that a run reaches only once where all its jobs are one batch."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_at_every_named_point(tmp_path: Path, record_property: Note) -> None:
    assert len(POINTS) >= 20
    victim = Victim(tmp_path)
    missed = []
    for point in INDEX_POINTS:
        if point == "work.release":
            victim.kill_while_stopping(point)
            continue
        # Leases that a killed program left behind are what makes the next one reach the heartbeat's point.
        if not victim.kill_at(point):
            missed.append(point)
    for point in WORKER_POINTS:
        assert victim.kill_at(point, "killboth", 1 if point in ONCE_A_BATCH else 2), point
    for point in missed:
        assert victim.kill_at(point), f"{point} is never reached"
    victim.finish()
    assert victim.reached - set(SEARCH_POINTS) == set(INDEX_POINTS)
    assert victim.kills == len(INDEX_POINTS) + len(WORKER_POINTS)
    record_property("named points", len(INDEX_POINTS))
    record_property("kills", victim.kills)


@pytest.mark.slow
def test_a_kill_while_sidecars_are_replaced(tmp_path: Path) -> None:
    """A stale sidecar is served until the new one is in its place, and is one of the two at every moment."""
    victim = Victim(tmp_path)
    victim.finish()
    victim.do("regenerate", "--kind", "thumb", "--all")
    for point in ("execute.staged", "store.synced", "store.rename", "store.renamed", "record.placed", "record.written"):
        if point in WORKER_POINTS:
            assert victim.kill_at(point, "killboth", command=("work",))
        else:
            victim.kill_command(point, "work")
    victim.do("work")
    victim.finish()


@pytest.mark.slow
def test_a_kill_at_every_point_of_care(tmp_path: Path) -> None:
    victim = Victim(tmp_path)
    victim.finish()
    for number in range(2):
        (victim.photos / f"{number:05d}.jpg").unlink()
    victim.finish()
    victim.kill_command("cleanup.forgotten", "cleanup", "--older-than", "0")
    victim.do("verify", "--repair")
    (victim.photos / "00002.jpg").unlink()
    victim.do()
    victim.kill_command("cleanup.removed", "cleanup", "--older-than", "0")
    next(iter((victim.library / "sidecars").rglob("icon.webp"))).unlink()
    victim.kill_command("repair.lost", "verify", "--repair")
    victim.do("work")
    victim.do("verify", "--repair")
    uuid = next((victim.library / "sidecars").rglob("manifest.json")).parent.name
    victim.kill_command("remove.cancelled", "rm", f"sidecar://{uuid}/thumb/icon")
    victim.do("verify", "--repair")
    victim.do("retry")
    victim.finish()
    victim.kill_command("reconcile.filled", "reconcile", "--rebuild")
    victim.finish()
    victim.kill_command("reconcile.aside", "reconcile", "--rebuild")
    assert not (victim.library / "catalog.sqlite").exists()
    victim.do("reconcile")
    victim.finish()
    assert set(CARE_POINTS) <= victim.reached


@pytest.mark.slow
@pytest.mark.parametrize("point", ["work.sweep", "record.begin", "work.end"])
def test_ctrl_c_leaves_nothing_in_staging(tmp_path: Path, point: str) -> None:
    """Not even where a full disk kept it from placing what it had staged, and not what a killed run left."""
    victim = Victim(tmp_path)
    assert victim.kill_at("store.rename")
    assert victim.staged() != set()
    victim.interrupt_at(point, "store.sync=ENOSPC@1")
    assert victim.staged() == set()
    victim.finish()


@pytest.mark.slow
@pytest.mark.timeout(36000)
def test_kills_at_random(tmp_path: Path, record_property: Note) -> None:
    chance = random.Random(SEED)
    kills = runs = number = 0
    while kills < RANDOM_KILLS:
        victim = Victim(tmp_path / str(number))
        number += 1
        while victim.runs < ROUND and kills + victim.kills < RANDOM_KILLS:
            random_kill(victim, chance)
        victim.finish()
        kills += victim.kills
        runs += victim.runs
    assert ONLY_ONCE[0] in victim.reached
    record_property("kills", kills)
    record_property("runs of the program", runs)
    record_property("libraries", number)
