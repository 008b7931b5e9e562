"""The worker processes of a library: what they may use, and the engine that works its queue with them.

They read the Locations, the library's sidecars and staging, and the models. They write to folders of their own in
staging, from where their results are fetched. Where a Location is added, or comes back, they are replaced by others
that may read it (pool/sandbox.py has the rules).
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from pillion.catalog import locations as catalog_locations
from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.queue import ClaimedJob
from pillion.errors import CatalogUnavailableError, ErrorClass, PillionError, WorkersStoppedError
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.kinds.execute import for_jobs, obtaining
from pillion.machine import at_work, interrupts_end, is_gone, this_owner
from pillion.model import Failure, SidecarKind
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Mode, Policy
from pillion.queue.checkpoints import FOLDER, Checkpoints
from pillion.queue.commit import Recorder
from pillion.queue.engine import Engine, Idle, Pool
from pillion.queue.estimate import Estimates, Eta, lane_workers, worker_count
from pillion.queue.gates import Gates
from pillion.queue.jobs import CatalogJobs
from pillion.settings.config import Config
from pillion.store import Store, fetch, rescue

_logger = logging.getLogger(__name__)

TARGET = "pillion.kinds.execute:execute"
"""What a worker process runs for each job."""

_RECYCLE_SHARE = 0.4
"""A worker that uses more than this share of its memory limit after a batch is replaced."""


def confined_pool(
    policy: Policy, *, size: int, memory_limit: int, memory_budget: int | None, lane_workers: Mapping[str, int]
) -> WorkerPool:
    """A pool of ``size`` workers that run jobs, of a library here or of another machine's.

    Raises SandboxError for a policy that cannot hold here though it must.
    """
    return WorkerPool(
        TARGET,
        size=size,
        memory_limit=memory_limit,
        memory_budget=memory_budget,
        recycle_bytes=int(memory_limit * _RECYCLE_SHARE),
        lane_workers=lane_workers,
        policy=policy,
        fetch=fetch,
        obtaining=obtaining,
    )


# what they may use ---------------------------------------------------------------------------------------------------


_ANSWER_S = 2.0
"""How long to wait for a Location: a dead file system may never answer, and would hold each worker up as it starts."""

_SINGLE = 8
"""So many files of a folder outside of the Locations are granted one by one."""

_APART = 1000
"""So many files and folders outside of the Locations are granted at a time."""


class Confinement:
    """The policy of one library's workers. ``config``: its settings as they are now.

    ``confine``: gives the workers a policy, and with ``again`` replaces them even if it is the one they have.
    """

    def __init__(self, database: Database, store: Store, config: Config, owner: str) -> None:
        self._database = database
        self._store = store
        self._owner = owner
        self.config = config
        self.confine: Callable[..., None] = lambda policy, again=False: None
        self._watched: tuple[bytes, ...] = ()
        """All Locations, with an end; also those that do not answer."""
        self._granted: tuple[bytes, ...] = ()
        """Folders that the workers may read, with an end."""
        self._apart: dict[bytes, None] = {}
        """Files and folders outside of the Locations: what is asked for without one, and where links lead."""
        self._again: set[int] = set()

    def policy(self) -> Policy:
        """As it is now."""
        mode, staging = Mode(self.config.sandbox), os.fsencode(self._store.staging)
        if mode is Mode.OFF:
            _say_that_it_is_off()
            return Policy(mode=mode, home=staging, prefix=f"{self._owner}.")
        with self._database.read() as connection:
            watched = [item.path for item in catalog_locations.list_locations(connection) if item.walked]
        there = sorted(_answering(watched))
        self._watched = tuple(map(_with_end, watched))
        self._granted = tuple(map(_with_end, (*there, *self._apart)))
        beside = map(os.fsencode, (self._store.readable, self._store.staging, *named_paths(self.config)))
        reads = (*there, *self._apart, *beside)
        return for_jobs(Policy(mode=mode, reads=reads, home=staging, prefix=f"{self._owner}."))

    def let_read(self, sources: Iterable[bytes]) -> None:
        """Let the workers read these files as well, if their policy does not yet."""
        policy = self.renewed(sources)
        if policy is not None:
            self.confine(policy)

    def renewed(self, sources: Iterable[bytes]) -> Policy | None:
        """The policy that lets workers read these files as well; None if the one that was made last does."""
        if self.config.sandbox == Mode.OFF:
            return None
        lacking = [path for path in sources if not self._covers(path)]
        if not lacking:
            return None
        policy = self.policy()
        apart = [path for path in lacking if not self._covers(path)]
        if self.config.follow_links:
            apart = [path for path in apart if path.startswith(self._granted) or not path.startswith(self._watched)]
        else:
            apart = [path for path in apart if not path.startswith(self._watched)]
        if not apart:
            return policy
        for path in apart:
            self._apart[self._narrow(path)] = None
        for path in tuple(self._apart)[:-_APART]:
            del self._apart[path]
        return self.policy()

    def follows(self, sources: Iterable[bytes]) -> bool:
        """Whether one of these files may be a link: nothing below a Location is, unless links are followed."""
        return self.config.follow_links or not all(path.startswith(self._watched) for path in sources)

    def refused(self, failed: Iterable[tuple[ClaimedJob, Failure]]) -> set[int]:
        """The ids of those jobs whose files a worker could not read and this process can: a disk came back, say.

        Each job once: the workers are replaced then, and where that does not help, it fails.
        """
        if self.config.sandbox == Mode.OFF:
            return set()
        unread = [job for job, failure in failed if job.id not in self._again and _is_unread(failure)]
        found = {job.id for job in unread if any(_opens(path) for path, _, _ in job.sources)}
        self._again |= found
        if found:
            self.confine(self.policy(), again=True)
        return found

    def _covers(self, path: bytes) -> bool:
        if not path.startswith(self._granted) and path not in self._apart:
            return False
        # The kernel goes by where a file is, not by the links on the way there.
        real = os.path.realpath(path) if self.config.follow_links else path
        return real is path or real == path or real.startswith(self._granted) or real in self._apart

    def _narrow(self, path: bytes) -> bytes:
        """What is granted for a file outside of the Locations: where a link to a folder on its way leads, or itself.

        The folder that it is in where many are, unless that holds the user's home.
        """
        way = path.split(b"/")
        linked = next((way[:end] for end in range(2, len(way)) if os.path.islink(b"/".join(way[:end]))), None)
        if linked is not None and path.startswith(self._watched):
            return os.path.realpath(b"/".join(linked))
        real = os.path.realpath(path)
        folder = os.path.dirname(real)
        many = sum(os.path.dirname(other) == folder for other in self._apart) >= _SINGLE
        home = os.path.realpath(os.path.expanduser(b"~"))
        return folder if many and not _with_end(home).startswith(_with_end(folder)) else real


@functools.cache
def _say_that_it_is_off() -> None:
    """Log it once in this process: a library that came from elsewhere brings its settings."""
    _logger.warning('Workers are not confined: config.toml says sandbox = "off".')


def _with_end(folder: bytes) -> bytes:
    return folder.rstrip(b"/") + b"/"


def _is_unread(failure: Failure) -> bool:
    """Whether a source could not be opened, perhaps because the worker may not."""
    denied = os.strerror(errno.EACCES).lower() in failure.message.lower()
    return failure.error_class is ErrorClass.MISSING_SOURCE or (
        denied and failure.error_class is ErrorClass.IO_TRANSIENT
    )


def _opens(path: bytes) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _answering(folders: Iterable[bytes]) -> set[bytes]:
    """Those that are there and say so soon."""
    found: set[bytes] = set()

    def look(folder: bytes) -> None:
        if os.path.isdir(folder):
            found.add(folder)

    threads = [threading.Thread(target=look, args=(folder,), daemon=True) for folder in set(folders)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _ANSWER_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return set(found)


# beside the sources ---------------------------------------------------------------------------------------------------


def named_paths(config: Config) -> list[Path]:
    """The files and folders that settings name: a model, a file of passwords."""
    tables = [config.kinds, *config.locations.values(), *(policy.kinds for policy in config.policies.values())]
    values = (value for table in tables for settings in table.values() for value in settings.values())
    named = [value for value in values if isinstance(value, str) and os.sep in value]
    named += [config.passwords_file] if config.passwords_file else []
    return [path for name in named if (path := Path(name).expanduser()).is_absolute() and path.exists()]


# the engine with its pool ---------------------------------------------------------------------------------------------


_MANY = 1 << 20
"""Jobs of a lane in flight on a cluster: in fact as many as its workers have in line."""

_FAR_BATCH_S = 2.0
"""Seconds of work in a batch for a cluster: while one is made, the answer of the last and the next are on their way."""

_POOL_SETTINGS = ("workers", "concurrency", "memory_limit", "memory_budget", "sandbox")
"""Settings that need other workers: where they change, the running ones end first."""


class Workers:
    """An engine with its pool for one library.

    Use :meth:`run` to work in this thread, or :meth:`start` and :meth:`stop` for a separate one.

    ``progress`` is called with these workers once a second, and whenever results were recorded. ``reread`` is called
    once a second too; where it returns settings, the work goes on with them. ``elsewhere`` makes a pool of other
    machines, in place of this one's.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        config: Config,
        *,
        kinds: Sequence[SidecarKind] | None = None,
        progress: Callable[[Workers], None] | None = None,
        reread: Callable[[], Config | None] = lambda: None,
        elsewhere: Callable[[Config], Pool] | None = None,
    ) -> None:
        self._kinds = tuple(registry.specs()) if kinds is None else tuple(kinds)
        self._database = database
        self._store = store
        self._config = config
        self._progress = None if progress is None else partial(self._tell, progress)
        self._reread = reread
        self._elsewhere = elsewhere
        self._owner = this_owner()
        self._checkpoints = Checkpoints(store.staging / FOLDER)
        self.recorder = Recorder(database, store, self._checkpoints, self._owner)
        self._confinement = Confinement(database, store, config, self._owner)
        self.gates = Gates(database, config, store.staging, config.has_hours)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: WorkersStoppedError | None = None
        """Why the thread ended, if nobody stopped it."""
        self._build()
        self.idle = self.engine.idle
        """Set while there is nothing to do, not even a retry later, and when the thread has ended."""

    def _tell(self, progress: Callable[[Workers], None]) -> None:
        # Where the database is away, there is nothing to tell, and more the next time.
        with suppress(CatalogUnavailableError):
            progress(self)

    def _build(self, idle: Idle | None = None) -> None:
        """An engine and a pool for the settings as they are now. ``idle``: that of the engine before it."""
        config = self._config
        self._rebuild = False
        far = None if self._elsewhere is None else self._elsewhere(config)
        size = worker_count(config) if far is None else max(1, far.size)
        # Each machine of a cluster limits its own, and how many there are may change.
        at_once = lane_workers(size, config.concurrency) if far is None else {}
        estimates = Estimates()
        self.eta = Eta(self._database, estimates, self._kinds, size, self.recorder.jobs_ended, config.concurrency)
        self._pool = self._local(config, size, at_once) if far is None else far
        self._source = CatalogJobs(
            self._database,
            self._store,
            self.recorder,
            owner=self._owner,
            kinds=self._kinds,
            max_pixels=config.max_pixels,
            passwords=config.passwords_file,
            gates=self.gates,
            estimates=estimates,
            eta=self.eta,
            checkpoints=self._checkpoints,
            reread=self._reread,
            use=self._use,
            confinement=self._confinement,
        )
        self._confinement.confine = self._pool.confine
        limits = {str(kind): spec.limits for kind, spec in registry.specs().items()}
        lane_seconds = {kind: limit.batch_s for kind, limit in limits.items() if limit.batch_s is not None}
        if far is None:
            lane_limits = {kind: limit.per_worker * min(size, limit.workers or size) for kind, limit in limits.items()}
        else:
            lane_limits = dict.fromkeys(limits, _MANY)
            lane_seconds = {kind: max(lane_seconds.get(kind, 0.0), _FAR_BATCH_S) for kind in limits}
        self.engine = Engine(
            self._source,
            self._pool,
            lane_limits,
            lane_workers=at_once,
            lane_seconds=lane_seconds,
            progress=self._progress,
            idle=idle,
            clock=self._database.now,
            trace=self._database.trace,
        )

    def _local(self, config: Config, size: int, at_once: Mapping[str, int]) -> Pool:
        return confined_pool(
            self._confinement.policy(),
            size=size,
            memory_limit=config.memory_limit,
            memory_budget=config.memory_budget,
            lane_workers=at_once,
        )

    def _use(self, config: Config) -> None:
        """Go on with changed settings. Where they need other workers, the engine ends, and another goes on."""
        before, self._config = self._config, config
        self.gates.use(config)
        self._confinement.config = config
        self._source.max_pixels = config.max_pixels
        self._source.passwords = config.passwords_file
        if any(getattr(before, name) != getattr(config, name) for name in _POOL_SETTINGS):
            self._rebuild = True
            self.engine.stop()

    def run(self, *, until_idle: bool = True) -> None:
        """Work the queue in this thread; see Engine.run. Leaves nothing behind in staging.

        In the main thread, Ctrl-C (or SIGTERM) ends the run in order, and then has its usual effect.
        """
        with at_work(self._owner), interrupts_end(self._end):
            self._sweep()
            try:
                self._run(until_idle)
            finally:
                reach("work.end")
                self._pool.shutdown(wait=True, cancel_futures=True)
                self._give_back()
                self._store.sweep(self._owner)

    def _run(self, until_idle: bool) -> None:
        while True:
            if not until_idle:
                self._pool.keep_ready()
            self.engine.run(until_idle=until_idle)
            if not self._rebuild or self._stopped.is_set():
                return
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._build(self.idle)
            if self._stopped.is_set():
                return

    def _give_back(self) -> None:
        """Queue again what this owner still holds: an error came between the claim and the engine."""
        try:
            with self._database.read() as connection:
                holds = self._owner in catalog_queue.owners(connection)
            if holds:
                with self._database.write() as connection:
                    catalog_queue.rescue(connection, self._owner, self._database.now())
        except PillionError:
            # The owner is gone when this returns: whoever works the queue next takes its jobs.
            return

    def start(self) -> None:
        """Work in a separate thread until :meth:`stop`. If it ends by an error, ``failure`` says so."""
        self._thread = threading.Thread(target=self._work, name="pillion-work", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.run(until_idle=False)
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            self.failure = WorkersStoppedError(f"The background workers ended by an error ({why}); start them again.")
            self.failure.__cause__ = error
        finally:
            self.idle.set()

    def _end(self) -> None:
        self._stopped.set()
        self.engine.stop()

    def stop(self) -> None:
        """Stop the thread; jobs in flight go back to the queue."""
        self._end()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _sweep(self) -> None:
        reach("work.sweep")
        for owner in self._store.staging_owners():
            if owner != self._owner and owner.count(":") >= 3 and is_gone(owner):
                rescue(owner, self._store.staging, self._checkpoints.folder)
                self._store.sweep(owner)
        if self._checkpoints.folder.exists():
            self._checkpoints.drop_stale(self._database)
