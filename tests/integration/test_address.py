"""Addresses of sidecars: resolve, cat, cp, ls, rm and info."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pillion import Library, UsageError
from pillion.catalog import queue as catalog_queue
from pillion.catalog.queue import ClaimedJob
from pillion.job import is_on_demand, job_set_aside
from pillion.library.sidecars import Pending, Ready
from pillion.model import SidecarKind, SidecarStatus, SidecarUri
from pillion.store import LocalStore
from tests.support import photos
from tests.support.program import run

SIZES = ["grid@2x", "icon"]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "photos").mkdir()
    photos.write_photo(tmp_path / "photos" / "photo.jpg", seed=3, size=(640, 480))
    made = Library.open(tmp_path / "library", policy="mobile")
    made.index(tmp_path / "photos", kinds=["thumb"])
    made.run()
    return made


def uuid_of(library: Library) -> str:
    (uuid,) = library.find(str(library.root.parent / "photos" / "photo.jpg"))
    return uuid


def test_each_mode_answers_what_it_says(library: Library) -> None:
    uuid = uuid_of(library)
    there = library.resolve(f"sidecar://{uuid}/thumb/grid@2x.webp", "local_only")
    assert isinstance(there, Ready)
    assert there.path.read_bytes()[8:12] == b"WEBP"
    assert library.resolve(f"sidecar://{uuid}/thumb/detail@1x", "local_only") is None
    assert isinstance(library.resolve(f"sidecar://{uuid}/thumb/detail@1x"), Pending)
    assert isinstance(library.resolve(f"sidecar://{uuid}/thumb/detail@1x", "generate_blocking", 0.01), Pending)
    library.start()
    assert isinstance(library.resolve(f"sidecar://{uuid}/thumb/detail@1x", "generate_blocking", 60.0), Ready)
    with pytest.raises(UsageError, match="another format: webp"):
        library.resolve(f"sidecar://{uuid}/thumb/detail@1x.avif")
    with pytest.raises(UsageError, match="pattern"):
        library.resolve(f"sidecar://{uuid}/thumb/*")
    with pytest.raises(UsageError, match="no mode 'wait'"):
        library.resolve(f"sidecar://{uuid}/thumb/detail@1x", "wait")
    library.close()


def test_a_file_that_was_cut_is_made_again(library: Library) -> None:
    uri = SidecarUri(content_uuid=uuid_of(library), kind="thumb", variant="icon")
    whole = library.resolve(uri, "local_only")
    assert isinstance(whole, Ready)
    data = whole.path.read_bytes()
    whole.path.write_bytes(data[:100])
    assert isinstance(library.resolve(uri), Pending)
    library.run()
    assert isinstance(library.resolve(uri), Ready)
    assert whole.path.read_bytes() == data
    library.close()


def test_a_file_that_was_written_over_is_no_answer(library: Library, tmp_path: Path) -> None:
    uri = f"sidecar://{uuid_of(library)}/thumb/icon"
    there = library.resolve(uri, "local_only")
    assert isinstance(there, Ready)
    data = there.path.read_bytes()
    library.close()
    there.path.write_bytes(data[::-1])
    for command in (["cat", uri], ["cp", uri, tmp_path / "copy"]):
        refused = run(*command, "--library", library.root)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "is damaged: run 'pillion verify --repair'." in refused.stderr
    assert not (tmp_path / "copy").exists()
    run("verify", "--repair", "--library", library.root)
    run("cp", uri, tmp_path / "copy", "--library", library.root)
    assert (tmp_path / "copy").read_bytes() == data


def test_a_file_that_is_replaced_while_it_is_looked_at_is_whole(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = library.resolve(f"sidecar://{uuid_of(library)}/thumb/icon", "local_only")
    assert isinstance(there, Ready)
    look, looks = LocalStore.is_whole, []

    def replaced_amid_the_first(store: LocalStore, rel_path: str, size: int, checksum: str) -> bool:
        looks.append(rel_path)
        return len(looks) > 1 and look(store, rel_path, size, checksum)

    monkeypatch.setattr(LocalStore, "is_whole", replaced_amid_the_first)
    assert library.sidecars.is_whole(SidecarUri(content_uuid=uuid_of(library), kind="thumb", variant="icon"))
    assert len(looks) == 2


def test_what_is_removed_is_gone_until_it_is_asked_for(library: Library) -> None:
    uuid = uuid_of(library)
    before = {item.variant: item.path for item in library.ls()}
    gone = library.sidecars.remove(f"sidecar://{uuid}/thumb/grid*")
    assert [item.variant for item in gone] == ["grid@2x"]
    assert before["grid@2x"] is not None
    assert not before["grid@2x"].exists()
    assert library.verify() == []
    library.index()
    library.run()
    states = {item.variant: item.state for item in library.ls()}
    assert states == {**dict.fromkeys(before, SidecarStatus.READY), "grid@2x": SidecarStatus.CANCELLED}
    library.sidecars.get_or_enqueue(uuid, "thumb", "grid@2x")
    library.run()
    assert before["grid@2x"].exists()
    every = library.sidecars.remove(SidecarUri(content_uuid=uuid))
    assert len(every) == len(before)
    assert not any((library.root / "sidecars").rglob("*.*"))
    assert library.verify() == []
    library.close()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_removing_one_leaves_the_others_whatever_the_manifest_says(
    library: Library, damage: Callable[[Path], object]
) -> None:
    uuid = uuid_of(library)
    (manifest,) = (library.root / "sidecars").rglob("manifest.json")
    damage(manifest)
    library.sidecars.remove(f"sidecar://{uuid}/thumb/grid@2x")
    paths = {item.variant: item.path for item in library.ls() if item.state is SidecarStatus.READY}
    assert list(paths) == ["icon"]
    assert all(path is not None and path.exists() for path in paths.values())
    assert {finding.problem for finding in library.verify()} == {"manifest"}
    library.close()


def test_removing_one_that_is_being_made_again_keeps_it_removed(library: Library) -> None:
    uuid = uuid_of(library)
    library.regenerate(kind="thumb")
    library.sidecars.remove(f"sidecar://{uuid}/thumb/*")
    library.index()
    library.run()
    assert {item.state for item in library.ls()} == {SidecarStatus.CANCELLED}
    library.close()


def test_a_worker_that_makes_it_again_loses_its_claim_when_it_is_removed(library: Library) -> None:
    uuid = uuid_of(library)
    library.regenerate(kind="thumb")
    job = claimed(library)
    assert set(job.variants) == set(SIZES)
    library.sidecars.remove(f"sidecar://{uuid}/thumb/icon")
    with library._database.read() as connection:
        assert not catalog_queue.still_held(connection, "owner", [(job.id, job.token)])
    library.run()
    states = {item.variant: item.state for item in library.ls()}
    assert states == {"icon": SidecarStatus.CANCELLED, "grid@2x": SidecarStatus.READY}
    library.close()


def test_what_is_asked_for_while_it_runs_does_not_go_last(library: Library) -> None:
    uuid = uuid_of(library)
    library.regenerate(kind="thumb")
    (library.root / "sidecars").rename(library.root / "elsewhere")
    (library.root / "sidecars").mkdir()
    job = claimed(library)
    assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "icon"), Pending)
    with library._database.write() as connection:
        assert catalog_queue.finish(connection, [(job.id, job.token, job_set_aside(0))], 0.0) == 1
        front = catalog_queue.front(connection, SidecarKind("thumb"), 0.0)
    assert front is not None
    assert is_on_demand(front)
    library.close()


def claimed(library: Library) -> ClaimedJob:
    """The job for the photo's thumbnails, as if a worker ran it."""
    with library._database.write() as connection:
        (job,) = catalog_queue.claim(
            connection, SidecarKind("thumb"), owner="owner", token="token", now=time.time(), limit=2
        )
    return job


