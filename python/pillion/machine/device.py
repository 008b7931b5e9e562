"""Which device this is: a uuid made once and kept in the user's data folder."""

from __future__ import annotations

import os
import socket
import tempfile
import uuid
from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """Where Pillion keeps what belongs to the user and not to one library (made if missing)."""
    return Path(platformdirs.user_data_dir("pillion", appauthor=False))


def device_uuid() -> str:
    """This device's uuid. Two processes that make it at the same time agree on one."""
    path = data_folder() / "device-uuid"
    try:
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        return _make(path)


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(str(uuid.uuid4()) + "\n")
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return path.read_text(encoding="ascii").strip()


def device_name() -> str:
    """What to call this device."""
    return socket.gethostname()
