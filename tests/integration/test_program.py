"""The program as part of a system: logs, quiet, pipes, signals, completion, progress lines, JSON."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest

from pillion import Library, machine
from pillion.catalog import queue as catalog_queue
from pillion.cli.app import COMMANDS, program
from pillion.cli.lines import LineProgress
from pillion.model import SidecarKind, SidecarStatus
from pillion.queue.work import Workers
from tests.support import photos
from tests.support.invariants import check_invariants
from tests.support.program import COMMAND, run_json
from tests.support.program import run_anew as run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    photos.write_many(folder, 3)
    (folder / "bad\nname.jpg").write_bytes((folder / sorted(p.name for p in folder.iterdir())[0]).read_bytes()[:200])
    return folder


# logs -----------------------------------------------------------------------------------------------------------------


def test_a_log_file_has_each_job_on_a_line(tmp_path: Path, folder: Path) -> None:
    log = tmp_path / "pillion.log"
    arguments = ("--library", tmp_path / "library", "--policy", "mobile", "--kinds", "thumb")
    done = run("index", folder, *arguments, "--log-file", log)
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    made = [line for line in lines if " INFO " in line and "thumb of " in line]
    assert len(made) == 3
    failed = [line for line in lines if " WARNING " in line]
    assert any("bad\\nname.jpg" in line and "corrupt" in line for line in failed)
    assert any("indexed " in line and "4 files, 4 new" in line for line in lines)
    # It is added to, also by options before the command's name.
    assert run("--log-file", log, "work", "--library", tmp_path / "library").returncode == 0
    assert len(log.read_text().splitlines()) > len(lines)
    assert run("--log-file", tmp_path, "status").returncode == 2


def test_verbose_and_quiet(tmp_path: Path, folder: Path) -> None:
    arguments = ("index", folder, "--library", tmp_path / "library", "--policy", "mobile", "--kinds", "thumb")
    quiet = run(*arguments, "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    loud = run("-v", *arguments)
    assert "INFO: indexed" in loud.stderr
    assert "files, " in loud.stdout
    listed = run("-q", "ls", "--library", tmp_path / "library")
    assert len(listed.stdout.splitlines()) == 8, "what was asked for is printed"
    wrong = run("-q", "ls", "--library", tmp_path / "none")
    assert wrong.returncode == 1
    assert "There is no library" in wrong.stderr
    traced = run("-vv", "ls", "--library", tmp_path / "none")
    assert "Traceback" in traced.stderr


def test_what_another_process_does_is_said_and_not_waited_for(tmp_path: Path, folder: Path) -> None:
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(folder, kinds=["thumb"])
        with library._database.write() as connection:
            taken = catalog_queue.claim(
                connection, SidecarKind("thumb"), owner=machine.this_owner(), token="t", now=time.time(), limit=100
            )
        for command in (["work"], ["index", folder, "--kinds", "thumb"]):
            done = run(*command, "--library", tmp_path / "library")
            assert (done.returncode, len(taken)) == (0, 4)
            assert "4 more jobs are being done by another process." in done.stderr


# pipes and signals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["ls", "events", "formats", "languages --all", "failed --json"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str, tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    run("index", folder, "--library", library, "--policy", "mobile", "--no-wait", "--kinds", "thumb")
    arguments = command.split() + ([] if command.startswith(("formats", "languages")) else ["--library", str(library)])
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("asked", ["--help", "--version", "index --help", "formats"])
def test_a_full_disk_under_what_is_printed_is_one_sentence(asked: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *asked.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "pillion: disk_full: No space is left; free some and run again.\n")


@pytest.mark.parametrize(("asked", "code"), [("lss", 2), ("ocr not-there.png", 1), ("formats", 0)])
def test_where_no_message_can_be_written_the_exit_code_still_says_it(asked: str, code: int) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *asked.split()], stdout=subprocess.DEVNULL, stderr=full, check=False)
    assert done.returncode == code


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_files_are_no_error(closed: str, tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    command = shlex.join([*COMMAND, "index", str(folder), "--library", str(library), "--kinds", "thumb"])
    done = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    check_invariants(library, finished=True)
    assert subprocess.run(["sh", "-c", f"{shlex.join(COMMAND)} lss {closed}"], capture_output=True).returncode == 2


_STOPPED = """
import os, signal, sys
from pillion.cli import app
import click

