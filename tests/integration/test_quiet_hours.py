"""Kinds wait in quiet hours and on battery, everywhere or in a folder, and go on by themselves."""

from __future__ import annotations

import shutil
import threading
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

import pillion
from pillion import machine as power
from pillion.events import Event
from pillion.model import SidecarStatus
from tests.support.program import run, run_json


def _now_quiet() -> str:
    """A span that has begun and goes on for longer than any test."""
    now = datetime.now()
    return f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=6):%H:%M}"


def _library(tmp_path: Path, settings: str) -> pillion.Library:
    root = tmp_path / "library"
    pillion.Library.open(root, policy="mobile").close()
    (root / "config.toml").write_text(f'policy = "mobile"\n{settings}')
    return pillion.Library.open(root)


def _ready(library: pillion.Library) -> set[str]:
    return {Path(item.sources[0]).name for item in library.ls(statuses=[SidecarStatus.READY])}


def test_quiet_hours_hold_a_kind_with_a_notice(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with _library(tmp_path, f'[thumb]\nquiet_hours = "{_now_quiet()}"\n') as library:
        library.index(*folders)
        report = library.run()
        assert _ready(library) == set()
        assert "quiet hours until" in report.notices["thumb"]
        (quiet,) = library.status().quiet
        assert (quiet.kind, quiet.location, quiet.reason) == ("thumb", None, "quiet_hours")
    path = tmp_path / "library"
    assert "thumb waits: quiet hours until" in run("status", "--library", path).stdout
    (told,) = run_json("status", "--library", path)["quiet"]
    assert (told["kind"], told["reason"]) == ("thumb", "quiet_hours")
    worked = run("work", "--library", path)
    assert (worked.returncode, "thumb is paused: It waits" in worked.stderr) == (0, True)


def test_a_location_is_quiet_by_itself_or_is_left_out(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    one, two = folders
    with _library(tmp_path, f'[locations."{one}"]\nthumb.quiet_hours = "{_now_quiet()}"\n') as library:
        library.index(*folders)
        library.run()
        assert _ready(library) == {"b.jpg"}
        shutil.copy(one / "a.jpg", two / "copy.jpg")
        library.index()
        library.run()
        assert _ready(library) == {"a.jpg", "b.jpg"}
    text = f'[thumb]\nquiet_hours = "{_now_quiet()}"\n[locations."{two}"]\nthumb.quiet_hours = []\n'
    shutil.rmtree(tmp_path / "library")
    (two / "copy.jpg").unlink()
    with _library(tmp_path, text) as library:
        library.index(*folders)
        library.run()
        assert _ready(library) == {"b.jpg"}


class _Enough(Exception):
    """Ends a run."""


class _Plug:
    """Plugs the machine in when it hears of the pause, and ends the run when both pictures are ready."""

    def __init__(self, unplugged: threading.Event) -> None:
        self._unplugged = unplugged
        self._ready = 0

    def __call__(self, event: Event) -> None:
        if event.name == "paused":
            assert self._unplugged.is_set()
            self._unplugged.clear()
        self._ready += event.name == "ready"
        if self._ready == 2:
            raise _Enough


def test_what_waits_on_battery_goes_on_by_itself_on_mains(
    tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    unplugged = threading.Event()
    unplugged.set()
    monkeypatch.setattr(power, "on_battery", unplugged.is_set)
    with _library(tmp_path, "[thumb]\non_battery = false\n") as library:
        library.index(*folders)
        assert [item.reason for item in library.status().quiet] == ["battery"]
        with pytest.raises(_Enough):
            library.run(stay=True, on_event=_Plug(unplugged))
        assert _ready(library) == {"a.jpg", "b.jpg"}
        names = [event.name for event in library.events() if event.name in ("paused", "resumed", "ready")]
    assert names == ["paused", "resumed", "ready", "ready"]


def test_mains_or_no_battery_is_not_on_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    class Battery:
        power_plugged: bool | None = None

    battery = Battery()
    for plugged, expected in ((True, False), (False, True), (None, False)):
        battery.power_plugged = plugged
        monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
        assert power.on_battery() is expected
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert power.on_battery() is False
