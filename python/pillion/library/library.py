"""The library: the object through which people and indexers use everything below it."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pillion.catalog import gates as catalog_gates
from pillion.catalog import locations as catalog_locations
from pillion.catalog.database import Database
from pillion.catalog.locations import EXTERNAL_ROOT, Location
from pillion.errors import ConfigError, LibraryClosedError, LibraryError, PillionError, UsageError
from pillion.events import Event
from pillion.job import ALL
from pillion.kinds import registry
from pillion.kinds.registry import DeviceGenerationPolicy, named_policy, override, restrict
from pillion.library.arguments import ContentId, external_row, location_id
from pillion.library.opening import (
    CATALOG,
    absolute,
    closed_on_error,
    open_catalog,
    place_of,
    reconcile_on_server,
    refuse_elsewhere,
)
from pillion.library.sidecars import Answer, Ready, Resolution, Sidecars
from pillion.library.status import Status, WorkReport, collect_status
from pillion.library.watched import Watched
from pillion.machine import OnWait
from pillion.model import SidecarKind, SidecarUri, WantedSidecar, is_catalog_url
from pillion.quoting import quoted
from pillion.settings.config import Config, load_config, variants_of
from pillion.store import open_store

# What only some calls need is imported by them: a program that asks for the status loads neither kinds nor workers.
if TYPE_CHECKING:
    from pillion.index.indexer import IndexReport, PartsTarget, PhaseProgress, Postponed, Target
    from pillion.library.plan import GenerationPlan, Plans
    from pillion.library.requests import Requests
    from pillion.library.searching import Searching
    from pillion.library.timeline import Timeline
    from pillion.maintenance import Maintenance, Reconciled
    from pillion.maintenance.verify import Finding
    from pillion.peers.beside import Beside, Fetching
    from pillion.peers.exporting import Exported
    from pillion.peers.pulling import Peers
    from pillion.queue.engine import Pool
    from pillion.queue.subscription import Subscription
    from pillion.queue.work import Workers
    from pillion.remote.desk import Desk
    from pillion.search.find import Hit
    from pillion.search.keeping import Keeper


DASK_WAIT_S = 600.0
"""How long the scheduler of a Dask cluster may be away."""

_logger = logging.getLogger(__name__)
# A program that sets no logging up is not to find ours on its stderr.
logging.getLogger("pillion").addHandler(logging.NullHandler())


def _chosen(kinds: Sequence[SidecarKind | str] | None) -> tuple[SidecarKind, ...]:
    """These kinds and the kinds that they are made from, in the order of work; None means all."""
    return registry.chosen(None if kinds is None else tuple(kinds))


def _wait(_holder: str) -> None:
    """Somebody else indexes: their turn comes first."""


class _Settings:
    """A library's settings, read again when its config.toml changes. Invalid settings change nothing.

    ``current``: the settings in use. ``problem``: why those in the file are not; None while they are.
    """

    def __init__(self, path: Path, current: Config) -> None:
        self.path = path
        self.current = current
        self.problem: str | None = None
        self._read = self._seen = self._signature()
        self._lock = threading.Lock()

    def look(self, *, at_once: bool = False) -> bool:
        """Whether the file holds other settings now, which are in use then.

        An editor may be writing it: unless ``at_once``, a change counts when a second look finds the same.
        """
        with self._lock:
            signature = self._signature()
            settled = at_once or signature == self._seen
            self._seen = signature
            return settled and signature != self._read and self._load(signature)

    def _load(self, signature: tuple[int, ...] | None) -> bool:
        self._read = signature
        try:
            if signature is None:
                raise ConfigError(f"{self.path} is gone.")
            config = load_config(self.path)
        except ConfigError as error:
            problem = f"The settings before it changed stay in use: {error}"
            _logger.warning("%s", quoted(problem))
            self.problem = problem
            return False
        before, self.current, self.problem = self.current, config, None
        return config != before

    def _signature(self) -> tuple[int, ...] | None:
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


class Library(Watched):
    """A folder that Pillion owns: catalog, sidecars and settings. Open it with :meth:`open`, close it when done."""

    def __init__(self, root: Path, database: Database, config: Config, *, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self._settings = _Settings(root / "config.toml", config)
        self._store = open_store(root)
        hooks = (self._wants_on_demand, self._variants_of, self._trouble, lambda: self._fetching)
        super().__init__(database, Sidecars(database, self._store, *hooks))
        self._background: Workers | None = None
        self._taking: Beside | None = None
        self._keeper: Keeper | None = None
        self._closed = False

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ", read-only" if self.read_only else ""
        return f"<Library {str(self.root)!r}{state}>"

    @property
    def is_elsewhere(self) -> bool:
        """Whether its catalog is not in its folder, but in a database of a server."""
        return self._database.on_server

    @property
    def config(self) -> Config:
        """The settings in use: those of config.toml, as it was when they were last read."""
        return self._settings.current

    @functools.cached_property
    def requests(self) -> Requests:
        """The failure ledger, retry and cancel."""
        from pillion.library.requests import Requests

        return Requests(self._database)

    @property
    def plans(self) -> Plans:
        """Plans: what would be made, and why."""
        from pillion.library.plan import Plans

        return Plans(self._database, self.root, self.config, self.policy_for)

    @functools.cached_property
    def maintenance(self) -> Maintenance:
        """Verify, repair, cleanup and usage."""
        from pillion.maintenance import Maintenance

        return Maintenance(self.root, self._database, self._store, read_only=self.read_only)

    @functools.cached_property
    def searching(self) -> Searching:
        """Search, similar files and duplicates."""
        from pillion.library.searching import Searching

        self._must_be_open()
        sandbox = self.config.sandbox
        return Searching(self._database, self._store, read_only=self.read_only, sandbox=sandbox)

    @functools.cached_property
    def timeline(self) -> Timeline:
        """The contents that files have now, by date."""
        from pillion.library.timeline import Timeline

        return Timeline(self._database)

    @functools.cached_property
    def peers(self) -> Peers:
        """Libraries of other devices, and taking sidecars from them."""
        from pillion.peers.pulling import Peers
        from pillion.pool.sandbox import Mode

        self._must_be_open()
        return Peers(self._database, self._store, Mode(self.config.sandbox))

    @functools.cached_property
    def desk(self) -> Desk:
        """Jobs for workers on other machines, without a mount."""
        from pillion.remote.desk import Desk

        self._must_be_writable()
        return Desk(self._database, self._store, lambda: self.config)

    @functools.cached_property
    def _fetching(self) -> Fetching:
        from pillion.peers.beside import Fetching

        self._must_be_writable()
        return Fetching(self._database, lambda: self.peers)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        sidecars: str | os.PathLike[str] | None = None,
        create: bool = True,
        policy: str | None = None,
    ) -> Library:
        """Open the library at ``path``; with ``create``, make one there if it does not exist.

        ``path`` may be the address of a catalog on PostgreSQL, ``postgresql://USER@HOST/DATABASE``. ``sidecars``: the
        address of the object store in which a new library keeps its sidecars, such as s3://bucket/prefix; it remembers
        it. With a catalog on PostgreSQL always the same address, or a folder for all but the catalog, which all
        machines that use the library must see. ``policy`` is written to a new library's config.toml. Raises StoreError,
        LibraryError (it does not exist, is newer, on a network file system, not writable, of another catalog),
        ConfigError.
        """
        place = place_of(path, sidecars)
        opened = open_catalog(place, create=create, policy=policy)
        with closed_on_error(opened.database):
            return cls(place.root, opened.database, opened.config, read_only=opened.read_only)

    @classmethod
    def reconcile(
        cls,
        path: str | os.PathLike[str],
        *,
        rebuild: bool = False,
        sidecars: str | os.PathLike[str] | None = None,
    ) -> Reconciled:
        """Rebuild the catalog of the library at ``path`` from its manifests (maintenance/reconcile.py).

        ``sidecars``: where they are, if the library's folder was lost with its catalog.
        """
        from pillion.maintenance import reconcile

        if is_catalog_url(path):
            return reconcile_on_server(place_of(path, sidecars), rebuild=rebuild)
        root = absolute(path)
        address = None if sidecars is None else str(sidecars)
        refuse_elsewhere(root)
        return reconcile(root, root / CATALOG, rebuild=rebuild, sidecars=address)

    def _wants_on_demand(self, kind: SidecarKind, variant: str, mime: str) -> Sequence[WantedSidecar]:
        from pillion.kinds.registry import wanted_on_demand

        policy = override(named_policy(self.config.policy, self.config.policies), self.config.kinds)
        return wanted_on_demand(policy, kind, variant, mime)

    def _variants_of(self, kind: SidecarKind) -> Sequence[str]:
        return variants_of(self.config, kind)

    def _must_be_writable(self) -> None:
        self._must_be_open()
        if self.read_only:
            raise LibraryError(f"The library {self.root} is read-only: it can be read, but not changed.")

    def close(self) -> None:
        """Stop background workers and close the catalog. Every later call raises LibraryClosedError."""
        self.stop()
        desk: Desk | None = self.__dict__.get("desk")
        if desk is not None:
            desk.close()
        fetching: Fetching | None = self.__dict__.get("_fetching")
        if fetching is not None:
            fetching.close()
        self._closed = True
        self.sidecars.close()
        self._database.close()

    def _trouble(self) -> PillionError | None:
        """Why those who wait for a sidecar wait in vain."""
        return None if self._background is None else self._background.failure

    def _must_be_open(self) -> None:
        if self._closed:
            raise LibraryClosedError(f"The library {self.root} was closed; open it again with Library.open.")

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Indexing ---------------------------------------------------------------------------------------------------------

    def policy_for(self, location: Location, policy: str | None = None) -> DeviceGenerationPolicy:
        """The policy for a Location: ``policy``, or else the configured one, with the changes in config.toml."""
        named = named_policy(policy or self.config.policy, self.config.policies)
        effective = override(named, self.config.kinds)
        return override(effective, self.config.locations.get(os.fsdecode(location.shared or location.path), {}))

    def index(
        self,
        *paths: str | os.PathLike[str],
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
        progress: PhaseProgress | None = None,
        waiting: OnWait | None = None,
        accept_removals: bool = False,
    ) -> IndexReport:
        """Run the five indexing phases over all Locations, or only over ``paths``. Queues jobs but does not run them.

        ``kinds``: only these, and what they are made from (embeddings need ocr and transcript).
        ``waiting``: if another process indexes, it is told who that is, and then waited for. A Location most of whose
        files are not there is offline (``report.offline``) and left as it is; with ``accept_removals`` they are gone.
        Raises LibraryBusyError without ``waiting``, UsageError for a path that is no folder and no Location.
        """
        from pillion.index.indexer import Indexer

        self._must_be_writable()
        self._settings.look(at_once=True)
        chosen = _chosen(kinds)
        named = [self._target(path) for path in paths]
        with self._database.exclusive(self.root / "index.lock", "indexing", waiting=waiting):
            with self._database.read() as connection:
                locations = catalog_locations.list_locations(connection)
            found = named or [(location, b"") for location in locations if location.walked]
            targets = [
                (location, inside, restrict(self.policy_for(location, policy), chosen)) for location, inside in found
            ]
            indexer = Indexer(self._database, self.config, chosen, locations, progress)
            return indexer.run(self.root, targets, accept_removals=accept_removals)

    def index_changed(
        self,
        changed: Mapping[int, Sequence[bytes] | None],
        *,
        progress: PhaseProgress | None = None,
        postpone: Postponed | None = None,
    ) -> IndexReport:
        """Index what changed: Location id -> paths of files and folders in it, there or gone; None: all of it.

        For those who watch. It waits for its turn while another process indexes. ``postpone``: which new and changed
        files are left to a later call, because they may still be being written (``report.postponed``). A Location that
        is no more is passed over. One that is offline is indexed whole, and so is each where links are followed.
        """
        from pillion.index.indexer import Indexer

        self._must_be_writable()
        with self._database.exclusive(self.root / "index.lock", "indexing", waiting=_wait):
            with self._database.read() as connection:
                locations = catalog_locations.list_locations(connection)
            indexer = Indexer(self._database, self.config, _chosen(None), locations, progress, postpone)
            mine = [(item, changed[item.id], self.policy_for(item)) for item in locations if item.id in changed]
            follow = self.config.follow_links
            parts: list[PartsTarget] = []
            whole: list[Target] = []
            for item, paths, policy in mine:
                # That an offline Location is back, or what links lead to, only a look at all of it can tell.
                if paths is None or follow or item.offline is not None:
                    whole.append((item, b"", policy))
                else:
                    parts.append((item, paths, policy))
            if not whole:
                return indexer.run_parts(self.root, parts)
            report = indexer.run(self.root, whole)
            if parts:
                report.add(indexer.run_parts(self.root, parts))
            return report

    def reread_settings(self) -> str | None:
        """Read config.toml if it changed; returns why its settings are not in use, None where they are.

        The settings in use are then ``library.config``. An editor may be writing the file: a change counts when a
        second look finds the same.
        """
        self._settings.look()
        return self._settings.problem

    def queue_intelligence(
        self,
        items: Sequence[tuple[ContentId, str | os.PathLike[str], str]],
        *,
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
    ) -> int:
        """For other indexers: queue what the policy wants for (content uuid, source path, MIME type) items.

        Returns how many jobs were queued. It waits for its turn while somebody else indexes. Raises UsageError, before
        anything is queued, for an item that is not well formed, and a source that cannot be read or is no regular file.
        """
        from pillion.index.indexer import Indexer, IndexReport

        self._must_be_writable()
        rows = [external_row(item) for item in items]
        report = IndexReport()
        with self._database.exclusive(self.root / "index.lock", "indexing", waiting=_wait):
            with self._database.write() as connection:
                location = catalog_locations.ensure_location(connection, EXTERNAL_ROOT, time.time(), walked=False)
                catalog_locations.record_entries(connection, location.id, rows, time.time())
            chosen = _chosen(kinds)
            indexer = Indexer(self._database, self.config, chosen)
            indexer.queue(location, restrict(self.policy_for(location, policy), chosen), report)
        return report.queued

    def record(self, content_uuid: ContentId, kind: SidecarKind | str, variant: str, data: bytes) -> Ready:
        """For other indexers: store a sidecar that they made; see :meth:`pillion.library.sidecars.Sidecars.record`."""
        self._must_be_writable()
        return self.sidecars.record(content_uuid, kind, variant, data)

    # Working the queue ------------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        kinds: Sequence[SidecarKind | str] | None = None,
        progress: Callable[[Workers], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        stay: bool = False,
        dask: str | None = None,
        dask_wait_s: float = DASK_WAIT_S,
        on_notice: Callable[[str], None] | None = None,
    ) -> WorkReport:
        """Work the queue until it is idle. Ctrl-C stops at once; jobs in flight go back to the queue.

        ``dask``: the address of the scheduler of a Dask cluster whose machines do the work instead of this one's
        processes. Where it goes away, ``on_notice`` gets a sentence, and it is waited for ``dask_wait_s`` seconds; then
        ClusterAwayError is raised, as it is where nobody answers at the start (not with ``stay``).

        With ``stay`` only Ctrl-C ends it: it waits for new jobs, and for faults of the machine to be fixed.
        ``on_event`` gets the library's events meanwhile, in order and in this thread; if it raises an error, the run
        ends with it.
        """
        self._must_be_writable()
        subscription = None if on_event is None else self._subscription(on_event)

        def report(workers: Workers) -> None:
            if progress is not None:
                progress(workers)
            if subscription is not None:
                subscription.deliver()

        asked = progress is not None or subscription is not None
        chosen = _chosen(kinds)
        elsewhere = None
        if dask is not None:
            from pillion.cluster.pool import on_dask

            say = on_notice or _logger.warning
            elsewhere = on_dask(dask, self._database, say=say, patience_s=dask_wait_s, waits=stay)
        workers = self._workers(chosen, report if asked else None, elsewhere)
        _logger.info("working the queue of %s", self.root)
        from pillion.search.keeping import kept_up

        with kept_up(self._database, self._store) as keeper, self._taking_beside(chosen, stays=stay):
            workers.run(until_idle=not stay)
        if subscription is not None:
            subscription.deliver()
        behind = {} if keeper.problem is None else {"search": keeper.problem}
        return WorkReport(recorded=dict(workers.recorder.counts), notices={**self._notices(workers), **behind})

    def _taking_beside(self, kinds: Sequence[SidecarKind], *, stays: bool) -> AbstractContextManager[object]:
        """While these kinds are made: what peers have of them is taken. Where the work ends, and nothing is to be taken
        at its beginning, nothing is.
        """
        from pillion.catalog.queue import may_be_taken

        with self._database.read() as connection:
            may_take = stays or may_be_taken(connection, self._from_peers(kinds))
        return self._beside(kinds) if may_take else nullcontext()

    def _from_peers(self, kinds: Sequence[SidecarKind]) -> list[SidecarKind]:
        allowed, specs = self.config.from_peers, registry.specs()
        return [kind for kind in kinds if (kind in allowed if allowed is not None else specs[kind].from_peers)]

    def _beside(self, kinds: Sequence[SidecarKind]) -> Beside:
        """Takes what peers have of these kinds, where that is quicker."""
        from pillion.peers.beside import Beside
        from pillion.queue.estimate import parallel, worker_count

        at_once = {kind: parallel(kind, worker_count(self.config), self.config.concurrency) for kind in kinds}
        return Beside(self._database, lambda: self.peers, lambda: self._from_peers(kinds), at_once)

    def _subscription(self, on_event: Callable[[Event], None]) -> Subscription:
        from pillion.queue.subscription import Subscription

        return Subscription(self._database, on_event)

    def _notices(self, workers: Workers) -> dict[str, str]:
        """Kind (or "*") -> what keeps these workers from doing its jobs. Where nothing can, nothing is counted."""
        if not (workers.gates.watching or workers.gates.held or registry.notices()):
            return {}
        return self.status().notices(workers.gates.notices)

    def start(self, *, kinds: Sequence[SidecarKind | str] | None = None) -> None:
        """Work the queue in the background until :meth:`stop` or :meth:`close`.

        Settings that change in config.toml are used from then on. If the workers end by an error, :meth:`status` and
        :meth:`notices` say so, :meth:`wait_until_idle` raises it, and this starts them again.
        """
        self._must_be_writable()
        if self._background is not None and self._background.failure is not None:
            self.stop()
        if self._background is None:
            from pillion.search.keeping import Keeper

            chosen = _chosen(kinds)
            self._background = self._workers(chosen, None)
            self._taking = self._beside(chosen)
            self._taking.start()
            self._background.start()
            self._keeper = Keeper(self._database, self._store)

    def _workers(
        self,
        kinds: Sequence[SidecarKind],
        progress: Callable[[Workers], None] | None,
        elsewhere: Callable[[Config], Pool] | None = None,
    ) -> Workers:
        from pillion.queue.work import Workers

        used = self.config

        def reread() -> Config | None:
            # Another call may have been the one that saw the change.
            nonlocal used
            self._settings.look()
            before, used = used, self._settings.current
            return None if used == before else used

        return Workers(
            self._database,
            self._store,
            self.config,
            kinds=kinds,
            progress=progress,
            reread=reread,
            elsewhere=elsewhere,
        )

    def wait_until_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until the background workers have nothing left to do; False if that takes longer than ``timeout_s``.

        Raises WorkersStoppedError if they ended by an error.
        """
        self._must_be_open()
        workers = self._background
        if workers is None:
            return True
        # Only an idle moment from now on counts: what was queued since the last one has to be seen.
        workers.idle.clear()
        idle = True if workers.failure is not None else workers.idle.wait(timeout_s)
        if workers.failure is not None:
            raise workers.failure
        return idle

    def stop(self) -> None:
        """Stop the background workers; jobs in flight go back to the queue."""
        if self._background is not None:
            self._background.stop()
            self._background = None
        if self._taking is not None:
            self._taking.stop()
            self._taking = None
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def pause(self, *, kind: SidecarKind | str | None = None, location: str | os.PathLike[str] | None = None) -> None:
        """Pause a kind (default: all) in a Location (default: everywhere) until :meth:`resume`; others go on."""
        self._must_be_writable()
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        with self._database.write() as connection:
            catalog_gates.pause(connection, chosen, location_id(connection, location), time.time())

    def resume(self, *, kind: SidecarKind | str | None = None, location: str | os.PathLike[str] | None = None) -> int:
        """End pauses: those of a kind (default: of every kind) in a Location (default: in all); returns how many."""
        self._must_be_writable()
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        with self._database.write() as connection:
            return catalog_gates.resume(connection, chosen, location_id(connection, location), time.time())

    def events(self, *, since: int | None = None, follow: bool = False) -> Iterator[Event]:
        """The events of the library, by any process, in order; with ``follow`` also those from now on.

        ``since``: only events with a greater id (default: all that are still kept, about 20,000). With ``follow`` the
        iterator never ends: leave the loop, or interrupt it.
        """
        from pillion.queue.subscription import events_since

        return events_since(self._database, since or 0, follow=follow)

    # Searching --------------------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        kinds: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
        under: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | None = None,
        since: str | float | None = None,
        limit: int = 20,
    ) -> list[Hit]:
        """The files that a query finds, best first; see :meth:`pillion.library.searching.Searching.search`.

        The index is brought up to date first, which the first time may take a while.
        """
        self._must_be_open()
        found = self.searching.search(query, kinds=kinds, types=types, under=under, since=since, limit=limit)
        return list(found.hits)

    # Looking and asking again -----------------------------------------------------------------------------------------

    def status(self) -> Status:
        """How much there is, what is queued, and what holds work back."""
        now = collect_status(self.root, self._database, self.config, time.time())
        failure = None if self._background is None else self._background.failure
        problem = self._settings.problem
        if failure is None and problem is None:
            return now
        return replace(now, stopped=None if failure is None else str(failure), settings_problem=problem)

    def notices(self) -> dict[str, str]:
        """Kind (or "*") -> why the background workers cannot do its jobs.

        ``config.toml`` -> why its settings are not in use; ``search`` -> what is not found, and why.
        """
        self._must_be_open()
        found = {} if self._settings.problem is None else {"config.toml": self._settings.problem}
        if self._keeper is not None and self._keeper.problem is not None:
            found["search"] = self._keeper.problem
        if self._background is None:
            return found
        if self._background.failure is not None:
            return {ALL: str(self._background.failure), **found}
        return {**self._notices(self._background), **found}

    def retry(
        self,
        *,
        kind: SidecarKind | str | None = None,
        error_class: str | None = None,
        content_uuids: Sequence[ContentId] | None = None,
    ) -> int:
        """Queue failed and cancelled sidecars again; see :meth:`pillion.library.requests.Requests.retry`."""
        self._must_be_writable()
        return self.requests.retry(kind=kind, error_class=error_class, content_uuids=content_uuids)

    def cancel(
        self,
        *,
        kind: SidecarKind | str | None = None,
        location: str | os.PathLike[str] | None = None,
        content_uuids: Sequence[ContentId] | None = None,
    ) -> int:
        """Take jobs out of the queue, running ones too; see :meth:`pillion.library.requests.Requests.cancel`."""
        self._must_be_writable()
        return self.requests.cancel(kind=kind, location=location, content_uuids=content_uuids)

    def regenerate(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: ContentId | None = None,
        under: str | os.PathLike[str] | None = None,
        stale: bool = False,
    ) -> int:
        """Queue sidecars to be made again, in any state; ready ones are served until replaced. Returns how many.

        ``under``: only of files in this folder. ``stale``: only those whose recipe has changed since.
        ``library.plans.regeneration`` says in advance what this would queue.
        """
        self._must_be_writable()
        return self.plans.regenerate(
            kind=kind, variant=variant, content_uuid=content_uuid, under=under, stale=stale, now=time.time()
        )

    def plan(
        self,
        *paths: str | os.PathLike[str],
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
        walk: bool = True,
    ) -> GenerationPlan:
        """What the next :meth:`index` and :meth:`run` would make, and why: :meth:`pillion.library.plan.Plans.plan`."""
        return self.plans.plan(*paths, policy=policy, kinds=kinds, walk=walk)

    def resolve(
        self, address: SidecarUri | str, mode: Resolution | str = "generate_async", timeout: float | None = None
    ) -> Answer | None:
        """The sidecar at an address ``sidecar://CONTENT_UUID/KIND/VARIANT[.FORMAT]``.

        ``mode``: ``local_only``, ``generate_async``, ``generate_blocking``, ``fetch_only`` or ``fetch_or_generate``;
        see :meth:`Sidecars.resolve`.
        """
        return self.sidecars.resolve(address, mode, timeout)

    def export_to(
        self,
        path: str | os.PathLike[str],
        *,
        kinds: Sequence[SidecarKind | str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Exported:
        """Copy the ready sidecars to a library in the folder ``path``, such as on a disk that is carried elsewhere.

        The library is made if there is none; it watches no folder. What is there already by the same recipe stays.
        Other libraries take from it as from any peer. ``progress``: called with (sidecars done, of all). Raises
        LibraryError.
        """
        from pillion.peers.exporting import copy

        chosen = _chosen(kinds)
        with Library.open(path) as other:
            if other.root == self.root:
                raise UsageError("A library cannot be exported to itself.")
            other._must_be_writable()
            return copy(self._database, self._store, other._database, other._store, chosen, progress)

    def verify(self, progress: Callable[[int], None] | None = None) -> list[Finding]:
        """Check the catalog and every file against each other; empty if all is in order. Changes nothing."""
        return self.maintenance.verify(progress)
