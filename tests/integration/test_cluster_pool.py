"""A cluster's pool and its workers' side without Dask between them: mounts, tools, lies, and a cluster that goes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillion.cluster import worker
from pillion.cluster.client import Broken, ClusterAwayError, WorkersDied, check_address
from pillion.cluster.pool import ClusterPool, Roots
from pillion.cluster.protocol import Answer, Ended, File, Hands, Item, Kept, Order, Progress, packed, unpacked
from pillion.cluster.worker import Machine
from pillion.errors import ErrorClass, ItemError, UsageError, WorkersNotStartingError
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.model import Allowance, SidecarKind
from pillion.queue.claims import Claims
from pillion.store import staged_path
from tests.support import photos
from tests.support.waiting import wait_until

THUMB = SidecarKind("thumb")
HANDS = Hands(library="l", sandbox="auto", memory_limit=2 << 30, memory_budget=None)
Tamper = Callable[[Answer], bytes | Exception | None]


class Placed:
    """A batch that a thread runs."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.data: bytes | Exception | None = None
        self.call: Callable[[], None] = lambda: None

    def outcome(self) -> bytes | None:
        if isinstance(self.data, Exception):
            raise self.data
        return self.data

    def release(self) -> None: ...

    def drop(self) -> None: ...


class Cluster:
    """Machines of this process in place of Dask's. ``tamper``: what becomes of an answer on its way."""

    address = "tcp://nowhere:1"

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self.machines = machines
        self.tamper: Tamper = packed
        self.away = False
        self.orders: list[Order] = []
        self.sent = 0
        self.given_to: dict[str, str] = {}
        self.bound: list[tuple[str, str]] = []
        self.progress: Callable[[str], object] = lambda _: packed(Progress(kept=()))

    def connect(self) -> None:
        self._look()

    def close(self) -> None: ...

    def workers(self) -> Mapping[str, int]:
        self._look()
        return dict.fromkeys(self.machines, 1)

    def _look(self) -> None:
        if self.away:
            raise ClusterAwayError("It does not answer.")

    def submit(self, key: str, order: bytes, workers: Sequence[str] | None, others: bool, urgency: int) -> Placed:
        self._look()
        placed = Placed()
        read = unpacked(order, Order)
        self.orders.append(read)
        where = (workers or list(self.machines))[0]
        machine = self.machines[where]
        self.given_to[key] = where

        def run() -> None:
            placed.data = self.tamper(machine.run(read))
            placed.done.set()

        threading.Thread(target=run, daemon=True).start()
        return placed

    def when_done(self, placed: Placed, call: Callable[[], None]) -> None:
        def wait() -> None:
            placed.done.wait()
            call()

        threading.Thread(target=wait, daemon=True).start()

    def send(self, to: str, name: str, offset: int, data: bytes) -> None:
        self.sent += 1
        with open(self.machines[to].path_of(name), "ab") as file:
            assert file.tell() == offset
            file.write(data)

    def get(self, where: str, name: str, offset: int) -> bytes:
        return self.machines[where].path_of(name).read_bytes()[offset : offset + 1000]

    def forget(self, where: str, names: Sequence[str]) -> None:
        for name in names:
            self.machines[where].path_of(name).unlink()

    def given(self, keys: Collection[str]) -> Mapping[str, Sequence[str]]:
        return {where: [key] for key, where in self.given_to.items() if key in keys}

    def kept(self, where: str, batches: Sequence[str]) -> object:
        return self.progress(batches[0])

    def bind(self, key: str, where: str) -> None:
        self.bound.append((key, where))

    def stop(self, batch: str, numbers: Sequence[int]) -> None:
        for machine in self.machines.values():
            machine.stop(batch, numbers)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine("tcp://a:1", 1, tmp_path / "a")
    yield made
    made.close()
    assert not (tmp_path / "a").exists()


@pytest.fixture
def cluster(machine: Machine) -> Cluster:
    return Cluster({"tcp://a:1": machine})


def _pool(
    cluster: Cluster, roots: Roots, say: Callable[[str], None] = lambda _: None, patience_s: float = 600.0
) -> ClusterPool:
    return ClusterPool(cluster, HANDS, lambda: roots, say=say, patience_s=patience_s)


def _task(path: Path, tmp_path: Path, number: int = 0) -> ExecutionTask:
    found = path.stat()
    (tmp_path / "staging").mkdir(exist_ok=True)
    return ExecutionTask(
        kind=THUMB,
        variants=("icon",),
        mime="image/jpeg",
        sources=((os.fsencode(path), found.st_size, found.st_mtime_ns),),
        settings={"max_pixels": 10**8, "sizes": {"icon": [128, 80]}, "share": 1.0},
        texts={},
        staging=os.fsencode(tmp_path / f"staging/{number}"),
        follows=False,
    )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    photos.write_photo(tmp_path / "here/a.jpg", seed=1, size=(160, 120))
    return tmp_path / "here/a.jpg"


