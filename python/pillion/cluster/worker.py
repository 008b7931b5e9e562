"""What runs on the workers of a Dask cluster: each batch goes to a local pool of confined children.

So a hostile file takes over no more than it does elsewhere: its child has no network and nothing but its own sources.
Sources are read where this machine sees them, below the folder that the Location has here, if they have the size and
the time that were indexed; else their bytes come with the batch. What is made goes back as bytes. This process records
nothing and knows no catalog.
"""

from __future__ import annotations

import atexit
import errno
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from pillion import _core
from pillion.cluster.protocol import (
    INLINE_BYTES,
    PIECE_BYTES,
    PROTOCOL,
    Answer,
    Brought,
    Ended,
    File,
    Hands,
    Item,
    Kept,
    Order,
    Progress,
    packed,
    unpacked,
)
from pillion.errors import ErrorClass, ItemError, SandboxError, reason
from pillion.kinds.execute import Execution, ExecutionTask, for_jobs
from pillion.machine import host_name, this_owner
from pillion.model import NEVER_SAMPLED
from pillion.pool.child import Codec, WireError
from pillion.pool.pool import SetAside, Turn, WorkerPool
from pillion.pool.sandbox import Mode, Policy
from pillion.queue import work
from pillion.queue.checkpoints import FOLDER, Checkpoint, Checkpoints
from pillion.queue.claims import Claims
from pillion.queue.estimate import lane_workers
from pillion.store import LocalStore, staged_path
from pillion.store.base import FILE, PRIVATE

_IDLE_S = 60.0
"""Children without a batch are kept for so long: others use this machine, too."""


# what Dask calls ------------------------------------------------------------------------------------------------------


def run(order: bytes) -> bytes:
    """One batch; its answer. Raises ValueError for what is no batch."""
    return packed(_here().run(unpacked(order, Order)))


def receive(name: str, offset: int, data: bytes) -> None:
    """Take a piece of a file that a later batch reads."""
    with open(_here().path_of(name), "r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(data)


def give(name: str, offset: int) -> bytes:
    """A piece of a file that a batch made."""
    with open(os.open(_here().path_of(name), FILE), "rb") as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)


def forget(names: Sequence[str]) -> None:
    """Remove files that were fetched, or are not wanted any more."""
    for name in names:
        _here().path_of(name).unlink(missing_ok=True)


def kept(batches: Sequence[str]) -> bytes:
    """What has come further of the batches that are here, since this was last asked."""
    return packed(_here().kept(batches))


def stop(batch: str, numbers: Sequence[int]) -> None:
    """Stop these items of a batch, if they are here."""
    _here().stop(batch, numbers)


# this machine ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Team:
    """The children for one library. ``busy``: batches that they run now."""

    pool: WorkerPool
    store: LocalStore
    owner: str
    policy: Policy
    checkpoints: Checkpoints
    busy: int = 0
    ends: threading.Timer | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """A batch that runs. ``futures``: of all its items; ``kept``: item -> what of its checkpoint has gone back."""

    order: Order
    team: _Team
    futures: Sequence[Future[Any]]
    kept: dict[int, Checkpoint]


