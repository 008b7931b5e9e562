"""A worker that a file has taken over gets nowhere: not to other files, not to the network, not to other processes."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError, SandboxError
from pillion.model import Allowance
from pillion.pool import sandbox, trial
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy, Support
from tests.support.intruder import DEEDS, GOOD

GENEROUS, WRITTEN_MIB = 60.0, 64
MIB = 1 << 20
KILLED = {"ptrace the parent", "mount", "bpf", "keyctl"}
"""Deeds that end the worker."""
REFUSED = ("PermissionError", "OSError", "KeyError", "FileNotFoundError")

BY_LANDLOCK = {
    "read a key of the user",
    "list the user's folder",
    "read the parent's environment",
    "read the parent's memory",
    "list processes",
    "write beside the source",
    "change the source",
    "remove the source",
    "write into another content's folder",
    "write into staging",
    "rename the catalog",
    "unlink the catalog",
}
"""What only Landlock keeps a worker from. All else holds on any kernel with seccomp."""

BY_PLAIN_MEANS = {"see the user's variables"}
"""What holds without any sandbox, beside what test_hostile_child.py shows."""


@contextmanager
def homes(root: Path) -> Iterator[Path]:
    """A user's folders, a library, and a port and sockets that nobody may come to."""
    for folder in ("home/.ssh", "photos", "library/sidecars/other", "library/staging"):
        (root / folder).mkdir(parents=True)
    for name in ("home/.ssh/id_x", "photos/a.jpg", "library/catalog.sqlite"):
        (root / name).write_text("as it was")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        name = f"pillion-test-{root.name}-{os.getpid()}".encode()
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(b"\0" + name)
        unix.listen()
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(b"\0" + name + b"-datagram")
        (root / "photos/port").write_text(str(tcp.getsockname()[1]))
        (root / "photos/abstract").write_bytes(name)
        yield root


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with homes(tmp_path_factory.mktemp("home")) as root:
        yield root


def _policy(home: Path) -> Policy:
    return Policy(reads=(os.fsencode(home / "photos"),), home=os.fsencode(home / "library/staging"))


@contextmanager
def pools(policy: Policy) -> Iterator[WorkerPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "secret")
        made = WorkerPool(
            "tests.support.intruder:run", size=1, memory_limit=1000 * MIB, recycle_bytes=10_000 * MIB, policy=policy
        )
        yield made
        made.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def pool(home: Path) -> Iterator[WorkerPool]:
    with pools(_policy(home)) as made:
        yield made


def _try(pool: WorkerPool, deed: str, home: Path) -> str:
    allowed = Allowance(step_s=GENEROUS, written_bytes=WRITTEN_MIB * MIB)
    (future,) = pool.submit_batch("lane", [((deed, str(home)), allowed)])
    answer: str = future.result()
    return answer


def _result(pool: WorkerPool, deed: str, home: Path) -> str:
    """How it ended: also by the worker's end, in a word."""
    try:
        return _try(pool, deed, home)
    except ItemError as error:
        return error.exit_status


@pytest.mark.parametrize("deed", list(GOOD))
def test_an_engine_works(pool: WorkerPool, home: Path, deed: str) -> None:
    assert _try(pool, deed, home) == "done"


@pytest.mark.parametrize("deed", list(DEEDS))
def test_an_intruder_is_refused_and_the_pool_goes_on(pool: WorkerPool, home: Path, deed: str) -> None:
    if deed in KILLED:
        with pytest.raises(ItemError, match="SIGSYS") as caught:
            _try(pool, deed, home)
        assert caught.value.error_class is ErrorClass.CRASH
    else:
        assert _try(pool, deed, home) in REFUSED
    assert _try(pool, "good", home) == "good"


def test_a_worker_that_fills_the_disk_is_stopped_and_its_files_go(pool: WorkerPool, home: Path) -> None:
    with pytest.raises(ItemError, match=rf"It wrote more than {WRITTEN_MIB} MiB and was stopped\.") as caught:
        _try(pool, "fill the disk", home)
    assert caught.value.error_class is ErrorClass.TOO_LARGE
    assert _try(pool, "good", home) == "good"
    left = [path for path in (home / "library/staging").rglob("*") if path.is_file() and path.name.startswith("fill")]
    assert left == []


