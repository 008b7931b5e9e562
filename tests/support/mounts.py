"""Small file systems of a test's own, where mounting is permitted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import wait_until


@contextmanager
def tmpfs(place: Path, mebibytes: int) -> Iterator[Path]:
    """A tmpfs at ``place``, a folder to be made. Skips the test where mounting is not permitted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "pillion-test", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    """Change it: ``size=64m``, ``ro``. The kernel lets go of the folders of confined workers only a moment later."""
    command = ["mount", "-o", f"remount,{options}", str(place)]
    wait_until(lambda: subprocess.run(command, check=False, capture_output=True).returncode == 0)
