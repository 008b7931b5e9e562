"""`pillion watch` and `pillion service`, as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.library import Library
from pillion.watch import service
from tests.support import photos, program
from tests.support.waiting import wait_until
from tests.support.watching import NEEDS_INOTIFY

pytestmark = NEEDS_INOTIFY


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        opened.add_location(tmp_path / "files")
        return opened.root


class Lines:
    """A running `pillion watch --json`, with what it printed."""

    def __init__(self, library: Path, log: Path, *options: str) -> None:
        self.log = log
        with open(log, "wb") as out:
            command = [*program.COMMAND, "watch", "--library", str(library), "--json", *options]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def events(self, name: str) -> list[dict[str, object]]:
        # The last line may be half written.
        whole = self.log.read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def running(library: Path, tmp_path: Path) -> Iterator[Lines]:
    lines = Lines(library, tmp_path / "log")
    try:
        wait_until(lambda: lines.events("ready") or lines.process.poll() is not None, "it is ready")
        assert lines.process.poll() is None, lines.log.read_text()
        yield lines
    finally:
        lines.process.kill()
        lines.process.wait()


def test_a_new_photograph_gets_its_sidecars_until_sigterm(running: Lines, library: Path, tmp_path: Path) -> None:
    assert running.events("ready") == [{"event": "ready", "locations": 1, "folders": 1, "polled": []}]
    photos.write_photo(tmp_path / "files/a.jpg", seed=1, size=(160, 120))
    with Library.open(library) as opened:
        wait_until(lambda: {item.state.value for item in opened.ls()} == {"ready"}, "its sidecars are made")
    assert [event["new"] for event in running.events("indexed")] == [1]
    assert running.end() == 0
    with Library.open(library) as opened:
        assert opened.verify() == []


def test_without_work_it_only_indexes(library: Path, tmp_path: Path) -> None:
    lines = Lines(library, tmp_path / "log", "--no-work")
    try:
        wait_until(lambda: lines.events("ready"))
        photos.write_photo(tmp_path / "files/a.jpg", seed=1, size=(160, 120))
        wait_until(lambda: lines.events("indexed"))
        with Library.open(library) as opened:
            assert {item.state.value for item in opened.ls()} == {"pending"}
        assert lines.end(signal.SIGINT) == 130
    finally:
        lines.process.kill()
        lines.process.wait()


def test_settings_that_are_wrong_are_said(running: Lines, library: Path) -> None:
    (library / "config.toml").write_text("polcy = 1\n")
    wait_until(lambda: running.events("notice"))
    assert "polcy" in str(running.events("notice")[0]["text"])
    assert running.end() == 0


# the service ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that writes down how it is called and does nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho active\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "calls"


def test_a_service_is_installed_and_removed(systemctl: Path, tmp_path: Path) -> None:
    assert service.install(["/usr/bin/pillion", "watch", "--library", "/home/me/100% mine"]) is None
    unit = tmp_path / "config/systemd/user/pillion.service"
    assert 'ExecStart=/usr/bin/pillion watch --library "/home/me/100%% mine"\n' in unit.read_text()
    calls = systemctl.read_text().splitlines()
    assert [call.removeprefix("--user --no-pager ") for call in calls] == [
        "daemon-reload",
        "enable pillion.service",
        "restart pillion.service",
    ]
    assert service.state() == service.ServiceState(unit=unit, installed=True, enabled="active", active="active")
    assert service.remove()
    assert not unit.exists()
    assert not service.remove()


def test_words_of_a_command_are_quoted_for_systemd() -> None:
    text = service.unit_text(["a", "b c", 'd"e', "f\\g", "$HOME", "100%", ""])
    assert 'ExecStart=a "b c" "d\\"e" "f\\\\g" "$$HOME" "100%%" ""\n' in text
    with pytest.raises(service.ServiceError):
        service.install(["a\nb"])


def test_without_systemd_the_unit_is_written_and_one_sentence_says_so(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    result = program.run("service", "install", "--library", str(library), "--command", "watch")
    assert result.returncode == 0
    assert "systemctl is not installed" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert (tmp_path / "config/systemd/user/pillion.service").exists()
    shown = program.run("service", "status")
    assert "is installed" in shown.stdout
    assert "does not answer" in shown.stderr
    assert program.run("service", "remove").stdout == "The service is removed.\n"
    assert program.run("service", "remove").stdout == "The service is not installed.\n"
