"""A catalog on PostgreSQL that was lost or damaged is made again from the manifests beside the sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library, LibraryError
from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.kinds.execute import WRITES
from pillion.model import SidecarStatus
from tests.support import photos, postgres
from tests.support.program import run, run_json

PHOTOS, SIZES = 3, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs."""
    (tmp_path / "photos").mkdir()
    for seed in range(PHOTOS):
        photos.write_photo(tmp_path / "photos" / f"{seed}.jpg", seed=seed, size=(320, 240))
    return tmp_path / "photos"


@pytest.fixture
def place(postgres_url: str, folder: Path, tmp_path: Path) -> Path:
    """The folder of a library with thumbnails, whose catalog is at ``postgres_url``."""
    with Library.open(postgres_url, sidecars=tmp_path / "place", policy="mobile") as library:
        library.index(folder, kinds=["thumb"])
        library.run(kinds=["thumb"])
        assert states(library) == {SidecarStatus.READY: PHOTOS * SIZES}
    return tmp_path / "place"


@pytest.fixture
def empty_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of a new database without any table."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def states(library: Library) -> dict[SidecarStatus, int]:
    counts: dict[SidecarStatus, int] = {}
    for item in library.ls():
        counts[item.state] = counts.get(item.state, 0) + 1
    return counts


def in_order(url: str, place: Path, folder: Path) -> None:
    """All sidecars are there, none is made again, and the search index and the files fit."""
    with Library.open(url, sidecars=place) as library:
        assert library.index(folder, kinds=["thumb"]).queued == 0
        assert not library.run(kinds=["thumb"]).recorded
        assert states(library) == {SidecarStatus.READY: PHOTOS * SIZES}
        assert library.verify() == []


def schemas(server: postgres.Server, url: str) -> list[str]:
    database = url.partition("?")[0].rpartition("/")[2]
    rows = server.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pillion%' ORDER BY 1", database)
    return [row[0] for row in rows]


def test_a_database_that_was_lost_is_made_again(place: Path, empty_url: str, folder: Path) -> None:
    with pytest.raises(LibraryError, match=r"empty, but there are sidecars.*reconcile --rebuild"):
        Library.open(empty_url, sidecars=place)
    report = run_json("reconcile", "--library", empty_url, "--sidecars", place)
    assert (report["contents"], report["sidecars"], report["problems"]) == (PHOTOS, PHOTOS * SIZES, [])
    in_order(empty_url, place, folder)


def test_what_a_sound_catalog_lacks_is_added(postgres_url: str, place: Path, folder: Path) -> None:
    with Library.open(postgres_url, sidecars=place) as library, library._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM sidecars WHERE variant = 'icon'")
    report = Library.reconcile(postgres_url, sidecars=place)
    assert (report.catalog, report.recorded) == ("kept", PHOTOS)
    in_order(postgres_url, place, folder)


def test_a_catalog_is_put_aside_for_a_new_one(
    postgres_server: postgres.Server, postgres_url: str, place: Path, folder: Path
) -> None:
    with Library.open(postgres_url, sidecars=place) as other:
        report = Library.reconcile(postgres_url, sidecars=place, rebuild=True)
        assert report.catalog == "rebuilt"
        assert "pillion_damaged_1" in (report.moved_to or "")
        # Who had it open goes on with the new one.
        assert states(other) == {SidecarStatus.READY: PHOTOS * SIZES}
    in_order(postgres_url, place, folder)
    again = Library.reconcile(postgres_url, sidecars=place, rebuild=True)
    assert "pillion_damaged_2" in (again.moved_to or "")
    assert schemas(postgres_server, postgres_url) == ["pillion_damaged_1", "pillion_damaged_2"]
    in_order(postgres_url, place, folder)


def test_a_kill_amid_it_leaves_the_old_one(
    postgres_server: postgres.Server, postgres_url: str, place: Path, folder: Path, tmp_path: Path
) -> None:
    points = tmp_path / "points"
    points.mkdir()
    armed = {DIRECTORY_VARIABLE: str(points), RULES_VARIABLE: "reconcile.filled=kill@1", WRITES: str(points)}
    killed = run("reconcile", "--rebuild", "--library", postgres_url, "--sidecars", place, env=armed)
    assert killed.returncode == -9
    assert schemas(postgres_server, postgres_url) == ["pillion_fresh"]
    in_order(postgres_url, place, folder)
    assert run_json("reconcile", "--rebuild", "--library", postgres_url, "--sidecars", place)["catalog"] == "rebuilt"
    assert schemas(postgres_server, postgres_url) == ["pillion_damaged_1"]
    in_order(postgres_url, place, folder)


def test_the_sidecars_of_another_library_are_not_taken(postgres_url: str, place: Path, tmp_path: Path) -> None:
    (place / "library-id").write_text("another\n")
    for rebuild in (False, True):
        with pytest.raises(LibraryError, match="of another library"):
            Library.reconcile(postgres_url, sidecars=place, rebuild=rebuild)
    with pytest.raises(LibraryError, match="no sidecars of a library"):
        Library.reconcile(postgres_url, sidecars=tmp_path / "nothing")
