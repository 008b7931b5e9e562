"""What a worker says that it has made is compared with what it was asked for, and with what lies in staging."""

from __future__ import annotations

import mmap
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.execute import Execution, Staged
from pillion.model import Empty, Failure, SidecarFormat
from pillion.queue.commit import PlannedJob, believed
from pillion.store import LocalStore, staged_path

DATA = b"a sidecar"
OTHER = b"another's"


def said(variant: str = "icon", *, size: int = len(DATA), data: bytes = DATA) -> Staged:
    return Staged(variant=variant, format=SidecarFormat.WEBP, size=size, checksum=_core.hash_bytes(data).hash)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _second_name(path: Path) -> None:
    os.link(path, path.with_name("elsewhere"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("said_so", ["failure", "empty"])
def test_what_is_said_is_cut_to_what_the_catalog_keeps(said_so: str, tmp_path: Path) -> None:
    long = "x\0" * 500_000
    failure = Failure(error_class=ErrorClass.CORRUPT, message=long, stderr_tail=long, exit_status=long)
    claim = {
        "failure": Execution(failure=failure, seconds=0.1),
        "empty": Execution(empty=Empty(note=long), seconds=0.1),
    }
    planned = cast(PlannedJob, SimpleNamespace(since=0.0))
    answer = believed(planned, claim[said_so], LocalStore(tmp_path / "library"))
    assert isinstance(answer, Execution)
    kept = [answer.empty.note] if answer.empty else []
    if answer.failure:
        kept = [answer.failure.message, answer.failure.stderr_tail, answer.failure.exit_status]
    assert kept
    assert all(0 < len(text) <= 4000 and "\0" not in text for text in kept)


@pytest.mark.parametrize(
    ("claims", "change", "message"),
    [
        ([said()], None, None),
        ([said("grid@2x")], None, "other variants"),
        ([said(), said("grid@2x")], None, "other variants"),
        ([], None, "other variants"),
        ([replace(said(), format=SidecarFormat.MESSAGEPACK)], None, "a format that no thumb has"),
        ([said(size=3)], None, "did not write"),
        ([said(data=OTHER)], None, "did not write"),
        ([said()], Path.unlink, "did not write"),
        ([said()], _link, "did not write"),
        ([said()], _second_name, "did not write"),
        ([said()], _pipe, "did not write"),
    ],
)
def test_only_what_is_so_is_believed(
    claims: list[Staged], change: Callable[[Path], Any] | None, message: str | None, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "library")
    store.create()
    planned = SimpleNamespace(
        job=SimpleNamespace(kind="thumb"),
        making=[SimpleNamespace(variant="icon")],
        staging=str(store.staging / "job"),
        since=0.0,
    )
    path = staged_path(planned.staging, "icon")
    path.write_bytes(DATA)
    if change is not None:
        change(path)
    returned = Execution(staged=tuple(claims), seconds=0.1)
    answer = believed(cast(PlannedJob, planned), returned, store)
    if message is None:
        assert answer is returned
    else:
        assert isinstance(answer, ItemError)
        assert (answer.error_class, message in answer.message) == (ErrorClass.CRASH, True)


@pytest.mark.parametrize("kept", ["nothing", "a descriptor", "a mapping"])
def test_what_is_believed_can_be_changed_by_nobody_else(kept: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "library")
    store.create()
    path = staged_path(str(store.staging / "job"), "icon")
    path.write_bytes(DATA)
    number = path.stat().st_ino
    with open(path, "r+b", buffering=0) as file, mmap.mmap(file.fileno(), len(DATA)) as mapped:
        if kept != "a descriptor":
            file.close()
        if kept == "nothing":
            mapped.close()
        assert store.secure(str(store.staging / "job"), "icon", len(DATA), said().checksum)
        if kept == "a descriptor":
            file.write(OTHER)
        if kept == "a mapping":
            mapped[:] = OTHER
    assert path.read_bytes() == DATA
    assert (path.stat().st_ino == number) == (kept == "nothing")
    assert list(store.staging.iterdir()) == [path]


def test_what_is_copied_is_what_is_compared(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "library")
    store.create()
    path = staged_path(str(store.staging / "job"), "icon")
    path.write_bytes(DATA)
    with open(path, "r+b", buffering=0) as file:
        file.write(OTHER)
        assert not store.secure(str(store.staging / "job"), "icon", len(DATA), said().checksum)
    assert list(store.staging.iterdir()) == [path]


def test_a_large_file_is_not_held_whole(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "library")
    store.create()
    size = 48 << 20
    path = staged_path(str(store.staging / "job"), "icon")
    with open(path, "wb") as file:
        file.truncate(size)
    checksum = _core.hash_file(path).hash
    tracemalloc.start()
    assert store.secure(str(store.staging / "job"), "icon", size, checksum)
    with open(path, "r+b"):
        assert store.secure(str(store.staging / "job"), "icon", size, checksum)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
