"""inotify's limits: what they are now, and the command that raises one."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path("/proc/sys/fs/inotify")

_NAMES = {"watches": "max_user_watches", "instances": "max_user_instances"}

_ENOUGH = {"watches": 1 << 20, "instances": 1024}
"""What is asked for at least. A watch takes about a kilobyte of the kernel's memory, and only when it is used."""


def now() -> dict[str, int | None]:
    """Limit -> its value; None where the system has no such limit."""
    return {limit: _read(_FOLDER / name) for limit, name in _NAMES.items()}


def command(limit: str) -> str:
    """The command that raises a limit ("watches" or "instances")."""
    value = _read(_FOLDER / _NAMES[limit]) or 0
    return f"sudo sysctl fs.inotify.{_NAMES[limit]}={max(2 * value, _ENOUGH[limit])}"


def sentence(limit: str, folder: str, seconds: int) -> str:
    """What follows from a limit that was reached while a folder was to be watched."""
    what = "folders that a user may watch" if limit == "watches" else "watchers that a user may have"
    return (
        f"The system's limit on {what} is reached: {folder} is looked at every {seconds} s instead. "
        f"Raise the limit with: {command(limit)}"
    )


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
