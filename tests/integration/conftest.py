"""What several integration tests start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folders(tmp_path: Path, photo: Path, rotated_photo: Path) -> tuple[Path, Path]:
    """Two folders with a photo each."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    shutil.copy(photo, one / "a.jpg")
    shutil.copy(rotated_photo, two / "b.jpg")
    return one, two
