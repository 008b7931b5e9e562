"""A virtual environment for each peer, so that none changes what Pillion is tested with. Standard library only."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path


class SetupError(Exception):
    """A peer or what it works on cannot be had. The message says what to do."""


def holds(home: Path, packages: Sequence[str]) -> bool:
    """Whether the environment in ``home`` was made with these arguments of pip install."""
    record = home / "installed"
    return record.is_file() and record.read_text() == " ".join(packages)


def ensure(home: Path, packages: Sequence[str], environ: Mapping[str, str] | None = None, hint: str = "") -> Path:
    """The Python of the environment in ``home``, made if it does not hold ``packages`` (arguments of pip install) yet.

    ``environ``: variables for pip. ``hint``: what else may be lacking, for the message. Raises SetupError.
    """
    python = home / "bin" / "python"
    if holds(home, packages):
        return python
    print(f"making an environment for {home.name} in {home}", flush=True)
    venv.create(home, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages]
    done = subprocess.run(install, env={**os.environ, **(environ or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{home.name} cannot be installed{hint}: {done.stderr.strip()[-300:]}")
    (home / "installed").write_text(" ".join(packages))
    return python
