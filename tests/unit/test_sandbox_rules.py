"""The policy as data: what a worker gets of the environment, and that every call has a name and a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pillion import _core
from pillion.pool import sandbox
from pillion.pool.sandbox import Policy


@pytest.mark.parametrize("programs", [False, True])
def test_every_rule_has_a_reason_and_no_call_has_two(programs: bool) -> None:
    rules = list(sandbox.calls(programs=programs, pid=1))
    names = [call for rule in rules for call in rule.calls.split()]
    assert len(names) == len(set(names))
    assert all(rule.why and rule.action in ("kill", "missing", "refuse") for rule in rules)


def test_unknown_names_are_refused_before_anything_is_done() -> None:
    with pytest.raises(ValueError, match="no system call 'teleport'"):
        _core.confine([], [("teleport", "kill", [])], 0)
    with pytest.raises(ValueError, match="no right 'own'"):
        _core.confine([(b"/", ["own"])], [], 0)


def test_a_process_with_threads_is_not_confined() -> None:
    import threading

    from pillion.errors import ItemError

    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(ItemError, match="threads run already"):
            _core.confine([], [], 0)
    finally:
        stop.set()
        thread.join()


def test_only_what_is_named_of_the_environment_is_passed_on() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "PILLION_CACHE": "/c",
        "OMP_NUM_THREADS": "2",
        "HF_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "s",
        "https_proxy": "p",
        "SSH_AUTH_SOCK": "/s",
        "DBUS_SESSION_BUS_ADDRESS": "d",
    }
    passed = sandbox.environment(given, "pillion.pool.trial:run")
    assert set(passed) - {"PYTHONPATH"} == {"PATH", "LC_ALL", "PILLION_CACHE", "OMP_NUM_THREADS"}


def test_nothing_that_holds_the_users_home_is_granted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home/me"))
    monkeypatch.syspath_prepend(str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(tmp_path / "home/me"))
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    granted = {path for path, _ in sandbox.grants(Policy(), os.fsencode(tmp_path / "own"))}
    assert os.fsencode(tmp_path / "packages") in granted
    assert not granted & {os.fsencode(tmp_path / "home"), os.fsencode(tmp_path / "home/me"), b"/"}
