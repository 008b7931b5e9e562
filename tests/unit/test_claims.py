"""What a worker says of the machine is looked at: here, that the disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.execute import Execution
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Failure
from pillion.queue import claims
from pillion.queue.claims import Claims
from pillion.store import LocalStore

FULL = Execution(failure=Failure(error_class=ErrorClass.DISK_FULL, message="No space left on device."), seconds=0.1)


@pytest.fixture
def looked(tmp_path: Path) -> Claims:
    return Claims(LocalStore(tmp_path), "owner", lambda: None)


def said(looked: Claims) -> ErrorClass:
    answer = looked.looked_at(THUMB, "image/jpeg", None, FULL)
    assert isinstance(answer, ItemError)
    return answer.error_class


def test_a_disk_that_has_room_again_was_full_when_the_worker_said_so(
    looked: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_no_room, now = True, 1000.0
    monkeypatch.setattr(claims, "has_no_room", lambda probe: has_no_room)
    monkeypatch.setattr("pillion.queue.claims.time.monotonic", lambda: now)
    assert said(looked) is ErrorClass.DISK_FULL
    has_no_room, now = False, 1030.0
    assert said(looked) is ErrorClass.DISK_FULL
    now = 1061.0
    assert said(looked) is ErrorClass.CRASH, "nobody has seen it full for a minute"


def test_of_a_disk_that_nobody_has_seen_full_it_is_not_believed(
    looked: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "has_no_room", lambda probe: False)
    assert said(looked) is ErrorClass.CRASH


def test_a_disk_that_this_process_saw_full_was_full_when_the_worker_said_so(
    looked: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "has_no_room", lambda probe: False)
    looked.saw_full()
    assert said(looked) is ErrorClass.DISK_FULL