ALLOWED = Allowance(step_s=60.0)


def _made(pool: ClusterPool, task: ExecutionTask) -> bytes:
    (future,) = pool.submit_batch(THUMB, [(task, ALLOWED)])
    made = future.result(60)
    assert made.failure is None, made.failure
    (staged,) = made.staged
    data = staged_path(os.fsdecode(task.staging), "icon").read_bytes()
    assert len(data) == staged.size
    return data


def _error(pool: ClusterPool, task: ExecutionTask) -> ItemError:
    (future,) = pool.submit_batch(THUMB, [(task, ALLOWED)])
    with pytest.raises(ItemError) as caught:
        future.result(60)
    return caught.value


def test_what_a_machine_sees_elsewhere_is_read_there(
    cluster: Cluster, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tmp_path / "here", tmp_path / "there", copy_function=shutil.copy2)
    task = _task(photo, tmp_path)
    photo.unlink()
    monkeypatch.setenv("PILLION_HOST", "other")
    roots: Roots = ((os.fsencode(tmp_path / "here"), {"other": os.fsencode(tmp_path / "there")}),)
    pool = _pool(cluster, roots)
    assert _made(pool, task).startswith(b"RIFF")
    assert [item.source for order in cluster.orders for item in order.items] == [None]
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("inline", [1 << 20, 100])
def test_what_a_machine_does_not_see_is_brought(
    cluster: Cluster, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: int
) -> None:
    monkeypatch.setattr("pillion.cluster.pool.INLINE_BYTES", inline)
    monkeypatch.setattr("pillion.cluster.worker.INLINE_BYTES", inline)
    pool = _pool(cluster, ())
    assert _made(pool, _task(photo, tmp_path)).startswith(b"RIFF")
    assert bool(cluster.sent) is (inline == 100)
    assert not list((tmp_path / "a/files").iterdir())
    # From then on it goes along at once.
    cluster.orders.clear()
    _made(pool, _task(photo, tmp_path, 1))
    assert len(cluster.orders) == 1
    pool.shutdown(cancel_futures=True)


def _changed(**changes: object) -> Tamper:
    def tamper(answer: Answer) -> bytes:
        ended = tuple(msgspec.structs.replace(one, **changes) for one in answer.ended)
        return packed(msgspec.structs.replace(answer, ended=ended))

    return tamper


def _of_another_name(answer: Answer) -> bytes:
    def renamed(one: Ended) -> Ended:
        files = tuple(msgspec.structs.replace(file, variant="../../out") for file in one.files)
        return msgspec.structs.replace(one, files=files)

    return packed(msgspec.structs.replace(answer, ended=tuple(map(renamed, answer.ended))))


def _with_more(answer: Answer) -> bytes:
    def longer(one: Ended) -> Ended:
        files = tuple(msgspec.structs.replace(file, data=(file.data or b"") + bytes(100)) for file in one.files)
        return msgspec.structs.replace(one, files=files)

    return packed(msgspec.structs.replace(answer, ended=tuple(map(longer, answer.ended))))


