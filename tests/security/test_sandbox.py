"""A worker that a file has taken over gets nowhere: not to other files, not to the network, not to other processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pillion.errors import ItemError
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy
from tests.support.intruder import DEEDS, GOOD

GENEROUS = 60.0
MIB = 1 << 20
KILLED = {"ptrace the parent", "mount", "bpf", "keyctl"}
"""Deeds that end the worker."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folders, a library, and a port and sockets that nobody may come to."""
    root = tmp_path_factory.mktemp("home")
    for folder in ("home/.ssh", "photos", "library/sidecars/other", "library/staging"):
        (root / folder).mkdir(parents=True)
    for name in ("home/.ssh/id_x", "photos/a.jpg", "library/catalog.sqlite"):
        (root / name).write_text("as it was")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        name = f"pillion-test-{os.getpid()}".encode()
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(b"\0" + name)
        unix.listen()
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(b"\0" + name + b"-datagram")
        (root / "photos/port").write_text(str(tcp.getsockname()[1]))
        (root / "photos/abstract").write_bytes(name)
        yield root


def _pool(home: Path) -> WorkerPool:
    policy = Policy(reads=(os.fsencode(home / "photos"),), home=os.fsencode(home / "library/staging"))
    return WorkerPool(
        "tests.support.intruder:run", size=1, memory_limit=1000 * MIB, recycle_bytes=10_000 * MIB, policy=policy
    )


@pytest.fixture(scope="module")
def pool(home: Path) -> Iterator[WorkerPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "secret")
        made = _pool(home)
        yield made
        made.shutdown(cancel_futures=True)


def _try(pool: WorkerPool, deed: str, home: Path) -> str:
    (future,) = pool.submit_batch("lane", [((deed, str(home)), GENEROUS)])
    answer: str = future.result(GENEROUS)
    return answer


@pytest.mark.parametrize("deed", list(GOOD))
def test_an_engine_works(pool: WorkerPool, home: Path, deed: str) -> None:
    assert _try(pool, deed, home) == "done"


@pytest.mark.parametrize("deed", list(DEEDS))
def test_an_intruder_does_not(pool: WorkerPool, home: Path, deed: str) -> None:
    if deed in KILLED:
        with pytest.raises(ItemError, match="SIGSYS"):
            _try(pool, deed, home)
    else:
        assert _try(pool, deed, home) in ("PermissionError", "OSError", "KeyError", "FileNotFoundError")
    assert _try(pool, "good", home) == "good"
