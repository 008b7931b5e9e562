"""kill -9 and a full disk amid taking from another device: what is there is whole, and the rest is taken next time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pillion import Library, hash_file
from pillion.catalog.peers import Offer
from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.kinds.execute import WRITES
from pillion.peers import pulling
from pillion.peers.web import WebPeer
from tests.support import devices
from tests.support.devices import PHOTOS, SIZES
from tests.support.program import run, run_json
from tests.support.serving import serving

POINTS = (
    *("store.manifest", "store.sync", "store.synced", "store.rename", "store.renamed"),
    *("catalog.begin", "catalog.commit", "catalog.committed"),
)
"""What a pull passes through."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, and a library with their thumbnails."""
    folder = tmp_path_factory.mktemp("made")
    devices.make(folder)
    with devices.other(folder, folder) as library:
        library.peers.add("desk", str(folder / "desk"))
    return folder


@pytest.fixture
def phone(made: Path, tmp_path: Path) -> Path:
    """A library that has made nothing, and whose peer has it all."""
    shutil.copytree(made / "phone", tmp_path / "phone")
    return tmp_path / "phone"


def armed(folder: Path, rule: str) -> dict[str, str]:
    folder.mkdir()
    return {DIRECTORY_VARIABLE: str(folder), RULES_VARIABLE: rule, WRITES: str(folder)}


def whole(phone: Path) -> int:
    """How many sidecars are ready; the file of each is there, with its size and checksum."""
    with Library.open(phone) as library:
        ready = [item for item in library.ls() if item.state == "ready"]
    for item in ready:
        assert item.path is not None
        assert item.path.stat().st_size == item.bytes
        assert hash_file(item.path).hash == item.checksum
    return len(ready)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "times"), [*((point, 1) for point in POINTS), ("store.rename", 4)])
def test_a_pull_that_is_killed_goes_on(phone: Path, tmp_path: Path, point: str, times: int) -> None:
    killed = run("pull", "--library", phone, env=armed(tmp_path / "points", f"{point}=kill@{times}"))
    reached = tmp_path / "points" / point
    assert reached.exists()
    assert killed.returncode == (-9 if reached.stat().st_size >= times else 0)
    before = whole(phone)
    taken = run_json("pull", "--library", phone)
    assert taken["failed"] is None
    assert whole(phone) == PHOTOS * SIZES >= before
    assert run("verify", "--repair", "--library", phone).returncode == 0
    assert run("verify", "--library", phone).returncode == 0
    assert whole(phone) == PHOTOS * SIZES
    desk = [json.loads(line) for line in run("peers", "--json", "--library", phone).stdout.splitlines()]
    assert [(peer["name"], peer["refused"]) for peer in desk] == [("desk", None)]


def test_a_peer_that_is_killed_amid_a_pull_leaves_both_whole(
    made: Path, phone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(made / "desk", desk)
    # Each photograph is recorded by itself, so that something has been when the server ends.
    monkeypatch.setattr(pulling, "_BATCH", SIZES)
    with serving(desk, "--no-work", "--no-watch") as server, Library.open(phone) as library:
        library.peers.add("desk", f"http://127.0.0.1:{server.port}")
        read, times = WebPeer.read_many, iter(range(PHOTOS))

        def killed(peer: WebPeer, offers: Sequence[Offer]) -> Iterator[bytes | None]:
            if next(times) == 1:
                server.process.kill()
                server.process.wait()
            return read(peer, offers)

        monkeypatch.setattr(WebPeer, "read_many", killed)
        (pulled,) = library.peers.pull()
        monkeypatch.setattr(WebPeer, "read_many", read)
    assert pulled.failed
    assert not pulled.lied
    assert whole(phone) == SIZES
    for place in (phone, desk):
        assert run("verify", "--library", place).returncode == 0
    with serving(desk, "--no-work", "--no-watch") as server, Library.open(phone) as library:
        library.peers.add("desk", f"http://127.0.0.1:{server.port}")
        assert library.peers.pull()[0].failed is None
    assert whole(phone) == PHOTOS * SIZES
    assert run("verify", "--library", phone).returncode == 0


def test_a_worker_that_dies_amid_several_files_blames_none_of_the_others(phone: Path, tmp_path: Path) -> None:
    done = run("pull", "--json", "--library", phone, env=armed(tmp_path / "points", "child.item=kill@1"))
    assert (tmp_path / "points" / "child.item").stat().st_size > 1
    taken = json.loads(done.stdout)
    assert (taken["failed"], taken["sidecars"]) == (None, PHOTOS * SIZES), done.stderr


@pytest.mark.parametrize("point", ["store.manifest", "store.sync", "store.rename"])
def test_a_full_disk_is_one_sentence_and_no_fault_of_the_peer(phone: Path, tmp_path: Path, point: str) -> None:
    full = run("pull", "--library", phone, env=armed(tmp_path / "points", f"{point}=ENOSPC@1"))
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert "space" in full.stderr or "full" in full.stderr
    assert run_json("pull", "--library", phone)["lied"] is False
    assert whole(phone) == PHOTOS * SIZES
