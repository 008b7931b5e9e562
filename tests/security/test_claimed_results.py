"""What a worker says that it has made is compared with what it was asked for, and with what lies in staging."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.execute import Execution, Staged
from pillion.model import Empty, Failure, SidecarFormat
from pillion.queue.commit import PlannedJob, believed
from pillion.store import Store, staged_path

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
    answer = believed(cast(PlannedJob, None), claim[said_so], Store(tmp_path / "library"))
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
    store = Store(tmp_path / "library")
    store.create()
    planned = SimpleNamespace(making=[SimpleNamespace(variant="icon")], staging=str(store.staging / "job"))
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
