"""Every store keeps the same promises: a folder, and object stores in memory, in a folder, and behind a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillion import _core
from pillion.errors import CatalogError, StoreConflictError
from pillion.kinds.thumbnail.kind import THUMB
from pillion.manifest import ManifestEntry
from pillion.model import NEVER_SAMPLED, SidecarFormat
from pillion.store import Placement, Store, keep_elsewhere, open_store, staged_path
from pillion.store.objects import ObjectStore
from tests.support import s3

UUID = "abcd950a-1fee-8771-9887-d3dd49fa879c"
OTHER = "abce950a-1fee-8771-9887-d3dd49fa879c"
PLACE = f"content/ab/cd/{UUID}/thumbs/grid@2x.webp"
ABOUT = {"hash": "0" * 64, "size": 3, "mime": "image/png", "thumbhash": None}


@pytest.fixture(params=["folder", "memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    root = tmp_path / "library"
    addresses = {"memory": f"memory://{tmp_path.name}-{request.node.name[:20]}", "file": f"file://{tmp_path}/objects"}
    if request.param == "s3":
        with s3.running(monkeypatch):
            yield _made(root, f"s3://{s3.BUCKET}/a/library")
    else:
        yield _made(root, addresses.get(request.param))


def _made(root: Path, address: str | None) -> Store:
    if address is not None:
        keep_elsewhere(root, address)
    made = open_store(root)
    made.create()
    return made


def _entry(data: bytes, variant: str = "grid@2x") -> ManifestEntry:
    return ManifestEntry(
        kind=THUMB,
        variant=variant,
        format=SidecarFormat.WEBP,
        rel_path=PLACE.replace("grid@2x", variant),
        size=len(data),
        checksum=_core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash,
        recipe="r1",
    )


def _staged(store: Store, data: bytes, place: str = PLACE) -> Placement:
    path = staged_path(store.new_staging_path("me"), "grid@2x")
    path.write_bytes(data)
    return Placement(staged=path, rel_path=place)


def _put(store: Store, data: bytes, uuid: str = UUID) -> ManifestEntry:
    """A sidecar with its manifest, as results of workers are recorded."""
    entry = replace(_entry(data), rel_path=PLACE.replace("ab/cd", f"{uuid[:2]}/{uuid[2:4]}").replace(UUID, uuid))
    listed = store.read_manifest(uuid)
    listed[entry.kind, entry.variant] = entry
    manifest = store.stage_manifest("me", uuid, ABOUT, list(listed.values()))
    file = _staged(store, data, entry.rel_path)
    store.sync()
    store.place([manifest])
    store.place([file])
    store.sync()
    return entry


def test_what_is_placed_is_there_whole_and_gone_from_staging(store: Store) -> None:
    entry = _put(store, b"abc")
    assert store.read(entry.rel_path, 10) == b"abc"
    assert store.size_of(entry.rel_path) == 3
    assert store.is_whole(entry.rel_path, 3, entry.checksum)
    assert not store.is_whole(entry.rel_path, 3, "0" * 64)
    assert not store.is_whole(entry.rel_path, 4, entry.checksum)
    assert store.read_manifest(UUID) == {(THUMB, "grid@2x"): entry}
    assert store.listed([UUID, OTHER]) == {UUID}
    assert store.exist([entry.rel_path, "content/ab/cd/nothing"]) == [True, False]
    assert store.staging_owners() == set()


def test_what_is_not_there_is_missing_in_every_way(store: Store) -> None:
    assert store.size_of(PLACE) is None
    assert not store.is_whole(PLACE, 3, "0" * 64)
    assert store.local(PLACE, 3, "0" * 64) is None
    assert store.find_manifest(UUID) is None
    assert store.remove(PLACE) is False
    assert store.remove_content(UUID) == 0
    assert not store.has_contents()
    with pytest.raises(FileNotFoundError):
        store.read(PLACE, 10)


def test_no_more_is_read_than_is_asked_for(store: Store) -> None:
    entry = _put(store, b"abc")
    with pytest.raises(ValueError, match="more than 2 bytes"):
        store.read(entry.rel_path, 2)


def test_a_sidecar_is_replaced_by_a_new_one(store: Store) -> None:
    _put(store, b"abc")
    entry = _put(store, b"newer")
    assert store.read(PLACE, 10) == b"newer"
    assert store.read_manifest(UUID) == {(THUMB, "grid@2x"): entry}


def test_the_same_bytes_may_be_placed_again(store: Store) -> None:
    _put(store, b"abc")
    store.place([_staged(store, b"abc")])
    assert store.read(PLACE, 10) == b"abc"


def test_a_local_file_has_the_bytes(store: Store) -> None:
    entry = _put(store, b"abc")
    for _ in range(2):
        path = store.local(entry.rel_path, entry.size, entry.checksum)
        assert path is not None
        assert path.read_bytes() == b"abc"
        assert path.is_relative_to(store.readable)
    assert store.source(UUID, entry.rel_path).read_bytes() == b"abc"


def test_a_large_sidecar_is_compared_whole(store: Store) -> None:
    data = bytes(6 << 20)
    entry = _put(store, data)
    assert store.is_whole(entry.rel_path, len(data), entry.checksum)
    path = store.local(entry.rel_path, entry.size, entry.checksum)
    assert path is not None
    assert path.stat().st_size == len(data)
    assert store.staging_owners() == set()


def test_contents_are_listed_in_order(store: Store) -> None:
    uuids = [f"{number:02x}cd950a-1fee-8771-9887-d3dd49fa879c" for number in (200, 3, 77)]
    for uuid in uuids:
        _put(store, b"abc", uuid)
    assert list(store.content_uuids()) == sorted(uuids)
    assert store.has_contents()
    assert len(list(store.walk_files())) == 6


def test_a_content_goes_with_all_its_files(store: Store) -> None:
    _put(store, b"abc")
    _put(store, b"abc", OTHER)
    assert store.remove_content(UUID) == 2
    assert list(store.content_uuids()) == [OTHER]
    assert store.remove(PLACE.replace("ab/cd", "ab/ce").replace(UUID, OTHER)) is True


@pytest.mark.parametrize("place", ["../x", "a//b", "/etc/passwd", "content/../../x", ""])
def test_no_path_leads_out(store: Store, place: str) -> None:
    with pytest.raises(CatalogError):
        store.where(place)
    with pytest.raises(ValueError, match="not a path inside"):
        store.read(place, 10)
    assert store.size_of(place) is None
    assert not store.is_whole(place, 1, "0" * 64)


def test_two_writers_of_one_manifest_do_not_undo_each_other(store: Store) -> None:
    """Of two that read the same manifest, the second to write reads it again."""
    if not isinstance(store, ObjectStore) or store.url.startswith("file:"):
        pytest.skip("One process writes at a time, under the catalog's lock.")
    _put(store, b"abc")
    mine = [*store.read_manifest(UUID).values(), _entry(b"mine", "icon")]
    staged = store.stage_manifest("me", UUID, ABOUT, mine)
    other = ObjectStore(store.root, store.url, store._id)
    theirs = threading.Thread(target=_put, args=(other, b"theirs"))
    theirs.start()
    theirs.join()
    with pytest.raises(StoreConflictError):
        store.place([staged])
    assert store.read_manifest(UUID)[THUMB, "grid@2x"].size == len(b"theirs")
    again = [*store.read_manifest(UUID).values(), _entry(b"mine", "icon")]
    store.place([store.stage_manifest("me", UUID, ABOUT, again)])
    assert {variant for _, variant in store.read_manifest(UUID)} == {"grid@2x", "icon"}


def test_what_was_sent_ahead_is_placed_once(store: Store) -> None:
    file = _staged(store, b"abc")
    with store.sent_ahead([file], [UUID]):
        listed = store.read_manifest(UUID)
        assert listed == {}
        manifest = store.stage_manifest("me", UUID, ABOUT, [_entry(b"abc")])
        store.sync()
        store.place([manifest])
        store.place([file])
    assert store.read(PLACE, 10) == b"abc"
    assert store.find_manifest(UUID) is not None
    assert not file.staged.exists()


@pytest.mark.parametrize("meanwhile", ["removed", "replaced"])
def test_what_others_did_to_what_was_sent_ahead_is_seen(store: Store, meanwhile: str) -> None:
    if not isinstance(store, ObjectStore):
        pytest.skip("Nothing is sent ahead to a folder.")
    file = _staged(store, b"abc")
    with store.sent_ahead([file], [UUID]):
        assert store.size_of(PLACE) == 3
        other = ObjectStore(store.root, store.url, store._id)
        other.remove(PLACE)
        if meanwhile == "replaced":
            other.place([_staged(other, b"theirs")])
        store.place([file])
    assert store.read(PLACE, 10) == b"abc"


def test_a_manifest_that_changed_since_it_was_read_ahead_is_refused(store: Store) -> None:
    if not isinstance(store, ObjectStore) or store.url.startswith("file:"):
        pytest.skip("One process writes at a time, under the catalog's lock.")
    with store.sent_ahead([], [UUID]):
        _put(ObjectStore(store.root, store.url, store._id), b"theirs")
        assert store.read_manifest(UUID) == {}
        mine = store.stage_manifest("me", UUID, ABOUT, [_entry(b"mine", "icon")])
        with pytest.raises(StoreConflictError):
            store.place([mine])
    assert {variant for _, variant in store.read_manifest(UUID)} == {"grid@2x"}
