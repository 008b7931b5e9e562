"""A systemd user unit for a library: `pillion serve` or `pillion watch`, begun with the user's session and kept up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pillion.errors import PillionError, reason

NAME = "pillion.service"

_TIMEOUT_S = 30.0


class ServiceError(PillionError):
    """The service could not be installed or removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceState:
    """``installed``: the unit is there. ``enabled``, ``active``: systemd's words; None where it does not answer."""

    unit: Path
    installed: bool
    enabled: str | None
    active: str | None


def unit_path() -> Path:
    """Where the unit is: in the user's folder of systemd."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".config"
    return folder / "systemd/user" / NAME


def unit_text(command: Sequence[str]) -> str:
    """The unit that runs a command. It ends by SIGTERM, begins again after an error, and works at low priority."""
    words = " ".join(_quoted(word) for word in command)
    return f"""\
# Written by 'pillion service install'; 'pillion service remove' removes it.
[Unit]
Description=Pillion: sidecars of your files
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={words}
KillMode=mixed
TimeoutStopSec=60
Restart=on-failure
RestartSec=5
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """A word of a command as systemd reads it: systemd.service(5), "Command lines"; % and $ stand for themselves."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if text != word or any(char in word for char in " '\t;") or not word else word


def install(command: Sequence[str]) -> str | None:
    """Write the unit, enable and start it. Returns why systemd does not run it now, None where it does.

    Raises ServiceError where the unit cannot be written, or names a line break.
    """
    if any("\n" in word for word in command):
        raise ServiceError("A path with a line break cannot be in a unit of systemd.")
    path = unit_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(unit_text(command), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise ServiceError(f"Cannot write {path}: {error.strerror}.") from error
    return _systemctl("daemon-reload") or _systemctl("enable", NAME) or _systemctl("restart", NAME)


def remove() -> bool:
    """Stop and disable the service and remove its unit; whether there was one. Raises ServiceError."""
    path = unit_path()
    if not path.exists():
        return False
    _systemctl("disable", "--now", NAME)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ServiceError(f"Cannot remove {path}: {error.strerror}.") from error
    _systemctl("daemon-reload")
    return True


def state() -> ServiceState:
    """Whether the service is installed, enabled and active."""
    path = unit_path()
    return ServiceState(unit=path, installed=path.exists(), enabled=_asked("is-enabled"), active=_asked("is-active"))


def _asked(question: str) -> str | None:
    ran = _run(question, NAME)
    if isinstance(ran, str):
        return None
    word = ran.stdout.strip()
    return word if word and "bus" not in ran.stderr else None


def _systemctl(*arguments: str) -> str | None:
    """Run ``systemctl --user``; returns why it failed, None where it did not."""
    ran = _run(*arguments)
    if isinstance(ran, str):
        return ran
    if ran.returncode == 0:
        return None
    said = ran.stderr.strip().splitlines()
    return said[-1] if said else f"systemctl ended with {ran.returncode}"


def _run(*arguments: str) -> subprocess.CompletedProcess[str] | str:
    program = shutil.which("systemctl")
    if program is None:
        return "systemctl is not installed"
    try:
        return subprocess.run(
            [program, "--user", "--no-pager", *arguments],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"systemctl does not answer ({reason(error)})"
