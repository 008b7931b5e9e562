"""Names of owners say whether anybody is there."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from pillion import machine as owners
from pillion.machine import at_work, is_gone, this_owner


def test_one_of_this_process_is_gone_when_its_work_is_over() -> None:
    owner = this_owner()
    with at_work(owner):
        assert not is_gone(owner)
    assert is_gone(owner)


def _owner_of(process: subprocess.Popen[bytes]) -> str:
    host, _, _, last = this_owner().rsplit(":", 3)
    return f"{host}:{process.pid}:{owners._process_start(process.pid)}:{last}"


def test_another_process_is_gone_when_it_is_dead_and_before_it_is_buried() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = _owner_of(process)
    assert not is_gone(owner)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(owner)
    process.communicate()
    assert is_gone(owner)


def test_a_number_used_again_is_somebody_else() -> None:
    host, pid, birth, last = this_owner().rsplit(":", 3)
    assert is_gone(f"{host}:{pid}:{birth}0:{last}")


def test_another_machine_is_not_judged() -> None:
    _, pid, _, last = this_owner().rsplit(":", 3)
    assert not is_gone(f"elsewhere:{pid}:1:{last}")


def test_a_clock_that_is_set_changes_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = owners._process_start(os.getpid())
    monkeypatch.setattr(psutil, "boot_time", lambda: psutil.boot_time() + 3600)
    assert owners._process_start(os.getpid()) == before
