"""Libraries of other devices: comparing, taking, what is refused, and disks that are carried."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillion import Library, UsageError
from pillion.catalog import peers as catalog_peers
from pillion.library.sidecars import Pending, Ready
from pillion.model import SidecarKind, SidecarStatus, SidecarUri
from pillion.peers import beside, inventory, pulling, racing
from pillion.peers.folder import FolderPeer
from pillion.peers.peer import PeerError, PeerLied
from pillion.peers.racing import Pace
from tests.support.devices import PHOTOS, SIZES
from tests.support.lying import ChangedPeer
from tests.support.program import run, run_json


@pytest.fixture(autouse=True)
def peers_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, what a peer has is expected to come before it could be made."""
    monkeypatch.setattr(Pace, "seconds", lambda _self, _size: 0.0)
    monkeypatch.setattr(racing, "HEAD_START_S", 600.0)
    monkeypatch.setattr(beside, "LOOK_S", 600.0)


def ready(library: Library) -> dict[tuple[str, str], str | None]:
    return {(item.content_uuid, item.variant): item.checksum for item in library.ls() if item.state == "ready"}


def available(library: Library) -> list[tuple[Any, ...]]:
    """(peer, how many sidecars it has); None: this device."""
    query = "SELECT peer, count(*) FROM sidecar_availability GROUP BY peer ORDER BY peer"
    with library._database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def lie(monkeypatch: pytest.MonkeyPatch, desk: Path, **changes: Callable[[Any], Any]) -> list[ChangedPeer]:
    """Let every peer be one that changes what the desk answers."""
    made: list[ChangedPeer] = []

    def connected(_row: object) -> ChangedPeer:
        made.append(ChangedPeer(desk, changes))
        return made[-1]

    monkeypatch.setattr(pulling, "connect", connected)
    return made


def test_what_a_peer_has_is_taken_and_not_made(phone: Library, desk: Path) -> None:
    (pulled,) = phone.peers.pull()
    assert (pulled.by_kind, pulled.failed) == ({"thumb": PHOTOS * SIZES}, None)
    with Library.open(desk) as other:
        assert ready(phone) == ready(other)
    assert all(phone.thumbhash(uuid) for uuid, _ in ready(phone))
    assert not phone.run(kinds=["thumb"]).recorded
    assert phone.verify() == []
    (again,) = phone.peers.pull()
    assert again.by_kind == {}


def test_work_takes_before_it_makes(phone: Library) -> None:
    report = phone.run(kinds=["thumb"])
    assert not report.recorded
    assert len(ready(phone)) == PHOTOS * SIZES


def test_work_takes_only_the_kinds_that_are_named(phone: Library) -> None:
    config = phone.root / "config.toml"
    config.write_text(config.read_text().replace("[work]", '[work]\nfrom_peers = ["ocr"]'))
    with Library.open(phone.root) as library:
        report = library.run(kinds=["thumb"])
    assert sum(report.recorded.values()) == PHOTOS * SIZES


def test_nothing_is_taken_that_is_wanted_by_another_recipe(phone: Library) -> None:
    config = phone.root / "config.toml"
    config.write_text(config.read_text() + "\n[thumb]\nquality = 31\n")
    with Library.open(phone.root) as library:
        library.index(kinds=["thumb"])
        (pulled,) = library.peers.pull()
        assert pulled.by_kind == {}


def test_what_both_have_and_lack_is_known(phone: Library, desk: Path) -> None:
    with Library.open(desk) as other:
        other.peers.add("phone", str(phone.root))
        found = other.peers.compare("phone")
        assert (len(found.has), len(found.lacks)) == (0, PHOTOS * SIZES)
        assert other.peers.differences("phone") == (0, PHOTOS * SIZES)
        phone.peers.pull()
        assert other.peers.compare("phone").lacks == []
    assert phone.peers.differences("desk") == (0, 0)
    assert available(phone) == [(None, PHOTOS * SIZES)]
    phone.peers.compare("desk")
    assert available(phone) == [(None, PHOTOS * SIZES), ("desk", PHOTOS * SIZES)]


