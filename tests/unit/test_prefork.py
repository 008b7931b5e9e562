"""A program that is started by a fork is what one that is started anew is."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from tests.support import photos, prefork
from tests.support.program import run, run_anew, start


@pytest.fixture(autouse=True)
def as_tests_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others in this process have set since then, as libraries do when they are loaded, is not set here."""
    for name in os.environ.keys() - prefork.BASE.keys() - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name in prefork.BASE.keys() - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.setenv(name, prefork.BASE[name])


@pytest.mark.parametrize("words", [["--version"], ["statu"], ["ls", "--library", "none"], ["text", "a\udce9.txt"]])
def test_it_prints_and_ends_as_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a\udce9.txt").write_text("Only here.")
    forked, anew = run(*words), run_anew(*words)
    assert (forked.returncode, forked.stdout, forked.stderr) == (anew.returncode, anew.stdout, anew.stderr)


def test_it_reads_its_own_environment_and_dies_of_signals(tmp_path: Path) -> None:
    photos.write_many(tmp_path / "photos", 1)
    (tmp_path / "points").mkdir()
    armed = {DIRECTORY_VARIABLE: str(tmp_path / "points"), RULES_VARIABLE: "library.created=stop@1"}
    process = start("index", tmp_path / "photos", "--library", tmp_path / "library", env=armed)
    assert isinstance(process, prefork.Started)
    running = psutil.Process(process.pid)
    while running.status() != psutil.STATUS_STOPPED:
        assert process.poll() is None
        os.sched_yield()
    assert (tmp_path / "points" / "library.created").exists()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
    process.kill()


def test_what_packages_read_while_they_are_imported_must_not_differ() -> None:
    assert prefork.fits({**os.environ, "PILLION_SOMETHING": "1", "HOME": "/", "OMP_THREAD_LIMIT": "1"})
    assert not prefork.fits({**os.environ, "LC_ALL": "tr_TR.UTF-8"})
    assert not prefork.fits({**os.environ, "LD_PRELOAD": "x.so"})
    assert not prefork.fits({name: value for name, value in os.environ.items() if name != "PATH"})
