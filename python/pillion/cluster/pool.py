"""The pool of a library whose workers are on a Dask cluster, by the same protocol as the local pool's.

Dask places batches on machines, gives those of a machine that died to another, and may add and remove machines. What is
claimed, charged and recorded stays with the engine and the library's queue of this process: here come results as data,
and the files that were made, as bytes, into staging. While the scheduler is away nothing is claimed: what it had goes
back to the queue at once, and a result that a lost machine still brings has nobody who waits for it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.catalog.database import Database
from pillion.catalog.locations import list_locations, roots_of
from pillion.cluster.client import Broken, Cluster, ClusterAwayError, Placed, WorkersDied, check_address
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
    Order,
    Progress,
    packed,
    unpacked,
)
from pillion.errors import ErrorClass, ItemError, WorkersNotStartingError, is_full
from pillion.kinds import registry
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.model import NEVER_SAMPLED, Allowance
from pillion.pool.child import Codec, WireError
from pillion.pool.pool import SetAside, Turn, settle
from pillion.pool.sandbox import Policy
from pillion.queue.work import TARGET, named_paths
from pillion.settings.config import Config
from pillion.store import staged_path
from pillion.store.base import PRIVATE

_logger = logging.getLogger(__name__)

_LOOK_S = 1.0
_AGAIN_S = 2.0
_UNABLE_S = 60.0
"""For so long a machine that lacks a tool gets no jobs of that kind."""

_MOST_MOVES = 5
"""So often an item is given to the cluster anew before it goes back to the queue."""

_MOST_DEATHS = 3
"""So many Dask workers may die under an item that goes on from its checkpoint: as many as Dask allows any other."""

_DIED = "The Dask workers that ran it ended, one after the other."

_CARRY_S = 5.0
"""How often it is looked whether long items have come further."""

_CHECKPOINT = ".checkpoint"
"""Among what an item reads; no kind has such a name."""

_THREADS = 4

Roots = tuple[tuple[bytes, dict[str, bytes]], ...]


@dataclass(slots=True, eq=False)
class _Item:
    task: ExecutionTask
    allowed: Allowance
    future: Future[Any]
    moves: int = 0
    deaths: int = 0

    @property
    def keeps(self) -> int:
        """Bytes of its checkpoint that go from machine to machine, at most."""
        spec = registry.specs().get(self.task.kind) if self.task.checkpoint else None
        return spec.limits.carried_bytes if spec else 0

    def checkpoint(self) -> Path | None:
        """What an earlier try has made so far."""
        path = self.task.checkpoint
        if path is None or not self.keeps:
            return None
        with suppress(OSError):
            return path if 0 < path.stat().st_size <= self.keeps else None
        return None


@dataclass(slots=True, eq=False)
class _Batch:
    """Items that go together. ``brings``: their sources go along; ``on``: the worker that has said so."""

    lane: str
    items: list[_Item]
    alone: bool
    turn: Turn
    brings: bool = False
    on: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(16))
    placed: Placed | None = None
    only: frozenset[str] = frozenset()
    """The workers that may run it; empty: all."""
    bound: bool = False
    """Its worker has made a part of it that is here: if that worker dies, others go on from there."""

    @property
    def key(self) -> str:
        """Its name, as Dask knows it."""
        return f"pillion-{self.name}"

    @property
    def keeps(self) -> bool:
        """Whether items have checkpoints that go from machine to machine."""
        return any(item.keeps for item in self.items)


class ClusterPool:
    """``roots``: the Locations, and where other hosts have them. ``say``: gets a sentence for people when the scheduler
    goes away and comes back, and while there are no workers. With ``waits`` it may be away at the start.

    Raises ClusterAwayError; later :attr:`size` does, when the scheduler was away for ``patience_s`` seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        hands: Hands,
        roots: Callable[[], Roots],
        *,
        say: Callable[[str], None] = lambda _: None,
        patience_s: float,
        waits: bool = False,
    ) -> None:
        self._cluster = cluster
        self._hands = hands
        self._roots = roots
        self._say = say
        self._patience_s = patience_s
        self._codec = Codec(TARGET)
        self._lock = threading.Lock()
        self._batches: dict[str, _Batch] = {}
        self._workers: Mapping[str, int] = {}
        self._unable: dict[tuple[str, str], float] = {}
        self._foreign: set[str] = set()
        """Workers with another version of Pillion."""
        self._brings = False
        self._away_since: float | None = None
        self._empty_since: float | None = None
        self._failure: ClusterAwayError | None = None
        self._closing = threading.Event()
        self._carrying = threading.Lock()
        self._carries_at = 0.0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pillion-cluster")
        try:
            cluster.connect()
            self._see(cluster.workers())
        except ClusterAwayError as error:
            if not waits:
                raise
            self._went_away(error)
        self._watcher = threading.Thread(target=self._watch, name="pillion-dask", daemon=True)
        self._watcher.start()

    # the protocol of the pool -----------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many batches run at a time; 0 while the scheduler is away. One of no machines scales up for work."""
        if self._failure is not None:
            raise self._failure
        return 0 if self._away_since is not None else max(1, sum(self._workers.values()))

    @property
    def running(self) -> Mapping[str, int]:
        """How many batches of each lane the cluster has, no more than it runs."""
        with self._lock:
            found = Counter(batch.lane for batch in self._batches.values())
        most = sum(self._workers.values())
        return {lane: min(number, most) for lane, number in found.items()}

    def submit_batch(
        self, lane: str, items: Sequence[tuple[Any, Allowance]], *, alone: bool = False, turn: Turn = Turn.IN_LINE
    ) -> list[Future[Any]]:
        """As the local pool's. What cannot be given to the cluster is cancelled."""
        mine = [_Item(task, allowed, Future()) for task, allowed in items]
        self._place(_Batch(lane, mine, alone, turn, brings=self._brings))
        return [item.future for item in mine]

    def cancel(self, futures: Collection[Future[Any]]) -> None:
        """Cancel these items, and stop them where they run."""
        for future in futures:
            future.cancel()
        with self._lock:
            batches = list(self._batches.values())
        for batch in batches:
            numbers = [number for number, item in enumerate(batch.items) if item.future.cancelled()]
            if len(numbers) == len(batch.items):
                self._forget(batch)
            if numbers:
                self._later(self._stop_items, batch.name, numbers)

    def keep_ready(self, number: int = 1) -> None:
        """Nothing: the cluster's workers are there already."""

    def confine(self, policy: Policy, *, again: bool = False) -> None:
        """Nothing: each machine confines its children to what the Locations are there (worker.py)."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop. What the cluster still has is cancelled: there is nobody to take it."""
        self._closing.set()
        self._give_back_all()
        self._threads.shutdown(wait=wait, cancel_futures=True)
        if wait and threading.current_thread() is not self._watcher:
            self._watcher.join(10)
        self._cluster.close()

    # the scheduler, and who is there ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_S if self._away_since is None else _AGAIN_S):
            try:
                if self._away_since is not None:
                    self._cluster.connect()
                self._see(self._cluster.workers())
            except ClusterAwayError as error:
                self._went_away(error)
                continue
            if time.monotonic() >= self._carries_at and self._carrying.acquire(blocking=False):
                self._carries_at = time.monotonic() + _CARRY_S
                self._later(self._carry)

    def _went_away(self, error: ClusterAwayError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._give_back_all()
            self._say(f"{error} What it had goes back to the queue; it is tried again for {self._patience_s:.0f} s.")
        elif now - self._away_since > self._patience_s:
            self._failure = ClusterAwayError(
                f"The Dask scheduler at {self._cluster.address} was away for {self._patience_s:.0f} s; run again when"
                " it is back. Nothing is lost."
            )

    def _see(self, workers: Mapping[str, int]) -> None:
        lost = sorted(set(self._workers) - set(workers))
        if self._away_since is not None:
            self._away_since = None
            self._say(f"The Dask scheduler at {self._cluster.address} is back.")
        elif lost:
            _logger.warning("lost the Dask workers %s: Dask gives their batches to others", ", ".join(lost))
        self._workers = workers
        now = time.monotonic()
        if workers:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
            self._say(f"The Dask cluster at {self._cluster.address} has no workers; what is given to it waits for one.")
        self._unable = {key: until for key, until in self._unable.items() if until > now}
        with self._lock:
            stuck = [batch for batch in self._batches.values() if batch.only and not batch.only & set(workers)]
        for batch in stuck:
            if self._forget(batch):
                self._begin_again(batch)

    def _begin_again(self, batch: _Batch) -> None:
        """The workers that might run it are gone: others go on from what it has made by then."""
        if batch.bound:
            # If Dask had given it to another by then, that one has begun too early.
            self._later(self._stop_items, batch.name, range(len(batch.items)))
            for item in batch.items:
                item.deaths += 1
        left = [item for item in batch.items if item.deaths <= _MOST_DEATHS]
        for item in batch.items:
            if item not in left:
                settle(item.future, ItemError(ErrorClass.CRASH, _DIED))
        if left:
            self._place(self._anew(batch, left))

    def _give_back_all(self) -> None:
        with self._lock:
            batches = list(self._batches.values())
            self._batches.clear()
        for batch in batches:
            for item in batch.items:
                item.future.cancel()

    # placing ----------------------------------------------------------------------------------------------------------

    def _place(self, batch: _Batch) -> None:
        if batch.brings or any(item.task.texts or item.checkpoint() for item in batch.items):
            # Files are read for it.
            self._later(self._place_with_files, batch)
        else:
            self._submit(batch, [_with_files(item, {}) for item in batch.items])

    def _place_with_files(self, batch: _Batch) -> None:
        """Give it to the cluster with the files that it reads, in as many batches as their bytes need."""
        together: list[tuple[_Item, Item]] = []
        left = INLINE_BYTES
        for item in batch.items:
            if item.future.cancelled():
                continue
            try:
                needed, size = self._needed(item, brings=batch.brings)
            except ItemError as error:
                settle(item.future, error)
                continue
            if size > INLINE_BYTES:
                self._send_ahead(batch, item, needed)
                continue
            if size > left:
                self._submit(self._anew(batch, [one for one, _ in together]), [with_ for _, with_ in together])
                together, left = [], INLINE_BYTES
            files = [_read(path, suffix) for path, suffix in needed.values()]
            together.append((item, _with_files(item, dict(zip(needed, files, strict=True)))))
            left -= size
        if together:
            self._submit(self._anew(batch, [one for one, _ in together]), [with_ for _, with_ in together])

    def _needed(self, item: _Item, *, brings: bool) -> tuple[dict[str, tuple[Path, str]], int]:
        """Name of what it reads ("" is its source) -> its file here; and their bytes. Raises ItemError."""
        needed: dict[str, tuple[Path, str]] = {str(kind): (path, "") for kind, path in item.task.texts.items()}
        if brings:
            source = _source(item.task)
            needed[""] = (source, source.suffix)
        if (checkpoint := item.checkpoint()) is not None:
            needed[_CHECKPOINT] = (checkpoint, "")
        try:
            return needed, sum(path.stat().st_size for path, _ in needed.values())
        except OSError as error:
            raise ItemError(ErrorClass.MISSING_SOURCE, f"It cannot be read ({error.strerror}).") from error

    def _send_ahead(self, batch: _Batch, item: _Item, needed: Mapping[str, tuple[Path, str]]) -> None:
        """Large files go in pieces, to one worker, which then preferably gets the item."""
        to = batch.on if batch.on in self._workers else next(iter(self._able(batch.lane)), None)
        if to is None:
            item.future.cancel()
            return
        files = {}
        try:
            for kind, (path, suffix) in needed.items():
                name, size = secrets.token_hex(16), 0
                with open(path, "rb") as file:
                    while piece := file.read(PIECE_BYTES):
                        self._cluster.send(to, name, size, piece)
                        size += len(piece)
                checksum = _core.hash_file(path, sample_above=NEVER_SAMPLED).hash
                files[kind] = Brought(size=size, checksum=checksum or "", suffix=suffix, name=name)
        except (OSError, ClusterAwayError, ItemError) as error:
            _logger.info("what %s needs cannot be sent to %s: %s", batch.lane, to, error)
            item.future.cancel()
            return
        alone = self._anew(batch, [item])
        alone.on = to
        self._submit(alone, [_with_files(item, files)])

    def _anew(self, batch: _Batch, items: Iterable[_Item], **changed: Any) -> _Batch:
        return _Batch(
            batch.lane,
            list(items),
            batch.alone,
            batch.turn,
            brings=changed.get("brings", batch.brings),
            on=changed.get("on", batch.on),
        )

    def _able(self, lane: str) -> list[str]:
        now = time.monotonic()
        return [address for address in self._workers if self._unable.get((address, lane), 0.0) <= now]

    def _submit(self, batch: _Batch, items: Sequence[Item]) -> None:
        order = Order(
            protocol=PROTOCOL,
            batch=batch.name,
            hands=self._hands,
            lane=batch.lane,
            alone=batch.alone,
            turn=int(batch.turn),
            roots=self._roots(),
            tasks=self._codec.packed_items([item.task for item in batch.items]),
            items=tuple(items),
        )
        able = self._able(batch.lane)
        limited = len(able) < len(self._workers)
        batch.only = frozenset(able) if limited else frozenset()
        on = [batch.on] if batch.on in able and batch.brings else None
        others = on is not None and not batch.keeps
        if on and not others:
            # Another, to which Dask gave it when this one dies, would begin from the checkpoint of now.
            batch.only = frozenset(on)
        with self._lock:
            self._batches[batch.name] = batch
        try:
            if self._closing.is_set() or self._away_since is not None:
                raise ClusterAwayError("It is away.")
            placed = self._cluster.submit(
                batch.key, packed(order), on or (able if limited else None), others, int(batch.turn)
            )
            batch.placed = placed
            self._cluster.when_done(placed, lambda: self._later(self._take, batch))
        except ClusterAwayError:
            self._forget(batch)
            for item in batch.items:
                item.future.cancel()

    def _later(self, call: Callable[..., None], *arguments: Any) -> None:
        def guarded() -> None:
            try:
                call(*arguments)
            except Exception:
                _logger.exception("a batch could not be worked on")
                for argument in arguments:
                    if isinstance(argument, _Batch):
                        for item in argument.items:
                            item.future.cancel()

        with suppress(RuntimeError):
            self._threads.submit(guarded)

    def _forget(self, batch: _Batch) -> bool:
        """It is not waited for any more; whether it was."""
        with self._lock:
            was = self._batches.pop(batch.name, None) is not None
        if was and batch.placed is not None:
            batch.placed.drop()
        return was

    def _stop_items(self, name: str, numbers: Sequence[int]) -> None:
        with suppress(ClusterAwayError):
            self._cluster.stop(name, numbers)

    # checkpoints ------------------------------------------------------------------------------------------------------

    def _carry(self) -> None:
        """Fetch what long items have made so far. What fails, the next time will do."""
        try:
            with self._lock:
                keeping = {batch.key: batch for batch in self._batches.values() if batch.keeps and batch.placed}
            for where, keys in self._cluster.given(keeping).items() if keeping else ():
                self._carry_from(where, {keeping[key].name: keeping[key] for key in keys})
        except ClusterAwayError as error:
            _logger.info("checkpoints are not fetched: %s", error)
        finally:
            self._carrying.release()

    def _carry_from(self, where: str, batches: Mapping[str, _Batch]) -> None:
        try:
            progress = unpacked(self._cluster.kept(where, list(batches)), Progress)
        except (ClusterAwayError, ValueError) as error:
            _logger.info("checkpoints are not fetched from %s: %s", where, error)
            return
        for one in progress.kept:
            batch = batches.get(one.batch)
            if batch is not None and one.number < len(batch.items):
                self._bind(batch, where)
                self._keep(batch.items[one.number], one.file, where, partial(self._has, batch))

    def _bind(self, batch: _Batch, where: str) -> None:
        """From now on no other worker begins it, in particular not from where it was when it was placed."""
        if not batch.bound:
            with suppress(ClusterAwayError):
                self._cluster.bind(batch.key, where)
            batch.only = frozenset([where])
            batch.bound = True

    def _has(self, batch: _Batch) -> bool:
        return self._batches.get(batch.name) is batch

    def _keep(self, item: _Item, file: File, where: str, counts: Callable[[], bool]) -> None:
        """Put what an item has made so far to its place, if that still counts when it is here."""
        path = item.task.checkpoint
        is_whole = file.data is None or len(file.data) == file.size
        if path is None or not is_whole or not 0 < file.size <= item.keeps:
            _logger.warning("the Dask worker %s sent what is no checkpoint", where)
            return
        part = staged_path(os.fsdecode(item.task.staging), f"checkpoint.part-{secrets.token_hex(4)}")
        try:
            self._write(part, file, where)
            path.parent.mkdir(mode=PRIVATE, exist_ok=True)
            with self._lock:
                if counts():
                    os.replace(part, path)
        except (ClusterAwayError, OSError) as error:
            _logger.info("a checkpoint is not kept: %s", error)
        finally:
            part.unlink(missing_ok=True)

    # results ----------------------------------------------------------------------------------------------------------

    def _take(self, batch: _Batch) -> None:
        """A batch has ended."""
        with self._lock:
            if self._batches.pop(batch.name, None) is None or batch.placed is None:
                return
        try:
            data = batch.placed.outcome()
        except WorkersDied:
            self._after_deaths(batch)
            return
        except Broken as error:
            message = f"Workers of the Dask cluster cannot run Pillion ({error}); install this version there."
            self._settle_all(batch, WorkersNotStartingError(ErrorClass.MISSING_TOOL, message))
            return
        if data is None:
            for item in batch.items:
                item.future.cancel()
            return
        try:
            answer = unpacked(data, Answer)
            if len(answer.ended) != len(batch.items):
                raise ValueError("not as many results as items")
        except ValueError as error:
            self._settle_all(batch, ItemError(ErrorClass.CRASH, f"A Dask worker sent what is no answer ({error})."))
            return
        self._sort_out(batch, answer)
        batch.placed.release()

    def _after_deaths(self, batch: _Batch) -> None:
        """Machines died under it, one after the other: one by one, the item at fault shows."""
        if len(batch.items) == 1:
            self._settle_all(batch, ItemError(ErrorClass.CRASH, _DIED))
            return
        for item in batch.items:
            self._place(self._anew(batch, [item]))

    def _settle_all(self, batch: _Batch, error: ItemError) -> None:
        for item in batch.items:
            settle(item.future, error)

    def _sort_out(self, batch: _Batch, answer: Answer) -> None:
        unseen: list[_Item] = []
        elsewhere: list[_Item] = []
        why = ""
        for item, ended in zip(batch.items, answer.ended, strict=True):
            if ended.kept is not None:
                self._keep(item, ended.kept, answer.address, lambda: True)
            if ended.how == "result":
                self._settle(item, self._made(item, ended, answer.address))
            elif ended.how == "error":
                settle(item.future, _error(ended))
            elif ended.how == "aside":
                settle(item.future, SetAside(ended.seconds, computed=ended.computed))
            elif ended.how == "stopped" or item.moves >= _MOST_MOVES:
                item.future.cancel()
            else:
                item.moves += 1
                (unseen if ended.how == "unseen" else elsewhere).append(item)
                why = ended.message or why
        if unseen:
            self._brings = True
            self._place(self._anew(batch, unseen, brings=True, on=answer.address))
        if elsewhere:
            self._move(batch, elsewhere, answer, why)

    def _move(self, batch: _Batch, items: Sequence[_Item], answer: Answer, why: str) -> None:
        """Where a machine lacks what a kind needs, others are asked; if none has it, the kind is held back."""
        self._unable[answer.address, batch.lane] = time.monotonic() + _UNABLE_S
        is_foreign = answer.protocol != PROTOCOL
        if is_foreign:
            self._foreign.add(answer.address)
        _logger.warning("%s is not made on %s for now: %s", batch.lane, answer.host[:100], why[:500])
        if self._able(batch.lane):
            self._place(self._anew(batch, items))
            return
        message = f"No machine of the Dask cluster can do it; {answer.host}: {why}"
        error = ItemError(ErrorClass.MISSING_TOOL, message)
        if is_foreign and self._foreign.issuperset(self._workers):
            # None can do anything, as all are of another version.
            error = WorkersNotStartingError(ErrorClass.MISSING_TOOL, message)
        for item in items:
            settle(item.future, error)

    def _settle(self, item: _Item, result: Execution | ItemError | None) -> None:
        if result is None:
            item.future.cancel()
        else:
            settle(item.future, result)

    def _made(self, item: _Item, ended: Ended, address: str) -> Execution | ItemError | None:
        """The result, its files in staging; None where they are lost with their worker."""
        try:
            result: Execution = self._codec.result(ended.result)
        except WireError as error:
            return ItemError(ErrorClass.CRASH, f"A Dask worker sent {error}.")
        files = {file.variant: file for file in ended.files}
        if set(files) != {staged.variant for staged in result.staged} or not set(files) <= set(item.task.variants):
            return ItemError(ErrorClass.CRASH, "A Dask worker sent other files than were asked for.")
        if any(file.data is not None and len(file.data) != file.size for file in files.values()):
            return ItemError(ErrorClass.CRASH, "A Dask worker sent a file of another size than it says.")
        if any(file.size > item.allowed.written_bytes for file in files.values()):
            return ItemError(ErrorClass.CRASH, "A Dask worker sent a file that is larger than it may be.")
        try:
            for variant, file in files.items():
                self._write(staged_path(os.fsdecode(item.task.staging), variant), file, address)
        except ClusterAwayError as error:
            _logger.info("a result is lost with its worker: %s", error)
            return None
        except OSError as error:
            kind = ErrorClass.DISK_FULL if is_full(error) else ErrorClass.IO_TRANSIENT
            return ItemError(kind, f"What was made cannot be written to its place ({error.strerror}).")
        return result

    def _write(self, path: Path, file: File, address: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(path, flags, 0o600), "wb") as sink:
            if file.data is not None:
                sink.write(file.data)
                return
            size, name = 0, file.name or ""
            while size < file.size:
                piece = self._cluster.get(address, name, size)
                if not piece:
                    break
                sink.write(piece)
                size += len(piece)
        self._cluster.forget(address, [name])


_ROOTS_S = 5.0
"""How long what is known of the Locations on other hosts counts."""


def on_dask(
    address: str, database: Database, *, say: Callable[[str], None], patience_s: float, waits: bool
) -> Callable[[Config], ClusterPool]:
    """What makes the pool for a library's settings, on the cluster with the scheduler at ``address``.

    Raises UsageError for what is no address; the other arguments are those of :class:`ClusterPool`.
    """
    check_address(address)
    known: tuple[float, Roots] = (float("-inf"), ())

    def roots() -> Roots:
        nonlocal known
        if time.monotonic() - known[0] > _ROOTS_S:
            with database.read() as connection:
                walked = [item for item in list_locations(connection) if item.walked]
                found = tuple((item.path, {"": item.shared, **roots_of(connection, item.id)}) for item in walked)
            known = (time.monotonic(), found)
        return known[1]

    def pool(config: Config) -> ClusterPool:
        hands = Hands(
            library=database.name,
            sandbox=config.sandbox,
            memory_limit=config.memory_limit,
            memory_budget=config.memory_budget,
            concurrency=tuple(sorted(config.concurrency.items())),
            beside=tuple(map(os.fsencode, named_paths(config))),
        )
        return ClusterPool(Cluster(address), hands, roots, say=say, patience_s=patience_s, waits=waits)

    return pool


def _with_files(item: _Item, files: Mapping[str, Brought]) -> Item:
    texts = {kind: file for kind, file in files.items() if kind in item.task.texts}
    return Item(
        allowed=item.allowed,
        source=files.get(""),
        texts=texts,
        keeps=item.keeps,
        checkpoint=files.get(_CHECKPOINT),
    )


def _source(task: ExecutionTask) -> Path:
    """The first source that is as it was indexed. Raises ItemError."""
    there = False
    for path, size, mtime_ns in task.sources:
        try:
            found = os.stat(path, follow_symlinks=task.follows)
        except OSError:
            continue
        there = True
        if (found.st_size, found.st_mtime_ns) == (size, mtime_ns):
            return Path(os.fsdecode(path))
    if there:
        raise ItemError(ErrorClass.CHANGED_SOURCE, "The file changed since it was indexed; run index again.")
    raise ItemError(ErrorClass.MISSING_SOURCE, "The file is gone since it was indexed; run index again.")


def _read(path: Path, suffix: str) -> Brought:
    data = path.read_bytes()
    checksum = _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash
    return Brought(size=len(data), checksum=checksum or "", suffix=suffix, data=data)


def _error(ended: Ended) -> ItemError:
    kind = ended.error_class or ErrorClass.CRASH
    if kind.environment:
        kind = ErrorClass.CRASH
    return ItemError(kind, ended.message, ended.stderr_tail, ended.exit_status)
