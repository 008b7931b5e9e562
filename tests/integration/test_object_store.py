"""A library whose sidecars are in an object store: each command over a real S3 server."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library, UsageError
from pillion.errors import StoreRefusedError
from pillion.library.sidecars import Ready
from pillion.model import SidecarStatus
from tests.support import photos, s3
from tests.support.program import run, run_json
from tests.support.serving import serving

PLACE = f"s3://{s3.BUCKET}/pictures"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.S3]:
    with s3.running(monkeypatch) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    photos.write_many(folder, 6)
    (folder / "note.txt").write_text("A note on the harbour of Rostock, and what lies in it.\n" * 5)
    return folder


@pytest.fixture
def root(tmp_path: Path, folder: Path, server: s3.S3) -> Path:
    root = tmp_path / "library"
    with Library.open(root, policy="mobile", sidecars=PLACE) as library:
        library.index(folder)
        library.run()
    return root


def _keys(server: s3.S3) -> set[str]:
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET)
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def test_sidecars_are_objects_under_the_names_that_files_have(root: Path, server: s3.S3) -> None:
    keys = _keys(server)
    assert len([key for key in keys if key.endswith("/thumbs/grid@2x.webp")]) == 6
    assert len([key for key in keys if key.endswith("/manifest.json")]) == 6
    assert all(key.startswith("pictures/") for key in keys)
    assert not (root / "sidecars").exists()
    assert list((root / "staging").iterdir()) == []
    with Library.open(root) as library:
        items = [item for item in library.ls() if item.state is SidecarStatus.READY]
        assert {item.where for item in items} <= {f"s3://{s3.BUCKET}/{key}" for key in keys}
        assert all(item.path is None for item in items)


def test_nothing_is_done_twice(root: Path, folder: Path, server: s3.S3) -> None:
    server.asked.clear()
    with Library.open(root) as library:
        library.index(folder)
        assert not any(library.run().recorded.values())
    assert server.asked == [], "a run with nothing to do asks the store for nothing"


def test_sidecars_are_read_by_address_and_copied_once(root: Path, server: s3.S3) -> None:
    with Library.open(root) as library:
        item = next(item for item in library.ls() if item.variant == "grid@2x")
        answer = library.resolve(item.uri)
        assert isinstance(answer, Ready)
        assert len(answer.path.read_bytes()) == item.bytes
        server.asked.clear()
        assert library.resolve(item.uri) == answer
        assert server.asked == []
        present = library.sidecars.presence([item.content_uuid], "thumb", ["grid@2x", "icon", "detail@1x"])
        assert present == {item.content_uuid: {"grid@2x": True, "icon": True, "detail@1x": False}}
    done = run("cat", str(item.uri), "--library", root)
    assert done.returncode == 0, done.stderr


def test_what_is_damaged_or_lost_is_found_and_mended(root: Path, server: s3.S3) -> None:
    thumbs = sorted(key for key in _keys(server) if key.endswith("grid@2x.webp"))
    client = server.client()
    client.put_object(Bucket=s3.BUCKET, Key=thumbs[0], Body=b"not a picture")
    client.delete_object(Bucket=s3.BUCKET, Key=thumbs[1])
    client.delete_object(Bucket=s3.BUCKET, Key=thumbs[2].replace("thumbs/grid@2x.webp", "manifest.json"))
    client.put_object(Bucket=s3.BUCKET, Key=f"{thumbs[3]}.old", Body=b"stray")
    with Library.open(root) as library:
        found = sorted(
            (item.problem, item.path.removeprefix(f"s3://{s3.BUCKET}/")) for item in library.maintenance.verify()
        )
        manifest = thumbs[2].replace("thumbs/grid@2x.webp", "manifest.json")
        assert found == sorted(
            [
                ("damaged", thumbs[0]),
                ("missing", thumbs[1]),
                *[("manifest", manifest)] * 2,
                ("stray", f"{thumbs[3]}.old"),
            ]
        )
        assert all(item.action is not None for item in library.maintenance.repair())
        library.run()
        server.asked.clear()
        assert library.maintenance.verify() == []
    objects = [asked for asked in server.asked if "/content/" in asked[1]]
    assert len(objects) == len(set(objects)) == len(_keys(server)) - 1, "each is read once, and its manifest"
    assert {method for method, _ in objects} == {"GET"}


def test_a_lost_folder_is_made_again_from_the_manifests(root: Path, folder: Path, tmp_path: Path) -> None:
    usage = run_json("usage", "--library", root)
    shutil.rmtree(root)
    with pytest.raises(UsageError, match="are at s3:"):
        Library.open(root, sidecars=PLACE)
    assert not (root / "catalog.sqlite").exists()
    found = run_json("reconcile", "--library", root, "--sidecars", PLACE)
    assert (found["catalog"], found["sidecars"]) == ("rebuilt", 12)
    with Library.open(root, policy="mobile") as library:
        library.index(folder, policy="mobile")
        assert not any(library.run().recorded.values()), "what was found is not made again"
        assert library.maintenance.verify() == []
        assert library.maintenance.usage().to_json()["total"]["bytes"] == usage["total"]["bytes"]


def test_sidecars_go_with_their_files(root: Path, folder: Path, server: s3.S3) -> None:
    gone = sorted(folder.glob("*.jpg"))[0]
    gone.unlink()
    with Library.open(root) as library:
        library.index(folder)
        assert library.maintenance.cleanup(older_than_days=0).contents == 1
        kept = next(item for item in library.ls() if item.variant == "icon")
        assert [item.uri for item in library.sidecars.remove(kept.uri)] == [kept.uri]
        assert library.maintenance.verify() == []
    assert len([key for key in _keys(server) if key.endswith(".webp")]) == 9


def test_texts_are_found_shown_and_exported(tmp_path: Path, folder: Path, server: s3.S3) -> None:
    root = tmp_path / "texts"
    with Library.open(root, policy="desktop", sidecars=f"{PLACE}/texts") as library:
        library.index(folder, kinds=["text"])
        library.run(kinds=["text"])
        hits = library.searching.search("harbour").hits
        assert [hit.content_uuid for hit in hits] == library.sidecars.contents_at(str(folder / "note.txt").encode())
    shown = run_json("show", folder / "note.txt", "--library", root)
    assert shown["sidecars"][0]["path"].startswith(PLACE)


def test_another_library_may_not_have_the_same_place(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert "are at" in run("index", tmp_path / "photos", "--library", other, "--sidecars", PLACE).stderr
    assert "are at" in run("index", tmp_path / "photos", "--library", root, "--sidecars", f"{PLACE}/b").stderr
    bad = run("index", tmp_path / "photos", "--library", other, "--sidecars", "s3:/x")
    assert bad.returncode == 2
    assert "no address of an object store" in bad.stderr


def test_a_place_that_was_emptied_is_not_taken_for_missing_sidecars(root: Path, server: s3.S3) -> None:
    for key in _keys(server):
        server.client().delete_object(Bucket=s3.BUCKET, Key=key)
    with Library.open(root) as library, pytest.raises(StoreRefusedError, match="was it moved, or emptied"):
        library.maintenance.verify()


def test_the_server_gives_them_and_signs_addresses_of_the_store(root: Path, server: s3.S3) -> None:
    with Library.open(root) as library:
        item = next(item for item in library.ls() if item.variant == "grid@2x")
        path = library.sidecars.file(item)
        assert path is not None
        data = path.read_bytes()
    key = f"{item.content_uuid}/thumb/grid@2x"
    with serving(root) as served:
        assert served.ask(f"sidecars/{key}").body == data
        part = served.ask(f"sidecars/{key}", range="bytes=2-5")
        assert (part.status, part.body) == (206, data[2:6])
        sent = served.ask(f"sidecars/{key}?redirect=true")
        assert sent.status == 307
        with urllib.request.urlopen(sent.headers["location"]) as answer:
            assert answer.read() == data
        body = {"content_uuid": item.content_uuid, "kind": "thumb", "variant": "grid@2x", "seconds": 60}
        direct = served.ask("sign", "POST", json_body=body).json["direct"]
        with urllib.request.urlopen(direct) as answer:
            assert answer.read() == data
        with Library.open(root) as library:
            library.sidecars.remove(item.uri)
        assert served.ask(f"sidecars/{key}?make=false").status == 404


def test_another_device_takes_them(root: Path, tmp_path: Path, folder: Path) -> None:
    with Library.open(tmp_path / "device", policy="mobile") as device:
        device.index(folder, policy="mobile")
        device.peers.add("nas", str(root))
        (pulled,) = device.peers.pull()
        assert sum(pulled.by_kind.values()) == 12
        assert device.maintenance.verify() == []
