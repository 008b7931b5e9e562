"""Symbolic links: mentioned, and followed where a setting says so, each file once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion import Library, SidecarKind, SidecarStatus
from tests.support import pictures
from tests.support.program import run, run_json


def tree(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def following(root: Path) -> Library:
    Library.open(root, policy="mobile").close()
    (root / "config.toml").write_text('policy = "mobile"\n[discovery]\nfollow_links = true\n')
    return Library.open(root)


def sources(library: Library, *folders: Path) -> list[str]:
    report = library.index(*folders)
    assert report.links == []
    with library._database.read() as connection:
        from pillion.catalog.tables import entries

        rows = connection.execute(entries.select().where(entries.c.removed_at.is_(None))).all()
    return sorted(row.path.decode() for row in rows)


def test_links_that_are_not_followed_are_mentioned(tmp_path: Path) -> None:
    files, elsewhere = tree(tmp_path / "files", "a.txt"), tree(tmp_path / "elsewhere", "b.txt")
    (files / "link").symlink_to(elsewhere)
    (files / "one.txt").symlink_to(elsewhere / "b.txt")
    (files / "dead").symlink_to(tmp_path / "nowhere")
    library = tmp_path / "library"
    done = run("index", files, "--library", library, "--policy", "mobile")
    assert f"1 link to a folder was not followed ({files}/link); see discovery.follow_links." in done.stdout
    assert "1 link to a file was not followed; see discovery.follow_links." in done.stdout
    answer = run_json("index", "--library", library)
    assert (answer["files"], answer["links"], answer["file_links"]) == (1, [f"{files}/link"], 1)


def test_followed_links_give_each_file_once(tmp_path: Path) -> None:
    files = tree(tmp_path / "files", "a.txt", "deep/b.txt")
    elsewhere = tree(tmp_path / "elsewhere", "c.txt", "sub/d.txt")
    (files / "link").symlink_to(elsewhere)
    (files / "again").symlink_to(elsewhere / "sub")
    (files / "inside").symlink_to(files / "deep")
    (elsewhere / "back").symlink_to(files)
    (elsewhere / "self").symlink_to(elsewhere)
    with following(tmp_path / "library") as library:
        # "again" comes first, so it has what is in "sub".
        expected = ["a.txt", "again/d.txt", "deep/b.txt", "link/c.txt"]
        assert sources(library, files) == expected
        assert library.index().hashed == 0
        assert library.plan().lines == () or all(line.reason.value != "not_indexed" for line in library.plan().lines)
        (elsewhere / "e.txt").write_text("new")
        assert sources(library) == sorted([*expected, "link/e.txt"])
        (files / "link").unlink()
        (files / "again").unlink()
        assert sources(library) == ["a.txt", "deep/b.txt"]


@pytest.mark.parametrize("depth", ["..", "../.."])
def test_a_link_to_a_folder_above_is_walked_without_the_location(tmp_path: Path, depth: str) -> None:
    root = tmp_path / "top"
    files = tree(root / "mid" / "files", "a.txt")
    tree(root, "mid/beside.txt")
    (files / "up").symlink_to(depth)
    with following(tmp_path / "library") as library:
        inside = "" if depth == ".." else "mid/"
        assert sources(library, files) == ["a.txt", f"up/{inside}beside.txt"]


def test_what_another_location_has_is_not_taken_over(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one", "a.txt"), tree(tmp_path / "two", "b.txt", "sub/c.txt")
    (one / "link").symlink_to(two / "sub")
    with following(tmp_path / "library") as library:
        assert sources(library, one, two) == ["a.txt", "b.txt", "sub/c.txt"]


def test_followed_links_to_files_give_each_file_once(tmp_path: Path) -> None:
    files = tree(tmp_path / "files", "a.txt", "sub/b.txt")
    elsewhere = tree(tmp_path / "elsewhere", "c.txt", "d.txt", "folder/e.txt")
    (files / "inside.txt").symlink_to(files / "a.txt")
    (files / "one.txt").symlink_to(elsewhere / "c.txt")
    (files / "two.txt").symlink_to("one.txt")
    (files / "sub" / "same.txt").symlink_to(elsewhere / "c.txt")
    (files / "folder").symlink_to(elsewhere / "folder")
    (files / "known.txt").symlink_to(elsewhere / "folder" / "e.txt")
    (elsewhere / "folder" / "d.txt").symlink_to(elsewhere / "d.txt")
    (files / "round.txt").symlink_to("round.txt")
    (files / "dead.txt").symlink_to(tmp_path / "nowhere.txt")
    with following(tmp_path / "library") as library:
        expected = ["a.txt", "folder/d.txt", "folder/e.txt", "one.txt", "sub/b.txt"]
        assert sources(library, files) == expected
        assert library.index().hashed == 0
        (elsewhere / "c.txt").write_text("changed through the link")
        assert library.index().hashed == 1
        (files / "one.txt").unlink()
        (files / "two.txt").unlink()
        assert sources(library) == ["a.txt", "folder/d.txt", "folder/e.txt", "sub/b.txt", "sub/same.txt"]


def test_a_picture_behind_a_link_gets_its_thumbnail(tmp_path: Path) -> None:
    files = tree(tmp_path / "files", "a.txt")
    (tmp_path / "elsewhere.png").write_bytes(pictures.encoded(pictures.chart(), "PNG"))
    (files / "link.png").symlink_to(tmp_path / "elsewhere.png")
    with following(tmp_path / "library") as library:
        library.index(files)
        library.run()
        status = library.status()
        assert status.sidecars[SidecarKind("thumb")][SidecarStatus.READY] == 2


@pytest.mark.parametrize("target", ["sidecars", "config.toml"])
def test_what_lies_in_a_library_is_not_reached_by_a_link(target: str, tmp_path: Path) -> None:
    files = tree(tmp_path / "files", "a.txt")
    root = tmp_path / "library"
    (files / "link").symlink_to(root / target)
    with following(root) as library:
        assert sources(library, files) == ["a.txt"]


def test_a_library_behind_a_link_is_not_indexed(tmp_path: Path) -> None:
    files = tree(tmp_path / "files", "a.txt")
    root = tmp_path / "library"
    (files / "link").symlink_to(root)
    with following(root) as library:
        assert sources(library, files) == ["a.txt"]