def test_a_library_that_keeps_no_digests_is_summed_up_once(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    lines_of = catalog_peers.lines_of

    def noted(connection: Any, buckets: Any = None) -> Any:
        read.append(buckets)
        return lines_of(connection, buckets)

    monkeypatch.setattr(catalog_peers, "lines_of", noted)
    peer = FolderPeer(desk)
    peer.about()
    assert any(peer.branches([f"{number:02x}" for number in range(64)]).values())
    peer.close()
    assert not (desk / inventory.CACHE).exists()
    assert read == [None]


def test_the_digests_that_are_kept_follow_what_changes(phone: Library, desk: Path) -> None:
    with Library.open(desk) as other:
        (first, *_) = sorted(ready(other))
        other.peers.add("phone", str(phone.root))
        phone.peers.pull()
        assert other.peers.compare("phone").lacks == []
        assert (desk / inventory.CACHE).exists()
        # Removed with an event, lost without one.
        other.sidecars.remove(SidecarUri.parse(f"sidecar://{first[0]}/thumb/{first[1]}"))
        found = other.peers.compare("phone")
        assert [(offer.content_uuid, offer.variant) for offer in found.has] == [first]
        (lost, *_) = sorted(ready(other))
        os.unlink(next(item.path for item in other.ls() if (item.content_uuid, item.variant) == lost and item.path))
        other.maintenance.repair()
        assert len(other.peers.compare("phone").has) == 2
        (desk / inventory.CACHE).write_bytes(b"\0" * 100)
        assert len(other.peers.compare("phone").has) == 2


def test_a_sidecar_is_fetched_by_its_address(phone: Library) -> None:
    uuid = min(uuid for uuid in phone.find(str(phone.root.parent / "photos" / "0.jpg")))
    address = f"sidecar://{uuid}/thumb/icon"
    assert phone.resolve(address, "local_only") is None
    assert isinstance(phone.resolve(address, "fetch_only"), Ready)
    assert isinstance(phone.resolve(address, "local_only"), Ready)
    # No policy of either wants it, and so the peer has not got it.
    large = f"sidecar://{uuid}/thumb/detail@2x"
    assert phone.resolve(large, "fetch_only") is None
    assert isinstance(phone.resolve(large, "fetch_or_generate", 0.01), Pending)
    phone.start()
    assert isinstance(phone.resolve(large, "fetch_or_generate", 60.0), Ready)


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


LIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "bytes that are others": ("read", flipped),
    "bytes that end early": ("read", lambda data: data[:-1]),
    "bytes that are too many": ("read", lambda data: data + b"\0"),
    "another size": ("offers", lambda offers: [replace(offer, size=offer.size + 1) for offer in offers]),
    "another checksum": ("offers", lambda offers: [replace(offer, checksum="0" * 64) for offer in offers]),
    "an offer twice": ("offers", lambda offers: [*offers, offers[0]]),
    "what was not asked for": ("offers", lambda offers: [replace(offers[0], recipe="other")]),
    "half a hash": ("short_hashes", lambda hashes: {bucket: data[:-1] for bucket, data in hashes.items()}),
    "half a branch": ("branches", lambda branches: {prefix: data[:-1] for prefix, data in branches.items()}),
    "no branch": ("branches", lambda _: {}),
    "a short top": ("about", lambda about: msgspec.structs.replace(about, top=b"\0")),
}