class Machine:
    """The teams of this process. ``threads``: batches that Dask gives it at a time. ``folder``: for all files."""

    def __init__(self, address: str, threads: int, folder: Path) -> None:
        self._address = address
        self._threads = threads
        self._folder = folder
        self._files = folder / "files"
        self._files.mkdir(mode=0o700, parents=True)
        self._teams: dict[Hands, _Team] = {}
        self._running: dict[str, _Run] = {}
        self._codec = Codec(work.TARGET)
        self._lock = threading.Lock()
        self._giving = threading.Lock()

    def path_of(self, name: str) -> Path:
        """The file with this name. Raises ValueError for one that is no random number."""
        if len(name) != 32 or not set(name) <= set("0123456789abcdef"):
            raise ValueError("not the name of a file here")
        return self._files / name

    def run(self, order: Order) -> Answer:
        """Run a batch with the team of its library."""
        try:
            if order.protocol != PROTOCOL:
                raise ItemError(ErrorClass.MISSING_TOOL, _other_version(order.protocol))
            tasks = self._codec.items(order.tasks)
            with self._team(order) as team:
                ended = self._ended(order, team, tasks)
        except (ItemError, SandboxError, WireError, OSError) as error:
            # Of OSError: its disk is full, for example. Another machine may have room.
            ended = [Ended(how="unable", message=reason(error)) for _ in order.items]
        return Answer(address=self._address, host=_host(), ended=tuple(ended), protocol=PROTOCOL)

    def _ended(self, order: Order, team: _Team, tasks: Sequence[ExecutionTask]) -> list[Ended]:
        ended: dict[int, Ended] = {}
        mine: dict[int, ExecutionTask] = {}
        brought: list[Path] = []
        roots = list(_roots(order))
        try:
            for number, (task, item) in enumerate(zip(tasks, order.items, strict=True)):
                found = self._local(task, item, roots, team, brought)
                if isinstance(found, Ended):
                    ended[number] = found
                else:
                    mine[number] = found
            if mine:
                ended.update(self._worked(order, team, mine))
        finally:
            for path in brought:
                path.unlink(missing_ok=True)
        return [ended[number] for number in range(len(tasks))]

    # sources ----------------------------------------------------------------------------------------------------------

    def _local(
        self,
        task: ExecutionTask,
        item: Item,
        roots: Sequence[tuple[bytes, bytes]],
        team: _Team,
        brought: list[Path],
    ) -> ExecutionTask | Ended:
        """The task with paths of this machine."""
        sources = task.sources
        if item.source is None:
            sources = tuple(_seen_here(task, roots))
        if not sources or set(task.texts) != set(item.texts):
            return Ended(how="unseen")
        try:
            texts = {kind: self._taken(item.texts[kind], brought) for kind in task.texts}
            if item.source is not None:
                path = self._taken(item.source, brought)
                sources = ((os.fsencode(path), item.source.size, path.stat().st_mtime_ns),)
        except FileNotFoundError:
            # It was sent ahead to a process that has ended since.
            return Ended(how="unseen")
        except ItemError as error:
            return _failed(error)
        staging = team.store.new_staging_path(team.owner)
        checkpoint = self._checkpoint(item, team, brought)
        return replace(task, sources=sources, texts=texts, staging=os.fsencode(staging), checkpoint=checkpoint)

    def _checkpoint(self, item: Item, team: _Team, brought: list[Path]) -> Path | None:
        """Where an item keeps what it has made so far; what an earlier try has, is there."""
        if not item.keeps:
            return None
        path = team.checkpoints.folder / f"{secrets.token_hex(16)}.json"
        if item.checkpoint is not None:
            # One that was sent ahead to a process that has ended since counts as none, as one that is damaged does.
            with suppress(FileNotFoundError, ItemError):
                taken = self._taken(item.checkpoint, brought)
                path.parent.mkdir(mode=PRIVATE, exist_ok=True)
                os.rename(taken, path)
        return path

    def _taken(self, file: Brought, brought: list[Path]) -> Path:
        """The bytes that came, as a file. Raises FileNotFoundError, ItemError where they are others than were sent."""
        suffix = file.suffix if file.suffix[:1] == "." and file.suffix[1:].isalnum() else ""
        path = self._files / f"{secrets.token_hex(16)}{suffix}"
        brought.append(path)
        if file.data is not None:
            path.write_bytes(file.data)
        else:
            os.rename(self.path_of(file.name or ""), path)
        found = _core.hash_file(path, sample_above=NEVER_SAMPLED)
        if (found.size, found.hash) != (file.size, file.checksum):
            raise ItemError(ErrorClass.IO_TRANSIENT, "What came over the network is not what was sent.")
        return path

    # work -------------------------------------------------------------------------------------------------------------

    def _worked(self, order: Order, team: _Team, mine: Mapping[int, ExecutionTask]) -> dict[int, Ended]:
        items = [(task, order.items[number].allowed) for number, task in mine.items()]
        kept = {number: team.checkpoints.at(task.checkpoint) for number, task in mine.items() if task.checkpoint}
        futures = team.pool.submit_batch(order.lane, items, alone=order.alone, turn=Turn(order.turn))
        by_number: list[Future[Any]] = [Future() for _ in order.items]
        for number, future in zip(mine, futures, strict=True):
            by_number[number] = future
        run = self._running[order.batch] = _Run(order, team, by_number, kept)
        claims = Claims(team.store, team.owner, lambda: team.policy)
        left = [INLINE_BYTES]
        try:
            return {number: self._one(claims, run, number, task, left) for number, task in mine.items()}
        finally:
            self._running.pop(order.batch, None)
            for task in mine.values():
                team.store.discard(os.fsdecode(task.staging), task.variants)
            for checkpoint in kept.values():
                team.checkpoints.drop(checkpoint)

    def _one(self, claims: Claims, run: _Run, number: int, task: ExecutionTask, left: list[int]) -> Ended:
        ended = self._outcome(claims, run.team, task, run.futures[number], left)
        if ended.how == "result":
            return ended
        return msgspec.structs.replace(ended, kept=self._kept(run, number, left))

    def _outcome(
        self, claims: Claims, team: _Team, task: ExecutionTask, future: Future[Execution], left: list[int]
    ) -> Ended:
        try:
            looked = claims.looked_at(task.kind, task.mime, task.settings, future.result())
        except SetAside as aside:
            return Ended(how="aside", seconds=max(0.0, aside.seconds), computed=aside.computed)
        except CancelledError:
            return Ended(how="stopped")
        except ItemError as error:
            looked = error
        if isinstance(looked, ItemError):
            return _failed(looked)
        try:
            files = tuple(self._file(team, task, staged.variant, staged.size, left) for staged in looked.staged)
        except OSError as error:
            # It is not what its worker said, or the disk failed: as if it had written nothing.
            return _failed(ItemError(ErrorClass.CRASH, f"What was made cannot be read ({error.strerror})."))
        return Ended(how="result", result=self._codec.packed_result(looked), files=files)

    def _file(self, team: _Team, task: ExecutionTask, variant: str, size: int, left: list[int]) -> File:
        if variant not in task.variants:
            raise FileNotFoundError(2, "another variant than was asked for")
        name = secrets.token_hex(16)
        mine = self.path_of(name)
        # From here on no child can exchange it: for a link to a file of somebody else, for example.
        os.rename(staged_path(os.fsdecode(task.staging), variant), mine)
        try:
            with open(_opened(mine, size), "rb") as file:
                data = file.read(size) if size <= left[0] else None
        except OSError:
            mine.unlink(missing_ok=True)
            raise
        if data is None:
            return File(variant=variant, size=size, name=name)
        mine.unlink(missing_ok=True)
        left[0] -= size
        return File(variant=variant, size=size, data=data)

    def kept(self, batches: Sequence[str]) -> Progress:
        """See :func:`kept`."""
        found: list[Kept] = []
        left = [INLINE_BYTES]
        for batch in batches:
            run = self._running.get(batch)
            if run is None:
                continue
            for number in list(run.kept):
                file = self._kept(run, number, left)
                if file is not None:
                    found.append(Kept(batch=batch, number=number, file=file))
        return Progress(kept=tuple(found))

    def _kept(self, run: _Run, number: int, left: list[int]) -> File | None:
        """The checkpoint of an item, if it came further since it last went back."""
        checkpoints = run.team.checkpoints
        with self._giving:
            known = run.kept.get(number)
            if known is None or not checkpoints.came_further(known):
                return None
            now = checkpoints.at(known.path)
            try:
                size = os.lstat(known.path).st_size
                if size > run.order.items[number].keeps:
                    return None
                with open(_opened(known.path, size), "rb") as file:
                    data = file.read(size)
                if size > left[0]:
                    name = secrets.token_hex(16)
                    self.path_of(name).write_bytes(data)
                    kept = File(size=size, name=name)
                else:
                    left[0] -= size
                    kept = File(size=size, data=data)
            except OSError:
                # It is being replaced, or there is no room for it: the next time will do.
                return None
            run.kept[number] = now
            return kept

    def stop(self, batch: str, numbers: Sequence[int]) -> None:
        """See :func:`stop`."""
        run = self._running.get(batch)
        futures = run.futures if run else ()
        chosen = [futures[number] for number in numbers if number < len(futures)]
        with self._lock:
            for team in self._teams.values():
                team.pool.cancel(chosen)

    # teams ------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _team(self, order: Order) -> Iterator[_Team]:
        """The team of a library, confined to what its Locations are here. Raises SandboxError."""
        with self._lock:
            team = self._teams.get(order.hands)
            if team is None:
                team = self._teams[order.hands] = self._new(order)
            else:
                policy = self._policy(order, team.store, team.owner)
                if policy != team.policy:
                    team.policy = policy
                    team.pool.confine(policy)
            team.busy += 1
            if team.ends is not None:
                team.ends.cancel()
                team.ends = None
        try:
            yield team
        finally:
            with self._lock:
                team.busy -= 1
                if not team.busy:
                    team.ends = threading.Timer(_IDLE_S, self._end, (order.hands,))
                    team.ends.daemon = True
                    team.ends.start()

    def _new(self, order: Order) -> _Team:
        owner = this_owner()
        store = LocalStore(Path(tempfile.mkdtemp(prefix="team.", dir=self._folder)))
        store.create()
        policy = self._policy(order, store, owner)
        pool = work.confined_pool(
            policy,
            size=self._threads,
            memory_limit=order.hands.memory_limit,
            memory_budget=order.hands.memory_budget,
            lane_workers=lane_workers(self._threads, dict(order.hands.concurrency)),
        )
        return _Team(pool, store, owner, policy, Checkpoints(store.staging / FOLDER))

    def _policy(self, order: Order, store: LocalStore, owner: str) -> Policy:
        beside = [*(here for _, here in _roots(order)), *order.hands.beside]
        mine = map(os.fsencode, (self._files, store.staging))
        policy = Policy(
            mode=Mode(order.hands.sandbox),
            reads=(*mine, *(path for path in beside if os.path.exists(path))),
            home=os.fsencode(store.staging),
            prefix=f"{owner}.",
        )
        return for_jobs(policy)

    def _end(self, hands: Hands) -> None:
        with self._lock:
            team = self._teams.get(hands)
            if team is None or team.busy:
                return
            del self._teams[hands]
        _close(team)

    def close(self) -> None:
        """End all children, and remove all files."""
        with self._lock:
            teams = list(self._teams.values())
            self._teams.clear()
        for team in teams:
            _close(team)
        shutil.rmtree(self._folder, ignore_errors=True)


