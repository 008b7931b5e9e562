"""The checksums of what is stored, and folders that are refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pillion import _core
from pillion.errors import ErrorClass, ItemError, LibraryError
from pillion.model import NEVER_SAMPLED
from pillion.store import LocalStore, local

UUID = "abcd950a-1fee-8771-9887-d3dd49fa879c"


def test_every_byte_of_a_large_sidecar_counts(tmp_path: Path) -> None:
    """Large files of the user are identified by samples; what Pillion made is not."""
    store = LocalStore(tmp_path)
    store.create()
    place = f"content/ab/cd/{UUID}/proxies/480p.webm"
    path = store.sidecars / place
    path.parent.mkdir(parents=True)
    size = 65 << 20
    with path.open("wb") as file:
        file.truncate(size)
    checksum = _core.hash_file(path, sample_above=NEVER_SAMPLED).hash
    assert store.is_whole(place, size, checksum)
    with path.open("r+b") as file:
        file.seek(size // 3 + 12_345)
        file.write(b"\1")
    assert not store.is_whole(place, size, checksum)


def test_a_folder_that_is_refused_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.create()
    place = store.manifest_rel_path(UUID)
    folder = store.sidecars / place.removesuffix("/manifest.json")
    folder.mkdir(parents=True)
    assert store.exist([place]) == [False]

    def refused(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(name: Any, *arguments: Any, **options: Any) -> Any:
            if UUID in os.fspath(name):
                raise PermissionError(errno.EACCES, "Permission denied", name)
            return real(name, *arguments, **options)

        return call

    def unknown(*_: object) -> None:
        raise ItemError(ErrorClass.MISSING_SOURCE, "cannot look up: permission denied")

    monkeypatch.setattr(local.os, "open", refused(os.open))
    monkeypatch.setattr(local.os, "lstat", refused(os.lstat))
    monkeypatch.setattr(local._core, "exists_many", unknown)
    with pytest.raises(PermissionError) as caught:
        store.load_manifest(UUID)
    assert caught.value.filename == str(folder)
    with pytest.raises(LibraryError, match=f"{folder} of the library cannot be used .Permission denied.: give"):
        store.listed([UUID])
