"""Files of Debian packages, unpacked into a cache folder: no root needed, nothing installed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benches.peers.environments import SetupError


def unpack(packages: Sequence[str], folder: Path) -> None:
    """Download ``packages`` with apt-get and unpack them into ``folder``. Raises SetupError, which says what to do."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run(folder, "apt-get", "download", *packages)
        for file in sorted(folder.glob("*.deb")):
            _run(folder, "dpkg", "-x", file.name, ".")
            file.unlink()
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        names = " ".join(packages)
        raise SetupError(
            f"apt-get could not download the Debian packages {names} ({said or error}): on a Debian or Ubuntu machine "
            "with a network, run apt-get update and try again"
        ) from None


def with_dependencies(package: str) -> list[str]:
    """``package`` and what it needs, without what this machine has, as apt-get would install it. Raises SetupError."""
    command = ["apt-get", "install", "--simulate", "--no-install-recommends", package]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"apt-get does not say what the Debian package {package} needs ({error}): on a Debian or Ubuntu machine, "
            "run apt-get update and try again"
        ) from None
    return [line.split()[1] for line in said.splitlines() if line.startswith("Inst ")]


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