def _close(team: _Team) -> None:
    team.pool.shutdown(wait=True, cancel_futures=True)
    shutil.rmtree(team.store.root, ignore_errors=True)


def _host() -> str:
    return str(host_name())


def _roots(order: Order) -> Iterator[tuple[bytes, bytes]]:
    """(a Location where the batch comes from, the same on this machine)."""
    for there, mapped in order.roots:
        yield there, mapped.get(_host(), mapped.get("", there))


def _seen_here(task: ExecutionTask, roots: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, int, int]]:
    """The sources that are below a Location on this machine, and as they were indexed."""
    for path, size, mtime_ns in task.sources:
        for there, here in roots:
            if path.startswith(there.rstrip(b"/") + b"/"):
                found = here.rstrip(b"/") + path[len(there.rstrip(b"/")) :]
                if _is_as_indexed(found, here, size, mtime_ns):
                    yield found, size, mtime_ns
                break


def _is_as_indexed(path: bytes, root: bytes, size: int, mtime_ns: int) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    inside = os.path.realpath(path).startswith(os.path.realpath(root).rstrip(b"/") + b"/")
    return inside and (found.st_size, found.st_mtime_ns) == (size, mtime_ns)


def _opened(path: Path, size: int) -> int:
    """The descriptor of a file of this size that nothing else leads to. Raises OSError for anything else."""
    descriptor = os.open(path, FILE)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size != size:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not the file that its worker says")
    return descriptor


def _failed(error: ItemError) -> Ended:
    return Ended(
        how="unable" if error.error_class.environment else "error",
        error_class=error.error_class,
        message=error.message,
        stderr_tail=error.stderr_tail,
        exit_status=error.exit_status,
    )


def _other_version(protocol: str) -> str:
    return f"The machine {_host()} speaks {PROTOCOL}, not {protocol[:40]!r}: have one version of Pillion everywhere."


# of this process ------------------------------------------------------------------------------------------------------


_made: list[Machine] = []
_making = threading.Lock()


def _here() -> Machine:
    with _making:
        if not _made:
            from distributed import get_worker

            worker = get_worker()
            folder = Path(tempfile.mkdtemp(prefix="pillion.", dir=worker.local_directory))
            _made.append(Machine(worker.address, worker.state.nthreads, folder))
            atexit.register(_made[0].close)
    return _made[0]