def test_what_was_made_for_an_address_of_another_format_is_no_answer(library: Library) -> None:
    uuid, root = uuid_of(library), library.root
    library.close()
    other = run("cat", f"sidecar://{uuid}/thumb/detail@1x.json", "--library", root)
    assert (other.returncode, "another format: webp" in other.stderr, other.stdout) == (2, True, "")


def test_the_commands(library: Library, tmp_path: Path) -> None:
    uuid, root = uuid_of(library), library.root
    library.close()
    every, one = f"sidecar://{uuid}/thumb/*", f"sidecar://{uuid}/thumb/grid@2x"
    listed = run("ls", one, "--library", root, "--json")
    assert [json.loads(line)["variant"] for line in listed.stdout.splitlines()] == ["grid@2x"]
    described = [json.loads(line) for line in run("info", every, "--library", root, "--json").stdout.splitlines()]
    assert [item["uri"] for item in described] == [f"sidecar://{uuid}/thumb/{size}.webp" for size in SIZES]
    assert "checksum" in run("info", one, "--library", root).stdout
    # detail@1x is not there yet: it is made.
    folder = tmp_path / "copies"
    folder.mkdir()
    copied = run("cp", every, f"sidecar://{uuid}/thumb/detail@1x", folder, "--library", root)
    assert copied.returncode == 0, copied.stderr
    names = [f"{uuid}.thumb.{size}.webp" for size in ["detail@1x", *SIZES]]
    assert sorted(path.name for path in folder.iterdir()) == names
    again = run("cp", one, folder, "--library", root)
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    absent = run("cat", f"sidecar://{uuid}/thumb/grid@3x", "--wait", "0", "--library", root)
    assert (absent.returncode, "is not there" in absent.stderr) == (1, True)
    assert run("rm", one, "--library", root).stdout == f"removed sidecar://{uuid}/thumb/grid@2x.webp\n"
    assert run("rm", one, "--library", root).returncode == 1
    # Commands that read a file take the address of one.
    small = run("thumb", f"sidecar://{uuid}/thumb/icon", "-o", folder, "-V", "icon", "--library", root)
    assert (small.returncode, (folder / "icon.webp.icon.webp").exists()) == (0, True), small.stderr
    several = run("thumb", every, "-o", folder, "--library", root)
    assert (several.returncode, "pattern" in several.stderr) == (2, True)
    wrong = run("info", "sidecar://photo.jpg", "--library", root)
    assert (wrong.returncode, "no content uuid" in wrong.stderr) == (2, True)


def test_the_bytes_on_stdout_are_those_of_the_file(library: Library) -> None:
    import subprocess

    from tests.support.program import COMMAND

    uuid, root = uuid_of(library), library.root
    path = next(item.path for item in library.ls() if item.variant == "grid@2x")
    library.close()
    assert path is not None
    command = [*COMMAND, "cat", f"sidecar://{uuid}/thumb/grid@2x", "--library", str(root)]
    done = subprocess.run(command, capture_output=True, timeout=240, check=True)
    assert done.stdout == path.read_bytes()
