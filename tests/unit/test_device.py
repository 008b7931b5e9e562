"""The id of this device: one for all libraries of a user, whatever became of the file that it is in."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pillion import machine


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's data is."""
    monkeypatch.setattr(machine, "data_folder", lambda: tmp_path / "data")
    return tmp_path / "data"


def test_it_is_made_once(folder: Path) -> None:
    made = machine.device_uuid()
    assert machine.device_uuid() == made
    assert (folder / "device-uuid").read_text() == f"{made}\n"
    assert [path.name for path in folder.iterdir()] == ["device-uuid"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 37, b"97f4734c-a18f", b"\xff\xfe"])
def test_a_damaged_one_is_made_anew(folder: Path, damage: bytes) -> None:
    folder.mkdir()
    (folder / "device-uuid").write_bytes(damage)
    made = machine.device_uuid()
    assert str(uuid.UUID(made)) == made
    assert machine.device_uuid() == made


def test_a_user_without_a_folder_has_the_machines(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_bytes(b"")
    assert machine.device_uuid() == machine.device_uuid()
    monkeypatch.setattr(machine, "_MACHINE_ID", tmp_path / "other")
    (tmp_path / "other").write_text("another machine")
    assert len({machine.device_uuid(), _of(tmp_path / "none", monkeypatch), _of(tmp_path / "other", monkeypatch)}) == 2


def _of(machine_id: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(machine, "_MACHINE_ID", machine_id)
    return machine.device_uuid()
