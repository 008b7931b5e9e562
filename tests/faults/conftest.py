"""What several tests of faults start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import photos

FILES = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with so many small photographs, named by their numbers."""
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(FILES):
        photos.write_photo(root / f"{seed}.jpg", seed=seed, size=(160, 120))
    return root
