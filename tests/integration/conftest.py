"""What several integration tests start from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library
from tests.support import devices


@pytest.fixture
def folders(tmp_path: Path, photo: Path, rotated_photo: Path) -> tuple[Path, Path]:
    """Two folders with a photo each."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    shutil.copy(photo, one / "a.jpg")
    shutil.copy(rotated_photo, two / "b.jpg")
    return one, two


# two devices ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs, and a library with thumbnails of them."""
    folder = tmp_path_factory.mktemp("made")
    devices.make(folder)
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Path:
    """A copy of that library; the photographs are copied too."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "desk"


@pytest.fixture
def phone(made: Path, tmp_path: Path, desk: Path) -> Iterator[Library]:
    """One that knows the same photographs, has made nothing, and has the first for a peer."""
    with devices.other(made, tmp_path) as library:
        library.peers.add("desk", str(desk))
        yield library
