"""A library holds the text of private documents: nobody else can enter it, unless its owner lets them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.library import Library
from tests.support import photos


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """As on a system where new files are readable by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_library_is_private(tmp_path: Path) -> None:
    Library.open(tmp_path / "library").close()
    assert {name: _mode(tmp_path / "library" / name) for name in (".", "sidecars", "staging")} == {
        ".": 0o700,
        "sidecars": 0o700,
        "staging": 0o700,
    }


def test_sidecars_are_private_in_a_folder_that_was_there(tmp_path: Path) -> None:
    root = tmp_path / "library"
    root.mkdir(mode=0o755)
    Library.open(root).close()
    assert (_mode(root), _mode(root / "sidecars"), _mode(root / "staging")) == (0o755, 0o700, 0o700)


def test_a_library_that_its_owner_shares_stays_shared(tmp_path: Path) -> None:
    root = tmp_path / "library"
    (tmp_path / "photos").mkdir()
    photos.write_photo(tmp_path / "photos" / "a.jpg", seed=1, size=(64, 48))
    Library.open(root).close()
    for folder in (root, root / "sidecars"):
        folder.chmod(0o755)
    with Library.open(root, policy="mobile") as library:
        library.index(tmp_path / "photos", kinds=["thumb"])
        library.run()
        made = [item.path for item in library.ls() if item.path is not None]
    assert (_mode(root), _mode(root / "sidecars")) == (0o755, 0o755)
    assert made
    for path in made:
        assert _mode(path) == 0o644
        assert all(_mode(parent) == 0o755 for parent in path.parents if root / "sidecars" in parent.parents)