def test_without_landlock_the_filter_still_holds(tmp_path: Path) -> None:
    with homes(tmp_path) as home, pools(Policy(home=os.fsencode(home / "library/staging"), newest=0)) as pool:
        for deed in DEEDS:
            if deed not in BY_LANDLOCK:
                assert _result(pool, deed, home) in (*REFUSED, "SIGSYS"), deed
        done = {deed for deed in BY_LANDLOCK if _result(pool, deed, home) == "done"}
    # The others fail because one of these came before it.
    assert {"read a key of the user", "write into staging", "list processes"} <= done


def test_without_a_sandbox_some_things_still_hold(tmp_path: Path) -> None:
    policy = Policy(mode=Mode.OFF)
    with homes(tmp_path) as home, pools(policy) as pool:
        for deed in sorted(BY_PLAIN_MEANS):
            assert _try(pool, deed, home) in REFUSED
        # This is what the sandbox is for.
        for deed in ("read a key of the user", "connect by TCP", "write beside the source"):
            assert _try(pool, deed, home) == "done"
        with pytest.raises(ItemError, match="wrote more than"):
            _try(pool, "fill the disk", home)


@pytest.mark.parametrize("version", range(1, 6))
def test_each_older_kernel_holds_what_it_can(tmp_path: Path, version: int) -> None:
    with homes(tmp_path) as home:
        older = Policy(
            reads=(os.fsencode(home / "photos"),), home=os.fsencode(home / "library/staging"), newest=version
        )
        with pools(older) as pool:
            for deed in GOOD:
                assert _try(pool, deed, home) == "done", deed
            for deed in DEEDS:
                assert _result(pool, deed, home) in (*REFUSED, "SIGSYS"), deed


def test_workers_start_with_other_rights_when_the_policy_changes(tmp_path: Path) -> None:
    with homes(tmp_path) as home, pools(Policy(home=os.fsencode(home / "library/staging"))) as pool:
        assert _try(pool, "read the source", home) in REFUSED
        pool.confine(_policy(home))
        assert _try(pool, "read the source", home) == "done"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A kernel without Landlock, as far as the parent knows."""
    sandbox.say_once.cache_clear()
    monkeypatch.setattr(sandbox, "support", lambda: Support(0, True, "the kernel has no Landlock"))
    yield sandbox.say_once.cache_clear
    sandbox.say_once.cache_clear()


def test_a_worker_with_other_threads_says_that_it_is_not_confined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As with a tool that watches all Python programs of a machine."""
    (tmp_path / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    sandbox.say_once.cache_clear()
    with pools(Policy()) as pool:
        assert _try(pool, "good", tmp_path) == "good"
    sandbox.say_once.cache_clear()
    assert [record.message for record in caplog.records if "2 threads run already" in record.message]
    with pools(Policy(mode=Mode.REQUIRE)) as pool, pytest.raises(ItemError, match="2 threads run already") as caught:
        _try(pool, "good", tmp_path)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


def test_where_it_must_hold_and_cannot_no_worker_starts(bare: object, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"work\.sandbox is \"require\".*the kernel has no Landlock"):
        WorkerPool(
            "tests.support.intruder:run",
            size=1,
            memory_limit=MIB,
            recycle_bytes=MIB,
            policy=Policy(mode=Mode.REQUIRE),
        )


def test_where_it_cannot_hold_it_says_so_once(bare: object, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        sandbox.check(Policy())
    assert [record.message for record in caplog.records] == [
        "Workers are not wholly confined here (the kernel has no Landlock); 'pillion doctor' says what holds."
    ]


def test_where_no_worker_starts_nothing_is_said_to_have_been_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ItemError, match="Worker processes do not start"):
        trial.held(Policy())