LIES: Mapping[str, Tamper] = {
    "more than it says": _with_more,
    "no bytes": lambda _: b"no MessagePack",
    "no results": lambda answer: packed(msgspec.structs.replace(answer, ended=())),
    "no result": _changed(result=b"\x01"),
    "no files": _changed(files=()),
    "a path": _of_another_name,
    "one after the other died": lambda _: WorkersDied(),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_answer_is_a_crash(cluster: Cluster, photo: Path, tmp_path: Path, lie: str) -> None:
    cluster.tamper = LIES[lie]
    pool = _pool(cluster, ((os.fsencode(photo.parent), {}),))
    assert _error(pool, _task(photo, tmp_path)).error_class is ErrorClass.CRASH
    assert not list((tmp_path / "staging").iterdir())
    pool.shutdown(cancel_futures=True)


def test_workers_without_pillion_hold_everything_back(cluster: Cluster, photo: Path, tmp_path: Path) -> None:
    cluster.tamper = lambda _: Broken("ModuleNotFoundError: No module named 'pillion'")
    pool = _pool(cluster, ())
    error = _error(pool, _task(photo, tmp_path))
    assert isinstance(error, WorkersNotStartingError)
    assert "No module named 'pillion'" in error.message
    pool.shutdown(cancel_futures=True)


def test_what_one_machine_cannot_do_goes_to_another(machine: Machine, photo: Path, tmp_path: Path) -> None:
    other = Machine("tcp://b:1", 1, tmp_path / "b")
    cluster = Cluster({"tcp://a:1": machine, "tcp://b:1": other})

    def tamper(answer: Answer) -> bytes:
        if answer.address == "tcp://b:1":
            return packed(answer)
        ended = tuple(Ended(how="unable", message="The tool is not installed.") for _ in answer.ended)
        return packed(msgspec.structs.replace(answer, ended=ended))

    cluster.tamper = tamper
    pool = _pool(cluster, ((os.fsencode(photo.parent), {}),))
    _made(pool, _task(photo, tmp_path))
    _made(pool, _task(photo, tmp_path, 1))
    # The second did not go to the one that cannot.
    assert len(cluster.orders) == 3
    cluster.tamper = _changed(how="unable", message="The tool is not installed.")
    error = _error(pool, _task(photo, tmp_path, 2))
    assert error.error_class is ErrorClass.MISSING_TOOL
    assert "The tool is not installed." in error.message
    pool.shutdown(cancel_futures=True)
    other.close()


def test_another_version_is_not_given_work(machine: Machine, photo: Path, tmp_path: Path) -> None:
    order = Order(
        protocol="cluster 0/0",
        batch="b",
        hands=HANDS,
        lane=THUMB,
        alone=False,
        turn=0,
        roots=(),
        tasks=b"\x90",
        items=(Item(allowed=ALLOWED),),
    )
    (ended,) = machine.run(order).ended
    assert (ended.how, "have one version of Pillion everywhere" in ended.message) == ("unable", True)
    with pytest.raises(ValueError, match="not the name"):
        machine.path_of("../../etc/passwd")


def test_machines_that_are_all_of_another_version_end_the_run(machine: Machine, photo: Path, tmp_path: Path) -> None:
    other = Machine("tcp://b:1", 1, tmp_path / "b")
    cluster = Cluster({"tcp://a:1": machine, "tcp://b:1": other})
    older = {"tcp://a:1", "tcp://b:1"}

    def tamper(answer: Answer) -> bytes:
        ended = tuple(Ended(how="unable", message="It is of another version.") for _ in answer.ended)
        protocol = "cluster 0/0" if answer.address in older else answer.protocol
        return packed(msgspec.structs.replace(answer, ended=ended, protocol=protocol))

    cluster.tamper = tamper
    pool = _pool(cluster, ((os.fsencode(photo.parent), {}),))
    assert isinstance(_error(pool, _task(photo, tmp_path)), WorkersNotStartingError)
    assert len(cluster.orders) == 2, "each was asked"
    pool.shutdown(cancel_futures=True)
    older.remove("tcp://b:1")
    pool = _pool(cluster, ((os.fsencode(photo.parent), {}),))
    error = _error(pool, _task(photo, tmp_path, 1))
    assert not isinstance(error, WorkersNotStartingError), "one of this version only lacks a tool"
    assert error.error_class is ErrorClass.MISSING_TOOL
    pool.shutdown(cancel_futures=True)
    other.close()


@pytest.mark.parametrize("inline_bytes", [8 << 20, 0], ids=["inline", "in pieces"])
@pytest.mark.parametrize("lie", ["link", "hard link", "fifo", "larger"])
def test_what_a_child_leaves_in_place_of_its_file_is_not_read(
    cluster: Cluster, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str, inline_bytes: int
) -> None:
    secret = tmp_path / "a/secret"
    looked_at = Claims.looked_at

    def exchanged(claims: Claims, *arguments: Any) -> Execution | ItemError:
        found = looked_at(claims, *arguments)
        (staged,) = (tmp_path / "a").glob("team.*/staging/*icon*")
        secret.write_bytes(staged.read_bytes())
        staged.unlink()
        if lie == "link":
            staged.symlink_to(secret)
        elif lie == "hard link":
            staged.hardlink_to(secret)
        elif lie == "fifo":
            os.mkfifo(staged)
        else:
            staged.write_bytes(secret.read_bytes() + b"more")
        return found

    monkeypatch.setattr(Claims, "looked_at", exchanged)
    monkeypatch.setattr(worker, "INLINE_BYTES", inline_bytes)
    pool = _pool(cluster, ((os.fsencode(tmp_path / "here"), {}),))
    error = _error(pool, _task(photo, tmp_path))
    assert (error.error_class, "cannot be read" in error.message) == (ErrorClass.CRASH, True)
    assert not list((tmp_path / "a/files").iterdir())
    pool.shutdown(cancel_futures=True)


# checkpoints ----------------------------------------------------------------------------------------------------------


class Silent(Machine):
    """A machine that never ends a batch."""

    def run(self, order: Order) -> Answer:
        threading.Event().wait()
        raise AssertionError


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Cluster]:
    machines = {f"tcp://{name}:1": Silent(f"tcp://{name}:1", 1, tmp_path / name) for name in "ab"}
    yield Cluster(dict(machines))
    for machine in machines.values():
        machine.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillion.cluster.pool._LOOK_S", 0.01)
    monkeypatch.setattr("pillion.cluster.pool._CARRY_S", 0.0)


