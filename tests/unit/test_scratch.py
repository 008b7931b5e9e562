"""The folders of workers without a mount: whose process is gone, goes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillion.remote.scratch import scratch

_HOLDS = """
import sys
from pathlib import Path
from pillion.remote.scratch import scratch
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
        with scratch(cache) as mine:
            assert mine.is_dir()
            assert not left.exists()
            assert (used / "sources").is_dir()
            assert (cache / "work.none").is_dir()
        assert not mine.exists()
    assert not used.exists()