@pytest.mark.parametrize("what", LIES)
def test_a_peer_that_lies_is_named_and_left_out(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    call, change = LIES[what]
    made = lie(monkeypatch, desk, **{call: change})
    (pulled,) = phone.peers.pull()
    assert pulled.lied
    assert pulled.failed
    assert ready(phone) == {}
    (row,) = phone.peers.all()
    assert row.refused == pulled.failed
    assert phone.peers.pull() == []
    assert len(made) == 1
    # Work goes on without it.
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == PHOTOS * SIZES
    assert len(made) == 1
    assert phone.verify() == []
    assert not any(phone._store.staging.iterdir())


def test_a_picture_that_is_none_is_a_lie_whatever_its_checksum(phone: Library, desk: Path) -> None:
    """The peer's own catalog offers the damaged file."""
    catalog = sqlite3.connect(desk / "catalog.sqlite")
    rows = catalog.execute("SELECT content_uuid, variant, rel_path FROM sidecars WHERE status = 'ready'").fetchall()
    from pillion import _core

    for uuid, variant, rel_path in rows:
        data = b"RIFF" + bytes(60)
        (desk / "sidecars" / rel_path).write_bytes(data)
        catalog.execute(
            "UPDATE sidecars SET size = ?, checksum = ? WHERE content_uuid = ? AND variant = ?",
            (len(data), _core.hash_bytes(data).hash, uuid, variant),
        )
    catalog.commit()
    catalog.close()
    (pulled,) = phone.peers.pull()
    assert pulled.lied
    assert "is none" in (pulled.failed or "")
    assert ready(phone) == {}


@pytest.mark.parametrize("wrong", ["../../../../etc/passwd", "x" * 300, "a/b", "", "line\nline"])
def test_what_a_catalog_says_names_no_path(phone: Library, desk: Path, wrong: str) -> None:
    catalog = sqlite3.connect(desk / "catalog.sqlite")
    catalog.execute("UPDATE sidecars SET variant = ? WHERE variant = 'icon'", (wrong,))
    catalog.commit()
    catalog.close()
    (pulled,) = phone.peers.pull()
    assert pulled.failed or {variant for _, variant in ready(phone)} <= {"grid@2x"}
    assert phone.verify() == []


def test_what_a_peer_has_no_more_is_left(phone: Library, desk: Path) -> None:
    with Library.open(desk) as other:
        gone = next(item.path for item in other.ls() if item.path)
    os.unlink(gone)
    (pulled,) = phone.peers.pull()
    assert (pulled.missing, pulled.by_kind) == (1, {"thumb": PHOTOS * SIZES - 1})
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == 1


def test_a_peer_that_is_gone_holds_nothing_up(phone: Library, desk: Path) -> None:
    desk.rename(desk.with_name("elsewhere"))
    (pulled,) = phone.peers.pull()
    assert pulled.failed
    assert not pulled.lied
    with pytest.raises(PeerError, match="no library"):
        phone.peers.compare("desk")
    assert sum(phone.run(kinds=["thumb"]).recorded.values()) == PHOTOS * SIZES
    desk.with_name("elsewhere").rename(desk)
    assert phone.peers.pull()[0].failed is None


def test_another_version_of_the_exchange_is_not_compared(
    phone: Library, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(monkeypatch, desk, about=lambda about: msgspec.structs.replace(about, protocol=99))
    with pytest.raises(PeerError, match="version 99") as raised:
        phone.peers.compare("desk")
    assert not isinstance(raised.value, PeerLied)


def test_names_and_addresses_are_checked(phone: Library) -> None:
    with pytest.raises(UsageError, match="cannot name a peer"):
        phone.peers.add("a/b", "/tmp")
    with pytest.raises(UsageError, match="its own peer"):
        phone.peers.add("me", str(phone.root))
    for typo in ("not a url", "htp://desk:8640", "desk:8640", str(phone.root.parent)):
        with pytest.raises(UsageError, match="There is no library in"):
            phone.peers.add("table", typo)
    for typo in ("http://", "http://:8640", "https://desk:port"):
        with pytest.raises(UsageError, match="is no address of a peer"):
            phone.peers.add("table", typo)
    with pytest.raises(UsageError, match="is empty"):
        phone.peers.add("table", "")
    with pytest.raises(UsageError, match="the peers are: desk"):
        phone.peers.pull(["table"])


def test_a_disk_carries_sidecars_from_one_to_another(phone: Library, desk: Path, tmp_path: Path) -> None:
    phone.peers.remove("desk")
    disk = tmp_path / "disk"
    first = run_json("export-library", disk, "--library", desk)
    assert (first["sidecars"], first["there"], first["damaged"]) == (PHOTOS * SIZES, 0, 0)
    again = run_json("export-library", disk, "--library", desk)
    assert (again["sidecars"], again["there"]) == (0, PHOTOS * SIZES)
    assert run("verify", "--library", disk).returncode == 0
    taken = run_json("import-library", disk, "--library", phone.root)
    assert taken["sidecars"] == PHOTOS * SIZES
    assert phone.peers.all() == []
    assert phone.verify() == []


def test_the_program_says_what_it_took(desk: Path, phone: Library) -> None:
    listed = run("peers", "--json", "--library", phone.root)
    assert json.loads(listed.stdout)["name"] == "desk"
    dry = run_json("pull", "--dry-run", "--library", phone.root)
    assert dry["sidecars"] == PHOTOS * SIZES
    assert ready(phone) == {}
    done = run("pull", "desk", "--kinds", "thumb", "--library", phone.root)
    assert done.returncode == 0
    assert f"desk: {PHOTOS * SIZES} thumb taken" in done.stdout
    desk.rename(desk.with_name("elsewhere"))
    gone = run("pull", "--library", phone.root)
    assert gone.returncode == 1
    assert "no library" in gone.stderr


def test_what_is_taken_leaves_no_job(phone: Library) -> None:
    uuid, _ = min((item.content_uuid, item.variant) for item in phone.ls())
    phone.peers.pull()
    states = {item.state for item in phone.ls() if item.content_uuid == uuid}
    assert states == {SidecarStatus.READY}
    assert SidecarKind("thumb") not in phone.status().queue