def _long(photo: Path, tmp_path: Path) -> ExecutionTask:
    return replace(
        _task(photo, tmp_path), kind=SidecarKind("transcript"), checkpoint=tmp_path / "staging/checkpoints/a-b.json"
    )


def _kept(task: ExecutionTask) -> bytes:
    return task.checkpoint.read_bytes() if task.checkpoint and task.checkpoint.exists() else b""


def _progress(batch: str, data: bytes, **changes: Any) -> bytes:
    file = File(**{"size": len(data), "data": data, **changes})
    return packed(Progress(kept=(Kept(batch=batch, number=0, file=file),)))


def test_where_workers_die_others_begin_from_the_checkpoint(
    silent: Cluster, hasty: None, photo: Path, tmp_path: Path
) -> None:
    silent.progress = lambda batch: _progress(batch, f"made by {len(silent.orders)}".encode())
    pool = _pool(silent, ((os.fsencode(photo.parent), {}),))
    task = _long(photo, tmp_path)
    (future,) = pool.submit_batch(task.kind, [(task, ALLOWED)])
    for number in range(1, 5):
        wait_until(lambda number=number: _kept(task) == f"made by {number}".encode(), "a checkpoint came")
        ((key, where),) = silent.bound
        assert silent.given_to.pop(key) == where
        silent.bound.clear()
        silent.machines[f"tcp://new{number}:1"] = silent.machines.pop(where)
        wait_until(lambda number=number: len(silent.orders) > number or future.done(), "others have it")
    given = [item.checkpoint and item.checkpoint.data for order in silent.orders for item in order.items]
    assert given == [None, b"made by 1", b"made by 2", b"made by 3"]
    with pytest.raises(ItemError, match="ended, one after the other"):
        future.result(0)
    pool.shutdown(cancel_futures=True)


NO_CHECKPOINTS: Mapping[str, Callable[[str], object]] = {
    "no bytes": lambda _: None,
    "no MessagePack": lambda _: b"\xc1",
    "of another batch": lambda _: _progress("0" * 32, b"x"),
    "another item": lambda batch: packed(Progress(kept=(Kept(batch=batch, number=7, file=File(size=1, data=b"x")),))),
    "nothing": lambda batch: _progress(batch, b""),
    "another size": lambda batch: _progress(batch, b"xy", size=1),
    "too large": lambda batch: _progress(batch, b"", size=(32 << 20) + 1, data=None, name="0" * 32),
}


@pytest.mark.parametrize("lie", NO_CHECKPOINTS)
def test_what_is_no_checkpoint_is_not_kept(silent: Cluster, hasty: None, photo: Path, tmp_path: Path, lie: str) -> None:
    asked = threading.Semaphore(0)

    def progress(batch: str) -> object:
        asked.release()
        return NO_CHECKPOINTS[lie](batch)

    silent.progress = progress
    pool = _pool(silent, ((os.fsencode(photo.parent), {}),))
    task = _long(photo, tmp_path)
    pool.submit_batch(task.kind, [(task, ALLOWED)])
    # When it is asked again, it is done with the first answer.
    assert asked.acquire(timeout=60)
    assert asked.acquire(timeout=60)
    assert not list((tmp_path / "staging").rglob("*.*"))
    pool.shutdown(cancel_futures=True)


def test_a_scheduler_that_is_away_gives_all_back_and_then_ends(cluster: Cluster, photo: Path, tmp_path: Path) -> None:
    said: list[str] = []
    pool = _pool(cluster, (), say=said.append, patience_s=0.0)
    held = threading.Event()

    def hold(answer: Answer) -> bytes:
        held.wait()
        return packed(answer)

    cluster.tamper = hold
    (future,) = pool.submit_batch(THUMB, [(_task(photo, tmp_path), ALLOWED)])
    assert pool.size == 1
    cluster.away = True
    with pytest.raises(CancelledError):
        future.result(60)
    assert len(said) == 1
    assert "What it had goes back to the queue" in said[0]
    held.set()

    def ended() -> bool:
        try:
            return bool(pool.size)
        except ClusterAwayError:
            return True

    wait_until(ended, "it gave up")
    assert ClusterAwayError.exit_code == 4
    assert not list((tmp_path / "staging").iterdir())
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(
    "address", ["scheduler:8786", "http://s:1", "tcp://s", "tcp://s:1/x", "tcp://u@s:1", "inproc://1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a Dask scheduler"):
        check_address(address)
