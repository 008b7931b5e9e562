"""Folders for as long as a process runs: whose process is gone, goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pillion.scratch import scratch, temporary

_HOLDS = """
import sys
from pathlib import Path
from pillion.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "sources").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(cache: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with a folder of its own, which it leaves when its input ends."""
    command = [sys.executable, "-c", _HOLDS, str(cache)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def test_only_the_folders_of_workers_that_are_gone_are_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with holder(cache) as (killed, left), holder(cache) as (_, used):
        killed.kill()
        killed.wait()
        assert (left / "sources").is_dir()
        (cache / "work.none").mkdir()
        (cache / "work.link").symlink_to(left)
        with scratch(cache) as own:
            assert own.is_dir()
            assert not left.exists()
            assert (used / "sources").is_dir()
            assert (cache / "work.none").is_dir()
        assert not own.exists()
    assert not used.exists()


_ISOLATED = """
import pillion, sys
with pillion.isolated(sandbox="auto") as isolated:
    print("there", flush=True)
    sys.stdin.read()
"""


def mine(folder: Path) -> Path:
    return folder / f"pillion-{os.geteuid()}"


def test_what_a_killed_program_left_among_the_temporary_files_goes_with_the_next(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", _ISOLATED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline()
        assert len(list(mine(tmp_path).glob("work.*"))) == 1
        killed.send_signal(signal.SIGKILL)
    assert len(list(mine(tmp_path).glob("work.*"))) == 1
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, env=environment)
    assert list(mine(tmp_path).glob("work.*")) == []
    assert mine(tmp_path).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("taken", ["open to others", "a link", "a file"])
def test_a_folder_that_others_may_write_is_not_used(
    taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if taken == "open to others":
        mine(tmp_path).mkdir()
        mine(tmp_path).chmod(0o777)
    elif taken == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        mine(tmp_path).symlink_to(tmp_path / "elsewhere")
    else:
        mine(tmp_path).touch()
    with temporary() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
