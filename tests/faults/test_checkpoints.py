"""Long sound whose worker is killed: the next try goes on from the checkpoint, and gives the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.kinds import checkpoint as _checkpoint
from pillion.kinds.execute import WRITES
from pillion.kinds.transcript import transcribe
from pillion.library import Library
from pillion.queue import work
from tests.support import hearing
from tests.support.invariants import check_invariants

KINDS = ("transcript",)
KEPT = "transcribe.kept"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return hearing.write_sound(tmp_path / "sounds" / "long.wav", seed=5)


@pytest.fixture
def library(tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(work, "TARGET", hearing.TARGET)
    monkeypatch.setenv(hearing.LOG, str(tmp_path))
    monkeypatch.setenv(WRITES, str(tmp_path / "heard"))
    (tmp_path / "heard").touch()
    with Library.open(tmp_path / "library", policy="desktop") as opened:
        opened.index(sound.parent)
        yield opened


@pytest.fixture
def whole(sound: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text of a run that nobody interrupts, one line for each window."""
    hearing.hear_in_this_process(monkeypatch)
    return transcribe.transcribe(sound, model="base", language=None).to_json()


def made(library: Library) -> str:
    (path,) = (library.root / "sidecars").rglob("transcript/default.json")
    return path.read_text()


def sums(text: str) -> list[int]:
    return [int(line.rstrip(".")) for line in json.loads(text)["text"].splitlines()]


def test_tries_that_come_further_do_not_use_up_the_tries(
    whole: str, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hearing.DEATHS, "2 4 6 8")
    library.run(kinds=KINDS)
    assert made(library) == whole
    windows = sums(whole)
    assert len(windows) >= 6
    again = [windows[index] for index in (1, 2, 3, 4)]
    # Each window was begun once, and once more where the worker died in it: nothing before it was heard again.
    assert sorted(hearing.heard(tmp_path)) == sorted([*windows, *again])
    assert not list((library.root / "staging").rglob("*.json"))
    check_invariants(library.root, finished=False)


def test_a_place_that_always_kills_ends_after_three_tries(
    whole: str, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hearing.DEATHS, "3+")
    library.run(kinds=KINDS)
    assert hearing.heard(tmp_path) == [*sums(whole)[:3], sums(whole)[2], sums(whole)[2]]
    (item,) = library.ls(kind="transcript")
    assert (item.state, (item.error or {}).get("class")) == ("failed", "crash")
    assert not list((library.root / "staging").rglob("*.json"))


def test_the_program_is_killed_and_the_next_goes_on(whole: str, library: Library, tmp_path: Path) -> None:
    points = tmp_path / "points"
    points.mkdir()
    environment = {**os.environ, DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: "transcribe.kept=hang@2"}
    command = [sys.executable, "-m", "tests.support.hearing", str(library.root)]
    with subprocess.Popen(command, env=environment) as program:
        while program.poll() is None and not ((points / KEPT).exists() and (points / KEPT).stat().st_size == 2):
            time.sleep(0.01)
        worker = psutil.Process(program.pid).children()[0]
        program.kill()
        worker.kill()
    assert program.returncode == -signal.SIGKILL
    assert hearing.heard(tmp_path) == sums(whole)[:2]
    library.run(kinds=KINDS)
    assert hearing.heard(tmp_path) == sums(whole)
    assert made(library) == whole


def test_a_checkpoint_that_is_damaged_or_stale_counts_for_nothing(whole: str, library: Library, tmp_path: Path) -> None:
    state = {"samples": 10, "language": "en", "language_probability": 1.0, "segments": [], "dropped": []}
    path = tmp_path / "one.json"
    _checkpoint.save(path, state)
    assert _checkpoint.load(path) == state
    whole_bytes = path.read_bytes()
    for damaged in (b"", whole_bytes[:-20], whole_bytes.replace(b"samples", b"simples"), b"[]"):
        path.write_bytes(damaged)
        assert _checkpoint.load(path) is None
    stale = library.root / "staging" / "checkpoints" / "00000000-0000-8000-8000-000000000000-0123456789abcdef.json"
    _checkpoint.save(stale, state)
    library.run(kinds=KINDS)
    assert not stale.exists()
    assert made(library) == whole
