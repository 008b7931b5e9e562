"""Settings that change in config.toml while a library is at work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.job import JobState
from pillion.library import Library
from pillion.model import SidecarStatus
from tests.support import photos
from tests.support.waiting import wait_until

PATIENCE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    photos.write_photo(root / "a.jpg", seed=1, size=(160, 120))
    return root


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", policy="mobile") as opened:
        _set(opened, '[thumb]\nquiet_hours = "00:00-24:00"\n')
        yield opened


def _set(library: Library, text: str) -> None:
    """As an editor does: another file takes the name."""
    path = library.root / "config.toml"
    path.with_suffix(".new").write_text(f'policy = "mobile"\n{text}')
    path.with_suffix(".new").replace(path)


def _ready(library: Library) -> int:
    return library.status().sidecars.get("thumb", {}).get(SidecarStatus.READY, 0)


def test_workers_in_the_background_use_new_settings(library: Library, folder: Path) -> None:
    library.index(folder)
    assert library.status().quiet != []
    library.start()
    assert library.wait_until_idle(PATIENCE_S)
    assert library.status().queue["thumb"].counts == {JobState.QUEUED: 1}
    _set(library, "")
    wait_until(lambda: _ready(library) == 2, "quiet hours ended with the new settings")
    # Other workers: those at work end, and others go on.
    _set(library, "[work]\nworkers = 1\n")
    wait_until(lambda: library.config.workers == 1, "they are in use")
    photos.write_photo(folder / "b.jpg", seed=2, size=(160, 120))
    library.index()
    wait_until(lambda: _ready(library) == 4, "the new workers work")


def test_invalid_settings_change_nothing_and_are_noticed(
    library: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library.start()
    with caplog.at_level(logging.WARNING):
        _set(library, "[thumb]\nqualty = 5\n")
        wait_until(lambda: "config.toml" in library.notices(), "it is noticed")
    assert "qualty" in library.notices()["config.toml"]
    assert "qualty" in (library.status().settings_problem or "")
    assert "qualty" in caplog.text
    assert library.config.policy == "mobile"
    (library.root / "config.toml").unlink()
    wait_until(lambda: "is gone" in library.notices().get("config.toml", ""), "it is noticed")
    _set(library, "")
    wait_until(lambda: library.notices() == {}, "it is right again")
    assert library.status().settings_problem is None


def test_an_index_reads_them_again(library: Library, folder: Path) -> None:
    _set(library, '[discovery]\nignore = ["a.*"]\n')
    assert library.index(folder).files == 0