@click.command()
@click.pass_context
def status(ctx):
    ctx.meta[app.STAYS] = sys.argv.pop() == "stays"
    os.kill(os.getpid(), signal.SIGTERM)

import pillion.cli.inspect as inspect
inspect.status = status
how = sys.argv[-1]
sys.argv = ["pillion", "status"]
sys.argv.append(how)
real = app.program.main
app.program.main = lambda **options: real(args=["status"], **options)
app.main()
"""


@pytest.mark.parametrize(("how", "code"), [("once", 143), ("stays", 0)])
def test_sigterm_ends_with_143_or_what_stays_with_0(how: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", _STOPPED, how], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, b"")


def test_sigterm_is_the_usual_end_of_events_that_follow(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    run("index", folder, "--library", library, "--policy", "mobile", "--no-wait", "--kinds", "thumb")
    command = [*COMMAND, "events", "--follow", "--since", "0", "--library", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


# completion, colours, progress ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_PILLION_COMPLETE" in done.stdout
    words = {"COMP_WORDS": "pillion st", "COMP_CWORD": "1" if shell != "fish" else "st"}
    answer = run(env={"_PILLION_COMPLETE": f"{shell}_complete", **words})
    assert "status" in answer.stdout


_DISPLAY = """
import sys
from pillion.cli.progress import LiveProgress
sys.stderr.isatty = lambda: True
with LiveProgress() as live:
    live.phase("discovery", 3, 10)
