"""A library whose catalog is on PostgreSQL, as its server shows it and as other devices take from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion import Library
from pillion.model import SidecarStatus
from tests.support import photos
from tests.support.program import run, run_json
from tests.support.serving import serving

PHOTOS, SIZES = 3, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs."""
    (tmp_path / "photos").mkdir()
    for seed in range(PHOTOS):
        photos.write_photo(tmp_path / "photos" / f"{seed}.jpg", seed=seed, size=(320, 240))
    return tmp_path / "photos"


def test_it_is_served_and_other_devices_take_from_it_and_it_from_them(
    postgres_url: str, folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    with Library.open(postgres_url, sidecars=place, policy="mobile") as library:
        library.index(folder, kinds=["thumb"])
        library.run(kinds=["thumb"])
        item = next(item for item in library.ls() if item.state is SidecarStatus.READY)
        library.export_to(tmp_path / "disk")
    with serving(postgres_url, "--sidecars", place, "--no-work", "--no-watch") as server:
        assert len(server.get("items")["items"]) == PHOTOS
        assert item.path is not None
        answer = server.ask(f"sidecars/{item.content_uuid}/thumb/{item.variant}")
        assert answer.body == item.path.read_bytes()
        with Library.open(tmp_path / "phone", policy="mobile") as phone:
            phone.index(folder, kinds=["thumb"])
            phone.peers.add("cluster", f"http://127.0.0.1:{server.port}")
            (pulled,) = phone.peers.pull()
            assert (sum(pulled.by_kind.values()), pulled.failed) == (PHOTOS * SIZES, None)
            (again,) = phone.peers.pull()
            assert (again.by_kind, again.received < 10_000) == ({}, True)
    assert run("verify", "--library", postgres_url, "--sidecars", place).returncode == 0


def test_it_takes_from_a_disk(postgres_url: str, folder: Path, tmp_path: Path) -> None:
    with Library.open(tmp_path / "desk", policy="mobile") as desk:
        desk.index(folder, kinds=["thumb"])
        desk.run(kinds=["thumb"])
        desk.export_to(tmp_path / "disk")
    place = tmp_path / "place"
    with Library.open(postgres_url, sidecars=place, policy="mobile") as library:
        library.index(folder, kinds=["thumb"])
    taken = run_json("import-library", tmp_path / "disk", "--library", postgres_url, "--sidecars", place)
    assert taken["sidecars"] == PHOTOS * SIZES
    with Library.open(postgres_url, sidecars=place) as library:
        assert not library.run(kinds=["thumb"]).recorded
        assert library.verify() == []
