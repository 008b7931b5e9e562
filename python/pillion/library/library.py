"""The library: the one object through which people and indexers use everything below it."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pillion.catalog import gates as catalog_pauses
from pillion.catalog import indexing as catalog_indexing
from pillion.catalog import sidecars as catalog_sidecars
from pillion.catalog.contents import thumbhashes
from pillion.catalog.database import Database
from pillion.catalog.events import newest_event
from pillion.catalog.indexing import EXTERNAL_ROOT, Location
from pillion.errors import LibraryError
from pillion.events import Event
from pillion.index.wants import DeviceGenerationPolicy, named_policy, override
from pillion.kinds import registry
from pillion.library.arguments import (
    existing_folder,
    external_row,
    is_inside,
    location_id,
)
from pillion.library.opening import CATALOG, absolute, closed_on_error, open_catalog
from pillion.library.sidecars import Item, Sidecars
from pillion.library.status import Status, WorkReport, look
from pillion.machine import OnWait, exclusive
from pillion.model import SidecarKind, SidecarStatus, WantedSidecar
from pillion.settings.config import Config
from pillion.store import Store

# What only some calls need is imported by them: a program that asks for the status loads neither kinds nor workers.
if TYPE_CHECKING:
    from pillion.index.indexer import IndexReport, PhaseProgress
    from pillion.library.plan import GenerationPlan, Plans
    from pillion.library.requests import Requests
    from pillion.maintenance import Maintenance, Reconciled
    from pillion.maintenance.verify import Finding
    from pillion.queue.subscription import Subscription
    from pillion.queue.work import Workers


def _chosen(kinds: Sequence[SidecarKind | str] | None) -> tuple[SidecarKind, ...]:
    """These kinds and what they are made from, in the order of work; None means all."""
    return registry.with_sources(registry.parse_kinds(kinds))


class Library:
    """A folder that Pillion owns: catalog, sidecars and settings. Open it with :meth:`open`, close it when done."""

    def __init__(self, root: Path, database: Database, config: Config, *, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self.config = config
        self._database = database
        self._store = Store(root)
        self.sidecars = Sidecars(database, self._store, self._wants_on_demand)
        self._background: Workers | None = None

    @functools.cached_property
    def requests(self) -> Requests:
        """What failed, and asking for it again."""
        from pillion.library.requests import Requests

        return Requests(self._database)

    @functools.cached_property
    def plans(self) -> Plans:
        """What would be made, and why."""
        from pillion.library.plan import Plans

        return Plans(self._database, self.root, self.config, self.policy_for)

    @functools.cached_property
    def maintenance(self) -> Maintenance:
        """Verify, repair, cleanup and usage."""
        from pillion.maintenance import Maintenance

        return Maintenance(self.root, self._database, self._store, read_only=self.read_only)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, policy: str | None = None) -> Library:
        """Open the library at ``path``; make it there if it is missing and ``create``.

        ``policy`` is written to a new library's config.toml. Raises LibraryError (it is missing, newer, on a network
        file system, not writable), ConfigError.
        """
        root = absolute(path)
        opened = open_catalog(root, create=create, policy=policy)
        with closed_on_error(opened.database):
            return cls(root, opened.database, opened.config, read_only=opened.read_only)

    @classmethod
    def reconcile(cls, path: str | os.PathLike[str], *, rebuild: bool = False) -> Reconciled:
        """Rebuild the catalog of the library at ``path`` from its manifests (maintenance/reconcile.py)."""
        from pillion.maintenance import reconcile

        root = absolute(path)
        return reconcile(root, root / CATALOG, rebuild=rebuild)

    def _wants_on_demand(self, kind: SidecarKind, variant: str, mime: str) -> Sequence[WantedSidecar]:
        from pillion.index.wants import wanted_on_demand

        policy = override(named_policy(self.config.policy, self.config.policies), self.config.kinds)
        return wanted_on_demand(policy, kind, variant, mime)

    def _must_be_writable(self) -> None:
        if self.read_only:
            raise LibraryError(f"The library {self.root} is read-only: it can be looked at, but not changed.")

    def close(self) -> None:
        """Stop background workers and close the catalog."""
        self.stop()
        self._database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Locations and indexing -------------------------------------------------------------------------------------------

    def add_location(self, path: str | os.PathLike[str]) -> Location:
        """Watch a folder. Adding one that is there, or lies in one that is, returns the one that is there."""
        self._must_be_writable()
        folder = existing_folder(path)
        with self._database.write() as connection:
            for location in catalog_indexing.list_locations(connection):
                if location.walked and is_inside(folder, location.path):
                    return location
            return catalog_indexing.ensure_location(connection, folder, time.time())

    def locations(self) -> list[Location]:
        """The watched folders, oldest first."""
        with self._database.read() as connection:
            return [location for location in catalog_indexing.list_locations(connection) if location.walked]

    def policy_for(self, location: Location, policy: str | None = None) -> DeviceGenerationPolicy:
        """The policy that counts in a Location: the named or configured one with config.toml's changes."""
        named = named_policy(policy or self.config.policy, self.config.policies)
        effective = override(named, self.config.kinds)
        return override(effective, self.config.locations.get(os.fsdecode(location.path), {}))

    def index(
        self,
        *paths: str | os.PathLike[str],
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
        progress: PhaseProgress | None = None,
        waiting: OnWait | None = None,
    ) -> IndexReport:
        """The five indexing phases over the Locations (or the folders in them given by ``paths``). Queues jobs only.

        ``kinds``: only these, and what they are made from (embeddings need ocr and transcript).
        ``waiting``: if another process indexes, it is told who that is, and then waited for.
        Raises LibraryBusyError without it, ItemError (``missing_source``) if a folder cannot be read.
        """
        from pillion.index.indexer import Indexer, IndexReport

        self._must_be_writable()
        chosen = _chosen(kinds)
        targets = [self._target(path) for path in paths] or [(location, b"") for location in self.locations()]
        policies = [self.policy_for(location, policy) for location, _ in targets]
        report = IndexReport()
        with exclusive(self.root / "index.lock", "indexing", waiting=waiting):
            indexer = Indexer(self.root, self._database, self.config, chosen, progress)
            for (location, prefix), effective in zip(targets, policies, strict=True):
                indexer.index(location, effective, report, prefix=prefix)
        with self._database.read() as connection:
            report.contents = catalog_indexing.totals(connection).contents
        return report

    def _target(self, path: str | os.PathLike[str]) -> tuple[Location, bytes]:
        folder = existing_folder(path)
        location = self.add_location(path)
        inside = os.path.relpath(folder, location.path)
        return location, b"" if inside == b"." else inside + b"/"

    def queue_intelligence(
        self,
        items: Sequence[tuple[str, str | os.PathLike[str], str]],
        *,
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
    ) -> int:
        """For other indexers: queue what the policy wants for (content_uuid, source path, mime) items.

        Returns how many jobs were queued. Raises ItemError (``missing_source``) for a source that is not there.
        """
        from pillion.index.indexer import Indexer, IndexReport

        self._must_be_writable()
        rows = [external_row(uuid, path, mime) for uuid, path, mime in items]
        report = IndexReport()
        with exclusive(self.root / "index.lock", "indexing"):
            with self._database.write() as connection:
                location = catalog_indexing.ensure_location(connection, EXTERNAL_ROOT, time.time(), walked=False)
                catalog_indexing.record_entries(connection, location.id, rows, time.time())
            chosen = _chosen(kinds)
            indexer = Indexer(self.root, self._database, self.config, chosen)
            indexer.queue(location, self.policy_for(location, policy), report)
        return report.queued

    # Working the queue ------------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        kinds: Sequence[SidecarKind | str] | None = None,
        progress: Callable[[Workers], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        stay: bool = False,
    ) -> WorkReport:
        """Work the queue until it is idle. Ctrl-C stops at once; what was in flight goes back to the queue.

        With ``stay`` only Ctrl-C ends it: it waits for new jobs, and for faults of the machine to be gone.
        ``on_event`` gets what happens in the library meanwhile, in order and from this thread; what it raises ends the
        run.
        """
        self._must_be_writable()
        from pillion.queue.work import Workers

        subscription = None if on_event is None else self._subscription(on_event)

        def report(workers: Workers) -> None:
            if progress is not None:
                progress(workers)
            if subscription is not None:
                subscription.deliver()

        asked = progress is not None or subscription is not None
        chosen = _chosen(kinds)
        workers = Workers(self._database, self._store, self.config, kinds=chosen, progress=report if asked else None)
        workers.run(until_idle=not stay)
        if subscription is not None:
            subscription.deliver()
        return WorkReport(recorded=dict(workers.recorder.counts), notices=self._notices(workers))

    def _subscription(self, on_event: Callable[[Event], None]) -> Subscription:
        from pillion.queue.subscription import Subscription

        return Subscription(self._database, on_event)

    def _notices(self, workers: Workers) -> dict[str, str]:
        """Kind (or "*") -> what keeps these workers from doing its jobs. Where nothing can, nothing is counted."""
        if not (workers.gates.watching or registry.notices()):
            return {}
        return self.status().notices(workers.gates.notices)

    def start(self, *, kinds: Sequence[SidecarKind | str] | None = None) -> None:
        """Work the queue in the background until :meth:`stop` or :meth:`close`."""
        from pillion.queue.work import Workers

        self._must_be_writable()
        if self._background is None:
            self._background = Workers(self._database, self._store, self.config, kinds=_chosen(kinds))
            self._background.start()

    def wait_until_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until the background workers have nothing left to do; False if that takes longer than ``timeout_s``."""
        if self._background is None:
            return True
        # Only an idle moment from now on counts: what was queued since the last one has to be seen.
        self._background.engine.idle.clear()
        return self._background.engine.idle.wait(timeout_s)

    def stop(self) -> None:
        """Stop the background workers; what was in flight goes back to the queue."""
        if self._background is not None:
            self._background.stop()
            self._background = None

    def pause(self, *, kind: SidecarKind | str | None = None, location: str | os.PathLike[str] | None = None) -> None:
        """Hold back a kind (default: all) in a Location (default: everywhere) until :meth:`resume`; others go on."""
        self._must_be_writable()
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        with self._database.write() as connection:
            catalog_pauses.pause(connection, chosen, location_id(connection, location), time.time())

    def resume(self, *, kind: SidecarKind | str | None = None, location: str | os.PathLike[str] | None = None) -> int:
        """Lift pauses: those of a kind (default: of every kind) in a Location (default: in all); returns how many."""
        self._must_be_writable()
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        with self._database.write() as connection:
            return catalog_pauses.resume(connection, chosen, location_id(connection, location), time.time())

    def events(self, *, since: int | None = None, follow: bool = False) -> Iterator[Event]:
        """What happened in the library, by whichever process, in order; with ``follow``, and what happens from now on.

        ``since``: only events with a greater id (default: all that are still kept, about 20,000). The iterator of
        ``follow`` has no end: leave its loop, or interrupt it.
        """
        from pillion.queue.subscription import events_since

        return events_since(self._database, since or 0, follow=follow)

    def newest_event(self) -> int:
        """The id of the newest event, for ``since``; 0 before the first."""
        with self._database.read() as connection:
            return newest_event(connection)

    # Looking and asking again -----------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Counts of everything."""
        return look(self.root, self._database, self.config, time.time())

    def notices(self) -> dict[str, str]:
        """Kind (or "*") -> what keeps the background workers from doing its jobs."""
        return {} if self._background is None else self._notices(self._background)

    def unidentified(self) -> list[tuple[bytes, str, str]]:
        """Present files that could not be identified: (absolute path, error class, message)."""
        with self._database.read() as connection:
            return catalog_indexing.unidentified(connection)

    def retry(
        self,
        *,
        kind: SidecarKind | str | None = None,
        error_class: str | None = None,
        content_uuids: Sequence[str] | None = None,
    ) -> int:
        """Queue failed and cancelled sidecars again; see :meth:`pillion.library.requests.Requests.retry`."""
        self._must_be_writable()
        return self.requests.retry(kind=kind, error_class=error_class, content_uuids=content_uuids)

    def cancel(
        self,
        *,
        kind: SidecarKind | str | None = None,
        location: str | os.PathLike[str] | None = None,
        content_uuids: Sequence[str] | None = None,
    ) -> int:
        """Take jobs out of the queue, running ones too; see :meth:`pillion.library.requests.Requests.cancel`."""
        self._must_be_writable()
        return self.requests.cancel(kind=kind, location=location, content_uuids=content_uuids)

    def regenerate(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: str | None = None,
        under: str | os.PathLike[str] | None = None,
        stale: bool = False,
    ) -> int:
        """Make sidecars again whatever their state; ready ones are served until they are replaced. Returns how many.

        ``under``: only of files in this folder. ``stale``: only those that another recipe is wanted for by now.
        ``library.plans.regeneration`` says before what this would queue.
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

    def ls(
        self,
        *,
        kind: SidecarKind | str | None = None,
        statuses: Sequence[SidecarStatus] = (),
        error_class: str | None = None,
        content_uuid: str | None = None,
    ) -> Iterator[Item]:
        """Every wanted sidecar with its state, file and sources, in order of content, kind and variant."""
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        return self.sidecars.items(
            kind=chosen,
            statuses=statuses,
            error_class=error_class,
            content_uuids=[content_uuid] if content_uuid else None,
        )

    def find(self, what: str) -> list[str]:
        """The content uuids that ``what`` means: a path of a file in the library, or the beginning of a uuid."""
        if os.path.exists(what):
            path = os.path.realpath(os.fsencode(what))
            return self.sidecars.contents_at(path)
        with self._database.read() as connection:
            return catalog_sidecars.find_content(connection, what.lower())

    def content_info(self, content_uuid: str) -> tuple[str | None, int, str] | None:
        """(hash, size in bytes, mime) of a content, or None if the library does not know it."""
        with self._database.read() as connection:
            return catalog_sidecars.content_info(connection, content_uuid)

    def thumbhash(self, content_uuid: str) -> bytes | None:
        """The content's ThumbHash (at most 25 bytes), or None while it has no thumbnail."""
        with self._database.read() as connection:
            return thumbhashes(connection, [content_uuid]).get(content_uuid)

    def verify(self, progress: Callable[[int], None] | None = None) -> list[Finding]:
        """Check the catalog and every file against each other; empty when all is well. Changes nothing."""
        return self.maintenance.verify(progress)