"""


@pytest.mark.parametrize(("variable", "styled"), [("1", False), ("", True)])
def test_no_color_means_no_style_at_all(variable: str, styled: bool) -> None:
    env = {"NO_COLOR": variable, "TERM": "xterm-256color", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", _DISPLAY], capture_output=True, env=env, timeout=60, check=True)
    styles = re.findall(rb"\x1b\[[0-9;]*m", done.stderr)
    assert bool([style for style in styles if style not in (b"\x1b[0m",)]) == styled, done.stderr


def test_a_line_now_and_then_where_no_terminal_is() -> None:
    now, lines = [0.0], list[str]()
    live = LineProgress(every_s=10, clock=lambda: now[0], write=lines.append)
    about = SimpleNamespace(done=2, left=298, seconds_left=240.0)
    workers = SimpleNamespace(
        engine=SimpleNamespace(working={"thumb": 2}),
        eta=SimpleNamespace(kinds=lambda: {"thumb": about}),
        recorder=SimpleNamespace(counts=Counter({("thumb", SidecarStatus.FAILED): 1})),
    )
    for now[0] in range(25):
        live.phase("discovery", int(now[0]) * 100, None)
        live.work(cast("Workers", workers))
    assert lines == ["discovery: 1,000 files", "discovery: 2,000 files"]
    now[0] = 31
    live.work(cast("Workers", workers))
    assert lines[-1] == "thumb: 2 of 300 jobs, 2 running, 1 failed; about 4 min left"


def test_a_guess_that_was_wrong_is_not_told_again() -> None:
    now, lines = [0.0], list[str]()
    live = LineProgress(every_s=10, clock=lambda: now[0], write=lines.append)
    about = SimpleNamespace(done=2, left=1, seconds_left=3.0)
    workers = SimpleNamespace(
        engine=SimpleNamespace(working={"thumb": 1}),
        eta=SimpleNamespace(kinds=lambda: {"thumb": about}),
        recorder=SimpleNamespace(counts=Counter()),
    )
    for now[0] in (10, 20, 30):
        live.work(cast("Workers", workers))
    about.done, about.left, about.seconds_left = 3, 0, 0.0
    now[0] = 40
    live.work(cast("Workers", workers))
    assert [line.partition("; ")[2] for line in lines] == [
        "less than a minute left",
        "less than a minute left",
        "longer than estimated",
        "",
    ]


# JSON -----------------------------------------------------------------------------------------------------------------


def _commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": each for inner, each in command.commands.items()}
    return found


PRINTS_A_FILE = frozenset({"completion", "cat", "token", "service", "peer"})
"""Commands whose output is a script or a sidecar as it is, in a format of its own, and groups that have none."""


def test_every_command_that_prints_has_json_and_takes_the_options_of_logs() -> None:
    for name, command in _commands().items():
        options = {text for option in command.params for text in option.opts}
        assert "--json" in options or name in PRINTS_A_FILE, name
        assert {"-v", "-q", "--log-file"} <= options, name


def test_locations_answer_in_json(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "library"
    assert run_json("locations", "--library", library, "add", folder) == {"added": str(folder)}
    moved = tmp_path / "moved"
    folder.rename(moved)
    answer = run_json("locations", "--library", library, "move", folder, moved)
    assert answer == {"from": str(folder), "to": str(moved), "settings_left": False}
    assert run_json("locations", "--library", library, "remove", moved) == {"removed": str(moved), "files": 0}


def test_the_library_may_stand_behind_a_command_of_a_group(tmp_path: Path, folder: Path) -> None:
    library, other = tmp_path / "library", tmp_path / "other"
    assert run_json("locations", "--library", other, "add", folder, "--library", library) == {"added": str(folder)}
    assert not other.exists()
    disk = tmp_path / "disk"
    run_json("export-library", disk, "-l", library)
    assert run_json("peer", "add", "desk", disk, "-l", library) == {"added": "desk", "url": str(disk)}
    never = run("peers", "--library", library)
    assert never.stdout.splitlines()[1].split() == ["desk", "never", "-", "-", str(disk)]
    assert run_json("peer", "--library", library, "remove", "desk") == {"removed": "desk"}


def test_failures_of_single_files_are_json_too(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0\1\2")
    done = run("ocr", path, "--json")
    assert done.returncode == 1
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["source"] == str(path)
    assert answer["error"]["class"] == "unsupported"


# the machine ----------------------------------------------------------------------------------------------------------


def control_groups(folder: Path, groups: str, files: Mapping[str, str]) -> tuple[Path, Path]:
    """What the system says of a process's control groups: the list of them, and where their files are."""
    (folder / "cgroup").write_text(groups)
    for name, text in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "cgroup", folder / "fs"


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "200000 100000", "a/b/cpu.max": "400000 100000"}, 2.0),
        (
            "4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("nonsense", {}, None),
    ],
)
def test_the_quota_of_a_container_counts(
    groups: str, files: dict[str, str], cores: float | None, tmp_path: Path
) -> None:
    written, mount = control_groups(tmp_path, groups, files)
    assert machine.cpu_quota(written, mount) == cores
    assert machine.cpu_quota(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("0::/a/b\n", {"memory.max": "max", "a/memory.max": "1048576", "a/b/memory.max": "2097152"}, 1048576),
        (
            "9:memory:/x\n",
            {"memory/x/memory.limit_in_bytes": "4096", "memory/memory.limit_in_bytes": str(2**63 - 4096)},
            4096,
        ),
        ("9:memory:/\n", {"memory/memory.limit_in_bytes": str(2**63 - 4096)}, None),
    ],
)
def test_the_memory_of_a_container_counts(
    groups: str, files: dict[str, str], limit: int | None, tmp_path: Path
) -> None:
    written, mount = control_groups(tmp_path, groups, files)
    whole = machine.memory_bytes(tmp_path / "none", tmp_path)
    assert whole > 1 << 28
    assert machine.memory_bytes(written, mount) == (limit or whole)


def test_cores_are_at_least_one_and_no_more_than_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    for quota, most in [(0.2, 1), (None, 10_000)]:
        monkeypatch.setattr(machine, "cpu_quota", lambda quota=quota: quota)
        assert 1 <= machine.cores.__wrapped__() <= most
