"""What lies in a library that was synced, restored or shared may be anything: it is a finding, and leads nowhere."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pysqlite3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import ConfigError, LibraryError
from pillion.kinds.execute import Checksum
from pillion.library import Library
from pillion.manifest import Manifest, parsed
from pillion.queue import work
from pillion.store import LocalStore
from tests.support import photos

UUID = "01234567-89ab-8def-8123-456789abcdef"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos and their library."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "photos").mkdir()
    for seed in range(2):
        photos.write_photo(root / "photos" / f"{seed}.jpg", seed=seed, size=(64, 48))
    with Library.open(root / "library", policy="mobile") as library:
        library.index(root / "photos")
        library.run()
    return root


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy to do harm to, and a canary beside it that nobody may touch."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    _sql(tmp_path / "library", "UPDATE locations SET path = ?", os.fsencode(tmp_path / "photos"))
    (tmp_path / "canary").write_text("sings")
    return tmp_path


def _sql(library: Path, statement: str, *values: object) -> None:
    connection = pysqlite3.connect(library / "catalog.sqlite")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def _manifest(home: Path) -> Path:
    return sorted((home / "library" / "sidecars").rglob("manifest.json"))[0]


def _edit(home: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = _manifest(home)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def _everything(home: Path) -> None:
    """All that reads, replaces and removes what a library holds."""
    with Library.open(home / "library") as library:
        library.index()
        library.verify()
        library.maintenance.repair()
        library.regenerate()
        library.run()
        assert library.verify() == []
        assert {item.state for item in library.ls()} == {"ready"}
    with Library.open(home / "library") as library:
        library.index(home / "photos")
    Library.reconcile(home / "library")
    assert (home / "canary").read_text() == "sings"


def _all(data: dict[str, Any], **values: object) -> None:
    for entry in data["sidecars"]:
        entry.update(values)


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a path out": lambda data: _all(data, rel_path="../../canary"),
    "another content's path": lambda data: _all(data, rel_path=f"content/01/23/{UUID}/thumbs/icon.webp"),
    "a variant with dots": lambda data: _all(data, variant="../../../../../../canary"),
    "a huge size": lambda data: _all(data, size=10**30),
    "a negative size": lambda data: _all(data, size=-5),
    "a size of text": lambda data: _all(data, size="many"),
    "an unknown format": lambda data: _all(data, format="exe"),
    "a short checksum": lambda data: _all(data, checksum="00"),
    "a lone surrogate": lambda data: _all(data, recipe="\ud800"),
    "megabytes of mime": lambda data: data.update(mime="x" * 3_000_000),
    "a mime of another type": lambda data: data.update(mime=["image/jpeg"]),
    "another content": lambda data: data.update(content_uuid=UUID),
    "no size": lambda data: data.pop("size"),
    "a number of sidecars": lambda data: data.update(sidecars=5),
    "300,000 sidecars": lambda data: data.update(sidecars=data["sidecars"] * 150_000),
    "a thumbhash that is none": lambda data: data.update(thumbhash="not base64!"),
    "a likeness that is none": lambda data: data.update(likeness="AAAA"),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_edited_manifest_is_mended_and_leads_nowhere(home: Path, edit: str) -> None:
    _edit(home, EDITS[edit])
    _everything(home)


def test_an_absolute_path_in_a_manifest_removes_nothing(home: Path) -> None:
    _edit(home, lambda data: _all(data, rel_path=str(home / "canary")))
    _everything(home)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null", b"0" * 5_000_000])
def test_any_bytes_in_place_of_a_manifest_are_mended(home: Path, content: bytes) -> None:
    _manifest(home).write_bytes(content)
    _everything(home)


def test_a_pipe_in_place_of_a_manifest_or_a_sidecar_is_not_waited_for(home: Path) -> None:
    manifest = _manifest(home)
    sidecar = sorted(manifest.parent.rglob("*.webp"))[0]
    for path in (manifest, sidecar):
        path.unlink()
        os.mkfifo(path)
    store = LocalStore(home / "library")
    assert store.find_manifest(manifest.parent.name) is None
    assert not store.is_whole(str(sidecar.relative_to(store.sidecars)), 5, "0" * 64)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_is_a_manifest_or_a_value_error(data: object) -> None:
    whole = {"content_uuid": UUID, "hash": None, "size": 1, "mime": "image/png", "sidecars": []}
    for candidate in (data, {**whole, "sidecars": [data]}, {**whole, "mime": data}, {**whole, "thumbhash": data}):
        try:
            assert isinstance(parsed(json.dumps(candidate).encode(), UUID), Manifest)
        except ValueError:
            continue


def test_a_line_end_is_no_part_of_a_word() -> None:
    whole = {"content_uuid": UUID, "hash": None, "size": 1, "mime": "image/png", "sidecars": []}
    assert parsed(json.dumps(whole).encode(), UUID).mime == "image/png"
    with pytest.raises(ValueError, match="mime"):
        parsed(json.dumps({**whole, "mime": "image/png\n"}).encode(), UUID)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("a" * 64 + "\n", Checksum)


@pytest.mark.parametrize("path", ["/etc/hostname", "../../canary", "content/../../../canary", "", "a//b", "a\0b"])
def test_a_path_in_the_catalog_leads_nowhere(home: Path, path: str) -> None:
    _sql(home / "library", "UPDATE sidecars SET rel_path = ?", path)
    with Library.open(home / "library") as library:
        assert {finding.problem for finding in library.verify()} >= {"missing"}
        library.maintenance.repair()
        library.index(home / "photos")
        library.run()
        assert library.verify() == []
    assert (home / "canary").read_text() == "sings"


@pytest.mark.parametrize("part", ["sidecars", "sidecars/content", "staging"])
def test_a_link_in_place_of_a_folder_is_said_and_nothing_is_written_behind_it(home: Path, part: str) -> None:
    (home / "elsewhere").mkdir()
    folder = home / "library" / part
    with Library.open(home / "library") as library:
        library.regenerate()
        shutil.move(folder, home / "aside")
        folder.symlink_to(home / "elsewhere")
        with pytest.raises(LibraryError, match="removed or replaced"):
            library.run()
    assert list((home / "elsewhere").rglob("*.webp")) == []
    folder.unlink()
    shutil.move(home / "aside", folder)
    with Library.open(home / "library") as library:
        library.run()
        assert library.verify() == []
        assert {item.state for item in library.ls()} == {"ready"}


def test_empty_folders_that_a_backup_left_out_are_made_again(home: Path) -> None:
    shutil.rmtree(home / "library" / "staging")
    _everything(home)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


CONFIGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "is not a regular file"),
    "an endless device": (_endless, "is not a regular file"),
    "a terabyte": (_huge, "is larger than"),
    "deep nesting": (lambda path: path.write_text("x = " + "[" * 50_000 + "]" * 50_000), "is nested too deeply"),
    "a key of many parts": (lambda path: path.write_text("a" + ".a" * 100_000 + " = 1"), "dots"),
    "a folder": (os.mkdir, "Cannot read"),
    "a long list": (lambda path: path.write_text("x = [\n" + "1,\n" * 60_000 + "]\n"), "unknown key 'x'"),
}


@pytest.mark.parametrize("what", list(CONFIGS))
def test_any_file_in_place_of_the_settings_is_refused_in_a_sentence(home: Path, what: str) -> None:
    make, expected = CONFIGS[what]
    config = home / "library" / "config.toml"
    config.unlink()
    make(config)
    with pytest.raises(ConfigError, match=expected):
        Library.open(home / "library", create=False)


def test_a_library_that_brings_no_sandbox_says_so(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (home / "library" / "config.toml").write_text('[work]\nsandbox = "off"\n')
    work._say_that_it_is_off.cache_clear()
    with caplog.at_level(logging.WARNING), Library.open(home / "library", create=False) as library:
        library.run()
    assert "not confined" in caplog.text
